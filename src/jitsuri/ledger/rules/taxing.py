"""Consumption tax beside the amounts: totals stand without tax (税抜), the tax is reckoned per vendor and month.

What is reckoned here is what to expect; the figure on a vendor's qualified invoice counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_DOWN, Decimal, localcontext

from jitsuri.ledger.shapes.rates import DayNet, TaxRow, TaxRule
from jitsuri.terms.money import EXACT_DIGITS

STARTING_RULES: tuple[TaxRule, ...] = (
    TaxRule("openai", date(2025, 1, 1), "charged", Decimal(10), "OpenAI: 10 % JCT since 2025-01-01 (read 2026-11-22)"),
)
"""Rules that a new installation begins with: only dated facts that were read in a source. Every other vendor is
未設定 until somebody takes it from a contract or an invoice."""

UNKNOWN = TaxRule("", date.min, "unknown", Decimal(0), "")


def rule_for(rules: Sequence[TaxRule], provider: str, day: date) -> TaxRule:
    """The rule of a vendor on a day: its own latest one on or before the day, else the one for all ('' as provider).

    ``rules`` in the order they were set: of two with the same first day the later one holds. None found: unknown.
    """
    for named in (provider, ""):
        held = [rule for rule in rules if rule.provider == named and rule.valid_from <= day]
        if held:
            last = max(rule.valid_from for rule in held)
            return next(rule for rule in reversed(held) if rule.valid_from == last)
    return UNKNOWN


def tax_of(month: date, days: Iterable[DayNet], rules: Sequence[TaxRule]) -> list[TaxRow]:
    """Tax per vendor, by name, and by rule where one changed within the month.

    Rounded down to whole yen, once per row. Source: 消費税法施行令 70条の10 and 46条2項 (once per invoice and rate;
    rounding down is one of the ways allowed; that it is *down*: docs/explanation/yen.md).
    """
    found: dict[tuple[str, TaxRule], Decimal] = {}
    with localcontext(prec=EXACT_DIGITS):
        for net in days:
            key = (net.provider, rule_for(rules, net.provider, net.day))
            found[key] = found.get(key, Decimal(0)) + net.net_jpy
    ordered = sorted(found.items(), key=lambda held: (held[0][0], held[0][1].valid_from))
    return [_row(month, provider, rule, net) for (provider, rule), net in ordered]


def _row(month: date, provider: str, rule: TaxRule, net: Decimal) -> TaxRow:
    tax = None
    if rule.treatment == "none":
        tax = Decimal(0)
    elif rule.treatment != "unknown":
        with localcontext(prec=EXACT_DIGITS):
            tax = (net * rule.percent / 100).quantize(Decimal(1), rounding=ROUND_DOWN)
    return TaxRow(month, provider, rule.treatment, rule.percent, net, tax, rule.source)

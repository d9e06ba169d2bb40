"""What the answers of a table cost: token counts × price × rate, per 1,000 calls, by the same price book as the ledger.

Story: find each model's price (own prices first) → mean tokens of the paired requests → yen. What is unknown stays unknown
with its reason: a model without a price is not free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext

from jitsuri.ledger.rules.finding import find_sheet
from jitsuri.ledger.rules.pricing import Resolved, price_of_mix, resolve
from jitsuri.ledger.shapes.pricing import ModelSheet, PriceBook, Unpriced
from jitsuri.rightsizing.shapes.outcomes import Table
from jitsuri.rightsizing.shapes.verdicts import UnitCosts
from jitsuri.terms.errors import CallerError
from jitsuri.terms.money import EXACT_DIGITS, to_ledger_jpy
from jitsuri.terms.usage import Usage

OWN, OF_TABLE = "own", "table"


@dataclass(frozen=True, slots=True)
class Prices:
    """How dollars and yen are found. ``own``: model → dollars per million input and output tokens."""

    book: PriceBook
    at: datetime
    usd_jpy: Decimal
    is_rate_assumed: bool
    own: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    yen_per: Mapping[str, Decimal] = field(default_factory=dict)
    """Yen per unit of other currencies."""


def own_price(text: str) -> tuple[str, tuple[Decimal, Decimal]]:
    """Read ``MODEL=IN/OUT`` (dollars per million tokens). Raises CallerError ``price_option_unreadable``."""
    model, _, rest = text.rpartition("=")
    into, _, out = rest.partition("/")
    try:
        found = Decimal(into), Decimal(out)
    except ArithmeticError:
        found = (Decimal(-1), Decimal(-1))
    if not model or not all(price.is_finite() and price >= 0 for price in found):
        raise CallerError("price_option_unreadable", value=text)
    return model, found


def sheet_for(prices: Prices, model: str) -> ModelSheet | None:
    """The sheet of a model as tables name it: see ``sheet_named``."""
    return sheet_named(prices.book, model)


def sheet_named(book: PriceBook, model: str) -> ModelSheet | None:
    """The sheet of a model as tables and certificates name it, by a book: its name, else ``vendor__name`` as ``vendor/name``,
    else what stands behind an upstream's name (``upstream/model``). A prompt's version (``#p3``) has no price of its own."""
    model = model.partition("#p")[0]
    names = [("", model), tuple(model.split("__", 1)) if "__" in model else ("", ""), ("", model.partition("/")[2])]
    for provider, name in names:
        sheet = find_sheet(book, provider, name)
        if isinstance(sheet, ModelSheet):
            return sheet
    return None


def unit_costs(table: Table, baseline: Sequence[int], candidate: Sequence[int], prices: Prices) -> UnitCosts:
    """What 1,000 calls cost with each of the two, from these rows of the table (one per paired request)."""
    sides: list[Decimal | None] = []
    reasons: list[str] = []
    bases: list[str] = []
    for rows in (baseline, candidate):
        cost, reason, basis = _side(table, rows, prices) if rows else (None, "", "")
        sides.append(cost)
        reasons.append(reason)
        bases.append(basis)
    return UnitCosts(
        sides[0], sides[1], next((r for r in reasons if r), ""), " + ".join(sorted({b for b in bases if b})),
        prices.usd_jpy, prices.is_rate_assumed, table.are_tokens_estimated,
    )  # fmt: skip


def _side(table: Table, rows: Sequence[int], prices: Prices) -> tuple[Decimal | None, str, str]:
    """Yen per 1,000 calls, or why not, and where the price comes from."""
    booked = [yen for at in rows if (yen := table.costs_jpy[at]) is not None] if table.costs_jpy else []
    if booked:
        with localcontext(prec=EXACT_DIGITS):
            return to_ledger_jpy(sum(booked, Decimal(0)) / len(booked) * 1000), "", OF_TABLE
    told = [cost for at in rows if (cost := table.costs_usd[at]) is not None]
    if told:
        with localcontext(prec=EXACT_DIGITS):
            mean = sum((Decimal(repr(cost)) for cost in told), Decimal(0)) / len(told)
            return to_ledger_jpy(mean * 1000 * prices.usd_jpy), "", OF_TABLE
    into, out = _mean(table.input_tokens, rows), _mean(table.output_tokens, rows)
    model = table.models[rows[0]]
    own = prices.own.get(model)
    if own == (Decimal(0), Decimal(0)):
        return Decimal(0), "", OWN
    if into is None or out is None:
        return None, "no_tokens", ""
    if own is not None:
        with localcontext(prec=EXACT_DIGITS):
            dollars = (into * own[0] + out * own[1]) / 1000  # 1,000 calls at prices per million tokens
            return to_ledger_jpy(dollars * prices.usd_jpy), "", OWN
    return _by_book(model, into, out, prices)


def _by_book(model: str, into: Decimal, out: Decimal, prices: Prices) -> tuple[Decimal | None, str, str]:
    sheet = sheet_for(prices, model)
    if sheet is None:
        return None, "no_price", ""
    with localcontext(prec=EXACT_DIGITS):
        totals = Usage(input_tokens=int(into * 1000), output_tokens=int(out * 1000))
    cost = price_of_mix(sheet, totals, 1000, prices.at)
    if isinstance(cost, Unpriced):
        return None, "no_price", ""
    resolved = resolve(sheet, prices.at)
    currency = resolved.currency if isinstance(resolved, Resolved) else ""
    yen = prices.usd_jpy if currency == "USD" else Decimal(1) if currency == "JPY" else prices.yen_per.get(currency)
    if yen is None:
        return None, "rate_missing", ""
    with localcontext(prec=EXACT_DIGITS):
        return to_ledger_jpy(cost * yen), "", prices.book.source


def _mean(column: Sequence[float | None], rows: Iterable[int]) -> Decimal | None:
    """Mean over the rows that tell it; None where none does."""
    told = [value for at in rows if (value := column[at]) is not None]
    return Decimal(repr(sum(told) / len(told))) if told else None

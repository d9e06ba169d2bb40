"""Consumption tax beside the amounts, rounded down once per vendor, month and rule."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from jitsuri.flows.cold.keeping_costs import add_cost, month_tax
from jitsuri.flows.cold.keeping_rates import add_tax_rule
from jitsuri.ledger.rules.taxing import STARTING_RULES, UNKNOWN, rule_for, tax_of
from jitsuri.ledger.shapes.costs import CostLine
from jitsuri.ledger.shapes.rates import DayNet, TaxRow, TaxRule
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import Month

NOVEMBER = date(2026, 11, 1)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
CHARGED = TaxRule("openai", date(2025, 1, 1), "charged", Decimal(10), "invoice")
REVERSE = TaxRule("anthropic", date(2024, 4, 1), "reverse_charge", Decimal(10), "contract")


def net(provider: str, amount: str, day: int = 20, month: int = 11) -> DayNet:
    return DayNet(provider, date(2026, month, day), Decimal(amount))


def test_it_is_rounded_down_once_per_vendor_and_month() -> None:
    """Ten days of 9.99 yen: 99.9 × 10 % = 9.99 → 9; day by day it would be 0."""
    rows = tax_of(NOVEMBER, [net("openai", "9.99", day) for day in range(1, 11)], [CHARGED])
    assert rows == [TaxRow(NOVEMBER, "openai", "charged", Decimal(10), Decimal("99.90"), Decimal(9), "invoice")]


def test_a_credit_is_rounded_towards_zero() -> None:
    (row,) = tax_of(NOVEMBER, [net("openai", "-99.9")], [CHARGED])
    assert row.tax_jpy == Decimal(-9)


def test_each_treatment_says_its_own() -> None:
    none = TaxRule("onprem", date(2024, 1, 1), "none", Decimal(0), "own machine")
    days = [net("openai", "1000"), net("anthropic", "1000"), net("onprem", "1000"), net("google", "1000")]
    rows = tax_of(NOVEMBER, days, [CHARGED, REVERSE, none])
    assert [(row.provider, row.treatment, row.tax_jpy) for row in rows] == [
        ("anthropic", "reverse_charge", Decimal(100)),
        ("google", "unknown", None),
        ("onprem", "none", Decimal(0)),
        ("openai", "charged", Decimal(100)),
    ]


def test_a_rule_that_changes_within_the_month_makes_two_rows() -> None:
    later = TaxRule("openai", date(2026, 11, 16), "charged", Decimal(12), "law")
    rows = tax_of(NOVEMBER, [net("openai", "1005", 15), net("openai", "1005", 16)], [CHARGED, later])
    assert [(row.percent, row.tax_jpy) for row in rows] == [(Decimal(10), Decimal(100)), (Decimal(12), Decimal(120))]


def test_a_vendors_own_rule_comes_before_the_one_for_all() -> None:
    for_all = TaxRule("", date(2026, 1, 1), "reverse_charge", Decimal(10), "policy")
    assert rule_for([CHARGED, for_all], "openai", NOVEMBER) == CHARGED
    assert rule_for([CHARGED, for_all], "google", NOVEMBER) == for_all
    assert rule_for([CHARGED, for_all], "openai", date(2024, 12, 31)) == UNKNOWN
    corrected = TaxRule("openai", date(2025, 1, 1), "none", Decimal(0), "invoice")
    assert rule_for([CHARGED, corrected], "openai", NOVEMBER) == corrected


def test_we_begin_with_one_fact_and_guess_nothing() -> None:
    assert [(rule.provider, rule.valid_from, rule.percent) for rule in STARTING_RULES] == [
        ("openai", date(2025, 1, 1), Decimal(10))
    ]
    (before,) = tax_of(date(2024, 12, 1), [DayNet("openai", date(2024, 12, 31), Decimal(1000))], STARTING_RULES)
    assert (before.treatment, before.tax_jpy) == ("unknown", None)


def test_the_companys_rules_are_kept_and_reach_the_month(store: Store) -> None:
    assert add_tax_rule(store, NOW, "aoki", REVERSE) == REVERSE
    assert add_tax_rule(store, NOW, "aoki", REVERSE) == Refusal(
        "tax_rule_known", {"value": "anthropic", "day": REVERSE.valid_from}
    )
    seats = CostLine(
        UUID(int=0), "seats", "Claude Team", Decimal(30001), "JPY", "monthly", date(2026, 4, 1), None, "D10", "",
        "anthropic", "direct", Decimal(0),
    )  # fmt: skip
    add_cost(store, NOW, "aoki", seats)
    with store.reading() as tx:
        rows = month_tax(tx, Month(2026, 11))
    assert rows == [
        TaxRow(NOVEMBER, "anthropic", "reverse_charge", Decimal(10), Decimal(30001), Decimal(3000), "contract")
    ]


def test_a_rule_needs_a_percent_and_a_source(store: Store) -> None:
    for wrong, code in [
        (TaxRule("x", NOVEMBER, "charged", Decimal(110), "s"), "tax_percent"),
        (TaxRule("x", NOVEMBER, "charged", Decimal(10), ""), "tax_source_missing"),
    ]:
        outcome = add_tax_rule(store, NOW, "aoki", wrong)
        assert isinstance(outcome, Refusal)
        assert outcome.code == code

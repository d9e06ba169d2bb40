"""Spreading to the last millionth: hand-made figures, and what holds for any line and any usage."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.ledger.rules.spreading import active_days, cost_faults, month_jpy, spread, standing_lines
from jitsuri.ledger.shapes.costs import SPREAD_RULES, CostLine, SpreadAmount
from jitsuri.ledger.shapes.rates import Rate
from jitsuri.ledger.shapes.totals import Total
from jitsuri.terms.period import Month

NOVEMBER = Month(2026, 11)
FIRST = date(2026, 11, 1)
USD = Rate(UUID(int=1), "USD", date(2026, 11, 30), "TTM", Decimal("154.20"), "bank")


def cost(amount: str = "30000", **changes: object) -> CostLine:
    given: dict[str, object] = {
        "cost_id": UUID(int=5), "kind": "platform", "name": "共通基盤", "amount": Decimal(amount), "currency": "JPY",
        "rhythm": "monthly", "valid_from": date(2026, 4, 1), "valid_to": None, "department": "", "task": "",
        "provider": "", "spread": "by_calls", "unused_share": Decimal(0), **changes,
    }  # fmt: skip
    return CostLine(**given)  # type: ignore[arg-type]


def used(department: str, task: str, calls: int, tokens: int = 0, yen: str = "0", provider: str = "openai") -> Total:
    return Total(
        None, department, task, provider, None, None, None, calls, 0, 0, 0, tokens, 0, 0, 0, 0, None, Decimal(0),
        Decimal(yen),
    )  # fmt: skip


USAGE = [used("D10", "triage", 1, 10, "5"), used("D10", "minutes", 1, 30, "0"), used("D20", "rules", 1, 60, "15")]


def parts(line: CostLine, usage: list[Total] = USAGE, month: Month = NOVEMBER, rate: Rate | None = None) -> list[str]:
    return [
        f"{a.department}/{a.task}{' unused' if a.is_unused else ''} {a.amount_jpy}"
        for a in spread(line, month, usage, rate)
    ]


def test_thirds_add_up_by_largest_remainder() -> None:
    assert parts(cost("100")) == ["D10/minutes 33.333334", "D10/triage 33.333333", "D20/rules 33.333333"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("by_tokens", ["D10/minutes 300.000000", "D10/triage 100.000000", "D20/rules 600.000000"]),
        ("by_cost", ["D10/triage 250.000000", "D20/rules 750.000000"]),
        ("even", ["D10/minutes 333.333334", "D10/triage 333.333333", "D20/rules 333.333333"]),
    ],
)
def test_rules_weigh_what_they_say(rule: str, expected: list[str]) -> None:
    assert parts(cost("1000", spread=rule)) == expected


def test_even_looks_at_places_not_at_calls() -> None:
    usage = [used("D10", "a", 999), used("D20", "b", 1), used("D30", "c", 0)]
    assert parts(cost("10", spread="even"), usage) == ["D10/a 5.000000", "D20/b 5.000000"]


def test_direct_and_fixed_shares_do_not_ask_for_usage() -> None:
    assert parts(cost("10", spread="direct", department="D10", task="triage"), []) == ["D10/triage 10.000000"]
    shares = (("D10", "", Decimal("0.6")), ("D20", "rules", Decimal("0.4")))
    assert parts(cost("1", spread="shares", shares=shares), []) == ["D10/ 0.600000", "D20/rules 0.400000"]


def test_the_unused_part_is_shown_and_never_spread() -> None:
    line = cost("1000", unused_share=Decimal("0.25"), department="", spread="by_calls")
    assert parts(line) == [
        "D10/minutes 250.000000", "D10/triage 250.000000", "D20/rules 250.000000", "/ unused 250.000000",
    ]  # fmt: skip


def test_what_nobody_used_is_wholly_unused() -> None:
    assert parts(cost("1000"), []) == ["/ unused 1000.000000"]
    assert parts(cost("1000", spread="by_cost"), [used("D10", "a", 5)]) == ["/ unused 1000.000000"]
    assert parts(cost("1000", department="D99")) == ["D99/ unused 1000.000000"]
    assert parts(cost("9", provider="aws")) == ["/ unused 9.000000"]


def test_a_line_of_a_provider_or_department_looks_at_its_own_usage() -> None:
    usage = [*USAGE, used("D30", "chat", 7, provider="aws")]
    assert parts(cost("9", provider="aws"), usage) == ["D30/chat 9.000000"]
    assert parts(cost("9", department="D20"), usage) == ["D20/rules 9.000000"]


@pytest.mark.parametrize(
    ("changes", "month", "days", "yen"),
    [
        ({}, NOVEMBER, 30, "30000.000000"),
        ({"valid_from": date(2026, 11, 16)}, NOVEMBER, 15, "15000.000000"),
        ({"valid_to": date(2026, 11, 1)}, NOVEMBER, 1, "1000.000000"),
        ({"valid_from": date(2026, 11, 10), "valid_to": date(2026, 11, 12)}, NOVEMBER, 3, "3000.000000"),
        ({"valid_to": date(2026, 10, 31)}, NOVEMBER, 0, "0.000000"),
        ({"valid_from": date(2026, 12, 1)}, NOVEMBER, 0, "0.000000"),
        ({"valid_from": date(2026, 2, 15)}, Month(2026, 2), 14, "15000.000000"),
        ({"valid_from": date(2026, 3, 31)}, Month(2026, 3), 1, "967.741935"),
        ({"rhythm": "once", "valid_from": date(2026, 11, 30)}, NOVEMBER, 1, "30000.000000"),
        ({"rhythm": "once", "valid_from": date(2026, 10, 31)}, NOVEMBER, 0, "0.000000"),
        ({"valid_from": date(2026, 11, 10), "valid_to": date(2026, 11, 9)}, NOVEMBER, 0, "0.000000"),
        ({"rhythm": "once", "valid_from": FIRST, "valid_to": date(2026, 10, 31)}, NOVEMBER, 0, "0.000000"),
    ],
)
def test_a_month_costs_by_its_days(changes: dict[str, object], month: Month, days: int, yen: str) -> None:
    line = cost(**changes)
    assert active_days(line, month) == days
    assert month_jpy(line, month, None) == Decimal(yen)
    assert sum((a.amount_jpy for a in spread(line, month, USAGE)), Decimal(0)) == Decimal(yen)


def test_a_foreign_line_is_rounded_once_after_days_and_rate() -> None:
    line = cost("99.99", currency="USD", valid_from=date(2026, 11, 21))
    assert month_jpy(line, NOVEMBER, USD) == Decimal("5139.486000"), "99.99 × 154.20 × 10 / 30"
    with pytest.raises(ValueError, match="no rate for USD"):
        spread(line, NOVEMBER, USAGE, None)


def test_a_replaced_line_counts_no_longer() -> None:
    old = cost()
    new = cost(cost_id=UUID(int=6), replaces=old.cost_id, valid_to=date(2026, 11, 15))
    assert standing_lines([old, new]) == [new]
    assert standing_lines([new, old]) == [new]


def test_every_fault_of_a_line_is_named() -> None:
    """The sentences of these codes are asked for where files of costs are refused."""
    assert cost_faults(cost()) == []
    wrong = cost(
        "-1", name="", currency="usd", unused_share=Decimal("1.1"), valid_to=date(2026, 3, 31), rhythm="once",
        spread="direct", shares=(("D10", "", Decimal(1)),),
    )  # fmt: skip
    assert [fault.code for fault in cost_faults(wrong)] == [
        "cost_name_missing", "cost_negative", "currency_invalid", "cost_unused_share", "cost_ends_early",
        "cost_once_has_end", "cost_direct_nowhere", "cost_shares",
    ]  # fmt: skip


@pytest.mark.parametrize("given_shares", [("0.5", "0.4"), ("1.5", "-0.5"), ()])
def test_shares_that_are_not_a_whole_are_named(given_shares: tuple[str, ...]) -> None:
    shares = tuple((f"D{n}", "", Decimal(share)) for n, share in enumerate(given_shares))
    assert [fault.code for fault in cost_faults(cost(spread="shares", shares=shares))] == ["cost_shares"]


amounts = st.decimals("0", "100000000", places=4)
usages = st.lists(
    st.builds(
        used,
        st.sampled_from(["", "D10", "D20", "D30"]),
        st.sampled_from(["", "a", "b", "c"]),
        st.integers(-2, 1000),
        st.integers(0, 10**12),
        st.decimals("0", "1000000", places=6).map(str),
        st.sampled_from(["openai", "aws"]),
    ),
    max_size=12,
)
shares = (
    st.lists(st.integers(0, 100), min_size=1, max_size=6)
    .filter(any)
    .map(lambda ns: tuple((f"D{n}", "", Decimal(one)) for n, one in enumerate(ns)))
)


@st.composite
def lines(draw: st.DrawFn) -> CostLine:
    start = draw(st.dates(date(2026, 9, 1), date(2027, 1, 31)))
    rule = draw(st.sampled_from(SPREAD_RULES))
    return cost(
        str(draw(amounts)),
        currency=draw(st.sampled_from(["JPY", "USD"])),
        rhythm=draw(st.sampled_from(["monthly", "once"])),
        valid_from=start,
        valid_to=draw(st.none() | st.dates(start, date(2027, 2, 28))),
        spread=rule,
        department=draw(st.sampled_from(["", "D10"])),
        provider=draw(st.sampled_from(["", "aws"])),
        unused_share=draw(st.sampled_from(["0", "0.1", "0.333333", "1"]).map(Decimal)),
        shares=draw(shares) if rule == "shares" else (),
    )


def spread_in(line: CostLine, usage: list[Total]) -> list[SpreadAmount]:
    return spread(line, NOVEMBER, usage, USD if line.currency == "USD" else None)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(lines(), usages)
def test_parts_always_add_up_and_none_is_negative(line: CostLine, usage: list[Total]) -> None:
    made = spread_in(line, usage)
    whole = month_jpy(line, NOVEMBER, USD if line.currency == "USD" else None)
    assert sum((part.amount_jpy for part in made), Decimal(0)) == whole
    assert all(part.amount_jpy > 0 and part.amount_jpy.as_tuple().exponent == -6 for part in made)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(lines(), usages, st.randoms(use_true_random=False))
def test_the_order_of_usage_does_not_matter(line: CostLine, usage: list[Total], chance: object) -> None:
    shuffled = list(usage)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert spread_in(line, shuffled) == spread_in(line, usage)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(lines(), usages)
def test_no_part_is_further_than_a_millionth_from_its_exact_share(line: CostLine, usage: list[Total]) -> None:
    """Doubling every weight changes nothing; the unused part is what its share says."""
    doubled = [
        used(u.department or "", u.task or "", u.calls * 2, u.input_tokens * 2, str(u.cost_jpy * 2), u.provider or "")
        for u in usage
    ]
    made = spread_in(line, usage)
    assert spread_in(line, doubled) == made
    unused = sum((part.amount_jpy for part in made if part.is_unused), Decimal(0))
    whole = sum((part.amount_jpy for part in made), Decimal(0))
    if any(not part.is_unused for part in made):
        assert abs(unused - whole * line.unused_share) <= Decimal("0.000001")

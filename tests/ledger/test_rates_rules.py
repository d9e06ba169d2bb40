"""Which rate holds on which day, and the one rounding into yen, by hand-made figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.ledger.rules.converting import convert, rate_for, rates_of
from jitsuri.ledger.shapes.rates import Rate, RateKind

FRIDAY = date(2026, 11, 20)
SATURDAY = date(2026, 11, 21)
MONDAY = date(2026, 11, 23)


def rate(value: str, on: date = FRIDAY, kind: RateKind = "TTM", currency: str = "USD", n: int = 0) -> Rate:
    return Rate(UUID(int=int(Decimal(value) * 100) + n * 10**9), currency, on, kind, Decimal(value), "test")


ROWS = [rate("154.20"), rate("154.90", MONDAY), rate("155.20", kind="TTS"), rate("179.35", currency="EUR")]


@pytest.mark.parametrize(
    ("currency", "day", "kind", "expected"),
    [
        ("USD", FRIDAY, "TTM", "154.20"),
        ("USD", SATURDAY, "TTM", "154.20"),
        ("USD", MONDAY, "TTM", "154.90"),
        ("USD", date(2027, 3, 31), "TTM", "154.90"),
        ("USD", date(2026, 11, 19), "TTM", None),
        ("USD", MONDAY, "TTS", "155.20"),
        ("USD", MONDAY, "TTB", None),
        ("EUR", SATURDAY, "TTM", "179.35"),
        ("JPY", FRIDAY, "TTM", None),
    ],
)
def test_the_latest_row_on_or_before_the_day_holds(
    currency: str, day: date, kind: RateKind, expected: str | None
) -> None:
    found = rate_for(ROWS, currency, day, kind)
    assert (found.rate if found else None) == (Decimal(expected) if expected else None)


def test_of_two_rows_for_one_day_the_one_set_later_holds() -> None:
    wrong, right = rate("15.42"), rate("154.20")
    assert rate_for([wrong, right], "USD", SATURDAY, "TTM") == right
    assert rate_for([right, wrong], "USD", SATURDAY, "TTM") == wrong


def test_an_assumed_rate_stands_in_only_where_no_dated_row_does() -> None:
    rates = rates_of([rate("150", date(2026, 11, 22), "ASSUMED"), *ROWS], "TTM")
    before, after = rates.on("USD", date(2026, 11, 19)), rates.on("USD", SATURDAY)
    assert before is not None
    assert after is not None
    assert (before.kind, before.rate) == ("ASSUMED", Decimal(150))
    assert (after.kind, after.rate) == ("TTM", Decimal("154.20"))
    assert rates.on("EUR", date(2026, 11, 19)) is None
    assert rates.on("JPY", FRIDAY) is None


@pytest.mark.parametrize(
    ("cost", "value", "yen"),
    [
        ("0.0000001", "154.20", "0.000015"),  # 0.00001542 down
        ("0.00000001", "150", "0.000002"),  # 0.0000015 half up
        ("0.00123456789", "154.20", "0.190370"),  # 0.190370368638
        ("12345678.123456789012345", "154.20", "1903703566.637037"),  # 1903703566.637036865…
        ("0", "154.20", "0.000000"),
    ],
)
def test_yen_are_rounded_once_half_up_to_a_millionth(cost: str, value: str, yen: str) -> None:
    assert convert(Decimal(cost), "USD", rate(value)) == Decimal(yen)


def test_yen_need_no_rate_and_a_foreign_cost_is_never_guessed() -> None:
    assert convert(Decimal("1.2345675"), "JPY", None) == Decimal("1.234568")
    with pytest.raises(ValueError, match="no rate for USD"):
        convert(Decimal(1), "USD", None)
    with pytest.raises(ValueError, match="no rate for EUR"):
        convert(Decimal(1), "EUR", rate("154.20"))


days = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.tuples(days, st.integers(100, 200)), max_size=30), days)
def test_the_quick_search_finds_what_looking_at_every_row_finds(rows: list[tuple[date, int]], day: date) -> None:
    made = [rate(str(value), on, n=n) for n, (on, value) in enumerate(rows)]
    held = [row for row in made if row.on <= day]
    last = max((row.on for row in held), default=None)
    expected = [row for row in held if row.on == last][-1] if held else None
    assert rates_of(made, "TTM").on("USD", day) == expected

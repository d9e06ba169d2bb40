"""Prices held ready say what the whole arithmetic says: for any usage, tier, instant around a border, and missing rate."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import ROUND_CEILING, Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library_book import library_book, pricer

from jitsuri.ledger.live import prices as live
from jitsuri.ledger.live.prices import Prices
from jitsuri.ledger.rules.converting import Rates, rates_of
from jitsuri.ledger.rules.costing import Costed, costed
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.shapes.pricing import REQUESTS, Block, Factor, ModelSheet, PriceBook, Step, UnitPrice, Vendor
from jitsuri.ledger.shapes.rates import Rate
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.terms.usage import USAGE_KINDS, Usage

DAY = date(2026, 11, 22)
BORDER = datetime(2026, 11, 22, tzinfo=UTC)


def unit(kind: str, price: str, *steps: tuple[int, str]) -> UnitPrice:
    return UnitPrice(kind, Decimal(price), 1_000_000, tuple(Step(above, Decimal(then)) for above, then in steps))


BOTH = (unit("input_tokens", "2.5"), unit("output_tokens", "10"))
DEAR = (unit("input_tokens", "5.25"), unit("output_tokens", "20"), unit("cache_read_tokens", "0.5"))
ALL = tuple(unit(kind, f"{n + 1}.{n}5") for n, kind in enumerate(USAGE_KINDS) if kind != "web_searches")
CLIFF = (unit("input_tokens", "1.25", (1000, "2.5")), unit("output_tokens", "10", (1000, "15"), (5000, "30")))
FEE = UnitPrice(REQUESTS, Decimal("0.005"), 1)


def sheet(model: str, *blocks: Block, currency: str = "USD", factors: tuple[Factor, ...] = ()) -> ModelSheet:
    return ModelSheet("own", model, currency, blocks, "test", factors=factors)


SHEETS = (
    sheet("plain", Block("a", BOTH)),
    sheet("all", Block("a", ALL), Block("batch", DEAR, tier="batch")),
    sheet("cliff", Block("a", CLIFF)),
    sheet("fee", Block("a", (*DEAR, FEE))),
    sheet("dated", Block("a", BOTH), Block("b", DEAR, starts_on=DAY), Block("c", BOTH, starts_on=DAY + timedelta(2), zone="Asia/Tokyo")),
    sheet("ended", Block("a", BOTH, starts_on=DAY - timedelta(1), ends_on=DAY)),
    sheet("night", Block("a", BOTH), Block("n", DEAR, from_time=time(22), until_time=time(8), zone="America/New_York")),
    sheet(
        "weekend", Block("a", BOTH, starts_on=DAY - timedelta(3)),
        Block("w", DEAR, weekdays=(5, 6), from_time=time(0, 0, 30), zone="Asia/Tokyo", is_partial=True),
    ),
    sheet("times", Block("a", DEAR), factors=(Factor("own", "times", Decimal("1.1"), "t", starts_on=DAY),)),
    sheet("input-only", Block("a", BOTH[:1])),
    sheet("searches", Block("a", (*BOTH, UnitPrice("web_searches", Decimal("10"), 1000)))),
    sheet("yen", Block("a", DEAR), currency="JPY"),
    sheet("euro", Block("a", DEAR), currency="EUR"),
    sheet("franc", Block("a", BOTH), currency="CHF"),
    sheet("round", Block("a", (unit("input_tokens", "1E+9"), unit("output_tokens", "0"), unit("reasoning_tokens", "0.00"))))
)  # fmt: skip
MODELS = [one.model for one in SHEETS]
BOOK = PriceBook("0" * 16, "test", None, (Vendor("own", "Own", None, None, (), SHEETS),))


def rate(number: int, currency: str, on: date, yen: str, kind: str = "TTM") -> Rate:
    return Rate(UUID(int=number), currency, on, kind, Decimal(yen), "test")  # type: ignore[arg-type]


RATES = rates_of(
    [
        rate(1, "USD", DAY - timedelta(1), "154.20"), rate(2, "USD", DAY + timedelta(1), "155.1"),
        rate(3, "EUR", date(2026, 1, 1), "170", "ASSUMED"), rate(4, "JPY", date(2026, 1, 1), "2", "ASSUMED"),
    ],
    "TTM",
)  # fmt: skip
NO_RATES = rates_of([], "TTM")

counts = st.one_of(st.just(0), st.integers(0, 12), st.sampled_from([999, 1000, 1001, 5000, 5001, 10**12]))
plain_usages = st.builds(
    lambda rest, read, wrote, made, thought: Usage(rest + read + wrote, made + thought, read, wrote, 0, thought),
    counts, counts, st.one_of(st.just(0), counts), counts, counts,
)  # fmt: skip
usages = st.one_of(
    plain_usages,
    st.builds(Usage, *(st.one_of(st.just(0), st.integers(-1, 40)) for _ in USAGE_KINDS)),
    st.builds(lambda n, m, kind: Usage(**{"input_tokens": n, "output_tokens": n, kind: m}), counts, counts, st.sampled_from(USAGE_KINDS)),
)  # fmt: skip
ZONES = (UTC, timezone(timedelta(hours=9)), timezone(timedelta(hours=-8)))
instants = st.one_of(
    st.builds(
        lambda hours, shift, zone: (BORDER + timedelta(hours=hours, microseconds=shift)).astimezone(zone),
        st.integers(-80, 80), st.sampled_from([-1_000_000, -1, 0, 1, 29_999_999, 30_000_000]), st.sampled_from(ZONES),
    ),
    st.datetimes(datetime(2026, 11, 1), datetime(2026, 12, 10), timezones=st.sampled_from(ZONES)),
)  # fmt: skip
asked = st.tuples(
    st.sampled_from([*MODELS, "unknown", ""]), st.sampled_from(["", "batch", "Standard", "flex"]), instants, usages
)


def prices_of(pricer: Pricer, rates: Rates = RATES) -> Prices:
    made = Prices()
    made.replace(pricer, rates)
    return made


def same(found: Costed, expected: Costed) -> bool:
    """Equal to the last digit kept, as it is written."""
    return type(found) is Costed and repr(found) == repr(expected)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(asked, min_size=1, max_size=12))
def test_one_after_the_other_each_costs_what_it_costs_alone(asked: list[tuple[str, str, datetime, Usage]]) -> None:
    prices, reference = prices_of(Pricer(BOOK)), Pricer(BOOK)
    for model, tier, at, usage in asked:
        names, day = (model, "plain" if model == "unknown" else ""), company_day(at)
        found = prices.cost("own", names, usage, at, day, tier, "")
        assert same(found, costed(reference, RATES, "own", names, usage, at, day, tier, ""))


@settings(derandomize=True, deadline=None, max_examples=120)
@given(
    st.sampled_from(MODELS),
    st.sampled_from(["", "batch"]),
    st.lists(st.tuples(instants, usages), min_size=2, max_size=6),
)
def test_a_model_keeps_up_with_its_borders_and_hours(
    model: str, tier: str, asked: list[tuple[datetime, Usage]]
) -> None:
    prices, reference = prices_of(Pricer(BOOK)), Pricer(BOOK)
    for at, usage in [*asked, *reversed(asked)]:
        found = prices.cost("own", [model], usage, at, DAY, tier, "")
        assert same(found, costed(reference, RATES, "own", (model,), usage, at, DAY, tier, ""))


LIBRARY = [(sheet.provider, sheet.model) for vendor in library_book().vendors for sheet in vendor.sheets]
TIERS = ("", "batch", "flex", "priority", "fast", "default")


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.sampled_from(LIBRARY), st.sampled_from(TIERS), instants, usages, st.booleans())
def test_the_whole_library_costs_the_same(
    named: tuple[str, str], tier: str, at: datetime, usage: Usage, has_rates: bool
) -> None:
    rates, (provider, model) = RATES if has_rates else NO_RATES, named
    prices = prices_of(pricer(), rates)
    for _ in range(2):
        found = prices.cost(provider, (model,), usage, at, DAY, tier, "")
        assert same(found, costed(pricer(), rates, provider, (model,), usage, at, DAY, tier, ""))


def test_a_new_book_and_new_rates_hold_from_the_next_call_on() -> None:
    prices, usage = prices_of(Pricer(BOOK)), Usage(1000, 100)
    dear = PriceBook(
        "1" * 16, "test", None, (Vendor("own", "Own", None, None, (), (sheet("plain", Block("a", DEAR)),)),)
    )
    before = prices.cost("own", ("plain",), usage, BORDER, DAY, "", "")
    bound = prices.worst_micro_jpy("own", "plain", usage, BORDER, DAY, "", "")

    prices.replace(Pricer(dear), rates_of([rate(9, "USD", DAY, "100")], "TTM"))

    after = prices.cost("own", ("plain",), usage, BORDER, DAY, "", "")
    assert (before.cost_jpy, after.cost_jpy) == (Decimal("0.539700"), Decimal("0.725000"))
    assert bound != prices.worst_micro_jpy("own", "plain", usage, BORDER, DAY, "", "")
    assert prices.book_id == "1" * 16


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_QUOTES", 3)
    monkeypatch.setattr(live, "MOST_RATES", 3)
    prices = prices_of(Pricer(BOOK))
    for n in range(20):
        day = DAY + timedelta(n)
        prices.cost("own", ("plain",), Usage(1, 1), BORDER, day, "", "")
        prices.worst_micro_jpy("own", "plain", Usage(1, 1), BORDER, day, "", "")
        assert prices._known is not None
        assert len(prices._known.quotes) <= 3
        assert len(prices._known.worst) <= 3


def test_an_instant_without_a_zone_is_refused() -> None:
    prices = prices_of(Pricer(BOOK))
    with pytest.raises(ValueError, match="time zone"):
        prices.cost("own", ("plain",), Usage(1, 1), datetime(2026, 11, 22), DAY, "", "")


def bound_by_hand(model: str, usage: Usage, at: datetime, tier: str) -> int | Refusal:
    """The bound as it is defined: two prices of the longest input of the step, rounded up per token."""
    given = 1 << (usage.input_tokens - 1).bit_length()
    written = given if usage.cache_write_tokens else 0
    yen = []
    for made in (1_000_000, 0):
        worst = Usage(given, made, 0, written, written)
        paid = costed(Pricer(BOOK), RATES, "own", (model,), worst, at, DAY, tier, "")
        if paid.cost_jpy is None:
            code = "unconverted_under_budget" if paid.state == "unconverted" else "unpriced_under_budget"
            return Refusal(code, {"model": model, "provider": "own", "currency": paid.currency})
        yen.append(paid.cost_jpy)
    one, two = (costed(Pricer(BOOK), RATES, "own", (model,), Usage(n), at, DAY, tier, "").cost_jpy for n in (1, 2))
    assert one is not None
    assert two is not None
    fee = 2 * one - two if model == "fee" else Decimal(0)
    per_input = -(-int(((yen[1] - fee) * 1_000_000).to_integral_value(ROUND_CEILING)) * 1_000_000 // given)
    per_output = -(-int(((yen[0] - yen[1]) * 1_000_000).to_integral_value(ROUND_CEILING)) // 1)
    fixed = 3 + int(fee * 1_000_000) if fee else 1
    return fixed - (-(per_input * usage.input_tokens + per_output * usage.output_tokens) // 1_000_000)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.sampled_from([*(model for model in MODELS if model != "weekend"), "unknown"]),
    st.sampled_from(["", "batch"]),
    st.lists(st.tuples(instants, st.builds(lambda n, m, w: Usage(n, m, 0, n * w, n * w), counts, counts, st.integers(0, 1))), max_size=4),
)  # fmt: skip
def test_a_bound_is_that_of_its_instant(model: str, tier: str, asked: list[tuple[datetime, Usage]]) -> None:
    prices = prices_of(Pricer(BOOK))
    for at, usage in [*asked, *asked]:
        found = prices.worst_micro_jpy("own", model, usage, at, DAY, tier, "")
        assert found == bound_by_hand(model, usage, at, tier)


def test_where_prices_go_by_the_hour_a_bound_holds_for_its_minute() -> None:
    prices, usage = prices_of(Pricer(BOOK)), Usage(4096, 100)
    midnight = datetime(2026, 11, 20, 15, tzinfo=UTC)
    before, after = (
        bound_by_hand("weekend", usage, midnight + timedelta(seconds=n), "") for n in (0, 59)
    )  # the weekend's price begins half a minute after midnight in Tokyo

    found = [
        prices.worst_micro_jpy("own", "weekend", usage, midnight + timedelta(seconds=n), DAY, "", "")
        for n in (0, 59, 60)
    ]

    assert before != after
    assert found == [before, before, after]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.sampled_from(["plain", "all", "cliff", "fee", "times", "yen"]),
    st.integers(1, 40_000),
    st.integers(0, 20_000),
)
def test_no_attempt_costs_more_than_its_bound(model: str, given_tokens: int, made: int) -> None:
    """Also where a request costs something beside its tokens, at any length within a step."""
    prices = prices_of(Pricer(BOOK))
    usage = Usage(input_tokens=given_tokens, output_tokens=made)
    bound = prices.worst_micro_jpy("own", model, usage, BORDER, DAY, "", "")
    paid = prices.cost("own", (model,), usage, BORDER, DAY, "", "").cost_jpy
    assert isinstance(bound, int)
    assert paid is not None
    assert paid * 1_000_000 <= bound
    if model in ("plain", "fee", "yen"):
        assert bound <= paid * 1_000_000 + 6

"""Converting again: new lines only, to the last digit, and never twice. On the real ledger with its rollups."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from jitsuri.flows.cold.keeping_rates import Reconverted, add_rate, rates_in_use, reconvert
from jitsuri.ledger.records import entries, moves
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.converting import Rates, convert, rates_of, reconversion_lines
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.rates import Rate, RateKind
from jitsuri.store.door import Store
from jitsuri.terms.usage import Usage

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
DAY = date(2026, 11, 20)
ASSUMED = {"USD": Decimal(150)}


def entry(n: int, rate: Rate | None, cost: str = "0.0123", day: date = DAY, **changes: object) -> Entry:
    exact = Decimal(cost)
    made = Entry(
        entry_id=UUID(int=n), attempt_id=UUID(int=n), call_id=UUID(int=n), thread_id=UUID(int=n), kind="attempt",
        corrects=None, at=datetime(day.year, day.month, day.day, 3, tzinfo=UTC), day=day, booked_at=NOW,
        task="inquiry-triage", department="D10", provider="openai", model="gpt-5-mini", model_asked="gpt-5-mini",
        model_answered="gpt-5-mini", region="", tier="", purpose="", status="ok", http_status=200, error_code="",
        calls=1, usage=Usage(1000, 200, 300), usage_raw={"prompt_tokens": 1000}, latency_ms=700, first_token_ms=90,
        state="priced" if rate else "unconverted", reason="" if rate else "rate_missing", currency="USD", cost=exact,
        price_block="standard", price_book="book", rate_id=rate.rate_id if rate else None,
        rate=rate.rate if rate else None, cost_jpy=convert(exact, "USD", rate) if rate else None,
        reported_cost=Decimal("0.01"), reported_currency="USD", source="import:openai", run_id=None,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def rate(value: str, on: date = DAY, kind: RateKind = "TTM") -> Rate:
    return Rate(UUID(int=int(Decimal(value) * 100)), "USD", on, kind, Decimal(value), "test")


A150, M154 = rate("150", kind="ASSUMED"), rate("154.20")
LATER = NOW + timedelta(hours=1)


def lines(held: list[Entry], *rows: Rate, kind: RateKind = "TTM") -> list[Entry]:
    return reconversion_lines(held, rates_of(rows, kind), LATER)


def test_an_assumed_rate_gives_way_by_one_line_with_the_difference() -> None:
    attempt = entry(1, A150)
    (line,) = lines([attempt], A150, M154)
    assert attempt.cost_jpy == Decimal("1.845000")
    assert line.cost_jpy == Decimal("0.051660"), "0.0123 × (154.20 − 150)"
    assert (line.kind, line.reason, line.calls, line.usage, line.cost) == ("repriced", "rate", 0, Usage(), Decimal(0))
    assert (line.rate_id, line.rate, line.corrects, line.booked_at) == (
        M154.rate_id, M154.rate, attempt.entry_id, LATER,
    )  # fmt: skip
    assert (line.reported_cost, line.usage_raw, line.latency_ms) == (None, None, None)
    assert lines([attempt, line], A150, M154) == []


def test_an_equal_dated_rate_still_takes_the_assumed_ones_place() -> None:
    dated = replace(M154, rate=Decimal(150))
    (line,) = lines([entry(1, A150)], A150, dated)
    assert (line.cost_jpy, line.rate_id) == (Decimal(0), dated.rate_id)
    assert lines([entry(1, A150), line], A150, dated) == []


def test_what_had_no_rate_is_taken_away_and_brought_back_in_yen() -> None:
    attempt = entry(1, None)
    out, back = lines([attempt], M154)
    assert (out.calls, out.state, out.cost, out.cost_jpy) == (-1, "unconverted", Decimal("-0.0123"), None)
    assert out.usage == Usage(-1000, -200, -300)
    assert (back.calls, back.state, back.cost, back.cost_jpy) == (1, "priced", Decimal("0.0123"), Decimal("1.896660"))
    assert (back.usage, back.latency_ms, back.rate_id) == (attempt.usage, 700, M154.rate_id)
    assert len({line.entry_id for line in (attempt, out, back)}) == 3
    assert lines([attempt, out, back], M154) == []


def test_an_assumed_rate_serves_what_had_none_but_never_replaces_another() -> None:
    _, back = lines([entry(1, None)], A150)
    assert back.cost_jpy == Decimal("1.845000")
    assert lines([entry(1, A150)], A150, rate("155", kind="ASSUMED")) == []


def test_a_corrected_and_a_nearer_rate_replace_the_one_before() -> None:
    old, near = rate("15.42", date(2026, 11, 19)), rate("154.20")
    (line,) = lines([entry(1, old)], old, near)
    assert line.cost_jpy == Decimal("1.706994"), "1.896660 − 0.189666"
    corrected = Rate(UUID(int=7), "USD", DAY, "TTM", Decimal("154.30"), "test")
    (again,) = lines([entry(1, old), line], old, near, corrected)
    assert again.cost_jpy == Decimal("0.001230")


def test_another_kind_of_rate_is_left_as_it_was_booked() -> None:
    sold = rate("155.20", kind="TTS")
    assert lines([entry(1, sold)], sold, M154) == []
    assert lines([entry(1, replace(M154, rate_id=UUID(int=99)))], M154) == [], "a rate that no row tells is not judged"


@pytest.mark.parametrize(
    "attempt",
    [
        entry(1, None, currency="JPY", state="priced", cost_jpy=Decimal(3)),
        replace(entry(1, None), currency="", state="unpriced", cost=None),
        entry(1, None, currency="EUR"),
    ],
)
def test_yen_unpriced_and_rateless_attempts_get_no_line(attempt: Entry) -> None:
    assert lines([attempt], A150, M154) == []


def sums(store: Store) -> tuple[int, int, int, Decimal, Decimal]:
    with store.reading() as tx:
        (total,) = totals(tx, "month", date(2026, 11, 1), date(2026, 11, 1))
    return total.calls, total.unconverted, total.input_tokens, total.cost_usd, total.cost_jpy


def book(store: Store, *made: Entry) -> None:
    with store.transaction() as tx:
        entries.insert_many(tx, made)


def in_use(store: Store, kind: RateKind = "TTM") -> Rates:
    return rates_in_use(store, NOW, kind, ASSUMED)


def add(store: Store, value: str, day: date = DAY, at: datetime = NOW) -> None:
    add_rate(store, at, "aoki", currency="USD", day=day, kind="TTM", rate=Decimal(value), source="bank")


def test_a_late_rate_moves_the_months_sum_once(store: Store) -> None:
    assumed = in_use(store).on("USD", DAY)
    book(store, entry(1, assumed), entry(2, None, "0.1"), entry(3, assumed, "1"))
    assert sums(store) == (3, 1, 3000, Decimal("1.1123"), Decimal("151.845"))
    assert reconvert(store, LATER, in_use(store), actor="aoki") == Reconverted(1, Decimal("15.000000"))
    add(store, "154.20")
    expected = Decimal("1.896660") + Decimal("15.420000") + Decimal("154.200000")
    done = reconvert(store, LATER + timedelta(hours=1), in_use(store), actor="aoki")
    assert done == Reconverted(3, expected - Decimal("166.845"))
    assert sums(store) == (3, 0, 3000, Decimal("1.1123"), expected)
    assert reconvert(store, LATER + timedelta(hours=2), in_use(store), actor="aoki") == Reconverted(0, Decimal(0))
    assert sums(store) == (3, 0, 3000, Decimal("1.1123"), expected)
    with store.reading() as tx:
        acts = [row[0] for row in tx.execute("SELECT act FROM evidence_records ORDER BY at, act")]
    assert acts == ["rate_added", "rate_assumed", "entries_reconverted", "entries_reconverted"]


def test_a_moved_attempt_is_converted_where_it_stands_now(store: Store) -> None:
    book(store, entry(1, in_use(store).on("USD", DAY), "1"))
    add(store, "154.20")
    reconvert(store, LATER, in_use(store), actor="aoki")
    with store.transaction() as tx:
        moves.move(tx, [UUID(int=1)], "minutes-summary", "D20", LATER + timedelta(hours=1))
    add(store, "154.30", at=LATER)
    done = reconvert(store, LATER + timedelta(hours=2), in_use(store), actor="aoki")
    assert done == Reconverted(1, Decimal("0.100000"))
    with store.reading() as tx:
        rows = totals(tx, "month", date(2026, 11, 1), date(2026, 11, 1), ("task",))
    assert {row.task: (row.calls, row.cost_jpy) for row in rows} == {
        "minutes-summary": (1, Decimal("154.300000")),
        "inquiry-triage": (0, Decimal("0.000000")),
    }
    assert reconvert(store, LATER + timedelta(hours=3), in_use(store), actor="aoki") == Reconverted(0, Decimal(0))


def test_only_days_from_the_first_new_rate_on_are_looked_at(store: Store) -> None:
    early = DAY - timedelta(days=10)
    assumed = in_use(store).on("USD", DAY)
    book(store, entry(1, assumed, "1"), entry(2, assumed, "1", day=early))
    add(store, "154.20", early)
    assert reconvert(store, LATER, in_use(store), actor="aoki", since=DAY).attempts == 1
    assert reconvert(store, LATER, in_use(store), actor="aoki", since=early).attempts == 1


def test_a_new_choice_of_kind_leaves_what_was_booked(store: Store) -> None:
    add(store, "154.20")
    book(store, entry(1, in_use(store).on("USD", DAY), "1"))
    add_rate(store, NOW, "aoki", currency="USD", day=DAY, kind="TTS", rate=Decimal("155.20"), source="bank")
    assert reconvert(store, LATER, in_use(store, "TTS"), actor="aoki") == Reconverted(0, Decimal(0))


def test_more_calls_than_one_batch_are_all_converted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jitsuri.flows.cold.keeping_rates.CALLS_AT_ONCE", 7)
    assumed = in_use(store).on("USD", DAY)
    book(store, *(entry(n, assumed, "1") for n in range(1, 51)))
    add(store, "154.20")
    assert reconvert(store, LATER, in_use(store), actor="aoki") == Reconverted(50, Decimal("210.000000"))
    assert sums(store)[4] == Decimal("7710.000000")

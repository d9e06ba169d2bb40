"""Correcting lines: plain sums stay right, whatever was moved, converted or corrected before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.ledger.rules.repricing import repricing_lines, standings
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.pricing import Priced, Unpriced
from jitsuri.ledger.shapes.rates import Rate
from jitsuri.terms.ids import derived_id
from jitsuri.terms.money import exact_product, to_ledger_jpy
from jitsuri.terms.usage import USAGE_KINDS, Usage

ASKED = datetime(2026, 11, 2, 3, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
USED = Usage(1_000, 100, cache_read_tokens=200)
TTM = Rate(derived_id("rate", "ttm"), "USD", date(2026, 11, 2), "TTM", Decimal("154.20"), "test")
LATER = Rate(derived_id("rate", "later"), "USD", date(2026, 11, 2), "TTM", Decimal("150"), "test")
BOOK = "0123456789abcdef"


def attempt(**changes: object) -> Entry:
    its_id = derived_id("call", "1")
    plain = Entry(
        entry_id=derived_id("entry", its_id.bytes, "attempt"), attempt_id=its_id, call_id=its_id, thread_id=its_id,
        kind="attempt", corrects=None, at=ASKED, day=date(2026, 11, 2), booked_at=ASKED, task="triage",
        department="sales", provider="openai", model="gpt-4o", model_asked="gpt-4o", model_answered="gpt-4o-2024-08-06",
        region="", tier="", purpose="", status="ok", http_status=200, error_code="", calls=1, usage=USED,
        usage_raw={"prompt_tokens": 1000}, latency_ms=800, first_token_ms=90, state="priced", reason="",
        currency="USD", cost=Decimal("0.00325"), price_block="standard", price_book="old", rate_id=TTM.rate_id,
        rate=TTM.rate, cost_jpy=Decimal("0.501150"), reported_cost=Decimal("0.003"), reported_currency="USD",
        source="import:openai", run_id=derived_id("run", "1"),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def open_attempt(**changes: object) -> Entry:
    plain = attempt(
        provider="onprem", model="qwen3", state="unpriced", reason="price_missing_model", currency="", cost=None,
        price_block="", rate_id=None, rate=None, cost_jpy=None,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def outcome(
    cost: str, currency: str = "USD", model: str = "gpt-4o", provider: str = "openai", note: str = ""
) -> Priced:
    return Priced(Decimal(cost), currency, provider, model, "standard", (), note)


def ttm(currency: str, day: date) -> Rate | None:
    assert day == date(2026, 11, 2)
    return TTM if currency == "USD" else None


def corrected(
    lines: Sequence[Entry], priced: Priced | Unpriced, rate_on: object = ttm, book: str = BOOK
) -> list[Entry]:
    return repricing_lines(lines, priced, rate_on, now=NOW, book_id=book)  # type: ignore[arg-type]


def moved(line: Entry, task: str, at: datetime = NOW) -> list[Entry]:
    """As the mover writes it: everything of the line out of one task and into another."""
    negative = Usage(*(-getattr(line.usage, kind) for kind in USAGE_KINDS))
    out = replace(
        line, entry_id=derived_id("out", line.entry_id.bytes, task), kind="moved_out", corrects=line.entry_id,
        booked_at=at, calls=-line.calls, usage=negative, cost=None if line.cost is None else -line.cost,
        cost_jpy=None if line.cost_jpy is None else -line.cost_jpy,
    )  # fmt: skip
    into = replace(
        line, entry_id=derived_id("in", line.entry_id.bytes, task), kind="moved_in", corrects=line.entry_id,
        booked_at=at, task=task,
    )  # fmt: skip
    return [out, into]


def test_a_changed_price_adds_one_line_with_the_difference() -> None:
    (line,) = corrected([attempt()], outcome("0.003"))

    assert (line.kind, line.calls, line.usage, line.state) == ("repriced", 0, Usage(), "priced")
    assert line.cost == Decimal("-0.00025")
    assert line.cost_jpy == Decimal("-0.038550")  # 0.003 × 154.20 = 0.4626; 0.4626 − 0.50115
    assert (line.corrects, line.attempt_id) == (attempt().entry_id, attempt().attempt_id)
    assert (line.task, line.department, line.day, line.at) == ("triage", "sales", date(2026, 11, 2), ASKED)
    assert (line.price_book, line.booked_at, line.rate_id, line.run_id) == (BOOK, NOW, TTM.rate_id, attempt().run_id)
    assert (line.latency_ms, line.usage_raw, line.reported_cost) == (None, None, None)


def test_the_same_price_adds_nothing() -> None:
    assert corrected([attempt()], outcome("0.00325")) == []
    assert corrected([attempt()], outcome("0.003250000")) == []


def test_a_repeated_correction_adds_nothing() -> None:
    lines = [attempt()]
    lines += corrected(lines, outcome("0.003"))

    assert corrected(lines, outcome("0.003")) == []


def test_two_at_once_make_the_same_line_and_a_return_makes_another() -> None:
    first, second = corrected([attempt()], outcome("0.003")), corrected([attempt()], outcome("0.003"))
    assert [line.entry_id for line in first] == [line.entry_id for line in second]

    there_and_back = [attempt(), *first]
    there_and_back += corrected(there_and_back, outcome("0.00325"), book="fedcba9876543210")
    there_and_back += corrected(there_and_back, outcome("0.003"))
    assert len({line.entry_id for line in there_and_back}) == 4
    assert standings(there_and_back)[0].cost == Decimal("0.003")


def test_an_unpriced_attempt_is_taken_back_and_put_in_again_with_its_price() -> None:
    back, new = corrected([open_attempt()], outcome("1.75", "JPY", "qwen3-32b", "onprem"))

    assert (back.calls, back.state, back.cost, back.model, back.price_book) == (-1, "unpriced", None, "qwen3", "old")
    assert (new.calls, new.state, new.cost, new.model) == (1, "priced", Decimal("1.75"), "qwen3-32b")
    assert new.price_book == BOOK
    assert new.cost_jpy == Decimal("1.750000")
    assert (back.kind, new.kind) == ("repriced", "repriced")
    assert new.usage == USED
    assert all(getattr(back.usage, kind) == -getattr(USED, kind) for kind in USAGE_KINDS)
    assert back.latency_ms == new.latency_ms == 800
    assert back.entry_id != new.entry_id


def test_an_unpriced_attempt_gets_its_own_day_s_rate() -> None:
    _, new = corrected([open_attempt()], outcome("0.00325"))

    assert (new.rate_id, new.rate, new.cost_jpy) == (TTM.rate_id, TTM.rate, Decimal("0.501150"))


def test_a_price_without_a_rate_is_kept_open_as_unconverted() -> None:
    _, new = corrected([open_attempt()], outcome("0.00325", "EUR"))
    assert (new.state, new.reason, new.cost, new.cost_jpy) == ("unconverted", "rate_missing", Decimal("0.00325"), None)

    lines = [open_attempt(), *corrected([open_attempt()], outcome("0.00325", "EUR"))]
    assert corrected(lines, outcome("0.00325", "EUR")) == []
    back, put = corrected(lines, outcome("0.00325"))
    assert (back.state, back.cost, put.state, put.cost_jpy) == (
        "unconverted", Decimal("-0.00325"), "priced", Decimal("0.501150"),
    )  # fmt: skip


def test_an_unconverted_price_that_changes_moves_its_cost_alone() -> None:
    lines = [attempt(state="unconverted", currency="EUR", rate=None, rate_id=None, cost_jpy=None)]

    (line,) = corrected(lines, outcome("0.003", "EUR"))
    assert (line.state, line.calls, line.cost, line.cost_jpy) == ("unconverted", 0, Decimal("-0.00025"), None)


def test_yen_that_are_known_are_not_given_up() -> None:
    assert corrected([attempt()], Unpriced("price_missing_model")) == []
    assert corrected([attempt()], outcome("0.003", "EUR")) == []


def test_a_priced_attempt_keeps_its_rate() -> None:
    (line,) = corrected([attempt()], outcome("0.003"), lambda currency, day: LATER)

    assert (line.rate, line.cost_jpy) == (TTM.rate, Decimal("-0.038550"))


def test_another_currency_or_model_name_makes_two_lines() -> None:
    back, new = corrected([attempt()], outcome("0.5", "JPY"))
    assert (back.currency, back.cost, back.cost_jpy) == ("USD", Decimal("-0.00325"), Decimal("-0.501150"))
    assert (new.currency, new.cost, new.cost_jpy, new.rate) == ("JPY", Decimal("0.5"), Decimal("0.500000"), None)

    back, new = corrected([attempt()], outcome("0.00325", model="gpt-4o-2024-08-06"))
    assert (back.model, new.model, new.cost_jpy) == ("gpt-4o", "gpt-4o-2024-08-06", Decimal("0.501150"))


def test_a_moved_attempt_is_corrected_where_it_stands_now() -> None:
    lines = [attempt(), *moved(attempt(), "minutes")]
    (line,) = corrected(lines, outcome("0.003"))
    assert (line.task, line.calls, line.cost_jpy) == ("minutes", 0, Decimal("-0.038550"))

    lines = [open_attempt(), *moved(open_attempt(), "minutes")]
    back, new = corrected(lines, outcome("0.00325"))
    assert (back.task, new.task) == ("minutes", "minutes")
    assert corrected([*lines, back, new], outcome("0.00325")) == []


def test_a_corrected_attempt_that_was_moved_away_and_back_stands_once() -> None:
    lines = [attempt()]
    lines += corrected(lines, outcome("0.003"))
    lines += [mirror for line in list(lines) for mirror in moved(line, "minutes")]
    inside = [line for line in lines if line.task == "minutes"]
    lines += [mirror for line in inside for mirror in moved(line, "triage", NOW + timedelta(hours=1))]

    (standing,) = standings(lines)
    assert (standing.line.task, standing.calls, standing.cost, standing.cost_jpy) == (
        "triage", 1, Decimal("0.003"), Decimal("0.462600"),
    )  # fmt: skip
    assert corrected(lines, outcome("0.003")) == []


@pytest.mark.parametrize("order", [1, -1])
def test_after_a_new_rate_and_a_move_the_new_rate_holds(order: int) -> None:
    """Moved lines carry no order; the rate that gives the yen that stand is the one to go on with."""
    late = replace(
        attempt(), entry_id=derived_id("late"), kind="repriced", calls=0, usage=Usage(), cost=Decimal(0),
        rate=LATER.rate, rate_id=LATER.rate_id, cost_jpy=Decimal("-0.013650"),
    )  # fmt: skip
    mirrored = [mirror for line in (attempt(), late) for mirror in moved(line, "minutes")]
    lines = [attempt(), late, *mirrored[::order]]

    (line,) = corrected(lines, outcome("0.003"))
    assert (line.rate, line.cost_jpy) == (LATER.rate, Decimal("-0.037500"))  # 0.00025 × 150


def test_the_note_of_a_price_stands_in_the_new_line() -> None:
    _, new = corrected([open_attempt()], outcome("0.00325", note="tier_missing"))

    assert new.reason == "tier_missing"


prices = st.one_of(
    st.builds(
        lambda cost, currency, model: outcome(str(Decimal(cost).scaleb(-9)), currency, model),
        st.integers(0, 10**12),
        st.sampled_from(["USD", "JPY", "EUR"]),
        st.sampled_from(["gpt-4o", "gpt-5"]),
    ),
    st.just(Unpriced("price_missing_model")),
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.one_of(prices, st.sampled_from(["minutes", "triage"])), max_size=8), st.booleans())
def test_whatever_happens_the_sums_say_where_the_attempt_stands(
    steps: list[Priced | Unpriced | str], is_open: bool
) -> None:
    lines = [open_attempt() if is_open else attempt()]
    for number, step in enumerate(steps):
        if isinstance(step, str):
            (standing,) = standings(lines)
            if standing.line.task != step:
                here = [line for line in lines if line.task == standing.line.task]
                lines += [
                    replace(mirror, entry_id=derived_id("move", str(number), mirror.entry_id.bytes))
                    for line in here
                    for mirror in moved(line, step)
                ]
            continue
        before = standings(lines)[0]
        lines += corrected(lines, step)
        (after,) = standings(lines)
        if isinstance(step, Priced) and not (before.line.state == "priced" and step.currency == "EUR"):
            assert after.cost == step.cost
            expected = {"USD": after.line.rate, "JPY": Decimal(1), "EUR": None}[step.currency]
            yen = None if expected is None else to_ledger_jpy(exact_product(step.cost, expected))
            assert after.cost_jpy == yen
        assert corrected(lines, step) == []
    assert len({line.entry_id for line in lines}) == len(lines)
    assert sum(line.calls for line in lines) == 1
    for kind in USAGE_KINDS:
        assert sum(getattr(line.usage, kind) for line in lines) == getattr(USED, kind)
    (standing,) = standings(lines)
    for state in ("unpriced", "unconverted", "priced"):
        assert sum(line.calls for line in lines if line.state == state) == (standing.line.state == state)
    assert sum((line.cost_jpy or Decimal(0)) for line in lines) == (standing.cost_jpy or 0)

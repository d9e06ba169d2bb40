"""Circuit breakers: when an upstream is left alone, when it is tried, when it is in use again."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitsuri.providers.live import (
    FAILURES_IN_A_ROW,
    FEWEST_IN_WINDOW,
    LONGEST_OPEN_S,
    OPEN_S,
    SLICE_S,
    SLICES,
    TRY_LOST_S,
    Breakers,
)
from jitsuri.providers.rules.retrying import Outcome


def failed(breakers: Breakers, times: int, now_s: float = 0.0) -> None:
    for _ in range(times):
        breakers.report("近く", "failed", now_s)


def test_an_upstream_nobody_reported_on_may_be_asked() -> None:
    breakers = Breakers()

    assert breakers.may_ask("近く", 0.0)
    assert breakers.states(0.0) == {}


def test_failures_in_a_row_open_it_and_an_answer_between_them_does_not() -> None:
    breakers = Breakers()
    failed(breakers, FAILURES_IN_A_ROW - 1)
    breakers.report("近く", "answered", 0.0)
    failed(breakers, FAILURES_IN_A_ROW - 1)
    assert breakers.may_ask("近く", 0.0)

    failed(breakers, 1)
    assert not breakers.may_ask("近く", 0.0)
    assert breakers.may_ask("別", 0.0)


def test_refusals_for_want_of_room_are_no_sign_either_way() -> None:
    breakers = Breakers()
    failed(breakers, FAILURES_IN_A_ROW - 1)
    for _ in range(100):
        breakers.report("近く", "neutral", 0.0)
    assert breakers.may_ask("近く", 0.0)
    failed(breakers, 1)
    assert not breakers.may_ask("近く", 0.0)


def test_half_of_the_window_failing_opens_it_also_without_a_row() -> None:
    breakers = Breakers()
    for n in range(FEWEST_IN_WINDOW - 1):
        breakers.report("近く", "failed" if n % 2 else "answered", 1.0)
    assert breakers.may_ask("近く", 1.0)

    breakers.report("近く", "failed", 1.0)
    assert not breakers.may_ask("近く", 1.0)


def test_old_failures_leave_the_window() -> None:
    breakers = Breakers()
    for n in range(FEWEST_IN_WINDOW - 2):
        breakers.report("近く", "failed" if n % 2 else "answered", 0.0)
    later_s = SLICES * SLICE_S + SLICE_S
    for _ in range(FEWEST_IN_WINDOW):
        breakers.report("近く", "answered", later_s)
    breakers.report("近く", "failed", later_s)

    health = breakers.states(later_s)["近く"]
    assert (health.state, health.failures, health.outcomes) == ("closed", 1, FEWEST_IN_WINDOW + 1)


def test_open_it_is_tried_by_one_request_and_an_answer_closes_it() -> None:
    breakers = Breakers()
    failed(breakers, FAILURES_IN_A_ROW)
    assert not breakers.may_ask("近く", OPEN_S - 0.1)
    assert breakers.states(1.0)["近く"].tried_in_s == OPEN_S - 1.0

    assert breakers.may_ask("近く", OPEN_S)
    assert not breakers.may_ask("近く", OPEN_S)
    assert breakers.states(OPEN_S)["近く"].state == "half_open"
    breakers.report("近く", "answered", OPEN_S + 1)

    assert all(breakers.may_ask("近く", OPEN_S + 1) for _ in range(3))
    failed(breakers, FAILURES_IN_A_ROW - 1, OPEN_S + 1)
    assert breakers.may_ask("近く", OPEN_S + 1)


def test_a_try_that_fails_opens_it_for_twice_as_long_up_to_a_minute() -> None:
    breakers = Breakers()
    failed(breakers, FAILURES_IN_A_ROW)
    now_s, waits = 0.0, []
    for _ in range(7):
        waits.append(breakers.states(now_s)["近く"].tried_in_s)
        now_s += waits[-1]
        assert breakers.may_ask("近く", now_s)
        failed(breakers, 1, now_s)

    assert waits == [5, 10, 20, 40, LONGEST_OPEN_S, LONGEST_OPEN_S, LONGEST_OPEN_S]


def test_a_try_whose_caller_left_is_given_to_the_next() -> None:
    breakers = Breakers()
    failed(breakers, FAILURES_IN_A_ROW)
    assert breakers.may_ask("近く", OPEN_S)
    breakers.report("近く", "neutral", OPEN_S + 1)

    assert breakers.may_ask("近く", OPEN_S + 1)
    assert not breakers.may_ask("近く", OPEN_S + 1)


def test_a_try_that_was_never_reported_on_does_not_keep_it_half_open() -> None:
    breakers = Breakers()
    failed(breakers, FAILURES_IN_A_ROW)
    assert breakers.may_ask("近く", OPEN_S)
    assert not breakers.may_ask("近く", OPEN_S + TRY_LOST_S - 1)
    assert breakers.may_ask("近く", OPEN_S + TRY_LOST_S)


OUTCOMES: st.SearchStrategy[Outcome] = st.sampled_from(["answered", "failed", "neutral"])


@given(st.lists(st.tuples(OUTCOMES, st.floats(0, 30)), max_size=200))
def test_whatever_is_reported_it_may_be_asked_again_in_the_end(told: list[tuple[Outcome, float]]) -> None:
    breakers, now_s = Breakers(), 0.0
    for outcome, passed_s in told:
        now_s += passed_s
        breakers.may_ask("近く", now_s)
        breakers.report("近く", outcome, now_s)
        health = breakers.states(now_s)
        assert all(0 <= one.failures <= one.outcomes for one in health.values())

    assert breakers.may_ask("近く", now_s + max(LONGEST_OPEN_S, TRY_LOST_S))


@pytest.mark.quiet
def test_asking_and_reporting_cost_no_more_than_a_few_microseconds() -> None:
    """A generous bound, so that a slow machine passes; the figure itself stands in decision 0019."""
    breakers = Breakers()
    breakers.report("近く", "answered", 0.0)
    began_s = time.perf_counter()
    for n in range(20_000):
        breakers.may_ask("近く", n * 0.001)
        breakers.report("近く", "answered", n * 0.001)

    assert (time.perf_counter() - began_s) / 20_000 < 20e-6

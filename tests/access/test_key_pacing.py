"""The pace of a key: what passes, how long one waits, and that no window holds more than it may."""

from __future__ import annotations

import timeit
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from key_parts import key

from jitsuri.access.live.pacing import Pace
from jitsuri.access.rules.pacing import share, wait_s
from jitsuri.words import LANGUAGES, text

BOTH = key(requests_per_minute=60, tokens_per_minute=6_000)


def passed(pace: Pace, tokens: int, at: float, who: object = BOTH) -> bool:
    return pace.take(who, tokens, at) is None  # type: ignore[arg-type]


def test_a_key_without_limits_is_never_stopped() -> None:
    pace = Pace()

    assert all(passed(pace, 10**9, 0.0, key()) for _ in range(10_000))


def test_a_minutes_worth_passes_at_once_and_the_rest_evenly() -> None:
    pace, one = Pace(), key(requests_per_minute=60)

    assert [passed(pace, 0, 0.0, one) for _ in range(61)].count(True) == 60
    assert not passed(pace, 0, 0.9, one)
    assert passed(pace, 0, 1.0, one)
    assert not passed(pace, 0, 1.0, one)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_who_is_stopped_is_told_how_long_to_wait_and_then_passes(lang: str) -> None:
    pace, one = Pace(), key(requests_per_minute=7)
    for _ in range(7):
        assert passed(pace, 0, 100.0, one)

    refusal = pace.take(one, 0, 100.0)

    assert refusal is not None
    assert (refusal.code, dict(refusal.facts)) == (
        "rate_limited",
        {"name": "key-1", "kind": "RPM", "limit": 7, "seconds": 9},
    )
    assert "RPM 7" in text("refusal.rate_limited", lang, **refusal.facts)
    assert passed(pace, 0, 109.0, one)


def test_tokens_are_taken_by_estimate_and_corrected() -> None:
    pace = Pace()
    assert passed(pace, 5_000, 0.0)

    refusal = pace.take(BOTH, 2_000, 0.0)
    assert refusal is not None
    assert (refusal.facts["kind"], refusal.facts["seconds"]) == ("TPM", 10)
    pace.correct(BOTH, 5_000, 1_000, 0.0)
    assert passed(pace, 2_000, 0.0)
    pace.correct(BOTH, 2_000, 5_000, 0.0)
    assert not passed(pace, 1, 0.0)
    assert passed(pace, 1, 0.02)


def test_what_is_given_back_never_fills_more_than_the_bucket() -> None:
    pace = Pace()
    assert passed(pace, 6_000, 0.0)

    pace.correct(BOTH, 6_000, 0, 600.0)

    assert passed(pace, 6_000, 600.0)
    assert not passed(pace, 1, 600.0)


def test_a_refusal_takes_nothing() -> None:
    pace = Pace()
    for _ in range(60):
        assert passed(pace, 100, 0.0)

    assert not passed(pace, 1, 0.0)
    assert passed(pace, 100, 1.0)
    assert not passed(pace, 0, 1.0)


def test_a_call_larger_than_the_bucket_passes_when_it_is_full_and_is_owed() -> None:
    pace = Pace()

    assert passed(pace, 18_000, 0.0)
    assert not passed(pace, 1, 119.0)
    assert passed(pace, 1, 120.1)
    assert not passed(pace, 18_000, 130.0)
    assert passed(pace, 18_000, 181.0)


def test_a_limit_is_shared_evenly_between_workers() -> None:
    workers = [Pace(4) for _ in range(4)]
    one = key(requests_per_minute=20)

    assert sum(passed(pace, 0, 0.0, one) for pace in workers for _ in range(20)) == 20
    assert share(20, 4) == 5
    assert share(2, 4) == 1  # at least one each: four in all


def test_keys_do_not_share_a_bucket_but_the_secrets_of_one_key_do() -> None:
    pace, one, two = Pace(), key(1, requests_per_minute=1), key(2, requests_per_minute=1)

    assert passed(pace, 0, 0.0, one)
    assert passed(pace, 0, 0.0, two)
    assert not passed(pace, 0, 0.0, replace(one, hint="efgh"))


def test_another_limit_holds_from_the_next_call_on() -> None:
    pace, one = Pace(), key(requests_per_minute=10)
    for _ in range(10):
        assert passed(pace, 0, 0.0, one)

    wider = replace(one, requests_per_minute=600)
    assert not passed(pace, 0, 0.0, wider)
    assert passed(pace, 0, 0.1, wider)
    narrower = replace(one, requests_per_minute=2)
    assert [passed(pace, 0, 60.0, narrower) for _ in range(3)] == [True, True, False]
    assert passed(pace, 0, 60.0, replace(one, requests_per_minute=0))


def test_a_clock_that_does_not_move_gives_nothing() -> None:
    pace, one = Pace(), key(requests_per_minute=1)

    assert passed(pace, 0, 50.0, one)
    assert not passed(pace, 0, 50.0, one)
    assert not passed(pace, 0, 10.0, one)


def test_keys_that_are_gone_are_forgotten() -> None:
    pace, one, two = Pace(), key(1, requests_per_minute=1), key(2, requests_per_minute=1)
    for who in (one, two):
        assert passed(pace, 0, 0.0, who)

    pace.keep_only([two.key_id])

    assert passed(pace, 0, 0.0, one)
    assert not passed(pace, 0, 0.0, two)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    limit=st.integers(1, 200),
    workers=st.integers(1, 8),
    steps=st.lists(st.floats(0, 40, allow_nan=False), max_size=400),
)
def test_no_minute_holds_more_requests_than_the_limit_and_one_burst(
    limit: int, workers: int, steps: list[float]
) -> None:
    pace, one, at, times = Pace(workers), key(requests_per_minute=limit), 0.0, []
    for step in steps:
        at += step / 40 if len(times) % 3 else step
        if passed(pace, 0, at, one):
            times.append(at)

    most = 2 * max(1.0, limit / workers) + 1e-3
    assert all(sum(start <= t < start + 60 for t in times) <= most for start in times)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    limit=st.integers(1, 10_000),
    workers=st.integers(1, 4),
    steps=st.lists(
        st.tuples(st.floats(0, 30, allow_nan=False), st.integers(0, 12_000), st.integers(0, 12_000)), max_size=150
    ),
)
def test_no_minute_holds_more_tokens_than_the_limit_and_one_burst(
    limit: int, workers: int, steps: list[tuple[float, int, int]]
) -> None:
    """Where a call uses less than its estimate, what it used counts; a burst is the bucket, or one call above it."""
    pace, one, at, used = Pace(workers), key(tokens_per_minute=limit), 0.0, []
    for step, estimate, real in steps:
        at += step
        if passed(pace, estimate, at, one):
            real = min(real, estimate)
            pace.correct(one, estimate, real, at)
            used.append((at, real))

    part = max(1.0, limit / workers)
    largest = max([part, *(tokens for _, tokens in used)])
    assert all(sum(n for t, n in used if start <= t < start + 60) <= part + largest + 1e-3 for start, _ in used)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.integers(1, 1_000), st.integers(1, 8), st.integers(0, 5_000))
def test_who_waits_as_long_as_told_passes(limit: int, workers: int, tokens: int) -> None:
    pace, one = Pace(workers), key(tokens_per_minute=limit)
    assert passed(pace, 3 * limit, 7.0, one)

    refusal = pace.take(one, tokens, 7.0)

    if refusal is not None:
        seconds = refusal.facts["seconds"]
        assert isinstance(seconds, int)
        assert passed(pace, tokens, 7.0 + seconds, one)


def test_a_wait_is_at_least_a_second() -> None:
    assert wait_s(0.999, 1, 1_000) == 1


@pytest.mark.quiet
def test_taking_takes_microseconds() -> None:
    """A bound that catches a slow way in; the figure is told in decision 0021."""
    pace, one = Pace(), key(requests_per_minute=10**6, tokens_per_minute=10**9)

    seconds = min(timeit.repeat(lambda: pace.take(one, 1, 0.0), number=2_000, repeat=20)) / 2_000

    assert seconds < 5e-6

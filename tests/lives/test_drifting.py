"""The mix of calls: at most one false void per task and year, a shift of 20 points within three days; small tasks are not accused."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from drift import WORLDS, days_until_found, false_voids

from jitsuri.rightsizing.rules import drifting
from jitsuri.rightsizing.rules.drifting import (
    MOST_PER_DAY,
    REFERENCE_DAYS,
    THRESHOLD,
    detector,
    drifts_of,
    parted,
    reference_of,
    run_detector,
)
from jitsuri.rightsizing.shapes.lives import MixDay

FIRST = date(2026, 6, 1)


@pytest.mark.parametrize("name", ["1000-calm", "1000-usual", "1000-restless", "1000-two", "50-usual"])
def test_false_voids_are_rarer_than_one_per_task_and_year(name: str) -> None:
    hit, years = false_voids(WORLDS[name], 60, 2026)
    assert hit / years <= 0.25, "the bar is 1; bench/drift.py has the figures of more years"


@pytest.mark.parametrize(("name", "share"), [("1000-calm", 0.97), ("1000-usual", 0.95), ("10000-usual", 0.97)])
def test_a_shift_of_twenty_points_is_found_within_three_days(name: str, share: float) -> None:
    found = days_until_found(WORLDS[name], 0.20, 100, 2027)
    assert sum(days <= 3 for days in found) >= share * len(found)


def test_a_small_task_takes_longer_and_is_found_too() -> None:
    found = days_until_found(WORLDS["50-usual"], 0.30, 60, 2029)
    assert np.median(found) <= 14


def test_a_detector_that_never_moves_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["drift"], "run_detector", np.zeros_like)
    assert min(days_until_found(WORLDS["1000-usual"], 0.20, 5, 2027)) > 3


def test_one_odd_day_voids_nothing_and_two_may() -> None:
    assert MOST_PER_DAY < THRESHOLD <= MOST_PER_DAY**2
    usual = [(FIRST + timedelta(days=n), {"a": 500, "b": 500}) for n in range(28)]
    reference = reference_of(usual)
    assert reference is not None
    odd = [(FIRST + timedelta(days=28 + n), {"a": 10, "b": 990} if n == 3 else {"a": 500, "b": 500}) for n in range(30)]
    assert max(detector(reference, odd)) < THRESHOLD
    two = [(FIRST + timedelta(days=28 + n), {"a": 10, "b": 990} if n >= 3 else {"a": 500, "b": 500}) for n in range(5)]
    assert detector(reference, two)[-1] >= THRESHOLD


def test_a_holiday_is_like_a_day_of_rest() -> None:
    chance = np.random.default_rng(1)

    def counts(is_rest: bool) -> dict[str, int]:
        calls, share = (150, 0.2) if is_rest else (1000, 0.6)
        a = int(chance.binomial(calls, chance.beta(100 * share, 100 * (1 - share))))
        return {"a": a, "b": calls - a}

    days = [FIRST + timedelta(days=n) for n in range(28 + 10)]
    usual = [(day, counts(day.weekday() >= 5)) for day in days[:28]]
    reference = reference_of(usual)
    assert reference is not None
    holidays = [(day, counts(is_rest=True)) for day in days[28:]]
    assert max(detector(reference, holidays)) < THRESHOLD
    busy = [(day, {"a": 200, "b": 800}) for day in days[28:]]
    assert max(detector(reference, busy)) >= THRESHOLD, "as many calls as on a working day are no holiday"


def test_a_category_that_was_never_there_is_seen() -> None:
    usual = [MixDay(FIRST + timedelta(days=n), {"key": {"one": 300 + n % 3}}) for n in range(28)]
    after = [MixDay(FIRST + timedelta(days=28 + n), {"key": {"one": 200, "two": 100}}) for n in range(4)]
    (drift,) = drifts_of(usual, after)
    assert drift.on is not None
    assert (drift.category, drift.before < 0.01, drift.now) == ("…", True, 0.3333)
    (quiet,) = drifts_of(usual, [MixDay(day.day, {"key": {"one": 300}}) for day in after])
    assert quiet.on is None


def test_too_few_days_say_nothing_and_the_first_ones_become_the_reference() -> None:
    days = [MixDay(FIRST + timedelta(days=n), {"key": {"one": 10}}) for n in range(40)]
    in_force = FIRST + timedelta(days=10)
    reference, since = parted(days, in_force)
    assert (len(reference), len(since)) == (REFERENCE_DAYS, 40 - 1 - REFERENCE_DAYS)
    assert in_force not in {day.day for day in (*reference, *since)}
    assert drifts_of(days[:27], days[27:]) == ()


@given(st.lists(st.floats(0, 60), max_size=40))
def test_the_detector_is_never_above_its_sum(values: list[float]) -> None:
    """A CUSUM of e-values lies below the Shiryaev–Roberts sum, whose expectation grows by one a day at most."""
    evidence, state = run_detector(np.array(values)), 0.0
    for one, found in zip(values, evidence, strict=True):
        state = (state + 1.0) * one
        assert found <= state * (1 + 1e-9) + 1e-9


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01, 0.05]))
def test_a_days_evidence_averages_one_or_less_where_the_reference_is_exact(seed: int, rho: float) -> None:
    chance = np.random.default_rng(seed)
    shares = np.tile(chance.dirichlet(np.full(4, 2.0)) * 0.9 + 0.025, (7, 1))
    reference = drifting.Reference(("a", "b", "c", "…"), shares, np.full(7, rho), np.full(7, 200.0))
    days = 4000
    drawn = shares[0] if rho == 0 else chance.dirichlet(shares[0] * (1 - rho) / rho, days)
    table = chance.multinomial(200, drawn, None if rho else days).astype(float)
    values = drifting.daily_evidence(reference, table, np.arange(days) % 7)
    assert values.mean() < 1.5, "a mean of heavy tails over 4,000 days"

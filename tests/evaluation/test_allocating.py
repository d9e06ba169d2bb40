"""Labels shared out: chances that are exact, floors, and draws that grow."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.evaluation.rules.allocating import DOUBLE_SHARE, FEWEST, Stratum, allocate, draw
from jitsuri.evaluation.rules.betting import bounds_anytime, capital_above
from jitsuri.evaluation.rules.ordering import chance_of

SIZES = {"worse": 90, "better": 60, "same": 800, "identical": 45, "few": 5}
SPREADS = {"worse": 0.45, "better": 0.4, "same": 0.06, "identical": 0.01, "few": 0.3}
STRATA = {name: Stratum(size, SPREADS[name]) for name, size in SIZES.items()}
NAMES = {f"{name}-{at}": name for name, size in SIZES.items() for at in range(size)}


def test_a_pairs_chance_is_the_one_that_is_kept() -> None:
    """2,000 draws with other seeds: each stratum's share drawn is the inclusion probability, within 5 standard errors."""
    plan = allocate(STRATA, 200)
    counts: Counter[str] = Counter()
    runs = 400
    for seed in range(runs):
        counts.update(one.stratum for one in draw(NAMES, plan, seed * 10))
    for name, size in SIZES.items():
        expected = plan.inclusion[name]
        error = np.sqrt(max(expected * (1 - expected), 1e-6) / (runs * size))
        assert abs(counts[name] / runs / size - expected) < 5 * error + 1e-9, name
    assert plan.inclusion["few"] == 1.0


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(0, 1)), min_size=1, max_size=6), st.integers(1, 400),
       st.integers(0, 10**6))  # fmt: skip
@settings(max_examples=60)
def test_draws_keep_their_promises(told: list[tuple[int, float]], budget: int, seed: int) -> None:
    strata = {f"s{at}": Stratum(size, spread) for at, (size, spread) in enumerate(told)}
    names = {f"{name}/{at}": name for name, one in strata.items() for at in range(one.size)}
    plan = allocate(strata, budget)
    drawn = draw(names, plan, seed)
    whole = sum(one.size for one in strata.values())
    held = Counter(one.stratum for one in drawn)
    uniform = sum(one.is_uniform for one in drawn)
    assert uniform == min(plan.uniform, whole)
    assert uniform >= min(whole, 0.3 * min(budget, whole))
    assert all(0 < one.inclusion <= 1 for one in drawn)
    if budget >= whole:
        assert len(drawn) == whole
    enough = budget >= 2 * FEWEST * sum(one.size > 0 for one in strata.values()) / 0.7
    if enough:
        assert all(held[name] >= min(FEWEST, one.size) for name, one in strata.items())
        assert abs(len(drawn) - min(budget, whole)) <= 0.25 * budget + 20


def test_more_is_drawn_where_answers_may_differ_and_a_third_from_all() -> None:
    plan = allocate(STRATA, 200)
    drawn = draw(NAMES, plan, 3)
    held = Counter(one.stratum for one in drawn)
    assert held["worse"] / SIZES["worse"] > 2 * held["same"] / SIZES["same"]
    assert sum(one.is_uniform for one in drawn) == 60
    assert abs(len(drawn) - 200) <= 5
    assert 0.02 < sum(one.people == 2 for one in drawn) / len(drawn) < 3 * DOUBLE_SHARE


def test_a_larger_draw_holds_the_smaller_one() -> None:
    small = allocate(STRATA, 120)
    large = allocate(STRATA, 260, before=small.focused)
    first, second = draw(NAMES, small, 5), draw(NAMES, large, 5)
    assert {one.name for one in first} < {one.name for one in second}
    assert {one.name for one in first if one.is_uniform} < {one.name for one in second if one.is_uniform}
    assert [(one.name, one.rank, one.people) for one in first] == [
        (one.name, one.rank, one.people) for one in second if one.name in {other.name for other in first}
    ]


@pytest.mark.parametrize(("budget", "share"), [(0, 0.3), (5, 0.0), (5, 1.1)])
def test_what_is_no_budget_is_refused(budget: int, share: float) -> None:
    with pytest.raises(ValueError, match="a budget is at least 1"):
        allocate(STRATA, budget, share)


def test_chance_is_a_hash() -> None:
    assert chance_of("a", 1) == chance_of("a", 1) != chance_of("b", 1)
    values = [chance_of(str(at), 7) for at in range(4000)]
    assert abs(np.mean(values) - 0.5) < 0.02


def test_the_interval_that_may_be_looked_at_every_day_holds_the_mean() -> None:
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(200):
        values = rng.choice([-1.0, 0.0, 1.0], 120, p=[0.1, 0.85, 0.05])
        wrong += any(
            not low <= -0.05 <= high for low, high in (bounds_anytime(values[:n], 0.025) for n in (20, 60, 120))
        )
    assert wrong / 200 <= 0.05
    low, high = bounds_anytime(values, 0.025)
    assert capital_above(values, low).max() >= 40
    assert bounds_anytime(values[:0], 0.025) == (-1.0, 1.0)
    assert -1 <= low < high <= 1

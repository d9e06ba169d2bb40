"""Bounds on means and shares: hand-worked values, symmetry, what they must never do."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from jitsuri.evaluation.rules.betting import capital_above, capital_below, first_reaching
from jitsuri.evaluation.rules.counting import holm_levels, share_lower, share_upper
from jitsuri.evaluation.rules.ordering import drawn_order, folds
from jitsuri.evaluation.rules.planning import (
    boundary_variance,
    labels_anytime,
    labels_needed,
    labels_with_judge,
)
from jitsuri.evaluation.rules.tilting import (
    Part,
    lower_bound,
    mean_of,
    p_above,
    p_below,
    p_flipped,
    standard_error,
    upper_bound,
)

DIFFERENCES = st.lists(st.sampled_from([-1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0]), min_size=20, max_size=120)


@pytest.mark.parametrize(
    ("events", "n", "bound"), [(0, 59, 0.05), (0, 299, 0.01), (0, 149, 0.02), (1, 93, 0.05), (5, 208, 0.05)]
)
def test_the_smallest_samples_that_bound_a_share_are_the_published_ones(events: int, n: int, bound: float) -> None:
    assert share_upper(events, n, 0.05) <= bound
    assert share_upper(events, n - 1, 0.05) > bound


def test_share_bounds_are_clopper_pearson() -> None:
    for events, n in [(0, 10), (3, 40), (17, 60), (60, 60)]:
        expected = stats.binomtest(events, n).proportion_ci(0.9, method="exact")

        assert share_lower(events, n, 0.05) == pytest.approx(expected.low, abs=1e-9)
        assert share_upper(events, n, 0.05) == pytest.approx(expected.high, abs=1e-9)


def test_holm_by_hand() -> None:
    """p = .01, .04, .03 at 5 %: .01 ≤ .0167 passes; .03 > .025 stops, and .04 is held to the same level."""
    levels = holm_levels([0.01, 0.04, 0.03], 0.05)

    assert [rank for _, rank in levels] == [1, 3, 2]
    assert [level for level, _ in levels] == pytest.approx([0.05 / 3, 0.025, 0.025])


def test_a_candidate_without_a_p_value_still_counts_in_the_family() -> None:
    assert holm_levels([0.01, None], 0.05)[0][0] == pytest.approx(0.025)


def test_losses_only_is_the_exact_binomial_tail() -> None:
    """With losses and ties alone the p-value is P(X ≤ x) of a binomial; the saddlepoint is within a tenth of it."""
    values = np.concatenate([np.full(4, -1.0), np.zeros(196)])

    exact = float(special.bdtr(4, 200, 0.05))

    assert p_above([Part(values)], -0.05) == pytest.approx(exact, rel=0.1)


def test_many_symmetric_values_give_the_t_interval() -> None:
    values = np.random.default_rng(0).normal(0.1, 0.3, 2000)

    reach = stats.t.ppf(0.95, 1999) * values.std(ddof=1) / np.sqrt(2000)

    assert lower_bound([Part(values)], 0.05) == pytest.approx(values.mean() - reach, abs=2e-4)
    assert upper_bound([Part(values)], 0.05) == pytest.approx(values.mean() + reach, abs=2e-4)


@settings(max_examples=60, deadline=None)
@given(DIFFERENCES)
def test_bounds_lie_around_the_mean_and_mirror(values: list[float]) -> None:
    part, mirrored = [Part(np.array(values))], [Part(-np.array(values))]

    low, high = lower_bound(part, 0.05), upper_bound(part, 0.05)

    assert min(values) - 1e-9 <= low <= mean_of(part) + 1e-9
    assert high >= mean_of(part) - 1e-9
    assert lower_bound(mirrored, 0.05) == pytest.approx(-high, abs=1e-9)
    assert lower_bound(part, 0.01) <= low + 1e-9


@settings(max_examples=60, deadline=None)
@given(DIFFERENCES, st.sampled_from([-0.3, -0.1, -0.05, 0.0, 0.2]))
def test_bound_and_p_value_say_the_same(values: list[float], mean: float) -> None:
    part = [Part(np.array(values))]
    p_value = p_above(part, mean)

    if p_value < 0.049:
        assert lower_bound(part, 0.05) > mean - 1e-6
    if p_value > 0.051:
        assert lower_bound(part, 0.05) < mean + 1e-6


def test_without_spread_nothing_is_uncertain() -> None:
    part = [Part(np.zeros(50))]

    assert (lower_bound(part, 0.05), upper_bound(part, 0.05), standard_error(part)) == (0.0, 0.0, 0.0)
    assert (p_above(part, -0.05), p_below(part, -0.05)) == (0.0, 1.0)


def test_a_mean_that_was_just_observed_is_as_likely_as_not() -> None:
    """−0.05 as a mean of tenths is not exactly −0.05 in binary; that must not matter."""
    values = np.array([-1.0] * 9 + [-0.1] * 20 + [0.1] * 10 + [0.0] * 161)

    assert p_above([Part(values)], float(values.mean()) - 1e-17) == 0.5
    assert p_above([Part(values)], -0.05) == pytest.approx(0.5, abs=0.01)


def test_parts_add_their_spread() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(0, 1, 400), rng.normal(0, 2, 800)
    parts = [Part(one, 0.5), Part(other, 0.5)]

    expected = np.sqrt(0.25 * one.var(ddof=1) / 400 + 0.25 * other.var(ddof=1) / 800)

    assert standard_error(parts) == pytest.approx(expected)
    assert upper_bound(parts, 0.05) - mean_of(parts) == pytest.approx(1.645 * expected, rel=0.03)


def test_the_capital_is_the_mean_of_its_bets_worked_by_hand() -> None:
    """Two values 0 against −0.05: each bet grows by 1 + share / 0.95 · 0.05 per value."""
    shares = np.array([0.015, 0.03, 0.06, 0.12, 0.2, 0.3, 0.45, 0.6, 0.8])

    capital = capital_above(np.zeros(2), -0.05)

    assert capital[-1] == pytest.approx(np.mean((1 + shares / 0.95 * 0.05) ** 2))
    assert first_reaching(capital, 0.05) is None


def test_capital_refuses_what_its_promise_does_not_cover() -> None:
    with pytest.raises(ValueError, match="values lie in"):
        capital_above(np.array([0.0, 1.5]), -0.05)
    with pytest.raises(ValueError, match="strictly between"):
        capital_above(np.zeros(3), -1.0)


def test_both_directions_mirror() -> None:
    values = np.array([0.0, -1.0, 0.5, 0.0, -0.2])

    assert capital_below(values, -0.05) == pytest.approx(capital_above(-values, 0.05))


def test_the_drawn_order_hangs_on_seed_and_names_only() -> None:
    names = [f"r{at}" for at in range(200)]

    order = drawn_order(names, 7)

    assert sorted(order) == list(range(200))
    assert [names[at] for at in order] == [names[::-1][at] for at in drawn_order(names[::-1], 7)]
    assert order != drawn_order(names, 8)
    assert order[:5] == [175, 173, 157, 71, 56]


def test_folds_are_equally_full() -> None:
    assert np.bincount(folds([str(at) for at in range(103)], 0, 5)).tolist() == [21, 21, 21, 20, 20]


def test_planned_labels_by_hand() -> None:
    """d = 0.10, margin 0.05: boundary variance 0.1082, n = 1.03 · ((1.6449 · 0.3290 + 0.8416 · 0.3162) / 0.05)² + 20."""
    assert boundary_variance(0.05, 0.10) == pytest.approx(0.1082, abs=1e-4)
    assert labels_needed(Decimal("0.05"), Decimal("0.10"), Decimal(50)).labels == 289


def test_a_good_judge_saves_labels_and_a_bad_one_saves_none() -> None:
    assert labels_with_judge(289, 0.8, 2000) < 289 * 0.5
    assert labels_with_judge(289, 0.0, 2000) == 289
    assert labels_with_judge(289, -0.9, 2000) == 289
    assert labels_with_judge(289, 0.8, 0) == 289


def test_looking_every_day_costs_about_as_much() -> None:
    assert 0.7 < labels_anytime(0.05, 0.10) / 289 < 1.6


def test_signs_by_chance_are_a_binomial_where_all_differences_are_whole() -> None:
    """8 losses and 2 gains: 2 · P(X ≥ 8 of 10) = 0.109375; the saddlepoint is within a twentieth of it."""
    values = np.array([-1.0] * 8 + [1.0] * 2 + [0.0] * 100)

    assert p_flipped(values) == pytest.approx(2 * (45 + 10 + 1) / 1024, rel=0.05)
    assert p_flipped(np.zeros(50)) == 1.0
    assert p_flipped(np.array([1.0] * 6)) == pytest.approx(2 / 64)


def test_one_and_the_same_model_is_called_different_in_at_most_five_percent() -> None:
    rng = np.random.default_rng(0)
    marks = [0.0, 0.1, 0.2, 0.5, 1.0]

    called = sum(
        p_flipped(rng.choice(marks, 200, p=[0.6, 0.2, 0.1, 0.07, 0.03]) * rng.choice([-1, 1], 200)) <= 0.05
        for _ in range(2000)
    )

    assert called / 2000 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 2000)

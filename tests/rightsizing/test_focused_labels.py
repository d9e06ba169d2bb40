"""Labels that were focused: weighted back right, never passed too often, bet on only where that is fair, and old exports stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from focused_worlds import WORLDS, even, sampled
from msgspec import UNSET

from jitsuri.flows.cold.judging import Asked, judge_outcomes
from jitsuri.flows.cold.pricing_outcomes import Prices
from jitsuri.ledger.shapes.pricing import PriceBook
from jitsuri.rightsizing.rules.deciding import Family, Origin, anytime_of, bars_of, critical_of, decide
from jitsuri.rightsizing.rules.estimating import estimate
from jitsuri.rightsizing.rules.packing import packed, unpacked
from jitsuri.rightsizing.shapes.outcomes import Pairs, Table, Thresholds
from jitsuri.rightsizing.shapes.verdicts import UnitCosts
from jitsuri.terms.errors import CallerError

THRESHOLDS = Thresholds()
RUNS, BUDGET, FRAME = 300, 289, 1500
FALSE_PASSES = 0.05 + 3 * (0.05 * 0.95 / RUNS) ** 0.5
COVERED = 0.95 - 0.02 - 3 * (0.05 * 0.95 / RUNS) ** 0.5
COSTS = UnitCosts(None, None)
PRICES = Prices(PriceBook("0" * 16, "test", None, ()), datetime(2026, 11, 22, tzinfo=UTC), Decimal(150), True)


@cache
def runs(number: int) -> tuple[float, float, float]:
    """Coverage of the 95 % interval, false passes at the boundary, mean width."""
    world = WORLDS[number]
    rng = np.random.default_rng(20261127)
    covered = passed = 0
    widths = []
    for _ in range(RUNS):
        found = estimate(sampled(world, rng, FRAME, BUDGET, 0.3, judge=False), THRESHOLDS, 1)
        assert found.problem is None
        low, high = found.lower(0.025), found.upper(0.025)
        covered += low <= world.mean <= high
        passed += found.lower(0.05) > -THRESHOLDS.margin + 1e-9
        widths.append(high - low)
    return covered / RUNS, passed / RUNS, float(np.mean(widths))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(WORLDS)), ids=lambda at: WORLDS[at].name)
def test_intervals_hold_and_the_boundary_seldom_passes(number: int) -> None:
    covered, passed, width = runs(number)
    print(f"{WORLDS[number].name}: covered {covered:.3f}, false passes {passed:.3f}, width {width * 100:.1f} points")
    assert covered >= COVERED
    assert passed <= FALSE_PASSES


@pytest.mark.slow
def test_where_the_judge_sees_the_losses_intervals_are_a_fifth_narrower() -> None:
    world = WORLDS[0]
    rng = np.random.default_rng(20261127)
    plain = []
    for _ in range(60):
        found = estimate(even(sampled(world, rng, FRAME, BUDGET, 1.0, judge=False)), THRESHOLDS, 1)
        plain.append(found.upper(0.025) - found.lower(0.025))
    assert runs(0)[2] < 0.82 * np.mean(plain)


@pytest.mark.slow
def test_read_as_if_they_were_even_the_same_labels_would_mislead() -> None:
    """What the weights are for: the plain mean of focused labels is off by points."""
    world, rng = WORLDS[0], np.random.default_rng(3)
    naive, right = [], []
    for _ in range(60):
        pairs = sampled(world, rng, FRAME, BUDGET, 0.3, judge=False)
        right.append(estimate(pairs, THRESHOLDS, 1).difference)
        naive.append(estimate(even(pairs), THRESHOLDS, 1).difference)
    assert abs(np.mean(right) - world.mean) < 0.006
    assert abs(np.mean(naive) - world.mean) > 0.03


def one_sample(judge: bool = True, seed: int = 1) -> Pairs:
    return sampled(WORLDS[0], np.random.default_rng(seed), FRAME, BUDGET, 0.3, judge)


def test_the_e_process_bets_on_the_uniform_share_alone() -> None:
    pairs = one_sample()
    found = estimate(pairs, THRESHOLDS, 1)
    assert isinstance(pairs.shares, tuple)
    assert anytime_of(found, pairs, THRESHOLDS, 1, 0).labels == pairs.shares.count("uniform") == 87
    focused_all_good = replace(
        pairs,
        people_candidate=tuple(
            1.0 if share == "focused" else told
            for share, told in zip(pairs.shares, pairs.people_candidate, strict=True)
        ),
    )
    again = anytime_of(estimate(focused_all_good, THRESHOLDS, 1), focused_all_good, THRESHOLDS, 1, 0)
    assert again == anytime_of(found, pairs, THRESHOLDS, 1, 0)


@pytest.mark.slow
def test_the_e_process_seldom_passes_the_boundary() -> None:
    rng = np.random.default_rng(9)
    passes = 0
    for _ in range(200):
        pairs = sampled(WORLDS[0], rng, FRAME, BUDGET, 0.3, judge=False)
        passes += anytime_of(estimate(pairs, THRESHOLDS, 1), pairs, THRESHOLDS, 1, 0).decision == "pass"
    assert passes / 200 <= 0.05


def test_counts_rest_on_the_uniform_share_and_nothing_is_left_untold() -> None:
    pairs = one_sample(judge=False)
    assert isinstance(pairs.shares, tuple)
    pairs = replace(pairs, critical_candidate=tuple(share == "focused" for share in pairs.shares),
                    critical_baseline=(False,) * len(pairs))  # fmt: skip
    critical = critical_of(pairs, THRESHOLDS)
    assert critical is not None
    assert (critical.errors, critical.n) == (0, 87)
    (mine, today) = bars_of(pairs, replace(THRESHOLDS, bar=0.5))
    assert mine.n == today.n == 87
    verdict = decide(pairs, THRESHOLDS, Family(), COSTS, Origin(0, "", "x"))
    told = {reason.code: reason.facts for reason in verdict.reasons}
    assert told["critical_outside"]["count"] == pairs.shares.count("focused")


def test_a_stratum_without_labels_leaves_it_open() -> None:
    pairs = one_sample(judge=False)
    assert isinstance(pairs.stratum_sizes, dict)
    pairs = replace(pairs, stratum_sizes={**pairs.stratum_sizes, "unseen": 40})
    verdict = decide(pairs, THRESHOLDS, Family(), COSTS, Origin(0, "", "x"))
    assert (verdict.decision, verdict.reasons[0].code, verdict.reasons[0].facts) == (
        "undecided", "stratum_unlabelled", {"count": 40},
    )  # fmt: skip


def test_evidence_of_before_is_the_same_to_the_byte() -> None:
    old = even(one_sample())
    content = packed(old)
    assert b"shares" not in content
    assert b"stratum_sizes" not in content
    assert packed(unpacked(content, Pairs)) == content
    new = one_sample()
    assert packed(unpacked(packed(new), Pairs)) == packed(new)
    assert unpacked(packed(new), Pairs).is_uneven


# -- from a table


def table(**fields: tuple[str, ...]) -> Table:
    """120 requests of two strata: in "hard" every third is worse; 60 of 90 easy ones and all 30 hard ones are labelled."""
    strata = ["hard" if at < 30 else "easy" for at in range(120)]
    rows = [(at, model) for at in range(120) for model in ("today", "cheaper")]
    seen = [at < 90 for at, _ in rows]
    scores = tuple(
        None if not is_seen else 0.0 if model == "cheaper" and strata[at] == "hard" and at % 3 == 0 else 1.0
        for (at, model), is_seen in zip(rows, seen, strict=True)
    )
    nothing = (None,) * len(rows)
    own = {
        "stratum": tuple(strata[at] for at, _ in rows),
        "share": tuple("" if at >= 90 else "uniform" if at % 2 else "focused" for at, _ in rows),
        "stratum_size": tuple("40" if strata[at] == "hard" else "160" for at, _ in rows),
    }
    return Table(
        tuple(range(1, len(rows) + 1)), ("t",) * len(rows), tuple(f"{at:03d}" for at, _ in rows), ("",) * len(rows),
        tuple(model for _, model in rows), ("",) * len(rows), scores, ("people",) * len(rows), nothing, nothing, nothing,
        nothing, {**own, **fields}, {},
    )  # fmt: skip


def judged(given: Table) -> Pairs:
    (found,) = judge_outcomes(given, Asked(baseline="today", human="people", is_subset=False), PRICES)
    return found.evidence.pairs


def test_a_table_tells_shares_and_sizes() -> None:
    pairs = judged(table())
    assert isinstance(pairs.shares, tuple)
    assert (len(pairs), pairs.shares.count("uniform")) == (90, 45)
    assert sorted(pairs.stratum_sizes.values()) == [40, 160]  # type: ignore[union-attr]
    difference = estimate(pairs, THRESHOLDS, 0).difference
    assert difference == pytest.approx(-(40 / 200) / 3)


def test_a_table_without_shares_is_read_as_ever() -> None:
    given = table()
    plain = replace(given, fields={"stratum": given.fields["stratum"]})
    assert judged(plain).shares is UNSET
    assert judged(table(share=("",) * 240)).shares is UNSET
    sizes = judged(replace(given, fields={k: v for k, v in given.fields.items() if k != "stratum_size"})).stratum_sizes
    assert sorted(sizes.values()) == [30, 90]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("share", "Uniform", "outcomes_share_unknown"), ("share", "", "outcomes_share_unknown"),
     ("stratum_size", "many", "outcomes_stratum_size"), ("stratum_size", "0", "outcomes_stratum_size")],
)  # fmt: skip
def test_what_a_table_cannot_mean_is_refused_with_its_line(field: str, value: str, code: str) -> None:
    given = table()
    column = list(given.fields[field])
    column[5] = value
    with pytest.raises(CallerError, match=code) as refused:
        judged(replace(given, fields={**given.fields, field: tuple(column)}))
    assert refused.value.facts["line"] == 6


def graded(pairs: Pairs, truth: Pairs, rng: np.random.Generator) -> Pairs:
    """The same pairs with a judge that gives marks: what people would say, mostly, and half a mark up or down by chance."""
    told = []
    for one, other in zip(truth.people_baseline, truth.people_candidate, strict=True):
        assert one is not None
        assert other is not None
        told.append(0.5 + (other - one) * 0.3 * (rng.random() < 0.9) + 0.1 * (rng.random() - 0.5))
    return replace(pairs, judge_baseline=(0.5,) * len(pairs), judge_candidate=tuple(told))


@pytest.mark.slow
def test_a_judge_that_gives_marks_sharpens_what_people_said() -> None:
    """Within strata a judge of three words knows nothing more; one with marks does, and the estimate stays right."""
    world, rng = WORLDS[0], np.random.default_rng(11)
    covered, narrower, methods = 0, [], []
    for run in range(60):
        seed = int(rng.integers(2**31))
        pairs = sampled(world, np.random.default_rng(seed), FRAME, BUDGET, 0.3, judge=True)
        truth = sampled(world, np.random.default_rng(seed), FRAME, FRAME, 0.3, judge=True)
        found = estimate(graded(pairs, truth, rng), THRESHOLDS, run)
        alone = estimate(pairs, THRESHOLDS, run)
        methods.append(found.method)
        assert alone.method == "paired"
        low, high = found.lower(0.025), found.upper(0.025)
        covered += low <= world.mean <= high
        narrower.append((high - low) / (alone.upper(0.025) - alone.lower(0.025)))
    assert methods.count("ppi") >= 55
    assert covered / 60 >= 0.87
    assert np.mean(narrower) < 0.9

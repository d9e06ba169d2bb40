"""How often a verdict is wrong: simulations with a known truth and real outcomes, naive rules beside.

    python bench/verdicts.py                # simulations, 2,000 runs each, about 5 minutes
    python bench/verdicts.py --runs 200     # quick
    JITSURI_DATA=… python bench/verdicts.py --real

Prints one table per question and exits with 1 where a bound is missed. Bounds allow for the noise of the runs (two
standard errors).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
from scipy import special
from verdict_worlds import BOUNDARY, JUDGES, MARGIN, Floats, Judge, World, pairs_from, three_valued

from jitsuri.evaluation.rules.betting import capital_above, first_reaching
from jitsuri.evaluation.rules.planning import labels_needed
from jitsuri.evaluation.rules.tilting import Part, lower_bound, upper_bound
from jitsuri.rightsizing.rules.deciding import Family, Origin, decide
from jitsuri.rightsizing.rules.estimating import estimate
from jitsuri.rightsizing.shapes.outcomes import Thresholds
from jitsuri.rightsizing.shapes.verdicts import UnitCosts

ALPHA = 0.05
THRESHOLDS = Thresholds()
NOTHING = UnitCosts(None, None)
ORIGIN = Origin(0, "", "")
FAILED: list[str] = []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", action="store_true", help="real outcomes instead (JITSURI_DATA)")
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    if asked.real:
        real(rng, Path(os.environ["JITSURI_DATA"]) / "outcomes", max(100, asked.runs // 10))
    else:
        boundary(rng, asked.runs)
        with_judge(rng, asked.runs)
        coverage(rng, asked.runs)
        power(rng, asked.runs)
        naive(rng, asked.runs)
    for line in FAILED:
        print(f"MISSED  {line}")
    return 1 if FAILED else 0


# -- a known truth


def passes(people: Floats, judge: Floats | None = None) -> bool:
    """Does the engine pass this?"""
    return decide(pairs_from(people, judge), THRESHOLDS, Family(), NOTHING, ORIGIN).decision == "pass"


def boundary(rng: np.random.Generator, runs: int) -> None:
    """False passes where the true difference is exactly the margin. Beside: what a t interval would have passed."""
    head("False passes at the boundary (%): fixed n; t interval beside; e-process looked at after every label of 600")
    print(f"{'world':40}" + "".join(f"{f'n={n}':>8}{'(t)':>7}" for n in (60, 100, 200, 300)) + f"{'anytime':>9}")
    for world in BOUNDARY:
        cells = []
        for n in (60, 100, 200, 300):
            draws = [world.draw(rng, n) for _ in range(runs)]
            share = sum(map(passes, draws)) / runs
            t_share = sum(t_lower(d) > -MARGIN for d in draws) / runs
            bar = {60: 0.065, 100: 0.065, 200: 0.05, 300: 0.05}[n]
            check(share, bar, runs, f"boundary {world.name}, n={n}")
            cells.append(f"{share * 100:8.1f}{t_share * 100:7.1f}")
        anytime = share_of(runs, lambda w=world: any_pass(w.draw(rng, 600)))
        check(anytime, ALPHA, runs, f"anytime {world.name}")
        print(f"{world.name:40}" + "".join(cells) + f"{anytime * 100:9.1f}")


def with_judge(rng: np.random.Generator, runs: int) -> None:
    """PPI++ with few labels and 2,000 judgements: false passes, coverage, and what the labels are worth."""
    head("With a judge (2,000 judged): false passes at the boundary (%), coverage of the 90 % interval, labels worth")
    print(f"{'judge':32}" + "".join(f"{f'n={n}':>7}{'cov':>7}{'worth':>7}" for n in (100, 200, 300)))
    world, runs = three_valued(0.10, 0.05), max(100, runs // 4)
    for judge in JUDGES:
        cells = []
        for n in (100, 200, 300):
            wrong = covered = 0
            ratios = []
            for _ in range(runs):
                people, seen = sample(rng, world, judge, n)
                found = estimate(pairs_from(people, seen), THRESHOLDS, 0)
                low, high = found.lower(ALPHA), found.upper(ALPHA)
                wrong += low > -MARGIN
                covered += low <= world.mean <= high
                alone = people[~np.isnan(people)]
                ratios.append(
                    ((upper_bound([Part(alone)], ALPHA) - lower_bound([Part(alone)], ALPHA)) / (high - low)) ** 2
                )
            check(wrong / runs, 0.065 if n < 200 else 0.05, runs, f"PPI {judge.name}, n={n}")
            check(1 - covered / runs, 0.115, runs, f"PPI coverage {judge.name}, n={n}")
            cells.append(f"{wrong / runs * 100:7.1f}{covered / runs * 100:7.1f}{np.median(ratios):7.2f}")
        print(f"{judge.name:32}" + "".join(cells))


def coverage(rng: np.random.Generator, runs: int) -> None:
    """Both ends of the interval: nominal 5 % misses each."""
    head("Coverage of the 90 % interval (%) and misses at each end")
    print(f"{'world':40}" + "".join(f"{f'n={n}':>8}{'low':>6}{'high':>6}" for n in (50, 100, 200)))
    for world in (*BOUNDARY, three_valued(0.05, 0.05), three_valued(0.02, 0.08)):
        cells = []
        for n in (50, 100, 200):
            low = high = 0
            for _ in range(runs):
                found = estimate(pairs_from(world.draw(rng, n)), THRESHOLDS, 0)
                if found.problem is None:
                    low += found.lower(ALPHA) > world.mean + 1e-9
                    high += found.upper(ALPHA) < world.mean - 1e-9
            kept = 1 - (low + high) / runs
            if n > 50:
                check(1 - kept, 0.115, runs, f"coverage {world.name}, n={n}")
            cells.append(f"{kept * 100:8.1f}{low / runs * 100:6.1f}{high / runs * 100:6.1f}")
        print(f"{world.name:40}" + "".join(cells))


def power(rng: np.random.Generator, runs: int) -> None:
    """An equally good candidate at the planned number of labels, and how long the e-process takes."""
    head("An equally good candidate: passes at the planned n (%), e-process labels (median, p90)")
    print(f"{'answers differ on':20}{'planned':>8}{'passes':>8}{'median':>8}{'p90':>8}")
    for discordance in ("0.04", "0.10", "0.16", "0.30"):
        half = float(discordance) / 2
        world = three_valued(half, half)
        n = labels_needed(Decimal(repr(MARGIN)), Decimal(discordance), Decimal(0)).labels
        share = share_of(runs, lambda w=world, n=n: passes(w.draw(rng, n)))
        if share < 0.80 - 2 * np.sqrt(0.16 / runs):
            FAILED.append(f"power at {discordance}: {share:.3f}")
        stops = [
            first_reaching(capital_above(world.draw(rng, 4000), -MARGIN), ALPHA) or 4000
            for _ in range(max(50, runs // 5))
        ]
        print(f"{half * 200:>17.0f} %{n:8}{share * 100:8.1f}{np.median(stops):8.0f}{np.percentile(stops, 90):8.0f}")


def naive(rng: np.random.Generator, runs: int) -> None:
    """What goes wrong without all this."""
    head("Naive rules at the boundary: false passes (%)")
    world, judge, runs = three_valued(0.10, 0.05), Judge("", 0.90, 1.0), max(100, runs // 2)
    judged = share_of(runs, lambda: t_lower(judge.sees(rng, world.draw(rng, 2000))) > -MARGIN)
    print(f"judge-only mean, 2,000 judged, judge right on 90 % and leaning   {judged * 100:6.1f}")
    peeked = share_of(runs, lambda: peek(world.draw(rng, 600)))
    print(f"t interval looked at every 10 labels up to 600                    {peeked * 100:6.1f}")
    best = share_of(runs, lambda: max(t_lower(world.draw(rng, 200)) for _ in range(8)) > -MARGIN)
    print(f"best of eight candidates, each at its own 5 %                     {best * 100:6.1f}")
    wrong = (judged < 0.2, peeked < 0.1, best < 0.15)
    if any(wrong):
        FAILED.append("a naive rule looks sound: the simulation no longer shows what it is for")


def sample(rng: np.random.Generator, world: World, judge: Judge, n: int) -> tuple[Floats, Floats]:
    """``n`` labels and 2,000 judgements beyond them."""
    truth = world.draw(rng, n + 2000)
    people = truth.copy()
    people[n:] = np.nan
    return people, judge.sees(rng, truth)


def t_lower(values: Floats) -> float:
    n = len(values)
    return float(values.mean() - special.stdtrit(n - 1, 1 - ALPHA) * values.std(ddof=1) / np.sqrt(n))


def any_pass(values: Floats) -> bool:
    return first_reaching(capital_above(values, -MARGIN), ALPHA) is not None


def peek(values: Floats) -> bool:
    return any(t_lower(values[:n]) > -MARGIN for n in range(50, len(values) + 1, 10))


# -- real outcomes


def real(rng: np.random.Generator, folder: Path, runs: int) -> None:
    from jitsuri.rightsizing.wire import read_outcomes

    shaberi = read_outcomes(folder / "shaberi_ja.parquet")
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for model, judge, prompt, score in zip(
        shaberi.models, shaberi.judges, shaberi.prompt_ids, shaberi.scores, strict=True
    ):
        if score is not None:
            scores.setdefault((model, judge), {})[prompt] = score
    people = "gpt-4.1-2025-04-14"
    judges = sorted({judge for _, judge in scores if judge != people})
    models = sorted({model for model, judge in scores if all((model, j) in scores for j in (people, *judges))})
    pairs = [(a, b) for at, a in enumerate(models) for b in models[at + 1 :]]
    real_boundary(rng, scores, people, judges, pairs, runs)
    real_same(np.random.default_rng(0), scores, people, runs)


def real_boundary(
    rng: np.random.Generator, scores: dict[tuple[str, str], dict[str, float]], people: str, judges: list[str],
    pairs: list[tuple[str, str]], runs: int,
) -> None:  # fmt: skip
    """Real differences moved to the boundary: labels of one judge as people, another one as the judge."""
    head("Real marks (shaberi), moved to −5 points: false passes (%), labels worth; the whole set as population")
    print(f"{'judge':24}{'people':>8}{'PPI':>8}{'worth':>8}{'judge-only':>12}")
    worths = []
    for judge in judges:
        alone = joined = only = count = 0
        ratios = []
        for one, other in pairs:
            common = sorted(set.intersection(*(set(scores[m, j]) for m in (one, other) for j in (people, judge))))
            truth = np.array([scores[other, people][p] - scores[one, people][p] for p in common])
            seen = np.array([scores[other, judge][p] - scores[one, judge][p] for p in common])
            moved = np.clip(truth - truth.mean() - MARGIN, -1, 1)
            true = float(moved.mean())
            for _ in range(max(2, runs // len(pairs))):
                held, rest = rng.integers(0, len(moved), 100), rng.integers(0, len(moved), 2000)
                labels = np.concatenate([moved[held], np.full(2000, np.nan)])
                both = np.clip(np.concatenate([seen[held], seen[rest]]), -1, 1)
                found = estimate(pairs_from(labels, both), THRESHOLDS, 0)
                mine = estimate(pairs_from(moved[held]), THRESHOLDS, 0)
                joined += found.lower(ALPHA) > true
                alone += mine.lower(ALPHA) > true
                only += t_lower(seen[rest] - truth.mean() - MARGIN) > true
                ratios.append(
                    ((mine.upper(ALPHA) - mine.lower(ALPHA)) / (found.upper(ALPHA) - found.lower(ALPHA))) ** 2
                )
                count += 1
        worths.append(float(np.median(ratios)))
        check(joined / count, 0.065, count, f"real PPI with {judge}")
        check(alone / count, 0.065, count, f"real people, {judge}")
        print(
            f"{judge:24}{alone / count * 100:8.1f}{joined / count * 100:8.1f}{worths[-1]:8.2f}{only / count * 100:12.1f}"
        )
    if min(worths) < 1.5 or max(worths) < 2.0:
        FAILED.append(f"labels worth {worths}")


def real_same(
    rng: np.random.Generator, scores: dict[tuple[str, str], dict[str, float]], people: str, runs: int
) -> None:
    """The same model twice, resampled and with random sides: how often is it called different, or failed?"""
    head("Real A/A: the same model twice, sides by chance")
    name = "sbintuitions__sarashina2.2-3b-instruct-v0.1"
    one, other = scores[name, people], scores[f"{name}.run2", people]
    common = sorted(set(one) & set(other))
    values = np.array([other[p] - one[p] for p in common])
    blocks_by_lower = fails = different = passed = 0
    for _ in range(runs):
        drawn = values[rng.integers(0, len(values), len(values))] * rng.choice([-1, 1], len(values))
        cut = [str(at % 4) for at in range(len(values))]
        verdict = decide(pairs_from(drawn, slices={"part": cut}), THRESHOLDS, Family(), NOTHING, ORIGIN)
        fails += verdict.decision == "fail"
        passed += verdict.decision == "pass"
        different += verdict.significance != "none"
        blocks_by_lower += any(one.span is not None and one.span.low < -MARGIN for one in verdict.slices)
    print(
        f"passed {passed / runs * 100:.1f} %, failed {fails / runs * 100:.1f} %, called different {different / runs * 100:.1f} %"
    )
    print(f"a slice rule on lower bounds would have blocked {blocks_by_lower / runs * 100:.1f} %")
    check(different / runs, 0.05, runs, "A/A called different")
    check(fails / runs, 0.002, runs, "A/A failed")


# -- reporting


def share_of(runs: int, one: Callable[[], bool]) -> float:
    return sum(one() for _ in range(runs)) / runs


def check(share: float, bar: float, runs: int, what: str) -> None:
    """A share above its bar by more than two standard errors of the runs is a miss."""
    if share > bar + 2 * np.sqrt(bar * (1 - bar) / runs):
        FAILED.append(f"{what}: {share * 100:.1f} % > {bar * 100:.1f} %")


def head(words: str) -> None:
    print(f"\n{words}")


if __name__ == "__main__":
    sys.exit(main())

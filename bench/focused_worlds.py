"""Worlds in which labels are focused: what a judge said of each pair, and what people would say. For tests and ``bench/pairs.py``.

Each row of a world is a stratum: its share of the traffic, the spread that the draw expects there, and how often people would
call the candidate worse or better. The truth may differ from what is expected as much as one likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jitsuri.evaluation.rules.allocating import Stratum, allocate, draw
from jitsuri.rightsizing.rules.stratifying import SPREADS
from jitsuri.rightsizing.shapes.outcomes import Pairs
from jitsuri.rightsizing.shapes.verdicts import Missing

JUDGE = {"judge_worse": -1.0, "judge_better": 1.0, "judge_same": 0.0, "rules_differ": 0.0, "identical": 0.0}
"""What the judge says there; nothing of ``unjudged``."""


@dataclass(frozen=True)
class Row:
    stratum: str
    share: float
    worse: float
    better: float


@dataclass(frozen=True)
class FocusedWorld:
    name: str
    rows: Sequence[Row]

    @property
    def mean(self) -> float:
        return sum(row.share * (row.better - row.worse) for row in self.rows)


def at_boundary(name: str, rows: Sequence[Row], moved: str, margin: float = 0.05) -> FocusedWorld:
    """The world with the losses of one stratum set so that its mean is exactly −margin."""
    others = sum(row.share * (row.better - row.worse) for row in rows if row.stratum != moved)
    found = [
        row if row.stratum != moved else Row(moved, row.share, (others + margin) / row.share + row.better, row.better)
        for row in rows
    ]
    return FocusedWorld(name, found)


def sampled(world: FocusedWorld, rng: np.random.Generator, frame: int, budget: int, share: float, judge: bool) -> Pairs:
    """A frame of pairs, of which ``budget`` are drawn and labelled. ``share`` 1.0 draws all of them alike."""
    which = rng.choice(len(world.rows), frame, p=[row.share for row in world.rows])
    worse, better = (np.array([getattr(row, what) for row in world.rows])[which] for what in ("worse", "better"))
    chance = rng.random(frame)
    truth = np.where(chance < worse, -1, np.where(chance > 1 - better, 1, 0))
    strata = [world.rows[at].stratum for at in which]
    names = [f"{at:05d}" for at in range(frame)]
    sizes = {name: strata.count(name) for name in set(strata)}
    seed = int(rng.integers(2**40))
    plan = allocate({name: Stratum(size, SPREADS[name]) for name, size in sizes.items()}, budget, share)
    drawn = {one.name: one for one in draw(dict(zip(names, strata, strict=True)), plan, seed)}
    held = range(frame) if judge else [at for at in range(frame) if names[at] in drawn]
    told = [JUDGE.get(strata[at]) if judge else None for at in held]
    seen = [int(truth[at]) if names[at] in drawn else None for at in held]
    shares = tuple(
        ("uniform" if drawn[names[at]].is_uniform else "focused") if names[at] in drawn else "" for at in held
    )
    nobody = (None,) * len(seen)
    return Pairs(
        task="t", baseline="today", candidate="cheaper", human="people", judge="judge" if judge else "",
        prompt_ids=tuple(names[at] for at in held), strata=tuple(strata[at] for at in held),
        people_baseline=tuple(None if d is None else float(d <= 0) for d in seen),
        people_candidate=tuple(None if d is None else float(d >= 0) for d in seen),
        judge_baseline=tuple(None if d is None else float(d <= 0) for d in told),
        judge_candidate=tuple(None if d is None else float(d >= 0) for d in told),
        critical_baseline=nobody, critical_candidate=nobody, slices={}, missing=Missing(frame, frame, 0, 0),
        shares=shares, stratum_sizes=sizes,
    )  # fmt: skip


def even(pairs: Pairs) -> Pairs:
    """The same labels as they would be read if nobody knew that they were focused: for comparison only."""
    from dataclasses import replace

    from msgspec import UNSET

    return replace(pairs, shares=UNSET, stratum_sizes=UNSET, strata=("",) * len(pairs))


TYPICAL = (
    Row("judge_worse", 0.10, 0.45, 0.05), Row("judge_better", 0.08, 0.05, 0.40), Row("rules_differ", 0.07, 0.15, 0.10),
    Row("judge_same", 0.55, 0.02, 0.02), Row("unjudged", 0.05, 0.10, 0.10), Row("identical", 0.15, 0.0, 0.0),
)  # fmt: skip

WORLDS = (
    at_boundary("the judge sees the losses", TYPICAL, "judge_worse"),
    at_boundary("the losses lie where the judge sees none", TYPICAL, "judge_same"),
    at_boundary("what the judge did not see is bad", TYPICAL, "unjudged"),
    at_boundary(
        "a judge that is mostly wrong",
        (Row("judge_worse", 0.2, 0.05, 0.15), Row("judge_better", 0.2, 0.15, 0.05), Row("judge_same", 0.6, 0.0, 0.05)),
        "judge_same",
    ),
    at_boundary(
        "losses only, all where few labels go",
        (Row("judge_worse", 0.06, 0.0, 0.0), Row("judge_same", 0.74, 0.0, 0.0), Row("identical", 0.20, 0.0, 0.0)),
        "judge_same",
    ),
    at_boundary(
        "strata of a handful", (Row("judge_worse", 0.005, 0.5, 0.1), Row("rules_differ", 0.004, 0.5, 0.1),
                               Row("judge_same", 0.991, 0.0, 0.03)), "judge_same",
    ),
)  # fmt: skip

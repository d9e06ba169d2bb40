"""How often a judge that is right but for noise is accused: ``python bench/judges_noise.py``.

With the share ``noise`` a reply is dice (two in three a side, else a tie), else right; seven pairs of ten are ties. Fixed seed.
"""

from __future__ import annotations

import random
from collections import Counter

from jitsuri.evaluation.rules.judging.controlling import CONTROL_SHARE, FEWEST_CONTROLS
from jitsuri.evaluation.rules.judging.counting import counted
from jitsuri.evaluation.rules.judging.reporting import report_of
from jitsuri.evaluation.shapes import Heard, Hearing, JudgeFault, Order, Winner

ORDERS: tuple[Order, ...] = ("ab", "ba")
RUNS = 300


def said(rng: random.Random, truth: int, order: Order, noise: float) -> Winner:
    if rng.random() < noise:
        return rng.choice(("a", "b", "tie"))
    return "tie" if not truth else "a" if (truth > 0) == (order == "ab") else "b"


def faults(rng: random.Random, n: int, noise: float) -> tuple[JudgeFault, ...]:
    controls = max(FEWEST_CONTROLS, int(CONTROL_SHARE * n))
    hearings = []
    for at in range(n):
        truth = rng.choice((0, 0, 0, 0, 0, 0, 0, 1, 1, -1))
        replies = [Heard("pair", order, said(rng, truth, order, noise), "strict") for order in ORDERS]
        if at < controls:
            replies.append(Heard("again", "ab", said(rng, truth, "ab", noise), "strict"))
            replies.append(Heard("same", "ab", said(rng, 0, "ab", noise), "strict"))
            replies += [Heard("worse", order, said(rng, 1, order, noise), "strict") for order in ORDERS]
            replies += [Heard("posing", order, said(rng, 1, order, noise), "strict") for order in ORDERS]
        hearings.append(Hearing("u/j", "1", "j", {}, tuple(replies), (rng.randrange(50, 500), rng.randrange(50, 500))))
    counts = counted(hearings)
    assert counts is not None
    return report_of(counts).faults


if __name__ == "__main__":
    rng = random.Random(20261127)
    for n in (60, 200):
        for noise in (0.05, 0.10, 0.20):
            found = [faults(rng, n, noise) for _ in range(RUNS)]
            accused = sum(bool(one) for one in found) / RUNS
            aside = sum(any(fault.level == "aside" for fault in one) for one in found) / RUNS
            codes = Counter(fault.code for one in found for fault in one)
            print(f"pairs {n}, noise {noise:.2f}: any fault {accused:.3f}, set aside {aside:.3f}  {dict(codes)}")

"""How right and how narrow intervals are when labels are focused, and how fast the next pair comes.

    python bench/pairs.py [--runs 1000] [--labels 289]

Each world lies exactly at the boundary: every pass is a false one. Exits with 1 where one passes beyond 5 % by more than chance
(3 standard errors), or covers less than 93 % likewise.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from focused_worlds import WORLDS, even, sampled

from jitsuri.rightsizing.rules.estimating import estimate
from jitsuri.rightsizing.shapes.outcomes import Thresholds


def main() -> int:
    asked = argparse.ArgumentParser()
    asked.add_argument("--runs", type=int, default=1000)
    asked.add_argument("--labels", type=int, default=289)
    asked.add_argument("--frame", type=int, default=1500)
    told = asked.parse_args()
    thresholds, bad = Thresholds(), 0
    for world in WORLDS:
        rng = np.random.default_rng(20261127)
        covered = passed = 0
        widths: dict[str, list[float]] = {"focused": [], "even, strata": [], "even": []}
        for run in range(told.runs):
            found = estimate(sampled(world, rng, told.frame, told.labels, 0.3, judge=False), thresholds, 1)
            low, high = found.lower(0.025), found.upper(0.025)
            covered += low <= world.mean <= high
            passed += found.lower(0.05) > -thresholds.margin + 1e-9
            widths["focused"].append(high - low)
            if run < 200:
                pairs = sampled(world, rng, told.frame, told.labels, 1.0, judge=False)
                for name, one in (("even, strata", pairs), ("even", even(pairs))):
                    other = estimate(one, thresholds, 1)
                    widths[name].append(other.upper(0.025) - other.lower(0.025))
        shares = (covered / told.runs, passed / told.runs)
        error = 3 * (0.05 * 0.95 / told.runs) ** 0.5
        bad += shares[0] < 0.93 - error or shares[1] > 0.05 + error
        shown = ", ".join(f"{name} {np.mean(held) * 100:.1f}" for name, held in widths.items())
        print(
            f"{world.name}: covered {shares[0]:.3f}, false passes {shares[1]:.3f}; width in points: {shown}", flush=True
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

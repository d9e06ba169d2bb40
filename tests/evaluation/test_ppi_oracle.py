"""PPI++ against another implementation, ``ppi-python`` (extra ``oracle``): the same estimate, nearly the same interval.

Ours differs on purpose: λ is cross-fitted, the tail is tilted instead of normal, and labels come in steps.
"""

from __future__ import annotations

import numpy as np
import pytest

from jitsuri.evaluation.rules.estimating import FOLDS, Sample, ppi_parts
from jitsuri.evaluation.rules.ordering import folds
from jitsuri.evaluation.rules.tilting import lower_bound, mean_of, upper_bound

ppi_py = pytest.importorskip("ppi_py", reason="ppi-python is not installed (extra oracle)")


@pytest.mark.parametrize(("n", "right", "seed"), [(200, 0.9, 0), (300, 0.95, 1), (500, 0.8, 2), (400, 0.3, 3)])
def test_the_same_estimate_and_nearly_the_same_interval(n: int, right: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.choice([-1.0, 0.0, 1.0], n + 3000, p=[0.08, 0.86, 0.06])
    judge = np.where(rng.random(n + 3000) < right, truth, rng.choice([0.0, 1.0], n + 3000))
    sample = Sample(truth[:n], judge[:n], judge[n:], np.array(folds([str(at) for at in range(n)], 0, FOLDS)))

    parts, worth = ppi_parts([sample])
    point = float(ppi_py.ppi_mean_pointestimate(truth[:n], judge[:n], judge[n:])[0])
    low, high = (float(end[0]) for end in ppi_py.ppi_mean_ci(truth[:n], judge[:n], judge[n:], alpha=0.1))
    mine = lower_bound(parts, 0.05), upper_bound(parts, 0.05)

    assert worth > 0
    assert mean_of(parts) == pytest.approx(point, abs=0.004)
    assert mine == pytest.approx((low, high), abs=0.012)
    assert mine[1] - mine[0] == pytest.approx(high - low, rel=0.25)

"""Does a judge see what people see? Confusion, κ, correlation and bias on the pairs that both saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from jitsuri.evaluation.rules.tilting import Part, lower_bound, mean_of, upper_bound

Floats = NDArray[np.float64]
Confusion = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Seen:
    """How a judge and people saw the same pairs; see ``rightsizing.shapes.verdicts.Agreement`` for the meaning."""

    n: int
    confusion: Confusion
    kappa: float | None
    kappa_error: float | None
    correlation: float | None
    p_correlation: float
    """One-sided: how likely so large a correlation would be if there were none."""
    bias: float
    bias_low: float
    bias_high: float


def agreement(people: Floats, judge: Floats, alpha: float, gap: Sequence[Part] = ()) -> Seen:
    """Compare differences (candidate − baseline) pair by pair; at least two pairs. ``alpha`` per end of the bias.

    ``gap``: (judge − people) in weighted parts, where the pairs were not drawn evenly.
    """
    signs = np.sign(np.round(people, 9)).astype(int), np.sign(np.round(judge, 9)).astype(int)
    table = np.zeros((3, 3))
    np.add.at(table, (signs[0] + 1, signs[1] + 1), 1)
    kappa, error = _kappa(table)
    correlation = correlated(people, judge)
    gap = gap or [Part(judge - people)]
    rows = [tuple(int(cell) for cell in row) for row in table]
    return Seen(
        n=len(people),
        confusion=((rows[0][0], rows[0][1], rows[0][2]), (rows[1][0], rows[1][1], rows[1][2]),
                   (rows[2][0], rows[2][1], rows[2][2])),
        kappa=kappa,
        kappa_error=error,
        correlation=correlation,
        p_correlation=p_correlated(correlation, len(people)),
        bias=mean_of(gap),
        bias_low=lower_bound(gap, alpha),
        bias_high=upper_bound(gap, alpha),
    )  # fmt: skip


def correlated(one: Floats, other: Floats) -> float | None:
    """Pearson's correlation; None where one of the two does not vary."""
    if len(one) < 3 or float(one.std()) < 1e-9 or float(other.std()) < 1e-9:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def p_correlated(correlation: float | None, n: int) -> float:
    """One-sided p-value against "no positive correlation": t with n − 2 degrees of freedom; 1.0 where there is none."""
    if correlation is None or n < 4:
        return 1.0
    if abs(correlation) >= 1 - 1e-12:
        return 0.0 if correlation > 0 else 1.0
    return float(special.stdtr(n - 2, -correlation * np.sqrt((n - 2) / (1 - correlation**2))))


def _kappa(table: Floats) -> tuple[float | None, float | None]:
    """Cohen's κ with its standard error. Source: Fleiss, Cohen, Everitt, Psychological Bulletin 72 (1969) 323–327."""
    n = float(table.sum())
    share = table / n
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    agreed, by_chance = float(np.trace(share)), float(rows @ columns)
    if by_chance >= 1 - 1e-12:
        return None, None
    kappa = (agreed - by_chance) / (1 - by_chance)
    on = sum(share[i, i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in range(3))
    off = sum(share[i, j] * (columns[i] + rows[j]) ** 2 for i in range(3) for j in range(3) if i != j)
    variance = (on + (1 - kappa) ** 2 * off - (kappa - by_chance * (1 - kappa)) ** 2) / (1 - by_chance) ** 2 / n
    return kappa, float(np.sqrt(max(0.0, float(variance))))

"""Parts of a task: a slice that is certainly worse than the margin allows blocks the whole, or is split off.

The *upper* bound decides. A rule on lower bounds ("every slice must be shown good") blocks two thirds of identical models
(measured on real data, ``bench/verdicts.py``), because small slices are never sure of anything: those are named instead.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from jitsuri.evaluation.rules.counting import holm_levels
from jitsuri.evaluation.rules.tilting import Part, lower_bound
from jitsuri.rightsizing.rules.estimating import Estimate, p_worse, upper_of
from jitsuri.rightsizing.rules.packing import rounded
from jitsuri.rightsizing.shapes.outcomes import Thresholds
from jitsuri.rightsizing.shapes.verdicts import Slice, Span, Split

Floats = NDArray[np.float64]


def slices_of(found: Estimate, columns: Mapping[str, tuple[str, ...]], thresholds: Thresholds) -> tuple[Slice, ...]:
    """Every slice with its state, columns and values in order. Holm over all slices that are large enough."""
    cut = [
        (field, value, found.differences[held])
        for field, column in sorted(columns.items())
        for value, held in _held(column, found.places)
    ]
    tested = [at for at, (_, _, values) in enumerate(cut) if len(values) >= thresholds.fewest_per_slice]
    levels = holm_levels([p_worse(cut[at][2], thresholds.margin) for at in tested], thresholds.alpha)
    level_of = {at: level for at, (level, _) in zip(tested, levels, strict=True)}
    return tuple(
        _slice(field, value, values, level_of.get(at), thresholds) for at, (field, value, values) in enumerate(cut)
    )


def split_of(
    found: Estimate, columns: Mapping[str, tuple[str, ...]], slices: tuple[Slice, ...], thresholds: Thresholds
) -> Split | None:
    """What is left without the slices that block: a suggestion, since it was chosen after looking."""
    blocking = [(one.field, one.value) for one in slices if one.state == "blocks"]
    if not blocking:
        return None
    left = np.ones(found.n, dtype=bool)
    for field, value in blocking:
        left &= np.array([columns[field][at] != value for at in found.places])
    values = found.differences[left]
    if len(values) < thresholds.fewest_pairs:
        return None
    return Split(
        tuple(f"{field}={value}" for field, value in blocking), len(values), rounded(float(values.mean())),
        _span(values, thresholds.alpha),
    )  # fmt: skip


def _held(column: tuple[str, ...], places: NDArray[np.int64]) -> list[tuple[str, NDArray[np.bool_]]]:
    values = np.array([column[at] for at in places], dtype=object)
    return [(value, values == value) for value in sorted({str(v) for v in values if v})]


def _slice(field: str, value: str, values: Floats, level: float | None, thresholds: Thresholds) -> Slice:
    difference = rounded(float(values.mean()))
    if level is None:
        return Slice(field, value, len(values), difference, None, "unconfirmed")
    blocks = upper_of(values, level) < -thresholds.margin
    return Slice(field, value, len(values), difference, _span(values, level), "blocks" if blocks else "fine")


def _span(values: Floats, level: float) -> Span:
    return Span(rounded(lower_bound([Part(values)], level)), rounded(upper_of(values, level)), rounded(1 - 2 * level))

"""How alike two answers are by their embeddings: a figure to look at, never one that decides (decision 0033)."""

from __future__ import annotations

import math
from collections.abc import Sequence

DIGITS = 6


def cosine(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The cosine of two vectors in [0, 1]; below zero counts as zero. None for vectors of different length, without length, or
    with what is no number."""
    if len(one) != len(other) or not one or not all(math.isfinite(value) for value in (*one, *other)):
        return None
    length = math.hypot(*one) * math.hypot(*other)
    if not length or not math.isfinite(length):
        return None
    found = math.fsum(a * b for a, b in zip(one, other, strict=True)) / length
    return round(min(1.0, max(0.0, found)), DIGITS) + 0.0

"""Totals: what rollups say about a span, by any of their keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Period = Literal["day", "month"]
Dimension = Literal["period", "department", "task", "provider", "model", "purpose", "tier"]
DIMENSIONS: tuple[Dimension, ...] = ("period", "department", "task", "provider", "model", "purpose", "tier")


@dataclass(frozen=True, slots=True)
class Total:
    """Sums of entries that share a key. Dimensions that were summed over are None.

    ``unpriced`` and ``unconverted`` count attempts that are *not* in ``cost_jpy``: a total with any of them is a
    lower bound and says so. ``latency_ms_mean`` is None where no attempt told its latency.
    """

    period: date | None
    department: str | None
    task: str | None
    provider: str | None
    model: str | None
    purpose: str | None
    tier: str | None
    calls: int
    failed: int
    unpriced: int
    unconverted: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    latency_ms_mean: float | None
    cost_usd: Decimal
    cost_jpy: Decimal


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls and yen of one combination of keys, for large cross tables."""

    key: tuple[date | str, ...]
    """The values of the dimensions asked for, in their order."""
    calls: int
    cost_jpy: Decimal


@dataclass(frozen=True, slots=True)
class Gaps:
    """Attempts that no total holds in yen: without a price, or without an exchange rate."""

    unpriced: int
    unpriced_models: tuple[str, ...]
    unconverted: int

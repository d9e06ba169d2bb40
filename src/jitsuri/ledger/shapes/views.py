"""What a reader is shown of the ledger: the sums of a call's lines, the use of a task."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from jitsuri.ledger.shapes.pricing import PriceState
from jitsuri.terms.usage import Usage


@dataclass(frozen=True, slots=True)
class CallAmounts:
    """The sum of all lines of one call. ``cost_jpy`` is None while no line of it is in yen."""

    attempts: int
    input_tokens: int
    output_tokens: int
    latency_ms: int | None
    """Of the last attempt that told one."""
    state: PriceState
    """The worst of its attempts: ``unpriced`` before ``unconverted`` before ``priced``."""
    cost_jpy: Decimal | None


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of the lines of some calls. ``unpriced`` and ``unconverted`` attempts are not in ``cost_jpy``."""

    attempts: int
    unpriced: int
    unconverted: int
    input_tokens: int
    output_tokens: int
    cost_jpy: Decimal


@dataclass(frozen=True, slots=True)
class Use:
    """What one task used of one model, tier by tier, in a span of months."""

    task: str
    provider: str
    model: str
    tier: str
    calls: int
    unpriced: int
    """Attempts without yen (no price, or no exchange rate): their cost is not in ``cost_jpy``."""
    usage: Usage
    cost_jpy: Decimal

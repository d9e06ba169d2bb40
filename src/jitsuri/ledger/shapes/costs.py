"""Costs that are not calls: seats, provisioned throughput, GPU rent, platform share, labour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, get_args
from uuid import UUID

CostKind = Literal["seats", "provisioned", "gpu", "platform", "labour", "other"]
COST_KINDS: tuple[CostKind, ...] = get_args(CostKind)
SpreadRule = Literal["direct", "even", "by_calls", "by_tokens", "by_cost", "shares"]
"""How a month's amount reaches departments and tasks. ``direct``: all to the line's own department and task.
``even``: equally over those with calls. ``by_*``: in proportion. ``shares``: fixed shares."""
SPREAD_RULES: tuple[SpreadRule, ...] = get_args(SpreadRule)


@dataclass(frozen=True, slots=True)
class CostLine:
    """A dated line. ``amount`` is per month (``monthly``) or once on ``valid_from`` (``once``), without tax.

    ``unused_share`` (0 to 1) is the part that nobody used and that is shown as such, never spread.
    ``shares`` holds ``(department, task, share)``; they add up to 1.
    A line is never changed: a correction ends it (``valid_to``, through a new line that names it in ``replaces``).
    """

    cost_id: UUID
    kind: CostKind
    name: str
    amount: Decimal
    currency: str
    rhythm: Literal["monthly", "once"]
    valid_from: date
    valid_to: date | None
    """Last day, included; None is open."""
    department: str
    task: str
    provider: str
    spread: SpreadRule
    unused_share: Decimal
    shares: tuple[tuple[str, str, Decimal], ...] = ()
    replaces: UUID | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class SpreadAmount:
    """A part of one cost line in one month. ``is_unused`` marks the part nobody used."""

    cost_id: UUID
    month: date
    department: str
    task: str
    amount_jpy: Decimal
    is_unused: bool


@dataclass(frozen=True, slots=True)
class MonthCosts:
    """All costs of a month that are not calls: the parts in yen, and the lines that no exchange rate was found for."""

    amounts: tuple[SpreadAmount, ...]
    unconverted: tuple[CostLine, ...]

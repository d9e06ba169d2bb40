"""What a budget (予算) is, what is used of it, and what worker processes lend from it.

Amounts on the path of a call are whole millionths of a yen (``micro_jpy``), the ledger's own step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple, get_args
from uuid import UUID

import msgspec

BudgetScope = Literal["company", "department", "task", "key"]
"""What counts: everything; a department with all below it in the tree; a task; the calls of one key."""
BUDGET_SCOPES: tuple[BudgetScope, ...] = get_args(BudgetScope)
BudgetPeriod = Literal["day", "month", "fiscal_year"]
"""After which use begins at zero again, by the company's calendar."""
BUDGET_PERIODS: tuple[BudgetPeriod, ...] = get_args(BudgetPeriod)
BudgetKind = Literal["soft", "hard"]
"""``soft`` tells, ``hard`` also refuses."""
BUDGET_KINDS: tuple[BudgetKind, ...] = get_args(BudgetKind)


@dataclass(frozen=True, slots=True)
class BudgetDraft:
    """A budget as it is asked for."""

    name: str
    scope: BudgetScope
    subject: str
    """Department code, task or name of a key; '' for the company."""
    period: BudgetPeriod
    limit_jpy: Decimal
    """Per period; 0 allows nothing."""
    kind: BudgetKind
    notice_share: Decimal = Decimal("0.8")
    """Used share (0 to 1) at which a notice is written; another is written at 1."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget as it stands. Scope, subject and period never change; the rest does, by versions."""

    budget_id: UUID
    version: int
    name: str
    scope: BudgetScope
    subject: str
    period: BudgetPeriod
    limit_micro_jpy: int
    kind: BudgetKind
    notice_share: Decimal
    fiscal_year_starts_in: int
    """Month (1 to 12) in which a fiscal year began for the company when the budget was made."""
    begins_on: date
    """The company's day on which it was made."""
    is_pinned: bool
    """``jitsuri.toml`` names it: only the file changes it."""
    is_ended: bool = False


@dataclass(frozen=True, slots=True)
class BudgetVersion:
    """A version with who made it, and why."""

    budget: Budget
    author: str
    reason: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class BudgetSnapshot:
    """All standing budgets at one point of the sequence of changes."""

    sequence: int
    """Number of the newest version of any budget; 0 before the first."""
    budgets: tuple[Budget, ...]


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """A budget in one of its periods. ``leased_micro_jpy`` is what workers may still spend without asking."""

    budget: Budget
    period_start: date
    resets_on: date
    """First day of the next period."""
    used_micro_jpy: int
    leased_micro_jpy: int


class Marks(NamedTuple):
    """What budgets look at in a call. A tuple, because one is looked up per call and dataclasses hash slowly."""

    path: tuple[str, ...]
    """Codes of the departments from the top down to the call's own."""
    task: str
    key: str
    """The name of the key that made the call."""


class Place(NamedTuple):
    """One period of one budget: where use is counted."""

    budget_id: UUID
    period_start: date


class Settlement(msgspec.Struct, frozen=True):
    """What an attempt cost, to be counted in the transaction of its entry.

    A msgspec struct and no dataclass, because one is made per attempt on the path of a call.
    """

    worker_id: UUID
    """Whose leases the hold was on."""
    actual_micro_jpy: int
    lines: tuple[tuple[Place, int], ...]
    """Where it counts, with how much of that comes off the worker's lease there (0 for a soft budget)."""
    marks: Marks
    day: date
    """The company's day on which the attempt began."""
    known: int
    """``BudgetSnapshot.sequence`` when it was held: budgets made since are found at the commit."""
    attempt_id: UUID | None = None
    hard_lines: int = 0
    """How many of the lines, the first of them, are of hard budgets."""


class Want(NamedTuple):
    """A draw that a worker asks for."""

    place: Place
    need_micro_jpy: int
    """Without this much nothing is drawn; 0 draws ahead."""
    chunk_micro_jpy: int
    """What it would like, where there is room."""


class Drawn(NamedTuple):
    """What came of a draw, and how its budget stands after it."""

    place: Place
    granted_micro_jpy: int
    used_micro_jpy: int
    leased_micro_jpy: int
    limit_micro_jpy: int
    own_micro_jpy: int
    """The part of ``leased_micro_jpy`` that is the asker's."""


@dataclass(frozen=True, slots=True)
class BudgetNotice:
    """A share of a budget was passed: once per period and share."""

    place: Place
    share: Decimal
    used_micro_jpy: int
    limit_micro_jpy: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Overrun:
    """A hard budget was passed, because attempts cost more than was held for them, or ran when it was made."""

    place: Place
    used_micro_jpy: int
    leased_micro_jpy: int
    limit_micro_jpy: int
    beyond_micro_jpy: int
    """What no lease covered in this transaction."""
    attempts: tuple[UUID, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """What a transaction's settlements led to."""

    notices: tuple[BudgetNotice, ...] = ()
    overruns: tuple[Overrun, ...] = ()

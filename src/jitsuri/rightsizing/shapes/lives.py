"""What happens to a certificate after its decision: events, the world that was frozen, and what can end it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

Event = Literal["canary", "full", "voided", "rolled_back", "kept", "ended"]
"""``canary`` 先行 and ``full`` 全面: in force. ``voided`` 失効; after it ``rolled_back`` 切戻し, or ``kept`` 続行: the owner's
word that the way stays without a certificate. ``ended``: a newer certificate of the task took its place."""

State = Literal["none", "canary", "full", "voided", "rolled_back", "kept", "ended"]
IN_FORCE: frozenset[State] = frozenset({"canary", "full"})

Rollback = Literal["automatic", "ask"]
ROLLBACKS: tuple[Rollback, ...] = ("automatic", "ask")
"""What happens to the variant when a certificate is voided: rolled back at once, or the owner is asked."""

Door = Literal["console", "shell", "watch"]

CauseCode = Literal[
    "model_changed", "prompt_changed", "prompt_version_changed", "price_changed", "price_gone", "variant_changed",
    "mix_drifted", "audit_worse", "expired", "data_rule_forbids", "target_gone",
]  # fmt: skip

AfterVoid = Literal["rolled_back", "asked", "impossible", "not_needed"]
"""What followed a voiding. ``not_needed``: a person has already set another way, and that stays."""


class PriceFrozen(msgspec.Struct, frozen=True):
    """Standard price per million tokens."""

    input: Decimal
    output: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.input.normalize():f} / {self.output.normalize():f} {self.currency}"


class MixDay(msgspec.Struct, frozen=True):
    """One whole day of a task's calls: per dimension, how many calls fell into each category."""

    day: date
    counts: Mapping[str, Mapping[str, int]]

    @property
    def calls(self) -> int:
        return max((sum(counts.values()) for counts in self.counts.values()), default=0)


class World(msgspec.Struct, frozen=True):
    """What held when a certificate was put in force. Every later look is compared with it."""

    at: datetime
    today: str
    """The way that answered until then, as ``upstream/model`` or ``upstream/model#pN``: the target of a rollback."""
    proposed: str
    variant_version: int
    before: Mapping[str, object]
    """The variant as it stood: targets and cap."""
    models: Mapping[str, tuple[str, ...]]
    """Way → names of models that really answered in the last 28 days, else in its trials; empty where it had not answered yet."""
    prompts: Mapping[str, int]
    """Hash of a system prompt → calls of the last 28 days."""
    fresh_percent: int
    """Percent of calls of the last week whose system prompt had not been seen in the three weeks before."""
    prices: Mapping[str, PriceFrozen | None]
    """Way → price; None where the book had none."""
    usd_jpy: Decimal | None
    price_limit_percent: int
    audit_percent: Decimal
    valid_until: date | None
    mix_days: int
    """Whole days with calls among the last 28 that stand as reference of the mix."""


@dataclass(frozen=True, slots=True)
class Force:
    """One event, as it is kept."""

    number: str
    sequence: int
    task: str
    event: Event
    at: datetime
    author: str
    door: Door
    code: str
    """Why: a ``CauseCode`` for ``voided``, ``replaced`` for ``ended``; '' where the reason is a person's."""
    reason: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Life:
    """A certificate's events, oldest first, and what follows from them."""

    number: str
    task: str
    events: tuple[Force, ...]
    state: State
    rollback: Rollback
    per_mille: int
    """The canary's share of 1,000 threads; 1,000 when full, 0 where it is not in force."""
    world: World | None
    asks: bool
    """Voided, and the owner has not said yet whether to roll back."""

    @property
    def sequence(self) -> int:
        return len(self.events)

    @property
    def voided(self) -> Force | None:
        return next((one for one in reversed(self.events) if one.event == "voided"), None)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look sees now, beside the world that was frozen. Everything since the certificate was put in force."""

    today: date
    variant: tuple[str, str, int]
    """(first way, the canary's way or '', version); '' where the task has no variant."""
    cap: int
    models: Mapping[str, tuple[str, ...]]
    """Way → names that answered since, the earliest first."""
    prompts: Mapping[str, int]
    """Hash of a system prompt → calls, of the newest calls since."""
    prices: Mapping[str, PriceFrozen | None]
    faults: Mapping[str, str]
    """Way → why it may not answer any more (``dropped.<code>``); only ways that may not."""
    mix: tuple[MixDay, ...] = ()
    """All counted days, the reference's first."""
    audit_capital: float = 0.0
    audit_labels: int = 0
    margin: float = 0.05


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a certificate is void: what changed, before and after."""

    code: CauseCode
    facts: Mapping[str, object] = field(default_factory=dict)


WatchState = Literal["same", "moved", "void", "unknown"]
"""``moved``: within its limit. ``void``: beyond it. ``unknown``: cannot be watched yet."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One thing that is watched, with its value at the freeze and now, for a page."""

    code: str
    before: str
    now: str
    state: WatchState
    facts: Mapping[str, object] = field(default_factory=dict)


AuditDirection = Literal["new_answered", "old_answered"]
"""Which way answered the caller; the other one is asked too."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One call of the audit stream. ``difference`` is the new way's score minus the old one's, −1 to 1."""

    number: str
    call_id: UUID
    called_at: datetime
    direction: AuditDirection
    target: str
    attempt_id: UUID
    state: Literal["asked", "answered", "failed"]
    difference: float | None
    source: str

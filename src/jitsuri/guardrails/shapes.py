"""What a check sees (検知), what a policy says, and what a run of the checks left behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

TYPES: tuple[str, ...] = (
    "PERSON", "ADDRESS", "PHONE", "EMAIL", "POSTAL_CODE", "MY_NUMBER", "CORPORATE_NUMBER", "CREDIT_CARD", "BANK_ACCOUNT",
    "DRIVERS_LICENSE", "PASSPORT", "HEALTH_INSURANCE", "DATE_OF_BIRTH", "EMPLOYEE_ID", "CUSTOMER_ID", "CONFIDENTIAL_TERM",
    "MARKING", "SECRET",
)  # fmt: skip
"""What the built-in checks find. The check of a type is named as the type in lower case; own checks bring types of their own."""

Action = Literal["observe", "mask", "pseudonymise", "block", "on_premises"]
"""What follows from a finding: noted only; replaced for good; replaced and restored in the answer; the call is refused; the call
may only go to the company's own machines."""
ACTIONS: tuple[Action, ...] = ("observe", "mask", "pseudonymise", "on_premises", "block")
"""Mildest first; of several findings in a text each has its own action, and the sternest decides about the call."""

Direction = Literal["in", "out"]
"""``in``: what goes to the model. ``out``: what it answers."""

FailMode = Literal["closed", "open"]
"""What follows when a check failed, timed out or could not run: the call is refused, or goes on with that recorded."""

CheckState = Literal["ran", "failed", "timed_out", "skipped"]
"""How a check fared in a run. Only ``ran`` says anything about the text."""

Outcome = Literal["clean", "observed", "altered", "kept_in", "blocked", "failed"]
"""What a run came to: nothing found; found and only noted; spans were replaced; kept on the company's machines; refused for a
finding; refused because a check could not tell."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What a check saw, and where: never the value itself. A msgspec struct, because many are made per call."""

    start: int
    """First character, in code points of the text."""
    end: int
    """One past the last."""
    type: str
    score: float
    """How sure, 0 to 1: compared with the policy's threshold."""
    reason: str
    """Why, as a code: ``words`` holds ``guard_reason.<code>``."""
    check: str = ""
    """Name of the check; filled in by the scanner."""


class Check(Protocol):
    """Text in, findings out. Own checks are found by the entry point group ``jitsuri.checks``."""

    @property
    def name(self) -> str:
        """Lower case, ``[a-z][a-z0-9_]*``: what policies name."""

    @property
    def version(self) -> str:
        """Changes whenever the same text may give other findings."""

    @property
    def types(self) -> tuple[str, ...]:
        """The types it may report."""

    def find(self, text: str) -> Iterable[Finding]:
        """What stands in a normalised text, with offsets in it. Local: whether a span is reported depends on at most
        ``rules.segmenting.REACH`` characters around it, or on its segment alone. May raise: that is recorded as failed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a policy says about one check."""

    check: str
    inward: Action | None
    """For what goes to the model; None does not run the check there."""
    outward: Action | None = None
    """For what it answers: ``pseudonymise`` and ``on_premises`` say nothing there."""
    threshold: float = 0.5
    """Findings below this score are not acted upon and not kept."""
    on_failure: FailMode = "closed"


@dataclass(frozen=True, slots=True)
class Exemption:
    """A span that a policy lets through (例外): one value of one check, or one check whole, until a day, answered for by a person."""

    check: str
    value: str
    """The very text that is let through (normalised, compared without case); '' is every finding of the check."""
    owner: str
    """Login of whoever answers for it."""
    expires_on: date
    """Last day, included."""
    reason: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What is checked for one task, and what follows. A new version replaces the one before; none is ever changed."""

    task: str
    version: int
    rules: tuple[Rule, ...]
    exemptions: tuple[Exemption, ...] = ()
    terms: tuple[str, ...] = ()
    """The company's confidential words; variants are found as well."""
    employee_patterns: tuple[str, ...] = ()
    """How employee numbers look: ``9`` a digit, ``A`` a capital letter, all else itself (``A9999-99``)."""
    customer_patterns: tuple[str, ...] = ()
    on_premises: Literal["observe", "same"] = "observe"
    """What holds for the company's own machines: everything is only noted, or the same as outside."""
    restores_my_number: bool = False
    """Whether マイナンバー may be pseudonymised and restored; else it may only be masked or worse (番号法 Art. 19, 20)."""
    timeout_ms: int = 2_000
    """For all checks of one call together."""
    lets_media_pass: bool = False
    """Whether pictures, sounds and files, into which no check looks, may go outside; they are recorded as skipped either way."""


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A policy as it is kept."""

    policy: Policy
    created_at: datetime
    created_by: str
    reason: str
    is_active: bool
    """False: this version says that the task is not checked any more."""


class CheckRan(msgspec.Struct, frozen=True, gc=False):
    """How one check fared in one run."""

    check: str
    version: str
    state: CheckState
    found: int = 0


class KeptFinding(msgspec.Struct, frozen=True, gc=False):
    """A finding as it is kept: where, what kind, how sure, what was done. Neither the value nor anything made from it."""

    place: str
    """Where in the body: ``messages[2].content``."""
    start: int
    end: int
    type: str
    check: str
    score: float
    reason: str
    action: Action
    is_exempt: bool = False


class GuardRun(msgspec.Struct, frozen=True, gc=False):
    """One run of a task's checks over what one call sent or got: the evidence of it."""

    run_id: UUID
    call_id: UUID
    at: datetime
    day: date
    task: str
    direction: Direction
    policy_version: int
    outcome: Outcome
    is_outside: bool
    """Whether it was for a model outside the company's own machines."""
    checks: tuple[CheckRan, ...]
    findings: tuple[KeptFinding, ...]
    """At most ``MOST_KEPT``; ``found`` counts all."""
    found: int
    latency_us: int
    """From the start of the run to its end, queueing included; of streams the sum over their pieces."""
    characters: int


MOST_KEPT = 200
"""Findings that one run keeps; all are counted (decision 0039)."""


class Scanned(msgspec.Struct, frozen=True):
    """What a scan of one text gave."""

    findings: tuple[Finding, ...]
    """By place, without overlaps."""
    ran: tuple[CheckRan, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every check could tell."""
        return all(one.state == "ran" for one in self.ran)


class Labelled(msgspec.Struct, frozen=True):
    """A line that a person labelled: ``{"id", "text", "entities": [{"start", "end", "type"}]}``."""

    id: str
    text: str
    entities: tuple[Span, ...] = ()


class Span(msgspec.Struct, frozen=True, gc=False):
    """Where something stands that a person pointed out."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Measured:
    """How well one type is found on labelled lines."""

    type: str
    labelled: int
    found_typed: int
    """Labelled spans of which at least half is covered by findings of the same type."""
    masked: int
    """Labelled spans whose every character, spaces aside, lies under some finding."""
    reported: int
    """Findings of the type."""
    right: int
    """Of them those that overlap a labelled span of the type."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement on the customer's own lines. The lines themselves are not kept."""

    measured_at: datetime
    measured_by: str
    task: str
    policy_version: int
    lines: int
    characters: int
    types: tuple[Measured, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    """Versions of the checks."""


@dataclass(frozen=True, slots=True)
class SealedPseudonym:
    """What a mark stands for within a thread, sealed; kept until a day."""

    thread_id: UUID
    mark: str
    sealed: bytes
    key_name: str
    """Which key opens it."""
    type: str
    expires_on: date
    """Last day, included."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Findings of one type with one action on one day."""

    task: str
    day: date
    direction: Direction
    type: str
    """'' counts those beyond the ``MOST_KEPT`` of a run."""
    action: str
    """An action, ``exempt``, or '' with the type ''."""
    findings: int


@dataclass(frozen=True, slots=True)
class CountedRuns:
    """Runs with one outcome on one day."""

    task: str
    day: date
    direction: Direction
    outcome: Outcome
    runs: int
    found: int
    characters: int
    latency_us: int
    """The sum over them."""


@dataclass(frozen=True, slots=True)
class CountedStates:
    """Runs of one day in which one check could not tell."""

    task: str
    day: date
    check: str
    state: CheckState
    runs: int

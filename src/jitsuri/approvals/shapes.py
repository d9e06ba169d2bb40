"""What the approval route is made of: matters, the acts of people on them, and deputies for a span of days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

Kind = Literal["certificate"]
KINDS: tuple[Kind, ...] = ("certificate",)

Step = Literal["draft", "review", "decision"]
"""起案, 審査, 決裁."""
STEPS: tuple[Step, ...] = ("draft", "review", "decision")

State = Literal["draft", "in_review", "in_decision", "returned", "approved", "rejected", "withdrawn"]
"""``draft`` nobody has submitted it; ``returned`` (差戻し) and ``withdrawn`` (取下げ) may be submitted again, in a new round;
``approved`` and ``rejected`` (否決) are final."""
STATES: tuple[State, ...] = ("draft", "in_review", "in_decision", "returned", "approved", "rejected", "withdrawn")

Act = Literal["submit", "pass_review", "approve", "reject", "return", "withdraw"]
ACTS: tuple[Act, ...] = ("submit", "pass_review", "approve", "reject", "return", "withdraw")

Door = Literal["console", "shell"]
"""Where an act was done: ``console`` after the person's password, ``shell`` by an operator who named the person."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A person as the route sees one."""

    login: str
    name: str
    roles: tuple[str, ...]
    steps: frozenset[Step]
    """What this person may do in their own right; empty for one who has left."""
    may_stand_in: bool
    """May this person act for somebody who names them? Not auditors, and not who has left."""
    has_left: bool = False


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts: the signer, in their own right, or for ``principal`` (代理), if they are that person's deputy today."""

    signer: Signer
    door: Door
    principal: Signer | None = None
    is_deputy: bool = False
    """Has the principal named this signer for today? Means nothing without a principal."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to do, with what their page showed."""

    act: Act
    sequence: int
    """Acts that the matter had, as the page showed it."""
    fingerprint: str
    """The document that was seen."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """One act as it is kept. Names and roles are those of its day."""

    sequence: int
    """1 is the matter's first act."""
    round: int
    act: Act
    step: Step
    login: str
    name: str
    roles: tuple[str, ...]
    on_behalf_of: str
    """The login of the one for whom it was done; '' is in one's own right."""
    on_behalf_of_name: str
    fingerprint: str
    reason: str
    door: Door
    at: datetime

    @property
    def hands(self) -> frozenset[str]:
        """The logins of everybody who stands behind this act."""
        return frozenset({self.login, self.on_behalf_of} - {""})


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that is to be approved, with all of its acts, oldest first."""

    kind: Kind
    subject: str
    """As ``JR-2026-0007``."""
    fingerprint: str
    """Of the document that the present round is about."""
    round: int
    """0 before the first submission."""
    state: State
    acts: tuple[Signature, ...] = ()

    @property
    def sequence(self) -> int:
        return len(self.acts)


@dataclass(frozen=True, slots=True)
class Deputy:
    """代理: that ``login`` may review or decide for ``principal`` on some days. A later version ends it early."""

    deputy_id: UUID
    version: int
    principal: str
    login: str
    first: date
    last: date
    """The last day, included."""
    is_ended: bool
    reason: str
    author: str
    at: datetime


Idle = Literal["", "deputy_left", "principal_left", "deputy_unfit", "principal_unfit"]
"""Why a deputy of these days signs nothing: one of the two has left (離任), or has no role for it any more. '' it may sign."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way in which a step can be done: by a signer in their own right, or as the deputy of a principal."""

    signer: Signer
    principal: Signer | None = None

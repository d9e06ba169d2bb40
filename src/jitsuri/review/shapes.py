"""What a colleague judges and says: a pair, its two sides as one person sees them, and a label with all its versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Share = Literal["uniform", "focused"]
"""How a pair was drawn: from all alike, or where a label teaches most (decision 0034)."""

Side = Literal["left", "right"]
Press = Literal["left", "same", "right", "both_bad", "skip"]
"""What is said on the page, where nobody knows whose answer stands on which side."""
PRESSES: tuple[Press, ...] = ("left", "same", "right", "both_bad", "skip")

Choice = Literal["baseline", "same", "candidate", "both_bad", "skip"]
"""The same, told of the two answers. ``skip``: this person says nothing of this pair."""
CHOICES: tuple[Choice, ...] = ("baseline", "same", "candidate", "both_bad", "skip")

ReasonCode = Literal["facts", "missing", "invented", "tone", "format", "long", "language", "instructions"]
REASON_CODES: tuple[ReasonCode, ...] = (
    "facts", "missing", "invented", "tone", "format", "long", "language", "instructions",
)  # fmt: skip
"""Why one answer is worse; ``words`` holds ``review.reason.<code>``."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Today's answer and a candidate's to one request, drawn to be judged: of a trial, or of a certificate's audit."""

    pair_id: UUID
    trial_id: UUID
    """Of an audit: the id of the certificate's set of pairs (``review.rules.counting.audit_set``)."""
    way: int
    position: int
    stratum: str
    share: Share
    rank: int
    """Place in the order in which pairs are shown."""
    inclusion: float
    """Probability that this pair was drawn, known before anybody looked."""
    people: int
    """How many people judge it: 1, or 2 so that it can be told how far people agree."""
    drawn_at: datetime
    certificate: str = ""
    """The number of the certificate whose audit this pair belongs to; '' for a pair of a trial."""
    call_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """What one person said of one pair, in one version; the latest version stands, unless it was undone."""

    pair_id: UUID
    person: str
    version: int
    choice: Choice
    critical_baseline: bool
    critical_candidate: bool
    reason_codes: tuple[str, ...]
    note: str
    took_ms: int
    is_undone: bool
    author: str
    """Who wrote it: the person, or whoever imported their sheet."""
    at: datetime

    @property
    def is_said(self) -> bool:
        """Does it say which answer is better? A skip and what was undone do not."""
        return not self.is_undone and self.choice != "skip"


@dataclass(frozen=True, slots=True)
class Said:
    """What a page sends of one pair, before sides are resolved. ``version`` is the one that the page has seen; 0: none."""

    press: Press
    version: int
    critical_left: bool = False
    critical_right: bool = False
    reason_codes: tuple[str, ...] = ()
    note: str = ""
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """A pair that one person is looking at."""

    pair_id: UUID
    person: str
    given_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Draw:
    """How a candidate's pairs were drawn; a larger draw is a new version."""

    trial_id: UUID
    way: int
    version: int
    task: str
    candidate: str
    budget: int
    seed: int
    frame: dict[str, list[int]]
    """Every pair that could have been drawn: positions by stratum."""
    focused: dict[str, int]
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the labels of a trial are, for one person: of all people together, and what is left for this one."""

    drawn: int
    done: int
    """Pairs with as many labels as they want."""
    left_for_me: int
    mine: int
    """Pairs that this person has labelled."""

"""What a trial (試行) is: candidates asked what was asked before, each request once, within a sum that the owner agreed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from jitsuri.terms.outcomes import Dropped

TrialState = Literal["planned", "running", "paused", "done", "stopped"]
"""``planned``: agreed to, nothing asked yet. ``paused``: goes on where it stopped. ``stopped``: ended for good by a person."""
AnswerState = Literal["asked", "answered", "failed", "lost"]
"""``asked``: may be under way. ``lost``: its process died after it may have been sent; nobody knows the answer."""

BASELINE = 0
"""The number of today's way; candidates are numbered from 1."""
SAME = "same"
"""The scorer that is always there: 1 where an answer equals the baseline's (``rules.replying.is_same``)."""
PEOPLE = "people"
"""How people's labels are named in a table of outcomes."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to answer inside a trial: ``upstream/model``, with a version of the task's prompt (0: as the caller wrote it)."""

    number: int
    target: str
    prompt: int = 0
    expected_jpy: Decimal | None = None
    """What the whole sample should cost with it, by the tokens of today's answers (想定); None where it has no price."""
    most_jpy: Decimal | None = None
    """What the whole sample can cost at most: a token per byte in, the cap on output out."""
    is_free: bool = False
    """Answers on this machine for nothing, so that asking twice harms nobody."""

    @property
    def name(self) -> str:
        """As tables, verdicts and certificates name it: ``upstream/model`` or ``upstream/model#p3``."""
        return f"{self.target}#p{self.prompt}" if self.prompt else self.target


@dataclass(frozen=True, slots=True)
class RuleScorer:
    """A scorer of ``evaluation`` by name; ``spec`` is the JSON text that it was read from."""

    name: str
    spec: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """How the sample came about, in numbers of threads."""

    threads: int
    """With a kept request in the span, answered by today's model."""
    opened: int
    """Whose text was opened for the draw."""
    near_duplicates: int
    """Left out because another one says nearly the same."""
    unusable: Mapping[str, int] = field(default_factory=dict)
    """Left out by reason code (``trial.unusable.<code>``)."""
    strata: Mapping[str, int] = field(default_factory=dict)
    """Requests of the sample by stratum."""


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """What is asked of whom; never changed once the trial stands."""

    baseline: Way
    candidates: tuple[Way, ...]
    is_baseline_asked: bool
    """False: the stored answers of today's model are the baseline, and nothing is asked for it."""
    seed: int
    drawn: Drawn
    most_output_tokens: int
    """Cap on one answer's output where the request names none, and the most it may name."""
    margin: Decimal
    scorers: tuple[RuleScorer, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    """Candidates that were asked for and cannot answer this sample."""

    @property
    def ways(self) -> tuple[Way, ...]:
        return (self.baseline, *self.candidates)

    def way(self, number: int) -> Way:
        """The way of a number. Raises KeyError."""
        for one in self.ways:
            if one.number == number:
                return one
        raise KeyError(number)

    @property
    def asked(self) -> tuple[Way, ...]:
        """The ways that are asked, in the order of their turns."""
        return self.ways if self.is_baseline_asked else self.candidates


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial as it stands."""

    trial_id: UUID
    task: str
    plan: TrialPlan
    state: TrialState
    why: str
    """Why it is paused or stopped: a code (``trial.why.<code>``), or a person's words where a person stopped it; '' else."""
    cap_jpy: Decimal
    author: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SampledRequest:
    """One request of the sample. ``stands_for``: itself and the near-duplicates that were left out for it."""

    position: int
    call_id: UUID
    thread_id: UUID
    at: datetime
    stratum: str
    slices: Mapping[str, str]
    stands_for: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request with one way."""

    way: int
    position: int
    state: AnswerState
    attempt_id: UUID
    round: int
    """0 the first time; more where the owner had it asked again."""
    asked_at: datetime
    came_at: datetime | None
    error_code: str
    sealed: bytes | None
    """``calls.rules.sealing``, bound to (attempt_id, ``response``); None without an answer or once its last day has passed."""
    key_name: str
    delete_on: date | None
    model_answered: str
    input_tokens: int
    output_tokens: int
    cost_jpy: Decimal | None
    most_jpy: Decimal
    lost_jpy: Decimal
    latency_ms: int | None
    is_same: bool | None
    """Equal to the baseline's answer (``rules.replying``); None where there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Score:
    """One scorer's view of one answer. A scorer of pairs sets ``baseline_score`` too; both None: it abstained, ``reason`` why."""

    way: int
    position: int
    scorer: str
    score: float | None
    baseline_score: float | None = None
    critical: bool | None = None
    reason: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PairLabel:
    """A person's view of one pair: today's answer against a candidate's. Scores in [0, 1] or None (could not say)."""

    way: int
    position: int
    person: str
    baseline_score: float | None
    candidate_score: float | None
    critical_baseline: bool | None = None
    critical_candidate: bool | None = None


@dataclass(frozen=True, slots=True)
class WayProgress:
    """How far one way has come."""

    way: Way
    requests: int
    answered: int
    failed: int
    lost: int
    under_way: int
    same: int
    """Answers equal to the baseline's."""
    spent_jpy: Decimal
    """Booked, and for what nobody knows the most that it can have cost."""
    is_given_up: bool
    """Failing clearly (``rules.trying.is_clearly_failing``): nothing more is asked of it."""
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def open(self) -> int:
        """Requests that it has not been asked yet."""
        return self.requests - self.answered - self.failed - self.lost - self.under_way

    @property
    def is_over(self) -> bool:
        return self.is_given_up or not (self.open or self.under_way)

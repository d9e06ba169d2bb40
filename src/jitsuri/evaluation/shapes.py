"""What a question about quality needs (margin, risk, number of labels), and how answers are scored by rule (採点)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Literal


@dataclass(frozen=True, slots=True)
class Need:
    """How many labels a paired proof will probably need, and what they cost in time.

    ``labels`` are judgements by people on pairs (today's answer against the candidate's); ``seconds`` is their time.
    """

    labels: int
    seconds: Decimal
    margin: Decimal
    discordance: Decimal
    risk: Decimal
    power: Decimal


Reason = tuple[str, Mapping[str, object]]
"""Why an answer did not get everything: a code of ``REASONS`` and what it is about (numbers, fields)."""


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer was held against a rule. ``score`` is exact, in [0, 1]; below 1 there is a reason (at 1 there may be a note)."""

    score: Fraction
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Unscored:
    """The rule cannot say anything of this answer (no expected answer, two numbers where one was asked): never a silent 0."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


Outcome = Scored | Unscored


@dataclass(frozen=True, slots=True)
class Exact:
    """The same characters, one for one."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """The same text to a reader: width, case, spaces, marks and quotes do not count (``rules.normalising``)."""

    case: Literal["ignore", "keep"] = "ignore"
    punctuation: Literal["keep", "ignore"] = "keep"
    spaces: Literal["fold", "ignore"] = "fold"


@dataclass(frozen=True, slots=True)
class Numeric:
    """The same number, day or time of day, however it is written (``rules.reading_numbers``)."""

    take: Literal["last", "first", "only"] = "last"
    absolute: Fraction = Fraction(0)
    """The most that the answer may be off, in the expected answer's own unit."""
    relative: Fraction = Fraction(0)
    """The most that it may be off, as a share of the expected number. The larger of both allowances counts."""
    units: Literal["given", "strict"] = "given"
    """``given``: a unit counts where both sides name one; ``strict``: one that only one side names is a difference."""
    percent: Literal["ratio", "points"] = "ratio"
    """``ratio``: 25 % is 0.25 and never 25; ``points``: beside a number without % it is 25."""


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The answer is JSON that a schema accepts (``rules.checking_schemas``)."""

    schema: Mapping[str, object] | bool = True
    fence: Literal["allow", "refuse"] = "allow"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One place of a JSON object (RFC 6901 pointer), how it is scored and how much it weighs (> 0)."""

    pointer: str
    scorer: Scorer
    weight: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Fields:
    """JSON objects compared place by place. No ``fields``: every key of the expected object, by ``scorer``, weighing 1."""

    fields: tuple[FieldSpec, ...] = ()
    scorer: Scorer = Normalised()
    extra: Literal["report", "wrong"] = "report"
    """Keys nobody expected: told, or counted as one more place with nothing right."""
    fence: Literal["allow", "refuse"] = "allow"


@dataclass(frozen=True, slots=True)
class Regex:
    """A pattern is found in the answer, or is all of it (``rules.matching`` tells which patterns)."""

    pattern: str
    match: Literal["search", "whole"] = "search"
    case: Literal["keep", "ignore"] = "keep"


@dataclass(frozen=True, slots=True)
class Citation:
    """The answer names its sources. ``allowed`` empty: those that the expected answer names."""

    pattern: str = "article"
    """A name of ``rules.citing.FORMS`` or a pattern of one's own."""
    allowed: tuple[str, ...] = ()
    need: Literal["any", "only", "all"] = "only"
    """``any``: at least one allowed source; ``only``: and no other; ``all``: every allowed one and no other."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long the answer is. None: no bound on that end."""

    least: int | None = None
    most: int | None = None
    unit: Literal["characters", "sentences", "lines"] = "characters"


Form = Literal["single_line", "bullets", "numbered", "table", "plain", "polite"]
FORMS: tuple[Form, ...] = ("single_line", "bullets", "numbered", "table", "plain", "polite")


@dataclass(frozen=True, slots=True)
class Format:
    """The answer has a form that can be seen without understanding it (``rules.measuring``)."""

    form: Form


@dataclass(frozen=True, slots=True)
class All:
    """As good as the worst of its parts."""

    scorers: tuple[Scorer, ...]


@dataclass(frozen=True, slots=True)
class Weighted:
    """The weighted mean of its parts; weights are ≥ 0 and not all 0."""

    scorers: tuple[Scorer, ...]
    weights: tuple[Fraction, ...]


Scorer = (
    Exact | Normalised | Numeric | JsonSchema | Fields | Regex | Citation | Length | Format | All | Weighted
)  # fmt: skip
"""How answers of a task are scored without a person or a judge: frozen, comparable, the same result for ever."""

REASONS: tuple[str, ...] = (
    "answer_missing", "expected_missing", "expected_unreadable", "expected_ambiguous", "expected_not_json", "text_differs",
    "number_absent", "number_ambiguous", "number_differs", "number_percent", "unit_differs", "unit_missing", "date_differs",
    "date_impossible", "date_outside_era", "date_before_calendar", "json_unreadable", "json_too_deep", "schema_broken",
    "schema_too_much", "field_missing", "field_extra", "field_differs", "pattern_absent", "pattern_differs", "text_too_long",
    "citation_absent", "citation_invented", "citation_incomplete", "length_short", "length_long", "format_differs",
)  # fmt: skip
"""Every reason code; ``words`` holds ``scoring.<code>`` for each, without facts."""

"""What a question about quality needs (margin, risk, number of labels), how answers are scored by rule (採点), and what an LLM
judge (判定) is told, says and is worth."""

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


Side = Literal["a", "b"]
Winner = Literal["a", "b", "tie", "abstain"]
Order = Literal["ab", "ba"]
"""Which answer a judge read first. ``ab``: the candidate's (of a control: the known better one); ``ba``: the other."""
Sight = Literal["pair", "again", "same", "worse", "posing"]
"""What a judge was shown: a pair; the same once more; a control: one answer twice, an answer against its own ruin, and
against a ruin that orders the judge to choose it."""
How = Literal["strict", "fenced", "prose", "word", "silent", "refused", "cut", "unreadable", "failed"]
"""How a reply was read: JSON alone; in a fence; in the midst of other words; one word and nothing else; or why it was not."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a judge is told before and around the two answers, with the number under which it is known."""

    number: int
    lang: str
    system: str
    """With ``{rubric}`` and ``{mark}``; filled in one pass, so that braces of a text stay what they are."""
    user: str
    """With ``{question}``, ``{first}``, ``{second}`` and ``{mark}``."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """One reply of a judge as it was read. ``winner`` None: nothing could be read, ``how`` says why."""

    winner: Winner | None
    how: How
    critical_a: bool | None = None
    critical_b: bool | None = None
    why: str = ""
    """The judge's own reason code; '' where it gave none that we know."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One reply as it is kept: what was shown, in which order, what was said. No word of an answer is in it."""

    sight: Sight
    order: Order
    said: Winner | Literal[""]
    how: How
    why: str = ""
    is_critical: tuple[bool | None, bool | None] = (None, None)
    """Of the answer read first, and of the second."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """All that a judge said of one pair, with what it was told: the ``facts`` of a score's row."""

    judge: str
    """``upstream/model`` as it was asked."""
    prompt: str
    """The instruction's number, language and hash: ``1.ja.9f86d081884c7d65``."""
    model: str
    """As the upstream named what answered; '' where nothing answered."""
    parameters: Mapping[str, int | float | str]
    replies: tuple[Heard, ...]
    """Empty where the two answers are the same: then nobody was asked."""
    lengths: tuple[int, int]
    """Characters of the candidate's and of the baseline's answer."""
    is_same_vendor: bool = False
    cost_jpy: Decimal | None = None
    """Of all replies together, lost ones too; None where a price was missing."""
    critical_baseline: bool | None = None
    """Whether the baseline's answer was called a critical error; the candidate's stands in the score's row."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Both orders put together, from the candidate's side."""

    outcome: Literal["better", "same", "worse", "none"]
    reason: str
    """``agreed``, ``identical``, ``order_changed``, ``abstained``, or how the worse reply could not be read."""
    is_critical: tuple[bool | None, bool | None] = (None, None)
    """The candidate's and the baseline's answer: True where the judge said so in either order."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many; ``code`` says of what (``rules.judging.counting``)."""

    code: str
    events: int
    n: int


@dataclass(frozen=True, slots=True)
class JudgeCounts:
    """What a judge's report is computed from: counts only, so that a certificate can hold them."""

    judge: str
    prompts: tuple[str, ...]
    models: tuple[str, ...]
    parameters: tuple[str, ...]
    """Each set that was used, as JSON."""
    pairs: int
    identical: int
    """Of them so many were the same text twice, and nobody was asked."""
    is_same_vendor: bool
    shares: tuple[Share, ...]


FaultLevel = Literal["caution", "aside"]


@dataclass(frozen=True, slots=True)
class JudgeShare:
    """A share with its Clopper–Pearson bounds (95 %, one-sided each)."""

    code: str
    events: int
    n: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.events / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class JudgeFault:
    """A fault beyond a stated limit. ``aside``: the judge may not take part; ``caution``: to be read with the verdict."""

    code: str
    level: FaultLevel
    share: float
    limit: float
    """The limit that was exceeded, as a share."""
    n: int


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """How a judge worked, whatever people say: shares, and the faults that follow from them."""

    judge: str
    prompts: tuple[str, ...]
    models: tuple[str, ...]
    parameters: tuple[str, ...]
    pairs: int
    identical: int
    shares: tuple[JudgeShare, ...]
    p_position: float | None
    """Exact sign test of the pairs whose result leans to one place (two-sided); None where none does."""
    faults: tuple[JudgeFault, ...]

    @property
    def set_aside(self) -> str:
        """The first fault that sets it aside; '' where none does."""
        return next((fault.code for fault in self.faults if fault.level == "aside"), "")


JUDGE_FAULTS: tuple[str, ...] = (
    "position_bias", "order_sensitive", "obeys_answers", "sees_no_ties", "misses_worse", "inconsistent", "prefers_length",
    "abstains", "silent", "refuses", "cut_off", "unreadable", "fails", "chatty", "same_vendor",
)  # fmt: skip
"""Every fault, the gravest first; ``words`` holds ``verdict.reason.judge_<code>`` and ``verdict.set_aside.<code>``."""

JUDGE_REASONS: tuple[str, ...] = (
    "correct", "complete", "relevant", "format", "tone", "safe", "equal", "unclear", "other",
)  # fmt: skip
"""What a judge may name as its reason."""

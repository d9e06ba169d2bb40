"""What a verdict is made from: a table of outcomes, the pairs of one task and candidate, and the rules of the decision.

Everything is kept column by column, so that a hundred thousand pairs are a few arrays, and a record of them is small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msgspec import UNSET, UnsetType

from jitsuri.evaluation.shapes import JudgeCounts
from jitsuri.rightsizing.shapes.verdicts import Missing

Scores = tuple[float | None, ...]
"""One score per pair in [0, 1]; None where nobody of this kind scored it."""


@dataclass(frozen=True, slots=True)
class Table:
    """Outcomes as they were handed in, one row per answer and scorer, column by column.

    ``scores`` are in [0, 1] or None (answered but not scored, or not answered). ``critical`` is None where nobody said.
    ``fields`` are further columns that slices can be made of. ``lines`` are the places in the file, for error messages.
    """

    lines: tuple[int, ...]
    tasks: tuple[str, ...]
    prompt_ids: tuple[str, ...]
    prompts: tuple[str, ...]
    models: tuple[str, ...]
    answers: tuple[str, ...]
    scores: Scores
    judges: tuple[str, ...]
    input_tokens: tuple[float | None, ...]
    output_tokens: tuple[float | None, ...]
    costs_usd: tuple[float | None, ...]
    critical: tuple[bool | None, ...]
    fields: Mapping[str, tuple[str, ...]]
    signals: Mapping[str, tuple[float | None, ...]]
    """Numbers that came with an answer (confidence, mean log-probability): features of a cascade, nothing else."""
    are_tokens_estimated: bool = False
    hearings: tuple[str, ...] = ()
    """What a pairwise judge said of a row's answer (``evaluation.shapes.Hearing`` as JSON); '' where there is none. Empty where
    the table has no such column."""
    costs_jpy: tuple[Decimal | None, ...] = ()
    """Yen of each answer as a ledger booked it; () where the table has no such column. They go before dollars and tokens."""

    def __len__(self) -> int:
        return len(self.prompt_ids)


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers as a file holds them, column by column, before they are scored.

    ``headers`` maps our names (prompt_id, model, answer, expected, …) to the file's own. Cells are whatever the file holds.
    """

    lines: tuple[int, ...]
    columns: Mapping[str, Sequence[object]]
    headers: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.lines)

    def cell(self, ours: str, at: int) -> object:
        """One cell by our name; None where the file has no such column."""
        return self.columns[self.headers[ours]][at] if ours in self.headers else None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Every constant that takes part in a decision; all of them stand on the record."""

    margin: float = 0.05
    """δ: the most that a candidate may be worse, as a share (decision 0016: 5 points unless the owner says otherwise)."""
    alpha: float = 0.05
    """Probability of a false pass per task (product promise)."""
    fewest_pairs: int = 50
    """Below this no verdict is given (decision 0016)."""
    most_missing: float = 1 / 3
    """Share of requests that may lack a pair: beyond it what is missing could turn the result (decision 0016)."""
    fewest_per_slice: int = 30
    """Slices with fewer pairs are 未確認 (decision 0016)."""
    fewest_for_judge: int = 50
    """Pairs that people and judge both saw before the judge may be trusted with a share of the estimate (decision 0016)."""
    critical_limit: float = 0.05
    """The most critical errors that may be left possible, where the table has such a column."""
    bar: float | None = None
    """The owner's bar: the share of answers that must be acceptable; None: not asked."""
    accept_at: float = 0.5
    """A score from here on is an acceptable answer."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The same requests answered by both: all that a verdict is computed from, and all that its record needs.

    Columns have one place per paired request, ordered by prompt id. A request is paired when one kind of scorer (people,
    or the judge) scored both answers.
    """

    task: str
    baseline: str
    candidate: str
    human: str
    judge: str
    prompt_ids: tuple[str, ...]
    strata: tuple[str, ...]
    people_baseline: Scores
    people_candidate: Scores
    judge_baseline: Scores
    judge_candidate: Scores
    critical_baseline: tuple[bool | None, ...]
    critical_candidate: tuple[bool | None, ...]
    slices: Mapping[str, tuple[str, ...]]
    missing: Missing
    is_judge_named: bool = True
    """False: the table has one scorer that nobody called a judge (an exact match, a rule)."""
    judging: JudgeCounts | UnsetType = UNSET
    """How the judge worked; not there where the table does not tell, so that older records keep their bytes."""
    shares: tuple[str, ...] | UnsetType = UNSET
    """How each pair came to people: ``uniform`` (drawn from all alike), ``focused``, '' (not drawn). Unset, and in no record,
    where nobody says that pairs were drawn unevenly."""
    stratum_sizes: Mapping[str, int] | UnsetType = UNSET
    """Pairs that could have been drawn, by stratum; set with ``shares``."""

    @property
    def is_uneven(self) -> bool:
        """Were labels spent more on some strata than on others? Then strata are weighted, and counts rest on the uniform share."""
        return not isinstance(self.shares, UnsetType)

    def __len__(self) -> int:
        return len(self.prompt_ids)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict is recomputed from: no prompt and no answer is in it."""

    pairs: Pairs
    thresholds: Thresholds
    others_p: tuple[float | None, ...]
    """The p-values of the other candidates of the same task, in the order they were tried."""

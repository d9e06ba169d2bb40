"""From a table of outcomes to pairs: the same request answered by both, scored by the same eyes.

Only paired requests count: where a scorer failed on hard answers, comparing means over different requests would favour who
failed (seen on real judge data: 0.941 → 0.884 unpaired is 0.940 → 0.926 paired). What could not be paired is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import TypeVar

import numpy as np
from msgspec import UNSET, DecodeError, UnsetType
from numpy.typing import NDArray

from jitsuri.evaluation.rules.judging.counting import counted
from jitsuri.evaluation.shapes import Hearing, JudgeCounts
from jitsuri.rightsizing.rules.estimating import Floats, array
from jitsuri.rightsizing.rules.packing import unpacked
from jitsuri.rightsizing.rules.weighting import JOINT
from jitsuri.rightsizing.shapes.outcomes import Pairs, Scores, Table
from jitsuri.rightsizing.shapes.verdicts import Missing
from jitsuri.terms.errors import CallerError

MOST_SLICE_VALUES = 100
"""A column with more distinct values is no way to cut a task: it names single requests (decision 0016)."""

SLICE_FIELDS = frozenset({"slice", "category", "channel", "customer_type", "language", "length"})
"""Columns that are taken as slices without being asked for, besides those named ``slice_…``."""

STRATUM = "stratum"
SHARE = "share"
"""The column that says how a pair came to people: ``uniform`` or ``focused`` (decision 0034)."""
STRATUM_SIZE = "stratum_size"
SHARES = frozenset({"uniform", "focused", ""})
AGAINST = "against"
"""Column of a table whose scorers look at pairs: the candidate that a row of the baseline was scored against. '' is all."""
TASK_FIELD = "task"
JUDGE = "judge:"
"""How the names of LLM judges begin (``judge:upstream/model``) where Jitsuri asked them."""
REPORTED = "similarity:"
"""How the names of figures begin that are reported and never decide: two answers may be alike and one of them wrong."""

Places = NDArray[np.int64]
Name = TypeVar("Name", bound=tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Scorers:
    """Whose scores count: ``human`` labels, ``judge`` judgements; '' for none.

    Both '': nobody was named and every answer has one scorer, so all rows count; ``shown`` then says who they are.
    """

    human: str
    judge: str
    shown: str = ""

    @property
    def is_named(self) -> bool:
        return bool(self.human or self.judge)


@dataclass(frozen=True, slots=True)
class Index:
    """Where in a table each answer's scores stand. Requests are numbered in the order of (task, prompt id)."""

    requests: tuple[tuple[str, str], ...]
    numbers: Mapping[tuple[str, str], int]
    rows: Mapping[tuple[str, str], Places]
    """(model, scorer) → the row of each request, −1 where there is none."""
    scores: Floats
    """By row; NaN where there is none."""
    against: Mapping[tuple[str, str, str], Places] = field(default_factory=dict)
    """(model, scorer, candidate) → the rows that were scored against this candidate alone."""

    def models(self) -> set[str]:
        return {model for model, _ in self.rows} | {model for model, _, _ in self.against}

    def places(self, model: str, scorer: str, against: str = "") -> Places:
        """The rows of a model and scorer; all −1 where there are none. Those against one candidate go before the others."""
        held = self.rows.get((model, scorer))
        found = np.full(len(self.requests), -1, dtype=np.int64) if held is None else held
        own = self.against.get((model, scorer, against))
        return found if own is None else np.where(own < 0, found, own)

    def any_row(self, model: str) -> Places:
        """A row of a model per request, whoever scored it: for what does not depend on the scorer."""
        found = np.full(len(self.requests), -1, dtype=np.int64)
        for key, held in (*self.rows.items(), *self.against.items()):
            if key[0] == model:
                found = np.where(found < 0, held, found)
        return found


def named(asked: str, known: Collection[str], what: str) -> str:
    """The one name that was meant: itself, else the only one that begins so.

    Raises CallerError ``outcomes_unknown_name`` (with what there is) and ``outcomes_ambiguous_name``.
    """
    if asked in known:
        return asked
    near = sorted(name for name in known if name.startswith(asked)) if asked else []
    if len(near) == 1:
        return near[0]
    code = "outcomes_ambiguous_name" if near else "outcomes_unknown_name"
    raise CallerError(code, what=what, name=asked, known=", ".join(near or sorted(known)) or "–")


def scorers_in(table: Table, human: str, judge: str) -> Scorers:
    """Who scores, from what was asked and what the table holds.

    Raises CallerError ``outcomes_scorers_several`` where nobody was named and an answer has several, and the codes of
    ``named``; ``outcomes_scorer_twice`` where one is to be both; ``outcomes_scorer_reported`` for a figure that is reported and
    never decides, ``outcomes_judge_as_people`` for an LLM judge that is to be people.
    """
    known = sorted(set(table.judges))
    found_human = named(human, known, "human") if human else ""
    found_judge = named(judge, known, "judge") if judge else ""
    _check_kinds(found_human, found_judge, known)
    if found_human and found_human == found_judge:
        raise CallerError("outcomes_scorer_twice", name=found_human)
    if found_human or found_judge:
        return Scorers(found_human, found_judge)
    if len(known) > 1 and _has_several(table):
        raise CallerError("outcomes_scorers_several", known=", ".join(known))
    if len(known) == 1 and known[0].startswith(JUDGE):
        return Scorers("", known[0])
    return Scorers("", "", ", ".join(name for name in known if name))


def _check_kinds(human: str, judge: str, known: Sequence[str]) -> None:
    """A scorer's name may say what it is: then it is nothing else."""
    if human.startswith(JUDGE):
        raise CallerError("outcomes_judge_as_people", name=human)
    eyes = [human, judge] if human or judge else known
    if reported := next((name for name in eyes if name.startswith(REPORTED)), ""):
        raise CallerError("outcomes_scorer_reported", name=reported)


def indexed(table: Table, scorers: Scorers) -> Index:
    """Every row of these scorers in its place. Raises CallerError ``outcomes_duplicate`` where two claim one place."""
    wanted = {scorers.human, scorers.judge} - {""}
    codes, keys = _coded(list(zip(table.tasks, table.prompt_ids, strict=True)))
    nobody = ("",) * len(table)
    who, scored_by = _coded(
        list(
            zip(
                table.models, table.judges if scorers.is_named else nobody, table.fields.get(AGAINST, nobody),
                strict=True,
            )
        )
    )  # fmt: skip
    requests = sorted(keys)
    rank = np.empty(len(requests), dtype=np.int64)
    rank[[keys[key] for key in requests]] = np.arange(len(requests))
    number = rank[codes] if len(codes) else codes
    held = {
        (model, judge, against): _placed(table, number, np.flatnonzero(who == code), len(requests))
        for (model, judge, against), code in scored_by.items()
        if not scorers.is_named or judge in wanted
    }
    return Index(
        tuple(requests), {key: at for at, key in enumerate(requests)},
        {(model, judge): places for (model, judge, against), places in held.items() if not against},
        array(table.scores), {key: places for key, places in held.items() if key[2]},
    )  # fmt: skip


def _coded(names: Sequence[Name]) -> tuple[Places, dict[Name, int]]:
    """Each name as a number, in the order of first appearance, and the number of each."""
    known: dict[Name, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64), known


def _placed(table: Table, number: Places, rows: Places, count: int) -> Places:
    """The row of each request. Of two rows for one request nobody may choose."""
    found = np.full(count, -1, dtype=np.int64)
    found[number[rows]] = rows
    lost = rows[found[number[rows]] != rows]
    if len(lost):
        first, second = int(lost[0]), int(found[number[lost[0]]])
        raise CallerError("outcomes_duplicate", line=table.lines[second], first_line=table.lines[first],
                          prompt_id=table.prompt_ids[first], model=table.models[first],
                          judge=table.judges[first] or "–")  # fmt: skip
    return found


def tasks_of(index: Index, model: str) -> list[str]:
    """The tasks in which a model answered, in order."""
    return sorted({index.requests[at][0] for at in np.flatnonzero(index.any_row(model) >= 0)})


def pairs_of(
    table: Table,
    index: Index,
    scorers: Scorers,
    *,
    baseline: str,
    candidate: str,
    task: str | None,
    slice_fields: Sequence[str],
    is_subset: bool = False,
) -> Pairs:
    """The pairs of one candidate; ``task`` None pools all tasks (each becomes a stratum and a slice).

    ``is_subset``: the candidate was asked only some of the requests on purpose, chosen without regard to the answers; then
    requests that it was never asked do not count as missing. Without a baseline ('') every request of the candidate is a
    row with only its own scores.
    """
    here, there = index.any_row(baseline), index.any_row(candidate)
    asked = there >= 0 if is_subset or not baseline else (here >= 0) | (there >= 0)
    if task is not None:
        asked &= np.array([name == task for name, _ in index.requests], dtype=bool)
    same = _same_prompts(table, here, there) if baseline else np.ones(len(asked), dtype=bool)
    eyes = (scorers.human, scorers.judge) if scorers.is_named else ("", "")
    one = [_scored(index, baseline, scorer, candidate) for scorer in eyes]
    if not same.all():
        one = [np.where(same, scores, np.nan) for scores in one]
    other = [_scored(index, candidate, scorer, baseline) for scorer in eyes]
    has_one, has_other = ~np.isnan(one[0]) | ~np.isnan(one[1]), ~np.isnan(other[0]) | ~np.isnan(other[1])
    paired = has_other
    if baseline:
        paired = (~np.isnan(one[0]) & ~np.isnan(other[0])) | (~np.isnan(one[1]) & ~np.isnan(other[1]))
    kept = np.flatnonzero(asked & paired)
    rows = [int(at) for at in np.where(there[kept] >= 0, there[kept], here[kept])]
    keys = [index.requests[at] for at in kept]
    is_pooled = task is None
    drawn = _drawn(table, index, scorers, candidate, kept, asked, rows) if baseline else None
    if drawn is not None:
        asked &= ~drawn.left
    slices = {}
    for name in slice_fields:
        if (values := _sliced(table.fields[name], rows)) is not None:
            slices[name] = values
    if is_pooled and len({name for name, _ in keys}) > 1:
        slices[TASK_FIELD] = tuple(name for name, _ in keys)
    nobody: Scores = (None,) * len(keys)
    return Pairs(
        task="" if task is None else task,
        baseline=baseline,
        candidate=candidate,
        human=scorers.human,
        judge=scorers.judge or ("" if scorers.human else scorers.shown),
        prompt_ids=tuple(f"{name}{JOINT}{own}" if is_pooled else own for name, own in keys),
        strata=drawn.strata if drawn else _strata(table, keys, rows, is_pooled),
        people_baseline=_told(one[0][kept]) if scorers.human else nobody,
        people_candidate=_told(other[0][kept]) if scorers.human else nobody,
        judge_baseline=_told(one[1][kept]) if scorers.judge or not scorers.human else nobody,
        judge_candidate=_told(other[1][kept]) if scorers.judge or not scorers.human else nobody,
        critical_baseline=_critical(table, index, baseline, eyes, kept, candidate),
        critical_candidate=_critical(table, index, candidate, eyes, kept, baseline),
        slices=slices,
        missing=Missing(
            int(asked.sum()),
            len(keys),
            int((asked & ~has_one).sum()) if baseline else 0,
            int((asked & ~has_other).sum()),
        ),
        is_judge_named=scorers.is_named,
        shares=drawn.shares if drawn else UNSET,
        stratum_sizes=drawn.sizes if drawn else UNSET,
        judging=_judging(table, index, candidate, scorers.judge, asked),
    )


def rows_of(index: Index, pairs: Pairs, model: str) -> list[int]:
    """One row of the table per pair, of this model: for what an answer cost and said. Empty for no model."""
    if not model:
        return []
    held = index.any_row(model).tolist()
    found = [index.numbers.get(key) for key in zip(repeat(pairs.task), pairs.prompt_ids)]
    if None not in found:
        return [held[at] for at in found]
    return [held[_number_of(index.numbers, pairs.task, name)] for name in pairs.prompt_ids]


def _number_of(numbers: Mapping[tuple[str, str], int], task: str, prompt_id: str) -> int:
    """The number of a request, whose id may itself hold a separator; where tasks are pooled its task stands before."""
    if (found := numbers.get((task, prompt_id))) is not None:
        return found
    pooled, _, own = prompt_id.partition(JOINT)
    return numbers[pooled, own]


def slice_columns(table: Table, asked: Sequence[str]) -> list[str]:
    """The columns to cut by: those asked for, else those whose names say that they are meant for it.

    Raises CallerError ``outcomes_no_such_column``.
    """
    for name in asked:
        if name not in table.fields:
            raise CallerError("outcomes_no_such_column", name=name, known=", ".join(sorted(table.fields)) or "–")
    if asked:
        return list(asked)
    return sorted(name for name in table.fields if name in SLICE_FIELDS or name.startswith("slice_"))


def _judging(
    table: Table, index: Index, candidate: str, judge: str, asked: NDArray[np.bool_]
) -> JudgeCounts | UnsetType:
    """What the table tells of how the judge worked on this candidate. Raises CallerError ``outcomes_broken_hearing``."""
    if not judge or not table.hearings:
        return UNSET
    held: list[Hearing] = []
    for row in index.places(candidate, judge)[asked]:
        if row >= 0 and table.hearings[row]:
            try:
                held.append(unpacked(table.hearings[row].encode(), Hearing))
            except DecodeError as error:
                raise CallerError("outcomes_broken_hearing", line=table.lines[row], reason=str(error)[:200]) from None
    return counted(held) or UNSET


def _same_prompts(table: Table, here: Places, there: Places) -> NDArray[np.bool_]:
    """Do both hold the same prompt, where both tell one? The same id over different questions is no pair."""
    same = np.ones(len(here), dtype=bool)
    both = np.flatnonzero((here >= 0) & (there >= 0))
    for at, first, second in zip(both.tolist(), here[both].tolist(), there[both].tolist(), strict=True):
        one, other = table.prompts[first], table.prompts[second]
        if one and other and one != other:
            same[at] = False
    return same


def _scored(index: Index, model: str, scorer: str, against: str) -> Floats:
    """Scores per request; NaN where this scorer gave none."""
    held = index.places(model, scorer, against)
    return np.where(held >= 0, index.scores[held], np.nan)


def _told(values: Floats) -> Scores:
    return tuple(None if value != value else value for value in values.tolist())


def _has_several(table: Table) -> bool:
    """Did several scorers see answers to the same request? Then a pair could be made of two pairs of eyes."""
    seen: dict[tuple[str, str], str] = {}
    for key, judge in zip(zip(table.tasks, table.prompt_ids, strict=True), table.judges, strict=True):
        if seen.setdefault(key, judge) != judge:
            return True
    return False


def _critical(
    table: Table, index: Index, model: str, eyes: Sequence[str], kept: Places, against: str
) -> tuple[bool | None, ...]:
    """True where any scorer called it critical, False where one looked and none did."""
    if not any(said is not None for said in table.critical):
        return (None,) * len(kept)
    found: list[bool | None] = [None] * len(kept)
    for scorer in dict.fromkeys(eyes):
        for at, row in enumerate(index.places(model, scorer, against)[kept]):
            said = table.critical[row] if row >= 0 else None
            if said is not None:
                found[at] = bool(found[at]) or said
    return tuple(found)


def _sliced(column: Sequence[str], rows: Sequence[int]) -> tuple[str, ...] | None:
    values = tuple(column[at] for at in rows)
    return values if 1 < len({value for value in values if value}) <= MOST_SLICE_VALUES else None


@dataclass(frozen=True, slots=True)
class _Drawn:
    """How pairs came to people, where the table says so; strata carry the task's name, so that pooled tasks stay apart."""

    strata: tuple[str, ...]
    shares: tuple[str, ...]
    sizes: Mapping[str, int]
    left: NDArray[np.bool_]
    """Requests whose pair could have been drawn, was not, and nobody scored: left out by design, so not missing."""


def _drawn(
    table: Table,
    index: Index,
    scorers: Scorers,
    candidate: str,
    kept: Places,
    asked: NDArray[np.bool_],
    rows: Sequence[int],
) -> _Drawn | None:
    """Shares and strata as the candidate's rows tell them; None where none does or no people are asked.

    Raises CallerError ``outcomes_share_unknown`` for a word that is no share, and for a label on a pair that was not drawn.
    """
    if SHARE not in table.fields or not scorers.human:
        return None
    people = index.places(candidate, scorers.human)
    at = [int(own) if own >= 0 else row for own, row in zip(people[kept], rows, strict=True)]
    shares = tuple(table.fields[SHARE][row] for row in at)
    if not any(shares):
        return None
    for row, share, own in zip(at, shares, people[kept], strict=True):
        is_labelled = own >= 0 and table.scores[row] is not None
        if share not in SHARES or (is_labelled and not share):
            raise CallerError("outcomes_share_unknown", line=table.lines[row], value=share[:80] or "–")
    strata = tuple(_stratum_of(table, row) for row in at)
    whole = np.where(people >= 0, people, index.any_row(candidate))
    is_left = np.array([row >= 0 and _is_left(table, int(row)) for row in whole], dtype=bool)
    is_left[kept] = False
    return _Drawn(strata, shares, _stratum_sizes(table, [int(row) for row in whole[asked] if row >= 0]), is_left)


def _is_left(table: Table, row: int) -> bool:
    has_size = STRATUM_SIZE not in table.fields or bool(table.fields[STRATUM_SIZE][row])
    return has_size and not table.fields[SHARE][row]


def _stratum_of(table: Table, row: int) -> str:
    name = table.fields[STRATUM][row] if STRATUM in table.fields else ""
    return f"{table.tasks[row]}{JOINT}{name}" if table.tasks[row] else name


def _stratum_sizes(table: Table, rows: Sequence[int]) -> dict[str, int]:
    """Pairs by stratum as the table tells them, else counted. Raises CallerError ``outcomes_stratum_size``."""
    sizes: dict[str, int] = {}
    column = table.fields.get(STRATUM_SIZE)
    for row in rows:
        name = _stratum_of(table, row)
        told = column[row] if column is not None else ""
        if column is not None and not told:  # no pair that could have been drawn: one of the two did not answer
            continue
        if told and not (told.isascii() and told.isdigit() and 0 < int(told[:12]) < 10**9):
            raise CallerError("outcomes_stratum_size", line=table.lines[row], value=told[:80])
        sizes[name] = max(sizes.get(name, 0), int(told)) if told else sizes.get(name, 0) + 1
    return sizes


def _strata(table: Table, keys: Sequence[tuple[str, str]], rows: Sequence[int], is_pooled: bool) -> tuple[str, ...]:
    if is_pooled:
        return tuple(name for name, _ in keys)
    if STRATUM in table.fields:
        return tuple(table.fields[STRATUM][row] for row in rows)
    return ("",) * len(keys)

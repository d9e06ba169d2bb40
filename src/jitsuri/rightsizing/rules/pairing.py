"""From a table of outcomes to pairs: the same request answered by both, scored by the same eyes.

Only paired requests count: where a scorer failed on hard answers, comparing means over different requests would favour who
failed (seen on real judge data: 0.941 → 0.884 unpaired is 0.940 → 0.926 paired). What could not be paired is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from jitsuri.rightsizing.shapes.outcomes import Pairs, Scores, Table
from jitsuri.rightsizing.shapes.verdicts import Missing
from jitsuri.terms.errors import CallerError

MOST_SLICE_VALUES = 100
"""A column with more distinct values is no way to cut a task: it names single requests (decision 0016)."""

SLICE_FIELDS = frozenset({"slice", "category", "channel", "customer_type", "language", "length"})
"""Columns that are taken as slices without being asked for, besides those named ``slice_…``."""

STRATUM = "stratum"
TASK_FIELD = "task"


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
    """Where in a table each answer's scores stand: (task, prompt id) → scorer → row, per model."""

    by_model: Mapping[str, Mapping[tuple[str, str], Mapping[str, int]]]


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
    ``named``; ``outcomes_scorer_twice`` where one is to be both.
    """
    known = sorted(set(table.judges))
    found_human = named(human, known, "human") if human else ""
    found_judge = named(judge, known, "judge") if judge else ""
    if found_human and found_human == found_judge:
        raise CallerError("outcomes_scorer_twice", name=found_human)
    if found_human or found_judge:
        return Scorers(found_human, found_judge)
    if len(known) > 1 and _has_several(table):
        raise CallerError("outcomes_scorers_several", known=", ".join(known))
    return Scorers("", "", ", ".join(name for name in known if name))


def indexed(table: Table, scorers: Scorers) -> Index:
    """Every row of these scorers in its place. Raises CallerError ``outcomes_duplicate`` where two claim one place."""
    wanted = {scorers.human, scorers.judge} - {""}
    found: dict[str, dict[tuple[str, str], dict[str, int]]] = {}
    columns = zip(table.tasks, table.prompt_ids, table.models, table.judges, strict=True)
    for at, (task, prompt_id, model, judge) in enumerate(columns):
        if scorers.is_named and judge not in wanted:
            continue
        place = found.setdefault(model, {}).setdefault((task, prompt_id), {})
        eyes = judge if scorers.is_named else ""
        if eyes in place:
            raise CallerError("outcomes_duplicate", line=table.lines[at], first_line=table.lines[place[eyes]],
                              prompt_id=prompt_id, model=model, judge=judge or "–")  # fmt: skip
        place[eyes] = at
    return Index(found)


def tasks_of(index: Index, model: str) -> list[str]:
    """The tasks in which a model answered, in order."""
    return sorted({task for task, _ in index.by_model.get(model, {})})


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
    one, other = index.by_model.get(baseline, {}), index.by_model.get(candidate, {})
    asked = set(other) | (set() if is_subset or not baseline else set(one))
    requests = sorted(key for key in asked if task is None or key[0] == task)
    kept: list[tuple[tuple[str, str], Mapping[str, int], Mapping[str, int]]] = []
    lacking_one = lacking_other = 0
    for key in requests:
        here, there = one.get(key, {}), other.get(key, {})
        if baseline and not _same_request(table, here, there):
            here = {}
        has_one, has_other = _has_score(table, here), _has_score(table, there)
        lacking_one += bool(baseline) and not has_one
        lacking_other += not has_other
        if _is_paired(table, here, there, scorers) if baseline else has_other:
            kept.append((key, here, there))
    is_pooled = task is None
    fields = {name: table.fields[name] for name in slice_fields if name in table.fields}
    rows = [next(iter((there or here).values())) for _, here, there in kept]
    slices = {name: values for name, column in fields.items() if (values := _sliced(column, rows)) is not None}
    if is_pooled and len({key[0] for key, _, _ in kept}) > 1:
        slices[TASK_FIELD] = tuple(key[0] for key, _, _ in kept)
    return Pairs(
        task="" if is_pooled else str(task),
        baseline=baseline,
        candidate=candidate,
        human=scorers.human,
        judge=scorers.judge or ("" if scorers.human else scorers.shown),
        prompt_ids=tuple(f"{key[0]}\u001f{key[1]}" if is_pooled else key[1] for key, _, _ in kept),
        strata=tuple(_stratum(table, key, row, is_pooled) for (key, _, _), row in zip(kept, rows, strict=True)),
        people_baseline=_scores(table, [here for _, here, _ in kept], scorers.human),
        people_candidate=_scores(table, [there for _, _, there in kept], scorers.human),
        judge_baseline=_scores(table, [here for _, here, _ in kept], scorers.judge, bool(scorers.human)),
        judge_candidate=_scores(table, [there for _, _, there in kept], scorers.judge, bool(scorers.human)),
        critical_baseline=tuple(_critical(table, here) for _, here, _ in kept),
        critical_candidate=tuple(_critical(table, there) for _, _, there in kept),
        slices=slices,
        missing=Missing(len(requests), len(kept), lacking_one, lacking_other),
        is_judge_named=scorers.is_named,
    )


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


def _same_request(table: Table, here: Mapping[str, int], there: Mapping[str, int]) -> bool:
    """Do both rows hold the same prompt, where both tell one? The same id over different questions is no pair."""
    texts = {table.prompts[at] for rows in (here, there) for at in list(rows.values())[:1]} - {""}
    return len(texts) <= 1


def _has_score(table: Table, rows: Mapping[str, int]) -> bool:
    return any(table.scores[at] is not None for at in rows.values())


def _is_paired(table: Table, here: Mapping[str, int], there: Mapping[str, int], scorers: Scorers) -> bool:
    names = {scorers.human, scorers.judge} - {""} if scorers.is_named else {""}
    return any(
        name in here
        and name in there
        and table.scores[here[name]] is not None
        and table.scores[there[name]] is not None
        for name in names
    )


def _scores(table: Table, rows: Sequence[Mapping[str, int]], scorer: str, is_optional: bool = True) -> Scores:
    if not scorer and is_optional:
        return (None,) * len(rows)
    return tuple(None if (at := row.get(scorer)) is None else table.scores[at] for row in rows)


def _has_several(table: Table) -> bool:
    """Did several scorers see the same answer?"""
    seen: dict[tuple[str, str, str], str] = {}
    for key, judge in zip(zip(table.tasks, table.prompt_ids, table.models, strict=True), table.judges, strict=True):
        if seen.setdefault(key, judge) != judge:
            return True
    return False


def _critical(table: Table, rows: Mapping[str, int]) -> bool | None:
    """True where any scorer called it critical, False where one looked and none did."""
    said = [table.critical[at] for at in rows.values() if table.critical[at] is not None]
    return any(said) if said else None


def _sliced(column: Sequence[str], rows: Sequence[int]) -> tuple[str, ...] | None:
    values = tuple(column[at] for at in rows)
    return values if 1 < len({value for value in values if value}) <= MOST_SLICE_VALUES else None


def _stratum(table: Table, key: tuple[str, str], row: int, is_pooled: bool) -> str:
    if is_pooled:
        return key[0]
    return table.fields[STRATUM][row] if STRATUM in table.fields else ""

"""A trial as a table of outcomes: one row per answer and scorer, as ``jitsuri rightsize offline`` reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean
from typing import TypeVar

from jitsuri.rightsizing.rules.packing import packed, rounded
from jitsuri.rightsizing.rules.pairing import AGAINST, JUDGE, STRATUM
from jitsuri.rightsizing.shapes.outcomes import Table
from jitsuri.rightsizing.shapes.trials import (
    BASELINE,
    PEOPLE,
    SAME,
    Answer,
    PairLabel,
    SampledRequest,
    Score,
    Trial,
    Way,
)

SLICES = ("length", "channel", "customer_type", "slice_hours")
Cell = TypeVar("Cell")


@dataclass(frozen=True, slots=True)
class Texts:
    """What requests and answers say: by position, and by way and position."""

    prompts: Mapping[int, str]
    answers: Mapping[tuple[int, int], str]


@dataclass(frozen=True, slots=True)
class _Row:
    request: SampledRequest
    way: Way
    answer: Answer
    scorer: str
    score: float | None
    critical: bool | None
    against: str = ""
    hearing: str = ""


def table_of_trial(
    trial: Trial,
    requests: Sequence[SampledRequest],
    answers: Sequence[Answer],
    scores: Sequence[Score],
    labels: Sequence[PairLabel] = (),
    texts: Texts | None = None,
) -> Table:
    """Everything that is known of a trial's answers, as outcomes.

    A request that a way was asked stands there with every scorer, also where the answer failed or nobody scored it: what is
    missing is counted, not left out. A scorer of pairs gives the baseline one row per candidate (column ``against``).
    """
    plan = trial.plan
    of_labels = _labels(labels)
    by_answer = {(one.scorer, one.way, one.position): one for one in (*scores, *of_labels)}
    names = dict.fromkeys([SAME, *(one.name for one in plan.scorers), *sorted({one.scorer for one in scores})])
    names |= dict.fromkeys([PEOPLE] if of_labels else [])
    held = {(one.way, one.position): one for one in answers}
    rows: list[_Row] = []
    for name in names:
        is_pairwise = name == PEOPLE or name.startswith(JUDGE)
        for request in requests:
            at = request.position
            for way in plan.ways:
                if (answer := held.get((way.number, at))) is None:
                    continue
                if way.number == BASELINE and is_pairwise:
                    rows += [
                        _of_pair(request, way, answer, name, by_answer.get((name, other.number, at)), other)
                        for other in plan.candidates
                        if (other.number, at) in held
                    ]
                    continue
                found = by_answer.get((name, way.number, at)) if answer.state == "answered" else None
                told = (found.score, found.critical) if found is not None else (None, None)
                is_heard = found is not None and name.startswith(JUDGE) and "judge" in found.facts
                hearing = packed(found.facts).decode() if found is not None and is_heard else ""
                rows.append(_Row(request, way, answer, name, *told, hearing=hearing))
    return _table(trial.task, rows, texts)


def critical_baseline_of(one: Score) -> bool | None:
    """Whether the baseline's answer was called a critical error beside this score of its candidate."""
    told = one.facts.get("critical_baseline")
    return told if isinstance(told, bool) else None


def _of_pair(request: SampledRequest, way: Way, answer: Answer, name: str, found: Score | None, other: Way) -> _Row:
    if found is None:
        return _Row(request, way, answer, name, None, None, other.name)
    return _Row(request, way, answer, name, found.baseline_score, critical_baseline_of(found), other.name)


def _labels(labels: Sequence[PairLabel]) -> list[Score]:
    """What people said of each pair: the mean where several looked, a critical error where any of them saw one."""
    by_pair: dict[tuple[int, int], list[PairLabel]] = {}
    for one in labels:
        by_pair.setdefault((one.way, one.position), []).append(one)
    found = []
    for (way, position), several in sorted(by_pair.items()):
        both = [
            (one.candidate_score, one.baseline_score)
            for one in several
            if one.candidate_score is not None and one.baseline_score is not None
        ]
        found.append(
            Score(
                way, position, PEOPLE,
                rounded(fmean(one for one, _ in both)) if both else None,
                rounded(fmean(one for _, one in both)) if both else None,
                _any(one.critical_candidate for one in several), "",
                {"critical_baseline": _any(one.critical_baseline for one in several)},
            )
        )  # fmt: skip
    return found


def _any(told: Iterable[bool | None]) -> bool | None:
    """True where anybody said so, False where somebody looked and nobody did, None where nobody said."""
    known = [one for one in told if one is not None]
    return any(known) if known else None


def _table(task: str, rows: Sequence[_Row], texts: Texts | None) -> Table:
    count = len(rows)
    fields: dict[str, tuple[str, ...]] = {
        AGAINST: tuple(row.against for row in rows),
        STRATUM: tuple(row.request.stratum for row in rows),
    }
    for name in SLICES:
        column = tuple(row.request.slices.get(name, "") for row in rows)
        if any(column):
            fields[name] = column
    prompts = [texts.prompts.get(row.request.position, "") for row in rows] if texts else [""] * count
    answers = [texts.answers.get((row.way.number, row.request.position), "") for row in rows] if texts else [""] * count
    return Table(
        lines=tuple(range(1, count + 1)),
        tasks=(task,) * count,
        prompt_ids=tuple(str(row.request.call_id) for row in rows),
        prompts=tuple(prompts),
        models=tuple(row.way.name for row in rows),
        answers=tuple(answers),
        scores=tuple(row.score for row in rows),
        judges=tuple(row.scorer for row in rows),
        input_tokens=tuple(_count(row, row.answer.input_tokens) for row in rows),
        output_tokens=tuple(_count(row, row.answer.output_tokens) for row in rows),
        costs_usd=(None,) * count,
        critical=tuple(row.critical for row in rows),
        fields=fields,
        signals={},
        costs_jpy=tuple(_cost(row) for row in rows),
        hearings=tuple(row.hearing for row in rows) if any(row.hearing for row in rows) else (),
    )


def _count(row: _Row, tokens: int) -> float | None:
    return float(tokens) if row.answer.state == "answered" else None


def _cost(row: _Row) -> Decimal | None:
    return row.answer.cost_jpy if row.answer.state == "answered" else None


def only(table: Table, scorer: str) -> Table:
    """The rows of one scorer alone, as a table whose scorer need not be named: a rule is nobody's judgement."""
    kept = [at for at, judge in enumerate(table.judges) if judge == scorer]

    def of(column: Sequence[Cell]) -> tuple[Cell, ...]:
        return tuple(column[at] for at in kept)

    return Table(
        tuple(range(1, len(kept) + 1)), of(table.tasks), of(table.prompt_ids), of(table.prompts), of(table.models),
        of(table.answers), of(table.scores), of(table.judges), of(table.input_tokens), of(table.output_tokens),
        of(table.costs_usd), of(table.critical), {name: of(column) for name, column in table.fields.items()}, {},
        table.are_tokens_estimated, costs_jpy=of(table.costs_jpy), hearings=of(table.hearings) if table.hearings else (),
    )  # fmt: skip


def rows_of_table(table: Table) -> list[dict[str, object]]:
    """The table as rows for a file, under the headers that ``rightsizing.wire`` reads."""
    has_texts = any(table.prompts) or any(table.answers)
    found: list[dict[str, object]] = []
    for at in range(len(table)):
        cost = table.costs_jpy[at] if table.costs_jpy else None
        row: dict[str, object] = {
            "task": table.tasks[at], "prompt_id": table.prompt_ids[at],
            **({"prompt": table.prompts[at], "answer": table.answers[at]} if has_texts else {}),
            "model": table.models[at], "judge": table.judges[at], "score": table.scores[at],
            "critical": table.critical[at], "input_tokens": table.input_tokens[at],
            "output_tokens": table.output_tokens[at], "cost_jpy": None if cost is None else float(cost),
        }  # fmt: skip
        if table.hearings:
            row["judge_facts"] = table.hearings[at] or None
        found.append(row | {name: column[at] for name, column in table.fields.items()})
    return found

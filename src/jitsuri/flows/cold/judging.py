"""Judging outcomes (結論): a table of answers and scores → one verdict per task and candidate. Nothing is asked, nothing sent.

Story: who is compared with whom, by whose eyes → pairs of every task → p-values of all candidates of a task (they share its
5 %) → each one's verdict, costs and slices → where a whole task does not pass, a cascade is tried → what is no choice is
marked. Everything a verdict rests on is returned beside it, so that anybody can compute it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jitsuri import __version__
from jitsuri.flows.cold.pricing_outcomes import Prices, unit_costs
from jitsuri.rightsizing.rules.cascading import cascade as try_cascade
from jitsuri.rightsizing.rules.certifying import fingerprint
from jitsuri.rightsizing.rules.deciding import Family, Origin, decide, p_value_of, with_dropped
from jitsuri.rightsizing.rules.featuring import BEFORE
from jitsuri.rightsizing.rules.pairing import (
    Index,
    indexed,
    named,
    pairs_of,
    rows_of,
    scorers_in,
    slice_columns,
    tasks_of,
)
from jitsuri.rightsizing.shapes.cascades import Cascade, CascadeRow
from jitsuri.rightsizing.shapes.outcomes import Evidence, Pairs, Table, Thresholds
from jitsuri.rightsizing.shapes.verdicts import UnitCosts, Verdict
from jitsuri.terms.errors import CallerError

MOST_CANDIDATES = 50
"""More candidates than that are a leaderboard: each takes its part of the 5 %, and none would pass (decision 0016)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be decided. Names may be shortened to what is unambiguous."""

    baseline: str = ""
    """'': no baseline; then only ``thresholds.bar`` decides."""
    candidates: tuple[str, ...] = ()
    """None named: every other model that answered a request of the baseline."""
    task: str = ""
    """'': every task on its own."""
    is_pooled: bool = False
    human: str = ""
    judge: str = ""
    slices: tuple[str, ...] = ()
    thresholds: Thresholds = Thresholds()  # noqa: RUF009 – frozen
    seed: int = 0
    is_subset: bool = False
    with_cascade: bool = True


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with what it is recomputed from."""

    verdict: Verdict
    evidence: Evidence


def judge_outcomes(table: Table, asked: Asked, prices: Prices) -> list[Judged]:
    """One result per task and candidate: tasks in order, candidates from the cheapest up.

    Raises CallerError ``outcomes_…`` for names that the table does not hold and rows that claim one place.
    """
    scorers = scorers_in(table, asked.human, asked.judge)
    index = indexed(table, scorers)
    models = set(table.models)
    baseline = named(asked.baseline, models, "model") if asked.baseline else ""
    if not baseline and asked.thresholds.bar is None:
        raise CallerError("outcomes_no_question")
    candidates = _candidates(index, asked, baseline, models)
    columns = slice_columns(table, asked.slices)
    for name in prices.own:
        named(name, models, "model")  # a price for nobody would leave somebody without one, unseen
    results: list[Judged] = []
    for task in _tasks(index, asked, baseline, candidates):
        held = [
            pairs_of(table, index, scorers, baseline=baseline, candidate=candidate, task=task, slice_fields=columns,
                     is_subset=asked.is_subset)
            for candidate in candidates
            if task is None or task in tasks_of(index, candidate)
        ]  # fmt: skip
        results += _of_task(table, index, columns, [p for p in held if p.missing.requests], asked, prices)
    heard = {one.verdict.candidate for one in results}
    unheard = [name for name in candidates if name not in heard]
    if unheard or not results:  # of a candidate that was asked for nobody may hear nothing
        raise CallerError("outcomes_nothing_paired", baseline=asked.baseline, candidates=", ".join(unheard) or "–")
    return results


def _of_task(
    table: Table, index: Index, columns: Sequence[str], held: Sequence[Pairs], asked: Asked, prices: Prices
) -> list[Judged]:
    costs = [
        unit_costs(table, rows_of(index, pairs, pairs.baseline), rows_of(index, pairs, pairs.candidate), prices)
        for pairs in held
    ]
    p_values = [p_value_of(pairs, asked.thresholds, asked.seed) for pairs in held]
    found: dict[str, Judged] = {}
    for at, pairs in enumerate(held):
        others = tuple(
            p for place, p in enumerate(p_values) if place != at and not _is_dearer(costs[place])
        )  # a candidate that is dearer than today is no choice, whatever its answers: it takes no part of the 5 %
        origin = Origin(asked.seed, fingerprint(pairs), __version__)
        verdict = decide(pairs, asked.thresholds, Family(others), costs[at], origin)
        if asked.with_cascade and verdict.baseline and verdict.span is not None and verdict.decision != "pass":
            verdict = replace(verdict, cascade=_cascade(table, index, pairs, columns, asked.seed))
        found[pairs.candidate] = Judged(verdict, Evidence(pairs, asked.thresholds, others))
    return [replace(found[v.candidate], verdict=v) for v in with_dropped([one.verdict for one in found.values()])]


def _is_dearer(costs: UnitCosts) -> bool:
    return costs.saving_jpy is not None and costs.saving_jpy <= 0


def _cascade(table: Table, index: Index, pairs: Pairs, columns: Sequence[str], seed: int) -> Cascade | None:
    """A cascade on requests whose texts the table holds, by the eyes that decided; None where nothing can be learned.

    It may look at the columns that cut the task and at the task itself: any other column might be known only afterwards.
    Numbers that came with the answer (confidence, log-probability) are used where there are some.
    """
    mine = (
        (pairs.people_baseline, pairs.people_candidate)
        if pairs.human
        else (pairs.judge_baseline, pairs.judge_candidate)
    )
    rows = []
    for at, (prompt_id, row) in enumerate(zip(pairs.prompt_ids, rows_of(index, pairs, pairs.candidate), strict=True)):
        strong, cheap = mine[0][at], mine[1][at]
        if strong is None or cheap is None or not table.prompts[row]:
            continue
        if isinstance(pairs.shares, tuple) and pairs.shares[at] != "uniform":
            continue  # its thresholds are means over requests as they come
        fields = {name: told for name in columns if (told := table.fields[name][row])}
        if table.tasks[row]:
            fields["task"] = table.tasks[row]
        signals = {name: value for name, column in table.signals.items() if (value := column[row]) is not None}
        rows.append(CascadeRow(prompt_id, table.prompts[row], fields, strong, cheap, table.answers[row], signals))
    found = try_cascade(rows, seed=seed, groups=(*BEFORE, "signals") if table.signals else BEFORE)
    return found if isinstance(found, Cascade) else None


def _candidates(index: Index, asked: Asked, baseline: str, models: set[str]) -> list[str]:
    if asked.candidates:
        chosen = list(dict.fromkeys(named(name, models, "model") for name in asked.candidates))
        if baseline in chosen:
            raise CallerError("outcomes_candidate_is_baseline", name=baseline)
        return chosen
    today = index.any_row(baseline) >= 0
    found = sorted(
        model
        for model in index.models() - {baseline}
        if not baseline or bool((today & (index.any_row(model) >= 0)).any())
    )
    if len(found) > MOST_CANDIDATES:
        raise CallerError("outcomes_too_many_candidates", count=len(found), most=MOST_CANDIDATES)
    return found


def _tasks(index: Index, asked: Asked, baseline: str, candidates: Sequence[str]) -> list[str | None]:
    if asked.is_pooled:
        return [None]
    known = sorted({task for model in [baseline, *candidates] if model for task in tasks_of(index, model)})
    if asked.task:
        return [named(asked.task, known, "task")]
    return list(known)

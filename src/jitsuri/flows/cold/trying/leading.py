"""A trial's page leads on: what comes next, how its jobs stand, who judged, how far the labels are, what it led to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from jitsuri.evaluation.rules.planning import labels_needed
from jitsuri.evaluation.shapes import JudgeReport
from jitsuri.flows.cold.trying.judging import judged_jpy, report_from
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.flows.cold.trying.wanting_judges import JUDGED_STATES, Judges, job_key, judges_of
from jitsuri.review import records as review_rows
from jitsuri.review.rules.judging import is_done, labels_wanted
from jitsuri.review.shapes import Label, Pair
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.leading import NextStep, TrialStands, WorkState, next_step
from jitsuri.rightsizing.rules.pairing import JUDGE
from jitsuri.rightsizing.shapes.trials import BASELINE, Score, Trial
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.naming import way_name
from jitsuri.store.door import Connection
from jitsuri.store.jobs import queueing
from jitsuri.store.jobs.shapes import Job


@dataclass(frozen=True, slots=True)
class JudgeLine:
    """One judge of a trial: its name, how many pairs it judged, and how it worked."""

    name: str
    judged: int
    report: JudgeReport | None


@dataclass(frozen=True, slots=True)
class DrawLine:
    """One candidate: the pairs that could be asked about, and those that are."""

    way: int
    name: str
    pairs: int
    drawn: int
    done: int
    budget: int
    """Labels of its last draw; 0 before the first."""


@dataclass(frozen=True, slots=True)
class Lead:
    """Where a trial leads."""

    step: NextStep
    job: Job | None
    judge_job: Job | None
    judges: Judges | None
    """Who could judge; None where nobody may now."""
    judged: tuple[JudgeLine, ...]
    draws: tuple[DrawLine, ...]
    proposed: int
    """Labels that a proof will probably need for a candidate."""
    labels_to_go: int
    certificate: str
    """Number of the newest one that this trial can have led to; '' for none."""
    variant: str
    """What answers the task now, as its variant says; '' where it has none."""
    spent_jpy: Decimal
    """What its judges have cost."""

    @property
    def drawn(self) -> int:
        return sum(one.drawn for one in self.draws)

    @property
    def done(self) -> int:
        return sum(one.done for one in self.draws)

    @property
    def is_live(self) -> bool:
        """Does anything move by itself?"""
        return any(one is not None and one.is_living for one in (self.job, self.judge_job))


def lead_of(tx: Connection, trial: Trial, around: Around | None, discordance: Decimal, now: datetime) -> Lead:
    """Where a trial leads. Without ``around`` nobody is proposed as a judge."""
    trial_id = trial.trial_id
    job, judge_job = queueing.latest(tx, f"trial:{trial_id}"), queueing.latest(tx, job_key(trial_id))
    pairs, labels = review_rows.pairs_of(tx, trial_id), review_rows.latest(tx, trial_id)
    draws = _draws(tx, trial, pairs, labels)
    scores = trial_rows.scores_of(tx, trial_id)
    judged = judged_by(scores)
    judges = judges_of(tx, trial, around, now) if around is not None and trial.state in JUDGED_STATES else None
    to_go = labels_wanted(pairs, labels)
    certificate, is_certified = _certificate(tx, trial)
    stands = TrialStands(
        trial.state, trial.why, _state(job), any(one.pairs for one in draws), _state(judge_job), bool(judged),
        judges is None or bool(judges.offered or judges.near), len(pairs), to_go,
        is_certified or bool(certificate and pairs and not to_go),
    )  # fmt: skip
    variant = routing_rows.variants(tx).get(trial.task)
    return Lead(
        next_step(stands), job, judge_job, judges, judged, draws,
        labels_needed(trial.plan.margin, discordance, Decimal(0)).labels, to_go, certificate,
        way_name(variant[0].target, variant[0].prompt) if variant else "",
        judged_jpy(scores),
    )  # fmt: skip


def judged_by(scores: list[Score]) -> tuple[JudgeLine, ...]:
    """The judges of these scores, by name."""
    held: dict[str, list[Score]] = {}
    for one in scores:
        if one.scorer.startswith(JUDGE):
            held.setdefault(one.scorer.removeprefix(JUDGE), []).append(one)
    return tuple(JudgeLine(name, len(rows), report_from(rows)) for name, rows in sorted(held.items()))


def judge_line(tx: Connection, trial_id: UUID, name: str) -> JudgeLine | None:
    """How one judge of a trial worked; None where it judged nothing."""
    return next((one for one in judged_by(trial_rows.scores_of(tx, trial_id)) if one.name == name), None)


def _state(job: Job | None) -> WorkState:
    return "" if job is None else job.state


def _draws(
    tx: Connection, trial: Trial, pairs: Sequence[Pair], labels: Mapping[UUID, Sequence[Label]]
) -> tuple[DrawLine, ...]:
    answers = trial_rows.answers_of(tx, trial.trial_id)
    today = {one.position for one in answers if one.way == BASELINE and one.state == "answered"}
    budgets = {one.way: one.budget for one in review_rows.draws(tx, trial.trial_id)}
    found = []
    for way in trial.plan.candidates:
        mine = [one for one in pairs if one.way == way.number]
        both = sum(one.way == way.number and one.state == "answered" and one.position in today for one in answers)
        done = sum(is_done(one, labels.get(one.pair_id, ())) for one in mine)
        found.append(DrawLine(way.number, way.name, both, len(mine), done, budgets.get(way.number, 0)))
    return tuple(found)


def _certificate(tx: Connection, trial: Trial) -> tuple[str, bool]:
    """The newest certificate of this task for one of the candidates against this baseline since the trial began, and whether
    its verdict is a pass."""
    names = {way.name for way in trial.plan.candidates}
    for kept in certificate_rows.certificates(tx):
        verdict, number = kept.certificate.verdict, kept.certificate.number
        if (
            kept.certificate.task.name == trial.task
            and verdict.candidate in names
            and verdict.baseline == trial.plan.baseline.name
            and kept.certificate.issued_at >= trial.created_at
        ):
            return number, verdict.decision == "pass"
    return "", False

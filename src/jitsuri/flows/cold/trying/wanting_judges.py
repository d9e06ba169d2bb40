"""Wanting a judge (判定させる): which models may judge a trial and for how much, and the job that lets one of them.

Who may judge follows from the answers that are compared (``rightsizing.rules.choosing_judges``). No text is opened for an
estimate: what was asked and answered is known in tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from jitsuri.evaluation.rules.judging.controlling import CONTROL_SHARE, FEWEST_CONTROLS
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.judging_pairs import instruction_in, judge_asked
from jitsuri.flows.cold.trying.judging import Wanted, chosen_judge, left_of
from jitsuri.flows.cold.trying.pricing import Around, expected_jpy
from jitsuri.flows.cold.trying.proposing import models_offered
from jitsuri.ledger.rules.offering import answers_in_text
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.choosing_judges import judges_for
from jitsuri.rightsizing.shapes.trials import BASELINE, Answer, Trial
from jitsuri.routing.rules.choosing import target_named
from jitsuri.routing.shapes import Target
from jitsuri.store.door import Connection, Store, without_nul
from jitsuri.store.jobs import queueing
from jitsuri.store.jobs.shapes import Job
from jitsuri.terms.outcomes import Dropped, Refusal
from jitsuri.terms.usage import Usage

JOB = "judge"
MOST_RUBRIC = 4_000
"""Characters of a rubric: it is sent with every question (decision 0033)."""
REPLY_TOKENS = 60
"""Tokens of a judge's reply, for an estimate: its JSON is four short fields. A model that thinks writes more (decision 0033)."""
CONTROL_QUESTIONS = 6
"""Questions that one control of each kind takes: one answer twice, the question again, a ruin and a posing ruin in both orders."""
JUDGED_STATES = ("paused", "done", "stopped")
"""States in which no candidate is being asked, so that the pairs and what is left of the cap stand still."""


@dataclass(frozen=True, slots=True)
class JudgeOffered:
    """A model that may judge. ``estimate_jpy``: all pairs that it has not judged yet (想定)."""

    target: str
    estimate_jpy: Decimal
    is_same_vendor: bool = False
    """Only with the owner's word: of the house of an answer, or of an unknown one."""


@dataclass(frozen=True, slots=True)
class Judges:
    """Who could judge a trial, the cheapest first, and who could not."""

    offered: tuple[JudgeOffered, ...]
    dropped: tuple[Dropped, ...]
    left_jpy: Decimal
    """What is left of the trial's cap."""
    pairs: int
    """Pairs that both answered, of all candidates."""
    asked: int
    """… of which so many are not the same text and would be asked about."""
    near: tuple[JudgeOffered, ...] = field(default=())
    """Of the same or an unknown house: only with the owner's word."""


def judges_of(tx: Connection, trial: Trial, around: Around, now: datetime) -> Judges:
    """The judges that the configured upstreams have for a trial."""
    answers = trial_rows.answers_of(tx, trial.trial_id)
    pairs = _pairs(answers)
    asked = [one for one in pairs if not one[0].is_same]
    used, questions = _used(asked)
    compared = [found for way in trial.plan.ways if (found := target_named(way.target)) is not None]
    configured = [one for one in models_offered(around, (), set()) if isinstance(one, Target)]
    wanted = [one for one in configured if answers_in_text(around.sheet_of(str(one)))]
    chosen, dropped = judges_for(list(around.sites.values()), wanted, compared)
    offered, unpriced = _priced([str(one.target) for one in chosen], used, questions, around, now, is_near=False)
    own = [one.what for one in dropped if one.code != "judge_is_compared"]
    near, _ = _priced(own, used, questions, around, now, is_near=True)
    return Judges(offered, (*dropped, *unpriced), left_of(tx, trial), len(pairs), len(asked), near)


def want_judge(
    store: Store, now: datetime, actor: str, trial_id: UUID, wanted: Wanted, around: Around
) -> Trial | Refusal:
    """Have a model judge a trial in the background, as the job ``judge``.

    Refuses ``trial_unknown``, ``judge_too_early`` (candidates are being asked), ``judge_runs_already``, ``judge_unsuitable``,
    ``judge_rubric_long``, ``judge_rubric_changed`` (this judge has judged pairs by other words already).
    """
    rubric = without_nul(wanted.rubric).replace("\r\n", "\n").strip()
    if len(rubric) > MOST_RUBRIC:
        return Refusal("judge_rubric_long", {"count": len(rubric), "most": MOST_RUBRIC})
    with store.transaction() as tx:
        trial = trial_rows.lock_trial(tx, trial_id)
        if trial is None:
            return Refusal("trial_unknown", {"trial": trial_id})
        if trial.state not in JUDGED_STATES:
            return Refusal("judge_too_early", {"trial": trial_id})
        if queueing.living(tx, job_key(trial_id)) is not None:
            return Refusal("judge_runs_already", {"trial": trial_id})
        chosen = chosen_judge(trial, around, wanted)
        if isinstance(chosen, Dropped):
            return Refusal("judge_unsuitable", {"judge": chosen.what, "why": chosen.code, **chosen.facts})
        judge = judge_asked(trial_id, trial.task, str(chosen.target), rubric=rubric, lang=wanted.lang)
        before = {str(one.facts.get("prompt")) for one in trial_rows.scores_of(tx, trial_id, judge.scorer)}
        if before - {judge.prompt}:
            return Refusal("judge_rubric_changed", {"judge": judge.target})
        arguments = {
            "trial_id": str(trial_id), "judge": judge.target, "rubric": rubric, "lang": wanted.lang,
            "allow_same_vendor": wanted.allow_same_vendor,
        }  # fmt: skip
        _enqueue(tx, now, actor, trial, arguments)
    return trial


def want_again(store: Store, now: datetime, actor: str, trial_id: UUID) -> Trial | Refusal:
    """Let the judge that was asked for last go on where it stopped, by the same words.

    Refuses ``trial_unknown``, ``judge_too_early``, ``judge_none_before``. Where it is at work already, nothing changes.
    """
    with store.transaction() as tx:
        trial = trial_rows.lock_trial(tx, trial_id)
        if trial is None:
            return Refusal("trial_unknown", {"trial": trial_id})
        if trial.state not in JUDGED_STATES:
            return Refusal("judge_too_early", {"trial": trial_id})
        last = queueing.latest(tx, job_key(trial_id))
        if last is None:
            return Refusal("judge_none_before", {"trial": trial_id})
        if not last.is_living:
            _enqueue(tx, now, actor, trial, last.arguments)
    return trial


def job_key(trial_id: UUID) -> str:
    """What the job is about: one judge of a trial works at a time."""
    return f"judge:{trial_id}"


def wanted_of(arguments: Mapping[str, Any]) -> Wanted:
    """What a job's arguments say."""
    return Wanted(
        str(arguments["judge"]), str(arguments.get("rubric", "")), "en" if arguments.get("lang") == "en" else "ja",
        bool(arguments.get("allow_same_vendor")),
    )  # fmt: skip


def judge_named(job: Job | None) -> str:
    """The judge of a job; '' for none."""
    return "" if job is None else str(job.arguments.get("judge", ""))


def _enqueue(tx: Connection, now: datetime, actor: str, trial: Trial, arguments: Mapping[str, Any]) -> None:
    queueing.enqueue(tx, now, actor, JOB, arguments, job_key(trial.trial_id))
    facts = {"task": trial.task, "judge": arguments["judge"], "same_vendor": arguments["allow_same_vendor"]}
    evidence_rows.append(tx, record_of(now, actor, "trial_judge_wanted", f"trial:{trial.trial_id}", facts))


def _pairs(answers: Sequence[Answer]) -> list[tuple[Answer, Answer]]:
    """(candidate's, baseline's) of every pair that both answered."""
    today = {one.position: one for one in answers if one.way == BASELINE and one.state == "answered"}
    return [
        (one, today[one.position])
        for one in answers
        if one.way != BASELINE and one.state == "answered" and one.position in today
    ]


def _used(asked: Sequence[tuple[Answer, Answer]]) -> tuple[Usage, int]:
    """Tokens of all questions together, and their number: both orders of each pair, and the controls of each candidate."""
    told = len(instruction_in("ja").system) + len(instruction_in("ja").user)
    given, questions = 0, 0
    for way in {one.way for one, _ in asked}:
        mine = [(one, other) for one, other in asked if one.way == way]
        of_pairs = sum(told + other.input_tokens + one.output_tokens + other.output_tokens for one, other in mine)
        controls = CONTROL_QUESTIONS * min(len(mine), max(FEWEST_CONTROLS, math.ceil(CONTROL_SHARE * len(mine))))
        given += 2 * of_pairs + controls * (of_pairs // len(mine))
        questions += 2 * len(mine) + controls
    return Usage(input_tokens=given, output_tokens=questions * REPLY_TOKENS), questions


def _priced(
    targets: Sequence[str], used: Usage, questions: int, around: Around, now: datetime, *, is_near: bool
) -> tuple[tuple[JudgeOffered, ...], list[Dropped]]:
    found: list[JudgeOffered] = []
    dropped: list[Dropped] = []
    for target in targets:
        cost = expected_jpy(around, target, used, questions, now)
        if isinstance(cost, Dropped):
            dropped.append(cost)
        else:
            found.append(JudgeOffered(target, cost, is_near))
    return tuple(sorted(found, key=lambda one: (one.estimate_jpy, one.target))), dropped

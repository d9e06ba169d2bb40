"""Judging a trial: its answered pairs are opened, shown to a judge of another house, and scored within what is left of the cap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from jitsuri.evaluation.rules.judging.counting import counted
from jitsuri.evaluation.rules.judging.reporting import report_of
from jitsuri.evaluation.shapes import Hearing, JudgeReport
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.judging_pairs import (
    Cap,
    JudgedPair,
    attempts_known,
    judge_asked,
    judge_pairs,
    keep_judged,
)
from jitsuri.flows.cold.resembling_pairs import resemble_pairs
from jitsuri.flows.cold.trying.drawing import Keys, opened_requests
from jitsuri.flows.cold.trying.pricing import MESSAGE_TOKENS, Around, asked_of, expected_jpy, most_jpy
from jitsuri.flows.cold.trying.scoring import opened
from jitsuri.providers.shapes import Ask, Question
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.choosing_judges import ChosenJudge, judges_for
from jitsuri.rightsizing.rules.pairing import JUDGE, REPORTED
from jitsuri.rightsizing.rules.replying import told
from jitsuri.rightsizing.rules.trying import spent_of, thread_id_of
from jitsuri.rightsizing.shapes.trials import BASELINE, Score, Trial
from jitsuri.routing.rules.choosing import target_named
from jitsuri.store.door import Connection, Store
from jitsuri.terms.outcomes import Dropped, Refusal
from jitsuri.terms.usage import Usage
from jitsuri.words import Language


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is to judge, and how. ``rubric``: the task's criteria; '' takes the general ones."""

    judge: str
    """``upstream/model``."""
    rubric: str = ""
    lang: Language = "ja"
    allow_same_vendor: bool = False
    at_once: int = 4


@dataclass(frozen=True, slots=True)
class JudgedTrial:
    """How far judging came. ``refusal``: why pairs are still open."""

    pairs: int
    open: int
    spent_jpy: Decimal
    report: JudgeReport | None
    refusal: Refusal | None = None


def judge_trial(
    store: Store, trial_id: UUID, ask: Ask, around: Around, keys: Keys, wanted: Wanted, actor: str,
    clock: Callable[[], datetime],
) -> JudgedTrial | Refusal:  # fmt: skip
    """Judge every pair of a trial that this judge has not judged yet. May be called again: it goes on where it stopped.

    Refuses ``trial_unknown``, and ``judge_unsuitable``: the judge is of the house of an answer, is one of them, or unknown.
    """
    with store.reading() as tx:
        trial = trial_rows.trial(tx, trial_id)
        if trial is None:
            return Refusal("trial_unknown", {"trial": trial_id})
    chosen = chosen_judge(trial, around, wanted)
    if isinstance(chosen, Dropped):
        return Refusal("judge_unsuitable", {"judge": chosen.what, "why": chosen.code, **chosen.facts})
    judge = judge_asked(
        trial_id, trial.task, str(chosen.target), rubric=wanted.rubric, lang=wanted.lang,
        is_same_vendor=chosen.is_same_vendor, seed=trial.plan.seed,
    )  # fmt: skip
    with store.transaction() as tx:
        pairs = pairs_of_trial(tx, trial, keys)
        facts = {"task": trial.task, "judge": judge.target, "prompt": judge.prompt, "pairs": len(pairs)}
        evidence_rows.append(tx, record_of(clock(), actor, "trial_judging", f"trial:{trial_id}", facts))
    with store.reading() as tx:
        done = {(one.way, one.position) for one in trial_rows.scores_of(tx, trial_id, judge.scorer)}
        left = left_of(tx, trial)
    spent, refusal = Decimal(0), None
    for batch in judge_pairs(
        ask, pairs, judge, Cap(left, most_of(around, clock)), at_once=wanted.at_once,
        done=lambda pair: (pair.way, pair.position) in done, taken=attempts_known(store),
    ):  # fmt: skip
        keep_judged(store, trial_id, batch.judged, actor, clock())
        spent, refusal = spent + batch.spent_jpy, batch.refusal
    with store.reading() as tx:
        kept = trial_rows.scores_of(tx, trial_id, judge.scorer)
    return JudgedTrial(len(pairs), len(pairs) - len(kept), spent, report_from(kept), refusal)


def resemble_trial(
    store: Store, trial_id: UUID, ask: Ask, around: Around, keys: Keys, target: str, clock: Callable[[], datetime]
) -> tuple[int, Refusal | None] | Refusal:
    """Add how alike the answers are, as a figure that decides nothing; how many rows, and why not all. Refuses ``trial_unknown``."""
    with store.reading() as tx:
        trial = trial_rows.trial(tx, trial_id)
        if trial is None:
            return Refusal("trial_unknown", {"trial": trial_id})
        pairs = pairs_of_trial(tx, trial, keys)
        done = {(one.way, one.position) for one in trial_rows.scores_of(tx, trial_id, f"{REPORTED}{target}")}
        left = left_of(tx, trial)
    waiting = [pair for pair in pairs if (pair.way, pair.position) not in done]
    found = resemble_pairs(
        ask, waiting, trial_id, trial.task, target, Cap(left, most_of(around, clock)), taken=attempts_known(store)
    )
    with store.transaction() as tx:
        trial_rows.save_scores(tx, trial_id, found.scores, clock())
        facts = {"task": trial.task, "model": target, "pairs": len(found.scores)}
        evidence_rows.append(tx, record_of(clock(), "cli", "trial_resembled", f"trial:{trial_id}", facts))
    return len(found.scores), found.refusal


def chosen_judge(trial: Trial, around: Around, wanted: Wanted) -> ChosenJudge | Dropped:
    """The judge, or why it may not judge this trial."""
    target = target_named(wanted.judge)
    if target is None or target.upstream not in around.sites:
        return Dropped(wanted.judge, "judge_unknown_vendor", {"upstream": wanted.judge.partition("/")[0]})
    compared = [found for way in trial.plan.ways if (found := target_named(way.target)) is not None]
    chosen, dropped = judges_for(
        list(around.sites.values()), [target], compared, allow_same_vendor=wanted.allow_same_vendor
    )
    return chosen[0] if chosen else dropped[0]


def pairs_of_trial(tx: Connection, trial: Trial, keys: Keys) -> list[JudgedPair]:
    """Every candidate's answer beside the baseline's, where both can still be opened."""
    requests = trial_rows.requests_of(tx, trial.trial_id)
    prompts = opened_requests(tx, requests, keys)
    answers = {
        (one.way, one.position): (told(reply.text, reply.tool_calls), one.is_same)
        for one in trial_rows.answers_of(tx, trial.trial_id, with_texts=True)
        if one.state == "answered" and (reply := opened(one, keys)) is not None
    }
    found = []
    for request in requests:
        at = request.position
        if at not in prompts or (BASELINE, at) not in answers:
            continue
        for way in trial.plan.candidates:
            if (way.number, at) in answers:
                text, is_same = answers[way.number, at]
                thread_id = thread_id_of(trial.trial_id, way.number, at)
                baseline = answers[BASELINE, at][0]
                found.append(JudgedPair(way.number, at, thread_id, prompts[at].text, text, baseline, is_same))
    return found


def left_of(tx: Connection, trial: Trial) -> Decimal:
    """What is left of a trial's cap for judging, in yen."""
    spent = spent_of(trial.plan, trial_rows.answers_of(tx, trial.trial_id))
    return max(Decimal(0), trial.cap_jpy - spent - judged_jpy(trial_rows.scores_of(tx, trial.trial_id)))


def judged_jpy(scores: Sequence[Score]) -> Decimal:
    """What scorers that were asked have cost, in yen."""
    asked = [one for one in scores if one.scorer.startswith((JUDGE, REPORTED))]
    return sum((Decimal(str(cost)) for one in asked if (cost := one.facts.get("cost_jpy")) is not None), Decimal(0))


def report_from(scores: Sequence[Score]) -> JudgeReport | None:
    """The report of one judge's scores; None where there are none."""
    counts = counted([msgspec.convert(dict(one.facts), Hearing, strict=False) for one in scores])
    return None if counts is None else report_of(counts)


def most_of(around: Around, clock: Callable[[], datetime]) -> Callable[[Question], Decimal | None]:
    """What a question can cost at most by the price book; None where nobody can say."""

    def most(question: Question) -> Decimal | None:
        if question.operation == "embeddings":
            return _most_of_vectors(around, question, clock())
        asked = asked_of(question.dialect, question.body)
        if isinstance(asked, Refusal):
            return None
        found = most_jpy(around, question.target, asked, clock())
        return None if isinstance(found, Refusal) else found

    return most


def _most_of_vectors(around: Around, question: Question, now: datetime) -> Decimal | None:
    """A token per byte, and no output."""
    used = Usage(input_tokens=len(question.body) + MESSAGE_TOKENS)
    found = expected_jpy(around, question.target, used, 1, now)
    return None if isinstance(found, Dropped) else found

"""Scoring a trial's answers by rule: equal to today's answer or not, and by every scorer of the plan.

What a rule needs as the expected answer is today's answer to the same request: nobody said what is right, so such a score is
agreement with today. Forms, schemas, lengths and citations need none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from jitsuri.calls.rules.rereading import Reply
from jitsuri.calls.rules.sealing import unseal
from jitsuri.evaluation.rules.scoring import score
from jitsuri.evaluation.rules.specifying import named_scorer
from jitsuri.evaluation.shapes import Outcome, Scored, Scorer
from jitsuri.flows.cold.trying.drawing import Keys
from jitsuri.flows.cold.trying.starting import RESPONSE, reply_of
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.packing import rounded
from jitsuri.rightsizing.rules.replying import is_same, told
from jitsuri.rightsizing.shapes.trials import BASELINE, SAME, Answer, RuleScorer, Score, Trial
from jitsuri.store.door import Connection


def score_open(tx: Connection, trial: Trial, keys: Keys, now: datetime, positions: Sequence[int] | None = None) -> int:
    """Score every answer (at these positions) that has no score yet and whose baseline is there; returns how many."""
    done = {(one.way, one.position) for one in trial_rows.scores_of(tx, trial.trial_id, SAME, positions)}
    rows_here = trial_rows.answers_of(tx, trial.trial_id, positions=positions)
    light = {(one.way, one.position) for one in rows_here if one.state == "answered"}
    waiting = {(way, at) for way, at in light - done if (BASELINE, at) in light}
    if not waiting:
        return 0
    rows = {
        (one.way, one.position): one
        for one in trial_rows.answers_of(tx, trial.trial_id, with_texts=True, positions={at for _, at in waiting})
    }
    scorers = [(one.name, scorer_of(one)) for one in trial.plan.scorers]
    scores: list[Score] = []
    for way, at in sorted(waiting):
        reply, today = opened(rows[way, at], keys), opened(rows[BASELINE, at], keys)
        if reply is None or today is None:
            continue
        same = is_same(reply.text, reply.tool_calls, today.text, today.tool_calls)
        if way != BASELINE:
            trial_rows.set_same(tx, trial.trial_id, way, at, is_same=same)
        scores.append(Score(way, at, SAME, 1.0 if same else 0.0, reason="" if same else "text_differs"))
        answer, expected = told(reply.text, reply.tool_calls), told(today.text, today.tool_calls)
        scores += [_scored(way, at, name, score(answer, expected, how)) for name, how in scorers]
    trial_rows.save_scores(tx, trial.trial_id, scores, now)
    return len(waiting)


def scorer_of(one: RuleScorer) -> Scorer:
    """The scorer of a plan, as it was read."""
    return named_scorer(json.loads(one.spec, parse_float=Decimal), one.name)[1]


def opened(answer: Answer, keys: Keys) -> Reply | None:
    """An answer's text; None where there is none (any more)."""
    if answer.sealed is None:
        return None
    return reply_of(unseal(answer.sealed, keys(answer.key_name), answer.attempt_id, RESPONSE))


def _scored(way: int, position: int, name: str, outcome: Outcome) -> Score:
    if isinstance(outcome, Scored):
        reason, facts = outcome.reasons[0] if outcome.reasons else ("", {})
        return Score(way, position, name, rounded(float(outcome.score)), reason=reason, facts=_plain(facts))
    return Score(way, position, name, None, reason=outcome.code, facts=_plain(outcome.facts))


def _plain(facts: object) -> dict[str, object]:
    """Facts without what an answer says: codes, fields and numbers only."""
    found = dict(facts) if isinstance(facts, dict) else {}
    return {name: value for name, value in found.items() if name in ("field", "characters", "least", "most", "reason")}


def names_of(scorers: Sequence[RuleScorer]) -> list[str]:
    """The rules of a plan by name, the one that is always there first."""
    return [SAME, *(one.name for one in scorers)]

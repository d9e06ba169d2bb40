"""How alike answers are (類似度): the cosine of both answers' embeddings, for a person to look at. It decides nothing: two answers
may be alike and one of them wrong, and ``rightsizing.rules.pairing`` refuses it as a scorer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import msgspec

from jitsuri.evaluation.rules.resembling import cosine
from jitsuri.flows.cold.judging_pairs import Cap, JudgedPair, Taken
from jitsuri.providers.shapes import Ask, Came, Question
from jitsuri.rightsizing.rules.pairing import REPORTED
from jitsuri.rightsizing.shapes.trials import Score
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal


@dataclass(frozen=True, slots=True)
class Resembled:
    """The rows of one round. ``refusal``: why not all could be asked; what is not in ``scores`` stays open."""

    scores: tuple[Score, ...]
    spent_jpy: Decimal
    refusal: Refusal | None = None


class _Vector(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class _Vectors(msgspec.Struct):
    data: list[_Vector]


def resemble_pairs(
    ask: Ask,
    pairs: Sequence[JudgedPair],
    trial_id: UUID,
    task: str,
    target: str,
    cap: Cap,
    *,
    at_once: int = 4,
    taken: Taken = lambda _: {},
) -> Resembled:
    """One question per pair to the upstream's ``/embeddings``; the same text twice is 1 and nobody is asked.

    Rows of ``similarity:UPSTREAM/MODEL``: the score is the cosine in [0, 1], the reason ``reported``; None with
    ``unreadable`` or ``failed`` where there is none. What was asked before and lost is left out.
    """
    scorer = f"{REPORTED}{target}"
    scores = [
        Score(p.way, p.position, scorer, 1.0, reason="reported", facts={"target": target})
        for p in pairs
        if p.is_identical
    ]
    asking = [(pair, _question(pair, trial_id, task, target)) for pair in pairs if not pair.is_identical]
    known = taken([question.attempt_id for _, question in asking])
    asking = [(pair, question) for pair, question in asking if question.attempt_id not in known]
    most = [cap.most_of(question) for _, question in asking]
    if None in most:
        return Resembled(tuple(scores), Decimal(0), Refusal("judge_unpriced", {"target": target}))
    whole = sum((price for price in most if price is not None), Decimal(0))
    if whole > cap.left_jpy:
        facts = {"left_jpy": f"{cap.left_jpy:,.2f}", "most_jpy": f"{whole:,.2f}"}
        return Resembled(tuple(scores), Decimal(0), Refusal("judge_over_cap", facts))
    spent = Decimal(0)
    why = ""
    for place, came in ask([question for _, question in asking], at_once):
        spent += (most[place] or Decimal(0)) if came.cost_jpy is None else came.cost_jpy
        if came.error_code and not came.latency_ms and came.cost_jpy == 0:
            why = why or came.error_code
        else:
            scores.append(_score(asking[place][0], scorer, target, came))
    refusal = Refusal("judge_not_asked", {"target": target, "why": why}) if why else None
    return Resembled(tuple(sorted(scores, key=lambda one: (one.way, one.position))), spent, refusal)


def cosine_in(body: bytes) -> float | None:
    """The cosine of the two vectors of an answer; None where it holds no two vectors of one length."""
    try:
        found = sorted(msgspec.json.decode(body, type=_Vectors).data, key=lambda one: one.index)
    except msgspec.DecodeError:
        return None
    return cosine(found[0].embedding, found[1].embedding) if len(found) == 2 else None


def _question(pair: JudgedPair, trial_id: UUID, task: str, target: str) -> Question:
    told = {"model": "embedding", "input": [pair.candidate or " ", pair.baseline or " "], "encoding_format": "float"}
    body = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
    attempt_id = derived_id("resemblance", trial_id.bytes, str(pair.way), str(pair.position), target)
    return Question("openai", body, target, task, "judge", attempt_id, pair.thread_id, "embeddings")


def _score(pair: JudgedPair, scorer: str, target: str, came: Came) -> Score:
    value = None if came.error_code else cosine_in(came.body)
    reason = "failed" if came.error_code else "unreadable" if value is None else "reported"
    cost = None if came.cost_jpy is None else str(came.cost_jpy)
    facts = {"target": target, "model": came.model_answered, "cost_jpy": cost}
    return Score(pair.way, pair.position, scorer, value, reason=reason, facts=facts)

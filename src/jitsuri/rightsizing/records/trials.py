"""Trials in the database: a plan that stands, a sample, an answer row per request and way, scores."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from jitsuri.rightsizing.rules.packing import packed, unpacked
from jitsuri.rightsizing.shapes.trials import Answer, SampledRequest, Score, Trial, TrialPlan, TrialState
from jitsuri.store.door import Connection
from jitsuri.terms.ids import digest_16

_TRIAL = "trial_id, task, plan::text, state, why, cap_jpy, author, created_at, started_at, ended_at"
_ANSWER = (
    "way, position, state, attempt_id, round, asked_at, came_at, error_code, sealed, key_name, delete_on, model_answered, "
    "input_tokens, output_tokens, cost_jpy, most_jpy, lost_jpy, latency_ms, is_same"
)
_LIGHT = _ANSWER.replace("sealed", "NULL::bytea")
"""Without the texts, which are most of the bytes."""


def run_lock_of(trial_id: UUID) -> int:
    """The advisory lock that whoever runs a trial holds (``Store.alone``): eight bytes of a hash of its id."""
    return int.from_bytes(digest_16(b"trial_run", trial_id.bytes)[:8], "big", signed=True)


def judge_lock_of(trial_id: UUID) -> int:
    """The advisory lock that whoever judges a trial holds: no question is asked by two processes."""
    return int.from_bytes(digest_16(b"trial_judge", trial_id.bytes)[:8], "big", signed=True)


def insert_trial(tx: Connection, trial: Trial) -> None:
    tx.execute(
        "INSERT INTO rightsizing_trials (trial_id, task, plan, state, why, cap_jpy, author, created_at, started_at, ended_at) "
        "VALUES (%s, %s, %s::jsonb, %s, %s, %s, %s, %s, %s, %s)",
        (trial.trial_id, trial.task, packed(trial.plan).decode(), trial.state, trial.why, trial.cap_jpy, trial.author,
         trial.created_at, trial.started_at, trial.ended_at),
    )  # fmt: skip


def trial(tx: Connection, trial_id: UUID) -> Trial | None:
    """A trial as it stands."""
    row = tx.execute(f"SELECT {_TRIAL} FROM rightsizing_trials WHERE trial_id = %s", (trial_id,)).fetchone()  # noqa: S608
    return None if row is None else _trial(row)


def lock_trial(tx: Connection, trial_id: UUID) -> Trial | None:
    """The same, locked until the transaction ends: whoever changes its state or spends from its cap comes through here."""
    row = tx.execute(
        f"SELECT {_TRIAL} FROM rightsizing_trials WHERE trial_id = %s FOR UPDATE",  # noqa: S608
        (trial_id,),
    ).fetchone()
    return None if row is None else _trial(row)


def trials(tx: Connection, task: str | None = None, limit: int = 200) -> list[Trial]:
    """Trials, newest first; of one task where it is named."""
    rows = tx.execute(
        f"SELECT {_TRIAL} FROM rightsizing_trials WHERE %(task)s::text IS NULL OR task = %(task)s "  # noqa: S608
        "ORDER BY created_at DESC, trial_id LIMIT %(limit)s",
        {"task": task, "limit": limit},
    )
    return [_trial(row) for row in rows]


def ids_beginning(tx: Connection, beginning: str) -> list[UUID]:
    """The ids that begin so, at most a few: what a person typed of one."""
    rows = tx.execute(
        "SELECT trial_id FROM rightsizing_trials WHERE replace(trial_id::text, '-', '') LIKE %s ORDER BY 1 LIMIT 5",
        (beginning.replace("-", "").replace("%", "").replace("_", "").lower() + "%",),
    )
    return [row[0] for row in rows]


def set_state(
    tx: Connection, trial_id: UUID, state: TrialState, why: str, *, started_at: datetime | None = None,
    ended_at: datetime | None = None,
) -> None:  # fmt: skip
    """Change where a trial stands; times that are given are kept, the first start stays."""
    tx.execute(
        "UPDATE rightsizing_trials SET state = %s, why = %s, started_at = coalesce(started_at, %s), "
        "ended_at = coalesce(%s, ended_at) WHERE trial_id = %s",
        (state, why, started_at, ended_at, trial_id),
    )


def set_cap(tx: Connection, trial_id: UUID, cap_jpy: Decimal) -> None:
    tx.execute("UPDATE rightsizing_trials SET cap_jpy = %s WHERE trial_id = %s", (cap_jpy, trial_id))


def insert_requests(tx: Connection, trial_id: UUID, requests: Sequence[SampledRequest]) -> None:
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO rightsizing_requests (trial_id, position, call_id, thread_id, at, stratum, slices, stands_for) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [(trial_id, r.position, r.call_id, r.thread_id, r.at, r.stratum, Jsonb(dict(r.slices)), r.stands_for)
             for r in requests],
        )  # fmt: skip


def requests_of(tx: Connection, trial_id: UUID) -> list[SampledRequest]:
    """The sample, in the order in which it is asked."""
    rows = tx.execute(
        "SELECT position, call_id, thread_id, at, stratum, slices, stands_for FROM rightsizing_requests "
        "WHERE trial_id = %s ORDER BY position",
        (trial_id,),
    )
    return [SampledRequest(*row) for row in rows]


def insert_answers(tx: Connection, trial_id: UUID, answers: Sequence[Answer]) -> set[tuple[int, int]]:
    """Add answer rows; returns (way, position) of those that are new. One that stands is left as it is."""
    added: set[tuple[int, int]] = set()
    for a in answers:
        row = tx.execute(
            f"INSERT INTO rightsizing_answers (trial_id, {_ANSWER}) "  # noqa: S608
            f"VALUES (%s{', %s' * len(_ANSWER.split(', '))}) ON CONFLICT (trial_id, way, position) DO NOTHING "
            "RETURNING way, position",
            (trial_id, a.way, a.position, a.state, a.attempt_id, a.round, a.asked_at, a.came_at, a.error_code, a.sealed,
             a.key_name, a.delete_on, a.model_answered, a.input_tokens, a.output_tokens, a.cost_jpy, a.most_jpy,
             a.lost_jpy, a.latency_ms, a.is_same),
        ).fetchone()  # fmt: skip
        if row is not None:
            added.add((row[0], row[1]))
    return added


def came(tx: Connection, trial_id: UUID, answer: Answer) -> bool:
    """Write what came of an attempt. False where the row no longer stands for this attempt, or has its answer already."""
    done = tx.execute(
        "UPDATE rightsizing_answers SET state = %s, came_at = %s, error_code = %s, sealed = %s, key_name = %s, delete_on = %s, "
        "model_answered = %s, input_tokens = %s, output_tokens = %s, cost_jpy = %s, latency_ms = %s "
        "WHERE trial_id = %s AND attempt_id = %s AND state IN ('asked', 'lost')",
        (answer.state, answer.came_at, answer.error_code, answer.sealed, answer.key_name, answer.delete_on,
         answer.model_answered, answer.input_tokens, answer.output_tokens, answer.cost_jpy, answer.latency_ms, trial_id,
         answer.attempt_id),
    )  # fmt: skip
    return done.rowcount == 1


def forget_attempts(tx: Connection, trial_id: UUID, attempts: Collection[UUID]) -> int:
    """Take away rows of attempts that were never sent, so that they are asked later."""
    return tx.execute(
        "DELETE FROM rightsizing_answers WHERE trial_id = %s AND attempt_id = ANY(%s) AND state = 'asked'",
        (trial_id, list(attempts)),
    ).rowcount


def give_up_attempts(tx: Connection, trial_id: UUID, attempts: Collection[UUID]) -> int:
    """Mark attempts of a process that is gone: they may have been sent, and nobody knows the answer."""
    return tx.execute(
        "UPDATE rightsizing_answers SET state = 'lost' WHERE trial_id = %s AND attempt_id = ANY(%s) AND state = 'asked'",
        (trial_id, list(attempts)),
    ).rowcount


def know_cost(tx: Connection, trial_id: UUID, attempt_id: UUID, cost_jpy: Decimal) -> None:
    """Write what a lost attempt cost, as the ledger knows it by now."""
    tx.execute(
        "UPDATE rightsizing_answers SET cost_jpy = %s WHERE trial_id = %s AND attempt_id = %s AND state = 'lost'",
        (cost_jpy, trial_id, attempt_id),
    )


def ask_again(tx: Connection, trial_id: UUID, answer: Answer) -> bool:
    """Let a lost row stand for a new attempt; what the old one may have cost goes on counting (``lost_jpy``)."""
    done = tx.execute(
        "UPDATE rightsizing_answers SET state = 'asked', attempt_id = %s, round = %s, asked_at = %s, came_at = NULL, "
        "error_code = '', cost_jpy = NULL, most_jpy = %s, lost_jpy = %s "
        "WHERE trial_id = %s AND way = %s AND position = %s AND state = 'lost' AND round = %s - 1",
        (answer.attempt_id, answer.round, answer.asked_at, answer.most_jpy, answer.lost_jpy, trial_id, answer.way,
         answer.position, answer.round),
    )  # fmt: skip
    return done.rowcount == 1


def answers_of(
    tx: Connection, trial_id: UUID, *, with_texts: bool = False, positions: Collection[int] | None = None
) -> list[Answer]:
    """Answer rows by way and position; sealed texts only where they are asked for."""
    rows = tx.execute(
        f"SELECT {_ANSWER if with_texts else _LIGHT} FROM rightsizing_answers WHERE trial_id = %(trial)s "  # noqa: S608
        "AND (%(positions)s::int[] IS NULL OR position = ANY(%(positions)s)) ORDER BY way, position",
        {"trial": trial_id, "positions": None if positions is None else list(positions)},
    )
    return [_answer(row) for row in rows]


def set_same(tx: Connection, trial_id: UUID, way: int, position: int, *, is_same: bool) -> None:
    tx.execute(
        "UPDATE rightsizing_answers SET is_same = %s WHERE trial_id = %s AND way = %s AND position = %s",
        (is_same, trial_id, way, position),
    )


def save_scores(tx: Connection, trial_id: UUID, scores: Sequence[Score], at: datetime) -> None:
    """Write scores; one that the same scorer gave before is replaced."""
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO rightsizing_scores (trial_id, way, position, scorer, score, baseline_score, critical, reason, facts, "
            "at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s) ON CONFLICT (trial_id, way, position, scorer) "
            "DO UPDATE SET score = excluded.score, baseline_score = excluded.baseline_score, critical = excluded.critical, "
            "reason = excluded.reason, facts = excluded.facts, at = excluded.at",
            [(trial_id, s.way, s.position, s.scorer, s.score, s.baseline_score, s.critical, s.reason,
              json.dumps(dict(s.facts), ensure_ascii=False, default=str), at) for s in scores],
        )  # fmt: skip


def scores_of(
    tx: Connection, trial_id: UUID, scorer: str | None = None, positions: Collection[int] | None = None
) -> list[Score]:
    """Scores by way, position and scorer; of one scorer, or of some requests, where they are named."""
    rows = tx.execute(
        "SELECT way, position, scorer, score, baseline_score, critical, reason, facts FROM rightsizing_scores "
        "WHERE trial_id = %(trial)s AND (%(scorer)s::text IS NULL OR scorer = %(scorer)s) "
        "AND (%(positions)s::int[] IS NULL OR position = ANY(%(positions)s)) ORDER BY way, position, scorer",
        {"trial": trial_id, "scorer": scorer, "positions": None if positions is None else list(positions)},
    )
    return [Score(*row) for row in rows]


def delete_due(tx: Connection, today: date) -> int:
    """Take away the texts of answers whose last day has passed; what they cost and scored stays. Returns how many."""
    return tx.execute(
        "UPDATE rightsizing_answers SET sealed = NULL WHERE sealed IS NOT NULL AND delete_on < %s", (today,)
    ).rowcount


def _trial(row: tuple[Any, ...]) -> Trial:
    trial_id, task, plan, *rest = row
    return Trial(trial_id, task, unpacked(plan.encode(), TrialPlan), *rest)


def _answer(row: tuple[Any, ...]) -> Answer:
    found = list(row)
    found[8] = None if found[8] is None else bytes(found[8])
    return Answer(*found)

"""The audit stream in the database: a call is drawn once, answered once, judged once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from jitsuri.rightsizing.shapes.lives import Audited
from jitsuri.store.door import Connection

_COLUMNS = "number, call_id, called_at, direction, target, attempt_id, state, difference, source"


@dataclass(frozen=True, slots=True)
class AuditAnswer:
    """What came back for one call of the audit. ``sealed`` None: it failed, or its text may not be kept."""

    attempt_id: UUID
    state: str
    came_at: datetime
    error_code: str
    sealed: bytes | None
    key_name: str
    delete_on: date | None
    model_answered: str
    cost_jpy: Decimal | None
    latency_ms: int


@dataclass(frozen=True, slots=True)
class AuditHeard:
    """What a judge said of one audited call. ``facts``: what was heard (``evaluation.shapes.Hearing``)."""

    number: str
    call_id: UUID
    scorer: str
    difference: float | None
    reason: str
    facts: Mapping[str, object]
    cost_jpy: Decimal | None


def draw(tx: Connection, task: str, drawn: Sequence[Audited], now: datetime) -> int:
    """Write calls that the audit has drawn; one that is drawn stays as it is. Returns how many were new."""
    new = 0
    for one in drawn:
        done = tx.execute(
            "INSERT INTO rightsizing_audits (number, call_id, task, called_at, drawn_at, direction, target, attempt_id, state, "
            "error_code, key_name, model_answered, source) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'asked', '', '', '', '') "
            "ON CONFLICT DO NOTHING",
            (one.number, one.call_id, task, one.called_at, now, one.direction, one.target, one.attempt_id),
        )
        new += done.rowcount
    return new


def waiting(tx: Connection, number: str, limit: int) -> list[Audited]:
    """Calls that were drawn and have no answer yet, oldest first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM rightsizing_audits WHERE number = %s AND state = 'asked' "  # noqa: S608
        "ORDER BY called_at, call_id LIMIT %s",
        (number, limit),
    )
    return [_audited(row) for row in rows]


def of_certificate(tx: Connection, number: str) -> list[Audited]:
    """The whole audit in the order of drawing, calls of one round by their time. A call that was booked late comes last, so that
    what stands before never moves."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM rightsizing_audits WHERE number = %s ORDER BY drawn_at, called_at, call_id",  # noqa: S608
        (number,),
    )
    return [_audited(row) for row in rows]


def place(tx: Connection, number: str, call_id: UUID) -> int:
    """The place of a call in the order of ``of_certificate``, from 1 on; it never moves."""
    [(before,)] = tx.execute(
        "SELECT count(*) FROM rightsizing_audits a JOIN rightsizing_audits o USING (number) WHERE number = %s AND o.call_id = %s "
        "AND (a.drawn_at, a.called_at, a.call_id) <= (o.drawn_at, o.called_at, o.call_id)",
        (number, call_id),
    ).fetchall()
    return int(before)


def keep_answer(tx: Connection, came: AuditAnswer) -> bool:
    """Write what came; False where an answer stands already."""
    done = tx.execute(
        "UPDATE rightsizing_audits SET state = %s, came_at = %s, error_code = %s, sealed = %s, key_name = %s, delete_on = %s, "
        "model_answered = %s, cost_jpy = %s, latency_ms = %s WHERE attempt_id = %s AND state = 'asked'",
        (
            came.state, came.came_at, came.error_code, came.sealed, came.key_name, came.delete_on, came.model_answered,
            came.cost_jpy, came.latency_ms, came.attempt_id,
        ),
    )  # fmt: skip
    return done.rowcount == 1


def set_difference(
    tx: Connection,
    number: str,
    call_id: UUID,
    difference: float | None,
    source: str,
    now: datetime,
    *,
    replaces_judge: bool = False,
) -> bool:
    """Write a judged difference; False where there is no answered call, or a difference stands already. ``replaces_judge``: one
    that a judge gave gives way."""
    done = tx.execute(
        "UPDATE rightsizing_audits SET difference = %s, source = %s, judged_at = %s WHERE number = %s AND call_id = %s "
        "AND state = 'answered' AND (source = '' OR (%s AND source LIKE 'judge:%%'))",
        (difference, source, now, number, call_id, replaces_judge),
    )
    return done.rowcount == 1


def one(tx: Connection, number: str, call_id: UUID) -> Audited | None:
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM rightsizing_audits WHERE number = %s AND call_id = %s",  # noqa: S608
        (number, call_id),
    ).fetchone()
    return None if row is None else _audited(row)


def kept_answers(tx: Connection, number: str) -> set[UUID]:
    """Calls of the audit whose other answer is still kept."""
    rows = tx.execute("SELECT call_id FROM rightsizing_audits WHERE number = %s AND sealed IS NOT NULL", (number,))
    return {call_id for (call_id,) in rows}


def keep_heard(tx: Connection, task: str, heard: Sequence[AuditHeard], now: datetime) -> None:
    """Keep what a judge said; what stands already stays."""
    for one in heard:
        tx.execute(
            "INSERT INTO rightsizing_audit_hearings (number, call_id, scorer, task, difference, reason, facts, cost_jpy, at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                one.number,
                one.call_id,
                one.scorer,
                task,
                one.difference,
                one.reason,
                Jsonb(dict(one.facts)),
                one.cost_jpy,
                now,
            ),
        )


def heard_of(tx: Connection, number: str, scorer: str) -> list[AuditHeard]:
    """What a judge has said of a certificate's audit."""
    rows = tx.execute(
        "SELECT number, call_id, scorer, difference, reason, facts, cost_jpy FROM rightsizing_audit_hearings "
        "WHERE number = %s AND scorer = %s ORDER BY at, call_id",
        (number, scorer),
    )
    return [AuditHeard(*row) for row in rows]


def spent_jpy(tx: Connection, task: str, since: datetime) -> Decimal:
    """What the audits of a task have cost since then, in yen, judging included; what has no price counts for nothing."""
    [(spent,)] = tx.execute(
        "SELECT (SELECT coalesce(sum(cost_jpy), 0) FROM rightsizing_audits WHERE task = %(task)s AND came_at >= %(since)s) + "
        "(SELECT coalesce(sum(cost_jpy), 0) FROM rightsizing_audit_hearings WHERE task = %(task)s AND at >= %(since)s)",
        {"task": task, "since": since},
    ).fetchall()
    return Decimal(spent)


def dearest_jpy(tx: Connection, task: str) -> Decimal:
    """The dearest answer of a task's audits so far; zero where none has a price."""
    [(dearest,)] = tx.execute(
        "SELECT coalesce(max(cost_jpy), 0) FROM rightsizing_audits WHERE task = %s", (task,)
    ).fetchall()
    return Decimal(dearest)


def last_drawn(tx: Connection, number: str) -> datetime | None:
    """When the newest call was that the audit has drawn."""
    row = tx.execute("SELECT max(called_at) FROM rightsizing_audits WHERE number = %s", (number,)).fetchone()
    return row[0] if row else None


def delete_due_answers(tx: Connection, today: date) -> int:
    """Forget kept answers whose last day has passed; the row, without its text, stays. Returns how many."""
    return tx.execute(
        "UPDATE rightsizing_audits SET sealed = NULL, delete_on = NULL WHERE delete_on < %s", (today,)
    ).rowcount


def sealed_answer(tx: Connection, number: str, call_id: UUID) -> tuple[UUID, bytes, str] | None:
    """``(attempt, sealed answer, key name)`` of a call of the audit; None where it has none."""
    row = tx.execute(
        "SELECT attempt_id, sealed, key_name FROM rightsizing_audits WHERE number = %s AND call_id = %s AND sealed IS NOT NULL",
        (number, call_id),
    ).fetchone()
    return (row[0], bytes(row[1]), row[2]) if row else None


def _audited(row: tuple[Any, ...]) -> Audited:
    return Audited(*row)

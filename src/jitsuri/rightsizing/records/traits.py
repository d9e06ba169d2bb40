"""What the life of a certificate reads of calls and of the ledger, through their views."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from jitsuri.rightsizing.shapes.lives import MixDay
from jitsuri.store.door import Connection
from jitsuri.terms.period import COMPANY_ZONE

_LENGTHS = (250, 500, 1000, 2000, 4000, 8000, 16000)
"""Upper bounds of the classes of input length, in tokens; doubling, as prices and times do."""

_MIX = (
    "WITH seen AS (SELECT (c.at AT TIME ZONE %(zone)s)::date AS day, "
    "(SELECT width_bucket(e.input_tokens::numeric, %(lengths)s::numeric[])::text FROM ledger_v_attempts e "
    " WHERE e.call_id = c.call_id AND e.kind = 'attempt' ORDER BY e.at DESC, e.attempt_id LIMIT 1) AS length, "
    "c.group_id::text AS prompt, c.key_name AS key, coalesce(c.metadata ->> 'channel', '') AS channel "
    "FROM calls_v_traits c WHERE c.task = %(task)s AND c.at >= %(first)s AND c.at < %(last)s) "
    "SELECT day, CASE WHEN GROUPING(length) = 0 THEN 'length' WHEN GROUPING(prompt) = 0 THEN 'prompt' "
    "WHEN GROUPING(key) = 0 THEN 'key' ELSE 'channel' END, coalesce(length, prompt, key, channel, ''), count(*) "
    "FROM seen GROUP BY GROUPING SETS ((day, length), (day, prompt), (day, key), (day, channel)) ORDER BY day"
)


def mix_of(tx: Connection, task: str, first: datetime, last: datetime) -> list[MixDay]:
    """How many calls fell into each category, by day of the company, from ``first`` until (not at) ``last``: by length of
    input, prompt group, key, and the metadata entry ``channel``. Days without calls are left out."""
    rows = tx.execute(
        _MIX, {"zone": COMPANY_ZONE.key, "lengths": list(_LENGTHS), "task": task, "first": first, "last": last}
    )
    held: dict[date, dict[str, dict[str, int]]] = {}
    for day, dimension, name, count in rows:
        counts = held.setdefault(day, {}).setdefault(dimension, {})
        counts[name] = counts.get(name, 0) + count
    return [MixDay(day, counts) for day, counts in sorted(held.items())]


def length_told(bucket: str) -> tuple[int, int | None]:
    """Bounds in tokens of a class of length: from, until (None: without end)."""
    at = int(bucket) if bucket.isdigit() else 0
    return (_LENGTHS[at - 1] if at else 0), (_LENGTHS[at] if at < len(_LENGTHS) else None)


def models_answered(
    tx: Connection, task: str, model: str, providers: Sequence[str], since: datetime, until: datetime
) -> tuple[str, ...]:
    """Names under which a model's answers came, the earliest first; empty ``providers`` takes any."""
    rows = tx.execute(
        "SELECT e.model_answered, min(e.at) FROM calls_v_traits c JOIN ledger_v_attempts e USING (call_id) "
        "WHERE c.task = %(task)s AND c.at >= %(since)s AND c.at < %(until)s AND e.model_asked = %(model)s "
        "AND e.status = 'ok' AND e.kind = 'attempt' AND e.model_answered <> '' "
        "AND (cardinality(%(providers)s::text[]) = 0 OR e.provider = ANY(%(providers)s)) GROUP BY 1 ORDER BY 2, 1",
        {"task": task, "model": model, "providers": list(providers), "since": since, "until": until},
    )
    return tuple(row[0] for row in rows)


def models_evaluated(
    tx: Connection, task: str, model: str, providers: Sequence[str], since: datetime, until: datetime
) -> tuple[str, ...]:
    """As ``models_answered``, of what Jitsuri itself asked for the task: its trials."""
    rows = tx.execute(
        "SELECT model_answered, min(at) FROM ledger_v_attempts WHERE at >= %(since)s AND at < %(until)s AND task = %(task)s "
        "AND purpose = 'evaluation' AND model_asked = %(model)s AND status = 'ok' AND kind = 'attempt' AND model_answered <> '' "
        "AND (cardinality(%(providers)s::text[]) = 0 OR provider = ANY(%(providers)s)) GROUP BY 1 ORDER BY 2, 1",
        {"task": task, "model": model, "providers": list(providers), "since": since, "until": until},
    )
    return tuple(row[0] for row in rows)


def first_model_answered(
    tx: Connection, task: str, model: str, providers: Sequence[str], since: datetime
) -> str | None:
    """The name of the earliest answer since then."""
    row = tx.execute(
        "SELECT e.model_answered FROM calls_v_traits c JOIN ledger_v_attempts e USING (call_id) "
        "WHERE c.task = %(task)s AND c.at >= %(since)s AND e.model_asked = %(model)s "
        "AND e.status = 'ok' AND e.kind = 'attempt' AND e.model_answered <> '' "
        "AND (cardinality(%(providers)s::text[]) = 0 OR e.provider = ANY(%(providers)s)) ORDER BY c.at, c.call_id LIMIT 1",
        {"task": task, "model": model, "providers": list(providers), "since": since},
    ).fetchone()
    return row[0] if row else None


def prompts_of(
    tx: Connection, task: str, since: datetime, until: datetime, limit: int, *, newest: bool
) -> list[tuple[UUID, datetime, str, bool]]:
    """``(call, when, hash of its system prompt or '', is its request kept)`` of some calls of a task: the newest ones, or
    ones that the hash of their id picks."""
    order = "c.at DESC, c.call_id" if newest else "md5(c.call_id::text)"
    rows = tx.execute(
        "SELECT c.call_id, c.at, coalesce(p.system_prompt_hash, ''), c.has_request FROM calls_v_traits c "  # noqa: S608
        "LEFT JOIN routing_v_prompts p USING (group_id) WHERE c.task = %s AND c.at >= %s AND c.at < %s "
        f"ORDER BY {order} LIMIT %s",
        (task, since, until, limit),
    )
    return [_prompt(row) for row in rows]


def calls_with_texts(
    tx: Connection, task: str, number: str, since: datetime, until: datetime, limit: int
) -> list[tuple[UUID, UUID, datetime, str, str]]:
    """``(call, thread, when, provider, model asked)`` of answered calls whose request and answer are kept and that the audit of
    ``number`` has not drawn, oldest first. ``model asked`` is that of the attempt that answered."""
    rows = tx.execute(
        "SELECT c.call_id, c.thread_id, c.at, e.provider, e.model_asked FROM calls_v_traits c "
        "CROSS JOIN LATERAL (SELECT provider, model_asked FROM ledger_v_attempts a WHERE a.call_id = c.call_id "
        "AND a.kind = 'attempt' AND a.status = 'ok' AND a.purpose = '' ORDER BY a.at DESC, a.attempt_id LIMIT 1) e "
        "WHERE c.task = %(task)s AND c.at >= %(since)s AND c.at < %(until)s AND c.status = 'ok' "
        "AND c.has_request AND c.has_response AND NOT EXISTS (SELECT FROM rightsizing_audits r "
        "WHERE r.number = %(number)s AND r.call_id = c.call_id) ORDER BY c.at, c.call_id LIMIT %(limit)s",
        {"task": task, "number": number, "since": since, "until": until, "limit": limit},
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def _prompt(row: tuple[Any, ...]) -> tuple[UUID, datetime, str, bool]:
    return row[0], row[1], row[2], bool(row[3])


def known_attempts(tx: Connection, attempt_ids: Sequence[UUID]) -> tuple[set[UUID], set[UUID]]:
    """Those of our own attempts that are in the ledger, and those that are under way: an attempt of ours is a call of its own."""
    wanted = list(attempt_ids)
    booked = tx.execute("SELECT attempt_id FROM ledger_v_attempts WHERE call_id = ANY(%s)", (wanted,)).fetchall()
    begun = tx.execute("SELECT attempt_id FROM ledger_v_begun WHERE attempt_id = ANY(%s)", (wanted,)).fetchall()
    return {row[0] for row in booked}, {row[0] for row in begun}

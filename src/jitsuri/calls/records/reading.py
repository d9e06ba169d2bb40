"""Reading calls for people: by what they are looking for, page by page, never more than a bounded part at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jitsuri.calls.shapes import Call
from jitsuri.store.door import Connection

WINDOW = 60_000
"""Calls looked through for one page: about a tenth of a second where nothing matches (measured, decision 0012)."""

_COLUMNS = Call.__struct_fields__
_LISTED = ", ".join(_COLUMNS)

Place = tuple[datetime, UUID]
"""Where a page ended: time and id of the last call looked at. The next page begins after it (older)."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What somebody is looking for; None (and '' for ``metadata``) is anything. Times: ``since`` ≤ at < ``until``.

    ``task`` and ``department`` '' are 未割当. ``metadata`` is ``name=value``, or a text that a name or a value holds.
    """

    since: datetime | None = None
    until: datetime | None = None
    task: str | None = None
    departments: tuple[str, ...] | None = None
    provider: str | None = None
    model: str | None = None
    statuses: tuple[str, ...] | None = None
    run_id: UUID | None = None
    key_name: str | None = None
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of calls, newest first. ``next`` is where to go on, None at the end.

    ``is_cut`` says that the looking ended before the page was full, so that nobody waits: what is older is unknown yet.
    """

    calls: tuple[Call, ...]
    next: Place | None
    is_cut: bool = False


def search(tx: Connection, wanted: CallFilter, after: Place | None, limit: int, window: int = WINDOW) -> Found:
    """The next ``limit`` calls that match, newest first, among the next ``window`` calls of the span and task.

    Time, task and model are looked up in an index; everything else is looked at call by call.
    """
    indexed, indexed_facts = _indexed(wanted, after)
    looked_at, facts = _looked_at(wanted)
    facts |= indexed_facts | {"limit": limit + 1, "window": window}
    if not looked_at:
        rows = tx.execute(
            f"SELECT {_LISTED} FROM calls_calls WHERE {indexed} ORDER BY at DESC, call_id LIMIT %(limit)s",  # noqa: S608
            facts,
        ).fetchall()
        return _found(rows, limit)
    rows = tx.execute(
        f"SELECT {_LISTED} FROM (SELECT * FROM calls_calls WHERE {indexed} "  # noqa: S608
        f"ORDER BY at DESC, call_id LIMIT %(window)s) AS near WHERE {looked_at} "
        "ORDER BY at DESC, call_id LIMIT %(limit)s",
        facts,
    ).fetchall()
    if len(rows) > limit:
        return _found(rows, limit)
    edge = tx.execute(
        f"SELECT at, call_id FROM calls_calls WHERE {indexed} "  # noqa: S608
        "ORDER BY at DESC, call_id OFFSET %(window)s - 1 LIMIT 1",
        facts,
    ).fetchone()
    return Found(tuple(Call(*row) for row in rows), (edge[0], edge[1]) if edge else None, is_cut=edge is not None)


def of_ids(tx: Connection, call_ids: Sequence[UUID]) -> list[Call]:
    """These calls, newest first."""
    rows = tx.execute(
        f"SELECT {_LISTED} FROM calls_calls WHERE call_id = ANY(%s) ORDER BY at DESC, call_id",  # noqa: S608
        (list(call_ids),),
    )
    return [Call(*row) for row in rows]


def latest_of_task(tx: Connection, task: str, since: datetime, until: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """``(call, thread)`` of the newest calls of a task in the span, threads under the name they have now."""
    rows = tx.execute(
        "SELECT c.call_id, coalesce(l.root_id, c.thread_id) FROM (SELECT call_id, thread_id, at FROM calls_calls "
        "WHERE task = %(task)s AND at >= %(since)s AND at < %(until)s ORDER BY at DESC, call_id LIMIT %(limit)s) c "
        "LEFT JOIN calls_thread_links l USING (thread_id) ORDER BY c.at DESC, c.call_id",
        {"task": task, "since": since, "until": until, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def of_thread(tx: Connection, thread_id: UUID, limit: int) -> list[Call]:
    """The first ``limit`` calls of the thread by time, later-found names of it included."""
    rows = tx.execute(
        "WITH root AS (SELECT coalesce((SELECT root_id FROM calls_thread_links WHERE thread_id = %(id)s), %(id)s) "  # noqa: S608
        f"AS id) SELECT {_LISTED} FROM calls_calls WHERE thread_id IN (SELECT id FROM root UNION "
        "SELECT thread_id FROM calls_thread_links WHERE root_id = (SELECT id FROM root)) "
        "ORDER BY at, call_id LIMIT %(limit)s",
        {"id": thread_id, "limit": limit},
    )
    return [Call(*row) for row in rows]


def open_groups(tx: Connection) -> dict[UUID, int]:
    """How many calls of each prompt group belong to no task."""
    return dict(tx.execute("SELECT group_id, count(*) FROM calls_calls WHERE task = '' GROUP BY group_id").fetchall())


def some_of_groups(tx: Connection, group_ids: Sequence[UUID], each: int) -> list[tuple[UUID, UUID, str]]:
    """``(group, call, model)`` of at most ``each`` unassigned calls per group."""
    rows = tx.execute(
        "SELECT g.group_id, c.call_id, c.model FROM unnest(%s::uuid[]) AS g(group_id) CROSS JOIN LATERAL "
        "(SELECT call_id, model FROM calls_calls WHERE task = '' AND group_id = g.group_id LIMIT %s) c",
        (list(group_ids), each),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _found(rows: Sequence[tuple[Any, ...]], limit: int) -> Found:
    calls = tuple(Call(*row) for row in rows[:limit])
    return Found(calls, (calls[-1].at, calls[-1].call_id) if len(rows) > limit else None)


def _indexed(wanted: CallFilter, after: Place | None) -> tuple[str, dict[str, Any]]:
    """The conditions that an index answers, with the place to begin after."""
    conditions = ["true"]
    facts: dict[str, Any] = {}
    for name, sql in (("since", "at >= %(since)s"), ("until", "at < %(until)s"), ("task", "task = %(task)s"),
                      ("model", "model = %(model)s")):  # fmt: skip
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(sql)
            facts[name] = value
    if after is not None:
        conditions.append("at <= %(after_at)s AND (at < %(after_at)s OR call_id > %(after_id)s)")
        facts |= {"after_at": after[0], "after_id": after[1]}
    return " AND ".join(conditions), facts


def _looked_at(wanted: CallFilter) -> tuple[str, dict[str, Any]]:
    conditions: list[str] = []
    facts: dict[str, Any] = {}

    def demand(name: str, sql: str, value: Any) -> None:
        if value is not None:
            conditions.append(sql)
            facts[name] = value

    demand("provider", "provider = %(provider)s", wanted.provider)
    demand("departments", "department = ANY(%(departments)s)", _listed(wanted.departments))
    demand("statuses", "status = ANY(%(statuses)s)", _listed(wanted.statuses))
    demand("run_id", "run_id = %(run_id)s", wanted.run_id)
    demand("key_name", "key_name = %(key_name)s", wanted.key_name)
    name, equals, value = wanted.metadata.partition("=")
    if equals and name:
        conditions.append("metadata ->> %(meta_name)s = %(meta_value)s")
        facts |= {"meta_name": name, "meta_value": value}
    elif wanted.metadata:
        conditions.append("strpos(metadata::text, %(meta_text)s) > 0")  # a tenth of the time of looking value by value
        facts["meta_text"] = json.dumps(wanted.metadata, ensure_ascii=False)[1:-1]
    return " AND ".join(conditions), facts


def _listed(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)

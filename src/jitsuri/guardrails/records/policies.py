"""How policies are kept: versions per task that are only added; the last one says where a task stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from jitsuri.guardrails.rules.coding import document_of, policy_of
from jitsuri.guardrails.shapes import Policy, StoredPolicy
from jitsuri.store.announcing import announce
from jitsuri.store.door import Connection

_COLUMNS = "task, version, document, created_at, created_by, reason, is_active"

LOCK = 0x6A67_0020
"""Advisory lock under which versions are numbered: '*' has no row of a task that could be locked (decision 0039)."""


def standing(tx: Connection) -> dict[str, StoredPolicy]:
    """The last version of every task that ever had one, those that are off included."""
    rows = tx.execute(f"SELECT DISTINCT ON (task) {_COLUMNS} FROM guard_policies ORDER BY task, version DESC")  # noqa: S608
    return {row[0]: _stored(row) for row in rows}


def standing_of(tx: Connection, task: str) -> StoredPolicy | None:
    """The last version of one task (``*`` for all without their own); None where it never had one."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM guard_policies WHERE task = %s ORDER BY version DESC LIMIT 1",  # noqa: S608
        (task,),
    ).fetchone()
    return _stored(row) if row else None


def history(tx: Connection, task: str) -> list[StoredPolicy]:
    """All versions of a task, newest first."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM guard_policies WHERE task = %s ORDER BY version DESC", (task,))  # noqa: S608
    return [_stored(row) for row in rows]


def add(tx: Connection, policy: Policy, *, author: str, reason: str, now: datetime, is_active: bool = True) -> int:
    """Write the next version of a task's policy; returns its number. The version in ``policy`` is not looked at."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    [(version,)] = tx.execute(
        "INSERT INTO guard_policies (task, version, document, created_by, created_at, reason, is_active) "
        "SELECT %(task)s, coalesce(max(version), 0) + 1, %(document)s, %(author)s, %(at)s, %(reason)s, %(is_active)s "
        "FROM guard_policies WHERE task = %(task)s RETURNING version",
        {"task": policy.task, "document": Jsonb(document_of(policy)), "author": author, "at": now, "reason": reason,
         "is_active": is_active},
    ).fetchall()  # fmt: skip
    announce(tx, "guards")
    return int(version)


def lock(tx: Connection) -> None:
    """Let nobody else write a version until the transaction ends."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))


def _stored(row: tuple[Any, ...]) -> StoredPolicy:
    task, version, document, at, author, reason, is_active = row
    return StoredPolicy(policy_of(task, version, document), at, author, reason, is_active)

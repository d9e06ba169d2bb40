"""How tasks, their rules and prompt groups are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from jitsuri.routing.shapes import Group, Task, TaskRule
from jitsuri.store.door import Connection

_TASK = tuple(f.name for f in fields(Task))
_RULE = tuple(f.name for f in fields(TaskRule))
_GROUP = tuple(f.name for f in fields(Group))


def tasks(tx: Connection) -> dict[str, Task]:
    """All tasks by name."""
    rows = tx.execute(f"SELECT {', '.join(_TASK)} FROM routing_tasks ORDER BY name")  # noqa: S608
    return {row[0]: Task(*row) for row in rows}


def save_task(tx: Connection, task: Task) -> None:
    """Write a task; one of the same name gets the new values."""
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in _TASK if name not in ("name", "created_at"))
    tx.execute(
        f"INSERT INTO routing_tasks ({', '.join(_TASK)}) VALUES ({', '.join(['%s'] * len(_TASK))}) "  # noqa: S608
        f"ON CONFLICT (name) DO UPDATE SET {changed}",
        tuple(getattr(task, name) for name in _TASK),
    )


def add_tasks(tx: Connection, tasks: Sequence[Task]) -> None:
    """Write tasks that are not there; one that is stays as it is."""
    if tasks:
        with tx.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO routing_tasks ({', '.join(_TASK)}) VALUES ({', '.join(['%s'] * len(_TASK))}) "  # noqa: S608
                "ON CONFLICT (name) DO NOTHING",
                [tuple(getattr(task, name) for name in _TASK) for task in tasks],
            )


def rules(tx: Connection) -> list[TaskRule]:
    """All rules in the order in which they are tried."""
    rows = tx.execute(f"SELECT {', '.join(_RULE)} FROM routing_rules ORDER BY position, rule_id")  # noqa: S608
    return [TaskRule(*row) for row in rows]


def save_rule(tx: Connection, rule: TaskRule, author: str, now: datetime) -> None:
    """Write a rule; one for the same field and value is replaced."""
    tx.execute(
        f"INSERT INTO routing_rules ({', '.join(_RULE)}, author, set_at) "  # noqa: S608
        f"VALUES ({', '.join(['%s'] * (len(_RULE) + 2))}) ON CONFLICT (field, value) DO UPDATE SET "
        "position = EXCLUDED.position, task = EXCLUDED.task, department = EXCLUDED.department, "
        "author = EXCLUDED.author, set_at = EXCLUDED.set_at",
        (*(getattr(rule, name) for name in _RULE), author, now),
    )


def add_groups(tx: Connection, groups: Iterable[Group]) -> None:
    """Add counts to prompt groups; the sample of a group must have been narrowed by the caller (``samples_of``)."""
    columns = list(zip(*(tuple(getattr(g, name) for name in _GROUP) for g in groups), strict=True))
    if columns:
        tx.execute(
            f"INSERT INTO routing_groups ({', '.join(_GROUP)}, set_aside_at) SELECT *, NULL::timestamptz FROM unnest("  # noqa: S608
            "%s::uuid[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[]) "
            "ON CONFLICT (group_id) DO UPDATE SET sample = EXCLUDED.sample, calls = routing_groups.calls + EXCLUDED.calls, "
            "first_at = least(routing_groups.first_at, EXCLUDED.first_at), "
            "last_at = greatest(routing_groups.last_at, EXCLUDED.last_at)",
            [list(column) for column in columns],
        )


def samples_of(tx: Connection, group_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The samples of those groups that are known."""
    rows = tx.execute("SELECT group_id, sample FROM routing_groups WHERE group_id = ANY(%s)", (list(group_ids),))
    return dict(rows.fetchall())


def groups(tx: Connection, group_ids: Sequence[UUID]) -> list[Group]:
    """These groups, those set aside left out."""
    rows = tx.execute(
        f"SELECT {', '.join(_GROUP)} FROM routing_groups WHERE group_id = ANY(%s) AND set_aside_at IS NULL",  # noqa: S608
        (list(group_ids),),
    )
    return [Group(*row) for row in rows]


def set_aside(tx: Connection, group_ids: Sequence[UUID], now: datetime) -> None:
    """A person said that these groups are no task of their own."""
    tx.execute("UPDATE routing_groups SET set_aside_at = %s WHERE group_id = ANY(%s)", (now, list(group_ids)))

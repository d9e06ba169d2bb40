"""How tasks, their rules and prompt groups are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from psycopg.types.json import Jsonb

from jitsuri.routing.rules.choosing import target_named
from jitsuri.routing.shapes import (
    Canary,
    DataRule,
    Group,
    Prompt,
    Target,
    Task,
    TaskRule,
    Training,
    Variant,
    Versioned,
)
from jitsuri.store.announcing import announce
from jitsuri.store.door import Connection

_TASK = tuple(f.name for f in fields(Task))
_RULE = tuple(f.name for f in fields(TaskRule))
_GROUP = tuple(f.name for f in fields(Group))


def tasks(tx: Connection) -> dict[str, Task]:
    """All tasks by name."""
    rows = tx.execute(f"SELECT {', '.join(_TASK)} FROM routing_tasks ORDER BY name")  # noqa: S608
    return {row[0]: Task(*row) for row in rows}


def lock_task(tx: Connection, name: str) -> Task | None:
    """The task, which nobody else changes until the transaction ends."""
    row = tx.execute(f"SELECT {', '.join(_TASK)} FROM routing_tasks WHERE name = %s FOR UPDATE", (name,)).fetchone()  # noqa: S608
    return Task(*row) if row else None


def save_task(tx: Connection, task: Task) -> None:
    """Write a task; one of the same name gets the new values."""
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in _TASK if name not in ("name", "created_at"))
    tx.execute(
        f"INSERT INTO routing_tasks ({', '.join(_TASK)}) VALUES ({', '.join(['%s'] * len(_TASK))}) "  # noqa: S608
        f"ON CONFLICT (name) DO UPDATE SET {changed}",
        tuple(getattr(task, name) for name in _TASK),
    )
    announce(tx, "routing")


def add_tasks(tx: Connection, tasks: Sequence[Task]) -> None:
    """Write tasks that are not there; one that is stays as it is."""
    if tasks:
        with tx.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO routing_tasks ({', '.join(_TASK)}) VALUES ({', '.join(['%s'] * len(_TASK))}) "  # noqa: S608
                "ON CONFLICT (name) DO NOTHING",
                [tuple(getattr(task, name) for name in _TASK) for task in tasks],
            )
            is_changed = cursor.rowcount > 0
        if is_changed:
            announce(tx, "routing")


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


# -- which way a task is answered, and what may answer it

_NEWEST = "SELECT DISTINCT ON (task) task, document, version, is_pinned, author, reason, set_at"


def variants(tx: Connection) -> dict[str, tuple[Variant, Versioned]]:
    """The variant of each task that has one, with who set it."""
    rows = tx.execute(f"{_NEWEST} FROM routing_variants ORDER BY task, version DESC")
    found = ((row[0], _variant(row[0], row[1]), Versioned(*row[2:])) for row in rows)
    return {task: (variant, version) for task, variant, version in found if variant is not None}


def variant_history(tx: Connection, task: str) -> list[tuple[Variant | None, Versioned]]:
    """All variants that a task has had, newest first; None is where it was left without one."""
    rows = tx.execute(
        "SELECT document, version, is_pinned, author, reason, set_at FROM routing_variants "
        "WHERE task = %s ORDER BY version DESC",
        (task,),
    )
    return [(_variant(task, row[0]), Versioned(*row[1:])) for row in rows]


def save_variant(tx: Connection, variant: Variant, *, is_pinned: bool, author: str, reason: str, now: datetime) -> int:
    """Let a task be answered so from now on; returns the version."""
    document: dict[str, Any] = {
        "target": str(variant.target),
        "fallbacks": [str(target) for target in variant.fallbacks],
        "most_output_tokens": variant.most_output_tokens,
    }
    if variant.prompt:
        document["prompt"] = variant.prompt
    canary = variant.canary
    if canary is not None:
        document["canary"] = {"target": str(canary.target), "per_mille": canary.per_mille, "prompt": canary.prompt}
    return _save(tx, "routing_variants", variant.task, document, is_pinned, author, reason, now)


def end_variant(tx: Connection, task: str, *, author: str, reason: str, now: datetime) -> int:
    """Leave a task without a variant from now on; returns the version."""
    return _save(tx, "routing_variants", task, {"target": ""}, False, author, reason, now)


def data_rules(tx: Connection) -> dict[str, tuple[DataRule, Versioned]]:
    """The data rule of each task that has one, with who set it."""
    rows = tx.execute(f"{_NEWEST} FROM routing_policies ORDER BY task, version DESC")
    return {row[0]: (_rule(row[0], row[1]), Versioned(*row[2:])) for row in rows}


def data_rule_history(tx: Connection, task: str) -> list[tuple[DataRule, Versioned]]:
    """All data rules that a task has had, newest first."""
    rows = tx.execute(
        "SELECT document, version, is_pinned, author, reason, set_at FROM routing_policies "
        "WHERE task = %s ORDER BY version DESC",
        (task,),
    )
    return [(_rule(task, row[0]), Versioned(*row[1:])) for row in rows]


def save_data_rule(tx: Connection, rule: DataRule, *, is_pinned: bool, author: str, reason: str, now: datetime) -> int:
    """Let a task be answered only so from now on; returns the version."""
    document = {
        "vendors": list(rule.vendors),
        "regions": list(rule.regions),
        "training": rule.training,
        "is_on_premises_only": rule.is_on_premises_only,
    }
    return _save(tx, "routing_policies", rule.task, document, is_pinned, author, reason, now)


# -- prompts

_PROMPT = tuple(f.name for f in fields(Prompt))


def prompts(tx: Connection, task: str) -> list[Prompt]:
    """All versions of a task's prompt, newest first."""
    rows = tx.execute(
        f"SELECT {', '.join(_PROMPT)} FROM routing_prompts WHERE task = %s ORDER BY version DESC",  # noqa: S608
        (task,),
    )
    return [Prompt(*row) for row in rows]


def prompt(tx: Connection, task: str, version: int) -> Prompt | None:
    """One version of a task's prompt; None for an unknown one."""
    row = tx.execute(
        f"SELECT {', '.join(_PROMPT)} FROM routing_prompts WHERE task = %s AND version = %s",  # noqa: S608
        (task, version),
    ).fetchone()
    return Prompt(*row) if row else None


def prompt_texts(tx: Connection, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The texts of these (task, version); those that are not there are left out."""
    if not wanted:
        return {}
    rows = tx.execute(
        "SELECT p.task, p.version, p.text FROM routing_prompts AS p "
        "JOIN unnest(%s::text[], %s::integer[]) AS w (task, version) USING (task, version)",
        ([task for task, _ in wanted], [version for _, version in wanted]),
    )
    return {(task, version): text for task, version, text in rows}


def add_prompt(tx: Connection, task: str, text: str, author: str, reason: str, now: datetime) -> int:
    """Write the next version of a task's prompt; nothing answers by it until a variant names it. Returns the version."""
    row = tx.execute(
        "INSERT INTO routing_prompts (task, version, text, author, reason, set_at) "
        "SELECT %(task)s, coalesce(max(version), 0) + 1, %(text)s, %(author)s, %(reason)s, %(now)s "
        "FROM routing_prompts WHERE task = %(task)s RETURNING version",
        {"task": task, "text": text, "author": author, "reason": reason, "now": now},
    ).fetchone()
    assert row is not None
    return int(row[0])


def _save(
    tx: Connection, table: str, task: str, document: dict[str, Any], is_pinned: bool, author: str, reason: str,
    now: datetime,
) -> int:  # fmt: skip
    row = tx.execute(
        f"INSERT INTO {table} (task, version, document, is_pinned, author, reason, set_at) "  # noqa: S608
        f"SELECT %(task)s, coalesce(max(version), 0) + 1, %(document)s, %(is_pinned)s, %(author)s, %(reason)s, %(now)s "
        f"FROM {table} WHERE task = %(task)s RETURNING version",
        {"task": task, "document": Jsonb(document), "is_pinned": is_pinned, "author": author, "reason": reason,
         "now": now},
    ).fetchone()  # fmt: skip
    assert row is not None
    announce(tx, "routing")
    return int(row[0])


def _variant(task: str, document: dict[str, Any]) -> Variant | None:
    if not document["target"]:
        return None
    canary = document.get("canary")
    return Variant(
        task, _target(document["target"]), tuple(map(_target, document["fallbacks"])), document["most_output_tokens"],
        None if canary is None else Canary(_target(canary["target"]), canary["per_mille"], canary.get("prompt", 0)),
        document.get("prompt", 0),
    )  # fmt: skip


def _target(text: str) -> Target:
    found = target_named(text)
    assert found is not None, text
    return found


def _rule(task: str, document: dict[str, Any]) -> DataRule:
    return DataRule(
        task, tuple(document["vendors"]), tuple(document["regions"]), cast(Training, document["training"]),
        document["is_on_premises_only"],
    )  # fmt: skip

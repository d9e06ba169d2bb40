"""Proposing tasks: calls that belong to no task are shown as groups; a person names them, and they move."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from jitsuri.calls.records import calls as call_rows
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.ledger.records import moves
from jitsuri.rightsizing import records as rightsizing_rows
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.naming import USUAL_MARGIN, is_task_name
from jitsuri.routing.rules.proposing import propose
from jitsuri.routing.shapes import Proposal, Task, TaskRule
from jitsuri.store.door import Connection, Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal

_MOVE_BATCH = 20_000
"""Calls moved per transaction: about a second of work."""


def proposals(tx: Connection) -> list[Proposal]:
    """What a person is asked to name, dearest first."""
    open_groups = rightsizing_rows.unassigned_groups(tx)
    groups = routing_rows.groups(tx, [row[0] for row in open_groups])
    return propose(
        groups,
        {row[0]: row[2] for row in open_groups},
        {row[0]: row[1] for row in open_groups},
        {row[0]: row[3] for row in open_groups},
    )


def new_task(
    name: str,
    title_ja: str,
    title_en: str,
    department: str,
    owner: str,
    now: datetime,
    margin: Decimal = USUAL_MARGIN,
) -> Task | Refusal:
    """A task as a person names it; a name that cannot stand in a URL is refused."""
    if not is_task_name(name):
        return Refusal("task_name", {"name": name})
    return Task(
        name, title_ja or name, title_en or title_ja or name, department, owner, "production", "internal", margin, now
    )


def confirm(store: Store, group_ids: Sequence[UUID], task: Task, actor: str, now: datetime) -> int | Refusal:
    """Make these groups calls of ``task`` (new or existing): rules for what comes, moves for what is there.

    Returns how many calls moved. Safe to repeat: what has moved already stays.
    """
    with store.transaction() as tx:
        standing = routing_rows.tasks(tx).get(task.name)
        if standing is None:
            routing_rows.save_task(tx, task)
        department = (standing or task).department
        for group in routing_rows.groups(tx, group_ids):
            is_prompt = bool(group.system_prompt_hash)
            field, value = ("system_prompt", group.system_prompt_hash) if is_prompt else ("group", str(group.group_id))
            rule = TaskRule(
                derived_id("rule", field, value), 100, "system_prompt" if is_prompt else "group", value, task.name
            )
            routing_rows.save_rule(tx, rule, actor, now)
        facts = {"groups": [str(g) for g in group_ids], "department": department}
        evidence_rows.append(tx, record_of(now, actor, "task_confirmed", f"task:{task.name}", facts))
    moved = 0
    while True:
        with store.transaction() as tx:
            call_rows.lock_import(tx)
            ids = call_rows.of_group(tx, group_ids, _MOVE_BATCH)
            if not ids:
                return moved
            moves.move(tx, ids, task.name, department, now)
            call_rows.set_task(tx, ids, task.name, department)
            moved += len(ids)


def set_aside(store: Store, group_ids: Sequence[UUID], actor: str, now: datetime) -> None:
    """A person said that these groups are no task; they are not asked about again."""
    with store.transaction() as tx:
        routing_rows.set_aside(tx, group_ids, now)
        facts = {"groups": [str(g) for g in group_ids]}
        evidence_rows.append(tx, record_of(now, actor, "proposal_set_aside", "proposal", facts))

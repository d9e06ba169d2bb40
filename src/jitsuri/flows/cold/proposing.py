"""Proposing tasks: calls that belong to no task are shown as groups; a person names them, and they move."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from jitsuri.calls.records.reading import open_groups
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.moving_calls import move_some, name_groups
from jitsuri.rightsizing.records.groups import unassigned_groups
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.naming import USUAL_MARGIN, is_task_name
from jitsuri.routing.rules.proposing import propose
from jitsuri.routing.shapes import Proposal, Task
from jitsuri.store.door import Connection, Store
from jitsuri.terms.outcomes import Refusal


def proposals(tx: Connection) -> list[Proposal]:
    """What a person is asked to name, dearest first."""
    open_groups = unassigned_groups(tx)
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
    """Make these groups calls of ``task`` and move what is there, to the end; returns how many calls moved.

    Safe to repeat: what has moved already stays. Refuses what ``name_groups`` refuses.
    """
    with store.reading() as tx:
        counts = open_groups(tx)
    left = name_groups(store, group_ids, task, actor, now)
    while not isinstance(left, Refusal) and left:
        left = move_some(store, task.name, actor, now)
    return left if isinstance(left, Refusal) else sum(counts.get(group, 0) for group in set(group_ids))


def set_aside(store: Store, group_ids: Sequence[UUID], actor: str, now: datetime) -> None:
    """A person said that these groups are no task; they are not asked about again."""
    with store.transaction() as tx:
        routing_rows.set_aside(tx, group_ids, now)
        facts = {"groups": [str(g) for g in group_ids]}
        evidence_rows.append(tx, record_of(now, actor, "proposal_set_aside", "proposal", facts))

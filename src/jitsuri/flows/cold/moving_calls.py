"""Moving calls to a task in steps: a person names groups on a page, and no request takes longer than a batch.

Naming writes the rules, so that whatever comes in from now on belongs to the task; what is there already moves batch by
batch, each a transaction of its own. Stopping anywhere loses nothing: what is left is shown, and goes on when asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.records import reading as call_reading
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.editing_tasks import is_department, words_fault
from jitsuri.ledger.records import moves
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Task, TaskRule
from jitsuri.store.door import Connection, Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day

BATCH_CALLS = 5_000
"""Calls moved per request: about two seconds of work in a ledger of a million (measured, decision 0012)."""

RULE_POSITION = 100
"""Rules that people confirm are tried after those that ``jitsuri.toml`` pins (decision 0008)."""


def name_groups(store: Store, group_ids: Sequence[UUID], task: Task, actor: str, now: datetime) -> int | Refusal:
    """Make these groups calls of ``task`` (new, or one that exists): rules now, and the first batch of moves.

    Returns how many calls have not moved yet. Refuses ``proposal_gone`` where a group was set aside or taken since, and
    for a new task what ``edit_task`` refuses.
    """
    with store.transaction() as tx:
        groups = routing_rows.groups(tx, group_ids)
        if len(groups) < len(set(group_ids)):
            return Refusal("proposal_gone")
        if task.name not in routing_rows.tasks(tx):
            wrong = words_fault(task.title_ja, task.title_en, task.owner)
            if wrong is not None:
                return wrong
            if not is_department(tx, task.department, company_day(now)):
                return Refusal("department_unknown", {"code": task.department})
            routing_rows.save_task(tx, task)
        for group in groups:
            is_prompt = bool(group.system_prompt_hash)
            field, value = ("system_prompt", group.system_prompt_hash) if is_prompt else ("group", str(group.group_id))
            its_id = derived_id("rule", field, value)
            rule = TaskRule(its_id, RULE_POSITION, "system_prompt" if is_prompt else "group", value, task.name)
            routing_rows.save_rule(tx, rule, actor, now)
        facts = {"groups": [str(group.group_id) for group in groups], "calls": sum(group.calls for group in groups)}
        evidence_rows.append(tx, record_of(now, actor, "task_confirmed", f"task:{task.name}", facts))
    return move_some(store, task.name, actor, now)


def move_some(store: Store, name: str, actor: str, now: datetime) -> int | Refusal:
    """Move the next batch of calls that the task's rules claim; returns how many are left. Safe to repeat.

    Refuses ``task_unknown``.
    """
    with store.transaction() as tx:
        task = routing_rows.tasks(tx).get(name)
        if task is None:
            return Refusal("task_unknown", {"name": name})
        call_rows.lock_import(tx)
        claimed = _claimed(tx, name)
        ids = call_rows.of_group(tx, list(claimed), BATCH_CALLS) if claimed else []
        if ids:
            moves.move(tx, ids, task.name, task.department, now)
            call_rows.set_task(tx, ids, task.name, task.department)
            facts = {"calls": len(ids), "left": sum(claimed.values()) - len(ids)}
            evidence_rows.append(tx, record_of(now, actor, "calls_moved", f"task:{task.name}", facts))
        return sum(claimed.values()) - len(ids)


def _claimed(tx: Connection, name: str) -> dict[UUID, int]:
    """Prompt groups with unassigned calls that a rule of this task claims, with how many."""
    values = {rule.value for rule in routing_rows.rules(tx) if rule.task == name}
    counts = call_reading.open_groups(tx)
    groups = routing_rows.groups(tx, list(counts))
    return {g.group_id: counts[g.group_id] for g in groups if {str(g.group_id), g.system_prompt_hash} & values}

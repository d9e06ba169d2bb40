"""Which task a call belongs to: rules in order, the first match wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jitsuri.routing.shapes import Seen, Task, TaskRule
from jitsuri.terms.ids import UNASSIGNED


def assign(seen: Seen, rules: Sequence[TaskRule], tasks: Mapping[str, Task]) -> tuple[str, str]:
    """The task and department of a call.

    A rule that matches decides. Without one, a task that the log itself names is taken if it exists. The department is
    the rule's, else the log's, else the task's own; '' is 未割当.
    """
    for rule in rules:
        if _matches(rule, seen):
            return rule.task, rule.department or seen.department or _department(rule.task, tasks)
    if seen.task in tasks:
        return seen.task, seen.department or _department(seen.task, tasks)
    return UNASSIGNED, seen.department


def _matches(rule: TaskRule, seen: Seen) -> bool:
    if rule.field == "metadata":
        name, _, wanted = rule.value.partition("=")
        return name in seen.metadata and _same(seen.metadata[name], wanted)
    found = {
        "task": seen.task,
        "system_prompt": seen.system_prompt_hash,
        "model": seen.model,
        "key": seen.key_name,
        "group": str(seen.group_id),
    }[rule.field]
    return bool(found) and _same(found, rule.value)


def _same(found: str, wanted: str) -> bool:
    if wanted.endswith("*"):
        return found.startswith(wanted[:-1])
    return found == wanted


def _department(task: str, tasks: Mapping[str, Task]) -> str:
    return tasks[task].department if task in tasks else UNASSIGNED

"""Pinning: what ``jitsuri.toml`` names (固定) is written into the database, so that everything else finds it there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import cast

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.shapes import TextPolicy
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import DataClass, RuleField, Stage, Task, TaskRule
from jitsuri.store.door import Connection, Store
from jitsuri.terms.ids import derived_id

AUTHOR = "jitsuri.toml"
Table = Mapping[str, Mapping[str, object]]


def pin(store: Store, tasks: Table, rules: Table, texts: Table, now: datetime) -> int:
    """Write pinned tasks, rules and text policies where they differ; returns how many changed.

    The tables are those of the settings file (``tasks.*``, ``rules.*``, ``texts.*``), checked and complete.
    """
    changed: list[str] = []
    with store.transaction() as tx:
        changed += _pin_tasks(tx, tasks, now)
        changed += _pin_rules(tx, rules, now)
        changed += _pin_texts(tx, texts, now)
        if changed:
            evidence_rows.append(tx, record_of(now, AUTHOR, "settings_pinned", "settings", {"changed": changed}))
    return len(changed)


def _pin_tasks(tx: Connection, tasks: Table, now: datetime) -> list[str]:
    standing = routing_rows.tasks(tx)
    changed = []
    for name, row in tasks.items():
        before = standing.get(name)
        margin = row["margin"]
        assert isinstance(margin, Decimal)
        task = Task(
            name, str(row["title_ja"] or name), str(row["title_en"] or row["title_ja"] or name), str(row["department"]),
            str(row["owner"]), cast(Stage, row["stage"]), cast(DataClass, row["data_class"]), margin,
            before.created_at if before else now,
        )  # fmt: skip
        if task != before:
            routing_rows.save_task(tx, task)
            changed.append(f"tasks.{name}")
    return changed


def _pin_rules(tx: Connection, rules: Table, now: datetime) -> list[str]:
    standing = {rule.rule_id: rule for rule in routing_rows.rules(tx)}
    changed = []
    for position, (name, row) in enumerate(rules.items()):
        field, value = str(row["field"]), str(row["value"])
        its_id = derived_id("rule", field, value)
        rule = TaskRule(its_id, position, cast(RuleField, field), value, str(row["task"]), str(row["department"]))
        if standing.get(its_id) != rule:
            routing_rows.save_rule(tx, rule, AUTHOR, now)
            changed.append(f"rules.{name}")
    return changed


def _pin_texts(tx: Connection, texts: Table, now: datetime) -> list[str]:
    standing = text_rows.policies(tx)
    changed = []
    for task, row in texts.items():
        days = row["retention_days"]
        policy = (
            TextPolicy(task, "full", days if isinstance(days, int) else 0, str(row["key_file"]), str(row["reason"]))
            if row["keep"] == "full"
            else TextPolicy(task, "none", 0, "", str(row["reason"] or ""))
        )
        if standing.get(task) != policy and not (policy.keep == "none" and task not in standing):
            text_rows.save_policy(tx, policy, AUTHOR, now)
            changed.append(f"texts.{task}")
    for task, before in standing.items():
        if task not in texts and before.keep == "full":
            text_rows.save_policy(tx, TextPolicy(task, "none", 0, "", ""), AUTHOR, now)
            changed.append(f"texts.{task}")
    return changed

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
from jitsuri.flows.cold.keeping_budgets import pin_budgets
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.naming import names_in, way_named
from jitsuri.routing.shapes import (
    DataClass,
    DataRule,
    RuleField,
    Stage,
    Target,
    Task,
    TaskRule,
    Training,
    Variant,
    Versioned,
)
from jitsuri.store.door import Connection, Store
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.ids import derived_id

AUTHOR = "jitsuri.toml"
Table = Mapping[str, Mapping[str, object]]


def pin(
    store: Store,
    tasks: Table,
    rules: Table,
    texts: Table,
    now: datetime,
    *,
    budgets: Table | None = None,
    fiscal_year_starts_in: int = 4,
) -> int:
    """Write pinned tasks, variants, data rules, rules, text policies and budgets where they differ; returns how many.

    The tables are those of the settings file (``tasks.*``, ``rules.*``, ``texts.*``, ``budgets.*``), checked and complete. Raises
    OperatorError ``target_unreadable`` for a variant that is not ``upstream/model``, and ``target_with_prompt`` for one that names a
    prompt: those live in the database (decision 0036).
    """
    changed: list[str] = []
    with store.transaction() as tx:
        changed += _pin_tasks(tx, tasks, now)
        changed += _pin_rules(tx, rules, now)
        changed += _pin_texts(tx, texts, now)
        changed += _pin_variants(tx, tasks, now)
        changed += _pin_data_rules(tx, tasks, now)
        changed += pin_budgets(tx, budgets or {}, now, fiscal_year_starts_in=fiscal_year_starts_in)
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


def _pin_variants(tx: Connection, tasks: Table, now: datetime) -> list[str]:
    """Variants that the file names; one that it no longer names stays, and may be changed in the console again."""
    standing = routing_rows.variants(tx)
    changed = []
    for name, row in tasks.items():
        if not row.get("variant"):
            continue
        most = row.get("most_output_tokens", 0)
        assert isinstance(most, int)
        fallbacks = tuple(_target(name, part) for part in names_in(row.get("fallbacks", "")))
        variant = Variant(name, _target(name, str(row["variant"])), fallbacks, most)
        if _stands(standing.get(name), variant, is_pinned=True):
            continue
        routing_rows.save_variant(tx, variant, is_pinned=True, author=AUTHOR, reason=AUTHOR, now=now)
        changed.append(f"tasks.{name}.variant")
    for name, (variant, version) in standing.items():
        if version.is_pinned and not tasks.get(name, {}).get("variant"):
            routing_rows.save_variant(tx, variant, is_pinned=False, author=AUTHOR, reason=AUTHOR, now=now)
            changed.append(f"tasks.{name}.variant")
    return changed


def _pin_data_rules(tx: Connection, tasks: Table, now: datetime) -> list[str]:
    standing = routing_rows.data_rules(tx)
    changed = []
    pinned = set()
    for name, row in tasks.items():
        rule = DataRule(
            name, names_in(row.get("vendors", "")), names_in(row.get("regions", "")), cast(Training, row.get("training", "any")),
            bool(row.get("on_premises_only")),
        )  # fmt: skip
        if rule == DataRule(name):
            continue
        pinned.add(name)
        if not _stands(standing.get(name), rule, is_pinned=True):
            routing_rows.save_data_rule(tx, rule, is_pinned=True, author=AUTHOR, reason=AUTHOR, now=now)
            changed.append(f"tasks.{name}.data_rule")
    for name, (rule, version) in standing.items():
        if version.is_pinned and name not in pinned:
            routing_rows.save_data_rule(tx, rule, is_pinned=False, author=AUTHOR, reason=AUTHOR, now=now)
            changed.append(f"tasks.{name}.data_rule")
    return changed


def _stands(kept: tuple[object, Versioned] | None, wanted: object, *, is_pinned: bool) -> bool:
    return kept is not None and kept[0] == wanted and kept[1].is_pinned == is_pinned


def _target(task: str, text: str) -> Target:
    found = way_named(text)
    if found is None:
        raise OperatorError("target_unreadable", task=task, value=text[:200])
    if found[1]:
        raise OperatorError("target_with_prompt", task=task, value=text[:200])
    return found[0]


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

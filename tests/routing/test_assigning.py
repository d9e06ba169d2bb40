"""Rules in order, the first match wins; proposals gather what looks alike."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from jitsuri.routing.rules.assigning import assign
from jitsuri.routing.rules.proposing import propose
from jitsuri.routing.shapes import Group, RuleField, Seen, Task, TaskRule
from jitsuri.terms.ids import derived_id

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def task(name: str, department: str = "") -> Task:
    return Task(name, name, name, department, "", "production", "internal", Decimal("0.05"), NOW)


def rule(position: int, field: RuleField, value: str, name: str, department: str = "") -> TaskRule:
    return TaskRule(derived_id("rule", field, value), position, field, value, name, department)


def seen(**changes: object) -> Seen:
    plain: dict[str, object] = {
        "task": "", "department": "", "system_prompt_hash": "abc", "model": "gpt-4o-2024-08-06", "key_name": "erp",
        "metadata": {"app": "mail"}, "group_id": derived_id("group", "1"),
    }  # fmt: skip
    return Seen(**(plain | changes))  # type: ignore[arg-type]


TASKS = {"triage": task("triage", "sales"), "minutes": task("minutes")}


def test_the_first_rule_that_matches_wins() -> None:
    rules = [rule(1, "model", "gpt-4o*", "minutes"), rule(2, "key", "erp", "triage")]
    assert assign(seen(), rules, TASKS) == ("minutes", "")


def test_each_field_can_decide() -> None:
    for field, value in (
        ("system_prompt", "abc"), ("metadata", "app=mail"), ("metadata", "app=m*"), ("model", "gpt-4o-2024-08-06"),
        ("key", "er*"), ("group", str(derived_id("group", "1"))),
    ):  # fmt: skip
        assert assign(seen(), [rule(1, field, value, "triage")], TASKS) == ("triage", "sales"), (field, value)  # type: ignore[arg-type]


def test_a_value_that_differs_decides_nothing() -> None:
    rules = [
        rule(1, "system_prompt", "abd", "triage"),
        rule(2, "metadata", "app=mai", "triage"),
        rule(3, "task", "*", "triage"),
    ]
    assert assign(seen(), rules, TASKS) == ("", "")


def test_a_task_named_by_the_log_counts_if_it_exists() -> None:
    assert assign(seen(task="triage"), [], TASKS) == ("triage", "sales")
    assert assign(seen(task="unknown"), [], TASKS) == ("", "")


def test_the_department_is_the_rules_then_the_logs_then_the_tasks() -> None:
    with_own = [rule(1, "key", "erp", "triage", "purchasing")]
    assert assign(seen(department="design"), with_own, TASKS) == ("triage", "purchasing")
    assert assign(seen(department="design"), [rule(1, "key", "erp", "triage")], TASKS) == ("triage", "design")


def group(number: int, sample: str, kind: str = "system_prompt") -> Group:
    return Group(derived_id("group", str(number)), kind, "h", sample, 1, NOW, NOW)  # type: ignore[arg-type]


def test_alike_prompts_become_one_proposal_dearest_first() -> None:
    groups = [
        group(1, "あなたは株式会社サンプル精機の問合せを分類する係です。"),
        group(2, "あなたは株式会社サンプル精機の問合せを分類する係です！"),
        group(3, "Translate the following specification into English."),
    ]
    costs = {g.group_id: Decimal(n) for n, g in enumerate(groups, 1)}
    calls = {g.group_id: 10 for g in groups}
    found = propose(groups, costs, calls, {groups[0].group_id: ["gpt-4o"]})

    assert sorted((len(p.groups), p.calls, p.cost_jpy) for p in found) == [(1, 10, Decimal(3)), (2, 20, Decimal(3))]
    assert found[0].calls == 20
    assert sum(p.cost_jpy for p in found) == Decimal(6)


def test_single_questions_without_a_template_are_one_proposal() -> None:
    groups = [group(n, "", "template") for n in range(50)]
    found = propose(groups, {}, {g.group_id: 1 for g in groups}, {})

    assert len(found) == 1
    assert found[0].calls == 50
    assert found[0].sample == ""


def test_no_group_is_lost_however_many() -> None:
    groups = [group(n, f"{n:05d} prompt number {n * 7919}") for n in range(600)]
    found = propose(groups, {}, {g.group_id: 2 for g in groups}, {})

    assert sorted(i for p in found for i in p.groups) == sorted(g.group_id for g in groups)

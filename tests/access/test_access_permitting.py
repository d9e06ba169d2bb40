"""The table of rights, role by role."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from jitsuri.access.rules.permitting import may, roles_fault
from jitsuri.access.shapes import ROLES, Person, Right, Role

ALL: tuple[Right, ...] = (
    "see_money", "see_calls", "see_texts", "see_evidence", "see_approvals",
    "confirm_tasks", "edit_costs", "edit_people", "edit_settings", "ask_keys",
    "draft_approvals", "review_approvals", "decide_approvals", "stand_in",
    "run_trials", "label_pairs", "put_in_force", "edit_prompts", "edit_guards",
)  # fmt: skip
EXPECTED: dict[Role, str] = {
    "admin": "see_money see_calls see_texts see_evidence see_approvals confirm_tasks edit_costs edit_people edit_settings "
    "ask_keys draft_approvals review_approvals decide_approvals stand_in run_trials label_pairs put_in_force edit_prompts "
    "edit_guards",
    "finance": "see_money see_calls see_approvals edit_costs review_approvals stand_in",
    "owner": "see_money see_calls see_texts see_approvals confirm_tasks ask_keys draft_approvals review_approvals "
    "decide_approvals stand_in run_trials label_pairs put_in_force edit_prompts "
    "edit_guards",
    "reviewer": "see_calls see_texts see_approvals review_approvals stand_in label_pairs",
    "auditor": "see_money see_calls see_texts see_evidence see_approvals",
    "developer": "see_money see_calls see_approvals ask_keys draft_approvals stand_in edit_prompts",
}


def person(*roles: Role, active: bool = True) -> Person:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return Person(UUID(int=1), "aoki@example.jp", "青木", frozenset(roles), "", "ja", active, at)


def test_every_role_stands_in_the_expectation() -> None:
    assert set(EXPECTED) == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_exactly_what_the_table_says(role: Role) -> None:
    assert [right for right in ALL if may(person(role), right)] == EXPECTED[role].split()


def test_roles_add_up_but_an_auditor_changes_nothing() -> None:
    assert may(person("finance", "reviewer"), "see_texts")
    assert may(person("finance", "reviewer"), "edit_costs")
    both = person("auditor", "admin")
    assert [right for right in ALL if may(both, right)] == EXPECTED["auditor"].split()


def test_who_is_not_active_or_has_no_role_may_nothing() -> None:
    assert not any(may(person("admin", active=False), right) for right in ALL)
    assert not any(may(replace(person("admin"), roles=frozenset()), right) for right in ALL)


@pytest.mark.parametrize(
    ("roles", "code"),
    [((), "roles_empty"), (("admin", "boss"), "role_unknown"), (("auditor", "finance"), "auditor_alone")],
)
def test_roles_that_cannot_be_given(roles: tuple[str, ...], code: str) -> None:
    fault = roles_fault(roles)
    assert fault is not None
    assert fault.code == code


def test_roles_that_can_be_given() -> None:
    assert roles_fault(["auditor"]) is None
    assert roles_fault(["admin", "finance", "owner"]) is None

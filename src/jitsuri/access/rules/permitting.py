"""Who may do what: one table, read by one function."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from jitsuri.access.shapes import ROLES, Person, Right, Role
from jitsuri.terms.outcomes import Refusal

READING: frozenset[Right] = frozenset({"see_money", "see_calls", "see_texts", "see_evidence", "see_approvals"})
"""The rights that change nothing."""

SIGNING: frozenset[Right] = frozenset({"draft_approvals", "review_approvals", "decide_approvals", "stand_in"})

CHANGING: frozenset[Right] = SIGNING | {
    "confirm_tasks", "edit_costs", "edit_people", "edit_settings", "ask_keys", "run_trials", "label_pairs", "put_in_force",
    "edit_prompts", "edit_guards",
}  # fmt: skip

_SIGNS: frozenset[Right] = frozenset({"see_approvals", "stand_in"})
"""What everybody has who may come to sign something."""

_TASKS: frozenset[Right] = frozenset({
    "see_money", "see_calls", "see_texts", "confirm_tasks", "ask_keys", "run_trials", "label_pairs", "put_in_force",
    "edit_prompts", "edit_guards",
})  # fmt: skip
"""What the owner of a task does with it."""

RIGHTS: Mapping[Role, frozenset[Right]] = MappingProxyType(
    {
        "admin": READING | CHANGING,
        "finance": _SIGNS | {"see_money", "see_calls", "edit_costs", "review_approvals"},
        "owner": _SIGNS | _TASKS | frozenset({"draft_approvals", "review_approvals", "decide_approvals"}),
        "reviewer": _SIGNS | {"see_calls", "see_texts", "review_approvals", "label_pairs"},
        "auditor": READING,
        "developer": _SIGNS | {"see_money", "see_calls", "ask_keys", "draft_approvals", "edit_prompts"},
    }
)
"""Rights by role; a person has those of all roles. Source: decisions 0005, 0021, 0030, 0031, 0034, 0035, 0036 and 0039."""


def may(person: Person, right: Right) -> bool:
    """May this person do this? An auditor reads everything and changes nothing, whatever other role was given."""
    if not person.is_active:
        return False
    if "auditor" in person.roles:
        return right in READING
    return any(right in RIGHTS[role] for role in person.roles)


def roles_fault(roles: Collection[str]) -> Refusal | None:
    """Why these roles cannot be given together: ``roles_empty``, ``role_unknown``, ``auditor_alone``."""
    if not roles:
        return Refusal("roles_empty", {"roles": ", ".join(ROLES)})
    for role in sorted(roles):
        if role not in ROLES:
            return Refusal("role_unknown", {"value": role, "roles": ", ".join(ROLES)})
    if "auditor" in roles and len(set(roles)) > 1:
        return Refusal("auditor_alone", {"value": ", ".join(sorted(roles))})
    return None

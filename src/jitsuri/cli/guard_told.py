"""How commands of guardrails tell policies, differences and findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from jitsuri.cli.doors import Desk
from jitsuri.guardrails.rules.coding import document_of
from jitsuri.guardrails.rules.differing import Difference
from jitsuri.guardrails.shapes import Policy, StoredPolicy
from jitsuri.words import has_text, text


def stored_plain(one: StoredPolicy) -> dict[str, Any]:
    """A version, without what it says."""
    return {
        "task": one.policy.task, "version": one.policy.version, "is_active": one.is_active, "author": one.created_by,
        "reason": one.reason, "set_at": one.created_at, "rules": len(one.policy.rules),
        "exemptions": len(one.policy.exemptions),
    }  # fmt: skip


def policy_plain(policy: Policy) -> dict[str, Any]:
    """What a policy says."""
    return {"task": policy.task, "version": policy.version, **document_of(policy)}


def differences_plain(desk: Desk, changes: Sequence[Difference]) -> list[dict[str, Any]]:
    """Changes, each with its sentence."""
    return [{**asdict(one), "text": change_told(desk, one)} for one in changes]


def change_told(desk: Desk, one: Difference) -> str:
    """The sentence of a change."""
    return text(f"guard_change.{one.code}", desk.lang, what=one.what, before=one.before or "–", after=one.after or "–")


def changes_told(desk: Desk, changes: Sequence[Difference]) -> None:
    """One line per change; what is milder than before has a mark of its own."""
    for one in changes:
        mark = text(f"cli.guard.change.{'milder' if one.is_milder else 'other'}", desk.lang)
        desk.say("cli.guard.change", mark=mark, told=change_told(desk, one))


def reason_told(desk: Desk, reason: str) -> str:
    """Why a check reported something; the code where nobody wrote words for it (own checks)."""
    code = f"guard_reason.{reason}"
    return text(code, desk.lang) if has_text(code) else reason


def share_told(part: int, whole: int) -> str:
    """A share in per cent, with its counts."""
    return f"{100 * part / whole:.1f} % ({part}/{whole})" if whole else "–"

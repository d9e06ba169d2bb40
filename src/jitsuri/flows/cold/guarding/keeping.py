"""Keeping policies: versions per task with author and reason; a task may be left unchecked, which is a version too.

Every write leaves evidence in its own transaction. What exemptions let through stands in the policy alone: it may be personal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from jitsuri.access.records import people as people_rows
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.guardrails.records import policies as policy_rows
from jitsuri.guardrails.rules.differing import differing
from jitsuri.guardrails.rules.policing import EVERY_TASK, policy_faults
from jitsuri.guardrails.shapes import Exemption, Policy, StoredPolicy
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.setting import reason_fault
from jitsuri.store.door import Connection, Store, without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day


def set_policy(
    store: Store,
    now: datetime,
    actor: str,
    policy: Policy,
    reason: str,
    checks: Mapping[str, Collection[str]],
    *,
    seen: int | None = None,
) -> StoredPolicy | tuple[Refusal, ...]:
    """Let this hold for the policy's task from now on, as its next version. ``checks``: those there are, with their types;
    ``seen``: the version that the asker had before them (0: none).

    Refuses ``routing_reason_missing``, ``task_unknown``, ``guard_policy_moved``, ``guard_policy_unchanged``,
    ``guard_exemption_owner_unknown`` and what ``policing.policy_faults`` does; all at once.
    """
    policy, reason = _clean(policy), without_nul(reason).strip()
    faults = policy_faults(policy, checks, company_day(now))
    wrong = reason_fault(reason)
    if wrong is not None:
        faults.insert(0, wrong)
    with store.transaction() as tx:
        policy_rows.lock(tx)
        faults += _owner_faults(tx, policy)
        if policy.task != EVERY_TASK and routing_rows.lock_task(tx, policy.task) is None:
            faults.append(Refusal("task_unknown", {"name": policy.task}))
        before = policy_rows.standing_of(tx, policy.task)
        faults += _standing_faults(before, policy, seen)
        if faults:
            return tuple(faults)
        version = policy_rows.add(tx, policy, author=actor, reason=reason, now=now)
        facts = {
            "version": version, "reason": reason, "rules": [_told_rule(policy, at) for at in range(len(policy.rules))],
            "exemptions": len(policy.exemptions), "terms": len(policy.terms), "on_premises": policy.on_premises,
            "restores_my_number": policy.restores_my_number, "timeout_ms": policy.timeout_ms,
            "lets_media_pass": policy.lets_media_pass,
            "milder": sum(one.is_milder for one in differing(_active(before), policy)),
        }  # fmt: skip
        evidence_rows.append(tx, record_of(now, actor, "guard_policy_set", _subject(policy.task), facts))
    return StoredPolicy(replace(policy, version=version), now, actor, reason, is_active=True)


def retire_policy(
    store: Store, now: datetime, actor: str, task: str, reason: str, *, seen: int | None = None
) -> StoredPolicy | Refusal:
    """Leave a task unchecked from now on, even where ``*`` has a policy.

    Refuses ``routing_reason_missing``, ``task_unknown``, ``guard_policy_none`` (nothing holds for it), ``guard_policy_moved``.
    """
    reason = without_nul(reason).strip()
    wrong = reason_fault(reason)
    if wrong is not None:
        return wrong
    with store.transaction() as tx:
        policy_rows.lock(tx)
        if task != EVERY_TASK and routing_rows.lock_task(tx, task) is None:
            return Refusal("task_unknown", {"name": task})
        before = policy_rows.standing_of(tx, task)
        if seen is not None and seen != _version(before):
            return Refusal("guard_policy_moved", {"name": task, "version": _version(before)})
        held = before or (policy_rows.standing_of(tx, EVERY_TASK) if task != EVERY_TASK else None)
        if held is None or not held.is_active:
            return Refusal("guard_policy_none", {"name": task})
        policy = replace(held.policy, task=task)
        version = policy_rows.add(tx, policy, author=actor, reason=reason, now=now, is_active=False)
        facts = {"version": version, "reason": reason, "before": _version(before)}
        evidence_rows.append(tx, record_of(now, actor, "guard_policy_off", _subject(task), facts))
    return StoredPolicy(replace(policy, version=version), now, actor, reason, is_active=False)


def return_policy(
    store: Store, now: datetime, actor: str, task: str, version: int, reason: str, checks: Mapping[str, Collection[str]]
) -> StoredPolicy | tuple[Refusal, ...]:
    """Let an earlier version hold again, as a new one. Refuses ``version_unknown`` and what ``set_policy`` does: an exemption
    that has expired since is among it."""
    with store.reading() as tx:
        found = {one.policy.version: one.policy for one in policy_rows.history(tx, task)}
    if version not in found:
        return (Refusal("version_unknown", {"name": task, "version": version}),)
    return set_policy(store, now, actor, found[version], reason, checks)


def policies(tx: Connection) -> dict[str, StoredPolicy]:
    """The last version of every task that ever had one."""
    return policy_rows.standing(tx)


def policy_history(tx: Connection, task: str) -> list[StoredPolicy]:
    """All versions of a task, newest first."""
    return policy_rows.history(tx, task)


def holding_for(tx: Connection, task: str) -> StoredPolicy | None:
    """The version that calls of a task are checked by: its own, else that of ``*``; None where nothing is checked."""
    found = policy_rows.standing_of(tx, task) if task else None
    found = found or policy_rows.standing_of(tx, EVERY_TASK)
    return found if found is not None and found.is_active else None


def without_values(policy: Policy) -> Policy:
    """The policy for who may not edit it: exempt values are left out."""
    return replace(policy, exemptions=tuple(replace(one, value="") for one in policy.exemptions))


def _standing_faults(before: StoredPolicy | None, policy: Policy, seen: int | None) -> list[Refusal]:
    if seen is not None and seen != _version(before):
        return [Refusal("guard_policy_moved", {"name": policy.task, "version": _version(before)})]
    held = _active(before)
    if held is not None and replace(held, version=0) == replace(policy, version=0):
        return [Refusal("guard_policy_unchanged", {"name": policy.task, "version": _version(before)})]
    return []


def _owner_faults(tx: Connection, policy: Policy) -> list[Refusal]:
    """Whoever answers for an exemption must be a person who can sign in."""
    if not policy.exemptions:
        return []
    known = {one.login for one in people_rows.everybody(tx) if one.is_active}
    return [
        Refusal("guard_exemption_owner_unknown", {"field": f"exemptions[{number}].owner", "value": one.owner})
        for number, one in enumerate(policy.exemptions, 1)
        if one.owner and one.owner not in known
    ]


def _clean(policy: Policy) -> Policy:
    """As the database can hold it, without blanks around words."""

    def exemption(one: Exemption) -> Exemption:
        told = (without_nul(text).strip() for text in (one.check, one.value, one.owner.lower(), one.reason))
        check, value, owner, reason = told
        return Exemption(check, value, owner, one.expires_on, reason)

    def words(held: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(without_nul(one).strip() for one in held))

    return replace(
        policy, task=without_nul(policy.task), exemptions=tuple(map(exemption, policy.exemptions)), terms=words(policy.terms),
        employee_patterns=words(policy.employee_patterns), customer_patterns=words(policy.customer_patterns),
    )  # fmt: skip


def _told_rule(policy: Policy, at: int) -> str:
    rule = policy.rules[at]
    told = f"{rule.check} in={rule.inward or 'off'} out={rule.outward or 'off'}"
    return f"{told} threshold={rule.threshold:g} on_failure={rule.on_failure}"


def _active(stored: StoredPolicy | None) -> Policy | None:
    return stored.policy if stored is not None and stored.is_active else None


def _version(stored: StoredPolicy | None) -> int:
    return stored.policy.version if stored is not None else 0


def _subject(task: str) -> str:
    return f"task:{task}"

"""Keeping keys: a person asks, another one decides, the one who asked makes the secret; later it is changed or ended.

Every act leaves evidence in its own transaction and announces ``keys``, so that gateways read them anew. A secret is made
at the moment in which it is told, leaves this file once, and is kept as its hash only. ``by`` None is the command line of
the machine, whose keeper could write the database anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from jitsuri.access.records import departments as department_rows
from jitsuri.access.records import keys as key_rows
from jitsuri.access.records import people as person_rows
from jitsuri.access.rules import keying
from jitsuri.access.rules.arranging import tree_at
from jitsuri.access.rules.guarding import secret_hash
from jitsuri.access.rules.permitting import may
from jitsuri.access.shapes import KeptKey, KeptSecret, KeyScope, KeyState, MadeKey, Person
from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.routing import records as routing_rows
from jitsuri.store.announcing import announce
from jitsuri.store.door import Connection, Store, without_nul
from jitsuri.terms.ids import UNASSIGNED, derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day

Secret = Callable[[], str]
"""Gives at least 256 new random bits as text each time."""

MACHINE = "cli"
"""Who acted, in evidence, where nobody is signed in."""


def everything(store: Store) -> list[KeptKey]:
    """All keys, the one asked for last first."""
    with store.reading() as tx:
        return key_rows.everything(tx)


def ask(store: Store, now: datetime, by: Person, scope: KeyScope, purpose: str) -> KeptKey | Refusal:
    """Ask for a key; it holds nothing until somebody else approves and the asker makes its secret.

    Refuses ``key_asker_unfit``, ``key_purpose_missing``, ``key_name_taken``, ``task_unknown``, ``department_unknown``,
    and what ``keying.scope_fault`` does.
    """
    if not may(by, "ask_keys"):
        return Refusal("key_asker_unfit", {"value": by.login})
    kept = _proposed(now, by.login, scope, purpose)
    if isinstance(kept, Refusal):
        return kept
    with store.transaction() as tx:
        return _place(tx, now, kept) or _note(tx, now, by, kept, "key_asked", purpose=kept.purpose, **_facts(scope))


def make(store: Store, now: datetime, scope: KeyScope, purpose: str, secret: Secret) -> MadeKey | Refusal:
    """Make a key at once, from the command line of the machine. Refuses as ``ask`` does."""
    kept = _proposed(now, "", scope, purpose)
    if isinstance(kept, Refusal):
        return kept
    kept = replace(kept, state="active", decided_at=now)
    with store.transaction() as tx:
        wrong = _place(tx, now, kept)
        return wrong or _made(tx, now, None, kept, "key_made", secret, purpose=kept.purpose, **_facts(kept.scope))


def approve(store: Store, now: datetime, by: Person | None, key_id: UUID, reason: str) -> KeptKey | Refusal:
    """Grant what was asked for; its asker may make the secret from now on.

    Refuses ``key_absent``, ``key_decided``, ``key_over``, ``key_reason_missing``, ``key_not_yours``, ``key_own_request``.
    """
    return _decide(store, now, by, key_id, "approved", reason)


def refuse(store: Store, now: datetime, by: Person | None, key_id: UUID, reason: str) -> KeptKey | Refusal:
    """Refuse what was asked for. Refuses as ``approve`` does."""
    return _decide(store, now, by, key_id, "refused", reason)


def take(store: Store, now: datetime, by: Person, key_id: UUID, secret: Secret) -> MadeKey | Refusal:
    """Make the first secret of an approved key, for the one who asked; a second time there is nothing to be told.

    Refuses ``key_absent``, ``key_not_holder``, ``key_taken``, ``key_over``.
    """
    with store.transaction() as tx:
        kept = key_rows.for_change(tx, key_id)
        if kept is None:
            return _absent(key_id)
        if kept.asked_by != by.login or not may(by, "ask_keys"):
            return Refusal("key_not_holder", _named(kept))
        if keying.standing_of(kept, now) != "approved":
            return Refusal("key_taken" if kept.state == "active" else "key_over", _named(kept))
        key_rows.set_active(tx, key_id)
        return _made(tx, now, by, kept, "key_secret_made", secret)


def rotate(
    store: Store, now: datetime, by: Person | None, key_id: UUID, overlap: timedelta, reason: str, secret: Secret
) -> MadeKey | Refusal:
    """Make a new secret; those before it end after ``overlap`` (0: now), or when they would have ended earlier.

    For the key's holder and administrators. Refuses ``key_absent``, ``key_not_holder``, ``key_over``,
    ``key_overlap_invalid``, ``key_reason_missing``.
    """
    reason = _form(reason)
    wrong = keying.overlap_fault(overlap) or keying.told_fault("key_reason_missing", reason)
    if wrong is not None:
        return wrong
    with store.transaction() as tx:
        kept = key_rows.for_change(tx, key_id)
        if kept is None:
            return _absent(key_id)
        if by is not None and not keying.is_keeper(by, kept):
            return Refusal("key_not_holder", _named(kept))
        if kept.state != "active" or keying.standing_of(kept, now) == "expired":
            return Refusal("key_over", _named(kept))
        key_rows.end_secrets(tx, key_id, now + overlap)
        hours = int(overlap.total_seconds() // 3600)
        return _made(tx, now, by, kept, "key_rotated", secret, reason=reason, overlap_hours=hours)


def change(
    store: Store,
    now: datetime,
    by: Person | None,
    key_id: UUID,
    *,
    expires_at: datetime,
    requests_per_minute: int,
    tokens_per_minute: int,
    reason: str,
) -> KeptKey | Refusal:
    """Give a living key another end and other limits; one that is over stays over. For who may decide about it.

    Refuses ``key_absent``, ``key_over``, ``key_reason_missing``, ``key_not_yours``, ``key_own_request``, and what
    ``keying.scope_fault`` does.
    """
    reason = _form(reason)
    with store.transaction() as tx:
        kept = key_rows.for_change(tx, key_id)
        if kept is None:
            return _absent(key_id)
        after = replace(
            kept.scope, expires_at=expires_at, requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
        )  # fmt: skip
        wrong = keying.told_fault("key_reason_missing", reason) or _deciding_fault(tx, by, kept)
        wrong = wrong or keying.scope_fault(after, now)
        if wrong is not None:
            return wrong
        if not keying.is_living(keying.standing_of(kept, now)):
            return Refusal("key_over", _named(kept))
        key_rows.set_limits(tx, key_id, expires_at, requests_per_minute, tokens_per_minute)
        facts = {
            field: [getattr(kept.scope, field), getattr(after, field)]
            for field in ("expires_at", "requests_per_minute", "tokens_per_minute")
            if getattr(kept.scope, field) != getattr(after, field)
        }
        return _note(tx, now, by, kept, "key_changed", reason=reason, **facts)


def end(store: Store, now: datetime, by: Person | None, key_id: UUID, reason: str) -> KeptKey | Refusal:
    """End a key for good: revoke one that has a secret, withdraw one that has none yet.

    For the one who asked and for who may decide about it. Refuses ``key_absent``, ``key_over``,
    ``key_reason_missing``, ``key_not_yours``.
    """
    reason = _form(reason)
    with store.transaction() as tx:
        kept = key_rows.for_change(tx, key_id)
        if kept is None:
            return _absent(key_id)
        wrong = keying.told_fault("key_reason_missing", reason)
        if wrong is None and (by is None or by.login != kept.asked_by):
            wrong = _deciding_fault(tx, by, kept)
        if wrong is not None:
            return wrong
        if kept.state not in ("asked", "approved", "active"):
            return Refusal("key_over", _named(kept))
        state: KeyState = "revoked" if kept.state == "active" else "withdrawn"
        key_rows.set_ended(tx, key_id, state, _login(by), now, reason)
        return _note(tx, now, by, kept, "key_revoked" if state == "revoked" else "key_withdrawn", reason=reason)


def _proposed(now: datetime, login: str, scope: KeyScope, purpose: str) -> KeptKey | Refusal:
    """The key that would be, if it can be at all."""
    scope, purpose = replace(scope, name=_form(scope.name)), _form(purpose)
    wrong = keying.scope_fault(scope, now) or keying.told_fault("key_purpose_missing", purpose)
    key_id = derived_id("key", login, scope.name, now.isoformat())
    return wrong or KeptKey(key_id, scope, purpose, "asked", login, now)


def _place(tx: Connection, now: datetime, kept: KeptKey) -> Refusal | None:
    """Write a new key, if its name is free and its task and department are there."""
    scope = kept.scope
    key_rows.lock(tx)
    if key_rows.is_name_taken(tx, scope.name, now):
        return Refusal("key_name_taken", _named(kept))
    if scope.task != UNASSIGNED and scope.task not in routing_rows.tasks(tx):
        return Refusal("task_unknown", {"name": scope.task})
    tree = tree_at(department_rows.everything(tx), company_day(now))
    if scope.department != UNASSIGNED and scope.department not in tree:
        return Refusal("department_unknown", {"code": scope.department})
    key_rows.insert(tx, kept)
    return None


def _decide(
    store: Store, now: datetime, by: Person | None, key_id: UUID, state: KeyState, reason: str
) -> KeptKey | Refusal:
    reason = _form(reason)
    with store.transaction() as tx:
        kept = key_rows.for_change(tx, key_id)
        if kept is None:
            return _absent(key_id)
        wrong = keying.told_fault("key_reason_missing", reason) or _deciding_fault(tx, by, kept)
        if wrong is not None:
            return wrong
        if kept.state != "asked":
            return Refusal("key_decided", _named(kept))
        if state == "approved" and keying.standing_of(kept, now) == "expired":
            return Refusal("key_over", _named(kept))
        key_rows.set_decided(tx, key_id, state, _login(by), now, reason)
        is_own = by is not None and by.login == kept.asked_by
        act = "key_approved" if state == "approved" else "key_refused"
        return _note(tx, now, by, kept, act, reason=reason, own_request=is_own)


def _deciding_fault(tx: Connection, by: Person | None, kept: KeptKey) -> Refusal | None:
    if by is None:
        return None
    task = routing_rows.tasks(tx).get(kept.scope.task)
    others = person_rows.has_active_admin(tx, besides=by.person_id)
    return keying.deciding_fault(by, kept, task.owner if task else "", others)


def _made(
    tx: Connection, now: datetime, by: Person | None, kept: KeptKey, act: str, secret: Secret, **facts: object
) -> MadeKey:
    made = keying.secret_text(secret())
    hint = keying.hint_of(made)
    key_rows.add_secret(tx, kept.key_id, secret_hash(made), KeptSecret(hint, _login(by), now, None))
    return MadeKey(_note(tx, now, by, kept, act, hint=hint, **facts), made)


def _note(tx: Connection, now: datetime, by: Person | None, kept: KeptKey, act: str, **facts: object) -> KeptKey:
    """Evidence and announcement of an act; gives the key as it stands after it."""
    facts["key_id"] = kept.key_id
    evidence.append(tx, record_of(now, by.login if by else MACHINE, act, f"key:{kept.scope.name}", facts))
    announce(tx, "keys")
    after = key_rows.one(tx, kept.key_id)
    assert after is not None
    return after


def _facts(scope: KeyScope) -> dict[str, object]:
    return {
        "department": scope.department, "task": scope.task, "models": scope.models, "regions": scope.regions,
        "starts_at": scope.starts_at, "expires_at": scope.expires_at,
        "requests_per_minute": scope.requests_per_minute, "tokens_per_minute": scope.tokens_per_minute,
    }  # fmt: skip


def _form(told: str) -> str:
    """What people write, as it may be kept: no secret, nothing that the database cannot hold."""
    return keying.without_secrets(without_nul(told)).strip()


def _named(kept: KeptKey) -> dict[str, object]:
    return {"name": kept.scope.name}


def _absent(key_id: UUID) -> Refusal:
    return Refusal("key_absent", {"value": str(key_id)})


def _login(by: Person | None) -> str:
    return by.login if by is not None else ""

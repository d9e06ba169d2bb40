"""Putting a certificate in force (発効): a canary first, then everything; rolled back (切戻し) or kept when it is void.

Each act looks at the certificate, its approval, the people and the task's variant as they are now, holding the task against
others, and changes the variant in the transaction that writes the event and its evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from jitsuri.access.records import people as person_rows
from jitsuri.access.rules.keying import without_secrets
from jitsuri.access.rules.permitting import may
from jitsuri.access.shapes import Person
from jitsuri.approvals import records as approval_rows
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.freezing_worlds import Around, freeze, look, way_of
from jitsuri.flows.cold.keeping_variants import Decided, change_variant_in
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.rules.living import LONGEST_REASON, moving_fault, world_told
from jitsuri.rightsizing.rules.watching import causes
from jitsuri.rightsizing.shapes.certificates import Certificate
from jitsuri.rightsizing.shapes.lives import Door, Event, Force, Life, Rollback, World
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import rule_faults
from jitsuri.routing.rules.naming import way_named
from jitsuri.routing.rules.setting import canary_of, canary_way, in_full
from jitsuri.routing.shapes import Target, Task, Variant
from jitsuri.store.door import Connection, Store, without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day

NOTED: Mapping[Event, str] = {
    "canary": "certificate_canary", "full": "certificate_full", "voided": "certificate_voided",
    "rolled_back": "certificate_rolled_back", "kept": "certificate_kept", "ended": "certificate_ended",
}  # fmt: skip
"""The act of evidence that each event leaves."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who acts, and at which door."""

    login: str
    door: Door


@dataclass(frozen=True, slots=True)
class Wish:
    """What an owner wants, with what their page showed. ``seen`` None asks nothing of it."""

    reason: str = ""
    seen: int | None = None
    """Events that the certificate had."""
    seen_variant: int | None = None
    """Version of the task's variant."""


def put_in_force(
    store: Store, now: datetime, owner: Owner, number: str, percent: str, rollback: Rollback, wish: Wish, around: Around
) -> Life | Refusal:
    """Begin the certificate's canary, or change the share and the choice of rollback of one that has begun.

    Freezes the world, ends the task's certificate that was in force. Refuses ``person_unknown``, ``life_not_yours``,
    ``certificate_absent``, what ``fitness_fault`` does, ``life_moved_on``, ``life_not_now``, ``variant_missing``,
    ``variant_moved``, ``life_baseline_moved``, ``life_canary_stands``, ``life_already_answers``, ``canary_share_invalid``, and
    what ``change_variant`` does.
    """
    wish = _clean(wish)
    with store.transaction() as tx:
        begun = _opened(tx, owner, number, "canary", wish)
        if isinstance(begun, Refusal):
            return begun
        certificate, life, _ = begun
        wrong = fitness_fault(tx, certificate, now, around)
        if wrong is not None:
            return wrong
        variant, version = _standing(tx, life.task)
        if variant is None:
            return Refusal("variant_missing", {"task": life.task})
        older = [one for one in life_rows.in_force(tx, life.task) if one.number != number]
        wrong = None if life.state == "canary" else _variant_fault(certificate, variant, older)
        if wrong is not None:
            return wrong
        return _begin(tx, now, owner, (certificate, life, older), (variant, version), (percent, rollback), wish, around)


def make_full(store: Store, now: datetime, owner: Owner, number: str, wish: Wish, around: Around) -> Life | Refusal:
    """Let the certificate's way answer everything; the one before it is its first fall-back and the target of a rollback.

    Refuses ``life_void_now`` where the next look would void it, ``variant_moved`` where the variant is not the
    certificate's canary any more, and what ``put_in_force`` does.
    """
    wish = _clean(wish)
    with store.transaction() as tx:
        begun = _opened(tx, owner, number, "full", wish)
        if isinstance(begun, Refusal):
            return begun
        certificate, life, _ = begun
        world = life.world
        wrong = fitness_fault(tx, certificate, now, around)
        if wrong is not None or world is None:
            return wrong or Refusal("life_not_now", {"number": number, "state": life.state})
        void = causes(world, look(tx, now, life, certificate.verdict.margin, around), is_full=False)
        if void:
            return Refusal("life_void_now", {"number": number, "cause": void[0].code})
        variant, version = _standing(tx, life.task)
        if variant is not None and way_of(variant) != world.proposed:
            came = change_variant_in(
                tx,
                now,
                owner.login,
                life.task,
                lambda before: _filled(before, version),
                wish.reason or number,
                dict(around.sites),
                seen=version,
            )
            if isinstance(came, Refusal):
                return came
            version = came.version
        facts = {"per_mille": 1000, "rollback": life.rollback, "variant_version": version}
        return happened(tx, now, owner, life, "full", facts, reason=wish.reason)


def go_back(store: Store, now: datetime, owner: Owner, number: str, wish: Wish, around: Around) -> Life | Refusal:
    """Roll the variant back to the way that answered before: of a certificate in force, or of a void one that asks.

    Refuses ``life_reason_missing`` and what ``put_in_force`` and ``change_variant`` do.
    """
    wish = _clean(wish)
    with store.transaction() as tx:
        begun = _opened(tx, owner, number, "rolled_back", wish, is_reasoned=True)
        if isinstance(begun, Refusal):
            return begun
        _, life, _ = begun
        if life.state == "voided" and not life.asks:
            return Refusal("life_not_now", {"number": number, "state": life.state})
        came = roll_back_in(tx, now, owner.login, life, wish.reason, around)
        if isinstance(came, Refusal):
            return came
        return happened(tx, now, owner, life, "rolled_back", {"variant_version": came}, reason=wish.reason)


def keep_going(store: Store, now: datetime, owner: Owner, number: str, wish: Wish) -> Life | Refusal:
    """Leave a void certificate's way as it stands, without a certificate, with a reason (続行).

    Refuses ``life_reason_missing``, ``life_not_now`` where nothing is asked, and what ``put_in_force`` does.
    """
    wish = _clean(wish)
    with store.transaction() as tx:
        begun = _opened(tx, owner, number, "kept", wish, is_reasoned=True)
        if isinstance(begun, Refusal):
            return begun
        _, life, _ = begun
        if not life.asks:
            return Refusal("life_not_now", {"number": number, "state": life.state})
        return happened(tx, now, owner, life, "kept", {}, reason=wish.reason)


def fitness_fault(tx: Connection, certificate: Certificate, now: datetime, around: Around) -> Refusal | None:
    """Why a certificate cannot be in force now: ``life_unfit`` (no pass), ``life_expired``, ``life_unapproved``,
    ``life_way_unreadable``, ``target_upstream_unknown``, ``target_forbidden``."""
    number, until = certificate.number, certificate.valid_until
    if certificate.verdict.decision != "pass":
        return Refusal("life_unfit", {"number": number})
    if until is not None and until < company_day(now):
        return Refusal("life_expired", {"number": number, "until": until})
    matter = approval_rows.matter(tx, "certificate", number)
    if matter is None or matter.state != "approved" or matter.fingerprint != certificate.code:
        return Refusal("life_unapproved", {"number": number})
    proposed = certificate.proposed.model
    named = way_named(proposed)
    if named is None:
        return Refusal("life_way_unreadable", {"number": number, "way": proposed or "–"})
    target, _ = named
    if target.upstream not in around.sites:
        facts = {"target": str(target), "upstream": target.upstream, "known": ", ".join(sorted(around.sites))}
        return Refusal("target_upstream_unknown", facts)
    rule = routing_rows.data_rules(tx).get(certificate.task.name)
    for why in rule_faults([target], around.sites, rule[0] if rule else None):
        return Refusal(
            "target_forbidden", {"task": certificate.task.name, "target": why.what, "why": why.code, **why.facts}
        )
    return None


def roll_back_in(tx: Connection, now: datetime, author: str, life: Life, reason: str, around: Around) -> int | Refusal:
    """Set the variant back to the world's way; the version that stands then. Where it stands already, nothing is written."""
    world = life.world
    assert world is not None
    came = change_variant_in(
        tx, now, author, life.task, lambda before: _returned(before, world, around), reason, dict(around.sites),
        returns_to=world.variant_version,
    )  # fmt: skip
    if isinstance(came, Decided):
        return came.version
    return _standing(tx, life.task)[1] if came.code == "variant_unchanged" else came


def happened(
    tx: Connection,
    now: datetime,
    owner: Owner,
    life: Life,
    event: Event,
    facts: Mapping[str, object],
    *,
    code: str = "",
    reason: str = "",
) -> Life:
    """Write an event with its evidence. The caller holds the task, so nobody else is at the same sequence."""
    told: dict[str, object] = msgspec.to_builtins(dict(facts))
    made = Force(life.number, life.sequence + 1, life.task, event, now, owner.login, owner.door, code, reason, told)
    is_written = life_rows.append(tx, made)
    assert is_written, "an event was written by somebody who did not hold the task"
    noted = {"sequence": made.sequence, "task": life.task, "code": code, "reason": reason, "door": owner.door, **told}
    evidence_rows.append(tx, record_of(now, owner.login, NOTED[event], f"certificate:{life.number}", noted))
    return life_rows.life(tx, life.number, life.task)


def asked_people(tx: Connection, task: Task | None) -> list[Person]:
    """Who is asked about a task's certificate: its owner; else owners of its department; else every administrator and owner.

    Who has left is never among them.
    """
    able = [one for one in person_rows.everybody(tx) if may(one, "put_in_force")]
    if task is not None:
        own = [one for one in able if task.owner and task.owner in (one.login, one.name)]
        near = [one for one in able if "owner" in one.roles and task.department and one.department == task.department]
        if own or near:
            return own or near
    return [one for one in able if "admin" in one.roles] or able


def _begin(
    tx: Connection,
    now: datetime,
    owner: Owner,
    subject: tuple[Certificate, Life, list[Life]],
    standing: tuple[Variant, int],
    choice: tuple[str, Rollback],
    wish: Wish,
    around: Around,
) -> Life | Refusal:
    """The variant, the older certificate's end, the frozen world and the event, as one."""
    (certificate, life, older), (variant, version), (percent, rollback) = subject, standing, choice
    if wish.seen_variant is not None and wish.seen_variant != version:
        return Refusal("variant_moved", {"name": life.task, "version": version})
    proposed = certificate.proposed.model
    begun = canary_of(replace(variant, canary=None), proposed, percent)
    if isinstance(begun, Refusal):
        return begun
    assert begun.canary is not None
    world, days = life.world, None
    if world is None:
        world, days = freeze(tx, now, certificate, proposed, replace(variant, canary=None), version, around)
    came = change_variant_in(
        tx, now, owner.login, life.task, lambda _: begun, wish.reason or life.number, dict(around.sites), seen=version
    )
    if isinstance(came, Refusal) and not (came.code == "variant_unchanged" and life.rollback != rollback):
        return came
    for one in older:
        happened(tx, now, owner, one, "ended", {"by": life.number}, code="replaced")
    facts: dict[str, object] = {
        "per_mille": begun.canary.per_mille, "rollback": rollback,
        "variant_version": came.version if isinstance(came, Decided) else version,
    }  # fmt: skip
    if days is not None:
        facts["world"] = world_told(world)
        life_rows.keep_mix_days(tx, life.number, days)
    return happened(tx, now, owner, life, "canary", facts, reason=wish.reason)


def _opened(
    tx: Connection, owner: Owner, number: str, event: Event, wish: Wish, *, is_reasoned: bool = False
) -> tuple[Certificate, Life, Person] | Refusal:
    """The certificate and its life, with the person and the task held until the transaction ends."""
    account = person_rows.account_of(tx, owner.login)
    held = person_rows.account_for_change(tx, account.person.person_id) if account else None
    if held is None or not held.person.is_active:
        return Refusal("person_unknown", {"value": owner.login})
    if not may(held.person, "put_in_force"):
        return Refusal("life_not_yours", {"name": held.person.name, "number": number})
    kept = certificate_rows.by_number(tx, without_nul(number))
    if kept is None:
        return Refusal("certificate_absent", {"number": number})
    task = kept.certificate.task.name
    if not task or routing_rows.lock_task(tx, task) is None:
        return Refusal("task_unknown", {"name": task or "–"})
    life = life_rows.life(tx, number, task)
    if len(wish.reason) > LONGEST_REASON or (is_reasoned and not wish.reason):
        return Refusal("life_reason_missing", {"longest": LONGEST_REASON})
    return moving_fault(life, event, wish.seen) or (kept.certificate, life, held.person)


def _variant_fault(certificate: Certificate, variant: Variant, older: list[Life]) -> Refusal | None:
    """Why the variant that stands is not the one that the certificate compares with."""
    number, proposed, today = certificate.number, certificate.proposed.model, certificate.today.model
    if way_of(variant) == proposed:
        return Refusal("life_already_answers", {"number": number, "way": proposed})
    ours = {one.world.proposed for one in older if one.world is not None}
    if variant.canary is not None and canary_way(variant.canary) not in ours:
        return Refusal("life_canary_stands", {"name": variant.task, "way": canary_way(variant.canary)})
    if way_named(today) is not None and today != way_of(variant):
        return Refusal("life_baseline_moved", {"number": number, "today": today, "now": way_of(variant)})
    return None


def _filled(before: Variant | None, version: int) -> Variant | Refusal:
    """The canary answers everything; what answered before is its first fall-back."""
    if before is None or before.canary is None:
        return Refusal("variant_moved", {"name": before.task if before else "", "version": version})
    return in_full(before)


def _returned(before: Variant | None, world: World, around: Around) -> Variant | Refusal:
    """The variant with the world's first target and fall-backs, as far as they are still configured. A cap set since stays."""
    named = way_named(world.today)
    if before is None or named is None:
        return Refusal("variant_missing", {"task": before.task if before else ""})
    told = world.before.get("targets")
    written = [way_named(str(one)) for one in told] if isinstance(told, list | tuple) else []
    rest: tuple[Target, ...] = tuple(
        one[0] for one in written[1:] if one is not None and one[0].upstream in around.sites
    )
    if way_of(before) == world.today:
        return replace(before, canary=None)
    return replace(before, target=named[0], fallbacks=rest, canary=None, prompt=named[1])


def _standing(tx: Connection, task: str) -> tuple[Variant | None, int]:
    history = routing_rows.variant_history(tx, task)
    return (history[0][0], history[0][1].version) if history else (None, 0)


def _clean(wish: Wish) -> Wish:
    return replace(wish, reason=without_secrets(without_nul(wish.reason)).strip())

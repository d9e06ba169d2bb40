"""Watching certificates in force: what has changed since each was put in force voids it (失効), and the variant goes back or
its owner is asked.

A look reads first and writes only what is due. Whoever voids holds the task and looks again there, so that two watchers at once
void once, and one that was killed has written everything or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jitsuri.flows.cold.freezing_worlds import Around, days_due, look, way_of
from jitsuri.flows.cold.putting_in_force import Owner, asked_people, happened, roll_back_in
from jitsuri.flows.cold.settling_labels import settle_labels
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.rules.watching import causes
from jitsuri.rightsizing.shapes.lives import IN_FORCE, AfterVoid, Cause, Life
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.setting import canary_way
from jitsuri.store.door import Connection, Store
from jitsuri.terms.outcomes import Refusal

WATCH_SECONDS: Final = 300.0
"""How often certificates are looked at: a model that was exchanged answers for five minutes at most (decision 0035)."""

ITSELF: Final = Owner("system", "watch")
_BY_HAND = frozenset({"variant_changed", "prompt_version_changed"})
"""Causes that somebody has set with their own hands: nothing of that is taken back without asking."""


@dataclass(frozen=True, slots=True)
class Voided:
    """A certificate that a look has voided, and what followed."""

    life: Life
    causes: tuple[Cause, ...]
    after: AfterVoid


def watch(store: Store, now: datetime, around: Around) -> list[Voided]:
    """Count the labels that stand, then look at every certificate in force once; returns those that this look has voided. Raises,
    after all of them, what went wrong with one."""
    settle_labels(store, now)
    with store.reading() as tx:
        standing = life_rows.in_force(tx)
    found: list[Voided] = []
    failed: list[Exception] = []
    for life in standing:
        try:
            voided = _look_at(store, now, life, around)
        except Exception as error:  # noqa: BLE001  # what is wrong with one certificate must not blind the look at the others
            failed.append(error)
        else:
            found += [] if voided is None else [voided]
    if failed:
        raise failed[0]
    return found


def causes_of(tx: Connection, now: datetime, life: Life, around: Around) -> tuple[Cause, ...]:
    """Why a certificate in force is void now; empty while it holds."""
    assert life.world is not None
    found = look(tx, now, life, _margin(tx, life.number), around)
    return causes(life.world, found, is_full=life.state == "full")


def _look_at(store: Store, now: datetime, life: Life, around: Around) -> Voided | None:
    if life.world is None:
        return None
    with store.reading() as tx:
        due = days_due(tx, now, life, around)
    if due:
        with store.transaction() as tx:
            life_rows.keep_mix_days(tx, life.number, due)
    with store.reading() as tx:
        is_void = bool(causes_of(tx, now, life, around))
    if not is_void:
        return None
    with store.transaction() as tx:
        routing_rows.lock_task(tx, life.task)
        standing = life_rows.life(tx, life.number)
        if standing.state not in IN_FORCE:
            return None
        found = causes_of(tx, now, standing, around)
        return _void(tx, now, standing, found, around) if found else None


def _void(tx: Connection, now: datetime, life: Life, found: Sequence[Cause], around: Around) -> Voided:
    """The voiding, and what follows, in one transaction. The rollback comes first, because the event tells whether it could be."""
    first = found[0]
    after, why, version = _follow(tx, now, life, found, around)
    task = routing_rows.tasks(tx).get(life.task)
    facts = {
        **first.facts, "followed": after, "why": why,
        "all": [{"code": one.code, **one.facts} for one in found],
        "asked": [one.login for one in asked_people(tx, task)] if after in ("asked", "impossible") else [],
    }  # fmt: skip
    voided = happened(tx, now, ITSELF, life, "voided", facts, code=first.code)
    if after == "rolled_back":
        back = {"variant_version": version}
        voided = happened(tx, now, ITSELF, voided, "rolled_back", back, code=first.code)
    return Voided(voided, tuple(found), after)


def _follow(
    tx: Connection, now: datetime, life: Life, found: Sequence[Cause], around: Around
) -> tuple[AfterVoid, str, int]:
    """What is done about the variant: (what, why it could not be, the version that stands)."""
    world = life.world
    assert world is not None
    history = routing_rows.variant_history(tx, life.task)
    variant, version = (history[0][0], history[0][1].version) if history else (None, 0)
    ways = [] if variant is None else [way_of(variant), *([canary_way(variant.canary)] if variant.canary else [])]
    if world.proposed not in ways:
        return "not_needed", "", version
    if life.rollback == "ask" or any(cause.code in _BY_HAND for cause in found):
        return "asked", "", version
    came = roll_back_in(tx, now, ITSELF.login, life, f"{life.number}: {found[0].code}", around)
    return ("impossible", came.code, version) if isinstance(came, Refusal) else ("rolled_back", "", came)


def _margin(tx: Connection, number: str) -> float:
    kept = certificate_rows.by_number(tx, number)
    assert kept is not None
    return kept.certificate.verdict.margin

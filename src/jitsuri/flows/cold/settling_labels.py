"""Settling labels of audits: what people said of an audited pair becomes evidence once it may no longer be taken back.

A place in the order of the evidence has one value, and keeps it from when the evidence has reached it (decision 0035): a label counts ten
minutes after it was given; it takes a judge's place only where the evidence has not come yet; a pair whose texts are gone is
passed over for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from jitsuri.flows.cold.auditing import record_audit_difference
from jitsuri.flows.cold.pairing_audits import lock_audit, openable_audits
from jitsuri.review import records as review_rows
from jitsuri.review.rules.counting import audit_set, counted
from jitsuri.rightsizing.records import audits as audit_rows
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.rules.auditing import taken
from jitsuri.rightsizing.rules.pairing import JUDGE
from jitsuri.store.door import Connection, Store

PEOPLE: Final = "people"
GONE: Final = "gone"
"""The source of what cannot be judged any more, because its texts were deleted."""


@dataclass(frozen=True, slots=True)
class _Due:
    call_id: UUID
    difference: float | None
    source: str
    actor: str
    replaces_judge: bool = False


def settle_labels(store: Store, now: datetime) -> int:
    """Count what stands, of every certificate in force. Returns how many pairs were counted."""
    with store.reading() as tx:
        waiting = [life.number for life in life_rows.in_force(tx) if _due(tx, life.number, now)]
    done = 0
    for number in waiting:
        with store.transaction() as tx:
            lock_audit(tx, number)
            for one in _due(tx, number, now):
                came = record_audit_difference(
                    tx,
                    now,
                    one.actor,
                    number,
                    one.call_id,
                    one.difference,
                    one.source,
                    replaces_judge=one.replaces_judge,
                )
                done += came is None
    return done


def _due(tx: Connection, number: str, now: datetime) -> list[_Due]:
    audited = audit_rows.of_certificate(tx, number)
    reached = taken(audited)
    still = {
        one.call_id: one
        for one in audited[reached:]
        if one.state == "answered" and (not one.source or one.source.startswith(JUDGE))
    }
    if not still:
        return []
    trial_id = audit_set(number)
    labels = review_rows.latest(tx, trial_id)
    kept = openable_audits(tx, number)
    found = []
    for pair in review_rows.pairs_of(tx, trial_id):
        one = still.get(pair.call_id) if pair.call_id is not None else None
        if one is None:
            continue
        said = labels.get(pair.pair_id, [])
        told = counted(said, now)
        if told is not None and (told.difference is not None or not one.source):
            found.append(_Due(one.call_id, told.difference, PEOPLE, told.person, bool(one.source)))
        elif not one.source and one.call_id not in kept and all(label.is_undone for label in said):
            found.append(_Due(one.call_id, None, GONE, "system"))
    return found

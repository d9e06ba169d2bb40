"""Audited calls as pairs (監査): a call that both ways have answered is a pair that people, or a judge, look at blind.

The baseline is the way before the certificate, the candidate the certified one, whichever of them answered the caller.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import UUID

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.rereading import Reply, reread_answer
from jitsuri.calls.rules.sealing import unseal
from jitsuri.flows.cold.reading_logs import read_key
from jitsuri.review import records as review_rows
from jitsuri.review.rules.counting import audit_pair, audit_set
from jitsuri.review.shapes import Pair
from jitsuri.rightsizing.records import audits as audit_rows
from jitsuri.rightsizing.shapes.lives import Audited
from jitsuri.store.door import Connection

WAY = 1
"""The number of the certified way in a set of audited pairs; today's is 0, as in a trial."""


def lock_audit(tx: Connection, number: str) -> None:
    """Whoever writes pairs, labels or judgements of a certificate's audit waits for the one before, until the transaction ends."""
    review_rows.lock_trial(tx, audit_set(number))


def add_audit_pair(tx: Connection, audited: Audited, now: datetime) -> None:
    """Make a pair of a call that was answered by both. ``lock_audit`` is held. Pairs are shown in the order of the evidence, whichever
    answer came first: a label counts when those before it have come."""
    trial_id = audit_set(audited.number)
    position = review_rows.next_position(tx, trial_id)
    rank = audit_rows.place(tx, audited.number, audited.call_id)
    review_rows.add_pair(tx, Pair(
        audit_pair(audited.number, audited.call_id), trial_id, WAY, position, "audit", "uniform", rank, 1.0, 1, now,
        audited.number, audited.call_id,
    ))  # fmt: skip


def openable_audits(tx: Connection, number: str) -> set[UUID]:
    """The calls of an audit whose request and both answers are kept."""
    kept = audit_rows.kept_answers(tx, number)
    parts = text_rows.parts_of_calls(tx, list(kept))
    return {call_id for call_id in kept if {"request", "response"} <= parts.get(call_id, set())}


def texts_of_audit(tx: Connection, folder: Path, number: str, call_id: UUID) -> tuple[bytes, Reply, Reply] | None:
    """Request as it was sent, the baseline's answer and the candidate's, opened; None where one of them is no longer kept or cannot
    be read. Raises OperatorError ``text_key_unreadable`` and ``text_key_wrong``."""
    audited = audit_rows.one(tx, number, call_id)
    found = audit_rows.sealed_answer(tx, number, call_id)
    kept = text_rows.of_call(tx, call_id)
    if audited is None or found is None or not {"request", "response"} <= kept.keys():
        return None
    attempt_id, sealed, key_name = found
    other = reread_answer(unseal(sealed, read_key(folder / key_name), attempt_id, "response"))
    request, own = (
        unseal(kept[part][0], read_key(folder / kept[part][1]), call_id, part) for part in ("request", "response")
    )
    given = reread_answer(own)
    if other is None or given is None:
        return None
    return (request, other, given) if audited.direction == "new_answered" else (request, given, other)

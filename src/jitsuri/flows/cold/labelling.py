"""Labelling (確認): a colleague is given a pair, says which answer is better, takes it back, goes on.

A pair is lent to one person for some minutes, or to two where two are wanted; whoever is given a pair, trial by trial, waits
for the one before. Texts are opened with their keys, and that somebody saw texts of a trial on a day is evidence. Each
version of a label leaves its own record, without any text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from jitsuri.access.rules.keying import without_secrets
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.rereading import Reply, reread_answer
from jitsuri.calls.rules.sealing import unseal
from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.drawing_pairs import openable
from jitsuri.flows.cold.pairing_audits import openable_audits, texts_of_audit
from jitsuri.flows.cold.reading_logs import read_key
from jitsuri.flows.cold.settling_labels import PEOPLE
from jitsuri.review import records as review_rows
from jitsuri.review.rules.judging import (
    LEASE,
    baseline_is_left,
    is_done,
    is_same_again,
    label_of,
    labels_wanted,
    open_pairs,
    pace_of,
    said_fault,
)
from jitsuri.review.rules.reading import Answered, Asked, answered, answered_of, asked_of
from jitsuri.review.shapes import Label, Pair, Said, Standing
from jitsuri.rightsizing.records import audits as audit_rows
from jitsuri.rightsizing.records import paired
from jitsuri.store.door import Connection, Store, without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day


@dataclass(frozen=True, slots=True)
class Texts:
    """What one pair is about, opened."""

    asked: Asked
    baseline: Answered
    candidate: Answered


@dataclass(frozen=True, slots=True)
class Given:
    """A pair as one person gets it: which answer stands left is settled, whose it is stays unsaid."""

    pair: Pair
    version: int
    """The version of this person's label that is there already (an undone one); 0: none."""
    asked: Asked
    left: Answered
    right: Answered


@dataclass(frozen=True, slots=True)
class Work:
    """How far a trial is, for one person."""

    standing: Standing
    pace: timedelta
    last: Label | None
    """What this person said last and may take back."""

    @property
    def left(self) -> timedelta:
        return self.pace * self.standing.left_for_me


def next_pair(
    store: Store, folder: Path, trial_id: UUID, person: str, now: datetime, *, besides: Collection[UUID] = (),
    first: UUID | None = None, length: timedelta = LEASE,
) -> Given | Refusal | None:  # fmt: skip
    """The pair that this person is to judge next, lent to them; None where nothing is left for them.

    ``besides``: pairs that their page holds already. ``first``: one that they would have before others, if they may.
    ``folder`` is where the key files' names are looked for. Refuses ``pairs_none_drawn``. Raises OperatorError
    ``text_key_unreadable`` and ``text_key_wrong``.
    """
    with store.transaction() as tx:
        review_rows.lock_trial(tx, trial_id)
        pairs = review_rows.pairs_of(tx, trial_id)
        if not pairs:
            return Refusal("pairs_none_drawn", {"value": str(trial_id)})
        labels = review_rows.latest(tx, trial_id)
        mine = open_pairs(pairs, labels, review_rows.leases(tx, trial_id, now), person, now)
        left = [one for one in mine if one.pair_id not in besides]
        judged = _judged_already(tx, pairs[0].certificate)
        left.sort(key=lambda one: (one.pair_id != first, one.call_id in judged))  # stable: only the wished one moves
        found = ((one, texts_of(tx, folder, one)) for one in left)
        chosen, texts = next(((one, held) for one, held in found if held is not None), (None, None))
        if chosen is None or texts is None:
            return None
        review_rows.lease(tx, chosen.pair_id, person, now, length)
        if review_rows.note_opening(tx, trial_id, person, company_day(now)):
            subject = f"certificate:{chosen.certificate}" if chosen.certificate else f"trial:{trial_id}"
            evidence.append(tx, record_of(now, person, "pair_texts_viewed", subject, {}))
        latest = next((one for one in labels.get(chosen.pair_id, ()) if one.person == person), None)
    sides = (texts.baseline, texts.candidate)
    one, other = sides if baseline_is_left(chosen.pair_id, person) else sides[::-1]
    return Given(chosen, latest.version if latest else 0, texts.asked, one, other)


def texts_of(tx: Connection, folder: Path, pair: Pair) -> Texts | None:
    """Request and both answers of one pair, opened; None where one of them is no longer kept."""
    if pair.call_id is not None:
        found = texts_of_audit(tx, folder, pair.certificate, pair.call_id)
        return None if found is None else Texts(asked_of(found[0]), *(_told(reply) for reply in found[1:]))
    call_id = paired.calls_of_trial(tx, pair.trial_id, [pair.position]).get(pair.position)
    kept = text_rows.of_call(tx, call_id) if call_id else {}
    candidate = _answer(tx, folder, pair, pair.way)
    baseline = _answer(tx, folder, pair, 0)
    if call_id is None or "request" not in kept or candidate is None:
        return None
    if baseline is None and "response" in kept:
        stored = reread_answer(_opened(folder, kept, call_id, "response"))
        baseline = _told(stored) if stored else None
    if baseline is None:
        return None
    return Texts(asked_of(_opened(folder, kept, call_id, "request")), baseline, candidate)


def _told(reply: Reply) -> Answered:
    return answered(reply.text, reply.tool_calls, reply.finish)


def _answer(tx: Connection, folder: Path, pair: Pair, way: int) -> Answered | None:
    found = paired.sealed_answer(tx, pair.trial_id, way, pair.position)
    if found is None or found.sealed is None:
        return None
    return answered_of(unseal(found.sealed, read_key(folder / found.key_name), found.attempt_id, "response"))


def _opened(folder: Path, kept: dict[str, tuple[bytes, str, date]], call_id: UUID, part: str) -> bytes:
    sealed, key_name, _ = kept[part]
    return unseal(sealed, read_key(folder / key_name), call_id, part)


def label(store: Store, pair_id: UUID, person: str, said: Said, now: datetime, *, author: str = "") -> Label | Refusal:
    """Write what somebody says of a pair: a new version. The same sent twice is written once.

    ``author``: who writes it where that is somebody else (an imported sheet). Refuses ``pair_unknown``,
    ``label_note_long``, ``label_moved_on``, ``label_counted`` (of an audit, another choice than the one that counts already).
    """
    told = replace(said, note=without_secrets(without_nul(said.note)).strip())
    with store.transaction() as tx:
        pair = review_rows.pair(tx, pair_id)
        if pair is None:
            return Refusal("pair_unknown")
        review_rows.lock_trial(tx, pair.trial_id)
        versions = review_rows.versions(tx, pair_id, person)
        latest = versions[-1] if versions else None
        given_at = review_rows.give_back(tx, pair_id, person)
        if not told.took_ms and given_at is not None:  # a page without a script does not tell: since it was lent
            told = replace(told, took_ms=int((now - given_at) / timedelta(milliseconds=1)))
        made = label_of(told, pair, person, author or person, now)
        if is_same_again(made, latest) and latest is not None:
            return latest
        wrong = said_fault(told, latest)
        if wrong is not None:
            return wrong
        if latest is not None and not latest.is_undone and latest.choice != made.choice and _counts(tx, pair):
            return Refusal("label_counted")
        return _written(tx, pair, made)


def undo(store: Store, pair_id: UUID, person: str, version: int, now: datetime) -> Label | Refusal:
    """Take a label back; its pair is lent to the person again. The same undo twice is one.

    Refuses ``pair_unknown``, ``label_moved_on``, ``label_counted`` (of an audit: what counts as evidence stays).
    """
    with store.transaction() as tx:
        pair = review_rows.pair(tx, pair_id)
        if pair is None:
            return Refusal("pair_unknown")
        review_rows.lock_trial(tx, pair.trial_id)
        versions = review_rows.versions(tx, pair_id, person)
        latest = versions[-1] if versions else None
        if latest is not None and latest.is_undone and latest.version == version + 1:
            return latest
        if latest is None or latest.is_undone or latest.version != version:
            return Refusal("label_moved_on")
        if _counts(tx, pair):
            return Refusal("label_counted")
        review_rows.lease(tx, pair_id, person, now, LEASE)
        return _written(tx, pair, replace(latest, version=version + 1, is_undone=True, author=person, at=now))


def work_of(tx: Connection, trial_id: UUID, person: str, now: datetime) -> Work:
    """How far the trial is and what is left for this person, at their own pace, which is kept nowhere."""
    pairs, labels = review_rows.pairs_of(tx, trial_id), review_rows.latest(tx, trial_id)
    left = open_pairs(pairs, labels, review_rows.leases(tx, trial_id, now), person, now)
    fit = _openable(tx, trial_id, left)
    mine = [one for held in labels.values() for one in held if one.person == person and not one.is_undone]
    standing = Standing(
        drawn=len(pairs),
        done=sum(is_done(one, labels.get(one.pair_id, ())) for one in pairs),
        left_for_me=sum((one.way, one.position) in fit for one in left),
        mine=len(mine),
    )
    last = max(mine, key=lambda one: (one.at, one.version), default=None)
    return Work(standing, pace_of([one.took_ms for one in mine if one.took_ms]), last)


def is_complete(tx: Connection, trial_id: UUID) -> bool:
    """Does every pair of a trial have the labels that it wants?"""
    return labels_wanted(review_rows.pairs_of(tx, trial_id), review_rows.latest(tx, trial_id)) == 0


def _openable(tx: Connection, trial_id: UUID, left: Sequence[Pair]) -> set[tuple[int, int]]:
    """(way, position) of those pairs whose texts are kept."""
    if left and left[0].certificate:
        kept = openable_audits(tx, left[0].certificate)
        return {(one.way, one.position) for one in left if one.call_id in kept}
    ways, positions = {one.way for one in left}, {one.position for one in left}
    return openable(tx, trial_id, sorted(ways), sorted(positions)) if left else set()


def _judged_already(tx: Connection, number: str) -> set[UUID | None]:
    """Calls of an audit that have their difference, by a judge: people see them after those that wait for one."""
    return {one.call_id for one in audit_rows.of_certificate(tx, number) if one.source} if number else set()


def _counts(tx: Connection, pair: Pair) -> bool:
    """Has the label of an audited pair become evidence?"""
    if pair.call_id is None:
        return False
    audited = audit_rows.one(tx, pair.certificate, pair.call_id)
    return audited is not None and audited.source == PEOPLE


def _written(tx: Connection, pair: Pair, made: Label) -> Label | Refusal:
    if not review_rows.add(tx, made):
        return Refusal("label_moved_on")
    source = (
        {"certificate": pair.certificate, "call": str(pair.call_id)}
        if pair.call_id is not None
        else {"trial": str(pair.trial_id), "way": pair.way, "position": pair.position}
    )
    facts = {
        **source, "person": made.person,
        "version": made.version, "choice": made.choice, "critical_baseline": made.critical_baseline,
        "critical_candidate": made.critical_candidate, "reasons": list(made.reason_codes), "has_note": bool(made.note),
    }  # fmt: skip
    act = "pair_label_undone" if made.is_undone else "pair_labelled"
    evidence.append(tx, record_of(made.at, made.author, act, f"pair:{pair.pair_id}", facts))
    return made

"""Opening the audit of a certificate (監査): how many pairs, who has judged them, and what people say where a judge counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jitsuri.flows.cold.labelling import Work, work_of
from jitsuri.review import records as review_rows
from jitsuri.review.rules.counting import audit_set, difference_of
from jitsuri.rightsizing.records import audits as audit_rows
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.rules.auditing import taken
from jitsuri.rightsizing.rules.pairing import JUDGE
from jitsuri.store.door import Connection


@dataclass(frozen=True, slots=True)
class AuditStanding:
    """How far the audit of a certificate is."""

    trial_id: UUID
    """Under which its pairs stand on ``/pairs``."""
    answered: int
    """Calls that both ways have answered."""
    judged: tuple[tuple[str, int], ...]
    """Who said it (``people``, ``judge:NAME``) → differences, in the order of their names."""
    passed_over: int
    """Judged, but nobody can say: skipped, abstained, or their texts are gone."""
    waiting: int
    """Pairs that nobody has judged."""
    held_back: int
    """Judged, but behind a pair that waits: they count once it is judged."""
    beside: int
    """Pairs that stand with a judge's word, and that people have judged too."""
    disagree: int
    """… of which people say something else."""


@dataclass(frozen=True, slots=True)
class WaitingAudit:
    """The audit of a certificate in force, for one person."""

    trial_id: UUID
    number: str
    task: str
    work: Work


def audit_standing(tx: Connection, number: str) -> AuditStanding | None:
    """None where both ways have not answered any call yet."""
    audited = audit_rows.of_certificate(tx, number)
    answered = [one for one in audited if one.state == "answered"]
    if not answered:
        return None
    trial_id = audit_set(number)
    labels = review_rows.latest(tx, trial_id)
    pairs = {one.call_id: one.pair_id for one in review_rows.pairs_of(tx, trial_id)}
    beside = disagree = 0
    for one in answered:
        pair_id = pairs.get(one.call_id)
        if pair_id is None or not one.source.startswith(JUDGE):
            continue
        said = difference_of(labels.get(pair_id, []))
        if said is not None:
            beside += 1
            disagree += said != one.difference
    return AuditStanding(
        trial_id,
        len(answered),
        tuple(sorted(Counter(one.source for one in answered if one.difference is not None).items())),
        sum(bool(one.source) and one.difference is None for one in answered),
        sum(not one.source for one in answered),
        sum(one.difference is not None for one in audited[taken(audited) :]),
        beside,
        disagree,
    )


def waiting_audits(tx: Connection, person: str, now: datetime) -> list[WaitingAudit]:
    """Every certificate in force that has pairs, in the order of their numbers."""
    found = []
    for life in life_rows.in_force(tx):
        trial_id = audit_set(life.number)
        work = work_of(tx, trial_id, person, now)
        if work.standing.drawn:
            found.append(WaitingAudit(trial_id, life.number, life.task, work))
    return sorted(found, key=lambda one: one.number)


def audit_task(tx: Connection, trial_id: UUID) -> str:
    """The task of a set of audited pairs; '' where it is none."""
    pairs = review_rows.pairs_of(tx, trial_id)
    return life_rows.life(tx, pairs[0].certificate).task if pairs and pairs[0].certificate else ""

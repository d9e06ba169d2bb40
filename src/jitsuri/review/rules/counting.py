"""When labels of an audit count, and for what: a label counts once it is no longer easily taken back. Pure. Source: decision 0035."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from jitsuri.review.rules.judging import scores_of
from jitsuri.review.shapes import Label
from jitsuri.terms.ids import derived_id

STANDS = timedelta(minutes=10)
"""A label of an audit may be taken back for so long; then it counts as evidence, and stays (decision 0035)."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What people say of a pair for good. ``difference``: candidate minus baseline, −1 to 1; None where all have skipped it."""

    difference: float | None
    person: str
    """Who said it; of several, whoever said it last."""


def audit_set(number: str) -> UUID:
    """The id under which all pairs of a certificate's audit stand, as those of a trial stand under the trial's."""
    return derived_id("audit-set", number)


def audit_pair(number: str, call_id: UUID) -> UUID:
    return derived_id("audit-pair", number, call_id.bytes)


def counted(labels: Sequence[Label], now: datetime) -> Counted | None:
    """What a pair counts for; None while nobody has said anything or it may still be taken back. Of several people the mean."""
    standing = [one for one in labels if not one.is_undone]
    if not standing or any(now - one.at < STANDS for one in standing):
        return None
    difference = difference_of(standing)
    last = max(standing, key=lambda one: (one.at, one.person))
    return Counted(difference, last.person)


def difference_of(labels: Sequence[Label]) -> float | None:
    """Candidate minus baseline as people see it now; None where nobody says which is better."""
    scores = [found for one in labels if (found := scores_of(one)) is not None]
    return sum(candidate - baseline for baseline, candidate in scores) / len(scores) if scores else None

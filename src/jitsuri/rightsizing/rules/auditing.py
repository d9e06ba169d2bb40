"""The audit stream (監査): which calls are asked of both ways, and what their differences prove. Pure. Source: decision 0035."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b
from uuid import UUID

import numpy as np

from jitsuri.evaluation.rules.betting import capital_below
from jitsuri.rightsizing.shapes.lives import Audited
from jitsuri.terms.ids import derived_id

_PARTS = 2**32


def is_drawn(call_id: UUID, number: str, percent: Decimal) -> bool:
    """Whether a call belongs to a certificate's audit: by a hash of both, so that anybody can draw again and nobody can
    choose; a greater share keeps whom the smaller had.

    >>> any(is_drawn(UUID(int=n), "JR-2026-0001", Decimal(0)) for n in range(100))
    False
    >>> all(is_drawn(UUID(int=n), "JR-2026-0001", Decimal(100)) for n in range(100))
    True
    """
    digest = blake2b(call_id.bytes + number.encode(), digest_size=4, person=b"audit").digest()
    return int.from_bytes(digest) * 100 < percent * _PARTS


def audit_attempt(number: str, call_id: UUID) -> UUID:
    """The one attempt by which a call of the audit is asked again: the ledger refuses it a second time."""
    return derived_id("audit", number, call_id.bytes)


def taken(audited: Sequence[Audited]) -> int:
    """How many calls, in drawn order, the evidence has taken: those before the first that waits for its answer or its judgement.

    What lies behind it has been in no sum that anybody could look at; what lies before it never changes again.
    """
    for place, one in enumerate(audited):
        if one.state == "asked" or (one.state == "answered" and not one.source):
            return place
    return len(audited)


def capital(differences: Sequence[float], margin: float) -> tuple[float, ...]:
    """Evidence, after each difference (new way minus old, −1 to 1, in drawn order), that the new way is worse by more than
    the margin: beyond 20 it is wrong in one of twenty certificates, however often one looks."""
    return tuple(float(one) for one in capital_below(np.array(differences, dtype=np.float64), -margin))

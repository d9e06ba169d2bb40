"""Sealing: number and hash what was done, about once a second; and read the chain again when somebody asks."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from jitsuri.evidence import records as evidence
from jitsuri.evidence.shapes import Anchor, Broken, Verified
from jitsuri.store.door import Store
from jitsuri.terms.period import COMPANY_ZONE


def seal(store: Store, now: datetime, zone: ZoneInfo = COMPANY_ZONE) -> int:
    """Seal everything that waits; returns how many records got their number."""
    total = 0
    while True:
        with store.transaction() as tx:
            sealed = evidence.seal_pending(tx, now, zone)
        total += sealed
        if not sealed:
            return total


def check_chain(store: Store, anchor: Anchor | None = None) -> Verified | Broken:
    """Does the chain hold, from the first record to the last, and through the point noted outside?"""
    with store.reading() as tx:
        return evidence.verify(tx, anchor)

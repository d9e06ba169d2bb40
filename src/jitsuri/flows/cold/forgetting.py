"""Forgetting: texts whose last day has passed are deleted, and that they were is kept as evidence."""

from __future__ import annotations

from datetime import datetime

from jitsuri.calls.records import texts as text_rows
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.rightsizing.records import audits as audit_rows
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.store.door import Store
from jitsuri.terms.period import company_day


def delete_due_texts(store: Store, now: datetime) -> int:
    """Delete what is due, of calls and of trials' answers; returns how many texts."""
    today = company_day(now)
    with store.transaction() as tx:
        deleted = text_rows.delete_due(tx, today) + trial_rows.delete_due(tx, today)
        deleted += audit_rows.delete_due_answers(tx, today)
        if deleted:
            evidence_rows.append(tx, record_of(now, "system", "texts_deleted", "texts", {"texts": deleted}))
    return deleted

"""Forgetting: texts and pseudonyms whose last day has passed are deleted, and that they were is kept as evidence."""

from __future__ import annotations

from datetime import datetime

from jitsuri.calls.records import texts as text_rows
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.guardrails.records import pseudonyms as pseudonym_rows
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


PSEUDONYMS_AT_ONCE = 10_000
"""Deleted per transaction, so that calls that write theirs never wait long (decision 0039)."""


def delete_due_pseudonyms(store: Store, now: datetime, at_once: int = PSEUDONYMS_AT_ONCE) -> int:
    """Delete what marks stand for, where its last day has passed; returns how many."""
    today, deleted = company_day(now), 0
    while True:
        with store.transaction() as tx:
            count = pseudonym_rows.delete_due(tx, today, at_once)
            if count:
                facts = {"pseudonyms": count, "before": today, "so_far": deleted}
                evidence_rows.append(tx, record_of(now, "system", "guard_pseudonyms_deleted", "pseudonyms", facts))
        deleted += count
        if count < at_once:
            return deleted

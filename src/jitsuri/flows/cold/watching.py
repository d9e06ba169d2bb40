"""Watching the gateway: alarms open and close by what its minutes say, and old minutes are forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from jitsuri.calls.records import alarms as alarm_rows
from jitsuri.calls.records import minutes as minute_rows
from jitsuri.calls.rules.alarming import AGAIN, HORIZON, TASK, USUAL_GAP, USUAL_SPAN, Changes, judge
from jitsuri.calls.shapes import Alarm, Seen
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.store.door import Store
from jitsuri.words import has_text, text

WATCH_SECONDS: Final = 30.0
"""How often alarms are judged: an alarm is late by half of that, and the quickest takes a minute (decision 0023)."""
KEEP: Final = timedelta(days=35)
"""How long minutes are kept: a month can be compared with the one before. Totals stay (decision 0023)."""
RENEW: Final = timedelta(hours=1)
"""How often what is usual is added up anew, and old minutes are dropped."""


class Watcher:
    """Judges when asked; remembers for an hour what is usual. For one thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._week: Sequence[Seen] = ()
        self._renewed_at: datetime | None = None

    def look(self, now: datetime) -> Changes:
        """Open and close what is due; returns what this look itself has opened and closed."""
        if self._renewed_at is None or now - self._renewed_at >= RENEW:
            self._renew(now)
        with self._store.reading() as tx:
            seen = minute_rows.seen(tx, now - HORIZON)
            standing, ended = alarm_rows.standing(tx), alarm_rows.ended(tx, now - AGAIN)
        found = judge(seen, self._week, standing, ended, now)
        if not found.opened and not found.closed:
            return found
        with self._store.transaction() as tx:
            closed = tuple(alarm for alarm in found.closed if alarm_rows.end(tx, alarm))
            opened = tuple(alarm for alarm in found.opened if alarm_rows.begin(tx, alarm))
            noted = [record_of(now, "system", "alarm_closed", subject_of(alarm), alarm.facts) for alarm in closed]
            noted += [record_of(now, "system", "alarm_opened", subject_of(alarm), alarm.facts) for alarm in opened]
            evidence_rows.append_many(tx, noted)
        return Changes(opened, closed)

    def _renew(self, now: datetime) -> None:
        with self._store.reading() as tx:
            self._week = minute_rows.seen_between(tx, now - USUAL_SPAN, now - USUAL_GAP)
        forget_minutes(self._store, now)
        self._renewed_at = now


def forget_minutes(store: Store, now: datetime) -> int:
    """Drop minutes that are older than ``KEEP``; returns how many rows."""
    with store.transaction() as tx:
        return minute_rows.forget(tx, now - KEEP)


def subject_of(alarm: Alarm) -> str:
    """An alarm as evidence names it."""
    return f"alarm:{alarm.kind}:{alarm.subject}"


def told(kind: str, subject: str, facts: Mapping[str, object], language: str) -> str:
    """An alarm in a sentence; one that is over tells its end too."""
    sentence = text(f"alarm.{kind}", language, **{**facts, "subject": _subject(subject, language)})
    return f"{sentence} {text('alarm.over', language, **facts)}" if "end_calls" in facts else sentence


def _subject(subject: str, language: str) -> str:
    kind, _, name = subject.partition(":")
    code = "alarm.subject.none" if subject == TASK else f"alarm.subject.{kind}"
    return text(code, language, name=name) if has_text(code) else subject

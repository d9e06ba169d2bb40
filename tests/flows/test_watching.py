"""Alarms from counted minutes to rows, evidence and sentences; old minutes are forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest

from jitsuri.calls.live.metering import Meters
from jitsuri.calls.records import alarms as alarm_rows
from jitsuri.calls.records import minutes as minute_rows
from jitsuri.calls.rules.alarming import QUIET, SHORTEST, Changes
from jitsuri.calls.shapes import ALARM_KINDS, Alarm
from jitsuri.evidence import records as evidence_rows
from jitsuri.flows.cold.sealing import check_chain, seal
from jitsuri.flows.cold.watching import KEEP, Watcher, told
from jitsuri.store.door import Store
from jitsuri.words import LANGUAGES

NOW = datetime(2026, 11, 27, 3, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def count(
    store: Store, first: datetime, minutes: int, *, ok: int = 0, error: int = 0, refused: int = 0, ms: int = 300
) -> None:
    """So many calls in each of these minutes."""
    meters = Meters()
    for n in range(minutes):
        at = int((first + MINUTE * n).timestamp()) // 60
        for outcome, times in (("ok", ok), ("error", error)):
            for _ in range(times):
                meters.count(at, "triage", "stub", "gpt-4o-mini", outcome, latency_ms=ms)
        for _ in range(refused):
            meters.count(at, "triage", "", "", "refused:budget_exceeded")
    with store.transaction() as tx:
        minute_rows.add_many(tx, meters.drain())


def acts(store: Store) -> list[tuple[str, str]]:
    with store.reading() as tx:
        return [(one.record.act, one.record.subject) for one in reversed(evidence_rows.recent(tx, 100))]


def names(alarms: tuple[Alarm, ...]) -> set[tuple[str, str]]:
    return {(alarm.kind, alarm.subject) for alarm in alarms}


def test_an_outage_from_its_first_minutes_to_its_end(store: Store) -> None:
    watcher = Watcher(store)
    count(store, NOW - 40 * MINUTE, 37, ok=20)
    assert watcher.look(NOW) == Changes((), ())

    count(store, NOW - 3 * MINUTE, 3, error=20)
    found = watcher.look(NOW)
    assert names(found.opened) == {("errors", "task:triage"), ("errors", "upstream:stub")}
    assert watcher.look(NOW + MINUTE / 2) == Changes((), ()), "it is open already"
    with store.reading() as tx:
        assert alarm_rows.open_counts(tx) == {"errors": 2}
        assert names(tuple(alarm_rows.standing(tx))) == names(found.opened)

    count(store, NOW, 12, ok=100)
    assert watcher.look(NOW + SHORTEST - MINUTE).closed == ()
    over = watcher.look(NOW + SHORTEST + 2 * MINUTE)
    assert names(over.closed) == names(found.opened)
    assert watcher.look(NOW + SHORTEST + 3 * MINUTE) == Changes((), ()), "what was counted before opens no other"

    kept = [(act, subject) for act in ("alarm_opened", "alarm_closed") for subject in
            ("alarm:errors:task:triage", "alarm:errors:upstream:stub")]  # fmt: skip
    assert sorted(acts(store)) == sorted(kept)
    assert seal(store, NOW + timedelta(hours=1)) == 4
    assert check_chain(store).records == 4  # type: ignore[union-attr]
    with store.reading() as tx:
        assert alarm_rows.standing(tx) == []
        assert [alarm.closed_at for alarm in alarm_rows.newest(tx, 10)] == [NOW + SHORTEST + 2 * MINUTE] * 2


def test_refusals_and_slow_answers_are_seen_in_what_the_meters_count(store: Store) -> None:
    count(store, NOW - timedelta(hours=8), 40, ok=20, ms=300)
    count(store, NOW - 10 * MINUTE, 10, ok=20, refused=10, ms=4_000)

    assert names(Watcher(store).look(NOW).opened) == {
        ("refusals", "task:triage"), ("slow", "task:triage"), ("slow", "upstream:stub")
    }  # fmt: skip


def test_callers_mistakes_and_callers_who_leave_open_no_alarm_of_an_upstream(store: Store) -> None:
    meters = Meters()
    for n in range(10):
        at = int((NOW - 10 * MINUTE + MINUTE * n).timestamp()) // 60
        for outcome in ("ok", "caller_error", "caller_gone", "gateway_error"):
            for _ in range(10):
                meters.count(at, "triage", "stub", "gpt-4o-mini", outcome, latency_ms=700)
    with store.transaction() as tx:
        minute_rows.add_many(tx, meters.drain())

    assert names(Watcher(store).look(NOW).opened) == {("refusals", "task:triage")}
    with store.reading() as tx:
        [seen, *_] = minute_rows.seen(tx, NOW - 10 * MINUTE)
    assert (seen.attempts, seen.errors, seen.cut) == (40, 0, 0)
    assert (seen.caller_errors, seen.caller_gone, seen.gateway_errors) == (10, 10, 10)
    assert (sum(seen.answered_buckets), seen.gone_buckets[4]) == (10, 10)


def test_two_processes_that_watch_open_one_alarm(store: Store) -> None:
    count(store, NOW - 5 * MINUTE, 5, error=20)
    ready, found = Barrier(2), []

    def look() -> None:
        watcher = Watcher(store)
        ready.wait()
        found.append(watcher.look(NOW))

    threads = [Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(len(changes.opened) for changes in found) == 2
    assert len(acts(store)) == 2


def test_an_alarm_survives_its_watcher(store: Store) -> None:
    count(store, NOW - 5 * MINUTE, 5, error=20)
    opened = Watcher(store).look(NOW).opened

    assert Watcher(store).look(NOW + MINUTE) == Changes((), ())
    assert names(Watcher(store).look(NOW + QUIET + 2 * MINUTE).closed) == names(opened)


def test_minutes_are_dropped_after_their_time_and_totals_stay(store: Store) -> None:
    count(store, NOW - KEEP, 2, ok=1)
    Watcher(store).look(NOW)

    with store.reading() as tx:
        assert [m.minute for m in minute_rows.since(tx, NOW - 2 * KEEP)] == [(NOW - KEEP + MINUTE).replace(second=0)]
        assert [m.count for m in minute_rows.totals(tx)] == [2]


@pytest.mark.parametrize("kind", ALARM_KINDS)
@pytest.mark.parametrize("subject", ["task:triage", "task:", "upstream:stub"])
def test_every_alarm_is_told_in_both_languages(kind: str, subject: str) -> None:
    facts = {"calls": 40, "bad": 39, "percent": "97.5", "usual_percent": "2.0", "since": NOW.isoformat(),
             "expected": "0.02", "limit_ms": 2000, "limit_s": "2"}  # fmt: skip
    for language in LANGUAGES:
        sentence = told(kind, subject, facts, language)
        over = told(kind, subject, {**facts, "end_calls": 7, "end_bad": 0, "end_percent": "0.0"}, language)

        assert "39" in sentence
        assert "97.5" in sentence
        assert "{" not in sentence
        assert over.startswith(sentence)
        assert len(over) > len(sentence)

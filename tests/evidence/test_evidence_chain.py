"""The chain on a real database: sealed once, in order; any tampering is found."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from jitsuri.evidence import records
from jitsuri.evidence.rules import merkle_root, record_of
from jitsuri.evidence.shapes import Anchor, Broken, Verified
from jitsuri.flows.cold.sealing import check_chain, seal
from jitsuri.store.door import Store

NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def write(store: Store, count: int, at: datetime = NOON, act: str = "rate_added") -> None:
    with store.transaction() as tx:
        for n in range(count):
            facts = {"n": n, "text": '日本語 "引用"\n', "nested": {"b": [1, None, True], "a": "x"}}
            records.append(tx, record_of(at + timedelta(seconds=n), "aoki@example.jp", act, f"rate:{n}", facts))


def three_days(store: Store) -> None:
    """Five records on the 20th, three on the 21st, two on the 22nd: two finished days."""
    for day, count in enumerate((5, 3, 2)):
        write(store, count, NOON + day * DAY)
        assert seal(store, NOON + day * DAY + timedelta(minutes=1)) == count


def test_an_empty_chain_holds(store: Store) -> None:
    assert check_chain(store) == Verified(0, 0, 0, None)


def test_records_are_numbered_in_order_and_the_chain_holds(store: Store) -> None:
    three_days(store)
    found = check_chain(store)
    assert isinstance(found, Verified)
    assert (found.records, found.pending, found.days) == (10, 0, 2)
    with store.reading() as tx:
        listed = records.recent(tx, 20)
        roots = records.daily_roots(tx, 5)
    assert [entry.number for entry in listed] == list(range(10, 0, -1))
    assert found.head == Anchor(10, listed[0].hash or b"")
    assert [(r.day.day, r.first_number, r.last_number) for r in roots] == [(21, 6, 8), (20, 1, 5)]
    assert roots[1].root == merkle_root([entry.hash or b"" for entry in reversed(listed)][:5])


def test_what_waits_is_told_and_sealed_once(store: Store) -> None:
    write(store, 3)
    found = check_chain(store)
    assert isinstance(found, Verified)
    assert (found.records, found.pending) == (0, 3)
    assert seal(store, NOON + DAY) == 3
    assert seal(store, NOON + DAY) == 0


def test_the_same_record_twice_is_one(store: Store) -> None:
    write(store, 2)
    write(store, 2)
    assert seal(store, NOON) == 2


def test_a_record_of_an_act_that_was_rolled_back_does_not_stand(store: Store) -> None:
    def act_and_fail() -> None:
        with store.transaction() as tx:
            records.append(tx, record_of(NOON, "a", "b", "c"))
            raise RuntimeError("the act failed")

    with pytest.raises(RuntimeError, match="the act failed"):
        act_and_fail()
    assert seal(store, NOON) == 0


def test_seals_never_run_backwards_when_the_clock_does(store: Store) -> None:
    write(store, 1, NOON)
    seal(store, NOON + DAY)
    write(store, 1, NOON + timedelta(hours=1))
    seal(store, NOON)
    with store.reading() as tx:
        times = [row[0] for row in tx.execute("SELECT sealed_at FROM evidence_seals ORDER BY number")]
    assert times == [NOON + DAY, NOON + DAY]
    assert isinstance(check_chain(store), Verified)


def test_two_sealers_number_nothing_twice(store: Store) -> None:
    write(store, 200)
    threads = [threading.Thread(target=seal, args=(store, NOON)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seal(store, NOON)
    found = check_chain(store)
    assert isinstance(found, Verified)
    assert (found.records, found.pending) == (200, 0)


UNTIED = "ALTER TABLE evidence_seals DROP CONSTRAINT evidence_seals_record_id_fkey;"
TAMPERINGS = [
    ("UPDATE evidence_records SET actor = 'baba@example.jp' WHERE record_id = {4}", 4, "record_changed"),
    ("UPDATE evidence_records SET facts = facts || '{{\"n\": 99}}' WHERE record_id = {4}", 4, "record_changed"),
    ("UPDATE evidence_records SET at = at + interval '1 second' WHERE record_id = {4}", 4, "record_changed"),
    ("UPDATE evidence_seals SET sealed_at = sealed_at + interval '1 second' WHERE number = 10", 10, "record_changed"),
    ("UPDATE evidence_seals SET hash = decode('00', 'hex') WHERE number = 10", 10, "record_changed"),
    ("DELETE FROM evidence_seals WHERE number = 4", 4, "seal_missing"),
    ("DELETE FROM evidence_seals WHERE number = 1", 1, "seal_missing"),
    ("DELETE FROM evidence_seals WHERE number >= 8", 8, "seal_missing"),
    (f"{UNTIED} DELETE FROM evidence_records WHERE record_id = {{4}}", 4, "record_missing"),
    ("UPDATE evidence_roots SET root = decode('00', 'hex') WHERE first_number = 6", 6, "root_changed"),
    ("UPDATE evidence_roots SET last_number = 4 WHERE first_number = 1", 1, "root_changed"),
    ("DELETE FROM evidence_roots WHERE first_number = 1", 1, "root_missing"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "number", "code"), TAMPERINGS)
def test_tampering_is_found_where_it_was_done(store: Store, sql: str, number: int, code: str) -> None:
    three_days(store)
    with store.transaction() as tx:
        row = tx.execute("SELECT record_id FROM evidence_seals WHERE number = 4").fetchone()
        assert row is not None
        tx.execute(sql.format(0, 1, 2, 3, f"'{row[0]}'").encode())
    found = check_chain(store)
    assert isinstance(found, Broken)
    assert (found.number, found.code) == (number, code)


def test_swapped_records_are_found(store: Store) -> None:
    three_days(store)
    with store.transaction() as tx:
        ids = dict(tx.execute("SELECT number, record_id FROM evidence_seals").fetchall())
        tx.execute("ALTER TABLE evidence_seals DROP CONSTRAINT evidence_seals_record_id_key")
        tx.execute("UPDATE evidence_seals SET record_id = %s WHERE number = 2", (ids[3],))
        tx.execute("UPDATE evidence_seals SET record_id = %s WHERE number = 3", (ids[2],))
    assert check_chain(store) == Broken(2, "record_changed")


def test_a_cut_or_rewritten_chain_misses_the_anchor_noted_outside(store: Store) -> None:
    write(store, 4)
    seal(store, NOON)
    found = check_chain(store)
    assert isinstance(found, Verified)
    assert found.head is not None
    assert isinstance(check_chain(store, found.head), Verified)
    assert check_chain(store, Anchor(3, b"\x01" * 32)) == Broken(3, "anchor_missed")
    with store.transaction() as tx:
        tx.execute("DELETE FROM evidence_seals WHERE number = 4")
    assert isinstance(check_chain(store), Verified)
    assert check_chain(store, found.head) == Broken(4, "anchor_missed")


def test_the_auditors_page_goes_on_where_it_ended(store: Store) -> None:
    write(store, 7)
    with store.reading() as tx:
        first = records.recent(tx, 3)
        rest = records.recent(tx, 10, (first[-1].record.at, first[-1].record.record_id))
    assert [entry.record.subject for entry in first + rest] == [f"rate:{n}" for n in range(6, -1, -1)]
    assert first[0].number is None

"""The door: connections are kept, lost ones replaced, and failures told as what the keeper can mend."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from jitsuri.store import door
from jitsuri.store.door import Connection, Store, without_nul
from jitsuri.store.faults import place_of
from jitsuri.terms.errors import OperatorError


@pytest.fixture
def table(store: Store) -> Store:
    with store.transaction() as tx:
        tx.execute("CREATE TABLE door_rows (n int PRIMARY KEY, word text)")
    return store


def _rows(store: Store) -> list[tuple[int, str]]:
    with store.reading() as tx:
        return [(row[0], row[1]) for row in tx.execute("SELECT n, word FROM door_rows ORDER BY n")]


def _backend(store: Store) -> int:
    with store.transaction() as tx:
        return tx.info.backend_pid


def test_a_connection_is_used_again(store: Store) -> None:
    assert _backend(store) == _backend(store)


def test_an_exception_takes_everything_back_and_keeps_the_connection(table: Store) -> None:
    before = _backend(table)

    def fail() -> None:
        with table.transaction() as tx:
            tx.execute("INSERT INTO door_rows VALUES (1, 'a')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _rows(table) == []
    assert _backend(table) == before


def test_a_transaction_inside_another_stands_by_itself(table: Store) -> None:
    def fail() -> None:
        with table.transaction() as outer:
            outer.execute("INSERT INTO door_rows VALUES (1, 'outer')")
            with table.transaction() as inner:
                inner.execute("INSERT INTO door_rows VALUES (2, 'inner')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _rows(table) == [(2, "inner")]


def test_reading_cannot_write_and_sees_one_moment(table: Store) -> None:
    with table.reading() as tx:
        assert tx.execute("SELECT count(*) FROM door_rows").fetchone() == (0,)
        with table.transaction() as other:
            other.execute("INSERT INTO door_rows VALUES (1, 'a')")
        assert tx.execute("SELECT count(*) FROM door_rows").fetchone() == (0,)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), table.reading() as tx:
        tx.execute("INSERT INTO door_rows VALUES (2, 'b')")
    with table.transaction() as tx:  # the same connection writes again
        tx.execute("INSERT INTO door_rows VALUES (2, 'b')")
    assert _rows(table) == [(1, "a"), (2, "b")]


def test_threads_do_not_meet_on_one_connection(table: Store) -> None:
    begun = threading.Barrier(6)
    backends: list[int] = []

    def work(n: int) -> None:
        with table.transaction() as tx:
            backends.append(tx.info.backend_pid)
            begun.wait(20)
            tx.execute("INSERT INTO door_rows VALUES (%s, 'x')", (n,))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(backends)) == 6
    assert [n for n, _ in _rows(table)] == list(range(6))


def _end(store: Store, backend: int) -> None:
    with psycopg.connect(store.dsn, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))


def test_a_connection_that_ended_while_it_lay_idle_is_replaced_unseen(
    table: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_PROBE_AFTER_SECONDS", 0.0)
    lost = _backend(table)
    _end(table, lost)
    assert _backend(table) != lost


def _lose(store: Store) -> None:
    """A transaction whose connection ends in the middle."""
    with store.transaction() as tx:
        tx.execute("CREATE TABLE half (n int)")
        _end(Store(tx.info.dsn), tx.info.backend_pid)
        tx.execute("SELECT 1")


def test_a_connection_that_ends_in_a_transaction_is_told_and_the_next_one_works(table: Store) -> None:
    with pytest.raises(OperatorError) as caught:
        _lose(table)
    assert caught.value.code == "database_unreachable"
    with table.reading() as tx:
        assert tx.execute("SELECT to_regclass('half')").fetchone() == (None,)


def test_work_is_done_again_when_its_connection_was_lost(table: Store) -> None:
    tries: list[int] = []
    pauses: list[float] = []

    def work(tx: Connection) -> int:
        tries.append(tx.info.backend_pid)
        tx.execute("INSERT INTO door_rows VALUES (1, 'a') ON CONFLICT DO NOTHING")
        if len(tries) < 3:
            _end(table, tx.info.backend_pid)
        tx.execute("SELECT 1")
        return len(tries)

    assert table.retrying(work, seconds=30, sleep=pauses.append) == 3
    assert _rows(table) == [(1, "a")]
    assert len(pauses) == 2


def test_work_is_not_done_again_for_a_mistake_of_its_own_or_after_its_time(table: Store) -> None:
    tries: list[int] = []

    def mistaken(tx: Connection) -> None:
        tries.append(1)
        tx.execute("SELECT nothing")

    def lost(tx: Connection) -> None:
        tries.append(1)
        _end(table, tx.info.backend_pid)
        tx.execute("SELECT 1")

    with pytest.raises(psycopg.errors.UndefinedColumn):
        table.retrying(mistaken, seconds=30)
    with pytest.raises(OperatorError):
        table.retrying(lost, seconds=0)
    assert len(tries) == 2


def test_two_transactions_that_wait_for_each_other_both_end_well(table: Store) -> None:
    with table.transaction() as tx:
        tx.execute("INSERT INTO door_rows VALUES (1, ''), (2, '')")
    both = threading.Barrier(2, timeout=5)
    failures: list[BaseException] = []

    def change(first: int, second: int) -> None:
        def work(tx: Connection) -> None:
            tx.execute("UPDATE door_rows SET word = word || 'x' WHERE n = %s", (first,))
            try:
                both.wait()
            except threading.BrokenBarrierError:
                time.sleep(0)
            tx.execute("UPDATE door_rows SET word = word || 'x' WHERE n = %s", (second,))

        try:
            table.retrying(work, seconds=30)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=change, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert _rows(table) == [(1, "xx"), (2, "xx")]


# -- what cannot be reached, and why


def _code(dsn: str) -> str:
    store = Store(dsn)
    try:
        with pytest.raises(OperatorError) as caught, store.transaction():
            pass
    finally:
        store.close()
    assert "secret" not in str(caught.value)
    return caught.value.code


def test_each_way_of_not_getting_in_has_its_own_code(store: Store, tmp_path: object) -> None:
    assert _code(f"host={tmp_path} dbname=jitsuri password=secret") == "database_unreachable"
    assert _code("host=127.0.0.1 port=1 dbname=jitsuri password=secret") == "database_unreachable"
    assert _code(psycopg.conninfo.make_conninfo(store.dsn, dbname="nowhere")) == "database_missing"
    assert _code(psycopg.conninfo.make_conninfo(store.dsn, user="nobody_we_know")) == "database_login_refused"


def test_an_unreachable_database_is_waited_for(store: Store) -> None:
    away = Store("host=127.0.0.1 port=1 dbname=jitsuri")
    pauses: list[float] = []
    assert not away.is_reachable()
    with pytest.raises(OperatorError, match="database_unreachable"):
        away.wait_until_reachable(0.05, lambda seconds: pauses.append(seconds) or time.sleep(0.02))
    assert pauses
    store.wait_until_reachable(0)
    assert store.is_reachable()


def test_a_database_in_another_encoding_is_refused(store: Store) -> None:
    with psycopg.connect(store.dsn, autocommit=True) as admin:
        admin.execute("CREATE DATABASE old_encoding TEMPLATE template0 ENCODING 'SQL_ASCII' "
                      "LOCALE_PROVIDER libc LOCALE 'C'")  # fmt: skip
    try:
        assert _code(psycopg.conninfo.make_conninfo(store.dsn, dbname="old_encoding")) == "database_not_utf8"
    finally:
        with psycopg.connect(store.dsn, autocommit=True) as admin:
            admin.execute("DROP DATABASE old_encoding")


def test_a_server_that_is_too_old_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "OLDEST_SERVER", 99)
    assert _code(store.dsn) == "database_too_old"


def test_a_read_only_server_is_told(table: Store) -> None:
    standby = Store(psycopg.conninfo.make_conninfo(table.dsn, options="-c default_transaction_read_only=on"))
    try:
        with pytest.raises(OperatorError) as caught, standby.transaction() as tx:
            tx.execute("INSERT INTO door_rows VALUES (1, 'a')")
    finally:
        standby.close()
    assert caught.value.code == "database_read_only"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("53100", "disk_full"),
        ("53200", "database_out_of_memory"),
        ("53300", "database_too_many_connections"),
        ("58030", "database_disk_error"),
        ("XX001", "database_damaged"),
        ("42501", "database_no_privilege"),
        ("57P01", "database_unreachable"),
    ],
)
def test_what_the_server_says_is_told_as_what_can_be_mended(store: Store, state: str, code: str) -> None:
    with pytest.raises(OperatorError) as caught, store.transaction() as tx:
        tx.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$".encode())
    assert caught.value.code == code


def test_a_session_counts_time_in_utc_whatever_the_server_was_set_to(store: Store) -> None:
    tokyo = Store(psycopg.conninfo.make_conninfo(store.dsn, options="-c timezone=Asia/Tokyo"))
    try:
        with tokyo.transaction() as tx:
            row = tx.execute("SELECT timestamptz '2026-11-22T09:00:00+09:00', current_setting('TimeZone')").fetchone()
    finally:
        tokyo.close()
    assert row is not None
    assert (row[0].isoformat(), row[1]) == ("2026-11-22T00:00:00+00:00", "UTC")


def test_a_place_never_holds_a_password() -> None:
    assert place_of("postgresql://aoki:secret@db.example.jp:5433/jitsuri") == "db.example.jp:5433/jitsuri"
    assert place_of("host=db.example.jp user=aoki password=secret") == "db.example.jp:5432/aoki"


def test_a_closed_store_opens_nothing(pg_dsn: str) -> None:
    store = Store(pg_dsn)
    _backend(store)
    store.close()
    store.close()
    with pytest.raises(OperatorError, match="database_closed"):
        _backend(store)


class _Counting:
    """A keeper that notes what it is asked."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.asked: list[str] = []

    def revive(self) -> str:
        self.asked.append("revive")
        return self.dsn

    def explain(self) -> OperatorError | None:
        self.asked.append("explain")
        return OperatorError("disk_full", path="/", reason="0 bytes", log="")

    def release(self) -> None:
        self.asked.append("release")


def test_a_keeper_brings_back_explains_and_is_let_go_once(store: Store) -> None:
    keeper = _Counting(store.dsn)
    kept = Store("host=127.0.0.1 port=1 dbname=jitsuri", keeper=keeper)
    assert kept.is_reachable()
    with pytest.raises(OperatorError, match="disk_full"):
        _lose(kept)
    kept.close()
    kept.close()
    assert keeper.asked == ["revive", "explain", "release"]


# -- texts


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("月次報告\n改行", "月次報告\n改行"),
        ("前\x00後", "前␀後"),
        ("半分\ud83d", "半分\ufffd"),
        ("\udc00半分\x00", "\ufffd半分␀"),
        ("二つで一つ\ud83d\ude00", "二つで一つ😀"),
        ("", ""),
    ],
)
def test_a_text_is_made_storable(table: Store, text: str, kept: str) -> None:
    assert without_nul(text) == kept
    with table.transaction() as tx:
        tx.execute("INSERT INTO door_rows VALUES (1, %s)", (without_nul(text),))
    assert _rows(table) == [(1, kept)]


def _copy(store: Store, words: Iterator[str]) -> None:
    with store.transaction() as tx, tx.cursor() as cursor, cursor.copy("COPY door_rows FROM STDIN") as copy:
        for n, word in enumerate(words):
            copy.write_row((n, word))


def test_one_nul_would_fail_a_whole_copy_and_does_not_when_it_is_taken_out(table: Store) -> None:
    words = ["良い", "悪\x00い", "良い"]
    with pytest.raises(psycopg.DataError):
        _copy(table, iter(words))
    assert _rows(table) == []
    _copy(table, map(without_nul, words))
    assert _rows(table) == [(0, "良い"), (1, "悪␀い"), (2, "良い")]

"""The group commit: all or nothing per hand-in, bad rows alone, nothing lost and nothing doubled when the server goes."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest

from jitsuri.store import committing
from jitsuri.store.batching import Batch
from jitsuri.store.committing import Committer
from jitsuri.store.door import Store
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.ids import derived_id

WRITER = derived_id("writer", "test")

QUICK: tuple[str, ...] = ()
"""What the loop may write by itself: nothing, and then all of it."""


@pytest.fixture(autouse=True, params=[(), ("probe",)], ids=["thread", "loop"])
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "QUICK", request.param)


@pytest.fixture
def table(store: Store) -> Store:
    with store.transaction() as tx:
        tx.execute("CREATE TABLE evidence_probe (number bigint PRIMARY KEY, words text NOT NULL)")
    return store


def write(batch: Batch, rows: Sequence[Any]) -> None:
    for number, words in rows:
        if words is None:
            batch.run("INSERT INTO evidence_probe VALUES ($1, NULL)", str(number).encode())
        else:
            batch.run("INSERT INTO evidence_probe VALUES ($1, $2)", str(number).encode(), words.encode())


def copy(batch: Batch, rows: Sequence[Any]) -> None:
    """As records write that know only an ordinary connection."""
    with batch.connection.cursor() as cursor, cursor.copy("COPY evidence_probe FROM STDIN") as copying:
        for row in rows:
            copying.write_row(row)


def kept(store: Store) -> list[int]:
    with store.reading() as tx:
        return [row[0] for row in tx.execute("SELECT number FROM evidence_probe ORDER BY number")]


def run(
    store: Store, work: Callable[[Committer], Any], writer: Any = write, kinds: tuple[str, ...] | None = None
) -> Any:
    async def main() -> Any:
        committer = Committer(store, {"probe": writer}, WRITER, quick=QUICK if kinds is None else kinds)
        committer.start(asyncio.get_running_loop())
        try:
            return await asyncio.wait_for(work(committer), 60)
        finally:
            left = await asyncio.to_thread(committer.stop, 5)
            assert left == 0

    return asyncio.run(main())


def test_a_done_future_means_durable_rows(table: Store) -> None:
    async def work(committer: Committer) -> None:
        for number in range(20):
            await committer.submit([("probe", (number, "x"))])
            assert number in await asyncio.to_thread(kept, table)

    run(table, work)


def test_rows_gather_while_a_batch_is_written(table: Store) -> None:
    async def work(committer: Committer) -> int:
        await asyncio.gather(*(committer.submit([("probe", (number, "x"))]) for number in range(500)))
        return committer.batches

    assert run(table, work) < 100
    assert kept(table) == list(range(500))


def test_a_bad_row_fails_alone(table: Store) -> None:
    async def work(committer: Committer) -> list[Any]:
        rows = [(n, None if n in (7, 311) else "x") for n in range(400)]
        return await asyncio.gather(*(committer.submit([("probe", row)]) for row in rows), return_exceptions=True)

    came = run(table, work)
    assert [n for n, one in enumerate(came) if one is not None] == [7, 311]
    assert all(isinstance(came[n], psycopg.errors.NotNullViolation) for n in (7, 311))
    assert kept(table) == [n for n in range(400) if n not in (7, 311)]


@pytest.mark.parametrize("writer", [write, copy])
def test_both_ways_of_writing_bisect(table: Store, writer: Any) -> None:
    async def work(committer: Committer) -> list[Any]:
        rows = [(n, None if n % 10 == 3 else "x") for n in range(40)]
        return await asyncio.gather(*(committer.submit([("probe", row)]) for row in rows), return_exceptions=True)

    came = run(table, work, writer)
    assert [n for n, one in enumerate(came) if one is not None] == [3, 13, 23, 33]
    assert len(kept(table)) == 36


def test_a_large_batch_goes_through_a_small_buffer(table: Store) -> None:
    async def work(committer: Committer) -> None:
        await asyncio.gather(*(committer.submit([("probe", (n, "見" * 100_000))]) for n in range(100)))

    run(table, work)
    assert len(kept(table)) == 100


def test_the_rows_of_one_hand_in_stand_together(table: Store) -> None:
    async def work(committer: Committer) -> None:
        with pytest.raises(psycopg.errors.NotNullViolation):
            await committer.submit([("probe", (1, "x")), ("probe", (2, None))])
        await committer.submit([("probe", (3, "x"))])

    run(table, work)
    assert kept(table) == [3]


def test_a_row_that_no_writer_can_form_fails_alone(table: Store) -> None:
    async def work(committer: Committer) -> list[Any]:
        return await asyncio.gather(
            *(committer.submit([("probe", row)]) for row in [(1, "x"), object(), (2, "x")]), return_exceptions=True
        )

    came = run(table, work)
    assert came[0] is None
    assert isinstance(came[1], TypeError)
    assert kept(table) == [1, 2]


def kill_backends(store: Store) -> None:
    with store.transaction() as tx:
        tx.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_lost_connections_lose_and_double_nothing(table: Store) -> None:
    stopping = threading.Event()

    chance = random.Random(20261127)

    def killer() -> None:
        while not stopping.is_set():
            kill_backends(table)
            time.sleep(chance.uniform(0.01, 0.2))  # also long enough to connect again on a busy machine

    async def work(committer: Committer) -> None:
        thread = threading.Thread(target=killer)
        thread.start()
        try:
            for start in range(0, 3000, 30):
                await asyncio.gather(*(committer.submit([("probe", (n, "x"))]) for n in range(start, start + 30)))
        finally:
            stopping.set()
            thread.join()

    run(table, work)
    assert kept(table) == list(range(3000))


def ends(batch: Batch) -> bool:
    """Is the transaction's end among what a batch is about to send?"""
    return batch.last == "COMMIT"


def test_a_commit_whose_answer_is_lost_is_not_written_twice(table: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is cut right after COMMIT counted: the same rows again would be a unique violation."""
    cut: list[bool] = []
    is_on: list[bool] = []

    class Cutting(Batch):
        def _has_all(self) -> bool:
            has_all = super()._has_all()
            if has_all and is_on and ends(self) and not cut:
                cut.append(True)
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            return has_all

    monkeypatch.setattr(committing, "Batch", Cutting)

    async def main() -> None:
        committer = Committer(table, {"probe": write}, WRITER, quick=QUICK)
        committer.start(asyncio.get_running_loop())
        await committer.submit([("probe", (0, "x"))])  # the first is always written by the thread, which connects
        is_on.append(True)
        await committer.submit([("probe", (1, "x"))])
        await asyncio.to_thread(committer.stop, 5)

    asyncio.run(main())
    assert cut == [True]
    assert kept(table) == [0, 1]


def test_an_outage_is_told_and_ends(table: Store) -> None:
    is_away = threading.Event()
    is_away.set()

    def writer(batch: Batch, rows: Sequence[Any]) -> None:
        if is_away.is_set():
            raise psycopg.errors.DiskFull("No space left on device")
        write(batch, rows)

    async def work(committer: Committer) -> None:
        is_away.clear()
        await committer.submit([("probe", (0, "x"))])
        is_away.set()
        future = committer.submit([("probe", (1, "x"))])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(future), 0.4)
        assert committer.outage is not None
        assert committer.depth == 1
        is_away.clear()
        await future
        assert committer.outage is None
        assert committer.depth == 0

    run(table, work, writer)
    assert kept(table) == [0, 1]


def test_a_batch_cut_before_its_commit_is_not_taken_for_written(table: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever other transactions committed meanwhile: a crash may give the lost one's id to one of them."""
    cut: list[bool] = []
    is_on: list[bool] = []

    class Cutting(Batch):
        def send(self) -> bool:
            if is_on and ends(self) and not cut:
                cut.append(True)
                self._statements.connection.close()
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            return super().send()

    monkeypatch.setattr(committing, "Batch", Cutting)

    async def main() -> None:
        committer = Committer(table, {"probe": write}, WRITER, quick=QUICK)
        committer.start(asyncio.get_running_loop())
        await committer.submit([("probe", (0, "x"))])
        is_on.append(True)
        await committer.submit([("probe", (1, "x"))])
        assert await asyncio.to_thread(kept, table) == [0, 1]
        await asyncio.to_thread(committer.stop, 5)

    asyncio.run(main())
    assert cut == [True]


def test_kept_rows_are_written_a_little_later(table: Store) -> None:
    async def work(committer: Committer) -> None:
        committer.keep("a", lambda: [("probe", (1, "x"))])
        assert committer.depth == 0
        await asyncio.sleep(3 * committing.KEPT_S)
        await committer.submit([("probe", (2, "x"))])
        assert committer.withdraw("a") is False

    run(table, work)
    assert kept(table) == [1, 2]


def test_what_is_withdrawn_in_time_is_never_made(table: Store) -> None:
    made: list[str] = []

    def making() -> list[tuple[str, tuple[int, str]]]:
        made.append("made")
        return [("probe", (1, "x"))]

    async def work(committer: Committer) -> None:
        for wait_s in (0.0, 1.2 * committing.KEPT_S):  # before the timer's first turn, and before its second
            committer.keep("a", making)
            await asyncio.sleep(wait_s)
            assert committer.withdraw("a") is True
            assert committer.withdraw("a") is False
        await asyncio.sleep(3 * committing.KEPT_S)

    run(table, work)
    assert kept(table) == []
    assert made == []


def test_what_is_still_kept_at_the_end_is_written(table: Store) -> None:
    async def work(committer: Committer) -> None:
        committer.keep("a", lambda: [("probe", (1, "x"))])

    run(table, work)
    assert kept(table) == [1]


def test_kept_rows_that_cannot_be_written_are_logged(table: Store, caplog: pytest.LogCaptureFixture) -> None:
    async def work(committer: Committer) -> None:
        committer.keep("a", lambda: [("probe", (1, None))])
        await asyncio.sleep(3 * committing.KEPT_S)
        await committer.submit([("probe", (2, "x"))])

    run(table, work)
    assert kept(table) == [2]
    assert "could not be written" in caplog.text


def test_who_waits_too_long_is_told_and_the_rows_are_written_all_the_same(table: Store) -> None:
    is_open = threading.Event()

    def writer(batch: Batch, rows: Sequence[Any]) -> None:
        is_open.wait(10)
        write(batch, rows)

    async def work(committer: Committer) -> None:
        future = committer.submit([("probe", (1, "x"))])
        assert committer.expire(0.2) == 0
        await asyncio.sleep(0.1)
        assert committer.expire(0.2) == 0
        await asyncio.sleep(0.15)
        assert committer.expire(0.2) == 1
        with pytest.raises(OperatorError) as told:
            await future
        assert told.value.code == "ledger_away"
        is_open.set()
        done = committer.submit([("probe", (2, "x"))])
        await done
        assert committer.expire(0.2) == 0

    run(table, work, writer, ())
    assert kept(table) == [1, 2]


def test_the_loop_writes_what_it_may_and_the_thread_the_rest(table: Store) -> None:
    """Whoever writes, everything is written once."""
    wrote: list[tuple[int, bool]] = []
    loops_thread = threading.get_ident()

    def noting(batch: Batch, rows: Sequence[Any]) -> None:
        wrote.extend((number, threading.get_ident() == loops_thread) for number, _ in rows)
        write(batch, rows)

    async def main() -> None:
        committer = Committer(table, {"probe": noting, "slow": noting}, WRITER, quick=["probe"])
        committer.start(asyncio.get_running_loop())
        for number, kind in enumerate(["probe", "probe", "slow", "probe", "probe"]):
            await committer.submit([(kind, (number, "x"))])
        futures = [committer.submit([(kind, (5 + n, "x"))]) for n, kind in enumerate(["probe"] * 40 + ["slow"] * 20)]
        await asyncio.gather(*futures)
        assert await asyncio.to_thread(committer.stop, 5) == 0

    asyncio.run(asyncio.wait_for(main(), 30))
    assert wrote[:5] == [(0, False), (1, True), (2, False), (3, True), (4, True)]
    assert {loop for number, loop in wrote if number >= 5} == {True, False}
    assert kept(table) == list(range(65))


def test_who_ends_while_the_database_stands_still_is_not_held_up(table: Store) -> None:
    """What could not be written is told; nothing waits for ever."""

    async def main() -> None:
        committer = Committer(table, {"probe": write}, WRITER, quick=QUICK)
        committer.start(asyncio.get_running_loop())
        await committer.submit([("probe", (0, "x"))])
        with table.lasting() as other:
            other.execute("BEGIN")
            other.execute("LOCK TABLE evidence_probe IN ACCESS EXCLUSIVE MODE")
            future = committer.submit([("probe", (1, "x"))])
            await asyncio.sleep(0.1)
            began = time.monotonic()
            assert await asyncio.to_thread(committer.stop, 0.3) == 1
            assert time.monotonic() - began < 4
            assert not future.done()
            other.execute("ROLLBACK")

    asyncio.run(asyncio.wait_for(main(), 30))

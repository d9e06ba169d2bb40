"""Holding on the path of a call, on a real database: drawing, settling, recalls, limits, midnight, outages, burials."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from budget_parts import NOW, TODAY, YEN, books, budget, limited, made, month_place

from jitsuri.ledger.live.budgets import Budgets, CallBudgets, Hold, NeedsLease
from jitsuri.ledger.records import budgets as kept
from jitsuri.ledger.records import leases
from jitsuri.ledger.shapes.budgets import BudgetSnapshot, Settlement
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, text

CALL = (("HQ", "D10"), "triage", "app")


def renew(store: Store, *workers: Budgets) -> None:
    with store.reading() as tx:
        snapshot = kept.snapshot(tx)
    for worker in workers:
        worker.replace(snapshot)


def commit(store: Store, *settlements: Settlement) -> None:
    with store.transaction() as tx:
        leases.settle_many(tx, settlements)


@asynccontextmanager
async def at_work(store: Store, name: str = "1", clock: Callable[[], float] = time.monotonic) -> AsyncIterator[Budgets]:
    worker = Budgets(store, derived_id("worker", name), clock=clock)
    renew(store, worker)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


async def held(worker: Budgets, yen: float, day: Any = TODAY, call: Any = CALL) -> Hold:
    outcome = await worker.ensure(worker.of(*call), int(yen * YEN), day)
    assert isinstance(outcome, Hold), outcome
    return outcome


async def refused(worker: Budgets, yen: float, call: Any = CALL) -> Refusal:
    outcome = await worker.ensure(worker.of(*call), int(yen * YEN), TODAY)
    assert isinstance(outcome, Refusal), outcome
    assert all(text(f"refusal.{outcome.code}", lang, **outcome.facts) for lang in LANGUAGES)
    return outcome


def free(worker: Budgets, one: Any) -> float:
    account = worker._purse.accounts[month_place(one)]
    return account.free / YEN


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it never came"
        await asyncio.sleep(0.01)


def test_a_call_counts_for_every_budget_above_it(store: Store) -> None:
    made(
        store, budget("a"), budget("b", scope="department", subject="HQ"), budget("c", scope="department", subject="D10"),
        budget("d", scope="department", subject="D20"), budget("e", scope="task", subject="triage", kind="soft"),
        budget("f", scope="key", subject="app"), budget("g", scope="key", subject="other"),
    )  # fmt: skip
    worker = Budgets(store, UUID(int=1))
    renew(store, worker)

    def names(found: CallBudgets) -> list[str]:
        return sorted(one.name for one in (*found.hard, *found.soft))

    assert names(worker.of(*CALL)) == ["a", "b", "c", "e", "f"]
    assert names(worker.of((), "", "")) == ["a"]
    assert worker.is_hard(worker.of(*CALL))


def test_a_lease_is_drawn_once_and_used_by_many_calls(store: Store) -> None:
    one = budget(limit_yen=1000)
    made(store, one)

    async def work() -> None:
        async with at_work(store) as worker:
            found = worker.of(*CALL)
            assert isinstance(worker.hold(found, YEN // 10, TODAY), NeedsLease)
            holds = [await held(worker, 0.1) for _ in range(10)]
            assert worker.lessor.draws == 1
            settlements = [row for hold in holds for row in worker.settle(hold, YEN // 50)]
            commit(store, *settlements)
            assert books(store, one.budget_id).used == 10 * YEN // 50
        assert books(store, one.budget_id).leased == 0
        with store.reading() as tx:
            assert tx.execute("SELECT * FROM ledger_workers").fetchall() == []

    run(work())


def test_a_hold_is_over_once(store: Store) -> None:
    made(store, budget())

    async def work() -> None:
        async with at_work(store) as worker:
            settled, released = await held(worker, 1), await held(worker, 1)
            worker.settle(settled, 0)
            worker.release(released)
            for again in (settled, released):
                with pytest.raises(RuntimeError):
                    worker.settle(again, 0)
                with pytest.raises(RuntimeError):
                    worker.release(again)

    run(work())


def test_the_next_chunk_is_drawn_before_the_lease_is_empty(store: Store) -> None:
    made(store, budget(limit_yen=10_000))

    async def work() -> None:
        async with at_work(store) as worker:
            await held(worker, 1)
            found = worker.of(*CALL)
            outcomes = []
            for _ in range(500):
                outcomes.append(worker.hold(found, YEN, TODAY))
                await asyncio.sleep(0.001 if isinstance(outcomes[-1], Hold) else 0.05)
            assert sum(isinstance(outcome, Hold) for outcome in outcomes) > 450
            assert 5 < worker.lessor.draws < 100

    run(work())


def test_a_call_that_does_not_fit_is_told_where_the_budget_stands(store: Store) -> None:
    one = budget("月次", 1000)
    made(store, one, used_yen=300)

    async def work() -> None:
        async with at_work(store) as worker:
            await held(worker, 600)
            outcome = await refused(worker, 100.5)
            assert outcome.code == "budget_exceeded"
            assert dict(outcome.facts) == {
                "name": "月次", "used": "300", "held": "600", "limit": "1,000", "need": "100.5", "resets": "2026-12-01",
            }  # fmt: skip
            await held(worker, 100)

    run(work())


def test_a_call_that_fits_exactly_is_taken_while_nothing_else_runs(store: Store) -> None:
    one = budget(limit_yen=10)
    made(store, one)

    async def work() -> None:
        async with at_work(store) as worker:
            for _ in range(20):
                hold = await held(worker, 9)
                commit(store, *worker.settle(hold, YEN // 20))
            assert books(store, one.budget_id).used == YEN

    run(work())


def test_what_the_first_budget_gave_goes_back_when_the_second_refuses(store: Store) -> None:
    wide, narrow = budget("wide", 100), budget("narrow", 5, scope="task", subject="triage")
    made(store, wide, narrow)

    async def work() -> None:
        async with at_work(store) as worker, at_work(store, "2") as other:
            assert (await refused(worker, 90)).facts["name"] == "narrow"
            assert books(store, wide.budget_id).leased <= 100 * YEN // 8
            await held(other, 80, call=((), "rules", ""))

    run(work())


def test_what_a_call_did_not_spend_is_nobodys_until_that_is_durable(store: Store) -> None:
    """Were it spent again at once, and the process died, the sweeper would count both calls at their worst."""
    one = budget(limit_yen=10)
    made(store, one)

    async def work() -> None:
        async with at_work(store) as first, at_work(store, "2") as second:
            rows = first.settle(await held(first, 9), YEN)
            await refused(first, 8)
            await refused(second, 8)
            commit(store, *rows)
            assert books(store, one.budget_id).leases == {first.worker_id: 0}
            await held(second, 9)

    run(work())


def test_many_calls_at_once_get_what_there_is_first_come_first(store: Store) -> None:
    one = budget(limit_yen=10)
    made(store, one)

    async def work() -> None:
        async with at_work(store) as worker:
            found = worker.of(*CALL)
            outcomes = await asyncio.gather(*(worker.ensure(found, 3 * YEN, TODAY) for _ in range(20)))
            assert [isinstance(outcome, Hold) for outcome in outcomes] == [True] * 3 + [False] * 17

    run(work())


@pytest.mark.quiet
def test_what_another_worker_has_idle_is_recalled_at_once(store: Store) -> None:
    one = budget(limit_yen=10)
    made(store, one)

    async def work() -> None:
        async with at_work(store) as first, at_work(store, "2") as second:
            first.release(await held(first, 9))
            with store.transaction() as tx:
                tx.execute("SELECT pg_notify(%s, %s)", (leases.RECALL, "what anybody might write there"))
            assert books(store, one.budget_id).leased == 9 * YEN
            started = time.monotonic()
            await held(second, 10)
            assert time.monotonic() - started < 0.3
            started = time.monotonic()
            assert (await refused(first, 1)).facts["held"] == "10"
            assert 0.25 < time.monotonic() - started < 0.6

    run(work())


def test_idle_leases_go_back_within_seconds(store: Store) -> None:
    one = budget(limit_yen=1000)
    made(store, one)

    async def work() -> None:
        async with at_work(store, clock=lambda: 20 * time.monotonic()) as worker:
            worker.release(await held(worker, 1))
            assert books(store, one.budget_id).leased > 0
            await until(lambda: books(store, one.budget_id).leased == 0)
            assert free(worker, one) == 0

    run(work())


def test_a_lowered_limit_holds_at_once_and_a_raised_one_too(store: Store) -> None:
    one = budget(limit_yen=1000)
    made(store, one)

    async def work() -> None:
        async with at_work(store) as worker:
            under_way = await held(worker, 10)
            lowered = limited(store, one, 20)
            with store.transaction() as tx:
                leases.recall(tx, [month_place(one)], None)
            await until(lambda: books(store, one.budget_id).leased == 10 * YEN)
            assert (await refused(worker, 11)).facts["limit"] == "20"
            commit(store, *worker.settle(under_way, 10 * YEN))
            await held(worker, 10)
            limited(store, lowered, 2000)
            await held(worker, 1000)

    run(work())


def test_a_call_counts_in_the_period_in_which_it_was_asked(store: Store) -> None:
    one = budget(limit_yen=10, period="day")
    made(store, one)
    tomorrow = TODAY + timedelta(days=1)

    async def work() -> None:
        async with at_work(store) as worker:
            late = await held(worker, 8)
            early = await held(worker, 9, tomorrow)
            commit(store, *worker.settle(late, 7 * YEN), *worker.settle(early, 2 * YEN))
            assert books(store, one.budget_id, TODAY).used == 7 * YEN
            assert books(store, one.budget_id, tomorrow).used == 2 * YEN
            assert late.counted == ((str(one.budget_id), "2026-11-27"),)
            await held(worker, 8, tomorrow)
        assert books(store, one.budget_id, TODAY).leased == 0

    run(work())


def test_a_cost_above_its_hold_takes_from_the_lease_first(store: Store) -> None:
    one = budget(limit_yen=8)
    made(store, one)

    async def work() -> None:
        async with at_work(store) as worker:
            other, hold = await held(worker, 2), await held(worker, 1)
            worker.release(other)
            (within,) = worker.settle(hold, 3 * YEN)
            assert within.lines == ((month_place(one), 3 * YEN),)
            commit(store, within)
            hold = await held(worker, 1)
            commit(store, *worker.settle(hold, 9 * YEN))
            assert books(store, one.budget_id).used == 12 * YEN
            await refused(worker, 0.1)

    run(work())


def test_a_caller_that_goes_away_while_it_waits_holds_nothing(store: Store) -> None:
    one = budget(limit_yen=10)
    made(store, one)

    async def work() -> None:
        async with at_work(store) as worker:
            found = worker.of(*CALL)
            for wait in (0, 0.0005, 0.001, 0.002, 0.004, 0.01):
                task = asyncio.create_task(worker.ensure(found, 10 * YEN, TODAY))
                await asyncio.sleep(wait)
                task.cancel()
                outcome = (await asyncio.gather(task, return_exceptions=True))[0]
                if isinstance(outcome, Hold):
                    worker.release(outcome)
                hold = await held(worker, 10)
                worker.release(hold)
            assert worker._purse.accounts[month_place(one)].held == 0

    run(work())


def test_a_soft_budget_never_refuses(store: Store) -> None:
    soft = budget("soft", 1, kind="soft")
    made(store, soft)

    async def work() -> None:
        async with at_work(store) as worker:
            found = worker.of(*CALL)
            assert not worker.is_hard(found)
            hold = worker.hold(found, 0, TODAY)
            assert isinstance(hold, Hold)
            assert hold.counted == ((str(soft.budget_id), "2026-11-01"),)
            commit(store, *worker.settle(hold, 5 * YEN))
            assert books(store, soft.budget_id).used == 5 * YEN

    run(work())


def test_a_budget_that_turns_soft_or_ends_gives_its_leases_back(store: Store) -> None:
    one = budget(limit_yen=1000)
    made(store, one)

    async def work() -> None:
        async with at_work(store, clock=lambda: 20 * time.monotonic()) as worker:
            hold = await held(worker, 1)
            with store.transaction() as tx:
                kept.lock(tx)
                kept.insert(tx, budget(limit_yen=1000, version=2, is_ended=True), "aoki", "over", NOW)
            renew(store, worker)
            assert worker.of(*CALL).hard == ()
            await until(lambda: books(store, one.budget_id).leased == YEN)
            commit(store, *worker.settle(hold, YEN // 2))
            await until(lambda: books(store, one.budget_id).leased == 0)
            assert books(store, one.budget_id).used == YEN // 2

    run(work())


# -- outages and burials


def closed(store: Store, *, is_open: bool) -> None:
    """Let nobody connect to the database, and cut everybody off; or let them in again."""
    name = store.dsn.rpartition("dbname=")[2]
    with psycopg.connect(store.dsn.replace(f"dbname={name}", "dbname=postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {is_open}".encode())
        if not is_open:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


def test_without_the_database_nothing_is_held_after_a_while(store: Store) -> None:
    one = budget(limit_yen=1000)
    made(store, one)

    async def work() -> None:
        async with at_work(store, clock=lambda: 20 * time.monotonic()) as worker:
            await held(worker, 0.1)
            assert (worker.outage, worker.refuses_hard) == ("", False)
            found = worker.of(*CALL)
            closed(store, is_open=False)
            assert isinstance(worker.hold(found, YEN // 10, TODAY), Hold), "a lease in hand is good for a while"
            assert (await refused(worker, 500)).code == "budget_lease_away"
            await until(lambda: isinstance(worker.hold(found, YEN // 10, TODAY), Refusal))
            assert worker.lessor.outage is not None
            assert worker.outage
            assert worker.refuses_hard
            worker.replace(BudgetSnapshot(9, ()))
            assert not worker.refuses_hard, "no budget refuses"
            assert worker.outage
            closed(store, is_open=True)
            await until(lambda: worker.lessor.outage is None)
            worker.replace(BudgetSnapshot(9, (one,)))
            await until(lambda: not worker.outage)
            assert not worker.refuses_hard
            assert worker.worker_id == derived_id("worker", "1")
            await held(worker, 500)

    run(work())


def buried(store: Store, worker_id: UUID) -> None:
    with store.transaction() as tx:
        tx.execute("UPDATE ledger_workers SET seen_at = seen_at - interval '1 hour' WHERE worker_id = %s", (worker_id,))
        assert leases.dead_workers(tx) == [worker_id]
        leases.bury(tx, worker_id)


def test_a_worker_taken_for_dead_goes_on_under_another_id_with_empty_hands(store: Store) -> None:
    one = budget(limit_yen=100)
    made(store, one)

    async def work() -> None:
        async with at_work(store) as worker:
            before = worker.worker_id
            hold = await held(worker, 20)
            buried(store, before)
            assert books(store, one.budget_id).leased == 0
            fresh = await held(worker, 70)
            assert fresh.worker_id == worker.worker_id != before
            assert hold.worker_id == before
            (late,) = worker.settle(hold, YEN)
            assert late.worker_id == before
            assert books(store, one.budget_id).leases == {worker.worker_id: 70 * YEN}
            commit(store, *worker.settle(fresh, 2 * YEN))
        assert books(store, one.budget_id).leased == 0

    run(work())


def test_lost_connections_lose_and_double_no_lease(store: Store) -> None:
    one = budget(limit_yen=2000)
    made(store, one)
    stopping = threading.Event()

    def killer() -> None:
        with psycopg.connect(store.dsn, autocommit=True) as connection:
            while not stopping.wait(0.02):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND query LIKE '%stepped AS%' AND pid <> pg_backend_pid()"
                )

    async def work() -> None:
        spent = 0
        async with at_work(store, clock=lambda: 5 * time.monotonic()) as worker:
            thread = threading.Thread(target=killer)
            thread.start()
            try:
                found = worker.of(*CALL)
                ends = time.monotonic() + 5
                turn = 0
                while time.monotonic() < ends:
                    turn += 1
                    outcome = await worker.ensure(found, (1 + turn % 90) * YEN, TODAY)
                    if isinstance(outcome, Hold):
                        rows = worker.settle(outcome, YEN // 100)
                        await asyncio.to_thread(commit, store, *rows)
                        spent += 1
            finally:
                stopping.set()
                thread.join()
            await until(lambda: worker.lessor.outage is None)
            await asyncio.sleep(0.3)
            account = worker._purse.accounts[month_place(one)]
            assert account.held == 0
            assert spent > 50
            await until(lambda: books(store, one.budget_id).leased == account.free)
        assert books(store, one.budget_id).leased == 0

    run(work())

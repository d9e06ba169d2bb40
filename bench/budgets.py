"""What budgets cost on the path of a call: holding, settling, drawing, counting.

    python bench/budgets.py [--home DIR] [--calls 200000]

One process, four hard budgets on every call. Holds and settlements are timed in one thread while the lessor draws ahead in
its own; draws and settlements at the database are timed alone, with the disk's wait (``synchronous_commit`` as it comes).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from jitsuri.ledger.live.budgets import Budgets, Hold
from jitsuri.ledger.records import budgets as kept
from jitsuri.ledger.records import leases
from jitsuri.ledger.shapes.budgets import Budget, Marks, Place, Settlement, Want
from jitsuri.store.door import Connection, Store
from jitsuri.store.opening import open_store
from jitsuri.terms.ids import derived_id

TODAY = date(2026, 11, 27)
MARKS = Marks(("HQ", "D10"), "triage", "app")
YEN = 1_000_000


def made(store: Store) -> list[Budget]:
    """Four budgets that one call counts for, each far from its limit."""
    places = [("company", ""), ("department", "HQ"), ("task", "triage"), ("key", "app")]
    found = []
    with store.transaction() as tx:
        kept.lock(tx)
        for scope, subject in places:
            one = Budget(
                derived_id("budget", str(uuid4())), 1, f"{scope} {uuid4()}", scope, subject, "month", 10**7 * YEN, "hard",
                Decimal("0.8"), 4, TODAY, False,
            )  # fmt: skip
            kept.insert(tx, one, "bench", "bench", datetime(2026, 11, 27, tzinfo=UTC))
            kept.begin(tx, one, TODAY, 0)
            found.append(one)
    return found


async def on_the_path(store: Store, calls: int) -> None:
    """Time a hold with its settlement, in portions of a thousand; what is settled is not committed."""
    worker = Budgets(store, uuid4())
    with store.reading() as tx:
        worker.replace(kept.snapshot(tx))
    await worker.start()
    assert isinstance(await worker.ensure(worker.of(*MARKS), YEN, TODAY), Hold)
    holding, settling, ensured = [], [], 0
    for _ in range(calls // 1000):
        found = [worker.of(*MARKS) for _ in range(1000)]
        started = time.perf_counter()
        holds = [worker.hold(one, YEN, TODAY) for one in found]
        holding.append((time.perf_counter() - started) * 1000)
        for number, hold in enumerate(holds):
            if not isinstance(hold, Hold):
                ensured += 1
                taken = await worker.ensure(found[number], YEN, TODAY)
                assert isinstance(taken, Hold)
                holds[number] = taken
        started = time.perf_counter()
        for hold in holds:
            worker.settle(hold, YEN // 10)
        settling.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.002)
    started = time.perf_counter()
    for _ in range(100_000):
        worker.of(*MARKS)
    looked = (time.perf_counter() - started) * 10
    print(f"  finding the budgets of a call     {looked:8.2f} µs")
    print(
        f"  hold, four budgets                {statistics.median(holding):8.2f} µs  (median of {len(holding)} × 1,000)"
    )
    print(f"  settle, four budgets              {statistics.median(settling):8.2f} µs")
    print(f"  calls that had to wait for a draw {ensured:8,} of {calls:,}; {worker.lessor.draws:,} draws")
    await worker.stop()


def per_second(label: str, work: Callable[[int], None], seconds: float = 3.0) -> None:
    """How often something can be done, one after the other."""
    work(0)
    started, number = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        number += 1
        work(number)
    took = time.perf_counter() - started
    print(f"  {label:33} {number / took:8,.0f} /s  ({1000 * took / number:.2f} ms each)")


def at_the_database(store: Store, budgets: list[Budget]) -> None:
    """Draws, returns and settlements, one connection, one after the other."""
    connection: Connection = store.lasting()
    worker_id = uuid4()
    leases.register(connection, worker_id)
    places = [Place(one.budget_id, TODAY.replace(day=1)) for one in budgets]
    step = 0

    def draw(count: int) -> Callable[[int], None]:
        def one(_number: int) -> None:
            nonlocal step
            step += 1
            leases.draw(connection, worker_id, step, [Want(place, 1000, 1000) for place in places[:count]])

        return one

    def settle(rows: int) -> Callable[[int], None]:
        lines = tuple((place, 1000) for place in places)
        batch = [Settlement(worker_id, 100, lines, MARKS, TODAY, 10**9, uuid4()) for _ in range(rows)]

        def one(_number: int) -> None:
            with connection.transaction():
                leases.settle_many(connection, batch)

        return one

    per_second("draws on one budget", draw(1))
    per_second("draws on four budgets at once", draw(4))
    per_second("settling batches of 1 × 4", settle(1))
    per_second("settling batches of 100 × 4", settle(100))
    per_second("heartbeats", lambda _n: leases.beat(connection, worker_id))
    connection.execute("UPDATE ledger_workers SET seen_at = '2000-01-01' WHERE worker_id = %s", (worker_id,))
    with store.transaction() as tx:
        leases.dead_workers(tx)
        leases.bury(tx, worker_id)
    connection.close()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--calls", type=int, default=200_000)
    asked = parser.parse_args()
    store = open_store(asked.home or Path(tempfile.mkdtemp(prefix="jitsuri-bench-")), None)
    with store.reading() as tx:
        version = tx.execute("SHOW server_version").fetchone()
    assert version is not None
    print(f"PostgreSQL {version[0]}")
    budgets = made(store)
    asyncio.run(on_the_path(store, asked.calls))
    at_the_database(store, budgets)
    store.close()


if __name__ == "__main__":
    main()

"""Four worker processes, thousands of calls, small hard budgets, workers killed at any moment: nothing is exceeded.

An observer reads, on one snapshot at a time, the budgets' books and what calls really cost. The same test with a fault
put into the workers must fail: that is what it is worth.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from budget_parts import TODAY, YEN, budget, limited, made

from jitsuri.ledger.records import leases
from jitsuri.ledger.shapes.budgets import Marks, Place, Settlement
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id

WORKERS = 4
KILLS = 5
_PROBE = (
    "CREATE TABLE probe_lines (call_id uuid NOT NULL, worker_id uuid NOT NULL, budget_id uuid NOT NULL, "
    "start date NOT NULL, hold bigint NOT NULL, actual bigint)"
)
_LOOK = (
    "SELECT u.budget_id, u.period_start, u.limit_micro_jpy, u.used_micro_jpy, u.leased_micro_jpy, "
    "coalesce(sum(p.actual), 0)::int8, coalesce(sum(p.hold) FILTER (WHERE p.actual IS NULL), 0)::int8 "
    "FROM ledger_budget_uses u JOIN ledger_budgets b ON b.budget_id = u.budget_id AND b.version = 1 AND b.kind = 'hard' "
    "LEFT JOIN probe_lines p ON p.budget_id = u.budget_id AND p.start = u.period_start "
    "GROUP BY u.budget_id, u.period_start"
)


@dataclass(slots=True)
class Observer:
    """Looks without pause, and notes what must not be."""

    store: Store
    wrong: list[str] = field(default_factory=list)
    looks: int = 0
    _last: dict[Place, int] = field(default_factory=dict)
    _largest: dict[Place, int] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        with self.store.reading() as tx:
            rows = tx.execute(_LOOK).fetchall()
        self.looks += 1
        for budget_id, start, limit, used, leased, spent, under_way in rows:
            place = Place(budget_id, start)
            largest = self._largest[place] = max(limit, self._largest.get(place, 0))
            if used + leased > max(limit, self._last.get(place, 0)):
                self.wrong.append(f"{place}: used {used} + leased {leased} > limit {limit}")
            if spent + under_way > largest:
                self.wrong.append(f"{place}: spent {spent} + under way {under_way} > limit {largest}")
            if spent != used:
                self.wrong.append(f"{place}: spent {spent}, but used {used}")
            if under_way > leased:
                self.wrong.append(f"{place}: under way {under_way} > leased {leased}")
            self._last[place] = used + leased

    def begun(self, worker_id: UUID) -> int:
        """Calls that a worker has begun so far."""
        with self.store.reading() as tx:
            [(begun,)] = tx.execute("SELECT count(*) FROM probe_lines WHERE worker_id = %s", (worker_id,)).fetchall()
        return int(begun)

    def watch(self) -> threading.Thread:
        def rounds() -> None:
            while not self._stopping.wait(0.005):
                self.look()

        thread = threading.Thread(target=rounds)
        thread.start()
        return thread

    def stop(self, thread: threading.Thread) -> None:
        self._stopping.set()
        thread.join()
        self.look()


@dataclass(slots=True)
class Crew:
    """The processes."""

    store: Store
    calls: int
    fault: str
    options: str = ""
    """A session that stands still inside a transaction must not keep its locks for ever."""
    running: list[tuple[UUID, subprocess.Popen[str]]] = field(default_factory=list)
    started: int = 0
    told: list[dict[str, int]] = field(default_factory=list)

    def start(self) -> None:
        self.started += 1
        worker_id = derived_id("worker", str(self.started))
        order = {
            "dsn": self.store.dsn + self.options, "seed": self.started, "worker_id": str(worker_id), "day": TODAY.isoformat(),
            "calls": self.calls, "fault": self.fault,
        }  # fmt: skip
        script = Path(__file__).with_name("budget_worker.py")
        process = subprocess.Popen(
            [sys.executable, str(script), json.dumps(order)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.running.append((worker_id, process))

    def kill(self, chance: random.Random) -> UUID:
        worker_id, process = self.running.pop(chance.randrange(len(self.running)))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        return worker_id

    def wait(self) -> None:
        for _, process in self.running:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err[-3000:]
            self.told.append(json.loads(out))

    def end(self) -> None:
        for _, process in self.running:
            process.kill()
            process.communicate()


def sweep(store: Store, worker_id: UUID) -> None:
    """What the sweeper does: a dead worker's calls count at their worst, the rest of its leases goes back."""
    ends = time.monotonic() + 120  # a transaction that stands still is ended after 60 s
    while time.monotonic() < ends:
        with store.transaction() as tx:
            tx.execute("UPDATE ledger_workers SET seen_at = '2000-01-01' WHERE worker_id = %s", (worker_id,))
            if leases.dead_workers(tx) != [worker_id]:
                left = tx.execute("SELECT FROM ledger_workers WHERE worker_id = %s", (worker_id,)).fetchall()
                if not left:
                    return
                time.sleep(0.01)
                continue
            orphans = tx.execute(
                "UPDATE probe_lines SET actual = hold WHERE worker_id = %s AND actual IS NULL "
                "RETURNING budget_id, start, hold",
                (worker_id,),
            ).fetchall()
            marks = Marks((), "", "")
            leases.settle_many(
                tx,
                [
                    Settlement(worker_id, hold, ((Place(budget_id, start), hold),), marks, start, 1 << 40)
                    for budget_id, start, hold in orphans
                ],
            )
            leases.bury(tx, worker_id)
            return
    raise AssertionError("a worker that stands still cannot be buried")


def observed(store: Store, calls: int, fault: str = "", kills: int = KILLS) -> tuple[Observer, Crew]:
    """Run the crew, kill some of it, change a limit on the way; returns what was seen."""
    with store.transaction() as tx:
        tx.execute(_PROBE)
    everything, department = budget("everything", 2500), budget("hq", 900, scope="department", subject="HQ")
    made(
        store, everything, department, budget("triage", 400, scope="task", subject="triage", period="day"),
        budget("app", 300, scope="key", subject="app", period="fiscal_year"),
        budget("soft", 100, scope="task", subject="rules", kind="soft"),
    )  # fmt: skip
    chance = random.Random(20261127)
    observer, crew = Observer(store), Crew(store, calls, fault)
    for _ in range(WORKERS):
        crew.start()
    thread = observer.watch()
    try:
        for number in range(kills):
            time.sleep(0.5 + chance.random())
            sweep(store, crew.kill(chance))
            crew.start()
            if number == kills // 2:
                limited(store, everything, 2000)
                with store.transaction() as tx:
                    leases.recall(tx, [Place(everything.budget_id, TODAY.replace(day=1))], None)
        crew.wait()
    finally:
        crew.end()
        observer.stop(thread)
    return observer, crew


@pytest.mark.slow
def test_hard_budgets_are_never_exceeded_by_processes_that_are_killed(store: Store) -> None:
    observer, crew = observed(store, 1500)

    assert observer.wrong == []
    assert observer.looks > 100
    with store.reading() as tx:
        rows = tx.execute(
            "SELECT limit_micro_jpy, used_micro_jpy, leased_micro_jpy FROM ledger_budget_uses WHERE limit_micro_jpy > %s",
            (100 * YEN,),
        ).fetchall()
        assert tx.execute("SELECT * FROM ledger_leases").fetchall() == []
        assert tx.execute("SELECT * FROM ledger_workers").fetchall() == []
    assert all(leased == 0 for _, _, leased in rows)
    assert all(used <= limit for limit, used, _ in rows)
    tight = [used / limit for limit, used, _ in rows]
    assert sorted(tight)[-2] > 0.97, "what is left would have had room for calls that were refused"
    assert all(told["refused"] > 0 for told in crew.told)
    assert all(told["away"] == 0 for told in crew.told)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["says_yes", "settles_nothing", "draws_blindly"])
def test_the_observer_sees_a_fault(store: Store, fault: str) -> None:
    observer, _ = observed(store, 600, fault, kills=0)

    assert observer.wrong != []


@pytest.mark.slow
def test_a_worker_that_only_stood_still_spends_nothing_when_it_wakes(store: Store) -> None:
    """A machine that slept: its leases were given away meanwhile, and none of its attempts begins on them."""
    with store.transaction() as tx:
        tx.execute(_PROBE)
    made(store, budget("everything", 500))
    observer, crew = Observer(store), Crew(store, 1500, "", " options='-c idle_in_transaction_session_timeout=500'")
    crew.start()
    crew.start()
    worker_id, process = crew.running[0]
    thread = observer.watch()
    try:
        while observer.begun(worker_id) < 50:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGSTOP)
        sweep(store, worker_id)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGCONT)
        crew.wait()
    finally:
        crew.end()
        observer.stop(thread)
    assert observer.wrong == []
    assert crew.told[0]["replaced"] + crew.told[0]["swept"] > 0
    with store.reading() as tx:
        assert tx.execute("SELECT * FROM ledger_workers").fetchall() == []

"""Burials and draws beside each other: both take the rows of budgets in one order, so that none waits in a circle."""

from __future__ import annotations

import threading
from datetime import timedelta

from budget_parts import TODAY, YEN, budget, made, month_place

from jitsuri.ledger.records import leases
from jitsuri.ledger.shapes.budgets import Marks, Settlement, Want
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id

DEAD = derived_id("worker", "dead")


def test_a_burial_does_not_wait_in_a_circle_with_a_draw(store: Store) -> None:
    """The dead worker's one orphan counts for the later of its two budgets; a draw holds the earlier and wants the later."""
    first, second = sorted((budget("one"), budget("two")), key=lambda one: one.budget_id)
    made(store, first, second)
    with store.transaction() as tx:
        leases.register(tx, DEAD)
        wants = [Want(month_place(one), 10 * YEN, 0) for one in (first, second)]
        assert leases.draw(tx, DEAD, 1, wants)
        tx.execute("UPDATE ledger_workers SET seen_at = clock_timestamp() - %s", (timedelta(minutes=2),))
    orphan = Settlement(DEAD, 3 * YEN, ((month_place(second), 3 * YEN),), Marks((), "", ""), TODAY, 1 << 40)
    failed: list[Exception] = []

    def sweep() -> None:
        try:
            with store.transaction() as tx:
                assert leases.dead_workers(tx) == [DEAD]
                leases.settle_many(tx, [orphan])
                leases.bury(tx, DEAD)
        except Exception as error:
            failed.append(error)

    lock = "SELECT FROM ledger_budget_uses WHERE budget_id = %s FOR UPDATE"
    with store.transaction() as drawing:
        drawing.execute(lock, (first.budget_id,))
        sweeper = threading.Thread(target=sweep)
        sweeper.start()
        _wait_for_a_waiter(store)
        drawing.execute(lock, (second.budget_id,))
    sweeper.join(10)

    assert failed == []
    with store.reading() as tx:
        rows = tx.execute(
            "SELECT used_micro_jpy, leased_micro_jpy FROM ledger_budget_uses ORDER BY budget_id"
        ).fetchall()
    assert rows == [(0, 0), (3 * YEN, 0)]


def _wait_for_a_waiter(store: Store) -> None:
    for _ in range(1000):
        with store.reading() as tx:
            [(waiting,)] = tx.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchall()
        if waiting:
            return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits")

"""Living workers that are taken for dead, as after a jump of the database's clock: they begin anew, callers send again."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from running_gateway import RunningGateway, assume_dollar, make_key, settings_text
from stub_upstream import StubUpstream
from test_kills import BUDGET, Callers, missing

from jitsuri.flows.cold.sweeping import sweep
from jitsuri.store.door import Store

pytestmark = [pytest.mark.slow, pytest.mark.database]


def test_living_workers_that_the_databases_clock_takes_for_dead_begin_anew(
    tmp_path: Path, store: Store, stub: StubUpstream
) -> None:
    """A database whose clock jumps a day ahead sees heartbeats of a day ago."""
    assume_dollar(store)
    key = make_key(store)
    with RunningGateway(tmp_path, settings_text(stub.url, workers=2, more=BUDGET), store.dsn) as running:
        replace_and_call(running, store, key)


def replace_and_call(running: RunningGateway, store: Store, key: str) -> None:
    running.wait_until_known(key)
    pids = running.worker_pids()
    with Callers(running.url, key, 2) as callers:
        for _ in range(4):
            before = len(callers.got)
            with store.transaction() as tx:
                tx.execute("UPDATE ledger_workers SET seen_at = seen_at - interval '1 day'")
            sweep(store, datetime.now(UTC), "TTM")
            ends = time.monotonic() + 30
            while len(callers.got) < before + 60 and time.monotonic() < ends:
                time.sleep(0.05)
            assert len(callers.got) >= before + 60, f"no answers: {callers.refused}"
    assert running.worker_pids() == pids
    assert set(callers.refused) <= {503}, callers.codes
    assert missing(store, callers) == []
    with store.reading() as tx:
        [(booked, doubled)] = tx.execute(
            "SELECT sum(cost_jpy) * 1000000, sum(calls) - count(DISTINCT attempt_id) FROM ledger_entries"
        ).fetchall()
        uses = tx.execute("SELECT used_micro_jpy FROM ledger_budget_uses").fetchall()
    print(f"got {len(callers.got)} refused {dict(callers.refused)} broken {callers.broken}")
    assert doubled == 0
    assert {used for (used,) in uses} == {booked}

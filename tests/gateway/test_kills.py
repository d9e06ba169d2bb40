"""kill -9 at random moments under load, of the gateway's workers and of PostgreSQL: what callers got is in the ledger.

Two hundred moments: ``JITSURI_KILLS=200 pytest tests/gateway/test_kills.py``; the usual run takes fewer.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from calling_on import AGAIN_S, CALLERS, CallingOn
from running_gateway import RunningGateway, assume_dollar, make_key, settings_text
from stub_upstream import StubUpstream

from jitsuri.flows.cold.sweeping import sweep
from jitsuri.store.door import Store
from jitsuri.store.opening import open_store
from jitsuri.store.supervisor.recognising import first_of

KILLS = int(os.environ.get("JITSURI_KILLS", "16"))
SEED = 20261127
BUDGET = """
[budgets.kills]
limit_jpy = 1000
kind = "hard"
"""

pytestmark = [pytest.mark.slow, pytest.mark.database]


@dataclass
class Got:
    """What one caller received of one call."""

    call_id: UUID
    is_whole: bool
    is_stream: bool


class Callers(CallingOn):
    """Callers that remember what they were given."""

    def __init__(self, url: str, key: str, seed: int) -> None:
        super().__init__(url, key, timeout_s=20)
        self.got: list[Got] = []
        self.refused: Counter[int] = Counter()
        self.codes: Counter[tuple[int, str]] = Counter()
        self.broken = 0
        self._chances = [random.Random(seed + n) for n in range(CALLERS)]

    def broke(self, error: Exception) -> None:
        self.broken += 1

    def once(self, connection: http.client.HTTPConnection, number: int) -> None:
        is_stream = self._chances[number].random() < 0.4
        body = {"model": "task:inquiry-triage", "messages": [{"role": "user", "content": "納期"}], "stream": is_stream}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), self.headers)
        answer = connection.getresponse()
        if answer.status != 200:
            told = answer.read()
            self.refused[answer.status] += 1
            self.codes[answer.status, str(json.loads(told)["error"]["code"])] += 1
            time.sleep(AGAIN_S)
            return
        call_id = UUID(answer.headers["x-jitsuri-call"])
        seen = b""
        try:
            while piece := answer.read1(65536):
                seen += piece
        finally:
            if seen:
                is_whole = b"data: [DONE]" in seen if is_stream else answer.length == 0
                self.got.append(Got(call_id, is_whole, is_stream))
                if is_whole and not is_stream:
                    answer.close()  # read1 leaves it open, and no other may be asked for then


def kill(gateway: RunningGateway, chance: random.Random, postgres_share: float) -> str:
    """Kill one process, as the kernel would when memory runs out."""
    if chance.random() < postgres_share:
        postmaster = first_of(next((gateway.home / "postgres").glob("data-*")))
        if postmaster is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(postmaster.pid, signal.SIGKILL)
            return "postgres"
    pids = gateway.worker_pids()
    if pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(pids), signal.SIGKILL)
        return "worker"
    return "nobody"


def provoke(
    home: Path, stub: StubUpstream, kills: int, *, postgres_share: float, environment: dict[str, str] | None = None
) -> tuple[Callers, Counter[str]]:
    """Load and kills; afterwards everything has stopped and what was left behind is swept."""
    chance = random.Random(SEED)
    store = open_store(home, None)
    try:
        assume_dollar(store)
        key = make_key(store)
        killed: Counter[str] = Counter()
        running = RunningGateway(home, settings_text(stub.url, workers=2, more=BUDGET), "", environment)
        with running as gateway, Callers(gateway.url, key, SEED) as callers:
            for _ in range(kills):
                time.sleep(chance.uniform(0.05, 0.5))
                killed[kill(gateway, chance, postgres_share)] += 1
                gateway.wait_until_well(60)
            time.sleep(0.5)
        store.wait_until_reachable(30)
        sweep(store, datetime.now(UTC), "TTM", seconds=0)
    finally:
        store.close()
    return callers, killed


def missing(store: Store, callers: Callers) -> list[Got]:
    """What callers were given and the ledger does not know; what was given whole must be there as answered."""
    ids = [got.call_id for got in callers.got]
    with store.reading() as tx:
        rows = tx.execute(
            "SELECT call_id, bool_or(status = 'ok') FROM ledger_entries WHERE call_id = ANY(%s) GROUP BY call_id",
            (ids,),
        ).fetchall()
    known = dict(rows)
    return [
        got for got in callers.got if not known.get(got.call_id, False) and (got.is_whole or got.call_id not in known)
    ]


def test_nothing_that_a_caller_received_is_missing(open_folder: Path, stub: StubUpstream) -> None:
    callers, killed = provoke(open_folder / "home", stub, KILLS, postgres_share=0.3)
    store = open_store(open_folder / "home", None)
    try:
        lost = missing(store, callers)
        with store.reading() as tx:
            [(intents, workers, leases)] = tx.execute(
                "SELECT (SELECT count(*) FROM ledger_intents), (SELECT count(*) FROM ledger_workers), "
                "(SELECT coalesce(sum(amount_micro_jpy), 0) FROM ledger_leases)"
            ).fetchall()
            [(used, leased)] = tx.execute("SELECT used_micro_jpy, leased_micro_jpy FROM ledger_budget_uses").fetchall()
            [(booked, doubled, estimated)] = tx.execute(
                "SELECT sum(cost_jpy) * 1000000, count(*) - count(DISTINCT attempt_id), "
                "count(*) FILTER (WHERE reason = 'orphaned') FROM ledger_entries"
            ).fetchall()
            [(days,)] = tx.execute("SELECT sum(cost_jpy) * 1000000 FROM ledger_days").fetchall()
    finally:
        store.close()
    whole = sum(got.is_whole for got in callers.got)
    print(f"{dict(killed)} received {len(callers.got)} whole {whole} refused {dict(callers.refused)} "
          f"broken {callers.broken} estimated {estimated}")  # fmt: skip
    assert lost == []
    assert whole > KILLS
    assert (intents, workers, leases, leased, doubled) == (0, 0, 0, 0, 0)
    assert used == booked == days


def test_a_gateway_that_answers_before_its_books_is_found_out(open_folder: Path, stub: StubUpstream) -> None:
    mutant = {"PYTHONPATH": str(Path(__file__).parent / "mutants" / "replies_early")}
    callers, _ = provoke(open_folder / "home", stub, 6, postgres_share=0.0, environment=mutant)
    store = open_store(open_folder / "home", None)
    try:
        assert missing(store, callers) != []
    finally:
        store.close()

"""A process that is frozen in the midst of a transaction: others get on, and what it was writing counts once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jitsuri.ledger.records import rollups
from jitsuri.store import door
from jitsuri.store.door import Store


def kept(store: Store) -> list[int]:
    with store.reading() as tx:
        return [row[0] for row in tx.execute("SELECT number FROM evidence_probe ORDER BY number")]


@pytest.mark.slow
@pytest.mark.parametrize("is_sending", [False, True], ids=["between statements", "while it sends"])
def test_a_writer_frozen_in_its_transaction_keeps_nobody_and_loses_nothing(store: Store, is_sending: bool) -> None:
    with store.transaction() as tx:
        tx.execute("CREATE TABLE evidence_probe (number bigint PRIMARY KEY, words text NOT NULL)")
    order = json.dumps({"dsn": store.dsn, "is_sending": is_sending})
    script = Path(__file__).with_name("frozen_writer.py")
    process = subprocess.Popen([sys.executable, str(script), order], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "in a transaction\n"
        os.kill(process.pid, signal.SIGSTOP)

        began = time.monotonic()
        with store.transaction() as tx:
            tx.execute("SET LOCAL lock_timeout = '10s'")
            rollups.lock(tx)
            tx.execute("INSERT INTO evidence_probe VALUES (9, 'another')")
        waited = time.monotonic() - began
        assert kept(store) == [9]

        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout.readline() == "left 0\n"
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()
    assert waited < 5
    assert kept(store) == [1, 2, 3, 9]


def test_the_server_ends_what_stands_still_before_a_worker_is_buried(store: Store) -> None:
    connection = store.lasting()
    try:
        told = dict(
            connection.execute(
                "SELECT name, setting::int8 FROM pg_settings "
                "WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')"
            ).fetchall()
        )
    finally:
        connection.close()
    assert told["idle_in_transaction_session_timeout"] == 1000 * door.IDLE_IN_TRANSACTION_SECONDS
    assert told.get("transaction_timeout", 60_000) == 1000 * door.MOST_IN_TRANSACTION_SECONDS

"""A writer goes on after batches that failed, whatever it and psycopg have prepared on their connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import psycopg
import pytest

from jitsuri.store.batching import Batch
from jitsuri.store.committing import Committer
from jitsuri.store.door import Store


def write(batch: Batch, rows: Sequence[int]) -> None:
    """One statement of the batch's own, one by psycopg, which prepares it after five times."""
    for row in rows:
        batch.run("INSERT INTO evidence_probe (number) VALUES ($1)", str(row).encode())
    batch.connection.execute("SELECT count(*) FROM evidence_probe WHERE number = %s", (rows[0],))
    if 13 in rows:
        raise ValueError("a row that its writer cannot form")


def test_rows_are_written_after_a_batch_that_was_rolled_back(store: Store) -> None:
    with store.transaction() as tx:
        tx.execute("CREATE TABLE evidence_probe (number bigint PRIMARY KEY)")

    async def work() -> None:
        committer = Committer(store, {"probe": write}, UUID(int=1))
        committer.start(asyncio.get_running_loop())
        for number in range(30):
            future = committer.submit([("probe", number)])
            if number == 13:
                with pytest.raises(ValueError, match="cannot form"):
                    await future
            else:
                await future
        with pytest.raises(psycopg.errors.UniqueViolation):
            await committer.submit([("probe", 1)])
        await committer.submit([("probe", 30)])
        assert await asyncio.to_thread(committer.stop, 5) == 0

    asyncio.run(asyncio.wait_for(work(), 30))
    with store.reading() as tx:
        assert len(tx.execute("SELECT * FROM evidence_probe").fetchall()) == 30

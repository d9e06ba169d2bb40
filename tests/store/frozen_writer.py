"""A writer's process for the tests: begins a transaction, says so, and stands still for a moment, in which it is frozen.

``frozen_writer.py ORDER``: JSON with ``dsn`` and ``is_sending`` (True: stands still before the last of the batch was sent).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from jitsuri.store import door
from jitsuri.store.batching import Batch
from jitsuri.store.committing import Committer
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id

ORDER = json.loads(sys.argv[1])
LOCK = b"SELECT pg_advisory_xact_lock(5410002)"
LONG = b"x" * 300_000
"""More than libpq keeps to itself: it is sent before the end of the batch."""

told = False


def write(batch: Batch, rows: Sequence[Any]) -> None:
    global told
    batch.run(LOCK.decode())
    for number in rows:
        batch.run("INSERT INTO evidence_probe VALUES ($1, $2)", str(number).encode(), LONG)
    if not ORDER["is_sending"]:
        _ = batch.connection
    if not told:
        told = True
        print("in a transaction", flush=True)
        time.sleep(0.5)


async def main() -> None:
    store = Store(ORDER["dsn"])
    committer = Committer(store, {"probe": write}, derived_id("writer", "frozen"))
    committer.start(asyncio.get_running_loop())
    await asyncio.gather(*(committer.submit([("probe", number)]) for number in range(1, 4)))
    left = await asyncio.to_thread(committer.stop, 5)
    print(f"left {left}", flush=True)
    store.close()


door.IDLE_IN_TRANSACTION_SECONDS = 1
door.MOST_IN_TRANSACTION_SECONDS = 2
asyncio.run(main())

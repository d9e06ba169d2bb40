"""One worker of the gateway: a process with its own loop, snapshots, pools of connections and writer thread.

Started by ``app.processes`` with an order on the command line, the listening socket by its number, and a pipe as its
standard input: when that closes, its parent has gone, and it stops as it would on a signal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import uvicorn
import uvloop

from jitsuri.app import collecting
from jitsuri.app.desk_keeping import GRACE_S, KeptDesk, new_id
from jitsuri.app.log_lines import write_lines
from jitsuri.app.loop_watch import LoopWatch
from jitsuri.app.metrics_page import MetricsPage, own_gauges
from jitsuri.app.telemetry import Telemetry
from jitsuri.app.upstreams import at_address, upstreams_of
from jitsuri.app.worker_order import Order
from jitsuri.calls.shapes import Gauges
from jitsuri.ledger.live.budgets import LEASE_AWAY
from jitsuri.settings import Settings, read_settings
from jitsuri.store.door import Store
from jitsuri.store.opening import open_database
from jitsuri.terms.errors import OperatorError
from jitsuri.web.api.gateway import Gateway
from jitsuri.web.api.protocol import GatewayProtocol
from jitsuri.words import Language

LOGGER = logging.getLogger("jitsuri.gateway")

FLUSH_S = 5.0
"""How often meters are written (decision 0017)."""
KEEP_ALIVE_S = 75
"""Longer than the idle time of usual proxies and clients (60 s), so that it is they who close."""


def main() -> None:
    """``python -m jitsuri.app.worker ORDER``."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    write_lines("text")
    sys.setswitchinterval(0.0002)
    home = Path(order.home)
    settings = read_settings(home, Path(order.config) if order.config else None, os.environ)
    write_lines(settings.text("gateway.log_format"))
    store = open_database(home, settings.database_url, application_name=f"jitsuri-gateway-{order.number}")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(order, settings, store))
    except KeyboardInterrupt:
        pass
    finally:
        store.close()


async def serve(order: Order, settings: Settings, store: Store) -> None:
    """Serve until a signal, or until the parent has gone."""
    worker = Worker(order, settings, store)
    await worker.start()
    listening = socket.socket(fileno=order.socket)
    config = uvicorn.Config(
        cast(Any, worker.application), http=GatewayProtocol, interface="asgi3", ws="none", lifespan="off",
        log_level="warning", access_log=False, server_header=False, timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S, proxy_headers=False, log_config=None,
    )  # fmt: skip
    server = uvicorn.Server(config)
    threading.Thread(target=_watch_parent, args=(server,), name="parent", daemon=True).start()
    collecting.begin()
    try:
        await server.serve(sockets=[listening])
    finally:
        await worker.stop()


def _watch_parent(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True


class Worker:
    """The parts of one worker, put together."""

    def __init__(self, order: Order, settings: Settings, store: Store) -> None:
        self._order = order
        upstreams = upstreams_of(settings)
        for name, (base_url, key_file) in order.local_models.items():
            upstreams[name] = at_address(upstreams[name], base_url, key_file)
        language = cast(Language, settings.text("console.language"))
        self.watch = LoopWatch()
        self.telemetry = Telemetry(os.environ, str(new_id()))
        self.page = MetricsPage(store, self._gauges, os.environ, settings.text("gateway.metrics_token_env"))
        self.kept = KeptDesk(settings, store, upstreams, workers=order.workers, watch=self.telemetry.watch)
        self.application = Gateway(
            self.kept.desk, language=language, most_body_bytes=settings.integer("gateway.most_body_mib") * 1024 * 1024,
            body_seconds=settings.integer("gateway.body_seconds"), health=self._health, metrics=self.page.read,
            turns=self.kept.turns,
        )  # fmt: skip
        self._flushing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read everything once, then begin to write and to listen for changes."""
        await self.kept.start()
        loop = asyncio.get_running_loop()
        self.telemetry.start()
        self.page.start(loop)
        self.watch.start(loop)
        self._flushing = loop.create_task(self._flush())

    async def stop(self) -> None:
        """Write what waits, give leases back, let everything go."""
        self.watch.stop()
        if self._flushing is not None:
            self._flushing.cancel()
        self._submit_minutes()
        await self.kept.stop()
        await asyncio.to_thread(self.telemetry.stop)
        await asyncio.to_thread(self.page.stop)

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._submit_minutes()

    def _submit_minutes(self) -> None:
        desk = self.kept.desk
        rows: list[tuple[str, Any]] = [("minutes", minute) for minute in self.kept.meters.drain()]
        rows += [("touched", one) for one in desk.touched.items()]
        desk.touched.clear()
        if rows:
            self.kept.committer.submit(rows).add_done_callback(_tell_failed)

    def _health(self) -> tuple[bool, bytes]:
        kept = self.kept
        return health_of(
            kept.committer.outage, sorted(kept.variant_faults().values()), kept.budgets.outage,
            is_ready=kept.parts.prices.is_ready, refuses_hard=kept.budgets.refuses_hard,
        )  # fmt: skip

    def _faults(self) -> dict[str, str]:
        """What this worker cannot do though it answers, for the console and for /metrics."""
        found = {f"variant:{Path(path).name}": code for path, code in self.kept.variant_faults().items()}
        return found | ({"budgets": self.kept.budgets.outage} if self.kept.budgets.outage else {})

    def _gauges(self) -> Gauges:
        health = self.kept.desk.breakers.states(time.monotonic())
        return own_gauges(
            self._order.number, datetime.now(UTC), self.kept.committer.depth, self.kept.committer.outage,
            {name: one.state for name, one in health.items()}, self.telemetry.untold, self.watch.told(),
            self._faults(),
        )  # fmt: skip


def health_of(
    outage: OperatorError | None, variants: Sequence[str], budgets: str, *, is_ready: bool, refuses_hard: bool
) -> tuple[bool, bytes]:
    """Whether a worker is well, and what /health says: codes alone, because anybody may read it.

    ``variants`` are the faults of local variants and ``budgets`` why no leases can be drawn; of these only what has every
    call under a hard budget refused (``refuses_hard``) makes a worker unwell (decision 0023).
    """
    why = ""
    if outage is not None:
        why = outage.code
    elif not is_ready:
        why = "not_ready"
    elif refuses_hard:
        why = LEASE_AWAY
    return not why, msgspec.json.encode({"ok": not why, "why": why, "variants": list(variants), "budgets": budgets})


def _tell_failed(future: asyncio.Future[None]) -> None:
    if not future.cancelled() and future.exception() is not None:
        LOGGER.error("meters: %s", future.exception())


if __name__ == "__main__":
    main()

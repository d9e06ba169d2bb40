"""One worker of the gateway: a process with its own loop, snapshots, pools of connections and writer thread.

Started by ``app.processes`` with an order on the command line, the listening socket by its number, and a pipe as its
standard input: when that closes, its parent has gone, and it stops as it would on a signal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec
import uvicorn
import uvloop

from jitsuri.access.live.departments import Departments
from jitsuri.access.live.keys import Keys
from jitsuri.access.live.pacing import Pace
from jitsuri.app import collecting
from jitsuri.app.log_lines import write_lines
from jitsuri.app.loop_watch import LoopWatch
from jitsuri.app.metrics_page import MetricsPage, own_gauges
from jitsuri.app.telemetry import Telemetry
from jitsuri.app.upstreams import at_address, sites_of, upstreams_of
from jitsuri.app.worker_order import Order
from jitsuri.calls.live.metering import Meters
from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.records import minutes as minute_rows
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.shapes import Gauges
from jitsuri.flows.cold.refreshing import Parts, Refresher, Texts
from jitsuri.flows.cold.settling import begin, counted, touch
from jitsuri.flows.cold.superseding import supersede
from jitsuri.flows.hot.desk import Asking, Desk
from jitsuri.ledger.live.budgets import LEASE_AWAY, Budgets
from jitsuri.ledger.live.prices import Prices
from jitsuri.ledger.records import booking as booking_rows
from jitsuri.ledger.records import intents as intent_rows
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.providers.live import Breakers
from jitsuri.providers.shapes import Upstream
from jitsuri.providers.wire.answering_here import HereAnswers
from jitsuri.providers.wire.asking import Client
from jitsuri.providers.wire.connecting import loop_turns
from jitsuri.providers.wire.keying import Keys as UpstreamKeys
from jitsuri.providers.wire.local_files import LocalFolder
from jitsuri.routing.live import Table
from jitsuri.routing.rules.choosing import LOCAL
from jitsuri.settings import Settings, read_settings
from jitsuri.store.announcing import listen, wait
from jitsuri.store.committing import Committer, Writer
from jitsuri.store.door import Store
from jitsuri.store.opening import open_database
from jitsuri.terms.errors import JitsuriError, OperatorError
from jitsuri.terms.ids import ordered_id
from jitsuri.web.api.gateway import Gateway
from jitsuri.web.api.protocol import GatewayProtocol
from jitsuri.words import Language

LOGGER = logging.getLogger("jitsuri.gateway")

WRITERS: Mapping[str, Writer] = {
    "intents": begin,
    "entries": booking_rows.book_many,
    "ended": intent_rows.close_many,
    "calls": call_rows.keep_many,
    "texts": lambda batch, rows: text_rows.insert_many(batch.connection, rows),
    "settlements": counted,
    "minutes": lambda batch, rows: minute_rows.add_many(batch.connection, rows),
    "touched": lambda batch, rows: touch(batch.connection, rows),
}
"""What the group commit writes, in this order within a transaction."""

QUICK = frozenset({"intents", "entries", "ended", "calls", "settlements"})
"""What the loop may write by itself."""

TICK_S = 0.5
"""How often what waits for the ledger is looked at."""
FLUSH_S = 5.0
"""How often meters are written (decision 0017)."""
POLL_S = 3.0
"""How often changes are looked for where no notice of them came."""
KEEP_ALIVE_S = 75
"""Longer than the idle time of usual proxies and clients (60 s), so that it is they who close."""
GRACE_S = 30
"""How long calls under way may take to end when the gateway is stopped."""


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
        self._settings = settings
        self._store = store
        self._stopping = threading.Event()
        upstreams = upstreams_of(settings)
        for name, (base_url, key_file) in order.local_models.items():
            upstreams[name] = at_address(upstreams[name], base_url, key_file)
        language = cast(Language, settings.text("console.language"))
        self.meters = Meters()
        self.watch = LoopWatch()
        self.telemetry = Telemetry(os.environ, str(new_id()))
        self.page = MetricsPage(store, self._gauges, os.environ, settings.text("gateway.metrics_token_env"))
        self.committer = Committer(store, WRITERS, new_id(), supersede, quick=QUICK)
        self.budgets = Budgets(store, new_id())
        self.parts = Parts(
            Keys(), Departments(), Table(sites_of(upstreams), settings.text("gateway.default_upstream")), Prices(),
            self.budgets, Texts((settings.file or settings.home / "jitsuri.toml").parent),
        )  # fmt: skip
        self._refresher = Refresher(store, self.parts, cast(RateKind, settings.text("money.rate_kind")))
        turns = loop_turns()
        self._client = Client(UpstreamKeys(os.environ), os.environ, turns=turns)
        self._folder = LocalFolder(settings.home / "variants")
        self._here = HereAnswers(self._folder, time.time, _short_id, language)
        self.desk = Desk(
            keys=self.parts.keys, pace=Pace(order.workers),
            departments=self.parts.departments, table=self.parts.table, prices=self.parts.prices,
            budgets=self.budgets, breakers=Breakers(), meters=self.meters, upstreams=upstreams, asking=self._asking,
            ledger=self.committer, sealing=self.parts.texts, now=partial(datetime.now, UTC),
            monotonic=time.monotonic, new_id=new_id, chance=random.random,
            most_output_tokens=settings.integer("gateway.most_output_tokens"), watch=self.telemetry.watch,
        )  # fmt: skip
        self.application = Gateway(
            self.desk, language=language, most_body_bytes=settings.integer("gateway.most_body_mib") * 1024 * 1024,
            body_seconds=settings.integer("gateway.body_seconds"), health=self._health, metrics=self.page.read,
            turns=turns,
        )  # fmt: skip
        self._tasks: list[asyncio.Task[None]] = []
        self._threads: list[threading.Thread] = []

    async def start(self) -> None:
        """Read everything once, then begin to write and to listen for changes."""
        await asyncio.to_thread(self._refresher.look, datetime.now(UTC))
        self._thread("variants", self._hold_variants)
        loop = asyncio.get_running_loop()
        self.committer.start(loop)
        await self.budgets.start()
        self.telemetry.start()
        self.page.start(loop)
        self.watch.start(loop)
        self._thread("refresher", partial(self._refresh, loop))
        self._tasks = [loop.create_task(self._tick()), loop.create_task(self._flush())]

    async def stop(self) -> None:
        """Write what waits, give leases back, let everything go."""
        self._stopping.set()
        self.watch.stop()
        for task in self._tasks:
            task.cancel()
        self._submit_minutes()
        await asyncio.to_thread(self.committer.stop, GRACE_S)
        await asyncio.sleep(0)  # what became durable last is counted by the loop
        if self.committer.depth:
            LOGGER.error("%s hand-ins could not be written before the end", self.committer.depth)
        await self.budgets.stop()
        await asyncio.to_thread(self.telemetry.stop)
        await asyncio.to_thread(self.page.stop)
        await self._client.aclose()
        self._here.stop()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, 5)

    def _asking(self, upstream: Upstream) -> Asking:
        return cast(Asking, self._here.ask if upstream.name == LOCAL else self._client.ask)

    async def _tick(self) -> None:
        seconds = self._settings.integer("gateway.ledger_seconds")
        while True:
            await asyncio.sleep(TICK_S)
            self.committer.expire(seconds)

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._submit_minutes()

    def _submit_minutes(self) -> None:
        rows: list[tuple[str, Any]] = [("minutes", minute) for minute in self.meters.drain()]
        rows += [("touched", one) for one in self.desk.touched.items()]
        self.desk.touched.clear()
        if rows:
            self.committer.submit(rows).add_done_callback(_tell_failed)

    def _thread(self, name: str, work: Any) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _refresh(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen for changes; look now and then all the same."""
        while not self._stopping.is_set():
            try:
                connection = self._store.lasting()
                try:
                    listen(connection)
                    while not self._stopping.is_set():
                        with collecting.uncollected(stays=True):
                            changed = self._refresher.look(datetime.now(UTC))
                        if "keys" in changed:
                            loop.call_soon_threadsafe(self.desk.pace.keep_only, self.parts.keys.key_ids())
                        wait(connection, POLL_S)
                finally:
                    connection.close()
            except JitsuriError as error:
                LOGGER.warning("refresh: %s", error)
                self._stopping.wait(1.0)
            except Exception:  # a refresher that ends would leave revoked keys in use
                LOGGER.exception("refresh failed")
                self._stopping.wait(1.0)

    def _hold_variants(self) -> None:
        """Have the files of standing variants read before a call asks for them; tell what is wrong with one, once."""
        told: dict[str, str] = {}
        while not self._stopping.is_set():
            try:
                self._folder.hold(self.parts.table.named_at(LOCAL))
            except Exception:  # calls read them all the same
                LOGGER.exception("reading variants failed")
            faults = self._folder.faults()
            for path, fault in faults.items():
                if told.get(path) != fault.code:
                    LOGGER.warning("variant: %s", fault)
            told = {path: fault.code for path, fault in faults.items()}
            self._stopping.wait(POLL_S)

    def _health(self) -> tuple[bool, bytes]:
        faults = sorted(fault.code for fault in self._folder.faults().values())
        return health_of(
            self.committer.outage, faults, self.budgets.outage,
            is_ready=self.parts.prices.is_ready, refuses_hard=self.budgets.refuses_hard,
        )  # fmt: skip

    def _faults(self) -> dict[str, str]:
        """What this worker cannot do though it answers, for the console and for /metrics."""
        found = {f"variant:{Path(path).name}": fault.code for path, fault in self._folder.faults().items()}
        return found | ({"budgets": self.budgets.outage} if self.budgets.outage else {})

    def _gauges(self) -> Gauges:
        health = self.desk.breakers.states(time.monotonic())
        return own_gauges(
            self._order.number, datetime.now(UTC), self.committer.depth, self.committer.outage,
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


class Ids:
    """Ids that sort by time, made with random bytes from a store that is filled now and then. For one thread.

    Asking the system releases the interpreter's lock, and with a writer thread at work getting it back takes up to a
    switch interval: a thousand times the price of the bytes.
    """

    def __init__(self, size: int = 16_000) -> None:
        self._size = size
        self._held = b""
        self._at = 0

    def __call__(self) -> UUID:
        at = self._at
        if at + 10 > len(self._held):
            self._held, at = os.urandom(self._size), 0
        self._at = at + 10
        return ordered_id(time.time_ns() // 1_000_000, self._held[at : at + 10])


new_id = Ids()


def _short_id() -> str:
    return os.urandom(12).hex()


def _tell_failed(future: asyncio.Future[None]) -> None:
    if not future.cancelled() and future.exception() is not None:
        LOGGER.error("meters: %s", future.exception())


if __name__ == "__main__":
    main()

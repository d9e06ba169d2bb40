"""A desk and all that keeps it alive in one process: snapshots, pools of connections, the writer, leases on budgets.

Used by the gateway's workers, and by whatever asks models outside the path of a call.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from jitsuri.access.live.departments import Departments
from jitsuri.access.live.keys import Keys
from jitsuri.access.live.pacing import Pace
from jitsuri.app import collecting
from jitsuri.app.upstreams import sites_of
from jitsuri.calls.live.metering import Meters
from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.records import minutes as minute_rows
from jitsuri.calls.records import texts as text_rows
from jitsuri.flows.cold.refreshing import Parts, Refresher, Texts
from jitsuri.flows.cold.settling import begin, counted, touch
from jitsuri.flows.cold.superseding import supersede
from jitsuri.flows.hot.desk import Asking, Desk
from jitsuri.guardrails.live.apart import Apart
from jitsuri.guardrails.live.guards import Guards
from jitsuri.guardrails.live.policies import Policies
from jitsuri.guardrails.records import pseudonyms as pseudonym_rows
from jitsuri.guardrails.records import runs as guard_rows
from jitsuri.guardrails.wire.keying import guard_key
from jitsuri.ledger.live.budgets import Budgets
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
from jitsuri.settings import Settings
from jitsuri.store.announcing import listen, wait
from jitsuri.store.committing import Committer, Writer
from jitsuri.store.door import Store
from jitsuri.terms.errors import JitsuriError
from jitsuri.terms.ids import ordered_id
from jitsuri.words import Language

LOGGER = logging.getLogger("jitsuri.gateway")

WRITERS: Mapping[str, Writer] = {
    "intents": begin,
    "entries": booking_rows.book_many,
    "ended": intent_rows.close_many,
    "calls": call_rows.keep_many,
    "texts": lambda batch, rows: text_rows.insert_many(batch.connection, rows),
    "settlements": counted,
    "guard_runs": guard_rows.keep_many,
    "guard_pseudonyms": lambda batch, rows: pseudonym_rows.insert_many(batch.connection, rows),
    "minutes": lambda batch, rows: minute_rows.add_many(batch.connection, rows),
    "touched": lambda batch, rows: touch(batch.connection, rows),
}
"""What the group commit writes, in this order within a transaction."""

QUICK = frozenset({"intents", "entries", "ended", "calls", "settlements", "guard_runs"})
"""What the loop may write by itself."""

GUARD_KEY = Path("keys") / "guard.key"
"""Where the key of pseudonyms lies, below the installation's home: with the keys of kept texts it belongs into its keeper's
own backup."""

TICK_S = 0.5
"""How often what waits for the ledger is looked at."""
POLL_S = 3.0
"""How often changes are looked for where no notice of them came."""
GRACE_S = 30
"""How long calls under way may take to end when the gateway is stopped."""


class KeptDesk:
    """One process's desk. ``start`` and ``stop`` belong to the loop that it works on."""

    def __init__(
        self, settings: Settings, store: Store, upstreams: Mapping[str, Upstream], *, workers: int,
        watch: Callable[[Any], None] = lambda _attempt: None,
    ) -> None:  # fmt: skip
        """``workers``: how many processes share what keys may ask per minute. ``watch`` is told every booked attempt."""
        self._settings = settings
        self._store = store
        self._stopping = threading.Event()
        self.committer = Committer(store, WRITERS, new_id(), supersede, quick=QUICK)
        self.budgets = Budgets(store, new_id())
        self.meters = Meters()
        self.parts = Parts(
            Keys(),
            Departments(),
            Table(sites_of(upstreams), settings.text("gateway.default_upstream")),
            Prices(),
            self.budgets,
            Texts((settings.file or settings.home / "jitsuri.toml").parent),
            Policies(),
        )
        self._guards = Guards(
            self.parts.policies, store, guard_key(settings.home / GUARD_KEY), Apart(os.environ)
        )  # fmt: skip
        self._refresher = Refresher(store, self.parts, cast(RateKind, settings.text("money.rate_kind")))
        self.turns = loop_turns()
        self._client = Client(UpstreamKeys(os.environ), os.environ, turns=self.turns)
        self._folder = LocalFolder(settings.home / "variants")
        self._here = HereAnswers(self._folder, time.time, _short_id, cast(Language, settings.text("console.language")))
        self.desk = Desk(
            keys=self.parts.keys, pace=Pace(workers),
            departments=self.parts.departments, table=self.parts.table, prices=self.parts.prices,
            budgets=self.budgets, breakers=Breakers(), meters=self.meters, upstreams=upstreams, asking=self._asking,
            ledger=self.committer, sealing=self.parts.texts, guards=self._guards, now=partial(datetime.now, UTC),
            monotonic=time.monotonic, new_id=new_id, chance=random.random,
            most_output_tokens=settings.integer("gateway.most_output_tokens"), watch=watch,
            pseudonym_days=settings.integer("guard.pseudonym_days"),
        )  # fmt: skip
        self._tasks: list[asyncio.Task[None]] = []
        self._threads: list[threading.Thread] = []

    async def start(self) -> None:
        """Read everything once, then begin to write and to listen for changes."""
        await asyncio.to_thread(self._refresher.look, datetime.now(UTC))
        await asyncio.to_thread(self._guards.warm)
        self._thread("variants", self._hold_variants)
        loop = asyncio.get_running_loop()
        self.committer.start(loop)
        await self.budgets.start()
        self._thread("refresher", partial(self._refresh, loop))
        self._tasks = [loop.create_task(self._tick())]

    async def stop(self) -> None:
        """Write what waits, give leases back, let everything go."""
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.to_thread(self.committer.stop, GRACE_S)
        await asyncio.sleep(0)  # what became durable last is counted by the loop
        if self.committer.depth:
            LOGGER.error("%s hand-ins could not be written before the end", self.committer.depth)
        await self.budgets.stop()
        await self._client.aclose()
        await self._guards.stop()
        self._here.stop()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, 5)

    def variant_faults(self) -> dict[str, str]:
        """Path → code of what is wrong with the files of variants on this machine."""
        return {str(path): fault.code for path, fault in self._folder.faults().items()}

    def _asking(self, upstream: Upstream) -> Asking:
        return cast(Asking, self._here.ask if upstream.name == LOCAL else self._client.ask)

    async def _tick(self) -> None:
        seconds = self._settings.integer("gateway.ledger_seconds")
        while True:
            await asyncio.sleep(TICK_S)
            self.committer.expire(seconds)

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
                        if "guards" in changed:
                            self._guards.warm()
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

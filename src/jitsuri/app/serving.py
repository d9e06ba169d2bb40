"""Serving: what ``jitsuri up`` runs in its own process.

Serves the console, and beside it on threads of its own, what must happen without anybody asking: sealing evidence, the
daily backup of the embedded database, deleting texts whose last day has passed.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import uvicorn

from jitsuri.app.beside import Beside
from jitsuri.app.job_order import JobOrder
from jitsuri.app.local_models import LocalModels
from jitsuri.app.processes import Workers
from jitsuri.app.replaying import Replayer
from jitsuri.app.trialling import trial_around
from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.flows.cold import keeping, watching_certificates
from jitsuri.flows.cold.admitting import first_admin_link, forget_old
from jitsuri.flows.cold.auditing import AUDIT_SECONDS, audit
from jitsuri.flows.cold.forgetting import delete_due_pseudonyms, delete_due_texts
from jitsuri.flows.cold.freezing_worlds import Around
from jitsuri.flows.cold.judging_audits import AuditJudge, judge_audits
from jitsuri.flows.cold.sealing import seal
from jitsuri.flows.cold.sweeping import sweep
from jitsuri.flows.cold.watching import WATCH_SECONDS, Watcher
from jitsuri.flows.cold.watching_certificates import watch
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.providers.shapes import Ask
from jitsuri.routing.shapes import Site
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.store.supervisor.ending import end_on_signals
from jitsuri.terms.errors import JitsuriError, OperatorError
from jitsuri.web.doors import build_console

SEAL_SECONDS = 1.0
"""Evidence is sealed about once a second (blueprint of the chain: nothing on a call's path waits for it)."""

LOGGER = logging.getLogger("jitsuri.console")

SWEEP_SECONDS = 15.0
"""How often workers that died are looked for."""

CHORES_SECONDS = 600.0
"""How often daily work is looked at: a machine that was asleep at night makes its backup within ten minutes."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Clock and chance, handed in once, from the command line."""

    now: Callable[[], datetime]
    secret: Callable[[], str]


class Chores:
    """Threads that work beside the console until ``stop`` is called; a failing round is told and tried again."""

    def __init__(self, tell: Callable[[JitsuriError], None]) -> None:
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._tell = tell

    def every(self, seconds: float, work: Callable[[], object]) -> None:
        """Do ``work`` now and every so many seconds, on a thread of its own."""

        def rounds() -> None:
            while not self._stopping.is_set():
                try:
                    work()
                except JitsuriError as error:
                    self._tell(error)
                except Exception:  # a chore that ended would be missed only when it is needed
                    LOGGER.exception("a chore failed")
                self._stopping.wait(seconds)

        thread = threading.Thread(target=rounds, name=f"chore-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Ask all to end and wait for the rounds under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=30)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OperatorError ``port_taken``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle's delay on
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise OperatorError("port_taken", host=host, port=port) from error
        raise
    return made


def first_link(store: Store, surroundings: Surroundings) -> str | None:
    """The one-time path for the first administrator, while there is none."""
    made = first_admin_link(store, surroundings.now(), surroundings.secret)
    return f"/links/{made}" if made is not None else None


def serve(
    store: Store,
    settings: Settings,
    listening: socket.socket,
    surroundings: Surroundings,
    tell: Callable[[JitsuriError], None],
    gateway: socket.socket | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Serve the console, and the gateway on its socket by worker processes, until a signal ends it."""
    end_on_signals()  # the server raises a signal again when it is done: what comes after it must still happen
    workers = None
    models = LocalModels(settings, tell)
    if gateway is not None:
        models.start()
        count = settings.integer("gateway.workers")
        workers = Workers(settings.home, settings.file, gateway, count, environment or {}, tell, models.addresses)
        workers.start()
    jobs = None
    if settings.integer("jobs.at_once"):
        order = JobOrder(
            str(settings.home), str(settings.file or ""), settings.integer("jobs.at_once"),
            local_models=dict(models.addresses),
        )  # fmt: skip
        jobs = Beside("jitsuri.app.job_worker", order, environment or {}, tell)
        jobs.start()
    chores = Chores(tell)
    chores.every(SEAL_SECONDS, lambda: seal(store, surroundings.now()))
    watcher = Watcher(store)
    chores.every(WATCH_SECONDS, lambda: watcher.look(surroundings.now()))
    if gateway is not None:
        kind = cast(RateKind, settings.text("money.rate_kind"))
        chores.every(SWEEP_SECONDS, lambda: sweep(store, surroundings.now(), kind))
    chores.every(CHORES_SECONDS, lambda: _daily(store, settings, surroundings.now()))
    hosts = tuple(name.strip() for name in settings.text("console.hosts").split(",") if name.strip())
    upstreams = upstreams_of(settings)
    replayer = Replayer(settings, store, models.addresses)
    _watch_certificates(chores, store, settings, surroundings, replayer, sites_of(upstreams))
    console = build_console(
        store=store, settings=settings, now=surroundings.now, secret=surroundings.secret, allowed_hosts=hosts,
        upstreams=upstreams, sites=sites_of(upstreams),
        gateway_port=gateway.getsockname()[1] if gateway is not None else 0, ask=replayer,
    )  # fmt: skip
    server = uvicorn.Server(
        uvicorn.Config(console, log_level="warning", access_log=False, lifespan="off", server_header=False)
    )
    try:
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
    finally:
        if jobs is not None:
            jobs.let_go()
        if workers is not None:
            workers.stop()
        chores.stop()  # before what they ask with
        replayer.close()
        if jobs is not None:
            jobs.stop()
        models.stop()


def _watch_certificates(
    chores: Chores, store: Store, settings: Settings, surroundings: Surroundings, ask: Ask, sites: Mapping[str, Site]
) -> None:
    """Certificates in force are looked at, and one call or two in a hundred is asked of the other way too."""
    folder = settings.file.parent if settings.file is not None else settings.home
    around = Around(sites, cast(RateKind, settings.text("money.rate_kind")), folder)
    cap = settings.decimal("proof.audit_jpy_per_month")
    chores.every(watching_certificates.WATCH_SECONDS, lambda: watch(store, surroundings.now(), around))
    judge = settings.text("proof.audit_judge")

    def audited() -> None:
        audit(store, surroundings.now, ask, folder, cap, sites)
        if judge:
            judge_audits(store, surroundings.now, ask, trial_around(store, settings), AuditJudge(judge), cap)

    chores.every(AUDIT_SECONDS, audited)


def _daily(store: Store, settings: Settings, now: datetime) -> None:
    delete_due_texts(store, now)
    delete_due_pseudonyms(store, now)
    forget_old(store, now)
    if settings.database_url is None:
        keeping.back_up_if_due(store, settings.home, now, keep_days=settings.integer("backup.keep_days"))

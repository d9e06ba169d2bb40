"""The worker of jobs: the only module that knows the job library, and a process of its own.

Rows of ``store_jobs`` that wait are handed over to the library in one transaction each round; the library's worker fetches
deliveries and calls ``Runner``. When the database was away for longer than the library's pool waits, everything is begun
anew under a new number of a worker, so that what the old one had fetched is found and delivered again (decision 0032).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from procrastinate import App, JobContext, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition, Job, Status
from procrastinate.manager import JobManager
from procrastinate.schema import SchemaManager

from jitsuri.app.job_order import JobOrder
from jitsuri.app.jobs import Registry, registered
from jitsuri.app.log_lines import write_lines
from jitsuri.app.replaying import Replayer
from jitsuri.app.working import Runner
from jitsuri.providers.shapes import Ask
from jitsuri.settings import Settings, read_settings
from jitsuri.store.announcing import wait
from jitsuri.store.door import Store
from jitsuri.store.jobs import queueing
from jitsuri.store.jobs.adopting import Script, adopt
from jitsuri.store.opening import open_database
from jitsuri.terms.errors import JitsuriError
from jitsuri.terms.ids import derived_id

LOGGER = logging.getLogger("jitsuri.jobs")

QUEUE, TASK = "jitsuri", "jitsuri.run"
FETCH_S = 0.5
"""How often deliveries are looked for. The library could be told of each; but a connection that listens and is lost stops
its whole worker, and half a second is nothing to work of minutes (decision 0032)."""
POLL_S = 3.0
"""How often jobs that wait are looked for where no notice of them came."""
AGAIN_S = 1.0
LOOK_S = 0.2
FORGET_AFTER = timedelta(days=30)
"""How long jobs that ended well are kept (decision 0032); failed ones are until somebody has looked at them."""
_MEND_LOCK = 5_410_070
"""Advisory lock of the one worker that looks for what others left."""


def main() -> None:
    """``python -m jitsuri.app.job_worker ORDER``, with a pipe as standard input that closes when its parent goes."""
    order = msgspec.json.decode(sys.argv[1], type=JobOrder)
    write_lines("text")
    home = Path(order.home)
    settings = read_settings(home, Path(order.config) if order.config else None, os.environ)
    write_lines(settings.text("gateway.log_format"))
    stop = threading.Event()
    threading.Thread(target=_watch_parent, args=(stop,), name="parent", daemon=True).start()
    try:
        store = open_database(home, settings.database_url, application_name="jitsuri-jobs")
        work(store, settings, os.environ, order, stop)
    except JitsuriError as error:
        LOGGER.error("the worker of jobs cannot work: %s", error)
        sys.exit(3)


def _watch_parent(stop: threading.Event) -> None:
    while os.read(0, 4096):  # not by sys.stdin: its lock, held at the interpreter's end, would abort the process
        pass
    stop.set()


def work(
    store: Store, settings: Settings, environment: Mapping[str, str], order: JobOrder, stop: threading.Event
) -> None:
    """Run jobs until ``stop`` or a signal, on the main thread of a process of its own; the store is closed at its end.

    Does not return where a step goes on for longer than the grace: then the process ends, and the job is taken up again.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stop.set())
    ask = Replayer(settings, store, order.local_models)
    try:
        registry = registered()
        prepare(store)
        while not stop.is_set():
            try:
                asyncio.run(Life(store, settings, environment, order, registry, ask).live(stop))
            except (JitsuriError, ConnectorException) as error:
                LOGGER.warning("the worker of jobs begins anew: %s", error)
            except Exception:  # whatever it was, jobs go on
                LOGGER.exception("the worker of jobs begins anew")
            else:
                if not stop.is_set():
                    LOGGER.warning("the worker of jobs begins anew: the database was away")
            stop.wait(AGAIN_S)
    finally:
        ask.close()
        store.close()


def prepare(store: Store) -> None:
    """The library's tables, as its installed version needs them. Raises OperatorError ``job_library_older``."""
    folder = Path(SchemaManager.get_migrations_path())
    scripts = [Script(file.name, file.read_text("utf-8")) for file in sorted(folder.glob("*.sql"))]
    adopt(store, "procrastinate", SchemaManager.get_schema(), scripts)


class Deliveries(JobManager):
    """The library's manager, which says when the database was lost, and leaves to others what others have taken."""

    def __init__(self, connector: PsycopgConnector, lost: Callable[[], None]) -> None:
        super().__init__(connector)
        self._lost = lost
        self.abandoned: set[int] = set()
        """Deliveries that another worker has: what is said about them here no longer counts."""

    async def fetch_job(self, queues: Any, worker_id: int) -> Job | None:
        try:
            return await super().fetch_job(queues, worker_id)
        except ConnectorException:  # perhaps fetched, and the answer lost: it is the old worker's, who must go
            self._lost()
            raise

    async def update_heartbeat(self, worker_id: int) -> None:
        """Raises nothing: without periodic tasks of its own the library does not notice that this task of its has ended."""
        try:
            await super().update_heartbeat(worker_id)
        except ConnectorException:
            self._lost()

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        if job.id in self.abandoned:
            self.abandoned.discard(job.id)
            return
        try:
            await super().finish_job(job, status, delete_job)
        except ConnectorException:
            self._lost()
            raise


class Life:
    """One life of a worker: from a number that the library gives it until it is stopped or has lost the database."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        environment: Mapping[str, str],
        order: JobOrder,
        registry: Registry,
        ask: Ask,
    ) -> None:
        self._store = store
        self._order = order
        self._registry = registry
        self._zone = ZoneInfo(settings.text("company.zone"))
        self._over = threading.Event()
        worker = f"{socket.gethostname()}:{os.getpid()}"
        self._runner = Runner(store, settings, environment, registry, _now, worker, ask=ask)
        connector = PsycopgConnector(
            conninfo=store.dsn, min_size=1, max_size=3, timeout=order.pool_s, kwargs={"application_name": "jitsuri-jobs"},
        )  # fmt: skip
        self._app = App(connector=connector)
        self._manager = self._app.job_manager = Deliveries(connector, self._lost)
        self._app.task(name=TASK, queue=QUEUE, pass_context=True)(self._run)
        self._giving = App(connector=SyncPsycopgConnector())  # on connections that are handed in, never on its own
        self._forgot_at: datetime | None = None

    async def live(self, stop: threading.Event) -> None:
        """Work until ``stop``, or until the library's worker ended by itself."""
        self._store.wait_until_reachable(self._order.pool_s)
        loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(self._order.at_once + 4, thread_name_prefix="job")
        loop.set_default_executor(pool)
        handing = threading.Thread(target=self._hand_over, name="handing", daemon=True)
        async with self._app.open_async():
            worker = asyncio.create_task(
                self._app.run_worker_async(
                    queues=[QUEUE], concurrency=self._order.at_once, name="jobs", install_signal_handlers=False,
                    listen_notify=False, fetch_job_polling_interval=FETCH_S, delete_jobs=DeleteJobCondition.ALWAYS,
                    update_heartbeat_interval=self._order.heartbeat_s, stalled_worker_timeout=self._order.stalled_s,
                )
            )  # fmt: skip
            mending = asyncio.create_task(self._mend())
            handing.start()
            try:
                while not (worker.done() or stop.is_set() or self._over.is_set()):
                    await asyncio.wait({worker}, timeout=LOOK_S)
            finally:
                self._lost()
                mending.cancel()
                worker.cancel()
                await self._ended({worker, mending}, stop)
            if not worker.done():  # a step under way: threads cannot be ended, but processes can
                LOGGER.warning("a step goes on after the grace; the job is taken up again by another worker")
                self._store.close()
                os._exit(0)
            with suppress(asyncio.CancelledError):
                worker.result()

    async def _ended(self, tasks: set[asyncio.Task[None]], stop: threading.Event) -> None:
        """Wait for the end of steps under way: with the grace, once the whole worker is to stop."""
        left = self._order.grace_s
        while left > 0 and any(not task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=LOOK_S, return_when=asyncio.ALL_COMPLETED)
            left -= LOOK_S if stop.is_set() else 0.0

    def _lost(self) -> None:
        """The database was lost, or the worker stops: runs end before their next step, and this life ends."""
        self._over.set()
        self._runner.stop()

    def _run(self, context: JobContext, job_id: str) -> None:
        number = context.job.id
        assert number is not None
        if not self._runner.run(UUID(job_id), number):
            self._manager.abandoned.add(number)

    # -- handing over

    def _hand_over(self) -> None:
        while not self._over.is_set():
            try:
                connection = self._store.lasting()
                try:
                    queueing.hear(connection)
                    while not self._over.is_set():
                        with self._store.transaction() as tx:
                            queueing.hand_over(tx, lambda job_id, tx=tx: self._give(tx, job_id))  # type: ignore[misc]
                        wait(connection, POLL_S)
                finally:
                    connection.close()
            except JitsuriError as error:
                LOGGER.warning("handing over: %s", error)
                self._over.wait(AGAIN_S)
            except Exception:  # a hand that rests would leave every job waiting
                LOGGER.exception("handing over failed")
                self._over.wait(AGAIN_S)

    def _give(self, tx: object, job_id: UUID) -> int:
        return self._giving.configure_task(TASK, queue=QUEUE, connection=tx, allow_unknown=True).defer(
            job_id=str(job_id)
        )

    # -- what others left, and chores

    async def _mend(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await asyncio.to_thread(self._mend_alone, loop)
            except (JitsuriError, ConnectorException) as error:
                LOGGER.warning("mending: %s", error)
            except Exception:  # without it a dead worker's jobs would stay with it
                LOGGER.exception("mending failed")
            await asyncio.sleep(self._order.mend_s)

    def _mend_alone(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._store.alone(_MEND_LOCK) as is_ours:
            if not is_ours:
                return
            self._ask_for_chores()
            with self._store.transaction() as tx:
                left = queueing.hand_back_left(tx)
            with self._store.reading() as tx:
                handed = queueing.handed_over(tx)
            held = asyncio.run_coroutine_threadsafe(self._rescue(), loop).result(self._order.pool_s * 3)
            orphans = {job_id: number for job_id, number in handed.items() if number not in held}
            if orphans:
                with self._store.transaction() as tx:
                    left += sum(queueing.hand_back(tx, job_id, number) for job_id, number in orphans.items())
            if left:
                LOGGER.warning("%s jobs that nobody had are handed over again", left)

    async def _rescue(self) -> set[int]:
        """Deliver again what dead workers held. Returns the numbers of all deliveries that wait or are at work."""
        manager = self._manager
        for job in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=self._order.stalled_s):
            LOGGER.warning("a worker died; delivery %s goes to another one", job.id)
            await manager.retry_job(job)
        held: set[int] = set()
        for status in (Status.TODO, Status.DOING):
            held |= {job.id for job in await manager.list_jobs_async(queue=QUEUE, status=status.value) if job.id}
        return held

    def _ask_for_chores(self) -> None:
        now = _now()
        for name, chore in self._registry.chores.items():
            due = chore.due(now, self._zone)
            with self._store.transaction() as tx:
                queueing.enqueue(
                    tx, now, "system", chore.job, chore.arguments, f"chore:{name}",
                    job_id=derived_id("chore", name, due.isoformat()),
                )  # fmt: skip
        if self._forgot_at is None or now - self._forgot_at > timedelta(hours=1):
            self._forgot_at = now
            with self._store.transaction() as tx:
                queueing.forget_ended(tx, now - FORGET_AFTER)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    from jitsuri.app import job_worker

    job_worker.main()  # by its own name: the library warns of an App that is made in the main module

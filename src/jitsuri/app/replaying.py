"""Asking models for those who wait: a desk on a loop of its own thread, behind a plain call.

What is asked here is held, booked and swept as calls are (``flows.hot.replaying``). The thread and its connections are there
from the first question until ``close``; what they need is loaded then, since a console that asks nothing should not carry it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING

from jitsuri.app.upstreams import at_address, upstreams_of
from jitsuri.providers.shapes import Came, Question
from jitsuri.settings import Settings
from jitsuri.store.door import Store

if TYPE_CHECKING:
    from jitsuri.app.desk_keeping import KeptDesk

_Result = tuple[int, Came | BaseException]


class Replayer:
    """An ``Ask`` (``providers.shapes``) with its thread. Safe to be called from several threads.

    Where whoever waits goes away, what was asked already is booked all the same; what was not is never asked.
    """

    def __init__(
        self, settings: Settings, store: Store, local_models: Mapping[str, tuple[str, str]] | None = None
    ) -> None:
        """``local_models``: upstream name → base address and key file of models that this machine runs."""
        self._settings = settings
        self._store = store
        self._local_models = dict(local_models or {})
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kept: KeptDesk | None = None
        self._thread: threading.Thread | None = None
        self._under_way: set[asyncio.Task[Came]] = set()
        self._is_closing = False

    def __enter__(self) -> Replayer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, questions: Sequence[Question], at_once: int) -> Iterator[tuple[int, Came]]:
        """Ask all, ``at_once`` side by side. Raises OperatorError where the ledger or its prices cannot be read."""
        if not questions:
            return
        self._begin()
        assert self._loop is not None
        came: queue.SimpleQueue[_Result] = queue.SimpleQueue()
        asking = asyncio.run_coroutine_threadsafe(self._all(questions, max(1, at_once), came), self._loop)
        try:
            for _ in questions:
                place, one = came.get()
                if isinstance(one, BaseException):
                    raise one
                yield place, one
        finally:
            asking.cancel()

    def close(self) -> None:
        """Wait for what is being asked, as long as a gateway does when it is stopped; write what waits, let everything go."""
        with self._lock:
            loop, thread, kept = self._loop, self._thread, self._kept
            self._loop = self._thread = self._kept = None
            self._is_closing = True
        if loop is None or thread is None or kept is None:
            return
        asyncio.run_coroutine_threadsafe(self._ended(kept), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _begin(self) -> None:
        with self._lock:
            if self._loop is not None:
                return
            import uvloop

            loop = uvloop.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="replaying", daemon=True)
            thread.start()
            try:
                self._kept = asyncio.run_coroutine_threadsafe(self._started(), loop).result()
            except BaseException:
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
                loop.close()
                raise
            self._loop, self._thread, self._is_closing = loop, thread, False

    async def _started(self) -> KeptDesk:
        from jitsuri.app.desk_keeping import KeptDesk

        upstreams = upstreams_of(self._settings)
        for name, (base_url, key_file) in self._local_models.items():
            if name in upstreams:
                upstreams[name] = at_address(upstreams[name], base_url, key_file)
        kept = KeptDesk(self._settings, self._store, upstreams, workers=1)
        await kept.start()
        return kept

    async def _ended(self, kept: KeptDesk) -> None:
        from jitsuri.app.desk_keeping import GRACE_S

        if self._under_way:
            _, late = await asyncio.wait(tuple(self._under_way), timeout=GRACE_S)
            for task in late:
                task.cancel()  # booked as cut
            await asyncio.gather(*late, return_exceptions=True)
        await kept.stop()

    async def _all(self, questions: Sequence[Question], at_once: int, came: queue.SimpleQueue[_Result]) -> None:
        from jitsuri.flows.hot.replaying import replay

        places = iter(range(len(questions)))
        assert self._kept is not None
        desk = self._kept.desk

        async def one_after_the_other() -> None:
            for place in places:
                if self._is_closing:  # never asked: whoever waits is told, and goes on another time
                    came.put((place, Came(0, b"", "not_ready", "", 0, 0, Decimal(0), 0)))
                    continue
                try:
                    task = asyncio.ensure_future(replay(desk, questions[place]))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
                    found: Came | BaseException = await asyncio.shield(task)  # what has begun comes to its end
                except Exception as error:  # noqa: BLE001  # whoever waits gets it
                    found = error
                came.put((place, found))

        await asyncio.gather(*(one_after_the_other() for _ in range(min(at_once, len(questions)))))

"""/metrics of a worker: a page that a thread of its own keeps ready, and who may read it."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as NotInTimeError
from dataclasses import replace
from datetime import datetime
from typing import Final

from jitsuri import __version__
from jitsuri.app.collecting import uncollected
from jitsuri.calls.rules.exposing import Standing, page
from jitsuri.calls.shapes import Gauges, LoopLate
from jitsuri.flows.cold.exposing import gather
from jitsuri.store.door import Store
from jitsuri.terms.errors import JitsuriError, OperatorError

LOGGER = logging.getLogger("jitsuri.gateway")

RENEW_S: Final = 5.0
"""How often the page is written anew: as often as meters are (decision 0017)."""
_ANSWER_S: Final = 2.0


class MetricsPage:
    """Keeps the page; ``read`` belongs to the loop and only hands bytes out."""

    def __init__(self, store: Store, own: Callable[[], Gauges], environment: Mapping[str, str], token_env: str) -> None:
        """``own`` tells how this worker stands, and is asked on the loop. ``token_env`` names the variable with the token that
        opens the page; '' opens it to this machine only."""
        self._store = store
        self._own = own
        self._token_env = token_env
        self._token = environment.get(token_env, "").strip() if token_env else ""
        self._page = b""
        self._last: Standing | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def read(self, address: str, bearer: str | None) -> bytes | None:
        """The page, where this address or this bearer token opens it."""
        if self._token_env:
            is_open = bool(self._token) and hmac.compare_digest((bearer or "").encode(), self._token.encode())
        else:
            is_open = is_this_machine(address)
        return self._page if is_open else None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to write the page."""
        if self._token_env and not self._token:
            LOGGER.warning("metrics: %s", OperatorError("metrics_token_missing", variable=self._token_env))
        self._thread = threading.Thread(target=self._work, args=(loop,), name="metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_ANSWER_S + 1)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopping.is_set():
            try:
                own = asyncio.run_coroutine_threadsafe(self._asked(), loop).result(_ANSWER_S)
                with uncollected(stays=False):
                    self._renew(own)
            except (NotInTimeError, RuntimeError):
                pass  # the loop is busy, or has ended
            except Exception:  # a page that is no longer written would show an old truth
                LOGGER.exception("metrics failed")
            self._stopping.wait(RENEW_S)

    async def _asked(self) -> Gauges:
        return self._own()

    def _renew(self, own: Gauges) -> None:
        """Write the page. While the database is away, with what was read last and how this worker stands itself."""
        try:
            self._last = gather(self._store, own, __version__)
        except JitsuriError:
            last = self._last or Standing((), (), (), {}, own.seen_at, __version__)
            self._last = replace(last, gauges=[*(g for g in last.gauges if g.worker != own.worker), own])
        self._page = page(self._last).encode()


def own_gauges(
    number: int,
    now: datetime,
    commit_queue: int,
    outage: OperatorError | None,
    breakers: Mapping[str, str],
    untold: int,
    late: LoopLate,
    faults: Mapping[str, str] | None = None,
) -> Gauges:
    """How a worker stands. It is named by its machine and its number, so that a restart goes on in the same series."""
    why = outage.code if outage is not None else ""
    return Gauges(f"{socket.gethostname()[:64]}/{number}", now, commit_queue, why, breakers, untold, late, faults or {})


def is_this_machine(address: str) -> bool:
    """Whether a connection's other end is this machine, by its address alone.

    >>> is_this_machine("127.0.0.1"), is_this_machine("::ffff:127.0.0.1"), is_this_machine("10.0.0.1"), is_this_machine("")
    (True, True, False, False)
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)

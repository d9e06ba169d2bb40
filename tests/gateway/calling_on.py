"""Threads that call a gateway without pause, whatever becomes of it."""

from __future__ import annotations

import http.client
import threading
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

CALLERS = 8
AGAIN_S = 0.02
"""Pause after a connection that broke or a call that was refused."""


class CallingOn:
    """``with`` it threads call, each over a connection of its own that is made anew where it breaks."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._url, self._timeout_s = urlsplit(url), timeout_s
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(n,)) for n in range(CALLERS)]

    def once(self, connection: http.client.HTTPConnection, number: int) -> None:
        """One call of the thread with this number, and what is remembered of it."""
        raise NotImplementedError

    def broke(self, error: Exception) -> None:
        """A connection broke."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)

    def _call(self, number: int) -> None:
        while not self._stopping.is_set():
            connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=self._timeout_s)
            try:
                while not self._stopping.is_set():
                    self.once(connection, number)
            except (OSError, http.client.HTTPException) as error:
                self.broke(error)
                time.sleep(AGAIN_S)
            finally:
                connection.close()

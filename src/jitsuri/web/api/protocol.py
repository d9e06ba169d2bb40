"""The HTTP protocol of the gateway's server: uvicorn's, with what a long-lived, metered call needs.

Added to it: the call is told at once when its caller has gone, and a caller that dawdles over its headers is let go
(slow loris). Source of the base: uvicorn 0.50, ``HttpToolsProtocol``; only its documented protocol callbacks are
overridden.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0
"""Within which a request's headers must have arrived (decision 0017)."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection of a caller."""

    _header_timer: asyncio.TimerHandle | None = None
    on_lost: Callable[[], None] | None = None
    """Called once when the connection is lost while a call is under way; set by the call."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["jitsuri.protocol"] = self  # type: ignore[typeddict-unknown-key]
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def on_headers_complete(self) -> None:
        timer = self._header_timer
        if timer is not None:
            timer.cancel()
            self._header_timer = None
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
        on_lost, self.on_lost = self.on_lost, None
        super().connection_lost(exc)
        if on_lost is not None:
            on_lost()

    def _too_slow(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing():
            self.transport.close()


def protocol_of(scope: Any) -> GatewayProtocol:
    """The connection that a request came by."""
    found = scope["jitsuri.protocol"]
    assert isinstance(found, GatewayProtocol)
    return found

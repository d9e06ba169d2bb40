"""Sending over a kept library's connections: what aiohttp does once per connection stays its work, what comes per request is ours.

aiohttp finds addresses, makes connections, speaks TLS and bounds the time of connecting. Its session, its pool and its
reader of answers build objects for every request that a call to an upstream never needs. Here a request is its line, its
headers, ready as bytes, and its body, in one write; the connection is taken over as it was made (``receiving``) and kept
until it is closed. Requests that this does not fit (through a proxy, long bodies, which are written in portions, answers
without the body that their headers tell of) go the session's own way.
Decision 0027 has the figures. Only methods that aiohttp documents or its own session calls are used; the release is pinned.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from aiohttp import ClientConnectionResetError, ClientRequest, ClientSession, ClientTimeout, ConnectionTimeoutError
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from jitsuri.providers.wire.connecting import Connector
from jitsuri.providers.wire.pooling import Pool, closed
from jitsuri.providers.wire.receiving import Wire

MAY_BE_BARE: Final = frozenset({"GET", "DELETE", "OPTIONS"})
"""Methods that say no length where they have no body."""


class _Place(ClientRequest):
    """Where an upstream's connections lead: what the connector asks a request for, answered once."""

    @cached_property
    def connection_key(self) -> ConnectionKey:
        return super().connection_key


class Sender:
    """Connections to one upstream, in the running loop."""

    def __init__(self, session: ClientSession, base: URL) -> None:
        """``session`` opens the connections; it has no proxy."""
        connector = session.connector
        assert isinstance(connector, Connector)
        self._connector = connector
        self._timeout: ClientTimeout = session.timeout
        self.loop: AbstractEventLoop = asyncio.get_running_loop()
        self._place = _Place("POST", base, loop=self.loop, session=session, ssl=True)
        self._base = base
        self.pool: Pool[Wire] = connector.pool
        self.host = f"host: {base.host_port_subcomponent}\r\n".encode()

    async def open(self) -> Wire:
        """Another connection, or the next of the pool's that is free. Raises what the session raises."""
        until_s = self.loop.time() + (self._timeout.connect or 0)
        while (wire := await self.pool.turn(until_s, may_be_ours=True)) is not None:
            if not wire.transport.is_closing():
                return wire
            wire.drop()  # the other side has closed it meanwhile
        try:
            async with asyncio.timeout_at(until_s):
                connection = await self._connector.dial(self._place, self._timeout)
        except TimeoutError as error:
            self.pool.back()
            raise ConnectionTimeoutError(f"Connection timeout to host {self._base}") from error
        except BaseException:
            self.pool.back()
            raise
        if self.pool.is_closed:
            connection.close()
            raise closed()
        protocol = connection.protocol
        transport = protocol.transport if protocol is not None else None
        if protocol is None or transport is None or transport.is_closing() or protocol.should_close:
            connection.close()
            self.pool.back()
            raise ClientConnectionResetError("Cannot write to closing transport")
        wire = Wire(connection, transport, self.pool)
        transport.set_protocol(wire)
        self.pool.add(wire)
        return wire


def lines_of(headers: Mapping[str, str]) -> bytes:
    """Headers as lines. Raises ValueError for one that would be more than a line."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
        raise ValueError("a header holds a line break")
    return lines.encode()

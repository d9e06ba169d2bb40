"""Sending over a kept library's connections: what aiohttp does once per connection stays its work, what it does per request is ours.

aiohttp finds addresses, makes connections, speaks TLS, keeps the pool and parses answers. Between those, its session
builds objects for every request (cookies, redirects, authentication, forms, traces) that a call to an upstream never
needs, at two thirds of the whole cost. Here a request is its line, its headers, ready as bytes, and its body, in one write.
Requests that this does not fit (through a proxy, or long bodies, which are written in portions) go the session's own way.
Decision 0026 has the figures. Only methods that aiohttp documents or its own session calls are used; the release is pinned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from aiohttp import (
    ClientConnectionResetError,
    ClientRequest,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    StreamReader,
)
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from multidict import CIMultiDictProxy
from yarl import URL

_NO_BODY: Final = frozenset({"HEAD"})
"""Methods whose answers have no body, whatever their headers say (RFC 9110 §9.3.2)."""

_MAY_BE_BARE: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
"""Methods that say no length where they have no body."""


class Answer:
    """The head of an answer, and its body as it comes. The connection goes back to the pool when the body has ended."""

    __slots__ = ("connection", "content", "headers", "status")

    def __init__(
        self, status: int, headers: CIMultiDictProxy[str], content: StreamReader, connection: Connection
    ) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self.connection = connection
        content.on_eof(connection.release)

    def close(self) -> None:
        """Close the connection, unless it has gone back already."""
        self.connection.close()


class _Place(ClientRequest):
    """Where an upstream's connections lead: what the connector asks a request for, answered once."""

    @cached_property
    def connection_key(self) -> ConnectionKey:
        return super().connection_key


class Sender:
    """Requests to one upstream."""

    def __init__(self, session: ClientSession, base: URL) -> None:
        """``session`` opens the connections and keeps them; it has no proxy."""
        connector = session.connector
        assert connector is not None
        self._connector = connector
        self._timeout: ClientTimeout = session.timeout
        self._place = _Place("POST", base, loop=asyncio.get_running_loop(), session=session, ssl=True)
        self._base = base
        self.host = f"host: {base.host_port_subcomponent}\r\n".encode()

    async def send(self, method: str, target: bytes, headers: bytes, body: bytes) -> Answer:
        """Send one request and wait for the head of its answer.

        ``target`` is the path with its query; ``headers`` are ready lines (``lines_of``). Raises what the session raises.
        """
        try:
            connection = await self._connector.connect(self._place, [], self._timeout)
        except TimeoutError as error:
            raise ConnectionTimeoutError(f"Connection timeout to host {self._base}") from error
        protocol = connection.protocol
        try:
            if protocol is None or protocol.transport is None or protocol.transport.is_closing():
                raise ClientConnectionResetError("Cannot write to closing transport")
            protocol.set_response_params(skip_payload=method in _NO_BODY, read_until_eof=True)
            length = b"" if not body and method in _MAY_BE_BARE else b"content-length: %d\r\n" % len(body)
            protocol.transport.write(
                b"%b %b HTTP/1.1\r\n%b%b%b\r\n%b" % (method.encode(), target, self.host, headers, length, body)
            )
            while True:
                message, content = await protocol.read()
                if not 100 <= message.code < 200 or message.code == 101:
                    break
        except BaseException:
            connection.close()
            raise
        return Answer(message.code, message.headers, content, connection)


def lines_of(headers: Mapping[str, str]) -> bytes:
    """Headers as lines. Raises ValueError for one that would be more than a line."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
        raise ValueError("a header holds a line break")
    return lines.encode()

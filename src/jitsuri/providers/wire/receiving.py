"""One connection to an upstream and the answers on it, one after the other.

The parser is llhttp's, which the server's side uses too. What it tells most often goes to a dictionary's and a list's own
methods, so that a header or a part of a body costs no step of ours; what is told once per answer comes here. An answer
that is there at once is handed over and its connection is free again before anybody wakes.
"""

from __future__ import annotations

import asyncio
from asyncio import Future, Transport
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from aiohttp import ClientConnectionError, ClientOSError, ClientPayloadError, ServerDisconnectedError
from aiohttp.connector import Connection
from aiohttp.http_exceptions import BadHttpMessage, ContentEncodingError
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from jitsuri.providers.wire.pooling import Pool
from jitsuri.providers.wire.unpacking import PACKINGS, UNKNOWN_PACKINGS

MOST_UNREAD: Final = 2**17
"""Bytes that may lie here unread before the upstream is made to wait."""

LONGEST_HEAD: Final = 2**16
"""Bytes of an answer's head; servers send a few hundred."""


class Taker(Protocol):
    """Who takes an answer: ``replying.SentReply``."""

    status: int
    """0 until the head is there."""
    fields: Mapping[bytes, bytes]
    """Headers as they came; of several with the same name the first."""
    packing: bytes
    """How the body is packed, where it is."""
    rest: bytes
    """What had not been read of the body when it ended."""
    error: Exception | None
    """Why it ended early."""
    wire: Wire | None
    """Its connection until it has ended."""
    waiter: Future[None] | None
    """Woken by the head, by more of the body, by the end."""


class Wire(asyncio.Protocol):
    """A connection taken over from the library that made it; it counts there until it is closed."""

    __slots__ = (
        "_begins", "_connection", "_feed", "_fields", "_has_head", "_is_closed", "_is_complete", "_is_kept", "_is_left",
        "_is_paused", "_parser", "_pool", "_status", "_taker", "_turns", "_unread", "idle_until_s", "on_body", "on_header",
        "on_message_begin", "parts", "transport",
    )  # fmt: skip

    def __init__(self, connection: Connection, transport: Transport, pool: Pool[Wire]) -> None:
        self._connection = connection
        self._pool = pool
        self._turns = pool.turns
        self.transport = transport
        self.idle_until_s = 0.0
        self.parts: list[bytes] = []
        """What has come of the body and was not read yet."""
        self._fields: dict[bytes, bytes] = {}
        self._begins: list[None] = []
        """One for each answer that is due: one that nobody asked for finds none, which the parser takes for an error."""
        self._taker: Taker | None = None
        self._status = 0
        self._unread = 0
        self._has_head = False
        self._is_complete = self._is_kept = self._is_left = self._is_paused = self._is_closed = False
        self.on_header: Callable[[bytes, bytes], object] = self._fields.setdefault
        self.on_body: Callable[[bytes], None] = self.parts.append
        self.on_message_begin: Callable[[], None] = self._begins.pop
        self._parser = HttpResponseParser(self)
        # as lenient as the library's own client is
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._feed: Callable[[bytes], object] = self._parser.feed_data

    def send(self, request: bytes, taker: Taker, waiter: Future[None]) -> None:
        """Send a request; ``waiter`` is woken when its answer's head is there, or the connection has ended."""
        self._taker = taker
        taker.wire = self
        taker.waiter = waiter
        self._begins.append(None)
        self._is_complete = False
        self._unread = 0
        self.transport.write(request)

    def read(self) -> bytes:
        """What has come and was not read yet."""
        parts = self.parts
        body = b"".join(parts)
        parts.clear()
        self._unread = 0
        if self._is_paused:
            self._is_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()
        return body

    def leave(self) -> None:
        """Nobody reads the rest: the connection is free when it has come."""
        self._is_left = True
        self.read()

    def drop(self, *, is_abrupt: bool = True) -> None:
        """Close it for good. Through TLS an orderly end would wait for the other side's word, up to half a minute,
        while it may go on working."""
        if self._is_closed:
            return
        self._is_closed = True
        self._feed = _deaf
        taker, self._taker = self._taker, None
        if taker is not None:
            taker.wire = None
        if is_abrupt:
            self.transport.abort()
        else:
            self.transport.close()
        self._connection.close()
        self._pool.lost(self)

    def fail(self, error: Exception) -> None:
        """Close it and tell who waits at it."""
        taker = self._taker
        if taker is not None:
            taker.error = error
            taker.rest = b"".join(self.parts)
        self.drop()
        if taker is not None:
            self._wake(taker)

    # what the loop tells

    def data_received(self, data: bytes) -> None:
        try:
            self._feed(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._is_complete or self._taker is None:
                self.fail(_reason(error))
                return
            self._is_kept = False  # the answer is whole, and something that nobody asked for came after it
        taker = self._taker
        if taker is None:
            return
        if not self._is_complete:
            self._unread += len(data)
            if self._has_head or self.parts or self._unread > LONGEST_HEAD:
                self._is_partly_there(taker)
            return
        self._taker = taker.wire = None
        parts = self.parts
        taker.rest = b"".join(parts)
        parts.clear()
        self._fields.clear()  # of the trailers
        self._has_head = False
        if self._is_kept and not self.transport.get_write_buffer_size():
            if self._is_left or self._is_paused:
                self._is_left = False
                self.read()
            self._pool.give(self)
        else:
            self.drop(is_abrupt=bool(self.transport.get_write_buffer_size()))
        self._wake(taker)

    def _wake(self, taker: Taker) -> None:
        """Wake who waits, in turn with all else that begins."""
        waiter = taker.waiter
        if waiter is not None:
            taker.waiter = None
            self._turns.enter(_done, waiter)

    def _is_partly_there(self, taker: Taker) -> None:
        """There is a head, or more of a body, or more of either than there may be."""
        if self._is_left:
            self.parts.clear()
            self._unread = 0
        elif not taker.status:
            self.parts.clear()  # of an interim answer
        elif self._has_head or self.parts:
            self._has_head = False
            self._wake(taker)
        if self._unread <= (MOST_UNREAD if taker.status else LONGEST_HEAD):
            return
        if not self.parts:
            self.fail(BadHttpMessage("more between the parts of a body, or before it, than there may be"))
        elif not self._is_paused and not self.transport.is_closing():
            self._is_paused = True
            self.transport.pause_reading()

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)
        self._pool.ended(self)
        del self._parser  # it knows this connection too

    def _end(self, exc: Exception | None) -> None:
        """The other side has closed. An answer that tells no length ends so."""
        taker = self._taker
        if taker is None:
            self.drop()
        elif exc is None and taker.status and _is_open_ended(taker.fields):
            taker.rest = b"".join(self.parts)
            self.drop(is_abrupt=False)
            self._wake(taker)
        elif isinstance(exc, OSError):
            self.fail(ClientOSError(*exc.args))
        elif taker.status:
            self.fail(ClientPayloadError("Response payload is not completed"))
        else:
            self.fail(ServerDisconnectedError() if exc is None else ClientConnectionError(str(exc)))

    # what the parser tells; on_header, on_body, on_message_begin go to their lists at once

    def on_headers_complete(self) -> None:
        status = self._status = self._parser.get_status_code()
        fields = self._fields
        taker = self._taker
        if status < 200 or taker is None:
            if status == 101:
                raise BadHttpMessage("another protocol than was asked for")
            self._begins.append(None)  # there is another to come
            return
        taker.fields = fields.copy()
        if b"content-encoding" in b"\n".join(fields).lower():
            taker.packing = _packing(fields)
        fields.clear()
        taker.status = status
        self._has_head = True

    def on_message_complete(self) -> None:
        if self._status < 200:
            self.parts.clear()
            self._fields.clear()
            return
        self._is_complete = True
        self._is_kept = self._parser.should_keep_alive()


def _deaf(data: bytes) -> None:
    """Hears what comes on a connection that is closed."""


def _done(waiter: Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _reason(error: Exception) -> Exception:
    """What was wrong, where one of our own steps found it."""
    found = error.__context__
    return found if isinstance(found, BadHttpMessage) else error


def _packing(fields: Mapping[bytes, bytes]) -> bytes:
    """How a body is packed; b'' for what is handed on as it is."""
    named = value_of(fields, b"content-encoding").lower()
    if named in UNKNOWN_PACKINGS:
        raise ContentEncodingError(f"cannot unpack {named.decode()}")
    return named if named in PACKINGS else b""


def _is_open_ended(fields: Mapping[bytes, bytes]) -> bool:
    """Whether a body ends with its connection (RFC 9112 §6.3)."""
    if b"chunked" in value_of(fields, b"transfer-encoding").lower():
        return False
    return not value_of(fields, b"content-length")


def value_of(fields: Mapping[bytes, bytes], name: bytes) -> bytes:
    """A header's value, whatever its name's case; ``name`` in lower case."""
    return next((value.strip(b" \t") for known, value in fields.items() if known.lower() == name), b"")

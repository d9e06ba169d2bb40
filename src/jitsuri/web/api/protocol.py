"""HTTP/1.1 of the gateway: one connection of a caller, its requests one after the other, and the way back.

The server's shell (sockets, signals, an orderly end) is uvicorn, the parser is httptools; what lies between them is written
for a metered call: a request is handed on when its body is there, whole, so that nothing is begun for one that never comes;
the call is told at once when its caller has gone; and no request pays for a timer of its own. Decision 0026.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections import deque
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NoReturn, Protocol, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from jitsuri.flows.hot.desk import Headers
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.turns import Turns

LOGGER = logging.getLogger("jitsuri.gateway")

HEADER_SECONDS: Final = 10.0
"""Within which a request's line and headers must have arrived (decision 0017)."""

MOST_HEADER_BYTES: Final = 65_536
"""Of a request's line and headers together (decision 0026)."""

MOST_WAITING: Final = 8
"""Requests that a caller may send ahead on one connection before we stop reading from it."""

WEIGHED_BYTES: Final = 131_072
"""For each of so many bytes of its body a request counts as one more that begins in a turn (decision 0028)."""

LOOK_EVERY_S: Final = 1.0
"""How often a connection looks whether its time is up: a wait ends late by at most this."""

LINGER_S: Final = 2.0
"""A refused caller that still sends is read from, and what it sends dropped, until it was silent for so long: closing at once
would reset the connection, and the refusal with it (RFC 9112 §9.6)."""

MOST_LINGER_S: Final = 30.0
"""The longest that this goes on."""

_NEVER = float("inf")
_NONE: Mapping[bytes, bytes] = {}
_MOST_DIGITS = 19
"""Of a length that is looked at; the parser refuses those that its 64 bits cannot hold."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)


class Serving(Protocol):
    """Who answers requests."""

    @property
    def most_body_bytes(self) -> int: ...

    @property
    def body_seconds(self) -> float: ...

    @property
    def turns(self) -> Turns: ...

    async def serve(self, request: Request) -> None:
        """Answer one request, whatever happens: by ``whole``; or by ``begin``, ``piece`` and ``end``; or by ``cut``."""


class Request:
    """One request, and the way back to who sent it. When the caller leaves, the task that serves it is cancelled."""

    __slots__ = (
        "_connection", "_is_chunked", "_keeps", "_task", "body", "fault", "has_begun", "headers", "is_head", "is_lost", "is_over",
        "method", "named", "speaks_1_1", "url",
    )  # fmt: skip

    def __init__(self, connection: GatewayProtocol) -> None:
        self._connection = connection
        self._task: asyncio.Task[None] | None = None
        self._keeps = False
        self._is_chunked = False
        self.url = b""
        self.method = b""
        self.headers: Headers = []
        """Names in lower case."""
        self.named: Mapping[bytes, bytes] = _NONE
        """The headers by name; of two with one name the last."""
        self.body = b""
        self.is_head = False
        self.speaks_1_1 = True
        self.fault: Refusal | None = None
        """Why it could not be read; the connection ends after the answer."""
        self.has_begun = False
        self.is_lost = False
        """Whether the caller has gone."""
        self.is_over = False

    @property
    def path(self) -> str:
        path = self._parsed().path
        return unquote(path.decode("latin-1")) if path else "/"

    @property
    def query(self) -> str:
        return (self._parsed().query or b"").decode("latin-1")

    @property
    def client(self) -> str:
        """The caller's address; '' where it has none."""
        return self._connection.client

    def ready(self, status: int, lines: bytes, body: bytes) -> None:
        """Answer in one piece. ``lines`` are headers as they are sent, ``content-length`` not among them, and known to be
        sound: nothing in them is looked at. For a status that has a body, and a request that wants it."""
        if self.is_lost:
            return
        self.has_begun = self.is_over = True
        connection = self._connection
        connection.write(
            b"%bcontent-length: %d\r\n%b%b%b\r\n%b"
            % (
                _STATUS_LINES[status], len(body), lines, b"" if self._keeps else b"connection: close\r\n",
                connection.date_line(), body,
            )
        )  # fmt: skip
        connection.answered(self, keeps=self._keeps)

    async def whole(self, status: int, headers: Headers, body: bytes, *, closes: bool = False) -> None:
        """Answer in one piece."""
        if self.is_lost:
            return
        if closes:
            self._keeps = False
        head = self._head(status, headers, len(body))
        self.has_begun = True
        self._connection.write(head if self.is_head else head + body)
        self._end()

    async def begin(self, status: int, headers: Headers) -> None:
        """Begin an answer whose length nobody knows."""
        if self.is_lost:
            return
        head = self._head(status, headers, None)
        self.has_begun = True
        self._connection.write(head)

    async def piece(self, data: bytes) -> None:
        """Send the next piece; waits while the caller does not take what was sent before."""
        if self.is_lost or self.is_head or not data:
            return
        connection = self._connection
        connection.write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)
        if connection.is_full is not None:
            await connection.is_full

    async def end(self, data: bytes) -> None:
        """Send the last piece."""
        if self.is_lost:
            return
        if self._is_chunked:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        if data and not self.is_head:
            self._connection.write(data)
        self._end()

    def cut(self) -> None:
        """Break the connection: what was sent so far must not look like a whole answer."""
        self.is_lost = self.is_over = True
        self._connection.abort()

    # -- for the connection

    def start(self, serving: Serving, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        self._task = loop.create_task(serving.serve(self))
        return self._task

    def keep(self) -> None:
        """The connection stays open after the answer."""
        self._keeps = True

    def leave(self) -> None:
        """The caller has gone, or we must."""
        self._keeps = False

    def lose(self) -> None:
        self.is_lost = True
        if self._task is not None and not self.is_over:
            self._task.cancel()

    def _head(self, status: int, headers: Headers, length: int | None) -> bytes:
        lines = [_STATUS_LINES[status]]
        has_length = False
        if status < 200 or status in (204, 304):  # has no body by definition: nothing may tell of one, nor follow
            self.is_head = has_length = True
            length, headers = 0, [header for header in headers if header[0] != b"content-length"]
        for name, value in headers:
            lines.append(b"%b: %b\r\n" % (name, value))
            has_length = has_length or name == b"content-length"
        if length is not None and not has_length:
            lines.append(b"content-length: %d\r\n" % length)
        elif length is None:
            self._is_chunked = self.speaks_1_1
            self._keeps = self._keeps and self._is_chunked
            if self._is_chunked:
                lines.append(b"transfer-encoding: chunked\r\n")
        if not self._keeps:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines) or b"\0" in head:
            raise ValueError("a header's value holds a line break")
        return b"%b%b\r\n" % (head, self._connection.date_line())

    def _end(self) -> None:
        self.is_over = True
        self._connection.answered(self, keeps=self._keeps)

    def _parsed(self) -> Any:
        try:
            return httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            return _NO_URL


class _NoUrl:
    path, query = b"/", b""


_NO_URL = _NoUrl()


class GatewayProtocol(asyncio.Protocol):
    """One connection of a caller, as uvicorn makes it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: object,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._serving = cast(Serving, config.app)
        self._keep_alive_s = config.timeout_keep_alive
        self._state = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = _parser(self)
        self._read: Request | None = None
        """The request that is being read."""
        self._served: Request | None = None
        """The one that is being served."""
        self._waiting: deque[Request] = deque()
        """Those behind it. None waits while nothing is served, unless the caller does not take what was sent."""
        self._asking: Request | None = None
        """One that asks to speak another protocol."""
        self._body: bytes | bytearray = b""
        self._came = 0
        """Bytes in which the headers that are being read came, with what stood beside them."""
        self._size = 0
        """Of the body, as far as it is read."""
        self._size_before = 0
        self._idle_bytes = 0
        """What came without bringing any of the body."""
        self._expects = False
        self._is_deaf = False
        """Whether what comes is dropped."""
        self._is_ending = False
        self._is_paused = False
        self._deadline = _NEVER
        self._lingers_until = 0.0
        self._unsent = -1
        self._timer: asyncio.TimerHandle | None = None
        self.client = ""
        self.is_full: asyncio.Future[None] | None = None
        """Done when the caller has taken enough of what was sent; None while there is room."""

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.client = str(peer[0]) if isinstance(peer, tuple) else ""
        self._state.connections.add(self)  # type: ignore[arg-type]  # all that it asks of us is ``shutdown``
        self._deadline = self._loop.time() + HEADER_SECONDS
        self._timer = self._loop.call_later(LOOK_EVERY_S, self._look)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            if self._lingers_until:
                self._deadline = min(self._loop.time() + LINGER_S, self._lingers_until)
            return
        left = data
        self._came = len(data) if self._read is None else self._came + len(data)
        while left:
            try:
                self._parser.feed_data(left)
                left = b""
            except httptools.HttpParserUpgrade as upgrade:
                left = self._declined(left[upgrade.args[0] :])
            except httptools.HttpParserCallbackError:
                self._callback_failed()
                return
            except httptools.HttpParserError:
                self._refuse(Refusal("http_malformed"))
                return
        if self._read is not None:
            self._unfinished(len(data))

    def eof_received(self) -> None:
        """A caller that says it will send no more is taken at its word as one that has gone."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._is_deaf = True
        self._read = None
        self._waiting.clear()
        self._transport = None
        del self._parser  # it holds us, and we it
        self.resume_writing()
        request, self._served = self._served, None
        if request is not None:
            request.lose()

    def pause_writing(self) -> None:
        if self.is_full is None:
            self.is_full = self._loop.create_future()

    def resume_writing(self) -> None:
        is_full, self.is_full = self.is_full, None
        if is_full is not None and not is_full.done():
            is_full.set_result(None)
        if self._waiting and self._served is None and self._transport is not None and not self._transport.is_closing():
            self._serve_next(self._transport)

    # -- the parser's events

    def on_message_begin(self) -> None:
        self._read = Request(self)
        self._size = self._idle_bytes = 0
        self._expects = False
        if self._served is None:
            self._deadline = self._loop.time() + HEADER_SECONDS

    def on_url(self, part: bytes) -> None:
        request = self._read
        assert request is not None
        request.url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        request = self._read
        assert request is not None
        if not request.method:  # else it stands behind the body, and must not pass for a header (RFC 9110 §6.5.1)
            request.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        request = self._read
        assert request is not None
        parser = self._parser
        request.method = parser.get_method()
        named = request.named = dict(request.headers)
        request.is_head = request.method == b"HEAD"
        request.speaks_1_1 = parser.get_http_version() == "1.1"
        if self._came > MOST_HEADER_BYTES and _size_of(request) > MOST_HEADER_BYTES:
            _fail(request, _headers_too_large())
        if parser.should_upgrade():
            self._asking, self._read = request, None
            return
        if request.speaks_1_1 and parser.should_keep_alive():
            request.keep()
        self._size = 0
        length = named.get(b"content-length")
        if length is not None and len(length) <= _MOST_DIGITS and int(length) > self._serving.most_body_bytes:
            _fail(request, self._too_large())
        if b"expect" in named:
            self._expects = request.speaks_1_1 and named[b"expect"].lower() == b"100-continue"
            if self._expects and self._served is None and not self._waiting:
                self.write(_CONTINUE)
        if self._served is None:
            self._deadline = self._loop.time() + self._serving.body_seconds

    def on_body(self, part: bytes) -> None:
        request = self._read
        assert request is not None
        self._size += len(part)
        if self._size > self._serving.most_body_bytes:
            _fail(request, self._too_large())
        body = self._body
        if not body:
            self._body = part
        elif isinstance(body, bytearray):
            body += part
        else:  # not a list of parts: one of two bytes would take thirty times as much
            self._body = bytearray(body) + part

    def on_message_complete(self) -> None:
        request = self._read
        if request is None:
            return  # it asks to speak another protocol
        request.body = bytes(self._body)
        self._body = b""
        self._read = None
        if self._served is None and self.is_full is None:
            self._serve(request)
        else:
            self._waiting.append(request)
            if len(self._waiting) >= MOST_WAITING and self._transport is not None and not self._is_paused:
                self._is_paused = True
                self._transport.pause_reading()

    # -- for requests and the server

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def abort(self) -> None:
        """Break the connection by a reset: to a caller without chunks an orderly end would say that the answer is whole."""
        if self._transport is not None:
            connected = self._transport.get_extra_info("socket")
            if connected is not None:
                with contextlib.suppress(OSError):
                    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    def date_line(self) -> bytes:
        """The header that says what time it is, as the server makes it once a second for all connections."""
        standing = self._state.default_headers
        if standing is not _DATE.standing:
            _DATE.standing, _DATE.line = standing, b"".join(b"%b: %b\r\n" % header for header in standing)
        return _DATE.line

    def answered(self, request: Request, *, keeps: bool) -> None:
        """A request has its whole answer."""
        self._state.total_requests += 1
        self._served = None
        transport, now_s = self._transport, self._loop.time()
        self._deadline = now_s + self._keep_alive_s
        if transport is None or transport.is_closing():
            return
        if keeps and self._waiting and not self._is_ending:
            if self.is_full is None:
                self._serve_next(transport)
        elif self._is_deaf:
            self._waiting.clear()
            self._deadline, self._lingers_until = now_s + LINGER_S, now_s + MOST_LINGER_S
            if transport.can_write_eof():
                transport.write_eof()
        elif not keeps or self._is_ending:
            self._waiting.clear()
            transport.close()
        elif self._read is not None:
            self._deadline = now_s + (self._serving.body_seconds if self._read.method else HEADER_SECONDS)
            if self._expects:
                self.write(_CONTINUE)

    def shutdown(self) -> None:
        """The server is ending: what is being answered is answered, then the connection closes."""
        self._is_ending = True
        if self._served is not None:
            self._served.leave()
        elif self._transport is not None:
            self._transport.close()

    def _serve(self, request: Request) -> None:
        self._served = request
        self._deadline = _NEVER
        if self._is_ending:
            request.leave()
        if request.body:
            self._serving.turns.enter(self._begin, request, 1 + len(request.body) // WEIGHED_BYTES)
        else:  # it asks for a list or how we are: that costs little, and says most when there is a line
            self._begin(request)

    def _begin(self, request: Request) -> None:
        if request.is_lost:
            return
        task = request.start(self._serving, self._loop)
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def _serve_next(self, transport: asyncio.Transport) -> None:
        self._serve(self._waiting.popleft())
        if self._is_paused and len(self._waiting) < MOST_WAITING:
            self._is_paused = False
            transport.resume_reading()

    def _declined(self, left: bytes) -> bytes:
        """A request asks to speak another protocol (h2c, by Java's own client): we go on with this one (RFC 9110 §7.8).

        The parser takes what stands behind the headers for the other protocol; so it is given them again, without the wish.
        Gives what is still to be read.
        """
        request, self._asking, self._parser = self._asking, None, _parser(self)
        assert request is not None
        if request.method == b"CONNECT":
            self._read = request
            self._refuse(Refusal("http_malformed"))
            return b""
        version = b"1.1" if request.speaks_1_1 else b"1.0"
        lines = [b"%b: %b\r\n" % header for header in request.headers if header[0] != b"upgrade"]
        return b"%b %b HTTP/%b\r\n%b\r\n%b" % (request.method, request.url, version, b"".join(lines), left)

    def _callback_failed(self) -> None:
        request = self._read
        if request is not None and request.fault is not None:
            self._refuse(request.fault)
            return
        LOGGER.exception("a connection failed")
        self._is_deaf = True
        self.abort()

    def _unfinished(self, came: int) -> None:
        """Of the request that is being read ``came`` bytes came. What never ends is in no one's count but this."""
        request = self._read
        if request is not None and not request.method:
            if self._came > MOST_HEADER_BYTES:
                self._refuse(_headers_too_large())
            return
        if self._size != self._size_before:
            self._size_before, self._idle_bytes = self._size, 0
            return
        self._idle_bytes += came
        if self._idle_bytes > MOST_HEADER_BYTES:
            self._refuse(_headers_too_large())

    def _refuse(self, fault: Refusal) -> None:
        """Answer what could not be read, and read no more; what was asked before gets its answer first, if it comes."""
        request = self._read if self._read is not None else Request(self)
        request.fault = fault
        request.leave()
        self._is_deaf = True
        self._read = None
        self._body = b""
        if self._served is None and self.is_full is None:
            self._serve(request)
        else:
            self._waiting.append(request)

    def _too_large(self) -> Refusal:
        return Refusal("body_too_large", {"most_mib": self._serving.most_body_bytes // (1024 * 1024)})

    def _look(self) -> None:
        """Is the time up for what we wait for?"""
        self._timer = self._loop.call_later(LOOK_EVERY_S, self._look)
        now_s, transport = self._loop.time(), self._transport
        if now_s < self._deadline or transport is None:
            return
        if self._read is not None and self._read.method and not self._is_deaf:
            self._refuse(Refusal("body_too_slow", {"seconds": round(self._serving.body_seconds)}))
            return
        unsent = transport.get_write_buffer_size()
        if unsent and unsent == self._unsent:
            self.abort()  # nothing of it was taken since the last look
            return
        self._unsent, self._deadline = unsent, now_s + self._keep_alive_s if unsent else _NEVER
        transport.close()


class _UnwantedError(Exception):
    """Stops the parser: the request's ``fault`` says why."""


def _fail(request: Request, fault: Refusal) -> NoReturn:
    request.fault = fault
    raise _UnwantedError


def _size_of(request: Request) -> int:
    """Bytes of a request's address and headers."""
    return len(request.url) + sum(len(name) + len(value) for name, value in request.headers)


def _headers_too_large() -> Refusal:
    return Refusal("headers_too_large", {"most_kib": MOST_HEADER_BYTES // 1024})


def _parser(events: GatewayProtocol) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(events)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # a request behind the last one is not answered
    return parser


class _Date:
    standing: object = None
    line = b""


_DATE = _Date()
_STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus}
_STATUS_LINES |= {status: b"HTTP/1.1 %d \r\n" % status for status in range(100, 600) if status not in _STATUS_LINES}

"""HTTP/1.1 of the gateway: one connection of a caller, its requests one after the other, and the way back.

The server's shell (sockets, signals, an orderly end) is uvicorn, the parser is httptools; what lies between them is written
for a metered call: a request is handed on when its body is there, whole, so that nothing is begun for one that never comes;
the call is told at once when its caller has gone; and no request pays for a timer of its own. Decision 0025.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from http import HTTPStatus
from typing import Any, Final, Protocol, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from jitsuri.flows.hot.desk import Headers
from jitsuri.terms.outcomes import Refusal

LOGGER = logging.getLogger("jitsuri.gateway")

HEADER_SECONDS: Final = 10.0
"""Within which a request's line and headers must have arrived (decision 0017)."""

MOST_HEADER_BYTES: Final = 65_536
"""Of a request's line and headers together (decision 0025)."""

MOST_WAITING: Final = 8
"""Requests that a caller may send ahead on one connection before we stop reading from it."""

LOOK_EVERY_S: Final = 1.0
"""How often a connection looks whether its time is up: a wait ends late by at most this."""

LINGER_S: Final = 2.0
"""How long what a refused caller still sends is read and dropped: closing at once would reset the connection, and the
refusal with it (RFC 9112 §9.6)."""

_NEVER = float("inf")
_LENGTH = re.compile(rb"\d{1,19}")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Serving(Protocol):
    """Who answers requests."""

    @property
    def most_body_bytes(self) -> int: ...

    @property
    def body_seconds(self) -> float: ...

    async def serve(self, request: Request) -> None:
        """Answer one request, whatever happens: by ``whole``; or by ``begin``, ``piece`` and ``end``; or by ``cut``."""


class Request:
    """One request, and the way back to who sent it. When the caller leaves, the task that serves it is cancelled."""

    __slots__ = (
        "_connection", "_is_chunked", "_keeps", "_task", "body", "fault", "has_begun", "headers", "is_head", "is_lost", "is_over",
        "method", "speaks_1_1", "url",
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

    async def whole(self, status: int, headers: Headers, body: bytes, *, closes: bool = False) -> None:
        """Answer in one piece."""
        if self.is_lost:
            return
        self.has_begun = True
        if closes:
            self._keeps = False
        head = self._head(status, headers, len(body))
        self._connection.write(head if self.is_head else head + body)
        self._end()

    async def begin(self, status: int, headers: Headers) -> None:
        """Begin an answer whose length nobody knows."""
        if self.is_lost:
            return
        self.has_begun = True
        self._connection.write(self._head(status, headers, None))

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
        has_length = length is not None and (status < 200 or status in (204, 304))
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
        self._parts: list[bytes] = []
        self._size = 0
        """Of headers, then of the body, as far as they are read."""
        self._expects = False
        self._is_deaf = False
        """Whether what comes is dropped."""
        self._is_ending = False
        self._is_paused = False
        self._deadline = _NEVER
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
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Asked to speak another protocol (h2c, by Java's own client): we go on with this one, as RFC 9110 §7.8 allows.
            self._parser = _parser(self)
            if left := data[upgrade.args[0] :]:
                self.data_received(left)
            return
        except httptools.HttpParserCallbackError:
            LOGGER.exception("a connection failed")
            self.abort()
            return
        except httptools.HttpParserError:
            self._refuse(Refusal("http_malformed"))
            return
        request = self._read
        if request is not None and request.fault is not None:
            self._refuse(request.fault)

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

    # -- the parser's events

    def on_message_begin(self) -> None:
        self._read = Request(self)
        self._size = 0
        self._expects = False
        if self._served is None:
            self._deadline = self._loop.time() + HEADER_SECONDS

    def on_url(self, part: bytes) -> None:
        request = self._read
        assert request is not None
        request.url += part
        self._size += len(part)
        if self._size > MOST_HEADER_BYTES:
            request.fault = Refusal("headers_too_large", {"most_kib": MOST_HEADER_BYTES // 1024})

    def on_header(self, name: bytes, value: bytes) -> None:
        request = self._read
        assert request is not None
        self._size += len(name) + len(value)
        if self._size > MOST_HEADER_BYTES:
            request.fault = Refusal("headers_too_large", {"most_kib": MOST_HEADER_BYTES // 1024})
            return
        request.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        request = self._read
        assert request is not None
        parser = self._parser
        request.method = parser.get_method()
        request.is_head = request.method == b"HEAD"
        request.speaks_1_1 = parser.get_http_version() == "1.1"
        if request.speaks_1_1 and parser.should_keep_alive():
            request.keep()
        self._size = 0
        for name, value in request.headers:
            if name == b"content-length" and _LENGTH.fullmatch(value) and int(value) > self._serving.most_body_bytes:
                request.fault = self._too_large()
            elif name == b"expect":
                self._expects = value.lower() == b"100-continue"
        if self._expects and request.fault is None and self._served is None:
            self.write(_CONTINUE)
        if self._served is None:
            self._deadline = self._loop.time() + self._serving.body_seconds

    def on_body(self, part: bytes) -> None:
        request = self._read
        assert request is not None
        self._size += len(part)
        if self._size > self._serving.most_body_bytes:
            request.fault = self._too_large()
        elif request.fault is None:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        request = self._read
        assert request is not None
        if request.fault is not None:
            return
        parts = self._parts
        request.body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        self._read = None
        if self._served is None:
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
        if self._transport is not None:
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
        if transport is None or transport.is_closing():
            return
        if keeps and self._waiting and not self._is_ending:
            self._serve(self._waiting.popleft())
            if self._is_paused:
                self._is_paused = False
                transport.resume_reading()
        elif self._is_deaf:
            self._deadline = now_s + LINGER_S
            if transport.can_write_eof():
                transport.write_eof()
        elif not keeps or self._is_ending:
            transport.close()
        elif self._read is None:
            self._deadline = now_s + self._keep_alive_s
        else:
            self._deadline = now_s + self._serving.body_seconds
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
        task = request.start(self._serving, self._loop)
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def _refuse(self, fault: Refusal) -> None:
        """Answer what could not be read, and read no more; what was asked before gets its answer first, if it comes."""
        request = self._read if self._read is not None else Request(self)
        request.fault = fault
        request.leave()
        self._is_deaf = True
        self._read = None
        self._parts = []
        if self._served is None:
            self._serve(request)
        else:
            self._waiting.append(request)

    def _too_large(self) -> Refusal:
        return Refusal("body_too_large", {"most_mib": self._serving.most_body_bytes // (1024 * 1024)})

    def _look(self) -> None:
        """Is the time up for what we wait for?"""
        self._timer = self._loop.call_later(LOOK_EVERY_S, self._look)
        if self._loop.time() < self._deadline or self._transport is None:
            return
        if self._read is not None and self._read.method and not self._is_deaf:
            self._refuse(Refusal("body_too_slow", {"seconds": round(self._serving.body_seconds)}))
        else:
            self._deadline = _NEVER
            self._transport.close()


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

"""Asking upstreams over HTTP: one pool of connections each, answers whole or in pieces, every wait bounded.

Waits are watched by one timer for all requests: it looks ten times a second at what is under way, so that a request pays
for no timer of its own. A body that is not read to its end closes its connection, and that is how an upstream learns that
nobody wants the rest.
"""

from __future__ import annotations

import asyncio
import io
from asyncio import CancelledError, Task, current_task, get_running_loop
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Final, cast

from aiohttp import ClientError, ClientResponse, ClientSession
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict, istr
from yarl import URL

from jitsuri.providers.rules.addressing import LOCAL_KINDS, is_safe_path, joined_headers, standing_headers
from jitsuri.providers.shapes import Upstream
from jitsuri.providers.wire.connecting import USED, Used, open_session
from jitsuri.providers.wire.failing import Expiry, expiry_of, failure_of
from jitsuri.providers.wire.keying import Keys
from jitsuri.providers.wire.sending import Answer, Sender, lines_of
from jitsuri.terms.errors import UpstreamError

LOOK_EVERY_S: Final = 0.1
"""How often waits are looked at, in seconds: a wait ends late by at most two of these."""

LEFT_S: Final = 1.0
"""How long a released answer may take to end by itself, in seconds: what is missing is a stream's closing chunk, which
comes with its last event or one journey later."""

LARGE_BODY: Final = 2**20
"""Bytes from which a request is written in portions, so that it does not hold up the loop; aiohttp warns from there on."""

MOST_PATHS: Final = 1000
"""Addresses kept ready per upstream; Azure's paths hold model names, which callers choose."""

_FAILURES: Final = (ClientError, HttpProcessingError, OSError)
"""What the HTTP client raises: its own errors, its parser's, the system's; while reading also RuntimeError, where
the connection is gone."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Reply:
    """An upstream's answer: status and headers are there, the body comes as it is read.

    ``headers`` are found whatever their case. The body is unpacked already, so ``content-encoding``, ``content-length``
    and ``transfer-encoding`` in them tell nothing about it. Read it by ``whole`` or by ``pieces``, once; end with
    ``close`` or ``release`` unless it was read to its end.
    """

    __slots__ = (
        "_answer",
        "_began_s",
        "_is_done",
        "_is_left",
        "_line",
        "_moved",
        "_since_s",
        "_task",
        "_waited",
        "headers",
        "status",
    )

    status: int
    headers: Mapping[str, str]
    _answer: ClientResponse | Answer

    def __init__(self, line: _Line, began_s: float) -> None:
        self._line = line
        self._began_s = self._since_s = began_s
        self._task: Task[object] | None = None
        self._moved = False
        self._waited: Expiry | None = None
        self._is_done = False
        self._is_left = False
        self.status = 0

    async def whole(self, most_bytes: int) -> bytes:
        """The body to its end. Raises UpstreamError as ``pieces`` does, and ``upstream_too_large`` beyond the bound."""
        told = self.headers.get("content-length", "")
        if told.isdecimal() and len(told) < 20 and int(told) > most_bytes:
            raise self._too_large(most_bytes)
        content = self._answer.content
        if content.is_eof() and content.exception() is None and self._waited is None and not self._is_done:
            body = content.read_nowait()  # it came with the head: the usual case
            if len(body) > most_bytes:
                raise self._too_large(most_bytes)
            self._end()
            return body
        parts, length = [], 0
        while not self._is_over():
            part = await self._next()
            length += len(part)
            if length > most_bytes:
                raise self._too_large(most_bytes)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives, in pieces of any length, none of them empty.

        Raises UpstreamError ``upstream_stalled``, ``upstream_overtime``, ``upstream_broken``.
        """
        return self

    def __aiter__(self) -> Reply:
        return self

    async def __anext__(self) -> bytes:
        while not self._is_over():
            if piece := await self._next():
                return piece
        raise StopAsyncIteration

    def close(self) -> None:
        """Be done with it: a body not read to its end drops the connection, which cancels the upstream's work."""
        if not self._is_done:
            self._end()
            self._drop()

    def release(self) -> None:
        """Be done with an answer whose last event was read, though perhaps not its end.

        A stream says that it is over (``[DONE]``, ``message_stop``) before HTTP does. The connection goes back to the pool
        when the rest has come, and is dropped where it does not come within a second. A closed one would cost every
        stream a new connection.
        """
        if not self._is_done:
            self._is_done = self._is_left = self._moved = True

    def _is_over(self) -> bool:
        return self._is_done

    async def _next(self) -> bytes:
        """What is there, or the next that comes; b'' at the end only. The last of it ends the reply."""
        if self._waited is not None:
            raise self._expiry()
        content = self._answer.content
        task = self._task = cast("Task[object]", current_task())
        self._moved = True
        asked = task.cancelling()
        try:
            piece = await content.readany()
        except CancelledError:
            self.close()
            if self._is_ours(task, asked):
                raise self._expiry() from None
            raise
        except (*_FAILURES, RuntimeError) as error:
            self.close()
            raise failure_of(error, self._line.name) from error
        finally:
            self._task = None
        if content.at_eof():
            self._end()
        return piece

    def _is_ours(self, task: Task[object], asked: int) -> bool:
        """Whether a cancellation came from our timer alone; ``asked`` is how many were asked for before the wait.

        Then it is taken back, as ``asyncio.timeout`` does it; a cancellation from outside goes on as one.
        """
        return self._waited is not None and task.uncancel() <= asked

    def _expiry(self) -> UpstreamError:
        assert self._waited is not None
        return expiry_of(self._waited, self._line.name, self._line.upstream.timeouts)

    def _drop(self) -> None:
        """Close the connection at once, unless it has gone back to the pool already."""
        connection = self._answer.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._answer.close()

    def _end(self) -> None:
        self._is_done = True
        self._line.under_way.discard(self)

    def _too_large(self, most_bytes: int) -> UpstreamError:
        self.close()
        return UpstreamError(
            "upstream_too_large", is_retryable=False, upstream=self._line.name, most=f"{most_bytes / 2**20:.1f}"
        )

    def _look(self, now_s: float) -> None:
        """Called by the client's timer: ends a wait that has taken too long."""
        times = self._line.upstream.timeouts
        if self.status and self._answer.content.is_eof():
            self._line.under_way.discard(self)
        elif self._is_left:
            if self._is_quiet(now_s, LEFT_S):
                self._end()
                self._drop()
        elif now_s - self._began_s >= times.whole_s:
            self._expire("upstream_overtime")
        elif self._task is not None and self._is_quiet(now_s, times.between_s if self.status else times.first_byte_s):
            self._expire("upstream_stalled" if self.status else "upstream_slow")

    def _is_quiet(self, now_s: float, seconds: float) -> bool:
        """Whether nothing has moved for so long; a move counts from the first look after it."""
        if self._moved:
            self._moved, self._since_s = False, now_s
        return now_s - self._since_s >= seconds

    def _expire(self, code: Expiry) -> None:
        """Wake who waits, or, where nobody does, drop the connection and tell at the next read."""
        self._waited = code
        self._line.under_way.discard(self)
        if self._task is not None:
            self._task.cancel()
        else:
            self._drop()


class _Line:
    """What one upstream's requests share: the pool, ready addresses, ready headers for the key in force."""

    __slots__ = (
        "_addresses", "_headers", "_key", "_lines", "_lines_key", "_targets", "name", "sender", "session", "under_way", "upstream",
    )  # fmt: skip

    def __init__(self, upstream: Upstream, session: ClientSession, *, is_direct: bool) -> None:
        self.upstream = upstream
        self.name = upstream.name
        self.session = session
        self.sender = Sender(session, URL(upstream.base_url, encoded=True)) if is_direct else None
        """The short way, for upstreams that are reached without a proxy."""
        self.under_way: set[Reply] = set()
        self._addresses: dict[str, URL] = {}
        self._targets: dict[str, bytes] = {}
        self._key: str | None = None
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._lines_key: str | None = None
        self._lines = b""

    def address(self, path: str) -> URL:
        found = self._addresses.get(path)
        if found is None:
            if not is_safe_path(path):
                raise ValueError(f"not a path behind an upstream's address: {path[:200]!r}")
            if len(self._addresses) >= MOST_PATHS:
                self._addresses.clear()
                self._targets.clear()
            found = self._addresses[path] = URL(self.upstream.base_url + path, encoded=True)
        return found

    def target(self, path: str) -> bytes:
        """The path as it stands in a request's line."""
        found = self._targets.get(path)
        if found is None:
            found = self._targets[path] = self.address(path).raw_path_qs.encode("ascii")
        return found

    def headers(self, key: str, asked: Mapping[str, str], agent: str) -> CIMultiDict[str]:
        if key != self._key:
            self._headers = _prepared(standing_headers(self.upstream, key, agent))
            self._key = key
        if not asked:
            return self._headers
        return _prepared(joined_headers(self.upstream, self._headers, asked))

    def sending(
        self, method: str, path: str, body: bytes, key: str, asked: Mapping[str, str], agent: str
    ) -> Awaitable[ClientResponse | Answer]:
        """One request, to be awaited at once. Raises ValueError for a path that leads elsewhere."""
        if self.sender is not None and len(body) < LARGE_BODY:
            return self.sender.send(method, self.target(path), self.lines(key, asked, agent), body)
        return self.session.request(
            method, self.address(path), data=(body if len(body) < LARGE_BODY else io.BytesIO(body)) if body else None,
            headers=self.headers(key, asked, agent), allow_redirects=False,
        )  # fmt: skip

    def lines(self, key: str, asked: Mapping[str, str], agent: str) -> bytes:
        """The headers as they are sent."""
        if key != self._lines_key:
            self._lines = lines_of(self.headers(key, {}, agent))
            self._lines_key = key
        return lines_of(self.headers(key, asked, agent)) if asked else self._lines


def _prepared(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict({istr(name): value for name, value in headers.items()})


class Client:
    """Asks every upstream that is reached over HTTP; one per process and loop, closed by ``aclose``."""

    def __init__(self, keys: Keys, environment: Mapping[str, str], agent: str = "jitsuri") -> None:
        self._keys = keys
        self._environment = environment
        self._agent = agent
        self._lines: dict[str, _Line] = {}
        self._former: list[_Line] = []
        self._timer: asyncio.TimerHandle | None = None

    def prepare(self, upstream: Upstream) -> None:
        """Open the upstream's pool and read its key before the first request.

        Raises OperatorError ``upstream_key_*``, ``upstream_ca_unusable``, ``upstream_proxy_unusable``.
        """
        self._keys.key_of(upstream)
        self._line(upstream)

    async def ask(
        self,
        upstream: Upstream,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        method: str = "POST",
    ) -> Reply:
        """Send one request and wait for the answer's beginning, whatever its status; it is never sent twice.

        ``path`` stands behind the upstream's address (``rules.addressing.path_for``); of ``headers`` only those that may
        travel are sent. Raises UpstreamError ``upstream_unreachable``, ``upstream_full``, ``upstream_tls``,
        ``upstream_proxy``, ``upstream_slow``, ``upstream_overtime``, ``upstream_broken``, ``upstream_redirected``; and
        OperatorError as ``prepare`` does. Kinds that answer on this machine are a ValueError.
        """
        line = self._lines.get(upstream.name)
        if line is None or line.upstream is not upstream:
            line = self._line(upstream)
        key = self._keys.key_of(upstream)
        sending = line.sending(method, path, body, key, headers, self._agent)
        loop = get_running_loop()
        reply = Reply(line, loop.time())
        line.under_way.add(reply)
        if self._timer is None:
            self._timer = loop.call_later(LOOK_EVERY_S, self._look)
        task = reply._task = cast("Task[object]", current_task(loop))
        asked = task.cancelling()
        used = Used()
        USED.set(used)
        try:
            answer = await sending
        except CancelledError:
            used.drop()
            reply._end()
            if reply._is_ours(task, asked):
                raise reply._expiry() from None
            raise
        except _FAILURES as error:
            reply._end()
            is_full = len(line.under_way) >= upstream.most_connections
            raise failure_of(error, line.name, is_full=is_full) from error
        finally:
            reply._task = None
        reply._answer = answer
        reply.status = answer.status
        reply.headers = answer.headers
        if answer.status in _REDIRECTS:
            reply.close()
            raise UpstreamError("upstream_redirected", is_retryable=True, upstream=line.name, status=answer.status)
        return reply

    async def aclose(self) -> None:
        """Drop every request under way and close all pools."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines = [*self._lines.values(), *self._former]
        self._lines, self._former = {}, []
        for line in lines:
            for reply in tuple(line.under_way):
                if reply.status:
                    reply.close()
            await line.session.close()

    def _line(self, upstream: Upstream) -> _Line:
        """The upstream's line; one whose definition has changed gets a new pool, the former ends with its requests."""
        known = self._lines.get(upstream.name)
        if known is not None and known.upstream == upstream:
            known.upstream = upstream
            return known
        if upstream.kind in LOCAL_KINDS:
            raise ValueError(f"{upstream.name} ({upstream.kind}) answers on this machine and is not asked over HTTP")
        session, is_direct = open_session(upstream, self._environment)
        line = _Line(upstream, session, is_direct=is_direct)
        if known is not None:
            self._former.append(known)
        self._lines[upstream.name] = line
        return line

    def _look(self) -> None:
        loop = get_running_loop()
        now_s = loop.time()
        is_busy = False
        for line in (*self._lines.values(), *self._former):
            for reply in tuple(line.under_way):
                reply._look(now_s)
            is_busy = is_busy or bool(line.under_way)
        self._timer = loop.call_later(LOOK_EVERY_S, self._look) if is_busy else None

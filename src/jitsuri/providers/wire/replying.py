"""Upstreams' answers as they come: read whole or in pieces, left, or given up by the timer.

There are two kinds, after the two ways of sending: on a connection of ours, and through the library's session.
"""

from __future__ import annotations

from abc import abstractmethod
from asyncio import CancelledError, Future, Task, current_task
from collections.abc import AsyncIterator, Mapping
from typing import Final, cast

from aiohttp import ClientError, ClientResponse
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict

from jitsuri.providers.shapes import Upstream
from jitsuri.providers.wire.failing import Expiry, expiry_of, failure_of
from jitsuri.providers.wire.receiving import Wire
from jitsuri.providers.wire.sending import Sender
from jitsuri.providers.wire.unpacking import Unpacker
from jitsuri.terms.errors import UpstreamError

LEFT_S: Final = 1.0
"""How long a released answer may take to end by itself, in seconds: what is missing is a stream's closing chunk, which
comes with its last event or one journey later."""

FAILURES: Final = (ClientError, HttpProcessingError, OSError)
"""What the HTTP client raises: its own errors, its parser's, the system's; while reading also RuntimeError, where
the connection is gone."""

_NOTHING: Final[Mapping[bytes, bytes]] = {}


class Line:
    """What an upstream's answers share: its definition, and who is under way."""

    __slots__ = ("name", "under_way", "upstream")

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.name = upstream.name
        self.under_way: set[Reply] = set()


class Reply:
    """An upstream's answer: status and headers are there, the body comes as it is read.

    ``headers`` are found whatever their case. The body is unpacked already, so ``content-encoding``, ``content-length``
    and ``transfer-encoding`` in them tell nothing about it. Read it by ``whole`` or by ``pieces``, once; end with
    ``close`` or ``release`` unless it was read to its end.
    """

    __slots__ = ("_began_s", "_is_done", "_is_left", "_line", "_moved", "_since_s", "_task", "_waited", "status")

    def __init__(self, line: Line, began_s: float) -> None:
        self._line = line
        self._began_s = self._since_s = began_s
        self._task: Task[object] | None = None
        self._waited: Expiry | None = None
        self._moved = self._is_done = self._is_left = False
        self.status = 0

    @property
    @abstractmethod
    def headers(self) -> Mapping[str, str]:
        """The answer's headers."""

    async def whole(self, most_bytes: int) -> bytes:
        """The body to its end. Raises UpstreamError as ``pieces`` does, and ``upstream_too_large`` beyond the bound."""
        told = self.headers.get("content-length", "")
        if told.isdecimal() and len(told) < 20 and int(told) > most_bytes:
            raise self._too_large(most_bytes)
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
            self.end()
            self._drop()

    def release(self) -> None:
        """Be done with an answer whose last event was read, though perhaps not its end.

        A stream says that it is over (``[DONE]``, ``message_stop``) before HTTP does. The connection goes back to the pool
        when the rest has come, and is dropped where it does not come within a second. A closed one would cost every
        stream a new connection.
        """
        if not self._is_done:
            self._is_done = self._is_left = self._moved = True
            self._leave()

    def end(self) -> None:
        """It needs no more watching."""
        self._is_done = True
        self._line.under_way.discard(self)

    def expiry(self) -> UpstreamError:
        """Why the timer ended it."""
        assert self._waited is not None
        return expiry_of(self._waited, self._line.name, self._line.upstream.timeouts)

    def look(self, now_s: float) -> None:
        """Called by the client's timer: ends a wait that has taken too long."""
        times = self._line.upstream.timeouts
        if self.status and self._is_complete():
            self._line.under_way.discard(self)
        elif self._is_left:
            if self._is_quiet(now_s, LEFT_S):
                self.end()
                self._drop()
        elif now_s - self._began_s >= times.whole_s:
            self._expire("upstream_overtime")
        elif self._is_awaited() and self._is_quiet(now_s, times.between_s if self.status else times.first_byte_s):
            self._expire("upstream_stalled" if self.status else "upstream_slow")

    def watch(self) -> int:
        """Let the timer end the running task's wait, until ``unwatch``; what it returns is for ``is_ours``."""
        task = self._task = cast("Task[object]", current_task())
        return task.cancelling()

    def is_ours(self, asked: int) -> bool:
        """Whether a cancellation came from our timer alone; ``asked`` is how many were asked for before the wait.

        Then it is taken back, as ``asyncio.timeout`` does it; a cancellation from outside goes on as one.
        """
        return self._waited is not None and cast("Task[object]", current_task()).uncancel() <= asked

    def unwatch(self) -> None:
        """That wait has ended."""
        self._task = None

    def _is_over(self) -> bool:
        return self._is_done

    def _too_large(self, most_bytes: int) -> UpstreamError:
        self.close()
        return UpstreamError(
            "upstream_too_large", is_retryable=False, upstream=self._line.name, most=f"{most_bytes / 2**20:.1f}"
        )

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

    @property
    def is_expired(self) -> bool:
        """Whether the timer has given it up."""
        return self._waited is not None

    def _is_awaited(self) -> bool:
        return self._task is not None

    @abstractmethod
    async def _next(self) -> bytes:
        """What is there, or the next that comes; b'' at the end only. The last of it ends the reply."""

    @abstractmethod
    def _is_complete(self) -> bool:
        """Whether the body has come to its end, read or not."""

    @abstractmethod
    def _drop(self) -> None:
        """Close the connection at once, unless it has gone back to the pool already."""

    def _leave(self) -> None:
        """Nobody will read the rest."""


class SentReply(Reply):
    """An answer on a connection of ours."""

    __slots__ = ("_headers", "_sender", "_unpacker", "error", "fields", "packing", "rest", "waiter", "wire")

    def __init__(self, line: Line, began_s: float, sender: Sender) -> None:
        self._line = line
        self._began_s = self._since_s = began_s
        self._sender = sender
        self._moved = self._is_done = self._is_left = False
        self._task = self._waited = self._headers = self._unpacker = None
        self.status = 0
        self.fields = _NOTHING
        self.packing = self.rest = b""
        self.error = self.wire = self.waiter = None

    _headers: Mapping[str, str] | None
    _unpacker: Unpacker | None
    fields: Mapping[bytes, bytes]
    packing: bytes
    rest: bytes
    error: Exception | None
    wire: Wire | None
    waiter: Future[None] | None

    @property
    def headers(self) -> Mapping[str, str]:
        found = self._headers
        if found is None:
            found = self._headers = CIMultiDict(
                (name.decode("latin-1"), value.strip(b" \t").decode("utf-8", "surrogateescape"))
                for name, value in self.fields.items()
            )
        return found

    async def whole(self, most_bytes: int) -> bytes:
        if self.wire is None and self.error is None and not (self._is_done or self.packing or self._waited):
            body = self.rest  # it came with the head: the usual case
            if len(body) > most_bytes:
                raise self._too_large(most_bytes)
            self.rest = b""
            self._is_done = True
            self._line.under_way.discard(self)
            return body
        return await super().whole(most_bytes)

    async def _next(self) -> bytes:
        if self._waited is not None:
            raise self.expiry()
        self._moved = True
        unpacker = self._unpacker
        if unpacker is not None and unpacker.has_more:
            piece = b""
        else:
            wire = self.wire
            if wire is not None and not wire.parts:
                self.waiter = waiter = self._sender.loop.create_future()
                try:
                    await waiter
                except CancelledError:
                    self.close()
                    raise
                if self.is_expired:
                    self.close()
                    raise self.expiry()
                wire = self.wire
            piece = self._last() if wire is None else wire.read()
        if self.packing:
            piece = self._unpacked(piece)
            unpacker = self._unpacker
        if self.wire is None and not self.rest and self.error is None and (unpacker is None or not unpacker.has_more):
            self.end()
        return piece

    def failure(self) -> UpstreamError:
        """Why it has ended before it began."""
        if self.error is None or self._waited is not None:
            return self.expiry()
        failure = failure_of(self.error, self._line.name)
        failure.__cause__ = self.error
        return failure

    def _last(self) -> bytes:
        """What is left where the connection has gone; where it went early, the error after it."""
        rest, self.rest = self.rest, b""
        if rest or self.error is None:
            return rest
        self.close()
        raise failure_of(self.error, self._line.name) from self.error

    def _unpacked(self, packed: bytes) -> bytes:
        if self._unpacker is None:
            self._unpacker = Unpacker(self.packing)
        try:
            piece = self._unpacker.piece(packed)
            if self.wire is None and self.error is None and not self._unpacker.has_more:
                self._unpacker.end()
        except HttpProcessingError as error:
            self.close()
            raise failure_of(error, self._line.name) from error
        return piece

    def _is_complete(self) -> bool:
        return self.wire is None

    def _is_awaited(self) -> bool:
        return self.waiter is not None or self._task is not None

    def _drop(self) -> None:
        if self.wire is not None:
            self.wire.drop()
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _leave(self) -> None:
        if self.wire is not None:
            self.wire.leave()
        else:
            self.end()


class SessionReply(Reply):
    """An answer through the library's session."""

    __slots__ = ("_answer",)

    _answer: ClientResponse

    def begin(self, answer: ClientResponse) -> None:
        """Its head is there."""
        self._answer = answer
        self.status = answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    async def _next(self) -> bytes:
        if self._waited is not None:
            raise self.expiry()
        content = self._answer.content
        self._moved = True
        asked = self.watch()
        try:
            piece = await content.readany()
        except CancelledError:
            self.close()
            if self.is_ours(asked):
                raise self.expiry() from None
            raise
        except (*FAILURES, RuntimeError) as error:
            self.close()
            raise failure_of(error, self._line.name) from error
        finally:
            self.unwatch()
        if content.at_eof():
            self.end()
        return piece

    def _is_complete(self) -> bool:
        return self._answer.content.is_eof()

    def _drop(self) -> None:
        connection = self._answer.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._answer.close()

"""Asking upstreams over HTTP: one pool of connections each, answers whole or in pieces, every wait bounded.

Waits are watched by one timer for all requests: it looks ten times a second at what is under way, so that a request pays
for no timer of its own. A body that is not read to its end closes its connection, and that is how an upstream learns that
nobody wants the rest.
"""

from __future__ import annotations

import asyncio
import io
from asyncio import CancelledError, get_running_loop
from collections.abc import Awaitable, Mapping
from typing import Final

from aiohttp import ClientResponse, ClientSession
from multidict import CIMultiDict, istr
from yarl import URL

from jitsuri.providers.rules.addressing import LOCAL_KINDS, is_safe_path, joined_headers, standing_headers
from jitsuri.providers.shapes import Upstream
from jitsuri.providers.wire.connecting import USED, Used, loop_turns, open_session
from jitsuri.providers.wire.failing import failure_of
from jitsuri.providers.wire.keying import Keys
from jitsuri.providers.wire.receiving import Wire
from jitsuri.providers.wire.replying import FAILURES, Line, Reply, SentReply, SessionReply
from jitsuri.providers.wire.sending import MAY_BE_BARE, Sender, lines_of
from jitsuri.terms.errors import UpstreamError
from jitsuri.terms.turns import Turns

__all__ = ["LARGE_BODY", "LOOK_EVERY_S", "Client", "Reply"]

LOOK_EVERY_S: Final = 0.1
"""How often waits are looked at, in seconds: a wait ends late by at most two of these."""

LARGE_BODY: Final = 2**20
"""Bytes from which a request is written in portions, so that it does not hold up the loop; aiohttp warns from there on."""

MOST_PATHS: Final = 1000
"""Addresses kept ready per upstream; Azure's paths hold model names, which callers choose."""

MOST_JOINED: Final = 256
LONGEST_JOINED: Final = 2**12
"""Sets of headers kept ready per upstream, and bytes of the longest; some callers send one that is never the same."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_NO_BODY: Final = frozenset({"HEAD"})
"""Methods whose answers have no body, whatever their headers say (RFC 9110 §9.3.2), which our parser cannot be told."""


class _Line(Line):
    """What one upstream's requests share: the pool, ready addresses, ready headers for the key in force."""

    __slots__ = (
        "_addresses", "_headers", "_joined", "_key", "_lines", "_lines_key", "_targets", "sender", "session",
    )  # fmt: skip

    def __init__(self, upstream: Upstream, session: ClientSession, *, is_direct: bool) -> None:
        super().__init__(upstream)
        self.session = session
        self.sender = Sender(session, URL(upstream.base_url, encoded=True)) if is_direct else None
        """The short way, for upstreams that are reached without a proxy."""
        self._addresses: dict[str, URL] = {}
        self._targets: dict[str, bytes] = {}
        self._key: str | None = None
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._lines_key: str | None = None
        self._lines = b""
        self._joined: dict[tuple[tuple[str, str], ...], bytes] = {}

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
        """The path as it stands in a request's line, with what follows it there."""
        found = self._targets.get(path)
        if found is None:
            assert self.sender is not None
            target = self.address(path).raw_path_qs.encode("ascii")
            found = self._targets[path] = b"%b HTTP/1.1\r\n%b" % (target, self.sender.host)
        return found

    def headers(self, key: str, asked: Mapping[str, str], agent: str) -> CIMultiDict[str]:
        if key != self._key:
            self._headers = _prepared(standing_headers(self.upstream, key, agent))
            self._key = key
        if not asked:
            return self._headers
        return _prepared(joined_headers(self.upstream, self._headers, asked))

    def request(self, method: str, path: str, body: bytes, key: str, asked: Mapping[str, str], agent: str) -> bytes:
        """One request as it is sent. Raises ValueError for a path that leads elsewhere."""
        lines = self.lines(key, asked, agent)
        if method == "POST":
            return b"POST %b%bcontent-length: %d\r\n\r\n%b" % (self.target(path), lines, len(body), body)
        length = b"" if not body and method in MAY_BE_BARE else b"content-length: %d\r\n" % len(body)
        return b"%b %b%b%b\r\n%b" % (method.encode(), self.target(path), lines, length, body)

    def by_session(
        self, method: str, path: str, body: bytes, key: str, asked: Mapping[str, str], agent: str
    ) -> Awaitable[ClientResponse]:
        """One request through the session, to be awaited at once. Raises ValueError for a path that leads elsewhere."""
        return self.session.request(
            method, self.address(path), data=(body if len(body) < LARGE_BODY else io.BytesIO(body)) if body else None,
            headers=self.headers(key, asked, agent), allow_redirects=False,
        )  # fmt: skip

    def lines(self, key: str, asked: Mapping[str, str], agent: str) -> bytes:
        """The headers as they are sent. Callers mostly ask for the same ones, so that they are kept ready."""
        if key != self._lines_key:
            self._lines = lines_of(self.headers(key, {}, agent))
            self._lines_key = key
            self._joined.clear()
        if not asked:
            return self._lines
        these = tuple(asked.items())
        found = self._joined.get(these)
        if found is None:
            found = lines_of(self.headers(key, asked, agent))
            if len(self._joined) >= MOST_JOINED:
                self._joined.clear()
            if len(found) <= LONGEST_JOINED:
                self._joined[these] = found
        return found


async def _opened(sender: Sender, reply: SentReply, name: str) -> Wire:
    """A connection that has to be made or waited for."""
    asked = reply.watch()
    try:
        return await sender.open()
    except CancelledError:
        reply.end()
        if reply.is_ours(asked):
            raise reply.expiry() from None
        raise
    except FAILURES as error:
        reply.end()
        raise failure_of(error, name) from error
    except BaseException:
        reply.end()
        raise
    finally:
        reply.unwatch()


def _prepared(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict({istr(name): value for name, value in headers.items()})


class Client:
    """Asks every upstream that is reached over HTTP; one per process and loop, closed by ``aclose``."""

    def __init__(
        self, keys: Keys, environment: Mapping[str, str], agent: str = "jitsuri", turns: Turns | None = None
    ) -> None:
        """``turns``: in which answers are handed over, together with what else begins in this loop; None for none but these."""
        self._keys = keys
        self._turns = loop_turns() if turns is None else turns
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
        sender = line.sender
        if sender is None or len(body) >= LARGE_BODY or method in _NO_BODY:
            return await self._ask_by_session(line, method, path, body, key, headers)
        request = line.request(method, path, body, key, headers, self._agent)
        loop = sender.loop
        now_s = loop.time()
        reply = SentReply(line, now_s, sender)
        line.under_way.add(reply)
        if self._timer is None:
            self._timer = loop.call_later(LOOK_EVERY_S, self._look)
        wire = sender.pool.take(now_s)
        if wire is None:
            wire = await _opened(sender, reply, line.name)
        waiter = loop.create_future()
        wire.send(request, reply, waiter)
        try:
            await waiter
        except CancelledError:
            reply.close()
            raise
        status = reply.status
        if not status:
            reply.close()
            raise reply.failure()
        if status in _REDIRECTS:
            reply.close()
            raise UpstreamError("upstream_redirected", is_retryable=True, upstream=line.name, status=status)
        return reply

    async def _ask_by_session(
        self, line: _Line, method: str, path: str, body: bytes, key: str, headers: Mapping[str, str]
    ) -> Reply:
        """The long way, for what the short one does not fit."""
        sending = line.by_session(method, path, body, key, headers, self._agent)
        loop = get_running_loop()
        reply = SessionReply(line, loop.time())
        line.under_way.add(reply)
        if self._timer is None:
            self._timer = loop.call_later(LOOK_EVERY_S, self._look)
        asked = reply.watch()
        used = Used()
        USED.set(used)
        try:
            answer = await sending
        except CancelledError:
            used.drop()
            reply.end()
            if reply.is_ours(asked):
                raise reply.expiry() from None
            raise
        except FAILURES as error:
            reply.end()
            raise failure_of(error, line.name) from error
        finally:
            reply.unwatch()
        reply.begin(answer)
        if reply.status in _REDIRECTS:
            reply.close()
            raise UpstreamError("upstream_redirected", is_retryable=True, upstream=line.name, status=reply.status)
        return reply

    async def aclose(self) -> None:
        """Drop every request under way and close all pools."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines = [*self._lines.values(), *self._former]
        self._lines, self._former = {}, []
        for line in lines:
            if line.sender is not None:
                line.sender.pool.shut()
            for reply in tuple(line.under_way):
                if reply.status:
                    reply.close()
            if line.sender is not None:
                await line.sender.pool.aclose()
            await line.session.close()

    def _line(self, upstream: Upstream) -> _Line:
        """The upstream's line; one whose definition has changed gets a new pool, the former ends with its requests."""
        known = self._lines.get(upstream.name)
        if known is not None and known.upstream == upstream:
            known.upstream = upstream
            return known
        if upstream.kind in LOCAL_KINDS:
            raise ValueError(f"{upstream.name} ({upstream.kind}) answers on this machine and is not asked over HTTP")
        session, is_direct = open_session(upstream, self._environment, self._turns)
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
                reply.look(now_s)
            is_busy = is_busy or bool(line.under_way)
        self._timer = loop.call_later(LOOK_EVERY_S, self._look) if is_busy else None

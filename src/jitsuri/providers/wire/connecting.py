"""A pool of connections to one upstream: who it trusts, through which proxy it goes, how long idle ones are kept."""

from __future__ import annotations

import asyncio
import ssl
from asyncio import Transport
from collections.abc import Mapping
from contextvars import ContextVar
from http.cookies import BaseCookie, SimpleCookie
from typing import Any, Final

from aiohttp import ClientRequest, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from jitsuri.providers.rules.addressing import is_loopback, is_usable_proxy, proxy_for, without_secret
from jitsuri.providers.shapes import Upstream
from jitsuri.providers.wire.pooling import Pool
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.turns import Turns

KEPT_IDLE_S: Final = 50.0
"""How long an idle connection is kept, in seconds: less than the 60 s after which common load balancers drop one
(AWS ALB's default; nginx has 75 s), so that the closing side is nearly always ours and no request meets a closed door."""

KEPT_IDLE_AT_HOME_S: Final = 4.0
"""The same for upstreams in the house: less than the 5 s after which uvicorn (vLLM, SGLang) and llama.cpp's server drop
one. A new connection there costs next to nothing."""

NO_COOKIES: Final[BaseCookie[str]] = SimpleCookie()


class Used:
    """The connection that a request went out on, once it has one."""

    __slots__ = ("transport",)

    def __init__(self) -> None:
        self.transport: Transport | None = None

    def drop(self) -> None:
        """Close the connection at once. Through TLS an orderly end would wait for the other side's word, up to half a
        minute, while it may go on working."""
        if self.transport is not None:
            self.transport.abort()


USED: ContextVar[Used] = ContextVar("used")
"""Where the connector tells which connection it gave to the session; set by who asks through it, before it asks."""


class Connector(TCPConnector):
    """A connector whose connections are counted by a pool of ours too, which knows who waits for one."""

    def __init__(self, pool: Pool[Any], **named: Any) -> None:
        super().__init__(**named)
        self.pool = pool

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        """A connection for the session; it tells which one a request goes out on, before any answer comes."""
        until_s = asyncio.get_running_loop().time() + (timeout.connect or 0)
        await self.pool.turn(until_s, may_be_ours=False)
        try:
            async with asyncio.timeout_at(until_s):
                connection = await super().connect(req, traces, timeout)
        except BaseException:
            self.pool.back()
            raise
        connection.add_callback(self.pool.back)
        USED.get().transport = connection.transport
        return connection

    async def dial(self, place: ClientRequest, timeout: ClientTimeout) -> Connection:
        """A connection for who has its turn in the pool already."""
        return await super().connect(place, [], timeout)


class _NoCookies(DummyCookieJar):
    """Keeps no cookies and says so with one object for all requests."""

    def filter_cookies(self, request_url: URL) -> BaseCookie[str]:
        return NO_COOKIES


def loop_turns() -> Turns:
    """Turns of the loop in which they are entered."""
    return Turns(lambda begin: asyncio.get_running_loop().call_soon(begin))


def open_session(upstream: Upstream, environment: Mapping[str, str], turns: Turns) -> tuple[ClientSession, bool]:
    """A session for one upstream, in the running loop, and whether it reaches it without a proxy; the caller closes it.

    Answers are handed over in ``turns``. Only the connecting is timed here; ``asking.Client`` times the rest. An answer
    that comes packed although it was not asked for is unpacked.
    Raises OperatorError ``upstream_ca_unusable``, ``upstream_proxy_unusable``.
    """
    proxy = proxy_for(upstream, environment)
    if proxy and not is_usable_proxy(proxy):
        raise OperatorError("upstream_proxy_unusable", upstream=upstream.name, value=without_secret(proxy))
    is_at_home = upstream.is_on_premises or is_loopback(URL(upstream.base_url).host or "")
    kept_s = KEPT_IDLE_AT_HOME_S if is_at_home else KEPT_IDLE_S
    connector = Connector(
        Pool[Any](upstream.most_connections, kept_s, turns),
        limit=upstream.most_connections,
        ssl=_trust(upstream) if upstream.ca_file else True,
        keepalive_timeout=kept_s,
        timeout_ceil_threshold=upstream.timeouts.connect_s + 1,
    )
    session = ClientSession(
        connector=connector,
        cookie_jar=_NoCookies(),
        timeout=ClientTimeout(connect=upstream.timeouts.connect_s, ceil_threshold=upstream.timeouts.connect_s + 1),
        proxy=proxy or None,
        trust_env=False,
        auto_decompress=True,
        raise_for_status=False,
    )
    return session, not proxy


def _trust(upstream: Upstream) -> ssl.SSLContext:
    """Trusts the certificates of the upstream's own file and no others."""
    try:
        return ssl.create_default_context(cafile=upstream.ca_file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OperatorError(
            "upstream_ca_unusable", upstream=upstream.name, path=upstream.ca_file, reason=reason
        ) from error

"""A pool of connections to one upstream: who it trusts, through which proxy it goes, how long idle ones are kept."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from http.cookies import BaseCookie, SimpleCookie
from typing import Final

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from jitsuri.providers.rules.addressing import is_usable_proxy, proxy_for, without_secret
from jitsuri.providers.shapes import Upstream
from jitsuri.terms.errors import OperatorError

KEPT_IDLE_S: Final = 50.0
"""How long an idle connection is kept, in seconds: less than the 60 s after which common load balancers drop one
(AWS ALB's default; nginx has 75 s), so that the closing side is nearly always ours and no request meets a closed door."""

NO_COOKIES: Final[BaseCookie[str]] = SimpleCookie()


class _NoCookies(DummyCookieJar):
    """Keeps no cookies and says so with one object for all requests."""

    def filter_cookies(self, request_url: URL) -> BaseCookie[str]:
        return NO_COOKIES


def open_session(upstream: Upstream, environment: Mapping[str, str]) -> ClientSession:
    """A session for one upstream, in the running loop; the caller closes it.

    Only the connecting is timed here; ``asking.Client`` times the rest. An answer that comes packed although it was not
    asked for is unpacked. Raises OperatorError ``upstream_ca_unusable``, ``upstream_proxy_unusable``.
    """
    proxy = proxy_for(upstream, environment)
    if proxy and not is_usable_proxy(proxy):
        raise OperatorError("upstream_proxy_unusable", upstream=upstream.name, value=without_secret(proxy))
    connector = TCPConnector(
        limit=upstream.most_connections,
        ssl=_trust(upstream) if upstream.ca_file else True,
        keepalive_timeout=KEPT_IDLE_S,
        timeout_ceil_threshold=upstream.timeouts.connect_s + 1,
    )
    return ClientSession(
        connector=connector,
        cookie_jar=_NoCookies(),
        timeout=ClientTimeout(connect=upstream.timeouts.connect_s, ceil_threshold=upstream.timeouts.connect_s + 1),
        proxy=proxy or None,
        trust_env=False,
        auto_decompress=True,
        raise_for_status=False,
    )


def _trust(upstream: Upstream) -> ssl.SSLContext:
    """Trusts the certificates of the upstream's own file and no others."""
    try:
        return ssl.create_default_context(cafile=upstream.ca_file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OperatorError(
            "upstream_ca_unusable", upstream=upstream.name, path=upstream.ca_file, reason=reason
        ) from error

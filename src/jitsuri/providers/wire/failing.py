"""What went wrong at an upstream, told in our own errors: which kind, and whether anything can have been worked on."""

from __future__ import annotations

import re
from typing import Final, Literal

from aiohttp import (
    ClientConnectionResetError,
    ClientConnectorError,
    ClientHttpProxyError,
    ClientProxyConnectionError,
    ClientSSLError,
    ConnectionTimeoutError,
)

from jitsuri.providers.shapes import Timeouts
from jitsuri.providers.wire.pooling import PoolFullError
from jitsuri.terms.errors import UpstreamError

Expiry = Literal["upstream_slow", "upstream_stalled", "upstream_overtime"]
"""No answer began in time; it began and came to a halt; it took longer than an attempt may take."""

LONGEST_REASON: Final = 300
"""Characters kept of a reason, which is for logs and the operator's page."""

_SECRET = re.compile(r"//[^/@\s]*@")


def failure_of(error: Exception, upstream: str) -> UpstreamError:
    """The failure of one request, from what the HTTP client raised.

    ``is_retryable`` holds where the upstream cannot have worked on the request: the connection was never made, or was
    gone before the request was written – an incomplete request must not be worked on (RFC 9112 §8). A connection that
    ends after the request and before any byte of an answer proves nothing: RFC 9110 §9.2.2 forbids asking again by
    itself with a method that is not idempotent, and POST is none.
    """
    reason = reason_of(error)
    if isinstance(error, ConnectionTimeoutError):
        is_full = isinstance(error, PoolFullError) or isinstance(error.__cause__, PoolFullError)
        code = "upstream_full" if is_full else "upstream_unreachable"
        return UpstreamError(code, is_retryable=True, upstream=upstream, reason=reason)
    if isinstance(error, ClientSSLError):
        return UpstreamError("upstream_tls", is_retryable=True, upstream=upstream, reason=reason)
    if isinstance(error, ClientProxyConnectionError | ClientHttpProxyError):
        return UpstreamError("upstream_proxy", is_retryable=True, upstream=upstream, reason=reason)
    if isinstance(error, ClientConnectorError):
        return UpstreamError("upstream_unreachable", is_retryable=True, upstream=upstream, reason=reason)
    is_unwritten = isinstance(error, ClientConnectionResetError) or isinstance(
        error.__cause__, ClientConnectionResetError
    )
    return UpstreamError("upstream_broken", is_retryable=is_unwritten, upstream=upstream, reason=reason)


def expiry_of(code: Expiry, upstream: str, timeouts: Timeouts) -> UpstreamError:
    """A wait that ended without what was waited for. Never retryable: the upstream had the request."""
    seconds = {
        "upstream_slow": timeouts.first_byte_s,
        "upstream_stalled": timeouts.between_s,
        "upstream_overtime": timeouts.whole_s,
    }[code]
    return UpstreamError(code, is_retryable=False, upstream=upstream, seconds=f"{seconds:g}")


def reason_of(error: Exception) -> str:
    """What the HTTP client said, on one line, without a name and password that an address may hold."""
    told = f"status {error.status}" if isinstance(error, ClientHttpProxyError) else str(error)
    text = f"{type(error).__name__}: {' '.join(told.split())}" if told else type(error).__name__
    return _SECRET.sub("//", text)[:LONGEST_REASON]

"""Guards at the door: cookies, the form's token, the sender's origin, the host, the size, and what every answer says.

Nothing here knows a page. Decided in decision 0005: a session is one cookie; a form needs the session's token, or,
before sign-in, a token that belongs to a cookie of the visit; both besides the Origin header.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SESSION_COOKIE = "jitsuri_session"
VISIT_COOKIE = "jitsuri_visit"
LANGUAGE_COOKIE = "jitsuri_lang"
LANGUAGE_LIFE = timedelta(days=365)

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

HEADERS: tuple[tuple[str, str], ...] = (
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)
"""On every answer. ``same-origin``, not ``no-referrer``: with that one a browser sends ``Origin: null`` with our own
forms. Source: Fetch standard, "append a request Origin header" (read 2026-11-22)."""

NO_STORE = "no-store"

HSTS = "max-age=31536000"


class Guard:
    """Puts the headers on every answer, and lets in only requests that name a host we have."""

    def __init__(self, app: ASGIApp, allowed_hosts: tuple[str, ...] = ()) -> None:
        """``allowed_hosts`` empty: every host is let in (an installation behind a proxy that checks)."""
        self._app = app
        self._hosts = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS:
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", NO_STORE)
                if scope.get("scheme") == "https":
                    headers.setdefault("strict-transport-security", HSTS)
            await send(message)

        if self._hosts and host_of(Request(scope)) not in self._hosts:
            await Response("unknown host", 400, media_type="text/plain")(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)


class TooLarge(Exception):  # noqa: N818  # it ends one request and is told as a status, not as an error of ours
    """A body went on past what its route takes."""


def limited(receive: Receive, longest: int) -> Receive:
    """The same body, but no more of it than ``longest`` bytes. Raises TooLarge while it is read."""
    taken = 0

    async def receive_limited() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > longest:
                raise TooLarge
        return message

    return receive_limited


def says_too_large(request: Request, longest: int) -> bool:
    """Does the request itself say that its body is too long?"""
    told = request.headers.get("content-length", "")
    return told.isascii() and told.isdigit() and (len(told) > 18 or int(told) > longest)


def host_of(request: Request) -> str:
    """The host that the request names, without its port, lower case."""
    try:
        return (urlsplit(f"//{request.headers.get('host', '')}").hostname or "").lower()
    except ValueError:
        return ""


def base_url_of(request: Request) -> str:
    """Scheme and host as the visitor sees them."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}"


def is_same_origin(headers: Mapping[str, str], base_url: str) -> bool:
    """Was a form sent by a page of this origin?

    A browser says so itself in Sec-Fetch-Site, where it sends that (https and localhost), else in Origin or Referer.
    A sender that says nothing at all is no browser, carries no cookie by itself, and is held to the token alone.
    The https form of our own address is ours too: a proxy may speak https for us without telling.
    """
    ours = (base_url, f"https://{base_url.partition('://')[2]}")
    site, origin, referer = (headers.get(name) for name in ("sec-fetch-site", "origin", "referer"))
    if site is not None:
        return site in ("same-origin", "none")
    if origin is not None:
        return origin in ours
    return referer is None or referer.startswith(tuple(f"{address}/" for address in ours))


def visit_token(visit: str) -> str:
    """What a form before sign-in must hold: derived from the cookie of the visit, which no other site can read."""
    return hashlib.sha256(b"form\x00" + visit.encode("utf-8", "replace")).hexdigest() if visit else ""


def is_right_token(sent: str, expected: str) -> bool:
    """Compare in a time that tells nothing. No token is never right."""
    return expected != "" and hmac.compare_digest(sent.encode("utf-8", "replace"), expected.encode())


def local_path(to: str) -> str:
    """A path of this console to go on to, or '/': never another host, whatever was put into the address."""
    is_local = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable() and "\\" not in to
    return to if is_local else "/"


def set_session(response: Response, secret: str, expires_at: datetime | None, now: datetime, *, is_https: bool) -> None:
    """Give the browser its session, or take it away (an empty secret)."""
    if not secret:
        response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax", secure=is_https)
        return
    left = int((expires_at - now).total_seconds()) if expires_at else None
    response.set_cookie(SESSION_COOKIE, secret, max_age=left, httponly=True, samesite="lax", secure=is_https)


def set_visit(response: Response, visit: str, *, is_https: bool) -> None:
    response.set_cookie(VISIT_COOKIE, visit, httponly=True, samesite="lax", secure=is_https)


def set_language(response: Response, lang: str, *, is_https: bool) -> None:
    response.set_cookie(
        LANGUAGE_COOKIE, lang, max_age=int(LANGUAGE_LIFE.total_seconds()), httponly=True, samesite="lax",
        secure=is_https,
    )  # fmt: skip

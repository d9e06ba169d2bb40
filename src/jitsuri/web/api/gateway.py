"""What is asked of the gateway: finds a request's dialect and hands it to the story of its call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from jitsuri.flows.hot.answering import answer
from jitsuri.flows.hot.attempting import count_refusal
from jitsuri.flows.hot.desk import Desk, Headers, Inquiry
from jitsuri.flows.hot.forwarding import forward
from jitsuri.flows.hot.listing import list_models
from jitsuri.flows.hot.scanning import scan
from jitsuri.flows.hot.telling import refused
from jitsuri.providers.rules.addressing import TRAVELLING_BYTES, travelling
from jitsuri.providers.shapes import Dialect, Operation
from jitsuri.terms.errors import JitsuriError, OperatorError
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.turns import Turns
from jitsuri.web.api.protocol import Request
from jitsuri.words import Language

LOGGER = logging.getLogger("jitsuri.gateway")

_ROUTES: dict[bytes, tuple[Dialect, Operation, str]] = {
    b"/v1/chat/completions": ("openai", "chat", "/chat/completions"),
    b"/v1/embeddings": ("openai", "embeddings", "/embeddings"),
    b"/v1/messages": ("anthropic", "chat", "/messages"),
}
_PATHS = {path.decode() for path in _ROUTES}
PREFIX = "/v1"
HEALTH = "/health"
METRICS = "/metrics"
SCAN = "/v1/guard/scan"


class Gateway:
    """Answers the requests of one worker. ``most_body_bytes`` and ``body_seconds`` bound what a caller may send."""

    def __init__(
        self,
        desk: Desk,
        *,
        language: Language,
        most_body_bytes: int,
        body_seconds: float,
        health: Callable[[], tuple[bool, bytes]],
        metrics: Callable[[str, str | None], bytes | None],
        turns: Turns,
    ) -> None:
        """``health`` tells whether calls can be answered; ``metrics`` gives the page for an address and a bearer."""
        self._desk = desk
        self._language = language
        self.most_body_bytes = most_body_bytes
        self.body_seconds = body_seconds
        self._health = health
        self._metrics = metrics
        self.turns = turns

    async def serve(self, request: Request) -> None:
        """Answer one request, whatever happens."""
        try:
            found = _ROUTES.get(request.url)
            if request.fault is not None:
                await self._refuse(request, request.fault)
            elif found is not None and request.method == b"POST":
                await answer(self._desk, self._inquiry(request, *found), request)
            else:
                await self._other(request, request.path, request.method.decode("latin-1"))
        except asyncio.CancelledError:
            if not request.is_lost:
                raise  # else we asked for it ourselves: the caller has gone, and everything is booked
        except Exception as error:  # noqa: BLE001  # whatever it is, the caller gets a well-formed answer
            await self._failed(request, error)
        finally:
            if not request.is_over and not request.is_lost:
                request.cut()

    async def _other(self, request: Request, path: str, method: str) -> None:
        if path == HEALTH and method in ("GET", "HEAD"):
            is_well, body = self._health()
            await request.whole(200 if is_well else 503, _plain(body, b"application/json"), body)
        elif path == METRICS and method == "GET":
            bearer = request.named.get(b"authorization", b"").decode("latin-1")
            address = request.client if not _is_passed_on(request.headers) else ""
            page = self._metrics(address, bearer.removeprefix("Bearer ") or None)
            if page is None:
                await self._refuse(request, Refusal("metrics_closed"), "openai")
            else:
                await request.whole(200, _plain(page, b"text/plain; version=0.0.4; charset=utf-8"), page)
        elif path == "/v1/models" and method == "GET":
            await list_models(self._desk, self._inquiry(request, _dialect_of(request), "models", "/models"), request)
        elif path == SCAN and method == "POST":
            await scan(self._desk, self._inquiry(request, _dialect_of(request), "models", "/guard/scan"), request)
        elif path in _PATHS and method == "POST":  # with a query, or written with percent signs
            await answer(self._desk, self._inquiry(request, *_ROUTES[path.encode()]), request)
        elif path.startswith("/v1/") and path not in _PATHS and path != SCAN:
            inquiry = self._inquiry(request, _dialect_of(request), "other", path.removeprefix(PREFIX))
            inquiry.method, inquiry.query = method, request.query
            await forward(self._desk, inquiry, request)
        else:
            code = "method_wrong" if path in _PATHS or path == SCAN else "path_unknown"
            await self._refuse(request, Refusal(code, {"path": path[:200], "method": method}))

    def _inquiry(self, request: Request, dialect: Dialect, operation: Operation, path: str) -> Inquiry:
        """What the request says."""
        named = request.named
        task = thread = ""
        language = self._language
        if not _OURS.isdisjoint(named):
            task = named.get(b"x-jitsuri-task", b"").decode("latin-1").strip()
            thread = named.get(b"x-jitsuri-thread", b"").decode("utf-8", "replace").strip()[:512]
            wished = named.get(b"x-jitsuri-language")
            language = cast(Language, wished.decode("latin-1")) if wished in (b"ja", b"en") else language
        others = _NOTHING
        if operation == "other":
            others = travelling([header for header in request.headers if header[0] in TRAVELLING_BYTES])
        elif not _TRAVELLING.isdisjoint(named):
            others = travelling([header for header in request.headers if header[0] in _TRAVELLING])
        return Inquiry(
            dialect, operation, path, request.body, named.get(b"authorization"), named.get(b"x-api-key"), task, thread,
            others, language,
        )  # fmt: skip

    async def _refuse(self, request: Request, why: Refusal, dialect: Dialect | None = None) -> None:
        """Refuse what is no call, and count it."""
        count_refusal(self._desk, why.code)
        dialect = dialect or _dialect_of(request)
        closes = request.fault is not None
        await request.whole(*refused(dialect, why, self._language, str(self._desk.new_id())), closes=closes)

    async def _failed(self, request: Request, error: Exception) -> None:
        call_id = str(self._desk.new_id())
        if isinstance(error, JitsuriError):
            why: Refusal | JitsuriError = error
            LOGGER.error("call %s: %s", call_id, error)
        else:
            why = OperatorError("gateway_failed", number=call_id)
            LOGGER.exception("call %s failed", call_id)
        if request.has_begun:
            request.cut()
        else:
            await request.whole(*refused(_dialect_of(request), why, self._language, call_id))


_OURS = frozenset({b"x-jitsuri-task", b"x-jitsuri-thread", b"x-jitsuri-language"})
_TRAVELLING = TRAVELLING_BYTES - {b"accept", b"content-type"}
"""Of JSON requests the two are always the same, and ours."""
_NOTHING: dict[str, str] = {}


def _dialect_of(request: Request) -> Dialect:
    """Anthropic's library names its version with every request; all others speak the other dialect."""
    if request.url.startswith(b"/v1/messages"):
        return "anthropic"
    return "anthropic" if b"anthropic-version" in request.named else "openai"


_PASSED_ON = (b"forwarded", b"via", b"x-forwarded", b"x-real-ip")


def _is_passed_on(headers: Headers) -> bool:
    """Whether a proxy says that it passes the request on for somebody else; whom it names is not believed."""
    return any(name.startswith(_PASSED_ON) for name, _ in headers)


def _plain(body: bytes, media_type: bytes) -> Headers:
    return [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]

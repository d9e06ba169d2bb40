"""The gateway as an ASGI application: reads a request, finds its dialect, hands it to the call's story."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from jitsuri.flows.hot.answering import answer
from jitsuri.flows.hot.desk import Desk, Headers, Inquiry
from jitsuri.flows.hot.forwarding import forward
from jitsuri.flows.hot.listing import list_models
from jitsuri.flows.hot.telling import refused
from jitsuri.providers.rules.addressing import travelling
from jitsuri.providers.shapes import Dialect, Operation
from jitsuri.terms.errors import JitsuriError, OperatorError
from jitsuri.terms.outcomes import Refusal
from jitsuri.web.api.protocol import protocol_of
from jitsuri.words import Language

LOGGER = logging.getLogger("jitsuri.gateway")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_ROUTES: dict[str, tuple[Dialect, Operation]] = {
    "/v1/chat/completions": ("openai", "chat"),
    "/v1/embeddings": ("openai", "embeddings"),
    "/v1/messages": ("anthropic", "chat"),
}
PREFIX = "/v1"
HEALTH = "/health"
METRICS = "/metrics"


class Gateway:
    """One worker's application. ``most_body_bytes`` and ``body_seconds`` bound what a caller may send."""

    def __init__(
        self,
        desk: Desk,
        *,
        language: Language,
        most_body_bytes: int,
        body_seconds: float,
        health: Callable[[], tuple[bool, bytes]],
        metrics: Callable[[str, str | None], bytes | None],
    ) -> None:
        """``health`` tells whether calls can be answered; ``metrics`` gives the page for an address and a bearer."""
        self._desk = desk
        self._language = language
        self._most_body_bytes = most_body_bytes
        self._body_seconds = body_seconds
        self._health = health
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        out = CallerOut(scope, send)
        found = _ROUTES.get(path)
        try:
            if found is not None and scope["method"] == "POST":
                inquiry = await self._inquiry(scope, receive, *found)
                await answer(self._desk, inquiry, out)
            else:
                await self._other(scope, receive, out)
        except _RefusedError as why:
            dialect = found[0] if found is not None else _dialect_of(scope)
            await out.whole(*refused(dialect, why.refusal, self._language, str(self._desk.new_id())), closes=True)
        except asyncio.CancelledError:
            if not out.is_lost:
                raise
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()  # we asked for it ourselves: the caller has gone, and everything is booked
        except Exception as error:  # noqa: BLE001  # whatever it is, the caller gets a well-formed answer
            await self._failed(scope, out, error)
        finally:
            out.done()

    async def _other(self, scope: Scope, receive: Receive, out: CallerOut) -> None:
        path, method = scope["path"], scope["method"]
        if path == HEALTH and method in ("GET", "HEAD"):
            is_well, body = self._health()
            await out.whole(200 if is_well else 503, _plain(body, b"application/json"), body)
        elif path == METRICS and method == "GET":
            client = scope.get("client")
            bearer = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            address = client[0] if client and not _is_passed_on(scope) else ""
            page = self._metrics(address, bearer.removeprefix("Bearer ") or None)
            if page is None:
                refusal = Refusal("metrics_closed")
                await out.whole(*refused("openai", refusal, self._language, str(self._desk.new_id())))
            else:
                await out.whole(200, _plain(page, b"text/plain; version=0.0.4; charset=utf-8"), page)
        elif path == "/v1/models" and method == "GET":
            await list_models(self._desk, self._bare(scope), out)
        elif path.startswith("/v1/") and path not in _ROUTES:
            inquiry = await self._inquiry(scope, receive, _dialect_of(scope), "other")
            await forward(self._desk, inquiry, out)
        else:
            code = "method_wrong" if path in _ROUTES else "path_unknown"
            refusal = Refusal(code, {"path": path[:200], "method": method})
            await out.whole(*refused(_dialect_of(scope), refusal, self._language, str(self._desk.new_id())))

    async def _inquiry(self, scope: Scope, receive: Receive, dialect: Dialect, operation: Operation) -> Inquiry:
        inquiry = self._bare(scope, dialect, operation)
        message = await receive()
        body = message.get("body", b"")
        if message.get("more_body"):
            try:
                async with asyncio.timeout(self._body_seconds):
                    body = await self._rest(scope, receive, body)
            except TimeoutError:
                raise _RefusedError(Refusal("body_too_slow", {"seconds": round(self._body_seconds)})) from None
        if len(body) > self._most_body_bytes:
            raise _RefusedError(self._too_large())
        inquiry.body = body
        return inquiry

    async def _rest(self, scope: Scope, receive: Receive, first: bytes) -> bytes:
        """The rest of a long body, no more than may be."""
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._most_body_bytes:
                raise _RefusedError(self._too_large())
        parts, size = [first], len(first)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _RefusedError(Refusal("body_broken"))
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > self._most_body_bytes:
                raise _RefusedError(self._too_large())
            if not message.get("more_body"):
                return b"".join(parts)

    def _too_large(self) -> Refusal:
        return Refusal("body_too_large", {"most_mib": self._most_body_bytes // (1024 * 1024)})

    def _bare(self, scope: Scope, dialect: Dialect | None = None, operation: Operation = "models") -> Inquiry:
        """What the request line and headers say."""
        authorization = x_api_key = None
        task = thread = ""
        language = self._language
        others: list[tuple[bytes, bytes]] = []
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"x-api-key":
                x_api_key = value
            elif name == b"x-jitsuri-task":
                task = value.decode("latin-1").strip()
            elif name == b"x-jitsuri-thread":
                thread = value.decode("utf-8", "replace").strip()[:512]
            elif name == b"x-jitsuri-language":
                language = cast(Language, value.decode("latin-1")) if value in (b"ja", b"en") else language
            elif operation == "other" or name not in _USUAL:
                others.append((name, value))
        return Inquiry(
            dialect or _dialect_of(scope), operation, scope["path"].removeprefix(PREFIX), b"", authorization, x_api_key,
            task, thread, travelling(others), language, scope.get("query_string", b"").decode("latin-1"), scope["method"],
        )  # fmt: skip

    async def _failed(self, scope: Scope, out: CallerOut, error: Exception) -> None:
        call_id = str(self._desk.new_id())
        if isinstance(error, JitsuriError):
            why: Refusal | JitsuriError = error
            LOGGER.error("call %s: %s", call_id, error)
        else:
            why = OperatorError("gateway_failed", number=call_id)
            LOGGER.exception("call %s failed", call_id)
        if out.has_begun:
            out.cut()
        else:
            await out.whole(*refused(_dialect_of(scope), why, self._language, call_id))


_USUAL = frozenset({b"accept", b"content-type"})
"""Of JSON requests these are always the same, and ours."""


class _RefusedError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class CallerOut:
    """The way back to one caller. When the connection is lost, the task that serves it is cancelled."""

    __slots__ = ("_protocol", "_send", "_task", "has_begun", "is_lost")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._task = asyncio.current_task()
        self._protocol = protocol_of(scope)
        self._protocol.on_lost = self._lost
        self.has_begun = False
        self.is_lost = False

    async def whole(self, status: int, headers: Headers, body: bytes, *, closes: bool = False) -> None:
        self.has_begun = True
        if closes:
            headers = [*headers, (b"connection", b"close")]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def begin(self, status: int, headers: Headers) -> None:
        self.has_begun = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def piece(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data})

    def cut(self) -> None:
        self._protocol.on_lost = None
        if self._protocol.transport is not None:
            self._protocol.transport.abort()

    def done(self) -> None:
        self._protocol.on_lost = None

    def _lost(self) -> None:
        self.is_lost = True
        if self._task is not None:
            self._task.cancel()


def _dialect_of(scope: Scope) -> Dialect:
    """Anthropic's library names its version with every request; all others speak the other dialect."""
    if scope["path"].startswith("/v1/messages"):
        return "anthropic"
    return "anthropic" if any(name == b"anthropic-version" for name, _ in scope["headers"]) else "openai"


_PASSED_ON = (b"forwarded", b"via", b"x-forwarded", b"x-real-ip")


def _is_passed_on(scope: Scope) -> bool:
    """Whether a proxy says that it passes the request on for somebody else; whom it names is not believed."""
    return any(name.startswith(_PASSED_ON) for name, _ in scope["headers"])


def _plain(body: bytes, media_type: bytes) -> Headers:
    return [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]

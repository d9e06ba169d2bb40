"""A local upstream that speaks both protocols and misbehaves on demand.

In a test::

    with StubUpstream() as stub:
        stub.url                  # http://127.0.0.1:PORT/v1 – base address for OpenAI and Anthropic dialects alike
        stub.origin               # without /v1; stub.origin + "/v1beta/openai" has Gemini's quirks, and
                                  # stub.origin itself is an Azure resource (/openai/deployments/{model}/…?api-version=…)
        stub.behave(Behaviour(status=429, retry_after="1"))             # the next request only
        stub.behave(Behaviour(close_after=3), times=5, model="gpt-5")   # the next five for that model
        stub.always(Behaviour(first_byte_s=0.2))                        # whatever has no behaviour of its own
        stub.requests             # what came in: method, path, headers, body, cancelled, …
        stub.wait(lambda: stub.requests[-1].cancelled)

As a process of its own (kill tests, demo): ``python tests/providers/stub_upstream.py PORT``; then ``GET /stub/requests``
lists what came in, ``POST /stub/behave`` takes ``{"behaviour": {…}, "times": 1, "model": null}``, ``POST /stub/reset``
forgets everything.

It serves ``/chat/completions``, ``/embeddings``, ``/models``, ``/messages``, ``/messages/count_tokens`` and
``/audio/speech`` (bytes) under any prefix. Answers follow from the request (``stub_answers``): with ``tools`` it calls
them, with a JSON schema it obeys it, ``n``, ``logprobs``, ``stop``, maxima, thinking and cache marks are heeded.

A model's name may carry the behaviour too, so that a client without a hold on the stub can choose:

=================================  ====================================================================================
``stub``, any other name           a right answer
``stub-tokens-500``                500 tokens of output
``stub-slow-first-byte-2.5``       waits 2.5 s before it answers
``stub-drip-0.1``                  0.1 s between events
``stub-stall-3``                   three events, then nothing more (without a number: before the first)
``stub-close-3``                   three events, then the connection ends; a whole answer ends in its middle
``stub-garbage``                   bytes that are no HTTP
``stub-garbage-3``                 three events, then bytes that break the framing
``stub-truncated``                 JSON that ends in its middle, with a right length; a stream without its end
``stub-html-502``                  an HTML page with status 502
``stub-429``, ``-503``, ``-529``   that status, in the dialect's shape (any from 400 on)
``stub-429-retry-after-1``         with ``Retry-After: 1``
``stub-429-retry-date-2``          with ``Retry-After`` as a date two seconds ahead
``stub-quota``                     429 ``insufficient_quota``
``stub-error-inside``              status 200 with an error as its body, or as a stream's first event
``stub-error-after-3``             three events, then an error event
``stub-long-length``               a content-length that is too large by 10
``stub-short-length``              too small by 10
``stub-empty``                     an empty body
``stub-no-text``                   an answer without text
``stub-no-usage``                  no usage
``stub-usage-negative``            also ``-huge``, ``-text``, ``-null``: an absurd usage
``stub-extra``                     unknown fields everywhere
``stub-large-5000000``             so many bytes of text more
``stub-redirect``                  302 to another host
``stub-gzip``                      packed, whether asked for or not
``stub-comments``                  comment lines between a stream's events
``stub-crlf``                      a stream whose lines end with CR LF
``stub-unknown``                   404 ``model_not_found``
=================================  ====================================================================================
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gzip
import json
import re
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Literal, cast
from urllib.parse import unquote

import httptools
import stub_answers
from stub_answers import Content, Json, Quirks


@dataclass(frozen=True, slots=True)
class Behaviour(Content):
    """How one request is answered; the defaults answer right. The first fields are those of ``stub_answers.Content``."""

    status: int = 200
    code: str = ""
    """An error's word in its body; '' follows from the status."""
    message: str = ""
    retry_after: str = ""
    """The header's value as it stands."""
    retry_date_s: float | None = None
    """``Retry-After`` as a date so many seconds ahead."""
    is_page: bool = False
    """An HTML page for a body."""
    is_error_inside: bool = False
    error_after: int | None = None
    first_byte_s: float = 0.0
    drip_s: float = 0.0
    end_s: float = 0.0
    """Seconds between a stream's last event and the chunk that closes it in HTTP."""
    stall_after: int | None = None
    close_after: int | None = None
    is_garbage: bool = False
    garbage_after: int | None = None
    is_truncated: bool = False
    length_off: int = 0
    is_empty: bool = False
    redirect: str = ""
    is_gzip: bool = False
    is_last: bool = False
    """Whether the connection is closed after the answer, and told so."""
    has_comments: bool = False
    has_crlf: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    """Headers added to the answer."""


@dataclass(slots=True)
class Received:
    """One request as it came, and what became of its answer."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    connection: int
    """Number of the connection it came on, from 1."""
    at_s: float
    """``time.monotonic()`` of its arrival."""
    events_sent: int = 0
    answered: bool = False
    """Whether the answer was written to its end."""
    cancelled: bool = False
    """Whether the client closed the connection before that."""
    cancelled_at_s: float = 0.0
    json: Any = field(default=None)

    @property
    def model(self) -> str:
        return str(self.json.get("model", "")) if isinstance(self.json, dict) else ""


_NUMBER = r"(\d+(?:\.\d+)?)"
_NAMED: tuple[tuple[str, Callable[[re.Match[str]], Behaviour]], ...] = (
    (r"tokens-(\d+)", lambda m: Behaviour(output_tokens=int(m[1]))),
    (rf"slow-first-byte-{_NUMBER}", lambda m: Behaviour(first_byte_s=float(m[1]))),
    (r"slow-first-byte", lambda m: Behaviour(first_byte_s=5.0)),
    (rf"drip-{_NUMBER}", lambda m: Behaviour(drip_s=float(m[1]))),
    (r"drip", lambda m: Behaviour(drip_s=0.05)),
    (r"stall(?:-(\d+))?", lambda m: Behaviour(stall_after=int(m[1] or 0))),
    (r"close(?:-(\d+))?", lambda m: Behaviour(close_after=int(m[1] or 0))),
    (r"garbage-(\d+)", lambda m: Behaviour(garbage_after=int(m[1]))),
    (r"garbage", lambda m: Behaviour(is_garbage=True)),
    (r"truncated", lambda m: Behaviour(is_truncated=True)),
    (r"html-(\d{3})", lambda m: Behaviour(status=int(m[1]), is_page=True)),
    (r"([45]\d\d)", lambda m: Behaviour(status=int(m[1]))),
    (rf"([45]\d\d)-retry-after-{_NUMBER}", lambda m: Behaviour(status=int(m[1]), retry_after=m[2])),
    (rf"([45]\d\d)-retry-date-{_NUMBER}", lambda m: Behaviour(status=int(m[1]), retry_date_s=float(m[2]))),
    (r"quota", lambda m: Behaviour(status=429, code="insufficient_quota")),
    (r"error-inside", lambda m: Behaviour(is_error_inside=True)),
    (r"error-after-(\d+)", lambda m: Behaviour(error_after=int(m[1]))),
    (r"long-length", lambda m: Behaviour(length_off=10)),
    (r"short-length", lambda m: Behaviour(length_off=-10)),
    (r"empty", lambda m: Behaviour(is_empty=True)),
    (r"no-text", lambda m: Behaviour(no_text=True)),
    (r"no-usage", lambda m: Behaviour(usage="none")),
    (r"usage-(negative|huge|text|null)", lambda m: Behaviour(usage=cast(Any, m[1]))),
    (r"extra", lambda m: Behaviour(extra=True)),
    (r"large-(\d+)", lambda m: Behaviour(pad_bytes=int(m[1]))),
    (r"redirect", lambda m: Behaviour(redirect="http://203.0.113.1/elsewhere")),
    (r"gzip", lambda m: Behaviour(is_gzip=True)),
    (r"comments", lambda m: Behaviour(has_comments=True)),
    (r"crlf", lambda m: Behaviour(has_crlf=True)),
    (r"unknown", lambda m: Behaviour(status=404, code="model_not_found")),
)


def behaviour_named(model: str) -> Behaviour:
    """The behaviour that a model's name asks for; the right one where it asks for none."""
    if model.startswith("stub-"):
        for pattern, made in _NAMED:
            if match := re.fullmatch(pattern, model[5:]):
                return made(match)
    return Behaviour()


class StubUpstream:
    """The stub in a thread of its own; see the module's docstring. Safe to use from the test's thread."""

    def __init__(
        self, *, port: int = 0, tls: ssl.SSLContext | None = None, key: str | None = None, keep: int = 100_000
    ) -> None:
        """``key``: another key than this is refused with 401. ``keep``: requests kept, the oldest leave first."""
        self.port = port
        self.key = key
        self.connections = 0
        """Connections ever taken."""
        self.open_connections = 0
        self._tls = tls
        self._received: deque[Received] = deque(maxlen=keep)
        self._queue: list[tuple[Behaviour, str | None]] = []
        self._always: Behaviour | None = None
        self._cached: set[str] = set()
        self._lock = threading.Lock()
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._protocols: set[_Connection] = set()

    def __enter__(self) -> StubUpstream:
        self._thread = threading.Thread(target=self._run, daemon=True, name="stub-upstream")
        self._thread.start()
        if not self._started.wait(10):
            raise RuntimeError("the stub did not start")
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread is not None:
            self._thread.join(10)

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    @property
    def requests(self) -> list[Received]:
        return list(self._received)

    @property
    def last(self) -> Received:
        return self._received[-1]

    @property
    def cancelled(self) -> list[Received]:
        return [one for one in self._received if one.cancelled]

    def behave(self, behaviour: Behaviour, times: int = 1, model: str | None = None) -> None:
        """Answer the next ``times`` requests (for ``model``, if named) so; several calls queue up."""
        with self._lock:
            self._queue += [(behaviour, model)] * times

    def always(self, behaviour: Behaviour | None) -> None:
        """Answer so whatever nothing else is said of; None ends it."""
        self._always = behaviour

    def reset(self) -> None:
        """Forget requests, behaviours and caches; connections stay."""
        with self._lock:
            self._queue.clear()
        self._received.clear()
        self._cached.clear()
        self._always = None

    def drop_connections(self) -> None:
        """Close every connection now, idle ones too, as a restarting server does."""

        def drop() -> None:
            for protocol in tuple(self._protocols):
                if protocol.transport is not None:
                    protocol.transport.abort()

        if self._loop is not None:
            self._loop.call_soon_threadsafe(drop)

    @staticmethod
    def wait(condition: Callable[[], object], seconds: float = 5.0) -> None:
        """Wait until something holds; an AssertionError says that it did not in time."""
        until_s = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until_s, f"did not hold within {seconds} s"
            time.sleep(0.005)

    def serve_forever(self) -> None:
        self._run()

    def behaviour_for(self, model: str) -> Behaviour:
        with self._lock:
            for at, (behaviour, named) in enumerate(self._queue):
                if named is None or named == model:
                    del self._queue[at]
                    return behaviour
        named_one = behaviour_named(model)
        return self._always if self._always is not None and named_one == Behaviour() else named_one

    def content_for(self, asked: Json, behaviour: Behaviour) -> Behaviour:
        """For those who build on the stub: what is answered where the whole request decides it."""
        return behaviour

    def seen_cached(self, asked: Json) -> bool:
        """Whether what the request marks to be cached was marked before."""
        told = json.dumps([asked.get("model"), asked.get("system"), (asked.get("messages") or [None])[0]])
        is_known = told in self._cached
        self._cached.add(told)
        return is_known

    def _run(self) -> None:
        with contextlib.suppress(ImportError):
            import uvloop

            uvloop.run(self._serve())
            return
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await self._loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, ssl=self._tls, backlog=1024
        )
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()
        for protocol in tuple(self._protocols):
            if protocol.transport is not None:
                protocol.transport.abort()
        await asyncio.sleep(0.01)


class _Connection(asyncio.Protocol):
    """One connection: requests one after the other, each answered by a task."""

    def __init__(self, stub: StubUpstream) -> None:
        self.stub = stub
        self.transport: asyncio.Transport | None = None
        self.number = 0
        self.task: asyncio.Task[None] | None = None
        self.current: Received | None = None
        self.parser = httptools.HttpRequestParser(self)
        self.url = b""
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self.can_write = asyncio.Event()
        self.can_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.stub.connections += 1
        self.stub.open_connections += 1
        self.number = self.stub.connections
        self.stub._protocols.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stub.open_connections -= 1
        self.stub._protocols.discard(self)
        self.transport = None
        self.can_write.set()
        if self.current is not None and not self.current.answered:
            self.current.cancelled_at_s = time.monotonic()
            self.current.cancelled = True
        if self.task is not None:
            self.task.cancel()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self.can_write.clear()

    def resume_writing(self) -> None:
        self.can_write.set()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            if self.transport is not None:
                self.transport.close()

    def on_message_begin(self) -> None:
        self.url, self.headers, self.body = b"", {}, []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        parts = httptools.parse_url(self.url)
        received = Received(
            method=self.parser.get_method().decode(),
            path=(parts.path or b"/").decode("latin-1"),
            query=(parts.query or b"").decode("latin-1"),
            headers=self.headers,
            body=b"".join(self.body),
            connection=self.number,
            at_s=time.monotonic(),
        )
        with contextlib.suppress(ValueError):
            received.json = json.loads(received.body)
        self.current = received
        if not received.path.startswith("/stub/"):
            self.stub._received.append(received)
        self.task = asyncio.get_running_loop().create_task(_Answering(self, received).answer())


class _Answering:
    """One request's answer on its way out."""

    def __init__(self, connection: _Connection, received: Received) -> None:
        self.connection = connection
        self.stub = connection.stub
        self.received = received
        self.behaviour = Behaviour()
        self.is_closing = received.headers.get("connection", "").lower() == "close"
        self.dialect: Literal["openai", "anthropic"] = "anthropic" if "/messages" in received.path else "openai"
        if received.path.endswith("/models") and "anthropic-version" in received.headers:
            self.dialect = "anthropic"
        self.quirks: Quirks = ""
        if received.path.startswith("/v1beta/openai/"):
            self.quirks = "gemini"
        elif received.path.startswith("/openai/"):
            self.quirks = "azure"

    async def answer(self) -> None:
        if self.received.path.startswith("/stub/"):
            await self._control()
            return
        refused = self._refused()
        if refused is not None:
            await self._whole(*refused)
            return
        asked = self._asked()
        self.behaviour = behaviour = self.stub.content_for(asked, self.stub.behaviour_for(str(asked.get("model", ""))))
        if behaviour.first_byte_s:
            await asyncio.sleep(behaviour.first_byte_s)
        if behaviour.is_garbage:
            self._write(b"\x00\xff\x16 this is no HTTP\r\n\r\n")
            self._end(is_last=True)
            return
        if behaviour.status >= 300 or behaviour.redirect or behaviour.is_page:
            await self._failed()
            return
        fault = self._fault(asked)
        if fault is not None:
            await self._whole(*fault)
            return
        if asked.get("stream") and not self.received.path.endswith(("/embeddings", "/count_tokens", "/speech")):
            await self._stream(asked)
            return
        await self._whole(200, self._body(asked))

    def _asked(self) -> Json:
        asked = dict(self.received.json) if isinstance(self.received.json, dict) else {}
        if deployment := re.match(r"/openai/deployments/([^/]+)/", self.received.path):
            asked.setdefault("model", unquote(deployment[1]))
        return asked

    def _refused(self) -> tuple[int, Any] | None:
        """A wrong key, an unknown address, a method that does not fit."""
        path, headers = self.received.path, self.received.headers
        if self.stub.key is not None:
            given = headers.get("x-api-key") or headers.get("api-key") or headers.get("authorization", "")[7:]
            if given != self.stub.key:
                return 401, stub_answers.error(self.dialect, 401, message="invalid key", quirks=self.quirks)
        known = ("/chat/completions", "/embeddings", "/messages", "/messages/count_tokens", "/audio/speech")
        if self.received.method == "GET":
            return None if re.search(r"/models(/[^/]+)?$", path) else (404, self._error(404, "unknown address"))
        if self.received.method != "POST" or not path.endswith(known):
            return 404, self._error(404, f"unknown address {path}")
        if self.quirks == "azure" and "/deployments/" in path and "api-version=" not in self.received.query:
            return 404, self._error(404, "Resource not found")
        return None

    def _fault(self, asked: Json) -> tuple[int, Any] | None:
        """A request that the vendor itself would refuse."""
        path = self.received.path
        if self.received.method == "GET":
            return None
        if not isinstance(self.received.json, dict) and not path.endswith("/speech"):
            return 400, self._error(400, "the body is no JSON object")
        wanted = [] if path.endswith("/speech") else ["model"]
        if path.endswith(("/chat/completions", "/messages", "/count_tokens")):
            wanted.append("messages")
        if path.endswith("/embeddings"):
            wanted.append("input")
        if path.endswith("/messages"):
            wanted.append("max_tokens")
            if "anthropic-version" not in self.received.headers:
                return 400, self._error(400, "anthropic-version: header is required")
        missing = [name for name in wanted if not asked.get(name)]
        return (400, self._error(400, f"missing: {', '.join(missing)}")) if missing else None

    def _error(self, status: int, message: str) -> Any:
        return stub_answers.error(self.dialect, status, message=message, quirks=self.quirks)

    def _body(self, asked: Json) -> Any:
        path, behaviour = self.received.path, self.behaviour
        if behaviour.is_error_inside:
            return stub_answers.error(self.dialect, 500, behaviour.code, behaviour.message, self.quirks)
        if self.received.method == "GET":
            listed = stub_answers.models(self.dialect)
            name = path.rpartition("/models")[2].strip("/")
            return next((one for one in listed["data"] if one["id"] == unquote(name)), listed) if name else listed
        if path.endswith("/embeddings"):
            return stub_answers.embeddings(asked, behaviour)
        if path.endswith("/count_tokens"):
            return {"input_tokens": stub_answers.input_tokens(asked)}
        if path.endswith("/speech"):
            return b"ID3\x04" + bytes(range(256)) * 8
        if self.dialect == "anthropic":
            return stub_answers.message(asked, behaviour, has_cache=self.stub.seen_cached(asked))
        return stub_answers.chat(asked, behaviour, self.quirks)

    def _events(self, asked: Json) -> list[bytes]:
        """The events of a stream as they stand on the wire."""
        behaviour = self.behaviour
        if self.dialect == "anthropic":
            told = stub_answers.message_events(asked, behaviour, has_cache=self.stub.seen_cached(asked))
        else:
            told = stub_answers.chat_events(asked, behaviour, self.quirks)
        if behaviour.error_after is not None or behaviour.is_error_inside:
            error = stub_answers.error(self.dialect, 529, behaviour.code, behaviour.message or "Overloaded")
            told = [*told[: behaviour.error_after or 0], error]
        is_cut = behaviour.is_truncated or behaviour.error_after is not None or behaviour.is_error_inside
        lines = [_event(one, named=self.dialect == "anthropic") for one in told]
        if behaviour.is_truncated:
            lines[-1] = lines[-1][: len(lines[-1]) // 2]
        elif self.dialect == "openai" and not is_cut:
            lines.append(b"data: [DONE]\n\n")
        if behaviour.has_comments:
            lines = [part for line in lines for part in (b": STUB PROCESSING\n\n", line)]
        if behaviour.has_crlf:
            lines = [line.replace(b"\n", b"\r\n") for line in lines]
        return lines

    async def _stream(self, asked: Json) -> None:
        behaviour = self.behaviour
        events = self._events(asked)
        if behaviour.is_empty:
            events = []
        head = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
        packer = None
        if behaviour.is_gzip:
            packer = _Packer()
            head.append(("content-encoding", "gzip"))
        self._head(200, [*head, ("transfer-encoding", "chunked")])
        for count, event in enumerate(events):
            if await self._is_ended(count):
                return
            if count and behaviour.drip_s:
                await asyncio.sleep(behaviour.drip_s)
            self._chunk(packer.pack(event) if packer else event)
            self.received.events_sent += 1
            await self.connection.can_write.wait()
        if await self._is_ended(len(events)):
            return
        if behaviour.end_s:
            await asyncio.sleep(behaviour.end_s)
        if packer:
            self._chunk(packer.finish())
        self._write(b"0\r\n\r\n")
        self._end(is_last=behaviour.is_last)

    async def _is_ended(self, count: int) -> bool:
        """Whether the stream ends here by the behaviour's will."""
        behaviour = self.behaviour
        if behaviour.stall_after is not None and count >= behaviour.stall_after:
            await asyncio.sleep(3600)
        if behaviour.garbage_after is not None and count >= behaviour.garbage_after:
            self._write(b"ZZ\r\nthis is no chunk\x00\r\n")
            self._end(is_last=True)
            return True
        if behaviour.close_after is not None and count >= behaviour.close_after:
            self._end(is_last=True)
            return True
        return False

    async def _whole(self, status: int, body: Any, head: list[tuple[str, str]] | None = None) -> None:
        behaviour = self.behaviour
        is_bytes = isinstance(body, bytes)
        packed = body if is_bytes else json.dumps(body, ensure_ascii=False).encode()
        if behaviour.is_truncated and status == 200:
            packed = packed[: len(packed) // 2]
        if behaviour.is_empty:
            packed = b""
        kind = "application/json" if not is_bytes else "text/html" if behaviour.is_page else "audio/mpeg"
        head = [("content-type", kind), *(head or [])]
        if behaviour.is_gzip and packed:
            packed = gzip.compress(packed)
            head.append(("content-encoding", "gzip"))
        if behaviour.stall_after is not None and status == 200:
            if behaviour.stall_after:
                self._head(status, [*head, ("content-length", str(len(packed)))])
                self._write(packed[: len(packed) // 2])
            await asyncio.sleep(3600)
        self._head(status, [*head, ("content-length", str(max(0, len(packed) + behaviour.length_off)))])
        is_cut = behaviour.close_after is not None and status == 200
        self._write(packed[: len(packed) // 2] if is_cut else packed)
        await self.connection.can_write.wait()
        self._end(is_last=is_cut or behaviour.length_off != 0 or behaviour.is_last)

    async def _failed(self) -> None:
        behaviour = self.behaviour
        head = []
        if behaviour.retry_after:
            head.append(("retry-after", behaviour.retry_after))
        if behaviour.retry_date_s is not None:
            head.append(("retry-after", formatdate(time.time() + behaviour.retry_date_s, usegmt=True)))
        if behaviour.redirect:
            head.append(("location", behaviour.redirect))
            await self._whole(behaviour.status if 300 <= behaviour.status < 400 else 302, b"", head)
        elif behaviour.is_page:
            page = f"<html><head><title>{behaviour.status} stub</title></head><body>{behaviour.status}</body></html>"
            await self._whole(behaviour.status, page.encode(), head)
        else:
            body = stub_answers.error(self.dialect, behaviour.status, behaviour.code, behaviour.message, self.quirks)
            await self._whole(behaviour.status, body, head)

    async def _control(self) -> None:
        """The stub's own addresses, for when it runs in another process."""
        name = self.received.path[6:]
        told: Any = {}
        if name == "requests":
            told = [
                {**dataclasses.asdict(one), "body": one.body.decode(errors="replace")} for one in self.stub.requests
            ]
        elif name == "behave":
            asked = self.received.json
            known = {f.name for f in dataclasses.fields(Behaviour)}
            behaviour = Behaviour(**{k: v for k, v in asked["behaviour"].items() if k in known})
            if asked.get("always"):
                self.stub.always(behaviour)
            else:
                self.stub.behave(behaviour, asked.get("times", 1), asked.get("model"))
        elif name == "reset":
            self.stub.reset()
        else:
            told = {"connections": self.stub.connections, "open": self.stub.open_connections}
        await self._whole(200, told)

    def _head(self, status: int, headers: list[tuple[str, str]]) -> None:
        number = f"req_{self.connection.number}_{len(self.stub._received)}"
        own = (
            [("request-id", number)]
            if self.dialect == "anthropic"
            else [("x-request-id", number), ("openai-version", "2020-10-01")]
        )
        own += self.behaviour.headers
        if self.behaviour.is_last or self.is_closing:
            own.append(("connection", "close"))
        lines = "".join(f"{name}: {value}\r\n" for name, value in [*own, *headers])
        self._write(f"HTTP/1.1 {status} {'OK' if status == 200 else 'Stub'}\r\n{lines}\r\n".encode("latin-1"))

    def _chunk(self, data: bytes) -> None:
        if data:
            self._write(b"%x\r\n%b\r\n" % (len(data), data))

    def _write(self, data: bytes) -> None:
        if self.connection.transport is not None:
            self.connection.transport.write(data)

    def _end(self, *, is_last: bool) -> None:
        if self.connection.transport is not None:
            self.received.answered = True
            if is_last or self.is_closing:
                self.connection.transport.close()


class _Packer:
    """Packs a stream piece by piece, each so that it can be unpacked at once."""

    def __init__(self) -> None:
        import zlib

        self._packer = zlib.compressobj(wbits=31)
        self._flush = zlib.Z_SYNC_FLUSH

    def pack(self, data: bytes) -> bytes:
        return self._packer.compress(data) + self._packer.flush(self._flush)

    def finish(self) -> bytes:
        return self._packer.flush()


def _event(told: Any, *, named: bool) -> bytes:
    data = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return (f"event: {told['type']}\ndata: {data}\n\n" if named else f"data: {data}\n\n").encode()


if __name__ == "__main__":
    StubUpstream(port=int(sys.argv[1]) if len(sys.argv) > 1 else 8399).serve_forever()

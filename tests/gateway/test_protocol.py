"""HTTP/1.1 of the gateway on real connections, under both loops: what callers, and who is none, may send in any pieces.

Nothing here needs a database: ``Answers`` stands where the gateway stands.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import uvicorn
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from jitsuri.providers.wire.connecting import loop_turns
from jitsuri.terms.turns import MOST_AT_ONCE
from jitsuri.web.api import protocol
from jitsuri.web.api.protocol import MOST_HEADER_BYTES, MOST_WAITING, GatewayProtocol, Request

MOST = 1024 * 1024
CODES = {"http_malformed": 400, "body_too_large": 413, "headers_too_large": 431, "body_too_slow": 408}
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAA\r\n"

Run = Callable[[Coroutine[Any, Any, None]], None]


class Answers:
    """Answers by the path; remembers what was asked."""

    most_body_bytes = MOST
    body_seconds = 5.0

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.faults: list[str] = []
        self.most_at_once = self._at_once = self.cancelled = self.pieces = 0
        self.turns = loop_turns()
        self.go = asyncio.Event()
        self.ended = asyncio.Event()

    async def serve(self, request: Request) -> None:
        self._at_once += 1
        self.most_at_once = max(self._at_once, self.most_at_once)
        try:
            await self._serve(request)
        except asyncio.CancelledError:
            self.cancelled += 1
            if not request.is_lost:
                raise
        finally:
            self._at_once -= 1
            self.ended.set()

    async def _serve(self, request: Request) -> None:
        if request.fault is not None:
            code = request.fault.code
            self.faults.append(code)
            await request.whole(CODES[code], [(b"content-type", b"text/plain")], code.encode(), closes=True)
            return
        self.asked.append(request.url)
        path = request.path
        await asyncio.sleep(0)
        if path in ("/wait", "/after"):
            if path == "/after":
                await request.whole(200, [], b"after")
            await self.go.wait()
            if path == "/wait":
                await request.whole(200, [], b"waited")
        elif path == "/stream":
            await request.begin(200, [(b"content-type", b"text/event-stream")])
            await request.piece(b"one,")
            await request.piece(b"two,")
            await request.end(b"three")
        elif path == "/flood":
            await request.begin(200, [])
            while not self.go.is_set():
                await request.piece(b"x" * 65536)
                self.pieces += 1
                await asyncio.sleep(0)
            await request.end(b"")
        elif path == "/cut":
            await request.begin(200, [])
            await request.piece(b"half")
            await asyncio.sleep(0.02)
            request.cut()
            await self.go.wait()
        elif path == "/inject":
            for name, value in (
                (b"a", b"b\r\nset-cookie: c"),
                (b"a", b"b\nc"),
                (b"a", b"b\rc"),
                (b"a", b"b\0"),
                (b"a\r\n", b""),
            ):
                with pytest.raises(ValueError, match="line break"):
                    await request.whole(200, [(name, value)], b"")
                with pytest.raises(ValueError, match="line break"):
                    await request.begin(200, [(name, value)])
            assert not request.has_begun
            await request.whole(500, [], b"refused")
        elif path.startswith("/status/"):
            _, _, status, way = path.split("/")
            if way == "whole":
                await request.whole(int(status), [(b"content-length", b"0")], b"")
            else:
                await request.begin(int(status), [])
                await request.piece(b"nobody may see this")
                await request.end(b"nor this")
        elif path == "/big":
            await request.whole(200, [], b"b" * 262_144)
        else:
            names = sorted(name.decode() for name, _ in request.headers)
            told = {
                "url": request.url.decode("latin-1"),
                "method": request.method.decode(),
                "body": request.body.decode("latin-1"),
            }
            await request.whole(200, [], json.dumps({**told, "headers": names}).encode())


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""

    @property
    def told(self) -> dict[str, Any]:
        return cast(dict[str, Any], json.loads(self.body))


@dataclass
class Caller:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, method: str = "GET") -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [line.partition(": ") for line in head[1:] if line]
        headers = {name: value for name, _, value in pairs}
        assert len(headers) == len(pairs), head
        answer = Answer(int(head[0].split()[1]), headers)
        if method == "HEAD" or answer.status < 200 or answer.status in (204, 304):
            return answer
        assert ("content-length" in headers) + ("transfer-encoding" in headers) <= 1
        if "content-length" in headers:
            answer.body = await self.reader.readexactly(int(headers["content-length"]))
        elif "transfer-encoding" in headers:
            while size := int(await self.reader.readline(), 16):
                answer.body += (await self.reader.readexactly(size + 2))[:-2]
            assert await self.reader.readline() == b"\r\n"
        else:
            answer.body = await self.reader.read()
        return answer

    async def is_ended(self) -> bool:
        return await self.reader.read(1) == b""

    async def leave(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


@dataclass
class House:
    answers: Answers
    state: ServerState
    keep_alive_s: float = 5.0
    callers: list[Caller] = field(default_factory=list)
    address: tuple[str, int] = ("", 0)

    def connection(self) -> GatewayProtocol:
        config = uvicorn.Config(
            cast(Any, self.answers), log_config=None, timeout_keep_alive=cast(int, self.keep_alive_s), lifespan="off"
        )
        return GatewayProtocol(config, self.state, {})

    async def caller(self) -> Caller:
        made = Caller(*await asyncio.open_connection(*self.address))
        self.callers.append(made)
        return made

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(3):
            while not is_so():
                await asyncio.sleep(0.002)

    async def until_gone(self) -> None:
        await self.until(lambda: not self.state.connections and not self.state.tasks)


@asynccontextmanager
async def house(keep_alive_s: float = 5.0) -> AsyncIterator[House]:
    made = House(Answers(), ServerState(), keep_alive_s)
    server = await asyncio.get_running_loop().create_server(made.connection, "127.0.0.1", 0)
    made.address = server.sockets[0].getsockname()
    try:
        yield made
    finally:
        made.answers.go.set()
        for caller in made.callers:
            caller.writer.transport.abort()
        try:
            await made.until_gone()
        finally:
            for connection in list(made.state.connections):
                cast(GatewayProtocol, connection).abort()
            server.close()
            await server.wait_closed()


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def running(story: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(story, 8))

    return running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.1)
    monkeypatch.setattr(protocol, "LINGER_S", 0.08)
    monkeypatch.setattr(Answers, "body_seconds", 0.1)


@pytest.fixture(autouse=True)
def nothing_failed(caplog: pytest.LogCaptureFixture) -> Any:
    """Whatever comes, no exception leaves the protocol."""
    yield
    assert [record.getMessage() for record in caplog.records] == []


class Wire(asyncio.Transport):
    """A connection of which a test says in what pieces things come."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_paused = self.is_over = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_over = True

    def is_closing(self) -> bool:
        return self.is_over

    def close(self) -> None:
        self.is_over = True

    def abort(self) -> None:
        self.is_over = True

    def pause_reading(self) -> None:
        assert not self.is_paused
        self.is_paused = True

    def resume_reading(self) -> None:
        assert self.is_paused
        self.is_paused = False


async def fed(pieces: list[bytes]) -> tuple[bytes, House]:
    """What is answered to ``pieces``, one read after the other."""
    place = House(Answers(), ServerState())
    connection, wire = place.connection(), Wire()
    connection.connection_made(wire)
    for piece in pieces:
        while wire.is_paused:
            await asyncio.sleep(0)
        if wire.is_over:
            break
        connection.data_received(piece)
    while place.state.tasks or place.answers.turns:
        await asyncio.sleep(0)
    connection.connection_lost(None)
    assert not place.state.connections
    return wire.written, place


def feed(pieces: list[bytes]) -> tuple[bytes, House]:
    with asyncio.Runner() as runner:
        return runner.run(asyncio.wait_for(fed(pieces), 8))


def cut_at(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(ends)]


def post(path: str, body: bytes, more: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (path.encode(), more, len(body), body)


def chunked(path: str, parts: list[bytes], more: bytes = b"", trailer: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part)
    head = b"POST %b HTTP/1.1\r\nHost: x\r\n%bTransfer-Encoding: chunked\r\n\r\n" % (path.encode(), more)
    return b"%b%b0\r\n%b\r\n" % (head, body, trailer)


def get(path: str, more: bytes = b"", version: str = "1.1", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/{version}\r\nHost: x\r\n".encode() + more + b"\r\n"


# -- in pieces, and one behind the other

_BODY = st.binary(max_size=80)
_REQUEST = st.one_of(
    st.sampled_from(
        [get("/a"), get("/b?c=%20", b"A: b\r\n"), get("/stream"), get("/h", method="HEAD"), get("/u", H2C)]
    ),
    _BODY.map(lambda body: post("/p", body)),
    _BODY.map(lambda body: post("/pu", body, H2C)),
    st.lists(_BODY, max_size=4).map(lambda parts: chunked("/c", parts)),
    st.lists(_BODY, max_size=4).map(lambda parts: chunked("/cu", parts, H2C, b"Authorization: not a header\r\n")),
)


@given(st.lists(_REQUEST, min_size=1, max_size=14), st.lists(st.integers(0, 10_000), max_size=25))
@settings(max_examples=40, deadline=None)
def test_requests_in_any_pieces_get_the_same_answers_in_order(requests: list[bytes], places: list[int]) -> None:
    whole, one = feed([b"".join(requests)])
    each = b"".join(feed([request])[0] for request in requests)
    pieces, many = feed(cut_at(b"".join(requests), places))

    assert pieces == whole == each
    assert one.answers.asked == many.answers.asked
    assert len(many.answers.asked) == len(requests)
    assert one.answers.most_at_once == many.answers.most_at_once == 1


def test_byte_by_byte() -> None:
    data = post("/p", b"abc") + chunked("/c", [b"de", b"f"], H2C) + get("/g")

    assert feed(cut_at(data, list(range(len(data)))))[0] == feed([data])[0]


@pytest.mark.parametrize("count", [MOST_WAITING, MOST_WAITING + 1, MOST_WAITING + 2, 500])
def test_many_requests_at_once_are_answered_in_order_one_at_a_time(run: Run, count: int) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            caller.send(b"".join(get(f"/{n}") for n in range(count)))
            for n in range(count):
                assert (await caller.answer()).told["url"] == f"/{n}"
            assert place.answers.most_at_once == 1
            caller.send(get("/last"))
            assert (await caller.answer()).told["url"] == "/last"
            assert place.state.total_requests == count + 1

    run(story())


def test_of_many_that_come_in_one_turn_few_begin_in_each(run: Run) -> None:
    async def story() -> None:
        answers = Answers()
        place = House(answers, ServerState())
        callers = [(place.connection(), Wire()) for _ in range(5 * MOST_AT_ONCE)]
        gone, big = callers[-1], callers[-2]
        for connection, wire in callers:
            connection.connection_made(wire)
            connection.data_received(post("/big", b"x" * MOST) if wire is big[1] else post("/a", b"a"))
        assert len(place.state.tasks) == MOST_AT_ONCE
        connection, wire = place.connection(), Wire()
        connection.connection_made(wire)
        connection.data_received(get("/health"))
        assert len(place.state.tasks) == MOST_AT_ONCE + 1, "one without a body does not wait in line"
        callers.insert(0, (connection, wire))
        gone[0].connection_lost(None)

        begun = [len(answers.asked)]
        while place.state.tasks or answers.turns:
            await asyncio.sleep(0)
            begun.append(len(answers.asked))

        assert max(later - sooner for sooner, later in itertools.pairwise(begun)) <= MOST_AT_ONCE + 1
        assert len(answers.asked) == len(callers) - 1
        assert answers.cancelled == 0
        assert gone[1].written == b""
        assert all(wire.written.startswith(b"HTTP/1.1 200") for _, wire in callers[:-1])
        for connection, _ in callers[:-1]:
            connection.connection_lost(None)
        assert not place.state.connections

    run(story())


def test_reading_pauses_until_fewer_wait_than_may(run: Run) -> None:
    """One read may hold thousands of requests: each answer must not let in a read more."""

    async def story() -> None:
        place = House(Answers(), ServerState())
        connection, wire = place.connection(), Wire()
        connection.connection_made(wire)
        connection.data_received(get("/a") * 100)
        assert wire.is_paused
        waiting = connection._waiting
        while wire.is_paused:
            await asyncio.sleep(0)
        assert len(waiting) < MOST_WAITING
        await place.until(lambda: not place.state.tasks)
        connection.connection_lost(None)
        assert len(place.answers.asked) == 100

    run(story())


# -- 100-continue


def test_a_body_is_asked_for_when_its_turn_has_come(run: Run) -> None:
    expecting = b"POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 4\r\n\r\n"

    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            caller.send(expecting)
            assert (await caller.answer()).status == 100
            caller.send(b"body")
            assert (await caller.answer()).told["body"] == "body"
            caller.send(get("/wait") + expecting)
            await place.until(lambda: b"/wait" in place.answers.asked)
            await asyncio.sleep(0.02)
            place.answers.go.set()
            assert (await caller.answer()).body == b"waited"
            assert (await caller.answer()).status == 100
            caller.send(b"next")
            assert (await caller.answer()).told["body"] == "next"
            caller.send(get("/a"))
            assert (await caller.answer()).told["body"] == ""

    run(story())


def test_a_body_that_is_too_large_is_not_asked_for(run: Run) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            caller.send(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (MOST + 1))
            assert (await caller.answer()).status == 413
            assert await caller.is_ended()
            old = await place.caller()
            old.send(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            await asyncio.sleep(0.02)
            old.send(b"ok")
            assert (await old.answer()).told["body"] == "ok"

    run(story())


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(("size", "status"), [(MOST, 200), (MOST + 1, 413)])
def test_curl_sends_a_big_body(run: Run, size: int, status: int) -> None:
    async def story() -> None:
        async with house() as place:
            url = f"http://127.0.0.1:{place.address[1]}/p"
            asked = [
                "-sv",
                "--noproxy",
                "*",
                "-H",
                "Expect: 100-continue",
                "--data-binary",
                "@-",
                url,
                "-w",
                "%{http_code}",
                "-o",
                "/dev/null",
            ]
            process = await asyncio.create_subprocess_exec("curl", *asked, stdin=-1, stdout=-1, stderr=-1)
            out, told = await process.communicate(b"x" * size)
            assert out.decode() == str(status), told
            assert (b"< HTTP/1.1 100 Continue" in told) == (status == 200)
            assert process.returncode == 0

    run(story())


# -- another protocol


@pytest.mark.parametrize("is_one_packet", [True, False])
def test_a_wish_for_h2c_is_declined_and_the_body_read(run: Run, is_one_packet: bool) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            for data in (
                post("/p", b"hello", H2C),
                chunked("/c", [b"hel", b"lo"], H2C),
                post("/q", b"hello", H2C + b"Expect: 100-continue\r\n"),
            ):
                head, _, body = data.partition(b"\r\n\r\n")
                caller.send(head + b"\r\n\r\n" + (body + get("/behind") if is_one_packet else b""))
                if b"Expect" in head:
                    assert (await caller.answer()).status == 100
                if not is_one_packet:
                    await asyncio.sleep(0.01)
                    caller.send(body + get("/behind"))
                answer = await caller.answer()
                assert (answer.status, answer.told["body"], answer.told["method"]) == (200, "hello", "POST")
                assert "upgrade" not in answer.told["headers"]
                assert (await caller.answer()).told["url"] == "/behind"

    run(story())


def test_many_wishes_in_one_packet(run: Run) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            caller.send(get("/u", H2C) * 1100)
            for _ in range(1100):
                assert (await caller.answer()).status == 200

    run(story())


def test_limits_hold_for_who_wishes_another_protocol(run: Run) -> None:
    async def story() -> None:
        async with house() as place:
            for data in (post("/p", b"x" * (MOST + 1), H2C), chunked("/c", [b"x" * 70_000] * 16, H2C)):
                caller = await place.caller()
                caller.send(data)
                assert (await caller.answer()).status == 413
            assert place.answers.asked == []

    run(story())


# -- older callers, HEAD, and what has no body


@pytest.mark.parametrize(
    ("version", "more"), [("1.0", b""), ("1.0", b"Connection: keep-alive\r\n"), ("1.1", b"Connection: close\r\n")]
)
def test_the_connection_ends_where_the_caller_cannot_or_will_not_go_on(run: Run, version: str, more: bytes) -> None:
    async def story() -> None:
        async with house() as place:
            for path in ("/a", "/stream"):
                caller = await place.caller()
                caller.send(get(path, more, version) + get("/behind"))
                answer = await caller.answer()
                assert answer.status == 200
                assert answer.headers["connection"] == "close"
                assert ("transfer-encoding" in answer.headers) == (path == "/stream" and version == "1.1")
                assert path == "/a" or answer.body == b"one,two,three"
                assert await caller.is_ended()
            assert b"/behind" not in place.answers.asked

    run(story())


def test_an_answer_to_head_has_no_body(run: Run) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            for path in ("/a", "/stream", "/status/404/whole"):
                caller.send(get(path, method="HEAD"))
                answer = await caller.answer("HEAD")
                assert ("transfer-encoding" in answer.headers) == (path == "/stream")
            caller.send(get("/b"))
            assert (await caller.answer()).told["url"] == "/b"

    run(story())


@pytest.mark.parametrize("way", ["whole", "begin"])
@pytest.mark.parametrize("status", [204, 304])
def test_what_has_no_body_leaves_nothing_in_the_way_of_the_next(run: Run, status: int, way: str) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            caller.send(get(f"/status/{status}/{way}"))
            answer = await caller.answer()
            assert (answer.status, answer.headers) == (status, {})
            caller.send(get("/b"))
            assert (await caller.answer()).told["url"] == "/b"

    run(story())


def test_the_date_is_the_servers(run: Run) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            for date in (b"now", b"later"):
                place.state.default_headers = [(b"date", date)]
                caller.send(get("/a"))
                assert (await caller.answer()).headers["date"] == date.decode()

    run(story())


def test_a_line_break_in_a_header_is_refused_and_never_written(run: Run) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            caller.send(get("/inject"))
            answer = await caller.answer()
            assert (answer.status, answer.body) == (500, b"refused")
            assert "a" not in answer.headers
            assert "set-cookie" not in answer.headers

    run(story())


# -- what cannot be read

_UNREADABLE = {
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "words": b"hello, who is there?\r\n\r\n",
    "method": b"FETCH / HTTP/1.1\r\n\r\n",
    "version": b"GET / HTTP/3.7\r\n\r\n",
    "space in path": b"GET /a b HTTP/1.1\r\n\r\n",
    "connect": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    "both lengths": b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    "both, turned": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\nhello",
    "a list": b"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello",
    "signed": b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello",
    "negative": b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\nhello",
    "hexadecimal": b"POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\nhello",
    "endless": b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
    "gzip alone": b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    "chunked not last": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "an odd chunked": b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "space before colon": b"POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "folded": b"POST / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\nX: a\r\n b\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: x\n\n",
    "bare carriage return": b"GET / HTTP/1.1\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n",
    "nul": b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\n: b\r\n\r\n",
    "chunk size": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    "chunk size, huge": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "chunk too long": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("data", _UNREADABLE.values(), ids=_UNREADABLE)
def test_what_cannot_be_read_is_refused_and_nothing_behind_it_served(data: bytes) -> None:
    for pieces in ([data + get("/smuggled")], [*cut_at(data, list(range(len(data)))), get("/smuggled")]):
        written, place = feed(pieces)
        assert written.startswith(b"HTTP/1.1 400 ")
        assert written.count(b"HTTP/1.1 ") == 1
        assert b"connection: close\r\n" in written
        assert place.answers.asked == []


def test_what_was_asked_before_gets_its_answer_first(run: Run) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            caller.send(get("/wait") + get("/a") + b"nonsense\r\n\r\n" + get("/b"))
            await asyncio.sleep(0.02)
            place.answers.go.set()
            assert (await caller.answer()).body == b"waited"
            assert (await caller.answer()).told["url"] == "/a"
            assert (await caller.answer()).status == 400
            assert await caller.is_ended()
            assert b"/b" not in place.answers.asked

    run(story())


_TOO_LARGE = {
    "one header": (b"GET / HTTP/1.1\r\nX: " + b"y" * (MOST_HEADER_BYTES + 1) + b"\r\n\r\n", 431),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"Name: value\r\n" * 9000 + b"\r\n", 431),
    "the line": (b"GET /" + b"y" * (MOST_HEADER_BYTES + 1) + b" HTTP/1.1\r\n\r\n", 431),
    "the body": (post("/p", b"x" * (MOST + 1)), 413),
    "chunks": (chunked("/c", [b"x" * 1000] * 1100), 413),
}


@pytest.mark.parametrize(("data", "status"), _TOO_LARGE.values(), ids=_TOO_LARGE)
def test_what_is_too_large_is_refused_and_what_follows_in_the_same_read_not_answered(data: bytes, status: int) -> None:
    for pieces in ([data + get("/a")], [*cut_at(data + get("/a"), list(range(0, len(data), 5000)))]):
        written, place = feed(pieces)
        assert written.startswith(b"HTTP/1.1 %d " % status)
        assert written.count(b"HTTP/1.1 ") == 1
        assert place.answers.asked == []


def test_what_is_just_small_enough_is_taken() -> None:
    header = b"X: " + b"y" * (MOST_HEADER_BYTES - 100) + b"\r\n"
    for data in (
        get("/a", header),
        post("/p", b"x" * MOST),
        chunked("/c", [b"x" * 65536] * 16),
        get("/u", header + H2C[:-2] + b"\r\n"),
    ):
        for pieces in ([data], cut_at(data, list(range(0, len(data), 20_000)))):
            assert feed(pieces)[0].startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "begun",
    [
        b"GET / HTTP/1.1\r\nX: ",
        b"GET / HTTP/1.1\r\nX",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    ],
)
def test_a_header_that_never_ends_is_not_kept(begun: bytes) -> None:
    written, place = feed([begun] + [b"y" * 30_000] * 4)

    assert written.startswith(b"HTTP/1.1 431 ")
    assert place.answers.faults == ["headers_too_large"]


def test_what_stands_behind_a_body_is_no_header() -> None:
    written, _ = feed(
        [chunked("/c", [b"x" * 70_000], trailer=b"Authorization: Bearer other\r\nX-Api-Key: other\r\n") + get("/a")]
    )

    assert written.count(b"HTTP/1.1 200 ") == 2
    assert b"authorization" not in written
    assert b"x-api-key" not in written


@pytest.mark.parametrize("is_chunked", [True, False])
def test_who_goes_on_sending_reads_the_refusal_and_no_reset(run: Run, is_chunked: bool) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            told = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: 9000000"
            caller.send(b"POST / HTTP/1.1\r\n" + told + b"\r\n\r\n")
            for _ in range(90):
                caller.send(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
                await caller.writer.drain()
            answer = await caller.answer()
            assert (answer.status, answer.body) == (413, b"body_too_large")
            assert await caller.is_ended()
            assert place.state.connections

    run(story())


@pytest.mark.usefixtures("quick")
def test_lingering_ends_when_the_caller_is_silent_and_some_day_anyway(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            caller.send(b"POST / HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n")
            for _ in range(8):
                caller.send(b"x" * 1000)
                await asyncio.sleep(0.015)
            assert place.state.connections
            await place.until_gone()
            monkeypatch.setattr(protocol, "MOST_LINGER_S", 0.1)
            stubborn = await place.caller()
            stubborn.send(b"POST / HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n")
            with contextlib.suppress(OSError):
                async with asyncio.timeout(1):
                    while place.answers.faults == ["body_too_large"] or place.state.connections:
                        stubborn.send(b"x" * 1000)
                        await asyncio.sleep(0.005)
            await place.until_gone()
            assert len(place.answers.faults) == 2

    run(story())


@pytest.mark.parametrize("seed", range(4))
def test_random_bytes_are_refused_or_answered(seed: int) -> None:
    chance = random.Random(seed)
    good = (
        get("/a")
        + post("/p", b"abc", b"Expect: 100-continue\r\n")
        + chunked("/c", [b"de"], H2C)
        + get("/stream", version="1.0")
    )
    for _ in range(60):
        if chance.random() < 0.3:
            data = chance.randbytes(chance.randrange(1, 400))
        else:
            changed = bytearray(good)
            for _ in range(chance.randrange(1, 4)):
                at = chance.randrange(len(changed))
                changed[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
            data = bytes(changed)
        written, place = feed(cut_at(data, [chance.randrange(1000) for _ in range(chance.randrange(6))]))
        statuses = {int(part[:3]) for part in written.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()}
        assert statuses <= {100, 200, 400, 413, 431}, data
        assert place.answers.cancelled == 0
        assert len(place.answers.faults) <= 1


# -- time


@pytest.mark.usefixtures("quick")
def test_slow_callers_are_let_go(run: Run) -> None:
    async def story() -> None:
        async with house(keep_alive_s=0.05) as place:
            silent, slow_line, slow_head, slow_body, idle = [await place.caller() for _ in range(5)]
            slow_line.send(b"GET")
            slow_head.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
            slow_body.send(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nx")
            idle.send(get("/a"))
            assert (await idle.answer()).status == 200
            for caller in (silent, slow_line, slow_head, idle):
                assert await caller.is_ended()
            assert (await slow_body.answer()).body == b"body_too_slow"
            assert await slow_body.is_ended()
            assert place.answers.faults == ["body_too_slow"]
            behind = await place.caller()
            behind.send(get("/wait") + b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nx")
            await asyncio.sleep(0.13)
            assert place.answers.faults == ["body_too_slow"]
            place.answers.go.set()
            assert (await behind.answer()).body == b"waited"
            assert (await behind.answer()).body == b"body_too_slow"

    run(story())


@pytest.mark.usefixtures("quick")
def test_who_waits_for_an_answer_and_who_asks_again_in_time_is_not_let_go(run: Run) -> None:
    async def story() -> None:
        async with house(keep_alive_s=0.08) as place:
            caller = await place.caller()
            for _ in range(3):
                caller.send(get("/a"))
                assert (await caller.answer()).status == 200
                await asyncio.sleep(0.03)
            caller.send(get("/wait"))
            await asyncio.sleep(0.12)
            place.answers.go.set()
            assert (await caller.answer()).body == b"waited"

    run(story())


# -- callers who leave, and connections that are broken


@pytest.mark.parametrize("way", ["close", "reset", "half"])
@pytest.mark.parametrize("path", ["/wait", "/flood"])
def test_who_leaves_in_the_midst_cancels_once(run: Run, path: str, way: str) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            caller.send(get(path) + get("/behind"))
            await place.until(lambda: bool(place.answers.asked))
            if way == "half":
                caller.writer.write_eof()
                drained = asyncio.create_task(caller.reader.read())
                await asyncio.wait_for(drained, 3)
            elif way == "reset":
                caller.writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
                )
                caller.writer.transport.abort()
            else:
                await caller.leave()
            await place.until_gone()
            assert place.answers.cancelled == 1
            assert place.answers.asked == [path.encode()]

    run(story())


def test_who_leaves_after_the_answer_cancels_nothing(run: Run) -> None:
    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            caller.send(get("/after"))
            assert (await caller.answer()).body == b"after"
            await caller.leave()
            await place.until(lambda: not place.state.connections)
            await asyncio.sleep(0.02)
            assert place.state.tasks
            place.answers.go.set()
            await place.until_gone()
            assert place.answers.cancelled == 0

    run(story())


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_cut_answer_is_broken_off_and_its_task_goes_on(run: Run, version: str) -> None:
    """To a caller without chunks the end of the connection is the end of the answer: only a reset says that it is none."""

    async def story() -> None:
        async with house() as place:
            caller = await place.caller()
            caller.send(get("/cut", version=version))
            with pytest.raises(ConnectionResetError):
                await caller.answer()
            await place.until(lambda: not place.state.connections)
            assert place.state.tasks
            place.answers.go.set()
            await place.until_gone()
            assert place.answers.cancelled == 0

    run(story())


# -- callers who do not read


async def _stands_still(count: Callable[[], int]) -> int:
    before = -1
    while (now := count()) != before:
        before = now
        await asyncio.sleep(0.03)
    return before


def _deaf_caller(place: House) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    made.connect(place.address)
    made.setblocking(False)
    return made


def test_a_stream_waits_for_its_reader_and_ends_with_it(run: Run) -> None:
    async def story() -> None:
        async with house() as place:
            with _deaf_caller(place) as deaf:
                loop, answers = asyncio.get_running_loop(), place.answers
                await loop.sock_sendall(deaf, get("/flood"))
                await place.until(lambda: answers.pieces > 0)
                stood = await _stands_still(lambda: answers.pieces)
                taken = 0
                while answers.pieces <= stood:
                    taken += len(await loop.sock_recv(deaf, 262_144))
                assert taken <= (stood + 40) * 65536
                await _stands_still(lambda: answers.pieces)
                assert place.state.tasks
            await place.until_gone()
            assert answers.cancelled == 1

    run(story())


def test_who_asks_on_without_reading_is_not_answered_on(run: Run) -> None:
    """Answers that nobody takes would fill the memory."""

    async def story() -> None:
        async with house() as place:
            with _deaf_caller(place) as deaf:
                loop, answers = asyncio.get_running_loop(), place.answers
                sending = asyncio.create_task(loop.sock_sendall(deaf, get("/big") * 80 + b"nonsense\r\n\r\n"))
                await place.until(lambda: bool(answers.asked))
                stood = await _stands_still(lambda: len(answers.asked))
                assert stood < 60
                got = bytearray()
                while data := await loop.sock_recv(deaf, 1 << 20):
                    got += data
                await sending
                assert got.count(b"HTTP/1.1 200 ") == 80
                assert got.count(b"HTTP/1.1 400 ") == 1
                assert answers.most_at_once == 1

    run(story())


@pytest.mark.usefixtures("quick")
def test_who_never_takes_an_answer_is_let_go(run: Run) -> None:
    async def story() -> None:
        async with house(keep_alive_s=0.05) as place:
            for more in (b"", b"Connection: close\r\n"):
                with _deaf_caller(place) as deaf:
                    asked = get("/big", more) * 40 if not more else get("/big") * 39 + get("/big", more)
                    await asyncio.get_running_loop().sock_sendall(deaf, asked)
                    await place.until(lambda: bool(place.state.connections))
                    await place.until_gone()
            assert place.answers.cancelled == 0

    run(story())


# -- the server's end


def test_at_the_end_idle_connections_close_and_calls_are_answered(run: Run) -> None:
    async def story() -> None:
        async with house() as place:
            idle, fresh, half, served, streaming = [await place.caller() for _ in range(5)]
            idle.send(get("/a"))
            assert (await idle.answer()).status == 200
            half.send(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab")
            served.send(get("/wait") + get("/behind"))
            streaming.send(get("/flood"))
            await place.until(lambda: len(place.answers.asked) == 3 and len(place.state.connections) == 5)
            for connection in list(place.state.connections):
                connection.shutdown()
            for caller in (idle, fresh, half):
                assert await caller.is_ended()
            place.answers.go.set()
            answer = await served.answer()
            assert (answer.body, answer.headers["connection"]) == (b"waited", "close")
            assert await served.is_ended()
            assert set((await streaming.answer()).body) == {ord("x")}
            assert await streaming.is_ended()
            await place.until_gone()
            assert b"/behind" not in place.answers.asked

    run(story())

"""Connections of our own to an upstream: answers however they are cut, what is kept, what is dropped, who waits."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, ClassVar, cast

import pytest
import uvloop
from scripted_upstream import Scripted, scripted
from test_asking import CHAT, MOST, SLACK_S, client, failure

from jitsuri.providers.shapes import Timeouts, Upstream
from jitsuri.providers.wire import connecting, receiving
from jitsuri.providers.wire.asking import LARGE_BODY, Client, Reply
from jitsuri.providers.wire.receiving import MOST_UNREAD, Wire
from jitsuri.providers.wire.unpacking import MOST_AT_ONCE, Unpacker

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"6\r\nhello \r\n5;x=y\r\nworld\r\n0\r\nX-Trailer: of no use\r\n\r\n"
)
WAITS = Timeouts(connect_s=2, first_byte_s=5, between_s=5, whole_s=20)

Story = Callable[[Client, Upstream], Awaitable[Any]]


def at(server: Scripted, **more: Any) -> Upstream:
    url = f"http://127.0.0.1:{server.port}"
    return Upstream("手前", "compatible", "openai", url, "見本", **({"timeouts": WAITS} | more))


async def ask(asks: Client, one: Upstream, body: bytes = b"{}") -> Reply:
    return await asks.ask(one, CHAT, body, {})


async def whole(asks: Client, one: Upstream) -> bytes:
    return await (await ask(asks, one)).whole(MOST)


async def pieces(reply: Reply) -> list[bytes]:
    return [piece async for piece in reply.pieces()]


def run(story: Callable[[Client], Awaitable[Any]]) -> Any:
    async def told() -> Any:
        async with asyncio.timeout(30), client() as asks:
            return await story(asks)

    return uvloop.run(told())


@pytest.mark.parametrize("way", ["whole", "pieces"])
@pytest.mark.parametrize(("answer", "told"), [(PLAIN, b"hello"), (CHUNKED, b"hello world")])
def test_an_answer_may_come_byte_by_byte(answer: bytes, told: bytes, way: str) -> None:
    async def story(asks: Client) -> None:
        async with scripted([bytes([one]) for one in answer]) as server:
            for _ in range(2):
                reply = await ask(asks, at(server))
                assert (reply.status, reply.headers["CONTENT-TYPE"][:5]) == (200, "text/")
                found = await reply.whole(MOST) if way == "whole" else b"".join(await pieces(reply))
                assert found == told
            assert server.asked == [1, 1]

    run(story)


def test_an_answer_may_be_cut_anywhere_and_its_connection_is_used_again() -> None:
    async def story(asks: Client) -> None:
        cuts = range(1, len(CHUNKED))
        async with scripted(*[[CHUNKED[:cut], CHUNKED[cut:]] for cut in cuts]) as server:
            for _ in cuts:
                assert await whole(asks, at(server)) == b"hello world"
            assert set(server.asked) == {1}

    run(story)


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 150 Own\r\nContent-Length: 3\r\n\r\nxyz",
    ],
)
def test_an_interim_answer_is_passed_over(interim: bytes) -> None:
    async def story(asks: Client) -> None:
        cut = [bytes([one]) for one in interim]
        async with scripted(interim + PLAIN, [interim, PLAIN], [*cut, PLAIN], PLAIN) as server:
            for _ in range(4):
                reply = await ask(asks, at(server))
                assert await reply.whole(MOST) == b"hello"
                assert sorted(reply.headers) == ["Content-Length", "Content-Type"]
            assert server.asked == [1, 1, 1, 1]

    run(story)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (receiving.LONGEST_HEAD + 65536),
    ],
)
def test_what_is_no_answer_to_this_request_is_broken(answer: bytes) -> None:
    async def story(asks: Client) -> None:
        async with scripted(answer, PLAIN) as server:
            error = await failure(ask(asks, at(server)))
            assert (error.code, error.is_retryable) == ("upstream_broken", False)
            assert await whole(asks, at(server)) == b"hello"
            assert server.connections == 2

    run(story)


def test_chunks_that_say_much_and_hold_nothing_are_broken() -> None:
    async def story(asks: Client) -> None:
        async def endless(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

        async with scripted(endless) as server:
            assert (await failure(whole(asks, at(server)))).code == "upstream_broken"

    run(story)


@pytest.mark.parametrize("after", [PLAIN, b"HTTP/1.1 2", b"H", b"garbage"])
def test_what_comes_after_an_answer_is_no_answer_to_the_next_request(after: bytes) -> None:
    async def story(asks: Client) -> None:
        other = PLAIN.replace(b"hello", b"other")
        async with scripted(PLAIN + after, other) as server:
            assert await whole(asks, at(server)) == b"hello"
            assert await whole(asks, at(server)) == b"other"
            assert server.asked == [1, 2]

    run(story)


def test_what_comes_on_an_idle_connection_closes_it() -> None:
    async def story(asks: Client) -> None:
        other = PLAIN.replace(b"hello", b"other")
        async with scripted([PLAIN, PLAIN], other) as server:
            assert await whole(asks, at(server)) == b"hello"
            await asyncio.sleep(0.05)
            assert await whole(asks, at(server)) == b"other"
            assert server.asked == [1, 2]

    run(story)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_that_has_no_body_by_its_status_has_none(status: bytes) -> None:
    async def story(asks: Client) -> None:
        bare = b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n"
        async with scripted(bare, PLAIN) as server:
            assert await whole(asks, at(server)) == b""
            assert await whole(asks, at(server)) == b"hello"
            assert server.asked == [1, 1]

    run(story)


def test_the_answer_to_a_head_request_has_no_body() -> None:
    async def story(asks: Client) -> None:
        bare = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        async with scripted(bare, PLAIN) as server:
            reply = await asks.ask(at(server), "/models", b"", {}, method="HEAD")
            assert (reply.headers["content-length"], await reply.whole(MOST)) == ("5", b"")
            assert await whole(asks, at(server)) == b"hello"

    run(story)


@pytest.mark.parametrize("way", ["whole", "pieces"])
@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nX: y\r\n\r\n"])
def test_a_body_without_a_length_ends_with_its_connection(head: bytes, way: str) -> None:
    async def story(asks: Client) -> None:
        async with scripted([head, b"hel", b"lo"], is_last=True) as server:
            for _ in range(2):
                reply = await ask(asks, at(server))
                found = await reply.whole(MOST) if way == "whole" else b"".join(await pieces(reply))
                assert found == b"hello"
            assert server.connections == 2

    run(story)


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nConnection: close\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\nconnection: Close\r\n"],
)
def test_a_connection_that_the_upstream_gives_up_is_not_used_again(head: bytes) -> None:
    async def story(asks: Client) -> None:
        async with scripted(head + b"content-length: 5\r\n\r\nhello") as server:
            assert [await whole(asks, at(server)) for _ in range(2)] == [b"hello", b"hello"]
            assert server.asked == [1, 2]

    run(story)


@pytest.mark.parametrize("cut", [20, 60, len(PLAIN) - 5, len(PLAIN) - 2])
@pytest.mark.parametrize("answer", [PLAIN, CHUNKED])
def test_an_answer_that_ends_early_is_broken_after_what_has_come_of_it(answer: bytes, cut: int) -> None:
    async def story(asks: Client) -> None:
        async with scripted(answer[:cut], is_last=True) as server:

            async def read() -> None:
                reply = await ask(asks, at(server))
                async for piece in reply.pieces():
                    assert piece in b"hello"

            error = await failure(read())
            assert (error.code, error.is_retryable) == ("upstream_broken", False)
            assert asks._lines["手前"].under_way == set()

    run(story)


def test_a_connection_that_ends_between_head_and_body_is_broken_when_it_is_read() -> None:
    async def story(asks: Client) -> None:
        async def cut(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            await asyncio.sleep(0.05)
            writer.transport.abort()

        async with scripted(cut) as server:
            reply = await ask(asks, at(server))
            await asyncio.sleep(0.1)
            error = await failure(reply.whole(MOST))
            assert (error.code, error.is_retryable) == ("upstream_broken", False)

    run(story)


def test_an_idle_connection_that_the_upstream_closes_is_gone_at_once() -> None:
    async def story(asks: Client) -> None:
        async with scripted(PLAIN) as server:
            assert await whole(asks, at(server)) == b"hello"
            pool = asks._lines["手前"].sender.pool
            assert len(pool._free) == pool._slots == 1
            server.writers[0].close()
            await asyncio.sleep(0.05)
            assert (pool._free, pool._slots, pool._wires) == ([], 0, set())
            assert await whole(asks, at(server)) == b"hello"
            assert server.asked == [1, 2]

    run(story)


def test_idle_connections_are_dropped_by_the_timer_the_eldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "KEPT_IDLE_AT_HOME_S", 0.3)

    async def story(asks: Client) -> None:
        async with scripted(CHUNKED) as server:
            one = at(server)
            replies = await asyncio.gather(*(ask(asks, one) for _ in range(3)))
            await asyncio.gather(*(reply.whole(MOST) for reply in replies))
            pool = asks._lines["手前"].sender.pool
            assert len(pool._free) == server.connections == 3
            for _ in range(3):
                await asyncio.sleep(0.15)
                await whole(asks, one)
            assert (len(pool._free), pool._slots, server.gone) == (1, 1, 2)
            await asyncio.sleep(0.5)
            assert (len(pool._free), pool._slots, server.gone) == (0, 0, 3)
            assert pool._idle_timer is None

    run(story)


@pytest.mark.parametrize("packing", ["gzip", "Deflate", "bare"])
@pytest.mark.parametrize("is_cut", [False, True])
def test_packed_bodies_are_unpacked(packing: str, is_cut: bool) -> None:
    text = bytes(range(256)) * 40
    packed = {"gzip": gzip.compress(text), "Deflate": zlib.compress(text), "bare": zlib.compress(text)[2:-4]}[packing]
    named = b"gzip" if packing == "gzip" else b"Deflate"
    head = b"HTTP/1.1 200 OK\r\ncontent-ENCODING: %b\r\nContent-Length: %d\r\n\r\n" % (named, len(packed))

    async def story(asks: Client) -> None:
        cut = [head, *(packed[n : n + 40] for n in range(0, len(packed), 40))]
        async with scripted(cut if is_cut else head + packed) as server:
            assert await whole(asks, at(server)) == text
            assert b"".join(await pieces(await ask(asks, at(server)))) == text
            assert server.asked == [1, 1]

    run(story)


def test_a_packed_body_that_is_none_is_broken() -> None:
    async def story(asks: Client) -> None:
        false = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: 5\r\n\r\n"
        async with scripted(
            false % b"gzip" + b"hello", false % b"deflate" + zlib.compress(b"x" * 99)[:5], PLAIN
        ) as server:
            for _ in range(2):
                assert (await failure(whole(asks, at(server)))).code == "upstream_broken"
            assert await whole(asks, at(server)) == b"hello"

    run(story)


def test_a_small_packed_body_cannot_fill_the_memory() -> None:
    packed = gzip.compress(bytes(64 * 2**20))

    async def story(asks: Client) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
        async with scripted(head + packed) as server:
            assert (await failure((await ask(asks, at(server))).whole(10**6))).code == "upstream_too_large"
            found = await pieces(await ask(asks, at(server)))
            assert max(map(len, found)) <= MOST_AT_ONCE
            assert sum(map(len, found)) == 64 * 2**20

    run(story)


@pytest.mark.parametrize("step", [1, 7, 10**6])
def test_unpacking_several_in_a_row(step: int) -> None:
    packed = gzip.compress(b"a" * 3 * MOST_AT_ONCE) + gzip.compress(b"") + gzip.compress(b"b" * 10)
    unpacker, found = Unpacker(b"gzip"), b""
    for n in range(0, len(packed), step):
        found += unpacker.piece(packed[n : n + step])
        while unpacker.has_more:
            found += unpacker.piece(b"")
    unpacker.end()
    assert found == b"a" * 3 * MOST_AT_ONCE + b"b" * 10


def test_an_answer_that_nobody_reads_makes_the_upstream_wait() -> None:
    sent = 0
    length = 64 * 2**20

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
        while sent < length:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    async def story(asks: Client) -> None:
        async with scripted(flood, PLAIN) as server:
            reply = await ask(asks, at(server))
            await asyncio.sleep(0.2)
            stood = sent
            assert stood < length / 2
            wire = reply.wire
            assert isinstance(wire, Wire)
            assert sum(map(len, wire.parts)) <= MOST_UNREAD + 2**18
            await asyncio.sleep(0.1)
            assert sent == stood
            got = 0
            async for piece in reply.pieces():
                got += len(piece)
                if not got % 7:
                    await asyncio.sleep(0.001)
            assert got == length
            assert await whole(asks, at(server)) == b"hello"
            assert server.asked == [1, 1]

    run(story)


def test_an_answer_left_while_the_upstream_waits_is_dropped_or_comes_to_its_end() -> None:
    length = 2**21

    async def story(asks: Client) -> None:
        many = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + bytes(length)
        async with scripted(many, PLAIN) as server:
            reply = await ask(asks, at(server))
            await asyncio.sleep(0.1)
            reply.release()
            await asyncio.sleep(0.3)
            assert await whole(asks, at(server)) == b"hello"
            assert server.asked == [1, 1]
            assert asks._lines["手前"].under_way == set()

    run(story)


def test_a_whole_answer_longer_than_the_bound_of_what_lies_unread_arrives() -> None:
    text = bytes(range(256)) * 2**13

    async def story(asks: Client) -> None:
        async with scripted(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text) as server:
            for _ in range(3):
                reply = await ask(asks, at(server))
                await asyncio.sleep(0.05)
                assert await reply.whole(MOST) == text
            assert server.asked == [1, 1, 1]

    run(story)


class _Early(asyncio.Protocol):
    """Answers at a request's first bytes and reads no more of a long one."""

    made: ClassVar[list[asyncio.Transport]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.made.append(self.transport)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def data_received(self, data: bytes) -> None:
        if len(data) > 1000:
            self.transport.pause_reading()
        self.transport.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")


def test_an_answer_that_comes_before_the_request_has_gone_is_told_and_its_connection_closed() -> None:
    async def story(asks: Client) -> None:
        _Early.made.clear()
        server = await asyncio.get_running_loop().create_server(_Early, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        one = Upstream("手前", "compatible", "openai", f"http://127.0.0.1:{port}", "見本", timeouts=WAITS)
        try:
            assert await whole(asks, one) == b"large"
            pool = asks._lines["手前"].sender.pool
            ours = pool._free[0].transport.get_extra_info("socket")
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            reply = await ask(asks, one, b"x" * (LARGE_BODY - 1))
            assert (reply.status, await reply.whole(MOST)) == (413, b"large")
            assert (len(_Early.made), pool._slots, pool._free) == (1, 0, [])
        finally:
            for transport in _Early.made:
                transport.resume_reading()
                transport.abort()
            server.close()

    run(story)


def test_who_waits_for_a_connection_gets_the_next_that_is_free_in_order() -> None:
    async def story(asks: Client) -> None:
        async def slow(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.03)
            writer.write(PLAIN)

        async with scripted(slow) as server:
            one = at(server, most_connections=2)
            ended: list[int] = []

            async def asked(number: int) -> None:
                assert await whole(asks, one) == b"hello"
                ended.append(number)

            tasks = []
            for number in range(12):
                tasks.append(asyncio.create_task(asked(number)))
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)
            tasks[5].cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert [number for number, told in enumerate(done) if told is not None] == [5]
            assert [n // 2 for n in ended[:4]] == [0, 0, 1, 1]
            assert sorted(ended) == [n for n in range(12) if n != 5]
            assert all(before < after + 2 for before, after in pairwise(ended))
            assert (server.connections, len(server.asked)) == (2, 11)
            pool = asks._lines["手前"].sender.pool
            assert (pool._slots, len(pool._free), len(pool._waiters)) == (2, 2, 0)

    run(story)


def test_a_connection_closed_while_others_wait_makes_room_for_a_new_one() -> None:
    async def story(asks: Client) -> None:
        async def silent(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(10)

        async with scripted(silent, PLAIN) as server:
            one = at(server, most_connections=1)
            held = asyncio.create_task(ask(asks, one))
            await asyncio.sleep(0.05)
            waiting = [asyncio.create_task(whole(asks, one)) for _ in range(3)]
            await asyncio.sleep(0.05)
            held.cancel()
            assert await asyncio.gather(*waiting) == [b"hello"] * 3
            assert server.asked == [1, 2, 2, 2]

    run(story)


def test_who_waits_in_vain_is_told_that_all_are_in_use_and_takes_no_place() -> None:
    async def story(asks: Client) -> None:
        async with scripted([PLAIN[:-1]] + [b""] * 300 + [PLAIN[-1:]], PLAIN) as server:
            one = at(server, most_connections=1, timeouts=Timeouts(0.2, 5, 5, 5))
            reply = await ask(asks, one)
            before_s = asyncio.get_running_loop().time()
            errors = await asyncio.gather(*(failure(ask(asks, one)) for _ in range(3)))
            assert {(error.code, error.is_retryable) for error in errors} == {("upstream_full", True)}
            assert 0.19 <= asyncio.get_running_loop().time() - before_s < 0.2 + SLACK_S
            assert await reply.whole(MOST) == b"hello"
            assert await whole(asks, one) == b"hello"
            pool = asks._lines["手前"].sender.pool
            assert (pool._slots, len(pool._waiters), server.asked) == (1, 0, [1, 1])

    run(story)


def test_long_bodies_and_our_own_connections_share_one_limit() -> None:
    async def story(asks: Client) -> None:
        async with scripted(PLAIN) as server:
            one = at(server, most_connections=1)
            large = b"x" * LARGE_BODY
            for body in (b"{}", large, b"{}", large, large, b"{}"):
                assert await (await ask(asks, one, body)).whole(MOST) == b"hello"
            bodies = [large if n % 3 == 0 else b"{}" for n in range(12)]

            async def asked(body: bytes) -> bytes:
                return await (await ask(asks, one, body)).whole(MOST)

            assert await asyncio.gather(*map(asked, bodies)) == [b"hello"] * 12
            pool = asks._lines["手前"].sender.pool
            assert (pool._slots, len(pool._waiters)) in ((0, 0), (1, 0))

    run(story)


def test_closing_the_client_sends_everybody_away_and_closes_every_connection() -> None:
    async def story() -> None:
        async def silent(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(10)

        async with scripted(PLAIN, PLAIN[:-1], silent) as server:
            async with client() as asks:
                one = at(server, most_connections=2)
                await whole(asks, one)
                begun = await ask(asks, one)
                waiting = [asyncio.create_task(failure(ask(asks, one))) for _ in range(3)]
                await asyncio.sleep(0.05)
                pool = asks._lines["手前"].sender.pool
            assert {error.code for error in await asyncio.gather(*waiting)} == {"upstream_broken"}
            assert begun._is_done
            assert (pool._wires, pool._free) == (set(), [])
            await asyncio.sleep(0.05)
            assert server.connections == 2

    uvloop.run(story())


def test_the_callers_headers_are_joined_once_for_each_set_and_key() -> None:
    async def story(asks: Client) -> None:
        async with scripted(PLAIN) as server:
            for n in range(600):
                headers = {"content-type": "application/json", "traceparent": f"{n % 300:x}"}
                assert await (await asks.ask(at(server), CHAT, b"{}", headers)).whole(MOST) == b"hello"
            assert 0 < len(asks._lines["手前"]._joined) <= 256

    run(story)


@pytest.mark.parametrize("loop", ["plain", "uvloop"])
def test_it_runs_on_either_loop(loop: str) -> None:
    async def story() -> None:
        async with scripted(PLAIN, CHUNKED, [PLAIN[:-2], PLAIN[-2:]]) as server, client() as asks:
            for told in (b"hello", b"hello world", b"hello"):
                assert await whole(asks, at(server)) == told
            reply = await ask(asks, at(server))
            reply.close()
            assert server.asked == [1, 1, 1, 1]
            await asyncio.sleep(0.05)
            assert server.gone == 1

    (asyncio.run if loop == "plain" else uvloop.run)(story())

"""What one request to an upstream costs the gateway, in microseconds of processor time: the table of decision 0019.

    taskset -c 0 python bench/upstream_client.py [--rounds 12] [--calls 1600]

The upstream is another process (pinned to the second core where there is one): a bare uvloop protocol that answers every
POST with 1.5 KB of JSON, or with 64 events of 160 bytes. Measured in turns, so that a noisy machine is noisy for all; told
are the least and the median of the rounds. ``floor`` is a client of forty lines over the same parser that uvicorn uses,
without TLS, proxies, time-outs or limits: what no client in Python goes below.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import multiprocessing
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import cast

import aiohttp
import httptools
import uvloop
from yarl import URL

from jitsuri.providers.live import Breakers
from jitsuri.providers.shapes import Upstream
from jitsuri.providers.wire.asking import Client
from jitsuri.providers.wire.keying import Keys

BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 1000 + b'"}]}'
HEADERS = {"authorization": "Bearer sk-0123456789", "content-type": "application/json", "accept-encoding": "identity"}
ANSWER = (
    b'{"choices":[{"message":{"content":"' + b"x" * 1400 + b'"}}],"usage":{"prompt_tokens":10,"completion_tokens":5}}'
)
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: r\r\ncontent-length: %d\r\n\r\n%b" % (
    len(ANSWER),
    ANSWER,
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: r\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"y" * 90 + b'"}}]}\n\n'
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
EVENTS = 64

Asking = Callable[[], Awaitable[object]]


class _Upstream(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.waiting = b""
        self.left = 0

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        end = self.waiting.find(b"\r\n\r\n")
        if end < 0 or len(self.waiting) < end + 4 + len(BODY):
            return
        is_stream, self.waiting = b" /stream" in self.waiting[:20], b""
        if is_stream:
            self.transport.write(HEAD)
            self.left = EVENTS
            self.send()
        else:
            self.transport.write(WHOLE)

    def send(self) -> None:
        if self.left == 0 or self.transport.is_closing():
            self.transport.write(b"0\r\n\r\n")
            return
        self.transport.write(CHUNK)
        self.left -= 1
        asyncio.get_running_loop().call_soon(self.send)


def serve(told: Connection) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", 0, backlog=1024)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    if len(os.sched_getaffinity(os.getppid())) == 1 and (os.cpu_count() or 1) > 1:
        others = set(range(os.cpu_count() or 1)) - os.sched_getaffinity(os.getppid())
        os.sched_setaffinity(0, {min(others)})
    uvloop.run(main())


class _Floor(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpResponseParser(self)
        self.parts: list[bytes] = []
        self.answered: asyncio.Future[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self.parts.append(part)

    def on_message_complete(self) -> None:
        assert self.answered is not None
        self.answered.set_result(b"".join(self.parts))
        self.parts = []


class Floor:
    def __init__(self, port: int) -> None:
        self.port = port
        self.free: list[_Floor] = []

    async def ask(self, path: str) -> bytes:
        loop = asyncio.get_running_loop()
        one = self.free.pop() if self.free else (await loop.create_connection(_Floor, "127.0.0.1", self.port))[1]
        one.answered = loop.create_future()
        lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}content-length: {len(BODY)}\r\n\r\n"
        one.transport.write(head.encode() + BODY)
        answer = await one.answered
        self.free.append(one)
        return answer


async def cost_us(ask: Asking, calls: int, at_once: int) -> float:
    """Processor time of this process per call, in microseconds."""

    async def worker() -> None:
        for _ in range(calls // at_once):
            await ask()

    before_s = time.process_time()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return (time.process_time() - before_s) / (calls // at_once * at_once) * 1e6


def askings(
    port: int, client: Client, plain: aiohttp.ClientSession, timed: aiohttp.ClientSession, floor: Floor
) -> dict[str, dict[str, Asking]]:
    upstream = Upstream("u", "compatible", "openai", f"http://127.0.0.1:{port}", "x", key_env="KEY")
    address = {name: URL(f"http://127.0.0.1:{port}/{name}") for name in ("whole", "stream")}

    async def bare(session: aiohttp.ClientSession, name: str) -> None:
        async with session.post(address[name], data=BODY, headers=HEADERS, allow_redirects=False) as answer:
            if name == "whole":
                await answer.read()
            else:
                async for _ in answer.content.iter_any():
                    pass

    async def whole() -> None:
        await (await client.ask(upstream, "/whole", BODY, {})).whole(1 << 24)

    async def stream() -> None:
        async for _ in (await client.ask(upstream, "/stream", BODY, {})).pieces():
            pass

    return {
        "whole": {
            "jitsuri Client": whole,
            "aiohttp, without time-outs of its own": lambda: bare(plain, "whole"),
            "aiohttp, with its time-outs": lambda: bare(timed, "whole"),
            "floor": lambda: floor.ask("/whole"),
        },
        "stream": {
            "jitsuri Client": stream,
            "aiohttp, without time-outs of its own": lambda: bare(plain, "stream"),
            "aiohttp, with its time-outs": lambda: bare(timed, "stream"),
            "floor": lambda: floor.ask("/stream"),
        },
    }


def add_httpx(found: dict[str, dict[str, Asking]], port: int) -> Callable[[], Awaitable[object]] | None:
    """httpx or its successor beside the others, where a vendor's library brought it along; what closes it."""
    name = next((name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)), None)
    if name is None:
        return None
    module = importlib.import_module(name)
    session = module.AsyncClient(timeout=60)
    address = f"http://127.0.0.1:{port}/whole"
    found["whole"][f"{name} {module.__version__}"] = lambda: session.post(address, content=BODY, headers=HEADERS)
    return cast(Callable[[], Awaitable[object]], session.aclose)


async def measure(port: int, rounds: int, calls: int) -> None:
    client = Client(Keys({"KEY": "sk-0123456789"}), {})
    plain = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
    timed = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600, connect=5, sock_read=60))
    found = askings(port, client, plain, timed, Floor(port))
    closing = add_httpx(found, port)
    print(f"aiohttp {aiohttp.__version__}, uvloop {uvloop.__version__}; µs of processor time per call, least / median")
    for kind, ways in found.items():
        for at_once in (1, 16):
            costs: dict[str, list[float]] = {name: [] for name in ways}
            count = calls if kind == "whole" else calls // 8
            for _ in range(rounds):
                for name, ask in ways.items():
                    costs[name].append(await cost_us(ask, count, at_once))
            for name, told in costs.items():
                print(f"{kind:6} {at_once:>2} at once  {name:40} {min(told):7.1f} / {statistics.median(told):7.1f}")
    await asyncio.gather(client.aclose(), plain.close(), timed.close())
    if closing is not None:
        await closing()


def measure_breakers() -> None:
    breakers = Breakers()
    breakers.report("u", "answered", 0.0)
    for name, ask in {
        "may_ask": lambda n: breakers.may_ask("u", n),
        "report": lambda n: breakers.report("u", "answered", n),
    }.items():
        began_s = time.process_time()
        for n in range(200_000):
            ask(n * 1e-4)
        print(f"breaker {name:8} {(time.process_time() - began_s) / 200_000 * 1e6:.2f} µs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--calls", type=int, default=1600)
    asked = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        uvloop.run(measure(ours.recv(), asked.rounds, asked.calls))
    finally:
        server.terminate()
        server.join()
    measure_breakers()


if __name__ == "__main__":
    main()

"""An upstream that sends what a test says, byte for byte and piece by piece, in the test's own loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Sending = Callable[[asyncio.StreamWriter], Awaitable[None]]
Answer = bytes | Iterable[bytes] | Sending
"""What is sent at once; in pieces, each by itself; or what a test does with the connection."""

PAUSE_S = 0.002


@dataclass
class Scripted:
    """Answers requests in turn, the last answer for all that follow."""

    answers: list[Answer]
    is_last: bool = False
    """Whether each connection is closed after its answer."""
    port: int = 0
    asked: list[int] = field(default_factory=list)
    """For each request the number of its connection, from 1."""
    connections: int = 0
    gone: int = 0
    """Connections that the other side has closed, or we."""
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self.writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if b"content-length: " in head:
                    await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
                self.asked.append(number)
                await self._answer(self.answers[min(len(self.asked), len(self.answers)) - 1], writer)
                if self.is_last:
                    break
        self.gone += 1
        writer.close()

    @staticmethod
    async def _answer(answer: Answer, writer: asyncio.StreamWriter) -> None:
        if callable(answer):
            await answer(writer)
        elif isinstance(answer, bytes):
            writer.write(answer)
        else:
            for piece in answer:
                writer.write(piece)
                await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def scripted(
    *answers: Answer, is_last: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Scripted]:
    made = Scripted(list(answers), is_last)
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for writer in made.writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)

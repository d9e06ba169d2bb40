"""What is asked, of whom, and how often: the cells, the targets, the requests as they go over the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Dialect = Literal["chat", "messages"]

PROMPT = (Path(__file__).resolve().parent / "prompt.txt").read_text("utf-8").strip()
SYSTEM = "You answer customers of a maker of machine parts. Be brief, exact and polite; say so when you do not know."


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of load. ``size`` is the request's body in bytes; pieces and pauses are what the upstream streams."""

    name: str
    connections: int
    says: str
    size: int = 1052
    dialect: Dialect = "chat"
    is_streamed: bool = False
    pieces: int = 64
    gap_us: int = 0

    @property
    def first(self) -> str:
        """The text whose coming is the first token of a stream."""
        return "piece" if self.is_streamed else ""

    @property
    def last(self) -> str:
        """What stands at the end of a whole stream."""
        return {"chat": "[DONE]", "messages": "message_stop"}[self.dialect] if self.is_streamed else ""


CELLS = {
    cell.name: cell
    for cell in (
        Cell("c1", 1, "1 KB, one at a time"),
        Cell("c16", 16, "1 KB, 16 at a time"),
        Cell("c64", 64, "1 KB, 64 at a time"),
        Cell("c256", 256, "1 KB, 256 at a time"),
        Cell("r30", 16, "30 KB prompt, 16 at a time", size=30_050),
        Cell("s16", 16, "streams of 64 pieces, 16 at a time", is_streamed=True),
        Cell("d16", 16, "streams of 64 pieces, 2 ms apart, 16 at a time", is_streamed=True, gap_us=2000),
        Cell("m16", 16, "messages dialect, 1 KB, 16 at a time", dialect="messages"),
        Cell("n16", 16, "messages dialect, streams of 64 pieces, 16 at a time", dialect="messages", is_streamed=True),
        Cell("t1", 1, "first token of a stream, pieces 4 ms apart", is_streamed=True, pieces=24, gap_us=4000),
    )
}
DEFAULT_CELLS = ("c1", "c16", "c64", "r30", "s16", "t1")


@dataclass(slots=True)
class Target:
    """Somebody who answers on loopback. ``pid`` heads the tree whose processor time and memory count."""

    name: str
    port: int
    path: str = "/v1/chat/completions"
    key: str = "unused"
    models: dict[Dialect, str] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    pid: int | None = None

    def path_of(self, dialect: Dialect) -> str:
        return self.path if dialect == "chat" else self.path.replace("/chat/completions", "/messages")


def body_of(cell: Cell, model: str) -> bytes:
    """A request's body of ``cell.size`` bytes or a few less (a Japanese letter takes three)."""
    chat = cell.dialect == "chat"
    document: dict[str, object] = {"model": model, "max_tokens": 256, "temperature": 0.2}
    if cell.is_streamed:
        document["stream"] = True
    if cell.is_streamed and chat:
        document["stream_options"] = {"include_usage": True}
    if not chat:
        document["system"] = SYSTEM
    before = [{"role": "system", "content": SYSTEM}] if chat else []

    def written(text: str) -> bytes:
        messages = [*before, {"role": "user", "content": text}]
        return json.dumps({**document, "messages": messages}, ensure_ascii=False, separators=(",", ":")).encode()

    room = cell.size - len(written(""))
    repeated = (PROMPT * (room // len(PROMPT.encode()) + 1)).encode()[:room].decode("utf-8", "ignore")
    return written(repeated)


def request_of(target: Target, cell: Cell) -> bytes:
    """The whole request, head and body."""
    body = body_of(cell, target.models.get(cell.dialect, "gpt-4o-mini"))
    head = [
        f"POST {target.path_of(cell.dialect)} HTTP/1.1",
        f"host: 127.0.0.1:{target.port}",
        "content-type: application/json",
        "accept: application/json",
        "user-agent: bench",
        f"authorization: Bearer {target.key}",
        f"content-length: {len(body)}",
        *target.headers,
    ]
    if cell.dialect == "messages":
        head += [f"x-api-key: {target.key}", "anthropic-version: 2023-06-01"]
    return "\r\n".join([*head, "", ""]).encode() + body

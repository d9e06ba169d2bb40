"""Server-sent events: splitting a stream into them whatever its chunks, and making those of both dialects.

An event ends with an empty line; lines end with LF, CR LF or CR. A raw event keeps its bytes, so that joining all raw
events gives the stream back. A CR at the end of what has come may be half a CR LF: the event then waits for the next
byte, or for ``rest``. Source: WHATWG HTML, 9.2 Server-sent events (read 2026-11-26).
"""

from __future__ import annotations

import re

from jitsuri.terms.errors import UpstreamError

LARGEST_EVENT = 32 * 1024 * 1024
"""Bytes of one event. A picture inside an event takes some 10 MB; more is no event any more (decision 0018)."""

DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
"""A comment: keeps a connection alive, tells nothing."""
_BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb"\r\n|\n|\r")
_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_LONGEST_BOUNDARY = 4


class Events:
    """Splits a stream into raw events, whatever its chunks; holds at most one unfinished event."""

    __slots__ = ("_buffer", "_has_begun")

    def __init__(self) -> None:
        self._buffer = b""
        self._has_begun = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Events that are complete now, each with its empty line; may be none.

        Raises UpstreamError ``stream_event_too_big``.
        """
        if not self._has_begun:
            chunk = self._begun(chunk)
        if not self._buffer and b"\r" not in chunk:
            end = chunk.find(b"\n\n") + 2
            if end == len(chunk) > 1:
                return [chunk]
            if chunk[-2:] == b"\n\n" != chunk[-3:-1]:
                return _split(chunk)
        seen = len(self._buffer)
        buffer = self._buffer + chunk if seen else chunk
        events: list[bytes] = []
        start = 0
        for found in _BOUNDARY.finditer(buffer, max(0, seen - _LONGEST_BOUNDARY + 1)):
            end = found.end()
            if end == len(buffer) and buffer[-1:] == b"\r":
                break
            events.append(buffer[start:end])
            start = end
        self._buffer = buffer[start:]
        if len(self._buffer) > LARGEST_EVENT:
            raise UpstreamError("stream_event_too_big", is_retryable=False, limit_mb=LARGEST_EVENT // 2**20)
        return events

    def rest(self) -> bytes:
        """What came after the last complete event; nothing is held afterwards."""
        left, self._buffer = self._buffer, b""
        return left

    def _begun(self, chunk: bytes) -> bytes:
        """The first bytes without a byte-order mark: the vendors' libraries take it for part of a field's name."""
        head = self._buffer + chunk
        self._buffer = b""
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._buffer = head
            return b""
        self._has_begun = True
        return head.removeprefix(_BOM)


def _split(chunk: bytes) -> list[bytes]:
    """A usual chunk: whole events with LF."""
    events: list[bytes] = []
    start = 0
    end = chunk.find(b"\n\n") + 2
    while end > 1:
        events.append(chunk[start:end])
        start = end
        end = chunk.find(b"\n\n", start) + 2
    return events


def data_of(event: bytes) -> bytes:
    """The data of a raw event, its lines joined; b'' where it has none."""
    if event.startswith(b"data: ") and event.find(b"\n") == len(event) - 2 and b"\r" not in event:
        return event[6:-2]
    lines = []
    for line in _LINE.split(event):
        if line.startswith(b"data:"):
            lines.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line == b"data":
            lines.append(b"")
    return b"\n".join(lines)


def name_of(event: bytes) -> str:
    """The name of a raw event; '' where it has none."""
    name = b""
    for line in _LINE.split(event):
        if line.startswith(b"event:"):
            name = line[7:] if line[6:7] == b" " else line[6:]
    return name.decode("utf-8", "replace")


def openai_event(data: bytes) -> bytes:
    """One chunk of a chat completion as an event."""
    return b"data: " + data + b"\n\n"


def anthropic_event(name: str, data: bytes) -> bytes:
    """One event of the Messages API; its name is also the ``type`` in its data."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"

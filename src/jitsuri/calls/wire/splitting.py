"""Text bytes become records: lines of a JSON-lines file, and records of a table, which may span lines.

Memory stays within the longest record allowed and one block, whatever the file: a longer one is passed over, counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from jitsuri.calls.shapes import Fault

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A call's context is some megabytes of text (a million tokens); 64 MiB leave room for images (decision 0004)."""

MOST_LINES_OF_A_RECORD = 10_000
"""A table's record over more lines is one whose opening quote was never closed."""

Record = tuple[int, bytes | Fault]


def lines_of(blocks: Iterator[bytes], max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[Record]:
    """``(line number from 1, line)`` without line ends and blank lines; ``Fault`` ``line_too_long`` with its bytes."""
    for number, line in _numbered(blocks, max_line_bytes):
        if isinstance(line, Fault) or (line := line.rstrip()):
            yield number, line


def table_records_of(blocks: Iterator[bytes], max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[Record]:
    """``(number of its first line, record)`` of a CSV or TSV; quoted line ends are text (RFC 4180).

    Faults: ``line_too_long``; ``csv_quote_open`` for a line whose quote no later line closes; the next one is read.
    """
    ahead: deque[tuple[int, bytes | Fault]] = deque()
    source = _numbered(blocks, max_line_bytes)
    while True:
        first = ahead.popleft() if ahead else next(source, None)
        if first is None:
            return
        number, line = first
        if isinstance(line, Fault):
            yield number, line
        elif line.count(b'"') % 2 == 0:
            if line := line.rstrip(b"\r"):
                yield number, line
        else:
            yield number, _closed(number, line, ahead, source, max_line_bytes)


def _closed(
    number: int, line: bytes, ahead: deque[Record], source: Iterator[Record], max_line_bytes: int
) -> bytes | Fault:
    """The record that begins in this line with an open quote; lines read in vain are put back."""
    held: list[Record] = []
    parts, size = [line], len(line)
    while len(held) < MOST_LINES_OF_A_RECORD and size <= max_line_bytes:
        following = ahead.popleft() if ahead else next(source, None)
        if following is None:
            break
        held.append(following)
        more = following[1]
        if isinstance(more, Fault):
            break
        parts.append(more)
        size += len(more) + 1
        if more.count(b'"') % 2:
            return b"\n".join(parts).rstrip(b"\r")
    ahead.extendleft(reversed(held))
    return Fault(number, "csv_quote_open")


def _numbered(blocks: Iterator[bytes], max_line_bytes: int) -> Iterator[Record]:
    """Every line with its number, blank ones too. A line too long is never held as a whole."""
    number = 1
    held: list[bytes] = []
    size = 0
    for block in blocks:
        first, *others = block.split(b"\n")
        size += len(first)
        if size <= max_line_bytes:
            held.append(first)
        else:
            held.clear()
        if not others:
            continue
        yield number, _line(held, size, number, max_line_bytes)
        last = others.pop()
        for line in others:
            number += 1
            yield number, line if len(line) <= max_line_bytes else _too_long(number, len(line))
        number += 1
        size = len(last)
        held = [last] if size <= max_line_bytes else []
    if size:
        yield number, _line(held, size, number, max_line_bytes)


def _line(held: list[bytes], size: int, number: int, max_line_bytes: int) -> bytes | Fault:
    return b"".join(held) if size <= max_line_bytes else _too_long(number, size)


def _too_long(number: int, size: int) -> Fault:
    return Fault(number, "line_too_long", {"size": size})

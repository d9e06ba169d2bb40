"""A JSON document becomes its records, in constant memory: elements of one big array, of the list that an export object
holds (``{"data": […]}``, ``{"resourceSpans": […]}``), or JSON values one after the other.

Nothing is parsed here: brackets outside strings are counted, so that a record broken inside is still handed over as it is.
Spans of an OpenTelemetry export are handed over as ``{"resource": …, "span": …}``, each with the resource it came under.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from jitsuri.calls.shapes import Fault
from jitsuri.calls.wire.splitting import MAX_LINE_BYTES, Record

_TO_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+', re.DOTALL)
"""Everything up to the next bracket outside strings, complete strings included."""
_IN_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_BETWEEN = re.compile(rb"[\s,:]*+")
_SCALAR = re.compile(rb'[^\s,:"{}\[\]]++')
_LIST_KEY = re.compile(
    rb'"(data|requests|batches|observations|resourceSpans|resource_spans|scopeSpans|scope_spans'
    rb'|instrumentationLibrarySpans|spans)"\s*:\s*\Z'
)
_RESOURCE_KEY = re.compile(rb'"resource"\s*:\s*\Z')
_TOP_ONLY = frozenset({b"data", b"requests", b"batches"})
_SPANS = b"spans"
_KEY_BYTES = 64
"""So much before a bracket is looked at for the key whose value it opens."""


def document_records_of(blocks: Iterator[bytes], max_record_bytes: int = MAX_LINE_BYTES) -> Iterator[Record]:
    """``(number of the record from 1, record)``.

    Faults: ``line_too_long`` for a record beyond ``max_record_bytes``; ``record_cut`` where the text ends inside one.
    """
    splitter = _Splitter(max_record_bytes)
    number = 0
    for block in blocks:
        for record in splitter.feed(block):
            number += 1
            yield number, record if isinstance(record, bytes) else Fault(number, "line_too_long", {"size": record})
    left = splitter.rest()
    if left is not None:
        yield number + 1, left if left else Fault(number + 1, "record_cut")


@dataclass(slots=True)
class _Splitter:
    """Where in the document we are. ``base`` is the depth at which records stand: 0, or inside a list of records."""

    most: int
    text: bytes = b""
    """From the beginning of the open record (or what is still needed of it) to the end of what was fed."""
    at: int = 0
    """Scanned up to here."""
    depth: int = 0
    base: int = 0
    bases: list[tuple[int, bytes]] = field(default_factory=list)
    """Outer bases with the key of the list that was open there."""
    key: bytes = b""
    is_open: bool = False
    """Inside a record, or inside what is left of an object whose list was handed over."""
    is_dropped: bool = False
    """What is open will not be handed over: too long, or the frame of a list."""
    passed: int = 0
    """Bytes of the open record that are no longer held."""
    in_string: bool = False
    resource_from: int = -1
    resource: bytes = b""

    def feed(self, block: bytes) -> Iterator[bytes | int]:
        """Records that end in this block; a too long one as its size."""
        self.text = self.text[self.at :] + block if not self.is_open else self.text + block
        if not self.is_open:
            self.at = 0
        while True:
            if self.in_string and not self._leave_string():
                break
            if self.is_open:
                if not self._next_bracket():
                    break
                yield from self._bracket()
            else:
                step = self._between()
                if step is None:
                    break
                yield from step
        self._forget()

    def rest(self) -> bytes | None:
        """What stands unfinished at the end: None for nothing, b'' for a cut record, else a last scalar."""
        if self.is_open:
            return None if self.is_dropped and not self.passed and not self.in_string and self.depth <= 1 else b""
        left = self.text[self.at :].strip(b" \t\r\n,:")
        return left or None

    def _between(self) -> list[bytes | int] | None:
        """One step between records: begin one, close a list, or hand over a scalar. None: more text is needed."""
        found = _BETWEEN.match(self.text, self.at)
        self.at = found.end() if found else self.at
        if self.at >= len(self.text):
            return None
        here = self.text[self.at : self.at + 1]
        if here == b"[" and self.base == 0 and not self.bases:
            self._enter(b"")
            self.at += 1
            return []
        if here in b"{[":
            self._begin()
            return []
        if here in b"}]":
            self._close_list()
            return []
        end = self._scalar_end(here)
        if end < 0:
            return None
        record = self.text[self.at : end]
        self.at = end
        return [record if len(record) <= self.most else len(record)]

    def _scalar_end(self, here: bytes) -> int:
        if here == b'"':
            found = _IN_STRING.match(self.text, self.at + 1)
            end = found.end() + 1 if found else -1
            return end if 0 < end <= len(self.text) and self.text[end - 1 : end] == b'"' else -1
        plain = _SCALAR.match(self.text, self.at)
        return plain.end() if plain and plain.end() < len(self.text) else -1

    def _begin(self) -> None:
        self.text = self.text[self.at :]
        self.at = 1
        self.depth += 1
        self.is_open, self.is_dropped, self.passed = True, False, 0

    def _enter(self, key: bytes) -> None:
        """The list whose bracket stands at ``at`` holds records."""
        self.bases.append((self.base, self.key))
        self.depth += 1
        self.base, self.key = self.depth, key
        self.is_open = False

    def _close_list(self) -> None:
        """A closing bracket between records ends the list; the object around it stays open, as a frame."""
        self.at += 1
        self.depth = max(self.depth - 1, 0)
        if self.bases and self.depth < self.base:
            self.base, self.key = self.bases.pop()
            self.is_open = self.depth > self.base
            self.is_dropped = self.is_open
            self.passed = 0

    def _next_bracket(self) -> bool:
        found = _TO_BRACKET.match(self.text, self.at)
        self.at = found.end() if found else self.at
        if self.at >= len(self.text):
            return False
        if self.text[self.at : self.at + 1] == b'"':  # the string does not end in what is held
            self.in_string = True
            self.at += 1
            return self._leave_string() and self._next_bracket()
        return True

    def _leave_string(self) -> bool:
        found = _IN_STRING.match(self.text, self.at)
        self.at = found.end() if found else self.at
        if self.text[self.at : self.at + 1] != b'"':
            return False
        self.at += 1
        self.in_string = False
        return True

    def _bracket(self) -> Iterator[bytes | int]:
        here = self.text[self.at : self.at + 1]
        if here in b"{[":
            key = self._list_key() if here == b"[" and self.depth == self.base + 1 else None
            if key is not None:
                self._enter(key)
                self.at += 1
                return
            if here == b"{" and self.depth == self.base + 1 and self._opens(_RESOURCE_KEY):
                self.resource_from = self.passed + self.at
            self.depth += 1
            self.at += 1
            return
        self.depth -= 1
        self.at += 1
        if self.resource_from >= 0 and self.depth == self.base + 1:
            self._take_resource()
        if self.depth <= self.base:
            self.depth = self.base
            yield from self._end()

    def _end(self) -> Iterator[bytes | int]:
        record, size = self.text[: self.at], self.passed + self.at
        is_frame = self.is_dropped and not self.passed and size <= self.most
        self.is_open = False
        self.resource_from = -1
        if is_frame:
            if self.key != _SPANS:
                self.resource = b"" if self.base == 0 else self.resource
        elif self.is_dropped or size > self.most:
            yield size
        elif self.key == _SPANS:
            yield b'{"resource":' + (self.resource or b"null") + b',"span":' + record + b"}"
        else:
            yield record

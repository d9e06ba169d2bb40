"""A JSON document becomes its records, in constant memory: elements of one big array, of the list that an export object
holds (``{"data": […]}``, ``{"resourceSpans": […]}``), or JSON values one after the other.

Nothing is parsed here, only brackets outside strings are matched: a record broken inside is handed over as it is.
Spans of an OpenTelemetry export become ``{"resource": …, "span": …}``, each with the resource it came under.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from jitsuri.calls.shapes import Fault
from jitsuri.calls.wire.splitting import MAX_LINE_BYTES, Record

_STRING = rb'"[^"\\]*+(?>(?:\\.[^"\\]*+)*)"'
_PLAIN = rb'[^"{}\[\]]*+'
# A repeated group is atomic, (?>(...)*), and never possessive, (...)*+: Python before 3.11.5 matches the latter wrongly
# where the group holds a choice (python/cpython#106052), and Debian 12 has 3.11.2.
_USUAL_DEPTH = 5
"""Values nested no deeper inside a record are matched in one step, deeper ones bracket by bracket."""


def _nested(depth: int) -> bytes:
    inner = _STRING + (b"|" + _nested(depth - 1) if depth else b"")
    inside = _PLAIN + b"(?>(?:(?:" + inner + b")" + _PLAIN + b")*)"
    return rb"\{" + inside + rb"\}|\[" + inside + rb"\]"


_WHOLE = re.compile(_nested(_USUAL_DEPTH), re.DOTALL)
_TO_BRACKET = re.compile(_PLAIN + b"(?>(?:" + _STRING + _PLAIN + b")*)", re.DOTALL)
"""Everything up to the next bracket outside strings, complete strings included."""
_IN_STRING = re.compile(rb'[^"\\]*+(?>(?:\\.[^"\\]*+)*)', re.DOTALL)
_BETWEEN = re.compile(rb"[\s,:\x1e]*+")
_SCALAR = re.compile(rb'[^\s,:"{}\[\]]*+')

_LIST_KEY = re.compile(
    rb'"(data|requests|batches|observations|resourceSpans|resource_spans|scopeSpans|scope_spans'
    rb'|instrumentationLibrarySpans|spans)"\s*:\s*\Z'
)
_RESOURCE_KEY = re.compile(rb'"resource"\s*:\s*\Z')
_TOP_ONLY = frozenset({b"data", b"requests", b"batches"})
"""Lists of an export's outermost object only: further in, such a name is a record's own affair."""
_SPANS = b"spans"
_SCOPES = frozenset({b"scopeSpans", b"scope_spans", b"instrumentationLibrarySpans"})
_HINTS = (b'observations"', b'pans"', b'"data"', b'"requests"', b'"batches"')
"""A record that holds none of these holds no list of records."""
_KEY_BYTES = 64
"""So much before a bracket is looked at for the key whose value it opens."""
_SCALAR_BYTES = 4096


def document_records_of(blocks: Iterator[bytes], max_record_bytes: int = MAX_LINE_BYTES) -> Iterator[Record]:
    """``(number of the record from 1, record)``.

    Faults: ``line_too_long`` for a record beyond ``max_record_bytes``; ``record_cut`` where the text ends inside one or
    before its list is closed.
    """
    splitter = _Splitter(max_record_bytes)
    number = 0
    for block in blocks:
        for record in splitter.feed(block):
            number += 1
            yield number, record if isinstance(record, bytes) else Fault(number, "line_too_long", {"size": record})
    left = splitter.rest()
    if left is not None:
        yield number + 1, left or Fault(number + 1, "record_cut")


@dataclass(slots=True)
class _Splitter:
    """Where in the document we are.

    ``between`` records; in a ``record``; in one too ``long`` to hold; or in a ``frame``: what is left of an object
    whose list has been handed over.
    """

    most: int
    mode: Literal["between", "record", "long", "frame"] = "between"
    text: bytes = b""
    """What is held: from the beginning of the open record, as far as it is needed, to the end of what was fed."""
    start: int = 0
    at: int = 0
    """Where the open record begins in ``text``; up to where it is scanned."""
    passed: int = 0
    """Bytes of a too long record that are no longer held."""
    in_string: bool = False
    opened: bytearray = field(default_factory=bytearray)
    """Open brackets."""
    base: int = 0
    """Number of brackets open where records stand."""
    key: bytes = b""
    """Name of the list in which records stand."""
    outer: list[tuple[int, bytes]] = field(default_factory=list)
    """``base`` and ``key`` around each open list."""
    resource: bytes = b""
    resource_from: int = -1

    def feed(self, block: bytes) -> Iterator[bytes | int]:
        """Records that end in this block; a too long one as its size in bytes."""
        self._hold(block)
        while self.at < len(self.text):
            done = self._between() if self.mode == "between" else self._inside()
            if done is None:
                return
            if not isinstance(done, bool):
                yield done

    def rest(self) -> bytes | None:
        """What stands unfinished at the end: None for nothing, b'' for a cut record or list, else a last scalar."""
        if self.mode != "between" or self.outer:
            return b""
        return self.text[self.at :].strip(b" \t\r\n,:\x1e") or None

    def _hold(self, block: bytes) -> None:
        if self.mode == "record" and self.at - self.start > self.most:
            self.mode = "long"
        keep = self.at if self.mode == "between" else self.start
        if self.mode in ("long", "frame"):
            keep = max(self.at - _KEY_BYTES, self.start)
            self.passed += keep - self.start
        self.text = self.text[keep:] + block
        self.at -= keep
        self.start = 0
        self.resource_from = -1 if self.resource_from < keep else self.resource_from - keep

    def _between(self) -> bytes | int | bool | None:
        """One step between records. A record in one piece, whether to go on, or None: more text is needed."""
        self.at = self._end_of(_BETWEEN)
        here = self.text[self.at : self.at + 1]
        if here == b"[" and not self.opened:
            self._enter(b"")
        elif here and here in b"{[":
            whole = _WHOLE.match(self.text, self.at)
            record = whole[0] if whole else b""
            if record and not any(hint in record for hint in _HINTS):
                self.at += len(record)
                return self._handed(record)
            self._begin()
            self.opened += here
        elif here == b'"':
            self._begin()
            self.in_string = True
        elif here and here in b"}]":
            self._leave(here)
        elif here:
            return self._scalar()
        return True

    def _inside(self) -> bytes | int | bool | None:
        """One step inside a record: over a string or to the next bracket."""
        if self.in_string:
            self.at = self._end_of(_IN_STRING)
            if self.text[self.at : self.at + 1] != b'"':
                return None
            self.at += 1
            self.in_string = False
            return self._ended() if len(self.opened) == self.base else True
        self.at = self._end_of(_TO_BRACKET)
        here = self.text[self.at : self.at + 1]
        self.at += 1 if here else 0
        if here == b'"':
            self.in_string = True
        elif here in (b"{", b"["):
            self._open(here)
        elif here:
            return self._close(here)
        return True

    def _open(self, here: bytes) -> None:
        if len(self.opened) == self.base + 1:
            before = self.text[max(self.at - 1 - _KEY_BYTES, 0) : self.at - 1]
            named = _LIST_KEY.search(before) if here == b"[" else None
            if named and (not self.outer or named[1] not in _TOP_ONLY):
                self.at -= 1
                self._enter(named[1])
                return
            if here == b"{" and _RESOURCE_KEY.search(before):
                self.resource_from = self.at - 1
        self.opened += here

    def _close(self, here: bytes) -> bytes | int | bool:
        """A closing bracket closes all that was opened since its partner; one without partner shows a broken record."""
        partner = self.opened.rfind(b"{" if here == b"}" else b"[", self.base)
        if partner < 0:
            if here == b"]" and self.outer:  # it closes the list: the record's own end is missing
                self.at -= 1
                del self.opened[self.base :]
                return self._ended()
            return True
        del self.opened[partner:]
        if self.resource_from >= 0 and len(self.opened) == self.base + 1:
            self.resource = self.text[self.resource_from : self.at]
            self.resource_from = -1
        return self._ended() if len(self.opened) == self.base else True

    def _begin(self) -> None:
        self.mode, self.start, self.passed = "record", self.at, 0
        self.at += 1

    def _ended(self) -> bytes | int | bool:
        mode, self.mode = self.mode, "between"
        self.resource_from = -1
        if mode == "frame":
            if self.key not in _SCOPES:
                self.resource = b""
            return True
        size = self.passed + self.at - self.start
        return size if mode == "long" or size > self.most else self._handed(self.text[self.start : self.at])

    def _handed(self, record: bytes) -> bytes | int:
        if len(record) > self.most:
            return len(record)
        if self.key == _SPANS:
            return b'{"resource":' + (self.resource or b"null") + b',"span":' + record + b"}"
        self.resource = b""
        return record

    def _enter(self, key: bytes) -> None:
        """The list whose bracket stands at ``at`` holds records."""
        self.outer.append((self.base, self.key))
        self.opened += b"["
        self.base, self.key, self.mode = len(self.opened), key, "between"
        self.at += 1

    def _leave(self, here: bytes) -> None:
        """The end of a list; what is left of the object around it is a frame. A bracket without partner is skipped."""
        self.at += 1
        if here == b"]" and self.outer:
            del self.opened[self.base - 1 :]
            self.base, self.key = self.outer.pop()
            if len(self.opened) > self.base:
                self.mode, self.start, self.passed = "frame", self.at, 0

    def _scalar(self) -> bytes | None:
        """A number, a word or rubbish between records."""
        end = self._end_of(_SCALAR)
        if end == len(self.text) and end - self.at < _SCALAR_BYTES:
            return None
        record, self.at = self.text[self.at : end], end
        return record

    def _end_of(self, pattern: re.Pattern[bytes]) -> int:
        found = pattern.match(self.text, self.at)
        return found.end() if found else self.at

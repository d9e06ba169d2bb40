"""A log file is opened: its bytes unpacked, its layout found, its records handed out with where we are in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from jitsuri.calls.rules.decoding import decoded
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.mapping import mapping_from_toml
from jitsuri.calls.shapes import CsvMapping, Fault, Layout
from jitsuri.calls.wire.splitting import MAX_LINE_BYTES, Record, lines_of, table_records_of
from jitsuri.calls.wire.splitting_documents import document_records_of
from jitsuri.calls.wire.unpacking import ArchiveError, each_line_in_utf8, in_utf8, other_kind, unpacked
from jitsuri.terms.errors import CallerError, OperatorError

HEAD_RECORDS = 20
"""So many records tell the format."""

_BLANKS = b" \t\r\n\x00"
_LISTS = ("data", "requests", "batches", "observations", "resourceSpans", "resource_spans", "scopeSpans", "spans")
_LIST_IN_ONE_LINE = re.compile(
    rb'\A\{\s*"(?:data|requests|batches)"\s*:\s*\[|"(?:observations|resourceSpans|resource_spans)"\s*:\s*\['
)
_ARRAY = re.compile(rb"\A\[\s*(?:[\[{\]]|\Z)")


class Log:
    """An opened log: iterate for ``(number, record bytes | Fault)``; close it, or use it in ``with``.

    Numbers are line numbers (``lines``, ``table``: of a record's first line) or count records (``document``).
    """

    layout: Layout
    header: bytes
    """The first record of a table; b'' otherwise."""
    head: tuple[bytes, ...]
    """The first records, for telling the format; they come again when iterating."""
    size: int
    """Bytes of the file as it lies on the disk, compressed or not."""

    def __init__(self, path: Path, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._path = path
        self._position = 0
        self._failure = ""
        self._ends_with_line = False
        self._records: Iterator[Record] = iter(())
        try:
            self._file = path.open("rb", buffering=0)
        except FileNotFoundError:
            raise CallerError("log_missing", path=str(path)) from None
        except OSError as error:
            raise CallerError("log_unreadable", path=str(path), reason=error.strerror or str(error)) from None
        try:
            self._begin(max_line_bytes)
        except BaseException:
            self._file.close()
            raise

    @property
    def position(self) -> int:
        """Bytes of the file read so far, for a progress bar against ``size``."""
        return self._position

    def __iter__(self) -> Iterator[Record]:
        return self._records

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _begin(self, max_line_bytes: int) -> None:
        self.size = self._path.stat().st_size
        beginning = self._read(16)
        if not beginning:
            raise CallerError("log_empty", path=str(self._path))
        if kind := other_kind(beginning):
            raise CallerError("log_kind_unknown", path=str(self._path), kind=kind)
        self._file.seek(0)
        self._position = 0
        blocks = in_utf8(self._readable(unpacked(self._read, beginning)))
        first = b""
        while not first.strip(_BLANKS) and (block := next(blocks, None)) is not None:
            first = block
        if not first.strip(_BLANKS):
            raise CallerError(self._failure or "log_blank", path=str(self._path))
        if kind := other_kind(first):
            raise CallerError("log_kind_unknown", path=str(self._path), kind=kind)
        self.layout = layout_of(first)
        self._records = self._split(chain((first,), blocks), max_line_bytes)
        self._take_head()

    def _split(self, blocks: Iterator[bytes], max_line_bytes: int) -> Iterator[Record]:
        if self.layout == "document":
            records = document_records_of(each_line_in_utf8(blocks), max_line_bytes)
        elif self.layout == "table":
            records = table_records_of(blocks, max_line_bytes)
        else:
            records = lines_of(blocks, max_line_bytes)
        return self._until_failure(records)

    def _until_failure(self, records: Iterator[Record]) -> Iterator[Record]:
        """Records; where an archive breaks off, a fault in place of the record that was cut."""
        held: Record | None = None
        for record in records:
            if held is not None:
                yield held
            held = record
        number = 1
        if held is not None:
            is_cut = isinstance(held[1], Fault) or (self.layout != "document" and not self._ends_with_line)
            number = held[0] if self._failure and is_cut else held[0] + 1
            if not (self._failure and is_cut):
                yield held
        if self._failure:
            yield number, Fault(number, self._failure)

    def _take_head(self) -> None:
        self.header = b""
        taken: list[Record] = []
        for record in self._records:
            if self.layout == "table" and not self.header and isinstance(record[1], bytes):
                self.header = record[1]
                continue
            taken.append(record)
            if len(taken) >= HEAD_RECORDS:
                break
        self.head = tuple(raw for _, raw in taken if isinstance(raw, bytes))
        self._records = chain(taken, self._records)

    def _read(self, size: int) -> bytes:
        try:
            block = self._file.read(size)
        except OSError as error:
            raise OperatorError("log_read_failed", path=str(self._path), reason=error.strerror or str(error)) from None
        self._position += len(block)
        return block

    def _readable(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Blocks up to where the archive breaks off, which is remembered."""
        try:
            for block in blocks:
                yield block
                self._ends_with_line = block.endswith(b"\n")
        except ArchiveError as error:
            self._failure = error.code


def open_log(path: Path, *, max_line_bytes: int = MAX_LINE_BYTES) -> Log:
    """Open a log: plain, gzip or zstd; UTF-8, Shift_JIS or UTF-16; lines, a JSON document or a table.

    Raises CallerError ``log_missing``, ``log_unreadable``, ``log_empty``, ``log_blank``, ``log_kind_unknown`` (another
    kind of file, named), ``archive_truncated``, ``archive_damaged`` (nothing readable in it); OperatorError
    ``log_read_failed``. Later, as a ``Fault`` at the end: ``archive_truncated``, ``archive_damaged``.
    """
    return Log(path, max_line_bytes)


def read_mapping(path: Path) -> CsvMapping:
    """A CSV mapping from a TOML file. Raises CallerError as ``mapping_from_toml`` does."""
    try:
        return mapping_from_toml(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CallerError("log_missing", path=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CallerError("log_unreadable", path=str(path), reason=str(error)) from None


def layout_of(first: bytes) -> Layout:
    """The layout of a text by its first block."""
    text = first.lstrip(_BLANKS)
    if _ARRAY.match(text):
        return "document"
    lines = [line.strip() for line in text.split(b"\n", 200)[:200]]
    if not text.startswith(b"{"):
        return "lines" if any(_is_object_line(line) for line in lines) else "table"
    if len(lines) == 1:
        return "document" if _holds_list(lines[0]) else "lines"
    objects = [line for line in lines[:-1] or lines if _is_object_line(line)]
    if not objects:
        return "document"
    return "document" if _holds_list(objects[0]) else "lines"


def _is_object_line(line: bytes) -> bool:
    """Whether a line is a JSON object on its own."""
    return line.startswith(b"{") and line.endswith(b"}") and isinstance(_value(line), dict)


def _holds_list(line: bytes) -> bool:
    """Whether a line (or its beginning, when it is longer than a block) is an export that holds a list of records."""
    value = _value(line) if line.endswith(b"}") else None
    if isinstance(value, dict):
        is_pair = "request" in value or "response" in value
        return not is_pair and any(isinstance(value.get(name), list) for name in _LISTS)
    return _LIST_IN_ONE_LINE.search(line) is not None


def _value(line: bytes) -> object:
    try:
        return decoded(line)
    except LineError:
        return None

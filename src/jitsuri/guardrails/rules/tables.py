"""Tables pasted into a text: what a column is called on top says what stands in each of its rows.

Checks look no further than 64 characters around a number, and the head of a column is further away in any table of a few lines. Here
each cell is read as if its head stood straight before it. Only whole texts are read so: in a stream the head has left already
(decision 0047).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from jitsuri.guardrails.rules.naming import titles
from jitsuri.guardrails.rules.structured.labelling import KINDS, OTHER, OTHER_DATE, SEX, SYMBOL, YUCHO
from jitsuri.guardrails.shapes import Check, Finding

_DELIMITERS = "\t|;,"
_LONGEST_HEAD = 24
"""Characters of a column's head, the longest label of ``labelling`` and brackets included."""
_LONGEST_LINE = 2_000
"""Characters of a line with heads; what is longer has hundreds of columns and is data."""
_LONGEST_CELL = 64
"""Characters of a cell: as far as any check looks."""
_MISFITS = 3
"""Lines in a row that have other numbers of cells, as 1,234 without quotes makes them, after which a table has ended."""

_NUMBERS = frozenset(
    {
        "phone", "postal_code", "my_number", "corporate_number", "credit_card", "bank_account", "drivers_license", "passport",
        "health_insurance", "employee_id", "customer_id",
    }
)  # fmt: skip
_CHECKS: Mapping[str, frozenset[str]] = {
    OTHER: _NUMBERS,
    OTHER_DATE: frozenset({"date_of_birth"}),
    YUCHO: frozenset({"bank_account"}),
    SYMBOL: frozenset(),
    SEX: frozenset(),
}
"""By what a head says, the checks that read the column again; for all others the check of that type."""

_PERSON = re.compile(
    rf"(?:{titles.LABEL}|社員氏名|[姓名]|姓名|名字|苗字|カナ|かな|セイ|メイ|漢字氏名|name|full ?name|first ?name"
    r"|last ?name|family ?name|given ?name|employee ?name|customer ?name|contact ?name)",
    re.IGNORECASE,
)
_NAME = "氏名"
_EXTRA = re.compile(r"^[*※★●・\s]+|[*※★●・\s]+$|\s*[(\[【<].*$")
_POLITE = re.compile(r"^[おご御]")
_QUOTED = re.compile(r'\s*"(?:[^"]|"")*"\s*')

Span = tuple[int, int]


@dataclass(slots=True)
class Column:
    """The cells below one head."""

    label: str
    """What stands before each cell when it is read."""
    checks: frozenset[str]
    """Names of the checks that read it."""
    is_other: bool
    """Whether the head says that the cells are none of ours: what checks found in them without it goes."""
    cells: list[Span] = field(default_factory=list)
    """Where they stand in the text, without blanks and quotes around them."""


def columns_in(text: str) -> list[Column]:
    """The columns of all tables in a normalised text whose heads say something; [] in most texts. Linear in the length."""
    if "\n" not in text:
        return []
    found: list[Column] = []
    table: _Table | None = None
    for start, end in _lines(text):
        if table is not None and table.takes(text, start, end):
            continue
        if table is not None:
            found += table.columns()
        table = _table(text, start, end)
    if table is not None:
        found += table.columns()
    return found


class _Table:
    """A table whose heads have been read."""

    def __init__(self, delimiter: str, width: int, columns: Mapping[int, Column]) -> None:
        self._delimiter, self._width, self._columns = delimiter, width, columns
        self._misfits = 0

    def takes(self, text: str, start: int, end: int) -> bool:
        """Whether a line belongs to it, as a row or as one that does not fit."""
        cells = _cells(text, start, end, self._delimiter)
        if len(cells) != self._width:
            self._misfits += 1
            return len(cells) > 1 and self._misfits < _MISFITS
        self._misfits = 0
        for at, column in self._columns.items():
            cell = _trimmed(text, *cells[at])
            if 0 < cell[1] - cell[0] <= _LONGEST_CELL:
                column.cells.append(cell)
        return True

    def columns(self) -> Iterator[Column]:
        return (one for one in self._columns.values() if one.cells)


def _table(text: str, start: int, end: int) -> _Table | None:
    """The table that begins with a line; None where the line is none of heads."""
    if not 3 <= end - start <= _LONGEST_LINE:
        return None
    delimiter = max(_DELIMITERS, key=lambda one: text.count(one, start, end))
    if text.find(delimiter, start, end) < 0:
        return None
    cells = _cells(text, start, end, delimiter)
    columns: dict[int, Column] = {}
    for at, cell in enumerate(cells):
        first, last = _trimmed(text, *cell)
        if last - first > _LONGEST_HEAD or text[first:last].isdigit():
            return None
        if last > first and (said := _said(text[first:last])) is not None:
            columns[at] = Column(*said)
    return _Table(delimiter, len(cells), columns) if columns else None


@lru_cache(maxsize=1_024)
def _said(head: str) -> tuple[str, frozenset[str], bool] | None:
    """What a head says of its cells, as ``Column`` has it. Remembered, since many lines might be heads and few heads differ."""
    word = _EXTRA.sub("", head).lower()
    for said in (word, _POLITE.sub("", word)):
        if (kind := KINDS.get(said)) is not None:
            checks = _CHECKS.get(kind, frozenset({kind.lower()}))
            return (said, checks, kind in (OTHER, OTHER_DATE)) if checks else None
    return (_NAME, frozenset({"person"}), False) if _PERSON.fullmatch(word) else None


def _lines(text: str) -> Iterator[Span]:
    start = 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, end
        start = end + 1


def _cells(text: str, start: int, end: int, delimiter: str) -> list[Span]:
    """Where the cells of a line stand, quoted ones whole."""
    cells: list[Span] = []
    at = start
    has_quotes = text.find('"', start, end) >= 0
    while True:
        quoted = _QUOTED.match(text, at, end) if has_quotes else None
        if quoted is not None and (quoted.end() == end or text[quoted.end()] == delimiter):
            stop = quoted.end()
        else:
            stop = text.find(delimiter, at, end)
            stop = end if stop < 0 else stop
        cells.append((at, stop))
        if stop >= end:
            return cells
        at = stop + 1


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start] in ' \r"':
        start += 1
    while start < end and text[end - 1] in ' \r"':
        end -= 1
    return start, end


class Tabled:
    """What the built-in checks see in the cells of a text's columns."""

    def __init__(self, text: str, columns: Sequence[Column], checks: Iterable[Check]) -> None:
        """Each column is read once, by all its checks in turn: they share their look at it."""
        self._columns = columns
        self._seen: dict[str, list[Finding]] = {}
        self._failed: dict[str, Exception] = {}
        by_name = {check.name: check for check in checks}
        for column in columns:
            lines = _Lines(text, column)
            for name in sorted(column.checks & by_name.keys()):
                try:
                    self._seen.setdefault(name, []).extend(lines.findings(by_name[name]))
                except Exception as error:  # noqa: BLE001 – told where the check is recorded
                    self._failed[name] = error

    def joined(self, name: str, reported: Iterable[Finding]) -> list[Finding]:
        """What a check found in the text, and in the cells; what it found in cells that are none of ours goes. Raises what the
        check raised over the cells."""
        if name in self._failed:
            raise self._failed[name]
        others = sorted(cell for one in self._columns if one.is_other and name in one.checks for cell in one.cells)
        starts = [start for start, _ in others]
        kept = [one for one in reported if not _lies_in(one, others, starts)]
        return kept + self._seen.get(name, [])


def _lies_in(one: Finding, cells: Sequence[Span], starts: Sequence[int]) -> bool:
    at = bisect_right(starts, one.start) - 1
    return at >= 0 and one.end <= cells[at][1]


class _Lines:
    """A column as lines of ``label: cell``."""

    def __init__(self, text: str, column: Column) -> None:
        before = f"{column.label}:"
        self._cells = column.cells
        self._at: list[int] = []
        """Where each cell begins in the lines."""
        length = 0
        lines: list[str] = []
        for start, end in column.cells:
            lines.append(f"{before}{text[start:end]}\n")
            self._at.append(length + len(before))
            length += len(lines[-1])
        self._text = "".join(lines)

    def findings(self, check: Check) -> Iterator[Finding]:
        """What a check finds, at its place in the text; what reaches beyond a cell is none."""
        for one in check.find(self._text):
            which = bisect_right(self._at, one.start) - 1
            if which < 0:
                continue
            start, end = self._cells[which]
            first, last = start + one.start - self._at[which], start + one.end - self._at[which]
            if last <= end:
                yield Finding(first, last, one.type, one.score, one.reason, one.check)

"""Tables as people send them: CSV from Excel or another system, in UTF-8, UTF-16 or Shift_JIS, with headers of theirs.

Everything wrong is told at once, each with its line, column, value and mend; nothing is guessed.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal

from jitsuri.terms.outcomes import Refusal

MOST_BYTES = 20_000_000
"""Larger is not a table of departments, rates or costs (ten years of a bank's daily rates are 2 MB)."""

LONGEST_TEXT = 1_000
"""Characters of one cell."""

Cells = tuple[int, list[str]]
"""One row with the number of the line it begins on."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column we read: our name, the headers it may stand under, what its cells are.

    ``choices`` maps what may stand in a cell to what it means. An empty cell of a column that is not required is None.
    """

    name: str
    headers: tuple[str, ...]
    kind: Literal["text", "day", "number", "choice"] = "text"
    is_required: bool = False
    choices: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row as values: text, date, Decimal or None by the column's kind."""

    line: int
    values: Mapping[str, object]

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def day(self, name: str) -> date | None:
        value = self.values.get(name)
        return value if isinstance(value, date) else None

    def number(self, name: str) -> Decimal | None:
        value = self.values.get(name)
        return value if isinstance(value, Decimal) else None


def read_cells(content: bytes) -> list[Cells] | Refusal:
    """All rows that are not blank, with their lines.

    Refuses ``table_too_large``, ``table_unreadable`` (neither UTF-8 nor Shift_JIS), ``table_broken`` (with its line),
    ``table_empty``.
    """
    if len(content) > MOST_BYTES:
        return Refusal("table_too_large", {"bytes": len(content), "most": MOST_BYTES})
    text = _decoded(content)
    if text is None:
        return Refusal("table_unreadable")
    first = text.partition("\n")[0]
    delimiter = "\t" if "\t" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Cells] = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, [cell.strip() for cell in cells]))
            line = reader.line_num + 1
    except csv.Error as error:
        return Refusal("table_broken", {"line": line, "why": str(error)})
    return rows or Refusal("table_empty")


def read_table(content: bytes, columns: Sequence[Column]) -> tuple[list[Row], list[Refusal]]:
    """Rows by our names, and everything that is wrong with single cells.

    Columns that nobody asked for are left aside. Refuses, besides what ``read_cells`` does: ``column_missing``,
    ``column_double``, ``row_too_long``, ``cell_missing``, ``cell_not_day``, ``cell_not_number``, ``cell_not_choice``,
    ``cell_invalid``.
    """
    cells = read_cells(content)
    if isinstance(cells, Refusal):
        return [], [cells]
    (line, header), *body = cells
    places, faults = _places(line, header, columns)
    if faults:
        return [], faults
    rows = []
    for at, values in body:
        if any(values[len(header) :]):
            faults.append(Refusal("row_too_long", {"line": at, "cells": len(values), "columns": len(header)}))
            continue
        read: dict[str, object] = {}
        for column in columns:
            place = places.get(column.name)
            cell = values[place] if place is not None and place < len(values) else ""
            value = _value(column, header[place] if place is not None else column.name, at, cell)
            if isinstance(value, Refusal):
                faults.append(value)
            else:
                read[column.name] = value
        rows.append(Row(at, read))
    return rows, faults


def day_of(text: str) -> date | None:
    """A day as Japanese files write it: 2026-11-20, 2026/11/20, 2026.11.20, 20261120, 2026年11月20日."""
    folded = unicodedata.normalize("NFKC", text).strip()
    found = re.fullmatch(r"(\d{4})(?:[-/.年]?)(\d{1,2})(?:[-/.月]?)(\d{1,2})日?", folded)
    if found is None or (folded.isdigit() and len(folded) != 8):
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def number_of(text: str) -> Decimal | None:
    """A number as Japanese files write it: thousands separated or not, full-width or not, never an exponent."""
    folded = unicodedata.normalize("NFKC", text).strip()
    if not re.fullmatch(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?", folded):
        return None
    try:
        return Decimal(folded.replace(",", ""))
    except InvalidOperation:
        return None


def folded(text: str) -> str:
    """How headers and choices are compared: NFKC, lower case, no space."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).lower()


def by_line(faults: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """Faults in the order of the file."""

    def line(fault: Refusal) -> int:
        at = fault.facts.get("line", 0)
        return at if isinstance(at, int) else 0

    return tuple(sorted(faults, key=line))


def _decoded(content: bytes) -> str | None:
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp932"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _places(line: int, header: Sequence[str], columns: Sequence[Column]) -> tuple[dict[str, int], list[Refusal]]:
    """Where each of our columns stands."""
    places: dict[str, int] = {}
    faults = []
    for column in columns:
        named = {folded(name) for name in (column.name, *column.headers)}
        found = [at for at, cell in enumerate(header) if folded(cell) in named]
        if len(found) > 1:
            both = ", ".join(header[at] for at in found)
            faults.append(Refusal("column_double", {"line": line, "field": column.name, "value": both}))
        elif found:
            places[column.name] = found[0]
        elif column.is_required:
            wanted = " / ".join((column.name, *column.headers))
            told = ", ".join(cell for cell in header if cell)
            faults.append(Refusal("column_missing", {"line": line, "field": wanted, "value": told}))
    return places, faults


def _value(column: Column, header: str, line: int, cell: str) -> object:
    facts = {"line": line, "field": header, "value": cell[:100]}
    if not cell:
        return Refusal("cell_missing", facts) if column.is_required else None
    if len(cell) > LONGEST_TEXT or "\x00" in cell:
        return Refusal("cell_invalid", {**facts, "longest": LONGEST_TEXT})
    if column.kind == "text":
        return cell
    if column.kind == "day":
        return day_of(cell) or Refusal("cell_not_day", facts)
    if column.kind == "number":
        number = number_of(cell)
        return number if number is not None else Refusal("cell_not_number", facts)
    choices = column.choices or {}
    meant = {folded(name): value for name, value in choices.items()}.get(folded(cell))
    return meant or Refusal("cell_not_choice", {**facts, "choices": " / ".join(choices)})

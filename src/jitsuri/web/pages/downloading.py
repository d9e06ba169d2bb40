"""Downloading: a page's main table as CSV that Excel opens with its Japanese."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from jitsuri.terms.period import Month
from jitsuri.web.desk import Download, PageRequest

BYTE_ORDER_MARK = "\ufeff"
MEDIA_TYPE = "text/csv; charset=utf-8"

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a text. Source: OWASP, CSV Injection, read 2026-11-22."""

Cell = str | int | Decimal | date | datetime | Month | UUID | None


def wants_csv(request: PageRequest) -> bool:
    """Was the table asked for as a file (``?format=csv``)?"""
    return request.query.get("format") == "csv"


def csv_file(name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Download:
    """The rows as a CSV with a byte-order mark; numbers plain and exact, texts safe from being run as formulas."""
    return Download(_pieces(head, rows), MEDIA_TYPE, f"{name}.csv")


def _pieces(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    out = io.StringIO(newline="")
    out.write(BYTE_ORDER_MARK)
    writer = csv.writer(out)
    writer.writerow(head)
    for row in rows:
        writer.writerow([_plain(value) for value in row])
        if out.tell() > 60_000:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def _plain(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(_DANGEROUS):
        return f"'{value}"
    return str(value)

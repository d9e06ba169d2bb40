"""What people type and name: days, numbers and files, each with its mend where it cannot be read."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

from jitsuri.flows.cold.reading_tables import MOST_BYTES, day_of, number_of
from jitsuri.terms.errors import CallerError


def given_day(value: str) -> date:
    """A day as typed. Raises CallerError ``day_unreadable``."""
    day = day_of(value)
    if day is None:
        raise CallerError("day_unreadable", value=value)
    return day


def given_number(value: str) -> Decimal:
    """A number as typed. Raises CallerError ``number_unreadable``."""
    number = number_of(value)
    if number is None:
        raise CallerError("number_unreadable", value=value)
    return number


def file_content(file: Path) -> bytes:
    """The bytes of a table a person names, at most one more than a table may have.

    Raises CallerError ``file_unreadable``.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise CallerError("file_unreadable", file=file, why=error.strerror or str(error)) from error

"""When a call was made: instants as logs write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from jitsuri.calls.rules.faulting import LineError, shown

OLDEST = datetime(2018, 1, 1, tzinfo=UTC)
"""No hosted language model was sold before: an earlier time is a wrong unit or an unset clock (decision 0004)."""
MOST_AHEAD = timedelta(days=1)
"""Clocks and zones may be wrong by hours, not by more than a day (decision 0004)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONE_DOUBT = timedelta(hours=1)
_WRITTEN = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?[T\s]*"
    r"(\d{1,2})[:時](\d{2})(?:[:分](?:(\d{2})(?:[.,](\d+))?秒?)?)?\s*(Z|UTC|GMT|JST|[+-]\d{2}:?\d{2})?"
)
_ZONES = {"Z": "+0000", "UTC": "+0000", "GMT": "+0000", "JST": "+0900"}


def instant(value: Any, zone: tzinfo) -> datetime:
    """An instant in UTC from ISO 8601, ``2026/11/22 9:05``, or a number since 1970 in s, ms, µs or ns (by its size).

    A time without zone is read in ``zone``. Faults: ``time_unreadable``.
    """
    at = _written(value)
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)


def instant_beside(value: Any, zone: tzinfo, created: Callable[[], datetime | None]) -> datetime:
    """Like ``instant``; a time without zone is UTC when only so it lies within an hour of what the upstream says.

    Loggers write local time or UTC without telling; the upstream's ``created`` decides, where there is one.
    """
    at = _written(value)
    if at.tzinfo is not None:
        return at.astimezone(UTC)
    local, in_utc, made = at.replace(tzinfo=zone), at.replace(tzinfo=UTC), created()
    is_utc = made is not None and abs(local - made) > _ZONE_DOUBT >= abs(in_utc - made)
    return in_utc if is_utc else local.astimezone(UTC)


def instant_by_format(value: str, form: str, zone: tzinfo) -> datetime:
    """An instant in UTC from text in a ``strptime`` format. Faults: ``time_unreadable``."""
    try:
        at = datetime.strptime(value.strip(), form)  # noqa: DTZ007  # the zone is given next
        return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise LineError("time_unreadable", value=shown(value)) from None


def checked_instant(at: datetime, now: datetime) -> datetime:
    """The same instant. Faults: ``time_in_future`` (over a day ahead of ``now``), ``time_too_old`` (before 2018)."""
    if at > now + MOST_AHEAD:
        raise LineError("time_in_future", value=at.isoformat())
    if at < OLDEST:
        raise LineError("time_too_old", value=at.isoformat())
    return at


def elapsed_ms(start: datetime, end: datetime) -> int | None:
    """Milliseconds from start to end; None when the log has them the wrong way round."""
    ms = (end - start) // timedelta(milliseconds=1)
    return ms if ms >= 0 else None


def milliseconds(value: Any) -> int | None:
    """A count of milliseconds; None when the log says nothing usable (a latency is never a reason to drop a call)."""
    if type(value) is int and 0 <= value < 2**31:
        return value
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 2**31:
        return None
    return round(value)


def _written(value: Any) -> datetime:
    """The instant as it is written, with its zone if it names one. Faults: ``time_unreadable``."""
    try:
        if isinstance(value, str):
            return _of_text(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return _of_number(value)
    except (ValueError, OverflowError, InvalidOperation):
        pass
    raise LineError("time_unreadable", value=shown(value))


def _of_text(text: str) -> datetime:
    if text.replace(".", "", 1).isdecimal():  # before ISO 8601, whose basic form would take 1712010101123 for a date
        if len(text) in (8, 14):
            return datetime.fromisoformat(f"{text[:8]}T{text[8:]}" if len(text) == 14 else text)
        return _of_number(Decimal(text))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    text = text.strip()
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return _of_number(Decimal(text))
    year, month, day, hour, minute, second, fraction, named = found.groups()
    offset = datetime.strptime(_ZONES.get(named, named).replace(":", ""), "%z").tzinfo if named else None
    microsecond = int(((fraction or "") + "000000")[:6])
    clock = (int(hour), int(minute), int(second or 0), microsecond)
    return datetime(int(year), int(month), int(day), *clock, tzinfo=offset)


def _of_number(value: float | Decimal) -> datetime:
    if isinstance(value, int) and 0 < value < 10**11:
        return datetime.fromtimestamp(value, UTC)
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not number.is_finite() or number <= 0:
        raise ValueError(number)
    step = 0 if number < 10**11 else 3 if number < 10**14 else 6 if number < 10**17 else 9  # s, ms, µs, ns
    return _EPOCH + timedelta(microseconds=int(number.scaleb(6 - step)))

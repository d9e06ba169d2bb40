"""Days, months and times of day as Japanese texts write them → one number each, or the fault that makes them none.

Read are 2026年11月27日, 2026-11-27, 2026/11/27, 2026.11.27, 令和8年11月27日, R8.11.27, 令和元年, 二〇二六年十一月二十七日, 2026年11月,
11月27日, 14:30, 午後2時30分. Days of the week beside them are not checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

from jitsuri.evaluation.rules.reading_kanji import numeral

Kind = Literal["day", "month", "month_day", "clock", "year"]


@dataclass(frozen=True, slots=True)
class Moment:
    """``value`` orders moments of one kind: a day's ordinal, year × 12 + month, month × 100 + day, minutes × 60 + seconds.

    ``fault`` is '' or why the text is no day: ``date_impossible``, ``date_outside_era``, ``date_before_calendar``.
    """

    kind: Kind
    value: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Era:
    """First and last day; both belong to it, and the day of a change belongs to two eras."""

    first: date
    last: date


ERAS: Mapping[str, Era] = {
    "明治": Era(date(1868, 1, 25), date(1912, 7, 30)),
    "大正": Era(date(1912, 7, 30), date(1926, 12, 25)),
    "昭和": Era(date(1926, 12, 25), date(1989, 1, 7)),
    "平成": Era(date(1989, 1, 8), date(2019, 4, 30)),
    "令和": Era(date(2019, 5, 1), date.max),
}
"""Sources: 大正元年・昭和元年の改元の詔書 (in force on the day itself); 元号を改める政令 (昭和64年政令第1号, 平成31年政令第143号: from the
day after the proclamation, and from 1 May 2019)."""

LETTERS = {"M": "明治", "T": "大正", "S": "昭和", "H": "平成", "R": "令和"}
FIRST_SOLAR_DAY = date(1873, 1, 1)
"""Before it Japan's months followed the moon: such a day cannot be told by arithmetic. Source: 明治5年太政官布告第337号."""

_N = r"(?:\d{1,2}(?!\d)|[〇零一二三四五六七八九十]{1,4})"
_Y = r"(?:元|\d{1,4}(?!\d)|[〇零一二三四五六七八九十百千]{1,7})"
_ERA = r"(?:明治|大正|昭和|平成|令和|(?<![A-Za-z0-9])[MTSHR](?=\s?[\d元]))"
PATTERN = (
    rf"(?P<era>{_ERA})?\s?(?:西暦)?(?<![\d.,])(?P<y>{_Y})"
    rf"(?:\s?年\s?(?P<m>{_N})\s?月(?!間)(?:\s?(?P<d>{_N})\s?日(?!間))?|(?P<sep>[./-])(?P<m2>\d{{1,2}})(?P=sep)(?P<d2>\d{{1,2}})(?![\d]))"
    rf"|(?P<eraonly>{_ERA})\s?(?P<yonly>{_Y})\s?年(?P<fiscal>度)?"
    rf"|(?<![\d.,])(?P<m3>{_N})\s?月\s?(?P<d3>{_N})\s?日(?!間)"
    r"|(?P<half>午前|午後|AM|PM)?\s?(?<![\d.,:])(?P<h>\d{1,2}):(?P<min>\d{2})(?::(?P<sec>\d{2}))?(?![\d:])"
    rf"|(?P<half2>午前|午後)?\s?(?<![\d.,])(?P<h2>{_N})\s?時(?!間|期|点|代|価|給|計)(?:\s?(?:(?P<min2>{_N})\s?分|(?P<thirty>半)))?"
)
"""Alternatives, to stand in a larger pattern. Every repeat is bounded."""

_FAR = 9999


def moment(found: Mapping[str, str | None]) -> Moment | None:
    """The moment that the named groups of ``PATTERN`` tell; None where it is no date after all (128.0.1: an address)."""
    if found.get("y"):
        return _day(found)
    if found.get("yonly"):
        era, year = _era(found["eraonly"]), _number(found["yonly"])
        fault = "" if year and (era is None or _holds_year(era, era.first.year + year - 1)) else "date_outside_era"
        return Moment("year", (era.first.year if era else 0) + year - 1, fault)
    if found.get("m3"):
        return _month_day(_number(found["m3"]), _number(found["d3"]))
    return _clock(found)


def _day(found: Mapping[str, str | None]) -> Moment | None:
    named = _era(found["era"])
    typed = found["y"] or ""
    year = _number(typed)
    month = _number(found.get("m") or found.get("m2"))
    told = found.get("d") or found.get("d2")
    if named is None and (year < 1000 or (typed.isdigit() and len(typed) != 4)):
        return None
    if named is not None:
        year += named.first.year - 1
    if not 1 <= year <= _FAR:
        return Moment("day", 0, "date_impossible")
    if told is None:
        return _month(named, year, month)
    try:
        day = date(year, month, _number(told))
    except ValueError:
        return Moment("day", 0, "date_impossible")
    if named is not None and not named.first <= day <= named.last:
        return Moment("day", day.toordinal(), "date_outside_era")
    if named is not None and day < FIRST_SOLAR_DAY:
        return Moment("day", day.toordinal(), "date_before_calendar")
    return Moment("day", day.toordinal())


def _month(era: Era | None, year: int, month: int) -> Moment:
    if not 1 <= month <= 12:
        return Moment("month", 0, "date_impossible")
    value = year * 12 + month
    if era is not None and not era.first.year * 12 + era.first.month <= value <= era.last.year * 12 + era.last.month:
        return Moment("month", value, "date_outside_era")
    return Moment("month", value)


def _month_day(month: int, day: int) -> Moment:
    try:
        date(2000, month, day)  # a leap year: 29 February is a day of some year
    except ValueError:
        return Moment("month_day", 0, "date_impossible")
    return Moment("month_day", month * 100 + day)


def _clock(found: Mapping[str, str | None]) -> Moment:
    hour = _number(found.get("h") or found.get("h2"))
    minute = 30 if found.get("thirty") else _number(found.get("min") or found.get("min2"))
    second = _number(found.get("sec"))
    half = found.get("half") or found.get("half2")
    if hour > (12 if half else 24) or minute > 59 or second > 59:
        return Moment("clock", 0, "date_impossible")
    if half in ("午後", "PM") and hour < 12:
        hour += 12
    if half == "AM" and hour == 12:
        hour = 0
    return Moment("clock", (hour * 60 + minute) * 60 + second)


def _era(name: str | None) -> Era | None:
    return ERAS[LETTERS.get(name, name)] if name else None


def _holds_year(era: Era, year: int) -> bool:
    return era.first.year <= year <= era.last.year


def _number(text: str | None) -> int:
    """A written number; 元 is 1, nothing is 0."""
    if not text:
        return 0
    if text == "元":
        return 1
    value = numeral(text)
    return int(value) if isinstance(value, Fraction) else 0

"""Every number, day and time of a text, in order, exact (``Fraction``: no float, no rounding, and 三分の一 is a third).

Not read as numbers: ordinals and names (第12条, A4, GPT-4), version numbers, telephone and postal numbers, list numbers at the
head of a line, citation marks behind a word ([1]), circled digits, and numerals in kanji that are part of a word (一般, 十分).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from jitsuri.evaluation.rules import converting_units as units
from jitsuri.evaluation.rules import reading_dates as dates
from jitsuri.evaluation.rules.normalising import folded_form
from jitsuri.evaluation.rules.reading_kanji import ARABIC, BIG, KANJI, SMALL, numeral

Kind = Literal["number", "day", "month", "month_day", "clock"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number with its unit, or one moment.

    ``value`` is the number as written (250 of 250 km); ``size`` what its unit is worth in the dimension's base unit, so
    that ``value * size`` compares. ``dimension`` '' is a bare number; ``is_percent`` marks one that %, 割 or 厘 scales.
    """

    kind: Kind
    value: Fraction
    dimension: str = ""
    size: Fraction = Fraction(1)
    is_percent: bool = False
    fault: str = ""
    text: str = ""
    statement: Fraction = Fraction(1)
    """1,000 or 1,000,000 where digits stand before 千円 or 百万円, the units in which statements of accounts are drawn up:
    13,019 beside 13,019百万円 is the same line of the same table (decision 0037)."""

    @property
    def base(self) -> Fraction:
        return self.value * self.size


_SIGN = r"(?:(?:[▲△▼]|マイナス|プラス|氷点下|零下)\s?|(?<![0-9A-Za-z)\]])[-+])"
_MARK = r"(?:US\$|[¥$€£]|(?<![A-Za-z])(?:JPY|USD|EUR|GBP)\s?)"
_RUN = rf"(?:{ARABIC}|[{KANJI}])++"
_POWER = r"(?:[eE](?P<e>[-+]?\d{1,3})(?![\dA-Za-z])|\s?[×x*]\s?10\^(?P<p>[-+]?\d{1,3}))"
_HAN = "\u3005-\u3007\u3400-\u9fff"
_LIST_NUMBER = re.compile(r"^[ \t]*+\(?\d{1,2}[.)][ \t]++(?=\S)", re.MULTILINE)
"""1. 2) (3) at the head of a line."""
_WORDS = [
    "千葉",
    "八百屋",
    "五十嵐",
    "三重",
    "四国",
    "九州",
    "万一",
    "万全",
    "百貨店",
    "一方",
    "一般",
    "一部",
    "一切",
    "一応",
]
_SKIPPED = "|".join((
    r"(?<=[^\s:=\[({,「\"'])\[\d{1,3}\]",  # [1] behind a word
    r"(?<![\d-])0\d{1,4}-\d{1,4}-\d{3,4}(?![\d-])|〒\s?\d{3}-\d{4}",
    r"(?<!\d)\d{1,9}(?:\.\d{1,9}){2,9}",
    rf"第\s?(?:\d[\d,.]*+|[{KANJI}]++)",
    r"(?:(?<=[A-Za-z_#])|(?<=[A-Za-z_#][-_.]))(?<!\d[xX])\d[\d,.]*+",  # A4, GPT-4, No.5; but 3x4
    rf"(?:{'|'.join(_WORDS)})",
    rf"(?:十分|一番|一度|一人ひとり|一人一人|一時的)(?![{_HAN}])(?!です)",
))  # fmt: skip
"""What looks like a number and is none. Decision 0029 tells why each is left out."""
_SCAN = re.compile(
    rf"(?P<moment>{dates.PATTERN})"
    rf"|(?P<skipped>{_SKIPPED})"
    rf"|(?P<under>{_RUN})\s?分の\s?(?P<over>{_RUN})"
    rf"|(?P<sign>{_SIGN})?(?P<mark>{_MARK})?(?P<sign2>{_SIGN})?(?P<run>{_RUN})(?P<power>{_POWER})?"
    r"(?:/(?P<slash>\d{1,9})(?![\d/]))?",
    re.ASCII,
)
_BEGINS = re.compile(rf"[0-9{KANJI}▲△▼マプ氷+\-US$¥€£JEG明大正昭平令西MTHRAP午\[〒第元]")
"""The only characters at which any alternative begins: all other places are passed over at the speed of a search."""
_NEXT = re.compile(rf"\s?(?P<run>{_RUN})", re.ASCII)
_AFTER = ("程度", "以上", "以下", "未満", "前後", "近く", "弱", "強", "超")
"""Words behind a numeral in kanji that make it a number and not part of a word."""
_BEFORE = "数何第幾"
"""What stands before a numeral that is none (数千, 何十)."""
_LARGE = frozenset(SMALL) | frozenset(BIG)
_IS_HAN = re.compile(f"[{_HAN}]")
_IS_WORD = re.compile(f"[{_HAN}\u30a1-\u30faA-Za-z]")


def quantities(text: str) -> list[Quantity]:
    """All of them in the order of the text; moments whose day is impossible come with their ``fault``. Linear in the text."""
    return list(_read(_folded(text)))


def _folded(text: str) -> str:
    """Half width, one kind of minus; circled digits and list numbers go, superscripts stay apart from what they follow."""
    plain = re.sub("[\u2460-\u249b\u24ea-\u24ff\u2776-\u2793]", " ", text)
    plain = _ESCAPED.sub(r"\1", plain)
    plain = re.sub("([\u2070\u00b9\u00b2\u00b3\u2074-\u2079]{1,3})", r"^\1", plain)
    half = folded_form(plain, "NFKC").translate(_MINUS)
    return _LIST_NUMBER.sub(" ", _LONG_MINUS.sub("-", _FORMULA.sub(r" \1 ", half)))


_ESCAPED = re.compile(r"\\([%$])")
"""25\\%, as formulas write it."""
_FORMULA = re.compile(r"\$\$?([-+0-9.,]{0,40}[0-9%])\$\$?(?!\d)")
"""$42$: a formula and no money."""
_LONG_MINUS = re.compile(r"(?<![\u3041-\u30ff0-9A-Za-z])ー(?=\d)")
"""The long vowel mark typed for a minus: before a digit, and after nothing that it could lengthen."""
_MINUS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"))


def _read(text: str) -> Iterator[Quantity]:
    at = 0
    while (begins := _BEGINS.search(text, at)) is not None:
        found = _SCAN.match(text, begins.start())
        if found is None:
            at = begins.start() + 1
            continue
        at = max(found.end(), begins.start() + 1)
        if found["skipped"] is not None:
            continue
        if found["moment"] is not None:
            told: Quantity | None = _moment(found)
        elif found["under"] is not None:
            told = _share(found)
        else:
            told, at = _number(found, text)
        if told is not None:
            yield told


def _moment(found: re.Match[str]) -> Quantity | None:
    told = dates.moment(found.groupdict())
    if told is None:
        return None
    if told.kind == "year":
        dimension = "fiscal" if found["fiscal"] else "month"
        size = Fraction(1 if found["fiscal"] else 12)
        return Quantity("number", Fraction(told.value), dimension, size, fault=told.fault, text=found[0])
    return Quantity(told.kind, Fraction(told.value), told.kind, fault=told.fault, text=found[0])


def _share(found: re.Match[str]) -> Quantity | None:
    under, over = numeral(found["under"]), numeral(found["over"])
    if not under or over is None:
        return None
    return Quantity("number", over / under, text=found[0])


def _number(found: re.Match[str], text: str) -> tuple[Quantity | None, int]:
    """The number of a match with its unit, and where the text goes on behind both."""
    end = found.end()
    behind = end + (text[end : end + 1].isspace())
    written = units.unit_at(text, behind)
    value = numeral(found["run"]) if _is_numeral(found, text, written) else None
    slash = int(found["slash"]) if found["slash"] else 1
    if value is None or not slash:
        return None, end
    if found["power"] or slash != 1:
        value *= Fraction(10) ** int(found["e"] or found["p"] or 0) / slash
    for sign in (found["sign"], found["sign2"]):
        if sign and sign.strip() not in ("+", "プラス"):
            value = -value
    name = written or units.MARKS.get((found["mark"] or "").strip(), "")
    unit = units.UNITS[name] if name else units.BARE
    end = behind + len(written) if written else end
    one = Quantity("number", value, unit.dimension, unit.size, name in units.RATIOS)
    if written and text[end : end + 1] == "/" and (below := units.unit_at(text, end + 1)):  # 36 km/h, 500円/件
        per = units.UNITS[below]
        one = replace(one, dimension=f"{unit.dimension}/{per.dimension}", size=unit.size / per.size)
        end += 1 + len(below)
    elif written:
        one, end = _with_smaller(one, written, text, end)
        if unit.dimension in _HALVED and _HALF.match(text, end):
            one, end = replace(one, value=one.value + Fraction(1 if value >= 0 else -1, 2)), end + 1
    drawn = _STATEMENT.fullmatch(found["run"]) if written == "円" and found["power"] is None and slash == 1 else None
    statement = Fraction(_DRAWN_UP[drawn["in"]]) if drawn is not None else Fraction(1)
    return replace(one, text=text[found.start() : end], statement=statement), end


_DRAWN_UP = {"千": 1_000, "百万": 1_000_000}
"""財務諸表等規則第10条の3: amounts stand in units of a million or of a thousand yen."""
_STATEMENT = re.compile(r"[0-9][0-9,.]*+(?P<in>千|百万)")


_HALVED = ("s", "day", "month")
_HALF = re.compile("半(?![ばん分額数年期])")
"""1年半, 3時間半."""


def _is_numeral(found: re.Match[str], text: str, unit: str) -> bool:
    """Whether a run is a number and not part of a word. Digits are; kanji are where a unit, a gap or their form says so."""
    run = found["run"]
    if any(char.isdigit() and char.isascii() for char in run):
        return True
    before = text[found.start("run") - 1 : found.start("run")] if found.start("run") else ""
    if before and before in _BEFORE:
        return False
    if unit or found["sign"] or found["mark"]:
        return True
    after = text[found.end("run") : found.end("run") + 2]
    if after[:1] in ("つ", "々"):  # 一つ, 三々五々
        return False
    is_bare = not _IS_HAN.match(after) or after.startswith(_AFTER)
    if len(run) >= 3 and _LARGE & set(run):
        return True
    if len(run) == 2:
        return is_bare and not (before and _IS_HAN.match(before))
    is_alone = not (before and _IS_WORD.match(before)) and not (after and _IS_WORD.match(after))
    if run in _LARGE or run == "〇":
        return is_alone and not before.strip() and not after.strip("\u3002.")
    return is_alone or (len(run) >= 3 and is_bare)


def _with_smaller(one: Quantity, written: str, text: str, at: int) -> tuple[Quantity, int]:
    """1時間30分, 154円20銭, 2割5分: what follows in a smaller unit of the same dimension belongs to it."""
    smallest = one.size
    is_share = written == "割"
    while (more := _NEXT.match(text, at)) is not None:
        behind = more.end() + text[more.end() : more.end() + 1].isspace()
        name = units.unit_at(text, behind)
        unit = units.HUNDREDTH if is_share and name == "分" else units.UNITS.get(name)
        value = numeral(more["run"])
        if unit is None or value is None or unit.dimension != one.dimension or unit.size >= smallest:
            break
        if not unit.dimension and not is_share:
            break
        added = value * unit.size / one.size
        at = behind + len(name)
        one = replace(one, value=one.value + (added if one.value >= 0 else -added))
        smallest = unit.size
    return one, at

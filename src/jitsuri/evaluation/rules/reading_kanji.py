"""Numerals in kanji, in digits, or mixed (二百五十, 一億2,000万, 二〇二六) → an exact number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

DIGITS = {char: at % 10 for at, char in enumerate("〇一二三四五六七八九零壱弐参")} | {"壱": 1, "弐": 2, "参": 3}
"""Digits; 壱弐参 are the forms of official papers. Source: 戸籍法施行規則 60 条別表, 小切手振出等事務取扱規程."""
SMALL = {"十": 10, "拾": 10, "百": 100, "千": 1000}
BIG = {"万": 10**4, "萬": 10**4, "億": 10**8, "兆": 10**12, "京": 10**16}

KANJI = "".join((*DIGITS, *SMALL, *BIG))
"""Every character of a numeral in kanji."""

ARABIC = r"(?:\d{1,3}(?:,\d{3}){1,33}(?!\d)|\d{1,100})(?:\.\d{1,100}(?!\d))?"
"""Digits with or without separators; bounded, so that reading stays linear. Longer ones are no numbers that anybody compares."""

_TOKENS = re.compile(f"({ARABIC})|([{''.join(DIGITS)}]+)|([{''.join(SMALL)}])|([{''.join(BIG)}])", re.ASCII)
_IS_ONE = re.compile(ARABIC, re.ASCII)


def numeral(run: str) -> Fraction | None:
    """The number that a run of digits and kanji means; None where it means none (十十, 万億, 1万20000).

    Large units go down (億 before 万), and what stands behind one is smaller than it.
    """
    if run.isascii():
        return _digits(run) if _IS_ONE.fullmatch(run) else None
    total, upper = Fraction(0), None
    section: list[tuple[str, Fraction]] = []
    for kind, value in _parts(run):
        if kind != "big":
            section.append((kind, value))
            continue
        held = _section(section) if section else Fraction(1)  # 万 alone is 一万
        section = []
        if held is None or (upper is not None and value >= upper) or (upper is not None and held * value >= upper):
            return None
        total, upper = total + held * value, value
    if section:
        held = _section(section)
        if held is None or (upper is not None and held >= upper):
            return None
        total += held
    return total


def _parts(run: str) -> Iterable[tuple[str, Fraction]]:
    for found in _TOKENS.finditer(run):
        if found[1]:
            yield "number", _digits(found[1])
        elif found[2]:
            digits = "".join(str(DIGITS[char]) for char in found[2])
            yield ("number" if len(digits) <= 100 else "broken"), Fraction(int(digits[:100]))
        elif found[3]:
            yield "small", Fraction(SMALL[found[3]])
        else:
            yield "big", Fraction(BIG[found[4]])


def _digits(text: str) -> Fraction:
    """Digits as a number; built from integers, which is ten times as fast as reading a fraction."""
    whole, point, part = text.replace(",", "").partition(".")
    return Fraction(int(whole + part), 10 ** len(part)) if point else Fraction(int(whole))


def _section(parts: list[tuple[str, Fraction]]) -> Fraction | None:
    """What stands before a large unit, or at the end: digits, or thousands, hundreds, tens going down."""
    total, upper, pending = Fraction(0), None, None
    for kind, value in parts:
        if kind == "broken" or (kind == "number" and pending is not None):
            return None
        if kind == "number":
            pending = value
            continue
        if upper is not None and (value >= upper or (pending is not None and pending >= 10)):
            return None
        total += value * (Fraction(1) if pending is None else pending)
        upper, pending = value, None
    if pending is not None:
        if upper is not None and pending >= upper:
            return None
        total += pending
    return total

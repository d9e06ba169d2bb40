"""One way of writing for the checks: width, dashes, blanks, kana, accents – and the way back to the text as it was written.

Offsets of findings are offsets in the normalised text; ``Normal.span`` maps them back. Nothing of the original is ever changed.
A character becomes at most one character, so what stands for several (㈱, ㍻) stays; circled numbers stay too, since they count lists and
would grow into the number behind them.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from functools import cache

MOST_DROPPED = 8
"""Invisible characters or marks in a row that are dropped or joined; more stay, so that what a check sees of its surroundings
stays bounded (decision 0040)."""

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u02d7\u2500\u2501\u30a0\ufe58\ufe63\uff0d\uff70\u2796\u00ad\u301c\u223c"
_BLANKS = (
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\u3164\uffa0\u2800"
)
_INVISIBLE = "\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f\U000e0100-\U000e01ef"
_MARKS = "\u0300-\u036f\u3099\u309a\uff9e\uff9f"
_NOT_DASHES = "\u00ad\uff70\u301c\u223c"
"""Soft hyphens are invisible; the half-width long vowel mark is a letter; wave dashes are ranges."""


def _singles() -> dict[int, int]:
    """What each character becomes that becomes exactly one other."""
    table: dict[int, int] = {}
    for block in (range(0xFF01, 0xFFEF), range(0xF900, 0xFB00), range(0x1D400, 0x1D800)):
        for code in block:
            folded = unicodedata.normalize("NFKC", chr(code))
            if len(folded) == 1 and not unicodedata.combining(folded):
                table[code] = ord(folded)
    table.update(dict.fromkeys(map(ord, _DASHES), ord("-")))
    table.update(dict.fromkeys(map(ord, _BLANKS), ord(" ")))
    table.update({ord("\uff70"): ord("\u30fc"), ord("\u301c"): ord("~"), ord("\u223c"): ord("~"), 0x130: ord("I")})
    del table[0xAD]
    table.update(dict.fromkeys(range(0xD800, 0xE000), 0xFFFD))
    return table


_FOLDED = _singles()


@cache
def _single() -> list[str]:
    """By code point; a list, because ``str.translate`` is slow on keys that a mapping lacks. It takes 5 MB, which a process that
    checks nothing need not carry."""
    return [chr(_FOLDED.get(code, code)) for code in range(0x10000)]


_LETTERS = re.compile("[\U0001d400-\U0001d7ff]")
_UNEVEN = re.compile(f"[{_INVISIBLE}{_MARKS}\u00ad]")
_CLUSTER = re.compile(
    f"([{_INVISIBLE}\u00ad]{{1,{MOST_DROPPED}}})|([^{_INVISIBLE}{_MARKS}\u00ad])([{_MARKS}]{{1,{MOST_DROPPED}}})"
)
_LONG_VOWEL = re.compile("\u30fc(?<=[0-9]\u30fc)(?=[0-9])")
"""A long vowel mark between digits was meant as a dash."""
_VOICED = {"\uff9e": "\u3099", "\uff9f": "\u309a"}


class Normal:
    """A text as the checks see it. No dataclass: one is made for each text of each call."""

    __slots__ = ("_starts", "original", "text")

    def __init__(self, text: str, original: str, starts: array[int] | None = None) -> None:
        self.text = text
        self.original = original
        self._starts = starts
        """Where each character began in the original, and where the last ended; None where lengths are the same."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original that a span of the normalised text came from; dropped characters go with the one before them."""
        if self._starts is None or start >= end:
            return (start, end) if self._starts is None else (self._starts[start], self._starts[start])
        return self._starts[start], self._starts[end]


def normal(text: str) -> Normal:
    """The text as the checks see it. Takes time linear in its length, whatever it holds."""
    if text.isascii():
        return Normal(text, text)
    if _UNEVEN.search(text) is None:
        return Normal(_folded(text), text)
    return _uneven(text)


def _folded(text: str) -> str:
    """With every character folded that becomes exactly one other."""
    folded = text.translate(_single())
    if _LETTERS.search(folded) is not None:
        folded = folded.translate(_FOLDED)
    return _LONG_VOWEL.sub("-", folded) if "\u30fc" in folded else folded


def _uneven(text: str) -> Normal:
    """Where lengths change: what stands between such places is taken over as it is."""
    pieces: list[str] = []
    starts = array("q")
    at = 0
    for found in _CLUSTER.finditer(text):
        begin = found.start()
        pieces.append(text[at:begin])
        starts.extend(range(at, begin))
        at = found.end()
        if found[1] is None:
            base = _folded(found[2])
            joined = unicodedata.normalize("NFC", base + "".join(_VOICED.get(mark, mark) for mark in found[3]))
            pieces.append(joined[0])
            starts.append(begin)
            # what does not join is left out: it changes how a letter looks, not which letter it is
    pieces.append(text[at:])
    starts.extend(range(at, len(text) + 1))
    return Normal(_folded("".join(pieces)), text, starts)

"""Pseudonyms: marks that stand for values on their way to a model, and their way back.

A mark is ``[PERSON_4821]``. Its number follows from the thread's key, the type and the value alone, so that a value keeps its mark
through a thread without anything being read; only where two values meet the next number is taken. A model writes marks in its own
way (full width, other brackets, lower case, escapes): those are recognised too, and the very value comes back (decision 0043).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple


class Change(NamedTuple):
    """A stretch of a text, and what stands there instead."""

    start: int
    end: int
    put: str | None
    """None leaves it as it is."""


LONGEST_NAME = 24
"""Characters of a type's name in a mark: with a number, brackets and escapes a mark has less than 64 (decision 0043)."""

_DIGITS = (4, 6, 8)
_PROBES = 32
"""Numbers that are tried before marks get two digits more; 4 digits are full only in a text made for that (decision 0043)."""

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_BLANK = " \u00a0\u2009\u202f\u3000\u200b\u200c\u200d\ufeff"
_LINK = rf"(?:\\*[_\uff3f\-\u2010-\u2015\u2212\uff0d\u30fc\u30fb:\uff1a#\uff03./{_BLANK}]|\\)"
"""What stands between the words and the number of a mark, however it was rewritten."""
_DIGIT = "[0-9\uff10-\uff19]"
_ALNUM = "0-9A-Za-z\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
_FILL = rf"[{_BLANK}\n*`_]"
"""What may stand between a bracket and the words: blanks, bold, code."""

_PAIRS = (
    (r"\[", r"\]"), ("\uff3b", "\uff3d"), ("\u3010", "\u3011"), ("\u3014", "\u3015"), ("\u300c", "\u300d"),
    ("\u300e", "\u300f"), ("<", ">"), ("\uff1c", "\uff1e"), ("\u3008", "\u3009"), ("\u300a", "\u300b"), (r"\{", r"\}"),
    ("\uff5b", "\uff5d"), ("&lt;", "&gt;"), ("&#91;", "&#93;"), ("\u27e8", "\u27e9"), ("\u3016", "\u3017"),
)  # fmt: skip
_KIND = {
    word.replace("\\", ""): number for number, pair in enumerate(_PAIRS) for word in pair
} | {"\uff3b": 0, "\uff3d": 0, "\uff1c": 6, "\uff1e": 6, "\uff5b": 10, "\uff5d": 10}  # fmt: skip
_OPEN = re.compile(rf"\\*({'|'.join(pair[0] for pair in _PAIRS)}){_FILL}{{0,4}}\Z")
_CLOSE = re.compile(rf"{_FILL}{{0,4}}\\*({'|'.join(pair[1] for pair in _PAIRS)})")
_BEFORE = 16
"""Characters in which an opening bracket with its escapes and blanks lies."""
_AFTER = 12
"""Characters after a number that decide whether it ends a mark, and which."""

_ANY_DIGIT = re.compile(_DIGIT)
_MAY_BE_OF_MARK = re.compile(
    rf"[{_ALNUM}{_BLANK}\n*`_\uff3f\-\u2010-\u2015\u2212\uff0d\u30fc\u30fb:\uff1a#\uff03./\\&;\[<{{\uff3b\u3010\u3014"
    "\u300c\u300e\uff1c\u3008\u300a\uff5b\u27e8\u3016]"
)
"""A character with which a mark may stand open."""
_IS_ALNUM = re.compile(f"[{_ALNUM}]")
_NOT_NAME = re.compile(r"[^A-Z0-9]+")
_NUMBER = re.compile(rf"(?<!{_DIGIT}){_DIGIT}{{4,8}}(?!{_DIGIT})")
_SPACED = re.compile(rf"(?<!{_DIGIT}){_DIGIT}(?:[{_BLANK}]?{_DIGIT}){{3,7}}(?!{_DIGIT})")
_MAY_GO_ON = re.compile(rf"[{_ALNUM}{_BLANK}\n*`_\uff3f\-\u2010-\u2015\u2212\uff0d\u30fc\u30fb:\uff1a#\uff03./\\&;]*\Z")
_MAY_BEGIN = re.compile(rf"(?:\\+|\\*(?:{'|'.join(pair[0] for pair in _PAIRS)}){_FILL}{{0,4}}|&(?:l|lt|#|#9|#91)?)\Z")


def name_of(kind: str) -> str:
    """A type's name as marks have it: ``[A-Z][A-Z0-9_]*``, also for types of own checks."""
    name = _NOT_NAME.sub("_", kind.translate(_WIDE).upper()).strip("_")[:LONGEST_NAME].strip("_")
    return name if name and name[0].isalpha() else f"X_{name}".strip("_")


def mask_of(kind: str) -> str:
    """What stands for a value that is not restored: ``[MY_NUMBER]``."""
    return f"[{name_of(kind)}]"


def numbers_in(text: str) -> set[str]:
    """Numbers of four to eight digits that stand in a text, in any width, blanks between the digits or not."""
    found = {number.translate(_WIDE) for number in _NUMBER.findall(text)}
    found.update(re.sub(rf"[{_BLANK}]", "", number).translate(_WIDE) for number in _SPACED.findall(text))
    return found


class Pseudonyms:
    """The marks of one thread.

    ``known`` are marks of earlier calls with their values: they are restored, and a value keeps its mark.
    """

    __slots__ = ("_key", "_marks", "_names", "_opening", "_pattern", "_taken", "_values", "_words", "fresh")

    def __init__(self, thread_key: bytes, known: Mapping[str, str] | None = None) -> None:
        self._key = thread_key
        self._marks: dict[tuple[str, str], str] = {}
        """Type's name and value to mark."""
        self._values: dict[tuple[str, str], str] = {}
        """Name without signs and number to value."""
        self._words: dict[str, str] = {}
        """Mark to value."""
        self._names: set[str] = set()
        self._taken: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._opening: re.Pattern[str] | None = None
        self.fresh: dict[str, str] = {}
        """Marks that were made here, with their values: what is still to be kept."""
        for mark, value in (known or {}).items():
            name, _, number = mark.strip("[]").rpartition("_")
            self._add(mark, name, number, value)

    @property
    def entries(self) -> dict[str, str]:
        """Every mark with its value."""
        return dict(self._words)

    @property
    def longest(self) -> int:
        """Characters of the longest mark, its brackets, escapes and blanks included; 0 where there is none."""
        return max((len(name) + name.count("_") for name in self._names), default=-14) + 14

    def avoid(self, text: str) -> None:
        """Never make a mark with a number that stands in this text. To be told of every text before the first mark is made."""
        self._taken |= numbers_in(text)

    def mark(self, kind: str, value: str, taken: Collection[str] = ()) -> str:
        """The mark of a value. ``taken`` are further numbers that no mark may have."""
        name = name_of(kind)
        made = self._marks.get((name, value))
        if made is not None:
            return made
        plain = name.replace("_", "")
        for number in self._numbers(kind, value):
            if number in self._taken or number in taken or (plain, number) in self._values:
                continue
            made = f"[{name}_{number}]"
            self._add(made, name, number, value)
            self.fresh[made] = value
            return made
        raise AssertionError  # a text cannot hold every number of eight digits

    def restore(self, text: str) -> str:
        """The text with the values of all marks that were made, however they were rewritten; all else is untouched."""
        made: list[str] = []
        last = 0
        for start, end, value in self.marks_in(text):
            made += (text[last:start], value or "")
            last = end
        return "".join((*made, text[last:])) if made else text

    def marks_in(self, text: str) -> list[Change]:
        """Where marks stand, and their values, in ascending order."""
        pattern = self._pattern or self._compiled()
        if pattern is None or not _ANY_DIGIT.search(text):
            return []
        found: list[Change] = []
        last = 0
        for hit in pattern.finditer(text):
            change = self._read(text, hit, last)
            if change is not None:
                found.append(change)
                last = change.end
        return found

    def open_from(self, text: str) -> int:
        """From where on a mark may stand open at the end of what has come; the text's length where none does."""
        if not self._names or not _MAY_BE_OF_MARK.match(text[-1:]):
            return len(text)
        start = max(0, len(text) - 64)
        opening = self._opening or self._compiled_opening()
        place = len(text)
        for hit in opening.finditer(text, start):
            if len(text) - hit.end() <= 28 and _is_rest(text, hit.end()):
                place = hit.start()
                break
        before = text[max(0, place - _BEFORE) : place]
        bracket = _MAY_BEGIN.search(before)
        return place - (len(before) - bracket.start()) if bracket else place

    def _add(self, mark: str, name: str, number: str, value: str) -> None:
        self._words[mark] = value
        self._marks.setdefault((name, value), mark)
        self._values.setdefault((name.replace("_", ""), number), value)
        if name not in self._names:
            self._names.add(name)
            self._pattern = self._opening = None

    def _numbers(self, kind: str, value: str) -> Iterator[str]:
        told = kind.encode() + b"\0" + value.encode("utf-8", "surrogatepass")
        for digits in _DIGITS:
            for turn in range(_PROBES if digits < _DIGITS[-1] else 1 << 16):
                more = b"" if turn == 0 and digits == _DIGITS[0] else b"\0%d.%d" % (digits, turn)
                digest = hmac.new(self._key, told + more, hashlib.sha256).digest()
                yield f"{int.from_bytes(digest[:8], 'big') % 10**digits:0{digits}d}"

    def _compiled(self) -> re.Pattern[str] | None:
        """The marks' words in any writing, then the number."""
        if not self._names:
            return None
        words = "|".join(_loose(name) for name in sorted(self._names, key=len, reverse=True))
        number = rf"({_DIGIT}{{1,8}})((?:[{_BLANK}]{{1,2}}{_DIGIT}{{1,7}}){{0,7}})"
        self._pattern = re.compile(rf"(?<![{_ALNUM}])({words}){_LINK}{{0,4}}{number}(?!{_DIGIT})")
        return self._pattern

    def _compiled_opening(self) -> re.Pattern[str]:
        """The marks' words, or their first letters at the end of the text."""
        whole = [_loose(name) for name in sorted(self._names, key=len, reverse=True)]
        parts = [_begun(name) for name in sorted(self._names, key=len, reverse=True)]
        self._opening = re.compile(rf"(?<![{_ALNUM}])(?:(?:{'|'.join(whole)})|(?:{'|'.join(parts)})\\*\Z)")
        return self._opening

    def _read(self, text: str, hit: re.Match[str], last: int) -> Change | None:
        """A hit as a change: with its brackets where they are a pair; None where it is no mark."""
        name = _NOT_NAME.sub("", hit[1].translate(_WIDE).upper())
        number = hit[2].translate(_WIDE)
        start, end = hit.start(), hit.end(2)
        value = self._values.get((name, number))
        if value is not None:
            outer = _brackets(text, start, end, last)
            if outer:
                return Change(*outer, value)
            return Change(start, end, value) if _stands_alone(text, start, end) else None
        if hit[3]:
            number = re.sub(rf"[{_BLANK}]", "", hit[2] + hit[3]).translate(_WIDE)
            value = self._values.get((name, number))
            outer = _brackets(text, start, hit.end(), last)
            if value is not None and outer:
                return Change(*outer, value)
        return None


def _loose(name: str) -> str:
    """A name in any width and case, its underscores in any form; one that ends with a digit needs something before the number."""
    letters = [f"{_LINK}{{0,3}}" if letter == "_" else _letter(letter) for letter in name]
    return "".join(letters) + (f"(?={_LINK})" if name[-1].isdigit() else "")


def _begun(name: str) -> str:
    """The first letters of a name."""
    made = ""
    for letter in reversed(name[1:]):
        piece = f"{_LINK}{{0,3}}" if letter == "_" else _letter(letter)
        made = f"(?:{piece}{made})?"
    return _letter(name[0]) + made


def _letter(letter: str) -> str:
    return "[" + "".join({letter, letter.lower(), chr(ord(letter) + 0xFEE0), chr(ord(letter.lower()) + 0xFEE0)}) + "]"


def _brackets(text: str, start: int, end: int, last: int) -> tuple[int, int] | None:
    """The place of a mark with its brackets; None where they are no pair."""
    floor = max(last, start - _BEFORE)
    before = _OPEN.search(text[floor:start])
    after = _CLOSE.match(text, end)
    if before is None or after is None or _KIND[before[1]] != _KIND[after[1]]:
        return None
    return floor + before.start(), after.end()


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a mark without brackets is no part of a longer word; underscores around it are emphasis where they are a pair."""
    left, right = start, end
    while left > 0 and text[left - 1] == "_" and start - left < 3:
        left -= 1
    while right < len(text) and text[right] == "_" and right - end < 3:
        right += 1
    if left < start and right - end != start - left:
        return False
    is_free = left == 0 or not _IS_ALNUM.match(text[left - 1])
    return is_free and (right == len(text) or not _IS_ALNUM.match(text[right]))


def _is_rest(text: str, place: int) -> bool:
    """Whether all that follows a mark's words may still belong to the mark."""
    rest = text[place:]
    if not _MAY_GO_ON.match(rest):
        return False
    after_number = re.match(rf"{_LINK}{{0,4}}{_DIGIT}{{4,8}}", rest)
    return after_number is None or len(rest) - after_number.end() <= _AFTER

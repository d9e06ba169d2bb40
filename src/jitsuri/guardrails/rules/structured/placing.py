"""Where digits and labels stand in a text: found once, and shared by all the structured checks."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from jitsuri.guardrails.rules.structured.labelling import KINDS, LABEL, OTHER_DATE, SEX
from jitsuri.guardrails.shapes import Finding

LABEL_REACH: Final = 40
"""Characters between a number and the end of its label (decision 0040): with the longest label it stays within ``REACH``."""
AFTER_REACH: Final = 10
"""Characters between a number and the label that follows it."""
LONGEST_RUN: Final = 32
"""Digits in a row beyond which nothing is a number of ours."""

FOREIGN: Final = 0
"""Another label stands straight before: it is that, not ours."""
BARE: Final = 1
"""No label says anything."""
NEAR: Final = 2
"""Its label stands before, with words between, or straight behind."""
DIRECT: Final = 3
"""Its label stands straight before."""

_RUN = re.compile(r"[0-9]+")
_CONNECTING = (
    r"(?:\([^()]{0,14}\)|[\s:=|/・,、\"'`「」『』【】〔〕\[\]<>(){}\-→⇒▶►◆■●・*#_~.;?!\\]|は|が|も|の|を|に|第|番号|ナンバー|number|num|no|id"
    r"|is|was|on|as|西暦|和暦|です|記載|以下|下記|通り|とおり|【|】|value|string|text)*+"
)
_GAP = re.compile(_CONNECTING)
_GAP_AFTER = re.compile(r"(?:[\s(「『【\[<:=\-/,、|\"']|が|は|の|:|という|です|→)*+")
_DIGIT = re.compile("[0-9]")
_SHORT = 6
_UNIT = re.compile(
    r" ?(?:円|個(?!人)|件(?!名)|枚|%|万(?!が)|億|kg|km|px|ms|kb|mb|gb|usd|jpy|yen)|台|本(?![人店社日])|名(?![義前称])|人(?![事名])|回(?!線)|点|分(?!類)|秒|時|月|年|日|ヶ|か月|千|兆"
)


def is_word(char: str) -> bool:
    """Whether a character is an ASCII letter or digit: kanji and kana may touch a number."""
    return char.isascii() and char.isalnum()


class Places:
    """What one text holds for the structured checks."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.runs: list[tuple[int, int]] = []
        """Digits in a row: start and end."""
        self.by_length: dict[int, list[int]] = {}
        """Starts of such runs by length; those beyond ``LONGEST_RUN`` are in none."""
        by_length = self.by_length
        for found in _RUN.finditer(text):
            start, end = found.span()
            self.runs.append((start, end))
            if end - start <= LONGEST_RUN:
                by_length.setdefault(end - start, []).append(start)

    @cached_property
    def lower(self) -> str:
        """The text in lower case; as long as the text, which the normalised form of İ sees to."""
        return self.text.lower()

    @cached_property
    def labels(self) -> tuple[list[int], list[int], list[str]]:
        """Starts, ends and kinds of the labels."""
        starts: list[int] = []
        ends: list[int] = []
        kinds: list[str] = []
        lower = self.lower
        for found in LABEL.finditer(lower):
            start, end = found.span()
            if lower[start].isascii() and end - start <= _SHORT and self._is_inside_word(start, end):
                continue
            starts.append(start)
            ends.append(end)
            kinds.append(KINDS[found[0]])
        return starts, ends, kinds

    def _is_inside_word(self, start: int, end: int) -> bool:
        before, after = self.lower[start - 1 : start], self.lower[end : end + 1]
        return (before.isascii() and before.isalpha()) or (after.isascii() and after.isalpha())

    def before(self, at: int) -> Iterable[tuple[int, int, str]]:
        """Labels that end at most ``LABEL_REACH`` before a place, nearest first: start, end, kind."""
        starts, ends, kinds = self.labels
        index = bisect_right(ends, at) - 1
        while index >= 0 and at - ends[index] <= LABEL_REACH:
            yield starts[index], ends[index], kinds[index]
            index -= 1

    def after(self, at: int, reach: int = AFTER_REACH) -> Iterable[tuple[int, int, str]]:
        """Labels that begin at most ``reach`` behind a place, nearest first."""
        starts, ends, kinds = self.labels
        index = bisect_left(starts, at)
        while index < len(starts) and starts[index] - at <= reach:
            yield starts[index], ends[index], kinds[index]
            index += 1

    def is_direct(self, label_end: int, at: int) -> bool:
        """Whether nothing but what joins a label to its value stands between."""
        return _GAP.fullmatch(self.lower, label_end, at) is not None

    def has_digit(self, start: int, end: int) -> bool:
        return _DIGIT.search(self.text, start, end) is not None

    def standing(self, start: int, end: int, kind: str) -> int:
        """What the labels around say about a number of a kind: FOREIGN, BARE, NEAR, DIRECT."""
        for _, label_end, found in self.before(start):
            if found in (OTHER_DATE, SEX):
                continue
            direct = self.is_direct(label_end, start)
            if found == kind:
                if direct:
                    return DIRECT
                if not self.has_digit(label_end, start):
                    return NEAR
                break
            if direct:
                return FOREIGN
        for label_start, _, found in self.after(end):
            if _GAP_AFTER.fullmatch(self.lower, end, label_start) is None:
                break
            if found == kind:
                return NEAR
        return BARE

    def is_clear(self, start: int, end: int) -> bool:
        """Whether a number stands alone: not inside a word, a longer number, a decimal or an amount."""
        return self.begins_clear(start) and self.ends_clear(end)

    def begins_clear(self, start: int) -> bool:
        before = self.text[max(start - 2, 0) : start]
        if not before:
            return True
        last = before[-1]
        if is_word(last):
            return False
        if last in "-_+" or last in ".,":
            joined = before[:-1]
            return not (joined and is_word(joined) and (last not in ".," or joined.isdigit()))
        return True

    def ends_clear(self, end: int) -> bool:
        behind = self.text[end : end + 2]
        if not behind:
            return True
        first = behind[0]
        if is_word(first) or first == "@":
            return False
        if first in "-_.":
            joined = behind[1:]
            return not (joined and is_word(joined) and (first != "." or joined.isdigit()))
        return _UNIT.match(self.lower, end) is None


class Reader:
    """Hands out the places of a text, and keeps those of the last one: the checks of a scan see the same text in turn."""

    def __init__(self) -> None:
        self._last = Places("")

    def read(self, text: str) -> Places:
        last = self._last
        if last.text is text or last.text == text:
            return last
        self._last = places = Places(text)
        return places


@dataclass(frozen=True, slots=True)
class PlacedCheck:
    """A check that looks at the places of a text."""

    name: str
    types: tuple[str, ...]
    version: str
    look: Callable[[Places], Iterable[Finding]]
    reader: Reader

    def find(self, text: str) -> Iterable[Finding]:
        """As ``shapes.Check`` has it."""
        return self.look(self.reader.read(text))

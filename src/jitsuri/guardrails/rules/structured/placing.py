"""Where digits and labels stand in a text: found once, and shared by all the structured checks."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from jitsuri.guardrails.rules.structured.labelling import OTHER_DATE, SEX, labels_in
from jitsuri.guardrails.shapes import Finding

LABEL_REACH: Final = 32
"""Characters between a number and the end of its label (decision 0040): with the longest label it stays within ``REACH``."""
AFTER_REACH: Final = 10
"""Characters between a number and the label that follows it."""
_BEHIND: Final = 24
"""Characters behind a number that are looked at at all."""
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
    r"(?:\([^()]{0,14}\)|[\s:=|/・,\u3001\"'`「」『』【】〔〕\[\]<>(){}\-→⇒▶►◆■●・*#_~.;?!\\]|は|って|が|も|の|を|に|第|番号|ナンバー|number|num|no|id"
    r"|is|was|on|as|西暦|和暦|です|記載|以下|下記|通り|とおり|ですが|氏名|value|string|text)*+"
)
_GAP = re.compile(_CONNECTING)
_GAP_AFTER = re.compile(r"(?:[\s(「『【\[<:=\-/,\u3001|\"']|が|は|の|:|という|です|→)*+")
_THREE_FOURS = re.compile(r"[0-9]{4}( ?[-.・] ?| {1,2}|\t)[0-9]{4}\1[0-9]{4}(?!\1?[0-9])")
_BOXES = re.compile(r"[0-9](?:( |\||\t| \| )[0-9])(?:\1[0-9]){5,17}(?!\1?[0-9])")
_FEWEST_BOXES = 7
_JOINTS = frozenset("-. ・\t")
_NO_SEPARATORS = str.maketrans("", "", " -.・/|\t")
_DIGIT = re.compile("[0-9]")
_SHORT = 6
_UNIT = re.compile(
    r" ?(?:円|個(?!人)|件(?!名)|枚|%|万(?!が)|億|kg|km|px|ms|kb|mb|gb|usd|jpy|yen)|台|本(?![人店社日])|名(?![義前称])|人(?![事名])"
    r"|回(?!線)|点|分(?!類)|秒|時|月|年|日|ヶ|か月|千|兆"
)


def is_word(char: str) -> bool:
    """Whether a character is an ASCII letter or digit: kanji and kana may touch a number."""
    return char.isascii() and char.isalnum()


class Labels:
    """The labels of a text, in order."""

    __slots__ = ("at", "ends", "kinds", "starts")

    def __init__(self, lower: str) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.kinds: list[str] = []
        self.at: dict[str, list[int]] = {}
        """Places in these lists, by kind."""
        for start, end, kind in labels_in(lower):
            if end - start <= _SHORT and lower[start].isascii() and _is_inside_word(lower, start, end):
                continue
            self.at.setdefault(kind, []).append(len(self.starts))
            self.starts.append(start)
            self.ends.append(end)
            self.kinds.append(kind)


def _is_inside_word(lower: str, start: int, end: int) -> bool:
    before, after = lower[start - 1 : start], lower[end : end + 1]
    return (before.isascii() and before.isalpha()) or (after.isascii() and after.isalpha())


class Places:
    """What one text holds for the structured checks."""

    __slots__ = ("_boxes", "_fours", "_labels", "_lower", "by_length", "runs", "text", "zeros")

    def __init__(self, text: str) -> None:
        self.text = text
        self.runs: list[tuple[int, int]] = [found.span() for found in _RUN.finditer(text)]
        """Digits in a row: start and end."""
        self.by_length: dict[int, list[int]] = {}
        """Starts of such runs by length; those beyond ``LONGEST_RUN`` are in none."""
        self.zeros: list[tuple[int, int]] = []
        """Starts and lengths of the runs that begin with 0."""
        for start, end in self.runs:
            length = end - start
            if length <= LONGEST_RUN:
                if length in self.by_length:
                    self.by_length[length].append(start)
                else:
                    self.by_length[length] = [start]
                if text[start] == "0":
                    self.zeros.append((start, length))
        self._lower: str | None = None
        self._labels: Labels | None = None
        self._fours: list[tuple[int, int, str]] | None = None
        self._boxes: list[tuple[int, int, str]] | None = None

    @property
    def lower(self) -> str:
        """The text in lower case; as long as the text, which the normalised form of İ sees to."""
        if self._lower is None:
            self._lower = self.text.lower()
        return self._lower

    @property
    def labels(self) -> Labels:
        if self._labels is None:
            self._labels = Labels(self.lower)
        return self._labels

    def has_label(self, kind: str) -> bool:
        return kind in self.labels.at

    @property
    def fours(self) -> list[tuple[int, int, str]]:
        """Numbers written in three groups of four: start, end, digits."""
        if self._fours is None:
            self._fours = list(self.grouped(4, _THREE_FOURS))
        return self._fours

    @property
    def boxes(self) -> list[tuple[int, int, str]]:
        """Numbers of which each digit stands apart, as in the boxes of forms: start, end, digits."""
        if self._boxes is None:
            self._boxes = []
            end = 0
            singles = self.by_length.get(1, ())
            for start in singles if len(singles) >= _FEWEST_BOXES else ():
                if start >= end and (found := _BOXES.match(self.text, start)) is not None:
                    end = found.end()
                    self._boxes.append((start, end, found[0].translate(_NO_SEPARATORS)))
        return self._boxes

    def grouped(self, first: int, pattern: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
        """Numbers in groups, the first of a given length: start, end, digits."""
        text = self.text
        for start in self.by_length.get(first, ()):
            if text[start + first : start + first + 1] not in _JOINTS or (found := pattern.match(text, start)) is None:
                continue
            joint = found[1]
            if not (
                text.endswith(joint, 0, start)
                and text[max(0, start - len(joint) - first) : start - len(joint)].isdigit()
            ):
                yield start, found.end(), found[0].translate(_NO_SEPARATORS)

    def sized(self, *lengths: int) -> Iterator[tuple[int, int, str]]:
        """Digits in a row of one of the lengths: start, end, digits."""
        for length in lengths:
            for start in self.by_length.get(length, ()):
                yield start, start + length, self.text[start : start + length]

    def boxed(self, length: int) -> Iterator[tuple[int, int, str]]:
        return (one for one in self.boxes if len(one[2]) == length)

    def before(self, at: int) -> Iterable[tuple[int, int, str]]:
        """Labels that end at most ``LABEL_REACH`` before a place, nearest first: start, end, kind."""
        labels = self.labels
        index = bisect_right(labels.ends, at) - 1
        while index >= 0 and at - labels.ends[index] <= LABEL_REACH:
            yield labels.starts[index], labels.ends[index], labels.kinds[index]
            index -= 1

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
        return NEAR if self._is_followed_by(end, kind) else BARE

    def _is_followed_by(self, end: int, kind: str) -> bool:
        """Whether a label of the kind stands straight behind."""
        behind = self.lower[end : end + _BEHIND]
        gap = _GAP_AFTER.match(behind)
        if gap is None or gap.end() > AFTER_REACH:
            return False
        return any(
            start == gap.end() and found == kind and (stop - start > _SHORT or not _is_inside_word(behind, start, stop))
            for start, stop, found in labels_in(behind)
        )

    def is_clear(self, start: int, end: int) -> bool:
        """Whether a number stands alone: not inside a word, a longer number, a decimal or an amount."""
        return self.begins_clear(start) and self.ends_clear(end)

    def begins_clear(self, start: int) -> bool:
        before = self.text[max(start - 2, 0) : start]
        if not before:
            return True
        last = before[-1]
        if is_word(last):
            return last.isalpha() and self._ends_label(start)
        if last in "-_+" or last in ".,":
            joined = before[:-1]
            return not (joined and is_word(joined) and (last not in ".," or joined.isdigit()))
        return True

    def _ends_label(self, at: int) -> bool:
        ends = self.labels.ends
        index = bisect_right(ends, at) - 1
        return index >= 0 and ends[index] == at

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
    lengths: frozenset[int] | None = None
    """Digits in a row without which there is nothing to find; None looks at every text."""

    def find(self, text: str) -> Iterable[Finding]:
        """As ``shapes.Check`` has it."""
        places = self.reader.read(text)
        if self.lengths is not None and self.lengths.isdisjoint(places.by_length):
            return ()
        return self.look(places)

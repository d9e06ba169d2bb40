"""Where two answers differ, marked on both: lines first, then words within lines that changed. Pure.

A word is a run of letters, of digits, of katakana; kanji, hiragana and signs stand alone, so that Japanese is compared character
by character. Whatever is too long to be compared in a moment is marked as a whole: a mark too many misleads nobody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

BlockKind = Literal["text", "code", "table"]
Segment = tuple[str, bool]
"""A run of characters, and does it differ from the other answer?"""

_JOINED = "\u200d\ufe0e\ufe0f\u20e3\u0300-\u036f\u3099\u309a\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
"""What belongs to the character before it: joiners, variants, combining marks, skin tones."""

_WORDS = re.compile(rf"[゠-ヿ]+|[0-9]+|[^\W\d_぀-ヿ㐀-鿿豈-﫿]+|\s+|.(?:[{_JOINED}]|(?<=\u200d).)*", re.DOTALL)
_FENCE = re.compile(r"^\s*(```|~~~)")
_TABLE = re.compile(r"^\s*\|.*\|\s*$")

MOST_STEPS = 300_000
"""Comparisons of words for one changed part: about a tenth of a second (decision 0034)."""

MOST_LINES = 4_000_000
"""The same for lines, which are seldom alike and so compare faster."""

LEAST_ALIKE = 0.3
"""Below this share of common words two answers are different as wholes, and marks would only be noise."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together: running text, code, or a table written with bars."""

    kind: BlockKind
    lines: tuple[tuple[Segment, ...], ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """Two texts with their marks. ``is_other``: they have so little in common that nothing is marked."""

    left: tuple[Block, ...]
    right: tuple[Block, ...]
    is_other: bool = False


def compared(left: str, right: str) -> Compared:
    """Both texts cut into blocks, with what only one of them has marked."""
    one, other = _lines(left), _lines(right)
    if one == other or not left.strip() or not right.strip():
        return Compared(_plain(one), _plain(other))
    if len(one) * len(other) > MOST_LINES:
        return Compared(_plain(one), _plain(other), True)
    marked: tuple[list[list[Segment]], list[list[Segment]]] = ([], [])
    alike = 0
    for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "equal":
            alike += sum(len(line) for line in one[a:b])
            for side in marked:
                side.extend([(line, False)] for line in one[a:b])
        else:
            first, second, common = _changed(one[a:b], other[c:d])
            alike += common
            marked[0].extend(first)
            marked[1].extend(second)
    if 2 * alike < LEAST_ALIKE * (len(left) + len(right)):
        return Compared(_plain(one), _plain(other), True)
    return Compared(_blocks(one, marked[0]), _blocks(other, marked[1]))


def _changed(one: Sequence[str], other: Sequence[str]) -> tuple[list[list[Segment]], list[list[Segment]], int]:
    """Lines that changed, with the words that differ, and how many characters are alike."""
    if not one or not other:
        return _whole(one), _whole(other), 0
    first, second = _WORDS.findall("\n".join(one)), _WORDS.findall("\n".join(other))
    if len(first) * len(second) > MOST_STEPS:
        return _whole(one), _whole(other), 0
    left: list[Segment] = []
    right: list[Segment] = []
    alike = 0
    for tag, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        is_equal = tag == "equal"
        left.append(("".join(first[a:b]), not is_equal))
        right.append(("".join(second[c:d]), not is_equal))
        alike += len(left[-1][0]) if is_equal else 0
    return _broken(left), _broken(right), alike


def _broken(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Segments put back into lines."""
    lines: list[list[Segment]] = [[]]
    for text, is_marked in segments:
        for number, piece in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if piece:
                lines[-1].append((piece, is_marked and not piece.isspace()))
    return lines


def _whole(lines: Sequence[str]) -> list[list[Segment]]:
    return [[(line, bool(line.strip()))] for line in lines]


def _plain(lines: Sequence[str]) -> tuple[Block, ...]:
    return _blocks(lines, [[(line, False)] for line in lines])


def _blocks(lines: Sequence[str], marked: Sequence[Sequence[Segment]]) -> tuple[Block, ...]:
    found: list[tuple[BlockKind, list[tuple[Segment, ...]]]] = []
    is_code = False
    for line, segments in zip(lines, marked, strict=True):
        is_fence = _FENCE.match(line) is not None
        kind: BlockKind = "code" if is_code or is_fence else "table" if _TABLE.match(line) else "text"
        if is_fence:
            is_code = not is_code
        if not found or found[-1][0] != kind:
            found.append((kind, []))
        found[-1][1].append(tuple(segments))
    return tuple(Block(kind, tuple(held)) for kind, held in found)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n") if text.strip() else []

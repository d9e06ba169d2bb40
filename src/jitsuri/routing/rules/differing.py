"""The difference of two texts: line by line, and inside a changed line sign by sign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "gone", "new"]
LONGEST_LINE = 2_000
"""Signs of a line that is compared sign by sign; a longer one is told as a whole (decision 0036)."""
MOST_LINES = 4_000
"""Lines in a row that are compared with each other; more are told as gone and new (decision 0036)."""
_ALIKE = 0.4
"""From what likeness on two lines are told as one that was changed: below, marks inside would be confetti."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the old text, the new one or both, in pieces; pieces of another kind than ``same`` are what changed in it."""

    kind: Kind
    pieces: tuple[tuple[Kind, str], ...]
    old_number: int
    """From 1; 0 where the old text has no such line."""
    new_number: int

    @property
    def text(self) -> str:
        return "".join(piece for _, piece in self.pieces)


def differences(old: str, new: str) -> tuple[Line, ...]:
    """All lines of both texts in order, those that went before those that came."""
    before, after = old.split("\n"), new.split("\n")
    found: list[Line] = []
    for tag, old_from, old_to, new_from, new_to in _steps(before, after):
        if tag == "equal":
            found += [
                Line("same", (("same", before[old_from + n]),), old_from + n + 1, new_from + n + 1)
                for n in range(old_to - old_from)
            ]
        else:
            found += _changed(before[old_from:old_to], after[new_from:new_to], old_from + 1, new_from + 1)
    return tuple(found)


def _steps(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """What is equal and what is not. Equal ends are found first, so that a long text costs as much as its change."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    old_end, new_end = len(before) - tail, len(after) - tail
    if head:
        yield "equal", 0, head, 0, head
    if max(old_end, new_end) - head > MOST_LINES:
        yield "replace", head, old_end, head, new_end
    elif old_end > head or new_end > head:
        matcher = SequenceMatcher(None, before[head:old_end], after[head:new_end])
        for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
            yield tag, head + old_from, head + old_to, head + new_from, head + new_to
    if tail:
        yield "equal", old_end, len(before), new_end, len(after)


def _changed(gone: Sequence[str], came: Sequence[str], old_number: int, new_number: int) -> list[Line]:
    """Lines that changed in pairs; a pair that is alike tells what changed inside."""
    olds, news = [], []
    for at in range(max(len(gone), len(came))):
        old, new = gone[at] if at < len(gone) else None, came[at] if at < len(came) else None
        inside = _inside(old, new) if old is not None and new is not None else None
        if old is not None:
            olds.append(Line("gone", inside[0] if inside else (("gone", old),), old_number + at, 0))
        if new is not None:
            news.append(Line("new", inside[1] if inside else (("new", new),), 0, new_number + at))
    return [*olds, *news]


def _inside(old: str, new: str) -> tuple[tuple[tuple[Kind, str], ...], tuple[tuple[Kind, str], ...]] | None:
    """The pieces of both lines; None where they have little in common or are long."""
    if max(len(old), len(new)) > LONGEST_LINE:
        return None
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.quick_ratio() < _ALIKE or matcher.ratio() < _ALIKE:
        return None
    gone: list[tuple[Kind, str]] = []
    came: list[tuple[Kind, str]] = []
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        kind: tuple[Kind, Kind] = ("same", "same") if tag == "equal" else ("gone", "new")
        if old_to > old_from:
            gone.append((kind[0], old[old_from:old_to]))
        if new_to > new_from:
            came.append((kind[1], new[new_from:new_to]))
    return tuple(gone), tuple(came)

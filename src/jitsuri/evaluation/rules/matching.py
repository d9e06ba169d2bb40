"""Patterns without backtracking: a finite automaton reads every text in one pass, whatever the pattern and the text are.

Read are literals, ``.``, classes, escapes (``\\d \\w \\s`` and their opposites, ``\\n \\t \\x.. \\u....``), groups, ``|``,
``* + ? {m,n}``, ``^ $ \\b \\B`` and ``(?i)``, ``(?s)``, ``(?m)`` at the start, all with the meaning of Python's ``re``. What an
automaton cannot do (look-around, back-references, possessive and atomic groups) is refused by name.

Source: Thompson, Communications of the ACM 11 (1968) 419–422; the sets are kept as they are met, as in RE2.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from functools import lru_cache

from jitsuri.terms.errors import CallerError

MOST_STATES = 2_000
"""States of one automaton: a pattern that needs more is a list of words, which ``anyOf`` or several scorers say better."""
MOST_STEPS = 20_000_000
"""States times characters of one search, about ten seconds at the worst: longer texts are not searched, and that is told."""
MOST_KEPT = 20_000
"""Transitions kept in memory; when there are more, all are forgotten and met anew."""
MOST_NESTED = 50
"""Groups within groups."""
MOST_LOOKED = 5_000_000
"""Characters looked at in a search for all finds: five for each of a text of a megabyte, about three seconds."""
LONGEST_SPAN = 200
"""Characters of one find: a citation is no longer, and a search for all finds stays linear."""

Key = tuple[int, str, tuple[bool, ...]]


@dataclass(slots=True)
class Automaton:
    """A compiled pattern. ``kept`` only remembers what has been computed; it changes no result."""

    starts: int
    accepts: int
    empty: list[list[tuple[int, str]]]
    """Moves without a character: target and the assertion that must hold ('' for none)."""
    moves: list[tuple[re.Pattern[str], int] | None]
    has_assertions: bool
    is_multiline: bool
    sets: list[frozenset[int]] = field(default_factory=list)
    numbers: dict[frozenset[int], int] = field(default_factory=dict)
    kept: dict[Key, tuple[int, bool]] = field(default_factory=dict)
    begun: dict[int, int] = field(default_factory=dict)
    """Each set's number → that of the same set with the start in it: a search may begin at every place."""

    def fits(self, length: int) -> bool:
        """Whether a text of so many characters may be searched."""
        return length * len(self.moves) <= MOST_STEPS

    def _number(self, states: frozenset[int]) -> int:
        if states not in self.numbers:
            self.numbers[states] = len(self.sets)
            self.sets.append(states)
        return self.numbers[states]

    def _closed(self, states: frozenset[int], around: tuple[bool, ...]) -> set[int]:
        """Everything that is reached without a character, where ``around`` tells which assertions hold."""
        found = set(states)
        waiting = list(states)
        while waiting:
            for target, wanted in self.empty[waiting.pop()]:
                if target not in found and (not wanted or around[_ASSERTIONS.index(wanted)]):
                    found.add(target)
                    waiting.append(target)
        return found

    def _around(self, text: str, at: int) -> tuple[bool, ...]:
        before, after = text[at - 1 : at], text[at : at + 1]
        ends = not after or (after == "\n" and at + 1 == len(text))
        is_edge = bool(_WORD.match(before)) != bool(_WORD.match(after))
        return (
            at == 0 or (self.is_multiline and before == "\n"),
            ends or (self.is_multiline and after == "\n"),
            is_edge,
            not is_edge,
        )

    def _step(self, number: int, text: str, at: int) -> tuple[int, bool]:
        """The set after one more character (``at`` behind the text: none), and whether the set before it accepts."""
        char = text[at : at + 1]
        key = (number, char, self._around(text, at) if self.has_assertions else ())
        known = self.kept.get(key)
        if known is None:
            closed = self._closed(self.sets[number], key[2])
            reached = {move[1] for s in closed if (move := self.moves[s]) is not None and char and move[0].match(char)}
            known = self._number(frozenset(reached)), self.accepts in closed
            self.kept[key] = known
        return known

    def _begin(self) -> int:
        if len(self.kept) > MOST_KEPT:
            self.kept.clear()
            self.numbers.clear()
            self.sets.clear()
            self.begun.clear()
        return self._number(frozenset((self.starts,)))

    def longest(self, text: str, start: int, most: int) -> tuple[int, int]:
        """Where the longest match from ``start`` ends, at most ``most`` characters on (-1 for none); characters looked at."""
        number, found, at = self._begin(), -1, start
        for at in range(start, min(len(text), start + most) + 1):
            number, accepts = self._step(number, text, at)
            if accepts:
                found = at
            if not self.sets[number]:
                break
        return found, at - start + 1

    def is_in(self, text: str) -> bool:
        """Whether the pattern stands anywhere in the text."""
        number = self._begin()
        for at in range(len(text) + 1):
            number, accepts = self._step(number, text, at)
            if accepts:
                return True
            if len(self.kept) > MOST_KEPT:
                number = self._anew(number)
            again = self.begun.get(number)
            if again is None:
                again = self.begun[number] = self._number(self.sets[number] | {self.starts})
            number = again
        return False

    def is_whole(self, text: str) -> bool:
        """Whether the whole text is a match."""
        number, accepts = self._begin(), False
        for at in range(len(text) + 1):
            number, accepts = self._step(number, text, at)
            if len(self.kept) > MOST_KEPT:
                number = self._anew(number)
            if not self.sets[number]:
                return accepts and at == len(text)
        return accepts

    def _anew(self, number: int) -> int:
        held = self.sets[number]
        self._begin()
        return self._number(held)


_ASSERTIONS = ("^", "$", "b", "B")
_WORD = re.compile(r"\w")


@lru_cache(maxsize=256)
def compiled(pattern: str, *, is_caseless: bool = False, where: str = "pattern") -> Automaton:
    """The automaton of a pattern.

    Raises CallerError ``scorer_pattern_broken`` (Python's ``re`` does not read it either), ``scorer_pattern_beyond`` (it asks
    for what an automaton cannot do) and ``scorer_pattern_large``, each with the field ``where``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError, Warning) as error:
            raise CallerError(
                "scorer_pattern_broken", field=where, value=pattern[:80], reason=str(error)[:200]
            ) from None
    flags, at = _flags(pattern, is_caseless)
    builder = _Builder(pattern, at, flags, where)
    start, end = builder.alternatives(0)
    has_assertions = any(wanted for moves in builder.empty for _, wanted in moves)
    return Automaton(start, end, builder.empty, builder.moves, has_assertions, bool(flags & re.MULTILINE))


def spans(automaton: Automaton, text: str) -> list[tuple[int, int]] | None:
    """All finds from left to right, each the longest from its place, none empty, none overlapping.

    None where that takes more than ``MOST_LOOKED`` characters: a pattern such as ``.*x`` looks far from every place.
    """
    found: list[tuple[int, int]] = []
    at = looked = 0
    while at < len(text):
        end, seen = automaton.longest(text, at, LONGEST_SPAN)
        looked += seen
        if looked > MOST_LOOKED:
            return None
        if end > at:
            found.append((at, end))
        at = max(end, at + 1)
    return found


def _flags(pattern: str, is_caseless: bool) -> tuple[re.RegexFlag, int]:
    flags = re.IGNORECASE if is_caseless else re.NOFLAG
    named = re.match(r"\(\?([ims]+)\)", pattern)
    if named is None:
        return flags, 0
    for letter in named[1]:
        flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}[letter]
    return flags, named.end()


class _Builder:
    """Reads a pattern from left to right; each part becomes states between a first and a last one."""

    def __init__(self, pattern: str, at: int, flags: re.RegexFlag, where: str) -> None:
        self.pattern, self.at, self.flags, self.where = pattern, at, flags, where
        self.empty: list[list[tuple[int, str]]] = []
        self.moves: list[tuple[re.Pattern[str], int] | None] = []

    def _state(self) -> int:
        if len(self.moves) >= MOST_STATES:
            raise CallerError("scorer_pattern_large", field=self.where, value=self.pattern[:80], most=MOST_STATES)
        self.empty.append([])
        self.moves.append(None)
        return len(self.moves) - 1

    def _beyond(self, part: str) -> CallerError:
        return CallerError("scorer_pattern_beyond", field=self.where, value=self.pattern[:80], part=part)

    def _join(self, one: int, other: int, wanted: str = "") -> None:
        self.empty[one].append((other, wanted))

    def alternatives(self, depth: int) -> tuple[int, int]:
        if depth > MOST_NESTED:
            raise CallerError("scorer_pattern_large", field=self.where, value=self.pattern[:80], most=MOST_NESTED)
        start, end = self._state(), self._state()
        while True:
            first, last = self._sequence(depth)
            self._join(start, first)
            self._join(last, end)
            if self.pattern[self.at : self.at + 1] != "|":
                return start, end
            self.at += 1

    def _sequence(self, depth: int) -> tuple[int, int]:
        first = last = self._state()
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            begins = self.at
            part = self._atom(depth)
            ends = self.at
            least, most = self._times()
            behind = self.at
            for part_first, part_last in self._repeated(part, (begins, ends), least, most, depth):
                self._join(last, part_first)
                last = part_last
            self.at = behind
        return first, last

    def _repeated(
        self, part: tuple[int, int], place: tuple[int, int], least: int, most: int | None, depth: int
    ) -> list[tuple[int, int]]:
        """The part as often as it is asked for: copies are read anew from the same place of the pattern."""
        copies = max(least, most or 0, 1 if most is None else 0)
        if not copies:
            empty = self._state()
            return [(empty, empty)]
        found = []
        for number in range(copies):
            if number:
                self.at = place[0]
                part = self._atom(depth)
            is_loop = most is None and number == copies - 1
            if number < least and not is_loop:
                found.append(part)
                continue
            first, last = self._state(), self._state()
            self._join(first, part[0])
            self._join(part[1], last)
            if number >= least:
                self._join(first, last)
            if is_loop:
                self._join(part[1], part[0])
            found.append((first, last))
        return found

    def _times(self) -> tuple[int, int | None]:
        found = re.compile(r"([*+?])|\{(\d{1,4})?(,)?(\d{1,4})?\}").match(self.pattern, self.at)
        if found is None or found[0] == "{}":
            return 1, 1
        self.at = found.end()
        following = self.pattern[self.at : self.at + 1]
        if following == "+":
            raise self._beyond(found[0] + "+")
        self.at += following == "?"  # a lazy repeat matches the same texts
        if found[1]:
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[found[1]]
        least = int(found[2] or 0)
        return least, int(found[4]) if found[4] else None if found[3] else least

    def _atom(self, depth: int) -> tuple[int, int]:
        char = self.pattern[self.at]
        if char == "(":
            return self._group(depth)
        if char in "^$":
            self.at += 1
            return self._asserted(char)
        if char == "[":
            return self._one(_class_end(self.pattern, self.at))
        if char == "\\":
            return self._escape()
        return self._one(self.at + 1)

    def _group(self, depth: int) -> tuple[int, int]:
        opens = re.compile(r"\((?:\?:|\?P<\w+>|(?!\?))").match(self.pattern, self.at)
        if opens is None:
            raise self._beyond(self.pattern[self.at : self.at + 4])
        self.at = opens.end()
        found = self.alternatives(depth + 1)
        self.at += 1
        return found

    def _escape(self) -> tuple[int, int]:
        kind = self.pattern[self.at + 1]
        if kind in "bBAZ":
            self.at += 2
            if kind in "AZ":
                raise self._beyond("\\" + kind)
            return self._asserted(kind)
        if kind.isdigit() and kind != "0":
            raise self._beyond("\\" + kind)
        length = {"x": 4, "u": 6, "U": 10}.get(kind)
        if kind == "N":
            length = self.pattern.index("}", self.at) + 1 - self.at
        if kind == "0":
            octal = re.compile(r"\\0[0-7]{0,2}").match(self.pattern, self.at)
            assert octal is not None
            length = len(octal[0])
        return self._one(self.at + (length or 2))

    def _one(self, end: int) -> tuple[int, int]:
        token = self.pattern[self.at : end]
        self.at = end
        start, after = self._state(), self._state()
        self.moves[start] = re.compile("\\" + token if token in ("{", "}", "]") else token, self.flags), after
        return start, after

    def _asserted(self, wanted: str) -> tuple[int, int]:
        start, end = self._state(), self._state()
        self._join(start, end, wanted)
        return start, end


def _class_end(pattern: str, at: int) -> int:
    """Behind the bracket that closes the class opened at ``at``; the pattern is known to be well formed."""
    place = at + 1
    place += pattern[place : place + 1] == "^"
    place += pattern[place : place + 1] == "]"
    while pattern[place] != "]":
        place += 2 if pattern[place] == "\\" else 1
    return place + 1

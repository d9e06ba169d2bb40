"""A table of words that answers on this machine: no model, no training, every answer explained by the words found.

The file's form stands in ``docs/reference/local-variants.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jitsuri.providers.rules.preparing_text import Preparation

Way = Literal["first", "weights"]
"""``first``: the first rule of the file that has a word in the text. ``weights``: the class whose rules add up to most."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Words that speak for a class."""

    place: int
    """Of the class in ``RuleTable.classes``."""
    words: tuple[str, ...]
    """Prepared as texts are."""
    weight: float
    """What each of its words that stands in the text adds, once per word (only ``weights``)."""


@dataclass(frozen=True, slots=True)
class RuleTable:
    """A table of words, ready to answer."""

    preparation: Preparation
    way: Way
    rules: tuple[Rule, ...]
    classes: tuple[str, ...]
    """In the order of the file; the class of texts without any word stands last where no rule names it."""
    answers: tuple[str, ...]
    """What is answered, one per class."""
    otherwise: int
    """Place of the class of texts without any word."""
    mark: str
    """``rules-`` and the first 12 digits of the SHA-256 of the file."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A text's class, and the words that made it so; none where it is the class of all others."""

    place: int
    words: tuple[str, ...]


def matched(table: RuleTable, text: str) -> Matched:
    """The class of a prepared text."""
    return _by_first(table, text) if table.way == "first" else _by_weights(table, text)


def _by_first(table: RuleTable, text: str) -> Matched:
    for rule in table.rules:
        for word in rule.words:
            if word in text:
                return Matched(rule.place, (word,))
    return Matched(table.otherwise, ())


def _by_weights(table: RuleTable, text: str) -> Matched:
    """Of classes with equal sums the one that the file names first."""
    sums = [0.0] * len(table.classes)
    found: dict[int, list[str]] = {}
    for rule in table.rules:
        hits = [word for word in rule.words if word in text]
        sums[rule.place] += rule.weight * len(hits)
        found.setdefault(rule.place, []).extend(hits)
    best = max(range(len(sums)), key=lambda place: sums[place])
    if sums[best] <= 0:
        return Matched(table.otherwise, ())
    return Matched(best, tuple(dict.fromkeys(found[best])))

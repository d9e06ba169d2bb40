"""A student (蒸留モデル) that answers on this machine: weighted character n-grams and one linear layer.

What scikit-learn's ``TfidfVectorizer`` (analyzer ``char`` or ``char_wb``) with ``LogisticRegression`` computes, from the
numbers of a file alone: same class and, to a billionth, same probability. Neither scikit-learn nor numpy is
loaded: a worker of the gateway stays small. The file's form stands in ``docs/reference/local-variants.md``.

To be quick without them, all weights of an n-gram stand side by side in one whole number (``packed``), so that one
addition adds for all classes: half the time and half the memory of tuples of floats (decision 0022).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from operator import add
from typing import Literal

from jitsuri.providers.rules.preparing_text import Preparation

Cut = Literal["running", "within_words"]
"""Where n-grams are taken: over the text as it runs (scikit-learn ``char``) or inside words (``char_wb``)."""
Frequency = Literal["plain", "logarithmic", "binary"]
Norm = Literal["l2", "l1", "none"]

BLOCK = 1_024
"""Places of a text looked at, and weights summed, in one step: no step of a long text keeps other threads waiting for
5 ms (decision 0022)."""
LARGEST = 2.0**14
"""Largest amount of a weight times its n-gram's own, and of the square of the latter."""
MOST_SUMMED = 2**20
"""Most n-grams that one addition may add up."""
_UNIT = 2.0**60
"""A packed number counts 2⁻⁶⁰: finer than a double where it matters, and the sum of ``MOST_SUMMED`` fits its field."""
_BIAS = int(LARGEST * _UNIT)
"""Added to every number, so that none is negative and none borrows from its neighbour."""
_FIELD_BYTES = 12
"""2 · LARGEST · _UNIT · MOST_SUMMED = 2⁹⁵ < 2⁹⁶."""
_SPACES = re.compile(r"\s\s+")


@dataclass(frozen=True, slots=True)
class Training:
    """Where a student comes from."""

    rows: int
    day: str
    """``2026-11-22``."""
    source: str
    """From what, in a sentence of those who made it."""
    by: str
    """With what: ``scikit-learn 1.9.1``."""


@dataclass(frozen=True, slots=True)
class Student:
    """A student, ready to answer."""

    preparation: Preparation
    cut: Cut
    shortest: int
    longest: int
    frequency: Frequency
    norm: Norm
    weights: Mapping[str, int]
    """N-gram → packed: per class the weight times the n-gram's own (idf); last, what it adds to the text's norm when it
    stands there once (idf², idf with ``l1``)."""
    intercepts: tuple[float, ...]
    classes: tuple[str, ...]
    answers: tuple[str, ...]
    """What is answered, one per class."""
    training: Training
    mark: str
    """``student-`` and the first 12 digits of the file's checksum."""


@dataclass(frozen=True, slots=True)
class Classed:
    """A text's class (分類), with the student's own probabilities."""

    place: int
    """Of the most probable class; of equals the first."""
    chances: tuple[float, ...]
    """One per class; they sum to 1."""
    known: float
    """Share of the text's n-grams that the student has a weight for; 0: it has seen nothing of it."""

    @property
    def confidence(self) -> float:
        return self.chances[self.place]


def classed(student: Student, text: str) -> Classed:
    """The class of a prepared text. An empty or wholly unknown one gets what the intercepts say, as in scikit-learn."""
    counts, known = _counted(student, text)
    scores, size = _scored(student, counts)
    divisor = (sqrt(size) if student.norm == "l2" else size) or 1.0
    chances = _chances([start + score / divisor for start, score in zip(student.intercepts, scores, strict=True)])
    return Classed(chances.index(max(chances)), chances, known)


def packed(numbers: Sequence[float]) -> int:
    """Numbers of at most ``LARGEST`` side by side in one."""
    fields = [(int(number * _UNIT) + _BIAS).to_bytes(_FIELD_BYTES, "little") for number in numbers]
    return int.from_bytes(b"".join(fields), "little")


def unpacked(total: int, summed: int, fields: int) -> list[float]:
    """The sums of ``summed`` packed numbers, field by field."""
    content, bias = total.to_bytes(fields * _FIELD_BYTES, "little"), summed * _BIAS
    starts = range(0, fields * _FIELD_BYTES, _FIELD_BYTES)
    return [(int.from_bytes(content[at : at + _FIELD_BYTES], "little") - bias) / _UNIT for at in starts]


def grams_of(text: str, cut: Cut, shortest: int, longest: int) -> Iterator[list[str]]:
    """All n-grams of a prepared text, in blocks; runs of spaces count as one space."""
    text = _SPACES.sub(" ", text)
    return _running(text, shortest, longest) if cut == "running" else _within_words(text, shortest, longest)


def _running(text: str, shortest: int, longest: int) -> Iterator[list[str]]:
    """Those that begin at one of ``BLOCK`` places after another."""
    for start in range(0, len(text), BLOCK):
        part = text[start : start + BLOCK + longest - 1]
        found: list[str] = []
        current = list(part)
        for length in range(1, longest + 1):
            if length > 1:
                current = list(map(add, current, part[length - 1 :]))
            if length >= shortest:
                found += current[:BLOCK]
        yield found


def _within_words(text: str, shortest: int, longest: int) -> Iterator[list[str]]:
    """A word with a space at each end; one that is no longer than n is taken whole, once."""
    found: list[str] = []
    for word in text.split():
        padded = f" {word} "
        for length in range(shortest, longest + 1):
            if length >= len(padded):
                found.append(padded)
                break
            found += [padded[at : at + length] for at in range(len(padded) - length + 1)]
        if len(found) >= BLOCK:
            yield found
            found = []
    yield found


def _counted(student: Student, text: str) -> tuple[dict[int, list[int]], float]:
    """Packed weights by how often their n-gram stands in the text; share of n-grams that have weights."""
    counts: Counter[str] = Counter()
    for grams in grams_of(text, student.cut, student.shortest, student.longest):
        counts.update(grams)
    pairs = zip(counts.values(), map(student.weights.get, counts), strict=True)
    found = [(count, weights) for count, weights in pairs if weights is not None]
    by_count = {1: [weights for count, weights in found if count == 1]}  # nearly all of them
    for count, weights in found:
        if count > 1:
            by_count.setdefault(count, []).append(weights)
    known = sum(count * len(group) for count, group in by_count.items())
    return by_count, known / counts.total() if counts else 0.0


def _scored(student: Student, counts: Mapping[int, list[int]]) -> tuple[list[float], float]:
    """Per class the sum before the norm; and the sum that the norm is made of."""
    fields = len(student.classes) + 1
    scores, size = [0.0] * len(student.classes), 0.0
    for count, group in counts.items():
        times = _weight(count, student.frequency)
        total = sum(sum(group[at : at + BLOCK]) for at in range(0, len(group), BLOCK))
        *summed, once = unpacked(total, len(group), fields)
        size += once * (times * times if student.norm == "l2" else times)
        scores = [score + times * value for score, value in zip(scores, summed, strict=True)]
    return scores, 1.0 if student.norm == "none" else size


def _weight(count: int, frequency: Frequency) -> float:
    if frequency == "logarithmic":
        return 1.0 + log(count)
    return float(count) if frequency == "plain" else 1.0


def _chances(scores: list[float]) -> tuple[float, ...]:
    top = max(scores)
    parts = [exp(score - top) for score in scores]
    whole = sum(parts)
    return tuple(part / whole for part in parts)

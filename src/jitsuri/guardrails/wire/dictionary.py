"""SudachiPy with its small dictionary: words with their kind. Loaded once per process, when a check of names first needs it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from threading import local
from typing import Any

from jitsuri.guardrails.rules.naming.words import TELLING, Kind, Word, kind_of

DICTIONARY = "small"
"""Of SudachiDict's three: 30 MB in memory; core finds 2 % more of the persons and doubles the disk (decision 0041)."""


PACKAGES = ("sudachipy", "sudachidict_small")
"""What the words depend on: part of the check's version."""


class Sudachi:
    """One tokeniser per thread over one dictionary."""

    def __init__(self) -> None:
        from sudachipy import Dictionary  # type: ignore[import-untyped]  # 30 MB: only for whoever checks names

        self._dictionary = Dictionary(dict=DICTIONARY)
        self._local = local()
        self._kinds: list[Kind] = []
        while (tags := self._dictionary.pos_of(len(self._kinds))) is not None:
            self._kinds.append(kind_of(tags))
        self._telling = {number for number, kind in enumerate(self._kinds) if kind in TELLING}

    def words(self, text: str) -> Sequence[Word]:
        """The words of a segment (never more than 40 characters: SudachiPy itself takes at most 49,149 bytes)."""
        tokenise: Any = getattr(self._local, "tokenise", None)
        if tokenise is None:
            made = getattr(self._dictionary, "tokenizer", None) or self._dictionary.create  # before SudachiPy 0.7
            tokenise = self._local.tokenise = made(mode="C", fields={"pos"}).tokenize
        found = list(tokenise(text))
        ids = [one.part_of_speech_id() for one in found]
        if self._telling.isdisjoint(ids):
            return ()
        kinds = self._kinds
        starts = [one.begin() for one in found]
        return list(zip(starts, [*starts[1:], len(text)], [kinds[one] for one in ids], strict=True))

    def kinds(self, word: str) -> frozenset[Kind]:
        """What a word can be by the dictionary: empty for one that does not stand in it."""
        return frozenset(self._kinds[one.part_of_speech_id()] for one in self._dictionary.lookup(word))


@cache
def sudachi() -> Sudachi:
    """The dictionary of this process."""
    return Sudachi()


@lru_cache(maxsize=8_192)
def _kinds(word: str) -> frozenset[Kind]:
    """As ``Sudachi.kinds``: a look takes 4 µs, and a line of titles alone would ask for twenty of each (decision 0041)."""
    return sudachi().kinds(word)


@lru_cache(maxsize=1_024)
def _words(segment: str) -> Sequence[Word]:
    """As ``Sudachi.words``: a stream's windows have the same segments again and again (decision 0041)."""
    return tuple(sudachi().words(segment))


def forget() -> None:
    """Remember no segment and no word: for measurements, which would otherwise see each text for the second time."""
    _words.cache_clear()
    _kinds.cache_clear()


class LazySudachi:
    """The same, loaded at the first question: a process that checks no names never pays for it."""

    def words(self, text: str) -> Sequence[Word]:
        """The words of a segment."""
        return _words(text)

    def kinds(self, word: str) -> frozenset[Kind]:
        """What a word can be."""
        return _kinds(word)

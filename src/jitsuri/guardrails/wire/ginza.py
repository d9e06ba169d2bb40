"""The slow path to persons: GiNZA reads whole sentences. An extra (``names-slow``), hundreds of times the work of the dictionary."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from threading import Lock
from typing import Any

from jitsuri.guardrails.rules.naming.doubting import is_no_person
from jitsuri.guardrails.rules.naming.words import Lexicon
from jitsuri.guardrails.rules.segmenting import cuts
from jitsuri.guardrails.shapes import Finding
from jitsuri.terms.errors import OperatorError

MODEL = "ja_ginza"
LONGEST = 4_000
"""Characters that are read at once: the tagger beneath takes at most 49,149 bytes, and memory grows with the text."""

SCORE = 0.8
"""One for all: the model gives no figure of its own."""

_PERSONS = frozenset(("Person", "PERSON"))
_IDLE = ("parser", "morphologizer", "compound_splitter", "bunsetu_recognizer")
"""Parts of the pipeline that say nothing about names."""
_lock = Lock()


def is_available() -> bool:
    """Whether the extra is installed. Loads nothing."""
    return all(find_spec(name) is not None for name in ("ginza", MODEL, "spacy"))


@cache
def _model() -> Any:
    if not is_available():
        raise OperatorError("names_slow_missing")
    import spacy  # type: ignore[import-not-found,unused-ignore]  # 400 MB: only for whoever asks for it

    return spacy.load(MODEL, exclude=[name for name in _IDLE])


class SlowPersonCheck:
    """Persons by the sense of a sentence. Not local: a sentence counts as a whole, so a stream reads it once it is there."""

    name = "person_slow"
    types = ("PERSON",)

    def __init__(self, lexicon: Lexicon) -> None:
        """``lexicon``: what says of a find that it is something else."""
        self._lexicon = lexicon

    @property
    def version(self) -> str:
        """Of GiNZA and of its model."""
        return f"2+ginza {version('ginza')}+ja_ginza {version('ja_ginza')}" if is_available() else ""

    def find(self, text: str) -> Iterable[Finding]:
        """Persons in a text. Raises OperatorError ``names_slow_missing`` without the extra."""
        found: list[Finding] = []
        for start, end in sentences(text):
            sentence = text[start:end]
            if not sentence.strip():
                continue
            with _lock:
                read = _model()(sentence)
            found.extend(
                Finding(start + one.start_char, start + one.end_char, "PERSON", SCORE, "person_slow", self.name)
                for one in read.ents
                if one.label_ in _PERSONS and not is_no_person(sentence, one.start_char, one.end_char, self._lexicon)
            )
        return found


def sentences(text: str) -> Iterable[tuple[int, int]]:
    """Pieces that end with a sentence or a line, or with a segment where neither comes for long."""
    start = 0
    for cut in (*cuts(text), len(text)):
        if cut > start and (text[cut - 1] in "\u3002！？!?\n" or cut - start >= LONGEST or cut == len(text)):
            yield start, cut
            start = cut

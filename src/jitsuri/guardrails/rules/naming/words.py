"""What a dictionary says about a word, as far as names are concerned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

Kind = Literal[
    "surname", "given", "person", "place", "proper", "suffix", "noun", "number", "blank", "mark", "grammar", "other"
]
"""姓, 名 and 一般 of 人名; 地名; any other proper noun; 接尾辞; a common noun; 数詞; 空白; 記号; 助詞 and 助動詞; anything else."""

Word = tuple[int, int, Kind]
"""First character, one past the last, kind."""


TELLING: frozenset[Kind] = frozenset(("surname", "given", "person", "place", "blank"))
"""Where none of these stands no name begins: most segments are done with once that is known."""


class Lexicon(Protocol):
    """A dictionary that cuts text into words."""

    def words(self, text: str) -> Sequence[Word]:
        """The words of a segment, in order; none at all of one without any kind of ``TELLING``."""

    def kinds(self, word: str) -> frozenset[Kind]:
        """What one word can be; empty for one that is not known."""


_PERSONS: dict[str, Kind] = {"姓": "surname", "名": "given"}
_CLASSES: dict[str, Kind] = {
    "接尾辞": "suffix", "空白": "blank", "補助記号": "mark", "記号": "mark", "助詞": "grammar", "助動詞": "grammar",
}  # fmt: skip
_NOUNS: dict[str, Kind] = {"固有名詞": "proper", "数詞": "number"}


def kind_of(tags: Sequence[str]) -> Kind:
    """The kind that the six tags of UniDic's scheme come to (SudachiDict uses it)."""
    if tags[2] == "人名":
        return _PERSONS.get(tags[3], "person")
    if tags[2] == "地名":
        return "place"
    if tags[0] == "名詞":
        return _NOUNS.get(tags[1], "noun")
    return _CLASSES.get(tags[0], "other")

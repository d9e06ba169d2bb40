"""The check ``confidential_term`` (自社の機密語): words that a company named, and other ways of writing them.

Terms and text are folded the same way: case, dashes of every kind to one, blanks and middle dots out. Then one pass of
Aho–Corasick finds all terms, however many there are. Of a company's name the form is taken off (株式会社, ㈱, Co., Ltd. …):
the rest is looked for, and a form that stands beside it in the text, before or after, is covered too.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from ahocorasick_rs import AhoCorasick

from jitsuri.guardrails.rules.normalising import normal
from jitsuri.guardrails.rules.secrets.finding import flat, matches
from jitsuri.guardrails.shapes import Finding

VERSION = "1"

LONGEST = 40
"""Characters of a term: more would have to be held back in a stream (decisions 0042, 0043)."""

_SLACK = 8
"""Blanks and middle dots that may stand inside one term in the text: letters that are spaced out (decision 0042)."""

_FOLDED = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―⁃−－ー─━ｰ", "-"),
        **dict.fromkeys("　\u00a0", " "),
        **dict.fromkeys("･•∙⋅‧", "・"),
        "（": "(",
        "）": ")",
    }
)
_LEFT_OUT = re.compile(r"[ ・]")

_FORM = (
    r"(?:株式会社|有限会社|合同会社|合資会社|合名会社|相互会社|(?:一般|公益)?(?:財団|社団)法人|医療法人|学校法人"
    r"|\((?:株|有|同|資|名|財|社|医|学)\)|[㈱㈲㈳㈶])"
)
_FORM_BEFORE = re.compile(rf"{_FORM} ?\Z")
_FORM_AFTER = re.compile(
    rf" ?(?:{_FORM}|,? ?(?i:co\.?,? ?ltd\.?|company,? limited|corporation|corp\.?|inc\.?|k\.k\.|kk|llc|g\.k\.)(?![A-Za-z]))"
)
_FORM_FIRST = re.compile(rf"{_FORM} ?")
_FORM_LAST = re.compile(_FORM_AFTER.pattern + r"\Z")
_LONGEST_FORM = 16

_KATAKANA = re.compile(r"[ァ-ヺー]")


def bare(term: str) -> str:
    """A term without the form of a company; as it is where nothing, or a single character, would be left."""
    seen = term.translate(_FOLDED).strip()
    rest = _FORM_LAST.sub("", _FORM_FIRST.sub("", seen, count=1) if _FORM_FIRST.match(seen) else seen)
    return rest.strip() if len(_LEFT_OUT.sub("", rest)) >= 2 else seen


def unusable(terms: Iterable[str]) -> list[str]:
    """Terms that cannot be looked for: empty ones, single characters, and those longer than ``LONGEST``."""
    return [one for one in terms if not 2 <= len(_folded(normal(one).text.translate(_FOLDED))) <= LONGEST]


def _folded(text: str) -> str:
    """A normalised text as terms are compared."""
    return flat(text).replace("ー", "-").replace(" ", "").replace("・", "")  # all other dashes are one already


def _ways(term: str) -> Iterator[str]:
    """The ways of writing a term that folding does not make the same."""
    yield term
    yield (rest := bare(term))
    if rest.isascii() and " " in rest:
        yield rest.replace(" ", "-")
        yield rest.replace(" ", "_")


class TermCheck:
    """A company's confidential words."""

    name = "confidential_term"
    types = ("CONFIDENTIAL_TERM",)

    def __init__(self, terms: Sequence[str]) -> None:
        known: dict[str, tuple[bool, frozenset[int]]] = {}
        for term in terms:
            seen = normal(term).text
            for way in _ways(seen):
                plain = way.translate(_FOLDED).strip()
                folded, left = _folded(plain), [match.start() for match in _LEFT_OUT.finditer(plain)]
                if 1 <= len(folded) <= LONGEST:
                    gaps = frozenset(place - at for at, place in enumerate(left))
                    known.setdefault(folded, (folded.isascii(), gaps))
        self._terms = tuple(known)
        self._traits = tuple(known.values())
        self._finder = AhoCorasick(self._terms) if self._terms else None
        self.version = f"{VERSION}.{hashlib.sha256(chr(0).join(sorted(known)).encode()).hexdigest()[:8]}"

    def find(self, text: str) -> Iterable[Finding]:
        """Terms by place, the longest where one lies inside another. Linear in the text."""
        if self._finder is None:
            return []
        folded = _folded(text)
        hits = matches(self._finder, folded)
        if not hits:
            return []
        left = [match.start() for match in _LEFT_OUT.finditer(text)]
        # the i-th that was left out stood before the character left[i] - i of the folded text
        steps = [place - at for at, place in enumerate(left)]
        found = sorted(self._looked(text, steps, hits), key=lambda one: (one.start, -one.end))
        return list(_outermost(found))

    def _looked(self, text: str, steps: Sequence[int], hits: Iterable[tuple[int, int, int]]) -> Iterator[Finding]:
        for which, begin, end in hits:
            before = bisect_right(steps, begin)
            inside = bisect_right(steps, end - 1) - before
            start, stop = begin + before, end + before + inside
            is_ascii, gaps = self._traits[which]
            if inside > _SLACK or (inside and is_ascii and not _may_be_spaced(steps, before, inside, begin, end, gaps)):
                continue
            if _runs_on(text, start, stop):
                continue
            wider_start, wider_stop = _with_form(text, start, stop)
            if (wider_start, wider_stop) != (start, stop):
                yield _finding(wider_start, wider_stop, 0.98, "term_company")
            elif _inside_katakana(text, start, stop):
                yield _finding(start, stop, 0.6, "term_inside_word")
            else:
                exact = text[start:stop].lower() == self._terms[which]
                yield _finding(start, stop, 0.97 if exact else 0.92, "term_exact" if exact else "term_variant")


def _finding(start: int, end: int, score: float, reason: str) -> Finding:
    return Finding(start=start, end=end, type="CONFIDENTIAL_TERM", score=score, reason=reason)


def _may_be_spaced(steps: Sequence[int], before: int, inside: int, begin: int, end: int, gaps: frozenset[int]) -> bool:
    """Whether blanks inside an ASCII term stand where the term has its own, or between all of its letters: "to go" is no Togo."""
    where = {step - begin for step in steps[before : before + inside]}
    return where <= gaps or len(where) == end - begin - 1


def _runs_on(text: str, start: int, stop: int) -> bool:
    """Whether an ASCII word goes on beyond a term that begins or ends with one."""
    return (_is_word(text[start]) and start > 0 and _is_word(text[start - 1])) or (
        _is_word(text[stop - 1]) and stop < len(text) and _is_word(text[stop])
    )


def _is_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _inside_katakana(text: str, start: int, stop: int) -> bool:
    """Whether a katakana word goes on beyond the term: アクア in アクアリウム, but also in アクアプロジェクト."""
    before = start > 0 and _KATAKANA.match(text[start]) and _KATAKANA.match(text[start - 1])
    after = stop < len(text) and _KATAKANA.match(text[stop - 1]) and _KATAKANA.match(text[stop])
    return bool(before or after)


def _with_form(text: str, start: int, stop: int) -> tuple[int, int]:
    """The place with the form of a company that stands beside it."""
    if (match := _FORM_BEFORE.search(text[max(0, start - _LONGEST_FORM) : start])) is not None:
        start -= match.end() - match.start()
    after = _FORM_AFTER.match(text[stop : stop + _LONGEST_FORM + 1])
    return start, stop + (after.end() if after is not None else 0)


def _outermost(found: Iterable[Finding]) -> Iterator[Finding]:
    """Findings that do not lie inside another; given by start, the longest first."""
    reach = -1
    for one in found:
        if one.end > reach:
            yield one
            reach = one.end


def term_checks(terms: Sequence[str]) -> list[TermCheck]:
    """The one check of this kind. Raises nothing: what ``unusable`` names is not looked for."""
    return [TermCheck(terms)]

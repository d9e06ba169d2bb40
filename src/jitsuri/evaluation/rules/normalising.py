"""What makes two texts the same to a reader: width, case, spaces, full stops, quotes, dashes. Every fold is idempotent.

Nothing here looks at meaning: synonyms, long vowels at the end of a word and kana against kanji stay different.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from jitsuri.evaluation.shapes import Normalised

MOST_MARKS = 30
"""Combining marks kept on one letter; more are dropped, since sorting them takes quadratic time.

Source: Unicode Standard Annex 15, section 13 (Stream-Safe Text Format): no language needs more than 30."""

_VARIANTS = str.maketrans({
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u301d\u301e\u301f\u300c\u300d\u300e\u300f\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
    **dict.fromkeys("\u3010\u3014\u3016", "["), **dict.fromkeys("\u3011\u3015\u3017", "]"),
    **dict.fromkeys("\u3008\u300a", "<"), **dict.fromkeys("\u3009\u300b", ">"),
    **dict.fromkeys("\u301c\u223c\u223e", "~"),
    "\u3001": ",", "\u3002": ".", "\u200b": None, "\ufeff": None, "\u2060": None,
})  # fmt: skip
"""Quotes, brackets, wave dashes, stops that stand for one another in Japanese typing, after NFKC; invisible joiners go."""

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500"
_KANA = "\u3041-\u3096\u30a1-\u30fa\u30fc"
_JAPANESE = "\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff"
_LONG_VOWEL = re.compile(f"(?<=[{_KANA}])[{_DASHES}]")
"""A dash straight after kana was meant as the long vowel mark; the ASCII hyphen is left, it may join two words."""
_HYPHEN = re.compile(f"(?<=[0-9A-Za-z])\u30fc|[{_DASHES}]")
"""Any other dash, and the long vowel mark after a digit or Latin letter, which it cannot lengthen."""
_SPACES = re.compile(r"\s+")
_NEEDLESS = re.compile(f"(?<=[{_JAPANESE}]) | (?=[{_JAPANESE}])")
_ENDS = " ."


def normalised(text: str, how: Normalised = Normalised()) -> str:  # noqa: B008 – frozen
    """The text with everything folded that ``how`` says does not count. Linear in its length; idempotent."""
    found = text
    for _ in range(5):  # case folding may leave what NFKC folds once more (Unicode's NFKC_Casefold does the same)
        folded = _once(found, how)
        if folded == found:
            break
        found = folded
    return found


def _once(text: str, how: Normalised) -> str:
    found = folded_form(text, "NFKC").translate(_VARIANTS)
    if how.case == "ignore":
        found = folded_form(found.casefold(), "NFKC").translate(_VARIANTS)
    found = _HYPHEN.sub("-", _LONG_VOWEL.sub("\u30fc", found))
    if how.punctuation == "ignore":
        found = "".join(char for char in found if unicodedata.category(char)[0] != "P")
    found = "" if not found else _SPACES.sub("" if how.spaces == "ignore" else " ", found)
    return _NEEDLESS.sub("", found).strip(" ").rstrip(_ENDS)


def folded_form(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """The text in a Unicode normal form, with at most ``MOST_MARKS`` marks on one letter; linear whatever it holds."""
    if text.isascii():
        return text
    return _few_marks(unicodedata.normalize(form, _few_marks(text)))


def _few_marks(text: str) -> str:
    """Drop what goes beyond ``MOST_MARKS`` combining marks in one run."""
    combining = unicodedata.combining
    kept: list[str] = []
    run = start = 0
    for at, char in enumerate(text):
        if not combining(char):
            if run > MOST_MARKS:
                start = at
            run = 0
            continue
        run += 1
        if run == MOST_MARKS + 1:
            kept.append(text[start:at])
    if run <= MOST_MARKS:
        kept.append(text[start:])
    return "".join(kept) if len(kept) > 1 or run > MOST_MARKS else text

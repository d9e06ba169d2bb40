"""Normalised texts: the way there, and the way back."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitsuri.guardrails.rules.normalising import MOST_DROPPED, normal

ODD = st.sampled_from([
    *"0123456789-ー－−‐０９：（）　アｱｶﾞﾊﾟがか\u3099\u309a\u0301e\u0308\u200b\u200d\ufe0f\ufeff\u00ad\u2060漢葛",
    *"\U000e0100𝟘𠮷ｰ〜①㈱㍻\u0130ß\n\t ", "\ud800", "\udfff", "\U0001f4de", "\u20e3",
])  # fmt: skip
TEXTS = st.lists(ODD | st.characters(), max_size=60).map("".join)


@given(TEXTS)
def test_every_normalised_span_covers_what_it_came_from(text: str) -> None:
    seen = normal(text)
    spans = [seen.span(at, at + 1) for at in range(len(seen.text))]

    assert all(start < end for start, end in spans)
    assert all(one[1] == following[0] for one, following in pairwise(spans)), "no character is lost"
    assert not spans or spans[-1][1] == len(text)
    if spans:
        assert seen.span(0, len(seen.text)) == (spans[0][0], len(text))
    assert len(seen.text) <= len(text)
    seen.text.encode("utf-8")  # no lone surrogate is left


@given(TEXTS)
def test_lower_case_keeps_the_length(text: str) -> None:
    folded = normal(text).text

    assert len(folded.lower()) == len(folded)


@given(TEXTS)
def test_is_normal_already(text: str) -> None:
    once = normal(text).text

    assert len(text) > MOST_DROPPED or normal(once).text == once


@given(TEXTS, TEXTS)
def test_digits_are_where_their_spans_say(before: str, behind: str) -> None:
    text = f"{before}。０１２3456{behind}"
    seen = normal(text)
    at = seen.text.find("。0123456")

    assert at >= 0
    start, end = seen.span(at + 1, at + 8)
    assert text[start:end].startswith("０１２3456")


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("０９０－１２３４", "090-1234"), ("090ー1234", "090-1234"), ("データ", "データ"), ("ﾃﾞｰﾀ", "データ"), ("ｶﾞｷﾞﾊﾟ", "ガギパ"),
        ("か\u3099", "が"), ("e\u0301", "é"), ("０\u200b９", "09"), ("葛\U000e0100城", "葛城"), ("①", "①"), ("\ud800x", "\ufffdx"),
        ("a\u00a0b　c", "a b c"), ("＠ｅｘ", "@ex"), ("〜", "~"), ("\u200b" * 20 + "x", "\u200b" * 20 + "x"),
        ("𝟘𝟗", "09"), ("\u3099", "\u3099"),
    ],
)  # fmt: skip
def test_is_folded(written: str, seen: str) -> None:
    folded = normal(written).text

    assert folded == seen or (written.count("\u200b") > MOST_DROPPED and folded.endswith("x"))


@given(st.text(alphabet="か\u3099\u309a\u0301\u200b", max_size=200))
def test_long_chains_of_marks_do_no_harm(text: str) -> None:
    assert len(normal(text).text) <= len(text)


def test_letters_of_ascii_stay() -> None:
    text = "".join(map(chr, range(128)))

    assert normal(text).text == text
    assert normal(text + "ａ").text == text + "a"


def test_what_is_folded_is_what_unicode_folds() -> None:
    """One character for one: never another letter than NFKC gives."""
    for code in range(0xFF01, 0xFF9E):
        char = chr(code)
        expected = {"－": "-", "ｰ": "ー"}.get(char, unicodedata.normalize("NFKC", char))
        assert normal(char).text == expected, hex(code)

"""What a finding depends on: a bounded piece of text around it, whatever stands there; and the time it takes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making_numbers import card, corporate_number, in_groups, insurer_number, my_number

from jitsuri.guardrails.rules.normalising import normal
from jitsuri.guardrails.rules.scanning import Scanner
from jitsuri.guardrails.rules.segmenting import REACH
from jitsuri.guardrails.rules.structured.building import structured_checks
from jitsuri.guardrails.rules.structured.labelling import KINDS
from jitsuri.guardrails.shapes import Check

BEHIND = 24
CHECKS = structured_checks(["A9999-99"], ["9999-9999"])
SCANNER = Scanner(CHECKS)
LOW = dict.fromkeys((check.name for check in CHECKS), 0.0)

_CHANCE = random.Random(7)
_NUMBERS = [
    *(make(_CHANCE) for make in (my_number, corporate_number, card, insurer_number) for _ in range(3)),
    in_groups(my_number(_CHANCE), 4, 4, 4), in_groups(card(_CHANCE), 4, 4, 4, 4), " ".join(my_number(_CHANCE)),
    "03-5555-0123", "09012345678", "0120-555-123", "+81-90-1234-5678", "(03)5555-0123", "〒150-0001", "150-0001", "1234567", "10120",
    "TK1234567", "A1234-56", "1234-5678", "1985年4月2日", "S60.4.2", "昭和六十年四月二日", "1985/04/02", "April 2, 1985",
    "19850402", "男", "40歳",
    "taro@example.com", "taro[at]example.com", "生まれ", "生", "東京都", "T", "記号", "番号", "普通", "銀行",
]  # fmt: skip
_PIECES = st.sampled_from(
    [
        *_NUMBERS,
        *sorted(KINDS),
        *"：:（）()、。,.|/-ー\t\n 0123456789@+のはがを人円個x",
        "です",
        "ください",
        "お世話になります",
    ]
)
_PHRASES = st.tuples(
    st.sampled_from(sorted(KINDS)),
    st.text(alphabet=" ：のは・、お願いし\n|", max_size=34),
    st.sampled_from(_NUMBERS),
    st.text(alphabet=" ）（がは、", max_size=14),
    st.sampled_from(["", "生まれ", "です", *sorted(KINDS)]),
).map("".join)
"""A label, something between, a number, something behind."""
_TEXTS = st.lists(_PHRASES | _PIECES, min_size=4, max_size=14).map("".join)


@settings(max_examples=60, deadline=None)
@given(_TEXTS, st.data())
def test_a_window_shows_what_the_whole_text_shows(text: str, data: st.DataObject) -> None:
    text = normal(text).text
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    for check in CHECKS:
        found = {(one.start, one.end, one.score) for one in check.find(text)}
        before, behind = REACH if start else 0, BEHIND if end < len(text) else 0
        assert _within(check, text, start, end) == {
            one for one in found if one[0] - before >= start and one[1] + behind <= end
        }
        for one in found:
            narrow = max(0, one[0] - REACH), min(len(text), one[1] + BEHIND)
            assert one in _within(check, text, *narrow), (check.name, text[narrow[0] : narrow[1]])


def _within(check: Check, text: str, start: int, end: int) -> set[tuple[int, int, float]]:
    """What a check finds in a window, as far as it has room there; a window that begins or ends with the text has room."""
    before, behind = REACH if start else 0, BEHIND if end < len(text) else 0
    return {
        (one.start + start, one.end + start, one.score)
        for one in check.find(text[start:end])
        if one.start >= before and one.end + start + behind <= end
    }


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300) | _TEXTS)
def test_findings_lie_in_the_text_and_do_not_overlap(text: str) -> None:
    scanned = SCANNER.scan(text, LOW)

    assert scanned.is_whole
    assert all(0 <= one.start < one.end <= len(text) for one in scanned.findings)
    assert all(one.end <= following.start for one, following in pairwise(scanned.findings))


_SHAPES: dict[str, Callable[[int], str]] = {
    "digits": lambda n: "1" * n,
    "one dash": lambda n: "1-" * (n // 2),
    "zero dash": lambda n: "0-" * (n // 2),
    "at": lambda n: "@" * n,
    "a at": lambda n: "a@" * (n // 2),
    "dotted": lambda n: "a." * (n // 2) + "@" + "a." * 10,
    "candidates": lambda n: "090-1234-5678 " * (n // 14),
    "fours": lambda n: "1234 " * (n // 5),
    "fours and dashes": lambda n: "1234-" * (n // 5),
    "boxes": lambda n: "1 " * (n // 2),
    "zero boxes": lambda n: "0 " * (n // 2),
    "labels": lambda n: "マイナンバー" * (n // 6),
    "labels and numbers": lambda n: "社員番号：12345、" * (n // 11),
    "label and a list": lambda n: "社員番号：" + "12345、" * (n // 6),
    "births": lambda n: "生年月日：1985年4月2日生まれ" * (n // 18),
    "kanji digits": lambda n: "一二三四" * (n // 4),
    "birth and kanji": lambda n: "生年月日" + "一月" * (n // 2),
    "brackets": lambda n: "(0" * (n // 2),
    "open brackets": lambda n: "社員番号" + "(" * n,
    "plus": lambda n: "+1" * (n // 2),
    "plus and groups": lambda n: "+81 (0)3 " * (n // 9),
    "blanks": lambda n: "電話" + " " * n + "1",
    "marks": lambda n: "か" + "\u3099" * n,
    "zero width": lambda n: "0\u200b" * (n // 2),
    "surrogates": lambda n: "\ud800" * n,
    "half-width": lambda n: "ｶﾞ" * (n // 2),
    "spelt at": lambda n: "a(at)" * (n // 5),
    "symbol": lambda n: "記号1番号" * (n // 5),
    "junk": lambda n: "".join(random.Random(3).choices("01-@ a生月年口座：(〒+T\n\u3099１", k=n)),
    "overlaps": lambda n: "口座番号1234567 " * (n // 12),
}


@pytest.mark.parametrize("shape", _SHAPES)
def test_time_grows_with_length(shape: str) -> None:
    """Four times the text takes about four times as long, not sixteen times; the least of three measurements counts."""
    size = 6_000
    short, long = (min(_seconds(_SHAPES[shape](size * times)) for _ in range(3)) for times in (1, 4))

    assert long <= 9 * short + 0.01


def _seconds(text: str) -> float:
    began = time.process_time()
    assert SCANNER.scan(text, LOW).is_whole
    return time.process_time() - began


@pytest.mark.slow
@pytest.mark.parametrize("shape", _SHAPES)
def test_a_million_characters_take_seconds(shape: str) -> None:
    assert _seconds(_SHAPES[shape](1_000_000)) < 30

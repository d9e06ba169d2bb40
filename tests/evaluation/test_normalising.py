"""What counts as the same text, and what never does."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitsuri.evaluation.rules.normalising import MOST_MARKS, folded_form, normalised
from jitsuri.evaluation.rules.scoring import score
from jitsuri.evaluation.shapes import Exact, Normalised, Scored, Unscored


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＢＣ", "abc"), ("ｶﾞｲﾄﾞ", "ガイド"), ("東京 ", "　東京"), ("東京 都", "東京都"), ("Python を 使う", "Pythonを使う"),
        ("New  York\n", "new york"), ("はい。", "はい"), ("はい．", "はい"), ("はい。。", "はい"), ("はい .", "はい"),
        ("「東京」", "『東京』"), ("“東京”", '"東京"'), ("‘a’", "'a'"), ("【A】", "[A]"), ("〈A〉", "《A》"), ("１～３", "1〜3"),
        ("03‐1234", "03-1234"), ("03−1234", "03-1234"), ("03ー1234", "03-1234"), ("サ−バ−", "サーバー"), ("コ―ヒ―", "コーヒー"),
        ("A、B", "A,B"), ("A，B", "A、B"), ("がぎ", "か\u3099き\u3099"), ("㈱実利", "(株)実利"), ("straße", "STRASSE"),
        ("東\u200b京", "東京"), ("\ufeff東京", "東京"), ("①", "1"), ("ﾃﾞｰﾀ", "データ"),
    ],
)  # fmt: skip
def test_writing_that_does_not_count(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
    assert score(one, other, Normalised()) == Scored(1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("東京", "京都"), ("サーバ", "サーバー"), ("はい", "いいえ"), ("10", "1.0"), ("a b", "ab"), ("A-B", "AB"), ("A-B", "AーB社"),
        ("か", "が"), ("東京?", "東京"), ("アーカ", "アカ"), ("ア-カ", "アーカ"), ("", "。、"),
    ],
)  # fmt: skip
def test_differences_that_stay(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_options_keep_case_or_leave_marks_and_spaces_out() -> None:
    assert normalised("ABC", Normalised(case="keep")) != normalised("abc", Normalised(case="keep"))
    assert normalised("「A・B」、C！", Normalised(punctuation="ignore")) == "abc"
    assert normalised("new york", Normalised(spaces="ignore")) == "newyork"


@given(
    st.text(max_size=80),
    st.sampled_from(["ignore", "keep"]),
    st.sampled_from(["keep", "ignore"]),
    st.sampled_from(["fold", "ignore"]),
)
def test_folding_twice_is_folding_once(text: str, case: str, punctuation: str, spaces: str) -> None:
    how = Normalised(case, punctuation, spaces)  # type: ignore[arg-type]

    assert normalised(normalised(text, how), how) == normalised(text, how)


@given(st.text(alphabet="aA1ーｰ‐−-アか゛\u3099 　。．.、「」“”\u0301\u0316\ud800①ﾞ㍻İß", max_size=40))
def test_folding_twice_is_folding_once_where_it_is_hard(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@given(st.text(max_size=60))
def test_the_normal_form_is_unicodes_own_where_marks_are_few(text: str) -> None:
    assert folded_form(text, "NFC") == unicodedata.normalize("NFC", text)


def test_marks_without_end_are_cut_and_so_take_no_time() -> None:
    hostile = "a" + "\u0301\u0316" * 500_000

    assert len(folded_form(hostile, "NFKC")) <= MOST_MARKS + 1
    assert folded_form("e\u0301" + "x\u0301" * 40, "NFC") == unicodedata.normalize("NFC", "e\u0301" + "x\u0301" * 40)
    assert normalised(hostile + "b" + "\u0316\u0301" * 100 + "c").endswith("c")


def test_exact_is_exact_and_blank_expectations_are_none() -> None:
    assert score("A", "A", Exact()) == Scored(1)  # type: ignore[arg-type]
    assert score("A ", "A", Exact()) == Scored(0, (("text_differs", {}),))  # type: ignore[arg-type]
    assert score("A", None, Exact()) == score("A", "　\n", Exact()) == Unscored("expected_missing")
    assert score(None, "A", Exact()) == Unscored("answer_missing")
    assert score("", "A", Exact()) == Scored(0, (("text_differs", {}),))  # type: ignore[arg-type]

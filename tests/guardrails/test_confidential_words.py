"""Confidential words and markings."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri import words
from jitsuri.guardrails.rules.markings import MarkingCheck
from jitsuri.guardrails.rules.normalising import normal
from jitsuri.guardrails.rules.scanning import Scanner
from jitsuri.guardrails.rules.terms import LONGEST, TermCheck, bare, unusable
from jitsuri.guardrails.wire.proving import prove

TERMS = (
    "株式会社エグザンプル商事",
    "Project Orion",
    "サーバー計画",
    "極光",
    "アクア",
    "(株)山田・田中",
    "Acme Co., Ltd.",
    "Togo",
    "X9",
    "極光計画",
    "NDA-7",
)
CHECK = TermCheck(TERMS)
MARKING = MarkingCheck()


def covered(text: str, check: TermCheck = CHECK) -> list[tuple[str, str]]:
    """What a scan finds, in the text as it was written."""
    return [(text[one.start : one.end], one.reason) for one in Scanner([check]).scan(text).findings]


@pytest.mark.parametrize(
    ("text", "found", "reason"),
    [
        ("エグザンプル商事様", "エグザンプル商事", "term_exact"),
        ("株式会社エグザンプル商事と", "株式会社エグザンプル商事", "term_exact"),
        ("㈱エグザンプル商事と", "㈱エグザンプル商事", "term_company"),
        ("エグザンプル商事（株）の件", "エグザンプル商事（株）", "term_company"),
        ("ｴｸﾞｻﾞﾝﾌﾟﾙ商事 株式会社", "ｴｸﾞｻﾞﾝﾌﾟﾙ商事 株式会社", "term_company"),
        ("エグ ザン　プル商事", "エグ ザン　プル商事", "term_variant"),
        ("ＰＲＯＪＥＣＴ　ＯＲＩＯＮを", "ＰＲＯＪＥＣＴ　ＯＲＩＯＮ", "term_variant"),
        ("project-orion.xlsx", "project-orion", None),
        ("サ－バ－計画", "サ－バ－計画", None),
        ("サ―バ―計画を", "サ―バ―計画", None),
        ("極・光", "極・光", "term_variant"),
        ("極光計画と", "極光計画", "term_exact"),
        ("山田田中の", "山田田中", None),
        ("山田･田中株式会社", "山田･田中株式会社", "term_company"),
        ("ACME Corporation に", "ACME Corporation", "term_company"),
        ("acme, inc.に", "acme, inc.", "term_company"),
        ("T O G O", "T O G O", "term_variant"),
        ("x9型", "x9", None),
        ("アクアリウム", "アクア", "term_inside_word"),
        ("nda−7号", "nda−7", None),
    ],
)
def test_a_word_is_found_in_other_ways_of_writing(text: str, found: str, reason: str | None) -> None:
    assert [one[0] for one in covered(text)] == [found]
    assert reason is None or covered(text)[0][1] == reason


@pytest.mark.parametrize(
    "text", ["go to go", "projectorions", "AX9", "X91", "Acmeist", "togother", "極と光", "商事", "株式会社", ""]
)
def test_what_is_another_word(text: str) -> None:
    assert covered(text) == []


def test_the_form_of_a_company_is_taken_off() -> None:
    ways = {
        "株式会社極光",
        "極光 株式会社",
        "(株)極光",
        "㈱極光",
        "極光㈱",
        "極光 Co., Ltd.",
        "極光 Inc.",
        "極光 Corporation",
        "有限会社極光",
        "合同会社極光",
        "極光, LLC",
        "極光 K.K.",
    }
    assert {bare(normal(way).text) for way in ways} == {"極光"}
    assert bare("株式会社光") == "株式会社光"  # one character would be found everywhere
    assert bare("Index") == "Index"


def test_terms_that_cannot_be_looked_for_are_named() -> None:
    assert unusable(["", " ", "秘", "a" * (LONGEST + 1), "極光", "A B"]) == ["", " ", "秘", "a" * (LONGEST + 1)]


def test_the_version_follows_the_terms_and_not_their_order() -> None:
    assert TermCheck(["極光", "黎明"]).version == TermCheck(["黎明", "極光"]).version
    assert TermCheck(["極光"]).version != TermCheck(["極光", "黎明"]).version


def test_ten_thousand_terms_are_built_fast_and_cost_nothing() -> None:
    chance = random.Random(5)
    many = [
        "".join(chance.choice("山川田中本木村林森上下大小東西南北アイウエオカ") for _ in range(chance.randint(4, 12)))
        for _ in range(10_000)
    ]
    text = ("本日の会議の資料を送ります。担当は山田太郎さん、電話は03-1234-5678です。\n" * 30)[:1000] * 100
    began = time.thread_time()
    large = TermCheck(many)
    built = time.thread_time() - began
    began = time.thread_time()
    large.find(text)
    taken = time.thread_time() - began

    assert built < 2
    assert taken * 1_000 / 100 < 0.5  # ms per 1,000 characters
    assert covered(f"件名は{many[77]}です", large)[0][0] == many[77]


@pytest.mark.parametrize(
    "piece", ["極光", "極 ", "極" + " " * 1000, "株式会社", "Togo ", "T o g o ", "極光計画極光", "・", "アクアアクア"]
)
def test_a_hundred_thousand_candidates_take_linear_time(piece: str) -> None:
    text = (piece * 100_000)[:300_000]
    began = time.thread_time()
    list(CHECK.find(text))
    list(MARKING.find(text))
    assert time.thread_time() - began < 12


@settings(max_examples=200, deadline=None)
@given(
    before=st.text(alphabet="はがのを、。 \n", max_size=8),
    after=st.text(alphabet="はがのを、。 \n", max_size=8),
    term=st.sampled_from(["サーバー計画", "極光計画", "エグザンプル商事"]),
    gaps=st.lists(st.sampled_from(["", "", "", " ", "・", "　"]), min_size=8, max_size=8),
)
def test_blanks_inside_never_hide_a_word(before: str, after: str, term: str, gaps: list[str]) -> None:
    written = "".join(char + gap for char, gap in zip(term, gaps, strict=False)).rstrip(" ・　")
    if len(written) - len(term) > 8:
        return

    assert written in [one[0] for one in covered(before + written + after)]


MARKED = [
    ("【社外秘】2025年度計画", "社外秘", 0.9),
    ("社外秘\n計画書", "社外秘", 0.9),
    ("計画書   社外秘\n本文", "社外秘", 0.8),
    ("取扱区分：極秘", "極秘", 0.9),
    ("※取扱注意※", "取扱注意", 0.9),
    ("社外秘_事業計画.xlsx を送ります", "社外秘", 0.8),
    ("本資料は社外秘です。", "社外秘", 0.7),
    ("CONFIDENTIAL\nQ3 plan", "CONFIDENTIAL", 0.9),
    ("Strictly Confidential - do not forward", "Strictly Confidential", 0.8),
    ("This document is CONFIDENTIAL.", "CONFIDENTIAL", 0.7),
    ("（秘）人事評価", "秘", 0.9),
    ("㊙ 新製品", "㊙", 0.9),
    ("# 社外秘", "社外秘", 0.9),
    ("[INTERNAL USE ONLY] memo", "INTERNAL USE ONLY", 0.9),
    ("Classification: Restricted", "Restricted", 0.9),
    ("関係者限り：人事異動", "関係者限り", 0.8),
    ("件名: 【取扱注意】異動", "取扱注意", 0.9),
    ("Proprietary and Confidential", "Proprietary and Confidential", 0.9),
    ("社外秘 2025年度計画", "社外秘", 0.8),
    ("［厳秘］", "厳秘", 0.9),
    ("<部外秘>", "部外秘", 0.9),
    ("機密性２情報", "機密性２情報", 0.9),
    ("ＣＯＮＦＩＤＥＮＴＩＡＬ\n", "ＣＯＮＦＩＤＥＮＴＩＡＬ", 0.9),
    ("マル秘\n", "マル秘", 0.9),
    ("ヘッダー | 社外秘 | 1/3", "社外秘", 0.0),
]


@pytest.mark.parametrize(("text", "word", "score"), MARKED)
def test_a_marking_is_found(text: str, word: str, score: float) -> None:
    found = Scanner([MARKING]).scan(text, {"marking": 0.0}).findings

    assert [text[one.start : one.end] for one in found][:1] == [word]
    assert found[0].score >= score
    for language in words.LANGUAGES:
        assert words.text(f"guard_reason.{found[0].reason}", language)


@pytest.mark.parametrize(
    "text",
    [
        "極秘裏に進めた",
        "社外秘の扱いについて規程を確認する",
        "便秘の薬",
        "秘書に連絡",
        "極秘プロジェクトの話をした",
        "confidential information must be protected",
        "機密性の高い情報",
        "秘密の花園",
        "彼は極秘に動いた",
        "社外秘文書の取扱いルールはこちら",
        "confidentiality agreement",
        "Secret Santa をやります",
        "internal server error",
        "len(secret) == 3",
        "CONFIDENTIAL_TERM",
        "restricted stock",
        "神秘的な夜",
        "秘訣を教える",
        "部外秘とは何ですか",
        "取扱注意の荷物が届きました",
        "転送禁止設定の方法",
    ],
)
def test_a_sentence_that_only_speaks_of_markings_is_none(text: str) -> None:
    assert Scanner([MARKING]).scan(text).findings == ()


def test_every_reason_has_its_words() -> None:
    for code in (
        "term_exact",
        "term_variant",
        "term_company",
        "term_inside_word",
        "marking_mentioned",
        "marking_in_file_name",
        "marking_in_capitals",
    ):
        assert words.has_text(f"guard_reason.{code}")


def test_they_keep_the_contract_of_checks() -> None:
    filler = "これは普通の文です。" * 12
    texts = [
        f"{filler}{way}{filler}" for way in ("㈱エグザンプル商事", "Project Orion", "極・光", "T O G O", "アクアリウム")
    ]
    assert prove(CHECK, texts) >= 5

    texts = [f"{filler}\n{text}\n{filler}" for text, _word, _score in MARKED] + [text for text, _word, _score in MARKED]
    assert prove(MARKING, [normal(text).text for text in texts]) >= len(texts) - 4


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_survived(text: str) -> None:
    for check in (CHECK, MARKING):
        assert Scanner([check]).scan(text).is_whole
        for one in check.find(text):
            assert 0 <= one.start < one.end <= len(text)

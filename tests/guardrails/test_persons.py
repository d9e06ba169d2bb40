"""Names of persons: forms, titles, foreign names, what is none; and that cutting a text changes nothing."""

from __future__ import annotations

import subprocess
import sys
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri import words
from jitsuri.guardrails.rules.naming.doubting import is_no_person
from jitsuri.guardrails.rules.naming.persons import PersonCheck
from jitsuri.guardrails.rules.scanning import Scanner
from jitsuri.guardrails.rules.segmenting import REACH, cuts
from jitsuri.guardrails.wire.dictionary import LazySudachi
from jitsuri.guardrails.wire.ginza import SlowPersonCheck, is_available, sentences
from jitsuri.guardrails.wire.names import name_checks
from jitsuri.terms.errors import OperatorError

CHECKS = {one.name: one for one in name_checks()}
PERSON = CHECKS["person"]
SCANNER = Scanner([PERSON])


def named(text: str) -> list[str]:
    return [text[one.start : one.end] for one in SCANNER.scan(text).findings]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("田中太郎が来ます。", ["田中太郎"]),
        ("氏名：山田　花子、電話は後で。", ["山田　花子"]),
        ("担当は佐藤です。", ["佐藤"]),
        ("見様、林様にお送りください。", ["見", "林"]),
        ("谷本部長と打ち合わせました。", ["谷本"]),
        ("髙橋秀雄さんと山﨑次長です。", ["髙橋秀雄", "山﨑"]),
        ("渡邊様のご自宅", ["渡邊"]),
        ("神戸　恭秀さんのパスポート", ["神戸　恭秀"]),
        ("新入社員の安田 ともひささん（社員番号）", ["安田 ともひさ"]),
        ("フリガナ：ヤマダ ハナコ\n住所：", ["ヤマダ ハナコ"]),
        ("氏名（カナ）：スズキ イチロウ、", ["スズキ イチロウ"]),
        ("監督はジョン・レノンです。", ["ジョン・レノン"]),
        ("ジャン=バティスト・ド・ロシャンボー将軍", ["ジャン=バティスト・ド・ロシャンボー"]),
        ("Mr. John Smithに連絡", ["John Smith"]),
        ("Name: Jane Doe, Tokyo", ["Jane Doe"]),
        ("Michael Maurer氏の名", ["Michael Maurer"]),
        ("デヴォー中佐はウィーンで", ["デヴォー"]),
        ("田中さんと鈴木さんと、高橋部長。", ["田中", "鈴木", "高橋"]),
        ("石橋常七の長男。", ["石橋常七"]),
        ("兪啓威と会った。", ["兪啓威"]),
        ("出席者：辻部長、内田、原、斎藤（記）、森", ["辻", "内田", "原", "斎藤", "森"]),
        ("参加者: 原・森下・営業部・中野", ["原", "森下", "中野"]),
        ("名義は柿崎希卯子様でお間違いない", ["柿崎希卯子"]),
    ],
)
def test_names_are_found_whole(text: str, names: list[str]):
    assert named(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "福島県と山口市に行く。",
        "松本駅から渋谷区まで",
        "豊田市にある本田技研工業株式会社",
        "鈴木商店と佐藤製薬の製品",
        "株式会社高島の決算",
        "石川県の山間部",
        "小川町の製材業者",
        "早稲田大学と千葉大学",
        "お客様からのご意見をたくさん頂きました。",
        "皆様、神様、王様",
        "奥さんとお母さん",
        "部長と課長が出席します。",
        "営業部長に報告",
        "チームリーダーとプロジェクトマネージャー",
        "メールは hanako@example.co.jp です。",
        "ウォール・ストリート・ジャーナルの記事",
        "氏名：",
        "担当：未定",
    ],
)
def test_places_companies_and_bare_titles_are_no_names(text: str):
    assert named(text) == []


def test_a_finding_says_how_sure_and_why():
    scanned = SCANNER.scan("田中さんと、小川は")
    assert [one.reason for one in scanned.findings] == ["person_title", "person_tag"]
    assert scanned.findings[0].score > scanned.findings[1].score
    for one in scanned.findings:
        for lang in ("ja", "en"):
            assert words.text(f"guard_reason.{one.reason}", lang)


PIECES = st.sampled_from(
    [
        "田中", "太郎", "様", "さん", "部長", "氏名：", "担当は", "です。", "、", " ", "\n", "ジョン・レノン",
        "ウィラード・フェルディナンド・", "谷本部長",
        "東京都", "千代田区", "の", "出席者：", "、原", "、辻部長", "、", "が", "髙橋", "山根明", "1-2-3", "Mr. ", "Smith",
        "株式会社", "は", "会議の議事録を送ります", "ABC", "・", "ー", "ァ",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=60).map("".join), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_a_text_seen_from_a_cut_on_gives_the_same(text: str, pick: int):
    """What a stream does: it begins anew at a cut, with at least ``REACH`` characters before what it decides about."""
    places = [0, *cuts(text)]
    begin = places[pick % len(places)]
    whole = [one for one in PERSON.find(text) if one.start >= begin + REACH]
    part = [one for one in PERSON.find(text[begin:]) if one.start >= REACH]
    assert [(one.start, one.end, one.score) for one in whole] == [
        (one.start + begin, one.end + begin, one.score) for one in part
    ]


@given(st.lists(PIECES, max_size=60).map("".join), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_what_comes_24_characters_after_a_cut_changes_nothing(text: str, pick: int):
    places = [0, *cuts(text)]
    end = places[pick % len(places)]
    whole = [one for one in PERSON.find(text) if one.end <= end]
    part = [one for one in PERSON.find(text[: end + 24]) if one.end <= end]
    assert whole == part


@pytest.mark.parametrize(
    "unit",
    [
        "田中様",
        "田中",
        "氏名：田中太郎、",
        "ジョン・",
        "様",
        "氏名：",
        "出席者：",
        "出席者：原、",
        "ァ",
        "A.",
        "担当は",
        "髙",
        " ",
        "田 ",
        "Mr. A ",
        "さん",
    ],
)
def test_time_grows_with_the_text_only(unit: str):
    def took(length: int) -> float:
        text = unit * (length // len(unit))
        best = 9e9
        for _ in range(2):
            began = process_time()
            list(PERSON.find(text))
            best = min(best, process_time() - began)
        return best

    assert took(12_000) < 0.05 + 10 * took(3_000)


@pytest.mark.slow
def test_a_megabyte_and_100_000_candidates_end():
    for text in ("田中様と" * 100_000, "営業部の山田太郎です。" * 90_000):
        began = process_time()
        found = list(PERSON.find(text))
        assert len(found) >= 90_000
        assert process_time() - began < 60


def test_odd_characters_do_no_harm():
    for text in ("\ud800田中\udfff様", "\x00" * 50, "が\u3099" * 20, "𠮷田様", "👨\u200d👩" * 30, "\u202e田中様", ""):
        assert SCANNER.scan(text).is_whole
    assert named("田中\ud800様、鈴木様") != []
    assert all(len(text.encode("utf-8", "surrogatepass")) < 49_149 for text in ("𠮷" * 40,))


def test_nothing_is_loaded_before_the_first_text():
    asked = (
        "import sys; from jitsuri.guardrails.wire.names import name_checks; found = name_checks(); "
        "assert not {'sudachipy', 'spacy', 'ginza'} & set(sys.modules); list(found[1].find('東京都')); "
        "assert 'sudachipy' not in sys.modules; list(found[0].find('田中様')); assert 'sudachipy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", asked], check=True)


def test_a_lexicon_of_ones_own_can_be_handed_in():
    class Two:
        def words(self, text):
            return [(0, 2, "surname"), (2, len(text), "grammar")]

        def kinds(self, word):
            return frozenset({"surname"}) if word == "谷本" else frozenset()

    assert [(one.start, one.end) for one in PersonCheck(Two()).find("谷本が")] == [(0, 2)]


def test_without_its_extra_the_slow_path_says_so():
    slow = SlowPersonCheck(LazySudachi())
    if is_available():
        assert [(one.start, one.end) for one in slow.find("会談は。ジョン・レノンと会った。")] == [(4, 11)]
        return
    assert "person_slow" not in CHECKS
    with pytest.raises(OperatorError) as raised:
        list(slow.find("田中"))
    for lang in ("ja", "en"):
        assert "names-slow" in words.text(f"error.{raised.value.code}", lang)


@given(st.text(alphabet="田。\nあ!、 ", max_size=300))
def test_sentences_leave_nothing_out(text: str):
    spans = list(sentences(text))
    assert "".join(text[start:end] for start, end in spans) == text


@pytest.mark.parametrize(
    ("before", "name", "behind", "is_none"),
    [
        ("", "見本自動車", "と", True),
        ("若い", "中尉", "は", True),
        ("作品「", "オルガンの友", "」が", True),
        ("全", "イングランド", "代表", True),
        ("", "kokopi", "は", True),
        ("", "ロサンゼルス・ベアーズ", "に移籍", True),
        ("", "清水", "小学校の付近", True),
        ("株式会社", "高島", "の", True),
        ("「", "趙梅芳", "に敗れた", False),
        ("", "ケンイ大塚", "による", False),
        ("は", "ゼルギャーノフ", "の", False),
        ("", "Jane Doe", "と", False),
        ("", "椥辻薫音", "が", False),
        ("", "ボルギャ・ゼンティス", "が", False),
    ],
)
def test_what_a_model_takes_for_a_person_is_doubted(before: str, name: str, behind: str, is_none: bool):
    text = before + name + behind
    assert is_no_person(text, len(before), len(before) + len(name), LazySudachi()) == is_none

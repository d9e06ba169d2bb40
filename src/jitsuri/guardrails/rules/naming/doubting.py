"""What the slow path takes for a person and is none: companies, places, works, posts (decision 0041).

A model reads a sentence and names what might be a person; the dictionary and the words around say of some that they are something
else. Whatever they do not know stays.
"""

from __future__ import annotations

import re

from jitsuri.guardrails.rules.naming import titles
from jitsuri.guardrails.rules.naming.persons import PERSONS
from jitsuri.guardrails.rules.naming.words import Lexicon

_ENDS = re.compile(
    "(?:"
    + "|".join(
        titles.listed(
            """
    株式会社 有限会社 合同会社 会社 \\(株\\) 財団 大学 高校 学校 学園 学院 幼稚園 病院 医院 クリニック 銀行 金庫 証券 保険 製薬
    製作所 工業 工務店 建設 商事 商店 物産 産業 電機 電気 電線 電子 製鉄 製鋼 重工 自動車 化学 化成 食品 製菓 酒造
    運輸 運送 倉庫 不動産 書店 書房 出版 新聞 放送 印刷 鉄道 電鉄 急行 交通 観光 興業 百貨店 デパート ホールディングス
    グループ プロダクション エンター?テイ?ンメント 研究所 事務所 内閣 政権 政府 艦隊 神社 神宮 協会 連盟 連合 委員会 組合 球団
    劇場 会館 会議 共同体 党 省 庁 局 部隊 陸軍 海軍 空軍 軍 隊 飛行場 空港 道路 古墳 公園 球場 スタジアム ビル ホテル
    センター ホール 撮影所 タワー 県 市 町 区 駅 国 城 杯 賞 カップ リーグ ソング ショー [SF]C 機 台 戦 門
    """
        )
    )
    + r")\Z"
)
"""How companies, offices, places and events end; single kanji only where surnames and given names seldom end so."""
_POSTS = frozenset(titles.TITLES)
_OPENING, _CLOSING = frozenset('「『"“'), frozenset('」』"”')
_KATAKANA = re.compile(r"[ァ-ヺー]+")
_KANJI = re.compile(rf"[{titles.KANJI}]")
_DIGIT = re.compile(r"[0-9]")
_BEFORE = 8
"""Letters before it that are looked at."""
_SHORT = 3
"""Letters of a name up to which its words are too short to say what it is."""


def is_no_person(text: str, start: int, end: int, lexicon: Lexicon) -> bool:
    """Whether something that a model takes for a person is rather something else."""
    name = text[start:end]
    if name in _POSTS or _ENDS.search(name) or _DIGIT.search(name) or (name.isascii() and " " not in name):
        return True
    if titles.NO_PERSON_AFTER.match(text, end) or titles.NO_PERSON_BEFORE.search(text[max(0, start - _BEFORE) : start]):
        return True
    if text[start - 1 : start] in _OPENING and text[end : end + 1] in _CLOSING:
        return True
    known = lexicon.kinds(name)
    if known:
        return not known & PERSONS
    parts = _KATAKANA.findall(name)
    return _is_foreign_place(name, parts, lexicon) if len(parts) > 1 else _is_of_other_words(name, lexicon)


def _is_foreign_place(name: str, parts: list[str], lexicon: Lexicon) -> bool:
    """Katakana with dots that ends as companies do, or that names a place and nobody: clubs are called so."""
    if titles.NO_FOREIGNER.search(name):
        return True
    kinds = [lexicon.kinds(part) for part in parts]
    return any("place" in one for one in kinds) and not any(one & PERSONS for one in kinds)


def _is_of_other_words(name: str, lexicon: Lexicon) -> bool:
    """Whether the dictionary reads it as several words, none of which is a name."""
    if len(name) <= _SHORT or _KANJI.search(name) is None:
        return False
    words = lexicon.words(name)
    return len(words) > 1 and all(end - start > 1 and kind not in PERSONS for start, end, kind in words)

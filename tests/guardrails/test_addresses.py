"""Addresses: with and without prefecture, numbers of many kinds, buildings; and what is none."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.guardrails.rules.naming.addresses import LONGEST, AddressCheck
from jitsuri.guardrails.rules.naming.prefectures import PREFECTURES
from jitsuri.guardrails.rules.scanning import Scanner
from jitsuri.guardrails.rules.segmenting import REACH

CHECK = AddressCheck()
SCANNER = Scanner([CHECK])


def addresses(text: str) -> list[str]:
    return [text[one.start : one.end] for one in SCANNER.scan(text).findings]


ADDRESSES = [
    "東京都千代田区永田町1-7-1",
    "東京都千代田区丸の内一丁目9番2号",
    "東京都千代田区丸の内１－９－２ グラントウキョウ サウスタワー12階",
    "大阪府大阪市北区梅田3丁目1番3号",
    "北海道札幌市中央区北3条西6丁目",
    "北海道帯広市西六条南1丁目24番17号 グランドメゾン311号",
    "北海道旭川市永山４条2-3-18 サンライズ5",
    "京都府京都市中京区寺町通御池上る上本能寺前町488番地",
    "京都市下京区四条通烏丸東入長刀鉾町20番地",
    "茨城県つくば市吾妻1-1-1",
    "埼玉県さいたま市浦和区高砂三丁目15番1号",
    "神奈川県横浜市西区みなとみらい2-2-1",
    "神奈川県茅ヶ崎市鶴が台4丁目3番17号 ハイツ桜965号室",
    "長野県下伊那郡阿智村駒場483番地",
    "岩手県九戸郡軽米町大字軽米第10地割85番地",
    "新潟県新潟市中央区東堀通７－２１グランドメゾン203号",
    "南国市里改田1丁目24番2号 サンライズ4",
    "岩手県盛岡市青山1544番地2　フローラ桜ケ丘603号室",
    "北九州市小倉南区葛原8-16-17　フローラ緑が丘903",
    "上川郡和寒町日ノ出1-1-3 サンライズ6",
    "東京都港区六本木6丁目10番1号 六本木ヒルズ森タワー 31階",
    "愛知県名古屋市中区三の丸3丁目1番2号",
    "福岡県福岡市博多区東公園7番7号",
    "東京都新宿区西新宿2-8-1 405号室",
    "島根県益田市神田町３－２７",
    "香川県高松市番町四丁目1番10号",
    "石川県金沢市鞍月1丁目1番地の3",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    ("before", "after"), [("住所：", "\n電話"), ("現住所は", "です。"), ("〒100-0014\n", "、田中様"), ("", "")]
)
def test_addresses_are_found_whole(address: str, before: str, after: str):
    assert addresses(before + address + after) == [address]


@pytest.mark.parametrize(
    "text",
    [
        "東京", "大阪市に行く。", "東京都と大阪府で3-1で勝った", "東京都は1-2-3を選んだ", "北海道で2024-01-02に開催", "型番ABC-1-2-3",
        "大阪支店の内線123-4567",
        "横浜市の電話は045-123-4567", "千葉市では3-1で勝利",
        "注文番号 1234-5678", "第1四半期の2-3月", "売上は前年比1.5倍", "10時-12時", "3番目の案",

        "1丁目", "会議は2-3名で", "港区の人口は26万人",
    ],
)  # fmt: skip
def test_places_scores_and_other_numbers_are_no_addresses(text: str):
    assert addresses(text) == []


def test_every_prefecture_begins_an_address():
    assert len(set(PREFECTURES)) == 47
    for prefecture in PREFECTURES:
        assert addresses(f"住所は{prefecture}中央市本町1-2-3です") == [f"{prefecture}中央市本町1-2-3"]


def test_a_building_of_endless_length_is_left_out():
    text = "東京都千代田区永田町1-7-1 " + "ア" * 100 + "ビル3階"
    assert addresses(text) == ["東京都千代田区永田町1-7-1"]


PIECES = st.sampled_from(
    ["東京都", "千代田区", "永田町", "1-7-1", "3丁目", "2番", "5号", "一丁目", "大阪市", "北区", "の", "は", "、", " ", "\n", "〒100-0014",
     "ビル", "グランドメゾン", "203号室", "12階", "町", "市", "住所：", "様", "田中", "1", "-", "番地", "北3条西"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=50).map("".join), st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_only_what_is_near_counts(text: str, begin: int):
    found = [(one.start, one.end) for one in CHECK.find(text)]
    assert all(end - start <= LONGEST for start, end in found)
    later = [(one.start + begin, one.end + begin) for one in CHECK.find(text[begin:])]
    assert [one for one in found if one[0] >= begin + REACH] == [one for one in later if one[0] >= begin + REACH]
    earlier = [(one.start, one.end) for one in CHECK.find(text[: begin + 24])]
    assert [one for one in found if one[1] <= begin] == [one for one in earlier if one[1] <= begin]


@pytest.mark.parametrize(
    "unit",
    ["東京都千代田区1-2-3", "1-", "1丁目", "東京都", "市", "区1-1 ", "ア1-1", "町" * 30 + "1-1-1", "一", "1の1番"],
)
def test_time_grows_with_the_text_only(unit: str):
    def took(length: int) -> float:
        text = unit * (length // len(unit))
        best = 9e9
        for _ in range(2):
            began = process_time()
            list(CHECK.find(text))
            best = min(best, process_time() - began)
        return best

    assert took(40_000) < 0.05 + 10 * took(10_000)


def test_odd_characters_do_no_harm():
    for text in (
        "\ud800東京都千代田区1-2-3\udfff",
        "東京都\u200b千代田区永田町１−７−１",
        "東京都千代田区永田町1ー7ー1",
    ):
        assert SCANNER.scan(text).is_whole
        assert len(addresses(text)) == 1

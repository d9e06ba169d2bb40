"""Numbers, days and times as Japanese answers write them: what is the same, what is not, and what is no number at all."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitsuri.evaluation.rules.reading_kanji import numeral
from jitsuri.evaluation.rules.reading_numbers import quantities
from jitsuri.evaluation.rules.scoring import score
from jitsuri.evaluation.shapes import Numeric, Scored, Unscored

SAME = """
1234 = 1,234
1234 = １，２３４
1234 = １２３４
1234 = 一千二百三十四
1234 = 千二百三十四
1234 = 一二三四
1234 = 1千234
0 = 〇
0 = 零
0 = 0.0
250 = 二百五十
250 = 答えは二百五十です。
250 = 答えは、250。
250 = 250.
250 = 「250」
250 = **250**
250 = 計算すると 100 + 150 = 250
250円 = 250
250 = 250円
250円 = ￥250
250円 = ¥250
250円 = JPY 250
250円 = 250 円（税込）
250円 = 二百五十円です
120000000 = 一億二千万
120000000 = 1億2000万
120000000 = 1億2,000万
120000000 = 1.2億
120000000 = 12,000万
120000000円 = 1億2,000万円
120000000円 = 120百万円
5000円 = 5千円
1234000000円 = 1,234百万円
1000円 = 千円
10000円 = 壱万円
12000 = 1.2万
12345 = 1万2345
12345 = 一万二千三百四十五
25000 = 2.5万
3兆円 = 3,000,000,000,000円
-5 = −5
-5 = －５
-5 = ▲5
-5 = △5
-5 = ▲ 5
-5 = マイナス5
-5 = マイナス五
-1234円 = ▲1,234円
-500円 = -¥500
-500円 = ¥-500
-3℃ = 気温は-3度です
5 = +5
5 = プラス5
0.25 = 25%
25% = 25％
25% = 25パーセント
25% = 2割5分
25% = 二割五分
25% = 0.25
25% = 4分の1
253‰ = 2割5分3厘
0.253 = 2割5分3厘
0.5 = 2分の1
0.5 = 1/2
1/3 = 三分の一
10km = 10,000m
10km = 10㎞
10km = １０キロメートル
1.5km = 1500メートル
180cm = 1.8m
2kg = 2,000グラム
2kg = ２キログラム
1t = 1000kg
500mL = 0.5リットル
1.5時間 = 1時間30分
1.5時間 = 90分
90分 = 5,400秒
2週間 = 14日間
1年6か月 = 18か月
1年6か月 = 1年6ヶ月
100㎡ = 100m²
100㎡ = 100平方メートル
1GB = 1,000MB
2kWh = 2,000Wh
36km/h = 10m/s
500円/件 = 1件あたり500円/件
20度 = 20℃
154.20円 = 154円20銭
5ドル = $5.00
5ドル = US$5
5ドル = USD 5
30人 = 30名
30人 = 三十人
20歳 = 二十歳
3か所 = 3カ所
12ページ = 12頁
1500000 = 1.5×10^6
1500000 = 1.5e6
3枚 = A4用紙3枚
5件 = GPT-4の誤りは5件
100円 = 1. 売上は250円\\n2. 費用は100円
250円 = 売上は250円です[1]。
250円 = 第12条により250円
3人 = 一般に三人
200円 = 八百屋で二百円
3000人 = 千葉県の三千人
1500円 = 合計は1,500円（3人分）
25% = 25%（120件中30件）
7 = ⑴ 7
2026-11-27 = 2026年11月27日
2026-11-27 = 2026/11/27
2026-11-27 = 2026.11.27
2026-11-27 = ２０２６年１１月２７日（金）
2026-11-27 = 令和8年11月27日
2026-11-27 = 令和８年１１月２７日
2026-11-27 = 令和八年十一月二十七日
2026-11-27 = 二〇二六年十一月二十七日
2026-11-27 = R8.11.27
2026-11-27 = R8/11/27
2026-11-27 = ㋿8年11月27日
2026-11-27 = 西暦2026年11月27日
2026年11月27日 = 期限は2026年11月27日で、3人が担当
2019-05-01 = 令和元年5月1日
2019-04-30 = 平成31年4月30日
1989-01-07 = 昭和64年1月7日
1989-01-08 = 平成元年1月8日
1926-12-25 = 大正15年12月25日
1926-12-25 = 昭和元年12月25日
1912-07-30 = 明治45年7月30日
1912-07-30 = 大正元年7月30日
1873-01-01 = 明治6年1月1日
2000-02-29 = 平成12年2月29日
2026年11月 = 令和8年11月
2026年 = 令和8年
2026年度 = 令和8年度
11月27日 = 十一月二十七日
42円 = $42$
42円 = $$42$$
7ドル = $5, $7
42円 = よって $x = 42$ です
25% = $25\\%$
12 = 3x4=12
-5℃ = 氷点下5度
-5℃ = 零下五度
-5 = ー5
1.5年 = 1年半
210分 = 3時間半
8 = 8コア
14:30 = 午後2時30分
14:30 = 14時30分
9:30 = 9時半
12:00 = 午前12時
"""

DIFFERENT = """
1234 = 1,235 number_differs
250 = 2500 number_differs
250 = 25.0 number_differs
250 = -250 number_differs
5 = ▲5 number_differs
120000000 = 1億2,000 number_differs
1億円 = 1万円 number_differs
25 = 25% number_percent
0.25 = 0.25% number_percent
25% = 25 number_percent
25% = 2割 number_differs
5件 = 5人 unit_differs
10km = 10m number_differs
10km = 10kg unit_differs
5円 = 5ドル unit_differs
5円 = $5 unit_differs
1年 = 1年半 number_differs
5ドル = 5ユーロ unit_differs
20℃ = 20°F unit_differs
3年 = 3か月 number_differs
1GB = 1GiB number_differs
1時間 = 1分 number_differs
5分 = 5% unit_differs
1日 = 24時間 unit_differs
250 = 分かりません number_absent
250 = 十分な説明です number_absent
3 = 一般に三井物産 number_absent
12 = 第12条 number_absent
4 = A4 number_absent
1 = 一つもありません number_absent
5km/h = 5km unit_differs
500円/件 = 500円 unit_differs
2026-11-27 = 2026-11-26 date_differs
2026-11-27 = 令和7年11月27日 date_differs
2026-11-27 = 2026年11月 date_differs
2026-11-27 = 11月27日 date_differs
2026-11-27 = 20261127 number_absent
2019-05-01 = 平成31年5月1日 date_outside_era
1989-01-08 = 昭和64年1月8日 date_outside_era
2019-04-30 = 令和元年4月30日 date_outside_era
2026-03-02 = 2026年2月30日 date_impossible
2026-03-01 = 令和8年2月29日 date_impossible
14:30 = 午前2時30分 date_differs
14:30 = 25:30 date_impossible
1872-12-31 = 明治5年12月2日 date_before_calendar
"""


def cases(table: str) -> list[list[str]]:
    return [line.replace("\\n", "\n").split(" = ", 1) for line in table.replace("\\\\n", "\\n").strip().splitlines()]


def numeric(answer: str, expected: str, **spec: object) -> Scored | Unscored:
    return score(answer, expected, Numeric(**spec))  # type: ignore[arg-type]


@pytest.mark.parametrize(("expected", "answer"), cases(SAME))
def test_the_same_number_is_known_again(expected: str, answer: str) -> None:
    assert numeric(answer, expected) == Scored(Fraction(1))


@pytest.mark.parametrize(("expected", "told"), cases(DIFFERENT))
def test_another_number_is_told_with_its_reason(expected: str, told: str) -> None:
    answer, _, code = told.rpartition(" ")
    found = numeric(answer, expected)

    assert isinstance(found, Scored)
    assert found.score == 0
    assert [reason for reason, _ in found.reasons] == [code]


def test_the_tables_are_as_large_as_they_claim() -> None:
    assert len(cases(SAME)) + len(cases(DIFFERENT)) >= 160


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("。", 0),
        ("第三条", 0),
        ("03-1234-5678", 0),
        ("〒100-0001", 0),
        ("版 10.5.3", 0),
        ("192.168.0.1", 0),
        ("三々五々", 0),
        ("一つ", 0),
        ("三つ", 0),
        ("3つ", 1),
        ("数千円", 0),
        ("何十人", 0),
        ("統一する", 0),
        ("二十三十", 0),
        ("1万20000", 0),
        ("万億", 0),
        ("十分です", 1),
        ("10分です", 1),
        ("3-5", 2),
        ("10〜20%", 2),
        ("1、234", 2),
        ("12,34", 2),
        ("1,2345", 2),
        ("1,234,567.89", 1),
        ("3分野で", 1),
        ("東京都港区1-2-3", 0),
        ("9" * 100, 1),
        ("9" * 101, 0),
        ("COVID-19", 0),
        ("#3", 0),
        ("①250円", 1),
        ("(1) 売上\n(2) 費用", 0),
        ("1) はい", 0),
        ("1. ", 1),
        ("二酸化炭素", 0),
        ("百分率", 0),
        ("1万0億", 0),
        ("万年筆", 0),
        ("四半期", 0),
        ("五十嵐さん", 0),
        ("1/0", 0),
        ("0分の1", 0),
    ],
)
def test_what_is_a_number_at_all(text: str, count: int) -> None:
    assert len(quantities(text)) == count


@pytest.mark.parametrize(
    ("take", "code", "value"),
    [("last", None, 1), ("first", "number_differs", 0), ("only", "number_ambiguous", None)],
)
def test_which_of_several_numbers_is_taken(take: str, code: str | None, value: int | None) -> None:
    found = numeric("昨年は100円、今年は250円", "250円", take=take)

    if value is None:
        assert isinstance(found, Unscored)
        assert found.code == code
    else:
        assert isinstance(found, Scored)
        assert found.score == value
        assert [reason for reason, _ in found.reasons] == ([code] if code else [])


def test_only_takes_a_number_that_is_told_twice_and_one_of_another_kind() -> None:
    assert numeric("250円、つまり二百五十円（3人、2026年11月27日）", "250円", take="only") == Scored(Fraction(1))


@pytest.mark.parametrize(
    ("expected", "code"),
    [
        ("", "expected_missing"),
        (" \n", "expected_missing"),
        ("なし", "expected_unreadable"),
        ("3個と5個", "expected_ambiguous"),
        ("2026年2月30日", "date_impossible"),
        ("平成31年5月1日", "date_outside_era"),
        ("明治5年12月2日", "date_before_calendar"),
    ],
)
def test_without_one_expected_number_nothing_is_scored(expected: str, code: str) -> None:
    found = numeric("250", expected)

    assert isinstance(found, Unscored)
    assert found.code == code


@pytest.mark.parametrize(
    ("expected", "answer", "spec", "value"),
    [
        ("100", "101", {"absolute": Fraction(1)}, 1),
        ("100", "101.0001", {"absolute": Fraction(1)}, 0),
        ("100", "99", {"relative": Fraction(1, 100)}, 1),
        ("100", "98.99", {"relative": Fraction(1, 100)}, 0),
        ("-100", "-101", {"relative": Fraction(1, 100)}, 1),
        ("0", "0.001", {"relative": Fraction(1)}, 0),
        ("100", "103", {"absolute": Fraction(3), "relative": Fraction(1, 100)}, 1),
        ("10km", "10,900m", {"absolute": Fraction(1)}, 1),
        ("10km", "11,100m", {"absolute": Fraction(1)}, 0),
        ("25%", "26%", {"absolute": Fraction(1)}, 1),
        ("25%", "0.27", {"absolute": Fraction(1)}, 0),
        ("0.1", "0.30000000000000004", {"absolute": Fraction(Decimal("0.2"))}, 0),
        ("0.1", "0.3", {"absolute": Fraction(Decimal("0.2"))}, 1),
        ("2026-11-27", "2026-11-28", {"absolute": Fraction(1)}, 0),
    ],
)
def test_tolerances_are_exact_and_their_ends_belong_to_them(
    expected: str, answer: str, spec: dict[str, Fraction], value: int
) -> None:
    found = numeric(answer, expected, **spec)

    assert isinstance(found, Scored)
    assert found.score == value


def test_units_and_percent_may_be_taken_otherwise() -> None:
    assert numeric("250", "250円", units="strict") == Scored(
        Fraction(0), (("unit_missing", {"answer": "250", "expected": "250円"}),)
    )
    assert numeric("25%", "25", percent="points") == Scored(Fraction(1))
    assert numeric("25%", "0.25", percent="points") != Scored(Fraction(1))
    assert numeric("0.25", "25%", percent="points") != Scored(Fraction(1))


def in_kanji(value: int) -> str:
    """A number in kanji, written by another rule than the one that reads it: digit by digit from the left."""
    if value == 0:
        return "〇"
    found = ""
    for big, unit in ((16, "京"), (12, "兆"), (8, "億"), (4, "万"), (0, "")):
        group = value // 10**big % 10**4
        told = ""
        for digit, small in zip(f"{group:04}", ("千", "百", "十", ""), strict=True):
            if digit != "0":
                told += ("" if digit == "1" and small else "〇一二三四五六七八九"[int(digit)]) + small
        found += told + unit if told else ""
    return found


def mixed(value: int) -> str:
    """12億3,456万7,890: digits between large units."""
    parts = [(value // 10**big % 10**4, unit) for big, unit in ((12, "兆"), (8, "億"), (4, "万"), (0, ""))]
    return "".join(f"{group:,}{unit}" for group, unit in parts if group) or "0"


NUMBERS = st.one_of(st.integers(0, 10**16 - 1), st.integers(0, 10**5))


@given(NUMBERS)
def test_a_number_reads_the_same_however_it_is_written(value: int) -> None:
    wide = f"{value:,}".translate(str.maketrans("0123456789,", "０１２３４５６７８９，"))
    for written in (str(value), f"{value:,}", wide, in_kanji(value), mixed(value)):
        assert [one.base for one in quantities(f"答えは{written}円です。")] == [value], written
    assert numeral(in_kanji(value)) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_decimals_are_exact(value: Decimal) -> None:
    sign = "▲" if value < 0 else ""
    [found] = quantities(f"{sign}{abs(value):,f}")

    assert found.value == Fraction(value)


@given(st.dates(date(1873, 1, 1), date(2999, 12, 31)))
def test_a_day_reads_the_same_in_every_form(day: date) -> None:
    eras = [
        ("明治", date(1868, 1, 25)),
        ("大正", date(1912, 7, 30)),
        ("昭和", date(1926, 12, 25)),
        ("平成", date(1989, 1, 8)),
        ("令和", date(2019, 5, 1)),
    ]
    name, first = [(name, first) for name, first in eras if first <= day][-1]
    year = day.year - first.year + 1
    forms = [
        day.isoformat(),
        f"{day.year}年{day.month}月{day.day}日",
        f"{day:%Y/%m/%d}",
        f"{day.year}.{day.month}.{day.day}",
        f"{name}{year}年{day.month}月{day.day}日",
        name + ("元" if year == 1 else in_kanji(year)) + f"年{in_kanji(day.month)}月{in_kanji(day.day)}日",
    ]
    for form in forms:
        [found] = quantities(f"期限は{form}です")
        assert (found.kind, int(found.value), found.fault) == ("day", day.toordinal(), ""), form


@given(st.text(alphabet="0123456789,.-+▲年月日時分令和一二十百千万億円%第[]() の/:eR\ud800\u0301①", max_size=60))
def test_nothing_makes_the_reader_fail(text: str) -> None:
    quantities(text)

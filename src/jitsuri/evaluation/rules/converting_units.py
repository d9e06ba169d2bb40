"""Units as they are written behind a number, each with its dimension and its size in the dimension's base unit.

Two quantities compare where their dimensions are the same. What is not in the table is no unit: the number then stands alone.
Single tokens of data stand here, no sentences. Sources: SI Brochure, 9th edition (2019), tables 2–8 (prefixes, units in use with the SI);
IEC 80000-13 (binary prefixes); 計量単位令 (平成4年政令第357号) for the names in kana; decision 0029 for what is equal to what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Unit:
    """``dimension`` '' is a bare number: %, 割 and 厘 only scale it."""

    dimension: str
    size: Fraction


_PREFIXES = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

_SAME: Mapping[str, tuple[tuple[Fraction | int, str], ...]] = {
    "m": ((1, "m メートル"), (1000, "km Km KM キロメートル"), (Fraction(1, 100), "cm センチ センチメートル"),
          (Fraction(1, 1000), "mm ミリ ミリメートル"), (Fraction(1, 10**6), "μm")),
    "g": ((1, "g グラム"), (1000, "kg Kg KG キログラム"), (Fraction(1, 1000), "mg ミリグラム"), (10**6, "t トン")),
    "L": ((1, "L l リットル"), (Fraction(1, 1000), "mL ml cc ミリリットル"), (Fraction(1, 10), "dL dl デシリットル"),
          (1000, "kL kl キロリットル m3 m^3 立方メートル")),
    "s": ((1, "秒 秒間 s sec"), (60, "分 分間 min"), (3600, "時間 h hr"), (Fraction(1, 1000), "ms ミリ秒")),
    "day": ((1, "日 日間"), (7, "週間")),
    "month": ((1, "か月 ヶ月 カ月 ケ月 箇月 か月間 ヶ月間 カ月間"), (12, "年 年間 か年 ヵ年")),
    "fiscal": ((1, "年度"),),
    "m2": ((1, "m2 m^2 平方メートル 平米"), (10**6, "km2 km^2 平方キロメートル"), (Fraction(1, 10**4), "cm2 cm^2"),
           (10**4, "ha ヘクタール"), (100, "アール")),
    "JPY": ((1, "円 JPY 圓"), (Fraction(1, 100), "銭")),
    "USD": ((1, "ドル 米ドル USD"), (Fraction(1, 100), "セント")),
    "EUR": ((1, "ユーロ EUR €"),),
    "GBP": ((1, "ポンド GBP £"),),
    "CNY": ((1, "元 人民元 CNY"),),
    "KRW": ((1, "ウォン KRW"),),
    "degree": ((1, "℃ °C 度 °"),),
    "fahrenheit": ((1, "°F"),),
    "calorie": ((1, "cal カロリー"), (1000, "kcal キロカロリー")),
    "byte": ((1, "B バイト"), (1024, "KiB"), (1024**2, "MiB"), (1024**3, "GiB"), (1000, "KB")),
    "": ((Fraction(1, 100), "% パーセント"), (Fraction(1, 1000), "‰"), (Fraction(1, 10), "割"), (Fraction(1, 1000), "厘")),
    "point": ((1, "ポイント pt ポイント差"),),
    "person": ((1, "人 名"),), "age": ((1, "歳 才"),), "page": ((1, "ページ 頁"),),
    "place": ((1, "か所 ヶ所 カ所 ヵ所 箇所 ケ所"),), "piece": ((1, "個"),),
}  # fmt: skip

_COUNTERS = (
    "件 本 枚 台 冊 回 匹 頭 軒 棟 社 店 店舗 校 倍 点 票 口 室 席 戸 項目 種類 文字 行 位 番 号 階 丁目 代 期 周 組 通 部 袋 箱 缶 杯 機 "
    "拠点 案件 世帯 課 章 節 条 項 坪 字 語 問 段階 往復 月"
)  # fmt: skip
"""Counters that equal only themselves."""

_SCALED = {"W": "watt", "Wh": "watt hour", "V": "volt", "A": "ampere", "Hz": "hertz", "Pa": "pascal", "J": "joule", "B": "byte",
           "bps": "bit/s", "bit": "bit"}  # fmt: skip

_NOT_BEFORE: Mapping[str, str] = {
    "分": "率の野類割析岐子母散布担配離解析数別", "年": "度齢代収報次筆賀", "人": "口員材物工権事", "日": "本程常記誌", "点": "検滅字呼",
    "本": "社部人店日件当", "回": "答線路復収転避帰", "件": "名", "台": "帳風頭", "個": "人別性", "円": "滑形卓熟", "名": "前称義刺",
    "部": "分門署品長下", "口": "座", "元": "年号", "代": "表理金", "行": "動政為", "号": "令", "番": "号組", "通": "常知勤", "度": "合目",
    "項": "目", "条": "件約例", "期": "間待限", "組": "織合", "機": "能会械種", "社": "会員長内", "店": "長員舗",
    "時間": "帯外割給", "課": "長題税", "節": "約", "倍": "率", "割": "合増", "月": "額次末初報", "字": "幕", "位": "置", "語": "学",
    "問": "題", "箱": "根", "校": "長", "室": "長",
}  # fmt: skip
"""What makes a unit's character part of another word (分野, 年齢, 人口); then it is no unit."""


def _table() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for dimension, sizes in _SAME.items():
        for size, names in sizes:
            for name in names.split():
                found[name] = Unit(dimension, Fraction(size))
    for base, dimension in _SCALED.items():
        found.setdefault(base, Unit(dimension, Fraction(1)))
        for prefix, size in _PREFIXES.items():
            found.setdefault(prefix + base, Unit(dimension, Fraction(size)))
    for counter in _COUNTERS.split():
        found.setdefault(counter, Unit(counter, Fraction(1)))
    return found


UNITS: Mapping[str, Unit] = _table()
"""Every name a unit may be written by."""

BARE = Unit("", Fraction(1))
HUNDREDTH = Unit("", Fraction(1, 100))
RATIOS = frozenset({"%", "パーセント", "‰", "割", "厘"})
"""Names that scale a bare number."""


def _by_first() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(UNITS, key=lambda name: (-len(name), name)):
        found.setdefault(name[0], []).append(name)
    return found


_NAMES = _by_first()
"""Names by their first character, the longest first."""


def unit_at(text: str, at: int) -> str:
    """The longest unit that is written at a place of a text; '' where there is none."""
    first = text[at : at + 1]
    for name in _NAMES.get(first, ()):
        if text.startswith(name, at) and _ends(name, text[at + len(name) : at + len(name) + 1]):
            return name
    return ""


def _ends(name: str, after: str) -> bool:
    if not after:
        return True
    if name[-1].isascii() and name[-1].isalnum():
        return not (after.isascii() and after.isalnum())
    return after not in _NOT_BEFORE.get(name, "")


MARKS: Mapping[str, str] = {"¥": "円", "$": "ドル", "€": "ユーロ", "£": "ポンド", "US$": "ドル", "JPY": "円", "USD": "ドル",
                            "EUR": "ユーロ", "GBP": "ポンド"}  # fmt: skip
"""Marks of money that stand before the number."""

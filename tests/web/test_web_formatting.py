"""Numbers and days as people read them; every expected text was written by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.paper.rules.numbering import axis_over, marks_written
from jitsuri.terms.money import Money
from jitsuri.terms.period import Month
from jitsuri.web import formatting as f
from jitsuri.words import Language


@pytest.mark.parametrize(
    ("amount", "ja", "en"),
    [
        ("0", "0円", "¥0"),
        ("0.0123", "0.0123円", "¥0.0123"),
        ("0.012345", "0.0123円", "¥0.0123"),
        ("0.0000015", "0.0000015円", "¥0.0000015"),
        ("0.9996", "1.00円", "¥1.00"),
        ("0.0120", "0.012円", "¥0.012"),
        ("1", "1円", "¥1"),
        ("1.5", "1.50円", "¥1.50"),
        ("12.345", "12.3円", "¥12.3"),
        ("99.95", "100円", "¥100"),
        ("100.49", "100円", "¥100"),
        ("100.5", "101円", "¥101"),
        ("1284", "1,284円", "¥1,284"),
        ("1284300", "1,284,300円", "¥1,284,300"),
        ("-381100", "−381,100円", "−¥381,100"),
        ("-0.0123", "−0.0123円", "−¥0.0123"),
    ],
)
def test_yen_in_full_keep_the_digits_that_count(amount: str, ja: str, en: str) -> None:
    assert str(f.yen(Decimal(amount), "ja")) == ja
    assert str(f.yen(Decimal(amount), "en")) == en


@pytest.mark.parametrize(
    ("amount", "ja", "en"),
    [
        ("9800", "9,800円", "¥9,800"),
        ("9999.4", "9,999円", "¥9,999"),
        ("10000", "1万円", "¥10K"),
        ("12840", "1.28万円", "¥12.8K"),
        ("490000", "49万円", "¥490K"),
        ("1284300", "128万円", "¥1.28M"),
        ("12843000", "1,284万円", "¥12.8M"),
        ("99995000", "1億円", "¥100M"),
        ("99994999", "9,999万円", "¥100M"),
        ("128400000", "1.28億円", "¥128M"),
        ("999999999999", "1兆円", "¥1,000B"),
        ("-490000", "−49万円", "−¥490K"),
        ("999950", "100万円", "¥1M"),
    ],
)
def test_yen_for_a_glance_are_short(amount: str, ja: str, en: str) -> None:
    assert str(f.yen_short(Decimal(amount), "ja")) == ja
    assert str(f.yen_short(Decimal(amount), "en")) == en


def test_the_title_always_has_the_exact_amount() -> None:
    assert f.yen_short(Decimal("1284300.123456"), "ja").exact == "1,284,300.123456円"
    assert f.yen(Decimal("0.000001500"), "ja").exact == "0.0000015円"
    assert f.yen_whole(Decimal("-1.50"), "en").exact == "−¥1.5"


def test_whole_yen_line_up() -> None:
    assert [f.yen_whole(Decimal(a), "ja").number for a in ("0.4", "0.5", "-0.4", "1284.5")] == ["0", "1", "0", "1,285"]


def test_number_and_unit_stand_apart_for_a_page_that_sets_the_unit_small() -> None:
    shown = f.yen_short(Decimal(490000), "ja")
    assert (shown.before, shown.number, shown.unit) == ("", "49", "万円")
    shown = f.yen_short(Decimal(490000), "en")
    assert (shown.before, shown.number, shown.unit) == ("¥", "490", "K")


@pytest.mark.parametrize(("amount", "told"), [("381100", "+381,100円"), ("-1", "−1円"), ("0", "0円"), ("0.00", "0円")])
def test_a_difference_says_its_sign(amount: str, told: str) -> None:
    assert str(f.yen(Decimal(amount), "ja").signed) == told


def test_other_currencies_keep_at_least_their_cents() -> None:
    assert str(f.money(Money(Decimal("2"), "USD"), "ja")) == "$2.00"
    assert str(f.money(Money(Decimal("0.000125"), "USD"), "en")) == "$0.000125"
    assert f.money(Money(Decimal("0.00012549"), "USD"), "en").exact == "$0.00012549"
    assert str(f.money(Money(Decimal("-12.5"), "EUR"), "en")) == "−EUR\N{NO-BREAK SPACE}12.50"
    assert str(f.money(Money(Decimal("1284"), "JPY"), "ja")) == "1,284円"


def test_counts_carry_their_unit() -> None:
    assert str(f.count(1284, "ja", "tokens")) == "1,284トークン"
    assert str(f.count(1284, "en", "tokens")) == "1,284 tokens"
    assert str(f.count_short(1_284_300, "ja", "tokens")) == "128万トークン"
    assert str(f.count_short(1_284_300, "en", "tokens")) == "1.28M tokens"
    assert str(f.count_short(9_999, "ja", "calls")) == "9,999件"
    assert f.count_short(1_284_300, "ja", "tokens").exact == "1,284,300トークン"


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        ("0", "0.0%"), ("0.1134", "11.3%"), ("0.1135", "11.4%"), ("1", "100.0%"), ("0.0004", "<0.1%"),
        ("0.9997", ">99.9%"), ("-0.031", "−3.1%"), ("-0.0001", ">−0.1%"), ("1.0001", "100.1%"), ("12.345", "1,234.5%"),
    ],
)  # fmt: skip
def test_a_share_is_never_rounded_to_nothing_or_to_all(ratio: str, told: str) -> None:
    assert f.percent(Decimal(ratio)) == told


def test_a_share_from_a_statistic_is_read_as_written() -> None:
    assert f.percent(0.1) == "10.0%"
    assert f.percent(0.35, places=0) == "35%"


def test_points_are_signed_and_zero_is_not() -> None:
    assert [f.points(p, "ja") for p in (-1.6, 1.2, 0.04, -0.04)] == ["−1.6点", "+1.2点", "0.0点", "0.0点"]
    assert f.points(-1.6, "en") == "−1.6 pt"


def test_days_read_in_both_languages() -> None:
    sunday = date(2026, 11, 22)
    assert [show(sunday, "ja") for show in (f.day, f.day_short, f.day_named)] == [
        "2026年11月22日", "11/22", "11月22日（日）",
    ]  # fmt: skip
    assert [show(sunday, "en") for show in (f.day, f.day_short, f.day_named)] == ["22 Nov 2026", "22 Nov", "Sun 22 Nov"]


def test_moments_are_told_on_the_companys_clock() -> None:
    """15:00 UTC on the 21st is midnight of the 22nd in Tokyo."""
    at = datetime(2026, 11, 21, 15, 0, 3, 125_999, tzinfo=UTC)

    assert f.moment(at, "ja") == "2026年11月22日 00:00"
    assert f.moment(at, "en") == "22 Nov 2026, 00:00 JST"
    assert f.moment(at, "en", ZoneInfo("UTC")) == "21 Nov 2026, 15:00 UTC"
    assert f.moment_exact(at) == "2026-11-22 00:00:03.125"


def test_a_fiscal_year_starts_in_april() -> None:
    assert f.fiscal_month(Month(2027, 3), "ja") == "2026年度 3月"
    assert f.fiscal_month(Month(2026, 4), "en") == "Apr, FY2026"
    assert f.fiscal_year(2026, "ja") == "2026年度"
    assert f.month(Month(2026, 11), "ja") == "2026年11月"
    assert f.month(Month(2026, 11), "en") == "Nov 2026"


@pytest.mark.parametrize(
    ("year", "month", "half"),
    [(2026, 4, "2026年度 上期"), (2026, 9, "2026年度 上期"), (2026, 10, "2026年度 下期"), (2027, 3, "2026年度 下期")],
)
def test_halves_are_april_and_october(year: int, month: int, half: str) -> None:
    assert f.fiscal_half(Month(year, month), "ja") == half


def test_a_fiscal_year_may_start_in_january() -> None:
    assert f.fiscal_half(Month(2026, 7), "en", starts_in=1) == "FY2026 H2"


@pytest.mark.parametrize(
    ("length", "ja", "en"),
    [
        (timedelta(milliseconds=830), "830ミリ秒", "830 ms"),
        (timedelta(milliseconds=1250), "1.2秒", "1.2 s"),
        (timedelta(seconds=2), "2秒", "2 s"),
        (timedelta(seconds=185), "3分5秒", "3 min 5 s"),
        (timedelta(hours=2), "2時間", "2 h"),
        (timedelta(hours=2, minutes=5, seconds=59), "2時間5分", "2 h 5 min"),
        (timedelta(days=3, minutes=4), "3日", "3 d"),
    ],
)
def test_lengths_of_time_have_at_most_two_units(length: timedelta, ja: str, en: str) -> None:
    assert f.duration(length, "ja") == ja
    assert f.duration(length, "en") == en


def test_an_estimate_of_time_is_rounded_up_and_says_so() -> None:
    assert f.about(timedelta(seconds=84 * 50), "ja") == "約70分"
    assert f.about(timedelta(seconds=1), "ja") == "約1分"
    assert f.about(timedelta(hours=5, minutes=50), "en") == "about 6 h"


def test_axes_count_as_their_language_counts() -> None:
    axis = axis_over([Decimal(41_000), Decimal(78_000)])

    assert marks_written(axis, f.yen_scale("ja")) == ("0", "2万", "4万", "6万", "8万")
    assert marks_written(axis, f.yen_scale("en")) == ("0", "¥20K", "¥40K", "¥60K", "¥80K")
    assert (f.yen_scale("ja").unit, f.count_scale("en", "tokens").unit) == ("円", "tokens")


amounts = st.decimals(min_value=-(10**15), max_value=10**15, allow_nan=False, places=6)
languages: st.SearchStrategy[Language] = st.sampled_from(["ja", "en"])


def read_back(shown: f.Shown, lang: Language) -> Fraction:
    """What a reader takes the text for."""
    text = str(shown).replace("−", "-").replace("¥", "").replace(",", "").replace("円", "")
    for suffix, size in zip(("万", "億", "兆") if lang == "ja" else ("K", "M", "B"), f.STEPS[lang], strict=True):
        if text.endswith(suffix):
            return Fraction(text[:-1]) * Fraction(size)
    return Fraction(text)


@settings(derandomize=True, deadline=None)
@given(amounts, languages)
def test_a_short_amount_is_within_half_a_percent(amount: Decimal, lang: Language) -> None:
    told = read_back(f.yen_short(amount, lang), lang)

    assert abs(told - Fraction(amount)) <= abs(Fraction(amount)) / 190
    assert f.yen_short(amount, lang).exact == f.yen(amount, lang).exact


@settings(derandomize=True, deadline=None)
@given(amounts, languages)
def test_an_exact_amount_reads_back_to_the_last_digit(amount: Decimal, lang: Language) -> None:
    shown = f.yen(amount, lang)

    assert read_back(f.Shown("", shown.exact, "", ""), lang) == Fraction(amount)

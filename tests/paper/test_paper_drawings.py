"""Charts as drawings: what stands on them, and that nothing can push them out of their frame."""

from __future__ import annotations

import os
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from re import findall
from xml.etree.ElementTree import Element

import pytest
from drawing_checks import SVG, check_drawing, classes, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.paper.rules.inking import INKS, NARROW, WIDE, fitted, width_of
from jitsuri.paper.rules.measuring import draw_horizontal_bars, draw_meter, draw_sparkline
from jitsuri.paper.rules.numbering import axis_over, marks_written, nice_step, written
from jitsuri.paper.rules.spanning import draw_interval, draw_interval_row
from jitsuri.paper.rules.stacking import draw_stacked_bars
from jitsuri.paper.rules.stepping import draw_price_steps, value_on
from jitsuri.paper.rules.tabling import chart_table
from jitsuri.paper.shapes import (
    BarRow,
    HorizontalBars,
    Interval,
    Meter,
    PriceSteps,
    Scale,
    Series,
    Sparkline,
    StackedBars,
    Step,
    StepLine,
    StepPoint,
    Verdict,
)

GOLDEN = Path(__file__).parent / "golden"
YEN = Scale("円", steps=(Step(Decimal(10_000), "万"), Step(Decimal(100_000_000), "億")))
DOLLARS = Scale("ドル/100万トークン", prefix="$")
DAYS = tuple(f"11/{day}" for day in range(1, 31))


def days_of(*amounts: int, rest: tuple[int, ...] = ()) -> StackedBars:
    triage = Series("問合せ分類", tuple(Decimal(a) for a in amounts))
    others = Series("その他", tuple(Decimal(a) for a in rest or [0] * len(amounts)), is_rest=True)
    return StackedBars(
        "cost-by-day", "日ごとの費用", "11月の費用を業務別に積み上げた図", DAYS[: len(amounts)], (triage, others), YEN,
        "日", "合計", tick_stride=7,
    )  # fmt: skip


def boxes_of(root: Element, ink: str) -> list[tuple[float, float]]:
    """Top and bottom of each bar in this ink, in order of the columns."""
    (path,) = [e.get("d", "") for e in root.iter(f"{SVG}path") if e.get("class") == ink]
    return [(float(top), float(bottom)) for top, bottom in findall(r"M\S+ ([\d.]+)H[\d.]+V([\d.]+)", path)]


def interval_of(low: float, point: float, high: float, verdict: Verdict = "none") -> Interval:
    return Interval(
        "品質の差", "差 −1.6点、95%区間 −4.4〜+1.2", low, point, high, -10, 6, -5, verdict, "限度 −5点", "0",
        "−4.4", "−1.6点", "+1.2", "良い →", ("差", "下端", "上端", "限度"),
    )  # fmt: skip


MONTH = StackedBars(
    "month", "日ごとの費用（業務別）", "6業務と見込み", DAYS,
    (
        *(Series(name, tuple(Decimal((7 * d + 13 * i) % 40) * 1000 for d in range(30)))
          for i, name in enumerate(("問合せ分類", "見積書の読取り", "議事録の要約", "規程の質問", "翻訳", "要約2"))),
        Series("その他", tuple(Decimal(900 + d) for d in range(30)), is_rest=True),
    ),
    YEN, "日", "合計", 7, 22, "見込み（80%の幅 162〜181万円）",
)  # fmt: skip
PRICES = PriceSteps(
    "gemini-3.8-flashの単価", "2027年1月1日から2倍になる予定",
    (
        StepLine("入力", (StepPoint(date(2026, 6, 1), Decimal("0.75")), StepPoint(date(2027, 1, 1), Decimal("1.5")))),
        StepLine("出力", (StepPoint(date(2026, 6, 1), Decimal("3.75")), StepPoint(date(2027, 1, 1), Decimal("7.5")))),
        StepLine("キャッシュ", (StepPoint(date(2026, 6, 1), Decimal("0.075")), StepPoint(date(2026, 12, 1), None))),
    ),
    date(2026, 6, 1), date(2026, 11, 22), date(2027, 3, 1), DOLLARS, "2026/6/1", "今日 11/22", "2027/3/1", "日",
)  # fmt: skip
BARS = HorizontalBars(
    "業務ごとの費用", "", (
        BarRow("問合せ分類", Decimal(412_300), note="想定"), BarRow("見積書の読取り", Decimal(356_900)),
        BarRow("<規程>の質問 & その他の、とても長いので途中で切らなければならない名前", Decimal(41_200), "4.1万円"),
        BarRow("返金", Decimal(-30_000)),
    ), YEN, "業務", "費用",
)  # fmt: skip
METER = Meter("m", "今月の予算", "", Decimal(1_284_300), Decimal(2_000_000), (Decimal(1_620_000), Decimal(1_810_000)))
SPARK = Sparkline(
    "6か月", "", (Decimal(5), None, Decimal(3), Decimal(4), None, Decimal(9)), tuple("678901"), "月", "円"
)

DRAWINGS = {
    "stacked-wide": draw_stacked_bars(MONTH),
    "stacked-phone": draw_stacked_bars(MONTH, NARROW),
    "interval-row": draw_interval_row(interval_of(-4.4, -1.6, 1.2, "pass")),
    "interval-tall": draw_interval(interval_of(-4.4, -1.6, 1.2, "pass")),
    "interval-cut": draw_interval(interval_of(-14, -12, -9, "fail"), NARROW),
    "meter": draw_meter(METER),
    "sparkline": draw_sparkline(SPARK),
    "bars-wide": draw_horizontal_bars(BARS),
    "bars-phone": draw_horizontal_bars(BARS, NARROW),
    "prices-wide": draw_price_steps(PRICES),
    "prices-phone": draw_price_steps(PRICES, NARROW),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_the_one_that_was_looked_at(name: str) -> None:
    """Kept drawings were looked at as pictures; JITSURI_GOLDEN=write keeps new ones."""
    kept = GOLDEN / f"{name}.svg"
    if os.environ.get("JITSURI_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        kept.write_text(DRAWINGS[name] + "\n", "utf-8")

    check_drawing(DRAWINGS[name])
    assert DRAWINGS[name] + "\n" == kept.read_text("utf-8")


def test_a_stack_is_as_high_as_its_amounts() -> None:
    """30,000 on an axis of 0 to 30,000 fills the whole field of 170; 15,000 half of it."""
    root = check_drawing(draw_stacked_bars(days_of(30_000, 15_000)))

    (first, second) = boxes_of(root, "f-s1")
    assert first[1] - first[0] == pytest.approx(170 - 0.6)
    assert second[1] - second[0] == pytest.approx(85 - 0.6)


def test_the_axis_counts_in_man_and_names_its_unit_once() -> None:
    told = texts(check_drawing(draw_stacked_bars(days_of(80_000, 15_000))))

    assert told[:6] == ["0", "2万", "4万", "6万", "8万", "円"]


def test_the_legend_gives_each_series_its_total_without_the_forecast() -> None:
    """0+13+26 … thousand yen of 22 known days; the eight forecast days are not in it."""
    known = sum((7 * d) % 40 for d in range(22)) * 1000
    assert known == 417_000

    assert "問合せ分類 42万" in texts(check_drawing(draw_stacked_bars(MONTH)))


def test_series_differ_by_more_than_hue() -> None:
    """その他, a sixth series and every forecast are hatched; the five shades run from dark to light."""
    root = check_drawing(draw_stacked_bars(MONTH))

    patterns = {e.get("id", "").rsplit("-", 1)[1] for e in root.iter(f"{SVG}pattern")}
    assert patterns == {"h", "f", "fh"}
    lightness = [sum(int(INKS[s][i : i + 2], 16) for i in (1, 3, 5)) for s in ("s1", "s2", "s3", "s4", "s5")]
    assert all(b - a > 75 for a, b in pairwise(lightness))


def test_two_frames_of_one_chart_share_no_id() -> None:
    wide, phone = (check_drawing(draw_stacked_bars(MONTH, w)) for w in (WIDE, NARROW))

    assert not {e.get("id") for e in wide.iter() if e.get("id")} & {e.get("id") for e in phone.iter() if e.get("id")}


def test_a_credit_hangs_below_zero() -> None:
    root = check_drawing(draw_stacked_bars(days_of(30_000, -10_000)))

    up, down = boxes_of(root, "f-s1")
    assert down[0] == pytest.approx(up[1] + 0.6)


def test_a_column_tells_what_it_is_made_of() -> None:
    (told, _) = (e[0].text for e in check_drawing(draw_stacked_bars(days_of(30_000, 1, rest=(500, 2)))).iter()
                 if e.get("pointer-events"))  # fmt: skip

    assert told == "11/1  合計 3.05万 円  (その他 500, 問合せ分類 3万)"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_to_draw_still_draws_its_axis_and_title(width: int) -> None:
    empty = StackedBars("e", "まだありません", "", (), (), YEN, "日", "合計")

    root = check_drawing(draw_stacked_bars(empty, width))

    assert root[0].text == "まだありません"
    assert texts(root) == ["0", "1", "円"]
    check_drawing(draw_horizontal_bars(HorizontalBars("なし", "", (), YEN, "", ""), width))
    check_drawing(draw_sparkline(Sparkline("なし", "", (), (), "", "")))
    check_drawing(draw_meter(Meter("m", "なし", "", Decimal(0), None)))


def test_a_text_from_outside_stays_text() -> None:
    evil = "<script>alert(1)</script>\"'&\x00\ud800"
    chart = StackedBars("e", evil, evil, (evil,), (Series(evil, (Decimal(1),)),), Scale(evil), evil, evil, 0, 0, evil)

    root = check_drawing(draw_stacked_bars(chart))

    assert root[0].text == "<script>alert(1)</script>\"'&  "


def test_a_pass_lies_right_of_the_limit_and_wears_its_ink() -> None:
    root = check_drawing(draw_interval_row(interval_of(-4.4, -1.6, 1.2, "pass")))

    lines = {e.get("class"): e for e in root.iter(f"{SVG}line")}
    assert lines["l-bad"].get("stroke-dasharray")
    assert float(lines["l-bad"].get("x1", "")) < float(lines["l-good"].get("x1", ""))
    assert float(lines["l-good"].get("stroke-width", "")) > float(lines["l-mid"].get("stroke-width", ""))
    (point,) = root.iter(f"{SVG}circle")
    assert float(point.get("cx", "")) == pytest.approx(4 + 152 * (10 - 1.6) / 16, abs=0.01)


@pytest.mark.parametrize(("verdict", "ink"), [("pass", "good"), ("caution", "warn"), ("fail", "bad"), ("none", "s1")])
def test_each_verdict_has_its_ink(verdict: Verdict, ink: str) -> None:
    assert f"f-{ink}" in classes(check_drawing(draw_interval_row(interval_of(-1, 0, 1, verdict))))


def test_an_end_beyond_the_axis_is_an_arrow() -> None:
    inside = draw_interval_row(interval_of(-4, -1, 1))
    cut = draw_interval_row(interval_of(-14, -1, 9))

    assert "<path" not in inside
    assert cut.count("<path") == 2


def test_a_point_beyond_the_axis_is_not_drawn_where_it_is_not() -> None:
    assert "<circle" not in draw_interval_row(interval_of(-14, -12, -11))


def test_past_the_budget_the_meter_is_thicker_and_red() -> None:
    over = check_drawing(draw_meter(Meter("m", "予算", "", Decimal(300), Decimal(200))))
    within = check_drawing(draw_meter(METER))

    (red,) = [e for e in over.iter(f"{SVG}rect") if e.get("class") == "f-bad"]
    assert float(red.get("width", "")) == pytest.approx(318 / 3, abs=0.01)
    assert float(red.get("height", "")) > 8
    assert "f-bad" not in classes(within)


def test_an_announced_price_is_dashed_from_today() -> None:
    root = check_drawing(draw_price_steps(PRICES))

    solid, dashed = [e for e in root.iter(f"{SVG}path") if e.get("class") == "l-s1"]
    assert solid.get("stroke-dasharray") is None
    assert dashed.get("stroke-dasharray")
    (today,) = [e.get("x1") for e in root.iter(f"{SVG}line") if e.get("stroke-dasharray")]
    assert solid.get("d", "").endswith(f"H{today}")
    assert dashed.get("d", "").startswith(f"M{today} ")


def test_the_price_on_a_day_is_the_last_one_announced_by_then() -> None:
    line = PRICES.lines[2]

    assert value_on(line, date(2026, 5, 31)) is None
    assert value_on(line, date(2026, 11, 30)) == Decimal("0.075")
    assert value_on(line, date(2026, 12, 1)) is None


@pytest.mark.parametrize(
    ("rough", "step"),
    [("23000", "50000"), ("20000", "20000"), ("0.0032", "0.005"), ("1", "1"), ("5.1", "10"), ("1e-7", "1e-7")],
)
def test_people_count_by_one_two_and_five(rough: str, step: str) -> None:
    assert nice_step(Decimal(rough)) == Decimal(step)


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        (["41000", "78000"], ["0", "2万", "4万", "6万", "8万"]),
        (["12000"], ["0", "0.5万", "1万", "1.5万"]),
        (["900"], ["0", "500", "1,000"]),
        (["-300", "800"], ["−500", "0", "500", "1,000"]),
        (["0.0000015"], ["0", "0.0000005", "0.000001", "0.0000015"]),
        (["123456789012"], ["0", "500億", "1,000億", "1,500億"]),
        ([], ["0", "1"]),
    ],
)  # fmt: skip
def test_marks_are_round_and_counted_in_one_unit(values: list[str], marks: list[str]) -> None:
    axis = axis_over(Decimal(v) for v in values)

    assert list(marks_written(axis, YEN)) == marks


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("9999", "9,999"), ("10000", "1万"), ("412300", "41.2万"), ("-412300", "−41.2万"),
     ("128400000", "1.28億"), ("0.0123456", "0.0123"), ("-0.0000001", "−0.0000001")],
)  # fmt: skip
def test_numbers_on_drawings_are_short(value: str, text: str) -> None:
    assert written(Decimal(value), YEN) == text


def test_a_long_name_is_cut_where_it_no_longer_fits() -> None:
    assert width_of("業務A") == pytest.approx(24 + 12 * 0.62)
    assert fitted("見積書の読取り", 84) == "見積書の読取り"
    assert fitted("見積書の読取り", 60) == "見積書の…"
    assert fitted("見積書", 5) == ""


def test_the_table_holds_the_same_numbers_unrounded() -> None:
    table = chart_table(days_of(30_000, 15_001, rest=(1, 2)))

    assert table.head == ("日", "問合せ分類", "その他", "合計")
    assert table.rows == (
        ("11/1", Decimal(30_000), Decimal(1), Decimal(30_001)),
        ("11/2", Decimal(15_001), Decimal(2), Decimal(15_003)),
    )


def test_every_chart_has_its_table() -> None:
    assert chart_table(interval_of(-4.4, -1.6, 1.2)).rows == ((-1.6, -4.4, 1.2, -5),)
    assert chart_table(SPARK).rows[1] == ("7", None)
    assert chart_table(BARS).rows[3] == ("返金", Decimal(-30_000))
    assert chart_table(METER).rows == ((1_284_300, 2_000_000, 1_620_000, 1_810_000),)
    assert chart_table(PRICES).rows == (
        ("2026-06-01", Decimal("0.75"), Decimal("3.75"), Decimal("0.075")),
        ("2026-12-01", Decimal("0.75"), Decimal("3.75"), None),
        ("2027-01-01", Decimal("1.5"), Decimal("7.5"), None),
    )


@pytest.mark.parametrize("bad", [Decimal("NaN"), Decimal("Infinity")])
def test_a_number_that_is_none_cannot_be_charted(bad: Decimal) -> None:
    with pytest.raises(ValueError, match="finite"):
        Series("x", (bad,))
    with pytest.raises(ValueError, match="finite"):
        interval_of(float("-inf"), 0, 1)


amounts = st.decimals(min_value=-(10**20), max_value=10**20, allow_nan=False, places=9)
labels = st.text(max_size=30)
quick = settings(derandomize=True, deadline=None, max_examples=60)
widths = st.sampled_from([WIDE, NARROW])


@quick
@given(st.integers(0, 40), st.integers(0, 8), st.data(), widths)
def test_no_amount_leaves_the_stacked_bars(columns: int, series: int, data: st.DataObject, width: int) -> None:
    parts = tuple(
        Series(data.draw(labels), tuple(data.draw(st.lists(amounts, min_size=columns, max_size=columns))), i == 3)
        for i in range(series)
    )
    starts = data.draw(st.none() | st.integers(0, columns))
    names = tuple(data.draw(labels) for _ in range(columns))
    scale = data.draw(st.sampled_from([YEN, DOLLARS, Scale()]))
    check_drawing(
        draw_stacked_bars(
            StackedBars("p", "t", "d", names, parts, scale, "日", "合計", data.draw(st.sampled_from([0, 7])), starts,
                        data.draw(labels)), width)
    )  # fmt: skip


ends = st.floats(-1e300, 1e300, allow_nan=False)


@quick
@given(st.lists(ends, min_size=3, max_size=3), st.lists(ends, min_size=2, max_size=2, unique=True), st.none() | ends)
def test_no_interval_leaves_its_axis(three: list[float], axis: list[float], limit: float | None) -> None:
    (low, point, high), (axis_low, axis_high) = sorted(three), sorted(axis)
    chart = Interval(
        "t", "", low, point, high, axis_low, axis_high, limit, "caution", "限度", "0", "下", "中", "上", "→"
    )

    check_drawing(draw_interval_row(chart))
    check_drawing(draw_interval(chart, NARROW))


@quick
@given(amounts, st.none() | amounts, st.none() | st.tuples(amounts, amounts))
def test_no_spending_leaves_the_meter(
    used: Decimal, budget: Decimal | None, forecast: tuple[Decimal, Decimal] | None
) -> None:
    span = (min(forecast), max(forecast)) if forecast else None
    check_drawing(draw_meter(Meter("m", "t", "", used, budget, span)))


@quick
@given(st.lists(st.none() | amounts, max_size=24))
def test_no_course_leaves_the_sparkline(values: list[Decimal | None]) -> None:
    check_drawing(draw_sparkline(Sparkline("t", "", tuple(values), tuple("x" for _ in values), "", "")))


@quick
@given(st.lists(st.builds(BarRow, labels, amounts, note=labels), max_size=8), widths)
def test_no_row_leaves_the_bars(rows: list[BarRow], width: int) -> None:
    check_drawing(draw_horizontal_bars(HorizontalBars("t", "", tuple(rows), YEN, "", ""), width))


@quick
@given(
    st.lists(st.lists(st.tuples(st.integers(-400, 400), st.none() | amounts.map(abs)), max_size=5), max_size=4),
    st.integers(1, 600), st.integers(0, 600), labels, widths,
)  # fmt: skip
def test_no_price_leaves_the_steps(
    lines: list[list[tuple[int, Decimal | None]]], days: int, today: int, label: str, width: int
) -> None:
    first = date(2026, 4, 1)
    steps = tuple(
        StepLine(label, tuple(StepPoint(first + timedelta(days=d), v) for d, v in sorted(line, key=lambda p: p[0])))
        for line in lines
    )
    now = first + timedelta(days=min(today, days))
    chart = PriceSteps("t", "", steps, first, now, first + timedelta(days=days), DOLLARS, label, label, label, "")
    check_drawing(draw_price_steps(chart, width))

"""One page that shows every part of ``ui.html`` with the sample company's figures, for goldens and for the eye."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from jitsuri.paper.shapes import (
    BarRow,
    HorizontalBars,
    Interval,
    Meter,
    PriceSteps,
    Series,
    Sparkline,
    StackedBars,
    StepLine,
    StepPoint,
    Verdict,
)
from jitsuri.terms.period import Month
from jitsuri.web.desk import Fields
from jitsuri.web.doors import STATIC, _digest
from jitsuri.web.formatting import yen_scale
from jitsuri.web.periods import period_choice
from jitsuri.web.rendering import environment
from jitsuri.words import Language

TASKS = {
    "ja": ("問合せ分類", "見積書の読取り", "議事録の要約", "規程の質問", "その他"),
    "en": ("Inquiry triage", "Quotation extraction", "Minutes summary", "Rule questions", "Other"),
}
TENTHS = (34, 27, 20, 12, 7)
DAYS = (
    15,
    68,
    65,
    78,
    76,
    74,
    22,
    22,
    75,
    71,
    69,
    64,
    63,
    16,
    14,
    59,
    48,
    52,
    45,
    40,
    12,
    11,
    47,
    56,
    53,
    64,
    61,
    19,
    22,
    72,
)


def bars(lang: Language) -> StackedBars:
    series = tuple(
        Series(name, tuple(Decimal(day * tenth * 10) for day in DAYS), name == TASKS[lang][-1])
        for name, tenth in zip(TASKS[lang], TENTHS, strict=True)
    )
    days = tuple(f"11/{d}" if lang == "ja" else str(d) for d in range(1, 31))
    told = (
        ("日ごとの費用（業務別）", "見込み（80%の幅 162〜181万円）")
        if lang == "ja"
        else ("Cost per day by task", "Forecast")
    )
    return StackedBars("cost-by-day", told[0], "", days, series, yen_scale(lang), "日", "合計", 7, 22, told[1])


def interval(low: float, point: float, high: float, verdict: Verdict) -> Interval:
    return Interval(
        "品質の差", f"差 {point}点、95%区間 {low}〜{high}、限度 −5点", low, point, high, -10, 6, -5, verdict,
        "限度 −5点",
        "0", f"{low}", f"差 {point}点", f"{high}", "良い →", ("差", "下端", "上端", "限度"),
    )  # fmt: skip


TEMPLATE = Path(__file__).with_name("gallery.html").read_text("utf-8")


Span = tuple[float, float, float, Verdict]

SHOWN: tuple[tuple[str, int, tuple[int, ...], Span | None, str, str, int | None], ...] = (
    ("gpt-6.1-sol → 蒸留＋gpt-6-luna", 412300, (9, 9, 9, 6, 3, 3), (-3, -0.5, 2, "pass"), "証明済", "good", -381100),
    ("gpt-6.1-sol", 356900, (5, 5, 6, 6, 7, 8), (-4.4, -1.6, 1.2, "pass"), "決裁待ち", "warn", -298000),
    ("claude-sonnet-5-5", 274600, (4, 5, 5, 6, 7, 8), (-8, -4, -0.2, "caution"), "証拠不足", "", -190000),
    ("gpt-6-luna＋規程", 41200, (2, 3, 5, 6, 8, 8), (-9.5, -8, -6.2, "fail"), "不合格", "bad", None),
    ("on-premises", 23500, (6, 6, 6, 4, 6, 6), None, "未試行", "", -4000),
)  # fmt: skip


def rows_of(lang: Language) -> list[tuple[object, ...]]:
    months = tuple("678901")
    return [
        (name, variant, Decimal(cost), Sparkline("6か月の費用", "", tuple(map(Decimal, course)), months, "月", "円"),
         interval(*span) if span else None, state, kind, None if saving is None else Decimal(saving))
        for name, (variant, cost, course, span, state, kind, saving) in zip(TASKS[lang], SHOWN, strict=True)
    ]  # fmt: skip


def price(label: str, now: str, then: str) -> StepLine:
    return StepLine(label, (StepPoint(date(2026, 6, 1), Decimal(now)), StepPoint(date(2027, 1, 1), Decimal(then))))


def gallery(lang: Language) -> str:
    """The page as HTML."""
    addresses = {name: f"/static/{name}?v={_digest(name)}" for name in STATIC}
    made = environment(lang, ZoneInfo("Asia/Tokyo"), addresses).from_string(TEMPLATE)
    nav = [
        {"code": "overview", "path": "/", "key": "o", "is_here": True},
        {"code": "people", "path": "/people", "key": "p", "is_here": False},
    ]
    return made.render(
        person={"name": "青木 一郎"}, csrf="token", nav=nav, company="株式会社サンプル精機", is_sample=True, notice="",
        here_in={"ja": "?lang=ja", "en": "?lang=en"}, d=Decimal, bars=bars(lang), rows=rows_of(lang),
        tall=interval(-4.4, -1.6, 1.2, "pass"), length=timedelta(seconds=4200),
        period=period_choice(
            Month(2026, 11), Fields([("task", "x")]), lang, first=Month(2025, 10), last=Month(2026, 11)
        ),
        meter=Meter("budget", "予算", "", Decimal(1284300), Decimal(2000000), (Decimal(1620000), Decimal(1810000))),
        prices=PriceSteps(
            "gemini-3.8-flash", "", (
                price("入力", "0.75", "1.5"), price("出力", "3.75", "7.5"),
            ), date(2026, 6, 1), date(2026, 11, 22), date(2027, 3, 1), yen_scale(lang), "2026/6/1", "今日 11/22",
            "2027/3/1", "日",
        ),
        ranks=HorizontalBars(
            "業務", "", tuple(BarRow(n, Decimal(t * 12000)) for n, t in zip(TASKS[lang], TENTHS, strict=True)),
            yen_scale(lang), "業務", "費用",
        ),
    )  # fmt: skip

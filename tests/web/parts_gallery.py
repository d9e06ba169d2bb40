"""One page that shows every part of ``ui.html`` with the sample company's figures, for goldens and for the eye."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
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
DAYS = (15, 68, 65, 78, 76, 74, 22, 22, 75, 71, 69, 64, 63, 16, 14, 59, 48, 52, 45, 40, 12, 11, 47, 56, 53, 64, 61, 19, 22, 72)


def bars(lang: Language) -> StackedBars:
    series = tuple(
        Series(name, tuple(Decimal(day * tenth * 10) for day in DAYS), name == TASKS[lang][-1])
        for name, tenth in zip(TASKS[lang], TENTHS, strict=True)
    )
    days = tuple(f"11/{d}" if lang == "ja" else str(d) for d in range(1, 31))
    told = ("日ごとの費用（業務別）", "見込み（80%の幅 162〜181万円）") if lang == "ja" else ("Cost per day by task", "Forecast")
    return StackedBars("cost-by-day", told[0], "", days, series, yen_scale(lang), "日", "合計", 7, 22, told[1])


def interval(low: float, point: float, high: float, verdict: Verdict) -> Interval:
    return Interval(
        "品質の差", f"差 {point}点、95%区間 {low}〜{high}、限度 −5点", low, point, high, -10, 6, -5, verdict, "限度 −5点",
        "0", f"{low}", f"差 {point}点", f"{high}", "良い →", ("差", "下端", "上端", "限度"),
    )  # fmt: skip


TEMPLATE = """
{% extends "base.html" %}
{% block title %}gallery{% endblock %}
{% block main %}
<div class="page-head"><h1>{{ "11月の概況" if lang == "ja" else "November" }}</h1>
<p class="basis">{{ "11月22日 14:00 時点　為替 1ドル 154.20円（TTM 11/21）　税抜き" if lang == "ja" else "As of 22 Nov, 14:00. 1 USD = 154.20 JPY (TTM, 21 Nov). Before tax" }}</p></div>
<div class="figures">
{% call ui.figure("今月の費用" if lang == "ja" else "Cost this month", yen(d("1284300.4")), basis="予算 2,000,000円　月末見込み 171万円（162〜181）", href="/costs") %}{{ ui.small_chart(meter) }}{% endcall %}
{{ ui.figure("証明された削減（今月）" if lang == "ja" else "Proven saving", yen(d("381100")), basis="基準：7–9月の実績　評価と確認の費用 21,400円を差引き後", kind="good") }}
{{ ui.figure("機会（想定）" if lang == "ja" else "Opportunity (assumed)", yen_short(d("490000")), per="/月" if lang == "ja" else " a month", basis="2業務　証明に必要な評価 420件・約6時間") }}
{{ ui.figure("呼出しでない費用" if lang == "ja" else "Costs that are not calls", yen(d("338000")), basis="席 28人分、GPU 1台（未使用 41%）") }}
</div>
<div class="with-aside">
<div class="sheet"><h2>{{ bars.title }}</h2>{{ ui.chart(bars) }}</div>
<div class="stacked">
<div class="sheet"><h2>{{ "予定された単価の変更" if lang == "ja" else "Announced prices" }}</h2><ul class="todo">
<li><span>12/1　gemini-4-argon</span>{{ ui.badge("2倍", "bad") }}</li><li><span>1/1　gemini-3.8-flash</span>{{ ui.badge("2倍", "bad") }}</li></ul></div>
<div class="sheet"><h2>{{ "お願いしたいこと" if lang == "ja" else "To do" }}</h2><ul class="todo">
<li><a href="/x">見積書の読取り：証明書の決裁</a>{{ ui.badge("本日まで", "warn") }}</li><li><a href="/y">議事録の要約：あと84件の評価</a><span class="soft keep">{{ about(length) }}</span></li></ul></div>
</div></div>
<div class="sheet">
{% call ui.filter() %}{{ ui.search("find", "探す" if lang == "ja" else "Find") }}{{ ui.select("state", "状態" if lang == "ja" else "State", [("", "すべて"), ("a", "証明済")]) }}{% endcall %}
{% call ui.table_of([("業務", ""), ("今の構成", ""), ("今月（円）", "n"), ("6か月", ""), ("品質差と95%区間（−5点が限度）", ""), ("状態", "fit"), ("削減（円/月）", "n")], "業務") %}
{% for name, variant, cost, spark, iv, state, kind, saving in rows %}
<tr><th scope="row"><a href="/t">{{ name }}</a><span class="sub">営業支援課</span></th><td data-head="今の構成">{{ variant }}</td><td class="n" data-head="今月（円）">{{ ui.digits(yen(cost)) }}</td>
<td data-head="6か月">{{ ui.small_chart(spark) }}</td><td data-head="品質差">{% if iv %}{{ ui.interval(iv) }}{% endif %}</td><td class="fit" data-head="状態">{{ ui.badge(state, kind) }}</td>
<td class="n" data-head="削減（円/月）">{% if saving is none %}–{% else %}{{ ui.digits(yen(saving).signed) }}{% endif %}</td></tr>
{% endfor %}{% endcall %}
{{ ui.pager(newer="?p=1", older="?p=3", told="51–100 / 312件") }}
</div>
<div class="halves">
<section>{{ ui.facts([("業務", "問合せ分類"), ("為替", "1ドル 154.20円（TTM 2026-11-21）"), ("単価表", "genai-prices 2026-11-20")]) }}</section>
<section>{{ ui.interval_tall(tall) }}{{ ui.behind(tall) }}</section>
</div>
<section><h2>{{ "単価" if lang == "ja" else "Price" }}</h2>{{ ui.chart(prices) }}</section>
<section><h2>{{ "業務ごと" if lang == "ja" else "By task" }}</h2>{{ ui.chart(ranks, with_table=false) }}</section>
<section>
{{ ui.notice("12件の呼出しに単価がありません。費用に入っていません。", head="単価のない呼出し", kind="warn") }}
{{ ui.notice("取り込みました。", kind="good", role="status") }}
{{ ui.notice("読めませんでした。", kind="bad", role="alert") }}
{{ ui.empty("まだ呼出しがありません", "LLM の呼出しログを取り込むと、ここに出ます。", "/import", "取り込む") }}
</section>
<section>
{{ ui.table([("月", ""), ("呼出し", "n"), ("費用（円）", "n")], [[{"text": "11月", "href": "/m", "sub": "22日まで"}, ui.digits(count(1284)), ui.digits(yen(d("0.0123")))], ["10月", none, ui.number(yen_short(d("1280000")))]], foot=["計", ui.digits(count(1284)), ui.digits(yen(d("1280000.0123")))]) }}
</section>
<section>{% call ui.form("token", "/x") %}
{{ ui.field("amount", "金額", "12,800", hint="税抜き", wrong="0 より大きい数を入れてください") }}
{{ ui.choices("roles", "役割", [("a", "管理者"), ("b", "経理")], ("a",), hint="監査は、ほかの役割と兼ねられません。") }}
<div class="buttons"><button class="first">決める</button><button>やめる</button><button class="danger">止める</button><button class="quiet">取り消す</button></div>
{% endcall %}</section>
{% endblock %}
"""


def gallery(lang: Language) -> str:
    """The page as HTML."""
    months = tuple("678901")
    shown = [
        (TASKS[lang][0], "gpt-6.1-sol → 蒸留＋gpt-6-luna", 412300, (9, 9, 9, 6, 3, 3), (-3, -0.5, 2, "pass"), "証明済", "good", -381100),
        (TASKS[lang][1], "gpt-6.1-sol", 356900, (5, 5, 6, 6, 7, 8), (-4.4, -1.6, 1.2, "pass"), "決裁待ち", "warn", -298000),
        (TASKS[lang][2], "claude-sonnet-5-5", 274600, (4, 5, 5, 6, 7, 8), (-8, -4, -0.2, "caution"), "証拠不足", "", -190000),
        (TASKS[lang][3], "gpt-6-luna＋規程", 41200, (2, 3, 5, 6, 8, 8), (-9.5, -8, -6.2, "fail"), "不合格", "bad", None),
        ("仕様書の翻訳", "on-premises", 23500, (6, 6, 6, 4, 6, 6), None, "未試行", "", -4000),
    ]  # fmt: skip
    rows = [
        (name, variant, Decimal(cost), Sparkline("6か月の費用", "", tuple(map(Decimal, course)), months, "月", "円"),
         interval(*iv) if iv else None, state, kind, None if saving is None else Decimal(saving))
        for name, variant, cost, course, iv, state, kind, saving in shown
    ]  # fmt: skip
    addresses = {name: f"/static/{name}?v={_digest(name)}" for name in STATIC}
    made = environment(lang, ZoneInfo("Asia/Tokyo"), addresses).from_string(TEMPLATE)
    nav = [
        {"code": "overview", "path": "/", "key": "o", "is_here": True},
        {"code": "people", "path": "/people", "key": "p", "is_here": False},
    ]
    return made.render(
        person={"name": "青木 一郎"}, csrf="token", nav=nav, company="株式会社サンプル精機", is_sample=True, notice="",
        here_in={"ja": "?lang=ja", "en": "?lang=en"}, d=Decimal, bars=bars(lang), rows=rows,
        tall=interval(-4.4, -1.6, 1.2, "pass"), length=timedelta(seconds=4200),
        period=period_choice(Month(2026, 11), Fields([("task", "x")]), lang, first=Month(2025, 10), last=Month(2026, 11)),
        meter=Meter("budget", "予算", "", Decimal(1284300), Decimal(2000000), (Decimal(1620000), Decimal(1810000))),
        prices=PriceSteps(
            "gemini-3.8-flash", "", (
                StepLine("入力", (StepPoint(date(2026, 6, 1), Decimal("0.75")), StepPoint(date(2027, 1, 1), Decimal("1.5")))),
                StepLine("出力", (StepPoint(date(2026, 6, 1), Decimal("3.75")), StepPoint(date(2027, 1, 1), Decimal("7.5")))),
            ), date(2026, 6, 1), date(2026, 11, 22), date(2027, 3, 1), yen_scale(lang), "2026/6/1", "今日 11/22", "2027/3/1", "日",
        ),
        ranks=HorizontalBars(
            "業務", "", tuple(BarRow(n, Decimal(t * 12000)) for n, t in zip(TASKS[lang], TENTHS, strict=True)),
            yen_scale(lang), "業務", "費用",
        ),
    )  # fmt: skip

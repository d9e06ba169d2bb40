"""Templates into HTML: one environment per language, so that texts and numbers speak it without being told.

Autoescape is on, an unknown name is an error, and no template can reach the outside: it gets values.
"""

from __future__ import annotations

from functools import partial
from typing import Literal
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jitsuri import words
from jitsuri.paper.rules.inking import NARROW, WIDE
from jitsuri.paper.rules.measuring import draw_horizontal_bars, draw_meter, draw_sparkline
from jitsuri.paper.rules.spanning import draw_interval, draw_interval_row
from jitsuri.paper.rules.stacking import draw_stacked_bars
from jitsuri.paper.rules.stepping import draw_price_steps
from jitsuri.paper.rules.tabling import chart_table
from jitsuri.paper.shapes import Chart, HorizontalBars, Interval, Meter, PriceSteps, Sparkline, StackedBars
from jitsuri.web import formatting
from jitsuri.words import Language

FORMATS = (
    "yen", "yen_whole", "yen_short", "money", "count", "count_short", "points", "day", "day_short", "day_named",
    "month", "month_short", "fiscal_month", "fiscal_year", "fiscal_half", "duration", "about",
)  # fmt: skip
"""Functions of ``web.formatting`` that templates call by name, with the language filled in."""


def environment(lang: Language, zone: ZoneInfo, addresses: dict[str, str]) -> Environment:
    """The templates of one language. ``addresses`` names the files that pages load: name → path with its version."""
    made = Environment(
        loader=PackageLoader("jitsuri.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.globals.update(
        lang=lang,
        t=partial(_text, lang),
        has_text=words.has_text,
        percent=formatting.percent,
        bare_number=formatting.bare_number,
        moment=partial(formatting.moment, lang=lang, zone=zone),
        moment_exact=partial(formatting.moment_exact, zone=zone),
        draw=draw,
        chart_table=chart_table,
        addresses=addresses,
        **{name: partial(getattr(formatting, name), lang=lang) for name in FORMATS},
    )
    return made


def draw(chart: Chart, frame: str = "") -> Markup:
    """A chart as markup; ``frame`` is ``phone`` or ``wide`` (charts over time), ``row`` or ``tall`` (intervals)."""
    width = NARROW if frame == "phone" else WIDE
    match chart:
        case StackedBars():
            svg = draw_stacked_bars(chart, width)
        case HorizontalBars():
            svg = draw_horizontal_bars(chart, width)
        case PriceSteps():
            svg = draw_price_steps(chart, width)
        case Interval():
            svg = draw_interval_row(chart) if frame == "row" else draw_interval(chart)
        case Meter():
            svg = draw_meter(chart)
        case Sparkline():
            svg = draw_sparkline(chart)
    return Markup(svg)  # noqa: S704  # drawings escape every text they are given; a test sends them hostile ones


def _text(lang: Language, code: str, /, **facts: object) -> str:
    return words.text(code, lang, **facts)


def badge(told: str, kind: Literal["", "good", "warn", "bad", "assumed"] = "") -> Markup:
    """A badge as a cell of a table; the word says what the colour says."""
    return Markup('<span class="badge{}">{}</span>').format(f" {kind}" if kind else "", told)

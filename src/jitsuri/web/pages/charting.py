"""Charting: views become charts, with every word in the page's language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from jitsuri.flows.cold.viewing.overviewing import DayCosts
from jitsuri.ledger.shapes.forecasts import MonthEnd
from jitsuri.paper.shapes import Interval, Meter, Series, Sparkline, StackedBars, Verdict
from jitsuri.terms.period import Month
from jitsuri.web.formatting import day_short, month, month_short, points, yen_scale, yen_short
from jitsuri.web.pages.wording import Names
from jitsuri.words import Language, text


def day_bars(costs: DayCosts, names: Names, lang: Language, end: MonthEnd | None) -> StackedBars:
    """Cost per day by task, the days to come hatched."""
    series = [Series(names.task(task), values) for task, values in zip(costs.tasks, costs.series, strict=True)]
    if costs.rest is not None:
        series.append(Series(text("chart.rest", lang), costs.rest, is_rest=True))
    label = ""
    if end is not None:
        low, high = yen_short(end.low_jpy, lang), yen_short(end.high_jpy, lang)
        label = text("chart.forecast", lang, low=low, high=high)
    return StackedBars(
        name="cost-by-day",
        title=text("chart.days", lang),
        description=text("chart.days.told", lang),
        columns=tuple(day_short(day, lang) for day in costs.days),
        series=tuple(series),
        scale=yen_scale(lang),
        column_head=text("column.day", lang),
        total_label=text("chart.total", lang),
        tick_stride=7,
        forecast_from=costs.estimated_from,
        forecast_label=label,
    )


def month_bars(
    name: str, title: str, months: Sequence[Month], parts: Sequence[tuple[str, Sequence[Decimal]]], lang: Language
) -> StackedBars:
    """Cost per month, stacked by named parts; from the sixth on they are one."""
    shown = [Series(label, tuple(values)) for label, values in parts[:5]]
    if len(parts) > 5:
        rest = tuple(sum((values[at] for _, values in parts[5:]), Decimal(0)) for at in range(len(months)))
        shown.append(Series(text("chart.rest", lang), rest, is_rest=True))
    return StackedBars(
        name=name,
        title=title,
        description=text("chart.months.told", lang),
        columns=tuple(month_short(m, lang) for m in months),
        series=tuple(shown),
        scale=yen_scale(lang),
        column_head=text("column.month", lang),
        total_label=text("chart.total", lang),
    )


def course_line(name: str, months: Sequence[Month], values: Sequence[Decimal | None], lang: Language) -> Sparkline:
    """A row's last months as a line."""
    known = [value for value in values if value is not None]
    told = text("chart.course.told", lang, name=name, first=month(months[0], lang), last=month(months[-1], lang))
    return Sparkline(
        title=text("chart.course", lang) if known else text("chart.course.none", lang),
        description=told,
        values=tuple(values),
        columns=tuple(month_short(m, lang) for m in months),
        column_head=text("column.month", lang),
        value_head=text("column.cost", lang),
    )


def month_meter(end: MonthEnd, lang: Language) -> Meter:
    """What is spent of the month and where it will probably end."""
    return Meter(
        name="month-end",
        title=text("chart.meter", lang),
        description=text(
            "chart.meter.told", lang, spent=yen_short(end.spent_jpy, lang), low=yen_short(end.low_jpy, lang),
            high=yen_short(end.high_jpy, lang),
        ),
        used=end.spent_jpy,
        budget=None,
        forecast=(max(end.spent_jpy, end.low_jpy), end.high_jpy),
        heads=(text("chart.meter.used", lang), "", text("chart.meter.low", lang), text("chart.meter.high", lang)),
    )  # fmt: skip


WIDEST_POINTS = 25.0
"""An axis of points of many rows reaches no further than this from zero: what lies beyond is cut with an arrow."""


def points_axis(ends: Iterable[float], margin: float, widest: float = WIDEST_POINTS) -> tuple[float, float]:
    """One axis in points for several intervals: zero, the limit, and all that lies within ``widest`` of zero."""
    reached = [*ends, -margin, 0.0]
    low, high = max(min(reached), -widest), min(max(reached), widest)
    pad = max(1.0, (high - low) * 0.12)
    return low - pad, high + pad


def difference_interval(
    span: tuple[float, float, float],
    margin: float,
    axis: tuple[float, float],
    tone: Verdict,
    lang: Language,
    level: str,
) -> Interval:
    """A difference with its interval (low, point, high in points) against the margin; ``level`` as a reader sees it."""
    low, point, high = span
    shown = {
        "low": points(low, lang), "point": points(point, lang), "high": points(high, lang),
        "limit": points(-margin, lang), "level": level,
    }  # fmt: skip
    return Interval(
        title=text("verdict.chart", lang),
        description=text("verdict.chart.told", lang, **shown),
        low=min(low, point),
        point=point,
        high=max(high, point),
        axis_low=axis[0],
        axis_high=axis[1],
        limit=-margin,
        verdict=tone,
        limit_text=text("verdict.chart.limit", lang, limit=shown["limit"]),
        low_text=shown["low"],
        point_text=text("verdict.chart.point", lang, point=shown["point"]),
        high_text=shown["high"],
        better_text=text("verdict.chart.better", lang),
        heads=(
            text("verdict.difference", lang), text("verdict.chart.low", lang), text("verdict.chart.high", lang),
            text("verdict.chart.limit_head", lang),
        ),
    )  # fmt: skip

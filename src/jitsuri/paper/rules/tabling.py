"""The table behind a drawing: the same numbers, unrounded, for readers, for Excel and for the curious."""

from __future__ import annotations

from functools import singledispatch

from jitsuri.paper.rules.stacking import column_totals
from jitsuri.paper.rules.stepping import value_on
from jitsuri.paper.shapes import (
    Cell,
    Chart,
    ChartTable,
    HorizontalBars,
    Interval,
    Meter,
    PriceSteps,
    Sparkline,
    StackedBars,
)


@singledispatch
def chart_table(chart: Chart) -> ChartTable:
    """Head and rows of a chart, in the order in which it is read."""
    raise TypeError(f"no table for a {type(chart).__name__}")


@chart_table.register
def _(chart: StackedBars) -> ChartTable:
    head = (chart.column_head, *(s.label for s in chart.series), chart.total_label)
    totals = column_totals(chart)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (column, *(s.values[at] for s in chart.series), totals[at]) for at, column in enumerate(chart.columns)
    )
    return ChartTable(head, rows)


@chart_table.register
def _(chart: Sparkline) -> ChartTable:
    return ChartTable((chart.column_head, chart.value_head), tuple(zip(chart.columns, chart.values, strict=True)))


@chart_table.register
def _(chart: HorizontalBars) -> ChartTable:
    return ChartTable((chart.label_head, chart.value_head), tuple((row.label, row.value) for row in chart.rows))


@chart_table.register
def _(chart: Interval) -> ChartTable:
    return ChartTable(chart.heads, ((chart.point, chart.low, chart.high, chart.limit),))


@chart_table.register
def _(chart: Meter) -> ChartTable:
    low, high = chart.forecast if chart.forecast is not None else (None, None)
    return ChartTable(chart.heads, ((chart.used, chart.budget, low, high),))


@chart_table.register
def _(chart: PriceSteps) -> ChartTable:
    days = sorted({p.day for line in chart.lines for p in line.points})
    rows = tuple((day.isoformat(), *(value_on(line, day) for line in chart.lines)) for day in days)
    return ChartTable((chart.day_head, *(line.label for line in chart.lines)), rows)

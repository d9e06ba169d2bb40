"""Stacked columns over time: what each day cost and what it was made of, with a hatched forecast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from jitsuri.paper.rules.inking import (
    INKS,
    SHADES,
    TEXT_SIZE,
    WIDE,
    Field,
    bar,
    drawing,
    element,
    fitted,
    flowed,
    number,
    rule,
    told,
    width_of,
    words,
)
from jitsuri.paper.rules.numbering import Axis, axis_over, marks_written, written
from jitsuri.paper.shapes import StackedBars

HEIGHT_OF_DATA = 170
GAP_SHARE = 0.24
"""Of a column's room, what stays empty."""
WIDEST_BAR = 56
LEGEND_LINE = 22
LEGEND_LEAD = 17
LEAST_HEIGHT = 0.05
"""Below this a part is not drawn: a twentieth of a drawing's unit cannot be seen."""
HAIRLINE = 0.6
ROOM_BELOW = 24
"""For the column labels under the bars."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where things stand in one drawing."""

    field: Field
    axis: Axis
    marks: tuple[str, ...]
    inks: tuple[str, ...]
    step: float
    height: float


def draw_stacked_bars(chart: StackedBars, width: float = WIDE) -> str:
    """Stacked columns with axis, column labels, forecast line and a legend with totals in stack order."""
    plan = _plan(chart, width)
    inside = [
        _patterns(chart, width),
        _axis(plan, chart.scale.unit),
        _stacks(chart, plan, width),
        *_tellers(chart, plan),
        _column_labels(chart, plan),
        _forecast_line(chart, plan),
        _legend(chart, plan, width),
    ]
    return drawing(width, plan.height, "stacked-bars", chart.title, chart.description, *inside)


def column_totals(chart: StackedBars) -> tuple[Decimal, ...]:
    """The sum of each column, exact."""
    return tuple(sum((s.values[at] for s in chart.series), Decimal(0)) for at in range(len(chart.columns)))


def _plan(chart: StackedBars, width: float) -> _Plan:
    reach = []
    for at in range(len(chart.columns)):
        parts = [s.values[at] for s in chart.series]
        reach.append(sum((p for p in parts if p > 0), Decimal(0)))
        reach.append(sum((p for p in parts if p < 0), Decimal(0)))
    axis = axis_over(reach)
    marks = marks_written(axis, chart.scale)
    top = 14 + TEXT_SIZE + (18 if chart.forecast_from is not None and chart.forecast_label else 0)
    right = width - 8 - max(width_of(m) for m in marks)
    field = Field(1, top, right, top + HEIGHT_OF_DATA)
    lines = max((line for _, line in _legend_places(chart, width)), default=-1) + 1
    height = field.bottom + ROOM_BELOW + (8 + LEGEND_LINE * lines if chart.series else 0)
    return _Plan(field, axis, marks, _inks(chart), field.width / max(1, len(chart.columns)), height)


def _inks(chart: StackedBars) -> tuple[str, ...]:
    """Dark to light in stack order; その他 in the colour of sand, hatched; past five the shades repeat, hatched."""
    return tuple("rest" if s.is_rest else SHADES[i % len(SHADES)] for i, s in enumerate(chart.series))


def _pattern_of(chart: StackedBars, at: int, is_forecast: bool) -> str:
    """'' for a plain fill, else which hatch: ``f`` for a forecast, ``h`` where colour would not do."""
    series = chart.series[at]
    hatch = series.is_rest or at >= len(SHADES)
    return f"{'f' if is_forecast else ''}{'h' if hatch else ''}"


def _pattern_id(chart: StackedBars, width: float, ink: str, pattern: str) -> str:
    return f"{chart.name}-{int(width)}-{ink}-{pattern}"


def _patterns(chart: StackedBars, width: float) -> str:
    """The hatches this drawing uses: forecasts lean right, the rest leans left."""
    used: dict[str, str] = {}
    inks = _inks(chart)
    for at, ink in enumerate(inks):
        for is_forecast in {False, chart.forecast_from is not None}:
            pattern = _pattern_of(chart, at, is_forecast)
            if pattern:
                used[_pattern_id(chart, width, ink, pattern)] = _pattern(
                    _pattern_id(chart, width, ink, pattern), ink, pattern
                )
    return element("defs", {}, *used.values()) if used else ""


def _pattern(name: str, ink: str, pattern: str) -> str:
    ground = element(
        "rect",
        {"width": 6, "height": 6, "class": f"f-{ink}", "fill": INKS[ink], "opacity": 0.55 if "f" in pattern else 1},
    )
    over = {"class": "p-paper", "stroke": INKS["paper"], "fill": "none"}
    if "h" in pattern:
        ground += element("path", {"d": "M0 6L6 0", "stroke-width": 1, **over})
    if "f" in pattern:
        ground += element("path", {"d": "M0 0L6 6M-1 5L1 7M5 -1L7 1", "stroke-width": 1.2, **over})
    box: dict[str, str | float] = {"id": name, "width": 6, "height": 6, "patternUnits": "userSpaceOnUse"}
    return element("pattern", box, ground)


def _axis(plan: _Plan, unit: str) -> str:
    field = plan.field
    parts = []
    for mark, text in zip(plan.axis.marks, plan.marks, strict=True):
        y = _height_at(plan, mark)
        parts.append(rule(field.left, y, field.right, y, "soft" if mark == 0 else "line"))
        parts.append(words(field.right + 6, y + 4, text))
    if unit:
        parts.append(words(field.right + width_of(plan.marks[-1]) + 6, field.top - 14, unit, anchor="end"))
    return "".join(parts)


def _height_at(plan: _Plan, value: Decimal) -> float:
    return plan.field.bottom - plan.field.height * plan.axis.share(value)


def _stacks(chart: StackedBars, plan: _Plan, width: float) -> str:
    """All bars: one path for each series and for its forecast. What is negative hangs below zero."""
    paths: dict[tuple[int, bool], str] = {}
    for at in range(len(chart.columns)):
        is_forecast = chart.forecast_from is not None and at >= chart.forecast_from
        for i, box in _boxes(chart, plan, at):
            paths[i, is_forecast] = paths.get((i, is_forecast), "") + box
    parts = []
    for (i, is_forecast), path in sorted(paths.items()):
        pattern, ink = _pattern_of(chart, i, is_forecast), plan.inks[i]
        fill = f"url(#{_pattern_id(chart, width, ink, pattern)})" if pattern else INKS[ink]
        parts.append(element("path", {"d": path, "class": "hatch" if pattern else f"f-{ink}", "fill": fill}))
    return "".join(parts)


def _boxes(chart: StackedBars, plan: _Plan, at: int) -> Iterator[tuple[int, str]]:
    """One column's parts as path pieces, from zero outwards; a hairline of paper between neighbours."""
    thick = min(WIDEST_BAR, plan.step * (1 - GAP_SHARE))
    left = plan.field.left + plan.step * at + (plan.step - thick) / 2
    over = under = Decimal(0)
    for i, series in enumerate(chart.series):
        value = series.values[at]
        start = over if value > 0 else under
        end = start + value
        over, under = (end, under) if value > 0 else (over, end)
        high, low = _height_at(plan, max(start, end)), _height_at(plan, min(start, end))
        if low - high >= LEAST_HEIGHT:
            low -= HAIRLINE if low - high > 2 else 0
            across = number(left + thick)
            yield i, f"M{number(left)} {number(high)}H{across}V{number(low)}H{number(left)}Z"


def _tellers(chart: StackedBars, plan: _Plan) -> Iterator[str]:
    """An unseen strip over each column: a pointer that rests on it is told what the column is made of."""
    for at in range(len(chart.columns)):
        strip: dict[str, str | float] = {
            "x": plan.field.left + plan.step * at, "y": plan.field.top, "width": plan.step,
            "height": plan.field.height, "fill": "none", "pointer-events": "all",
        }  # fmt: skip
        yield element("rect", strip, element("title", {}, told(_column_told(chart, at))))


def _column_told(chart: StackedBars, at: int) -> str:
    parts = [f"{s.label} {written(s.values[at], chart.scale)}" for s in reversed(chart.series) if s.values[at]]
    total = written(column_totals(chart)[at], chart.scale)
    return f"{chart.columns[at]}  {chart.total_label} {total} {chart.scale.unit}  ({', '.join(parts)})"


def _column_labels(chart: StackedBars, plan: _Plan) -> str:
    """As many labels as fit, evenly: the first, then every stride-th."""
    if not chart.columns:
        return ""
    room = max(width_of(c) for c in chart.columns) + 8
    least = max(1, -(-int(room) // max(1, int(plan.step))))
    stride = max(chart.tick_stride or 1, least)
    if chart.tick_stride and stride % chart.tick_stride:
        stride += chart.tick_stride - stride % chart.tick_stride
    y = plan.field.bottom + 17
    parts = []
    for at in range(0, len(chart.columns), stride):
        text = fitted(chart.columns[at], plan.field.width)
        half = width_of(text) / 2
        x = plan.field.left + plan.step * (at + 0.5)
        parts.append(words(min(max(x, half), plan.field.right - half), y, text, anchor="middle"))
    return "".join(parts)


def _forecast_line(chart: StackedBars, plan: _Plan) -> str:
    if chart.forecast_from is None or not chart.columns or chart.forecast_from == len(chart.columns):
        return ""
    field = plan.field
    x = field.left + plan.step * chart.forecast_from
    text = fitted(chart.forecast_label, field.right)
    fits = x + 6 + width_of(text) <= field.right
    at = x + 6 if fits else max(0.0, min(x, field.right - width_of(text)))
    label = words(at, field.top - (14 if fits else 20), text) if text else ""
    return rule(x, field.top - 12, x, field.bottom, "soft", dash="3 3") + label


def _legend_text(chart: StackedBars, at: int, width: float) -> str:
    series = chart.series[at]
    end = len(chart.columns) if chart.forecast_from is None else chart.forecast_from
    total = written(sum(series.values[:end], Decimal(0)), chart.scale, digits=2)
    room = width - LEGEND_LEAD - width_of(f" {total}{chart.scale.unit}")
    return f"{fitted(series.label, min(room, width / 2))} {total}"


def _legend_places(chart: StackedBars, width: float) -> list[tuple[float, int]]:
    return flowed([_legend_text(chart, i, width) for i in range(len(chart.series))], width, LEGEND_LEAD)


def _legend(chart: StackedBars, plan: _Plan, width: float) -> str:
    top = plan.field.bottom + ROOM_BELOW + 8
    parts = []
    for i, (x, line) in enumerate(_legend_places(chart, width)):
        y = top + LEGEND_LINE * line
        pattern = _pattern_of(chart, i, False)
        ink = plan.inks[i]
        fill = f"url(#{_pattern_id(chart, width, ink, pattern)})" if pattern else ""
        parts.append(bar(x, y, 11, 11, "hatch" if pattern else ink, fill))
        parts.append(words(x + LEGEND_LEAD, y + 10, _legend_text(chart, i, width), "ink"))
    return "".join(parts)

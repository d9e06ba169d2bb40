"""Prices over time: a line that steps on the day a price changes, dashed where it is only announced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from jitsuri.paper.rules.inking import (
    INKS,
    SHADES,
    TEXT_SIZE,
    WIDE,
    Field,
    drawing,
    element,
    fitted,
    flowed,
    number,
    rule,
    width_of,
    words,
)
from jitsuri.paper.rules.numbering import Axis, axis_over, marks_written, written
from jitsuri.paper.shapes import PriceSteps, Scale, StepLine

HEIGHT_OF_DATA = 140
LEGEND_LINE = 20
LEGEND_LEAD = 22
LINE_INKS = (SHADES[0], SHADES[2], "mid")
LINE_WIDTHS = (2.6, 2.6, 1.6)


def draw_price_steps(chart: PriceSteps, width: float = WIDE) -> str:
    """Step lines with their values written at each change, today as a thin line, the future dashed."""
    axis = axis_over(p.value for line in chart.lines for p in line.points if p.value is not None)
    marks = marks_written(axis, chart.scale)
    right = width - 8 - max(width_of(m) for m in marks)
    field = Field(2, 34, right, 34 + HEIGHT_OF_DATA)
    texts = _legend_texts(chart, width)
    lines = max((line for _, line in flowed(texts, width, LEGEND_LEAD)), default=-1) + 1
    taken: list[tuple[float, float, float]] = []
    parts = [
        *_axis(axis, marks, field, chart.scale),
        *_days(chart, field),
        *(_line(chart, line, at, axis, field) for at, line in enumerate(chart.lines)),
        *(text for at, line in enumerate(chart.lines) for text in _values(chart, line, axis, field, taken)),
        *_legend(texts, field.bottom + 44, width),
    ]
    return drawing(
        width, field.bottom + 26 + LEGEND_LINE * lines + 4, "price-steps", chart.title, chart.description, *parts
    )


def _axis(axis: Axis, marks: tuple[str, ...], field: Field, scale: Scale) -> Iterator[str]:
    for mark, text in zip(axis.marks, marks, strict=True):
        y = field.bottom - field.height * axis.share(mark)
        yield rule(field.left, y, field.right, y, "soft" if mark == 0 else "line")
        yield words(field.right + 6, y + 4, text)
    if scale.unit:
        room = field.right + 6 + max(width_of(m) for m in marks)
        yield words(room, 12, fitted(scale.unit, room), anchor="end")


def _days(chart: PriceSteps, field: Field) -> Iterator[str]:
    y = field.bottom + 17
    today = _x(chart, field, chart.today)
    yield rule(today, field.top - 6, today, field.bottom, "soft", dash="2 3")
    spots = [(field.left, chart.first_text, "start"), (field.right, chart.last_text, "end")]
    told = fitted(chart.today_text, field.width)
    half = width_of(told) / 2
    middle = min(max(today, field.left + half), field.right - half)
    yield words(middle, y, told, "ink", anchor="middle")
    for x, text, anchor in spots:
        reach = width_of(text)
        gap = middle - half - (x + reach) if anchor == "start" else (x - reach) - (middle + half)
        if gap > 6:
            yield words(x, y, text, anchor=anchor)


def _x(chart: PriceSteps, field: Field, day: date) -> float:
    share = (day - chart.first).days / (chart.last - chart.first).days
    return field.left + field.width * min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Days, first included and last not, in which one value holds."""

    start: date
    end: date
    value: Decimal
    label: str


def _stretches(chart: PriceSteps, line: StepLine) -> Iterator[_Stretch]:
    """The stretches of a line inside the chart, in order."""
    for at, point in enumerate(line.points):
        until = line.points[at + 1].day if at + 1 < len(line.points) else chart.last
        start, end = max(point.day, chart.first), min(until, chart.last)
        if point.value is not None and start < end:
            yield _Stretch(start, end, point.value, point.label)


def _line(chart: PriceSteps, line: StepLine, at: int, axis: Axis, field: Field) -> str:
    past, future = "", ""
    ended: tuple[date, float] | None = None
    for held in _stretches(chart, line):
        y = field.bottom - field.height * axis.share(held.value)
        riser = ""
        if ended is not None and ended[0] == held.start:
            riser = f"M{_at(chart, field, held.start, ended[1])}V{number(y)}"
        if held.start < chart.today:
            past += f"{riser}M{_at(chart, field, held.start, y)}H{number(_x(chart, field, min(held.end, chart.today)))}"
        else:
            future += riser
        if held.end > chart.today:
            future += f"M{_at(chart, field, max(held.start, chart.today), y)}H{number(_x(chart, field, held.end))}"
        ended = (held.end, y)
    ink = LINE_INKS[at % len(LINE_INKS)]
    base: dict[str, str | float] = {
        "class": f"l-{ink}", "stroke": INKS[ink], "stroke-width": LINE_WIDTHS[at % len(LINE_WIDTHS)], "fill": "none",
    }  # fmt: skip
    drawn = element("path", {"d": past, **base}) if past else ""
    return drawn + (element("path", {"d": future, "stroke-dasharray": "5 4", **base}) if future else "")


def _at(chart: PriceSteps, field: Field, day: date, y: float) -> str:
    return f"{number(_x(chart, field, day))} {number(y)}"


def _values(
    chart: PriceSteps, line: StepLine, axis: Axis, field: Field, taken: list[tuple[float, float, float]]
) -> Iterator[str]:
    """The value over the start of each stretch, where there is room for it."""
    for held in _stretches(chart, line):
        text = held.label or written(held.value, chart.scale)
        y = field.bottom - field.height * axis.share(held.value) - 6
        reach = width_of(text)
        x = min(_x(chart, field, held.start) + 3, field.right - reach)
        fits = x >= 0 and reach <= max(30.0, _x(chart, field, held.end) - _x(chart, field, held.start) + 30)
        clear = all(abs(y - ty) > TEXT_SIZE or x > right or x + reach < left for ty, left, right in taken)
        if fits and clear:
            taken.append((y, x, x + reach))
            yield words(x, y, text, "ink")


def _legend_texts(chart: PriceSteps, width: float) -> list[str]:
    """Each line's name with the value that holds today."""
    texts = []
    for line in chart.lines:
        held = value_on(line, chart.today)
        value = "" if held is None else f" {written(held, chart.scale)}"
        texts.append(fitted(line.label, width - LEGEND_LEAD - width_of(value)) + value)
    return texts


def _legend(texts: list[str], top: float, width: float) -> Iterator[str]:
    for at, (x, line) in enumerate(flowed(texts, width, LEGEND_LEAD)):
        ink, thick = LINE_INKS[at % len(LINE_INKS)], LINE_WIDTHS[at % len(LINE_WIDTHS)]
        y = top + LEGEND_LINE * line
        yield rule(x, y - 4, x + 16, y - 4, ink, thick)
        yield words(x + LEGEND_LEAD, y, texts[at], "ink")


def value_on(line: StepLine, day: date) -> Decimal | None:
    """The value that holds on a day; None before the first point and after an end."""
    held = [p for p in line.points if p.day <= day]
    return held[-1].value if held else None

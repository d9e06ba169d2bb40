"""The interval drawing: limit dashed and red, zero grey, interval thick, point round. The same everywhere."""

from __future__ import annotations

from jitsuri.paper.rules.inking import INKS, Field, drawing, element, rule, width_of, words
from jitsuri.paper.shapes import Interval, Verdict

INK_OF: dict[Verdict, str] = {"pass": "good", "caution": "warn", "fail": "bad", "none": "s1"}
"""Ink of the interval. The verdict also stands beside the drawing in words: never by colour alone."""

ROW_WIDTH, ROW_HEIGHT = 160, 26
TALL_WIDTH, TALL_HEIGHT = 420, 84


def draw_interval_row(chart: Interval) -> str:
    """The drawing in a table's row: no words, the axis is told once by the column's head."""
    field = Field(4, 2, ROW_WIDTH - 4, ROW_HEIGHT - 2)
    return drawing(ROW_WIDTH, ROW_HEIGHT, "interval", chart.title, chart.description, _picture(chart, field, 3.5, 4.5))


def draw_interval(chart: Interval, width: float = TALL_WIDTH) -> str:
    """The drawing at full size, with the limit, zero, both ends and the point in words."""
    field = Field(8, 22, width - 8, 56)
    parts = [
        rule(0, 39, width, 39, "line"),
        _picture(chart, field, 5, 6.5),
        _texts(chart, field, width),
    ]
    return drawing(width, TALL_HEIGHT, "interval tall", chart.title, chart.description, *parts)


def _picture(chart: Interval, field: Field, thick: float, radius: float) -> str:
    ink = INK_OF[chart.verdict]
    middle = (field.top + field.bottom) / 2
    low, point, high = (_x(chart, field, v) for v in (chart.low, chart.point, chart.high))
    parts = []
    if chart.axis_low <= 0 <= chart.axis_high:
        parts.append(rule(_x(chart, field, 0), field.top, _x(chart, field, 0), field.bottom, "mid", 1.2))
    if chart.limit is not None and chart.axis_low <= chart.limit <= chart.axis_high:
        limit = _x(chart, field, chart.limit)
        parts.append(rule(limit, field.top, limit, field.bottom, "bad", 1.5, "3 2.5"))
    parts.append(rule(low, middle, max(high, low + 1), middle, ink, thick))
    parts.extend(_beyond(x, middle, ink, thick, leans) for x, leans in _cut_ends(chart, low, high))
    if chart.axis_low <= chart.point <= chart.axis_high:
        dot: dict[str, str | float] = {
            "cx": point, "cy": middle, "r": radius, "class": f"f-{ink} ring", "fill": INKS[ink],
            "stroke": INKS["paper"], "stroke-width": 1.5,
        }  # fmt: skip
        parts.append(element("circle", dot))
    return "".join(parts)


def _x(chart: Interval, field: Field, value: float) -> float:
    """Where a value lies; what is beyond the axis lies at its end."""
    half = chart.axis_high / 2 - chart.axis_low / 2  # halves: the span of huge ends must not overflow
    share = (value / 2 - chart.axis_low / 2) / half
    return field.left + field.width * min(1.0, max(0.0, share))


def _cut_ends(chart: Interval, low: float, high: float) -> list[tuple[float, int]]:
    """Ends that the axis cuts off: (x, -1 leftwards or 1 rightwards)."""
    ends = []
    if chart.low < chart.axis_low:
        ends.append((low, -1))
    if chart.high > chart.axis_high:
        ends.append((high, 1))
    return ends


def _beyond(x: float, y: float, ink: str, thick: float, leans: int) -> str:
    """An arrow head: the interval goes on past the axis."""
    tip = x + 3 * leans
    path = f"M{tip:.2f} {y:.2f}L{x - 4 * leans:.2f} {y - thick - 1:.2f}L{x - 4 * leans:.2f} {y + thick + 1:.2f}Z"
    return element("path", {"d": path, "class": f"f-{ink}", "fill": INKS[ink]})


def _texts(chart: Interval, field: Field, width: float) -> str:
    """Ends and point above, limit and zero below; the limit wins where two would touch."""
    low, point, high = (_x(chart, field, v) for v in (chart.low, chart.point, chart.high))
    above = _apart([(point, chart.point_text, "ink"), (low, chart.low_text, "soft"), (high, chart.high_text, "soft")],
                   width)  # fmt: skip
    below: list[tuple[float, str, str]] = []
    if chart.limit is not None and chart.axis_low <= chart.limit <= chart.axis_high:
        below.append((_x(chart, field, chart.limit), chart.limit_text, "bad"))
    if chart.axis_low <= 0 <= chart.axis_high:
        below.append((_x(chart, field, 0), chart.zero_text, "soft"))
    if chart.better_text:
        below.append((width, chart.better_text, "soft"))
    parts = [words(x, 13, text, ink, anchor="middle") for x, text, ink in above]
    parts += [words(x, 74, text, ink, anchor="middle") for x, text, ink in _apart(below, width)]
    return "".join(parts)


def _apart(wanted: list[tuple[float, str, str]], width: float) -> list[tuple[float, str, str]]:
    """The texts that fit beside each other, first come first kept, pushed inside the drawing."""
    kept: list[tuple[float, str, str]] = []
    for x, text, ink in wanted:
        half = width_of(text) / 2
        x = min(max(x, half), width - half)
        if text and all(abs(x - other) >= half + width_of(taken) / 2 + 6 for other, taken, _ in kept):
            kept.append((x, text, ink))
    return kept

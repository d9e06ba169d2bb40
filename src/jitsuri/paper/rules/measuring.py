"""Small drawings: the meter of a budget, the sparkline of a row, and named bars."""

from __future__ import annotations

from decimal import Decimal

from jitsuri.paper.rules.inking import (
    INKS,
    WIDE,
    bar,
    drawing,
    element,
    fitted,
    number,
    rule,
    width_of,
    words,
)
from jitsuri.paper.rules.numbering import Axis, axis_over, written
from jitsuri.paper.shapes import BarRow, HorizontalBars, Meter, Sparkline

METER_WIDTH, METER_HEIGHT = 320, 22
SPARK_WIDTH, SPARK_HEIGHT = 96, 26
ROW_HEIGHT = 30
ROW_HEIGHT_PHONE = 46
"""On a phone the name stands above its bar."""


def draw_meter(chart: Meter) -> str:
    """Used (dark), to the month's end (hatched, from low to high), budget (a line). Past the budget is red."""
    ends = [Decimal(0), chart.used, *(chart.forecast or ())]
    top = max([*ends, chart.budget or Decimal(0)])
    axis = Axis((Decimal(0), top if top > 0 else Decimal(1)))
    left, width = 1.0, METER_WIDTH - 2.0

    def x(value: Decimal) -> float:
        return left + width * axis.share(value)

    used = x(chart.used)
    parts = [bar(left, 7, width, 8, "track")]
    if chart.forecast is not None:
        low, high = (x(max(chart.used, end)) for end in chart.forecast)
        pattern = f"{chart.name}-forecast"
        parts.append(_hatch(pattern))
        parts.append(bar(used, 7, max(0.0, low - used), 8, "s4"))
        parts.append(bar(low, 7, max(0.0, high - low), 8, "hatch", f"url(#{pattern})"))
    budget = chart.budget if chart.budget is not None and chart.budget >= 0 else None
    within = used if budget is None else min(used, x(budget))
    parts.append(bar(left, 7, max(0.0, within - left), 8, "s1"))
    if used > within:
        parts.append(bar(within, 4, used - within, 14, "bad"))
    if budget is not None:
        parts.append(rule(x(budget), 1, x(budget), METER_HEIGHT - 1, "bad" if used > within else "ink", 2))
    return drawing(METER_WIDTH, METER_HEIGHT, "meter", chart.title, chart.description, *parts)


def _hatch(name: str) -> str:
    stroke: dict[str, str | float] = {
        "d": "M0 4L4 0", "class": "p-paper", "stroke": INKS["paper"], "stroke-width": 1.6, "fill": "none",
    }  # fmt: skip
    box: dict[str, str | float] = {"id": name, "width": 4, "height": 4, "patternUnits": "userSpaceOnUse"}
    return element("defs", {}, element("pattern", box, bar(0, 0, 4, 4, "s3") + element("path", stroke)))


def draw_sparkline(chart: Sparkline) -> str:
    """The course as a line from zero upwards, its last known point as a dot. A gap breaks the line."""
    axis = axis_over(v for v in chart.values if v is not None)
    step = (SPARK_WIDTH - 8) / max(1, len(chart.values) - 1)
    spots = [
        None if v is None else (4 + step * i, SPARK_HEIGHT - 4 - (SPARK_HEIGHT - 8) * axis.share(v))
        for i, v in enumerate(chart.values)
    ]
    path, is_drawing = "", False
    for spot in spots:
        if spot is not None:
            path += f"{'L' if is_drawing else 'M'}{number(spot[0])} {number(spot[1])}"
        is_drawing = spot is not None
    known = [s for s in spots if s is not None]
    around = [None, *spots, None]
    alone = [s for i, s in enumerate(spots) if s is not None and around[i] is None and around[i + 2] is None]
    parts = [element("circle", {"cx": x, "cy": y, "r": 1.4, "class": "f-s1", "fill": INKS["s1"]}) for x, y in alone]
    if len(known) > 1:
        line: dict[str, str | float] = {
            "d": path, "class": "l-s1", "stroke": INKS["s1"], "stroke-width": 1.6, "fill": "none",
            "stroke-linejoin": "round",
        }  # fmt: skip
        parts.append(element("path", line))
    if known:
        x, y = known[-1]
        parts.append(element("circle", {"cx": x, "cy": y, "r": 2.4, "class": "f-s1", "fill": INKS["s1"]}))
    return drawing(SPARK_WIDTH, SPARK_HEIGHT, "sparkline", chart.title, chart.description, *parts)


def draw_horizontal_bars(chart: HorizontalBars, width: float = WIDE) -> str:
    """Name, bar, amount; on a narrow drawing the name stands above. Below zero the bar runs to the left."""
    is_phone = width < WIDE / 2 + 60
    texts = [row.text or written(row.value, chart.scale) + chart.scale.unit for row in chart.rows]
    notes = [row.note for row in chart.rows]
    room_right = max([width_of(t) for t in texts], default=0.0) + 10
    room_left = 0.0 if is_phone else min(width * 0.34, max([width_of(r.label) for r in chart.rows], default=0.0) + 14)
    if not is_phone:
        room_right += max([width_of(n) + 8 if n else 0.0 for n in notes], default=0.0)
    axis = axis_over(row.value for row in chart.rows)
    span = (room_left + 1, max(room_left + 2, width - room_right - 1))
    each = ROW_HEIGHT_PHONE if is_phone else ROW_HEIGHT
    parts = [
        _bar_row(row, text, (room_left, width), span, axis, at * each, is_phone)
        for at, (row, text) in enumerate(zip(chart.rows, texts, strict=True))
    ]
    return drawing(width, max(1, len(chart.rows)) * each, "horizontal-bars", chart.title, chart.description, *parts)


def _bar_row(
    row: BarRow, text: str, room: tuple[float, float], span: tuple[float, float], axis: Axis, top: float, phone: bool
) -> str:
    zero, end = (span[0] + (span[1] - span[0]) * axis.share(v) for v in (Decimal(0), row.value))
    y = top + (20 if phone else 7)
    parts = [bar(min(zero, end), y, abs(end - zero), 16, "s1" if row.value >= 0 else "rest")]
    parts.append(rule(zero, y - 3, zero, y + 19, "soft"))
    at = max(zero, end) + 6
    parts.append(words(at, y + 12, text, "ink"))
    label = fitted(row.label, room[1] - 4 if phone else room[0] - 10)
    parts.append(words(0, y - 7 if phone else y + 12, label, "ink"))
    spot, free = (width_of(label) + 8, y - 7) if phone else (at + width_of(text) + 8, y + 12)
    note = fitted(row.note, room[1] - spot)
    if note:
        parts.append(words(spot, free, note))
    return "".join(parts)

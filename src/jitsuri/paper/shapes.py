"""What can be drawn: charts as frozen values, with every word and every unit handed in.

A chart knows no language and no clock: its title, its labels and its ``Scale`` come from the page that
shows it. Amounts are ``Decimal``; statistics (an interval's ends) may be ``float``. Every number is finite.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Literal

Verdict = Literal["pass", "caution", "fail", "none"]
"""How an interval lies to its limit: 合格, 注意 (undecided), 不合格, or nothing said yet."""


@dataclass(frozen=True, slots=True)
class Step:
    """From ``size`` on, an axis counts in ``size`` and writes ``suffix``: 10000 and 万, 1000 and K."""

    size: Decimal
    suffix: str


@dataclass(frozen=True, slots=True)
class Scale:
    """How numbers of one kind are written on a drawing: ``prefix`` 123 ``suffix``.

    ``steps`` grow; without steps a number is written in full. ``unit`` is the caption of the axis.
    """

    unit: str = ""
    prefix: str = ""
    suffix: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """One part of every bar: a name and one value per column. ``is_rest`` marks その他."""

    label: str
    values: tuple[Decimal, ...]
    is_rest: bool = False

    def __post_init__(self) -> None:
        _demand_finite(*self.values)


@dataclass(frozen=True, slots=True)
class StackedBars:
    """Columns over time, each a stack of the same series (the first lies at the bottom).

    ``columns`` are the labels under the bars; the first is always written, then as many as fit, every
    ``tick_stride``-th (0: whatever fits). From column ``forecast_from`` on the bars are a forecast and
    are hatched; None means that nothing is. ``name`` (letters, digits, -) must be unique on a page.
    """

    name: str
    title: str
    description: str
    columns: tuple[str, ...]
    series: tuple[Series, ...]
    scale: Scale
    column_head: str
    total_label: str
    tick_stride: int = 0
    forecast_from: int | None = None
    forecast_label: str = ""

    def __post_init__(self) -> None:
        for series in self.series:
            if len(series.values) != len(self.columns):
                raise ValueError(f"{series.label}: {len(series.values)} values for {len(self.columns)} columns")
        if self.forecast_from is not None and not 0 <= self.forecast_from <= len(self.columns):
            raise ValueError(f"the forecast starts outside the columns: {self.forecast_from}")


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A row's course in the height of a line of text; None is a gap (nothing known, not zero)."""

    title: str
    description: str
    values: tuple[Decimal | None, ...]
    columns: tuple[str, ...]
    column_head: str
    value_head: str

    def __post_init__(self) -> None:
        _demand_finite(*(v for v in self.values if v is not None))
        if len(self.values) != len(self.columns):
            raise ValueError(f"{len(self.values)} values for {len(self.columns)} columns")


@dataclass(frozen=True, slots=True)
class BarRow:
    """One bar: its name, its length, and the text at its end (the scale's own when '')."""

    label: str
    value: Decimal
    text: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        _demand_finite(self.value)


@dataclass(frozen=True, slots=True)
class HorizontalBars:
    """Named amounts, longest meaning first: the order is the caller's."""

    title: str
    description: str
    rows: tuple[BarRow, ...]
    scale: Scale
    label_head: str
    value_head: str


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval, against a limit and zero. The one drawing of uncertainty.

    Everything is in the unit of the axis (点 or yen); ``axis_low`` … ``axis_high`` is the axis, the same for
    all rows of a table so that the pictures compare. ``limit`` None: nothing to be held against.
    Texts are written only by the tall drawing; ``value_text`` is what a screen reader says.
    """

    title: str
    description: str
    low: float
    point: float
    high: float
    axis_low: float
    axis_high: float
    limit: float | None = None
    verdict: Verdict = "none"
    limit_text: str = ""
    zero_text: str = "0"
    low_text: str = ""
    point_text: str = ""
    high_text: str = ""
    better_text: str = ""
    heads: tuple[str, str, str, str] = ("", "", "", "")
    """Names of point, low, high and limit, for the table behind the drawing."""

    def __post_init__(self) -> None:
        _demand_finite(self.low, self.point, self.high, self.axis_low, self.axis_high)
        if self.limit is not None:
            _demand_finite(self.limit)
        if not self.low <= self.point <= self.high:
            raise ValueError(f"an interval reads low ≤ point ≤ high, not {self.low}, {self.point}, {self.high}")
        if self.axis_low >= self.axis_high:
            raise ValueError(f"an axis runs from low to high, not {self.axis_low} to {self.axis_high}")


@dataclass(frozen=True, slots=True)
class Meter:
    """What is used of a budget, and where the month will end (``forecast`` is its low and high end)."""

    name: str
    title: str
    description: str
    used: Decimal
    budget: Decimal | None
    forecast: tuple[Decimal, Decimal] | None = None
    heads: tuple[str, str, str, str] = ("", "", "", "")
    """Names of used, budget, forecast low and forecast high, for the table."""

    def __post_init__(self) -> None:
        _demand_finite(self.used, *(self.forecast or ()))
        if self.budget is not None:
            _demand_finite(self.budget)
        if self.forecast is not None and self.forecast[0] > self.forecast[1]:
            raise ValueError("a forecast reads low, high")


@dataclass(frozen=True, slots=True)
class StepPoint:
    """From this day on, this value; None ends the line (no price from then on)."""

    day: date
    value: Decimal | None
    label: str = ""

    def __post_init__(self) -> None:
        if self.value is not None:
            _demand_finite(self.value)


@dataclass(frozen=True, slots=True)
class StepLine:
    """One price over time; points in order of their days."""

    label: str
    points: tuple[StepPoint, ...]

    def __post_init__(self) -> None:
        days = [p.day for p in self.points]
        if days != sorted(days):
            raise ValueError(f"{self.label}: points must stand in order of their days")


@dataclass(frozen=True, slots=True)
class PriceSteps:
    """Prices that hold from a day on. Right of ``today`` they are announced, not yet true: dashed."""

    title: str
    description: str
    lines: tuple[StepLine, ...]
    first: date
    today: date
    last: date
    scale: Scale
    first_text: str
    today_text: str
    last_text: str
    day_head: str

    def __post_init__(self) -> None:
        if not self.first < self.last:
            raise ValueError("a price chart needs at least one day")
        if not self.first <= self.today <= self.last:
            raise ValueError("today lies outside the chart")


Chart = StackedBars | Sparkline | HorizontalBars | Interval | Meter | PriceSteps

Cell = str | Decimal | float | None


@dataclass(frozen=True, slots=True)
class ChartTable:
    """The numbers behind a drawing, unrounded: a head and rows of the same length."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def _demand_finite(*values: Decimal | float) -> None:
    for value in values:
        if not (value.is_finite() if isinstance(value, Decimal) else isfinite(value)):
            raise ValueError(f"a drawing needs finite numbers, not {value}")


Tone = Literal["plain", "strong", "soft", "good", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what it is: one cell of a paper's head."""

    label: str
    value: str
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a paper's table: what, how much, and what that means. ``tone`` colours the last cell, never alone."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Block:
    """A titled table or text of a paper; either may be empty."""

    title: str
    lines: tuple[Line, ...] = ()
    told: tuple[str, ...] = ()
    total: Line | None = None
    """The line that the others add up to, set large."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A box of the approval route: who, in which role, when; empty parts are left for pen and stamp."""

    step: str
    name: str
    role: str
    at: str
    mark: str
    """What stands faintly where the stamp goes."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One A4 page with everything it prints, in one language, every word handed in."""

    title: str
    issued: str
    company: str
    facts: tuple[Fact, ...]
    word: str
    tone: Verdict
    sentence: str
    figures: tuple[str, ...]
    drawing: Interval | None
    left: tuple[Block, ...]
    right: tuple[Block, ...]
    below: tuple[Block, ...]
    seals: tuple[Seal, ...]
    foot: str
    code_label: str
    code: str
    method: str
    watermark: str = ""
    author: str = "Jitsuri"

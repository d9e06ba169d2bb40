"""Axes: round marks that people can count by, and numbers written short."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

from jitsuri.paper.shapes import Scale

DIGITS = 40
"""Digits of the context in which marks are made: an amount of 28 digits over a step of 1e-6 stays exact."""

NICE = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
"""Steps that people count by, times a power of ten."""

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Axis:
    """Round marks from the lowest to the highest; all data lies between the first and the last."""

    marks: tuple[Decimal, ...]

    @property
    def low(self) -> Decimal:
        return self.marks[0]

    @property
    def high(self) -> Decimal:
        return self.marks[-1]

    def share(self, value: Decimal) -> float:
        """Where a value lies on the axis: 0 at the lowest mark, 1 at the highest, never outside."""
        with localcontext(prec=DIGITS):
            return min(1.0, max(0.0, float((value - self.low) / (self.high - self.low))))


def axis_over(values: Iterable[Decimal], steps: int = 4) -> Axis:
    """An axis that holds zero and all values, with about ``steps`` steps. Nothing but zeros gives 0 and 1."""
    known = [Decimal(0), *values]
    low, high = min(known), max(known)
    if low == high:
        return Axis((Decimal(0), Decimal(1)))
    with localcontext(prec=DIGITS):
        step = nice_step((high - low) / steps)
        first = (low / step).to_integral_value(ROUND_FLOOR)
        last = (high / step).to_integral_value(ROUND_CEILING)
        return Axis(tuple(step * (first + i) for i in range(int(last - first) + 1)))


def marks_written(axis: Axis, scale: Scale) -> tuple[str, ...]:
    """The texts of an axis's marks, all counted in the one step that the largest reaches."""
    largest = max(abs(axis.low), abs(axis.high))
    steps = [s for s in scale.steps if largest >= s.size][-1:]
    with localcontext(prec=DIGITS):
        size = steps[0].size if steps else Decimal(1)
        suffix = (steps[0].suffix if steps else "") + scale.suffix
        return tuple(
            f"{MINUS if mark < 0 else ''}{scale.prefix}{plain(abs(mark) / size)}{suffix}" if mark else "0"
            for mark in axis.marks
        )


def nice_step(rough: Decimal) -> Decimal:
    """The next 1, 2, 5 or 10 times a power of ten at or above a positive number.

    >>> nice_step(Decimal("0.0032")), nice_step(Decimal(23000))
    (Decimal('0.005'), Decimal('5E+4'))
    """
    power = Decimal(1).scaleb(rough.adjusted())
    return next(step * power for step in NICE if step * power >= rough)


def written(value: Decimal, scale: Scale, digits: int = 3) -> str:
    """A number on a drawing, in the scale's largest step that it reaches, to ``digits`` significant digits.

    Whole numbers below the first step keep all their digits.
    """
    size = abs(value)
    step = next((s for s in reversed(scale.steps) if size >= s.size), None)
    suffix = (step.suffix if step else "") + scale.suffix
    with localcontext(prec=DIGITS):
        shown = rounded(size / step.size if step else size, digits)
    return f"{MINUS if value < 0 and shown else ''}{scale.prefix}{plain(shown)}{suffix}"


def rounded(value: Decimal, digits: int) -> Decimal:
    """To so many significant digits, but never coarser than one."""
    with localcontext(prec=DIGITS):
        if not value:
            return Decimal(0)
        places = min(0, value.adjusted() - digits + 1)
        return value.quantize(Decimal(1).scaleb(places))


def plain(value: Decimal) -> str:
    """With thousands set apart, without exponent or trailing zeros."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

"""Whether an answer tells the expected number, day or time. Exact: tolerances are fractions, their ends belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from jitsuri.evaluation.rules.reading_numbers import Quantity, quantities
from jitsuri.evaluation.shapes import Numeric, Outcome, Reason, Scored, Unscored

_LONGEST = 60
"""Characters of a number that a reason repeats."""


def compare_numbers(answer: str, expected: str, spec: Numeric) -> Outcome:
    """1 where the number that ``spec.take`` picks from the answer is the expected one, else 0 with how it differs.

    The expected answer has to hold one number (or the same one several times); else ``Unscored``. In the answer only what
    could be it is looked at: days where a day is expected, numbers of its unit (or without one) where it has a unit.
    """
    right = _one_of(quantities(expected))
    if isinstance(right, Unscored):
        return right
    found = _candidates(quantities(answer), right)
    if not found:
        return Scored(Fraction(0), (("number_absent", {"expected": _told(right)}),))
    if spec.take == "only" and len(_distinct(found)) > 1:
        return Unscored("number_ambiguous", {"values": ", ".join(_told(one) for one in _distinct(found)[:5])})
    taken = found[0] if spec.take == "first" else found[-1]
    reason = _difference(taken, right, spec)
    return Scored(Fraction(1)) if reason is None else Scored(Fraction(0), (reason,))


def _one_of(found: Sequence[Quantity]) -> Quantity | Unscored:
    if not found:
        return Unscored("expected_unreadable")
    several = _distinct(found)
    if len(several) > 1:
        return Unscored("expected_ambiguous", {"values": ", ".join(_told(one) for one in several[:5])})
    right = found[0]
    if right.fault:
        return Unscored(right.fault, {"value": _told(right)})
    return right


def _distinct(found: Sequence[Quantity]) -> list[Quantity]:
    by_value = {(one.kind, one.dimension, one.base, one.fault): one for one in reversed(found)}
    return list(reversed(by_value.values()))


def _candidates(found: Sequence[Quantity], right: Quantity) -> list[Quantity]:
    """What could be the expected one; where nothing could, everything of its kind, so that the difference can be told."""
    kinds = ("day", "month", "month_day") if right.kind in ("day", "month", "month_day") else (right.kind,)
    same_kind = [one for one in found if one.kind in kinds]
    if right.kind != "number":
        return same_kind
    if not right.dimension and not right.is_percent:
        return same_kind
    fitting = [
        one for one in same_kind if one.dimension == right.dimension or (not one.dimension and not one.is_percent)
    ]
    return fitting or same_kind


def _difference(taken: Quantity, right: Quantity, spec: Numeric) -> Reason | None:
    facts = {"answer": _told(taken), "expected": _told(right)}
    if taken.fault:
        return taken.fault, {"value": _told(taken)}
    if right.kind != "number":
        return None if (taken.kind, taken.value) == (right.kind, right.value) else ("date_differs", facts)
    if taken.dimension != right.dimension:
        if (taken.dimension or taken.is_percent) and (right.dimension or right.is_percent):
            return "unit_differs", facts
        if spec.units == "strict":
            return "unit_missing", facts
        taken, right = _as_drawn_up(_bare(taken), _bare(right))
    elif taken.is_percent != right.is_percent and spec.percent == "points":
        taken, right = _bare(taken), _bare(right)
    allowed = max(spec.absolute * right.size, spec.relative * abs(right.base))
    if abs(taken.base - right.base) <= allowed:
        return None
    is_slip = taken.is_percent != right.is_percent and taken.value == right.value and taken.size != right.size
    return "number_percent" if is_slip else "number_differs", facts


def _as_drawn_up(taken: Quantity, right: Quantity) -> tuple[Quantity, Quantity]:
    """Beside a number without a unit that says the digits before 千円 or 百万円, those digits; else both as they are."""
    for one, other in ((taken, right), (right, taken)):
        digits = one.value / one.statement
        if one.statement != 1 and other.statement == 1 and abs(digits - other.value) < abs(one.value - other.value):
            drawn = replace(one, value=digits)
            return (drawn, right) if one is taken else (taken, drawn)
    return taken, right


def _bare(one: Quantity) -> Quantity:
    """The number as written, without what its unit is worth."""
    return replace(one, size=Fraction(1))


def _told(one: Quantity) -> str:
    return " ".join(one.text.split())[:_LONGEST]

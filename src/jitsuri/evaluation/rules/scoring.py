"""An answer, the expected one and a scorer → its score or why there is none. Exact, total, the same for ever.

Never a silent 0: what cannot be decided (nothing expected, two numbers where one was asked) is ``Unscored`` with its code, and
every score below 1 has a reason. An answer of no characters is an answer and is scored; None is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from jitsuri.evaluation.rules.checking_schemas import accepts
from jitsuri.evaluation.rules.citing import cites
from jitsuri.evaluation.rules.comparing_numbers import compare_numbers
from jitsuri.evaluation.rules.matching import compiled
from jitsuri.evaluation.rules.measuring import formed, measured
from jitsuri.evaluation.rules.normalising import normalised
from jitsuri.evaluation.rules.reading_json import escaped, place, read_json, written
from jitsuri.evaluation.shapes import (
    All,
    Citation,
    Exact,
    Fields,
    FieldSpec,
    Format,
    JsonSchema,
    Length,
    Normalised,
    Numeric,
    Outcome,
    Reason,
    Regex,
    Scored,
    Scorer,
    Unscored,
    Weighted,
)

MOST_REASONS = 20
"""Reasons that one outcome carries."""


def score(answer: str | None, expected: str | None, scorer: Scorer) -> Outcome:
    """How good the answer is by this rule. None or a blank ``expected``: nobody said what is right.

    Scorers that need no expected answer: ``regex``, ``json_schema``, ``length``, ``format``, ``citation`` with a list.
    """
    if answer is None:
        return Unscored("answer_missing")
    told = expected if expected is not None and expected.strip() else None
    return _BY_KIND[type(scorer)](answer, told, scorer)


def needs_expected(scorer: Scorer) -> bool:
    """Whether a scorer says nothing without an expected answer."""
    if isinstance(scorer, All | Weighted):
        return any(needs_expected(one) for one in scorer.scorers)
    return isinstance(scorer, Exact | Normalised | Numeric | Fields) or (
        isinstance(scorer, Citation) and not scorer.allowed
    )


def _texts(answer: str, expected: str | None, fold: Callable[[str], str]) -> Outcome:
    if expected is None:
        return Unscored("expected_missing")
    is_same = answer == expected or fold(answer) == fold(expected)
    return _flag(is_same, "text_differs")


def _exact(answer: str, expected: str | None, _: Exact) -> Outcome:
    return _texts(answer, expected, str)


def _normalised(answer: str, expected: str | None, spec: Normalised) -> Outcome:
    return _texts(answer, expected, lambda text: normalised(text, spec))


def _numeric(answer: str, expected: str | None, spec: Numeric) -> Outcome:
    return Unscored("expected_missing") if expected is None else compare_numbers(answer, expected, spec)


def _json_schema(answer: str, _: str | None, spec: JsonSchema) -> Outcome:
    value = read_json(answer, with_fence=spec.fence == "allow")
    return _as_wrong(value) if isinstance(value, Unscored) else accepts(value, spec.schema)


def _regex(answer: str, _: str | None, spec: Regex) -> Outcome:
    automaton = compiled(spec.pattern, is_caseless=spec.case == "ignore")
    if not automaton.fits(len(answer)):
        return Unscored("text_too_long", {"characters": len(answer)})
    if spec.match == "whole":
        return _flag(automaton.is_whole(answer), "pattern_differs")
    return _flag(automaton.is_in(answer), "pattern_absent")


def _citation(answer: str, expected: str | None, spec: Citation) -> Outcome:
    return cites(answer, expected, spec)


def _length(answer: str, _: str | None, spec: Length) -> Outcome:
    return measured(answer, spec)


def _format(answer: str, _: str | None, spec: Format) -> Outcome:
    return formed(answer, spec)


def _fields(answer: str, expected: str | None, spec: Fields) -> Outcome:
    """The weighted share of places that are right; a place that is null or absent on both sides is right."""
    if expected is None:
        return Unscored("expected_missing")
    wanted = read_json(expected, with_fence=False)
    if not isinstance(wanted, Mapping):
        return Unscored("expected_not_json")
    found = read_json(answer, with_fence=spec.fence == "allow")
    if isinstance(found, Unscored):
        return _as_wrong(found)
    if not isinstance(found, Mapping):
        return Scored(Fraction(0), (("json_unreadable", {"reason": "{…}"}),))
    asked = spec.fields or tuple(FieldSpec(f"/{escaped(name)}", spec.scorer) for name in wanted)
    if not asked:
        return Unscored("expected_missing")
    parts: list[tuple[Fraction, Outcome]] = [(one.weight, _field(found, wanted, one)) for one in asked]
    known = {one.pointer.split("/")[1] for one in asked if one.pointer}
    extra = [name for name, value in found.items() if escaped(name) not in known and value is not None]
    reasons: list[Reason] = [("field_extra", {"field": f"/{escaped(name)}"}) for name in extra[:MOST_REASONS]]
    if spec.extra == "wrong":
        parts += [(Fraction(1), Scored(Fraction(0)))] * len(extra)
    return _mean(parts, reasons)


def _field(found: object, wanted: object, spec: FieldSpec) -> Outcome:
    got, right = place(found, spec.pointer), place(wanted, spec.pointer)
    named = {"field": spec.pointer}
    if right is None:
        return Scored(Fraction(1)) if got is None else Scored(Fraction(0), (("field_extra", named),))
    if got is None:
        return Scored(Fraction(0), (("field_missing", named),))
    if got == right and type(got) is type(right):
        return Scored(Fraction(1))
    told = score(written(got), written(right), spec.scorer)
    if isinstance(told, Unscored):
        return Unscored(told.code, {**told.facts, **named})
    if told.score == 1:
        return told
    return Scored(told.score, (("field_differs", named), *((code, {**facts, **named}) for code, facts in told.reasons)))


def _all(answer: str, expected: str | None, spec: All) -> Outcome:
    """The worst part decides; one that is 0 decides even where another cannot be scored."""
    parts = [score(answer, expected, one) for one in spec.scorers]
    scored = [part for part in parts if isinstance(part, Scored)]
    reasons = tuple(reason for part in scored for reason in part.reasons)[:MOST_REASONS]
    if any(part.score == 0 for part in scored):
        return Scored(Fraction(0), reasons)
    for part in parts:
        if isinstance(part, Unscored):
            return part
    return Scored(min(part.score for part in scored), reasons)


def _weighted(answer: str, expected: str | None, spec: Weighted) -> Outcome:
    return _mean([(weight, score(answer, expected, one)) for weight, one in zip(spec.weights, spec.scorers, strict=True)
                  if weight], [])  # fmt: skip


def _mean(parts: list[tuple[Fraction, Outcome]], reasons: list[Reason]) -> Outcome:
    """The weighted mean; a part that cannot be scored leaves the whole unscored, with its code."""
    total, weights = Fraction(0), Fraction(0)
    for weight, part in parts:
        if isinstance(part, Unscored):
            return part
        total += weight * part.score
        weights += weight
        reasons += part.reasons
    return Scored(total / weights, tuple(reasons[:MOST_REASONS]))


def _flag(is_right: bool, code: str) -> Scored:
    return Scored(Fraction(1)) if is_right else Scored(Fraction(0), ((code, {}),))


def _as_wrong(why: Unscored) -> Scored:
    """An answer that is no JSON where JSON was asked is wrong, not undecidable."""
    return Scored(Fraction(0), ((why.code, why.facts),))


_BY_KIND: Mapping[type, Callable[[str, str | None, Any], Outcome]] = {
    Exact: _exact, Normalised: _normalised, Numeric: _numeric, JsonSchema: _json_schema, Fields: _fields, Regex: _regex,
    Citation: _citation, Length: _length, Format: _format, All: _all, Weighted: _weighted,
}  # fmt: skip

"""A scorer as people write it (a kind's name, or a table from JSON or TOML) → the frozen spec; anything wrong is refused.

Every refusal names the field, the value and what may stand there: CallerError ``scorer_kind_unknown``, ``scorer_field_unknown``,
``scorer_field_missing``, ``scorer_field_wrong``, ``scorer_weights_zero``, ``scorer_too_deep``, and those of ``rules.matching`` and
``rules.checking_schemas``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from jitsuri.evaluation.rules.checking_schemas import check_schema
from jitsuri.evaluation.rules.citing import FORMS as CITATIONS
from jitsuri.evaluation.rules.matching import compiled
from jitsuri.evaluation.shapes import (
    FORMS,
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
    Regex,
    Scorer,
    Weighted,
)
from jitsuri.terms.errors import CallerError

MOST_DEPTH = 10
"""Scorers within scorers."""
MOST_PARTS = 200
"""Parts of one scorer; an object with more fields is better scored by ``fields`` without a list."""
MOST_LENGTH = 10_000_000
"""The largest bound of ``length``: ten times the longest answer that is promised to be scored."""
MOST_AMOUNT = 10**15
"""The largest tolerance or weight: Japan's yearly budget is a tenth of it, in yen."""
MOST_PLACES = 30
"""Decimal places of a tolerance or weight; smaller is 0 to everybody."""
LONGEST_NAME = 60
"""Characters of a scorer's name: it stands in the judge column and on the certificate."""

Read = Callable[[object, str, int], Any]


def named_scorer(spec: object, otherwise: str) -> tuple[str, Scorer]:
    """The name that stands in the judge column (the spec's ``name``, else ``otherwise``), and the scorer."""
    if not isinstance(spec, Mapping):
        return otherwise, scorer_of(spec)
    told = dict(spec)
    name = told.pop("name", otherwise)
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise _wrong("name", name, f'"…" (1–{LONGEST_NAME})')
    return name.strip(), scorer_of(told)


def scorer_of(spec: object, where: str = "", depth: int = 0) -> Scorer:
    """The scorer that a kind's name or a table with ``kind`` means. ``where`` is its place in the whole, for refusals."""
    if depth > MOST_DEPTH:
        raise CallerError("scorer_too_deep", field=where, most=MOST_DEPTH)
    told = {"kind": spec} if isinstance(spec, str) else spec
    if not isinstance(told, Mapping):
        raise _wrong(where or "kind", spec, "{kind: …}")
    kind = told.get("kind")
    if kind not in _KINDS if isinstance(kind, str) else True:
        raise CallerError("scorer_kind_unknown", field=_at(where, "kind"), value=_told(kind), known=", ".join(_KINDS))
    shape, readers, needed = _KINDS[str(kind)]
    for name in told:
        if name != "kind" and name not in readers:
            known = ", ".join(readers) or "–"
            raise CallerError("scorer_field_unknown", field=_at(where, str(name)), kind=kind, known=known)
    for name in needed:
        if name not in told:
            raise CallerError("scorer_field_missing", field=_at(where, name), kind=kind)
    read = {name: readers[name](told[name], _at(where, name), depth) for name in readers if name in told}
    found: Scorer = shape(**read)
    _agree(found, where)
    return found


def _agree(found: Scorer, where: str) -> None:
    """What single fields cannot tell: bounds in order, weights for every part and not all 0, patterns that compile."""
    if isinstance(found, Length):
        if found.least is None and found.most is None:
            raise CallerError("scorer_field_missing", field=_at(where, "least"), kind="length")
        if found.least is not None and found.most is not None and found.least > found.most:
            raise _wrong(_at(where, "least"), found.least, f"0–{found.most}")
    elif isinstance(found, Weighted):
        if len(found.weights) != len(found.scorers):
            raise _wrong(_at(where, "weights"), [str(one) for one in found.weights], f"[…] × {len(found.scorers)}")
        if not sum(found.weights):
            raise CallerError("scorer_weights_zero", field=_at(where, "weights"))
    elif isinstance(found, Fields):
        if found.fields and not sum(one.weight for one in found.fields):
            raise CallerError("scorer_weights_zero", field=_at(where, "fields"))
    elif isinstance(found, Regex):
        compiled(found.pattern, is_caseless=found.case == "ignore", where=_at(where, "pattern"))
    elif isinstance(found, Citation):
        compiled(CITATIONS.get(found.pattern, found.pattern), where=_at(where, "pattern"))


def _one(*choices: str) -> Read:
    def read(value: object, where: str, _: int) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise _wrong(where, value, ", ".join(choices))

    return read


def _text(value: object, where: str, _: int) -> str:
    if isinstance(value, str) and value:
        return value
    raise _wrong(where, value, '"…"')


def _amount(value: object, where: str, _: int) -> Fraction:
    number = Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
    if number is not None and number.is_finite() and 0 <= number <= MOST_AMOUNT and number.adjusted() >= -MOST_PLACES:
        return Fraction(number)
    raise _wrong(where, value, "0, 0.5, 10, …")


def _weight(value: object, where: str, _: int) -> Fraction:
    return _amount(value, where, 0)


def _count(value: object, where: str, _: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_LENGTH:
        return value
    raise _wrong(where, value, f"0, 1, … {MOST_LENGTH}")


def _schema(value: object, where: str, _: int) -> Mapping[str, object] | bool:
    return check_schema(value, where)


def _many(value: object, where: str, read: Read, depth: int) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_PARTS:
        raise _wrong(where, value, f"[…] (1–{MOST_PARTS})")
    return tuple(read(one, f"{where}[{at}]", depth) for at, one in enumerate(value))


def _texts(value: object, where: str, depth: int) -> tuple[str, ...]:
    return _many(value, where, _text, depth)


def _weights(value: object, where: str, depth: int) -> tuple[Fraction, ...]:
    return _many(value, where, _weight, depth)


def _part(value: object, where: str, depth: int) -> Scorer:
    return scorer_of(value, where, depth + 1)


def _parts(value: object, where: str, depth: int) -> tuple[Scorer, ...]:
    return _many(value, where, _part, depth)


def _fields(value: object, where: str, depth: int) -> tuple[FieldSpec, ...]:
    found = _many(value, where, _field, depth)
    pointers = [one.pointer for one in found]
    twice = next((one for one in pointers if pointers.count(one) > 1), None)
    if twice is not None:
        raise _wrong(where, twice, "× 1")
    return found


def _field(value: object, where: str, depth: int) -> FieldSpec:
    told = {"pointer": value} if isinstance(value, str) else value
    if not isinstance(told, Mapping):
        raise _wrong(where, value, '"/…", {pointer: "/…", scorer: …, weight: 1}')
    for name in told:
        if name not in ("pointer", "scorer", "weight"):
            raise CallerError(
                "scorer_field_unknown", field=_at(where, str(name)), kind="fields", known="pointer, scorer, weight"
            )
    pointer = told.get("pointer")
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise _wrong(_at(where, "pointer"), pointer, '"/…"')
    scorer = scorer_of(told.get("scorer", "normalised"), _at(where, "scorer"), depth + 1)
    return FieldSpec(pointer, scorer, _amount(told.get("weight", 1), _at(where, "weight"), depth))


_KINDS: Mapping[str, tuple[Callable[..., Scorer], Mapping[str, Read], tuple[str, ...]]] = {
    "exact": (Exact, {}, ()),
    "normalised": (Normalised, {"case": _one("ignore", "keep"), "punctuation": _one("keep", "ignore"),
                                "spaces": _one("fold", "ignore")}, ()),
    "numeric": (Numeric, {"take": _one("last", "first", "only"), "absolute": _amount, "relative": _amount,
                          "units": _one("given", "strict"), "percent": _one("ratio", "points")}, ()),
    "json_schema": (JsonSchema, {"schema": _schema, "fence": _one("allow", "refuse")}, ()),
    "fields": (Fields, {"fields": _fields, "scorer": _part, "extra": _one("report", "wrong"),
                        "fence": _one("allow", "refuse")}, ()),
    "regex": (Regex, {"pattern": _text, "match": _one("search", "whole"), "case": _one("keep", "ignore")}, ("pattern",)),
    "citation": (Citation, {"pattern": _text, "allowed": _texts, "need": _one("any", "only", "all")}, ()),
    "length": (Length, {"least": _count, "most": _count, "unit": _one("characters", "sentences", "lines")}, ()),
    "format": (Format, {"form": _one(*FORMS)}, ("form",)),
    "all": (All, {"scorers": _parts}, ("scorers",)),
    "weighted": (Weighted, {"scorers": _parts, "weights": _weights}, ("scorers", "weights")),
}  # fmt: skip

KINDS = tuple(_KINDS)
"""Names of the kinds, as a spec and ``--scorer`` write them."""


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _told(value: object) -> str:
    return "–" if value is None else str(value)[:80]


def _wrong(where: str, value: object, wanted: str) -> CallerError:
    return CallerError("scorer_field_wrong", field=where, value=_told(value), wanted=wanted)

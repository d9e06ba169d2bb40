"""JSON Schema, a stated part of it: what is not known is refused by name before any answer is looked at.

Known: type, enum, const, properties, required, additionalProperties, items, minItems, maxItems, minLength, maxLength, pattern,
minimum, maximum, exclusiveMinimum, exclusiveMaximum, anyOf, allOf, oneOf, not, $ref to #/$defs/NAME or #; and what only tells
($schema, $id, $comment, $defs, title, description, default, examples). Meaning: JSON Schema 2020-12 (validation and core).
Lengths are counted in characters; patterns are those of ``rules.matching``, found anywhere in the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

from jitsuri.evaluation.rules.matching import compiled
from jitsuri.evaluation.rules.reading_json import escaped, same
from jitsuri.evaluation.shapes import Outcome, Scored, Unscored
from jitsuri.terms.errors import CallerError

Schema = Mapping[str, object] | bool

TELLING = frozenset({"$schema", "$id", "$comment", "title", "description", "default", "examples"})
"""Keywords that change nothing."""
TYPES = ("null", "boolean", "object", "array", "number", "string", "integer")
MOST_STEPS = 200_000
"""Comparisons of one answer with one schema, about a second; a schema can else ask for exponentially many."""
_ONE, _NONE = Fraction(1), Fraction(0)
MOST_TOLD = 10
"""Faults that are told of one answer."""
MOST_SCHEMA_DEPTH = 50
"""Schemas within schemas."""

Fault = tuple[str, str]
"""Pointer to the place in the answer, and the keyword that it breaks."""


class _TooMuch(Exception):  # noqa: N818 – an outcome inside this file, never seen outside
    """More steps than ``MOST_STEPS``."""


def check_schema(schema: object, where: str = "schema") -> Schema:
    """The schema, known to be one that ``accepts`` can use.

    Raises CallerError ``scorer_schema_keyword`` (unknown keyword), ``scorer_field_wrong`` (a value that a keyword cannot have),
    ``scorer_schema_ref`` (a reference to nothing, or one that only leads to itself), each with the place in the schema.
    """
    _check(schema, where, schema, 0)
    if isinstance(schema, Mapping):
        _check_circles(schema, where)
        return schema
    assert isinstance(schema, bool)
    return schema


def accepts(value: object, schema: Schema) -> Outcome:
    """1 where the schema accepts the value, else 0 with what it breaks (``schema_broken``: pointer, keyword).

    ``Unscored`` ``schema_too_much`` where that takes more than ``MOST_STEPS``.
    """
    walk = _Walk(schema)
    found: list[Fault] = []
    try:
        for fault in walk.faults(value, schema, ""):
            found.append(fault)
            if len(found) == MOST_TOLD:
                break
    except _TooMuch:
        return Unscored("schema_too_much", {"most": MOST_STEPS})
    if not found:
        return Scored(_ONE)
    return Scored(_NONE, tuple(("schema_broken", {"field": at or "/", "keyword": keyword}) for at, keyword in found))


class _Walk:
    """One answer held against one schema; counts its steps."""

    def __init__(self, root: Schema) -> None:
        self.root = root
        self.steps = 0

    def faults(self, value: object, schema: object, at: str) -> Iterator[Fault]:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise _TooMuch
        if isinstance(schema, bool):
            if not schema:
                yield at, "false"
            return
        assert isinstance(schema, Mapping)
        for keyword, told in schema.items():
            check = _CHECKS.get(keyword)
            if check is not None:
                yield from check(self, value, told, at, schema)

    def is_fine(self, value: object, schema: object) -> bool:
        return next(self.faults(value, schema, ""), None) is None


def _is_type(value: object, name: object) -> bool:
    if name == "integer":
        return isinstance(value, Decimal) and value == value.to_integral_value()
    kinds: dict[object, type | tuple[type, ...]] = {
        "boolean": bool, "object": Mapping, "array": list, "number": Decimal, "string": str,
    }  # fmt: skip
    return value is None if name == "null" else isinstance(value, kinds[name])


def _type(_: _Walk, value: object, told: object, at: str, __: object) -> Iterator[Fault]:
    if not any(_is_type(value, name) for name in (told if isinstance(told, list | tuple) else [told])):
        yield at, "type"


def _enum(walk: _Walk, value: object, told: object, at: str, _: object) -> Iterator[Fault]:
    assert isinstance(told, list | tuple)
    walk.steps += len(told)
    if not any(same(value, one) for one in told):
        yield at, "enum"


def _const(_: _Walk, value: object, told: object, at: str, __: object) -> Iterator[Fault]:
    if not same(value, told):
        yield at, "const"


def _properties(walk: _Walk, value: object, told: object, at: str, _: object) -> Iterator[Fault]:
    assert isinstance(told, Mapping)
    if isinstance(value, Mapping):
        for name, below in told.items():
            if name in value:
                yield from walk.faults(value[name], below, f"{at}/{escaped(name)}")


def _required(_: _Walk, value: object, told: object, at: str, __: object) -> Iterator[Fault]:
    assert isinstance(told, list | tuple)
    if isinstance(value, Mapping):
        for name in told:
            if name not in value:
                yield f"{at}/{escaped(name)}", "required"


def _additional(walk: _Walk, value: object, told: object, at: str, schema: object) -> Iterator[Fault]:
    assert isinstance(schema, Mapping)
    known = schema.get("properties", {})
    assert isinstance(known, Mapping)
    if isinstance(value, Mapping):
        for name, one in value.items():
            if name not in known:
                if told is False:
                    yield f"{at}/{escaped(name)}", "additionalProperties"
                else:
                    yield from walk.faults(one, told, f"{at}/{escaped(name)}")


def _items(walk: _Walk, value: object, told: object, at: str, _: object) -> Iterator[Fault]:
    if isinstance(value, list):
        for place, one in enumerate(value):
            yield from walk.faults(one, told, f"{at}/{place}")


def _all_of(walk: _Walk, value: object, told: object, at: str, _: object) -> Iterator[Fault]:
    assert isinstance(told, list | tuple)
    for one in told:
        yield from walk.faults(value, one, at)


def _any_of(walk: _Walk, value: object, told: object, at: str, _: object) -> Iterator[Fault]:
    assert isinstance(told, list | tuple)
    if not any(walk.is_fine(value, one) for one in told):
        yield at, "anyOf"


def _one_of(walk: _Walk, value: object, told: object, at: str, _: object) -> Iterator[Fault]:
    assert isinstance(told, list | tuple)
    if sum(walk.is_fine(value, one) for one in told) != 1:
        yield at, "oneOf"


def _not(walk: _Walk, value: object, told: object, at: str, _: object) -> Iterator[Fault]:
    if walk.is_fine(value, told):
        yield at, "not"


def _ref(walk: _Walk, value: object, told: object, at: str, _: object) -> Iterator[Fault]:
    yield from walk.faults(value, _target(walk.root, told), at)


def _pattern(_: _Walk, value: object, told: object, at: str, __: object) -> Iterator[Fault]:
    if isinstance(value, str):
        automaton = compiled(str(told))
        if not automaton.fits(len(value)):
            raise _TooMuch
        if not automaton.is_in(value):
            yield at, "pattern"


Check = Callable[[_Walk, object, object, str, object], Iterator[Fault]]


def _bound(keyword: str, kind: type | tuple[type, ...], is_fine: Callable[..., bool]) -> Check:
    """A keyword that compares a number with the value, or with its length."""

    def check(_: _Walk, value: object, told: object, at: str, __: object) -> Iterator[Fault]:
        if isinstance(value, kind) and not is_fine(value, told):
            yield at, keyword

    return check


_CHECKS: Mapping[str, Check] = {
    "type": _type, "enum": _enum, "const": _const, "properties": _properties, "required": _required,
    "additionalProperties": _additional, "items": _items, "allOf": _all_of, "anyOf": _any_of, "oneOf": _one_of, "not": _not,
    "$ref": _ref, "pattern": _pattern,
    "minItems": _bound("minItems", list, lambda value, least: len(value) >= least),
    "maxItems": _bound("maxItems", list, lambda value, most: len(value) <= most),
    "minLength": _bound("minLength", str, lambda value, least: len(value) >= least),
    "maxLength": _bound("maxLength", str, lambda value, most: len(value) <= most),
    "minimum": _bound("minimum", Decimal, lambda value, least: value >= least),
    "maximum": _bound("maximum", Decimal, lambda value, most: value <= most),
    "exclusiveMinimum": _bound("exclusiveMinimum", Decimal, lambda value, least: value > least),
    "exclusiveMaximum": _bound("exclusiveMaximum", Decimal, lambda value, most: value < most),
}  # fmt: skip

_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength"})
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_MANY = frozenset({"allOf", "anyOf", "oneOf"})
_ONE_BELOW = frozenset({"additionalProperties", "items", "not"})
_NAMED_BELOW = frozenset({"properties", "$defs"})
KEYWORDS = frozenset(_CHECKS) | {"$defs"}


def _check(schema: object, where: str, root: object, depth: int) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping) or depth > MOST_SCHEMA_DEPTH:
        raise _wrong(where, schema, "{…}, true, false")
    for keyword, told in schema.items():
        at = f"{where}/{keyword}"
        if keyword in TELLING:
            continue
        if keyword not in KEYWORDS:
            known = ", ".join(sorted(KEYWORDS))
            raise CallerError("scorer_schema_keyword", field=where, value=str(keyword)[:80], known=known)
        if keyword in _NAMED_BELOW | _MANY | _ONE_BELOW:
            for name, below in _below(keyword, told, at):
                _check(below, f"{at}/{name}" if name else at, root, depth + 1)
        else:
            _check_leaf(keyword, told, at, root)


def _below(keyword: str, told: object, at: str) -> list[tuple[str, object]]:
    """The schemas within a keyword, each with its name there."""
    if keyword in _ONE_BELOW:
        return [("", told)]
    if keyword in _NAMED_BELOW:
        if not isinstance(told, Mapping):
            raise _wrong(at, told, "{…}")
        return [(escaped(str(name)), below) for name, below in told.items()]
    if not isinstance(told, list | tuple) or not told:
        raise _wrong(at, told, "[{…}, …]")
    return [(str(place), below) for place, below in enumerate(told)]


def _check_leaf(keyword: str, told: object, at: str, root: object) -> None:
    """A keyword whose value is no schema."""
    if keyword == "$ref":
        _target(root, told, at)
    elif keyword in _WANTED:
        wanted, is_fine = _WANTED[keyword]
        if not is_fine(told):
            raise _wrong(at, told, wanted)
        if keyword == "pattern":
            compiled(str(told), where=at)


def _is_count(told: object) -> bool:
    return isinstance(told, int) and not isinstance(told, bool) and told >= 0


def _is_number(told: object) -> bool:
    return isinstance(told, Decimal | int) and not isinstance(told, bool) and Decimal(told).is_finite()


def _is_list(told: object) -> bool:
    return isinstance(told, list | tuple) and bool(told)


def _are_types(told: object) -> bool:
    names = told if isinstance(told, list | tuple) else [told]
    return bool(names) and all(name in TYPES for name in names)


def _are_names(told: object) -> bool:
    return isinstance(told, list | tuple) and all(isinstance(name, str) for name in told)


_WANTED: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "pattern": ('"…"', lambda told: isinstance(told, str)),
    "type": (", ".join(TYPES), _are_types),
    "required": ('["…", …]', _are_names),
    "enum": ("[…]", _is_list),
    **dict.fromkeys(_COUNTS, ("0, 1, 2, …", _is_count)),
    **dict.fromkeys(_NUMBERS, ("0, 0.5, …", _is_number)),
}
"""What a keyword may have, in signs that need no language, and whether a value is that."""


def _target(root: object, told: object, where: str = "") -> object:
    """What a reference names. Raises CallerError ``scorer_schema_ref``."""
    if told == "#":
        return root
    if isinstance(told, str) and told.startswith("#/$defs/") and isinstance(root, Mapping):
        defs = root.get("$defs", {})
        name = told.removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")
        if isinstance(defs, Mapping) and name in defs:
            found: object = defs[name]
            return found
    raise CallerError("scorer_schema_ref", field=where, value=str(told)[:80])


def _check_circles(root: Mapping[str, object], where: str) -> None:
    """Refuse references that come back to themselves without a step into the answer: checking would never end."""
    defs = root.get("$defs", {})
    assert isinstance(defs, Mapping)
    for name, begins in [("#", root), *((f"#/$defs/{escaped(str(name))}", below) for name, below in defs.items())]:
        waiting, seen = _straight(begins), set[str]()
        while waiting:
            ref = waiting.pop()
            if ref == name:
                raise CallerError("scorer_schema_ref", field=f"{where}: {name}", value=ref)
            if ref not in seen:
                seen.add(ref)
                waiting += _straight(_target(root, ref))


def _straight(schema: object) -> list[str]:
    """References that look at the same value as the schema itself."""
    if not isinstance(schema, Mapping):
        return []
    found = [str(schema["$ref"])] if "$ref" in schema else []
    for keyword in _MANY:
        below = schema.get(keyword, ())
        assert isinstance(below, list | tuple)
        found += [ref for one in below for ref in _straight(one)]
    return found + _straight(schema.get("not"))


def _wrong(where: str, value: object, wanted: str) -> CallerError:
    return CallerError("scorer_field_wrong", field=where, value=str(value)[:80], wanted=wanted)

"""Whether answers that are known beforehand fit a JSON schema that a caller asks for.

Only what a schema of classes needs is understood; with any other word that constrains, nothing is said to fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

_TELLING = frozenset({"title", "description", "$schema", "$id", "examples", "default"})
"""Words that constrain nothing. Source: JSON Schema 2020-12, meta-data vocabulary."""
_UNDERSTOOD = _TELLING | {"type", "enum", "const", "properties", "required", "additionalProperties"}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "number": (int, float), "integer": (int,),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip


def documents_of(answers: Sequence[str]) -> tuple[dict[str, object], ...] | None:
    """The answers as JSON objects; None where one is none."""
    found = []
    for answer in answers:
        try:
            found.append(msgspec.json.decode(answer, type=dict[str, object]))
        except msgspec.DecodeError:
            return None
    return tuple(found)


def is_fit(schema: object, value: object) -> bool:
    """Whether the value fits, as far as the schema is understood; False where it is not."""
    if schema is True:
        return True
    if not isinstance(schema, dict) or not schema.keys() <= _UNDERSTOOD:
        return False
    if "const" in schema and not _is_same(schema["const"], value):
        return False
    if "enum" in schema and not any(_is_same(one, value) for one in _list(schema["enum"])):
        return False
    if "type" in schema and not any(_is_of(value, name) for name in _list(schema["type"])):
        return False
    return not isinstance(value, dict) or _is_object_fit(schema, value)


def _is_object_fit(schema: Mapping[str, object], value: Mapping[str, object]) -> bool:
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or any(name not in value for name in _list(schema.get("required", []))):
        return False
    others = schema.get("additionalProperties", True)
    return all(is_fit(properties.get(name, others), one) for name, one in value.items())


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _is_of(value: object, name: object) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES.get(str(name), ()))


def _is_same(one: object, other: object) -> bool:
    """Equal as JSON: ``true`` is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)

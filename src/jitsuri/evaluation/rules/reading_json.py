"""JSON in an answer: the whole text, or the one fenced block of it; numbers exact, no NaN, no key twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import NoReturn

from jitsuri.evaluation.shapes import Unscored

MOST_DEPTH = 100
"""Objects and lists within one another; deeper is no answer of a business task, and recursion has to end somewhere."""
MOST_EXPONENT = 1_000
"""Exponents beyond it are refused: written out, such a number would fill the memory."""


class _UnreadableError(ValueError):
    """What the standard reader would take and JSON does not allow."""


def read_json(text: str, *, with_fence: bool) -> object | Unscored:
    """The value; ``Unscored`` ``json_unreadable`` or ``json_too_deep`` with the reason where there is none.

    Integers and decimals come as ``Decimal``. Source of the form: RFC 8259; a key that stands twice is refused (its section 4
    leaves it open, and two readers would then see two values).
    """
    told = text.strip()
    fenced = _fenced(told) if with_fence else None
    try:
        value: object = json.loads(
            fenced if fenced is not None else told, parse_float=_number, parse_int=_number, parse_constant=_constant,
            object_pairs_hook=_object,
        )  # fmt: skip
    except RecursionError:
        return Unscored("json_too_deep", {"most": MOST_DEPTH})
    except ValueError as error:
        return Unscored("json_unreadable", {"reason": str(error)[:120]})
    return Unscored("json_too_deep", {"most": MOST_DEPTH}) if _is_deep(value) else value


def written(value: object) -> str:
    """A value as the text that a scorer of texts reads: a string as it is, null as nothing, the rest as JSON with sorted keys."""
    if isinstance(value, str):
        return value
    return "" if value is None else _json(value)


def same(one: object, other: object) -> bool:
    """Equality of JSON values: 1 is 1.0, true is not 1, order of keys does not count."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, Decimal | int) and isinstance(other, Decimal | int):
        return Decimal(one) == Decimal(other)
    return type(one) is type(other) and one == other


def place(value: object, pointer: str) -> object:
    """What stands at a pointer (RFC 6901); None where nothing does, as for a null."""
    found = value
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif (
            isinstance(found, list)
            and name.isdecimal()
            and name.isascii()
            and len(name) <= 6
            and int(name) < len(found)
        ):
            found = found[int(name)]
        else:
            return None
    return found


def escaped(name: str) -> str:
    """A key as a part of a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _fenced(text: str) -> str | None:
    """The content of the only block between fences; None where there is none or more than one."""
    parts = text.split("```")
    if len(parts) != 3:
        return None
    label, newline, body = parts[1].partition("\n")
    return body if newline and label.strip().lower() in ("json", "") else None


def _number(text: str) -> Decimal:
    value = Decimal(text)
    if abs(value.adjusted()) > MOST_EXPONENT:
        raise _UnreadableError(f"number out of range: {text[:20]}")
    return value


def _constant(name: str) -> NoReturn:
    raise _UnreadableError(f"{name} is no JSON")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise _UnreadableError(f"key twice: {twice[:40]}")
    return found


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            below
            for one in level
            if isinstance(one, dict | list)
            for below in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _json(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | int):
        return f"{Decimal(value):f}"
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_json(value[key])}" for key in sorted(value))
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_json(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)

"""The refusals of a translation: what cannot be said in the other dialect, named by field, with the mend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from jitsuri.providers.rules.asking import shown
from jitsuri.providers.shapes import Dialect
from jitsuri.terms.outcomes import Refusal

NAMES: Mapping[Dialect, str] = {"openai": "OpenAI", "anthropic": "Anthropic"}


class UntranslatableError(Exception):
    """Leaves a translation from any depth; the translation returns its refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def no_counterpart(field: str, dialect: Dialect) -> UntranslatableError:
    """The other dialect has nothing like it: leave it out, or ask an upstream of one's own dialect."""
    return UntranslatableError(Refusal("untranslatable_field", {"field": field, "dialect": NAMES[dialect]}))


def other_value(field: str, value: Any, dialect: Dialect, allowed: str) -> UntranslatableError:
    """The field is translated, this value is not; ``allowed`` tells those that are."""
    facts = {"field": field, "value": _shown(value), "dialect": NAMES[dialect], "allowed": allowed}
    return UntranslatableError(Refusal("untranslatable_value", facts))


def instead(field: str, other: str) -> UntranslatableError:
    """Another field of the caller's own dialect says the same and is translated."""
    return UntranslatableError(Refusal("untranslatable_use_instead", {"field": field, "instead": other}))


def malformed(field: str, value: Any) -> UntranslatableError:
    """It is not what the caller's own dialect says it is."""
    return UntranslatableError(Refusal("field_malformed", {"field": field, "value": _shown(value)}))


def is_nothing(value: Any) -> bool:
    """Null and empty things say nothing, wherever they stand."""
    return value is None or value == "" or value == [] or value == {}


def only(thing: Mapping[str, Any], known: Iterable[str], field: str, dialect: Dialect) -> None:
    """Decline keys that are not known, unless they say nothing."""
    for key, value in thing.items():
        if key not in known and not is_nothing(value):
            raise no_counterpart(f"{field}.{key}", dialect)


def text_at(thing: Mapping[str, Any], key: str, field: str) -> str:
    """A text that must be there."""
    value = thing.get(key)
    if not isinstance(value, str):
        raise malformed(f"{field}.{key}", value)
    return value


def record_at(thing: Mapping[str, Any], key: str, field: str) -> dict[str, Any]:
    """An object that must be there."""
    value = thing.get(key)
    if not isinstance(value, dict):
        raise malformed(f"{field}.{key}", value)
    return value


def records(value: Any, field: str) -> list[dict[str, Any]]:
    """A list of objects."""
    if not isinstance(value, list):
        raise malformed(field, value)
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise malformed(f"{field}[{index}]", item)
    return value


def _shown(value: Any) -> str:
    try:
        return shown(msgspec.json.encode(value))
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__

"""Every text in the body of a request, in both dialects, with its place; and the body with some of them changed.

What is not known to be a word of the protocol is a text: a field that a provider adds tomorrow is looked at too. Left out are ids,
roles, kinds, names of functions and models, signatures, and files in base64. Values that are the caller's own (arguments of tools,
metadata, also as JSON within a string) are looked at one by one, each as ``key: value``, because the key says what the value is;
what stands around a changed one stays as it was sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from jitsuri.guardrails.rules.walking_json import Change, hides_text, json_texts, rewritten_json

Kind = Literal["text", "json", "tree"]
"""A text; JSON in a string; the JSON of values that are the caller's own."""

_Path = tuple[Any, Any] | None
"""Where a value stands: ``(path of what holds it, key)``; None is the body itself."""

WORDS = frozenset({
    "role", "type", "id", "object", "model", "name", "tool_call_id", "tool_use_id", "call_id", "item_id", "file_id", "container",
    "container_id", "previous_response_id", "conversation", "signature", "encrypted_content", "encrypted_index", "media_type",
    "mime_type", "format", "detail", "status", "stop_reason", "finish_reason", "service_tier", "reasoning_effort", "effort",
    "verbosity", "truncation", "encoding_format", "voice", "ttl", "$schema", "$ref", "file_data", "prompt_cache_key",
    "prompt_cache_retention", "server_label", "tool_choice", "function_call", "inference_geo",
})  # fmt: skip
"""Keys whose strings are words of the protocol. Sources: the references of both dialects."""

NO_TEXTS = frozenset({
    "cache_control", "tool_choice", "stream_options", "logit_bias",
})  # fmt: skip
"""Keys under which no text stands."""

OWN = frozenset({"metadata", "enum", "const", "default", "examples"})
"""Keys whose values are the caller's own, whatever is in them."""

_FILES = frozenset({"base64", "redacted_thinking"})
"""Kinds of block whose ``data`` is no text."""
_LONG = 512
"""Characters from which on a string in base64's alphabet is a file (decision 0039)."""
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_\r\n"
_MANY = 16


def walk(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of a request's body with its place (``messages[2].content``), in order.

    Of values that are the caller's own the text is ``key: value``, and the place ends in ``#`` and a number.
    """
    for place, _, text, kind in _leaves(fields):
        if kind == "text":
            yield place, text
        else:
            yield from json_texts(place, text)


def rewritten(fields: Mapping[str, Any], change: Change) -> Mapping[str, Any]:
    """The body with every text as ``change`` gives it back; the same object where none changed. What was handed in stays as it
    was, and what did not change is shared."""
    changes: list[tuple[_Path, Any]] = []
    for place, path, text, kind in _leaves(fields):
        came = change(place, text) if kind == "text" else rewritten_json(place, text, change)
        if came != text:
            changes.append((path, json.loads(came) if kind == "tree" else came))
    return _applied(fields, changes) if changes else fields


def is_file(text: str) -> bool:
    """Whether a string is a file: a data URL in base64, or base64 that is as long as no word is."""
    if text.startswith("data:") and ";base64," in text[:200]:
        return True
    if len(text) < _LONG or not text.isascii() or " " in text[:_LONG]:
        return False
    return not text.encode().translate(None, _BASE64)


class _Own:
    """A value that is the caller's own."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held


def _leaves(fields: Mapping[str, Any]) -> Iterator[tuple[str, _Path, str, Kind]]:
    """``(place, path, text, kind)`` in order. Without recursion: a body may be nested as deeply as it likes."""
    stack: list[tuple[str, _Path, Any, str]] = [("", None, fields, "")]
    while stack:
        place, path, value, key = stack.pop()
        if isinstance(value, str):
            if value and not is_file(value):
                is_json = (key == "arguments" and value.lstrip()[:1] in ("{", "[")) or hides_text(value)
                yield place, path, value, "json" if is_json else "text"
        elif isinstance(value, _Own):
            yield place, path, _json(value.held), "tree"
        elif isinstance(value, Mapping):
            _push(stack, place, path, value)
        elif len(value) <= _MANY or not set(map(type, value)) <= {int, float}:  # else tokens' numbers, or a vector
            stack.extend(
                (f"{place}[{at}]", (path, at), value[at], key)
                for at in range(len(value) - 1, -1, -1)
                if isinstance(value[at], (str, dict, list))
            )


def _push(stack: list[tuple[str, _Path, Any, str]], place: str, path: _Path, value: Mapping[str, Any]) -> None:
    """Put what a mapping holds before what was to come."""
    above = f"{place}." if place else ""
    named = value.get("type")
    kind = named if isinstance(named, str) else ""
    for key in reversed(list(value)):
        held = value[key]
        if isinstance(held, str):
            if key in WORDS or (key == "data" and (kind in _FILES or "format" in value)):
                continue
        elif not isinstance(held, (dict, list)) or key in NO_TEXTS:
            continue
        elif key in OWN or key == "arguments" or (key == "input" and kind.endswith("tool_use")):
            held = _Own(held)
        stack.append((f"{above}{key}", (path, key), held, key))


def _json(held: Any) -> str:
    try:
        return msgspec.json.encode(held).decode()
    except (UnicodeEncodeError, msgspec.MsgspecError):  # half a surrogate pair, as other readers let through
        return json.dumps(held)


def _applied(fields: Mapping[str, Any], changes: list[tuple[_Path, Any]]) -> Mapping[str, Any]:
    """The body with these changes: what leads to them is copied, once."""
    copies: dict[int, Any] = {}
    made = dict(fields)

    def copied(path: _Path) -> Any:
        """What stands at a path, as a copy; all above it too."""
        steps = []
        while path is not None and id(path) not in copies:
            steps.append(path)
            path = path[0]
        held = made if path is None else copies[id(path)]
        for step in reversed(steps):
            below = held[step[1]]
            held[step[1]] = copies[id(step)] = dict(below) if isinstance(below, Mapping) else list(below)
            held = copies[id(step)]
        return held

    for path, value in changes:
        assert path is not None, "a text stands in something"
        copied(path[0])[path[1]] = value
    return made

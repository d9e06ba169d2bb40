"""What a caller's request asks for, read without decoding what is only forwarded.

The way within one dialect is hot: a body is split into its top-level fields (each kept as the bytes that came), the few
that routing, prices and budgets need are decoded, and the same bytes are written to the upstream. Unknown fields
travel through. Measured in ``docs/decisions/0018-dialects.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from jitsuri.providers.rules.bounding import bounds_of, is_unsigned
from jitsuri.providers.shapes import Asked, Dialect, Operation
from jitsuri.terms.outcomes import Refusal

MaximumField = Literal["max_completion_tokens", "max_tokens"]

MOST_ANSWERS = 128
"""Largest ``n`` of Chat Completions (OpenAI API reference, read 2026-11-26)."""
MOST_OUTPUT_TOKENS = 10_000_000
"""No model writes nearly as much: a larger number is a mistake (decision 0018)."""
LONGEST_MODEL = 512
"""Characters of a model's name; the longest seen are deployment paths of about 200 (decision 0018)."""
_SHOWN = 60
_LONGEST_EMPTY = 64
_LIST, _QUOTE = b'["'

_MAXIMA = ("max_completion_tokens", "max_tokens")
_NEEDED: Mapping[tuple[Dialect, Operation], tuple[str, ...]] = {
    ("openai", "chat"): ("model", "messages"),
    ("anthropic", "chat"): ("model", "messages", "max_tokens"),
    ("openai", "embeddings"): ("model", "input"),
    ("anthropic", "embeddings"): ("model", "input"),
}

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_MAYBE_TEXT = msgspec.json.Decoder(str | None)
_FLAG = msgspec.json.Decoder(bool | None)
_WHOLE = msgspec.json.Decoder(int | None)
_OPTIONS = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_ANY = msgspec.json.Decoder()
_write = msgspec.json.Encoder().encode
_TRUE = msgspec.Raw(b"true")
_fields_of, _text_of, _whole_of, _flag_of = _FIELDS.decode, _TEXT.decode, _WHOLE.decode, _FLAG.decode
_PLAIN_FIELDS = frozenset({
    "model", "messages", "max_tokens", "stream", "temperature", "top_p", "seed", "user", "response_format", "metadata",
    "frequency_penalty", "presence_penalty", "reasoning_effort",
})  # fmt: skip
"""Fields of which prices and budgets ask no more than is seen at a glance; the last nine are only forwarded."""

_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
"""What msgspec raises for bytes that are not what was asked for (``ValueError``: not UTF-8)."""
_NOT_AS_ASKED = (*_UNREADABLE, KeyError)


def read_ask(dialect: Dialect, operation: Operation, body: bytes) -> Asked | Refusal:
    """What the body asks for; it is checked only as far as routing, prices and budgets need.

    Refuses: ``body_not_json``, ``body_too_deep``, ``body_not_object``, ``field_missing``, ``field_empty``,
    ``field_too_long``, ``field_out_of_range``, ``field_not_text``, ``field_not_flag``, ``field_not_whole``,
    ``field_not_list``, ``field_not_text_or_list``, ``field_not_object``.
    """
    if operation == "other" or operation == "models":
        return _read_other(dialect, operation, body)
    try:
        fields = _fields_of(body)
    except _UNREADABLE as fault:
        return fault_of_body(body, fault)
    if operation == "chat" and dialect == "openai" and _PLAIN_FIELDS.issuperset(fields):
        plain = _plain_ask(fields, body)
        if plain is not None:
            return plain
    try:
        model = _text_of(fields["model"])
        is_stream = "stream" in fields and _FLAG.decode(fields["stream"]) is True
        tier = _MAYBE_TEXT.decode(fields["service_tier"]) or "" if "service_tier" in fields else ""
        bounds = None
        if operation == "chat":
            most, answers, wants_usage = _read_chat(dialect, fields, is_stream)
            said = bytes(fields["messages"])
            is_said = said[0] == _LIST
            bounds = bounds_of(dialect, fields, said)
        else:
            most, answers, wants_usage = None, 1, False
            said = bytes(fields["input"])
            is_said = said[0] in (_LIST, _QUOTE)
    except _NOT_AS_ASKED:
        return _fault(dialect, operation, fields)
    is_said = is_said and (len(said) > _LONGEST_EMPTY or not _is_empty(said))
    if not is_said or not 0 < len(model) <= LONGEST_MODEL or not _is_in_range(dialect, most, answers):
        return _fault(dialect, operation, fields)
    if dialect == "anthropic" and "speed" in fields and bytes(fields["speed"]) == b'"fast"':
        tier = "fast"
    if bounds is None:
        return Asked(
            dialect, operation, model, is_stream, fields, most, answers, wants_usage, tier, False, (), len(body)
        )
    return Asked(
        dialect=dialect, operation=operation, model=model, is_stream=is_stream, fields=fields, most_output_tokens=most,
        answers=answers, wants_usage=wants_usage, tier=tier, writes_cache=bounds.writes_cache,
        unbounded=tuple(bounds.unbounded), input_bytes=len(body), inline_media=bounds.inline_media,
        has_unsigned_thoughts=bounds.has_unsigned_thoughts,
    )  # fmt: skip


def _plain_ask(fields: dict[str, msgspec.Raw], body: bytes) -> Asked | None:
    """A chat of plain fields and plain texts, which is most of them; None for any other, and for one that is refused."""
    if body.find(b"[") != body.rfind(b"["):
        return None  # there may be parts: else the one bracket is the messages' own
    try:
        model, said = _text_of(fields["model"]), fields["messages"]
        most = _whole_of(fields["max_tokens"]) if "max_tokens" in fields else None
        is_stream = "stream" in fields and _flag_of(fields["stream"]) is True
    except _NOT_AS_ASKED:
        return None
    if (
        len(said) <= _LONGEST_EMPTY
        or memoryview(said)[0] != _LIST
        or not 0 < len(model) <= LONGEST_MODEL
        or not (most is None or 1 <= most <= MOST_OUTPUT_TOKENS)
    ):
        return None
    return Asked("openai", "chat", model, is_stream, fields, most, 1, False, "", False, (), len(body))


def body_for(
    asked: Asked,
    *,
    model: str,
    most_output_tokens: int | None,
    with_usage: bool,
    maximum_field: MaximumField = "max_completion_tokens",
) -> bytes:
    """The body for an upstream of the same dialect: the caller's own bytes but for the model and the maximum.

    ``most_output_tokens`` is written over the caller's maximum, in the field that the caller used; where there was
    none, in ``maximum_field``. A server that only knows ``max_tokens`` is told so by that name, always: a maximum that
    it does not understand would not bind it. ``with_usage`` asks an OpenAI stream for its usage event.
    """
    fields: dict[str, object] = {**asked.fields, "model": model}
    if asked.operation != "chat":
        return _write(fields)
    if asked.dialect == "anthropic":
        if most_output_tokens is not None:
            fields["max_tokens"] = most_output_tokens
        if asked.has_unsigned_thoughts:
            fields["messages"] = _without_unsigned_thoughts(asked.fields["messages"])
        return _write(fields)
    if maximum_field == "max_tokens" and "max_completion_tokens" in fields:
        given = fields.pop("max_completion_tokens")
        fields["max_tokens"] = asked.most_output_tokens or given
    if most_output_tokens is not None:
        is_named = False
        for name in _MAXIMA:
            if name in asked.fields and name in fields:
                fields[name] = most_output_tokens
                is_named = True
        if not is_named:
            fields[maximum_field] = most_output_tokens
    if with_usage and asked.is_stream:
        fields["stream_options"] = {**_options(asked), "include_usage": _TRUE}
    return _write(fields)


def fields_of(asked: Asked) -> dict[str, Any] | Refusal:
    """All fields decoded, for a translation.

    Refuses ``body_not_json`` and ``body_too_deep``: what is only forwarded had not been looked into.
    """
    found: dict[str, Any] = {}
    for name, raw in asked.fields.items():
        try:
            found[name] = _ANY.decode(raw)
        except RecursionError:
            return Refusal("body_too_deep", {})
        except _UNREADABLE:
            return Refusal("field_unreadable", {"field": name})
    return found


def _read_chat(dialect: Dialect, fields: Mapping[str, msgspec.Raw], is_stream: bool) -> tuple[int | None, int, bool]:
    """The maximum, the number of answers, and whether usage is asked for."""
    most = _whole_of(fields["max_tokens"]) if "max_tokens" in fields else None
    if dialect == "anthropic":
        if most is None:
            raise KeyError("max_tokens")
        return most, 1, True
    if "max_completion_tokens" in fields:
        value = _whole_of(fields["max_completion_tokens"])
        most = max(most or 0, value or 0) if most is not None or value is not None else None
    answers = _whole_of(fields["n"]) if "n" in fields else 1
    wants_usage = False
    if is_stream and "stream_options" in fields:
        options = _OPTIONS.decode(fields["stream_options"]) or {}
        wants_usage = bytes(options.get("include_usage", b"")) == b"true"
    return most, 1 if answers is None else answers, wants_usage


def _is_in_range(dialect: Dialect, most: int | None, answers: int) -> bool:
    """Anthropic's 0 fills the cache without an answer."""
    least = 0 if dialect == "anthropic" else 1
    return (most is None or least <= most <= MOST_OUTPUT_TOKENS) and 1 <= answers <= MOST_ANSWERS


def _is_empty(said: bytes) -> bool:
    """Whether it is null, or a text or list with nothing in it."""
    return len(said) <= _LONGEST_EMPTY and said.strip(b'[]" \t\r\n') in (b"", b"null")


def _options(asked: Asked) -> dict[str, msgspec.Raw]:
    options = asked.fields.get("stream_options")
    return {} if options is None else _OPTIONS.decode(options) or {}


def _without_unsigned_thoughts(raw: msgspec.Raw) -> msgspec.Raw:
    """Drop thoughts without a signature: another vendor's, translated for the caller; Anthropic takes only its own."""
    try:
        messages = _ANY.decode(raw)
    except _UNREADABLE:
        return raw
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            message["content"] = [part for part in content if not is_unsigned(part)]
    return msgspec.Raw(_write(messages))


def _read_other(dialect: Dialect, operation: Operation, body: bytes) -> Asked:
    """A request that is passed through untouched: any body, JSON or not."""
    fields: dict[str, msgspec.Raw] = {}
    model = ""
    if body[:1] == b"{":
        try:
            fields = _FIELDS.decode(body)
            model = _TEXT.decode(fields.get("model", b'""'))
        except _UNREADABLE:
            model = ""
    return Asked(
        dialect=dialect, operation=operation, model=model, is_stream=bytes(fields.get("stream", b"")) == b"true",
        fields=fields, most_output_tokens=None, answers=1, wants_usage=False, tier="", writes_cache=False, unbounded=(),
        input_bytes=len(body),
    )  # fmt: skip


_PLACE = re.compile(r"\(byte (\d+)\)")


def fault_of_body(body: bytes, fault: Exception) -> Refusal:
    """What msgspec's fault says of a body that was to be an object."""
    if isinstance(fault, RecursionError):
        return Refusal("body_too_deep", {})
    if isinstance(fault, msgspec.ValidationError):
        return Refusal("body_not_object", {"value": shown(body)})
    if isinstance(fault, UnicodeDecodeError):
        return Refusal("body_not_utf8", {})
    place = _PLACE.search(str(fault))
    before = body[: int(place[1])] if place else body
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return Refusal("body_not_json", {"line": line, "column": column})


def _fault(dialect: Dialect, operation: Operation, fields: Mapping[str, msgspec.Raw]) -> Refusal:
    """The first field that is not what the dialect says; called only when there is one."""
    for name in _NEEDED[dialect, operation]:
        if name not in fields or bytes(fields[name]) == b"null":
            return Refusal("field_missing", {"field": name})
    for name, code, decoder in _CHECKS:
        if name not in fields or name not in _CHECKED[dialect, operation]:
            continue
        try:
            value = decoder.decode(fields[name])
        except _UNREADABLE:
            return Refusal(code, {"field": name, "value": shown(fields[name])})
        refusal = _value_fault(dialect, name, value)
        if refusal is not None:
            return refusal
    name = _NEEDED[dialect, operation][1]
    if not _is_empty(bytes(fields[name])):
        if name == "input":
            return Refusal("field_not_text_or_list", {"field": name, "value": shown(fields[name])})
        return Refusal("field_not_list", {"field": name, "value": shown(fields[name])})
    return Refusal("field_empty", {"field": name})


_CHECKS: tuple[tuple[str, str, msgspec.json.Decoder[Any]], ...] = (
    ("model", "field_not_text", _TEXT),
    ("stream", "field_not_flag", _FLAG),
    ("service_tier", "field_not_text", _MAYBE_TEXT),
    ("max_completion_tokens", "field_not_whole", _WHOLE),
    ("max_tokens", "field_not_whole", _WHOLE),
    ("n", "field_not_whole", _WHOLE),
    ("stream_options", "field_not_object", _OPTIONS),
)
_ALWAYS = frozenset({"model", "stream", "service_tier"})
_CHECKED: Mapping[tuple[Dialect, Operation], frozenset[str]] = {
    ("openai", "chat"): _ALWAYS | {"max_completion_tokens", "max_tokens", "n", "stream_options"},
    ("anthropic", "chat"): _ALWAYS | {"max_tokens"},
    ("openai", "embeddings"): _ALWAYS,
    ("anthropic", "embeddings"): _ALWAYS,
}


def _value_fault(dialect: Dialect, name: str, value: Any) -> Refusal | None:
    if name == "model":
        if not value:
            return Refusal("field_empty", {"field": name})
        if len(value) > LONGEST_MODEL:
            return Refusal("field_too_long", {"field": name, "longest": LONGEST_MODEL})
    elif isinstance(value, int) and not isinstance(value, bool):
        low = 0 if dialect == "anthropic" else 1
        high = MOST_ANSWERS if name == "n" else MOST_OUTPUT_TOKENS
        if not low <= value <= high:
            return Refusal("field_out_of_range", {"field": name, "value": value, "low": low, "high": high})
    return None


def shown(value: bytes | msgspec.Raw) -> str:
    """A value as a sentence may show it: at most 60 characters, on one line."""
    text = " ".join(bytes(memoryview(value)[: _SHOWN * 4]).decode("utf-8", "replace").split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

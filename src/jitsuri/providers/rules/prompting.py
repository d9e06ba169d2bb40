"""A task's prompt in the place of the caller's own: in either dialect, with everything else of the request as it came.

OpenAI: the leading system and developer messages become one, which keeps the role, the further fields and the place of the
first; where there is none, a system message is put before all others. Anthropic: the field ``system``. Instructions that come
later in a conversation are part of it and stay. A mark for a cache (``cache_control``) stays with the text that is new.
``{{caller}}`` in the prompt stands for the caller's own text (``terms.prompts``). Decision 0036.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from jitsuri.providers.rules.asking import fault_of_body
from jitsuri.providers.shapes import Asked, Dialect
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.prompts import CALLER

MESSAGE_BYTES = 64
"""What stands around a system message in JSON, at most: braces, two names, a role, quotes, a comma."""

_SYSTEM_ROLES = frozenset({b'"system"', b'"developer"'})
_BETWEEN = "\n\n"
"""Between several system texts of one caller, where a prompt keeps them."""

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()
_write = msgspec.json.Encoder().encode
_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)


class _Role(msgspec.Struct):
    role: msgspec.Raw = msgspec.Raw(b"null")


_ROLE = msgspec.json.Decoder(_Role)


def with_prompt(dialect: Dialect, body: bytes, text: str) -> bytes | Refusal:
    """A chat's body with this prompt in the place of the caller's system text; '' gives the body as it is.

    Refuses ``body_not_json``, ``body_too_deep``, ``body_not_object``, ``body_not_utf8`` and what ``fields_with_prompt`` does.
    """
    if not text:
        return body
    try:
        fields = _FIELDS.decode(body)
    except _UNREADABLE as fault:
        return fault_of_body(body, fault)
    made = fields_with_prompt(dialect, fields, text)
    return made if isinstance(made, Refusal) else _write(made)


def prompted(asked: Asked, text: str) -> Asked | Refusal:
    """The same request with this prompt. Refuses ``prompt_needs_chat`` and what ``fields_with_prompt`` does."""
    if asked.operation != "chat":
        return Refusal("prompt_needs_chat", {"operation": asked.operation})
    made = fields_with_prompt(asked.dialect, asked.fields, text)
    return made if isinstance(made, Refusal) else msgspec.structs.replace(asked, fields=made)


def prompt_bytes(text: str) -> int:
    """How many bytes a body can grow by this prompt, at most: the caller's own text, where it is kept, is in it already."""
    return len(_write(text)) + MESSAGE_BYTES


def fields_with_prompt(
    dialect: Dialect, fields: Mapping[str, msgspec.Raw], text: str
) -> dict[str, msgspec.Raw] | Refusal:
    """The top-level fields of a chat with this prompt, in their order.

    Refuses ``field_not_list`` (messages that are none), and where the prompt keeps the caller's text ``system_not_text``.
    """
    made = dict(fields)
    if dialect == "anthropic":
        own = fields.get("system")
        system = _content(() if own is None else (own,), text)
        if isinstance(system, Refusal):
            return system
        made["system"] = system
        return made
    try:
        messages = _ITEMS.decode(fields["messages"])
    except (*_UNREADABLE, KeyError):
        return Refusal("field_not_list", {"field": "messages", "value": ""})
    leading = 0
    while leading < len(messages) and _is_system(messages[leading]):
        leading += 1
    first, contents = _leading(messages[:leading])
    content = _content(contents, text)
    if isinstance(content, Refusal):
        return content
    first["content"] = content
    made["messages"] = msgspec.Raw(_write([first, *messages[leading:]]))
    return made


def _is_system(message: msgspec.Raw) -> bool:
    try:
        return bytes(_ROLE.decode(message).role) in _SYSTEM_ROLES
    except _UNREADABLE:
        return False


def _leading(messages: list[msgspec.Raw]) -> tuple[dict[str, msgspec.Raw], list[msgspec.Raw]]:
    """The fields of the message that is to be, and the contents of those it takes the place of."""
    if not messages:
        return {"role": msgspec.Raw(b'"system"'), "content": msgspec.Raw(b'""')}, []
    decoded = [_FIELDS.decode(message) for message in messages]
    return decoded[0], [one["content"] for one in decoded if "content" in one]


def _content(contents: list[msgspec.Raw] | tuple[msgspec.Raw, ...], text: str) -> msgspec.Raw | Refusal:
    """The new content: a text, or where the caller marked one for the cache a part with that mark."""
    if CALLER in text:
        own = _said(contents)
        if isinstance(own, Refusal):
            return own
        text = text.replace(CALLER, own, 1)
    mark = None
    for content in contents:
        if bytes(memoryview(content)[:1]) == b"[":
            mark = _mark(content) or mark
    if mark is None:
        return msgspec.Raw(_write(text))
    return msgspec.Raw(_write([{"type": "text", "text": text, "cache_control": mark}]))


def _mark(content: msgspec.Raw) -> Any:
    """The last mark for a cache among the parts; None where there is none."""
    try:
        parts = _ANY.decode(content)
    except _UNREADABLE:
        return None
    marks = [part["cache_control"] for part in parts if isinstance(part, dict) and part.get("cache_control")]
    return marks[-1] if marks else None


def _said(contents: list[msgspec.Raw] | tuple[msgspec.Raw, ...]) -> str | Refusal:
    """The texts of contents. Refuses ``system_not_text`` for a part that is none."""
    texts: list[str] = []
    for content in contents:
        try:
            value = _ANY.decode(content)
        except _UNREADABLE:
            return Refusal("system_not_text")
        parts = value if isinstance(value, list) else [value]
        said = [_text(part) for part in parts if part is not None]
        if None in said:
            return Refusal("system_not_text")
        texts.append("\n".join(one for one in said if one))
    return _BETWEEN.join(one for one in texts if one)


def _text(part: Any) -> str | None:
    if isinstance(part, dict) and part.get("type", "text") in ("text", "input_text"):
        part = part.get("text")
    return part if isinstance(part, str) else None

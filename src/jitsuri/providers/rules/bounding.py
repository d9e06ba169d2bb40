"""What a request holds that its own bytes do not bound: tools that the upstream runs, things fetched by address, media.

A budget holds the worst case before the answer. Text costs at most its bytes and the answer at most its maximum; what
stands here costs what it likes. Unknown tools count as run by the upstream: only those known to be run by the caller
are let through. Keys and words are compared after decoding, so that no escape hides one.
Sources: ``anthropic`` 2.14.0 and ``openai`` 3.57.0 types; OpenRouter's and xAI's extensions (docs read 2026-11-26).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from jitsuri.providers.shapes import Dialect

_HAS_PARTS = re.compile(rb"\[[ \t\r\n]*\{")
"""Structure cannot be written with escapes: without this there is no list of objects inside the messages."""
_DATED = re.compile(r"_20\d{6}$")

_CLIENT_TOOLS = ("custom", "bash", "text_editor", "computer", "memory", "browser_toolset", "computer_toolset")
"""Anthropic tools that the caller's own program runs, without their dates."""
_UNBOUNDED_FIELDS: Mapping[Dialect, frozenset[str]] = {
    "openai": frozenset({"web_search_options", "search_parameters", "plugins", "models", "extra_body"}),
    "anthropic": frozenset({"mcp_servers", "fallbacks", "compaction", "context_management"}),
}
"""``models``, ``fallbacks``: another model answers at another price. ``compaction``: an answer before the answer."""
_CACHE_FIELDS = frozenset({"cache_control", "prompt_cache_options"})
_LOOKED_AT = {dialect: names | _CACHE_FIELDS | {"tools"} for dialect, names in _UNBOUNDED_FIELDS.items()}
_CACHE_KEYS = ("cache_control", "prompt_cache_breakpoint")
_NOTHING = (b"null", b"[]", b"{}", b"false")
_OFF = (b"null", b"[]", b"false")
"""An empty object switches a search on: ``web_search_options: {}`` asks for it with its defaults."""


class Bounds:
    """What was found while a request was looked through."""

    __slots__ = ("has_unsigned_thoughts", "inline_media", "unbounded", "writes_cache")

    def __init__(self) -> None:
        self.unbounded: dict[str, None] = {}
        self.inline_media = 0
        self.writes_cache = False
        self.has_unsigned_thoughts = False


class _Tool(msgspec.Struct):
    type: msgspec.Raw = msgspec.Raw(b'""')
    cache_control: msgspec.Raw = msgspec.Raw(b"null")


_TOOLS = msgspec.json.Decoder(list[_Tool])
_ANY = msgspec.json.Decoder()


def bounds_of(dialect: Dialect, fields: Mapping[str, msgspec.Raw], said: bytes) -> Bounds | None:
    """What makes the request's cost unbounded; None (the usual case, found fast) where nothing does.

    ``said`` are the messages, which the caller of this has as bytes already.
    """
    has_parts = _has_parts(said)
    system = bytes(fields["system"]) if dialect == "anthropic" and "system" in fields else b""
    if not has_parts and system[:1] != b"[" and _LOOKED_AT[dialect].isdisjoint(fields):
        return None
    found = Bounds()
    if has_parts:
        _look(found, said)
    if system[:1] == b"[":
        _look(found, system)
    if "tools" in fields:
        _look_at_tools(found, dialect, fields["tools"])
    for name in sorted(_LOOKED_AT[dialect] & fields.keys()):
        if name in _CACHE_FIELDS:
            found.writes_cache |= bytes(fields[name]) not in _NOTHING
        elif name != "tools" and bytes(fields[name]) not in _OFF:
            found.unbounded[name] = None
    return found


def _has_parts(said: bytes) -> bool:
    """Most messages hold no bracket but their own: one search for a byte is 20 times faster than one for a pattern."""
    bracket = said.find(b"[", 1)
    return bracket > 0 and _HAS_PARTS.search(said, bracket) is not None


def _look_at_tools(found: Bounds, dialect: Dialect, raw: msgspec.Raw) -> None:
    try:
        tools = _TOOLS.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        if bytes(raw) not in _NOTHING:
            found.unbounded["tools"] = None
        return
    for tool in tools:
        if bytes(tool.cache_control) != b"null":
            found.writes_cache = True
        kind = _text(tool.type)
        plain = _DATED.sub("", kind)
        if dialect == "openai":
            is_callers = kind in ("function", "custom", "")
        else:
            is_callers = plain in _CLIENT_TOOLS or not kind
        if not is_callers:
            found.unbounded[plain[:64]] = None


def _text(raw: msgspec.Raw) -> str:
    """A tool's type; what is no text is a tool of unknown kind."""
    try:
        value = _ANY.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return "tools"
    if value is None:
        return ""
    return value if isinstance(value, str) else "tools"


def _look(found: Bounds, raw: bytes) -> None:
    """Look at every part of every message, however deep tools' results hold it."""
    try:
        waiting: list[Any] = [_ANY.decode(raw)]
    except (msgspec.DecodeError, ValueError, RecursionError):
        found.unbounded["messages"] = None
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(reversed(node))
        elif isinstance(node, dict):
            _judge(found, node)
            content = node.get("content")
            if isinstance(content, list | dict):
                waiting.append(content)
            source = node.get("source")
            if isinstance(source, dict) and isinstance(source.get("content"), list):
                waiting.append(source["content"])


def _judge(found: Bounds, part: dict[str, Any]) -> None:
    """One message or part: where its bytes come from."""
    if any(part.get(key) for key in _CACHE_KEYS):
        found.writes_cache = True
    if is_unsigned(part):
        found.has_unsigned_thoughts = True
    source = part.get("source")
    if isinstance(source, dict):
        _judge_source(found, source)
    for key in ("image_url", "video_url", "audio_url", "file_url"):
        if key in part:
            _judge_address(found, key, part[key])
    if "input_audio" in part:
        found.inline_media += 1
    file = part.get("file")
    if isinstance(file, dict):
        if file.get("file_id"):
            found.unbounded["file_id"] = None
        elif "file_data" in file:
            _judge_address(found, "file_url", file["file_data"])
    if part.get("file_id"):
        found.unbounded["file_id"] = None


def is_unsigned(part: object) -> bool:
    """Whether it is a thought without a signature: another vendor's, translated for the caller."""
    return isinstance(part, dict) and part.get("type") == "thinking" and part.get("signature") == ""


def _judge_source(found: Bounds, source: dict[str, Any]) -> None:
    kind = source.get("type")
    if kind == "base64":
        found.inline_media += 1
    elif kind == "file" or source.get("file_id"):
        found.unbounded["file_id"] = None
    elif kind not in ("text", "content"):
        found.unbounded["url"] = None


def _judge_address(found: Bounds, key: str, value: Any) -> None:
    """``data:`` addresses carry their bytes; any other is fetched by the upstream."""
    if isinstance(value, dict):
        value = value.get("url")
    is_inline = isinstance(value, str) and (value[:5].lower() == "data:" or (key == "file_url" and "://" not in value))
    if is_inline:
        found.inline_media += 1
    else:
        found.unbounded[key] = None

"""What a request holds that its own bytes do not bound: tools that the upstream runs, things fetched by address, media.

A budget holds the worst case before the answer. Text costs at most its bytes and the answer at most its maximum; what
stands here costs what it likes. Unknown tools count as run by the upstream: only those known to be run by the caller
are let through. Keys and words are compared after decoding, so that no escape hides one.
Sources: ``anthropic`` 2.14.0 and ``openai`` 3.57.0 types; OpenRouter's and xAI's extensions (docs read 2026-11-26).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from jitsuri.providers.shapes import Dialect

_HAS_PARTS = re.compile(rb'\[[ \t\r\n]*[{"\[]')
"""Structure cannot be written with escapes: without this there is no list of parts inside the messages."""
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
_NOTHING = (b"null", b"[]", b"{}", b"false", b'""')
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


_NULL = msgspec.Raw(b"null")


class _Tool(msgspec.Struct):
    type: msgspec.Raw = msgspec.Raw(b'""')
    cache_control: msgspec.Raw = _NULL


class _Part(msgspec.Struct, gc=False):
    """A message, a part of one, or what a part holds: only what tells where bytes come from."""

    type: msgspec.Raw = _NULL
    content: msgspec.Raw = _NULL
    source: msgspec.Raw = _NULL
    image_url: msgspec.Raw = _NULL
    video_url: msgspec.Raw = _NULL
    audio_url: msgspec.Raw = _NULL
    file_url: msgspec.Raw = _NULL
    url: msgspec.Raw = _NULL
    input_audio: msgspec.Raw = _NULL
    file: msgspec.Raw = _NULL
    file_id: msgspec.Raw = _NULL
    file_data: msgspec.Raw = _NULL
    signature: msgspec.Raw = _NULL
    cache_control: msgspec.Raw = _NULL
    prompt_cache_breakpoint: msgspec.Raw = _NULL


_PART = msgspec.json.Decoder(_Part)
_PARTS = msgspec.json.Decoder(list[_Part])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
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
    """Look at every part of every message, however deep tools' results hold it; texts are skipped, not read."""
    waiting: list[bytes] = [raw]
    while waiting:
        held = waiting.pop()
        try:
            parts = _parts_in(held)
        except (msgspec.DecodeError, ValueError, RecursionError):
            found.unbounded["messages"] = None
            return
        for part in parts:
            _judge(found, part)
            if part.content is not _NULL and _first(part.content) in (b"[", b"{"):
                waiting.append(part.content)


def _parts_in(raw: bytes) -> list[_Part]:
    """The objects of a list, or the one object; what is neither holds nothing."""
    if _first(raw) == b"{":
        return [_PART.decode(raw)]
    try:
        return _PARTS.decode(raw)
    except msgspec.ValidationError:
        return [_PART.decode(item) for item in _ITEMS.decode(raw) if _first(item) == b"{"]


def _judge(found: Bounds, part: _Part) -> None:
    """One message or part: where its bytes come from."""
    if (part.cache_control is not _NULL and _says(part.cache_control)) or (
        part.prompt_cache_breakpoint is not _NULL and _says(part.prompt_cache_breakpoint)
    ):
        found.writes_cache = True
    if part.signature is not _NULL and bytes(part.signature) == b'""' and bytes(part.type) == b'"thinking"':
        found.has_unsigned_thoughts = True
    if part.source is not _NULL and _first(part.source) == b"{":
        source = _PART.decode(part.source)
        _judge_source(found, source)
        if _first(source.content) == b"[":
            _look(found, source.content)
    if part.image_url is not _NULL:
        _judge_address(found, "image_url", part.image_url)
    if part.video_url is not _NULL:
        _judge_address(found, "video_url", part.video_url)
    if part.audio_url is not _NULL:
        _judge_address(found, "audio_url", part.audio_url)
    if part.file_url is not _NULL:
        _judge_address(found, "file_url", part.file_url)
    if part.input_audio is not _NULL and _says(part.input_audio):
        found.inline_media += 1
    _judge_file_fields(found, part)


def _judge_file_fields(found: Bounds, part: _Part) -> None:
    if part.file is not _NULL and _first(part.file) == b"{":
        file = _PART.decode(part.file)
        if _says(file.file_id):
            found.unbounded["file_id"] = None
        elif file.file_data is not _NULL:
            _judge_file(found, file.file_data)
    if part.file_id is not _NULL and _says(part.file_id):
        found.unbounded["file_id"] = None


def is_unsigned(part: object) -> bool:
    """Whether it is a thought without a signature: another vendor's, translated for the caller."""
    return isinstance(part, dict) and part.get("type") == "thinking" and part.get("signature") == ""


def _first(raw: bytes) -> bytes:
    return bytes(memoryview(raw)[:1])


def _says(raw: msgspec.Raw) -> bool:
    return raw is not _NULL and bytes(raw) not in _NOTHING


def _judge_source(found: Bounds, source: _Part) -> None:
    kind = _text(source.type)
    if kind == "base64":
        found.inline_media += 1
    elif kind == "file" or _says(source.file_id):
        found.unbounded["file_id"] = None
    elif kind not in ("text", "content"):
        found.unbounded["url"] = None


def _judge_address(found: Bounds, key: str, raw: msgspec.Raw) -> None:
    """``data:`` addresses carry their bytes; any other is fetched by the upstream, one written with escapes too."""
    address = _PART.decode(raw).url if _first(raw) == b"{" else raw
    if bytes(memoryview(address)[:6]).lower() == b'"data:':
        found.inline_media += 1
    else:
        found.unbounded[key] = None


def _judge_file(found: Bounds, raw: msgspec.Raw) -> None:
    """A file's bytes, with or without ``data:`` before them; some servers take an address there too."""
    head = bytes(memoryview(raw)[:200]).replace(rb"\/", b"/")
    if head[:6].lower() == b'"data:' or not (b":" in head or b"\\" in head):
        found.inline_media += 1
    else:
        found.unbounded["file_data"] = None

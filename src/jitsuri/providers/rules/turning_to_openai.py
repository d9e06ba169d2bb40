"""Messages and tools of the Messages API as those of Chat Completions.

Changed on the way, and told in ``docs/reference/dialects.md``: results of tools become messages of their own; thoughts
stay behind, for no other vendor's model can check them; marks for the cache too, for OpenAI finds its beginnings itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from jitsuri.providers.rules.declining import (
    UntranslatableError,
    instead,
    is_nothing,
    malformed,
    no_counterpart,
    only,
    other_value,
    record_at,
    records,
    text_at,
)
from jitsuri.providers.shapes import Dialect
from jitsuri.terms.outcomes import Refusal

_TO: Dialect = "openai"
_THOUGHTS = ("thinking", "redacted_thinking")
_DATED = re.compile(r"_20\d{6}$")


def messages_to_openai(system: Any, messages: Any) -> list[dict[str, Any]]:
    """All messages, the system's first. Raises UntranslatableError."""
    made: list[dict[str, Any]] = []
    if not is_nothing(system):
        made.append({"role": "system", "content": _text_of(system, "system")})
    listed = records(messages, "messages")
    for index, message in enumerate(listed):
        field = f"messages[{index}]"
        only(message, ("role", "content"), field, _TO)
        role, content = message.get("role"), message.get("content")
        if role == "system":
            made.append({"role": "system", "content": _text_of(content, f"{field}.content")})
        elif role == "user":
            made += _user(content, f"{field}.content")
        elif role == "assistant":
            made.append(_assistant(content, f"{field}.content"))
        else:
            raise malformed(f"{field}.role", role)
    if listed and listed[-1].get("role") == "assistant":
        raise UntranslatableError(Refusal("messages_end_with_answer", {"field": f"messages[{len(listed) - 1}].role"}))
    return made


def tools_to_openai(tools: Any) -> list[dict[str, Any]]:
    """Client tools as functions. Raises UntranslatableError: tools that Anthropic defines or runs have no counterpart."""
    made = []
    for index, tool in enumerate(records(tools, "tools")):
        field = f"tools[{index}]"
        kind = tool.get("type") or "custom"
        if kind != "custom":
            raise no_counterpart(f"{field}.type={_DATED.sub('', str(kind))[:40]}", _TO)
        only(tool, _TOOL_KEYS, field, _TO)
        if tool.get("defer_loading"):
            raise other_value(f"{field}.defer_loading", True, _TO, "false")
        if tool.get("allowed_callers") not in (None, [], ["direct"]):
            raise other_value(f"{field}.allowed_callers", tool["allowed_callers"], _TO, '["direct"]')
        function: dict[str, Any] = {"name": text_at(tool, "name", field)}
        if tool.get("description"):
            function["description"] = text_at(tool, "description", field)
        function["parameters"] = record_at(tool, "input_schema", field)
        if tool.get("strict"):
            function["strict"] = True
        made.append({"type": "function", "function": function})
    return made


_TOOL_KEYS = frozenset(
    {"type", "name", "description", "input_schema", "strict", "cache_control", "eager_input_streaming",
     "defer_loading", "allowed_callers"}
)  # fmt: skip
"""Dropped: marks for the cache, and how finely a tool's input is streamed."""


def choice_to_openai(choice: Any) -> tuple[Any, bool]:
    """``tool_choice``, and whether only one call at a time is allowed. Raises UntranslatableError."""
    if not isinstance(choice, dict):
        raise malformed("tool_choice", choice)
    kind = choice.get("type")
    only(choice, ("type", "name", "disable_parallel_tool_use"), "tool_choice", _TO)
    is_single = choice.get("disable_parallel_tool_use") is True
    if kind == "tool":
        return {"type": "function", "function": {"name": text_at(choice, "name", "tool_choice")}}, is_single
    if not isinstance(kind, str) or kind not in _CHOICES:
        raise other_value("tool_choice.type", kind, _TO, '"auto", "any", "tool", "none"')
    return _CHOICES[kind], is_single


_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def _text_of(content: Any, field: str) -> str:
    """A system prompt as one text; blocks are parted by a line break, as in the vendor's compatibility layer."""
    if isinstance(content, str):
        return content
    texts = []
    for index, block in enumerate(records(content, field)):
        if block.get("type") != "text":
            raise malformed(f"{field}[{index}].type", block.get("type"))
        texts.append(_text(block, f"{field}[{index}]"))
    return "\n".join(texts)


def _text(block: Mapping[str, Any], field: str) -> str:
    only(block, ("type", "text", "cache_control"), field, _TO)
    return text_at(block, "text", field)


def _user(content: Any, field: str) -> list[dict[str, Any]]:
    """Results of tools come first, each a message of its own, then what the user says."""
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    results: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for index, block in enumerate(records(content, field)):
        place = f"{field}[{index}]"
        if block.get("type") == "tool_result":
            results.append(_result(block, place))
        else:
            parts += _parts(block, place)
    if len(parts) == 1 and parts[0]["type"] == "text":
        return [*results, {"role": "user", "content": parts[0]["text"]}]
    return [*results, {"role": "user", "content": parts}] if parts else results


def _result(block: Mapping[str, Any], field: str) -> dict[str, Any]:
    """OpenAI has no mark for a failed call: the text says so."""
    only(block, ("type", "tool_use_id", "content", "is_error", "cache_control"), field, _TO)
    content = block.get("content")
    if content is None or isinstance(content, str):
        text = content or ""
    else:
        texts = []
        for index, part in enumerate(records(content, f"{field}.content")):
            place = f"{field}.content[{index}]"
            if part.get("type") != "text":
                raise no_counterpart(f"{place}.{part.get('type')}", _TO)
            texts.append(_text(part, place))
        text = "\n".join(texts)
    if block.get("is_error") is True:
        text = f"Error: {text}"
    return {"role": "tool", "tool_call_id": text_at(block, "tool_use_id", field), "content": text}


def _parts(block: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    kind = block.get("type")
    if kind == "text":
        return [{"type": "text", "text": _text(block, field)}]
    if kind == "image":
        only(block, ("type", "source", "cache_control"), field, _TO)
        return [{"type": "image_url", "image_url": {"url": _address(record_at(block, "source", field), field)}}]
    if kind == "document":
        return _document(block, field)
    if isinstance(kind, str):
        raise no_counterpart(f"{field}.{kind}", _TO)
    raise malformed(f"{field}.type", kind)


def _address(source: Mapping[str, Any], field: str) -> str:
    """A picture's address; its bytes become a ``data:`` address."""
    kind = source.get("type")
    if kind == "url":
        return text_at(source, "url", f"{field}.source")
    if kind == "base64":
        media = text_at(source, "media_type", f"{field}.source")
        return f"data:{media};base64,{text_at(source, 'data', f'{field}.source')}"
    raise other_value(f"{field}.source.type", kind, _TO, '"base64", "url"')


def _document(block: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    """A PDF as a file, a text document as a text with its title above; citations cannot be asked for."""
    only(block, ("type", "source", "title", "context", "citations", "cache_control"), field, _TO)
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        raise other_value(f"{field}.citations.enabled", True, _TO, "false")
    source = record_at(block, "source", field)
    title, context = (block.get(key) if isinstance(block.get(key), str) else None for key in ("title", "context"))
    kind = source.get("type")
    if kind == "base64":
        name = title or "document.pdf"
        file = {"filename": name, "file_data": _address(source, field)}
        before = [{"type": "text", "text": context}] if context else []
        return [*before, {"type": "file", "file": file}]
    if kind == "text":
        inside = text_at(source, "data", f"{field}.source")
    elif kind == "content":
        inside = _text_of(source.get("content"), f"{field}.source.content")
    else:
        raise other_value(f"{field}.source.type", kind, _TO, '"base64", "text", "content"')
    return [{"type": "text", "text": "\n".join(text for text in (title, context, inside) if text)}]


def _assistant(content: Any, field: str) -> dict[str, Any]:
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    for index, block in enumerate(records(content, field)):
        place = f"{field}[{index}]"
        kind = block.get("type")
        if kind == "text":
            only(block, ("type", "text", "cache_control", "citations"), place, _TO)
            texts.append(text_at(block, "text", place))
        elif kind == "tool_use":
            calls.append(_call(block, place))
        elif kind in _THOUGHTS:
            continue
        elif kind in ("image", "document"):
            raise instead(f"{place}.{kind}", "role=user")
        else:
            raise no_counterpart(f"{place}.{kind}", _TO)
    said: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    if calls:
        said["tool_calls"] = calls
    return said


def _call(block: Mapping[str, Any], field: str) -> dict[str, Any]:
    only(block, ("type", "id", "name", "input", "cache_control", "caller"), field, _TO)
    caller = block.get("caller")
    if isinstance(caller, dict) and caller.get("type", "direct") != "direct":
        raise other_value(f"{field}.caller.type", caller["type"], _TO, '"direct"')
    arguments = msgspec.json.encode(record_at(block, "input", field)).decode()
    function = {"name": text_at(block, "name", field), "arguments": arguments}
    return {"id": text_at(block, "id", field), "type": "function", "function": function}

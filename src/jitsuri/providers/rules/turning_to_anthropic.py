"""Messages and tools of Chat Completions as those of the Messages API.

Changed on the way, and told in ``docs/reference/dialects.md``: system messages move to the front, as in the vendor's
own compatibility layer; neighbours of one role become one message; ids of tool calls keep only the signs that Anthropic
takes; thoughts without a signature stay behind.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from jitsuri.providers.rules.declining import (
    UntranslatableError,
    instead,
    malformed,
    no_counterpart,
    only,
    other_value,
    record_at,
    records,
    text_at,
)
from jitsuri.providers.rules.glancing import any_of
from jitsuri.providers.shapes import Dialect
from jitsuri.terms.outcomes import Refusal

_TO: Dialect = "anthropic"
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
"""Media types of ``types.base64_image_source_param`` (``anthropic`` 2.14.0)."""
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.+-]+=[^;,]*)*;base64,", re.IGNORECASE)
_BAD_ID = re.compile(r"[^a-zA-Z0-9_-]")

_KNOWN: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content"}),
    "developer": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset(
        {"role", "content", "tool_calls", "refusal", "thinking_blocks", "reasoning_content", "reasoning", "annotations"}
    ),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
"""Keys of messages. Dropped: unsigned thoughts, annotations of past answers, a tool's name beside its call's id."""


def messages_to_anthropic(messages: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The system blocks and the turns. Raises UntranslatableError."""
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for index, message in enumerate(records(messages, "messages")):
        field = f"messages[{index}]"
        role = message.get("role")
        if role == "function":
            raise instead(f"{field}.role", "role=tool")
        if not isinstance(role, str) or role not in _KNOWN:
            raise malformed(f"{field}.role", role)
        only(message, _KNOWN[role], field, _TO)
        if role in ("system", "developer"):
            system += _parts(message.get("content"), f"{field}.content")
        elif role == "assistant":
            _add(turns, "assistant", _assistant(message, field))
        elif role == "tool":
            _add(turns, "user", [_result(message, field)])
        else:
            _add(turns, "user", _parts(message.get("content"), f"{field}.content"))
    if not turns:
        raise UntranslatableError(Refusal("messages_without_turn", {"field": "messages"}))
    if turns[-1]["role"] == "assistant":
        raise UntranslatableError(Refusal("messages_end_with_answer", {"field": f"messages[{len(messages) - 1}].role"}))
    return system, [{"role": turn["role"], "content": _simple(turn["content"])} for turn in turns]


def simple(blocks: list[dict[str, Any]]) -> Any:
    """One plain text as a text, all else as blocks."""
    return _simple(blocks)


def tools_to_anthropic(tools: Any) -> list[dict[str, Any]]:
    """Function tools as client tools. Raises UntranslatableError."""
    made = []
    for index, tool in enumerate(records(tools, "tools")):
        field = f"tools[{index}]"
        if tool.get("type", "function") != "function":
            raise other_value(f"{field}.type", tool.get("type"), _TO, '"function"')
        only(tool, ("type", "function", "cache_control"), field, _TO)
        function = record_at(tool, "function", field)
        only(function, ("name", "description", "parameters", "strict"), f"{field}.function", _TO)
        parameters = function.get("parameters")
        one: dict[str, Any] = {"name": text_at(function, "name", f"{field}.function")}
        if function.get("description"):
            one["description"] = text_at(function, "description", f"{field}.function")
        if parameters is not None and not isinstance(parameters, dict):
            raise malformed(f"{field}.function.parameters", parameters)
        one["input_schema"] = parameters or {"type": "object", "properties": {}}
        if function.get("strict"):
            one["strict"] = True
        if tool.get("cache_control"):
            one["cache_control"] = tool["cache_control"]
        made.append(one)
    return made


def choice_to_anthropic(choice: Any, parallel: Any) -> dict[str, Any] | None:
    """``tool_choice`` with ``parallel_tool_calls``; None where both say what holds anyway. Raises UntranslatableError."""
    if parallel is not None and not isinstance(parallel, bool):
        raise malformed("parallel_tool_calls", parallel)
    if isinstance(choice, dict) and choice.get("type") == "function":
        function = record_at(choice, "function", "tool_choice")
        made: dict[str, Any] = {"type": "tool", "name": text_at(function, "name", "tool_choice.function")}
    elif choice is None or (isinstance(choice, str) and choice in _CHOICES):
        made = {"type": _CHOICES[choice or "auto"]}
    elif isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        raise instead("tool_choice.allowed_tools", "tools")
    else:
        raise other_value("tool_choice", choice, _TO, '"none", "auto", "required", {"type":"function",…}')
    if parallel is False and made["type"] != "none":
        made["disable_parallel_tool_use"] = True
    return None if made == {"type": "auto"} and choice is None else made


_CHOICES = {"none": "none", "auto": "auto", "required": "any"}


def _add(turns: list[dict[str, Any]], role: str, blocks: list[dict[str, Any]]) -> None:
    """A message that says nothing is none; neighbours of one role are one, as results of parallel calls must be."""
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": list(blocks)})


def _simple(blocks: list[dict[str, Any]]) -> Any:
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return blocks[0]["text"]
    return blocks


def _assistant(message: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    blocks = _thoughts(message.get("thinking_blocks"), f"{field}.thinking_blocks")
    blocks += _parts(message.get("content"), f"{field}.content")
    if message.get("refusal"):
        blocks.append({"type": "text", "text": text_at(message, "refusal", field)})
    calls = message.get("tool_calls")
    for index, call in enumerate(records(calls, f"{field}.tool_calls") if calls else ()):
        blocks.append(_call(call, f"{field}.tool_calls[{index}]"))
    return blocks


def _thoughts(thoughts: Any, field: str) -> list[dict[str, Any]]:
    """Signed thoughts as Anthropic gave them; it takes none that it has not signed."""
    kept = []
    for thought in records(thoughts, field) if thoughts else ():
        if thought.get("type") == "thinking" and thought.get("signature"):
            kept.append({key: thought.get(key) for key in ("type", "thinking", "signature")})
        elif thought.get("type") == "redacted_thinking" and thought.get("data"):
            kept.append({key: thought[key] for key in ("type", "data")})
    return kept


def _call(call: Mapping[str, Any], field: str) -> dict[str, Any]:
    if call.get("type", "function") != "function":
        raise other_value(f"{field}.type", call.get("type"), _TO, '"function"')
    only(call, ("id", "type", "function", "index"), field, _TO)
    function = record_at(call, "function", field)
    only(function, ("name", "arguments"), f"{field}.function", _TO)
    arguments = text_at(function, "arguments", f"{field}.function")
    given = any_of(arguments.encode("utf-8", "replace")) if arguments.strip() else {}
    if not isinstance(given, dict):
        raise malformed(f"{field}.function.arguments", arguments)
    name = text_at(function, "name", f"{field}.function")
    return {"type": "tool_use", "id": _id(text_at(call, "id", field)), "name": name, "input": given}


def _result(message: Mapping[str, Any], field: str) -> dict[str, Any]:
    content = message.get("content")
    result: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(text_at(message, "tool_call_id", field))}
    if content:
        result["content"] = content if isinstance(content, str) else _parts(content, f"{field}.content")
    return result


def _id(value: str) -> str:
    return _BAD_ID.sub("_", value)


def _parts(content: Any, field: str) -> list[dict[str, Any]]:
    """Blocks of a content; empty texts, which Anthropic refuses, are none."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    blocks = []
    for index, part in enumerate(records(content, field)):
        block = _part(part, f"{field}[{index}]")
        if block.get("text") != "":
            blocks.append(block)
    return blocks


def _part(part: Mapping[str, Any], field: str) -> dict[str, Any]:
    kind = part.get("type")
    if kind == "text":
        block: dict[str, Any] = {"type": "text", "text": text_at(part, "text", field)}
    elif kind == "refusal":
        block = {"type": "text", "text": text_at(part, "refusal", field)}
    elif kind == "image_url":
        block = _image(part, field)
    elif kind == "file":
        block = _file(record_at(part, "file", field), f"{field}.file")
    elif isinstance(kind, str):
        raise no_counterpart(f"{field}.{kind}", _TO)
    else:
        raise malformed(f"{field}.type", kind)
    only(part, ("type", kind, "cache_control", "prompt_cache_breakpoint"), field, _TO)
    mark = part.get("cache_control") or _mark(part.get("prompt_cache_breakpoint"))
    return {**block, "cache_control": mark} if mark else block


def _mark(breakpoint: Any) -> dict[str, Any] | None:
    """Where a prompt's beginning may be cached; the lifetimes of the vendors differ, the nearest is taken."""
    if not isinstance(breakpoint, dict):
        return None
    return {"type": "ephemeral", "ttl": "1h"} if breakpoint.get("ttl") == "12h" else {"type": "ephemeral"}


def _image(part: Mapping[str, Any], field: str) -> dict[str, Any]:
    image = part.get("image_url")
    if isinstance(image, str):
        image = {"url": image}
    if not isinstance(image, dict):
        raise malformed(f"{field}.image_url", image)
    only(image, ("url", "detail"), f"{field}.image_url", _TO)
    if image.get("detail") not in (None, "auto", "high"):
        raise other_value(f"{field}.image_url.detail", image["detail"], _TO, '"auto", "high"')
    url = text_at(image, "url", f"{field}.image_url")
    if url[:5].lower() != "data:":
        if not url.lower().startswith(("http://", "https://")):
            raise malformed(f"{field}.image_url.url", url)
        return {"type": "image", "source": {"type": "url", "url": url}}
    media, data = _bytes_of(url, f"{field}.image_url.url")
    if media not in _IMAGES:
        raise other_value(f"{field}.image_url.url", media, _TO, ", ".join(_IMAGES))
    return {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}}


def _file(file: Mapping[str, Any], field: str) -> dict[str, Any]:
    if file.get("file_id"):
        raise no_counterpart(f"{field}.file_id", _TO)
    only(file, ("file_data", "filename"), field, _TO)
    media, data = _bytes_of(text_at(file, "file_data", field), f"{field}.file_data")
    if media == "application/pdf":
        source = {"type": "base64", "media_type": media, "data": data}
    elif media == "text/plain":
        source = {"type": "text", "media_type": media, "data": _decoded(data, f"{field}.file_data")}
    else:
        raise other_value(f"{field}.file_data", media, _TO, "application/pdf, text/plain")
    title = file.get("filename")
    return {"type": "document", "source": source, **({"title": title} if isinstance(title, str) and title else {})}


def _bytes_of(url: str, field: str) -> tuple[str, str]:
    """Media type and base64 of a ``data:`` address."""
    found = _DATA.match(url)
    if found is None:
        raise malformed(field, url[:80])
    return found[1].lower(), url[found.end() :]


def _decoded(data: str, field: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as fault:
        raise malformed(field, data[:80]) from fault

"""Whole answers of one dialect in the other.

Thoughts travel as ``reasoning_content`` (what most servers call it) with ``thinking_blocks`` beside it, which keep the
signatures that Anthropic wants to see again; the other way as thoughts without a signature. Ids stay the upstream's.
Sources: ``openai`` 3.57.0 (``types.chat.chat_completion``), ``anthropic`` 2.14.0 (``types.message``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from jitsuri.providers.rules.counting_tokens import (
    tier_to_anthropic,
    tier_to_openai,
    usage_to_anthropic,
    usage_to_openai,
)
from jitsuri.providers.rules.ending import STOP_REASONS
from jitsuri.providers.rules.glancing import any_of
from jitsuri.providers.rules.reading import FINISHES
from jitsuri.terms.outcomes import Refusal

UNPARSED = "_unparsed_arguments"
"""Key of a tool's input whose arguments are no JSON object: Anthropic's input must be one, and no word is lost."""

_write = msgspec.json.Encoder().encode


def answer_to_openai(body: bytes, *, created: int) -> bytes | Refusal:
    """An Anthropic answer as a chat completion; ``created`` is unix time in seconds. Refuses ``answer_unreadable``."""
    answer = any_of(body)
    if not isinstance(answer, dict) or not isinstance(answer.get("content"), list):
        return Refusal("answer_unreadable", {"dialect": "Anthropic"})
    reason = answer.get("stop_reason")
    message = _message(answer["content"])
    details = answer.get("stop_details")
    if reason == "refusal" and isinstance(details, dict) and isinstance(details.get("explanation"), str):
        message["refusal"] = details["explanation"]
    usage = answer.get("usage") if isinstance(answer.get("usage"), dict) else None
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_to_openai(reason)}
    made: dict[str, Any] = {
        "id": _text(answer, "id"), "object": "chat.completion", "created": created, "model": _text(answer, "model"),
        "choices": [choice], "usage": usage_to_openai(usage),
    }  # fmt: skip
    tier = tier_to_openai((usage or {}).get("service_tier"))
    if tier is not None:
        made["service_tier"] = tier
    return _write(made)


def answer_to_anthropic(body: bytes) -> bytes | Refusal:
    """A chat completion as an Anthropic message. Refuses ``answer_unreadable``."""
    answer = any_of(body)
    choices = answer.get("choices") if isinstance(answer, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
        return Refusal("answer_unreadable", {"dialect": "OpenAI"})
    message = choice["message"]
    blocks = _blocks(message)
    has_calls = any(block["type"] == "tool_use" for block in blocks)
    reason = stop_to_anthropic(choice.get("finish_reason"), has_calls=has_calls)
    if _text(message, "refusal") and not message.get("content"):
        reason = "refusal"
    usage = usage_to_anthropic(answer.get("usage") if isinstance(answer.get("usage"), dict) else None)
    tier = tier_to_anthropic(answer.get("service_tier"))
    if tier is not None:
        usage["service_tier"] = tier
    return _write(
        {
            "id": _text(answer, "id"), "type": "message", "role": "assistant", "model": _text(answer, "model"),
            "content": blocks, "stop_reason": reason, "stop_sequence": None, "usage": usage,
        }
    )  # fmt: skip


def finish_to_openai(reason: Any) -> str:
    """A stop reason in OpenAI's words; an unknown one is an ordinary end."""
    return FINISHES.get(reason, "stop") if isinstance(reason, str) else "stop"


def stop_to_anthropic(finish: Any, *, has_calls: bool) -> str:
    """A finish reason in Anthropic's words; some servers say ``stop`` behind tool calls."""
    word = STOP_REASONS.get(FINISHES.get(finish, finish), "end_turn") if isinstance(finish, str) else "end_turn"
    return "tool_use" if has_calls and word == "end_turn" else word


def input_of(arguments: Any) -> dict[str, Any]:
    """A tool's arguments as the object that they are the JSON of."""
    if isinstance(arguments, dict):
        return arguments
    if not isinstance(arguments, str) or not arguments.strip():
        return {}
    given = any_of(arguments.encode("utf-8", "replace"))
    return given if isinstance(given, dict) else {UNPARSED: arguments}


def text_of(content: Any) -> str:
    """A content as one text: some servers answer with a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return "".join(_text(part, "text") for part in parts if isinstance(part, dict))


def thought_of(message: Mapping[str, Any]) -> str:
    """What a message or a delta tells of its thoughts, under either of the names in use."""
    for name in ("reasoning_content", "reasoning"):
        value = message.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _message(blocks: list[Any]) -> dict[str, Any]:
    texts, thoughts, signed, calls = [], [], [], []
    for block in blocks:
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        if kind == "text":
            texts.append(_text(block, "text"))
        elif kind == "tool_use":
            calls.append(_call(block))
        elif kind in ("thinking", "redacted_thinking"):
            thoughts.append(_text(block, "thinking"))
            signed.append(block)
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    message["refusal"] = None
    if calls:
        message["tool_calls"] = calls
    if any(thoughts):
        message["reasoning_content"] = "".join(thoughts)
    if signed:
        message["thinking_blocks"] = signed
    return message


def _call(block: Mapping[str, Any]) -> dict[str, Any]:
    arguments = block.get("input")
    function = {"name": _text(block, "name"), "arguments": _write({} if arguments is None else arguments).decode()}
    return {"id": _text(block, "id"), "type": "function", "function": function}


def _blocks(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    thought = thought_of(message)
    if thought:
        blocks.append({"type": "thinking", "thinking": thought, "signature": ""})
    texts = (text_of(message.get("content")), _text(message, "refusal"))
    blocks += [{"type": "text", "text": text} for text in texts if text]
    calls = message.get("tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            name, given = _text(function, "name"), input_of(function.get("arguments"))
            blocks.append(
                {"type": "tool_use", "id": _text(call, "id") or f"call_{index}", "name": name, "input": given}
            )
    return blocks


def _text(thing: Mapping[str, Any], key: str) -> str:
    value = thing.get(key)
    return value if isinstance(value, str) else ""

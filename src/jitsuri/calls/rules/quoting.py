"""Quoting a kept call: in which dialect it was made, what was asked last, and what the answer said, as a person reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

from jitsuri.calls.rules.extracting import prompts_of_request, text_of_content
from jitsuri.calls.rules.streaming import events_of


def instructions_of(request: str) -> str:
    """The system prompt of a kept request; '' where it has none or is no JSON object."""
    asked = _object(request)
    return "" if asked is None else prompts_of_request(asked)[0]


def dialect_of(request: str, response: str) -> Literal["openai", "anthropic", ""]:
    """In which dialect a chat was asked; '' where it is none (an embedding, a completion, a response without messages).

    Anthropic's requests tell it by ``system`` or by their answers; all others with messages are OpenAI's.
    """
    asked = _object(request)
    if asked is None or not isinstance(asked.get("messages"), list):
        return ""
    if "system" in asked or "stop_sequences" in asked or "anthropic_version" in asked:
        return "anthropic"
    kinds = {event.get("type") for event in _events(response)}
    return "anthropic" if kinds & {"message", "message_start"} else "openai"


def last_said(request: str) -> str:
    """The last message that a kept request brought; '' where there is none with a text."""
    asked = _object(request) or {}
    messages = asked.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict):
            found = text_of_content(message.get("content"))
            if found:
                return found
    return prompts_of_request(asked)[1]


def answer_said(response: str) -> str:
    """What a kept answer said, whole or streamed, in either dialect: its text, then its calls of tools, a line each."""
    texts: list[str] = []
    calls: dict[tuple[int, int], list[str]] = {}
    for event in _events(response):
        for at, said in _openai_parts(event):
            texts.append(text_of_content(said.get("content")))
            for place, call in enumerate(_dicts(said.get("tool_calls"))):
                function = call.get("function")
                if isinstance(function, dict):
                    its = calls.setdefault((at, _whole(call.get("index"), place)), ["", ""])
                    its[0] += str(function.get("name") or "")
                    its[1] += str(function.get("arguments") or "")
        _take_anthropic(event, texts, calls)
    lines = [f"{name}({arguments})" for name, arguments in calls.values()]
    return "\n".join(filter(None, ["".join(texts), *lines]))


def _take_anthropic(event: dict[str, Any], texts: list[str], calls: dict[tuple[int, int], list[str]]) -> None:
    """Text and calls of one event of Messages, or of a whole message."""
    kind, at = event.get("type"), _whole(event.get("index"), 0)
    if kind == "message":
        for place, block in enumerate(_dicts(event.get("content"))):
            _take_block(block, place, texts, calls)
    elif kind == "content_block_start" and isinstance(event.get("content_block"), dict):
        _take_block(event["content_block"], at, texts, calls)
    elif kind == "content_block_delta" and isinstance(event.get("delta"), dict):
        delta = event["delta"]
        texts.append(str(delta.get("text") or ""))
        if (0, at) in calls:
            calls[0, at][1] += str(delta.get("partial_json") or "")


def _take_block(
    block: dict[str, Any], at: int, texts: list[str], calls: dict[tuple[int, int], list[str]]
) -> None:  # fmt: skip
    if block.get("type") == "text":
        texts.append(str(block.get("text") or ""))
    elif block.get("type") == "tool_use":
        given = block.get("input")
        calls[0, at] = [str(block.get("name") or ""), json.dumps(given, ensure_ascii=False) if given else ""]


def _openai_parts(event: dict[str, Any]) -> Iterable[tuple[int, dict[str, Any]]]:
    """(which answer, its message or piece)."""
    for choice in _dicts(event.get("choices")):
        said = choice.get("message") or choice.get("delta")
        if isinstance(said, dict):
            yield _whole(choice.get("index"), 0), said


def _events(response: str) -> list[dict[str, Any]]:
    """The answer's events; of a whole answer the one object."""
    streamed = events_of(response)
    if streamed is not None:
        return streamed
    whole = _object(response)
    return [] if whole is None else [whole]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

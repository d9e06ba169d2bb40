"""The company's words and the first question out of a request, in every dialect's way of writing messages.

Images, audio, files and tool results are left out: they are no text by which a task is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_SYSTEM_ROLES = frozenset({"system", "developer"})
_USER_ROLES = frozenset({"user", "human"})
_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "refusal", ""})


def text_of_content(content: Any) -> str:
    """Text of a message's content: a string, a list of parts or blocks (text parts joined by line ends), one part."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(text for part in content if (text := text_of_content(part)))
    if isinstance(content, dict) and str(content.get("type") or "") in _TEXT_PARTS:
        inner = content.get("text", content.get("content"))
        return inner if isinstance(inner, str) else ""
    return ""


def prompts_of(messages: Iterable[Any]) -> tuple[str, str]:
    """``(system prompt, first user message)``: system and developer messages before the first user message, joined."""
    company: list[str] = []
    for message in messages:
        if isinstance(message, str):
            return "\n".join(company), message
        if not isinstance(message, dict):
            continue
        role = str(message.get("role") or message.get("type"))
        content = message.get("content")
        text = text_of_content(message.get("parts") if content is None else content)
        if role in _SYSTEM_ROLES:
            company.append(text)
        elif role in _USER_ROLES and text:
            return "\n".join(company), text
    return "\n".join(company), ""


def prompts_of_request(request: Mapping[str, Any]) -> tuple[str, str]:
    """``(system prompt, first user message)`` of a chat, responses, Anthropic, completion or embedding request."""
    messages = request.get("messages")
    if isinstance(messages, list):
        system, prompt = prompts_of(messages)
        own = request.get("system")
        return (_joined(text_of_content(own), system) if own else system), prompt
    given = request.get("input", request.get("prompt"))
    instructions = text_of_content(request.get("instructions"))
    if isinstance(given, list):
        system, prompt = prompts_of(given)
        return _joined(instructions, system), prompt
    return instructions, given if isinstance(given, str) else ""


def _joined(first: str, second: str) -> str:
    return f"{first}\n{second}" if first and second else first or second

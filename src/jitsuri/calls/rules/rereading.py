"""Kept texts read again: a request so that it can be asked anew, an answer as text and tool calls, whatever dialect they came in.

Bodies are as they were kept: a caller's JSON, an upstream's JSON, the events of a stream, or what a log made of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

Dialect = Literal["openai", "anthropic"]
Need = Literal["tools", "json", "images"]
"""What a request asks of whoever answers it, besides text."""

_NOT_SENT = frozenset({
    "stream", "stream_options", "n", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
    "prompt_cache_retention", "previous_response_id",
})  # fmt: skip
"""Fields that say nothing about the answer: how it is sent, who asked (another vendor need not know), at which price."""

_MAXIMA = ("max_completion_tokens", "max_tokens")
_SYSTEM_ROLES = ("system", "developer")
_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


@dataclass(frozen=True, slots=True)
class Reread:
    """A kept request that can be asked again. ``text`` is what its people wrote, instructions left out."""

    dialect: Dialect
    body: Mapping[str, Any]
    text: str
    needs: frozenset[Need] = frozenset()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: text, tool calls as (name, arguments as JSON text), and why it ended, in the OpenAI words ('' unknown)."""

    text: str
    tool_calls: tuple[tuple[str, str], ...] = ()
    finish: str = ""


@dataclass(slots=True)
class _Gathered:
    """What a stream's events add up to."""

    text: list[str] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    arguments: dict[int, list[str]] = field(default_factory=dict)
    finish: str = ""
    events: int = 0

    def add_call(self, index: int, name: object, arguments: object) -> None:
        if isinstance(name, str) and name:
            self.names[index] = name
        self.arguments.setdefault(index, []).append(arguments if isinstance(arguments, str) else "")

    def reply(self) -> Reply | None:
        if not self.events:
            return None
        calls = tuple((self.names.get(at, ""), "".join(parts)) for at, parts in sorted(self.arguments.items()))
        return Reply("".join(self.text), calls, self.finish)


def reread_request(kept: bytes, source: str = "") -> Reread | str:
    """A kept request, or the code of why it cannot be asked again.

    ``source`` is where the call came from (``import:anthropic``). Codes: ``request_unreadable``, ``request_not_chat`` (a
    list of messages is missing: another API, or a log that keeps less), ``request_without_text``.
    """
    body = _decoded(kept)
    if not isinstance(body, dict):
        return "request_unreadable"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        return "request_not_chat"
    dialect: Dialect = "anthropic" if _is_anthropic(body, source) else "openai"
    said = [one for one in messages if one.get("role") not in _SYSTEM_ROLES]
    text = "\n".join(part for one in said for part in _texts(one.get("content")))
    needs = _needs(body, messages)
    if not text.strip() and "images" not in needs:
        return "request_without_text"
    kept_fields = {name: value for name, value in body.items() if name not in _NOT_SENT}
    return Reread(dialect, kept_fields, text, needs)


def asked_again(request: Reread, most_output_tokens: int) -> bytes:
    """The body to send: a maximum that is named and at most this, no stream.

    The model's name is the asker's to put in.
    """
    body = dict(request.body)
    named = [name for name in _MAXIMA if isinstance(body.get(name), int) and not isinstance(body[name], bool)]
    for name in named:
        body[name] = min(body[name], most_output_tokens)
    if not named:
        body["max_tokens" if request.dialect == "anthropic" else "max_completion_tokens"] = most_output_tokens
    body.setdefault("model", "-")
    return msgspec.json.encode(body)


def reread_answer(kept: bytes) -> Reply | None:
    """A kept answer; None where it has none of the shapes that are known. Of several choices the first."""
    if kept.lstrip()[:5] in (b"data:", b"event") or kept.lstrip()[:1] == b":":
        return _added_up(_events(kept)).reply()
    found = _decoded(kept)
    if isinstance(found, str):  # a log that kept JSON as text
        within = _decoded(found.encode())
        return _answer(within) if isinstance(within, dict) else Reply(found)
    if isinstance(found, list):
        return _added_up(one for one in found if isinstance(one, dict)).reply()
    if not isinstance(found, dict):
        return None
    body = found.get("body")
    return _answer(body if isinstance(body, dict) else found)


def _decoded(kept: bytes) -> Any:
    try:
        return json.loads(kept)
    except (ValueError, RecursionError):
        return None


def _is_anthropic(body: Mapping[str, Any], source: str) -> bool:
    if "anthropic" in source or "system" in body or "anthropic_version" in body:
        return True
    tools = body.get("tools")
    if isinstance(tools, list) and tools and isinstance(tools[0], dict):
        return "input_schema" in tools[0]
    return any(
        isinstance(part, dict) and part.get("type") in ("tool_use", "tool_result")
        for one in body["messages"]
        for part in (one.get("content") if isinstance(one.get("content"), list) else ())
    )


def _needs(body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> frozenset[Need]:
    found: set[Need] = set()
    if (body.get("tools") or body.get("functions")) and body.get("tool_choice") != "none":
        found.add("tools")
    form = body.get("response_format")
    if (isinstance(form, dict) and form.get("type") not in (None, "text")) or body.get("output_config"):
        found.add("json")
    kinds = {part.get("type") for one in messages for part in _parts(one.get("content"))}
    if kinds & {"image_url", "image", "document", "file", "input_audio"}:
        found.add("images")
    return frozenset(found)


def _parts(content: Any) -> list[dict[str, Any]]:
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _texts(content: Any) -> list[str]:
    """The texts of a message's content, parts inside the results of tools included."""
    if isinstance(content, str):
        return [content]
    found: list[str] = []
    for part in _parts(content):
        if isinstance(part.get("text"), str):
            found.append(part["text"])
        elif part.get("type") == "tool_result":
            found += _texts(part.get("content"))
    return found


def _answer(found: Mapping[str, Any]) -> Reply | None:
    choices = found.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        message = choices[0].get("message")
        finish = choices[0].get("finish_reason")
        if isinstance(message, dict):
            return _message(message, finish if isinstance(finish, str) else "")
        return Reply(str(choices[0].get("text") or ""), (), str(finish or ""))
    if isinstance(found.get("output"), list):
        return _responses(found["output"])
    if "content" in found or found.get("role") == "assistant":
        stop = found.get("stop_reason")
        return _message(found, _FINISH.get(stop, stop) if isinstance(stop, str) else "")
    if isinstance(found.get("text"), str):
        return Reply(found["text"])
    messages = found.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        return _message(messages[-1], "")
    return None


def _message(message: Mapping[str, Any], finish: str) -> Reply:
    """A message of either dialect."""
    calls = [
        (str(call["function"].get("name") or ""), _arguments(call["function"].get("arguments")))
        for call in _parts(message.get("tool_calls"))
        if isinstance(call.get("function"), dict)
    ]
    content = message.get("content")
    calls += [
        (str(part.get("name") or ""), _arguments(part.get("input")))
        for part in _parts(content)
        if part.get("type") == "tool_use"
    ]
    text = content if isinstance(content, str) else "".join(_texts(content))
    return Reply(text, tuple(calls), finish)


def _responses(output: Sequence[Any]) -> Reply:
    """An answer of OpenAI's Responses API."""
    items = [one for one in output if isinstance(one, dict)]
    text = "".join(part for one in items if one.get("type") == "message" for part in _texts(one.get("content")))
    calls = tuple(
        (str(one.get("name") or ""), _arguments(one.get("arguments")))
        for one in items
        if one.get("type") == "function_call"
    )
    return Reply(text, calls)


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value if value is not None else {}, ensure_ascii=False)


def _events(kept: bytes) -> Iterator[dict[str, Any]]:
    for line in kept.decode("utf-8", "replace").splitlines():
        if line.startswith("data:"):
            event = _decoded(line[5:].strip().encode())
            if isinstance(event, dict):
                yield event


def _added_up(events: Iterable[Mapping[str, Any]]) -> _Gathered:
    found = _Gathered()
    for event in events:
        found.events += 1
        if isinstance(event.get("type"), str):
            _add_anthropic(found, event)
        else:
            _add_openai(found, event)
    return found


def _add_openai(found: _Gathered, event: Mapping[str, Any]) -> None:
    choice = next((one for one in _parts(event.get("choices")) if one.get("index", 0) == 0), None)
    if choice is None:
        return
    delta = choice.get("delta")
    if isinstance(delta, dict):
        if isinstance(delta.get("content"), str):
            found.text.append(delta["content"])
        for call in _parts(delta.get("tool_calls")):
            function = call.get("function")
            if isinstance(function, dict):
                found.add_call(int(call.get("index") or 0), function.get("name"), function.get("arguments"))
    if isinstance(choice.get("finish_reason"), str):
        found.finish = choice["finish_reason"]


def _add_anthropic(found: _Gathered, event: Mapping[str, Any]) -> None:
    delta = event.get("delta")
    block = event.get("content_block")
    index = event.get("index")
    at = index if isinstance(index, int) else 0
    if isinstance(block, dict) and block.get("type") == "tool_use":
        found.add_call(at, block.get("name"), "")
    if not isinstance(delta, dict):
        return
    if delta.get("type") == "text_delta":
        found.text.append(str(delta.get("text") or ""))
    elif delta.get("type") == "input_json_delta":
        found.add_call(at, "", delta.get("partial_json"))
    elif isinstance(delta.get("stop_reason"), str):
        reason: str = delta["stop_reason"]
        found.finish = _FINISH.get(reason, reason)

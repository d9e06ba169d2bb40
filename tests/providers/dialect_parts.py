"""The vendors' own libraries as judges, and streams in the shapes that the vendors send."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import anthropic
import httpx2
import openai
from anthropic.types import message_create_params
from openai.types.chat import completion_create_params
from pydantic import TypeAdapter

from jitsuri import words
from jitsuri.providers.rules.translating_requests import anthropic_to_openai, openai_to_anthropic
from jitsuri.providers.shapes import Manner
from jitsuri.terms.outcomes import Refusal

TEXTS = ["こんにちは", '"usage":{"x":1}', 'a\\"b', "\n\n", "data: [DONE]", "", "é\u2028ü", '{"finish_reason":"stop"}']
"""Texts that look like structure, or like the ends of lines."""


def transport(body: bytes | Iterable[bytes], status: int, headers: dict[str, str]) -> httpx2.MockTransport:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        content = body if isinstance(body, bytes) else iter(body)
        return httpx2.Response(status, headers=headers, content=content)

    return httpx2.MockTransport(answer)


def openai_client(
    body: bytes | Iterable[bytes], status: int = 200, headers: dict[str, str] | None = None, is_stream: bool = False
) -> openai.OpenAI:
    kind = "text/event-stream" if is_stream else "application/json"
    told = {"content-type": kind, **(headers or {})}
    http = httpx2.Client(transport=transport(body, status, told))
    return openai.OpenAI(api_key="k", base_url="https://llm.example.jp/v1", http_client=http, max_retries=0)


def anthropic_client(
    body: bytes | Iterable[bytes], status: int = 200, headers: dict[str, str] | None = None, is_stream: bool = False
) -> anthropic.Anthropic:
    kind = "text/event-stream" if is_stream else "application/json"
    told = {"content-type": kind, **(headers or {})}
    http = httpx2.Client(transport=transport(body, status, told))
    return anthropic.Anthropic(api_key="k", base_url="https://llm.example.jp", http_client=http, max_retries=0)


ASK_OPENAI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "はい"}]}
ASK_ANTHROPIC: dict[str, Any] = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "はい"}]}


def completion_of(stream: bytes) -> Any:
    """What OpenAI's own helper has gathered when a stream is over (its final completion refuses every cut one)."""
    with openai_client([stream], is_stream=True).chat.completions.stream(**ASK_OPENAI) as events:
        for _event in events:
            pass
        return events.current_completion_snapshot


def chunks_of(stream: bytes) -> list[Any]:
    return list(openai_client([stream], is_stream=True).chat.completions.create(**ASK_OPENAI, stream=True))


def message_of(stream: bytes) -> Any:
    """The message that Anthropic's own helper makes of a stream."""
    with anthropic_client([stream], is_stream=True).messages.stream(**ASK_ANTHROPIC) as events:
        return events.get_final_message()


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
    """One chunk as OpenAI sends it."""
    told: dict[str, Any] = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "gpt-x-2026",
        "service_tier": "default", "system_fingerprint": "fp_1",
        "choices": [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        "usage": None, **more,
    }  # fmt: skip
    return b"data: " + json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


USAGE = {
    "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 64}, "completion_tokens_details": {"reasoning_tokens": 8},
}  # fmt: skip
DONE = b"data: [DONE]\n\n"


def openai_text_stream(
    pieces: Iterable[str], *, finish: str = "stop", usage: bool = True, hidden: bool = False
) -> bytes:
    """A stream of text; ``hidden`` with OpenAI's padding field."""
    pad = (lambda n: {"obfuscation": "x" * (n % 7 + 1)}) if hidden else (lambda _n: {})
    made = [chunk({"role": "assistant", "content": "", "refusal": None})]
    made += [chunk({"content": piece}, **pad(n)) for n, piece in enumerate(pieces)]
    made.append(chunk({}, finish))
    if usage:
        made.append(chunk(None, usage=USAGE))
    return b"".join(made) + DONE


def event(kind: str, **more: Any) -> bytes:
    """One event as Anthropic sends it."""
    told = json.dumps({"type": kind, **more}, ensure_ascii=False)
    return f"event: {kind}\ndata: {told}\n\n".encode()


def started(**usage: Any) -> bytes:
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [],
        "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 36, "cache_read_input_tokens": 64, "output_tokens": 1, "service_tier": "standard",
                  **usage},
    }  # fmt: skip
    return event("message_start", message=message)


def block(index: int, start: dict[str, Any], deltas: Iterable[dict[str, Any]]) -> bytes:
    made = event("content_block_start", index=index, content_block=start)
    for delta in deltas:
        made += event("content_block_delta", index=index, delta=delta)
    return made + event("content_block_stop", index=index)


def text_block(index: int, pieces: Iterable[str]) -> bytes:
    return block(index, {"type": "text", "text": ""}, ({"type": "text_delta", "text": piece} for piece in pieces))


def tool_block(index: int, name: str, pieces: Iterable[str]) -> bytes:
    start = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    return block(index, start, ({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def thought_block(index: int, pieces: Iterable[str], signature: str) -> bytes:
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
    deltas.append({"type": "signature_delta", "signature": signature})
    return block(index, {"type": "thinking", "thinking": "", "signature": ""}, deltas)


def finished(reason: str = "end_turn", **usage: Any) -> bytes:
    told = {"output_tokens": 20, **usage}
    delta = {"stop_reason": reason, "stop_sequence": None}
    return event("message_delta", delta=delta, usage=told) + event("message_stop")


def anthropic_text_stream(pieces: Iterable[str]) -> bytes:
    return started() + event("ping") + text_block(0, pieces) + finished()


def cuts(data: bytes, at: Iterable[int]) -> Iterator[bytes]:
    """The data in chunks, cut at these places."""
    last = 0
    for place in sorted({place % (len(data) + 1) for place in at}):
        yield data[last:place]
        last = place
    yield data[last:]


NOW = Manner()
BEFORE = Manner(thinks="budget")
SAID = [{"role": "user", "content": "納期はいつですか。"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
PNG = "data:image/png;base64,iVBORw0KGgo="
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"city":"東京"}'}}
USE = {"type": "tool_use", "id": "call_1", "name": "f", "input": {"city": "東京"}}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
CLIENT_TOOL = {"name": "f", "description": "d", "input_schema": SCHEMA}

_MESSAGES = TypeAdapter(message_create_params.MessageCreateParams)
_COMPLETIONS = TypeAdapter(completion_create_params.CompletionCreateParams)
_SAMPLING = {"temperature", "top_p", "top_k"}
"""Fields of Anthropic's API version 2023-06-01 that its newest library no longer names."""


def exhausted(value: Any) -> Any:
    """The vendors' types hold iterables, which are checked as they are read."""
    if isinstance(value, Mapping):
        return {key: exhausted(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [exhausted(item) for item in value]
    return value


def to_anthropic(manner: Manner = NOW, /, **fields: Any) -> dict[str, Any]:
    made = openai_to_anthropic({"model": "m", "messages": SAID} | fields, manner)
    assert isinstance(made, dict), made
    exhausted(_MESSAGES.validate_python({key: made[key] for key in made.keys() - _SAMPLING}))
    assert made.keys() <= message_create_params.MessageCreateParamsStreaming.__annotations__.keys() | _SAMPLING | (
        message_create_params.MessageCreateParamsBase.__annotations__.keys()
    )
    return made


def to_openai(manner: Manner = NOW, /, **fields: Any) -> dict[str, Any]:
    made = anthropic_to_openai({"model": "m", "max_tokens": 1000, "messages": SAID} | fields, manner)
    assert isinstance(made, dict), made
    exhausted(_COMPLETIONS.validate_python(made))
    assert made.keys() <= completion_create_params.CompletionCreateParamsStreaming.__annotations__.keys() | (
        completion_create_params.CompletionCreateParamsBase.__annotations__.keys()
    )
    return made


def refused_to_anthropic(manner: Manner = NOW, /, **fields: Any) -> Refusal:
    refusal = openai_to_anthropic({"model": "m", "messages": SAID} | fields, manner)
    return checked(refusal)


def refused_to_openai(manner: Manner = NOW, /, **fields: Any) -> Refusal:
    refusal = anthropic_to_openai({"model": "m", "max_tokens": 1000, "messages": SAID} | fields, manner)
    return checked(refusal)


def checked(refusal: Any) -> Refusal:
    """Every refusal names a field and has its sentence in both languages."""
    assert isinstance(refusal, Refusal), refusal
    assert refusal.facts["field"]
    for language in words.LANGUAGES:
        assert str(refusal.facts["field"]) in words.text(f"refusal.{refusal.code}", language, **refusal.facts)
    return refusal

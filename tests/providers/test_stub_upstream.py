"""The stub speaks as the vendors do: their own libraries and types take every answer, and its misbehaviour is exact."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types import CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter
from stub_answers import Content, chat, chat_events, embeddings, input_tokens, message, message_events, tokens_of
from stub_upstream import Behaviour, StubUpstream, behaviour_named

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": WEATHER}} for name in ("weather", "calendar")]
ASKED: dict[str, Any] = {"model": "stub", "messages": [{"role": "user", "content": "納期を教えてください。"}]}
CHATS: dict[str, dict[str, Any]] = {
    "plain": {},
    "n": {"n": 3},
    "tools": {"tools": TOOLS},
    "one tool": {"tools": TOOLS, "parallel_tool_calls": False},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}},
    "cut": {"max_completion_tokens": 5},
    "thought": {"reasoning_effort": "low"},
    "tier": {"service_tier": "flex"},
    "usage": {"stream_options": {"include_usage": True}},
}
CLAUDE_TOOLS = [{"name": name, "input_schema": WEATHER} for name in ("weather", "calendar")]
MARKED = [{"type": "text", "text": "社内規程 " * 50, "cache_control": {"type": "ephemeral"}}]
MESSAGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "thinking": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    "tools": {"tools": CLAUDE_TOOLS},
    "thinking and a tool": {
        "thinking": {"type": "adaptive"},
        "tools": CLAUDE_TOOLS,
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    },
    "cached": {"system": MARKED},
    "cut": {"max_tokens": 4},
    "stopped": {"stop_sequences": ["。"]},
}


@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("asked", CHATS.values(), ids=CHATS)
def test_whole_chats_are_chat_completions(asked: dict[str, Any], extra: bool) -> None:
    told = ChatCompletion.model_validate(chat({**ASKED, **asked}, Content(extra=extra)), strict=True)

    assert len(told.choices) == asked.get("n", 1)
    assert told.usage is not None
    assert told.usage.prompt_tokens == input_tokens({**ASKED, **asked})


@pytest.mark.parametrize("quirks", ["", "azure"])
@pytest.mark.parametrize("asked", CHATS.values(), ids=CHATS)
def test_streamed_chats_are_chunks_and_say_the_same_as_whole_ones(asked: dict[str, Any], quirks: Any) -> None:
    wanted = {**ASKED, **asked, "stream_options": {"include_usage": True}}
    chunks = [ChatCompletionChunk.model_validate(one, strict=True) for one in chat_events(wanted, quirks=quirks)]
    whole = ChatCompletion.model_validate(chat(wanted))

    for choice in whole.choices:
        mine = [c for chunk in chunks for c in chunk.choices if c.index == choice.index]
        assert "".join(c.delta.content or "" for c in mine) == (choice.message.content or "")
        assert mine[-1].finish_reason == choice.finish_reason
        calls: dict[int, str] = {}
        for one in (call for c in mine for call in c.delta.tool_calls or []):
            assert one.function is not None
            calls[one.index] = calls.get(one.index, "") + (one.function.arguments or "")
        assert list(calls.values()) == [c.function.arguments for c in choice.message.tool_calls or []]
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_without_asking_for_it_a_stream_tells_no_usage() -> None:
    assert all("usage" not in event for event in chat_events(ASKED))


def test_gemini_tells_usage_on_every_chunk_and_tool_calls_without_an_index() -> None:
    asked = {**ASKED, "tools": TOOLS, "stream_options": {"include_usage": True}, "reasoning_effort": "low"}
    events = chat_events(asked, quirks="gemini")

    assert all(event["usage"]["total_tokens"] > event["usage"]["prompt_tokens"] for event in events)
    last = events[-1]["usage"]
    assert last["total_tokens"] > last["prompt_tokens"] + last["completion_tokens"]
    calls = [call for event in events for call in event["choices"][0]["delta"].get("tool_calls", [])]
    assert len(calls) == 2
    assert all("index" not in call for call in calls)
    assert events[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("asked", MESSAGES.values(), ids=MESSAGES)
@pytest.mark.parametrize("has_cache", [False, True])
def test_whole_messages_are_messages(asked: dict[str, Any], has_cache: bool) -> None:
    told = Message.model_validate(message({**ASKED, "max_tokens": 100, **asked}, has_cache=has_cache), strict=True)

    assert told.usage.output_tokens > 0
    if asked.get("system"):
        read, written = told.usage.cache_read_input_tokens, told.usage.cache_creation_input_tokens
        assert (bool(read), bool(written)) == (has_cache, not has_cache)


@pytest.mark.parametrize("asked", MESSAGES.values(), ids=MESSAGES)
def test_streamed_messages_are_events_and_say_the_same_as_whole_ones(asked: dict[str, Any]) -> None:
    wanted = {**ASKED, "max_tokens": 100, **asked}
    events = message_events(wanted)
    adapter: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    for event in events:
        if event["type"] != "ping":
            adapter.validate_python(event)

    whole = message(wanted)
    blocks: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_delta":
            delta = event["delta"]
            told = delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
            blocks[event["index"]] = blocks.get(event["index"], "") + told
    wanted_texts = [
        b.get("text") or b.get("thinking") or json.dumps(b["input"], ensure_ascii=False) for b in whole["content"]
    ]
    assert list(blocks.values()) == wanted_texts
    assert events[-2]["delta"]["stop_reason"] == whole["stop_reason"]
    assert events[-2]["usage"]["output_tokens"] == whole["usage"]["output_tokens"]
    assert [e["type"] for e in events].count("ping") == (1 if whole["content"] else 0)


def test_embeddings_are_embeddings_in_floats_and_in_base64() -> None:
    asked = {"model": "stub", "input": ["一", "二"], "dimensions": 4}
    told = CreateEmbeddingResponse.model_validate(embeddings(asked))

    assert [len(one.embedding) for one in told.data] == [4, 4]
    assert isinstance(embeddings({**asked, "encoding_format": "base64"})["data"][0]["embedding"], str)


@pytest.fixture
def chats(stub: StubUpstream) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=stub.url, api_key="sk-stub", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(stub: StubUpstream) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=stub.origin, api_key="sk-stub", max_retries=0) as client:
        yield client


def _ask(client: openai.OpenAI, model: str = "stub", **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=ASKED["messages"], **more)


def test_the_openai_library_takes_answers_streams_vectors_models_and_sounds(
    chats: openai.OpenAI, stub: StubUpstream
) -> None:
    whole = _ask(chats)
    with _ask(chats, stream=True, stream_options={"include_usage": True}) as stream:
        chunks = list(stream)
    with chats.chat.completions.stream(model="stub", messages=ASKED["messages"], tools=TOOLS) as helped:  # type: ignore[arg-type]
        final = helped.get_final_completion()

    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert [c.function.name for c in final.choices[0].message.tool_calls or []] == ["weather", "calendar"]
    assert len(chats.embeddings.create(model="stub", input="一").data[0].embedding) == 8
    assert isinstance(chats.models.list().data[0], Model)
    assert chats.audio.speech.create(model="stub", voice="alloy", input="はい").content.startswith(b"ID3")
    assert [one.path for one in stub.requests[3:]] == ["/v1/embeddings", "/v1/models", "/v1/audio/speech"]


def test_the_anthropic_library_takes_answers_and_streams(claude: anthropic.Anthropic, stub: StubUpstream) -> None:
    asked: Any = {"model": "stub", "max_tokens": 200, "messages": ASKED["messages"], "tools": CLAUDE_TOOLS}
    asked["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    whole = claude.messages.create(**asked)
    with claude.messages.stream(**asked) as stream:
        final = stream.get_final_message()

    assert [block.type for block in whole.content] == ["thinking", "tool_use", "tool_use"]
    assert [b.to_dict() for b in final.content] == [b.to_dict() for b in whole.content]
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert claude.messages.count_tokens(model="stub", messages=ASKED["messages"]).input_tokens == input_tokens(ASKED)
    assert claude.models.list().data[0].id == "stub"


def test_what_is_marked_to_be_cached_is_written_once_and_read_afterwards(claude: anthropic.Anthropic) -> None:
    asked: Any = {"model": "stub", "max_tokens": 50, "messages": ASKED["messages"], "system": MARKED}

    first, second = claude.messages.create(**asked).usage, claude.messages.create(**asked).usage

    marked = tokens_of("社内規程 " * 50)
    assert (first.cache_creation_input_tokens, first.cache_read_input_tokens) == (marked, 0)
    assert (second.cache_creation_input_tokens, second.cache_read_input_tokens) == (0, marked)
    assert first.input_tokens == second.input_tokens == input_tokens(asked) - marked


@pytest.mark.parametrize(
    ("model", "error", "code"),
    [
        ("stub-401", openai.AuthenticationError, "invalid_api_key"),
        ("stub-429", openai.RateLimitError, "rate_limit_exceeded"),
        ("stub-quota", openai.RateLimitError, "insufficient_quota"),
        ("stub-unknown", openai.NotFoundError, "model_not_found"),
        ("stub-503", openai.InternalServerError, None),
        ("stub-html-502", openai.InternalServerError, None),
    ],
)
def test_refusals_become_the_librarys_own_errors(
    chats: openai.OpenAI, model: str, error: Any, code: str | None
) -> None:
    with pytest.raises(error) as raised:
        _ask(chats, model)

    assert raised.value.code == code


def test_anthropics_refusals_too(claude: anthropic.Anthropic) -> None:
    ask: Any = lambda model: claude.messages.create(model=model, max_tokens=9, messages=ASKED["messages"])  # noqa: E731
    with pytest.raises(anthropic.APIStatusError) as raised:
        ask("stub-529")
    assert raised.value.body == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "stub error 529"},
        "request_id": "req_stub",
    }
    with pytest.raises(anthropic.RateLimitError) as limited:
        ask("stub-429-retry-after-7")
    assert limited.value.response.headers["retry-after"] == "7"


def _raw(stub: StubUpstream, model: str, *, stream: bool = False) -> bytes:
    """Everything that comes back for one request, as bytes, until the stub closes or a second passes."""
    body = json.dumps({**ASKED, "model": model, "stream": stream}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", stub.port), timeout=1) as sock:
        sock.sendall(head.encode() + body)
        found = b""
        try:
            while part := sock.recv(65536):
                found += part
        except TimeoutError:
            found += b"<waiting>"
    return found


@pytest.mark.slow
def test_misbehaviour_on_the_wire_is_exact(stub: StubUpstream) -> None:
    def body_of(model: str, *, stream: bool = False) -> bytes:
        return _raw(stub, model, stream=stream).partition(b"\r\n\r\n")[2]

    assert _raw(stub, "stub-garbage").startswith(b"\x00\xff")
    right = body_of("stub")
    assert len(body_of("stub-truncated")) < len(right)
    long, told = body_of("stub-long-length"), _raw(stub, "stub-long-length")
    assert f"content-length: {len(long) + 10}".encode() in told
    assert body_of("stub-empty") == b""
    assert b"location: http://203.0.113.1/elsewhere" in _raw(stub, "stub-redirect")
    assert body_of("stub-gzip").startswith(b"\x1f\x8b")
    assert body_of("stub-close-3", stream=True).count(b"data: ") == 3
    assert body_of("stub-stall-3", stream=True).count(b"data: ") == 3
    assert body_of("stub-stall-3", stream=True).endswith(b"<waiting>")
    assert body_of("stub-garbage-3", stream=True).endswith(b"\x00\r\n")
    assert b'"error"' in body_of("stub-error-after-3", stream=True)
    assert body_of("stub-crlf", stream=True).count(b"\r\n\r\n") > 10
    assert b": STUB PROCESSING" in body_of("stub-comments", stream=True)
    assert b"[DONE]" not in body_of("stub-truncated", stream=True)
    assert b"[DONE]" in body_of("stub", stream=True)


@pytest.mark.parametrize(
    ("model", "check"),
    [
        ("stub-tokens-500", lambda u: u["completion_tokens"] == 500),
        ("stub-usage-negative", lambda u: u["completion_tokens"] < 0),
        ("stub-usage-huge", lambda u: u["completion_tokens"] > 10**14),
        ("stub-usage-text", lambda u: isinstance(u["completion_tokens"], str)),
        ("stub-usage-null", lambda u: u is None),
    ],
)
def test_usage_can_be_chosen_or_absurd(stub: StubUpstream, model: str, check: Any) -> None:
    assert check(json.loads(_raw(stub, model).partition(b"\r\n\r\n")[2])["usage"])
    assert "usage" not in json.loads(_raw(stub, "stub-no-usage").partition(b"\r\n\r\n")[2])


def test_behaviours_queue_up_per_model_and_requests_are_recorded(chats: openai.OpenAI, stub: StubUpstream) -> None:
    stub.behave(Behaviour(text="二番"), model="b")
    stub.behave(Behaviour(text="一番"), times=2)

    said = [_ask(chats, model).choices[0].message.content for model in ("a", "b", "a", "a")]

    assert said[:3] == ["一番", "二番", "一番"]
    assert said[3].startswith("承知しました")
    assert [one.model for one in stub.requests] == ["a", "b", "a", "a"]
    assert stub.last.headers["authorization"] == "Bearer sk-stub"
    assert all(one.answered and not one.cancelled for one in stub.requests)


def test_a_client_that_leaves_is_recorded(chats: openai.OpenAI, stub: StubUpstream) -> None:
    stream = _ask(chats, "stub-drip-0.05", stream=True)
    next(iter(stream))
    stream.close()

    stub.wait(lambda: stub.cancelled)
    assert 1 <= stub.last.events_sent < 20
    stub.wait(lambda: stub.open_connections == 0)


def test_every_documented_name_has_a_behaviour() -> None:
    names = [
        line.split("``")[1]
        for line in (sys.modules["stub_upstream"].__doc__ or "").splitlines()
        if line.startswith("``stub-")
    ]

    assert len(names) > 25
    assert [name for name in names if behaviour_named(name) == Behaviour()] == []


def test_it_runs_as_a_process_of_its_own() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("stub_upstream.py")), str(port)])
    try:
        until_s = time.monotonic() + 10
        while time.monotonic() < until_s:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)

        def call(path: str, body: Any) -> Any:
            asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode())
            with urllib.request.urlopen(asked, timeout=5) as answer:
                return json.load(answer)

        call("/stub/behave", {"behaviour": {"text": "別の過程"}})
        assert call("/v1/chat/completions", ASKED)["choices"][0]["message"]["content"] == "別の過程"
        assert [one["path"] for one in call("/stub/requests", {})] == ["/v1/chat/completions"]
        call("/stub/reset", {})
        assert call("/stub/requests", {}) == []
    finally:
        process.terminate()
        process.wait(10)

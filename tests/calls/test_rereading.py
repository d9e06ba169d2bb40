"""Kept texts read again, whatever dialect and shape they were kept in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jitsuri.calls.rules.rereading import Reply, Reread, asked_again, reread_answer, reread_request

ASKED = {"model": "gpt-4o", "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "納期は？"}]}


def request(**more: Any) -> Reread:
    found = reread_request(json.dumps({**ASKED, **more}).encode())
    assert isinstance(found, Reread), found
    return found


def test_a_request_is_asked_as_it_was_without_who_asked_and_how_it_was_sent() -> None:
    found = request(stream=True, n=3, user="u-1", metadata={"a": "b"}, temperature=0.2, max_tokens=900)
    body = json.loads(asked_again(found, 500))

    assert (found.dialect, found.text, found.needs) == ("openai", "納期は？", frozenset())
    assert body == {"model": "gpt-4o", "messages": ASKED["messages"], "temperature": 0.2, "max_tokens": 500}
    assert json.loads(asked_again(request(), 500))["max_completion_tokens"] == 500
    assert json.loads(asked_again(request(max_completion_tokens=20), 500))["max_completion_tokens"] == 20


def test_what_a_request_needs_is_seen() -> None:
    tools = [{"type": "function", "function": {"name": "find"}}]
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]}]

    assert request(tools=tools).needs == {"tools"}
    assert request(tools=tools, tool_choice="none").needs == frozenset()
    assert request(response_format={"type": "json_schema", "json_schema": {}}).needs == {"json"}
    assert request(response_format={"type": "text"}).needs == frozenset()
    assert request(messages=picture).needs == {"images"}


def test_an_anthropic_request_is_known_by_what_only_it_has() -> None:
    body = {"model": "claude", "messages": [{"role": "user", "content": "x"}], "max_tokens": 9000}

    assert request(system="S").dialect == "anthropic"
    found = reread_request(json.dumps(body).encode(), "import:anthropic")
    assert isinstance(found, Reread)
    assert found.dialect == "anthropic"
    assert json.loads(asked_again(found, 100))["max_tokens"] == 100


@pytest.mark.parametrize(
    ("kept", "code"),
    [(b"{", "request_unreadable"), (b"[]", "request_unreadable"), (b'{"input": "x"}', "request_not_chat"),
     (b'{"messages": []}', "request_not_chat"), (b'{"messages": [{"role": "system", "content": "x"}]}', "request_without_text"),
     (b'{"messages": "x"}', "request_not_chat"), (b'{"messages": [1]}', "request_not_chat")],
)  # fmt: skip
def test_what_cannot_be_asked_again_says_why(kept: bytes, code: str) -> None:
    assert reread_request(kept) == code


CALL = {"id": "1", "type": "function", "function": {"name": "find", "arguments": '{"a": 1}'}}
OPENAI_EVENTS = [
    {"choices": [{"index": 0, "delta": {"content": "納"}}]}, {"choices": [{"index": 0, "delta": {"content": "期"}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"name": "find", "arguments": '{"a"'}}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}, "finish_reason": "tool_calls"}]},
    {"choices": [], "usage": {}},
]  # fmt: skip
ANTHROPIC_EVENTS = [
    {"type": "message_start", "message": {}}, {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "納期"}},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": "find", "input": {}}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a": 1}'}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"},
]  # fmt: skip
OPENAI_WHOLE = {
    "choices": [{"message": {"content": "納期", "tool_calls": [CALL]}, "finish_reason": "tool_calls"}],
}  # fmt: skip
ANTHROPIC_WHOLE = {
    "type": "message", "stop_reason": "tool_use",
    "content": [{"type": "text", "text": "納期"}, {"type": "tool_use", "name": "find", "input": {"a": 1}}],
}  # fmt: skip
BOTH = Reply("納期", (("find", '{"a": 1}'),), "tool_calls")


def stream(events: list[dict[str, Any]]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events) + b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("kept", "reply"),
    [
        (json.dumps(OPENAI_WHOLE).encode(), BOTH), (json.dumps(ANTHROPIC_WHOLE).encode(), BOTH),
        (stream(OPENAI_EVENTS), BOTH), (stream(ANTHROPIC_EVENTS), BOTH), (json.dumps(OPENAI_EVENTS).encode(), BOTH),
        (b'{"text": "x"}', Reply("x")), (b'"x"', Reply("x")), (b'{"body": {"choices": [{"message": {"content": "x"}}]}}', Reply("x")),
        (b'{"role": "assistant", "content": "x"}', Reply("x")), (b'{"messages": [{"role": "assistant", "content": "x"}]}', Reply("x")),
        (b'{"output": [{"type": "message", "content": [{"type": "output_text", "text": "x"}]}]}', Reply("x")),
        (b'{"choices": [{"message": {"content": null, "refusal": "no"}, "finish_reason": "stop"}]}', Reply("", (), "stop")),
        (b"[]", None), (b"{", None), (b"12", None), (b"data: nothing\n\n", None), (b'{"error": {}}', None),
    ],
)  # fmt: skip
def test_an_answer_is_read_in_every_shape_it_is_kept_in(kept: bytes, reply: Reply | None) -> None:
    assert reread_answer(kept) == reply

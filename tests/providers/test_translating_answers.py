"""Whole answers in the other dialect, read by the vendors' own libraries."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message
from dialect_parts import ASK_ANTHROPIC, ASK_OPENAI, USAGE, anthropic_client, openai_client
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from jitsuri import words
from jitsuri.calls.rules.counting import usage_of_anthropic, usage_of_openai
from jitsuri.providers.rules.counting_tokens import usage_to_anthropic, usage_to_openai
from jitsuri.providers.rules.translating_answers import UNPARSED, answer_to_anthropic, answer_to_openai
from jitsuri.terms.outcomes import Refusal

MESSAGE: dict[str, Any] = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "まず", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "eA=="},
        {"type": "text", "text": "調べ"}, {"type": "text", "text": "ます。"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"city": "東京"}},
        {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
    ],
    "stop_reason": "tool_use", "stop_sequence": None,
    "usage": {"input_tokens": 30, "cache_read_input_tokens": 64, "cache_creation_input_tokens": 6, "output_tokens": 20,
              "output_tokens_details": {"thinking_tokens": 8}, "service_tier": "priority"},
}  # fmt: skip
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-x", "service_tier": "default",
    "choices": [{"index": 0, "logprobs": None, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "調べます。", "refusal": None, "annotations": [], "reasoning_content": "まず",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"city": "東京"}'}},
            {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": ""}},
        ],
    }}],
    "usage": USAGE,
}  # fmt: skip


def as_completion(message: dict[str, Any]) -> ChatCompletion:
    body = answer_to_openai(json.dumps(message).encode(), created=1_790_000_000)
    assert isinstance(body, bytes)
    ChatCompletion.model_validate_json(body, strict=True)
    return openai_client(body).chat.completions.create(**ASK_OPENAI)


def as_message(completion: dict[str, Any]) -> Message:
    body = answer_to_anthropic(json.dumps(completion).encode())
    assert isinstance(body, bytes)
    Message.model_validate_json(body)
    return anthropic_client(body).messages.create(**ASK_ANTHROPIC)


def test_a_message_is_a_completion_for_openais_library() -> None:
    made = as_completion(MESSAGE)

    choice = made.choices[0]
    assert (made.id, made.model, made.created, made.service_tier) == ("msg_1", "claude-x", 1_790_000_000, "priority")
    assert (choice.message.content, choice.finish_reason) == ("調べます。", "tool_calls")
    calls = choice.message.tool_calls or []
    assert [(call.id, call.function.name, call.function.arguments) for call in calls if call.type == "function"] == [
        ("toolu_1", "f", '{"city":"東京"}'), ("toolu_2", "g", "{}"),
    ]  # fmt: skip
    assert choice.message.to_dict()["reasoning_content"] == "まず"
    assert choice.message.to_dict()["thinking_blocks"] == MESSAGE["content"][:2]
    assert made.usage is not None
    assert made.usage.to_dict() == {
        "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 6},
        "completion_tokens_details": {"reasoning_tokens": 8},
    }  # fmt: skip


def test_a_completion_is_a_message_for_anthropics_library() -> None:
    made = as_message(COMPLETION)

    assert (made.id, made.model, made.stop_reason) == ("chatcmpl-1", "gpt-x", "tool_use")
    assert [block.to_dict() for block in made.content] == [
        {"type": "thinking", "thinking": "まず", "signature": ""},
        {"type": "text", "text": "調べます。"},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"city": "東京"}},
        {"type": "tool_use", "id": "call_2", "name": "g", "input": {}},
    ]
    assert made.usage.to_dict() == {
        "input_tokens": 36, "output_tokens": 20, "cache_read_input_tokens": 64, "cache_creation_input_tokens": 0,
        "output_tokens_details": {"thinking_tokens": 8}, "service_tier": "standard",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls"),
     ("refusal", "content_filter"), ("model_context_window_exceeded", "length"), ("new_reason", "stop")],
)  # fmt: skip
def test_every_stop_reason_has_its_finish_reason(reason: str, finish: str) -> None:
    assert as_completion(MESSAGE | {"stop_reason": reason}).choices[0].finish_reason == finish


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("eos", "end_turn"),
        (None, "end_turn"),
    ],
)
def test_every_finish_reason_has_its_stop_reason(finish: str | None, reason: str) -> None:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": "a"}}

    assert as_message(COMPLETION | {"choices": [choice]}).stop_reason == reason


def test_calls_behind_an_ordinary_stop_are_calls() -> None:
    choice = COMPLETION["choices"][0] | {"finish_reason": "stop"}

    assert as_message(COMPLETION | {"choices": [choice]}).stop_reason == "tool_use"


def test_refusals_are_refusals_in_both() -> None:
    details = {"type": "refusal", "category": None, "explanation": "お答えできません。"}
    refused = as_completion(MESSAGE | {"content": [], "stop_reason": "refusal", "stop_details": details}).choices[0]
    assert (refused.finish_reason, refused.message.refusal) == ("content_filter", "お答えできません。")

    message = {"role": "assistant", "content": None, "refusal": "お答えできません。"}
    back = as_message(COMPLETION | {"choices": [{"index": 0, "finish_reason": "stop", "message": message}]})
    assert back.stop_reason == "refusal"
    assert [block.to_dict() for block in back.content] == [{"type": "text", "text": "お答えできません。"}]


def test_arguments_that_are_no_json_are_not_lost() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"city": "東'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    made = as_message(COMPLETION | {"choices": [{"index": 0, "finish_reason": "length", "message": message}]})

    assert made.content[0].to_dict()["input"] == {UNPARSED: '{"city": "東'}
    assert made.stop_reason == "max_tokens"


def test_a_message_of_calls_only_has_no_content() -> None:
    message = as_completion(MESSAGE | {"content": MESSAGE["content"][-1:]}).choices[0].message

    assert message.content is None
    assert len(message.tool_calls or []) == 1


def test_both_usages_count_the_same() -> None:
    """The ledger reads either and gets the same numbers."""
    anthropic, openai = MESSAGE["usage"], usage_to_openai(MESSAGE["usage"])

    assert usage_of_anthropic(anthropic) == usage_of_openai(openai, "anthropic")
    assert usage_of_anthropic(usage_to_anthropic(USAGE)) == usage_of_openai(USAGE, "openai")


def test_an_answer_of_another_shape_is_refused_with_a_sentence() -> None:
    for refusal in (answer_to_openai(b"<html>", created=1), answer_to_anthropic(b'{"choices":[]}')):
        assert isinstance(refusal, Refusal)
        for language in words.LANGUAGES:
            assert words.text(f"refusal.{refusal.code}", language, **refusal.facts)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "tool_calls", "function", "arguments", "usage", "type", "text",
                         "input", "stop_reason", "finish_reason", "prompt_tokens_details", "stop_details"]),
        inner, max_size=4,
    ),
    max_leaves=16,
)  # fmt: skip


@given(JSONS, st.booleans())
@settings(max_examples=500, deadline=None)
def test_any_answer_is_translated_or_refused_never_an_exception(value: Any, is_framed: bool) -> None:
    if is_framed:
        completion: Any = {
            "choices": [{"message": value if isinstance(value, dict) else {"content": value}}],
            "usage": value,
        }
        message: Any = {"content": value if isinstance(value, list) else [value], "usage": value}
    else:
        completion = message = value
    for made in (
        answer_to_openai(json.dumps(message).encode(), created=1),
        answer_to_anthropic(json.dumps(completion).encode()),
    ):
        assert isinstance(made, bytes | Refusal)
        if isinstance(made, bytes):
            json.loads(made)

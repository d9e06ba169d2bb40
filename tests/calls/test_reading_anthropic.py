"""Anthropic-shaped logs: counts made inclusive, cache lives, streams, batch results."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jitsuri.calls.shapes import Fault
from jitsuri.terms.usage import Usage

MESSAGE: dict[str, Any] = {
    "timestamp": "2026-11-20T00:15:30Z",
    "request": {
        "model": "claude-haiku-5-5",
        "max_tokens": 1024,
        "system": [
            {"type": "text", "text": "見積書から項目を読み取ってください。", "cache_control": {"type": "ephemeral"}}
        ],
        "messages": [
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
                {"type": "text", "text": "合計はいくらですか。"},
            ]},
        ],
    },
    "response": {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": [{"type": "text", "text": "一万円です。"}],
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 50,
            "cache_creation_input_tokens": 300,
            "cache_read_input_tokens": 2000,
            "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
            "output_tokens": 80,
            "output_tokens_details": {"thinking_tokens": 30},
            "server_tool_use": {"web_search_requests": 2},
            "service_tier": "priority",
            "inference_geo": "us",
        },
    },
}  # fmt: skip
COUNTED = Usage(
    input_tokens=2350,  # 50 + 300 + 2000
    output_tokens=80,
    cache_read_tokens=2000,
    cache_write_tokens=300,
    cache_write_1h_tokens=100,
    reasoning_tokens=30,
    web_searches=2,
)


def test_a_message_is_read_with_cached_tokens_in_the_input(read):
    call = read(MESSAGE)
    assert (call.source, call.provider) == ("anthropic", "anthropic")
    assert call.usage == COUNTED
    assert (call.tier, call.region) == ("priority", "us")
    assert (call.system_prompt, call.prompt) == ("見積書から項目を読み取ってください。", "合計はいくらですか。")
    assert call.response_id == "msg_013Zva2CMHLNnXjNJJKqJ2EF"


def test_cache_writes_are_summed_where_only_their_lives_are_told(read):
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_creation": {"ephemeral_5m_input_tokens": 200,
             "ephemeral_1h_input_tokens": 100}}  # fmt: skip
    call = read({**MESSAGE, "response": {**MESSAGE["response"], "usage": usage}})
    assert call.usage == Usage(input_tokens=310, output_tokens=5, cache_write_tokens=300, cache_write_1h_tokens=100)


def test_a_streamed_message_takes_the_last_counts(read):
    start = {**MESSAGE["response"], "usage": {"input_tokens": 50, "cache_read_input_tokens": 2000, "output_tokens": 1}}
    events = [
        {"type": "message_start", "message": start},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "一万"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 80}},
        {"type": "message_stop"},
    ]
    call = read({**MESSAGE, "response": events})
    assert call.usage == Usage(input_tokens=2050, output_tokens=80, cache_read_tokens=2000)
    assert call.status == "ok"
    assert read({**MESSAGE, "response": events[:2]}).status == "cut"


def test_an_overload_is_an_error_of_anthropic(read):
    answer = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    call = read({**MESSAGE, "response": answer, "status_code": 529})
    assert (call.source, call.status, call.http_status, call.error_code) == (
        "anthropic",
        "error",
        529,
        "overloaded_error",
    )
    assert call.usage == Usage()


def test_dialects_may_be_mixed_in_one_file(read_file):
    import json

    openai = {"timestamp": "2026-11-20T00:15:31Z", "request": {"model": "gpt-4o"}, "response": {
        "object": "chat.completion", "model": "gpt-4o", "choices": [], "usage": {"prompt_tokens": 3}}}  # fmt: skip
    lines = "\n".join(json.dumps(record) for record in (openai, MESSAGE, openai)).encode()
    assert [call.source for call in read_file(lines)] == ["openai", "anthropic", "openai"]


BATCH = {
    "custom_id": "row-7",
    "result": {"type": "succeeded", "message": {**MESSAGE["response"], "usage": {
        "input_tokens": 11, "output_tokens": 3, "service_tier": "batch"}}},
}  # fmt: skip


def test_batch_results_need_a_time_from_outside(read, read_any):
    assert read_any(BATCH) == Fault(1, "time_missing")
    at = datetime(2026, 11, 20, tzinfo=UTC)
    call = read(BATCH, fallback_at=at)
    assert (call.source, call.at, call.tier) == ("anthropic_batch", at, "batch")
    assert call.usage == Usage(input_tokens=11, output_tokens=3)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ({"type": "errored", "error": {"type": "error", "error": {"type": "invalid_request_error"}}},
         "invalid_request_error"),
        ({"type": "expired"}, "expired"),
        ({"type": "canceled"}, "canceled"),
    ],
)  # fmt: skip
def test_batch_requests_that_failed_cost_nothing(read, result, code):
    call = read({"custom_id": "row-8", "result": result}, fallback_at=datetime(2026, 11, 20, tzinfo=UTC))
    assert (call.status, call.error_code, call.usage) == ("error", code, Usage())


def test_a_message_on_bedrock_is_amazons(read):
    name = "jp.anthropic.claude-haiku-5-5-v1:0"
    record = {**MESSAGE, "request": {**MESSAGE["request"], "model": name}}
    record["response"] = {**MESSAGE["response"], "model": name, "id": "msg_bdrk_01XhkBKQYzWLsGJ1qGSJMrBn"}
    assert read(record).provider == "aws"

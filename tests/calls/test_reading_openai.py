"""OpenAI-shaped logs: chat completions, responses, embeddings, streams, batches."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from jitsuri.calls.rules.joining import batch_requests
from jitsuri.calls.shapes import Fault
from jitsuri.terms.usage import Usage

CHAT: dict[str, Any] = {
    "timestamp": "2026-11-20T09:15:30+09:00",
    "headers": {
        "X-Jitsuri-Task": "inquiry-triage",
        "x-jitsuri-thread": "case-0815",
        "X-JITSURI-DEPARTMENT": "D110",
        "X-Request-Id": "req-7f21",
        "Authorization": "Bearer sk-proj-never-read-this",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    },
    "metadata": {"screen": "desk", "user_id": "aoki", "priority": 2},
    "key": "desk-prod",
    "latency_ms": 812,
    "first_token_ms": 230.4,
    "request": {
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "届いた問合せを分類してください。"},
            {"role": "user", "content": "納期はいつですか。"},
        ],
    },
    "response": {
        "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "object": "chat.completion",
        "created": 1795133730,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "納期確認"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 1200,
            "completion_tokens": 340,
            "total_tokens": 1540,
            "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0, "cache_write_tokens": 100},
            "completion_tokens_details": {"reasoning_tokens": 256, "audio_tokens": 0},
        },
    },
}


def changed(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The record with ``a__b=value`` set at ``record["a"]["b"]``; None takes a name out."""
    new = copy.deepcopy(record)
    for path, value in changes.items():
        *outer, name = path.split("__")
        place = new
        for one in outer:
            place = place[one]
        if value is None:
            place.pop(name)
        else:
            place[name] = value
    return new


def test_a_chat_completion_is_read_whole(read):
    call = read(CHAT)
    assert call.source == "openai"
    assert call.at == datetime(2026, 11, 20, 0, 15, 30, tzinfo=UTC)
    assert (call.provider, call.model_asked, call.model_answered) == ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert call.usage == Usage(
        input_tokens=1200, output_tokens=340, cache_read_tokens=1024, cache_write_tokens=100, reasoning_tokens=256
    )
    assert call.usage_raw == CHAT["response"]["usage"]
    assert (call.tier, call.status, call.latency_ms, call.first_token_ms) == ("", "ok", 812, 230)
    assert (call.task, call.department, call.key_name) == ("inquiry-triage", "D110", "desk-prod")
    assert (call.system_prompt, call.prompt) == ("届いた問合せを分類してください。", "納期はいつですか。")
    assert (call.external_id, call.response_id) == ("req-7f21", "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG")
    assert call.trace == "case-0815"


def test_credentials_and_people_are_read_into_nothing(read):
    call = read(CHAT, keep_bodies=True)
    assert call.metadata == {"screen": "desk", "priority": "2"}
    told = repr(call)
    assert "never-read-this" not in told
    assert "aoki" not in told


@pytest.mark.parametrize(
    ("given", "kept"),
    [("desk-prod", "desk-prod"), ("9f" * 32, "9f9f9f9f"), ("sk-proj-abcdefghijklmnopqrstuvwxyz", None)],
)
def test_a_key_is_kept_as_an_alias_only(read, given, kept):
    name = read(changed(CHAT, key=given)).key_name
    assert name == kept if kept else name.startswith("key-")
    assert len(name) < 20


def test_bodies_are_carried_only_on_request(read):
    assert read(CHAT).request_body == b""
    call = read(CHAT, keep_bodies=True)
    assert json.loads(call.request_body) == CHAT["request"]
    assert json.loads(call.response_body) == CHAT["response"]


def test_the_trace_of_a_traceparent_stands_in_for_a_thread(read):
    record = changed(CHAT, **{"headers": {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}})
    assert read(record).trace == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert read(changed(record, metadata={"session_id": "s-1"})).trace == "s-1"
    assert read(changed(record, headers={"traceparent": "00-" + "0" * 32 + "-00f067aa0ba902b7-01"})).trace == ""


@pytest.mark.parametrize(("told", "tier"), [("flex", "flex"), ("priority", "priority"), ("auto", ""), (None, "")])
def test_the_tier_is_the_answers_not_the_requests(read, told, tier):
    record = changed(CHAT, request__service_tier="priority", response__service_tier=told)
    assert read(record).tier == tier


def test_a_task_can_be_named_as_the_model(read):
    record = changed(CHAT, headers=None, request__model="task:minutes-summary")
    call = read(record)
    assert (call.task, call.model_answered) == ("minutes-summary", "gpt-4o-mini-2024-07-18")


def test_without_a_time_of_its_own_a_line_has_the_answers(read):
    assert read(changed(CHAT, timestamp=None)).at == datetime(2026, 11, 20, 0, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2026-11-20T09:15:31", 0),  # Japanese time, as the answer was created at 00:15:30 UTC
        ("2026-11-20T00:15:31", 0),  # UTC, by the same token
    ],
)
def test_a_time_without_zone_is_settled_by_when_the_answer_was_made(read, written, hour):
    assert read(changed(CHAT, timestamp=written)).at == datetime(2026, 11, 20, hour, 15, 31, tzinfo=UTC)


def test_audio_and_image_details_are_parts(read):
    usage = {
        "prompt_tokens": 500,
        "completion_tokens": 200,
        "prompt_tokens_details": {
            "cached_tokens": 100,
            "audio_tokens": 300,
            "image_tokens": 50,
            "cached_tokens_details": {"audio_tokens": 80},
        },
        "completion_tokens_details": {"audio_tokens": 150, "image_tokens": 20},
    }
    assert read(changed(CHAT, response__usage=usage)).usage == Usage(
        input_tokens=500,
        output_tokens=200,
        cache_read_tokens=100,
        input_audio_tokens=300,
        input_image_tokens=50,
        cache_audio_read_tokens=80,
        output_audio_tokens=150,
        output_image_tokens=20,
    )


@pytest.mark.parametrize(
    ("total", "output"),
    [(1540, 340), (1796, 596)],  # 1200 + 340, and 1200 + 340 + 256: the total tells that reasoning came on top
)
def test_reasoning_beside_the_completion_is_added_when_the_total_says_so(read, total, output):
    call = read(changed(CHAT, response__usage__total_tokens=total))
    assert (call.usage.output_tokens, call.usage.reasoning_tokens) == (output, 256)


def test_grok_counts_reasoning_beside_the_completion(read):
    record = changed(CHAT, request__model="grok-4.7", response__model="grok-4.7", response__usage__total_tokens=None)
    assert read(record).usage.output_tokens == 596


RESPONSES: dict[str, Any] = {
    "time": 1795133730123,
    "request": {
        "model": "gpt-5.6-luna",
        "instructions": "社内規程だけを根拠に答えてください。",
        "previous_response_id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "input": [
            {"role": "developer", "content": "二文以内で。"},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "出張の日当は。"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                ],
            },
        ],
    },
    "response": {
        "id": "resp_67ccd3a9da748190baa7f1570fe91ac604becb25c45c1d41",
        "object": "response",
        "created_at": 1795133730,
        "status": "completed",
        "model": "gpt-5.6-luna-2026-07-30",
        "service_tier": "flex",
        "output": [
            {"type": "web_search_call", "status": "completed", "action": {"type": "search"}},
            {"type": "web_search_call", "status": "completed", "action": {"type": "open_page"}},
            {"type": "message", "content": [{"type": "output_text", "text": "第12条です。"}]},
        ],
        "usage": {
            "input_tokens": 900,
            "input_tokens_details": {"cached_tokens": 512, "cache_write_tokens": 64},
            "output_tokens": 120,
            "output_tokens_details": {"reasoning_tokens": 64},
            "total_tokens": 1020,
        },
    },
}


def test_a_response_is_read_whole(read):
    call = read(RESPONSES)
    assert call.at == datetime(2026, 11, 20, 0, 15, 30, 123000, tzinfo=UTC)
    assert call.usage == Usage(
        input_tokens=900,
        output_tokens=120,
        cache_read_tokens=512,
        cache_write_tokens=64,
        reasoning_tokens=64,
        web_searches=1,
    )
    assert call.tier == "flex"
    assert call.previous_response_id == "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b"
    assert call.system_prompt == "社内規程だけを根拠に答えてください。\n二文以内で。"
    assert call.prompt == "出張の日当は。"


def test_embeddings_have_input_tokens_only(read):
    record = {
        "created_at": "2026-11-20 09:15:30",
        "request": {"model": "text-embedding-3-small", "input": ["第一条", "第二条"]},
        "response": {
            "object": "list",
            "model": "text-embedding-3-small",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
            "usage": {"prompt_tokens": 8, "total_tokens": 8},
        },
    }
    call = read(record)
    assert (call.usage, call.prompt) == (Usage(input_tokens=8), "第一条")
    assert call.at == datetime(2026, 11, 20, 0, 15, 30, tzinfo=UTC)  # no zone and no created: the company's


CHUNKS: list[dict[str, Any]] = [
    {"id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG", "object": "chat.completion.chunk", "created": 1795133730,
     "model": "gpt-4o", "service_tier": "priority", "usage": None,
     "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
    {"id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG", "created": 1795133730, "model": "gpt-4o", "usage": None,
     "choices": [{"index": 0, "delta": {"content": "はい"}, "finish_reason": "stop"}]},
    {"id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG", "created": 1795133730, "model": "gpt-4o", "choices": [],
     "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}},
]  # fmt: skip


@pytest.mark.parametrize("shape", ["response", "chunks", "text"])
def test_a_streamed_answer_counts_by_its_last_chunk(read, shape):
    record: dict[str, Any] = {"request": {"model": "gpt-4o", "stream": True}}
    if shape == "text":
        record["response"] = "".join(f"data: {json.dumps(c)}\n\n" for c in CHUNKS) + "data: [DONE]\n\n"
    else:
        record[shape] = CHUNKS
    call = read(record)
    assert call.usage == Usage(input_tokens=10, output_tokens=2)
    assert (call.status, call.tier, call.model_answered) == ("ok", "priority", "gpt-4o")
    assert call.response_id == "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG"


def test_a_stream_without_its_end_is_cut(read):
    usage_early = {**CHUNKS[0], "usage": {"prompt_tokens": 10, "completion_tokens": 1}}
    assert read({"request": {"model": "gpt-4o"}, "chunks": [usage_early]}).status == "cut"


def test_a_stream_without_usage_is_told_and_not_counted_as_free(read_any):
    assert read_any({"request": {"model": "gpt-4o"}, "chunks": CHUNKS[:2]}) == Fault(1, "usage_missing")


def test_the_events_of_a_response_are_read_from_the_last(read):
    events = [
        {"type": "response.created", "response": {**RESPONSES["response"], "status": "in_progress", "usage": None}},
        {"type": "response.output_text.delta", "delta": "第12条"},
        {"type": "response.completed", "response": RESPONSES["response"]},
    ]
    call = read({**RESPONSES, "response": events})
    assert (call.usage.input_tokens, call.status) == (900, "ok")
    failed = [
        *events[:2],
        {
            "type": "response.failed",
            "response": {
                **RESPONSES["response"],
                "status": "failed",
                "error": {"code": "server_error", "message": "秘密"},
                "usage": None,
            },
        },
    ]
    call = read({**RESPONSES, "response": failed})
    assert (call.status, call.error_code, call.usage) == ("error", "server_error", Usage())


@pytest.mark.parametrize(
    ("changes", "http_status", "code"),
    [
        ({"status_code": 429, "response": {"error": {"type": "tokens", "code": "rate_limit_exceeded"}}}, 429,
         "rate_limit_exceeded"),
        ({"status": "failure", "response": {}, "error": {"type": "APITimeoutError", "message": "本文"}}, None,
         "APITimeoutError"),
        ({"status": 500, "response": "Internal Server Error"}, 500, ""),
        ({"error": "connection reset by peer"}, None, "error"),
    ],
)  # fmt: skip
def test_an_error_costs_nothing_and_keeps_its_code_not_its_message(read, changes, http_status, code):
    record = {**changed(CHAT, response=None), **changes}
    call = read(record)
    assert (call.status, call.http_status, call.error_code) == ("error", http_status, code)
    assert (call.usage, call.model_asked) == (Usage(), "gpt-4o-mini")


@pytest.mark.parametrize(
    ("changes", "provider"),
    [
        ({"provider": "azure"}, "azure"),
        ({"base_url": "https://sample-japaneast.openai.azure.com/openai"}, "azure"),
        ({"base_url": "https://api.openai.com/v1"}, "openai"),
        ({"base_url": "http://gw.example.jp/v1"}, "openai"),  # a gateway: the model's name tells
        (
            {
                "base_url": "http://llm.example.jp:8000/v1",
                "request__model": "qwen3-32b",
                "response__model": "qwen3-32b",
            },
            "",
        ),
        ({"request__model": "gpt-oss-20b", "response__model": "gpt-oss-20b"}, ""),
        ({"request__model": "my-model", "response__model": "my-model"}, ""),  # system_fingerprint is no proof
        ({"response__prompt_filter_results": []}, "azure"),
        ({"provider": "openai", "base_url": "https://bedrock-runtime.ap-northeast-1.amazonaws.com"}, "aws"),
        ({"request__model": "gemini-3.8-flash", "response__model": "gemini-3.8-flash"}, "google"),
        (
            {"request__model": "jp.anthropic.claude-sonnet-4-5", "response__model": "jp.anthropic.claude-sonnet-4-5"},
            "aws",
        ),
    ],
)
def test_the_provider_is_told_by_what_proves_it(read, changes, provider):
    assert read(changed(CHAT, **changes)).provider == provider


def test_a_region_stands_in_the_address(read):
    call = read(changed(CHAT, base_url="https://bedrock-runtime.ap-northeast-1.amazonaws.com"))
    assert call.region == "ap-northeast-1"


def test_a_whole_http_exchange_is_unwrapped(read):
    record = {
        "timestamp": "2026-11-20T09:15:30+09:00",
        "request": {"method": "POST", "url": "https://api.openai.com/v1/chat/completions",
                    "headers": [["x-request-id", "r-1"]], "body": CHAT["request"]},
        "response": {"status_code": 200, "body": CHAT["response"]},
    }  # fmt: skip
    call = read(record)
    assert (call.external_id, call.http_status, call.provider) == ("r-1", 200, "openai")
    assert call.prompt == "納期はいつですか。"


def test_a_reported_cost_is_exact(read):
    call = read(changed(CHAT, cost_usd=0.00012345))
    assert (call.reported_cost, call.reported_currency) == (Decimal("0.00012345"), "USD")


BATCH: dict[str, Any] = {
    "id": "batch_req_wnaDys",
    "custom_id": "request-2",
    "response": {
        "status_code": 200,
        "request_id": "req_c187b3",
        "body": {**CHAT["response"], "service_tier": "default"},
    },
    "error": None,
}
BATCH_INPUT = {
    "custom_id": "request-2",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {**CHAT["request"], "metadata": {"task": "monthly-report", "department": "D210", "shelf": "A"}},
}


def test_a_batch_answer_is_cheaper_by_its_tier(read):
    call = read(BATCH)
    assert (call.source, call.tier, call.external_id) == ("openai_batch", "batch", "batch_req_wnaDys")
    assert call.at == datetime(2026, 11, 20, 0, 15, 30, tzinfo=UTC)
    assert (call.usage.input_tokens, call.metadata) == (1200, {"custom_id": "request-2"})


def test_a_batch_answer_finds_its_request_by_custom_id(read):
    lines = [(1, json.dumps(BATCH_INPUT).encode()), (2, b"{broken"), (3, Fault(3, "line_too_long"))]
    requests = batch_requests(lines, keep_bodies=True)
    call = read(BATCH, requests=requests)
    assert (call.model_asked, call.task, call.department) == ("gpt-4o-mini", "monthly-report", "D210")
    assert (call.system_prompt, call.prompt) == ("届いた問合せを分類してください。", "納期はいつですか。")
    assert json.loads(call.request_body) == BATCH_INPUT["body"]
    assert call.metadata == {"department": "D210", "shelf": "A", "custom_id": "request-2"}


def test_system_prompts_of_a_batch_are_held_once():
    lines = [(n, json.dumps({**BATCH_INPUT, "custom_id": f"r{n}"}).encode()) for n in range(50)]
    requests = batch_requests(lines)
    assert len(requests) == 50
    assert len({id(request.system_prompt) for request in requests.values()}) == 1
    assert all(request.packed_body == b"" for request in requests.values())


def test_a_failed_batch_line_is_an_error_at_the_time_given(read, read_any):
    expired = {**BATCH, "response": None, "error": {"code": "batch_expired", "message": "…"}}
    assert read_any(expired) == Fault(1, "time_missing")
    call = read(expired, fallback_at=datetime(2026, 11, 20, tzinfo=UTC))
    assert (call.status, call.error_code, call.usage) == ("error", "batch_expired", Usage())
    refused = {**BATCH, "response": {"status_code": 400, "body": {"error": {"code": "invalid_value"}}}}
    call = read(refused, fallback_at=datetime(2026, 11, 20, tzinfo=UTC))
    assert (call.http_status, call.error_code) == (400, "invalid_value")

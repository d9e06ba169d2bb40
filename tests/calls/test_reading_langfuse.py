"""Langfuse exports in API and database names; leaves become inclusive counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from jitsuri.calls.shapes import Fault
from jitsuri.terms.usage import Usage

OBSERVATION: dict[str, Any] = {
    "id": "b7a0b1c2-0000-4000-8000-000000000001",
    "traceId": "t-1",
    "type": "GENERATION",
    "name": "triage",
    "startTime": "2026-11-20T00:15:30.500Z",
    "endTime": "2026-11-20T00:15:32.750Z",
    "completionStartTime": "2026-11-20T00:15:31.000Z",
    "model": "gpt-4o-mini-2024-07-18",
    "modelParameters": {"temperature": 0.2},
    "promptName": "inquiry-triage",
    "environment": "production",
    "userId": "aoki",
    "input": {
        "messages": [{"role": "system", "content": "分類してください。"}, {"role": "user", "content": "納期は。"}]
    },
    "output": {"role": "assistant", "content": "納期確認"},
    "usageDetails": {
        "input": 176,
        "input_cached_tokens": 1024,
        "output": 84,
        "output_reasoning_tokens": 256,
        "total": 1540,
    },
    "costDetails": {"input": 0.00009, "output": 0.00021, "total": 0.0003},
    "metadata": {"task": "inquiry-triage", "department": "D110", "user_email": "aoki@example.jp"},
    "level": "DEFAULT",
    "tags": ["desk"],
}


def test_leaves_become_inclusive_counts(read):
    call = read(OBSERVATION)
    assert call.source == "langfuse"
    assert call.usage == Usage(input_tokens=1200, output_tokens=340, cache_read_tokens=1024, reasoning_tokens=256)
    assert (call.latency_ms, call.first_token_ms, call.trace) == (2250, 500, "t-1")
    assert (call.task, call.department) == ("inquiry-triage", "D110")
    assert (call.reported_cost, call.reported_currency) == (Decimal("0.0003"), "USD")
    assert call.metadata == {
        "prompt_name": "inquiry-triage", "environment": "production", "department": "D110", "name": "triage",
        "tags": "desk",
    }  # fmt: skip
    assert (call.system_prompt, call.prompt) == ("分類してください。", "納期は。")
    assert "aoki" not in repr(call)


@pytest.mark.parametrize(
    ("details", "usage"),
    [
        # Anthropic's own names, exclusive by nature
        ({"input": 50, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 300, "output": 80},
         Usage(input_tokens=2350, output_tokens=80, cache_read_tokens=2000, cache_write_tokens=300)),
        # a sender that counted inclusively: input + output is the total although parts stand beside them
        ({"input": 1200, "input_cached_tokens": 1024, "output": 340, "total": 1540},
         Usage(input_tokens=1200, output_tokens=340, cache_read_tokens=1024)),
        # text tokens told beside cached ones: Langfuse clamped the leaf at 0, the total is right
        ({"input": 0, "input_cached_tokens": 80, "input_text_tokens": 100, "output": 10, "total": 110},
         Usage(input_tokens=100, output_tokens=10, cache_read_tokens=80)),
        # OpenAI's usage as it is
        ({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110,
          "prompt_tokens_details": {"cached_tokens": 64}},
         Usage(input_tokens=100, output_tokens=10, cache_read_tokens=64)),
        ({"input": 10, "input_audio_tokens": 90, "output": 5, "output_audio_tokens": 45},
         Usage(input_tokens=100, output_tokens=50, input_audio_tokens=90, output_audio_tokens=45)),
        ({"input": 10, "input_cache_creation_1h": 40, "input_cache_creation_5m": 50, "output": 5},
         Usage(input_tokens=100, output_tokens=5, cache_write_tokens=90, cache_write_1h_tokens=40)),
    ],
)  # fmt: skip
def test_details_of_every_habit_are_counted_once(read, details, usage):
    assert read({**OBSERVATION, "usageDetails": details}).usage == usage


@pytest.mark.parametrize(
    "plain",
    [
        {"usage": {"input": 100, "output": 10, "total": 110, "unit": "TOKENS"}},
        {"usage": {"promptTokens": 100, "completionTokens": 10, "totalTokens": 110}},
        {"promptTokens": 100, "completionTokens": 10, "totalTokens": 110},
        {"inputUsage": "100", "outputUsage": "10"},
    ],
)
def test_older_plain_counts_are_read(read, plain):
    record = {name: value for name, value in OBSERVATION.items() if name != "usageDetails"}
    assert read({**record, **plain}).usage == Usage(input_tokens=100, output_tokens=10)


def test_counts_in_other_units_are_no_tokens(read_any):
    record = {name: value for name, value in OBSERVATION.items() if name != "usageDetails"}
    assert read_any({**record, "usage": {"input": 100, "output": 10, "unit": "CHARACTERS"}}) == Fault(
        1, "usage_missing"
    )


def test_database_names_and_utc_without_zone_are_read(read):
    row = {
        "id": "o-1", "trace_id": "t-1", "session_id": "s-9", "type": "GENERATION", "name": "triage",
        "start_time": "2026-11-20 00:15:30.500000", "end_time": "2026-11-20 00:15:32.750000",
        "provided_model_name": "gpt-4o-mini", "usage_details": '{"input":100,"output":10,"total":110}',
        "cost_details": '{"total":"0.00002"}', "input": '[{"role":"user","content":"納期は。"}]', "output": "納期確認",
        "metadata": '{"task":"inquiry-triage"}', "level": "DEFAULT", "tags": '["desk","night"]',
    }  # fmt: skip
    call = read(row)
    assert call.at == datetime(2026, 11, 20, 0, 15, 30, 500000, tzinfo=UTC)
    assert (call.usage, call.model_asked) == (Usage(input_tokens=100, output_tokens=10), "gpt-4o-mini")
    assert (call.trace, call.task, call.prompt) == ("s-9", "inquiry-triage", "納期は。")
    assert (call.reported_cost, call.metadata["tags"]) == (Decimal("0.00002"), "desk,night")


@pytest.mark.parametrize("kind", ["SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER"])
def test_what_is_no_call_is_passed_over(read_any, kind):
    assert read_any({**OBSERVATION, "type": kind}, "langfuse") is None


def test_an_error_needs_no_usage(read):
    record = {name: value for name, value in OBSERVATION.items() if name not in ("usageDetails", "costDetails")}
    call = read({**record, "level": "ERROR", "statusMessage": "本文"})
    assert (call.status, call.usage, call.reported_cost) == ("error", Usage(), None)
    assert "本文" not in repr(call)


def test_api_pages_and_trace_downloads_hold_lists_of_observations(read_file):
    span = {**OBSERVATION, "type": "SPAN", "id": "s"}
    page = json.dumps({"data": [OBSERVATION, span], "meta": {"page": 1}}, ensure_ascii=False)
    trace = json.dumps({"trace": {"id": "t-1", "input": "問い"}, "observations": [span, OBSERVATION]}, indent=2)
    assert [c and c.external_id for c in read_file(page.encode())] == [OBSERVATION["id"], None]
    assert [c and c.external_id for c in read_file(trace.encode())] == [None, OBSERVATION["id"]]
    assert len(read_file(f"{page}\n{page}".encode())) == 4

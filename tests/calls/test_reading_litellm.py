"""LiteLLM spend logs as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from jitsuri.calls.rules.identifying import call_id
from jitsuri.calls.shapes import Fault
from jitsuri.terms.usage import Usage

ROW: dict[str, Any] = {
    "request_id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    "call_type": "acompletion",
    "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
    "spend": 0.000123,
    "total_tokens": 1540,
    "prompt_tokens": 1200,
    "completion_tokens": 340,
    "startTime": "2026-11-20 00:15:30.500000",
    "endTime": "2026-11-20 00:15:32.750000",
    "completionStartTime": "2026-11-20 00:15:31.000000",
    "model": "azure/gpt-4o-sample",
    "model_group": "gpt-4o",
    "custom_llm_provider": "azure",
    "api_base": "https://sample-japaneast.openai.azure.com",
    "user": "aoki",
    "end_user": "baba@example.jp",
    "requester_ip_address": "192.0.2.10",
    "metadata": {
        "user_api_key_alias": "desk-prod",
        "user_api_key_user_id": "aoki",
        "user_api_key_team_alias": "D110",
        "spend_logs_metadata": {"task": "inquiry-triage", "screen": "desk"},
        "model_map_information": {"model_map_key": "azure/gpt-4o-2024-08-06", "model_map_value": {}},
        "usage_object": {
            "prompt_tokens": 1200,
            "completion_tokens": 340,
            "prompt_tokens_details": {"cached_tokens": 1024},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    },
    "request_tags": ["inquiry", "User-Agent: openai-python"],
    "session_id": "s-1",
    "status": "success",
    "cache_hit": "False",
    "messages": [
        {"role": "system", "content": "届いた問合せを分類してください。"},
        {"role": "user", "content": "納期は。"},
    ],
    "response": {"choices": []},
}


def test_a_spend_log_is_read_whole(read):
    call = read(ROW)
    assert call.source == "litellm"
    assert call.at == datetime(2026, 11, 20, 0, 15, 30, 500000, tzinfo=UTC)  # database times are UTC
    assert (call.latency_ms, call.first_token_ms) == (2250, 500)
    assert (call.provider, call.model_asked, call.model_answered) == ("azure", "gpt-4o", "gpt-4o-2024-08-06")
    assert call.usage == Usage(input_tokens=1200, output_tokens=340, cache_read_tokens=1024)
    assert (call.reported_cost, call.reported_currency) == (Decimal("0.000123"), "USD")
    assert (call.key_name, call.department, call.task, call.trace) == ("desk-prod", "D110", "inquiry-triage", "s-1")
    assert call.metadata == {"screen": "desk", "tags": "inquiry"}
    assert (call.system_prompt, call.prompt) == ("届いた問合せを分類してください。", "納期は。")


def test_people_are_not_kept(read):
    told = repr(read(ROW, keep_bodies=True))
    for personal in ("aoki", "baba", "192.0.2"):
        assert personal not in told


def test_a_key_without_alias_is_eight_characters_of_its_hash(read):
    assert read({**ROW, "metadata": {}}).key_name == "88dc28d0"


def test_a_cache_hit_cost_nothing_and_says_so(read):
    call = read(
        {**ROW, "cache_hit": "True", "request_id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG_cache_hit1795133730.5"}
    )
    assert call.usage == Usage()
    assert call.metadata["cache_hit"] == "true"
    assert call.response_id == ""
    assert call_id(call) != call_id(read(ROW))


def test_older_rows_keep_details_as_additional_values_in_text(read):
    values = {"additional_usage_values": {"cache_read_input_tokens": 2000, "cache_creation_input_tokens": 300}}
    row = {**ROW, "metadata": json.dumps(values), "prompt_tokens": 2350, "custom_llm_provider": "anthropic",
           "model": "claude-haiku-5-5", "api_base": ""}  # fmt: skip
    call = read(row)
    assert (call.provider, call.model_answered) == ("anthropic", "claude-haiku-5-5")
    assert call.usage == Usage(input_tokens=2350, output_tokens=340, cache_read_tokens=2000, cache_write_tokens=300)
    still_older = read({**row, "prompt_tokens": 50})  # before LiteLLM added the cached ones
    assert still_older.usage.input_tokens == 2350


def test_cache_writes_of_one_hour_are_told_apart(read):
    details = {"cached_tokens": 0, "cache_creation_tokens": 300,
               "cache_creation_token_details": {
                   "ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100}}  # fmt: skip
    row = {**ROW, "metadata": {"usage_object": {"prompt_tokens_details": details}}}
    usage = read(row).usage
    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (300, 100)


def test_a_failure_is_an_error_with_its_class(read):
    metadata = {"status": "failure", "error_information": {"error_code": "429", "error_class": "RateLimitError",
                "error_message": "本文"}}  # fmt: skip
    row = {**ROW, "status": "failure", "metadata": metadata, "prompt_tokens": 0, "completion_tokens": 0, "spend": 0}
    call = read(row)
    assert (call.status, call.http_status, call.error_code) == ("error", 429, "RateLimitError")
    assert call.reported_cost == 0


@pytest.mark.parametrize("call_type", ["acreate_file", "call_mcp_tool", "avector_store_search", "alist_batches"])
def test_rows_that_asked_no_model_are_passed_over_unless_they_cost(read_any, call_type):
    row = {**ROW, "call_type": call_type, "total_tokens": 0, "prompt_tokens": 0, "completion_tokens": 0, "spend": 0.0}
    assert read_any(row, "litellm") is None
    assert read_any({**row, "spend": 0.01}, "litellm") is not None


def test_the_cost_row_of_a_batch_is_a_batch(read):
    assert read({**ROW, "call_type": "aretrieve_batch"}).tier == "batch"


def test_newer_rows_keep_the_request_elsewhere(read):
    request = {"model": "gpt-4o", "messages": ROW["messages"]}
    call = read({**ROW, "messages": {}, "proxy_server_request": json.dumps(request)}, keep_bodies=True)
    assert call.prompt == "納期は。"
    assert json.loads(call.request_body) == request


def test_a_row_without_counts_is_told(read_any):
    row = {name: value for name, value in ROW.items() if name not in ("prompt_tokens", "completion_tokens")}
    assert read_any({**row, "metadata": {}}) == Fault(1, "usage_missing")
    assert read_any({**ROW, "startTime": None}) == Fault(1, "time_missing")


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: json.dumps(v, ensure_ascii=False) if isinstance(v, (dict, list)) else v for k, v in row.items()}
        )
    return out.getvalue().encode()


def test_a_csv_of_the_table_says_the_same_as_its_json(read, read_file):
    of_json = read(ROW)
    (of_csv,) = read_file(as_csv([ROW]))
    for name in ("at", "usage", "provider", "model_asked", "model_answered", "key_name", "department", "task", "prompt",
                 "reported_cost", "metadata", "latency_ms"):  # fmt: skip
        assert getattr(of_csv, name) == getattr(of_json, name), name
    assert call_id(of_csv) == call_id(of_json)


def test_a_json_array_of_rows_is_read_row_by_row(read_file):
    rows = [{**ROW, "request_id": f"chatcmpl-{n:029d}"} for n in range(3)]
    calls = read_file(json.dumps(rows, indent=1, ensure_ascii=False).encode())
    assert [call.external_id[-1] for call in calls] == ["0", "1", "2"]
    assert [call.line for call in calls] == [1, 2, 3]

"""OpenTelemetry GenAI spans: OTLP exports, flat spans, old and new names, OpenInference."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from jitsuri.calls.shapes import Fault
from jitsuri.terms.usage import Usage

NEW = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    "gen_ai.conversation.id": "conv-5",
    "gen_ai.prompt.name": "inquiry-triage",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 340,
    "gen_ai.usage.cache_read.input_tokens": 1024,
    "gen_ai.usage.cache_write.input_tokens": 100,
    "gen_ai.usage.reasoning.output_tokens": 256,
    "gen_ai.response.time_to_first_chunk": 0.23,
    "openai.response.service_tier": "flex",
    "server.address": "api.openai.com",
    "gen_ai.system_instructions": '[{"type":"text","content":"分類してください。"}]',
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"納期は。"}]}]',
    "user.id": "aoki",
}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP/JSON writes them: 64-bit numbers as text."""
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return [{"key": k, "value": {kinds[type(v)]: str(v) if type(v) is int else v}} for k, v in attributes.items()]


def span(attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "spanId": "00f067aa0ba902b7",
        "name": "chat gpt-4o-mini",
        "kind": 3,
        "startTimeUnixNano": "1795133730500000000",
        "endTimeUnixNano": "1795133732750000000",
        "attributes": pairs(attributes),
        "status": {},
        **more,
    }


def export(*spans: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": pairs({"service.name": "desk", "deployment.environment.name": "production"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "x"}, "spans": list(spans)}]}]}


def test_a_span_in_new_names_is_read_whole(read):
    call = read(span(NEW))
    assert call.source == "otel"
    assert call.at == datetime(2026, 11, 20, 0, 15, 30, 500000, tzinfo=UTC)
    assert (call.latency_ms, call.first_token_ms, call.tier) == (2250, 230, "flex")
    assert (call.provider, call.model_asked, call.model_answered) == ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert call.usage == Usage(
        input_tokens=1200, output_tokens=340, cache_read_tokens=1024, cache_write_tokens=100, reasoning_tokens=256
    )
    assert (call.trace, call.response_id) == ("conv-5", "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG")
    assert call.external_id == "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7"
    assert (call.system_prompt, call.prompt) == ("分類してください。", "納期は。")
    assert call.metadata == {"prompt_name": "inquiry-triage", "name": "chat gpt-4o-mini"}
    assert "aoki" not in repr(call)


OLD = {
    "gen_ai.system": "az.ai.openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.prompt_tokens": 100,
    "gen_ai.usage.completion_tokens": 10,
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "分類してください。",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": "納期は。",
}
TRACELOOP = {"llm.request.type": "chat", "gen_ai.system": "Anthropic", "gen_ai.request.model": "claude-haiku-5-5",
             "gen_ai.usage.prompt_tokens": 50, "gen_ai.usage.completion_tokens": 80,
             "gen_ai.usage.cache_read_input_tokens": 2000, "gen_ai.usage.cache_creation_input_tokens": 300}  # fmt: skip
OPENINFERENCE = {
    "openinference.span.kind": "LLM", "llm.system": "openai", "llm.provider": "azure", "llm.model_name": "gpt-4o",
    "llm.token_count.prompt": 100, "llm.token_count.completion": 10, "llm.token_count.prompt_details.cache_read": 64,
    "llm.token_count.completion_details.reasoning": 4, "llm.cost.total": 0.00025, "session.id": "s-3",
    "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "納期は。",
    "metadata": '{"task":"inquiry-triage","department":"D110"}',
}  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "provider", "usage"),
    [
        (OLD, "azure", Usage(input_tokens=100, output_tokens=10)),
        (TRACELOOP, "anthropic", Usage(2350, 80, cache_read_tokens=2000, cache_write_tokens=300)),
        (OPENINFERENCE, "azure", Usage(100, 10, cache_read_tokens=64, reasoning_tokens=4)),
        ({"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "gcp.vertex_ai",
          "gen_ai.request.model": "text-embedding-005", "gen_ai.usage.input_tokens": 8}, "google", Usage(8)),
        ({"gen_ai.operation.name": "generate_content", "gen_ai.provider.name": "gcp.gemini",
          "gen_ai.request.model": "gemini-3.8-flash", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 1},
         "google", Usage(9, 1)),
    ],
)  # fmt: skip
def test_other_names_are_read(read, attributes, provider, usage):
    call = read(span(attributes))
    assert (call.provider, call.usage) == (provider, usage)


def test_old_and_openinference_messages_are_found(read):
    assert (read(span(OLD)).system_prompt, read(span(OLD)).prompt) == ("分類してください。", "納期は。")
    call = read(span(OPENINFERENCE))
    assert (call.prompt, call.task, call.department, call.trace) == ("納期は。", "inquiry-triage", "D110", "s-3")
    assert call.reported_cost == Decimal("0.00025")


def test_messages_may_stand_in_events(read):
    events = [
        {"name": "gen_ai.system.message", "attributes": pairs({"content": "分類してください。"})},
        {"name": "gen_ai.user.message", "attributes": pairs({"content": "納期は。"})},
    ]
    plain = {name: value for name, value in NEW.items() if "instructions" not in name and "messages" not in name}
    call = read(span(plain, events=events))
    assert (call.system_prompt, call.prompt) == ("分類してください。", "納期は。")


@pytest.mark.parametrize(
    "attributes",
    [
        {**NEW, "gen_ai.operation.name": "invoke_agent"},
        {**NEW, "gen_ai.operation.name": "execute_tool"},
        {**NEW, "gen_ai.operation.name": "fetch_response"},
        {**OPENINFERENCE, "openinference.span.kind": "AGENT"},
        {**OLD, "gen_ai.agent.name": "planner"},
        {"http.request.method": "POST"},
    ],
)
def test_spans_that_ask_no_model_are_passed_over(read_any, attributes):
    assert read_any(span(attributes), "otel") is None


@pytest.mark.parametrize(
    ("address", "model", "provider"),
    [
        ("sample.openai.azure.com", "gpt-4o", "azure"),
        ("llm.example.jp", "qwen3-32b", ""),  # an own server behind OpenAI's client
        ("gw.example.jp", "gpt-4o", "openai"),
    ],
)
def test_openai_as_a_dialect_is_not_openai_as_a_provider(read, address, model, provider):
    attributes = {**NEW, "server.address": address, "gen_ai.request.model": model, "gen_ai.response.model": model}
    assert read(span(attributes)).provider == provider


@pytest.mark.parametrize(
    "told",
    [{"status": {"code": 2}}, {"status": {"code": "STATUS_CODE_ERROR"}}, {"status": {"status_code": "ERROR"}}],
)
def test_an_error_needs_no_usage(read, read_any, told):
    plain = {name: value for name, value in NEW.items() if "usage" not in name}
    call = read(span({**plain, "error.type": "429"}, **told))
    assert (call.status, call.error_code, call.http_status, call.usage) == ("error", "429", 429, Usage())
    assert read(span(plain, **told)).error_code == "error"
    assert read_any(span(plain)) == Fault(1, "usage_missing")


def test_exports_are_read_span_by_span_with_their_resource(read_file):
    tool = span({**NEW, "gen_ai.operation.name": "execute_tool"})
    lines = "\n".join(json.dumps(export(tool, span(NEW, spanId=f"{n:016x}"))) for n in (1, 2)).encode()
    calls = read_file(lines)
    assert [call and call.line for call in calls] == [None, 2, None, 4]
    assert calls[1].metadata == {
        "prompt_name": "inquiry-triage", "service": "desk", "environment": "production", "name": "chat gpt-4o-mini",
    }  # fmt: skip
    pretty = json.dumps(export(tool, span(NEW)), indent=2).encode()
    assert [call and call.line for call in read_file(pretty)] == [None, 2]


def test_flat_spans_of_a_console_exporter_are_read(read_file):
    flat = {
        "name": "chat gpt-4o-mini",
        "context": {"trace_id": "0x4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "0x00f067aa0ba902b7"},
        "kind": "SpanKind.CLIENT",
        "start_time": "2026-11-20T00:15:30.500000Z",
        "end_time": "2026-11-20T00:15:32.750000Z",
        "status": {"status_code": "UNSET"},
        "attributes": NEW,
        "resource": {"attributes": {"service.name": "desk"}},
    }
    content = "\n".join(json.dumps(flat, indent=4) for _ in range(2)).encode()
    first, second = read_file(content)
    assert first.usage.input_tokens == second.usage.input_tokens == 1200
    assert first.external_id == "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7"
    assert first.metadata["service"] == "desk"

"""Calls as lines of logs: OpenAI chat and responses, Anthropic, the Batch API, LiteLLM's spend log, OTLP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b

from company.planning import Planned

_ANSWERED_AS = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5.4-mini": "gpt-5.4-mini-2026-03-17",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
}
"""The dated names under which these models answer; the others answer under the name they were asked by."""
_OWN_SERVER = "http://llm.sample-seiki.example.jp:8000/v1"
_ERRORS = {
    "rate_limited": (
        429,
        "Rate limit reached for this model. Please try again later.",
        "requests",
        "rate_limit_exceeded",
    ),
    "server_error": (500, "The server had an error while processing your request.", "server_error", "server_error"),
    "refused": (400, "Invalid value: a message has no content.", "invalid_request_error", "invalid_value"),
}
_CLAUDE_ERRORS = {"rate_limited": "rate_limit_error", "server_error": "api_error", "refused": "invalid_request_error"}
_CHUNK_CHARACTERS = 60
_LONGEST_RUN = 11
"""Digits in a row that an id may have: twelve could be taken for a personal number."""

LITELLM_COLUMNS = (
    "request_id", "call_type", "api_key", "spend", "total_tokens", "prompt_tokens", "completion_tokens", "startTime",
    "endTime", "completionStartTime", "model", "model_group", "custom_llm_provider", "api_base", "metadata",
    "cache_hit", "request_tags", "team_id", "session_id", "status", "messages", "response",
)  # fmt: skip
_LITELLM_USD_PER_TOKEN = (Decimal("0.00000015"), Decimal("0.0000006"))
"""gpt-4o-mini, in and out: 0.15 and 0.60 USD per million (genai-prices 0.2.3, read 2026-11-22)."""


def mark(*parts: object, size: int = 24) -> str:
    """A hexadecimal id that stands for the parts and has no long run of digits."""
    for salt in range(1000):
        found = blake2b(json.dumps([salt, *map(str, parts)]).encode(), digest_size=(size + 1) // 2).hexdigest()[:size]
        if _longest_run(found) <= _LONGEST_RUN:
            return found
    raise ValueError("no id found")


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character.isdigit() else 0
        longest = max(longest, run)
    return longest


def answered_as(model: str) -> str:
    return _ANSWERED_AS.get(model, model)


def pair_line(call: Planned) -> dict[str, object]:
    """A line with request and response: what a proxy of one's own writes."""
    desk = call.desk
    shape = {"chat": _chat, "responses": _responses, "anthropic": _anthropic}[desk.dialect]
    request, response = shape(call)
    headers, metadata = _around(call)
    line: dict[str, object] = {"timestamp": call.at.isoformat(timespec="milliseconds")}
    if call.model.startswith("sample-"):
        line["base_url"] = _OWN_SERVER
    line |= {
        "headers": headers,
        "metadata": metadata,
        "key_alias": desk.key_alias,
        "request": request,
        "response": response,
    }
    if call.ending in _ERRORS:
        line["status"] = _ERRORS[call.ending][0]
    line["latency_ms"] = call.latency_ms
    if call.first_token_ms is not None:
        line["first_token_ms"] = call.first_token_ms
    return line


def _around(call: Planned) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and metadata as the application sends them: it may name the task here or there, or nowhere."""
    desk = call.desk
    headers = {"x-request-id": "req-" + mark("request", call.truth_id, size=20)}
    metadata = {"prompt_id": call.prompt_id, "truth_id": call.truth_id}
    if call.is_named and desk.named_by == "header":
        headers["x-jitsuri-task"] = desk.name
    elif call.is_named:
        metadata["task"] = desk.name
    if call.department:
        headers["x-jitsuri-department"] = call.department
    if desk.name == "defect-report":
        headers["x-jitsuri-thread"] = _thread(call)
    return headers, metadata


def _thread(call: Planned) -> str:
    return f"{call.desk.name}-{call.number:05d}"


def _messages(call: Planned) -> list[dict[str, object]]:
    messages: list[dict[str, object]] = [{"role": "system", "content": call.desk.system}] if call.desk.system else []
    return messages + _turns(call)


def _turns(call: Planned) -> list[dict[str, object]]:
    said: list[dict[str, object]] = []
    for asked, answered in call.earlier:
        said += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return [*said, {"role": "user", "content": call.asked}]


def _chat(call: Planned) -> tuple[dict[str, object], object]:
    request: dict[str, object] = {"model": call.model, "messages": _messages(call)}
    if call.desk.effort and call.model.startswith(("gpt-5", "gpt-6")):
        request["reasoning_effort"] = call.desk.effort
    else:
        request["temperature"] = 0
    if call.desk.name == "quotation-extraction":
        request["response_format"] = {"type": "json_object"}
    if call.is_streamed:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    if call.ending in _ERRORS:
        return request, _openai_error(call)
    if call.ending in ("cut", "cut_uncounted"):
        return request, _broken_chunks(call)
    return request, chat_answer(call)


def chat_answer(call: Planned, tier: str = "default") -> dict[str, object]:
    """A whole chat completion."""
    answer: dict[str, object] = {
        "id": "chatcmpl-" + mark("chat", call.truth_id),
        "object": "chat.completion",
        "created": int(call.at.timestamp()),
        "model": answered_as(call.model),
        "choices": [{"index": 0, "message": {"role": "assistant", "content": call.answer}, "finish_reason": "stop"}],
        "usage": _chat_usage(call),
    }
    if call.model.startswith("gpt-"):
        answer["service_tier"] = tier
    return answer


def _chat_usage(call: Planned) -> dict[str, object]:
    counts = call.counts
    usage: dict[str, object] = {
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
    }
    if not call.model.startswith("sample-"):
        details = {"cached_tokens": counts.cached} | ({"cache_write_tokens": counts.written} if counts.written else {})
        usage |= {
            "prompt_tokens_details": details,
            "completion_tokens_details": {"reasoning_tokens": counts.reasoning},
        }
    return usage


def _broken_chunks(call: Planned) -> list[dict[str, object]]:
    """A stream that ended before its finish reason; most servers had counted along, some had not."""
    head = {
        "id": "chatcmpl-" + mark("chat", call.truth_id),
        "object": "chat.completion.chunk",
        "created": int(call.at.timestamp()),
        "model": answered_as(call.model),
    }
    parts = [call.answer[at : at + _CHUNK_CHARACTERS] for at in range(0, len(call.answer), _CHUNK_CHARACTERS)]
    chunks: list[dict[str, object]] = [
        {**head, "choices": [{"index": 0, "delta": {"content": part}, "finish_reason": None}]} for part in parts
    ]
    if call.ending == "cut":
        chunks[-1]["usage"] = _chat_usage(call)
    return chunks


def _openai_error(call: Planned) -> dict[str, object]:
    _, message, kind, code = _ERRORS[call.ending]
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _responses(call: Planned) -> tuple[dict[str, object], object]:
    request: dict[str, object] = {
        "model": call.model,
        "instructions": call.desk.system,
        "input": call.asked,
        "store": True,
    }
    if call.model.startswith("gpt-6"):
        request["reasoning"] = {"effort": call.desk.effort}
    if call.turn > 1:
        request["previous_response_id"] = _response_id(call, call.turn - 1)
    if call.is_streamed:
        request["stream"] = True
    if call.ending in _ERRORS:
        return request, _openai_error(call)
    counts = call.counts
    details = {"cached_tokens": counts.cached} | ({"cache_write_tokens": counts.written} if counts.written else {})
    text = {"type": "output_text", "text": call.answer, "annotations": []}
    return request, {
        "id": _response_id(call, call.turn),
        "object": "response",
        "created_at": int(call.at.timestamp()),
        "status": "completed",
        "model": answered_as(call.model),
        "output": [{"type": "message", "role": "assistant", "status": "completed", "content": [text]}],
        "previous_response_id": request.get("previous_response_id"),
        "service_tier": "default",
        "usage": {
            "input_tokens": counts.input,
            "input_tokens_details": details,
            "output_tokens": counts.output,
            "output_tokens_details": {"reasoning_tokens": counts.reasoning},
            "total_tokens": counts.input + counts.output,
        },
    }


def _response_id(call: Planned, turn: int) -> str:
    return "resp_" + mark("response", call.desk.name, call.number, turn, size=32)


def _anthropic(call: Planned) -> tuple[dict[str, object], object]:
    block: dict[str, object] = {"type": "text", "text": call.desk.system}
    if call.counts.cached or call.counts.written:
        block["cache_control"] = {"type": "ephemeral"}
    request: dict[str, object] = {
        "model": call.model,
        "max_tokens": 2048,
        "system": [block],
        "messages": _turns(call),
    }
    if call.is_streamed:
        request["stream"] = True
    if call.ending in _ERRORS:
        _, message, _, _ = _ERRORS[call.ending]
        return request, {"type": "error", "error": {"type": _CLAUDE_ERRORS[call.ending], "message": message}}
    head = {
        "id": "msg_" + mark("message", call.truth_id),
        "type": "message",
        "role": "assistant",
        "model": answered_as(call.model),
    }
    if call.ending == "cut":
        return request, _broken_events(call, head)
    return request, {
        **head,
        "content": [{"type": "text", "text": call.answer}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _claude_usage(call),
    }


def _claude_usage(call: Planned) -> dict[str, object]:
    """Anthropic's counting: input without what was read from or written to the cache."""
    counts = call.counts
    usage: dict[str, object] = {
        "input_tokens": counts.input - counts.cached - counts.written,
        "cache_creation_input_tokens": counts.written,
        "cache_read_input_tokens": counts.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": counts.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": counts.output,
        "service_tier": "standard",
    }
    return usage | {"output_tokens_details": {"thinking_tokens": counts.reasoning}} if counts.reasoning else usage


def _broken_events(call: Planned, head: Mapping[str, object]) -> list[dict[str, object]]:
    usage = _claude_usage(call)
    start: dict[str, object] = {
        "type": "message_start",
        "message": {**head, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}},
    }
    parts = [call.answer[at : at + _CHUNK_CHARACTERS] for at in range(0, len(call.answer), _CHUNK_CHARACTERS)]
    deltas: list[dict[str, object]] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": part}} for part in parts
    ]
    told: dict[str, object] = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": call.counts.output}}
    return [start, *deltas, told]


def batch_lines(call: Planned, custom_id: str) -> tuple[dict[str, object], dict[str, object]]:
    """``(input line, output line)`` of the Batch API."""
    request, _ = _chat(call)
    body = {**request, "metadata": {"task": call.desk.name, "department": call.department, "truth_id": call.truth_id}}
    asked: dict[str, object] = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
    answered: dict[str, object] = {
        "id": "batch_req_" + mark("batch", call.truth_id),
        "custom_id": custom_id,
        "response": {
            "status_code": 200,
            "request_id": "req_" + mark("batch-request", call.truth_id),
            "body": chat_answer(call),
        },
        "error": None,
    }
    return asked, answered


def litellm_row(call: Planned) -> dict[str, str]:
    """One row of ``LiteLLM_SpendLogs``."""
    counts, has_failed = call.counts, call.ending in _ERRORS
    spend = counts.input * _LITELLM_USD_PER_TOKEN[0] + counts.output * _LITELLM_USD_PER_TOKEN[1]
    end = call.at + timedelta(milliseconds=call.latency_ms)
    metadata: dict[str, object] = {
        "user_api_key_alias": call.desk.key_alias,
        "user_api_key_team_alias": call.department,
        "spend_logs_metadata": {"task": call.desk.name, "prompt_id": call.prompt_id, "truth_id": call.truth_id},
    }
    if has_failed:
        code, _, kind, _ = _ERRORS[call.ending]
        metadata["error_information"] = {"error_code": str(code), "error_class": kind}
    return {
        "request_id": "chatcmpl-" + mark("litellm", call.truth_id),
        "call_type": "acompletion",
        "api_key": mark("key", call.desk.key_alias, size=64),
        "spend": f"{spend:f}",
        "total_tokens": str(counts.input + counts.output),
        "prompt_tokens": str(counts.input),
        "completion_tokens": str(counts.output),
        "startTime": _utc(call.at),
        "endTime": _utc(end),
        "completionStartTime": _utc(end),
        "model": call.model,
        "model_group": call.model,
        "custom_llm_provider": "openai",
        "api_base": "",
        "metadata": json.dumps(metadata, ensure_ascii=False),
        "cache_hit": "False",
        "request_tags": json.dumps(["gyoumu-bu", "sample"]),
        "team_id": mark("team", call.department, size=16),
        "session_id": mark("session", call.truth_id, size=32),
        "status": "failure" if has_failed else "success",
        "messages": json.dumps(_messages(call), ensure_ascii=False),
        "response": "{}" if has_failed else json.dumps(chat_answer(call), ensure_ascii=False),
    }


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def otlp_document(calls: list[Planned]) -> dict[str, object]:
    """One OTLP/JSON export with all spans of one service."""
    return {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": _pairs({"service.name": "zumen-chuki", "deployment.environment.name": "sample"})
                },
                "scopeSpans": [
                    {"scope": {"name": "sample.instrumentation", "version": "1.0"}, "spans": [_span(c) for c in calls]}
                ],
            }
        ]
    }


def _span(call: Planned) -> dict[str, object]:
    counts, has_failed = call.counts, call.ending in _ERRORS
    system = [{"type": "text", "content": call.desk.system}]
    asked = [{"role": "user", "parts": [{"type": "text", "content": call.asked}]}]
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": call.answer}], "finish_reason": "stop"}]
    told: dict[str, str | int] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": call.model,
        "gen_ai.system_instructions": json.dumps(system, ensure_ascii=False),
        "gen_ai.input.messages": json.dumps(asked, ensure_ascii=False),
        "metadata": json.dumps({"prompt_id": call.prompt_id, "truth_id": call.truth_id}),
    }
    if has_failed:
        told["error.type"] = str(_ERRORS[call.ending][0])
    else:
        told |= {
            "gen_ai.response.model": answered_as(call.model),
            "gen_ai.response.id": "chatcmpl-" + mark("otel", call.truth_id),
            "gen_ai.output.messages": json.dumps(answer, ensure_ascii=False),
            "gen_ai.usage.input_tokens": counts.input,
            "gen_ai.usage.output_tokens": counts.output,
            "gen_ai.usage.reasoning.output_tokens": counts.reasoning,
        }
    end = call.at + timedelta(milliseconds=call.latency_ms)
    return {
        "traceId": mark("trace", call.truth_id, size=32),
        "spanId": mark("span", call.truth_id, size=16),
        "name": f"chat {call.model}",
        "kind": 3,
        "startTimeUnixNano": _nanoseconds(call.at),
        "endTimeUnixNano": _nanoseconds(end),
        "attributes": _pairs(told),
        "status": {"code": 2 if has_failed else 1},
    }


def _pairs(told: Mapping[str, str | int]) -> list[dict[str, object]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in told.items()
    ]


def _nanoseconds(at: datetime) -> str:
    """The instant in nanoseconds. Nineteen digits could be taken for a card's number: the last one is set so that the
    check digit never fits."""
    whole = int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000
    return str(whole if not _passes_luhn(str(whole)) else whole + 1)


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0

"""Langfuse exports: observations as JSON, JSON lines or CSV, in API names (camelCase) or database names (snake_case).

Only observations of the types GENERATION and EMBEDDING are calls; spans, events, tools and agents are passed over, so
that nothing is counted twice. Times without zone are UTC. Costs are US dollars. ``userId`` is personal and is not read.
Source: Langfuse docs "Blob storage export field reference" and ingestion schema, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from jitsuri.calls.rules.checking import amount_of, checked
from jitsuri.calls.rules.counting import count, usage_of_leaves, usage_of_openai
from jitsuri.calls.rules.decoding import canonical, decoded_field
from jitsuri.calls.rules.extracting import prompts_of, prompts_of_request
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.guessing import provider_of
from jitsuri.calls.rules.labelling import (
    DEPARTMENT_NAMES,
    TASK_NAMES,
    first_text,
    labels_of,
    names_of,
    tags_of,
    text_at,
)
from jitsuri.calls.rules.timing import elapsed_ms, instant, milliseconds
from jitsuri.calls.shapes import Logged, Reading
from jitsuri.terms.ids import digest_16
from jitsuri.terms.usage import Usage

_MODEL_NAMES = names_of("model", "providedModelName", "provided_model_name")
_TRACE_NAMES = names_of("sessionId", "session_id", "traceId", "trace_id")
_PROVIDER_NAMES = names_of("provider", "ls_provider", "custom_llm_provider")
_ADDRESS_NAMES = names_of("api_base", "base_url")
_CALL_TYPES = frozenset({"GENERATION", "EMBEDDING"})
_COUNTED_UNITS = frozenset({"", "TOKENS"})
_FLAT_INPUT = ("promptTokens", "inputTokens", "inputUsage", "prompt_tokens", "input_tokens", "input_usage")
_FLAT_OUTPUT = (
    "completionTokens", "outputTokens", "outputUsage", "completion_tokens", "output_tokens", "output_usage",
)  # fmt: skip


def read(number: int, record: dict[str, Any], reading: Reading) -> Logged | None:
    """One observation; None where it is no call. Faults: of time, tokens and names, ``usage_missing``."""
    kind = text_at(record, "type").upper()
    if kind and kind not in _CALL_TYPES:
        return None
    is_error = text_at(record, "level").upper() == "ERROR"
    usage, raw = _usage(record, is_error)
    start = _time(record, "startTime", "start_time")
    if start is None:
        raise LineError("time_missing")
    metadata = decoded_field(record.get("metadata"))
    given, answer = decoded_field(record.get("input")), decoded_field(record.get("output"))
    system_prompt, prompt = _prompts(given)
    model = first_text(record, _MODEL_NAMES)
    cost = _cost(record)
    response_id = text_at(answer, "id")
    return checked(
        Logged(
            line=number,
            source="langfuse",
            external_id=text_at(record, "id"),
            content_hash=digest_16(canonical(record)),
            at=start,
            provider=_provider(metadata, model),
            model_asked=model,
            model_answered=text_at(answer, "model"),
            usage=usage,
            usage_raw=raw,
            tier="",
            status="error" if is_error else "ok",
            error_code="error" if is_error else "",
            latency_ms=_elapsed_ms(start, _time(record, "endTime", "end_time"), record.get("latency")),
            first_token_ms=_elapsed_ms(
                start,
                _time(record, "completionStartTime", "completion_start_time"),
                record.get("timeToFirstToken", record.get("time_to_first_token")),
            ),
            reported_cost=cost,
            reported_currency="USD" if cost is not None else "",
            system_prompt=system_prompt,
            prompt=prompt,
            request_body=canonical(given) if reading.keep_bodies and given else b"",
            response_body=canonical(answer) if reading.keep_bodies and answer else b"",
            trace=first_text(record, _TRACE_NAMES),
            response_id=response_id,
            department=first_text(metadata, DEPARTMENT_NAMES),
            task=first_text(metadata, TASK_NAMES),
            metadata=_labels(record, metadata),
        ),
        reading,
    )


def _usage(record: dict[str, Any], is_error: bool) -> tuple[Usage, dict[str, Any] | None]:
    details = decoded_field(record.get("usageDetails", record.get("usage_details")))
    if isinstance(details, dict) and details:
        return (usage_of_openai(details, "") if "prompt_tokens" in details else usage_of_leaves(details)), details
    plain = decoded_field(record.get("usage"))
    source: Mapping[str, Any] = plain if isinstance(plain, dict) else record
    raw = {name: source[name] for name in (*_FLAT_INPUT, *_FLAT_OUTPUT) if _is_given(source.get(name))}
    if isinstance(plain, dict):
        raw |= {name: plain[name] for name in ("input", "output", "total", "unit") if _is_given(plain.get(name))}
    if str(raw.get("unit") or "").upper() not in _COUNTED_UNITS or not raw:
        if is_error:
            return Usage(), None
        raise LineError("usage_missing")
    tokens_in = next((count(raw[name], name) for name in ("input", *_FLAT_INPUT) if name in raw), 0)
    tokens_out = next((count(raw[name], name) for name in ("output", *_FLAT_OUTPUT) if name in raw), 0)
    return Usage(input_tokens=tokens_in, output_tokens=tokens_out), raw


def _is_given(value: Any) -> bool:
    return value not in (None, "") and not isinstance(value, (dict, list))


def _time(record: dict[str, Any], *names: str) -> datetime | None:
    value = next((record[name] for name in names if record.get(name)), None)
    return instant(value, UTC) if value else None


def _elapsed_ms(start: datetime, end: datetime | None, seconds: Any) -> int | None:
    if end is not None:
        return elapsed_ms(start, end)
    amount = amount_of(seconds)
    return None if amount is None else milliseconds(float(amount * 1000))


def _cost(record: dict[str, Any]) -> Decimal | None:
    for name in ("totalCost", "total_cost", "calculatedTotalCost", "calculated_total_cost"):
        if (amount := amount_of(record.get(name) or None)) is not None:
            return amount
    details = decoded_field(record.get("costDetails", record.get("cost_details")))
    return amount_of(details.get("total")) if isinstance(details, dict) else None


def _prompts(given: Any) -> tuple[str, str]:
    if isinstance(given, list):
        return prompts_of(given)
    if isinstance(given, dict):
        return prompts_of_request(given)
    return "", given if isinstance(given, str) else ""


def _provider(metadata: Any, model: str) -> str:
    claimed = first_text(metadata, _PROVIDER_NAMES)
    return provider_of(claimed, first_text(metadata, _ADDRESS_NAMES), model)


def _labels(record: dict[str, Any], metadata: Any) -> dict[str, str]:
    labels = labels_of(
        {
            "prompt_name": text_at(record, "promptName") or text_at(record, "prompt_name"),
            "environment": text_at(record, "environment"),
            "trace_name": text_at(record, "traceName") or text_at(record, "trace_name"),
        },
        metadata,
    )
    if name := text_at(record, "name"):
        labels["name"] = name[:200]
    if tags := tags_of(decoded_field(record.get("tags"))):
        labels["tags"] = tags
    return labels

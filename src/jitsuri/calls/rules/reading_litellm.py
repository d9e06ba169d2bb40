"""LiteLLM spend logs: rows of ``LiteLLM_SpendLogs`` as JSON lines, a JSON array or CSV.

LiteLLM has translated all usage to OpenAI's counting (cached tokens are part of ``prompt_tokens``, also for Anthropic).
Times are UTC. ``user``, ``end_user`` and the requester's address are personal and are not read.
Source: litellm ``proxy/spend_tracking/spend_tracking_utils.py`` and the Anthropic transformation, read 2026-11-22.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from jitsuri.calls.rules.checking import amount_of, checked, error_code_of, http_status_of, tier_of
from jitsuri.calls.rules.counting import count, usage_of_openai, with_missing_cache
from jitsuri.calls.rules.decoding import canonical, decoded_field
from jitsuri.calls.rules.extracting import prompts_of, prompts_of_request
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.guessing import provider_of, region_of, without_prefix
from jitsuri.calls.rules.identifying import naming_id
from jitsuri.calls.rules.labelling import (
    DEPARTMENT_NAMES,
    TASK_NAMES,
    first_text,
    key_alias,
    labels_of,
    tags_of,
    text_at,
)
from jitsuri.calls.rules.timing import elapsed_ms, instant
from jitsuri.calls.shapes import Logged, Reading, Status
from jitsuri.terms.ids import digest_16
from jitsuri.terms.usage import Usage

_OF_A_MODEL = (
    "completion", "embedding", "responses", "anthropic_messages", "generate_content", "transcription", "speech",
    "moderation", "rerank", "image", "ocr", "realtime", "pass_through", "passthrough", "batch_success",
    "retrieve_batch",
)  # fmt: skip
"""Call types that ask a model; the others (files, vector stores, MCP tools, health) are rows only when they cost."""
_CACHE_HIT = "_cache_hit"
_CLAUDE = frozenset({"anthropic", "aws", "google"})


def read(number: int, record: dict[str, Any], reading: Reading) -> Logged | None:
    """One row; None for a row that is no call of a model. Faults: of time, tokens and names."""
    metadata = decoded_field(record.get("metadata"))
    metadata = metadata if isinstance(metadata, dict) else {}
    call_type = text_at(record, "call_type").lower()
    if _is_no_call(record, call_type):
        return None
    model = text_at(record, "model")
    address = text_at(record, "api_base")
    claimed = text_at(record, "custom_llm_provider")
    provider = provider_of(claimed, address, model)
    is_hit = str(record.get("cache_hit") or "").lower() == "true"
    raw = _raw_usage(record, metadata)
    spend = amount_of(record.get("spend"))
    start = _time(record)
    request_id = text_at(record, "request_id")
    system_prompt, prompt, request_body = _request(record)
    status = _status(record, metadata)
    return checked(
        Logged(
            line=number,
            source="litellm",
            external_id=naming_id(request_id),
            content_hash=digest_16(canonical(record)),
            at=start,
            provider=provider,
            model_asked=text_at(record, "model_group") or model,
            model_answered=_answered(model, claimed, metadata),
            usage=Usage() if is_hit else _usage(raw, provider),
            usage_raw=raw,
            tier="batch" if "retrieve_batch" in call_type else tier_of(raw.get("service_tier")),
            region=region_of(address),
            status=status,
            http_status=http_status_of(_error(metadata).get("error_code")),
            error_code=_error_code(metadata) if status == "error" else "",
            latency_ms=_elapsed(record, start, "endTime", "end_time"),
            first_token_ms=_first_token_ms(record, start),
            reported_cost=spend,
            reported_currency="USD" if spend is not None else "",
            system_prompt=system_prompt,
            prompt=prompt,
            request_body=request_body if reading.keep_bodies else b"",
            response_body=_body(record.get("response")) if reading.keep_bodies else b"",
            trace=text_at(record, "session_id") or text_at(metadata, "session_id"),
            response_id="" if _CACHE_HIT in request_id else request_id,
            key_name=key_alias(metadata.get("user_api_key_alias") or text_at(record, "api_key")),
            department=text_at(metadata, "user_api_key_team_alias") or first_text(_sent(metadata), DEPARTMENT_NAMES),
            task=first_text(_sent(metadata), TASK_NAMES) or first_text(metadata, TASK_NAMES),
            metadata=_labels(record, metadata, is_hit),
        ),
        reading,
    )


def _is_no_call(record: dict[str, Any], call_type: str) -> bool:
    if not call_type or any(kind in call_type for kind in _OF_A_MODEL):
        return False
    return not count(record.get("total_tokens"), "total_tokens") and not amount_of(record.get("spend"))


def _raw_usage(record: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    """The row's counts with the details that LiteLLM keeps in two places, newer and older."""
    counts = {
        name: record[name]
        for name in ("prompt_tokens", "completion_tokens", "total_tokens")
        if record.get(name) not in (None, "")
    }
    for place in ("usage_object", "additional_usage_values"):
        details = metadata.get(place)
        if isinstance(details, dict):
            for name, value in details.items():
                if value is not None:
                    counts.setdefault(name, value)
    return counts


def _usage(raw: dict[str, Any], provider: str) -> Usage:
    if "prompt_tokens" not in raw and "input_tokens" not in raw:
        raise LineError("usage_missing")
    usage = usage_of_openai(raw, "")  # LiteLLM has put reasoning into the completion
    return with_missing_cache(usage) if provider in _CLAUDE else usage


def _answered(model: str, claimed: str, metadata: dict[str, Any]) -> str:
    """The model without LiteLLM's prefix; for Azure, whose models bear deployment names, the one LiteLLM priced."""
    if claimed in ("azure", "azure_ai"):
        known = text_at(metadata.get("model_map_information"), "model_map_key")
        if known:
            return without_prefix(known, claimed)
    return without_prefix(model, claimed, claimed.replace("_converse", ""))


def _status(record: dict[str, Any], metadata: dict[str, Any]) -> Status:
    told = text_at(record, "status") or text_at(metadata, "status")
    return "error" if told.lower() in ("failure", "error", "failed") else "ok"


def _error(metadata: dict[str, Any]) -> dict[str, Any]:
    error = metadata.get("error_information")
    return error if isinstance(error, dict) else {}


def _error_code(metadata: dict[str, Any]) -> str:
    error = _error(metadata)
    return error_code_of({"code": error.get("error_class") or error.get("error_code")}) or "error"


def _time(record: dict[str, Any]) -> Any:
    value = record.get("startTime", record.get("start_time"))
    if not value:
        raise LineError("time_missing")
    return instant(value, UTC)


def _elapsed(record: dict[str, Any], start: Any, *names: str) -> int | None:
    for name in names:
        if record.get(name):
            try:
                return elapsed_ms(start, instant(record[name], UTC))
            except LineError:
                return None
    return None


def _first_token_ms(record: dict[str, Any], start: Any) -> int | None:
    """Only of streams: without one LiteLLM writes the end of the answer there."""
    first = record.get("completionStartTime", record.get("completion_start_time"))
    if not first or first == record.get("endTime", record.get("end_time")):
        return None
    return _elapsed(record, start, "completionStartTime", "completion_start_time")


def _request(record: dict[str, Any]) -> tuple[str, str, bytes]:
    """``(system prompt, prompt, body)``; older versions keep messages, newer ones the proxied request."""
    messages = decoded_field(record.get("messages"))
    if isinstance(messages, list) and messages:
        return (*prompts_of(messages), canonical({"messages": messages}))
    request = decoded_field(record.get("proxy_server_request"))
    if isinstance(request, dict):
        inner = request.get("body")
        request = inner if isinstance(inner, dict) else request
        if request:
            return (*prompts_of_request(request), canonical(request))
    return "", "", b""


def _body(value: Any) -> bytes:
    value = decoded_field(value)
    return canonical(value) if isinstance(value, (dict, list)) and value else b""


def _sent(metadata: dict[str, Any]) -> Any:
    """What the caller sent along as metadata."""
    return metadata.get("spend_logs_metadata") or metadata.get("requester_metadata")


def _labels(record: dict[str, Any], metadata: dict[str, Any], is_hit: bool) -> dict[str, str]:
    labels = labels_of(_sent(metadata))
    if tags := tags_of(decoded_field(record.get("request_tags"))):
        labels["tags"] = tags
    if is_hit:
        labels["cache_hit"] = "true"
    return labels

"""OpenTelemetry GenAI spans: OTLP/JSON exports and flat span objects, with old, new and OpenInference's names.

Only spans of a client that asks a model are calls; agents, workflows, tools and retrievals are passed over, because
their counts repeat those of the calls under them.
Sources: OpenTelemetry semantic-conventions-genai (attributes, operations), OTLP/JSON encoding (64-bit numbers as text),
OpenInference specification (``llm.*``), OpenLLMetry's older names; read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jitsuri.calls.rules.checking import amount_of, checked, error_code_of, http_status_of, tier_of
from jitsuri.calls.rules.counting import count, with_missing_cache
from jitsuri.calls.rules.decoding import canonical, decoded_field
from jitsuri.calls.rules.extracting import prompts_of, text_of_content
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.guessing import provider_of, region_of
from jitsuri.calls.rules.labelling import (
    DEPARTMENT_NAMES,
    TASK_NAMES,
    Names,
    first_text,
    labels_of,
    names_of,
    tags_of,
    text_at,
)
from jitsuri.calls.rules.timing import elapsed_ms, instant, milliseconds
from jitsuri.calls.shapes import Logged, Reading, Status
from jitsuri.terms.ids import digest_16
from jitsuri.terms.usage import Usage

_CALL_OPERATIONS = frozenset({
    "chat", "text_completion", "completion", "generate_content", "embeddings", "embedding", "responses", "message",
    "messages", "generate",
})  # fmt: skip
_OPERATION_NAMES = names_of("gen_ai.operation.name", "llm.request.type")
_CALL_KINDS = frozenset({"LLM", "EMBEDDING"})
"""``openinference.span.kind`` of calls."""

_COUNTS: dict[str, Names] = {
    "input_tokens": names_of(
        "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens", "llm.token_count.prompt",
    ),
    "output_tokens": names_of(
        "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens",
        "llm.token_count.completion",
    ),
    "cache_read_tokens": names_of(
        "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.input_tokens.cached", "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.details.cached_tokens", "llm.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
    ),
    "cache_write_tokens": names_of(
        "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.input_tokens.cache_write",
        "gen_ai.usage.details.cache_write_tokens", "llm.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
    ),
    "reasoning_tokens": names_of(
        "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.output_tokens.reasoning", "gen_ai.usage.details.reasoning_tokens", "llm.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
    ),
    "input_audio_tokens": names_of("gen_ai.usage.audio.input_tokens", "llm.token_count.prompt_details.audio"),
    "output_audio_tokens": names_of("gen_ai.usage.audio.output_tokens", "llm.token_count.completion_details.audio"),
    "input_image_tokens": names_of("gen_ai.usage.image.input_tokens",),
    "output_image_tokens": names_of("gen_ai.usage.image.output_tokens",),
}  # fmt: skip
_ASKED = names_of(
    "gen_ai.request.model",
    "llm.request.model",
    "llm.request.model_name",
    "llm.model_name",
    "embedding.model_name",
)
_ANSWERED = names_of("gen_ai.response.model", "llm.response.model", "llm.response.model_name")
_PROVIDERS = names_of("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "llm.vendor")
_ADDRESSES = names_of("server.address", "url.full", "http.url", "gen_ai.openai.api_base", "llm.base_url")
_TRACES = names_of("jitsuri.thread", "gen_ai.conversation.id", "session.id", "langfuse.session.id")
_TIERS = names_of("openai.response.service_tier", "gen_ai.openai.response.service_tier", "gen_ai.response.service_tier")
_COSTS = ("jitsuri.cost.usd", "llm.cost.total", "gen_ai.usage.cost", "gen_ai.usage.total_cost")
_CLAUDE = frozenset({"anthropic", "aws", "google"})
_LABELS = {
    "gen_ai.prompt.name": "prompt_name", "gen_ai.agent.name": "agent", "service.name": "service",
    "deployment.environment.name": "environment", "deployment.environment": "environment",
    "gen_ai.workflow.name": "workflow",
}  # fmt: skip


def read(number: int, record: dict[str, Any], reading: Reading) -> Logged | None:
    """One span, alone or with its resource; None where it is no call of a model. Faults: of time, tokens and names."""
    span = record.get("span")
    span = span if isinstance(span, dict) else record
    attributes = attributes_of(span.get("attributes"))
    if not is_call(attributes):
        return None
    start = _time(span, "startTimeUnixNano", "start_time_unix_nano", "startTime", "start_time")
    if start is None:
        raise LineError("time_missing")
    end = _time(span, "endTimeUnixNano", "end_time_unix_nano", "endTime", "end_time")
    error = _error(span, attributes)
    address = first_text(attributes, _ADDRESSES)
    asked, answered = first_text(attributes, _ASKED), first_text(attributes, _ANSWERED)
    provider = provider_of(first_text(attributes, _PROVIDERS), address, answered or asked)
    usage, raw = _usage(attributes, provider, bool(error))
    trace_id, span_id = _ids(span)
    messages = _messages(span, attributes)
    system_prompt, prompt = prompts_of(messages)
    cost = amount_of(next((attributes[name] for name in _COSTS if name in attributes), None))
    status: Status = "error" if error else "ok"
    return checked(
        Logged(
            line=number,
            source="otel",
            external_id=f"{trace_id}:{span_id}" if trace_id and span_id else "",
            content_hash=digest_16(canonical([trace_id, span_id, start.isoformat(), attributes])),
            at=start,
            provider=provider,
            model_asked=asked,
            model_answered=answered,
            usage=usage,
            usage_raw=raw,
            tier=tier_of(first_text(attributes, _TIERS)),
            region=region_of(address) or text_at(attributes, "cloud.region"),
            status=status,
            http_status=http_status_of(attributes.get("http.response.status_code"), error),
            error_code=error,
            latency_ms=elapsed_ms(start, end) if end is not None else None,
            first_token_ms=_first_token_ms(attributes),
            reported_cost=cost,
            reported_currency="USD" if cost is not None else "",
            system_prompt=_system(attributes) or system_prompt,
            prompt=prompt,
            request_body=canonical({"messages": messages}) if reading.keep_bodies and messages else b"",
            response_body=_answer_body(attributes) if reading.keep_bodies else b"",
            trace=first_text(attributes, _TRACES) or trace_id,
            response_id=text_at(attributes, "gen_ai.response.id"),
            previous_response_id=text_at(attributes, "gen_ai.request.previous_response.id"),
            department=text_at(attributes, "jitsuri.department") or _in_metadata(attributes, DEPARTMENT_NAMES),
            task=text_at(attributes, "jitsuri.task") or _in_metadata(attributes, TASK_NAMES),
            metadata=_labels(span, record, attributes),
        ),
        reading,
    )


def attributes_of(value: Any) -> dict[str, Any]:
    """Attributes as a plain object, from OTLP's list of typed pairs or from an object."""
    if isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for pair in value if isinstance(value, list) else ():
        if isinstance(pair, dict) and isinstance(pair.get("key"), str):
            found[pair["key"]] = _value_of(pair.get("value"))
    return found


def is_call(attributes: Mapping[str, Any]) -> bool:
    """Whether a span asks a model: by operation, else by OpenInference kind, else by a model without an agent."""
    operation = first_text(attributes, _OPERATION_NAMES)
    if operation:
        return operation.lower() in _CALL_OPERATIONS
    kind = text_at(attributes, "openinference.span.kind") or text_at(attributes, "traceloop.span.kind")
    if kind:
        return kind.upper() in _CALL_KINDS
    if any(name in attributes for name in ("gen_ai.agent.name", "gen_ai.tool.name")):
        return False
    return any(name in attributes for name in _ASKED) and any(
        name in attributes for name in (*_COUNTS["input_tokens"], *_PROVIDERS)
    )


def _value_of(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    for kind, inner in value.items():
        if kind in ("intValue", "int_value"):
            return int(inner) if isinstance(inner, str) and inner.lstrip("-").isdecimal() else inner
        if kind in ("arrayValue", "array_value") and isinstance(inner, dict):
            return [_value_of(one) for one in inner.get("values") or ()]
        if kind in ("kvlistValue", "kvlist_value") and isinstance(inner, dict):
            return attributes_of(inner.get("values"))
        return inner
    return None


def _usage(attributes: Mapping[str, Any], provider: str, is_error: bool) -> tuple[Usage, dict[str, Any] | None]:
    counts: dict[str, int] = {}
    for kind, names in _COUNTS.items():
        if not names.keys().isdisjoint(attributes):
            name = next((name for name in names if attributes.get(name) is not None), "")
            if name:
                counts[kind] = count(attributes[name], name)
    if "input_tokens" not in counts and "output_tokens" not in counts:
        if is_error:
            return Usage(), None
        raise LineError("usage_missing")
    raw = {name: value for name, value in attributes.items() if "usage" in name or "token_count" in name}
    usage = Usage(**counts)
    return (with_missing_cache(usage) if provider in _CLAUDE else usage), raw


def _time(span: dict[str, Any], *names: str) -> datetime | None:
    value = next((span[name] for name in names if span.get(name)), None)
    return instant(value, UTC) if value else None


def _ids(span: dict[str, Any]) -> tuple[str, str]:
    context = span.get("context")
    place = context if isinstance(context, dict) else span
    trace_id = text_at(place, "traceId") or text_at(place, "trace_id")
    span_id = text_at(place, "spanId") or text_at(place, "span_id")
    return trace_id.removeprefix("0x"), span_id.removeprefix("0x")


def _error(span: dict[str, Any], attributes: Mapping[str, Any]) -> str:
    status = span.get("status")
    code = status.get("code", status.get("status_code")) if isinstance(status, dict) else span.get("status_code")
    is_error = code == 2 or (isinstance(code, str) and code.upper().endswith("ERROR"))
    named = attributes.get("error.type")
    return error_code_of(named or "error") if is_error or named else ""


def _first_token_ms(attributes: Mapping[str, Any]) -> int | None:
    seconds = amount_of(attributes.get("gen_ai.response.time_to_first_chunk"))
    return None if seconds is None else milliseconds(float(seconds * 1000))


def _system(attributes: Mapping[str, Any]) -> str:
    return text_of_content(decoded_field(attributes.get("gen_ai.system_instructions")))


def _messages(span: dict[str, Any], attributes: Mapping[str, Any]) -> list[Any]:
    """Messages from the attribute, from indexed attributes (OpenLLMetry, OpenInference) or from events."""
    given = decoded_field(attributes.get("gen_ai.input.messages"))
    if isinstance(given, list):
        return given
    indexed = _indexed(attributes, "gen_ai.prompt.") or _indexed(attributes, "llm.input_messages.")
    if indexed:
        return indexed
    messages: list[Any] = []
    events = span.get("events")
    for event in events if isinstance(events, list) else ():
        name = str(event.get("name") or "") if isinstance(event, dict) else ""
        if name in ("gen_ai.system.message", "gen_ai.user.message"):
            inner = attributes_of(event.get("attributes"))
            messages.append(
                {"role": name.split(".")[1], "content": inner.get("content", inner.get("gen_ai.event.content"))}
            )
        elif name == "gen_ai.content.prompt":
            held = decoded_field(attributes_of(event.get("attributes")).get("gen_ai.prompt"))
            messages.extend(held if isinstance(held, list) else [held])
    return messages


def _indexed(attributes: Mapping[str, Any], prefix: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for index in range(len(attributes)):
        middle = f"{prefix}{index}." if prefix.startswith("gen_ai") else f"{prefix}{index}.message."
        role, content = attributes.get(f"{middle}role"), attributes.get(f"{middle}content")
        if role is None and content is None:
            break
        found.append({"role": str(role or ""), "content": content if isinstance(content, str) else ""})
    return found


def _answer_body(attributes: Mapping[str, Any]) -> bytes:
    given = decoded_field(attributes.get("gen_ai.output.messages", attributes.get("output.value")))
    return canonical({"messages": given}) if given else b""


def _in_metadata(attributes: Mapping[str, Any], names: Names) -> str:
    return first_text(decoded_field(attributes.get("metadata")), names)


def _labels(span: dict[str, Any], record: dict[str, Any], attributes: dict[str, Any]) -> dict[str, str]:
    resource = record.get("resource") or span.get("resource")
    around = attributes_of(resource.get("attributes")) if isinstance(resource, dict) else {}
    named: dict[str, str] = {}
    for theirs, ours in _LABELS.items():
        if text := text_at(attributes, theirs) or text_at(around, theirs):
            named.setdefault(ours, text)
    labels = labels_of(named, decoded_field(attributes.get("metadata")))
    if name := text_at(span, "name"):
        labels["name"] = name[:200]
    if tags := tags_of(attributes.get("tag.tags")):
        labels["tags"] = tags
    return labels

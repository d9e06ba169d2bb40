"""A booked attempt in the names of OpenTelemetry's GenAI conventions, old and new. Nothing is imported of OpenTelemetry.

Sources: OpenTelemetry, semantic-conventions-genai (read 2026-11-22) for the new names, semantic-conventions 1.36 for the old;
OpenInference 0.1.42 for ``llm.cost.total``, which is in US dollars. No convention has a cost in yen: ``jitsuri.cost.jpy``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import msgspec

from jitsuri.app.log_lines import plain
from jitsuri.ledger.shapes.entries import GatewayEntry
from jitsuri.providers.shapes import Upstream

Value = str | int | float | bool | tuple[str, ...]

PROVIDERS: Final[Mapping[str, str]] = {
    "openai": "openai", "anthropic": "anthropic", "azure": "azure.ai.openai", "aws": "aws.bedrock",
    "google": "gcp.gemini", "cohere": "cohere", "deepseek": "deepseek", "groq": "groq", "mistral": "mistral_ai",
    "moonshotai": "moonshot_ai", "perplexity": "perplexity", "x-ai": "x_ai",
}  # fmt: skip
"""``gen_ai.provider.name`` by the price book's name of a vendor; others keep their own, as the conventions ask."""

OPERATIONS: Final[Mapping[str, str]] = {"chat": "chat", "embeddings": "embeddings"}
"""What is passed through without being understood is named ``pass_through``."""

_OPT_IN: Final = "gen_ai_latest_experimental"
_LEFT: Final = frozenset({"caller_gone", "not_asked"})
"""Ends that are nobody's failure: the caller went away."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Booked(msgspec.Struct, frozen=True, gc=False):
    """What telemetry needs of one attempt: nothing that holds a request or an answer."""

    entry: GatewayEntry
    upstream: Upstream
    operation: str
    """``chat``, ``embeddings`` or ``other``."""
    is_stream: bool
    finish: str
    response_id: str
    traceparent: str
    tracestate: str


def conventions(environment: Mapping[str, str]) -> frozenset[str]:
    """Which names are wanted: ``old`` unless the new ones are opted in for, both with ``/dup``.

    >>> sorted(conventions({"OTEL_SEMCONV_STABILITY_OPT_IN": "http, gen_ai_latest_experimental/dup"}))
    ['new', 'old']
    """
    asked = {part.strip() for part in environment.get("OTEL_SEMCONV_STABILITY_OPT_IN", "").split(",")}
    if f"{_OPT_IN}/dup" in asked:
        return frozenset({"old", "new"})
    return frozenset({"new"}) if _OPT_IN in asked else frozenset({"old"})


def operation_of(booked: Booked) -> str:
    return OPERATIONS.get(booked.operation, "pass_through")


def span_name(booked: Booked) -> str:
    """``{operation} {model}``, or the operation alone where no model is named."""
    model = booked.entry.model_asked
    return f"{operation_of(booked)} {model}" if model else operation_of(booked)


def times_ns(entry: GatewayEntry) -> tuple[int, int]:
    """Begin and end of the attempt, in nanoseconds of unix time."""
    end = (entry.booked_at - _EPOCH) // _MICROSECOND * 1_000
    return end - (entry.latency_ms or 0) * 1_000_000, end


def error_type(entry: GatewayEntry) -> str:
    """Why it failed, as a code; '' where it did not, or where only its caller left."""
    if entry.status == "ok" or entry.error_code in _LEFT:
        return ""
    code = plain(entry.error_code)
    return code if code != "other" else str(entry.http_status or "_OTHER")


def metric_attributes(booked: Booked, names: frozenset[str]) -> dict[str, Value]:
    """What metrics are kept apart by; bounded but for model names, which are those that upstreams answer to."""
    entry = booked.entry
    provider = PROVIDERS.get(booked.upstream.vendor, booked.upstream.vendor)
    found: dict[str, Value] = {"gen_ai.operation.name": operation_of(booked), "gen_ai.provider.name": provider}
    if "old" in names:
        found["gen_ai.system"] = provider
    if entry.model_asked:
        found["gen_ai.request.model"] = plain(entry.model_asked)
    if entry.model_answered:
        found["gen_ai.response.model"] = plain(entry.model_answered)
    found |= server_of(booked.upstream.base_url)
    if entry.task:
        found["jitsuri.task"] = entry.task
    return found


def span_attributes(booked: Booked, names: frozenset[str]) -> dict[str, Value]:
    """Everything that a span says. Counts of tokens include their parts, as in the ledger."""
    entry = booked.entry
    found = metric_attributes(booked, names)
    found["jitsuri.upstream"] = booked.upstream.name
    found["jitsuri.call.id"] = str(entry.call_id)
    found["openinference.span.kind"] = "EMBEDDING" if booked.operation == "embeddings" else "LLM"
    if "new" in names:
        found["gen_ai.request.stream"] = booked.is_stream
        if booked.is_stream and entry.first_token_ms is not None:
            found["gen_ai.response.time_to_first_chunk"] = entry.first_token_ms / 1000
    if booked.response_id:
        found["gen_ai.response.id"] = booked.response_id[:200]
    if booked.finish:
        found["gen_ai.response.finish_reasons"] = (booked.finish,)
    if entry.thread_id != entry.call_id:
        found["gen_ai.conversation.id"] = str(entry.thread_id)
    why = error_type(entry)
    if why:
        found["error.type"] = why
    return found | _usage(entry, names) | _cost(entry)


def _usage(entry: GatewayEntry, names: frozenset[str]) -> dict[str, Value]:
    usage = entry.usage
    found: dict[str, Value] = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }
    if usage.cache_read_tokens:
        found["gen_ai.usage.cache_read.input_tokens"] = usage.cache_read_tokens
    if usage.cache_write_tokens and "new" in names:
        found["gen_ai.usage.cache_write.input_tokens"] = usage.cache_write_tokens
    if usage.cache_write_tokens and "old" in names:
        found["gen_ai.usage.cache_creation.input_tokens"] = usage.cache_write_tokens
    if usage.reasoning_tokens:
        found["gen_ai.usage.reasoning.output_tokens"] = usage.reasoning_tokens
    return found


def _cost(entry: GatewayEntry) -> dict[str, Value]:
    """Costs as floating numbers, because attributes have no others; the ledger has the exact ones."""
    found: dict[str, Value] = {}
    if entry.cost_jpy is not None:
        found["jitsuri.cost.jpy"] = float(entry.cost_jpy)
    if entry.cost is not None and entry.currency == "USD":
        found["llm.cost.total"] = float(entry.cost)
    if entry.state != "priced":
        found["jitsuri.cost.state"] = entry.state
    if entry.reason:
        found["jitsuri.cost.reason"] = entry.reason
    return found


@lru_cache(maxsize=256)
def _server(base_url: str) -> tuple[tuple[str, Value], ...]:
    parts = urlsplit(base_url)
    if not parts.hostname:
        return ()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return (("server.address", parts.hostname), ("server.port", port))


def server_of(base_url: str) -> dict[str, Value]:
    """Address and port of an upstream; nothing for what answers on this machine."""
    return dict(_server(base_url))

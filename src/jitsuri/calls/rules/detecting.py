"""Which format a log is in, by its first records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from jitsuri.calls.rules.decoding import decoded, decoded_field
from jitsuri.calls.rules.faulting import LineError, shown
from jitsuri.calls.rules.reading_csv import fields_of
from jitsuri.calls.rules.streaming import events_of
from jitsuri.calls.shapes import Layout, LogFormat
from jitsuri.terms.errors import CallerError

DELIMITERS = (",", "\t", ";")
_SPANS = ("traceId", "trace_id", "context", "spanId", "span_id")
_BATCH_INPUT = "batch input"


def detect_format(layout: Layout, head: Sequence[bytes], header: bytes = b"") -> LogFormat:
    """The format that most of the first records are in; a table's by its header.

    Raises CallerError ``format_unknown`` (with what was seen), ``log_is_batch_input`` for the requests of a batch.
    """
    if layout == "table":
        return _format_of_header(table_header(header)[0])
    seen: Counter[str] = Counter()
    names: list[str] = []
    for raw in head:
        try:
            record = decoded(raw)
        except LineError:
            continue
        if isinstance(record, dict):
            names = names or list(record)
            if found := format_of(record):
                seen[found] += 1
    if not seen:
        told = ", ".join(names[:12]) if names else shown(b" ".join(head)[:200].decode("utf-8", "replace"))
        raise CallerError("format_unknown", seen=shown(told) if not names else told)
    best = seen.most_common(1)[0][0]
    if best == _BATCH_INPUT:
        raise CallerError("log_is_batch_input")
    return best  # type: ignore[return-value]  # format_of gives formats and the one word handled above


def format_of(record: dict[str, Any]) -> LogFormat | str:
    """The format of one JSON record, ``batch input`` for a batch's request, '' for neither."""
    if "custom_id" in record:
        if "result" in record:
            return "anthropic_batch"
        if "response" in record or "error" in record:
            return "openai_batch"
        return _BATCH_INPUT if "body" in record or "params" in record else ""
    if found := _format_of_names(record):
        return found
    if "request" in record or "response" in record or "chunks" in record:
        return "anthropic" if is_anthropic(record) else "openai"
    if "span" in record or ("attributes" in record and any(name in record for name in _SPANS)):
        return "otel"
    return ""


def is_anthropic(record: dict[str, Any]) -> bool:
    """Whether a line's answer (or, where it tells nothing, its request) is in Anthropic's dialect."""
    response = decoded_field(record.get("response", record.get("chunks")))
    if isinstance(response, dict):
        kind = response.get("type")
        if kind in ("message", "error"):
            return True
        if kind or response.get("object") or "choices" in response or "usage" in response:
            return False
    elif response:
        return any(event.get("type") == "message_start" for event in events_of(response) or ())
    request = decoded_field(record.get("request"))
    model = request.get("model") if isinstance(request, dict) else None
    return isinstance(model, str) and model.startswith("claude-") and "max_tokens" in request


def table_header(header: bytes) -> tuple[tuple[str, ...], str]:
    """``(column names, delimiter)`` of a table's first record. Raises CallerError ``format_unknown``."""
    best: tuple[tuple[str, ...], str] = ((), ",")
    for delimiter in DELIMITERS:
        try:
            names = tuple(name.strip() for name in fields_of(header, delimiter))
        except LineError:
            continue
        if len(names) > len(best[0]):
            best = names, delimiter
    if len(best[0]) < 2:
        raise CallerError("format_unknown", seen=shown(header[:200].decode("utf-8", "replace")))
    return best


def _format_of_header(names: tuple[str, ...]) -> LogFormat:
    found = _format_of_names(dict.fromkeys(names))
    return found if found else "csv"


def _format_of_names(names: dict[str, Any]) -> LogFormat | Any:
    if "request" in names:
        return ""
    if "spend" in names and ("request_id" in names or "call_type" in names):
        return "litellm"
    has_start = "startTime" in names or "start_time" in names
    has_usage = any(name in names for name in ("usageDetails", "usage_details", "usage", "promptTokens", "inputUsage"))
    has_trace = "traceId" in names or "trace_id" in names
    if has_start and (has_trace or has_usage) and ("type" in names or has_usage):
        return "langfuse"
    return ""

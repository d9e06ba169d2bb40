"""What stands around a request and an answer in a log line: time, headers, metadata, key, latency."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jitsuri.calls.rules.checking import amount_of, http_status_of
from jitsuri.calls.rules.decoding import canonical, decoded_field
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.labelling import (
    DEPARTMENT_NAMES,
    TASK_NAMES,
    THREAD_NAMES,
    Names,
    first_text,
    headers_of,
    key_alias,
    labels_of,
    names_of,
    tags_of,
    text_at,
    trace_of,
)
from jitsuri.calls.rules.streaming import events_of, merged
from jitsuri.calls.rules.timing import instant, instant_beside, milliseconds
from jitsuri.calls.shapes import Reading
from jitsuri.terms.ids import digest_16

TASK_PREFIX = "task:"
"""``model="task:inquiry-triage"`` names the task instead of a model."""

_TIME_NAMES = names_of("timestamp", "created_at", "time", "start_time", "startTime", "created", "date")
_KEY_NAMES = names_of("key", "api_key_alias", "key_alias", "key_name")
_ADDRESS_NAMES = names_of("base_url", "api_base", "url")
_ID_NAMES = names_of("id", "request_id")
_LATENCY_NAMES = names_of("latency_ms", "duration_ms", "response_time_ms")
_FIRST_TOKEN_NAMES = names_of("first_token_ms", "ttft_ms", "time_to_first_token_ms")
_NOTHING: dict[str, Any] = {}


def pair_of(record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], bool]:
    """``(request, answer, whether the answer broke off)``; chunks are put together, JSON kept as text is read."""
    request = decoded_field(record.get("request"))
    if isinstance(request, dict) and isinstance(request.get("body"), dict) and "model" not in request:
        request = request["body"]  # the whole HTTP request was logged
    response = decoded_field(record.get("response", record.get("chunks")))
    if isinstance(response, dict) and isinstance(response.get("body"), dict) and "usage" not in response:
        response = response["body"]
    is_cut = False
    events = events_of(response if response else record.get("chunks"))
    if events is not None:
        response, is_cut = merged(events)
    return _object(request), _object(response), is_cut


def created_of(response: dict[str, Any], reading: Reading) -> datetime | None:
    """When the upstream says it made the answer; None where it does not."""
    value = response.get("created", response.get("created_at"))
    if not value:
        return None
    try:
        return instant(value, reading.zone)
    except LineError:
        return None


def headers_in(record: dict[str, Any]) -> dict[str, str]:
    """The headers of a line, its own or those of its request."""
    headers = record.get("headers")
    if headers is None:
        request = record.get("request")
        headers = request.get("headers") if type(request) is dict else None
    return headers_of(headers) if headers else {}


def around(
    record: dict[str, Any],
    headers: dict[str, str],
    request: dict[str, Any],
    response: dict[str, Any],
    reading: Reading,
) -> dict[str, Any]:
    """The fields of ``Logged`` that do not depend on the dialect. Faults: ``time_missing``, ``time_unreadable``."""
    metadata, own_metadata = decoded_field(record.get("metadata")), request.get("metadata")
    model = request.get("model")
    task = headers.get("x-jitsuri-task") or _named(TASK_NAMES, record, metadata, own_metadata)
    if not task and type(model) is str and model.startswith(TASK_PREFIX):
        task = model.removeprefix(TASK_PREFIX)
    labels = labels_of(metadata, own_metadata)
    if (tags := tags_of(record.get("tags"))) and "tags" not in labels:
        labels["tags"] = tags
    cost = amount_of(record["cost_usd"]) if "cost_usd" in record else None
    keeps = reading.keep_bodies
    return {
        "content_hash": digest_16(canonical(record)),
        "at": _at(record, response, reading),
        "request_body": canonical(request) if keeps and request else b"",
        "response_body": canonical(record.get("response", record.get("chunks"))) if keeps and response else b"",
        "trace": headers.get("x-jitsuri-thread")
        or _named(THREAD_NAMES, record, metadata, own_metadata)
        or _conversation(request)
        or trace_of(headers),
        "task": task,
        "department": headers.get("x-jitsuri-department") or _named(DEPARTMENT_NAMES, record, metadata, own_metadata),
        "key_name": key_alias(first_text(record, _KEY_NAMES)),
        "metadata": labels,
        "http_status": http_status_in(record),
        "latency_ms": _milliseconds(record, _LATENCY_NAMES),
        "first_token_ms": _milliseconds(record, _FIRST_TOKEN_NAMES),
        "reported_cost": cost,
        "reported_currency": "USD" if cost is not None else "",
    }


def address_of(record: dict[str, Any]) -> str:
    """The URL that was called, as far as the line tells."""
    return first_text(record, _ADDRESS_NAMES) or first_text(record.get("request"), _ADDRESS_NAMES)


def request_id_of(record: dict[str, Any], headers: dict[str, str]) -> str:
    """The id that the caller or upstream gave the request, from the line or its headers."""
    return first_text(record, _ID_NAMES) or headers.get("x-request-id", "") or headers.get("request-id", "")


def failed(record: dict[str, Any], response: dict[str, Any]) -> bool:
    """Whether the line tells of an error: by an error object, an HTTP status or a word."""
    if record.get("error") or (response.get("error") and not response.get("usage")):
        return True
    status = http_status_in(record)
    if status is not None:
        return status >= 400
    return record.get("status") in ("error", "failure", "failed")


def _at(record: dict[str, Any], response: dict[str, Any], reading: Reading) -> datetime:
    if not _TIME_NAMES.keys().isdisjoint(record):
        for name in _TIME_NAMES:
            value = record.get(name)
            if value:
                return instant_beside(value, reading.zone, lambda: created_of(response, reading))
    at = created_of(response, reading) or reading.fallback_at
    if at is None:
        raise LineError("time_missing")
    return at


def _named(names: Names, record: dict[str, Any], metadata: Any, own_metadata: Any) -> str:
    found = first_text(record, names)
    if not found and metadata:
        found = first_text(metadata, names)
    return found or (first_text(own_metadata, names) if own_metadata else "")


def _conversation(request: dict[str, Any]) -> str:
    value = request.get("conversation")
    return value if isinstance(value, str) else text_at(value, "id")


def http_status_in(record: dict[str, Any]) -> int | None:
    """The HTTP status that the line or its answer tells."""
    response = record.get("response")
    inner = response.get("status_code") if type(response) is dict else None
    return http_status_of(record.get("status_code"), record.get("status"), inner)


def _milliseconds(record: dict[str, Any], names: Names) -> int | None:
    if names.keys().isdisjoint(record):
        return None
    for name in names:
        if (value := record.get(name)) is not None:
            return milliseconds(value)
    return None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else _NOTHING

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
    first_text,
    headers_of,
    key_alias,
    labels_of,
    tags_of,
    trace_of,
)  # fmt: skip
from jitsuri.calls.rules.streaming import events_of, merged
from jitsuri.calls.rules.timing import instant, instant_beside, milliseconds
from jitsuri.calls.shapes import Reading
from jitsuri.terms.ids import digest_16

TASK_PREFIX = "task:"
"""``model="task:inquiry-triage"`` names the task instead of a model."""

_TIME_NAMES = ("timestamp", "created_at", "time", "start_time", "startTime", "created", "date")
_KEY_NAMES = ("key", "api_key_alias", "key_alias", "key_name")
_ADDRESS_NAMES = ("base_url", "api_base", "url")
_LATENCY_NAMES = ("latency_ms", "duration_ms", "response_time_ms")
_FIRST_TOKEN_NAMES = ("first_token_ms", "ttft_ms", "time_to_first_token_ms")
_BODIES = frozenset({"request", "response", "chunks"})
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


def around(
    record: dict[str, Any], request: dict[str, Any], response: dict[str, Any], reading: Reading
) -> dict[str, Any]:
    """The fields of ``Logged`` that do not depend on the dialect. Faults: ``time_missing``, ``time_unreadable``."""
    headers = headers_of(record.get("headers") or _inner_headers(record))
    metadata, own_metadata = decoded_field(record.get("metadata")), request.get("metadata")
    request_bytes = canonical(record.get("request"))
    response_bytes = canonical(record.get("response", record.get("chunks")))
    rest = {name: value for name, value in record.items() if name not in _BODIES}
    model = request.get("model")
    task = headers.get("x-jitsuri-task") or first_text(record, TASK_NAMES) or first_text(metadata, TASK_NAMES)
    if not task and isinstance(model, str) and model.startswith(TASK_PREFIX):
        task = model.removeprefix(TASK_PREFIX)
    labels = labels_of(metadata, own_metadata)
    if (tags := tags_of(record.get("tags"))) and "tags" not in labels:
        labels["tags"] = tags
    cost = amount_of(record.get("cost_usd"))
    return {
        "content_hash": digest_16(request_bytes, response_bytes, canonical(rest)),
        "at": _at(record, created_of(response, reading), reading),
        "request_body": request_bytes if reading.keep_bodies and request else b"",
        "response_body": response_bytes if reading.keep_bodies and response else b"",
        "trace": headers.get("x-jitsuri-thread")
        or first_text(record, THREAD_NAMES)
        or first_text(metadata, THREAD_NAMES)
        or first_text(own_metadata, THREAD_NAMES)
        or _conversation(request)
        or trace_of(headers),
        "task": task or first_text(own_metadata, TASK_NAMES),
        "department": headers.get("x-jitsuri-department")
        or first_text(record, DEPARTMENT_NAMES)
        or first_text(metadata, DEPARTMENT_NAMES)
        or first_text(own_metadata, DEPARTMENT_NAMES),
        "key_name": key_alias(first_text(record, _KEY_NAMES)),
        "metadata": labels,
        "http_status": http_status_of(record.get("status_code"), record.get("status"), _status_in(record)),
        "latency_ms": _milliseconds(record, _LATENCY_NAMES),
        "first_token_ms": _milliseconds(record, _FIRST_TOKEN_NAMES),
        "reported_cost": cost,
        "reported_currency": "USD" if cost is not None else "",
    }


def address_of(record: dict[str, Any]) -> str:
    """The URL that was called, as far as the line tells."""
    found = first_text(record, _ADDRESS_NAMES)
    return found or first_text(record.get("request"), _ADDRESS_NAMES)


def request_id_of(record: dict[str, Any]) -> str:
    """The id that the caller or upstream gave the request, from the line or its headers."""
    named = first_text(record, ("id", "request_id"))
    if named:
        return named
    headers = headers_of(record.get("headers") or _inner_headers(record))
    return headers.get("x-request-id", "") or headers.get("request-id", "")


def failed(record: dict[str, Any], response: dict[str, Any]) -> bool:
    """Whether the line tells of an error: by an error object, an HTTP status or a word."""
    if record.get("error") or (response.get("error") and not response.get("usage")):
        return True
    status = http_status_of(record.get("status_code"), record.get("status"), _status_in(record))
    if status is not None:
        return status >= 400
    return record.get("status") in ("error", "failure", "failed")


def _at(record: dict[str, Any], created: datetime | None, reading: Reading) -> datetime:
    for name in _TIME_NAMES:
        value = record.get(name)
        if value:
            return instant_beside(value, reading.zone, created)
    at = created or reading.fallback_at
    if at is None:
        raise LineError("time_missing")
    return at


def _conversation(request: dict[str, Any]) -> str:
    value = request.get("conversation")
    return value if isinstance(value, str) else first_text(value, ("id",))


def _inner_headers(record: dict[str, Any]) -> Any:
    request = record.get("request")
    return request.get("headers") if isinstance(request, dict) else None


def _status_in(record: dict[str, Any]) -> Any:
    response = record.get("response")
    return response.get("status_code") if isinstance(response, dict) else None


def _milliseconds(record: dict[str, Any], names: tuple[str, ...]) -> int | None:
    return next((milliseconds(record[name]) for name in names if record.get(name) is not None), None)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else _NOTHING

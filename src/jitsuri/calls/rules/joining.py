"""Requests of a batch from its input file, for the answers that come in another file.

The flow reads the input file first (``batch_requests(open_log(path))``) and hands the mapping to ``Reading.requests``;
each answer then finds its request by ``custom_id``. Held per request: names, the system prompt (shared ones once) and
the beginning of the first message; bodies only on request, compressed. A batch has at most 100,000 requests (OpenAI
50,000, Anthropic 100,000; API references read 2026-11-22), so that this stays below some 100 MB.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zlib import compress

from jitsuri.calls.rules.decoding import canonical, decoded
from jitsuri.calls.rules.extracting import prompts_of_request
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.labelling import DEPARTMENT_NAMES, TASK_NAMES, first_text, labels_of, text_at
from jitsuri.calls.rules.unwrapping import TASK_PREFIX
from jitsuri.calls.shapes import BatchRequest, Fault

PROMPT_CHARACTERS = 400
"""Of the first message this much is held: more than prompt groups look at."""


def batch_requests(
    records: Iterable[tuple[int, bytes | Fault]], *, keep_bodies: bool = False
) -> dict[str, BatchRequest]:
    """Requests by ``custom_id``. Records that are none are passed over: their answers come in without a request."""
    found: dict[str, BatchRequest] = {}
    shared: dict[str, str] = {}
    for _, raw in records:
        if isinstance(raw, Fault):
            continue
        try:
            record = decoded(raw)
        except LineError:
            continue
        request = _request(record)
        custom_id = text_at(record, "custom_id")
        if custom_id and request:
            found[custom_id] = _of(request, shared, keep_bodies)
    return found


def _request(record: Any) -> dict[str, Any]:
    if not isinstance(record, dict):
        return {}
    body = record.get("body", record.get("params"))
    return body if isinstance(body, dict) else {}


def _of(request: dict[str, Any], shared: dict[str, str], keep_bodies: bool) -> BatchRequest:
    system_prompt, prompt = prompts_of_request(request)
    model = text_at(request, "model")
    metadata = request.get("metadata")
    task = model.removeprefix(TASK_PREFIX) if model.startswith(TASK_PREFIX) else first_text(metadata, TASK_NAMES)
    return BatchRequest(
        model=shared.setdefault(model, model),
        system_prompt=shared.setdefault(system_prompt, system_prompt),
        prompt=prompt[:PROMPT_CHARACTERS],
        previous_response_id=text_at(request, "previous_response_id"),
        metadata=labels_of(metadata),
        task=task,
        department=first_text(metadata, DEPARTMENT_NAMES),
        packed_body=compress(canonical(request), 1) if keep_bodies else b"",
    )

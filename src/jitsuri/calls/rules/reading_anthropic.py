"""Anthropic-shaped logs: ``{"request": {…}, "response": {"type": "message", …}}`` per line, and batch results.

``input_tokens`` come without the cached ones and are made inclusive (``counting``). Answers carry no time of their own.
Sources: Anthropic API reference (Messages, Message Batches results), read 2026-11-22.
"""

from __future__ import annotations

from typing import Any

from jitsuri.calls.rules.checking import checked, error_code_of, tier_of
from jitsuri.calls.rules.counting import usage_of_anthropic
from jitsuri.calls.rules.decoding import canonical
from jitsuri.calls.rules.extracting import prompts_of_request
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.guessing import provider_of, region_of
from jitsuri.calls.rules.identifying import naming_id
from jitsuri.calls.rules.labelling import text_at
from jitsuri.calls.rules.reading_openai import with_request
from jitsuri.calls.rules.timing import instant
from jitsuri.calls.rules.unwrapping import address_of, around, failed, headers_in, pair_of, request_id_of
from jitsuri.calls.shapes import Logged, Reading, Status
from jitsuri.terms.ids import digest_16
from jitsuri.terms.usage import Usage

_EVERYWHERE = frozenset({"", "global", "not_available"})


def read(number: int, record: dict[str, Any], reading: Reading) -> Logged:
    """One line of a log. Faults: of time, tokens and names; ``usage_missing`` for an answer without usage."""
    request, response, is_cut = pair_of(record)
    headers = headers_in(record)
    status: Status = "error" if failed(record, response) else "cut" if is_cut else "ok"
    asked, answered = text_at(request, "model"), text_at(response, "model")
    address = address_of(record)
    usage, raw = _usage(response, status)
    response_id = text_at(response, "id")
    system_prompt, prompt = prompts_of_request(request)
    return checked(
        Logged(
            line=number,
            source="anthropic",
            external_id=naming_id(request_id_of(record, headers), response_id),
            provider=provider_of(text_at(record, "provider"), address, answered or asked) or "anthropic",
            model_asked=asked,
            model_answered=answered,
            usage=usage,
            usage_raw=raw,
            tier=tier_of((raw or {}).get("service_tier")),
            region=region_of(address) or _region(raw),
            status=status,
            error_code=error_code_of(record.get("error") or response.get("error")) if status == "error" else "",
            system_prompt=system_prompt,
            prompt=prompt,
            response_id=response_id,
            **around(record, headers, request, response, reading),
        ),
        reading,
    )


def read_batch(number: int, record: dict[str, Any], reading: Reading) -> Logged:
    """One line of a batch's results. It holds no time: the line's own, or ``reading.fallback_at``."""
    result = record.get("result")
    result = result if isinstance(result, dict) else {}
    message = result.get("message")
    response: dict[str, Any] = message if isinstance(message, dict) else {}
    status: Status = "ok" if result.get("type") == "succeeded" else "error"
    custom_id = text_at(record, "custom_id")
    asked = reading.requests.get(custom_id)
    usage, raw = _usage(response, status)
    written = record.get("timestamp") or record.get("created_at")
    at = instant(written, reading.zone) if written else reading.fallback_at
    if at is None:
        raise LineError("time_missing")
    response_id = text_at(response, "id")
    answered = text_at(response, "model")
    model_asked = asked.model if asked else ""
    call = Logged(
        line=number,
        source="anthropic_batch",
        external_id=naming_id(response_id),
        content_hash=digest_16(canonical(record)),
        at=at,
        provider=provider_of("", "", answered or model_asked) or "anthropic",
        model_asked=model_asked,
        model_answered=answered,
        usage=usage,
        usage_raw=raw,
        tier="batch",
        region=_region(raw),
        status=status,
        error_code="" if status == "ok" else error_code_of(result.get("error")) or str(result.get("type") or "error"),
        response_body=canonical(response) if reading.keep_bodies and response else b"",
        response_id=response_id,
        metadata={"custom_id": custom_id[:200]} if custom_id else {},
    )
    return checked(with_request(call, asked), reading)


def _usage(response: dict[str, Any], status: Status) -> tuple[Usage, dict[str, Any] | None]:
    raw = response.get("usage")
    if not isinstance(raw, dict) or not raw:
        if status == "error":
            return Usage(), None
        raise LineError("usage_missing")
    return usage_of_anthropic(raw), raw


def _region(raw: dict[str, Any] | None) -> str:
    place = (raw or {}).get("inference_geo")
    return "" if not isinstance(place, str) or place in _EVERYWHERE else place

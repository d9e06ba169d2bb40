"""OpenAI-shaped logs: ``{"request": {…}, "response": {…}}`` per line, and the answers of the Batch API.

Chat completions, responses, embeddings and completions, also of servers that speak the same dialect. A streamed answer
may stand as a list of chunks or as the text of the event stream.
Sources: OpenAI API reference (chat, responses, batch; field paths as in genai-prices 0.2.3), W3C Trace Context.
"""

from __future__ import annotations

from typing import Any
from zlib import decompress

from msgspec import structs

from jitsuri.calls.rules.checking import checked, error_code_of, http_status_of, tier_of
from jitsuri.calls.rules.counting import usage_of_openai
from jitsuri.calls.rules.decoding import canonical
from jitsuri.calls.rules.extracting import prompts_of_request
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.guessing import provider_of, region_of
from jitsuri.calls.rules.identifying import naming_id
from jitsuri.calls.rules.labelling import text_at
from jitsuri.calls.rules.unwrapping import address_of, around, created_of, failed, headers_in, pair_of, request_id_of
from jitsuri.calls.shapes import BatchRequest, Logged, Reading, Status
from jitsuri.terms.ids import digest_16
from jitsuri.terms.usage import Usage


def read(number: int, record: dict[str, Any], reading: Reading) -> Logged:
    """One line of a log. Faults: of time, tokens and names; ``usage_missing`` for an answer without usage."""
    request, response, is_cut = pair_of(record)
    headers = headers_in(record)
    asked, answered = text_at(request, "model"), text_at(response, "model")
    address = address_of(record)
    provider = provider_of(text_at(record, "provider") or own_mark(response), address, answered or asked)
    status = _status(record, response, is_cut)
    usage, raw = usage_in(response, provider, status)
    response_id = text_at(response, "id")
    system_prompt, prompt = prompts_of_request(request)
    return checked(
        Logged(
            line=number,
            source="openai",
            external_id=naming_id(request_id_of(record, headers), response_id),
            provider=provider,
            model_asked=asked,
            model_answered=answered,
            usage=usage,
            usage_raw=raw,
            tier=tier_of(response.get("service_tier")),
            region=region_of(address),
            status=status,
            error_code=error_code_of(record.get("error") or response.get("error")) if status == "error" else "",
            system_prompt=system_prompt,
            prompt=prompt,
            response_id=response_id,
            previous_response_id=text_at(request, "previous_response_id"),
            **around(record, headers, request, response, reading),
        ),
        reading,
    )


def read_batch(number: int, record: dict[str, Any], reading: Reading) -> Logged:
    """One line of a batch's output or error file; the request comes from ``reading.requests``, where it is known."""
    outer = record.get("response")
    outer = outer if isinstance(outer, dict) else {}
    body = outer.get("body")
    response: dict[str, Any] = body if isinstance(body, dict) else {}
    custom_id = text_at(record, "custom_id")
    asked = reading.requests.get(custom_id)
    http_status = http_status_of(outer.get("status_code"))
    has_failed = bool(record.get("error") or response.get("error")) or (http_status or 200) >= 400
    status: Status = "error" if has_failed else _status({}, response, is_cut=False)
    answered = text_at(response, "model")
    model_asked = asked.model if asked else ""
    provider = provider_of(own_mark(response), text_at(record, "base_url"), answered or model_asked)
    usage, raw = usage_in(response, provider, status)
    at = created_of(response, reading) or reading.fallback_at
    if at is None:
        raise LineError("time_missing")
    response_id = text_at(response, "id")
    body_bytes = canonical(response)
    call = Logged(
        line=number,
        source="openai_batch",
        external_id=naming_id(text_at(record, "id"), text_at(outer, "request_id"), response_id),
        content_hash=digest_16(canonical(record)),
        at=at,
        provider=provider,
        model_asked=model_asked,
        model_answered=answered,
        usage=usage,
        usage_raw=raw,
        tier="batch",
        status=status,
        http_status=http_status,
        error_code=error_code_of(record.get("error") or response.get("error")) if has_failed else "",
        response_body=body_bytes if reading.keep_bodies and response else b"",
        response_id=response_id,
        metadata={"custom_id": custom_id[:200]} if custom_id else {},
    )
    return checked(with_request(call, asked), reading)


def with_request(call: Logged, asked: BatchRequest | None) -> Logged:
    """The call with what the batch's input file says about its request."""
    if asked is None:
        return call
    return structs.replace(
        call,
        system_prompt=asked.system_prompt,
        prompt=asked.prompt,
        previous_response_id=asked.previous_response_id,
        metadata={**asked.metadata, **call.metadata},
        task=asked.task,
        department=asked.department,
        request_body=decompress(asked.packed_body) if asked.packed_body else b"",
    )


def usage_in(response: dict[str, Any], provider: str, status: Status) -> tuple[Usage, dict[str, Any] | None]:
    """``(counts, as reported)``. Only an error may have none. Faults: ``usage_missing``, of tokens."""
    raw = response.get("usage")
    if not isinstance(raw, dict) or not raw:
        if status == "error":
            return Usage(), None
        raise LineError("usage_missing")
    usage = usage_of_openai(raw, provider)
    output = response.get("output")
    if isinstance(output, list):
        searches = sum(1 for item in output if isinstance(item, dict) and _is_search(item))
        if searches:
            usage = structs.replace(usage, web_searches=searches)
    return usage, raw


def own_mark(response: dict[str, Any]) -> str:
    """The provider, where the answer itself bears its mark; ``system_fingerprint`` is none, many servers send one."""
    if "prompt_filter_results" in response:
        return "azure"
    if "x_groq" in response:
        return "groq"
    if isinstance(response.get("provider"), str) and str(response.get("id", "")).startswith("gen-"):
        return "openrouter"
    return ""


def _is_search(item: dict[str, Any]) -> bool:
    """A hosted search that is billed; opening a page and finding in it are not (OpenAI pricing, web search)."""
    if item.get("type") != "web_search_call":
        return False
    action = item.get("action")
    return not isinstance(action, dict) or action.get("type", "search") == "search"


def _status(record: dict[str, Any], response: dict[str, Any], is_cut: bool) -> Status:
    if failed(record, response) or response.get("status") == "failed":
        return "error"
    return "cut" if is_cut or response.get("status") == "cancelled" else "ok"

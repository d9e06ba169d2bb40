"""Gemini's shapes as its vendor's own package makes and reads them: use, errors, where the key goes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.genai import errors, types
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from jitsuri.calls.rules.counting import checked_usage, usage_of_openai
from jitsuri.ledger.rules.pricing import Priced, Pricer
from jitsuri.ledger.wire.compiling import book_from_library
from jitsuri.providers.rules.addressing import standing_headers
from jitsuri.providers.rules.refusing import read_error
from jitsuri.providers.rules.reporting import model_of_path, told_of, told_of_events
from jitsuri.providers.shapes import Upstream
from jitsuri.terms.usage import Usage

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
Modality = types.MediaModality


def details(**counts: int) -> list[types.ModalityTokenCount]:
    return [types.ModalityTokenCount(modality=Modality[name], token_count=count) for name, count in counts.items()]


def piece(usage: types.GenerateContentResponseUsageMetadata | None, text: str = "十月", **more: Any) -> Any:
    """A piece as it stands on the wire."""
    content = types.Content(role="model", parts=[types.Part(text=text)])
    made = types.GenerateContentResponse(
        candidates=[types.Candidate(content=content, finish_reason=types.FinishReason.STOP)],
        usage_metadata=usage, model_version="gemini-2.5-flash", response_id="r-1", **more,
    )  # fmt: skip
    return made.model_dump(mode="json", by_alias=True, exclude_none=True)


USE = types.GenerateContentResponseUsageMetadata(
    prompt_token_count=1_000, prompt_tokens_details=details(TEXT=600, AUDIO=300, IMAGE=100),
    cached_content_token_count=400, cache_tokens_details=details(TEXT=350, AUDIO=50),
    tool_use_prompt_token_count=70, tool_use_prompt_tokens_details=details(TEXT=70),
    candidates_token_count=200, candidates_tokens_details=details(TEXT=200), thoughts_token_count=500,
    total_token_count=1_770,
)  # fmt: skip
BOOKED = Usage(
    input_tokens=1_070, output_tokens=700, cache_read_tokens=400, reasoning_tokens=500, input_audio_tokens=300,
    cache_audio_read_tokens=50, input_image_tokens=100,
)  # fmt: skip


def test_an_answers_use_is_read_as_its_vendor_counts_it() -> None:
    told = told_of(json.dumps(piece(USE)).encode())

    assert told.usage is not None
    assert checked_usage(usage_of_openai(told.usage, "google")) == BOOKED
    assert (told.model, told.response_id) == ("gemini-2.5-flash", "r-1")


def test_pieces_are_told_by_the_last_that_reports_a_use() -> None:
    early = types.GenerateContentResponseUsageMetadata(prompt_token_count=1_000, total_token_count=1_000)
    pieces = [piece(early), piece(None), piece(USE), piece(None, "了")]
    listed = told_of(json.dumps(pieces, ensure_ascii=False).encode())
    events = told_of_events("".join(f"data: {json.dumps(one)}\r\n\r\n" for one in pieces).encode())

    assert listed == events
    assert listed.usage is not None
    assert usage_of_openai(listed.usage, "google") == BOOKED


COUNTS = st.integers(0, 100_000)


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.floats(0, 1))
def test_every_token_that_the_vendor_totals_is_booked_once(
    prompt: int, tools: int, made: int, thought: int, cached: float
) -> None:
    usage = types.GenerateContentResponseUsageMetadata(
        prompt_token_count=prompt, tool_use_prompt_token_count=tools or None, candidates_token_count=made or None,
        thoughts_token_count=thought or None, cached_content_token_count=int(prompt * cached) or None,
        total_token_count=prompt + tools + made + thought,
    )  # fmt: skip
    found = checked_usage(usage_of_openai(usage.model_dump(mode="json", by_alias=True, exclude_none=True), "google"))

    assert found.input_tokens + found.output_tokens == usage.total_token_count
    assert (found.reasoning_tokens, found.cache_read_tokens) == (thought, int(prompt * cached))


def test_a_call_costs_what_the_vendors_prices_say() -> None:
    # gemini-2.5-flash: text 0.30, cached text 0.03, audio 1.00, cached audio 0.10, out 2.50 dollars per million
    told = told_of(json.dumps(piece(USE)).encode())
    assert told.usage is not None
    priced = Pricer(book_from_library()).price("google", told.model, usage_of_openai(told.usage, "google"), NOW)

    assert isinstance(priced, Priced)
    text, audio = (1_070 - 300 - 350) * Decimal("0.30") + 350 * Decimal("0.03"), 250 * 1 + 50 * Decimal("0.10")
    assert priced.cost == (text + audio + 700 * Decimal("2.50")) / 1_000_000


def test_what_the_compatible_endpoint_tells_by_its_total_alone_is_booked_as_thought() -> None:
    told = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}

    assert usage_of_openai(told, "google") == Usage(input_tokens=10, output_tokens=105, reasoning_tokens=100)
    assert usage_of_openai(told, "openai") == Usage(input_tokens=10, output_tokens=5)
    detailed = {**told, "completion_tokens_details": {"reasoning_tokens": 100}}
    assert usage_of_openai(detailed, "google") == Usage(input_tokens=10, output_tokens=105, reasoning_tokens=100)
    whole = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert usage_of_openai(whole, "google") == Usage(input_tokens=10, output_tokens=5)


@pytest.mark.parametrize(
    ("status", "word", "code"),
    [
        (400, "INVALID_ARGUMENT", 3), (403, "PERMISSION_DENIED", 7), (404, "NOT_FOUND", 5),
        (429, "RESOURCE_EXHAUSTED", 8), (500, "INTERNAL", 13), (503, "UNAVAILABLE", 14), (504, "DEADLINE_EXCEEDED", 4),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_list", [False, True])
def test_errors_say_what_the_vendors_library_reads_in_them(status: int, word: str, code: int, as_list: bool) -> None:
    kept = status_pb2.Status(code=code, message="Quota exceeded for metric: generate_content_requests.")
    kept.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=34, nanos=74_824_224)))
    kept.details.add().Pack(error_details_pb2.ErrorInfo(reason="RATE_LIMIT_EXCEEDED", domain="googleapis.com"))
    inner = {**MessageToDict(kept), "code": status, "status": word}
    body: Any = [{"error": inner}] if as_list else {"error": inner}
    theirs = errors.APIError(status, {"error": inner}, None)
    said = read_error(status, {"content-type": "application/json"}, json.dumps(body).encode(), NOW)

    assert (said.status, said.code, said.message) == (theirs.code, theirs.status, theirs.message)
    assert said.retry_after_s == pytest.approx(34.074824)


def test_the_model_stands_in_the_path() -> None:
    assert model_of_path("/models/gemini-2.5-flash:generateContent") == ("gemini-2.5-flash", False)
    assert model_of_path("/publishers/google/models/gemini-2.5-pro:streamGenerateContent") == ("gemini-2.5-pro", True)
    assert model_of_path("/models/a%20b:countTokens") == ("a b", False)
    for path in ("/models/gemini-2.5-flash", "/chat/completions", "/models/a/b:generateContent", ""):
        assert model_of_path(path) == ("", False)


def test_the_key_goes_where_each_of_its_doors_looks_for_it() -> None:
    address = "https://generativelanguage.googleapis.com/v1beta"

    def headers(url: str) -> dict[str, str]:
        return standing_headers(Upstream("g", "gemini", "openai", url, "google", key_env="K"), "sk", "jitsuri")

    assert headers(f"{address}/openai")["authorization"] == "Bearer sk"
    assert headers(address)["x-goog-api-key"] == "sk"
    assert "authorization" not in headers(address)

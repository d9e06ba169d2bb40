"""Refusals that the vendors' libraries raise as their own, and what upstreams say in any shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args

import anthropic
import openai
import pytest
from anthropic.types.shared.error_type import ErrorType
from dialect_parts import ASK_ANTHROPIC, ASK_OPENAI, anthropic_client, openai_client
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.providers.rules.refusing import STATUS, Reason, read_error, refusal_body
from jitsuri.providers.shapes import Said

NOW = datetime(2026, 11, 27, 3, 0, 0, tzinfo=UTC)
OPENAI_CLASSES: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError, 401: openai.AuthenticationError, 402: openai.APIStatusError,
    403: openai.PermissionDeniedError, 404: openai.NotFoundError, 413: openai.APIStatusError,
    429: openai.RateLimitError, 502: openai.InternalServerError, 503: openai.InternalServerError,
    504: openai.InternalServerError, 431: openai.APIStatusError,
}  # fmt: skip
ANTHROPIC_CLASSES: dict[int, type[anthropic.APIStatusError]] = {
    400: anthropic.BadRequestError, 401: anthropic.AuthenticationError, 402: anthropic.PaymentRequiredError,
    403: anthropic.PermissionDeniedError, 404: anthropic.NotFoundError, 413: anthropic.ContentTooLargeError,
    429: anthropic.RateLimitError, 502: anthropic.InternalServerError, 503: anthropic.ServiceUnavailableError,
    504: anthropic.GatewayTimeoutError, 431: anthropic.RequestHeaderFieldsTooLargeError,
}  # fmt: skip


@pytest.mark.parametrize("reason", get_args(Reason))
def test_openais_library_raises_our_refusals_as_its_own(reason: Reason) -> None:
    status, words = STATUS[reason]
    body = refusal_body("openai", status, words["openai"], "budget_exceeded", "予算を超えます。", "max_tokens", "c1")

    with pytest.raises(openai.APIStatusError) as caught:
        openai_client(body, status).chat.completions.create(**ASK_OPENAI)

    error = caught.value
    assert type(error) is OPENAI_CLASSES[status]
    assert (error.code, error.param, error.type) == ("budget_exceeded", "max_tokens", words["openai"])
    assert "予算を超えます。" in error.message


@pytest.mark.parametrize("reason", get_args(Reason))
def test_anthropics_library_raises_our_refusals_as_its_own(reason: Reason) -> None:
    status, words = STATUS[reason]
    body = refusal_body(
        "anthropic", status, words["anthropic"], "budget_exceeded", "予算を超えます。", "max_tokens", "c1"
    )

    with pytest.raises(anthropic.APIStatusError) as caught:
        anthropic_client(body, status).messages.create(**ASK_ANTHROPIC)

    error = caught.value
    assert type(error) is ANTHROPIC_CLASSES[status]
    assert (error.error_code, error.type) == ("budget_exceeded", words["anthropic"])
    assert error.api_message == "予算を超えます。"
    assert json.loads(body)["request_id"] == "c1"
    assert words["anthropic"] in (*get_args(ErrorType), "request_too_large")


def test_a_type_that_is_not_told_follows_the_status() -> None:
    assert json.loads(refusal_body("anthropic", 429, "", "c", "m"))["error"]["type"] == "rate_limit_error"
    assert json.loads(refusal_body("openai", 418, "", "c", "m"))["error"]["type"] == "api_error"


@pytest.mark.parametrize(
    ("status", "body", "code", "message", "param"),
    [
        (429, {"error": {"message": "slow", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
         "rate_limit_exceeded", "slow", ""),
        (429, {"error": {"message": "no money", "type": "insufficient_quota", "code": "insufficient_quota"}},
         "insufficient_quota", "no money", ""),
        (400, {"error": {"message": "long", "type": "invalid_request_error", "param": "messages",
                         "code": "context_length_exceeded"}}, "context_length_exceeded", "long", "messages"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "r"},
         "overloaded_error", "Overloaded", ""),
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "m",
                                          "details": {"error_code": "tool_name_conflict"}}}, "tool_name_conflict", "m", ""),
        (429, {"error": {"code": "429", "message": "Requests have exceeded", "type": None}}, "", "Requests have exceeded", ""),
        (400, {"error": {"code": "content_filter", "message": "filtered", "status": 400,
                         "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
         "ResponsibleAIPolicyViolation", "filtered", ""),
        (401, {"statusCode": 401, "message": "Access denied"}, "", "Access denied", ""),
        (400, [{"error": {"code": 400, "message": "API key not valid", "status": "INVALID_ARGUMENT"}}],
         "INVALID_ARGUMENT", "API key not valid", ""),
        (400, {"object": "error", "message": "bad", "type": "BadRequestError", "param": None, "code": 400},
         "BadRequestError", "bad", ""),
        (404, {"error": "model 'x' not found"}, "", "model 'x' not found", ""),
        (422, {"detail": [{"loc": ["body", "messages"], "msg": "Field required", "type": "missing"}]},
         "", "body.messages: Field required", ""),
        (404, {"detail": "Not Found"}, "", "Not Found", ""),
        (400, {"__type": "com.amazon.coral.validate#ValidationException", "Message": "m"}, "ValidationException", "m", ""),
        (401, {"error": "invalid_client", "error_description": "who?"}, "invalid_client", "who?", ""),
        (500, {"errors": [{"code": "e1", "message": "first"}]}, "e1", "first", ""),
        (500, {}, "", "", ""),
        (500, 5, "", "5", ""),
    ],
)  # fmt: skip
def test_every_vendors_error_is_read(status: int, body: Any, code: str, message: str, param: str) -> None:
    assert read_error(status, {}, json.dumps(body).encode()) == Said(status, code, message, param)


def test_a_proxys_page_is_read_as_words() -> None:
    page = (
        b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title><style>p { color: red }</style></head>"
        b"<body><h1>Bad Gateway</h1>\n<p>nginx &amp; more</p><script>alert(1)</script></body></html>"
    )
    assert read_error(502, {}, page).message == "502 Bad Gateway Bad Gateway nginx & more"
    assert read_error(502, {}, b"") == Said(502, "", "")
    assert read_error(500, {}, b"\xff\xfe\x00upstream connect error").message == "�� upstream connect error"
    assert read_error(403, {"X-Amzn-ErrorType": "AccessDeniedException:http://x"}, b"").code == "AccessDeniedException"


def test_messages_are_cut_and_hold_no_key() -> None:
    long = read_error(400, {}, json.dumps({"error": {"message": "x" * 9_000}}).encode())
    assert len(long.message) == 2_000

    said = read_error(
        401, {}, b'{"error":{"message":"Incorrect API key provided: sk-proj-abcdefgh12345678. See docs."}}'
    )
    assert "abcdefgh" not in said.message
    assert "sk-…" in said.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "20"}, 20.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Fri, 27 Nov 2026 03:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 27 Nov 2026 02:00:00 GMT"}, 0.0),
        ({"retry-after": "99999999"}, 86_400.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert read_error(429, headers, b"", NOW).retry_after_s == seconds


def test_a_date_needs_to_know_what_time_it_is() -> None:
    assert read_error(429, {"retry-after": "Fri, 27 Nov 2026 03:00:30 GMT"}, b"").retry_after_s is None


def test_google_tells_the_wait_in_the_body() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}]
    body = json.dumps({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": details}})

    assert read_error(429, {}, body.encode()).retry_after_s == 34.07


def test_the_vendors_wish_to_be_asked_again_is_kept() -> None:
    assert read_error(409, {"X-Should-Retry": "true"}, b"").should_retry is True
    assert read_error(500, {"x-should-retry": "false"}, b"").should_retry is False
    assert read_error(500, {}, b"").should_retry is None


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["error", "message", "detail", "code", "type", "details", "errors", "innererror", "retryDelay"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    JSONS.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60),
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-should-retry"]), st.text(max_size=12)),
)
@settings(max_examples=400, deadline=None)
def test_any_body_is_read_without_an_exception(body: bytes, headers: dict[str, str]) -> None:
    said = read_error(500, headers, body, NOW)

    assert len(said.message) <= 2_000
    assert said.retry_after_s is None or 0 <= said.retry_after_s <= 86_400

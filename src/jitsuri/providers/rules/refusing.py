"""Refusals in the shapes that the vendors' libraries know, and upstreams' refusals read whatever their shape.

Sources: ``openai`` 3.57.0 and ``anthropic`` 2.14.0 (``_exceptions``, ``types.shared``); error pages of both vendors,
Azure OpenAI, Google's and Bedrock's APIs (read 2026-11-26).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any, Literal

import msgspec

from jitsuri.providers.rules.glancing import any_of
from jitsuri.providers.shapes import Dialect, Said

Reason = Literal[
    "bad_request", "key", "budget", "forbidden", "unknown", "too_large", "rate", "upstream_failed", "no_capacity",
    "upstream_slow", "headers",
]  # fmt: skip

STATUS: Mapping[Reason, tuple[int, Mapping[Dialect, str]]] = {
    "bad_request": (400, {"openai": "invalid_request_error", "anthropic": "invalid_request_error"}),
    "key": (401, {"openai": "invalid_request_error", "anthropic": "authentication_error"}),
    "budget": (402, {"openai": "insufficient_quota", "anthropic": "billing_error"}),
    "forbidden": (403, {"openai": "invalid_request_error", "anthropic": "permission_error"}),
    "unknown": (404, {"openai": "invalid_request_error", "anthropic": "not_found_error"}),
    "too_large": (413, {"openai": "invalid_request_error", "anthropic": "request_too_large"}),
    "rate": (429, {"openai": "rate_limit_error", "anthropic": "rate_limit_error"}),
    "upstream_failed": (502, {"openai": "server_error", "anthropic": "api_error"}),
    "no_capacity": (503, {"openai": "server_error", "anthropic": "overloaded_error"}),
    "upstream_slow": (504, {"openai": "server_error", "anthropic": "timeout_error"}),
    "headers": (431, {"openai": "invalid_request_error", "anthropic": "invalid_request_error"}),
}
"""HTTP status and the dialect's ``type`` word of our own refusals, by reason."""

MOST_MESSAGE = 2_000
_MOST_CODE = 100
_MOST_BODY = 256 * 1024
_LONGEST_WAIT_S = 86_400.0
"""A longer Retry-After is a mistake or means "never": nobody waits (decision 0018)."""

_write = msgspec.json.Encoder().encode


def refusal_body(
    dialect: Dialect, status: int, type: str, code: str, message: str, param: str | None = None, request_id: str = ""
) -> bytes:
    """An error body that the vendor's library parses into its exception.

    ``code`` is stable: ``error.code`` of the one library, ``error.error_code`` of the other. A ``type`` of '' is the
    dialect's word for the status.
    """
    type = type or next((words[dialect] for known, words in STATUS.values() if known == status), "api_error")
    if dialect == "openai":
        return _write({"error": {"message": message, "type": type, "param": param, "code": code}})
    details: dict[str, Any] = {"error_code": code} if param is None else {"error_code": code, "param": param}
    body: dict[str, Any] = {"type": "error", "error": {"type": type, "message": message, "details": details}}
    if request_id:
        body["request_id"] = request_id
    return _write(body)


def read_error(status: int, headers: Mapping[str, str], body: bytes, now: datetime | None = None) -> Said:
    """What an upstream said when it refused or failed, in any shape; never raises.

    ``now`` (with a zone) turns a Retry-After date into seconds; without it a date is not read.
    """
    told = {name.lower(): value for name, value in headers.items()}
    parsed = any_of(body[:_MOST_BODY])
    error = _error_in(parsed)
    code = _code_of(error) if error is not None else ""
    message = _message_of(error) if error is not None else _plain(body)
    param = error.get("param") if error is not None else None
    wait = _wait_of(told, now)
    should = {"true": True, "false": False}.get(told.get("x-should-retry", "").strip().lower())
    return Said(
        status=status, code=(code or told.get("x-amzn-errortype", "").partition(":")[0])[:_MOST_CODE],
        message=_clean(message), param=param[:_MOST_CODE] if isinstance(param, str) else "",
        retry_after_s=_wait_in(error) if wait is None else wait, should_retry=should,
    )  # fmt: skip


def _error_in(parsed: Any) -> dict[str, Any] | None:
    """The object that tells the error, wherever the vendor puts it; None where the body holds none."""
    if isinstance(parsed, list):
        parsed = next((item for item in parsed if isinstance(item, dict)), None)
    if not isinstance(parsed, dict):
        return None
    inner = parsed.get("error")
    if isinstance(inner, dict):
        return inner
    if isinstance(inner, str):
        return {"message": parsed.get("error_description") or parsed.get("message") or inner, "code": _word(inner)}
    errors = parsed.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return dict(errors[0])
    return parsed


def _word(value: str) -> str:
    """A text that is a code and no sentence."""
    return value if re.fullmatch(r"[\w.-]{2,60}", value) else ""


def _code_of(error: Mapping[str, Any]) -> str:
    """Its own word: the finest that is no number; Azure nests finer ones, Google calls it ``status``."""
    details = error.get("details")
    if isinstance(details, dict) and isinstance(details.get("error_code"), str):
        return str(details["error_code"])
    inner = error.get("innererror")
    if isinstance(inner, dict) and isinstance(inner.get("code"), str):
        return str(inner["code"])
    for name in ("code", "status", "type", "__type"):
        value = error.get(name)
        if isinstance(value, str) and value and not value.isdigit() and value not in ("error", "about:blank"):
            return value.rpartition("#")[2]
    return ""


def _message_of(error: Mapping[str, Any]) -> str:
    """What it says: ``message`` of most, ``detail`` of FastAPI servers (a text, or a list of faults)."""
    for name in ("message", "Message", "detail", "msg", "error_description", "title"):
        value = error.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list) and value:
            return "; ".join(_fault_of(item) for item in value[:5])
    return ""


def _fault_of(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    place = item.get("loc")
    where = ".".join(str(part) for part in place) if isinstance(place, list) else ""
    return f"{where}: {item.get('msg', '')}" if where else str(item.get("msg", item))


_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]{0,2000}>", re.DOTALL | re.IGNORECASE)
_KEYS = re.compile(r"\b((?:sk|rk|pk|xai|gsk|AIza|Bearer)[- _]?)[A-Za-z0-9_\-.*]{8,}")


def _plain(body: bytes) -> str:
    """The words of a page that some proxy sent, or of a plain text."""
    text = body[: MOST_MESSAGE * 16].decode("utf-8", "replace")
    return unescape(_TAGS.sub(" ", text)) if "<" in text else text


def _clean(message: str) -> str:
    """One line, no control characters, nothing that looks like a key."""
    text = "".join(sign if sign.isprintable() else " " for sign in message[: MOST_MESSAGE * 4])
    return _KEYS.sub(r"\1…", " ".join(text.split()))[:MOST_MESSAGE]


def _wait_of(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """How long the headers ask to wait, in seconds: ``retry-after-ms``, else ``retry-after`` (seconds or a date)."""
    exact = _seconds(headers.get("retry-after-ms", ""))
    if exact is not None:
        return min(exact / 1000, _LONGEST_WAIT_S)
    value = headers.get("retry-after", "").strip()
    seconds = _seconds(value)
    if seconds is not None:
        return min(seconds, _LONGEST_WAIT_S)
    if not value or now is None:
        return None
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(0.0, (at - now).total_seconds()), _LONGEST_WAIT_S)


def _seconds(value: str) -> float | None:
    """A number of seconds that is not negative; None for anything else."""
    if not re.fullmatch(r"\s*\d{1,12}(\.\d{1,9})?\s*", value, re.ASCII):
        return None
    seconds = float(value)
    return seconds if math.isfinite(seconds) else None


def _wait_in(error: Mapping[str, Any] | None) -> float | None:
    """Google tells the wait in the body: ``details[].retryDelay`` = ``34.07s``."""
    details = error.get("details") if error is not None else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and delay.endswith("s"):
            seconds = _seconds(delay[:-1])
            if seconds is not None:
                return min(seconds, _LONGEST_WAIT_S)
    return None

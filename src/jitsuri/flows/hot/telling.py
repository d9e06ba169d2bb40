"""Refusals and failures on the path of a call, told in the shape that the caller's library understands."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from jitsuri.flows.hot.desk import Headers
from jitsuri.providers.rules.refusing import STATUS, Reason, refusal_body
from jitsuri.providers.shapes import Dialect
from jitsuri.routing.shapes import Target
from jitsuri.terms.errors import JitsuriError, OperatorError, UpstreamError
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import Language, has_text
from jitsuri.words import sentence as worded

REASONS: Mapping[str, Reason] = {
    **dict.fromkeys(
        ("key_missing", "key_malformed", "key_unknown", "key_expired", "key_not_yet", "key_replaced", "key_revoked"),
        "key",
    ),
    **dict.fromkeys(
        ("budget_exceeded", "unpriced_under_budget", "unconverted_under_budget", "unbounded_under_budget"), "budget"
    ),
    **dict.fromkeys(
        ("key_task", "key_model", "key_region", "task_not_of_key", "no_target_allowed", "path_not_opened", "metrics_closed",
         "guard_blocked", "guard_answer_blocked", "guard_on_premises", "guard_media", "guard_path"),
        "forbidden",
    ),
    "guard_unsure": "no_capacity",
    "guard_scan_failed": "no_capacity",
    "guard_scan_size": "too_large",
    **dict.fromkeys(("task_unknown", "task_retired", "variant_missing", "model_unknown", "path_unknown"), "unknown"),
    "prompt_missing": "no_capacity",
    "rate_limited": "rate",
    "body_too_large": "too_large",
    "headers_too_large": "headers",
    "body_too_slow": "upstream_slow",
    **dict.fromkeys(("upstream_resting", "ledger_away", "not_ready", "budget_lease_away", "worker_replaced"), "no_capacity"),
    **dict.fromkeys(("upstream_slow", "upstream_stalled", "upstream_overtime"), "upstream_slow"),
    **dict.fromkeys(
        ("upstream_unreachable", "upstream_broken", "upstream_tls", "upstream_too_large", "upstream_garbage",
         "upstream_refused", "upstream_key_missing", "upstream_error"),
        "upstream_failed",
    ),
}  # fmt: skip
"""What kind of refusal a code is; every other code is the caller's request (400)."""


def sentence(refusal: Refusal | JitsuriError, language: Language) -> str:
    """The sentence of a refusal or an error; a code without one still tells its facts."""
    kind = "refusal" if isinstance(refusal, Refusal) else "error"
    if has_text(f"{kind}.{refusal.code}"):
        return worded(kind, refusal.code, language, refusal.facts)
    return f"{refusal.code} {dict(refusal.facts)}" if refusal.facts else refusal.code


def reason_of(refusal: Refusal | JitsuriError) -> Reason:
    found = REASONS.get(refusal.code)
    if found is not None:
        return found
    if isinstance(refusal, UpstreamError):
        return "upstream_failed"
    return "no_capacity" if isinstance(refusal, OperatorError) else "bad_request"


def refused(
    dialect: Dialect, refusal: Refusal | JitsuriError, language: Language, call_id: str
) -> tuple[int, Headers, bytes]:
    """Status, headers and body with which a call is refused."""
    status, words = STATUS[reason_of(refusal)]
    field = refusal.facts.get("field")
    body = refusal_body(
        dialect, status, words[dialect], refusal.code, sentence(refusal, language),
        field if isinstance(field, str) else None, call_id,
    )  # fmt: skip
    headers = answer_headers(call_id, len(body))
    seconds = refusal.facts.get("seconds")
    if isinstance(seconds, int):
        headers.append((b"retry-after", str(seconds).encode()))
    if status in (402, 403) or refusal.code == "budget_exceeded":
        headers.append((b"x-should-retry", b"false"))  # the vendors' libraries obey it
    return status, headers, body


def answer_headers(call_id: str, length: int) -> Headers:
    """Headers of a whole JSON answer."""
    return [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % length),
        (b"x-jitsuri-call", call_id.encode()),
    ]


@lru_cache(maxsize=10_000)
def told_target(target: Target | str) -> bytes:
    """Upstream and model, or how a way is written, for the caller's header. A model is named by the caller: what no header
    may hold gives way."""
    return "".join(sign if sign.isprintable() else "?" for sign in str(target)).encode()

"""What meters count: every refusal, and of attempts by whom their end was brought about."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from typing import get_args
from urllib.parse import urlsplit

import openai
import pytest
from running_gateway import RunningGateway, assume_dollar, make_key
from stub_upstream import Behaviour, StubUpstream
from test_bad_input import chat, send

from jitsuri.calls.records import minutes as minute_rows
from jitsuri.calls.shapes import AttemptOutcome
from jitsuri.flows.hot.metering import metered
from jitsuri.store.door import Store

SETTINGS = {
    "gateway": "most_body_mib = 1\nbody_seconds = 2",
    "more": """
[tasks.gone-model]
variant = "stub/stub-unknown"

[budgets.nothing]
scope = "key"
subject = "poor"
period = "day"
limit_jpy = 0
kind = "hard"
""",
}
HELLO = [{"role": "user", "content": "こんにちは"}]


def counts(store: Store) -> Counter[tuple[str, str, str]]:
    """(task, upstream, outcome) of everything counted so far; but for ``key_unknown``: keys are new here."""
    found: Counter[tuple[str, str, str]] = Counter()
    with store.reading() as tx:
        for total in minute_rows.totals(tx):
            if total.outcome == "refused:key_unknown":
                continue
            found[total.task, total.upstream, total.outcome] += total.count
    return found


def wait_for(store: Store, before: Counter[tuple[str, str, str]], wanted: dict[tuple[str, str, str], int]) -> None:
    """Wait until exactly these have been counted since (meters are written every five seconds)."""
    ends = time.monotonic() + 15
    while (more := counts(store) - before) != Counter(wanted):
        assert time.monotonic() < ends, more
        time.sleep(0.2)


def test_refusals_of_the_pass_through_are_counted(
    gateway: RunningGateway, key: str, stub: StubUpstream, module_store: Store
) -> None:
    assume_dollar(module_store)
    poor = make_key(module_store, "poor")
    gateway.wait_until_known(poor)
    before = counts(module_store)
    speech = json.dumps({"model": "gpt-4o-mini", "input": "納期"}).encode()

    assert send(gateway, key, speech, "/v1/images/generations")[0] == 403
    assert send(gateway, "jk_stranger", speech, "/v1/audio/speech")[0] == 401
    assert send(gateway, key, speech, "/v1/audio/speech", **{"X-Jitsuri-Task": "nowhere"})[0] == 404
    assert send(gateway, poor, speech, "/v1/audio/speech", **{"X-Jitsuri-Task": "inquiry-triage"})[0] in (402, 429)
    wait_for(
        module_store, before,
        {
            ("", "", "refused:path_not_opened"): 1, ("", "", "refused:key_malformed"): 1, ("", "", "refused:task_unknown"): 1,
            ("inquiry-triage", "", "refused:unbounded_under_budget"): 1,
        },
    )  # fmt: skip


def test_refusals_of_bodies_and_of_what_is_no_call_are_counted(
    gateway: RunningGateway, key: str, module_store: Store
) -> None:
    before = counts(module_store)

    assert send(gateway, key, b"{")[0] == 400
    assert send(gateway, key, chat(messages=[{"role": "user", "content": "x" * 1_500_000}]))[0] == 413
    place = urlsplit(gateway.url)
    with socket.create_connection((place.hostname, place.port), timeout=20) as slow:
        slow.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        answer = b""
        while piece := slow.recv(65536):
            answer += piece
        assert b"body_too_slow" in answer
    assert send(gateway, key, b"", "/v1/chat/completions", "GET")[0] == 400
    assert send(gateway, key, b"", "/nowhere", "GET")[0] == 404
    assert send(gateway, "jk_stranger", b"", "/v1/models", "GET")[0] == 401
    wait_for(
        module_store, before,
        {
            ("", "", f"refused:{code}"): 1
            for code in ("body_not_json", "body_too_large", "body_too_slow", "method_wrong", "path_unknown", "key_malformed")
        },
    )  # fmt: skip


def test_what_callers_do_is_kept_apart_from_an_upstreams_faults(
    gateway: RunningGateway, key: str, stub: StubUpstream, module_store: Store
) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)
    before = counts(module_store)

    for status in (400, 413, 422):
        stub.behave(Behaviour(status=status))
        with pytest.raises(openai.APIStatusError):
            client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="stub-unknown", messages=HELLO)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="task:gone-model", messages=HELLO)
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model="stub-slow-first-byte-2", messages=HELLO, timeout=0.3)
    with client.chat.completions.create(model="stub-drip-0.1", messages=HELLO, stream=True, max_tokens=200) as stream:
        next(iter(stream))
    for model in ("stub-500", "stub-garbage", "stub-stall"):
        with pytest.raises(openai.APIStatusError):
            client.chat.completions.create(model=model, messages=HELLO)
    wait_for(
        module_store, before,
        {
            ("", "stub", "caller_error"): 4,
            ("", "stub", "caller_gone"): 2,
            ("gone-model", "stub", "error"): 1,
            ("", "stub", "error"): 1,
            ("", "stub", "cut"): 2,
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "http_status", "code", "named", "outcome"),
    [
        ("ok", 200, "", True, "ok"),
        ("error", 400, "invalid_request_error", False, "caller_error"),
        ("error", 400, "billing_error", True, "error"),
        ("error", 401, "invalid_api_key", True, "error"),
        ("error", 403, "http_403", True, "error"),
        ("error", 404, "model_not_found", True, "caller_error"),
        ("error", 404, "model_not_found", False, "error"),
        ("error", 404, "http_404", True, "error"),
        ("error", 408, "http_408", True, "error"),
        ("error", 409, "conflict", True, "caller_error"),
        ("error", 413, "http_413", False, "caller_error"),
        ("error", 422, "http_422", False, "caller_error"),
        ("error", 429, "rate_limit_exceeded", True, "error"),
        ("error", 500, "http_500", True, "error"),
        ("error", 529, "overloaded_error", True, "error"),
        ("error", 302, "http_302", True, "error"),
        ("error", 200, "caller_gone", True, "error"),
        ("error", None, "upstream_unreachable", True, "error"),
        ("cut", None, "upstream_slow", True, "cut"),
        ("cut", 200, "upstream_broken", True, "cut"),
        ("cut", None, "caller_gone", True, "caller_gone"),
        ("cut", None, "not_asked", True, "caller_gone"),
        ("cut", None, "gateway_failed", True, "gateway_error"),
        ("cut", None, "ledger_away", True, "gateway_error"),
    ],
)  # fmt: skip
def test_an_end_is_counted_by_who_brought_it_about(
    status: str, http_status: int | None, code: str, named: bool, outcome: str
) -> None:
    found = metered(status, http_status, code, is_named_by_caller=named)  # type: ignore[arg-type]
    assert found == outcome
    assert found in get_args(AttemptOutcome)

"""What the gateway writes to standard error when things fail: codes and places, never a key, never a text."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import openai
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from running_gateway import RunningGateway, make_key, settings_text
from stub_upstream import Behaviour, StubUpstream

from jitsuri.app.log_lines import Lines, plain, told
from jitsuri.store.door import Store
from jitsuri.terms.errors import OperatorError, UpstreamError

MARK = "社外秘マーク-9c1d"
ASCII_MARK = "secret-text-9c1d"
WRONG = "sk-wrong-key-of-somebody-12345"


def failing(gateway: RunningGateway, key: str, stub: StubUpstream) -> None:
    """Everything that can go wrong with a call, each with texts and keys that must not be repeated."""
    text = f"{MARK} {ASCII_MARK}"
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=20) as client:
        failing_chats(client, key, text, stub)
    said: Any = [{"role": "user", "content": text}]
    with (
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=WRONG, max_retries=0) as wrong,
        contextlib.suppress(openai.APIError),
    ):
        wrong.chat.completions.create(model="gpt-4o-mini", messages=said)
    with (
        anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0) as other,
        contextlib.suppress(anthropic.APIError),
    ):
        other.messages.create(model="claude-stub-503", max_tokens=10, messages=said)
    raw(gateway, key, text)


def failing_chats(client: openai.OpenAI, key: str, text: str, stub: StubUpstream) -> None:
    said: Any = [{"role": "user", "content": text}]
    models = ["stub-503", "stub-429", "stub-quota", "stub-garbage", "stub-garbage-3", "stub-truncated", "stub-html-502",
              "stub-error-inside", "stub-error-after-3", "stub-close-3", "stub-stall-3", "stub-long-length",
              "stub-empty", "stub-usage-text", "stub-redirect", "stub-unknown", f"stub-{ASCII_MARK} {MARK}"]  # fmt: skip
    for model in models:
        for _ in range(4):  # so that no breaker opens
            client.chat.completions.create(model="stub-fine", messages=said)
        for is_stream in (False, True):
            stub.behave(
                Behaviour(status=418, message=f"you said {text} with {key}", code=f"bad {MARK}"), model="stub-418"
            )
            with contextlib.suppress(openai.APIError):
                answer = client.chat.completions.create(model=model, messages=said, stream=is_stream)
                if is_stream:
                    list(answer)
    with contextlib.suppress(openai.APIError):
        client.chat.completions.create(model="stub-418", messages=said)


def raw(gateway: RunningGateway, key: str, text: str) -> None:
    parts = urlsplit(gateway.url)
    bodies = [
        b"{",
        text.encode(),
        b'{"model": 3}',
        json.dumps({"model": "gpt-4o-mini", "messages": text}).encode(),
        b"\xff",
    ]
    for body in bodies:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {key}"})
        connection.getresponse().read()
        connection.close()
    for sent in (f"GET /{ASCII_MARK} HTTP/9.9\r\n\r\n", f"{ASCII_MARK}\r\n\r\n", ("POST /v1/chat/completions HTTP/1.1\r\n"
                 f"authorization: Bearer {key}\r\ncontent-length: 999\r\n\r\n{ASCII_MARK}")):  # fmt: skip
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as opened:
            opened.sendall(sent.encode())
            opened.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                opened.recv(1000)


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.parametrize("form", ["text", "json"])
def test_failures_are_told_without_keys_and_texts(tmp_path: Path, store: Store, stub: StubUpstream, form: str) -> None:
    settings = settings_text(stub.url, gateway=f'log_format = "{form}"')
    with RunningGateway(tmp_path, settings, store.dsn) as running:
        key = make_key(store)
        running.wait_until_known(key)
        failing(running, key, stub)
        time.sleep(0.5)
        told_lines = running.told()
    lines = [line for line in told_lines.splitlines() if "attempt failed" in line]

    for secret in (MARK, ASCII_MARK, key, key[:20], WRONG, "sk-stub", "you said"):
        assert secret not in told_lines, [line for line in told_lines.splitlines() if secret in line]
    assert "Traceback" not in told_lines
    assert len(lines) > 5
    if form == "json":
        rows = [json.loads(line) for line in told_lines.splitlines() if line.startswith("{")]
        failures = [row for row in rows if row["message"] == "attempt failed"]
        assert {"at", "level", "call", "task", "upstream", "model", "outcome", "code", "latency_ms"} <= failures[
            0
        ].keys()
        kinds = [(row["upstream"], row["code"]) for row in failures]
        assert len(kinds) == len(set(kinds)), "a failure of one kind is told once a minute"
    else:
        assert all(
            re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z WARNING jitsuri\.gateway attempt failed call=", line) for line in lines
        )


# -- the parts


def written(
    form: str, message: str, *args: object, logger: str = "jitsuri.gateway", error: Exception | None = None
) -> str:
    info = (type(error), error, error.__traceback__) if error is not None else None
    return Lines(form).format(logging.LogRecord(logger, logging.ERROR, "x.py", 1, message, args, info))


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        KeyError(MARK),
        ValueError(f"could not read {MARK}"),
        UnicodeEncodeError("ascii", MARK, 0, 1, "ordinal not in range"),
        UpstreamError("upstream_refused", is_retryable=False, said=f"you said {MARK}", status=401),
        psycopg.errors.CheckViolation(f"DETAIL: Failing row contains ({MARK})."),
        json.JSONDecodeError("Expecting value", MARK, 0),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_an_error_is_told_by_its_type_and_its_place(error: Exception, form: str) -> None:
    line = written(form, "call %s: %s", "c-1", error, error=raised(error))

    assert MARK not in line
    assert "\n" not in line
    assert "c-1" in line
    assert "test_log_lines.py" in line
    assert getattr(error, "code", type(error).__name__) in line


def test_what_the_operator_must_mend_is_told_whole() -> None:
    error = OperatorError("database_unreachable", where="db.example.jp:5432/jitsuri", why="connection refused")

    assert "database_unreachable(where=db.example.jp:5432/jitsuri, why=connection refused)" in written(
        "text", "%s", error
    )
    assert told(UpstreamError("upstream_slow", is_retryable=True, upstream="stub", seconds=3)) == (
        "upstream_slow(upstream=stub, seconds=3)"
    )


@pytest.mark.parametrize(
    "secret",
    ["jk_" + "a" * 49, "sk-proj-abcdefghij", "Bearer abc.def", "https://user:hush@example.jp/", "Basic dXNlcg=="],
)
def test_what_looks_like_a_key_is_blotted_out(secret: str) -> None:
    line = written("text", "strange header %s", f"x {secret} y")

    assert secret not in line
    assert "hush" not in line
    assert "***" in line


@given(st.text(max_size=400), st.sampled_from(["text", "json"]))
def test_a_line_stays_one_line(text: str, form: str) -> None:
    line = written(form, "seen %s", text)

    assert "\n" not in line
    assert "\r" not in line
    if form == "json":
        assert json.loads(line)["message"].startswith("seen")


@given(st.text(max_size=300))
def test_only_names_and_codes_are_repeated(text: str) -> None:
    assert plain(text) == "other" or (plain(text) == text and re.fullmatch(r"[\x21-\x7e]{1,200}", text))


def test_a_task_that_dies_alone_is_told_without_its_text() -> None:
    code = f"""
import asyncio, gc, threading
from jitsuri.app.log_lines import write_lines
write_lines("json")
async def dies():
    raise KeyError({MARK!r})
async def main():
    asyncio.get_running_loop().create_task(dies())
    await asyncio.sleep(0.01)
    gc.collect()
asyncio.run(main())
def broken():
    raise ValueError({MARK!r})
thread = threading.Thread(target=broken)
thread.start()
thread.join()
raise RuntimeError({MARK!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=False
    )
    rows = [json.loads(line) for line in done.stderr.splitlines()]

    assert done.returncode == 1
    assert MARK not in done.stderr
    assert [row["error"] for row in rows] == ["KeyError", "ValueError", "RuntimeError"]

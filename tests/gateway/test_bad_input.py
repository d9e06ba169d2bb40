"""Bad input: every fault is told in a shape that the caller's library understands, and nothing is lost."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from running_gateway import RunningGateway
from stub_upstream import StubUpstream

from jitsuri.store.door import Store

SETTINGS = {"gateway": "most_body_mib = 1\nbody_seconds = 2"}


def send(
    gateway: RunningGateway,
    key: str,
    body: bytes,
    path: str = "/v1/chat/completions",
    method: str = "POST",
    **more: str,
) -> tuple[int, Any, http.client.HTTPResponse]:
    place = urlsplit(gateway.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **more}
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, json.loads(data), answer


def chat(**changes: Any) -> bytes:
    return json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}], **changes}).encode()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", ""),
        (b"{", ""),
        (b'{"model": "gpt-4o-mini", "messages": [}', ""),
        (b"[]", ""),
        (b"\xff\xfe\x00", ""),
        (chat(model=7), "model"),
        (chat(model=""), "model"),
        (chat(messages="hello"), "messages"),
        (chat(stream="yes"), "stream"),
        (chat(max_tokens="many"), "max_tokens"),
        (chat(max_tokens=-1), "max_tokens"),
        (chat(n=0), "n"),
        (chat(n=100000), "n"),
        (json.dumps({"model": "gpt-4o-mini"}).encode(), "messages"),
    ],
)
def test_faults_of_the_body_name_the_field(gateway: RunningGateway, key: str, body: bytes, named: str) -> None:
    status, told, _ = send(gateway, key, body)
    assert status == 400
    assert told["error"]["message"]
    if named:
        assert named in told["error"]["message"]
    status, told, _ = send(gateway, key, body, "/v1/messages")
    assert status == 400
    assert told["type"] == "error"


def test_deep_nesting_and_huge_numbers_do_not_stop_the_worker(gateway: RunningGateway, key: str) -> None:
    pids = gateway.worker_pids()
    for body in (b"[" * 100_000, b'{"model":' + b"{" * 50_000, chat(max_tokens=10**400), chat(seed=10**400)):
        status, _, _ = send(gateway, key, body)
        assert status in (200, 400)
    assert gateway.worker_pids() == pids


def test_a_body_that_is_too_long_is_refused_before_it_is_read(gateway: RunningGateway, key: str) -> None:
    status, told, _ = send(gateway, key, chat(messages=[{"role": "user", "content": "x" * 1_500_000}]))
    assert status == 413
    assert told["error"]["code"] == "body_too_large"


def test_paths_and_methods(gateway: RunningGateway, key: str) -> None:
    assert send(gateway, key, b"", "/v1/chat/completions", "GET")[0] == 400
    assert send(gateway, key, b"", "/nowhere", "GET")[0] == 404
    assert send(gateway, key, b"{}", "/v1/../secret")[0] in (403, 404)
    assert send(gateway, key, b"{}", "/v1/files%2f..%2f")[0] in (400, 403, 404)


def test_dawdling_callers_are_let_go(gateway: RunningGateway, key: str) -> None:
    place = urlsplit(gateway.url)
    with socket.create_connection((place.hostname, place.port), timeout=20) as slow_body:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 1000\r\n\r\n"
        slow_body.sendall(head.encode() + b'{"model"')
        began = time.monotonic()
        answer = b""
        while piece := slow_body.recv(65536):
            answer += piece
        assert b"body_too_slow" in answer
        assert time.monotonic() - began < 8
    with socket.create_connection((place.hostname, place.port), timeout=30) as slow_head:
        slow_head.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n")
        began = time.monotonic()
        assert slow_head.recv(65536) == b""
        assert time.monotonic() - began < 20


def test_header_garbage_and_long_headers_end_only_their_connection(gateway: RunningGateway, key: str) -> None:
    place = urlsplit(gateway.url)
    for data in (b"\x16\x03\x01 nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 200_000 + b"\r\n\r\n"):
        with socket.create_connection((place.hostname, place.port), timeout=20) as odd:
            odd.settimeout(15)
            try:
                odd.sendall(data)
                while odd.recv(65536):
                    pass
            except OSError:
                pass
    assert send(gateway, key, chat())[0] == 200


def test_strangers_get_nothing_anywhere(gateway: RunningGateway, stub: StubUpstream) -> None:
    before = len(stub.requests)
    for path, method in (
        ("/v1/chat/completions", "POST"), ("/v1/embeddings", "POST"), ("/v1/messages", "POST"), ("/v1/models", "GET"),
        ("/v1/audio/speech", "POST"), ("/v1/responses", "POST"),
    ):  # fmt: skip
        status, told, _ = send(gateway, "jk_stranger", chat(), path, method)
        assert status == 401, path
        assert "stranger" not in json.dumps(told)
    assert len(stub.requests) == before


def test_nothing_of_this_left_an_intent_behind(gateway: RunningGateway, module_store: Store) -> None:
    with module_store.reading() as tx:
        assert tx.execute("SELECT count(*) FROM ledger_intents").fetchone() == (0,)
    assert "Traceback" not in gateway.told()

"""A full disk under a running gateway: callers are told in their dialect, nothing answered is lost, and space is enough."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import anthropic
import openai
import pytest
from calling_on import AGAIN_S, CallingOn
from running_gateway import RunningGateway, assume_dollar, make_key, settings_text
from stub_upstream import StubUpstream

from jitsuri.store.door import Store
from jitsuri.store.opening import open_store

pytestmark = [pytest.mark.slow, pytest.mark.database]

DISK_MB = 220
LEDGER_SECONDS = 4
E = TypeVar("E", bound=Exception)
BUDGET = """
[budgets.full]
limit_jpy = 1000
kind = "hard"
"""


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of its own for the gateway's database."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    top = Path(tempfile.mkdtemp(prefix="jsd-", dir="/tmp"))
    top.chmod(0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", str(top)], capture_output=True, text=True
    )
    if mounted.returncode:
        top.rmdir()
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield top
    subprocess.run(["umount", "-l", str(top)], check=True)
    top.rmdir()


@dataclass
class Heard:
    """What callers were told."""

    whole: list[UUID] = field(default_factory=list)
    begun: list[UUID] = field(default_factory=list)
    """Streams of which something came, and not their end."""
    refused: list[tuple[str, int, Any]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


class Callers(CallingOn):
    """Callers in both dialects, whole and streamed."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key, timeout_s=60)
        self.heard = Heard()

    def broke(self, error: Exception) -> None:
        self.heard.broken.append(repr(error))

    def once(self, connection: http.client.HTTPConnection, number: int) -> None:
        dialect, is_stream = "anthropic" if number % 2 else "openai", number % 4 > 1
        body = {
            "model": "task:inquiry-triage", "max_tokens": 50, "stream": is_stream,
            "messages": [{"role": "user", "content": "納期を教えてください。" * 200}],
        }  # fmt: skip
        path = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}[dialect]
        connection.request("POST", path, json.dumps(body), self.headers)
        answer = connection.getresponse()
        if answer.status != 200:
            self.heard.refused.append((dialect, answer.status, json.loads(answer.read())))
            time.sleep(AGAIN_S)
            return
        call_id = UUID(answer.headers["x-jitsuri-call"])
        end = {"openai": b"data: [DONE]", "anthropic": b"message_stop"}[dialect]
        seen = b""
        with contextlib.suppress(http.client.IncompleteRead):
            while piece := answer.read1(65536):
                seen += piece
        is_whole = end in seen if is_stream else answer.length == 0
        if is_whole:
            answer.close()
        (self.heard.whole if is_whole else self.heard.begun).append(call_id)


def fill(path: Path) -> None:
    """Write until nothing goes in any more."""
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\1" * 4096)


def known(store: Store) -> dict[UUID, bool]:
    """Calls in the ledger, and whether one was answered."""
    with store.reading() as tx:
        return dict(
            tx.execute("SELECT call_id, bool_or(status = 'ok') FROM ledger_entries GROUP BY call_id").fetchall()
        )


def code_of(dialect: str, body: Any) -> str:
    """A refusal's own code, where the vendor's library looks for it."""
    error = body["error"]
    return str(error["code"] if dialect == "openai" else error["details"]["error_code"])


def until(what: Any, seconds: float, why: str) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, why
        time.sleep(0.1)


def test_a_full_disk_loses_nothing_and_ends_with_the_want_of_space(small_disk: Path, stub: StubUpstream) -> None:
    home = small_disk / "home"
    store = open_store(home, None)
    try:
        assume_dollar(store)
        key = make_key(store)
        settings = settings_text(stub.url, workers=2, ledger_seconds=LEDGER_SECONDS, more=BUDGET)
        with RunningGateway(home, settings, "") as gateway:
            gateway.wait_until_known(key)
            pids = gateway.worker_pids()
            with Callers(gateway.url, key) as callers:
                heard = callers.heard
                until(lambda: len(heard.whole) > 40, 60, "no answers at first")
                filling = threading.Event()

                def keep_full() -> None:
                    while not filling.is_set():
                        fill(small_disk / "ballast")
                        time.sleep(0.05)

                filler = threading.Thread(target=keep_full)
                filler.start()
                try:
                    until(lambda: gateway.status() == 503, 60, "the gateway never heard of the full disk")
                    until(lambda: len(heard.refused) > 20, 30, "callers were not refused")
                    refused_by_library(gateway.url, key)
                    is_full = shutil.disk_usage(small_disk).free
                    time.sleep(LEDGER_SECONDS + 1)
                    while_full = len(heard.whole)
                    time.sleep(2)
                    after_that = len(heard.whole)
                finally:
                    filling.set()
                    filler.join()
                (small_disk / "ballast").unlink()
                gateway.wait_until_well(60)
                before = len(heard.whole)
                until(lambda: len(heard.whole) > before + 40, 60, "calls did not go on")
            gateway.wait_until_well()
            assert gateway.worker_pids() == pids, "no worker was started again"
            until(lambda: depth(gateway) == 0, 30, "something still waits to be written")
            told = gateway.told()
        found = known(store)
        with store.reading() as tx:
            [(intents,)] = tx.execute("SELECT count(*) FROM ledger_intents").fetchall()
            [(doubled, booked)] = tx.execute(
                "SELECT sum(calls) - count(DISTINCT attempt_id), sum(cost_jpy) * 1000000 FROM ledger_entries"
            ).fetchall()
            [(used, leased)] = tx.execute("SELECT used_micro_jpy, leased_micro_jpy FROM ledger_budget_uses").fetchall()
    finally:
        store.close()
    print(f"whole {len(heard.whole)} begun {len(heard.begun)} refused {len(heard.refused)} broken {Counter(heard.broken)} "
          f"free {is_full} answered while full {after_that - while_full}")  # fmt: skip
    assert is_full < 1_000_000
    assert [one for one in heard.whole if not found.get(one, False)] == []
    assert [one for one in heard.begun if one not in found] == []
    assert {status for _, status, _ in heard.refused} == {503}
    assert {code_of(dialect, body) for dialect, _, body in heard.refused} <= {"ledger_away", "budget_lease_away"}
    assert {dialect for dialect, _, body in heard.refused if code_of(dialect, body) == "ledger_away"} == {
        "openai", "anthropic"
    }  # fmt: skip
    assert (intents, doubled, leased) == (0, 0, 0)
    assert used == booked
    assert "Traceback" not in told


def refused_by_library(url: str, key: str) -> None:
    """The vendors' own libraries raise what they raise for a server that cannot at present."""
    ask: Any = {"model": "task:inquiry-triage", "max_tokens": 50, "messages": [{"role": "user", "content": "納期"}]}
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        caught = raised(openai.InternalServerError, lambda: client.chat.completions.create(**ask))
    assert caught.status_code == 503
    assert caught.code == "ledger_away"
    assert "disk" in caught.message
    with anthropic.Anthropic(base_url=url, api_key=key, max_retries=0) as client_a:
        caught_a = raised(anthropic.APIStatusError, lambda: client_a.messages.create(**ask))
    assert caught_a.status_code == 503
    body: Any = caught_a.body
    assert body["error"]["type"] == "overloaded_error"
    assert body["error"]["details"]["error_code"] == "ledger_away"


def raised(kind: type[E], ask: Callable[[], object], seconds: float = 30.0) -> E:
    """What is raised sooner or later: a batch still finds space now and then, and then there is an answer."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            ask()
        except kind as error:
            return error
    raise AssertionError("every call was answered")


def depth(gateway: RunningGateway) -> int:
    """Hand-ins of all workers that are not durable yet, as /metrics has it."""
    import urllib.request

    with urllib.request.urlopen(f"{gateway.url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith("jitsuri_commit_queue{"))

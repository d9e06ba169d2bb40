"""What the ledger and the kept texts have of calls through the gateway, and what happens when the ledger is away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openai
import psycopg
import pytest
from running_gateway import RunningGateway
from stub_upstream import StubUpstream

from jitsuri.calls.rules.identifying import named_thread
from jitsuri.calls.rules.sealing import unseal
from jitsuri.flows.cold.reading_logs import Means, ReadOptions, import_files
from jitsuri.flows.cold.sweeping import sweep
from jitsuri.store.door import Store

HELLO: Any = [{"role": "user", "content": "納期を教えてください"}]
SETTINGS = {
    "ledger_seconds": 2,
    "more": """
[texts.inquiry-triage]
keep = "full"
retention_days = 30
key_file = "texts.key"
reason = "品質の確認（試験）"
""",
}


FILES = {"texts.key": "5a" * 32}


@pytest.fixture
def client(gateway: RunningGateway, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=20) as made:
        yield made


@pytest.mark.parametrize("is_stream", [False, True])
def test_texts_are_kept_sealed_where_the_task_says_so(
    gateway: RunningGateway, client: openai.OpenAI, module_store: Store, is_stream: bool
) -> None:
    calls = {}
    for model in ("task:inquiry-triage", "gpt-4o-mini"):
        if is_stream:
            with client.chat.completions.with_streaming_response.create(
                model=model, messages=HELLO, stream=True
            ) as raw:
                list(raw.parse())
        else:
            raw = client.chat.completions.with_raw_response.create(model=model, messages=HELLO)
        calls[model] = raw.headers["x-jitsuri-call"]
    with module_store.reading() as tx:
        kept = {
            part: bytes(sealed)
            for part, sealed in tx.execute(
                "SELECT part, sealed FROM calls_texts WHERE call_id = %s", (calls["task:inquiry-triage"],)
            )
        }
        other = tx.execute("SELECT count(*) FROM calls_texts WHERE call_id = %s", (calls["gpt-4o-mini"],)).fetchone()
        call_id = tx.execute("SELECT call_id FROM calls_calls WHERE call_id = %s", (calls["task:inquiry-triage"],))
        [(its_id,)] = call_id.fetchall()
    assert other == (0,)
    secret = bytes.fromhex((gateway.home / "texts.key").read_text().strip())
    assert json.loads(unseal(kept["request"], secret, its_id, "request"))["messages"] == HELLO
    assert b"chatcmpl-" in unseal(kept["response"], secret, its_id, "response")


def test_a_log_of_the_upstream_adds_nothing_that_came_through_the_gateway(
    client: openai.OpenAI, module_store: Store, tmp_path: Path
) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=HELLO)
    answer = raw.parse()
    line = {
        "request": {"model": "gpt-4o-mini", "messages": HELLO}, "response": json.loads(raw.text),
        "created_at": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(line) + "\n", "utf-8")
    before = count(module_store)
    means = Means(None, {}, "TTM", tmp_path)
    [run] = import_files(
        module_store, [log], ReadOptions(), means, lambda: datetime.now(UTC), actor="test", on_batch=lambda *_: None
    )
    assert answer.id.startswith("chatcmpl-")
    assert (run.added, run.known) == (0, 1)
    assert count(module_store) == before


def count(store: Store) -> int:
    with store.reading() as tx:
        [(found,)] = tx.execute("SELECT count(*) FROM ledger_entries").fetchall()
    return int(found)


def test_without_its_ledger_the_gateway_answers_nobody_and_loses_nothing(
    client: openai.OpenAI, module_store: Store, pg_template: str, stub: StubUpstream, gateway: RunningGateway
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(module_store.dsn)["dbname"]
    with psycopg.connect(pg_template, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            with pytest.raises(openai.InternalServerError) as refused:
                client.chat.completions.create(
                    model="gpt-4o-mini", messages=HELLO, extra_headers={"X-Jitsuri-Thread": "away"}
                )
            assert refused.value.status_code == 503
            assert refused.value.code == "ledger_away"
            asked = len(stub.requests)
            began = time.monotonic()
            with pytest.raises(openai.InternalServerError):
                client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
            assert time.monotonic() - began < 1.0
            assert len(stub.requests) == asked
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    gateway.wait_until_well(30)
    client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    with module_store.reading() as tx:
        rows = tx.execute("SELECT status FROM ledger_entries WHERE thread_id = %s", (named_thread("away"),)).fetchall()
    assert len(rows) == 1


def test_a_worker_taken_for_dead_in_the_midst_of_a_stream_still_answers(
    client: openai.OpenAI, module_store: Store
) -> None:
    """The sweep books the call at its upper bound while it is answered; the entry that comes after takes its place."""
    with client.chat.completions.with_streaming_response.create(
        model="stub-drip-0.1", messages=HELLO, stream=True, max_completion_tokens=50
    ) as raw:
        call_id = raw.headers["x-jitsuri-call"]
        events = iter(raw.parse())
        next(events)
        assert sweep(module_store, datetime.now(UTC), "TTM", seconds=0) == 1
        rest = list(events)
    assert rest[-1].choices == [] or rest[-1].choices[0].finish_reason
    with module_store.reading() as tx:
        rows = tx.execute(
            "SELECT kind, status, calls FROM ledger_entries WHERE call_id = %s ORDER BY booked_at", (call_id,)
        ).fetchall()
        call = tx.execute("SELECT status, answer_id IS NOT NULL FROM calls_calls WHERE call_id = %s", (call_id,))
        told = call.fetchall()
    assert rows == [("attempt", "cut", 1), ("repriced", "cut", -1), ("attempt", "ok", 1)]
    assert told == [("ok", True)]
    client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)

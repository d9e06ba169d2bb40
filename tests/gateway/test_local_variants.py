"""Students and rules behind the gateway: asked like any model, booked at 0 yen, refused in words where they cannot."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from running_gateway import RunningGateway, make_key

from jitsuri.store.door import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))

from local_parts import RULES, student_file

SETTINGS = {
    "more": """
[tasks.by-student]
title_ja = "蒸留モデル"
variant = "local/student:small"

[tasks.by-rules]
title_ja = "規則"
variant = "local/rules:small"

[tasks.by-broken]
variant = "local/rules:broken"

[budgets.tight]
scope = "key"
subject = "tight"
period = "day"
limit_jpy = 0
kind = "hard"
"""
}


@pytest.fixture(scope="module", autouse=True)
def variants(gateway: RunningGateway) -> Path:
    folder = gateway.home / "variants"
    folder.mkdir()
    (folder / "small.student.jsonl").write_bytes(student_file())
    (folder / "small.rules.toml").write_text(RULES, "utf-8")
    return folder


@pytest.fixture(scope="module")
def client(gateway: RunningGateway, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


def said(text: str) -> list[Any]:
    return [{"role": "system", "content": "分類"}, {"role": "user", "content": text}]


def entry_of(store: Store, call_id: str) -> dict[str, Any]:
    with store.reading() as tx:
        cursor = tx.execute("SELECT * FROM ledger_entries WHERE call_id = %s", [call_id])
        assert cursor.description is not None
        rows = [dict(zip([c.name for c in cursor.description], row, strict=True)) for row in cursor]
    assert len(rows) == 1
    return rows[0]


def test_a_student_is_asked_like_a_model_and_costs_nothing(client: openai.OpenAI, module_store: Store) -> None:
    raw = client.chat.completions.with_raw_response.create(model="task:by-student", messages=said("納期"))

    answer = raw.parse()
    assert answer.choices[0].message.content == "納期"
    assert answer.system_fingerprint is not None
    assert answer.system_fingerprint.startswith("student-")
    assert raw.headers["x-jitsuri-answered-by"] == "local/student:small"
    entry = entry_of(module_store, raw.headers["x-jitsuri-call"])
    told = {
        name: entry[name] for name in ("task", "provider", "model", "state", "currency", "cost_jpy", "input_tokens")
    }
    assert (
        entry["model_answered"] == answer.model == f"student:small@{answer.system_fingerprint.removeprefix('student-')}"
    )
    assert told == {
        "task": "by-student", "provider": "local", "model": "student:small", "state": "priced", "currency": "JPY",
        "cost_jpy": 0, "input_tokens": 0,
    }  # fmt: skip


def test_its_stream_is_read_by_the_library(client: openai.OpenAI) -> None:
    for options in ({}, {"stream_options": {"include_usage": True}}):
        stream = client.chat.completions.create(
            model="task:by-rules", messages=said("不良が出ました"), stream=True, **options
        )
        pieces = list(stream)
        assert "".join(one.choices[0].delta.content or "" for one in pieces if one.choices) == "不具合"
        assert (pieces[-1].usage is not None) == bool(options)


def test_callers_of_the_other_dialect_are_answered_too(gateway: RunningGateway, key: str) -> None:
    client = anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0)

    answer = client.messages.create(
        model="task:by-student", max_tokens=9, system="分類", messages=[{"role": "user", "content": "見積"}]
    )
    assert answer.content[0].text == "見積"  # type: ignore[union-attr]
    assert answer.stop_reason == "end_turn"
    with client.messages.stream(model="task:by-rules", max_tokens=9, messages=said("単価")[1:]) as stream:
        assert stream.get_final_text() == "見積"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"messages": said("zzz")}, "local_text_unknown"),
        ({"messages": said("納" * 20_001)}, "local_text_too_long"),
        ({"messages": said("納期"), "n": 2}, "local_cannot"),
        ({"messages": said("納期"), "response_format": {"type": "json_object"}}, "local_format"),
    ],
)
def test_what_it_cannot_is_a_bad_request_in_words(
    client: openai.OpenAI, module_store: Store, asked: dict[str, Any], code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as found:
        client.chat.completions.create(model="task:by-student", **asked)

    assert found.value.code == code
    assert entry_of(module_store, found.value.response.headers["x-jitsuri-call"])["status"] == "error"


def test_a_hard_budget_without_a_yen_left_does_not_stop_what_costs_nothing(
    gateway: RunningGateway, module_store: Store
) -> None:
    key = make_key(module_store, "tight")
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)

    answer = client.chat.completions.create(model="task:by-student", messages=said("納期"))
    assert answer.choices[0].message.content == "納期"
    with pytest.raises(openai.APIStatusError) as found:
        client.chat.completions.create(model="gpt-4o-mini", messages=said("納期"))
    assert found.value.code == "budget_exceeded"


def health(gateway: RunningGateway) -> dict[str, Any]:
    with urllib.request.urlopen(f"{gateway.url}/health", timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_a_file_that_cannot_be_read_is_told_by_health_without_its_name(gateway: RunningGateway, variants: Path) -> None:
    def told(*codes: str) -> None:
        ends = time.monotonic() + 15
        while health(gateway) != {"ok": True, "why": "", "variants": list(codes), "budgets": ""}:
            assert time.monotonic() < ends, health(gateway)
            time.sleep(0.1)

    told("local_file_missing")
    (variants / "broken.rules.toml").write_text("rules = [", "utf-8")
    told("rules_not_toml")
    assert "broken.rules.toml" in gateway.told(), "the log names it"
    (variants / "broken.rules.toml").write_text(RULES, "utf-8")
    told()


def test_a_missing_file_is_the_keepers_to_mend(client: openai.OpenAI, variants: Path) -> None:
    file = variants / "small.rules.toml"
    kept = file.read_bytes()
    file.unlink()
    with pytest.raises(openai.InternalServerError) as found:
        client.chat.completions.create(model="task:by-rules", messages=said("不良"))
    assert found.value.code == "local_file_missing"

    file.write_bytes(kept)
    assert client.chat.completions.create(model="task:by-rules", messages=said("不良")).choices

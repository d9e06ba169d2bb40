"""The official Anthropic library against the installed gateway, answered by either kind of upstream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from running_gateway import RunningGateway
from stub_upstream import StubUpstream

from jitsuri.store.door import Store

SETTINGS = {
    "more": """
[tasks.tight]
variant = "stub-anthropic/claude-sonnet-5"

[budgets.tight]
scope = "task"
subject = "tight"
limit_jpy = 0.0001
kind = "hard"
"""
}

HELLO: Any = [{"role": "user", "content": "納期を教えてください"}]
TOOL: Any = {
    "name": "find_part",
    "description": "部品を探す",
    "input_schema": {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
}
MODELS = ["claude-sonnet-5", "gpt-4o-mini"]
"""Answered in the library's own dialect, and by translation."""


@pytest.fixture
def client(gateway: RunningGateway, key: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0, timeout=20) as made:
        yield made


def entry_of(store: Store, call_id: str) -> dict[str, Any]:
    with store.reading() as tx:
        cursor = tx.execute(
            "SELECT status, provider, task, input_tokens, output_tokens, cache_write_tokens, reasoning_tokens, cost_jpy, "
            "reason FROM ledger_entries WHERE call_id = %s",
            (call_id,),
        )
        assert cursor.description is not None
        [row] = cursor.fetchall()
        return dict(zip([c.name for c in cursor.description], row, strict=True))


@pytest.mark.parametrize("model", MODELS)
def test_a_whole_answer(client: anthropic.Anthropic, module_store: Store, model: str) -> None:
    raw = client.messages.with_raw_response.create(model=model, max_tokens=300, system="短く答える。", messages=HELLO)
    answer = raw.parse()
    assert answer.type == "message"
    assert answer.content[0].type == "text"
    entry = entry_of(module_store, raw.headers["x-jitsuri-call"])
    assert entry["status"] == "ok"
    assert entry["output_tokens"] == answer.usage.output_tokens
    assert entry["cost_jpy"] > 0


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_with_all_its_events(client: anthropic.Anthropic, module_store: Store, model: str) -> None:
    with client.messages.stream(model=model, max_tokens=300, messages=HELLO) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_message()
        call_id = stream.response.headers["x-jitsuri-call"]
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert answer.stop_reason == "end_turn"
    entry = entry_of(module_store, call_id)
    assert (entry["status"], entry["output_tokens"]) == ("ok", answer.usage.output_tokens)


@pytest.mark.parametrize("model", MODELS)
def test_tools_are_asked_for_and_answered(client: anthropic.Anthropic, model: str) -> None:
    asked = client.messages.create(
        model=model, max_tokens=300, messages=HELLO, tools=[TOOL], tool_choice={"type": "any"}
    )
    uses = [block for block in asked.content if block.type == "tool_use"]
    assert asked.stop_reason == "tool_use"
    assert uses
    results: Any = [{"type": "tool_result", "tool_use_id": use.id, "content": "12 個"} for use in uses]
    turns: Any = [*HELLO, {"role": "assistant", "content": asked.content}, {"role": "user", "content": results}]
    answer = client.messages.create(model=model, max_tokens=300, messages=turns, tools=[TOOL])
    assert answer.content


def test_thinking_and_cache_are_counted(client: anthropic.Anthropic, module_store: Store) -> None:
    raw = client.messages.with_raw_response.create(
        model="claude-sonnet-5", max_tokens=4000, messages=HELLO, thinking={"type": "enabled", "budget_tokens": 1024},
        system=[{"type": "text", "text": "規程" * 2000, "cache_control": {"type": "ephemeral"}}],
    )  # fmt: skip
    assert {block.type for block in raw.parse().content} >= {"thinking", "text"}
    entry = entry_of(module_store, raw.headers["x-jitsuri-call"])
    assert entry["cache_write_tokens"] > 0


def test_a_picture_travels(client: anthropic.Anthropic, stub: StubUpstream) -> None:
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    picture: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": dot}}
    content: Any = [{"type": "text", "text": "何が写っていますか"}, picture]
    for model in MODELS:
        client.messages.create(model=model, max_tokens=100, messages=[{"role": "user", "content": content}])
        assert dot in stub.requests[-1].body.decode()


def test_models(client: anthropic.Anthropic) -> None:
    assert "task:inquiry-triage" in [model.id for model in client.models.list()]


def test_refusals_are_this_librarys_own(gateway: RunningGateway, client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="task:nowhere", max_tokens=10, messages=HELLO)
    with pytest.raises(anthropic.APIStatusError) as refused:
        client.messages.create(model="task:tight", max_tokens=1000, messages=HELLO)
    assert refused.value.status_code == 402
    assert "tight" in refused.value.message
    with pytest.raises(anthropic.BadRequestError) as translated:
        client.messages.create(model="gpt-4o-mini", max_tokens=10, messages=HELLO, extra_body={"top_k": 5})
    assert "top_k" in translated.value.message
    stranger = anthropic.Anthropic(base_url=gateway.url, api_key="sk-stranger", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        stranger.messages.create(model="claude-sonnet-5", max_tokens=10, messages=HELLO)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("stub-anthropic/stub-529", anthropic.APIStatusError),
        ("stub-anthropic/stub-429-retry-after-1", anthropic.RateLimitError),
        ("stub-anthropic/stub-garbage", anthropic.InternalServerError),
    ],
)
def test_failures_of_upstreams(client: anthropic.Anthropic, model: str, error: type[anthropic.APIError]) -> None:
    with pytest.raises(error):
        client.messages.create(model=model, max_tokens=10, messages=HELLO)
    for _ in range(3):
        client.messages.create(model="claude-sonnet-5", max_tokens=10, messages=HELLO)


@pytest.mark.parametrize("model", ["stub-anthropic/stub-close-3", "stub/stub-close-3"])
def test_a_stream_that_breaks_is_raised_and_booked(
    client: anthropic.Anthropic, module_store: Store, model: str
) -> None:
    with client.messages.stream(model=model, max_tokens=300, messages=HELLO) as stream:
        call_id = stream.response.headers["x-jitsuri-call"]
        with pytest.raises(anthropic.APIError):
            list(stream)
    assert entry_of(module_store, call_id)["status"] == "cut"

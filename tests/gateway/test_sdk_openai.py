"""The official OpenAI library against the installed gateway: what it sends arrives, what comes back it understands."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openai
import pytest
from running_gateway import RunningGateway, make_key
from stub_upstream import StubUpstream

from jitsuri.calls.rules.identifying import named_thread
from jitsuri.store.door import Store
from jitsuri.terms.money import to_ledger_jpy

SETTINGS = {
    "more": """
[tasks.domestic]
variant = "stub-anthropic/claude-sonnet-5"
fallbacks = "stub/gpt-4o-mini"
regions = "jp"

[tasks.chained]
variant = "stub/stub-503"
fallbacks = "stub-anthropic/claude-sonnet-5"

[tasks.closed]
variant = "stub/gpt-4o-mini"
on_premises_only = true

[tasks.tight]
variant = "stub/gpt-4o-mini"
most_output_tokens = 50

[tasks.unpriced]
variant = "stub/stub-model"

[budgets.tight]
scope = "task"
subject = "tight"
limit_jpy = 0.0001
kind = "hard"

[budgets.unpriced]
scope = "task"
subject = "unpriced"
limit_jpy = 1000
kind = "hard"
"""
}

TOOL: Any = {
    "type": "function",
    "function": {
        "name": "find_part",
        "description": "部品を探す",
        "parameters": {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
    },
}
HELLO: Any = [{"role": "system", "content": "短く答える。"}, {"role": "user", "content": "納期を教えてください"}]


@pytest.fixture
def client(gateway: RunningGateway, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=20) as made:
        yield made


@pytest.fixture(autouse=True)
def well_again(client: openai.OpenAI) -> Iterator[None]:
    """Answers after each test, so that failures of one do not open the breaker for the next."""
    yield
    for _ in range(3):
        client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)


def entries(store: Store, call_id: str) -> list[dict[str, Any]]:
    with store.reading() as tx:
        cursor = tx.execute(
            "SELECT status, model_asked, provider, task, error_code, input_tokens, output_tokens, cost_jpy, reason, state, "
            "at FROM ledger_entries WHERE call_id = %s ORDER BY booked_at",
            (call_id,),
        )
        assert cursor.description is not None
        return [dict(zip([c.name for c in cursor.description], row, strict=True)) for row in cursor]


def booked(store: Store, answer: Any) -> dict[str, Any]:
    """The one entry of a raw answer."""
    [entry] = entries(store, answer.headers["x-jitsuri-call"])
    return entry


def test_a_whole_answer_is_priced_before_it_arrives(client: openai.OpenAI, module_store: Store) -> None:
    raw = client.chat.completions.with_raw_response.create(model="task:inquiry-triage", messages=HELLO)
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.usage is not None
    entry = booked(module_store, raw)
    assert (entry["status"], entry["task"], entry["model_asked"]) == ("ok", "inquiry-triage", "gpt-4o-mini")
    assert entry["output_tokens"] == answer.usage.completion_tokens
    dollars = Decimal(answer.usage.prompt_tokens) * Decimal("0.15") + Decimal(answer.usage.completion_tokens) * Decimal(
        "0.6"
    )
    assert entry["cost_jpy"] == to_ledger_jpy(dollars * 150 / 10**6)
    assert Decimal(raw.headers["x-jitsuri-cost-jpy"]) == entry["cost_jpy"]


def test_unknown_fields_travel_through_and_the_upstream_sees_its_own_key(
    client: openai.OpenAI, stub: StubUpstream
) -> None:
    client.chat.completions.create(
        model="gpt-4o-mini", messages=HELLO, seed=7, extra_body={"brand_new_field": {"depth": [1, 2]}}
    )
    seen = stub.requests[-1]
    sent = json.loads(seen.body)
    assert sent["brand_new_field"] == {"depth": [1, 2]}
    assert sent["seed"] == 7
    assert sent["model"] == "gpt-4o-mini"
    assert "jk_" not in json.dumps(dict(seen.headers))


@pytest.mark.parametrize("wants_usage", [True, False])
def test_a_stream_is_booked_whether_or_not_its_usage_was_asked_for(
    client: openai.OpenAI, module_store: Store, wants_usage: bool
) -> None:
    more: Any = {"stream_options": {"include_usage": True}} if wants_usage else {}
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=HELLO, stream=True, **more
    ) as raw:
        chunks = list(raw.parse())
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert (chunks[-1].usage is not None) is wants_usage
    entry = booked(module_store, raw)
    assert entry["status"] == "ok"
    assert entry["output_tokens"] > 0
    assert entry["reason"] == ""


def test_parallel_tool_calls_json_schema_and_logprobs(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="gpt-5-mini", messages=HELLO, tools=[TOOL], tool_choice="required", parallel_tool_calls=True
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    for call in answer.choices[0].message.tool_calls or []:
        json.loads(call.function.arguments)  # type: ignore[union-attr]
    schema: Any = {
        "type": "json_schema",
        "json_schema": {
            "name": "answer", "strict": True,
            "schema": {"type": "object", "properties": {"class": {"type": "string"}}, "required": ["class"],
                       "additionalProperties": False},
        },
    }  # fmt: skip
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, response_format=schema)
    assert set(json.loads(answer.choices[0].message.content or "")) == {"class"}
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, n=2, logprobs=True, top_logprobs=2)
    assert len(answer.choices) == 2
    assert answer.choices[0].logprobs is not None


def test_embeddings(client: openai.OpenAI, module_store: Store) -> None:
    raw = client.embeddings.with_raw_response.create(model="text-embedding-3-small", input=["納期", "部品"])
    assert len(raw.parse().data) == 2
    entry = booked(module_store, raw)
    assert entry["output_tokens"] == 0
    assert entry["cost_jpy"] > 0


def test_models_lists_tasks_and_names(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert "task:inquiry-triage" in names
    assert "gpt-4o-mini" in names
    assert "gpt-5*" not in names


def test_an_anthropic_upstream_answers_this_library(client: openai.OpenAI, module_store: Store) -> None:
    raw = client.chat.completions.with_raw_response.create(model="claude-sonnet-5", messages=HELLO, tools=[TOOL])
    answer = raw.parse()
    assert answer.choices[0].finish_reason in ("stop", "tool_calls")
    assert booked(module_store, raw)["provider"] == "anthropic"
    with client.chat.completions.stream(model="claude-sonnet-5", messages=HELLO) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.content


def test_what_cannot_be_translated_is_refused_by_name(client: openai.OpenAI, stub: StubUpstream) -> None:
    before = len(stub.requests)
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="claude-sonnet-5", messages=HELLO, logprobs=True)
    assert "logprobs" in str(refused.value)
    assert len(stub.requests) == before


def test_data_rules_keep_targets_out_and_say_so(client: openai.OpenAI, module_store: Store) -> None:
    raw = client.chat.completions.with_raw_response.create(model="task:domestic", messages=HELLO)
    assert raw.headers["x-jitsuri-answered-by"] == "stub/gpt-4o-mini"
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="task:closed", messages=HELLO)
    assert refused.value.code == "no_target_allowed"  # type: ignore[attr-defined]
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, extra_headers={"X-Jitsuri-Task": "closed"})


def test_a_fall_back_answers_and_both_attempts_are_booked(client: openai.OpenAI, module_store: Store) -> None:
    raw = client.chat.completions.with_raw_response.create(model="task:chained", messages=HELLO)
    assert raw.headers["x-jitsuri-answered-by"] == "stub-anthropic/claude-sonnet-5"
    found = entries(module_store, raw.headers["x-jitsuri-call"])
    assert [entry["status"] for entry in found] == ["error", "error", "ok"]
    assert [entry["cost_jpy"] for entry in found[:2]] == [0, 0]


@pytest.mark.parametrize(
    ("model", "error", "code"),
    [
        ("stub-429", openai.RateLimitError, None),
        ("stub-quota", openai.RateLimitError, "insufficient_quota"),
        ("stub-unknown", openai.NotFoundError, "model_not_found"),
        ("stub-html-502", openai.InternalServerError, None),
        ("stub-garbage", openai.InternalServerError, "upstream_broken"),
        ("stub-truncated", openai.InternalServerError, None),
        ("stub-empty", openai.InternalServerError, None),
        ("stub-error-inside", openai.InternalServerError, None),
        ("stub-slow-first-byte-5", openai.InternalServerError, "upstream_slow"),
        ("stub-close-1", openai.InternalServerError, "upstream_broken"),
        ("stub-redirect", openai.InternalServerError, "upstream_redirected"),
    ],
)
def test_failures_of_upstreams_are_raised_as_this_librarys_own(
    client: openai.OpenAI, module_store: Store, model: str, error: type[openai.APIStatusError], code: str | None
) -> None:
    with pytest.raises(error) as raised:
        client.chat.completions.create(model=model, messages=HELLO)
    if code is not None:
        assert raised.value.code == code
    assert raised.value.message
    call_id = raised.value.response.headers["x-jitsuri-call"]
    found = entries(module_store, call_id)
    assert found
    assert all(entry["status"] in ("error", "cut") for entry in found)


@pytest.mark.parametrize("model", ["stub-close-3", "stub-stall-3", "stub-garbage-3"])
def test_a_stream_that_breaks_is_raised_and_booked_once_with_an_estimate(
    client: openai.OpenAI, module_store: Store, model: str
) -> None:
    thread = f"breaks-{model}"
    with pytest.raises(openai.APIError):
        list(
            client.chat.completions.create(
                model=model, messages=HELLO, stream=True, extra_headers={"X-Jitsuri-Thread": thread}
            )
        )
    with module_store.reading() as tx:
        [(status, reason, given)] = tx.execute(
            "SELECT status, reason, input_tokens FROM ledger_entries WHERE thread_id = %s", (named_thread(thread),)
        ).fetchall()
    assert status == "cut"
    assert reason in ("usage_estimated", "price_missing_model")
    assert given > 0


def test_an_error_inside_a_stream_is_raised_and_what_was_made_is_booked(
    client: openai.OpenAI, module_store: Store
) -> None:
    thread = {"X-Jitsuri-Thread": "error-inside"}
    with pytest.raises(openai.APIError):
        list(
            client.chat.completions.create(
                model="stub-error-after-3", messages=HELLO, stream=True, extra_headers=thread
            )
        )
    with module_store.reading() as tx:
        rows = tx.execute("SELECT status, reason FROM ledger_entries WHERE error_code <> '' ORDER BY booked_at DESC")
        assert rows.fetchone()[0] == "cut"  # type: ignore[index]


@pytest.mark.parametrize("usage", ["negative", "huge", "text", "null"])
def test_absurd_usage_is_estimated_and_never_booked_as_told(
    client: openai.OpenAI, module_store: Store, usage: str
) -> None:
    raw = client.chat.completions.with_raw_response.create(model=f"stub-usage-{usage}", messages=HELLO)
    entry = booked(module_store, raw)
    assert 0 < entry["input_tokens"] < 1000


def test_a_hard_budget_refuses_with_all_that_one_needs_to_know(client: openai.OpenAI, stub: StubUpstream) -> None:
    before = len(stub.requests)
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="task:tight", messages=HELLO)
    assert refused.value.status_code == 402
    assert refused.value.code == "budget_exceeded"
    assert "tight" in refused.value.message
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="task:unpriced", messages=HELLO)
    assert refused.value.code == "unpriced_under_budget"
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(
            model="gpt-4o-mini", messages=HELLO, extra_headers={"X-Jitsuri-Task": "tight"},
            extra_body={"web_search_options": {}},
        )  # fmt: skip
    assert refused.value.code == "unbounded_under_budget"
    assert len(stub.requests) == before


def test_unknown_task_model_and_key(gateway: RunningGateway, client: openai.OpenAI, module_store: Store) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="task:nowhere", messages=HELLO)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nobody-knows-this", messages=HELLO)
    stranger = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-stranger", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def test_a_keys_pace_is_told_with_its_wait(gateway: RunningGateway, module_store: Store) -> None:
    slow = make_key(module_store, "slow", requests_per_minute=2)
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=slow, max_retries=0)
    ends = time.monotonic() + 15
    while True:  # the worker hears of a new key by a notice
        try:
            client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
            break
        except openai.AuthenticationError:
            assert time.monotonic() < ends
    client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    with pytest.raises(openai.RateLimitError) as limited:
        client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert limited.value.code == "rate_limited"
    assert 0 < int(limited.value.response.headers["retry-after"]) <= 60


def test_a_caller_that_goes_away_cancels_the_upstream_and_is_booked(
    client: openai.OpenAI, module_store: Store, stub: StubUpstream
) -> None:
    with client.chat.completions.with_streaming_response.create(
        model="stub-drip-0.1", messages=HELLO, stream=True, max_tokens=200
    ) as raw:
        next(iter(raw.parse()))
    stub.wait(lambda: stub.requests[-1].cancelled)
    ends = time.monotonic() + 10
    while not entries(module_store, raw.headers["x-jitsuri-call"]):
        assert time.monotonic() < ends
        time.sleep(0.05)
    entry = booked(module_store, raw)
    assert (entry["status"], entry["error_code"]) == ("cut", "caller_gone")


def test_a_caller_that_leaves_before_the_first_byte_is_booked_with_an_estimate(
    client: openai.OpenAI, module_store: Store, stub: StubUpstream
) -> None:
    thread = {"X-Jitsuri-Thread": "left-early"}
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(
            model="stub-slow-first-byte-2", messages=HELLO, timeout=0.5, extra_headers=thread
        )
    stub.wait(lambda: stub.requests[-1].cancelled)
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        with module_store.reading() as tx:
            rows = tx.execute(
                "SELECT status, error_code, input_tokens > 0 FROM ledger_entries WHERE thread_id = %s",
                (named_thread("left-early"),),
            ).fetchall()
        if rows:
            break
        time.sleep(0.05)
    assert rows == [("cut", "caller_gone", True)]


def test_pass_through_is_booked_from_what_the_answer_reports(
    client: openai.OpenAI, module_store: Store, gateway: RunningGateway
) -> None:
    raw = client.audio.speech.with_raw_response.create(model="gpt-4o-mini", input="納期", voice="alloy")
    entry = booked(module_store, raw)
    assert (entry["status"], entry["reason"], entry["state"]) == ("ok", "usage_not_reported", "unpriced")
    with pytest.raises(openai.PermissionDeniedError):
        client.images.generate(model="gpt-4o-mini", prompt="x")


def test_threads_and_tasks_by_header(client: openai.OpenAI, module_store: Store) -> None:
    ids = []
    for _ in range(2):
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-4o-mini", messages=HELLO,
            extra_headers={"X-Jitsuri-Thread": "quote-42", "X-Jitsuri-Task": "inquiry-triage"},
        )  # fmt: skip
        ids.append(raw.headers["x-jitsuri-call"])
    with module_store.reading() as tx:
        rows = tx.execute("SELECT DISTINCT thread_id, task FROM calls_calls WHERE call_id = ANY(%s)", (ids,)).fetchall()
    assert len(rows) == 1
    assert rows[0][1] == "inquiry-triage"

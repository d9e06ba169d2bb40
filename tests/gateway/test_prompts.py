"""A variant's prompt through the running gateway: in both dialects and both translations, whole and streamed, as a canary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from running_gateway import RunningGateway, make_key, settings_text
from stub_answers import tokens_of
from stub_upstream import StubUpstream

from jitsuri.calls.rules.identifying import named_thread
from jitsuri.flows.cold.keeping_budgets import make_budget
from jitsuri.flows.cold.keeping_prompts import Added, add_prompt, promote
from jitsuri.flows.cold.keeping_variants import Decided, change_canary, roll_back, set_variant
from jitsuri.flows.cold.viewing.explaining import explain
from jitsuri.ledger.shapes.budgets import Budget, BudgetDraft
from jitsuri.routing.rules.choosing import is_in
from jitsuri.routing.rules.setting import in_full
from jitsuri.routing.shapes import Canary, Site, Target, Variant
from jitsuri.store.announcing import announce
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal

SITES = {
    "stub": Site("stub", "openai", "jp", "unknown", False, ("*",)),
    "stub-anthropic": Site("stub-anthropic", "anthropic", "us", "never", False, ("claude*",)),
}
OPENAI, ANTHROPIC = Target("stub", "gpt-4o-mini"), Target("stub-anthropic", "claude-haiku-4-5")
PROMPT, OTHER = "分類だけを答える。", "前置き\n{{caller}}\nおわり"
MORE = """
[tasks.worded]
title_ja = "指示文の試し"
"""


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, module_store: Store, stub: StubUpstream
) -> Iterator[RunningGateway]:
    home = tmp_path_factory.mktemp("gateway")
    with RunningGateway(home, settings_text(stub.url, more=MORE), module_store.dsn) as running:
        for text in (PROMPT, OTHER):
            came = add_prompt(module_store, datetime.now(UTC), "owner", "worded", text, "x")
            assert isinstance(came, Added), came
        yield running


class Desk:
    """The owner's side, and a caller's."""

    def __init__(self, gateway: RunningGateway, store: Store, stub: StubUpstream) -> None:
        self.gateway, self.store, self.stub = gateway, store, stub
        self.key = ""

    def holds(self, came: Any) -> None:
        """Wait until the gateway has read the change."""
        assert isinstance(came, Decided), came
        self.key = make_key(self.store, f"app{came.version}", secret=f"{came.version:043d}")
        self.gateway.wait_until_known(self.key)

    def answers_by(self, variant: Variant) -> None:
        self.holds(set_variant(self.store, datetime.now(UTC), "owner", variant, "x", SITES))

    def openai(self, messages: list[Any], *, thread: str = "", is_stream: bool = False, **more: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.key}", **({"x-jitsuri-thread": thread} if thread else {})}
        asked = {"model": "task:worded", "messages": messages, **({"stream": True} if is_stream else {}), **more}
        return httpx2.post(f"{self.gateway.url}/v1/chat/completions", json=asked, headers=headers, timeout=20)

    def anthropic(self, *, is_stream: bool = False, **more: Any) -> httpx2.Response:
        asked = {"model": "task:worded", "max_tokens": 50, "messages": [{"role": "user", "content": "納期は"}],
                 **({"stream": True} if is_stream else {}), **more}  # fmt: skip
        return httpx2.post(f"{self.gateway.url}/v1/messages", json=asked, headers={"x-api-key": self.key}, timeout=20)

    def sent(self) -> dict[str, Any]:
        """What the upstream was asked last."""
        found = json.loads(self.stub.requests[-1].body)
        assert isinstance(found, dict)
        return found


@pytest.fixture
def desk(gateway: RunningGateway, module_store: Store, stub: StubUpstream) -> Desk:
    return Desk(gateway, module_store, stub)


SAID: list[Any] = [
    {"role": "system", "content": "古い指示"}, {"role": "developer", "content": "もう一つ"},
    {"role": "user", "content": "納期は"}, {"role": "assistant", "content": "三日です"}, {"role": "user", "content": "早く"},
]  # fmt: skip


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("target", [OPENAI, ANTHROPIC])
def test_both_dialects_go_to_both_upstreams_with_the_prompt(desk: Desk, target: Target, is_stream: bool) -> None:
    desk.answers_by(Variant("worded", target, most_output_tokens=40 + is_stream, prompt=1))

    by_openai = (
        desk.openai(SAID, is_stream=is_stream, seed=7) if target is OPENAI else desk.openai(SAID, is_stream=is_stream)
    )
    first = desk.sent()
    by_anthropic = desk.anthropic(system="古い指示", is_stream=is_stream, stop_sequences=["終"])
    second = desk.sent()

    assert (by_openai.status_code, by_anthropic.status_code) == (200, 200), by_openai.text + by_anthropic.text
    assert {one.headers["x-jitsuri-answered-by"] for one in (by_openai, by_anthropic)} == {f"{target}#p1"}
    for sent in (first, second):
        systems = [m for m in sent["messages"] if m["role"] in ("system", "developer")]
        assert PROMPT in json.dumps([sent.get("system"), systems], ensure_ascii=False)
        assert "古い指示" not in json.dumps(sent, ensure_ascii=False)
        assert "もう一つ" not in json.dumps(sent, ensure_ascii=False)
    turns = [(m["role"], m["content"]) for m in first["messages"] if m["role"] not in ("system", "developer")]
    assert [role for role, _ in turns] == ["user", "assistant", "user"]
    if target is OPENAI:
        assert first["seed"] == 7
    assert "終" in json.dumps([second.get("stop"), second.get("stop_sequences")], ensure_ascii=False)


def test_the_callers_own_is_kept_where_the_prompt_says_so(desk: Desk) -> None:
    desk.answers_by(Variant("worded", OPENAI, prompt=2))

    desk.openai(SAID)
    assert desk.sent()["messages"][0]["content"] == "前置き\n古い指示\n\nもう一つ\nおわり"
    desk.openai(SAID[2:])
    assert desk.sent()["messages"][0] == {"role": "system", "content": "前置き\n\nおわり"}


def test_the_vendors_libraries_see_nothing_of_it(desk: Desk) -> None:
    desk.answers_by(Variant("worded", OPENAI, most_output_tokens=99, prompt=1))

    with (
        openai.OpenAI(base_url=f"{desk.gateway.url}/v1", api_key=desk.key, max_retries=0, timeout=20) as client,
        client.chat.completions.stream(model="task:worded", messages=SAID) as stream,
    ):
        assert stream.get_final_completion().choices[0].message.content
    with (
        anthropic.Anthropic(base_url=desk.gateway.url, api_key=desk.key, max_retries=0, timeout=20) as other,
        other.messages.stream(model="task:worded", max_tokens=50, messages=SAID[2:]) as events,
    ):
        assert events.get_final_text()


def test_a_canary_may_differ_in_its_prompt_alone(desk: Desk) -> None:
    threads = [f"case-{n}" for n in range(30)]
    desk.answers_by(Variant("worded", OPENAI))
    assert isinstance(promote(desk.store, datetime.now(UTC), "owner", "worded", 0, "5", "x", SITES), Refusal)
    desk.holds(promote(desk.store, datetime.now(UTC), "owner", "worded", 1, "30", "x", SITES))

    found = {}
    for thread in threads:
        answer = desk.openai(SAID, thread=thread)
        by, is_new = answer.headers["x-jitsuri-answered-by"], desk.sent()["messages"][0]["content"] == PROMPT
        found[thread] = (by, is_new)
        if thread == threads[-1]:
            call_id = answer.headers["x-jitsuri-call"]
    assert found == {
        one: (f"{OPENAI}#p1", True) if is_in(named_thread(one), 300) else (str(OPENAI), False) for one in threads
    }  # fmt: skip
    assert 2 <= sum(is_new for _, is_new in found.values()) <= 20
    with desk.store.reading() as tx:
        explained = explain(tx, call_id, SITES)  # type: ignore[arg-type]
    assert explained is not None
    assert explained.plan is not None
    assert explained.plan.variant.canary == Canary(OPENAI, 300, 1)
    assert explained.plan.prompts == (0, 1)
    assert explained.plan.is_canary == found[threads[-1]][1]

    desk.holds(change_canary(desk.store, datetime.now(UTC), "owner", "worded", in_full, "x", SITES))
    desk.openai(SAID)
    assert desk.sent()["messages"][0]["content"] == PROMPT
    desk.holds(roll_back(desk.store, datetime.now(UTC), "owner", "worded", "x", SITES))
    desk.openai(SAID)
    assert desk.sent()["messages"][0]["content"] == "古い指示"


def test_a_fallback_answers_with_the_same_prompt(desk: Desk) -> None:
    desk.answers_by(Variant("worded", Target("stub", "stub-503"), (ANTHROPIC,), prompt=1))

    answer = desk.openai(SAID)

    assert answer.headers["x-jitsuri-answered-by"] == f"{ANTHROPIC}#p1"
    assert PROMPT in json.dumps(desk.sent()["system"], ensure_ascii=False)


def test_a_plain_model_name_and_another_task_are_not_touched(desk: Desk) -> None:
    desk.answers_by(Variant("worded", OPENAI, most_output_tokens=77, prompt=1))

    for model in ("gpt-4o-mini", "task:inquiry-triage"):
        asked = {"model": model, "messages": SAID}
        headers = {"authorization": f"Bearer {desk.key}"}
        answer = httpx2.post(f"{desk.gateway.url}/v1/chat/completions", json=asked, headers=headers, timeout=20)
        assert answer.status_code == 200
        assert desk.sent()["messages"] == SAID


def test_what_cannot_have_its_prompt_is_refused_and_never_asked(desk: Desk) -> None:
    desk.answers_by(Variant("worded", OPENAI, most_output_tokens=78, prompt=2))
    before = len(desk.stub.requests)
    headers = {"authorization": f"Bearer {desk.key}"}

    picture = [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}, *SAID[2:]]
    by_picture = desk.openai(picture)
    embedding = httpx2.post(
        f"{desk.gateway.url}/v1/embeddings", json={"model": "task:worded", "input": "x"}, headers=headers, timeout=20
    )
    unknown = set_variant(desk.store, datetime.now(UTC), "owner", Variant("worded", OPENAI, prompt=99), "x", SITES)
    with desk.store.transaction() as tx:
        tx.execute("DELETE FROM routing_prompts WHERE task = 'worded' AND version = 2")
        announce(tx, "routing")
    desk.holds(Decided(1000))
    gone = desk.openai(SAID)

    assert (by_picture.status_code, by_picture.json()["error"]["code"]) == (400, "system_not_text")
    assert (embedding.status_code, embedding.json()["error"]["code"]) == (400, "prompt_needs_chat")
    assert unknown == Refusal("prompt_unknown", {"name": "worded", "version": 99})
    assert (gone.status_code, gone.json()["error"]["code"]) == (503, "prompt_missing")
    assert len(desk.stub.requests) == before


def test_the_worst_case_that_is_held_counts_the_prompt(desk: Desk) -> None:
    long = "あ" * 30_000
    came = add_prompt(desk.store, datetime.now(UTC), "owner", "worded", long, "x")
    assert isinstance(came, Added)
    desk.answers_by(Variant("worded", OPENAI, most_output_tokens=10))
    price_in = Decimal("0.15") / 1_000_000 * 150
    limit = (price_in * 20_000).quantize(Decimal("0.0001"))
    draft = BudgetDraft("狭い", "task", "worded", "day", limit, "hard")
    assert isinstance(make_budget(desk.store, datetime.now(UTC), "owner", draft, "x"), Budget)
    desk.holds(set_variant(
        desk.store, datetime.now(UTC), "owner", Variant("worded", OPENAI, most_output_tokens=11), "x", SITES
    ))  # fmt: skip

    assert desk.openai(SAID[2:3]).status_code == 200
    desk.answers_by(Variant("worded", OPENAI, most_output_tokens=11, prompt=came.version))
    before = len(desk.stub.requests)
    refused = desk.openai(SAID[2:3])

    assert refused.json()["error"]["code"] == "budget_exceeded"
    assert len(desk.stub.requests) == before
    assert tokens_of(long) > 20_000

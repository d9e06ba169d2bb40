"""Calls that are checked, through the running gateway: in both dialects, whole and streamed, and what is kept of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import guard_parts
import httpx2
import openai
import psycopg
import pytest
from guard_parts import card, my_number, policy, sent
from running_gateway import RunningGateway, make_key, settings_text
from stub_upstream import Behaviour, StubUpstream

from jitsuri.guardrails.rules.presets import observe, recommended
from jitsuri.guardrails.shapes import Policy, Rule
from jitsuri.store.door import Store

NAME, PHONE, MAIL = "佐藤 花子", "090-1234-5678", "hanako@example.jp"
ASKED = f"担当は{NAME}さんです。電話は{PHONE}、メールは{MAIL}です。返信案を書いてください。"
HOME = """
[upstreams.home]
kind = "compatible"
base_url = "{stub}"
vendor = "home"
on_premises = true
models = "home*"

[upstreams.slow]
kind = "compatible"
base_url = "{stub}"
vendor = "slow"
models = "slow*"
"""


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, module_store: Store, stub: StubUpstream
) -> Iterator[RunningGateway]:
    home = tmp_path_factory.mktemp("gateway")
    (home / "texts.key").write_text("ab" * 32)
    more = HOME.format(stub=stub.url) + '\n[texts.inquiry-triage]\nkeep = "full"\nretention_days = 30\n'
    more += 'key_file = "texts.key"\nreason = "a test"\n'
    with RunningGateway(home, settings_text(stub.url, more=more), module_store.dsn) as running:
        yield running


class Caller:
    """A caller of a checked task, and its keeper."""

    def __init__(self, gateway: RunningGateway, store: Store, stub: StubUpstream) -> None:
        self.gateway, self.store, self.stub = gateway, store, stub
        self.key = ""
        self._keys = 0

    def holds(self, wanted: Policy) -> int:
        """Let a policy hold, and wait until the gateway knows."""
        version = guard_parts.holds(self.store, wanted).policy.version
        self.known()
        return version

    def known(self) -> None:
        self._keys += 1
        name = f"app{time.monotonic_ns()}"
        self.key = make_key(self.store, name, secret=f"{time.monotonic_ns():043d}")
        self.gateway.wait_until_known(self.key)

    def openai(self, text: Any, model: str = "task:inquiry-triage", thread: str = "", **more: Any) -> httpx2.Response:
        messages = text if isinstance(text, list) else [{"role": "user", "content": text}]
        headers = {"authorization": f"Bearer {self.key}", "x-jitsuri-task": "inquiry-triage"}
        headers |= {"x-jitsuri-thread": thread} if thread else {}
        body = json.dumps({"model": model, "messages": messages, **more}).encode()
        return httpx2.post(f"{self.gateway.url}/v1/chat/completions", content=body, headers=headers, timeout=30)

    def runs(self, call: str) -> list[dict[str, Any]]:
        """What is kept of the checks of a call."""
        with psycopg.connect(self.store.dsn) as tx:
            rows = tx.execute(
                "SELECT direction, outcome, is_outside, checks, findings, found, latency_us, policy_version FROM guard_runs "
                "WHERE call_id = %s ORDER BY at, run_id", (call,),
            ).fetchall()  # fmt: skip
        names = ("direction", "outcome", "is_outside", "checks", "findings", "found", "latency_us", "policy_version")
        return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.fixture
def caller(gateway: RunningGateway, module_store: Store, stub: StubUpstream) -> Caller:
    stub.reset()
    return Caller(gateway, module_store, stub)


def answered(came: httpx2.Response) -> str:
    assert came.status_code == 200, came.text
    return str(came.json()["choices"][0]["message"]["content"])


def streamed(came: httpx2.Response) -> str:
    assert came.status_code == 200, came.text
    events = [line[6:] for line in came.text.split("\n") if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for event in events for choice in json.loads(event)["choices"])


def test_names_do_not_go_out_and_come_back(caller: Caller) -> None:
    version = caller.holds(recommended("inquiry-triage"))

    came = caller.openai(ASKED)

    assert not [value for value in (NAME, PHONE, MAIL) if value in sent(caller.stub)]
    assert "[PHONE_" in sent(caller.stub)
    assert NAME in answered(came)
    assert PHONE in answered(came)
    assert MAIL in answered(came)
    inward, outward = caller.runs(came.headers["x-jitsuri-call"])
    assert (inward["direction"], inward["outcome"], inward["is_outside"], inward["policy_version"]) == (
        "in", "altered", True, version,
    )  # fmt: skip
    found = {one["type"]: one for one in inward["findings"]}
    assert {"PERSON", "PHONE", "EMAIL"} <= set(found)
    assert ASKED[found["PHONE"]["start"] : found["PHONE"]["end"]] == PHONE
    assert found["PHONE"]["place"] == "messages[0].content"
    assert {one["state"] for one in inward["checks"]} == {"ran"}
    assert all(one["version"] for one in inward["checks"])
    assert outward["direction"] == "out"
    everything = json.dumps([inward, outward], ensure_ascii=False)
    assert not [value for value in (NAME, PHONE, MAIL, "花子", "5678") if value in everything]


@pytest.mark.parametrize("model", ["task:inquiry-triage", "claude-haiku-4-5"])
def test_streams_come_back_restored(caller: Caller, model: str) -> None:
    caller.holds(recommended("inquiry-triage"))

    came = caller.openai(ASKED, model=model, stream=True)

    assert PHONE not in sent(caller.stub)
    assert PHONE in streamed(came)
    assert NAME in streamed(came)
    assert came.text.rstrip().endswith("[DONE]")


def test_the_vendors_libraries_see_nothing_of_it(caller: Caller) -> None:
    caller.holds(recommended("inquiry-triage"))

    with anthropic.Anthropic(base_url=caller.gateway.url, api_key=caller.key, max_retries=0) as client:
        with client.messages.stream(
            model="task:inquiry-triage", max_tokens=500, messages=[{"role": "user", "content": ASKED}]
        ) as stream:
            text = stream.get_final_text()
        whole = client.messages.create(
            model="claude-haiku-4-5", max_tokens=500, messages=[{"role": "user", "content": ASKED}],
            extra_headers={"X-Jitsuri-Task": "inquiry-triage"},
        )  # fmt: skip
    assert PHONE in text
    assert PHONE in whole.content[0].text  # type: ignore[union-attr]
    assert PHONE not in sent(caller.stub)


def test_what_is_masked_for_good_is_kept_nowhere(caller: Caller) -> None:
    caller.holds(recommended("inquiry-triage"))
    number = my_number()

    came = caller.openai(f"マイナンバーは{number}です。電話は{PHONE}です。")

    assert number not in sent(caller.stub)
    assert "[MY_NUMBER]" in sent(caller.stub)
    assert number not in answered(came)
    with psycopg.connect(caller.store.dsn) as tx:
        rows = tx.execute(
            "SELECT part FROM calls_texts WHERE call_id = %s", (came.headers["x-jitsuri-call"],)
        ).fetchall()  # fmt: skip
    assert {row[0] for row in rows} == {"request", "response"}
    kept = kept_texts(caller, came.headers["x-jitsuri-call"])
    assert number not in kept["request"]
    assert "[MY_NUMBER]" in kept["request"]
    assert PHONE in kept["request"]
    assert PHONE in kept["response"]


def kept_texts(caller: Caller, call: str) -> dict[str, str]:
    from uuid import UUID

    from jitsuri.calls.records import texts as text_rows
    from jitsuri.calls.rules.sealing import unseal

    with caller.store.reading() as tx:
        parts = text_rows.of_call(tx, UUID(call))
    return {
        part: unseal(found[0], bytes.fromhex("ab" * 32), UUID(call), part).decode() for part, found in parts.items()
    }


@pytest.mark.parametrize("is_stream", [False, True])
def test_secrets_stop_a_call_before_anybody_is_asked(caller: Caller, is_stream: bool) -> None:
    caller.holds(recommended("inquiry-triage"))
    key = "AKIA" + "Z5K3QJ7WLM2TX6PB"

    came = caller.openai(f"この鍵で動きません: {key}", stream=is_stream)

    assert came.status_code == 403
    assert came.json()["error"]["code"] == "guard_blocked"
    assert key not in came.text
    assert not caller.stub.requests
    [run] = caller.runs(came.headers["x-jitsuri-call"])
    assert run["outcome"] == "blocked"
    assert key not in json.dumps(run)


def test_what_may_not_leave_goes_to_the_machine_at_home_or_nowhere(caller: Caller) -> None:
    caller.holds(recommended("inquiry-triage"))
    text = "【社外秘】\n来期の価格改定について要約してください。"

    refused = caller.openai(text)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "guard_on_premises")
    assert not caller.stub.requests

    came = caller.openai(text, model="home-model")
    assert "価格改定" in answered(came)
    assert came.headers["x-jitsuri-answered-by"] == "home/home-model"
    assert caller.runs(came.headers["x-jitsuri-call"])[0]["outcome"] == "kept_in"


def test_at_home_everything_is_only_noted(caller: Caller) -> None:
    caller.holds(recommended("inquiry-triage"))

    came = caller.openai(ASKED, model="home-model")

    assert PHONE in sent(caller.stub)
    assert PHONE in answered(came)
    run = caller.runs(came.headers["x-jitsuri-call"])[0]
    assert (run["outcome"], run["is_outside"]) == ("observed", False)


def test_marks_are_the_same_within_a_thread_and_other_elsewhere(caller: Caller) -> None:
    caller.holds(recommended("inquiry-triage"))

    first = caller.openai(ASKED, thread="t-1") and sent(caller.stub)
    caller.openai([{"role": "user", "content": f"電話は{PHONE}でした。"}], thread="t-1")
    second = sent(caller.stub)
    caller.openai(ASKED, thread="t-2")
    third = sent(caller.stub)

    def mark(text: str) -> str:
        at = text.index("[PHONE_")
        return text[at : text.index("]", at) + 1]

    assert mark(first) == mark(second) != mark(third)


def test_a_mark_of_an_earlier_call_is_restored(caller: Caller) -> None:
    caller.holds(recommended("inquiry-triage"))
    caller.openai(ASKED, thread="t-9")
    at = sent(caller.stub).index("[PHONE_")
    mark = sent(caller.stub)[at : sent(caller.stub).index("]", at) + 1]
    caller.stub.always(Behaviour(text=f"先ほどの {mark} に電話します。"))

    assert PHONE in answered(caller.openai("続けて", thread="t-9"))
    assert PHONE not in answered(caller.openai("続けて", thread="t-10"))
    with psycopg.connect(caller.store.dsn) as tx:
        rows = tx.execute("SELECT mark, sealed FROM guard_pseudonyms").fetchall()
    assert rows
    assert not [row for row in rows if PHONE.encode() in bytes(row[1])]


def test_what_an_answer_says_is_masked_or_stops_it(caller: Caller) -> None:
    number = card()
    caller.holds(policy(Rule("credit_card", "observe", "mask"), Rule("secret", None, "block")))
    caller.stub.always(Behaviour(text=f"控えのカード番号は {number} です。"))
    whole = caller.openai("控えは？")
    flowing = caller.openai("控えは？", stream=True)
    assert "[CREDIT_CARD]" in answered(whole)
    assert number not in whole.text
    assert "[CREDIT_CARD]" in streamed(flowing)
    assert number not in streamed(flowing)

    caller.stub.always(Behaviour(text="鍵は AKIA" + "Z5K3QJ7WLM2TX6PB です。" + "続きます。" * 50))
    stopped = caller.openai("鍵は？")
    assert (stopped.status_code, stopped.json()["error"]["code"]) == (403, "guard_answer_blocked")
    assert "AKIA" not in stopped.text
    cut = caller.openai("鍵は？", stream=True)
    assert "AKIA" not in streamed(cut)
    assert '"finish_reason":"content_filter"' in cut.text
    assert cut.text.rstrip().endswith("[DONE]")
    with psycopg.connect(caller.store.dsn) as tx:
        entries = tx.execute(
            "SELECT status, error_code, cost_jpy FROM ledger_entries WHERE call_id = ANY(%s::uuid[]) ORDER BY at",
            ([stopped.headers["x-jitsuri-call"], cut.headers["x-jitsuri-call"]],),
        ).fetchall()
    assert [entry[0] for entry in entries] == ["ok", "cut"]
    assert all(entry[2] > 0 for entry in entries), "what was asked is paid for"
    outward = [run for run in caller.runs(cut.headers["x-jitsuri-call"]) if run["direction"] == "out"]
    assert [run["outcome"] for run in outward] == ["blocked"]


def test_a_slow_stream_goes_on_while_it_comes(caller: Caller) -> None:
    """Held text is let go when nothing has come for 150 ms, as far as that is safe; a number that stands open is not."""
    caller.holds(policy(Rule("phone", "observe", "mask")))
    text = f"ご連絡をありがとうございます。電話は{PHONE}です。のちほど担当からお返事いたします。"
    caller.stub.always(Behaviour(text=text, drip_s=0.3))
    headers = {"authorization": f"Bearer {caller.key}"}
    body = {"model": "task:inquiry-triage", "stream": True, "messages": [{"role": "user", "content": "電話は？"}]}
    said: list[tuple[float, str]] = []
    began = time.monotonic()
    url = f"{caller.gateway.url}/v1/chat/completions"
    with httpx2.stream("POST", url, json=body, headers=headers, timeout=60) as came:
        for line in came.iter_lines():
            if line.startswith("data: {") and (choices := json.loads(line[6:])["choices"]):
                said.append((time.monotonic() - began, choices[0]["delta"].get("content") or ""))
    whole = "".join(piece for _, piece in said)
    assert whole == text.replace(PHONE, "[PHONE]")
    first = next(at for at, piece in said if piece)
    assert first < said[-1][0] / 2, "not held to the end"


def test_the_library_gets_a_well_formed_end_of_a_stopped_stream(caller: Caller) -> None:
    caller.holds(policy(Rule("secret", None, "block")))
    caller.stub.always(Behaviour(text="鍵は AKIA" + "Z5K3QJ7WLM2TX6PB です。" + "続きます。" * 50))

    with openai.OpenAI(base_url=f"{caller.gateway.url}/v1", api_key=caller.key, max_retries=0) as client:
        chunks = list(client.chat.completions.create(
            model="task:inquiry-triage", messages=[{"role": "user", "content": "鍵は？"}], stream=True
        ))  # fmt: skip
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    with (
        anthropic.Anthropic(base_url=caller.gateway.url, api_key=caller.key, max_retries=0) as other,
        other.messages.stream(
            model="task:inquiry-triage", max_tokens=500, messages=[{"role": "user", "content": "鍵は？"}]
        ) as stream,
    ):
        final = stream.get_final_message()
    assert final.stop_reason == "refusal"


def test_long_texts_are_checked_apart_and_in_time(caller: Caller) -> None:
    caller.holds(recommended("inquiry-triage"))
    long = "納期の件で確認をお願いします。" * 4_000 + f"連絡先は{PHONE}です。"

    came = caller.openai(long)
    assert came.status_code == 200, came.text
    assert PHONE not in sent(caller.stub)

    caller.holds(policy(Rule("phone", "mask"), Rule("person", "mask"), timeout_ms=50))
    late = caller.openai("佐藤花子さんの電話は" + PHONE + "です。" + "佐藤と鈴木と田中が山田に会った。" * 60_000)
    assert (late.status_code, late.json()["error"]["code"]) == (503, "guard_unsure")
    [run] = caller.runs(late.headers["x-jitsuri-call"])
    assert run["outcome"] == "failed"
    assert {one["state"] for one in run["checks"]} == {"timed_out"}
    again = caller.openai(f"電話は{PHONE}です。")
    assert PHONE not in sent(caller.stub)
    assert again.status_code == 200


def test_a_check_that_cannot_run_keeps_the_call_in(caller: Caller) -> None:
    caller.holds(policy(Rule("person_slow", "mask")))
    came = caller.openai("こんにちは。")
    assert (came.status_code, came.json()["error"]["code"]) == (503, "guard_unsure")
    assert caller.runs(came.headers["x-jitsuri-call"])[0]["checks"][0]["state"] == "skipped"

    caller.holds(policy(Rule("person_slow", "mask", on_failure="open")))
    came = caller.openai("こんにちは。")
    assert came.status_code == 200
    assert caller.runs(came.headers["x-jitsuri-call"])[0]["checks"][0]["state"] == "skipped"


def test_nobody_looks_into_pictures(caller: Caller) -> None:
    caller.holds(policy(Rule("phone", "mask")))
    picture = [{"role": "user", "content": [
        {"type": "text", "text": "これは？"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    ]}]  # fmt: skip
    came = caller.openai(picture)
    assert (came.status_code, came.json()["error"]["code"]) == (403, "guard_media")
    caller.holds(policy(Rule("phone", "mask"), lets_media_pass=True))
    came = caller.openai(picture)
    assert came.status_code == 200, came.text
    checks = caller.runs(came.headers["x-jitsuri-call"])[0]["checks"]
    assert [one["state"] for one in checks if one["check"] == "media"] == ["skipped"]


def test_other_paths_are_not_looked_into_and_stay_in(caller: Caller) -> None:
    caller.holds(policy(Rule("phone", "mask")))
    headers = {"authorization": f"Bearer {caller.key}", "x-jitsuri-task": "inquiry-triage"}
    url = f"{caller.gateway.url}/v1/audio/speech"
    body = {"model": "gpt-4o-mini", "input": f"電話は{PHONE}です。", "voice": "alloy"}
    came = httpx2.post(url, json=body, headers=headers, timeout=20)
    assert (came.status_code, came.json()["error"]["code"]) == (403, "guard_path")
    assert not caller.stub.requests


def test_tool_calls_and_embeddings(caller: Caller) -> None:
    caller.holds(recommended("inquiry-triage"))
    tools = [{"type": "function", "function": {"name": "send", "parameters": {"type": "object", "properties": {
        "to": {"type": "string"}}}}}]  # fmt: skip
    history = [
        {"role": "user", "content": f"{PHONE}へ送って"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {
            "name": "send", "arguments": json.dumps({"to": PHONE})}}]},
        {"role": "tool", "tool_call_id": "c1", "content": json.dumps({"sent": MAIL})},
        {"role": "user", "content": "済みましたか"},
    ]  # fmt: skip
    came = caller.openai(history, tools=tools)
    assert came.status_code == 200, came.text
    assert PHONE not in sent(caller.stub)
    assert MAIL not in sent(caller.stub)
    assert (
        "\\u" not in json.loads(caller.stub.requests[-1].body)["messages"][1]["tool_calls"][0]["function"]["arguments"]
    )

    headers = {"authorization": f"Bearer {caller.key}", "x-jitsuri-task": "inquiry-triage"}
    body = {"model": "text-embedding-3-small", "input": [f"電話は{PHONE}", "別の文"]}
    came = httpx2.post(f"{caller.gateway.url}/v1/embeddings", json=body, headers=headers, timeout=20)
    assert came.status_code == 200, came.text
    assert PHONE not in sent(caller.stub)


def test_another_applications_thread_gives_nothing_away(caller: Caller) -> None:
    caller.holds(recommended("inquiry-triage"))
    caller.openai(ASKED, thread="t-77")
    at = sent(caller.stub).index("[PHONE_")
    mark = sent(caller.stub)[at : sent(caller.stub).index("]", at) + 1]
    caller.stub.always(Behaviour(text=f"{mark} です。"))
    assert PHONE in answered(caller.openai("続けて", thread="t-77"))

    caller.known()
    assert PHONE not in answered(caller.openai("続けて", thread="t-77"))


def test_halves_of_characters_and_numbers_of_tokens(caller: Caller) -> None:
    caller.holds(recommended("inquiry-triage"))
    body = f'{{"model":"task:inquiry-triage","messages":[{{"role":"user","content":"\\ud83d {PHONE}"}}]}}'
    headers = {"authorization": f"Bearer {caller.key}"}
    came = httpx2.post(f"{caller.gateway.url}/v1/chat/completions", content=body.encode(), headers=headers, timeout=20)
    assert (came.status_code, came.json()["error"]["code"]) == (400, "body_not_json"), "it is no text in any encoding"
    assert not caller.stub.requests

    headers |= {"x-jitsuri-task": "inquiry-triage"}
    tokens = {"model": "text-embedding-3-small", "input": [[9906, 1917]]}
    came = httpx2.post(f"{caller.gateway.url}/v1/embeddings", json=tokens, headers=headers, timeout=20)
    assert (came.status_code, came.json()["error"]["code"]) == (403, "guard_media")


def test_without_a_policy_nothing_is_looked_at(caller: Caller) -> None:
    caller.holds(observe("inquiry-triage"))
    guard_parts.off(caller.store)
    caller.known()
    came = caller.openai(ASKED)
    assert PHONE in sent(caller.stub)
    assert caller.runs(came.headers["x-jitsuri-call"]) == []


def test_nothing_of_it_stands_in_the_log(gateway: RunningGateway) -> None:
    told = (Path(gateway.home) / "stderr.txt").read_text()
    assert not [value for value in (NAME, PHONE, MAIL) if value in told]

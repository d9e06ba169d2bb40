"""OpenTelemetry of a running gateway against a real receiver: what is told, when, under which names, and what never is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import openai
import pytest
from otel_receiver import FIRST_S, Receiver
from running_gateway import RunningGateway, assume_dollar, make_key, settings_text
from stub_upstream import Behaviour, StubUpstream

from jitsuri.app.genai_names import Booked, error_type, metric_attributes, span_attributes, span_name, times_ns
from jitsuri.app.telemetry import MOST_WAITING, Telemetry, signals_of
from jitsuri.calls.rules.identifying import named_thread
from jitsuri.flows.hot.booking import Attempt
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.providers.shapes import Told, Upstream
from jitsuri.store.door import Store
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.usage import Usage

MARK = "社外秘マーク-7f3a"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MORE = """
[tasks.chained]
variant = "stub/stub-503"
fallbacks = "stub/gpt-4o-mini"
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, module_store: Store, stub: StubUpstream, receiver: Receiver
) -> Iterator[RunningGateway]:
    environment = {
        **receiver.environment,
        "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental/dup",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-collector-key=collector-secret-1",
    }
    home = tmp_path_factory.mktemp("gateway")
    with RunningGateway(home, settings_text(stub.url, more=MORE), module_store.dsn, environment) as running:
        assume_dollar(module_store)
        first_told(receiver, running, make_key(module_store, "first", secret="f" * 43))
        yield running


@pytest.fixture
def client(gateway: RunningGateway, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, model: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
    messages: Any = [{"role": "user", "content": f"{MARK} こんにちは"}]
    return client.chat.completions.create(model=model, messages=messages, extra_headers=headers or {}, **more)


def first_told(receiver: Receiver, running: RunningGateway, key: str) -> str:
    """Wait until a gateway has told of a call: from then on it is told in time. Returns its `service.instance.id`.

    Several gateways tell one receiver, so the call is known by its model and not by being the next that comes.
    """
    running.wait_until_known(key)
    known, model = len(receiver.spans), f"stub-first-{uuid4()}"
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key=key, max_retries=0) as client:
        ask(client, model)

    def told() -> list[str]:
        return [s.resource["service.instance.id"] for s in receiver.spans[known:] if s.name == f"chat {model}"]

    receiver.wait(lambda: bool(told()), FIRST_S)
    return told()[0]


def test_a_call_becomes_a_span_of_its_callers_trace(
    client: openai.OpenAI, receiver: Receiver, stub: StubUpstream
) -> None:
    before = time.time_ns()
    answer = ask(client, "task:inquiry-triage", {"traceparent": PARENT, "X-Jitsuri-Thread": "case-1"})
    after = time.time_ns()
    receiver.wait(lambda: any(s.parent_id == "b7ad6b7169203331" for s in receiver.spans))
    [span] = [s for s in receiver.spans if s.parent_id == "b7ad6b7169203331"]

    assert (span.name, span.kind) == ("chat gpt-4o-mini", 3), "kind 3 is CLIENT"
    assert span.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert before - 5_000_000 <= span.start_ns <= span.end_ns <= after
    assert not span.is_error
    told = span.attributes
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == told["gen_ai.system"] == "openai"
    assert told["gen_ai.request.model"] == "gpt-4o-mini"
    assert told["gen_ai.response.model"] == answer.model
    assert told["gen_ai.response.id"] == answer.id
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert told["gen_ai.usage.input_tokens"] == answer.usage.prompt_tokens
    assert told["gen_ai.usage.output_tokens"] == answer.usage.completion_tokens
    assert told["gen_ai.conversation.id"] == str(named_thread("case-1"))
    assert told["server.address"] == "127.0.0.1"
    assert told["server.port"] == int(stub.url.split(":")[2].split("/")[0])
    assert told["jitsuri.task"] == "inquiry-triage"
    assert told["jitsuri.cost.jpy"] == pytest.approx(150 * told["llm.cost.total"], rel=1e-3)
    assert told["openinference.span.kind"] == "LLM"
    assert span.resource["service.name"] == "jitsuri"
    assert span.resource["deployment.environment.name"] == "test"
    assert receiver.headers[-1]["x-collector-key"] == "collector-secret-1"


def test_a_stream_tells_its_first_piece_and_a_call_alone_has_no_thread(
    client: openai.OpenAI, receiver: Receiver
) -> None:
    list(ask(client, "stub-drip-0.02", stream=True))
    receiver.wait(lambda: any(s.name == "chat stub-drip-0.02" for s in receiver.spans))
    told = next(s for s in receiver.spans if s.name == "chat stub-drip-0.02").attributes

    assert told["gen_ai.request.stream"] is True
    assert 0 <= told["gen_ai.response.time_to_first_chunk"] < 10
    assert "gen_ai.conversation.id" not in told
    assert told["jitsuri.cost.state"] == "unpriced"
    assert "jitsuri.cost.jpy" not in told


def test_every_attempt_has_its_span_and_failures_their_type(client: openai.OpenAI, receiver: Receiver) -> None:
    answer = ask(client, "task:chained", {"traceparent": PARENT.replace("b7ad", "b7ae")})
    receiver.wait(lambda: sum(s.attributes.get("jitsuri.task") == "chained" for s in receiver.spans) >= 3)
    spans = [s for s in receiver.spans if s.attributes.get("jitsuri.task") == "chained"]

    assert answer.choices
    assert {s.parent_id for s in spans} == {"b7ae6b7169203331"}
    assert [s.name for s in spans] == ["chat stub-503", "chat stub-503", "chat gpt-4o-mini"]
    assert [s.is_error for s in spans] == [True, True, False]
    assert all(s.attributes["error.type"] for s in spans[:2])
    assert len({s.attributes["jitsuri.call.id"] for s in spans}) == 1
    assert spans[0].end_ns <= spans[2].start_ns + 1_000_000


def test_metrics_under_old_and_new_names(client: openai.OpenAI, receiver: Receiver) -> None:
    list(ask(client, "stub-drip-0.02", stream=True))  # only a stream has a first chunk
    used = [ask(client, "gpt-4o-mini").usage for _ in range(3)]
    tokens = sum(u.prompt_tokens for u in used)

    def told(metric: str, **attributes: str) -> float:
        return receiver.sum(metric, gen_ai__request__model="gpt-4o-mini", **attributes)

    receiver.wait(lambda: told("gen_ai.client.token.usage", gen_ai__token__type="input") >= tokens)
    assert told("gen_ai.client.inference.usage.input_tokens", gen_ai__token__modality="text") == told(
        "gen_ai.client.token.usage", gen_ai__token__type="input"
    )
    assert told("gen_ai.client.inference.operation.output_tokens") > 0
    assert told("jitsuri.cost.jpy") > 0
    receiver.wait(lambda: any(p.metric == "gen_ai.client.inference.time_to_first_chunk" for p in receiver.points))
    names = {p.metric: p for p in receiver.points}
    for duration in ("gen_ai.client.operation.duration", "gen_ai.client.inference.duration"):
        assert names[duration].unit == "s"
        assert names[duration].bounds[0] == 0.01
        assert names[duration].count > 0
    assert names["gen_ai.client.token.usage"].bounds[:4] == (1, 4, 16, 64)
    assert receiver.sum("gen_ai.client.operation.duration", error__type="overloaded") >= 0


def test_no_text_and_no_key_is_ever_sent(
    client: openai.OpenAI, receiver: Receiver, key: str, stub: StubUpstream, gateway: RunningGateway
) -> None:
    stub.behave(Behaviour(text=f"答え {MARK}"))
    assert MARK in ask(client, "gpt-4o-mini").choices[0].message.content
    stub.behave(Behaviour(status=400, code=f"{MARK} is wrong", message=f"you said {MARK}"))
    with pytest.raises(openai.BadRequestError):
        ask(client, "gpt-5-mini")
    receiver.wait(lambda: any(s.name == "chat gpt-5-mini" for s in receiver.spans))
    sent = b"".join(receiver.raw)

    assert len(receiver.raw) > 3
    for secret in (MARK, "こんにちは", key, "sk-stub"):
        assert secret.encode() not in sent
    assert next(s for s in receiver.spans if s.name == "chat gpt-5-mini").attributes["error.type"] == "400"
    assert "collector-secret-1" not in gateway.told()


def test_what_waits_is_sent_when_the_gateway_stops(
    tmp_path: Path, store: Store, stub: StubUpstream, receiver: Receiver
) -> None:
    environment = {**receiver.environment, "OTEL_TRACES_SAMPLER": "always_on", "OTEL_METRIC_EXPORT_INTERVAL": "600000"}
    with RunningGateway(tmp_path, settings_text(stub.url), store.dsn, environment) as running:
        made = make_key(store)
        instance = first_told(receiver, running, made)
        with openai.OpenAI(base_url=f"{running.url}/v1", api_key=made, max_retries=0) as client:
            for _ in range(5):
                ask(client, "stub-model")

    def told() -> list[Any]:
        return [s for s in receiver.spans if s.resource["service.instance.id"] == instance][1:]

    receiver.wait(lambda: len(told()) >= 5)
    spans = told()

    assert [s.name for s in spans] == ["chat stub-model"] * 5
    assert {s.attributes.get("gen_ai.system") for s in spans} == {"openai"}, (
        "old names unless the new ones are asked for"
    )
    assert all("gen_ai.request.stream" not in s.attributes for s in spans)
    receiver.wait(lambda: any(p.instance == instance for p in receiver.points))
    assert {p.metric for p in receiver.points if p.instance == instance} == {
        "gen_ai.client.token.usage", "gen_ai.client.operation.duration"
    }, "nothing of it has a price"  # fmt: skip


def test_a_receiver_that_fails_costs_callers_nothing(
    tmp_path: Path, store: Store, stub: StubUpstream, receiver: Receiver
) -> None:
    receiver.status, receiver.delay_s = 503, 1.0
    try:
        with RunningGateway(tmp_path, settings_text(stub.url), store.dsn, receiver.environment) as running:
            made = make_key(store)
            running.wait_until_known(made)
            with openai.OpenAI(base_url=f"{running.url}/v1", api_key=made, max_retries=0) as client:
                began = time.monotonic()
                for _ in range(30):
                    ask(client, "stub-model")
                assert time.monotonic() - began < 20
            assert running.status() == 200
            told = running.told()
        assert MARK not in told
    finally:
        receiver.status, receiver.delay_s = 200, 0.0


# -- the parts


UPSTREAM = Upstream("azure-jp", "azure", "openai", "https://example.openai.azure.com/openai/v1", "azure")


def entry(**changes: Any) -> Entry:
    at = datetime(2026, 11, 27, 3, 0, 1, 500_000, tzinfo=UTC)
    values: dict[str, Any] = {
        "entry_id": UUID(int=1), "attempt_id": UUID(int=2), "call_id": UUID(int=3), "thread_id": UUID(int=3),
        "kind": "attempt", "corrects": None, "at": at, "day": at.date(), "booked_at": at, "task": "triage",
        "department": "", "provider": "azure", "model": "gpt-5", "model_asked": "gpt-5", "model_answered": "gpt-5-2026",
        "region": "jp", "tier": "", "purpose": "", "status": "ok", "http_status": 200, "error_code": "", "calls": 1,
        "usage": Usage(100, 50, cache_read_tokens=40, cache_write_tokens=10, reasoning_tokens=30), "usage_raw": None,
        "latency_ms": 1_500, "first_token_ms": 300, "state": "priced", "reason": "", "currency": "USD",
        "cost": Decimal("0.01"), "price_block": "x", "price_book": "b", "rate_id": None, "rate": Decimal(150),
        "cost_jpy": Decimal("1.5"), "reported_cost": None, "reported_currency": "", "source": "gateway", "run_id": None,
        **changes,
    }  # fmt: skip
    return Entry(**values)


def booked(operation: str = "chat", **changes: Any) -> Booked:
    return Booked(entry(**changes), UPSTREAM, operation, True, "stop", "r-1", "", "")


def test_old_and_new_names_differ_where_the_conventions_do() -> None:
    old, new = span_attributes(booked(), frozenset({"old"})), span_attributes(booked(), frozenset({"new"}))

    assert old["gen_ai.system"] == new["gen_ai.provider.name"] == "azure.ai.openai"
    assert "gen_ai.system" not in new
    assert old["gen_ai.usage.cache_creation.input_tokens"] == new["gen_ai.usage.cache_write.input_tokens"] == 10
    assert old["gen_ai.usage.cache_read.input_tokens"] == new["gen_ai.usage.cache_read.input_tokens"] == 40
    assert new["gen_ai.usage.reasoning.output_tokens"] == 30
    assert new["gen_ai.response.time_to_first_chunk"] == 0.3
    assert (new["server.address"], new["server.port"]) == ("example.openai.azure.com", 443)
    assert new["jitsuri.cost.jpy"] == 1.5
    assert new["llm.cost.total"] == 0.01
    assert "llm.cost.total" not in span_attributes(booked(currency="JPY"), frozenset({"new"})), "that one is in dollars"


def test_the_span_lies_where_the_attempt_lay() -> None:
    start, end = times_ns(entry())

    assert end - start == 1_500_000_000
    assert end == 1795748401_500_000_000
    assert span_name(booked()) == "chat gpt-5"
    assert span_name(booked("other", model_asked="")) == "pass_through"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"status": "cut", "error_code": "caller_gone"}, ""),
        ({"status": "error", "error_code": "rate_limit_exceeded", "http_status": 429}, "rate_limit_exceeded"),
        ({"status": "error", "error_code": "あなたは言った", "http_status": 400}, "400"),
        ({"status": "cut", "error_code": "two words", "http_status": None}, "_OTHER"),
    ],
)
def test_a_failure_is_told_by_a_code(changes: dict[str, Any], told: str) -> None:
    assert error_type(entry(**changes)) == told


def test_metrics_are_not_kept_apart_by_what_callers_write() -> None:
    attributes = metric_attributes(booked(model_asked=f"gpt {MARK}", model_answered="x" * 300), frozenset({"new"}))

    assert attributes["gen_ai.request.model"] == attributes["gen_ai.response.model"] == "other"


BASE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.example.jp:4318"}


@pytest.mark.parametrize(
    ("environment", "signals"),
    [
        ({}, set()),
        (BASE, {"traces", "metrics"}),
        ({**BASE, "OTEL_SDK_DISABLED": "true"}, set()),
        ({**BASE, "OTEL_METRICS_EXPORTER": "none"}, {"traces"}),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://otel.example.jp/t"}, {"traces"}),
        ({**BASE, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, {"traces", "metrics"}),
        ({**BASE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
         set()),
    ],
)  # fmt: skip
def test_the_standard_variables_say_what_is_sent(environment: dict[str, str], signals: set[str]) -> None:
    assert signals_of(environment) == signals


def test_what_cannot_be_sent_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = signals_of({**BASE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert isinstance(asked, OperatorError)
    assert asked.code == "telemetry_protocol"

    monkeypatch.delitem(sys.modules, "opentelemetry.sdk.trace", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    missing = signals_of(BASE)
    assert isinstance(missing, OperatorError)
    assert missing.code == "telemetry_missing"


def attempt(**changes: Any) -> Attempt:
    call = SimpleNamespace(
        asked=SimpleNamespace(operation="chat", is_stream=False), inquiry=SimpleNamespace(headers={})
    )
    leg = SimpleNamespace(upstream=UPSTREAM, target=SimpleNamespace(model="gpt-5"))
    made = SimpleNamespace(entry=entry(**changes), leg=leg, told=Told(), call=call)

    return cast(Attempt, made)


def test_a_queue_that_is_full_drops_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = Telemetry(BASE, "i")
    monkeypatch.setattr(telemetry, "_work", lambda signals: None)
    one = attempt()
    telemetry.start()
    for _ in range(MOST_WAITING + 7):
        telemetry.watch(one)

    assert telemetry.untold == 7
    telemetry.stop()
    telemetry.watch(one)
    assert telemetry.untold == 7


def test_what_waits_holds_no_request_and_no_answer() -> None:
    def everything(value: object, depth: int = 0) -> Iterator[object]:
        yield value
        if depth < 4:
            names = getattr(value, "__struct_fields__", None) or getattr(value, "__slots__", ())
            for name in names:
                yield from everything(getattr(value, name), depth + 1)

    kinds = {type(value) for value in everything(replace_usage(booked()))}
    assert bytes not in kinds
    assert Attempt not in kinds


def replace_usage(one: Booked) -> Booked:
    return Booked(replace(one.entry, usage_raw={"prompt_tokens": 3}), *[getattr(one, n) for n in
                  ("upstream", "operation", "is_stream", "finish", "response_id", "traceparent", "tracestate")])  # fmt: skip

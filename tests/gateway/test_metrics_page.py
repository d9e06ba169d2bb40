"""/metrics of a running gateway: any worker answers for all, who may read it, what it says while the ledger is away."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openai
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from running_gateway import RunningGateway, assume_dollar, make_key, settings_text
from stub_upstream import Behaviour, StubUpstream

from jitsuri.app.metrics_page import MetricsPage, is_this_machine, own_gauges
from jitsuri.calls.live.metering import Meters
from jitsuri.calls.records import minutes as minute_rows
from jitsuri.calls.shapes import Gauges, LoopLate
from jitsuri.store.door import Store
from jitsuri.terms.errors import OperatorError

TOKEN = "metrics-token-1"
SETTINGS = {
    "workers": 2,
    "gateway": 'host = "0.0.0.0"',
    "more": """
[tasks.chained]
variant = "stub/stub-503"
fallbacks = "stub/gpt-4o-mini"

[budgets.all]
limit_jpy = 1000
""",
}
pytestmark = [pytest.mark.slow, pytest.mark.database]

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(url: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    request = urllib.request.Request(f"{url}/metrics", headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def samples(url: str, headers: dict[str, str] | None = None) -> Samples:
    status, text = scrape(url, headers)
    assert status == 200, text
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, tuple(sorted(labels.items()))))


def own_addresses() -> list[str]:
    """Addresses of this machine that are not its loopback ones."""
    return [
        one.address
        for each in psutil.net_if_addrs().values()
        for one in each
        if one.family == socket.AF_INET and not is_this_machine(one.address)
    ]


def test_every_worker_tells_what_all_have_counted(
    gateway: RunningGateway, key: str, stub: StubUpstream, module_store: Store
) -> None:
    assume_dollar(module_store)
    for _ in range(20):  # a connection each, so that both workers are asked
        with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
            client.chat.completions.create(model="task:inquiry-triage", messages=[{"role": "user", "content": "あ"}])
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        client.chat.completions.create(model="task:chained", messages=[{"role": "user", "content": "あ"}])
        list(
            client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "あ"}], stream=True
            )
        )
        stub.behave(Behaviour(no_text=True))
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "あ"}])
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "あ"}])
    triage = {"task": "inquiry-triage", "upstream": "stub"}
    ends = time.monotonic() + 40
    while True:
        pages = [samples(gateway.url) for _ in range(12)]
        counts = {value(p, "jitsuri_calls_total", **triage, model="gpt-4o-mini", outcome="ok") for p in pages}
        refused = {value(p, "jitsuri_refusals_total", task="", code="model_unknown") for p in pages}
        if counts == {20.0} and refused == {1.0}:
            break
        assert time.monotonic() < ends, counts
        time.sleep(0.5)

    page = pages[0]
    chained = {"task": "chained", "upstream": "stub"}
    assert value(page, "jitsuri_calls_total", **chained, model="stub-503", outcome="error") == 2
    assert value(page, "jitsuri_fallbacks_total", **chained) == 2, "asked again, then another"
    assert value(page, "jitsuri_latency_seconds_count", **triage) == 20
    assert value(page, "jitsuri_first_token_seconds_count", task="", upstream="stub") == 1
    assert value(page, "jitsuri_empty_answers_total", task="", upstream="stub") == 1
    workers = {dict(labels)["worker"] for name, labels in page if name == "jitsuri_commit_queue"}
    assert len(workers) == 2
    for worker in workers:
        assert value(page, "jitsuri_gateway_loop_late_seconds_count", worker=worker) is not None
        assert value(page, "jitsuri_gateway_loop_late_worst_seconds", worker=worker) is not None
    assert value(page, "jitsuri_budget_used_ratio", budget="all", scope="company") is not None
    with module_store.reading() as tx:
        [(tokens, yen)] = tx.execute(
            "SELECT sum(input_tokens), sum(cost_jpy) FROM ledger_entries WHERE task = 'inquiry-triage'"
        ).fetchall()
    assert value(page, "jitsuri_tokens_total", **triage, model="gpt-4o-mini", direction="input") == tokens
    assert value(page, "jitsuri_cost_jpy_total", **triage, model="gpt-4o-mini") == pytest.approx(
        float(yen), abs=1e-6 * 20
    )


def test_a_stranger_reads_nothing_and_no_header_makes_one_local(gateway: RunningGateway, key: str) -> None:
    local = gateway.url.replace("0.0.0.0", "127.0.0.1")
    assert scrape(local)[0] == 200

    for headers in (
        {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "203.0.113.5"}, {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"}, {"Via": "1.1 proxy"}, {"X-Forwarded-Host": "localhost"},
    ):  # fmt: skip
        status, told = scrape(local, headers)
        assert status == 403, "a proxy on this machine passes strangers on"
        assert "metrics_closed" in told
        assert "jitsuri_calls_total" not in told
    others = own_addresses()
    if not others:
        pytest.skip("this machine has its loopback address only")
    for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Authorization": f"Bearer {key}"}, {"Host": "localhost"}):
        assert scrape(gateway.url.replace("0.0.0.0", others[0]), headers)[0] == 403


def test_a_token_opens_the_page_and_nothing_else_does(tmp_path: Path, store: Store, stub: StubUpstream) -> None:
    settings = settings_text(stub.url, gateway='metrics_token_env = "METRICS_TOKEN"')
    with RunningGateway(tmp_path, settings, store.dsn, {"METRICS_TOKEN": TOKEN}) as running:
        made = make_key(store)
        opened = {"Authorization": f"Bearer {TOKEN}"}
        assert scrape(running.url, opened)[0] == 200
        assert scrape(running.url, {**opened, "X-Forwarded-For": "203.0.113.5"})[0] == 200, "a proxy may pass it on"
        for wrong in (None, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer "},
                      {"Authorization": f"Bearer {made}"}, {"X-Token": TOKEN}):  # fmt: skip
            assert scrape(running.url, wrong)[0] == 403
        assert TOKEN not in running.told()


def test_a_token_that_is_not_set_opens_to_nobody_and_says_so(tmp_path: Path, store: Store, stub: StubUpstream) -> None:
    settings = settings_text(stub.url, gateway='metrics_token_env = "METRICS_TOKEN"')
    with RunningGateway(tmp_path, settings, store.dsn, {"METRICS_TOKEN": " "}) as running:
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer  "}):
            assert scrape(running.url, headers)[0] == 403
        assert "metrics_token_missing" in running.told()


NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


def test_while_the_ledger_is_away_the_page_says_so_and_keeps_its_totals(store: Store) -> None:
    meters = Meters()
    meters.count(int(NOW.timestamp()) // 60, "triage", "stub", "m", "ok")
    with store.transaction() as tx:
        minute_rows.add_many(tx, meters.drain())
    outage: OperatorError | None = None
    page = MetricsPage(store, lambda: own(NOW), {}, "")

    def own(now: datetime) -> Gauges:
        late = LoopLate(7_000, 4_000, (1, 1, 1, *[0] * 8))
        return own_gauges(0, now, 5 if outage else 0, outage, {"stub": "open"}, 0, late, {})

    page._renew(own(NOW))
    before = page.read("127.0.0.1", None)
    outage = OperatorError("disk_full")
    store.close()
    page._renew(own(NOW + timedelta(seconds=5)))
    after = page.read("::1", None)

    assert before is not None
    assert after is not None
    found = {
        (s.name, *sorted(s.labels.values())): s.value
        for f in text_string_to_metric_families(after.decode())
        for s in f.samples
    }
    worker = f"{socket.gethostname()[:64]}/0"
    assert found["jitsuri_ledger_outage", worker] == 1
    assert found["jitsuri_commit_queue", worker] == 5
    assert found["jitsuri_gateway_loop_late_worst_seconds", worker] == 0.004
    assert found["jitsuri_totals_timestamp_seconds",] == NOW.timestamp()
    assert [line for line in before.decode().splitlines() if "jitsuri_calls_total{" in line] == [
        line for line in after.decode().splitlines() if "jitsuri_calls_total{" in line
    ]

"""The small company of ``page_scene`` with a gateway: four upstreams, variants, data rules, budgets, an hour of calls.

Everything stands at fixed instants around ``NOW`` (22 November 2026, 14:00 in Tokyo), so that pages can be kept.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from console_parts import Console
from page_scene import LAST, NOW, Scene, book, furnish, rate_on

from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.calls.live.metering import Meters
from jitsuri.calls.records import alarms as alarm_rows
from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.records import gauges as gauge_rows
from jitsuri.calls.records import minutes as minute_rows
from jitsuri.calls.shapes import Alarm, Call, Gauges
from jitsuri.flows.cold.keeping_budgets import make_budget, pin_budgets
from jitsuri.flows.cold.keeping_variants import set_data_rule, set_variant
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import intents as intent_rows
from jitsuri.ledger.shapes.budgets import Budget, BudgetDraft
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.intents import Intent
from jitsuri.routing.shapes import DataRule, Target, Variant
from jitsuri.settings import Settings, check_text
from jitsuri.store.batching import Batch, Statements
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.money import exact_product, to_ledger_jpy
from jitsuri.terms.period import company_day
from jitsuri.terms.usage import Usage
from jitsuri.web.routes import ROUTES

TOML = """
[company]
name = "株式会社サンプル精機"
is_sample = true
[gateway]
default_upstream = "openai"
[upstreams.openai]
kind = "openai"
region = "us"
training = "allowed"
key_env = "OPENAI_API_KEY"
models = "gpt-*"
[upstreams.azure-jp]
kind = "azure"
base_url = "https://sample.openai.azure.com/openai/v1"
region = "jp"
training = "never"
key_file = "/etc/jitsuri/azure.key"
[upstreams.house]
kind = "compatible"
base_url = "http://llm.example.jp:8000/v1"
region = "jp"
on_premises = true
models = "swallow-8b"
"""
BIG, SMALL, HOUSE = Target("openai", "gpt-big"), Target("openai", "gpt-small"), Target("house", "swallow-8b")
AOKI = "aoki@example.jp"
WORKERS = (UUID("a1f00000-0000-7000-8000-000000000000"), UUID("b2f00000-0000-7000-8000-000000000000"))


def gateway_settings(**values: object) -> Settings:
    """The settings of the file above."""
    settings, mistakes = check_text(TOML, Path("/nowhere"), None, {})
    assert not mistakes
    return Settings(settings.home, None, {**settings.values, **values}, settings.tables)


def gateway_console(store: Store, settings: Settings | None = None) -> Console:
    """The console of a company with these upstreams."""
    told = settings or gateway_settings()
    upstreams = upstreams_of(told)
    return Console(store, told, ROUTES, upstreams=upstreams, sites=sites_of(upstreams))


def call_at(
    name: str, seconds_ago: int, *, task: str = "inquiry-triage", key: str = "triage-app", model: str = "gpt-big",
    usage: Usage | None = None, usd: str = "0.0035", **changes: Any,
) -> tuple[Call, Entry]:  # fmt: skip
    """A call through the gateway that began so many seconds ago, with its one attempt."""
    its_id, when, rate = derived_id("call", "gateway", name), NOW - timedelta(seconds=seconds_ago), rate_on(LAST)
    cost = Decimal(usd)
    department = {"inquiry-triage": "support", "quotation-extraction": "purchasing"}.get(task, "")
    entry = Entry(
        entry_id=derived_id("entry", its_id.bytes, "attempt"), attempt_id=its_id, call_id=its_id, thread_id=its_id,
        kind="attempt", corrects=None, at=when, day=company_day(when), booked_at=when + timedelta(seconds=1), task=task,
        department=department, provider="openai", model=model, model_asked=model, model_answered=f"{model}-2026-08-01",
        region="us", tier="", purpose="", status="ok", http_status=200, error_code="", calls=1,
        usage=usage or Usage(input_tokens=1000, output_tokens=100), usage_raw={"prompt_tokens": 1000}, latency_ms=840,
        first_token_ms=310, state="priced", reason="", currency="USD", cost=cost, price_block="standard",
        price_book=book().book_id, rate_id=rate.rate_id, rate=rate.rate,
        cost_jpy=to_ledger_jpy(exact_product(cost, rate.rate)), reported_cost=None, reported_currency="",
        source="gateway", run_id=None,
    )  # fmt: skip
    entry = replace(entry, **changes)
    call = Call(
        its_id, its_id.bytes, when, its_id, task, department, derived_id("group", "task", task), entry.provider,
        entry.model, entry.status, key, "gateway", UUID(int=0), 0, {},
    )  # fmt: skip
    return call, entry


def second_attempt(entry: Entry, name: str, **changes: Any) -> Entry:
    """Another attempt of the same call."""
    attempt = derived_id("attempt", name)
    return replace(entry, entry_id=derived_id("entry", attempt.bytes, "attempt"), attempt_id=attempt, **changes)


FELL_BACK = call_at("fell back", 40)[0].call_id
ORPHAN = call_at("orphan", 900)[0].call_id
ESTIMATED = call_at("estimated", 300)[0].call_id


def add_calls(store: Store) -> None:
    """An hour of calls: one that fell back, one whose worker died, one whose use is an estimate, and plain ones."""
    call, failed = call_at("fell back", 40, status="error", http_status=503, error_code="overloaded",
                           usage=Usage(), usd="0", usage_raw=None, first_token_ms=None, latency_ms=120)  # fmt: skip
    answered = second_attempt(
        call_at("fell back", 40)[1], "fell back 2", provider="house", model="swallow-8b", model_asked="swallow-8b",
        model_answered="swallow-8b", region="jp", latency_ms=1800, booked_at=NOW - timedelta(seconds=37),
        state="unpriced", reason="price_missing_model", currency="", cost=None,
        price_block="", rate_id=None, rate=None, cost_jpy=None,
    )  # fmt: skip
    orphan = call_at("orphan", 900, status="cut", http_status=None, error_code="worker_died", reason="orphaned",
                     usage_raw=None, latency_ms=None, first_token_ms=None, model_answered="")  # fmt: skip
    estimated = call_at(
        "estimated", 300, status="cut", error_code="caller_gone", reason="usage_estimated", usage_raw=None
    )
    plain = [call_at(f"plain {n}", 60 * n + 5) for n in range(1, 5)]
    other = call_at("other", 100, task="quotation-extraction", key="erp", model="gpt-small", usd="0.00042")
    made = [orphan, estimated, *plain, other]
    with store.transaction() as tx:
        call_rows.insert_many(
            tx,
            [msgspec.structs.replace(call, provider="house", model="swallow-8b", status="ok"), *(c for c, _ in made)],
        )
        entry_rows.insert_many(tx, [failed, answered, *(e for _, e in made)])


def add_minutes(store: Store) -> None:
    """What the meters counted in the last hour."""
    meters = Meters()
    now = int(NOW.timestamp()) // 60
    for ago in range(0, 58, 2):
        for n in range(3):
            meters.count(
                now - ago, "inquiry-triage", "openai", "gpt-big", "ok", latency_ms=300 + 90 * n + 5 * ago,
                first_token_ms=120 + 10 * n, input_tokens=1000, output_tokens=100, cost_micro_jpy=539_700,
            )  # fmt: skip
        meters.count(now - ago, "quotation-extraction", "openai", "gpt-small", "ok", latency_ms=4200,
                     input_tokens=9000, output_tokens=400, cost_micro_jpy=64_764, is_empty=ago == 8)  # fmt: skip
    for ago in (3, 4, 5, 31):
        meters.count(now - ago, "inquiry-triage", "openai", "gpt-big", "error", latency_ms=90)
        meters.count(now - ago, "inquiry-triage", "house", "swallow-8b", "ok", latency_ms=1800, first_token_ms=700,
                     input_tokens=1000, output_tokens=90, fell_back=True)  # fmt: skip
    meters.count(now - 6, "inquiry-triage", "house", "swallow-8b", "cut", latency_ms=95_000)
    meters.count(now - 7, "", "former", "old-model", "ok", latency_ms=100_000)
    for outcome, count in (("caller_error", 3), ("caller_gone", 2), ("gateway_error", 1)):
        for _ in range(count):
            meters.count(now - 12, "inquiry-triage", "openai", "gpt-big", outcome, latency_ms=400)
    for code, count in (("key_unknown", 5), ("budget_exceeded", 2), ("a_code_without_a_name", 1)):
        for _ in range(count):
            meters.count(now - 10, "inquiry-triage" if code == "budget_exceeded" else "", "", "", f"refused:{code}")
    with store.transaction() as tx:
        minute_rows.add_many(tx, meters.drain())


def add_workers(store: Store) -> None:
    """A worker that lives with two calls under way, and one that has been silent for five minutes."""
    intent = Intent(
        UUID(int=0xB1), UUID(int=0xB1), UUID(int=0xB1), WORKERS[0], NOW, company_day(NOW), "inquiry-triage", "support",
        "triage-app", "openai", "gpt-big", "us", "", 1000, 4096, 6_500_000, (),
    )  # fmt: skip
    other = Intent(
        *(UUID(int=0xB2), UUID(int=0xB2), UUID(int=0xB2), *(getattr(intent, n) for n in intent.__struct_fields__[3:]))
    )
    with store.transaction() as tx:
        tx.execute(
            "INSERT INTO ledger_workers (worker_id, started_at, seen_at, step) VALUES "
            "(%s, %s, clock_timestamp() + interval '1 hour', 1), (%s, %s, clock_timestamp() - interval '5 minutes 0.2 seconds', 1)",
            (WORKERS[0], NOW - timedelta(hours=9), WORKERS[1], NOW - timedelta(days=1)),
        )
        batch = Batch(Statements(tx))
        intent_rows.begin_many(batch, [intent, other])
        batch.settle()


def add_budgets(store: Store) -> dict[str, Budget]:
    """Four budgets of every kind: one pinned, one nearly full with a notice, one passed, one that nobody has used."""
    made: dict[str, Budget] = {}
    drafts = [
        ("月の上限", "company", "", "month", "200000", "soft"), ("営業支援課", "department", "support", "month", "17000", "hard"),
        ("見積の年度", "task", "quotation-extraction", "fiscal_year", "3000", "soft"),
        ("夜間バッチ", "key", "night-batch", "day", "500", "hard"),
    ]  # fmt: skip
    for name, scope, subject, period, limit, kind in drafts:
        draft = BudgetDraft(name, scope, subject, period, Decimal(limit), kind)  # type: ignore[arg-type]
        came = make_budget(store, NOW - timedelta(days=2), AOKI, draft, "今期の計画")
        assert isinstance(came, Budget), came
        made[name] = came
    row = {"scope": "task", "subject": "inquiry-triage", "period": "month", "limit_jpy": Decimal(90_000), "kind": "hard",
           "notice_share": Decimal("0.9")}  # fmt: skip
    with store.transaction() as tx:
        pin_budgets(tx, {"triage": row}, NOW - timedelta(days=1))
        tx.execute("UPDATE ledger_budget_notices SET at = %s", (NOW - timedelta(hours=3),))
        tx.execute(
            "UPDATE ledger_budget_uses SET leased_micro_jpy = 300000000 WHERE budget_id = %s",
            (made["営業支援課"].budget_id,),
        )
        tx.execute(
            "INSERT INTO ledger_leases (worker_id, budget_id, period_start, amount_micro_jpy, step, moved_micro_jpy) "
            "VALUES (%s, %s, '2026-11-01', 300000000, 1, 300000000)",
            (WORKERS[0], made["営業支援課"].budget_id),
        )
    return made


def add_routing(store: Store, now: datetime = NOW - timedelta(days=3)) -> None:
    """Two versions of a variant and a rule for one task; the other task has none."""
    sites = sites_of(upstreams_of(gateway_settings()))
    for at, variant, reason in (
        (0, Variant("inquiry-triage", BIG), "はじめの構成"), (30, Variant("inquiry-triage", BIG, (SMALL, HOUSE), 2000), "予備を足す"),
    ):  # fmt: skip
        set_variant(store, now + timedelta(minutes=at), AOKI, variant, reason, sites)
    rule = DataRule("inquiry-triage", regions=("jp", "us"), vendors=("openai", "azure"))
    set_data_rule(store, now + timedelta(minutes=40), AOKI, rule, "契約のある事業者だけ", sites)


def add_alarms(store: Store) -> None:
    """One alarm that is open, one that is over; one worker leaves an upstream alone."""
    facts = {
        "calls": 40,
        "bad": 12,
        "percent": "30.0",
        "usual_percent": "1.2",
        "since": "2026-11-22T04:48:00+00:00",
        "expected": 0.02,
    }
    ended = {"end_calls": 80, "end_bad": 1, "end_percent": "1.3"}
    opened_at, day = NOW - timedelta(minutes=12), timedelta(days=1)
    with store.transaction() as tx:
        alarm_rows.begin(tx, Alarm(UUID(int=0xC1), "errors", "upstream:house", opened_at, None, facts))
        past = Alarm(UUID(int=0xC2), "empty", "task:inquiry-triage", opened_at - day, None, facts)
        alarm_rows.begin(tx, past)
        alarm_rows.end(tx, replace(past, closed_at=opened_at - day + timedelta(minutes=20), facts=facts | ended))
        for number, state in ((0, "open"), (1, "closed")):
            gauge_rows.tell(
                tx,
                Gauges(
                    f"sample/{number}",
                    NOW - timedelta(seconds=3),
                    0,
                    "",
                    {"house": state, "openai": "closed"},
                    0,
                    faults={"variant:triage.rules.toml": "rules_not_toml", "budgets": "database_away"}
                    if number
                    else {},
                ),
            )
        gauge_rows.tell(tx, Gauges("gone/0", NOW - timedelta(minutes=9), 0, "", {"openai": "open"}, 0))


def furnish_gateway(store: Store) -> Scene:
    """The whole scene."""
    scene = furnish(store)
    add_routing(store)
    add_workers(store)
    add_budgets(store)
    add_calls(store)
    add_minutes(store)
    add_alarms(store)
    return scene

"""Who answers a task today: the baseline of a trial is named as the variant has it, so that its certificate can be put in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from replaying_parts import prepared
from stub_upstream import StubUpstream
from trial_parts import around_of, clock, kept, log_of, running_of, started

from jitsuri.app.replaying import Replayer
from jitsuri.flows.cold.certifying import Issuer
from jitsuri.flows.cold.putting_in_force import standing_fault
from jitsuri.flows.cold.trying.deciding import Decision, certify_trial, verdict_of_trial
from jitsuri.flows.cold.trying.joining import prompts_of
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.flows.cold.trying.proposing import pool_of
from jitsuri.flows.cold.trying.recognising import is_answered_by, prompt_since
from jitsuri.flows.cold.trying.running import run_trial
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.shapes.certificates import Certificate
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Canary, Target, Variant, Versioned
from jitsuri.settings import Settings
from jitsuri.store.door import Store

TODAY = Target("stub", "gpt-4o")


@pytest.fixture
def settings(store: Store, upstream: StubUpstream, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STUB_KEY", "sk-stub")
    monkeypatch.setenv("no_proxy", "*")
    return prepared(store, upstream.url, tmp_path)


def around(store: Store, settings: Settings) -> Around:
    kept(store, settings, log_of(60))
    return replace(around_of(store, settings), prompt_of=prompts_of(store))


def answers_by(store: Store, target: Target, prompt: int, days_ago: int) -> None:
    at = clock() - timedelta(days=days_ago)
    with store.transaction() as tx:
        if prompt and routing_rows.prompt(tx, "triage", prompt) is None:
            tx.execute(
                "INSERT INTO routing_prompts VALUES ('triage', %s, '三語で分類する', 'sato', '', %s)", (prompt, at)
            )
        routing_rows.save_variant(
            tx, Variant("triage", target, prompt=prompt), is_pinned=False, author="sato", reason="", now=at
        )


@pytest.mark.parametrize(
    ("prompt", "days_ago", "name"), [(0, 1, "stub/gpt-4o"), (0, 40, "stub/gpt-4o"), (1, 40, "stub/gpt-4o#p1")]
)
@pytest.mark.database
@pytest.mark.slow
def test_a_certificate_compares_with_what_answers_today_and_can_be_put_in_force(
    store: Store, settings: Settings, prompt: int, days_ago: int, name: str
) -> None:
    stands = around(store, settings)
    answers_by(store, TODAY, prompt, days_ago)
    trial = started(store, stands, size=12)
    assert (trial.plan.baseline.name, trial.plan.baseline.target) == (name, "stub/gpt-4o")
    with Replayer(settings, store) as ask:
        run_trial(store, trial.trial_id, running_of(ask, stands))
    with store.reading() as tx:
        decided = verdict_of_trial(tx, trial.trial_id, stands, clock())
    assert isinstance(decided, Decision)
    issuer = Issuer("株式会社サンプル精機", False, clock(), Decimal(50), Decimal(3000), Decimal(10))
    made = certify_trial(store, decided, "stub/gpt-4o-mini", stands, issuer, "sato")
    assert isinstance(made, Certificate)
    assert made.today.model == name
    with store.reading() as tx:
        life = life_rows.life(tx, made.number, "triage")
        assert standing_fault(tx, made, life) is None
    answers_by(store, Target("stub", "gpt-5-mini"), 0, 0)
    with store.reading() as tx:
        moved = standing_fault(tx, made, life)
    assert moved is not None
    assert moved.code == "life_baseline_moved"
    with store.transaction() as tx:
        tx.execute("DELETE FROM routing_variants")
    with store.reading() as tx:
        missing = standing_fault(tx, made, life)
    assert missing is not None
    assert missing.code == "variant_missing"


@pytest.mark.database
@pytest.mark.slow
def test_answers_that_came_under_another_prompt_do_not_stand_for_today(store: Store, settings: Settings) -> None:
    stands = around(store, settings)
    with store.reading() as tx:
        imported = pool_of(tx, "triage", stands, clock()).today
    assert (imported.name, imported.variant, imported.is_todays) == ("openai/gpt-4o", "", False)
    answers_by(store, TODAY, 1, 0)
    with store.reading() as tx:
        before = pool_of(tx, "triage", stands, clock()).today
        asked = pool_of(tx, "triage", stands, clock(), is_asked=True).today
    assert (before.name, before.variant, before.is_todays) == ("openai/gpt-4o", "stub/gpt-4o#p1", False)
    assert (asked.name, asked.is_todays, len(asked.mine)) == ("stub/gpt-4o#p1", True, 60)


@pytest.mark.parametrize(
    ("call", "target", "is_it"),
    [
        (("openai", "gpt-4o"), TODAY, True),
        (("openai", "gpt-4o-2024-08-06"), TODAY, True),
        (("openai", "gpt-4o"), Target("stub", "gpt-4o-mini"), False),
        (("openai", "gpt-4o-mini"), TODAY, False),
        (("anthropic", "gpt-4o"), TODAY, False),
        (("openai", ""), TODAY, False),
        (("openai", "our-own"), Target("stub", "our-own"), True),
        (("openai", "our-own-20260801"), Target("stub", "our-own"), True),
        (("openai", "our-own-20260801"), Target("stub", "our-own-20260901"), False),
    ],
)
@pytest.mark.database
def test_who_answered_a_call_is_told_by_its_sheet_or_its_name(
    store: Store, settings: Settings, call: tuple[str, str], target: Target, is_it: bool
) -> None:
    assert is_answered_by(call, target, around_of(store, settings)) is is_it


def _history(*versions: Variant | None) -> list[tuple[Variant | None, Versioned]]:
    """Newest first; set on the 9th, 8th, 7th …"""
    return [(one, Versioned(9 - at, False, "", "", datetime(2026, 11, 9 - at))) for at, one in enumerate(versions)]


PLAIN, FIRST, SECOND = (Variant("triage", TODAY, prompt=number) for number in (0, 1, 2))
MIXED = replace(PLAIN, canary=Canary(TODAY, 100, prompt=1))


@pytest.mark.parametrize(
    ("versions", "day"),
    [
        ((), None), ((None, PLAIN), None), ((PLAIN,), None), ((PLAIN, PLAIN), None), ((FIRST,), 9), ((FIRST, FIRST), 8),
        ((FIRST, PLAIN), 9), ((PLAIN, FIRST), 9), ((PLAIN, None, PLAIN), None), ((PLAIN, PLAIN, SECOND), 8),
        ((FIRST, None, FIRST, SECOND), 7), ((PLAIN, MIXED, PLAIN), 9),
    ],
)  # fmt: skip
def test_since_when_a_prompt_stands(versions: tuple[Variant | None, ...], day: int | None) -> None:
    since = prompt_since(_history(*versions))
    assert (since.day if since else None) == day

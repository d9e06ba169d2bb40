"""A trial from its sample to its end: nobody is asked twice, the cap holds, failures are told, nothing opens unseen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from replaying_parts import prepared
from stub_upstream import Behaviour, StubUpstream
from trial_parts import around_of, clock, kept, line, log_of, running_of, started

from jitsuri.app.replaying import Replayer
from jitsuri.calls.rules.sealing import unseal
from jitsuri.evidence import records as evidence_rows
from jitsuri.flows.cold.certifying import used_of
from jitsuri.flows.cold.forgetting import delete_due_texts
from jitsuri.flows.cold.keeping_budgets import make_budget
from jitsuri.flows.cold.keeping_prompts import Added, add_prompt
from jitsuri.flows.cold.keeping_variants import set_data_rule, set_variant
from jitsuri.flows.cold.trying.drawing import Keys
from jitsuri.flows.cold.trying.joining import prompts_of
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.flows.cold.trying.proposing import Proposed, propose
from jitsuri.flows.cold.trying.running import run_trial, want_run
from jitsuri.flows.cold.trying.scoring import opened
from jitsuri.flows.cold.trying.starting import Wish, raise_cap, start_trial, stop_trial
from jitsuri.flows.cold.viewing.overviewing import evaluation_cost
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.shapes.budgets import BudgetDraft
from jitsuri.providers.shapes import Came, Question
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.trying import progress_of, spent_of, standing_of
from jitsuri.rightsizing.shapes.trials import Answer, Trial, WayProgress
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import DataRule, Target, Variant
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day, month_of

pytestmark = [pytest.mark.database, pytest.mark.slow]


@pytest.fixture
def settings(store: Store, upstream: StubUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STUB_KEY", "sk-stub")
    monkeypatch.setenv("no_proxy", "*")
    return prepared(store, upstream.url, tmp_path)


@pytest.fixture
def ask(store: Store, settings: Settings) -> Iterator[Replayer]:
    with Replayer(settings, store) as made:
        yield made


@pytest.fixture
def around(store: Store, settings: Settings) -> Around:
    kept(store, settings, log_of(60))
    return around_of(store, settings)


def progress(store: Store, trial: Trial) -> list[WayProgress]:
    with store.reading() as tx:
        answers = trial_rows.answers_of(tx, trial.trial_id)
        return progress_of(trial.plan, len(trial_rows.requests_of(tx, trial.trial_id)), standing_of(answers))


def answers(store: Store, trial: Trial, **more: Any) -> list[Answer]:
    with store.reading() as tx:
        return trial_rows.answers_of(tx, trial.trial_id, **more)


def acts(store: Store) -> Counter[str]:
    with store.reading() as tx:
        return Counter(one.record.act for one in evidence_rows.recent(tx, 500))


def said(upstream: StubUpstream) -> Counter[tuple[str, str]]:
    """How often each model got each request."""
    return Counter((one.model, one.json["messages"][-1]["content"]) for one in upstream.requests)


def test_a_trial_asks_every_request_once_and_tells_what_it_cost(
    store: Store, ask: Replayer, around: Around, upstream: StubUpstream
) -> None:
    trial = started(store, around, "stub/gpt-4o-mini", "stub-anthropic/claude-haiku-4-5")
    assert trial.plan.baseline.name == "openai/gpt-4o"
    assert len({one.stratum for one in requests(store, trial)}) > 1
    assert upstream.requests == []

    told: list[Sequence[WayProgress]] = []
    done = run_trial(store, trial.trial_id, running_of(ask, around, tell=told.append))

    assert isinstance(done, Trial)
    assert (done.state, done.why) == ("done", "")
    assert set(said(upstream).values()) == {1}
    assert len(said(upstream)) == 60
    today, mini, haiku = progress(store, trial)
    assert (today.answered, mini.answered, haiku.answered) == (30, 30, 30)
    assert [one.same for one in (mini, haiku)] == [0, 0]
    booked = booked_of(store, answers(store, trial))
    assert {entry.purpose for entry in booked} == {"evaluation"}
    spent = sum((entry.cost_jpy or Decimal(0) for entry in booked), Decimal(0))
    assert spent == mini.spent_jpy + haiku.spent_jpy > 0
    assert spent <= sum((way.most_jpy or Decimal(0) for way in trial.plan.candidates), Decimal(0))
    assert len(told) == 6
    found = acts(store)
    assert (found["trial_started"], found["trial_finished"], found["trial_texts_opened"]) == (1, 1, 1)
    assert found["texts_viewed"] == 0


def requests(store: Store, trial: Trial) -> list[Any]:
    with store.reading() as tx:
        return trial_rows.requests_of(tx, trial.trial_id)


def booked_of(store: Store, rows: Sequence[Answer]) -> list[Any]:
    with store.reading() as tx:
        return entry_rows.of_calls(tx, [one.attempt_id for one in rows if one.way])


def test_answers_are_sealed_with_the_tasks_key_and_compared_with_todays(
    store: Store, ask: Replayer, around: Around, settings: Settings
) -> None:
    trial = started(store, around, size=5)
    run_trial(store, trial.trial_id, running_of(ask, around))
    keys = Keys(settings.home)
    for one in answers(store, trial, with_texts=True):
        assert one.sealed is not None
        held = json.loads(unseal(one.sealed, keys(one.key_name), one.attempt_id, "response"))
        assert set(held) == {"text", "tool_calls", "finish"}
        assert held["text"].startswith("答え") or one.way
        assert one.is_same is (None if one.way == 0 else False)
    with store.reading() as tx:
        same = {one.way: one.score for one in trial_rows.scores_of(tx, trial.trial_id, "same")}
    assert same == {0: 1.0, 1: 0.0}


def test_texts_of_a_trial_are_forgotten_with_the_others(store: Store, ask: Replayer, around: Around) -> None:
    trial = started(store, around, size=5)
    run_trial(store, trial.trial_id, running_of(ask, around))

    delete_due_texts(store, clock() + timedelta(days=92))

    assert [one.sealed for one in answers(store, trial, with_texts=True)] == [None] * 10
    again = run_trial(store, trial.trial_id, running_of(ask, around))
    assert isinstance(again, Refusal)


def test_tool_calls_are_compared_and_never_run(store: Store, ask: Replayer, settings: Settings) -> None:
    tools = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}]
    message = {
        "role": "assistant", "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}],
    }  # fmt: skip
    kept(store, settings, log_of(8, fields={"tools": tools}, message=message))
    around = around_of(store, settings, local_names=["student:sorting"])
    trial = started(store, around, "stub/gpt-4o-mini", "local/student:sorting", size=8)

    assert [(one.what, one.code) for one in trial.plan.dropped] == [("local/student:sorting", "no_tools")]
    run_trial(store, trial.trial_id, running_of(ask, around))
    mine = [one for one in answers(store, trial, with_texts=True) if one.way]
    replies = [opened(one, Keys(settings.home)) for one in mine]
    assert all(reply is not None and reply.tool_calls[0][0] == "find" for reply in replies)


def test_the_cap_is_never_exceeded_and_more_may_be_agreed_to(
    store: Store, ask: Replayer, around: Around, upstream: StubUpstream
) -> None:
    trial = started(store, around, cap="0.2", size=30, most_output_tokens=200)
    paused = run_trial(store, trial.trial_id, running_of(ask, around))
    assert isinstance(paused, Trial)
    assert (paused.state, paused.why) == ("paused", "cap_reached")
    came = len(upstream.requests)
    assert 0 < came < 30
    with store.reading() as tx:
        assert spent_of(trial.plan, trial_rows.answers_of(tx, trial.trial_id)) <= Decimal("0.2")

    assert isinstance(raise_cap(store, clock(), "sato", trial.trial_id, Decimal("0.1")), Refusal)
    assert isinstance(raise_cap(store, clock(), "sato", trial.trial_id, Decimal(50)), Trial)
    done = run_trial(store, trial.trial_id, running_of(ask, around))

    assert isinstance(done, Trial)
    assert done.state == "done"
    assert len(upstream.requests) == 30
    assert set(said(upstream).values()) == {1}
    found = acts(store)
    assert (found["trial_paused"], found["trial_cap_raised"], found["trial_resumed"]) == (1, 1, 1)


def test_what_is_held_and_spent_stays_within_the_cap_at_every_commit(
    store: Store, around: Around, ask: Replayer
) -> None:
    trial = started(store, around, "stub/gpt-4o-mini", "stub/gpt-5-mini", cap="3", most_output_tokens=300)
    seen: list[Decimal] = []

    def watching(questions: Sequence[Question], at_once: int) -> Iterator[tuple[int, Came]]:
        for one in ask(questions, at_once):
            seen.append(spent_of(trial.plan, answers(store, trial)))
            yield one

    run_trial(store, trial.trial_id, running_of(watching, around))
    assert seen
    assert max(seen) <= 3


def test_a_candidate_that_fails_on_half_is_told_and_the_other_goes_on(
    store: Store, ask: Replayer, around: Around, upstream: StubUpstream
) -> None:
    trial = started(store, around, "stub/gpt-4o-mini", "stub/gpt-5-mini", size=40)
    half = _half_failing(ask, "stub/gpt-4o-mini")
    done = run_trial(store, trial.trial_id, running_of(half, around))

    assert isinstance(done, Trial)
    assert done.state == "done"
    _, mini, five = progress(store, trial)
    assert (five.answered, five.failed, five.is_given_up) == (40, 0, False)
    assert mini.is_given_up
    assert mini.failed >= 10
    assert mini.open > 0
    assert list(mini.errors) == ["http_400"]


def _half_failing(ask: Replayer, target: str) -> Any:
    """An ``Ask`` whose odd questions of one target fail as its upstream refuses them."""

    def asking(questions: Sequence[Question], at_once: int) -> Iterator[tuple[int, Came]]:
        for place, came in ask(questions, at_once):
            if questions[place].target == target and (place % 10) >= 3:
                yield place, replace(came, error_code="http_400", status=400, cost_jpy=Decimal(0))
            else:
                yield place, came

    return asking


def test_a_budget_that_is_used_up_pauses_and_loses_nothing(
    store: Store, ask: Replayer, around: Around, upstream: StubUpstream
) -> None:
    draft = BudgetDraft("検証", "task", "triage", "month", Decimal("0.1"), "hard")
    assert not isinstance(make_budget(store, clock(), "sato", draft, "試験"), Refusal)
    trial = started(store, around, most_output_tokens=200)
    paused = run_trial(store, trial.trial_id, running_of(ask, around))

    assert isinstance(paused, Trial)
    assert (paused.state, paused.why) == ("paused", "budget_exceeded")
    rows = [one for one in answers(store, trial) if one.way]
    assert {one.state for one in rows} <= {"answered"}
    assert len(rows) == len(upstream.requests)


def test_two_processes_never_run_the_same_trial(store: Store, ask: Replayer, around: Around) -> None:
    trial = started(store, around)
    other: list[Any] = []

    def meanwhile(questions: Sequence[Question], at_once: int) -> Iterator[tuple[int, Came]]:
        if not other:
            other.append(run_trial(store, trial.trial_id, running_of(ask, around)))
        yield from ask(questions, at_once)

    run_trial(store, trial.trial_id, running_of(meanwhile, around))
    assert isinstance(other[0], Refusal)
    assert other[0].code == "trial_runs_already"


def test_a_trial_that_is_stopped_ends_after_its_step(store: Store, ask: Replayer, around: Around) -> None:
    trial = started(store, around)

    def stopping(questions: Sequence[Question], at_once: int) -> Iterator[tuple[int, Came]]:
        yield from ask(questions, at_once)
        stop_trial(store, clock(), "sato", trial.trial_id, "十分に分かった")

    ended = run_trial(store, trial.trial_id, running_of(stopping, around))
    assert isinstance(ended, Trial)
    assert (ended.state, ended.why) == ("stopped", "十分に分かった")
    assert progress(store, trial)[1].answered == 10
    assert acts(store)["trial_stopped"] == 1
    again = run_trial(store, trial.trial_id, running_of(ask, around))
    assert isinstance(again, Refusal)
    assert again.code == "trial_over"


RUNNER = """
import os, sys
from pathlib import Path
from uuid import UUID
sys.path[:0] = {paths!r}
from jitsuri.app.replaying import Replayer
from jitsuri.flows.cold.trying.running import run_trial
from jitsuri.settings import read_settings
from jitsuri.store.door import Store
from trial_parts import around_of, running_of
home = Path({home!r})
settings = read_settings(home, home / "jitsuri.toml", os.environ)
store = Store({dsn!r})
with Replayer(settings, store) as ask:
    run_trial(store, UUID({trial!r}), running_of(ask, around_of(store, settings)))
"""


def test_a_killed_run_goes_on_and_asks_nobody_twice(
    store: Store, settings: Settings, around: Around, ask: Replayer, upstream: StubUpstream
) -> None:
    trial = started(store, around, "stub/gpt-4o-mini", "stub/gpt-5-mini", size=40)
    upstream.always(Behaviour(first_byte_s=0.05))
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "providers")]
    for target in (7, 33, 58):  # killed three times, each time in the middle of a step
        code = RUNNER.format(paths=paths, home=str(settings.home), dsn=store.dsn, trial=str(trial.trial_id))
        process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "STUB_KEY": "x", "no_proxy": "*"})
        until = time.monotonic() + 60
        while len(upstream.requests) < target and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    upstream.always(None)
    done = _when_free(store, trial, ask, around)

    assert isinstance(done, Trial)
    assert done.state == "done"
    assert set(said(upstream).values()) == {1}
    _, mini, five = progress(store, trial)
    lost = mini.lost + five.lost
    assert 1 <= lost <= 30
    assert (mini.under_way, five.under_way, mini.open, five.open) == (0, 0, 0, 0)
    assert len(upstream.requests) <= 80
    assert len(upstream.requests) >= 80 - lost

    again = run_trial(store, trial.trial_id, running_of(ask, around, asks_lost=True))
    assert isinstance(again, Trial)
    _, mini, five = progress(store, trial)
    assert (mini.lost, five.lost, mini.answered, five.answered) == (0, 0, 40, 40)
    assert max(said(upstream).values()) <= 2
    assert sum(one.lost_jpy > 0 for one in answers(store, trial)) == lost


def _when_free(store: Store, trial: Trial, ask: Replayer, around: Around) -> Any:
    """The server lets go of a dead process's lock when it sees its connection closed."""
    until = time.monotonic() + 20
    while True:
        done = run_trial(store, trial.trial_id, running_of(ask, around))
        if isinstance(done, Trial) or time.monotonic() > until:
            return done
        time.sleep(0.1)


def test_a_request_may_be_compared_with_an_answer_that_is_asked_anew(
    store: Store, ask: Replayer, around: Around, upstream: StubUpstream
) -> None:
    wish = Wish("triage", ("stub/gpt-5-mini",), Decimal(9), 6, asks_baseline=True)
    refused = start_trial(store, clock(), "sato", wish, around, lambda: UUID(int=9))
    assert isinstance(refused, Refusal)
    assert refused.code == "trial_baseline_unasked"
    set_variant(store, clock(), "sato", Variant("triage", Target("stub", "gpt-4o")), "今の構成", dict(around.sites))
    trial = started(store, around, "stub/gpt-5-mini", size=6, asks_baseline=True)
    assert trial.plan.baseline.name == "stub/gpt-4o"
    done = run_trial(store, trial.trial_id, running_of(ask, around))

    assert isinstance(done, Trial)
    assert done.state == "done"
    assert len(upstream.requests) == 12
    assert {one.is_same for one in answers(store, trial) if one.way} <= {True, False}


def test_a_prompts_version_takes_the_place_of_the_instructions(
    store: Store, ask: Replayer, settings: Settings, upstream: StubUpstream
) -> None:
    kept(store, settings, log_of(5))
    around = around_of(
        store, settings, prompt_of=lambda task, version: f"{task} の版 {version}" if version == 3 else None
    )
    trial = started(store, around, "stub/gpt-4o-mini#p3", size=5)
    run_trial(store, trial.trial_id, running_of(ask, around))

    assert [way.name for way in trial.plan.candidates] == ["stub/gpt-4o-mini#p3"]
    assert {one.json["messages"][0]["content"] for one in upstream.requests} == {"triage の版 3"}
    unknown = start_trial(
        store, clock(), "sato", Wish("triage", ("stub/gpt-4o-mini#p9",), Decimal(1)), around, lambda: UUID(int=9)
    )
    assert isinstance(unknown, Refusal)
    assert unknown.code == "trial_prompt_unknown"


def test_the_versions_of_the_prompt_desk_are_what_a_trial_sends(
    store: Store, ask: Replayer, settings: Settings, upstream: StubUpstream
) -> None:
    kept(store, settings, log_of(5))
    assert add_prompt(store, clock(), "sato", "triage", "前置き {{caller}}", "x") == Added(1)
    around = around_of(store, settings, prompt_of=prompts_of(store))
    trial = started(store, around, "stub/gpt-4o-mini#p1", size=5)
    run_trial(store, trial.trial_id, running_of(ask, around))

    said = {one.json["messages"][0]["content"] for one in upstream.requests}
    assert len(upstream.requests) == 5
    assert all(one.startswith("前置き ") and "{{" not in one for one in said)


def test_candidates_are_proposed_by_price_and_data_rule_and_each_other_one_has_a_reason(
    store: Store, settings: Settings, around: Around
) -> None:
    around = replace(around, local_names=["student:sorting", "rules:yes-no"])
    with store.reading() as tx:
        found = propose(tx, "triage", around, clock())
    assert isinstance(found, Proposed)
    offered = [one.target for one in found.offered]
    assert {"local/student:sorting", "local/rules:yes-no", "stub/gpt-4o-mini", "stub/gpt-5-nano"} <= set(offered)
    assert [one.per_call_jpy for one in found.offered] == sorted(one.per_call_jpy for one in found.offered)
    assert found.today_per_call_jpy is not None
    assert all(one.per_call_jpy < found.today_per_call_jpy for one in found.offered)
    codes = {one.what: one.code for one in found.dropped}
    assert "not_cheaper" in codes.values()
    assert {"price_missing_model", "other_purpose", "older_generation"} & set(codes.values())
    assert not set(codes) & set(offered)

    refused = set_data_rule(
        store, clock(), "sato", DataRule("triage", vendors=("anthropic",)), "契約", dict(around.sites)
    )
    assert not isinstance(refused, Refusal)
    with store.reading() as tx:
        found = propose(tx, "triage", around, clock())
    assert isinstance(found, Proposed)
    assert all(not one.target.startswith("stub/") for one in found.offered)
    assert {one.code for one in found.dropped if one.what == "stub/gpt-4o-mini"} == {"vendor_not_allowed"}


def test_personal_data_goes_outside_only_to_a_vendor_that_is_named(
    store: Store, settings: Settings, around: Around
) -> None:
    with store.transaction() as tx:
        task = routing_rows.tasks(tx)["triage"]
        routing_rows.save_task(tx, replace(task, data_class="personal"))
    with store.reading() as tx:
        found = propose(tx, "triage", around, clock())
    assert isinstance(found, Proposed)
    assert found.offered == ()
    assert {one.code for one in found.dropped if one.what == "stub/gpt-4o-mini"} == {"needs_masking"}
    refused = start_trial(
        store, clock(), "sato", Wish("triage", ("stub/gpt-4o-mini",), Decimal(9)), around, lambda: UUID(int=9)
    )
    assert isinstance(refused, Refusal)
    assert refused.code == "trial_candidates_dropped"
    assert acts(store)["trial_texts_opened"] == 0

    set_data_rule(store, clock(), "sato", DataRule("triage", vendors=("openai",)), "契約", dict(around.sites))
    assert started(store, around).plan.dropped == ()


def test_only_the_last_call_of_a_thread_is_drawn_and_texts_that_are_not_kept_are_none(
    store: Store, settings: Settings
) -> None:
    at = clock() - timedelta(days=3)
    lines = [line(number, at + timedelta(minutes=number)) for number in range(9)]
    for one in lines:
        one["metadata"]["session_id"] = f"thread-{int(one['response']['id'].split('-')[1]) % 3}"
    kept(store, settings, lines)
    around = around_of(store, settings)
    trial = started(store, around, size=50)
    drawn = requests(store, trial)
    assert len(drawn) == 3
    assert len({one.thread_id for one in drawn}) == 3
    assert trial.plan.drawn.threads == 3
    assert sorted(one.at for one in drawn) == [at + timedelta(minutes=number) for number in (6, 7, 8)]


def test_without_kept_texts_there_is_no_trial(store: Store, settings: Settings) -> None:
    kept(store, settings, log_of(3), keep="none")
    refused = start_trial(
        store, clock(), "sato", Wish("triage", ("stub/gpt-4o-mini",), Decimal(9)), around_of(store, settings),
        lambda: UUID(int=9),
    )  # fmt: skip
    assert isinstance(refused, Refusal)
    assert refused.code == "trial_texts_not_kept"


def test_what_a_trial_spends_is_no_use_of_the_task(store: Store, ask: Replayer, around: Around) -> None:
    trial = started(store, around, "stub/gpt-5-mini", size=30)
    later = clock() + timedelta(days=40)
    with store.reading() as tx:
        before = used_of(tx, "triage", later)
    run_trial(store, trial.trial_id, running_of(ask, around))
    with store.reading() as tx:
        assert used_of(tx, "triage", later) == before
        assert evaluation_cost(tx, month_of(company_day(clock()))) == spent_of(
            trial.plan, trial_rows.answers_of(tx, trial.trial_id)
        )
        assert before is not None
        assert sum(before.calls_by_month) == before.baseline.calls


def test_a_trial_that_is_wanted_stands_as_running_and_is_run_as_one(
    store: Store, ask: Replayer, around: Around
) -> None:
    trial = started(store, around, size=15)
    assert isinstance(want_run(store, clock(), "sato", trial.trial_id), Trial)
    done = run_trial(store, trial.trial_id, running_of(ask, around))
    assert isinstance(done, Trial)
    assert done.state == "done"
    assert acts(store)["trial_wanted"] == 1
    over = want_run(store, clock(), "sato", trial.trial_id)
    assert isinstance(over, Refusal)
    assert over.code == "trial_over"


def test_many_threads_may_look_at_a_trial_that_runs(store: Store, ask: Replayer, around: Around) -> None:
    trial = started(store, around)
    ended = threading.Event()
    seen: list[int] = []

    def looking() -> None:
        while not ended.is_set():
            seen.append(progress(store, trial)[1].answered)
            time.sleep(0.01)

    thread = threading.Thread(target=looking)
    thread.start()
    run_trial(store, trial.trial_id, running_of(ask, around))
    ended.set()
    thread.join()
    assert seen == sorted(seen)

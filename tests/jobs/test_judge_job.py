"""Judging as a job: its worker is killed in the midst of it, and another one goes on where it stopped."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from job_parts import job, until, worker
from judging_parts import chance
from judging_upstream import JudgingUpstream
from replaying_parts import prepared
from stub_upstream import Behaviour
from trial_parts import around_of, clock, kept, log_of, running_of, started

from jitsuri.app.replaying import Replayer
from jitsuri.evidence import records as evidence_rows
from jitsuri.flows.cold.trying.judging import Wanted
from jitsuri.flows.cold.trying.running import run_trial, want_run
from jitsuri.flows.cold.trying.starting import raise_cap
from jitsuri.flows.cold.trying.wanting_judges import job_key, judges_of, want_again, want_judge
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.shapes.trials import Score, Trial
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.store.jobs import queueing
from jitsuri.store.jobs.shapes import Job
from jitsuri.terms.outcomes import Refusal

pytestmark = [pytest.mark.database, pytest.mark.slow]

JUDGE = "stub-anthropic/claude-haiku-4-5"
PAIRS = 70


class SlowJudge(JudgingUpstream):
    """A judge that takes a moment over each question, so that it can be stopped in between."""

    def content_for(self, asked: dict[str, Any], behaviour: Behaviour) -> Behaviour:
        found = super().content_for(asked, behaviour)
        return replace(found, first_byte_s=0.05) if asked.get("model") in self.judges else found


def _answer(asked: dict[str, Any]) -> str:
    said = str(asked["messages"][-1]["content"])
    return f"{said[:18]}の件、担当から折り返します。品質{2 if chance(said) < 0.1 else 5}"


@pytest.fixture
def upstream() -> Iterator[SlowJudge]:
    with SlowJudge() as running:
        running.writers["gpt-4o-mini"] = _answer
        running.judges["claude-haiku-4-5"] = "good"
        yield running


@pytest.fixture
def settings(store: Store, upstream: SlowJudge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STUB_KEY", "sk-stub")
    monkeypatch.setenv("no_proxy", "*")
    return prepared(store, upstream.url, tmp_path / "home")


def tried(store: Store, settings: Settings, cap: str = "2000", size: int = PAIRS) -> Trial:
    """A trial that has been run to its end."""
    lines = log_of(size + 20)
    for number, one in enumerate(lines):
        one["response"]["choices"][0]["message"]["content"] = f"お問い合わせの {number} 番は担当に回しました。品質5"
    kept(store, settings, lines)
    around = around_of(store, settings)
    trial = started(store, around, size=size, cap=cap)
    with Replayer(settings, store) as ask:
        ended = run_trial(store, trial.trial_id, running_of(ask, around))
    assert isinstance(ended, Trial)
    assert ended.state == "done"
    return ended


def scores(store: Store, trial: Trial) -> list[Score]:
    with store.reading() as tx:
        return trial_rows.scores_of(tx, trial.trial_id, f"judge:{JUDGE}")


def latest(store: Store, trial: Trial) -> Job:
    with store.reading() as tx:
        found = queueing.latest(tx, job_key(trial.trial_id))
    assert found is not None
    return found


def asked_of_judge(upstream: SlowJudge) -> Counter[bytes]:
    return Counter(one.body for one in upstream.requests if b"claude-haiku" in one.body)


def test_a_killed_workers_judging_goes_on_and_no_pair_is_judged_twice(
    store: Store, settings: Settings, upstream: SlowJudge, tmp_path: Path
) -> None:
    trial = tried(store, settings)
    came = want_judge(store, clock(), "sato", trial.trial_id, Wanted(JUDGE), around_of(store, settings))
    assert isinstance(came, Trial), came
    its_id = latest(store, trial).job_id

    with worker(store, tmp_path) as first:
        until(lambda: len(scores(store, trial)) >= 20, 60)
        first.send_signal(signal.SIGKILL)
        first.wait(10)
    kept_then = {(one.way, one.position): one for one in scores(store, trial)}
    asked_then = asked_of_judge(upstream)
    assert 0 < len(kept_then) < PAIRS, "it was killed in the midst"
    with worker(store, tmp_path):
        until(lambda: job(store, its_id).state == "done", 90)

    found = scores(store, trial)
    assert len({(one.way, one.position) for one in found}) == len(found) == PAIRS
    assert {key: one for one in found if (key := (one.way, one.position)) in kept_then} == kept_then
    with store.reading() as tx:
        told = [one.record for one in evidence_rows.recent(tx, 5_000) if one.record.act == "trial_judged"]
    assert sum(int(str(one.facts["pairs"])) for one in told) == PAIRS, "each pair was kept in one batch"
    again = asked_of_judge(upstream) - asked_then
    twice = [body for body in again if body in asked_then]
    under_way = sum(asked_then.values()) - sum(len(one.facts["replies"]) for one in kept_then.values())  # type: ignore[arg-type]
    assert len(twice) <= under_way, "only what nobody had heard the answer of was asked again"
    ended = job(store, its_id)
    assert (ended.run, ended.done, ended.total) == (2, PAIRS, PAIRS)


def test_a_judge_whose_cap_is_used_up_fails_with_the_reason_and_goes_on_after_a_higher_one(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    trial = tried(store, settings, cap="60", size=45)
    around = around_of(store, settings)
    with store.reading() as tx:
        judges = judges_of(tx, trial, around, clock())
    assert JUDGE in {one.target for one in judges.offered}
    assert judges.pairs == 45
    assert "judge_same_vendor" in {one.code for one in judges.dropped}
    assert "stub/text-embedding-3-small" not in {one.target for one in (*judges.offered, *judges.near)}
    want_judge(store, clock(), "sato", trial.trial_id, Wanted(JUDGE), around)
    with worker(store, tmp_path):
        until(lambda: latest(store, trial).state == "failed", 60)
        failed = latest(store, trial)
        assert failed.error_code == "judge_over_cap"
        assert set(failed.error_facts) == {"left_jpy", "most_jpy"}
        raised = raise_cap(store, clock(), "sato", trial.trial_id, Decimal(4000))
        assert isinstance(raised, Trial)
        assert isinstance(want_again(store, clock(), "sato", trial.trial_id), Trial)
        until(lambda: latest(store, trial).state == "done", 90)
    assert len(scores(store, trial)) == 45


def test_a_trial_that_cannot_run_leaves_its_job_failed_with_the_reason(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    kept(store, settings, log_of(30))
    trial = started(store, around_of(store, settings), size=10)
    want_run(store, clock(), "sato", trial.trial_id)
    with store.transaction() as tx:
        tx.execute("UPDATE calls_text_policies SET keep = 'none'")
    with worker(store, tmp_path):
        until(lambda: _trial_job(store, trial).state == "failed", 60)
    assert _trial_job(store, trial).error_code == "trial_texts_not_kept"
    assert not isinstance(want_run(store, clock(), "sato", trial.trial_id), Refusal)
    assert _trial_job(store, trial).state == "waiting"


def _trial_job(store: Store, trial: Trial) -> Job:
    with store.reading() as tx:
        found = queueing.latest(tx, f"trial:{trial.trial_id}")
    assert found is not None
    return found

"""A trial judged: its answers are opened, shown to a judge of another house, and its verdict carries how the judge worked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from judging_parts import chance
from judging_upstream import JudgingUpstream
from replaying_parts import prepared
from trial_parts import around_of, clock, kept, log_of, running_of, started

from jitsuri.app.replaying import Replayer
from jitsuri.evidence import records as evidence_rows
from jitsuri.flows.cold.judging import Asked, judge_outcomes
from jitsuri.flows.cold.trying.deciding import export_table, outcome_prices, verdict_of_trial
from jitsuri.flows.cold.trying.drawing import Keys
from jitsuri.flows.cold.trying.judging import JudgedTrial, Wanted, judge_trial, judged_jpy, left_of, resemble_trial
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.flows.cold.trying.running import run_trial
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.packing import packed
from jitsuri.rightsizing.rules.tabling import rows_of_table
from jitsuri.rightsizing.shapes.outcomes import Table, Thresholds
from jitsuri.rightsizing.shapes.trials import Trial
from jitsuri.rightsizing.wire import read_outcomes, write_rows
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, sentence

pytestmark = [pytest.mark.database, pytest.mark.slow]

JUDGE = "stub-anthropic/claude-haiku-4-5"


@pytest.fixture
def upstream() -> Iterator[JudgingUpstream]:
    with JudgingUpstream() as running:
        running.writers["gpt-4o-mini"] = _answer
        yield running


def _answer(asked: dict[str, Any]) -> str:
    said = str(asked["messages"][-1]["content"])
    kind = chance(said)
    return f"ご連絡ありがとうございます。{said[:12]}の件、担当から折り返します。品質{2 if kind < 0.05 else 8 if kind < 0.3 else 5}"


@pytest.fixture
def settings(store: Store, upstream: JudgingUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STUB_KEY", "sk-stub")
    monkeypatch.setenv("no_proxy", "*")
    return prepared(store, upstream.url, tmp_path)


@pytest.fixture
def ask(store: Store, settings: Settings) -> Iterator[Replayer]:
    with Replayer(settings, store) as made:
        yield made


@pytest.fixture
def around(store: Store, settings: Settings) -> Around:
    lines = log_of(120)
    for number, one in enumerate(lines):
        message = one["response"]["choices"][0]["message"]
        message["content"] = f"お問い合わせありがとうございます。{number} 番の件は担当に回しました。品質5"
    kept(store, settings, lines)
    return around_of(store, settings)


def judged(store: Store, trial: Trial, ask: Replayer, around: Around, wanted: Wanted) -> JudgedTrial:
    found = judge_trial(store, trial.trial_id, ask, around, Keys(around.folder), wanted, "sato", clock)
    assert isinstance(found, JudgedTrial), found
    return found


def test_a_trials_verdict_is_that_of_its_export_and_tells_how_the_judge_worked(
    store: Store, ask: Replayer, around: Around, upstream: JudgingUpstream, tmp_path: Path
) -> None:
    upstream.judges["claude-haiku-4-5"] = "obeying"
    trial = started(store, around, size=100, cap="500")
    run_trial(store, trial.trial_id, running_of(ask, around))
    before = left_of_trial(store, trial)
    found = judged(store, trial, ask, around, Wanted(JUDGE))

    assert (found.pairs, found.open, found.refusal) == (100, 0, None)
    assert found.report is not None
    assert found.report.set_aside == "obeys_answers"
    assert found.spent_jpy > 0
    with store.reading() as tx:
        scores = trial_rows.scores_of(tx, trial.trial_id, f"judge:{JUDGE}")
        decision = verdict_of_trial(tx, trial.trial_id, around, clock())
    assert judged_jpy(scores) == found.spent_jpy == before - left_of_trial(store, trial)
    assert not isinstance(decision, Refusal)
    (result,) = decision.results
    assert result.verdict.judging == found.report
    assert result.verdict.decision == "undecided"
    assert result.verdict.reasons[0].code == "judge_unfit"
    table = export_table(store, trial.trial_id, "sato", clock())
    assert isinstance(table, Table)
    write_rows(tmp_path / "out.jsonl", rows_of_table(table), is_forced=True)
    asked = Asked(trial.plan.baseline.name, ("stub/gpt-4o-mini",), "triage", judge=f"judge:{JUDGE}", seed=trial.plan.seed,
                  thresholds=Thresholds(margin=float(trial.plan.margin)))  # fmt: skip
    (offline,) = judge_outcomes(read_outcomes(tmp_path / "out.jsonl"), asked, outcome_prices(around, clock()))
    assert packed(replace(offline.verdict, costs=result.verdict.costs)) == packed(result.verdict)
    assert packed(offline.evidence) == packed(result.evidence)
    with store.reading() as tx:
        told = [one.record for one in evidence_rows.recent(tx, 500)]
    assert {"trial_judging", "trial_judged"} <= {one.act for one in told}
    assert "品質" not in json.dumps([dict(one.facts) for one in scores], ensure_ascii=False)


def left_of_trial(store: Store, trial: Trial) -> Decimal:
    with store.reading() as tx:
        return left_of(tx, trial)


def test_a_good_judge_carries_the_verdict_and_asking_again_asks_nothing(
    store: Store, ask: Replayer, around: Around, upstream: JudgingUpstream
) -> None:
    upstream.judges["claude-haiku-4-5"] = "good"
    trial = started(store, around, size=100, cap="500")
    run_trial(store, trial.trial_id, running_of(ask, around))
    judged(store, trial, ask, around, Wanted(JUDGE, lang="en"))
    asked = len(upstream.requests)
    again = judged(store, trial, ask, around, Wanted(JUDGE, lang="en"))

    assert len(upstream.requests) == asked
    assert again.spent_jpy == 0
    with store.reading() as tx:
        decision = verdict_of_trial(tx, trial.trial_id, around, clock())
    assert not isinstance(decision, Refusal)
    assert decision.judge == f"judge:{JUDGE}"
    assert decision.results[0].verdict.decision == "pass"
    assert decision.results[0].verdict.judging.faults == ()  # type: ignore[union-attr]
    assert decision.results[0].verdict.judging.prompts[0].startswith("1.en.")  # type: ignore[union-attr]


def test_the_cap_of_the_trial_holds_for_its_judge(
    store: Store, ask: Replayer, around: Around, upstream: JudgingUpstream
) -> None:
    upstream.judges["claude-haiku-4-5"] = "good"
    trial = started(store, around, size=60, cap="60")
    run_trial(store, trial.trial_id, running_of(ask, around))
    found = judged(store, trial, ask, around, Wanted(JUDGE))

    assert found.refusal is not None
    assert found.refusal.code == "judge_over_cap"
    assert found.open > 0
    assert left_of_trial(store, trial) >= 0


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_same_house_judges_only_with_the_owners_word(
    store: Store, ask: Replayer, around: Around, upstream: JudgingUpstream, lang: str
) -> None:
    trial = started(store, around, size=5)
    run_trial(store, trial.trial_id, running_of(ask, around))
    for judge, why in (("stub/gpt-5-mini", "judge_same_vendor"), ("stub/gpt-4o-mini", "judge_is_compared"),
                       ("nowhere/m", "judge_unknown_vendor"), ("nonsense", "judge_unknown_vendor")):  # fmt: skip
        refused = judge_trial(store, trial.trial_id, ask, around, Keys(around.folder), Wanted(judge), "sato", clock)
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.facts["why"]) == ("judge_unsuitable", why)
        assert sentence("refusal", refused.code, lang, refused.facts)
    upstream.judges["gpt-5-mini"] = "good"
    found = judged(store, trial, ask, around, Wanted("stub/gpt-5-mini", allow_same_vendor=True))
    assert found.report is not None
    assert "same_vendor" in {fault.code for fault in found.report.faults}


def test_how_alike_answers_are_stands_beside_and_never_decides(store: Store, ask: Replayer, around: Around) -> None:
    trial = started(store, around, size=12)
    run_trial(store, trial.trial_id, running_of(ask, around))
    came = resemble_trial(store, trial.trial_id, ask, around, Keys(around.folder), "stub/text-embedding-3-small", clock)
    assert came == (12, None)
    with store.reading() as tx:
        plain = verdict_of_trial(tx, trial.trial_id, around, clock())
        scores = trial_rows.scores_of(tx, trial.trial_id, "similarity:stub/text-embedding-3-small")
    assert not isinstance(plain, Refusal)
    assert plain.judge == "same"
    assert {score.reason for score in scores} == {"reported"}

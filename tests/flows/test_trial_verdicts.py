"""A trial as a table: what it says is what ``jitsuri rightsize offline`` says of the exported file; and the commands."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from replaying_parts import prepared
from stub_upstream import StubUpstream
from trial_parts import around_of, clock, kept, log_of, running_of, started

from jitsuri.app.replaying import Replayer
from jitsuri.cli.certificate import certificate
from jitsuri.cli.doors import Desk
from jitsuri.cli.rightsize import rightsize
from jitsuri.cli.trial import trial as trial_command
from jitsuri.flows.cold.judging import Asked, judge_outcomes
from jitsuri.flows.cold.trying.deciding import Decision, outcome_prices, read_table, verdict_of_trial
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.flows.cold.trying.running import run_trial
from jitsuri.providers.shapes import Ask, Came, Question
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.tabling import rows_of_table
from jitsuri.rightsizing.shapes.trials import PairLabel, Score, Trial
from jitsuri.rightsizing.wire import read_outcomes, write_table
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError, JitsuriError
from jitsuri.terms.outcomes import Refusal

pytestmark = [pytest.mark.database, pytest.mark.slow]
SIZE = 120
TEXTS = """
[texts.triage]
keep = "full"
retention_days = 90
key_file = "triage.key"
reason = "評価のため"
"""


@pytest.fixture
def settings(store: Store, upstream: StubUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STUB_KEY", "sk-stub")
    monkeypatch.setenv("no_proxy", "*")
    made = prepared(store, upstream.url, tmp_path, TEXTS)
    kept(store, made, log_of(SIZE))
    return made


@pytest.fixture
def around(store: Store, settings: Settings) -> Around:
    return around_of(store, settings)


def telling(ask: Ask, wrong: Sequence[int]) -> Ask:
    """An ``Ask`` that answers as today's model did, but for some of every hundred; one target fails now and then."""

    def asking(questions: Sequence[Question], at_once: int) -> Iterator[tuple[int, Came]]:
        for place, came in ask(questions, at_once):
            said = json.loads(questions[place].body)["messages"][-1]["content"]
            number = int(random.Random(said).random() * 100)
            answer = json.loads(came.body)
            known = _answer_of(said)
            answer["choices"][0]["message"]["content"] = f"違う {number}" if number in wrong else known
            if questions[place].target.endswith("mini") and number % 17 == 3:
                yield place, replace(came, error_code="http_500", status=500, cost_jpy=Decimal(0))
            else:
                yield place, replace(came, body=json.dumps(answer).encode())

    return asking


def _answer_of(said: str) -> str:
    found = next(one for one in log_of(SIZE) if one["request"]["messages"][-1]["content"] == said)
    return str(found["response"]["choices"][0]["message"]["content"])


@pytest.fixture
def done(store: Store, settings: Settings, around: Around) -> Trial:
    trial = started(store, around, "stub/gpt-4o-mini", "stub/gpt-5-nano", size=SIZE)
    with Replayer(settings, store) as ask:
        came = run_trial(store, trial.trial_id, running_of(telling(ask, range(4)), around))
    assert isinstance(came, Trial)
    assert came.state == "done"
    return came


def labelled(trial: Trial, people: Sequence[str] = ("aoki", "baba")) -> list[PairLabel]:
    """People who mostly find both the same, and differ between the candidates."""
    found = []
    for way, position in itertools.product((1, 2), range(SIZE)):
        for person in people if position % 3 else people[:1]:
            chance = random.Random(f"{way} {position} {person}").random()
            pair = (1.0, 0.0) if chance < 0.03 * way else (0.0, 1.0) if chance > 0.97 else (1.0, 1.0)
            found.append(PairLabel(way, position, person, *pair, False, chance < 0.01 * way))
    return found


def judged(trial: Trial) -> list[Score]:
    found = []
    for way, position in itertools.product((1, 2), range(SIZE)):
        chance = random.Random(f"judge {way} {position}").random()
        if chance < 0.05:
            found.append(Score(way, position, "judge:careful", None, None, reason="abstained"))
            continue
        pair = (0.0, 1.0) if chance < 0.1 else (1.0, 1.0)
        found.append(Score(way, position, "judge:careful", *pair))
    return found


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("eyes", ["same", "people", "both"])
def test_the_exported_table_says_what_the_trial_says(
    store: Store, done: Trial, around: Around, tmp_path: Path, ending: str, eyes: str
) -> None:
    now = clock()
    labels = labelled(done) if eyes != "same" else []
    if eyes == "both":
        with store.transaction() as tx:
            trial_rows.save_scores(tx, done.trial_id, judged(done), now)
    with store.reading() as tx:
        found = verdict_of_trial(tx, done.trial_id, around, now, labels)
        table = read_table(tx, done, labels)
    assert isinstance(found, Decision)
    assert (found.human, found.judge) == {
        "same": ("", "same"), "people": ("people", ""), "both": ("people", "judge:careful"),
    }[eyes]  # fmt: skip

    file = tmp_path / f"outcomes{ending}"
    write_table(file, rows_of_table(table), is_forced=False)
    asked = Asked(
        baseline=done.plan.baseline.name,
        human=found.human,
        judge=found.judge if found.judge.startswith("judge:") else "",
    )
    again = judge_outcomes(read_outcomes(file), asked, outcome_prices(around, now))

    one = {r.verdict.candidate: r.verdict for r in found.results}
    other = {r.verdict.candidate: r.verdict for r in again}
    assert one.keys() == other.keys() == {"stub/gpt-4o-mini", "stub/gpt-5-nano"}
    for name, verdict in one.items():
        same = other[name]
        assert (verdict.decision, verdict.difference, verdict.span, verdict.n) == (
            same.decision, same.difference, same.span, same.n,
        )  # fmt: skip
        assert verdict.missing == same.missing
        assert verdict.costs.baseline_jpy == same.costs.baseline_jpy
        assert verdict.costs.candidate_jpy == same.costs.candidate_jpy
        assert verdict.data_hash == same.data_hash
        assert verdict.n > 90
    mini, nano = one["stub/gpt-4o-mini"], one["stub/gpt-5-nano"]
    assert mini.missing.candidate_missing > 0
    assert nano.missing.candidate_missing == 0 or eyes == "both"
    if eyes != "same":  # each candidate has its own baseline scores
        assert mini.difference != nano.difference


def test_yen_of_a_table_need_no_rate(store: Store, done: Trial, around: Around) -> None:
    with store.reading() as tx:
        table = read_table(tx, done)
        answers = [one for one in trial_rows.answers_of(tx, done.trial_id) if one.way == 2]
    prices = replace(outcome_prices(around, clock()), usd_jpy=Decimal(999))
    asked = Asked(baseline=done.plan.baseline.name, candidates=("stub/gpt-5-nano",), judge="same")
    [found] = judge_outcomes(table, asked, prices)
    mean = sum((one.cost_jpy or Decimal(0) for one in answers), Decimal(0)) / len(answers) * 1000
    assert found.verdict.costs.candidate_jpy is not None
    assert abs(found.verdict.costs.candidate_jpy - mean) < Decimal("0.001")
    assert found.verdict.costs.basis == "table"


def test_a_candidate_that_was_never_answered_leaves_the_verdict_open(
    store: Store, settings: Settings, around: Around
) -> None:
    trial = started(store, around, "stub/gpt-4o-mini", "stub/gpt-5-nano", size=SIZE)

    with Replayer(settings, store) as ask:

        def failing(questions: Sequence[Question], at_once: int) -> Iterator[tuple[int, Came]]:
            for place, came in telling(ask, ())(questions, at_once):
                is_out = questions[place].target == "stub/gpt-4o-mini"
                yield place, replace(came, error_code="http_503", cost_jpy=Decimal(0)) if is_out else came

        run_trial(store, trial.trial_id, running_of(failing, around))
    with store.reading() as tx:
        found = verdict_of_trial(tx, trial.trial_id, around, clock())
    assert isinstance(found, Decision)
    decided = {one.verdict.candidate: one.verdict for one in found.results}
    mini, nano = decided["stub/gpt-4o-mini"], decided["stub/gpt-5-nano"]
    assert (mini.decision, mini.n) == ("undecided", 0)
    assert mini.missing.share == 1
    assert (nano.n, nano.difference, nano.missing.share) == (SIZE, 0, 0)


class Counter(Desk):
    """A desk at the test's database and home."""

    def __init__(self, store: Store, settings: Settings, lang: str) -> None:
        super().__init__(settings.home, settings.file, lang, False, clock)
        self._store, self._settings = store, settings

    @cached_property
    def settings(self) -> Settings:
        return self._settings

    @contextmanager
    def store(self) -> Iterator[Store]:
        yield self._store


class Shell:
    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings

    def run(self, command: Any, *words: str, lang: str = "ja", **how: Any) -> Result:
        result = CliRunner().invoke(command, words, obj=Counter(self.store, self.settings, lang), **how)
        if result.exception is not None and not isinstance(result.exception, (SystemExit, JitsuriError)):
            raise result.exception
        return result

    def given(self, *words: str) -> Any:
        result = self.run(trial_command, *words, "--json")
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout)


def test_from_proposal_to_certificate_at_the_shell(store: Store, settings: Settings, tmp_path: Path) -> None:
    shell = Shell(store, settings)
    proposed = shell.given("propose", "triage")
    assert "stub/gpt-4o-mini" in {one["target"] for one in proposed["candidates"]}
    assert all(one["text"] for one in proposed["dropped"])
    told = shell.run(trial_command, "propose", "triage", lang="en")
    assert "left out:" in told.output

    refused = shell.run(trial_command, "start", "triage", "--candidate", "stub/gpt-4o-mini", input="n\n")
    assert refused.exit_code == 1
    assert shell.given("list") == []
    made = shell.run(
        trial_command, "start", "triage", "--candidate", "stub/gpt-4o-mini", "--candidate", "stub/gpt-5-nano", "--size", "60",
        "--scorer", "exact", "--yes", "--run", "--json",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    shown = json.loads(made.stdout)
    assert (shown["state"], shown["requests"]) == ("done", 60)
    assert [way["answered"] for way in shown["ways"]] == [60, 60, 60]
    assert {one["scorer"] for one in shown["scores"]} == {"same", "exact"}
    short = UUID(shown["trial"]).hex[:14]
    for lang in ("ja", "en"):
        assert "stub/gpt-5-nano" in shell.run(trial_command, "show", short, lang=lang).output
        assert short in shell.run(trial_command, "list", lang=lang).output

    out = tmp_path / "outcomes.jsonl"
    assert shell.given("export", short, "--out", str(out))["judges"] == ["exact", "same"]
    again = shell.run(trial_command, "export", short, "--out", str(out))
    assert isinstance(again.exception, CallerError)
    assert "答え" not in out.read_text("utf-8")
    shell.given("export", short, "--out", str(out), "--force", "--texts", "--scorer", "exact")
    assert "答え" in out.read_text("utf-8")

    mine = shell.given("verdict", short, "--scorer", "exact")["results"]
    offline = shell.run(rightsize, "offline", str(out), "--baseline", "openai/gpt-4o", "--no-cascade", "--json")
    theirs = json.loads(offline.stdout)["results"]
    picked = ("candidate", "decision", "difference", "n")
    assert [[one[name] for name in picked] for one in mine] == [[one[name] for name in picked] for one in theirs]
    assert {one["decision"] for one in mine} == {"fail"}

    nothing = shell.run(trial_command, "certify", short)
    assert nothing.exit_code == 2
    filed = shell.given("certify", short, "--candidate", "stub/gpt-5-nano")
    assert filed["certificate"].startswith("JR-")
    exported = tmp_path / "export.json"
    assert shell.run(certificate, "export", filed["certificate"], "--out", str(exported)).exit_code in (0, 2)
    over = shell.run(trial_command, "stop", short, "--reason", "x")
    assert over.exit_code == 2
    unknown = shell.run(trial_command, "show", "ffffffff")
    assert isinstance(unknown.exception, CallerError)


def test_a_passing_candidate_is_certified_with_what_the_trial_cost(store: Store, done: Trial, around: Around) -> None:
    from jitsuri.flows.cold.certifying import Issuer
    from jitsuri.flows.cold.trying.deciding import certify_trial

    with store.reading() as tx:
        found = verdict_of_trial(tx, done.trial_id, around, clock(), [])
    assert isinstance(found, Decision)
    issuer = Issuer("株式会社サンプル精機", True, clock(), Decimal(60), Decimal(3000), Decimal(10))
    passing = [one.verdict.candidate for one in found.results if one.verdict.decision == "pass"]
    made = certify_trial(store, found, passing[0] if passing else "stub/gpt-5-nano", around, issuer, "sato")
    assert not isinstance(made, Refusal)
    assert made.task.name == "triage"
    assert made.proposed.model in {"stub/gpt-4o-mini", "stub/gpt-5-nano"}

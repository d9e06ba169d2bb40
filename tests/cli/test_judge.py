"""The command judge: a trial is judged and reported on, as a person and as a script meet it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from judging_parts import chance
from judging_upstream import JudgingUpstream
from replaying_parts import prepared
from trial_parts import around_of, clock, kept, log_of, running_of, started

from jitsuri.app.replaying import Replayer
from jitsuri.cli.doors import Desk
from jitsuri.cli.judge import judge
from jitsuri.cli.main import COMMANDS
from jitsuri.flows.cold.trying.deciding import export_table
from jitsuri.flows.cold.trying.running import run_trial
from jitsuri.rightsizing.rules.tabling import rows_of_table
from jitsuri.rightsizing.shapes.outcomes import Table
from jitsuri.rightsizing.shapes.trials import Trial
from jitsuri.rightsizing.wire import write_rows
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.words import LANGUAGES, Language, has_text, text

pytestmark = [pytest.mark.database, pytest.mark.slow]

JUDGE = "stub-anthropic/claude-haiku-4-5"


class Tried:
    """A trial of sixty pairs in an installation, and the command at its shell."""

    def __init__(self, store: Store, settings: Settings, trial: Trial, folder: Path) -> None:
        self.store, self.settings, self.trial, self.folder = store, settings, trial, folder

    def run(self, *typed: str, lang: Language = "ja") -> Result:
        desk = _desk(self.store, self.settings, lang)
        return CliRunner().invoke(judge, list(typed), obj=desk)

    def given(self, *typed: str) -> Any:
        result = self.run(*typed, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


def _desk(store: Store, settings: Settings, lang: Language) -> Desk:
    class Here(Desk):
        def store(self) -> Any:  # type: ignore[override]
            from contextlib import nullcontext

            return nullcontext(store)

    desk = Here(settings.home, settings.file, lang, json_out=False)
    desk.__dict__["settings"] = settings
    return desk


@pytest.fixture
def tried(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tried]:
    monkeypatch.setenv("STUB_KEY", "sk-stub")
    monkeypatch.setenv("no_proxy", "*")
    with JudgingUpstream() as upstream:
        upstream.judges["claude-haiku-4-5"] = "chatty"
        upstream.writers["gpt-4o-mini"] = lambda asked: (
            f"担当から折り返しご連絡いたします。品質{5 + int(3 * chance(str(asked)))}"
        )
        settings = prepared(store, upstream.url, tmp_path)
        lines = log_of(60)
        for one in lines:
            one["response"]["choices"][0]["message"]["content"] = "お問い合わせありがとうございます。品質5"
        kept(store, settings, lines)
        around = around_of(store, settings)
        trial = started(store, around, size=30, cap="300")
        with Replayer(settings, store) as ask:
            run_trial(store, trial.trial_id, running_of(ask, around))
        yield Tried(store, settings, trial, tmp_path)


def test_a_trial_is_judged_and_reported_on(tried: Tried) -> None:
    name = str(tried.trial.trial_id)[:8]
    done = tried.given("run", name, "--judge", JUDGE)

    assert (done["pairs"], done["open"], done["refusal"]) == (30, 0, None)
    assert [fault["code"] for fault in done["report"]["faults"]] == ["chatty"]
    assert tried.given("report", name) == done["report"]
    table = export_table(tried.store, tried.trial.trial_id, "sato", clock())
    assert isinstance(table, Table)
    write_rows(tried.folder / "out.jsonl", rows_of_table(table), is_forced=True)
    assert tried.given("report", str(tried.folder / "out.jsonl"), "--judge", JUDGE) == done["report"]
    for lang in LANGUAGES:
        shown = tried.run("report", name, lang=lang)
        assert shown.exit_code == 0
        assert text("page.judge.caution", lang) in shown.output
        assert JUDGE in shown.output
        assert "judge_chatty" not in shown.output  # its sentence, not its code
    unknown = tried.run("report", name, "--judge", "u/other")
    assert unknown.exception is not None
    assert getattr(unknown.exception, "code", "") == "judge_report_none"


def test_who_may_not_judge_is_told_with_the_reason(tried: Tried) -> None:
    result = tried.run("run", str(tried.trial.trial_id), "--judge", "stub/gpt-5-mini", "--json")

    assert result.exit_code == 2, result.output
    assert json.loads(result.stdout)["refused"][0]["code"] == "judge_unsuitable"


def test_every_command_and_option_has_its_help() -> None:
    assert COMMANDS["judge"] == "jitsuri.cli.judge:judge"
    for name, command in judge.commands.items():
        assert has_text(f"cli.judge.{name}.help")
        options = [one.name for one in command.params if one.param_type_name == "option"]
        assert [one for one in options if not has_text(f"cli.judge.{name}.{one}")] == []

"""The command guard: policies as files, scans without an installation, replays, measurements, findings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import pytest
from click.testing import CliRunner, Result
from gateway_scene import furnish_gateway
from page_scene import NOW
from prompt_scene import KEY, keep_texts

from jitsuri.access.records import people as people_rows
from jitsuri.access.shapes import Person
from jitsuri.cli.doors import Desk
from jitsuri.cli.guard import guard
from jitsuri.cli.main import translated
from jitsuri.guardrails.records import runs as run_rows
from jitsuri.guardrails.shapes import CheckRan, GuardRun, KeptFinding
from jitsuri.settings import Settings, check_text
from jitsuri.store.door import Store
from jitsuri.terms.errors import JitsuriError
from jitsuri.terms.period import company_day

TASK = "inquiry-triage"
PHONE = "03-1234-5678"


class At(Desk):
    """A desk at the test's database, with the key of its texts in its home."""

    def __init__(self, store: Store, home: Path, lang: str) -> None:
        super().__init__(home, None, lang, False, lambda: NOW)
        self._store = store

    @cached_property
    def settings(self) -> Settings:
        settings, mistakes = check_text("", self.home, None, {})
        assert not mistakes
        return Settings(self.home, None, settings.values, settings.tables)

    @contextmanager
    def store(self) -> Iterator[Store]:
        yield self._store


class Scene:
    def __init__(self, store: Store, home: Path) -> None:
        self.store, self.home = store, home
        (home / "texts.key").write_text(KEY)
        furnish_gateway(store)
        keep_texts(store)
        with store.transaction() as tx:
            people_rows.insert(tx, Person(uuid4(), "aoki", "青木", frozenset({"admin"}), "", "ja", True, NOW), "")

    def run(self, *words: str, lang: str = "ja", **how: Any) -> Result:
        result = CliRunner().invoke(guard, words, obj=At(self.store, self.home, lang), **how)
        if result.exception is not None and not isinstance(result.exception, SystemExit | JitsuriError):
            raise result.exception
        return result

    def given(self, *words: str, **how: Any) -> Any:
        result = self.run(*words, "--json", **how)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def file(self, content: str) -> str:
        path = self.home / "policy.toml"
        path.write_text(content)
        return str(path)


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Scene:
    return Scene(store, tmp_path)


EXEMPT = f"""
[[exemptions]]
check = "phone"
value = "{PHONE}"
owner = "aoki"
expires_on = 2026-12-31
reason = "代表番号"
"""


def test_a_policy_goes_out_as_a_file_and_comes_back(scene: Scene) -> None:
    preset = scene.run("policy", "preset", "observe").stdout
    path = scene.file(preset + EXEMPT)
    assert "誤りはありません" in scene.run("policy", "check", path).stdout
    came = scene.given("policy", "set", TASK, path, "--reason", "はじめ")
    assert (came["version"], came["exemptions"], [one["code"] for one in came["changes"]]) == (1, 1, ["began"])
    shown = scene.run("policy", "show", TASK).stdout
    assert PHONE not in shown
    assert scene.run("policy", "check", scene.file(shown)).exit_code == 2  # an exemption without its value is none
    whole = scene.run("policy", "show", TASK, "--with-values").stdout
    assert PHONE in whole
    assert scene.run("policy", "set", TASK, scene.file(whole), "--reason", "x").exit_code == 2  # unchanged
    assert PHONE not in json.dumps(scene.given("policy", "show", TASK))
    milder = scene.run(
        "policy", "set", TASK, scene.file(whole.replace('"observe"\nout', '"mask"\nout', 1)), "--reason", "伏せる"
    )
    assert "person：モデルへ送る文で observe → mask" in milder.stdout
    assert [one["version"] for one in scene.given("policy", "history", TASK)] == [2, 1]
    assert PHONE not in scene.run("policy", "history", TASK).stdout
    off = scene.given("policy", "off", TASK, "--reason", "終える")
    assert (off["version"], off["is_active"]) == (3, False)
    assert [(one["task"], one["is_active"]) for one in scene.given("policy", "list")] == [(TASK, False)]
    assert "やめている" in scene.run("policy", "list").stdout


def test_what_is_wrong_is_told_with_its_place_and_mend(scene: Scene) -> None:
    bad = 'task = "a"\n[[rules]]\ncheck = "fone"\nin = "mask"\nthreshold = 2.0\n'
    for lang, words in (
        ("ja", "rules[1].threshold：しきい値は 0 から 1"),
        ("en", "rules[1].threshold: a threshold is 0 to 1"),
    ):
        result = scene.run("policy", "check", scene.file(bad), lang=lang)
        assert (result.exit_code, words in result.output, "rules[1].check" in result.output) == (2, True, True)
    wrong = scene.file(EXEMPT.replace(f'"{PHONE}"', "312345678"))
    result = scene.run("policy", "check", wrong)
    assert (result.exit_code, "exemptions[1].value" in result.output, "312345678" in result.output) == (2, True, False)
    assert isinstance(scene.run("policy", "check", "/nowhere").exception, JitsuriError)
    assert isinstance(scene.run("policy", "set", TASK, "--reason", "x").exception, JitsuriError)
    assert scene.run("policy", "show", "nobody").exit_code == 2


def test_a_policy_is_tried_on_kept_calls(scene: Scene) -> None:
    came = scene.given("replay", TASK, "--preset", "observe", "--reason", "見る")
    assert (came["looked_at"], came["unreadable"]) == (4, 0)
    assert sum(one["calls"] for one in came["outcomes"]) == 4
    assert "4 件" in scene.run("replay", TASK, "--preset", "strict").stdout
    assert scene.run("replay", "another", "--preset", "strict").exit_code == 2


def test_labelled_lines_are_measured(scene: Scene) -> None:
    path = scene.home / "lines.jsonl"
    line = {"text": f"電話は{PHONE}", "entities": [{"start": 3, "end": 15, "type": "PHONE"}]}
    path.write_text(json.dumps(line) + "\nnonsense\n")
    result = scene.run("measure", str(path))
    assert "PHONE  1  100.0 % (1/1)" in result.stdout
    assert "2 行目" in result.stderr
    assert PHONE not in result.output
    scene.given("policy", "set", TASK, "--preset", "observe", "--reason", "x")
    assert scene.given("measure", str(path), "--task", TASK)["policy_version"] == 1
    assert scene.run("measure", str(path), "--task", "nobody").exit_code == 2


def test_findings_are_told_without_values(scene: Scene) -> None:
    assert "ありません" in scene.run("findings").stdout
    found = KeptFinding("messages[0].content", 3, 15, "PHONE", "phone", 0.98, "context", "mask")
    run = GuardRun(uuid4(), uuid4(), NOW, company_day(NOW), TASK, "in", 1, "altered", True, (CheckRan("phone", "1", "ran", 1),),
                   (found,), 1, 900, 40)  # fmt: skip
    with scene.store.transaction() as tx:
        run_rows.insert_many(tx, [run])
    assert "messages[0].content  3〜15  PHONE  0.98  mask" in scene.run("findings").stdout
    [told] = scene.given("findings", "--type", "PHONE", "--task", TASK)
    assert (told["run_id"], told["findings"][0]["place"]) == (str(run.run_id), "messages[0].content")
    assert scene.given("findings", "--type", "EMAIL") == []


def test_scans_by_the_policy_of_a_task_or_a_file(scene: Scene) -> None:
    only = scene.file('task = "*"\n[[rules]]\ncheck = "email"\nin = "mask"\n')
    line = json.dumps({"id": 1, "text": f"{PHONE} aoki@example.co.jp"})
    told = json.loads(scene.run("scan", "--jsonl", "--policy", only, input=line).stdout)
    assert [one["type"] for one in told["entities"]] == ["EMAIL"]
    assert isinstance(scene.run("scan", "--task", TASK, "--policy", only, input="x").exception, JitsuriError)
    assert scene.run("scan", "--task", TASK, input="x").exit_code == 2
    scene.given("policy", "set", TASK, "--preset", "observe", "--reason", "x")
    assert "｜PHONE⟧" in scene.run("scan", "--task", TASK, input=f"電話 {PHONE}").stdout


def _scan(lines: bytes, tmp_path: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {
        **os.environ,
        "JITSURI_HOME": str(tmp_path / "nowhere"),
        "DATABASE_URL": "postgresql://127.0.0.1:1/none",
    }
    program = "from jitsuri.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "--lang", "en", "guard", "scan", "--jsonl"], input=lines, env=environment,
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip


def test_lines_are_scanned_without_an_installation(tmp_path: Path) -> None:
    """Bad lines are named and nothing else is lost; every answer stands on its own line, in order."""
    lines = [
        json.dumps({"id": "a", "text": f"電話は{PHONE}"}).encode(), b"{", b'{"id":"a","text":"\\ud800 aoki@example.co.jp"}', b"\xff",
        json.dumps({"id": {"n": 1}, "text": "あ" * 350_000}).encode(), b"", b'{"text":"last"}',
    ]  # fmt: skip
    done = _scan(b"\n".join(lines), tmp_path)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2
    assert [one.get("id") for one in told] == ["a", "a", {"n": 1}, None]
    assert [[found["type"] for found in one["entities"]] for one in told] == [["PHONE"], ["EMAIL"], [], []]
    assert [line.split(b":")[0] for line in done.stderr.splitlines()[:2]] == [b"line 2", b"line 4"]
    assert not (tmp_path / "nowhere").exists()
    assert _scan(b'{"text":"a"}\n', tmp_path).returncode == 0


def test_answers_come_as_lines_do(tmp_path: Path) -> None:
    program = "from jitsuri.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "guard", "scan", "--jsonl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "JITSURI_HOME": str(tmp_path)},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(json.dumps({"id": number, "text": PHONE}).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.wait(30) == 0


def test_every_option_says_what_it_does() -> None:
    translated(guard, "cli.guard")

    def silent(command: click.Command, name: str) -> list[str]:
        found = [f"{name} {one.name}" for one in command.params if isinstance(one, click.Option) and not one.help]
        found += [] if command.help else [name]
        if isinstance(command, click.Group):
            found += [one for below, held in command.commands.items() for one in silent(held, f"{name} {below}")]
        return found

    assert silent(guard, "guard") == []

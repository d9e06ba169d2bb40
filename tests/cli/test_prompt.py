"""The command prompt: versions, their difference, promotion, prompts in kept calls, and a try against an upstream on loopback."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from gateway_scene import furnish_gateway
from page_scene import NOW
from prompt_scene import FIRST, KEY, OWN, PLAIN, SECOND, keep_texts

sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))

from stub_upstream import StubUpstream

from jitsuri.cli.doors import Desk
from jitsuri.cli.main import translated
from jitsuri.cli.prompt import prompt
from jitsuri.settings import Settings, check_text
from jitsuri.store.door import Store
from jitsuri.terms.errors import JitsuriError
from jitsuri.words import LANGUAGES, has_text, text

TASK = "inquiry-triage"
TOML = """
[upstreams.openai]
kind = "compatible"
base_url = "{url}"
vendor = "openai"
region = "us"
models = "gpt-big"
[upstreams.house]
kind = "compatible"
base_url = "http://llm.example.jp:8000/v1"
region = "jp"
on_premises = true
"""


class At(Desk):
    """A desk at the test's database, with the key of its texts in its home."""

    def __init__(self, store: Store, home: Path, url: str, lang: str) -> None:
        super().__init__(home, None, lang, False, lambda: NOW)
        self._store, self._url = store, url

    @cached_property
    def settings(self) -> Settings:
        settings, mistakes = check_text(TOML.format(url=self._url), self.home, None, {})
        assert not mistakes
        return Settings(self.home, None, settings.values, settings.tables)

    @contextmanager
    def store(self) -> Iterator[Store]:
        yield self._store


class Scene:
    def __init__(self, store: Store, home: Path) -> None:
        self.store, self.home, self.url = store, home, "http://127.0.0.1:9/v1"
        (home / "texts.key").write_text(KEY)
        furnish_gateway(store)
        keep_texts(store)

    def run(self, *words: str, lang: str = "ja", **how: Any) -> Result:
        result = CliRunner().invoke(prompt, words, obj=At(self.store, self.home, self.url, lang), **how)
        if result.exception is not None and not isinstance(result.exception, SystemExit | JitsuriError):
            raise result.exception
        return result

    def given(self, *words: str, **how: Any) -> Any:
        result = self.run(*words, "--json", **how)
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout)


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Scene:
    return Scene(store, tmp_path)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_command_and_option_is_explained(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(one: click.Command, code: str) -> Iterator[str]:
        yield f"{code}.help"
        yield from (f"{code}.{p.name}" for p in one.params if isinstance(p, click.Option))
        for name, below in getattr(one, "commands", {}).items():
            yield from walk(below, f"{code}.{name}")

    assert [code for code in walk(prompt, "cli.prompt") if not has_text(code)] == []
    monkeypatch.setenv("JITSURI_LANG", lang)
    shown = CliRunner().invoke(translated(prompt, "cli.prompt"), ["--help"])
    assert text("cli.prompt.help", lang)[:12] in shown.output


def test_versions_are_added_from_file_and_pipe_compared_and_put_to_use(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_bytes(b"\xef\xbb\xbf" + FIRST.replace("\n", "\r\n").encode())

    none = scene.run("list", TASK)
    first = scene.given("add", TASK, str(file), "--reason", "はじめ")
    second = scene.given("add", TASK, "-", "--reason", "返品", input=SECOND)
    listed, shown = scene.given("list", TASK), scene.run("show", TASK, "1")
    changes = scene.given("diff", TASK, "1", "2")["changes"]
    share = scene.given("promote", TASK, "2", "--percent", "5", "--reason", "x")
    whole = scene.run("promote", TASK, "2", "--reason", "x")
    after, own = scene.given("list", TASK), scene.run("promote", TASK, "0", "--reason", "x", lang="en")

    assert "まだ版がありません" in none.output
    assert (first["version"], second["version"]) == (1, 2)
    assert [one["version"] for one in listed["versions"]] == [2, 1]
    assert (listed["answering"], after["answering"], share["prompt"]) == (0, 2, 2)
    assert shown.output == f"{FIRST}\n"
    assert [(one["kind"], one["line"]) for one in changes] == [
        ("gone", 2),
        ("gone", 3),
        ("new", 2),
        ("new", 3),
        ("new", 4),
    ]
    assert "第 2 版で答えます" in whole.output
    assert "caller's own" in own.output
    assert "− 次の四つ" in scene.run("diff", TASK, "1", "2").output


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("add", TASK, "/nowhere/x", "--reason", "x"), "prompt_file_unreadable"), (("show", TASK), "prompt_version_unknown"),
        (("diff", TASK, "1", "9"), "prompt_version_unknown"), (("list", "nothing"), "業務"),
        (("seen", TASK, "--take", "x"), "call_unreadable"),
        (("promote", TASK, "9", "--reason", "x"), "第 9 版"), (("try", TASK, "openai/gpt-big#p9", "--yes"), "第 9 版"),
        (("try", TASK, "openai/gpt-big", "--cap", "x", "--yes"), "正の数"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(scene: Scene, asked: tuple[str, ...], told: str) -> None:
    result = scene.run(*asked)

    assert result.exit_code != 0
    assert told in (result.exception.code if isinstance(result.exception, JitsuriError) else result.output)


def test_prompts_in_kept_calls_are_counted_and_taken_over(scene: Scene) -> None:
    found = scene.given("seen", TASK)
    taken = scene.given("seen", TASK, "--take", str(PLAIN[0]))
    again = scene.run("seen", TASK)

    assert [(one["calls"], one["version"]) for one in found["prompts"]] == [(3, None), (1, None)]
    assert found["prompts"][0]["text"] == OWN
    assert taken["version"] == 1
    assert "第1版と同じ" in again.output


def test_a_try_asks_an_upstream_and_keeps_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    scene.given("add", TASK, "-", "--reason", "x", input=SECOND)
    with StubUpstream() as stub:
        scene.url = stub.url
        left = scene.run("try", TASK, "openai/gpt-big#p1", "--calls", "2", input="n\n")
        assert stub.requests == []
        tried = scene.given("try", TASK, "openai/gpt-big#p1", "--calls", "2", "--yes")
        told = scene.run("try", TASK, "openai/gpt-big", "--calls", "1", input="y\n")
        sent = [json.loads(one.body)["messages"][0]["content"] for one in stub.requests]

    assert left.exit_code != 0
    assert sent == [SECOND, SECOND, OWN]
    assert [one["state"] for one in tried["calls"]] == ["answered", "answered"]
    assert [one["then"] for one in tried["calls"]] == ["納期", "価格"]
    assert all("承知しました" in one["now"] and float(one["cost_jpy"]) > 0 for one in tried["calls"])
    assert ("円、840 ms）：納期" in told.output, "今（" in told.output) == (True, True)
    with scene.store.reading() as tx:
        rows = tx.execute("SELECT count(*), min(purpose), max(task) FROM ledger_entries WHERE purpose <> ''").fetchall()
        [kept] = tx.execute("SELECT count(*) FROM calls_texts").fetchall()
    assert rows == [(3, "evaluation", TASK)]
    assert kept == (8,)

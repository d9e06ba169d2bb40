"""``jitsuri certificate audit --judge``: the audit asked and judged from the shell, by a real upstream's protocol."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

sys.path.insert(0, str(Path(__file__).parents[1] / "pages"))
sys.path.insert(0, str(Path(__file__).parents[1] / "lives"))
sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))

from audit_parts import JUDGE, Audit
from judging_upstream import JudgingUpstream

from jitsuri.cli.certificate import certificate
from jitsuri.cli.doors import Desk
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.words import text


class Here(Desk):
    """A desk at the scene's database and upstream."""

    def __init__(self, scene: Audit, lang: str) -> None:
        super().__init__(scene.folder, scene.folder / "jitsuri.toml", lang, False, lambda: datetime.now(UTC))
        self._scene = scene

    @cached_property
    def settings(self) -> Settings:
        return self._scene.settings

    @contextmanager
    def store(self) -> Iterator[Store]:
        yield self._scene.store


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgingUpstream]:
    monkeypatch.setenv("STUB_KEY", "sk-stub")
    monkeypatch.setenv("no_proxy", "*")
    with JudgingUpstream() as running:
        yield running


def run(scene: Audit, *words: str, lang: str = "ja") -> Result:
    return CliRunner().invoke(certificate, ["audit", *words], obj=Here(scene, lang), catch_exceptions=False)


def test_the_command_asks_and_judges(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = Audit(store, upstream, tmp_path, new_quality=2)
    scene.calls(11, 2)
    asked = run(scene, "--json")
    assert asked.exit_code == 0, asked.output
    assert json.loads(asked.stdout)[0]["judge"] is None, "nobody judges unless a judge is named"
    (told,) = json.loads(run(scene, "--judge", JUDGE, "--json").stdout)
    word = told["judge"]
    assert (word["judged"], word["recorded"], word["set_aside"], word["refusal"]) == (13, 13, "", "")
    assert float(word["jpy"]) > 0
    for lang in ("ja", "en"):
        shown = run(scene, "--judge", JUDGE, lang=lang).output
        line = text(
            "cli.certificate.audit.judged", lang, number=scene.number, judge=JUDGE, judged=0, recorded=0, jpy="0.00"
        )
        assert line in shown
        refused = run(scene, "--judge", "stub/gpt-5", lang=lang)
        assert refused.exit_code == 0
        assert "stub/gpt-5" in refused.output


def test_a_judge_that_is_set_aside_is_told(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    upstream.judges["claude-haiku-4-5"] = "biased"
    scene = Audit(store, upstream, tmp_path, new_quality=2)
    scene.calls(20)
    scene.audit()
    shown = run(scene, "--judge", JUDGE)
    assert shown.exit_code == 0, shown.output
    assert text("cli.certificate.audit.aside", "ja", why="").strip() in shown.output
    assert scene.standing().waiting == 20

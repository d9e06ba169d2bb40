"""The commands of a certificate's life: a person is named, acts are kept as ones by command, refusals have their sentences."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from jitsuri.cli.certificate import certificate
from jitsuri.cli.doors import Desk
from jitsuri.cli.lives import COMMANDS
from jitsuri.settings import Settings, read_settings
from jitsuri.store.door import Store
from jitsuri.words import LANGUAGES, has_text

sys.path.insert(0, str(Path(__file__).parents[1] / "pages"))
sys.path.insert(0, str(Path(__file__).parents[1] / "lives"))

from life_parts import BIG, SMALL, World

FILE = """
[upstreams.openai]
kind = "openai"
region = "us"
models = "gpt-*"
key_env = "OPENAI_KEY"
"""


class Here(Desk):
    """A desk at the test's database, with the world's clock and an upstream."""

    def __init__(self, world: World, folder: Path, lang: str) -> None:
        super().__init__(folder, folder / "jitsuri.toml", lang, False, lambda: world.now)
        self._store = world.store

    @cached_property
    def settings(self) -> Settings:
        return read_settings(self.home, self.config, {})

    @contextmanager
    def store(self) -> Iterator[Store]:
        yield self._store


class Shell:
    """Runs commands on a world."""

    def __init__(self, store: Store, folder: Path) -> None:
        (folder / "jitsuri.toml").write_text(FILE, "utf-8")
        self.world, self.folder = World(store), folder

    def run(self, *words: str, lang: str = "ja") -> Result:
        result = CliRunner().invoke(certificate, words, obj=Here(self.world, self.folder, lang))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def given(self, *words: str) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def refused(self, *words: str) -> str:
        result = self.run(*words, "--json")
        assert result.exit_code == 2, result.output
        return str(json.loads(result.stdout)["refused"][0]["code"])


@pytest.fixture
def shell(store: Store, tmp_path: Path) -> Shell:
    return Shell(store, tmp_path)


def test_from_force_to_a_void_that_rolls_back(shell: Shell) -> None:
    number = shell.world.number
    begun = shell.given(
        "force", number, "--login", "doi", "--percent", "5", "--rollback", "automatic", "--reason", "始める"
    )
    assert (begun["state"], begun["percent"], begun["rollback"], begun["proposed"]) == ("canary", 5, "automatic", SMALL)
    assert begun["events"][0]["door"] == "shell"
    assert "world" not in begun["events"][0]["facts"]
    assert {line["code"] for line in begun["watched"]} >= {"variant", "model.proposed", "price.today", "audit", "until"}
    assert shell.given("full", number, "--login", "doi")["percent"] == 100
    assert shell.given("watch") == {"in_force": 1, "voided": []}

    shell.world.use_prices(("0.30", "0.60"))
    told = shell.given("watch")

    assert told["voided"] == [
        {"number": number, "task": "inquiry-triage", "causes": ["price_changed"], "after": "rolled_back"}
    ]
    assert shell.given("life", number)["state"] == "rolled_back"
    assert shell.world.variant()[0] == BIG


def test_the_owner_is_asked_and_keeps_it(shell: Shell) -> None:
    number = shell.world.number
    shell.given("force", number, "--login", "doi")
    shell.world.use_prices(("0.30", "0.60"))
    shell.given("watch")
    life = shell.given("life", number)
    assert (life["state"], life["asks"], life["asked"]) == ("voided", True, ["doi"])
    assert shell.refused("keep", number, "--login", "doi") == "life_reason_missing"
    assert shell.given("keep", number, "--login", "doi", "--reason", "交渉中")["state"] == "kept"
    assert shell.refused("back", number, "--login", "doi", "--reason", "x") == "life_not_now"


def test_what_cannot_be_is_refused_with_a_sentence(shell: Shell) -> None:
    number = shell.world.number
    assert shell.refused("force", "JR-2026-9999", "--login", "doi") == "certificate_absent"
    assert shell.refused("force", number, "--login", "ema") == "life_not_yours"
    assert shell.refused("force", number, "--login", "doi", "--percent", "200") == "canary_share_invalid"
    assert shell.refused("full", number, "--login", "doi") == "life_not_now"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_people_read_sentences(shell: Shell, lang: str) -> None:
    number = shell.world.number
    shell.run("force", number, "--login", "doi", "--rollback", "automatic", lang=lang)
    shell.world.use_prices(("0.30", "0.60"))
    for words in (("life", number), ("watch",), ("life", number), ("watch",)):
        told = shell.run(*words, lang=lang)
        assert told.exit_code == 0, told.output
        assert number in told.output or words == ("watch",)
        assert "{" not in told.output


def test_every_option_is_described() -> None:
    for command in COMMANDS:
        assert has_text(f"cli.certificate.{command.name}.help")
        missing = [one.name for one in command.params if one.param_type_name == "option"
                   and not has_text(f"cli.certificate.{command.name}.{one.name}")]  # fmt: skip
        assert missing == [], command.name

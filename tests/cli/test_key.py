"""The command key, asked as a person and as a script would: secrets once and on stdout alone."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from jitsuri.access.records import keys as key_rows
from jitsuri.cli.doors import Desk
from jitsuri.cli.key import key
from jitsuri.cli.main import COMMANDS
from jitsuri.cli.people import people
from jitsuri.settings import Settings, read_settings
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.words import LANGUAGES, has_text, text

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
SECRET = re.compile(r"jk_[0-9A-Za-z]{49}")
NUMBERS = itertools.count(1)


class Counter(Desk):
    """A desk at the test's database, with a clock and secrets that count."""

    def __init__(self, store: Store, lang: str) -> None:
        clock = lambda: NOW + timedelta(seconds=next(NUMBERS))  # noqa: E731
        super().__init__(Path("/nowhere"), None, lang, False, clock, lambda: f"secret-{next(NUMBERS)}")
        self._store = store

    @cached_property
    def settings(self) -> Settings:
        return read_settings(Path("/nowhere"), None, {})

    @contextmanager
    def store(self) -> Iterator[Store]:
        yield self._store


def run(store: Store, *words: str, group: click.Group = key, lang: str = "ja") -> Result:
    result = CliRunner().invoke(group, words, obj=Counter(store, lang), catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, (SystemExit, CallerError)):
        raise result.exception
    return result


def given(store: Store, *words: str, group: click.Group = key) -> Any:
    result = run(store, *words, "--json", group=group)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(store: Store, *words: str) -> str:
    """The code with which a command ends."""
    result = run(store, *words, "--json")
    assert result.exit_code == 2, result.output
    return str(json.loads(result.stdout)["refused"][0]["code"])


def holds(store: Store, secret: str) -> bool:
    with store.reading() as tx:
        found = key_rows.standing(tx).get(sha256(secret.encode()).digest())
    return found is not None and not found.is_revoked


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_command_and_option_is_explained(lang: str) -> None:
    def walk(command: click.Command, code: str) -> Iterator[str]:
        yield f"{code}.help"
        yield from (f"{code}.{p.name}" for p in command.params if isinstance(p, click.Option))
        if isinstance(command, click.Group):
            for name, below in command.commands.items():
                yield from walk(below, f"{code}.{name}")

    assert COMMANDS["key"] == "jitsuri.cli.key:key"
    assert [code for code in walk(key, "cli.key") if not has_text(code)] == []


def test_making_prints_the_secret_alone_on_stdout(store: Store) -> None:
    result = run(store, "make", "triage-batch")

    assert SECRET.fullmatch(result.stdout.strip())
    assert "triage-batch" in result.stderr
    assert "jk_" not in result.stderr
    assert holds(store, result.stdout.strip())


def test_making_for_a_script_and_what_is_told_of_it_later(store: Store) -> None:
    made = given(store, "make", "b", "--model", "gpt-5*", "--region", "jp", "--requests", "60", "--until", "2026-12-31")

    assert SECRET.fullmatch(made["secret"])
    assert (made["models"], made["regions"], made["standing"]) == (["gpt-5*"], ["jp"], "active")
    assert made["expires_at"] == "2026-12-31 15:00:00+00:00"
    [listed] = given(store, "list")
    assert listed == {name: value for name, value in made.items() if name != "secret"}
    assert listed["hint"] == made["secret"][-4:]


def test_from_the_request_to_revocation(store: Store) -> None:
    given(store, "add", "baba@example.jp", "--name", "馬場", "--role", "developer", group=people)

    asked = given(store, "ask", "triage", "--login", "BABA@example.jp", "--purpose", "夜間の分類")
    assert (asked["asked_by"], asked["standing"], asked["hint"]) == ("baba@example.jp", "asked", None)
    assert refused(store, "rotate", "triage", "--reason", "x") == "key_over"
    assert given(store, "approve", "triage", "--reason", "見積どおり")["standing"] == "approved"
    assert refused(store, "refuse", "triage", "--reason", "x") == "key_decided"
    assert given(store, "revoke", "triage", "--reason", "不要")["standing"] == "withdrawn"
    assert given(store, "list") == []
    assert [one["standing"] for one in given(store, "list", "--all")] == ["withdrawn"]


def test_rotating_and_revoking(store: Store) -> None:
    first = given(store, "make", "b")

    second = given(store, "rotate", "b", "--overlap-hours", "0", "--reason", "定期")

    assert second["secret"] != first["secret"]
    assert given(store, "revoke", second["key_id"], "--reason", "漏えい")["standing"] == "revoked"
    assert not holds(store, second["secret"])
    assert refused(store, "revoke", "b", "--reason", "x") == "key_over"


def test_changing_leaves_what_is_not_given(store: Store) -> None:
    made = given(store, "make", "b", "--requests", "60", "--tokens", "1000")

    changed = given(store, "change", "b", "--requests", "0", "--reason", "夜間だけ")
    assert (changed["requests_per_minute"], changed["tokens_per_minute"]) == (0, 1000)
    assert changed["expires_at"] == made["expires_at"]
    changed = given(store, "change", "b", "--until", "2027/03/31", "--reason", "年度末まで")
    assert changed["expires_at"] == "2027-03-31 15:00:00+00:00"
    assert changed["requests_per_minute"] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("make", "b", "--task", "nothing"), "task_unknown"), (("make", "b", "--department", "x"), "department_unknown"),
        (("make", "b", "--until", "2020-01-01"), "key_span_ended"), (("make", "b", "--until", "2028-01-01"), "key_span_long"),
        (("make", "b", "--model", "a*b"), "key_models_invalid"), (("approve", "nothing", "--reason", "x"), "key_absent"),
        (("ask", "b", "--login", "nobody", "--purpose", "x"), "person_unknown"), (("revoke", "x", "--reason", "x"), "key_absent"),
        (("rotate", "x", "--reason", "x"), "key_absent"), (("change", "x", "--reason", "x"), "key_absent"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_reason(store: Store, words: tuple[str, ...], code: str) -> None:
    assert refused(store, *words) == code
    assert given(store, "list", "--all") == []


def test_an_overlap_beyond_a_month_is_refused(store: Store) -> None:
    given(store, "make", "b")

    for hours in ("721", "99999999999"):
        assert refused(store, "rotate", "b", "--overlap-hours", hours, "--reason", "x") == "key_overlap_invalid"


def test_a_day_that_cannot_be_read_is_the_typists_matter(store: Store) -> None:
    result = run(store, "make", "b", "--until", "soon")

    assert isinstance(result.exception, CallerError)
    assert result.exception.code == "day_unreadable"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_people_read_a_table_without_secrets(store: Store, lang: str) -> None:
    assert text("cli.key.list.none", lang) in run(store, "list", lang=lang).stdout
    secret = run(store, "make", "b").stdout.strip()

    shown = run(store, "list", lang=lang).stdout

    assert secret[-4:] in shown
    assert secret[:-4] not in shown


def test_a_refusal_speaks_of_changes_and_of_no_import(store: Store) -> None:
    told = {"ja": "何も変えていません（直すところ 1 件）。", "en": "Nothing was changed (1 to correct)."}
    for lang, said in told.items():
        result = run(store, "make", "triage", "--task", "no-such-task", lang=lang)
        assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, said)

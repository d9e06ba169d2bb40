"""The commands rates, costs, departments and people, asked as a person and as a script would."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from jitsuri.cli.costs import costs
from jitsuri.cli.departments import departments
from jitsuri.cli.doors import Desk
from jitsuri.cli.main import translated
from jitsuri.cli.people import people
from jitsuri.cli.rates import rates
from jitsuri.settings import Settings, read_settings
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.words import LANGUAGES, has_text, text

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)


NUMBERS = itertools.count(1)


def clock() -> datetime:
    """One second later each time it is asked."""
    return NOW + timedelta(seconds=next(NUMBERS))


class Counter(Desk):
    """A desk at the test's database, with a clock and secrets that count."""

    def __init__(self, store: Store, lang: str) -> None:
        super().__init__(Path("/nowhere"), None, lang, False, clock, lambda: f"secret-{next(NUMBERS)}")
        self._store = store

    @cached_property
    def settings(self) -> Settings:
        return read_settings(Path("/nowhere"), None, {})

    @contextmanager
    def store(self) -> Iterator[Store]:
        yield self._store


def run(store: Store, group: click.Group, *words: str, lang: str = "ja") -> Result:
    result = CliRunner().invoke(group, words, obj=Counter(store, lang), catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, (SystemExit, CallerError)):
        raise result.exception
    return result


def given(store: Store, group: click.Group, *words: str) -> Any:
    result = run(store, group, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("group", [rates, costs, departments, people], ids=lambda group: group.name)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_command_and_option_is_explained(group: click.Group, lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(command: click.Command, code: str) -> Iterator[str]:
        yield f"{code}.help"
        yield from (f"{code}.{p.name}" for p in command.params if isinstance(p, click.Option))
        if isinstance(command, click.Group):
            for name, below in command.commands.items():
                yield from walk(below, f"{code}.{name}")

    assert [code for code in walk(group, f"cli.{group.name}") if not has_text(code)] == []
    monkeypatch.setenv("JITSURI_LANG", lang)
    shown = CliRunner().invoke(translated(group, f"cli.{group.name}"), ["--help"])
    assert text(f"cli.{group.name}.help", lang)[:40] in shown.output


def test_rates_go_in_and_come_out(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "quote.csv"
    file.write_bytes("前書き\n,USD,EUR\n2026/11/19,154.10,179\n2026/11/20,154.20,*****\n".encode("cp932"))
    assert given(store, rates, "import", str(file)) == {
        "added": 3, "corrected": 0, "known": 0, "reconverted": 0, "difference_jpy": "0",
    }  # fmt: skip
    assert run(store, rates, "import", str(file), lang="en").stdout == (
        "Took in 0 new rates and 0 corrections (3 stood already).\n"
    )
    run(store, rates, "add", "usd", "2026-11-20", "154.30", "--source", "みずほ銀行")
    newest = given(store, rates, "show", "USD")
    assert [(row["day"], row["rate"]) for row in newest] == [
        ("2026-11-20", "154.3"), ("2026-11-20", "154.2"), ("2026-11-19", "154.1"),
    ]  # fmt: skip
    assert "TTM 仲値" in run(store, rates, "show").stdout


def test_mistakes_are_told_by_line_with_exit_code_2(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "kawase.csv"
    file.write_text("日付,通貨,TTM\n2026-11-31,USD,154\n2026-11-20,USD,x\n", "utf-8")
    refused = run(store, rates, "import", str(file))
    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert refused.stderr.splitlines() == [
        "2 行目 日付 の「2026-11-31」は日付として読めません。2026-11-20 のように書いてください。",
        "3 行目 TTM の「x」は数として読めません。1234.5 か 1,234.5 のように書いてください。",
        "何も取り込んでいません（直すところ 2 件）。",
    ]
    told = json.loads(run(store, rates, "import", str(file), "--json").stdout)
    assert [(row["code"], row["line"]) for row in told["refused"]] == [("cell_not_day", 2), ("cell_not_number", 3)]


@pytest.mark.parametrize(
    ("group", "words", "code"),
    [
        (rates, ("add", "USD", "20 Nov", "154"), "day_unreadable"),
        (rates, ("add", "USD", "2026-11-20", "abc"), "number_unreadable"),
        (rates, ("import", "/nowhere/x.csv"), "file_unreadable"),
        (costs, ("end", "ffff", "2026-11-20"), "cost_unclear"),
        (costs, ("show", "--month", "11"), "month_unreadable"),
    ],
)
def test_what_cannot_be_read_is_a_callers_error(
    store: Store, group: click.Group, words: tuple[str, ...], code: str
) -> None:
    error = run(store, group, *words).exception
    assert isinstance(error, CallerError)
    assert error.code == code
    assert has_text(f"error.{code}")


def test_costs_are_added_shown_spread_and_ended(store: Store) -> None:
    made = given(
        store, costs, "add", "Copilot 40 席", "184,000", "--kind", "seats", "--from", "2026-04-01",
        "--spread", "shares", "--share", "D10/=60%", "--share", "D20/triage=0.4", "--unused", "20%",
    )  # fmt: skip
    month = given(store, costs, "show", "--month", "2026-11")
    assert [(a["department"], a["task"], a["amount_jpy"], a["unused"]) for a in month["amounts"]] == [
        ("D10", "", "88320.000000", False), ("D20", "triage", "58880.000000", False), ("", "", "36800.000000", True),
    ]  # fmt: skip
    assert "20 %" in run(store, costs, "show").stdout
    assert "184,000.00" in run(store, costs, "show", "--month", "2026-11").stdout
    ended = run(store, costs, "end", made["cost_id"][:8], "2026-10-31")
    assert ended.stdout == "費用「Copilot 40 席」を 2026-10-31 で終わらせました。\n"
    assert given(store, costs, "show", "--month", "2026-11") == {"amounts": [], "unconverted": []}
    again = run(store, costs, "add", "x", "1", "--kind", "gpu", "--from", "2026-04-01", "--spread", "direct")
    assert again.exit_code == 2
    assert "直接" in again.stderr


def test_tax_rules_are_shown_and_added(store: Store) -> None:
    run(store, rates, "tax", "add", "anthropic", "2026-04-01", "reverse_charge", "--source", "契約書")
    rules = given(store, rates, "tax", "show")
    assert [(r["provider"], r["treatment"], r["percent"]) for r in rules] == [
        ("openai", "charged", "10"), ("anthropic", "reverse_charge", "10"),
    ]  # fmt: skip
    assert "リバースチャージ" in run(store, rates, "tax", "show").stdout


def test_departments_are_shown_as_a_tree(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "bumon.csv"
    rows = ["code,name_ja,name_en,parent,valid_from", "D1,本社,Head office,,2024-04-01", "D20,製造部,,D1,2024-04-01"]
    rows += ["D11,一課,,D10,2025-04-01", "D10,営業部,Sales,D1,2024-04-01"]
    file.write_text("\n".join(rows), "utf-8")
    assert given(store, departments, "import", str(file)) == {"added": 4, "ended": 0, "known": 0}
    shown = run(store, departments, "show", "--day", "2025-04-01", lang="en").stdout
    assert shown == "D1  Head office\n  D10  Sales\n    D11  一課\n  D20  製造部\n"
    assert [d["path"] for d in given(store, departments, "show", "--day", "2025-03-31")] == [
        ["D1"], ["D1", "D10"], ["D1", "D20"],
    ]  # fmt: skip


def test_people_are_invited_and_get_links(store: Store) -> None:
    made = given(store, people, "add", "Baba@example.jp", "--name", "馬場", "--role", "finance")
    assert made["login"] == "baba@example.jp"
    assert made["path"].startswith("/links/secret-")
    assert "http://127.0.0.1:8890/links/secret-" in run(store, people, "link", "baba@example.jp").stdout
    listed = given(store, people, "list")
    assert [(p["login"], p["roles"], p["active"]) for p in listed] == [("baba@example.jp", ["finance"], True)]
    refused = run(store, people, "add", "baba@example.jp", "--name", "馬場", "--role", "finance", "--role", "auditor")
    assert refused.exit_code == 2
    assert "監査はほかの役割と兼ねられません" in refused.stderr

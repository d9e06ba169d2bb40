"""``jitsuri prices``, as a person and as a script meet it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from jitsuri.cli.doors import Desk, tell
from jitsuri.cli.main import translated
from jitsuri.cli.prices import prices
from jitsuri.flows.cold.renewing_prices import ensure_book
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.store.door import Store
from jitsuri.terms.errors import JitsuriError
from jitsuri.terms.ids import derived_id
from jitsuri.terms.usage import Usage

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
ASKED = datetime(2026, 10, 20, 3, tzinfo=UTC)
ONPREM = (
    '[[price]]\nprovider = "onprem"\nmodel = "qwen3-32b"\ncurrency = "JPY"\ninput = 10\noutput = 50\n'
    'source = "power and rent"\n'
)


@dataclass
class HeldDesk(Desk):
    """A desk whose store is the test's own."""

    held: Store | None = None

    @contextmanager
    def store(self) -> Iterator[Store]:
        assert self.held is not None
        yield self.held


@dataclass
class Shell:
    """Runs a command as the program does; what is wrong comes back as the sentence that a person reads."""

    desk: HeldDesk

    def run(self, *words: str, typed: str | None = None) -> Result:
        self.desk.json_out = False
        result = CliRunner().invoke(translated(prices, "cli.prices"), list(words), obj=self.desk, input=typed)
        if isinstance(result.exception, JitsuriError):
            result.stdout_bytes = tell(result.exception, self.desk.lang).encode()
        elif result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json").stdout)


@pytest.fixture
def shell(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("COLUMNS", "200")
    times = iter(NOW + timedelta(seconds=second) for second in range(10_000))
    config = tmp_path / "jitsuri.toml"
    config.write_text('[prices]\noverrides = "prices.toml"\n[money.assumed_rates]\nUSD = "150"\n', "utf-8")
    (tmp_path / "prices.toml").write_text("", "utf-8")
    return Shell(HeldDesk(tmp_path, config, "ja", json_out=False, now=lambda: next(times), held=store))


def fill(store: Store, provider: str, model: str, cost: str | None, count: int = 1) -> None:
    with store.transaction() as tx:
        for number in range(count):
            its_id = derived_id("call", model, str(number))
            entry_rows.insert_many(
                tx,
                [Entry(
                    entry_id=derived_id("entry", its_id.bytes, "attempt"), attempt_id=its_id, call_id=its_id,
                    thread_id=its_id, kind="attempt", corrects=None, at=ASKED, day=date(2026, 10, 20), booked_at=ASKED,
                    task="triage", department="", provider=provider, model=model, model_asked=model, model_answered="",
                    region="", tier="", purpose="", status="ok", http_status=200, error_code="", calls=1,
                    usage=Usage(1_000_000, 100_000), usage_raw=None, latency_ms=None, first_token_ms=None,
                    state="priced" if cost else "unpriced", reason="" if cost else "price_missing_model",
                    currency="USD" if cost else "", cost=Decimal(cost) if cost else None, price_block="",
                    price_book="", rate_id=None, rate=Decimal(150) if cost else None,
                    cost_jpy=Decimal(cost) * 150 if cost else None, reported_cost=None, reported_currency="",
                    source="import:openai", run_id=None,
                )],
            )  # fmt: skip


def price_file(tmp_path: Path) -> Path:
    path = tmp_path / "data.json"
    row = {
        "id": "openai", "name": "OpenAI",
        "models": [{"id": "gpt-4o", "match": {"equals": "gpt-4o"}, "prices": {"input_mtok": 2, "output_mtok": 10}}],
    }  # fmt: skip
    path.write_text(json.dumps([row]), "utf-8")
    return path


def test_show_tells_prices_cliffs_tiers_changes_and_the_age_of_the_book(shell: Shell) -> None:
    told = shell.run("show", "gemini-4-argon", "gpt-6.1-sol").stdout

    assert "genai-prices 0.2.3" in told
    assert "2026-11-03 の時点までの単価で、19 日たっています" in told
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told.splitlines() if "272,000" in line]
    assert cells[0][2:7] == ["標準 >272,000", "4", "0.2", "5", "15"]
    assert "batch" in told
    assert "これから変わる単価" in told
    assert "2026-12-01" in told
    assert "storage_searches_kcount" in told


def test_show_speaks_english_too(shell: Shell) -> None:
    shell.desk.asked_lang = "en"

    told = shell.run("show", "gemini-4-argon").stdout
    assert "Prices that will change" in told
    assert "cache read" in told


def test_show_as_json_has_exact_prices_of_the_day(shell: Shell) -> None:
    found = shell.json("show", "deepseek-flash", "--provider", "deepseek", "--at", "2026-12-01")

    (model,) = found["models"]
    inputs = [(p["window"], p["price"], p["per"]) for p in model["prices"] if p["kind"] == "input_tokens"]
    assert inputs == [
        ("", "0.15", 1_000_000), ("01:00-04:00 UTC", "0.3", 1_000_000), ("06:00-10:00 UTC", "0.3", 1_000_000),
    ]  # fmt: skip
    assert found["book"]["age_days"] == 19
    assert found["at"] == "2026-12-01 12:00:00+09:00"


def test_show_without_names_lists_the_ledger_and_says_what_has_no_price(shell: Shell, store: Store) -> None:
    assert "台帳はまだ空です" in shell.run("show").stdout
    fill(store, "openai", "gpt-4o", "3.5")
    fill(store, "onprem", "qwen3-32b", None)

    result = shell.run("show")
    assert "gpt-4o" in result.stdout
    assert "qwen3-32b（提供元 onprem）の単価がありません" in result.stdout
    assert result.exit_code == 0
    asked = shell.run("show", "gpt-99")
    assert asked.exit_code == 1
    assert "gpt-99" in asked.stdout


def test_diff_tells_the_effect_in_yen_and_update_asks_first(shell: Shell, store: Store, tmp_path: Path) -> None:
    book = ensure_book(store, NOW - timedelta(days=1), None)
    fill(store, "openai", "gpt-4o", "3.5", 2)
    file = str(price_file(tmp_path))

    told = shell.run("diff", file).stdout
    # 2 × (2.5 + 1) dollars and 2 × (2 + 1) dollars at 150
    assert "gpt-4o：2 件で 1,050 円 → 900 円" in told
    assert "2026-10 の利用で比べると、1,050 円 → 900 円（-150 円）" in told

    left = shell.run("update", file, typed="n\n")
    assert "いまの単価表のままにしました" in left.stdout
    assert shell.json("diff", file)["old"] == book.book_id

    taken = shell.run("update", file, typed="y\n十二月の改定\n")
    assert "使い始めました" in taken.stdout
    assert shell.json("diff", file)["same"] is True
    assert "同じです" in shell.run("update", file).stdout
    back = shell.run("update", "--installed", "--yes", "--reason", "戻す")
    assert "使い始めました" in back.stdout


def test_diff_as_json_names_every_difference(shell: Shell, tmp_path: Path) -> None:
    found = shell.json("diff", str(price_file(tmp_path)))

    assert found["month"] == "2026-10"
    assert {"provider": "openai", "model": "gpt-5"} in found["removed"]
    (change,) = [c for c in found["changed"] if c["kind"] == "input_tokens" and not c["tier"]]
    assert (change["model"], change["before"], change["after"], change["per"]) == ("gpt-4o", "2.5", "2", 1_000_000)


def test_a_source_must_be_named_and_only_one(shell: Shell, tmp_path: Path) -> None:
    for words in (("diff",), ("diff", str(price_file(tmp_path)), "--installed")):
        result = shell.run(*words)
        assert result.exit_code == 1
        assert "--installed のどちらか" in result.stdout


def test_a_broken_file_is_told_with_its_mend(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text("[{}]", "utf-8")

    assert "[0].id" in shell.run("diff", str(path)).stdout


def test_own_prices_are_checked_without_being_used(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "next.toml"
    path.write_text(ONPREM + ONPREM.replace("onprem", "openai").replace("qwen3-32b", "gpt-4o"), "utf-8")

    told = shell.run("overrides", "check", str(path)).stdout
    assert "単価 2 件、係数 0 件" in told
    assert "cache_read_tokens, web_searches" in told
    assert shell.json("show", "qwen3-32b", "--provider", "onprem")["missing"] != []


def test_reprice_prices_what_was_open(shell: Shell, store: Store, tmp_path: Path) -> None:
    fill(store, "onprem", "qwen3-32b", None, 2)
    (tmp_path / "prices.toml").write_text(ONPREM, "utf-8")

    result = shell.run("reprice", "--unpriced", "--reason", "自社モデルの単価を登録")
    # 2 × (1 × 10 + 0.1 × 50) yen
    assert "2 件を見て、2 件が円になり" in result.stdout
    assert "差 +30.00 円、新しい明細 4 行" in result.stdout
    again = shell.json("reprice", "--since", "2026-10-01", "--reason", "もう一度")
    assert (again["looked_at"], again["lines"], again["difference_jpy"]) == (2, 0, "0")


def test_reprice_needs_a_span_and_a_readable_day(shell: Shell) -> None:
    assert "--unpriced" in shell.run("reprice", "--reason", "x").stdout
    assert "2026-11-22 のように" in shell.run("reprice", "--since", "10/1", "--reason", "x").stdout


def test_every_command_teaches_in_both_languages() -> None:
    from jitsuri.words import LANGUAGES, has_text, text

    for name in ("show", "diff", "update", "overrides.check", "reprice"):
        assert has_text(f"cli.prices.{name}.help")
        for lang in LANGUAGES:
            assert "jitsuri prices" in text(f"cli.prices.{name}.help", lang)

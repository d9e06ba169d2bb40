"""The command pairs: draw, status, sheets out and in, refusals with their sentences."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from test_key import run as run_at

sys.path.insert(0, str(Path(__file__).parents[1] / "review"))

from pairs_scene import TRIAL
from test_labelling import FUJI, House

from jitsuri.cli.main import COMMANDS
from jitsuri.cli.pairs import pairs
from jitsuri.store.door import Store
from jitsuri.words import LANGUAGES, has_text


@pytest.fixture
def house(store: Store, tmp_path: Path) -> House:
    return House(store, tmp_path, budget=6)


def ran(house: House, *words: str, code: int = 0) -> Any:
    result = run_at(house.store, *words, group=pairs)
    assert result.exit_code == code, result.output
    return result


def test_draw_and_status(house: House) -> None:
    told = json.loads(ran(house, "draw", str(TRIAL), "--candidate", "openai", "--labels", "12", "--json").stdout)
    assert told["drawn"] == told["uniform"] + told["focused"]
    assert sum(one["size"] for one in told["strata"].values()) == 24
    assert "openai/gpt-small" in ran(house, "draw", str(TRIAL), "--candidate", "1", "--labels", "12").stdout
    (line,) = json.loads(ran(house, "status", str(TRIAL), "--json").stdout)
    assert (line["done"], line["drawn"], line["budget"]) == (0, told["drawn"], 12)
    assert ran(house, "status", str(TRIAL)).stdout
    assert ran(house, "status", "00000000-0000-0000-0000-000000000000").stdout
    refused = json.loads(ran(house, "draw", str(TRIAL), "--candidate", "x", "--labels", "5", "--json", code=2).stdout)
    assert refused["refused"][0]["code"] == "pairs_way_unknown"


def test_a_sheet_out_and_in(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jitsuri.cli.pairs.key_folder", lambda desk: house.folder)
    sheet = tmp_path / "fuji.csv"
    ran(house, "export", str(TRIAL), "--login", FUJI, "--out", str(sheet), "--most", "3")
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "choice": "same"} for row in rows)
    ran(house, "import", str(sheet), "--login", FUJI)
    assert len([act for act in house.acts("pair_labelled") if act[0] == "cli"]) == 3
    ran(house, "import", str(sheet), "--login", "nobody@example.jp", code=2)
    ran(house, "export", str(TRIAL), "--login", "eto@example.jp", "--out", str(sheet), code=2)


def test_every_option_is_told_in_both_languages() -> None:
    assert "pairs" in COMMANDS
    for name, command in pairs.commands.items():
        assert has_text(f"cli.pairs.{name}.help"), name
        wanted = [one.name for one in command.params if type(one).__name__ == "Option"]
        assert [one for one in wanted if not has_text(f"cli.pairs.{name}.{one}")] == []
    assert LANGUAGES

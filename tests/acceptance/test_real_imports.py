"""Real calls and a real hour of traffic, priced right to the last digit by formulas written by hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DATA = Path(os.environ.get("JITSURI_DATA", "no-folder-named"))

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real data is not here: set JITSURI_DATA to its folder"),
]


def jitsuri(home: Path, *words: str | Path) -> str:
    environment = {**os.environ, "JITSURI_HOME": str(home), "JITSURI_LANG": "en"}
    environment.pop("DATABASE_URL", None)
    done = subprocess.run(
        [str(BIN / "jitsuri"), *map(str, words)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def imported(scratch: Path) -> Iterator[Path]:
    top = Path(tempfile.mkdtemp(prefix="jitsuri-test-", dir=scratch))
    top.chmod(0o711)
    home = top / "home"
    jitsuri(home, "init")
    subprocess.run(
        [sys.executable, str(ROOT / "sample" / "real_logs.py"), "--out", str(top), "--data", str(DATA)], check=True
    )
    mapping = ROOT / "sample" / "azure_trace.toml"
    jitsuri(home, "import", DATA / "traces" / "AzureLLMInferenceTrace_conv.csv", "--map-file", mapping)
    jitsuri(home, "import", top / "jfinqa.jsonl")
    yield home
    shutil.rmtree(top, ignore_errors=True)


def test_every_task_and_model_costs_what_the_hand_formulas_say(imported: Path) -> None:
    by_hand = json.loads(
        subprocess.run(
            [sys.executable, str(ROOT / "bench" / "real_data.py"), "--rate", "150", "--data", str(DATA), "--json"],
            capture_output=True, text=True, check=True,
        ).stdout
    )  # fmt: skip
    shown = json.loads(
        jitsuri(
            imported,
            "ledger",
            "show",
            "--from",
            "2023-11",
            "--to",
            "2026-11",
            "--by",
            "task",
            "--by",
            "model",
            "--json",
        )
    )

    ours = {(r["task"], r["model"]): (r["calls"], Decimal(r["cost_jpy"])) for r in shown["rows"]}
    assert ours == _rows(by_hand)
    assert sum(calls for calls, _ in ours.values()) == 19_366 + 600
    assert (shown["unpriced"], shown["unconverted"]) == (0, 0)


def _rows(by_hand: Any) -> dict[tuple[str, str], tuple[int, Decimal]]:
    rows = {}
    for name in ("jfinqa", "azure-trace"):
        for row in by_hand[name]["parts"]:
            rows[(row["task"], row["model"])] = (row["calls"], Decimal(row["cost_jpy"]))
    return rows


def test_the_real_calls_stand_in_the_opportunity_list(imported: Path) -> None:
    listed = json.loads(jitsuri(imported, "opportunities", "--json"))

    tasks = {row["task"]: row for row in listed["tasks"]}
    assert set(tasks) == {"jfinqa-numerical-reasoning", "jfinqa-temporal-reasoning", "jfinqa-consistency-checking"}
    assert Decimal(tasks["jfinqa-numerical-reasoning"]["cost_jpy_per_month"]) == Decimal("89.327487")
    assert all(row["labels_needed"] == 289 and row["candidates"] for row in tasks.values())


def test_the_real_hour_stands_in_the_opportunity_list(scratch: Path) -> None:
    top = Path(tempfile.mkdtemp(prefix="jitsuri-test-", dir=scratch))
    top.chmod(0o711)
    home = top / "home"
    try:
        jitsuri(home, "init")
        mapping = ROOT / "sample" / "azure_trace.toml"
        jitsuri(home, "import", DATA / "traces" / "AzureLLMInferenceTrace_conv.csv", "--map-file", mapping)
        (row,) = json.loads(jitsuri(home, "opportunities", "--json"))["tasks"]
    finally:
        shutil.rmtree(top, ignore_errors=True)

    assert (row["task"], row["calls"]) == ("azure-conversation", 19_366)
    assert Decimal(row["cost_jpy_per_month"]) == Decimal("51941.797500")
    best = row["candidates"][0]
    assert Decimal(best["cost_jpy_per_month"]) + Decimal(best["saving_jpy_per_month"]) == Decimal("51941.797500")

"""The bars on real outcomes, with fewer draws than ``bench/cascades.py``, which makes the published table."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

DATA = Path(os.environ.get("JITSURI_DATA", ""))
pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(not (DATA / "outcomes" / "jfinqa.parquet").is_file(), reason="JITSURI_DATA is not set"),
]
NAMES = (
    "jfinqa: gpt-4o → gemini-2.0-flash",
    "same, other templates in training",
    "jfinqa: gpt-4o → gpt-4o-mini",
    "MMLU: gpt-4-1106 → Mixtral-8x7B",
)


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_cascades", Path(__file__).parents[2] / "bench" / "cascades.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_the_bars_are_reached(bench: ModuleType, name: str) -> None:
    """Share of the oracle, mean loss ≤ ε + 0.2 points, confident bound kept in ≥ 92 % of draws."""
    case = next(case for case in bench.cases(DATA) if case.name == name)
    table, _ = bench.run(case, draws=60, splits=5 if case.training < 1_000 else 2)

    assert bench.missed(case, table) == []


def test_the_naive_threshold_would_not_keep_the_promise(bench: ModuleType) -> None:
    case = next(case for case in bench.cases(DATA) if case.name == NAMES[2])
    table, _ = bench.run(case, draws=60, splits=2)

    at = table["naive", "mean", "harm", 0.01]
    assert sum(at.kept) / len(at.kept) < 0.7
    assert sum(at.loss) / len(at.loss) > 0.0105

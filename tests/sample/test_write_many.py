"""The big log for measurements: as many lines as asked, each readable, each its own."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import write_many

from jitsuri.calls.rules.reading import plan_reading, read_record
from jitsuri.calls.shapes import Fault, Logged
from jitsuri.calls.wire.opening import open_log

pytestmark = pytest.mark.slow

LINES = 20_000


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "many.jsonl"
    written = write_many.write(path, LINES, date(2025, 12, 1), date(2026, 11, 20), 0)
    assert written == path.stat().st_size
    return path


def read(path: Path) -> list[Logged]:
    with open_log(path) as log:
        reading = plan_reading(log.layout, log.head, log.header, now=datetime(2026, 11, 22, tzinfo=UTC))
        calls = []
        for number, raw in log:
            assert not isinstance(raw, Fault)
            call = read_record(number, raw, reading)
            assert isinstance(call, Logged), call
            calls.append(call)
        return calls


def test_every_line_is_a_call_of_its_own(log: Path) -> None:
    calls = read(log)

    assert len(calls) == LINES
    assert len({call.external_id for call in calls}) == LINES


def test_lines_run_through_twelve_months_in_order(log: Path) -> None:
    moments = [call.at for call in read(log)]

    assert moments == sorted(moments)
    assert len({(at.year, at.month) for at in moments}) == 12


def test_tasks_departments_models_and_errors_vary(log: Path) -> None:
    calls = read(log)

    assert len({call.task for call in calls}) == 9  # eight, and none
    assert len({call.department for call in calls}) == 9
    assert len({call.model_asked for call in calls}) == 7
    assert sum(call.status == "error" for call in calls) == pytest.approx(LINES / 100, rel=0.2)
    assert sum(call.task == "" for call in calls) == pytest.approx(LINES / 10, rel=0.1)


def test_lines_have_the_size_of_real_ones(log: Path) -> None:
    sizes = [len(line) for line in log.read_bytes().split(b"\n")[:-1]]

    assert min(sizes) >= 550
    assert max(sizes) <= 1_050


def test_the_same_arguments_give_the_same_bytes() -> None:
    first, last = date(2026, 1, 1), date(2026, 1, 3)

    once = list(write_many.lines(300, first, last, 7))

    assert once == list(write_many.lines(300, first, last, 7))
    assert once != list(write_many.lines(300, first, last, 8))

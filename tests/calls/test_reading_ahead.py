"""Reading in another process says the same as reading here, and ends when either side does."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from jitsuri.calls.live.reading_ahead import read_ahead
from jitsuri.calls.rules.reading import plan_reading, read_record
from jitsuri.calls.shapes import Fault, Logged, Reading
from jitsuri.calls.wire.opening import open_log
from jitsuri.terms.errors import OperatorError

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def written(path: Path, count: int) -> Reading:
    lines = []
    for n in range(count):
        usage = {"prompt_tokens": 10 + n, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": n % 10}}
        lines.append(json.dumps({
            "timestamp": "2026-11-04T00:00:00Z", "request": {"model": "gpt-4o", "messages": []},
            "response": {"id": f"chatcmpl-{n:024d}", "model": "gpt-4o", "choices": [], "usage": usage},
        }))  # fmt: skip
    lines[7] = "{broken"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    with open_log(path) as log:
        return plan_reading(log.layout, log.head, log.header, now=NOW)


def readers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def test_it_reads_what_reading_here_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    reading = written(path, 1234)
    with open_log(path) as log:
        here = [raw if isinstance(raw, Fault) else read_record(n, raw, reading) for n, raw in log]

    there = [record for record, _ in read_ahead(path, reading)]
    assert [x for x in there if isinstance(x, Logged)] == [x for x in here if isinstance(x, Logged)]
    assert [x for x in there if isinstance(x, Fault)] == [x for x in here if isinstance(x, Fault)]
    assert readers() == []


def test_a_reader_that_nobody_listens_to_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    records = read_ahead(path, written(path, 50_000))
    next(records)
    records.close()  # type: ignore[attr-defined]

    assert readers() == []


def test_a_killed_reader_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    records = read_ahead(path, written(path, 60_000))
    next(records)
    time.sleep(0.3)
    for reader in readers():
        reader.kill()

    with pytest.raises(OperatorError, match="reader_lost"):
        list(records)


def test_a_file_that_is_gone_is_told_as_it_would_be_here(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    reading = written(path, 10)
    path.unlink()

    with pytest.raises(Exception, match="log_missing"):
        list(read_ahead(path, reading))

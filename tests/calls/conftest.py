"""Reading records in tests: a fixed today, JSON from Python values."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jitsuri.calls.rules.reading import plan_reading, read_record
from jitsuri.calls.shapes import Fault, Logged
from jitsuri.calls.wire.opening import open_log

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

Read = Callable[..., Logged]
ReadAny = Callable[..., "Logged | Fault | None"]
ReadFile = Callable[..., "list[Logged | Fault | None]"]


@pytest.fixture
def read_any() -> ReadAny:
    """One JSON record, its format detected unless given: whatever comes of it."""

    def read(record: Any, form: Any = None, **options: Any) -> Logged | Fault | None:
        raw = record if isinstance(record, bytes) else json.dumps(record, ensure_ascii=False).encode()
        reading = plan_reading("lines", [raw], b"", now=NOW, asked_format=form, **options)
        return read_record(1, raw, reading)

    return read


@pytest.fixture
def read(read_any: ReadAny) -> Read:
    """One JSON record that must be a call."""

    def read(record: Any, form: Any = None, **options: Any) -> Logged:
        call = read_any(record, form, **options)
        assert isinstance(call, Logged), call
        return call

    return read


@pytest.fixture
def read_file(tmp_path: Path) -> ReadFile:
    """All records of a file with this content."""

    def read(content: bytes, **options: Any) -> list[Logged | Fault | None]:
        path = tmp_path / "log"
        path.write_bytes(content)
        with open_log(path) as log:
            reading = plan_reading(log.layout, log.head, log.header, now=NOW, **options)
            return [raw if isinstance(raw, Fault) else read_record(number, raw, reading) for number, raw in log]

    return read

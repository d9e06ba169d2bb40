"""Chores beside the console: whatever one of them meets, it is done again."""

from __future__ import annotations

import threading

import pytest

from jitsuri.app.serving import Chores
from jitsuri.terms.errors import JitsuriError, OperatorError


def test_a_chore_that_fails_is_done_again(caplog: pytest.LogCaptureFixture) -> None:
    told: list[JitsuriError] = []
    is_done = threading.Event()
    faults = [RuntimeError("a deadlock"), OperatorError("database_unreachable", where="x", reason="y")]

    def work() -> None:
        if faults:
            raise faults.pop(0)
        is_done.set()

    chores = Chores(told.append)
    chores.every(0.001, work)
    assert is_done.wait(5)
    chores.stop()
    assert [error.code for error in told] == ["database_unreachable"]
    assert "a deadlock" in caplog.text

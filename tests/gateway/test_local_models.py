"""Models of this machine: what they are started with, and how long one that died is left alone. llama.cpp need not be there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jitsuri.app import local_models
from jitsuri.app.local_models import FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_S, LocalModels
from jitsuri.settings import Settings, check_text
from jitsuri.terms.errors import JitsuriError, OperatorError

FILE = """
[upstreams.own]
kind = "llama_cpp"
model_file = "models/own.gguf"
threads = 4
parallel = 3
context = 8192

[upstreams.plain]
kind = "llama_cpp"
model_file = "plain.gguf"
"""


def settings(tmp_path: Path, text: str = FILE) -> Settings:
    found, mistakes = check_text(text, tmp_path, tmp_path / "jitsuri.toml", {})
    assert mistakes == []
    return found


class Host:
    """A llama.cpp that runs for so many looks, each of which takes a second of a clock that a test holds."""

    api_key = "key"

    def __init__(self, seconds: float, clock: Clock) -> None:
        self.ends_at = clock.now + seconds
        self.clock = clock

    def is_running(self) -> bool:
        return self.clock.now < self.ends_at

    def fault(self) -> OperatorError | None:
        return OperatorError("llama_killed", path="own.gguf", signal="SIGKILL")

    def stop(self) -> None:
        """It has ended already."""


class Clock:
    """Waits by moving its own hands; ends everything when there is no run left."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.is_over = False

    def __call__(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return self.is_over

    def set(self) -> None:
        self.is_over = True

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.is_over


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """The pauses after runs of so many seconds (None: it could not even be loaded)."""

    def pauses(*runs: float | None) -> list[float]:
        clock, told, starts = Clock(), list[JitsuriError](), list[float]()
        left = list(runs)

        def start(*_path: Any, **_asked: Any) -> Host:
            starts.append(clock.now)
            if not left:
                clock.set()
                raise OperatorError("llama_file_missing", path="own.gguf")
            seconds = left.pop(0)
            if seconds is None:
                raise OperatorError("llama_file_missing", path="own.gguf")
            return Host(seconds, clock)

        monkeypatch.setattr(local_models, "start", start)
        models = LocalModels(settings(tmp_path), told.append, clock)
        models._stopping = clock  # type: ignore[assignment]
        models._folder.mkdir(exist_ok=True)
        models._keep(models._hosts[0])
        ends = [at + (run or 0) for at, run in zip(starts, runs, strict=False)]
        assert len(told) == len(runs) + 1, "each end is told"
        return [begin - end for end, begin in zip(ends, starts[1:], strict=True)]

    return pauses


def test_each_model_is_started_with_its_own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, dict[str, Any]]] = []

    def start(path: Path, **wanted: Any) -> Host:
        asked.append((path, wanted))
        raise OperatorError("llama_file_missing", path=str(path))

    monkeypatch.setattr(local_models, "start", start)
    models = LocalModels(settings(tmp_path), lambda _: models._stopping.set())
    for model in models._hosts:
        models._stopping.clear()
        models._keep(model)

    shown = [(path.relative_to(tmp_path).as_posix(), w["threads"], w["parallel"], w["context"]) for path, w in asked]
    assert shown == [("models/own.gguf", 4, 3, 8192), ("plain.gguf", 1, 1, 4096)]


def test_the_pause_doubles_while_a_model_keeps_dying(kept: Callable[..., list[float]]) -> None:
    assert kept(None, None, 5.0, None) == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S, 8 * FIRST_PAUSE_S]
    assert kept(*[None] * 12)[-1] == LONGEST_PAUSE_S


def test_a_model_that_answered_for_a_while_is_loaded_again_at_once(kept: Callable[..., list[float]]) -> None:
    steady = STEADY_S + 1
    assert kept(None, None, None, steady, None) == [1, 2, 4, FIRST_PAUSE_S, 2 * FIRST_PAUSE_S]


@pytest.mark.parametrize(
    "line", ["parallel = 0", "parallel = 33", "context = 100", "context = 200000", 'context = "x"']
)
def test_what_no_machine_could_do_is_a_mistake_of_the_file(tmp_path: Path, line: str) -> None:
    text = f'[upstreams.own]\nkind = "llama_cpp"\nmodel_file = "a.gguf"\n{line}\n'
    [mistake] = check_text(text, tmp_path, None, {})[1]
    assert (mistake.key, mistake.line) == (f"upstreams.own.{line.split()[0]}", 4)

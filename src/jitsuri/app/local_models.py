"""Models of this machine: one llama.cpp process per ``llama_cpp`` upstream, started again when one dies.

Every worker asks it like any other server, at an address and with a key that stay the same for as long as this process
lives: the port is kept, and the key lies in a file that is read again when it changes.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jitsuri.providers.wire.llama import LlamaHost, start
from jitsuri.settings import Settings
from jitsuri.terms.errors import JitsuriError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""Before a model that died is loaded again; doubled while it dies within a minute of being loaded (decision 0022)."""
STEADY_S = 60.0
"""A model that answered so long was well: its next end is a new story (as for workers, decision 0017)."""
LOOK_S = 1.0


class LocalModels:
    """All models that the settings name. ``addresses`` is what workers are told."""

    def __init__(
        self, settings: Settings, tell: Callable[[JitsuriError], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``tell`` hears why a model could not be loaded, or ended; ``clock`` is monotonic seconds."""
        self._tell = tell
        self._clock = clock
        self._stopping = threading.Event()
        self._folder = settings.home / "run"
        folder = (settings.file or settings.home / "x").parent
        self._hosts = [
            _Model(
                name, folder / str(row["model_file"]), _whole(row["threads"]), _whole(row["parallel"]),
                _whole(row["context"]),
            )
            for name, row in settings.tables.get("upstreams", {}).items()
            if row["kind"] == "llama_cpp"
        ]  # fmt: skip
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Load all, each on a thread of its own; a model that cannot be loaded is told and tried again."""
        if not self._hosts:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for model in self._hosts:
            thread = threading.Thread(target=self._keep, args=(model,), name=f"model-{model.name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    @property
    def addresses(self) -> Mapping[str, tuple[str, str]]:
        """Upstream name → base address and file with the key."""
        return {m.name: (f"http://127.0.0.1:{m.port}/v1", str(self._key_file(m))) for m in self._hosts}

    def stop(self) -> None:
        """End all."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _key_file(self, model: _Model) -> Path:
        return self._folder / f"{model.name}.key"

    def _keep(self, model: _Model) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            host: LlamaHost | None = None
            loaded_at: float | None = None
            try:
                host = start(
                    model.file, threads=model.threads, context=model.context, parallel=model.parallel, port=model.port,
                    name=model.name,
                )  # fmt: skip
                self._write_key(model, host.api_key)
                loaded_at = self._clock()
                while host.is_running() and not self._stopping.wait(LOOK_S):
                    pass
                fault = host.fault()
                if fault is not None:
                    self._tell(fault)
            except JitsuriError as error:
                self._tell(error)
            finally:
                if host is not None:
                    host.stop()
            if loaded_at is not None and self._clock() - loaded_at > STEADY_S:
                pause = FIRST_PAUSE_S
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _write_key(self, model: _Model, key: str) -> None:
        path = self._key_file(model)
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(key)
        fresh.replace(path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class _Model:
    name: str
    file: Path
    threads: int
    parallel: int
    """Calls at the same time."""
    context: int
    """Tokens of each of them."""
    port: int = field(default_factory=_free_port)


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value

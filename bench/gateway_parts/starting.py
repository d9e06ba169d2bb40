"""Starts what is measured: the upstream, LiteLLM, Jitsuri in a fresh home; and stops it again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway_parts.asking import CELLS, Target, request_of
from gateway_parts.weighing import GATEWAY_CORE, OTHER_CORE, move, pinned, postgres_of

JITSURI = str(Path(sys.executable).parent / "jitsuri")
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where this run keeps its files and how it puts processes on cores."""

    folder: Path
    upstream_port: int
    is_realtime: bool = False
    are_instruments_first: bool = False
    """Load and upstream, which would stand on machines of their own, never wait behind what is measured."""

    def start(
        self,
        words: list[str],
        name: str,
        core: int,
        environment: dict[str, str] | None = None,
        *,
        is_instrument: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a program on a core; what it says goes to ``<name>.log``."""
        log = (self.folder / f"{name}.log").open("ab")
        with pinned(core, is_realtime=self.is_realtime or (is_instrument and self.are_instruments_first)):
            return subprocess.Popen(
                words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.folder,
                env=environment,
            )  # fmt: skip

    def said(self, name: str) -> str:
        """The end of what a program said, for a failure's message."""
        with contextlib.suppress(OSError):
            return (self.folder / f"{name}.log").read_text("utf-8", "replace")[-2000:]
        return ""


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program to end, as an operator would; kill what is left of its session after a while."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@dataclass(slots=True)
class Running:
    """A gateway that answers."""

    target: Target
    process: subprocess.Popen[bytes]
    cold_start_s: float
    home: Path | None = None

    def stop(self) -> None:
        end(self.process)


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def ask_once(target: Target, cell: str = "c1") -> tuple[int, str]:
    """Status and text of one call; 0 when nobody answers."""
    try:
        with socket.create_connection(("127.0.0.1", target.port), timeout=60) as made:
            made.sendall(request_of(target, CELLS[cell]))
            answer = http.client.HTTPResponse(made)
            answer.begin()
            return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)


def first_answer(target: Target, process: subprocess.Popen[bytes], started: float, said: Callable[[], str]) -> float:
    """Seconds from ``started`` to the first 200 of a real call. Ends the bench when none comes."""
    status, text = 0, ""
    while time.perf_counter() - started < PATIENCE_S:
        status, text = ask_once(target)
        if status == 200:
            return time.perf_counter() - started
        if process.poll() is not None:
            break
        time.sleep(0.01)
    end(process)
    sys.exit(f"{target.name} gave no answer (last {status}: {text[:300]})\n{said()}")


def tell_upstream(port: int, path: str) -> dict[str, int]:
    """Set the upstream's knobs, or read its counts."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        asked.request("GET", path)
        answer: dict[str, int] = json.loads(asked.getresponse().read())
        return answer
    finally:
        asked.close()


def start_upstream(program: Path, place: Place) -> subprocess.Popen[bytes]:
    process = place.start([str(program), str(place.upstream_port)], "upstream", OTHER_CORE, is_instrument=True)
    for _ in range(200):
        with contextlib.suppress(OSError):
            tell_upstream(place.upstream_port, "/count")
            return process
        time.sleep(0.01)
    sys.exit(f"the upstream did not start: {place.said('upstream')}")


LITELLM_CONFIG = """\
model_list:
  - model_name: gpt-4o-mini
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "http://127.0.0.1:{port}/v1", api_key: unused}}
  - model_name: claude-haiku-4-5
    litellm_params: {{model: anthropic/claude-haiku-4-5, api_base: "http://127.0.0.1:{port}", api_key: unused}}
litellm_settings: {{num_retries: 0, request_timeout: 60, telemetry: false}}
general_settings: {{master_key: "{key}"}}
"""


def start_litellm(binary: str, place: Place) -> Running:
    """LiteLLM with one worker, without retries, telemetry and database."""
    key, port = f"sk-{secrets.token_hex(20)}", free_port()
    config = place.folder / "litellm.yaml"
    config.touch(mode=0o600)
    config.write_text(LITELLM_CONFIG.format(port=place.upstream_port, key=key), "utf-8")
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False",
                   "NO_PROXY": "127.0.0.1"}  # fmt: skip
    environment.pop("DATABASE_URL", None)
    words = [binary, "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    started = time.perf_counter()
    process = place.start(words, "litellm", GATEWAY_CORE, environment)
    target = Target(
        "litellm", port, key=key, models={"chat": "gpt-4o-mini", "messages": "claude-haiku-4-5"}, pid=process.pid
    )
    took = first_answer(target, process, started, lambda: place.said("litellm"))
    return Running(target, process, took)


JITSURI_CONFIG = """\
[company]
name = "株式会社サンプル精機"

[console]
port = {console_port}

[gateway]
port = {port}
workers = 1

[money.assumed_rates]
USD = "150.00"

[upstreams.mock]
kind = "compatible"
base_url = "http://127.0.0.1:{upstream_port}/v1"
vendor = "openai"
retries = 0

[upstreams.mock-messages]
kind = "anthropic"
base_url = "http://127.0.0.1:{upstream_port}/v1"
vendor = "openai"
models = "claude*"
key_env = "MOCK_KEY"
retries = 0

[tasks.bench]
title_ja = "計測"
title_en = "Bench"
variant = "mock/gpt-4o-mini"

[budgets.bench]
scope = "task"
subject = "bench"
limit_jpy = 100000000
kind = "hard"
"""
"""A task, its variant, and a hard budget over it, so that every call is held, priced and settled."""


@dataclass(slots=True)
class Own:
    """Jitsuri in a home of its own: made once, started as often as asked."""

    place: Place
    home: Path
    target: Target

    @classmethod
    def make(cls, place: Place, folder: Path) -> Own:
        """``init``, a configuration, a key."""
        home, port = folder / "home", free_port()
        shutil.rmtree(home, ignore_errors=True)
        own = cls(place, home, Target("jitsuri", port, models={"chat": "task:bench", "messages": "claude-haiku-4-5"}))
        own.run("init")
        config = JITSURI_CONFIG.format(port=port, console_port=free_port(), upstream_port=place.upstream_port)
        (home / "jitsuri.toml").write_text(config, "utf-8")
        own.target.key = own.make_key()
        return own

    def run(self, *words: str) -> str:
        command = [JITSURI, "--home", str(self.home), *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"jitsuri {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def make_key(self) -> str:
        made: dict[str, str] = json.loads(self.run("key", "make", "bench", "--json"))
        return made["secret"]

    @property
    def environment(self) -> dict[str, str]:
        own = [name for name in os.environ if name.startswith("JITSURI_") or name == "DATABASE_URL"]
        return {
            **{name: value for name, value in os.environ.items() if name not in own},
            "NO_PROXY": "127.0.0.1",
            "MOCK_KEY": "unused",
        }

    def start(self) -> Running:
        """``jitsuri up`` on the gateway's core, its PostgreSQL moved to the other once the first answer is there."""
        started = time.perf_counter()
        process = self.place.start([JITSURI, "--home", str(self.home), "up"], "jitsuri", GATEWAY_CORE, self.environment)
        took = first_answer(self.target, process, started, lambda: self.place.said("jitsuri"))
        move(postgres_of(self.home), OTHER_CORE, is_realtime=self.place.is_realtime)
        self.target.pid = process.pid
        return Running(self.target, process, took, self.home)

"""A gateway as it is installed: ``jitsuri up`` in a home of its own, on a database that a test hands in."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import psutil

from jitsuri.access.shapes import KeyScope
from jitsuri.flows.cold import keeping_keys
from jitsuri.flows.cold.keeping_rates import rates_in_use
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal

JITSURI = Path(sys.executable).parent / "jitsuri"

SETTINGS = """
[company]
name = "株式会社サンプル精機"

[money.assumed_rates]
USD = "150"

[console]
port = 0

[gateway]
port = 0
workers = {workers}
ledger_seconds = {ledger_seconds}
{gateway}

[jobs]
at_once = 0

[upstreams.stub]
kind = "compatible"
base_url = "{stub}"
vendor = "openai"
region = "jp"
models = "gpt-4o-mini, gpt-5*, stub*, text-embedding-3-small"
passes = "/audio/speech, /responses"
first_byte_seconds = 3
between_seconds = 2
retries = 1

[upstreams.stub-anthropic]
kind = "anthropic"
base_url = "{stub}"
region = "us"
training = "never"
key_env = "STUB_KEY"
models = "claude*"
first_byte_seconds = 3
between_seconds = 2
retries = 1

[tasks.inquiry-triage]
title_ja = "問合せの仕分け"
variant = "stub/gpt-4o-mini"
{more}
"""


def settings_text(stub: str, *, workers: int = 1, ledger_seconds: int = 10, gateway: str = "", more: str = "") -> str:
    return SETTINGS.format(stub=stub, workers=workers, ledger_seconds=ledger_seconds, gateway=gateway, more=more)


class RunningGateway:
    """``with RunningGateway(home, settings, database_url) as gateway: gateway.url, gateway.key``."""

    def __init__(
        self, home: Path, settings: str, database_url: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        (home / "jitsuri.toml").write_text(settings, "utf-8")
        self.home = home
        self.environment = {
            **os.environ, "JITSURI_HOME": str(home), "DATABASE_URL": database_url, "STUB_KEY": "sk-stub",
            "JITSURI_LANG": "en", "no_proxy": "*", **(environment or {}),
        }  # fmt: skip
        if not database_url:
            del self.environment["DATABASE_URL"]
        self.url = ""
        self.console = ""
        self.process: subprocess.Popen[str] | None = None
        self.lines: list[str] = []

    def start(self) -> RunningGateway:
        self.errors = (self.home / "stderr.txt").open("a")
        self.process = subprocess.Popen(
            [JITSURI, "up"], env=self.environment, text=True, stdout=subprocess.PIPE, stderr=self.errors, cwd=self.home
        )
        assert self.process.stdout is not None
        while not self.url:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError((self.home / "stderr.txt").read_text())
            self.lines.append(line)
            found = re.search(r"(http://[^ ]+)/v1", line)
            if found:
                self.url = found.group(1)
            elif re.search(r"http://[^ /]+\s*$", line):
                self.console = line.split()[-1]
        self.wait_until_well()
        return self

    def wait_until_well(self, seconds: float = 30.0) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if self.status() == 200:
                return
            assert self.process is not None
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"the gateway is not well: {self.told()}")

    def status(self) -> int:
        import urllib.error
        import urllib.request

        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def wait_until_known(self, key: str, seconds: float = 20.0) -> None:
        """Wait until every worker has heard of a key: which one a look meets is chance."""
        ends = time.monotonic() + seconds
        known: set[int] = set()
        while not known.issuperset(self.worker_pids() or [0]):
            connection = http.client.HTTPConnection("127.0.0.1", urlsplit(self.url).port, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    known |= self._behind(connection)
                else:
                    time.sleep(0.05)
            assert time.monotonic() < ends, "the gateway has not heard of a new key"

    def _behind(self, connection: http.client.HTTPConnection) -> set[int]:
        """The worker at the other end of a connection."""
        ours = connection.sock.getsockname()
        found = set()
        for pid in self.worker_pids():
            with contextlib.suppress(psutil.Error):
                if any(one.raddr == ours for one in psutil.Process(pid).net_connections("tcp4")):
                    found.add(pid)
        return found

    def told(self) -> str:
        """What the processes wrote to stderr."""
        return (self.home / "stderr.txt").read_text()

    def worker_pids(self) -> list[int]:
        assert self.process is not None
        found = psutil.Process(self.process.pid).children(recursive=True)
        pids = []
        for process in found:
            with contextlib.suppress(psutil.Error):  # it has just ended
                if "jitsuri.app.worker" in " ".join(process.cmdline()):
                    pids.append(process.pid)
        return pids

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()
        return code

    def __enter__(self) -> RunningGateway:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is not None:
            print(self.told()[-5000:])


def make_key(store: Store, name: str = "app", secret: str = "x" * 43, **changes: Any) -> str:
    """A key's secret, as an application would hold it."""
    now = datetime.now(UTC)
    scope: dict[str, Any] = {
        "name": name, "department": "", "task": "", "models": (), "regions": (), "starts_at": now - timedelta(days=1),
        "expires_at": now + timedelta(days=30), "requests_per_minute": 0, "tokens_per_minute": 0, **changes,
    }  # fmt: skip
    made = keeping_keys.make(store, now, KeyScope(**scope), "test", lambda: f"{secret}{name}")
    assert not isinstance(made, Refusal), made
    return made.secret


def assume_dollar(store: Store) -> None:
    from decimal import Decimal

    rates_in_use(store, datetime.now(UTC), "TTM", {"USD": Decimal(150)})

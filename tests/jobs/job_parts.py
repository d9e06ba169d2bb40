"""Jobs of tests, registered as an installed package would: a folder with a module and its entry point."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psutil

from jitsuri.app.job_order import JobOrder
from jitsuri.store.door import Store
from jitsuri.store.jobs import queueing
from jitsuri.store.jobs.shapes import Job

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
QUICK = {"heartbeat_s": 0.5, "stalled_s": 4.0, "mend_s": 0.5, "pool_s": 1.5, "grace_s": 3.0}

MODULE = """
import os, time
from jitsuri.app.jobs import Chore
from jitsuri.terms.errors import CallerError


def note(folder, word):
    with open(os.path.join(folder, "notes"), "a") as file:
        file.write(f"{word} {os.getpid()}\\n")


def one(folder, place, seconds):
    note(folder, f"begin-{place}")
    time.sleep(seconds)
    note(folder, f"end-{place}")
    return {"place": place}


def steps(tools, asked):
    for place in range(asked["steps"]):
        came = tools.step(f"place:{place}", one, asked["folder"], place, asked["seconds"])
        assert came == {"place": place}
        tools.progress(place + 1, asked["steps"])


def refused(tools, asked):
    tools.step("first", note, asked["folder"], "first")
    if not os.path.exists(os.path.join(asked["folder"], "mended")):
        raise CallerError("budget_limit_missing", name="x")
    tools.step("second", note, asked["folder"], "second")


def broken(tools, asked):
    raise LookupError("a text that nobody but the log may see")


def add(registry):
    registry.add("test_steps", steps)
    registry.add("test_refused", refused)
    registry.add("test_broken", broken)
    if os.environ.get("TEST_CHORE"):
        folder = os.environ["TEST_CHORE"]
        registry.add_chore("test_chore", Chore("test_steps", {"folder": folder, "steps": 1, "seconds": 0}, every_s=1))
"""


def installed(folder: Path) -> dict[str, str]:
    """The environment in which a package with the jobs of tests is installed."""
    site = folder / "site"
    about = site / "jitsuri_test_jobs-1.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (site / "jitsuri_test_jobs.py").write_text(MODULE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: jitsuri-test-jobs\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[jitsuri.jobs]\nall = jitsuri_test_jobs:add\n")
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, "JITSURI_LANG": "en"}


def ask(store: Store, name: str, key: str = "", **arguments: Any) -> UUID:
    with store.transaction() as tx:
        return queueing.enqueue(tx, NOW, "aoki@example.jp", name, arguments, key or f"test:{name}")


def job(store: Store, job_id: UUID) -> Job:
    with store.reading() as tx:
        found = queueing.one(tx, job_id)
    assert found is not None
    return found


def until(is_so: Callable[[], Any], seconds: float = 30.0) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, "it did not come to be so"
        time.sleep(0.05)


def notes(folder: Path) -> list[list[str]]:
    path = folder / "notes"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def worker(store: Store, folder: Path, *, at_once: int = 1, **more: str) -> Iterator[psutil.Popen]:
    """A worker as ``jitsuri up`` starts it, with short times."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    order = JobOrder(str(home), "", at_once, **QUICK)
    environment = {**installed(folder), "DATABASE_URL": store.dsn, **more}
    with (folder / "stderr.txt").open("a") as errors:
        process = psutil.Popen(
            [sys.executable, "-m", "jitsuri.app.job_worker", msgspec.json.encode(order).decode()],
            stdin=subprocess.PIPE, stderr=errors, env=environment, cwd=folder,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            process.send_signal(signal.SIGCONT)
        process.stdin.close()
        try:
            process.wait(60)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait()


def told(process: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(process.stdout)

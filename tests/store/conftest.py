"""Home folders with an embedded server: made once, copied for each test that wants one."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitsuri.store.supervisor.holding import Supervisor
from jitsuri.store.supervisor.recognising import server_processes

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
IS_ROOT = os.geteuid() == 0


def run_as_user() -> dict[str, object]:
    """Arguments for ``subprocess`` to run as somebody who is not root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if IS_ROOT else {}


@pytest.fixture(scope="session")
def store_top() -> Iterator[Path]:
    """A short folder that every account may pass through."""
    top = Path(tempfile.mkdtemp(prefix="jst-", dir="/tmp"))
    top.chmod(0o755)
    yield top
    for data in top.glob("*/postgres/data-*"):
        for process in server_processes(data):
            process.kill()
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(scope="session")
def base_home(store_top: Path) -> Path:
    """A home folder whose server has been started and stopped once."""
    home = store_top / "base"
    with Supervisor(home).held():
        pass
    return home


_numbers = itertools.count()


@pytest.fixture
def copy_home(base_home: Path, store_top: Path) -> Callable[[Path], Path]:
    """Copies the base home to another place; its programs are shared."""

    def copied(target: Path) -> Path:
        postgres = target / "postgres"
        postgres.mkdir(parents=True)
        postgres.chmod(0o711)
        target.chmod(0o711)
        for part in (base_home / "postgres").iterdir():
            if part.name == "programs":
                (postgres / "programs").symlink_to(part)
            elif part.name not in ("socket", "log"):
                subprocess.run(["cp", "-a", str(part), str(postgres)], check=True)
        return target

    return copied


@pytest.fixture
def home(copy_home: Callable[[Path], Path], store_top: Path) -> Path:
    """A home folder of the test's own with a stopped, empty server."""
    return copy_home(store_top / f"h{next(_numbers)}")


_HOLD = """
import sys
from pathlib import Path
from jitsuri.store.supervisor.holding import Supervisor
supervisor = Supervisor(Path(sys.argv[1]))
dsn = supervisor.hold()
print("held", flush=True)
try:
    sys.stdin.read()
finally:
    supervisor.release()
"""


class Holder:
    """Another process that holds the server of a home folder until it is told to leave."""

    def __init__(self, home: Path, *prefix: str) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", _HOLD, str(home)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait_until_held(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"

    def leave(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.leave()


@pytest.fixture
def holder() -> Iterator[Callable[..., Holder]]:
    """Starts processes that hold a server; those still alive at the end are ended."""
    made: list[Holder] = []

    def start(home: Path, *prefix: str) -> Holder:
        made.append(Holder(home, *prefix))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.kill()


def data_of(home: Path) -> Path:
    return next((home / "postgres").glob("data-*"))


def lives(home: Path) -> bool:
    """Does any process of the home's server live?"""
    return bool(server_processes(data_of(home)))

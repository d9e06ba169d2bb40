"""Home folders with an embedded server: made once, copied for each test that wants one."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from embedded_home import Holder

from jitsuri.store.supervisor.holding import Supervisor


@pytest.fixture(scope="session")
def store_top(scratch: Path) -> Iterator[Path]:
    """A short folder that every account may pass through."""
    top = Path(tempfile.mkdtemp(prefix="jst-", dir=scratch))
    top.chmod(0o755)
    yield top
    for process in psutil.process_iter():  # what a failed test left behind
        with suppress(psutil.Error, OSError):
            if process.name() == "postgres" and process.cwd().startswith(f"{top}/"):
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
def copy_home(base_home: Path) -> Iterator[Callable[[Path], Path]]:
    """Copies the base home to another place, until the end of the test; its programs are shared."""
    made: list[Path] = []

    def copied(target: Path) -> Path:
        made.append(target)
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

    yield copied
    for target in made:
        shutil.rmtree(target, ignore_errors=True)


@pytest.fixture
def home(copy_home: Callable[[Path], Path], store_top: Path) -> Path:
    """A home folder of the test's own with a stopped, empty server."""
    return copy_home(store_top / f"h{next(_numbers)}")


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

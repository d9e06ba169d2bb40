"""A wheel that brings a new major: the content moves, the old folder stays, and no interruption costs anything."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from embedded_home import ended
from test_other_servers import DEBIAN_15, demand_debian_15

from jitsuri.store import upgrading
from jitsuri.store.migrating import newest
from jitsuri.store.opening import open_store
from jitsuri.store.supervisor import accounts, finding, running
from jitsuri.store.supervisor.creating import create_data
from jitsuri.store.supervisor.finding import Programs
from jitsuri.store.supervisor.holding import Supervisor
from jitsuri.store.supervisor.layout import Layout
from jitsuri.store.supervisor.locking import is_held
from jitsuri.store.supervisor.running import Server
from jitsuri.terms.errors import OperatorError

pytestmark = pytest.mark.slow

_ROWS = "CREATE TABLE old_rows AS SELECT n, '請求書 ' || n AS word, now() AS at FROM generate_series(1, 2000) n"


def _keep_programs(layout: Layout, bin_folder: Path) -> Programs:
    """Keep programs as an earlier version of ours would have kept them, without copying."""
    found = finding.programs_in(bin_folder)
    assert found is not None
    inside = layout.programs / f"{found.version}-kept" / "package" / "install"
    inside.mkdir(parents=True)
    (inside / "bin").symlink_to(bin_folder)
    for folder in (layout.home, layout.root, layout.programs, *inside.parents[:2], inside):
        folder.chmod(0o755)
    return found


def _old_home(home: Path, bin_folder: Path) -> Path:
    """A home folder as an older jitsuri left it: older programs, older data, some content."""
    layout = Layout(home)
    programs = _keep_programs(layout, bin_folder)
    layout.password.touch(mode=0o600)
    layout.password.write_text("the old password\n")
    account = accounts.server_account(home, None, None)
    kept = Programs(programs.major, programs.version, next(layout.programs.glob("*/*/*/bin")))
    server = Server(layout, kept, account, "the old password", layout.data(programs.major))
    create_data(layout, kept, account, server.password, server.data)
    running.start(server, 60, lambda _code: None)
    try:
        with psycopg.connect(running.dsn_of(layout, server.password, "postgres"), autocommit=True) as admin:
            admin.execute("CREATE DATABASE jitsuri")
        with psycopg.connect(running.dsn_of(layout, server.password)) as connection:
            connection.execute(_ROWS)
    finally:
        running.stop(server)
    return home


@pytest.fixture
def old_home(store_top: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[Path], Path]]:
    made: list[Path] = []

    def make(bin_folder: Path) -> Path:
        home = store_top / f"old{len(made)}{request.node.name[-6:].strip('[]')}"
        made.append(home)
        return _old_home(home, bin_folder)

    yield make
    for home in made:
        shutil.rmtree(home, ignore_errors=True)


def _count(home: Path) -> tuple[int, str]:
    with Supervisor(home, upgrade=upgrading.upgrade).held() as dsn, psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*), current_setting('server_version') FROM old_rows").fetchone()
    assert row is not None
    return row[0], row[1].split(".")[0]


def _newest() -> str:
    return str(finding.wheel_programs()[-1].major)


def test_data_of_debians_15_moves_to_the_wheels_major(old_home: Callable[[Path], Path]) -> None:
    demand_debian_15()
    home = old_home(DEBIAN_15)
    told: list[str] = []

    store = open_store(home, None, on_progress=told.append)
    try:
        with store.reading() as tx:
            [(count, words)] = tx.execute("SELECT count(*), count(DISTINCT word) FROM old_rows").fetchall()
            [(number,)] = tx.execute("SELECT max(number) FROM store_migrations").fetchall()
    finally:
        store.close()

    assert (count, words, number) == (2000, 2000, newest())
    assert told[0] == "database_upgrading"
    assert Layout(home).current.read_text() == f"{_newest()}\n"
    assert Layout(home).data_majors() == [15, int(_newest())]
    assert sorted(path.name for path in Layout(home).root.glob(".*")) == []
    assert ended(home)


@pytest.fixture(scope="module")
def base_old_home(store_top: Path) -> Path:
    """A home of an older major that the wheel still brings; else of Debian's 15."""
    found = finding.wheel_programs()
    if found[0].major < found[-1].major:
        return _old_home(store_top / "older", found[0].bin)
    demand_debian_15()
    return _old_home(store_top / "older", DEBIAN_15)


@pytest.fixture
def wheels_old_home(base_old_home: Path) -> Iterator[Path]:
    """A copy of it."""
    home = base_old_home.with_name("old")
    subprocess.run(["cp", "-a", str(base_old_home), str(home)], check=True)
    yield home
    shutil.rmtree(home, ignore_errors=True)


_KILLED = """
import os, signal, sys
from pathlib import Path
from jitsuri.store import upgrading
from jitsuri.store.supervisor.holding import Supervisor
setattr(upgrading, sys.argv[2], lambda *args, **more: os.kill(os.getpid(), signal.SIGKILL))
Supervisor(Path(sys.argv[1]), upgrade=upgrading.upgrade).hold()
"""


@pytest.mark.parametrize("step", ["dump", "create_data", "load", "differences", "sync_folder"])
def test_an_upgrade_that_is_killed_anywhere_is_made_again(wheels_old_home: Path, step: str) -> None:
    done = subprocess.run([sys.executable, "-c", _KILLED, str(wheels_old_home), step], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert Layout(wheels_old_home).current.read_text() != f"{_newest()}\n"
    if step in ("dump", "load"):  # the server that was running at that moment goes on
        assert is_held(Layout(wheels_old_home).server_lock)

    assert _count(wheels_old_home) == (2000, _newest())
    assert sorted(path.name for path in Layout(wheels_old_home).root.glob(".*")) == []


def test_content_that_differs_ends_the_upgrade_and_the_old_data_goes_on(
    wheels_old_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrading, "differences", lambda expected, found: upgrading_difference())
    with pytest.raises(OperatorError) as caught:
        Supervisor(wheels_old_home, upgrade=upgrading.upgrade).hold()
    assert caught.value.code == "upgrade_differs"
    with Supervisor(wheels_old_home).held() as dsn, psycopg.connect(dsn) as connection:  # without upgrading
        assert connection.execute("SELECT count(*) FROM old_rows").fetchone() == (2000,)


def upgrading_difference() -> tuple[object, ...]:
    from jitsuri.store.backup.manifest import Difference, TableSum

    return (Difference("public.old_rows", TableSum(2000, "1"), None),)


def test_too_little_space_is_told_before_anything_is_done(
    wheels_old_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrading, "SPACE_FACTOR", 10**9)
    with pytest.raises(OperatorError) as caught:
        Supervisor(wheels_old_home, upgrade=upgrading.upgrade).hold()
    assert caught.value.code == "upgrade_needs_space"
    assert caught.value.facts["needed_mb"] > caught.value.facts["free_mb"]
    assert len(Layout(wheels_old_home).data_majors()) == 1


def test_while_another_process_of_ours_uses_the_old_server_it_stays(wheels_old_home: Path) -> None:
    old = Layout(wheels_old_home).data_majors()[0]
    newer = Supervisor(wheels_old_home, upgrade=upgrading.upgrade)
    with Supervisor(wheels_old_home).held(), newer.held() as dsn, psycopg.connect(dsn) as connection:
        assert connection.info.server_version // 10000 == old
    assert _count(wheels_old_home) == (2000, _newest())


def test_missing_old_programs_are_named(old_home: Callable[[Path], Path]) -> None:
    demand_debian_15()
    home = old_home(DEBIAN_15)
    shutil.rmtree(Layout(home).programs)
    with pytest.raises(OperatorError) as caught:
        Supervisor(home, upgrade=upgrading.upgrade).hold()
    assert (caught.value.code, caught.value.facts["major"]) == ("old_programs_missing", 15)


def test_two_data_folders_without_a_word_which_are_not_guessed(wheels_old_home: Path) -> None:
    Layout(wheels_old_home).data(99).mkdir()
    with pytest.raises(OperatorError) as caught:
        Supervisor(wheels_old_home).hold()
    assert caught.value.code == "database_folder_unclear"

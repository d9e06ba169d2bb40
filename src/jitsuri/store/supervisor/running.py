"""One server on one data folder: started, asked, stopped. The caller holds the turn."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from jitsuri.store.supervisor import recognising
from jitsuri.store.supervisor.accounts import Account, give, run_as
from jitsuri.store.supervisor.configuring import (
    SOCKET_PORT,
    Address,
    conf_text,
    drop_old_logs,
    fits_socket,
    free_port,
    write_whole,
)
from jitsuri.store.supervisor.finding import Programs
from jitsuri.store.supervisor.layout import Layout
from jitsuri.store.supervisor.locking import FileLock, is_held
from jitsuri.store.supervisor.telling import log_tail, start_error
from jitsuri.terms.errors import OperatorError

OWNER = "jitsuri"
"""Name of the login and of the database."""
PORT_TRIES = 3
_ORPHAN_SECONDS = 20.0
_PAUSE_SECONDS = 0.05
_ASK_SECONDS = 3
_RECOVERING = ("starting up", "in recovery", "not yet accepting")

Progress = Callable[[str], None]
"""Told a code when something takes its time; ``words`` holds ``progress.<code>``."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that may or may not run: which programs, on which data, as whom."""

    layout: Layout
    programs: Programs
    account: Account | None
    password: str
    data: Path


def address_of(layout: Layout) -> Address | None:
    """Where the server listens, as far as that is known before its first start."""
    if fits_socket(layout):
        return Address(str(layout.sockets), SOCKET_PORT)
    try:
        return Address("127.0.0.1", int(layout.port.read_text("utf-8")))
    except (OSError, ValueError):
        return None


def dsn_of(layout: Layout, password: str, database: str = OWNER) -> str:
    """The connection string for a database of the running server."""
    address = address_of(layout)
    if address is None:
        raise OperatorError("database_unreachable", where=str(layout.root), reason="no port")
    return make_conninfo(
        "",
        host=address.host,
        port=address.port,
        user=OWNER,
        password=password,
        dbname=database,
        sslmode="disable",
        gssencmode="disable",
        **({"require_auth": "scram-sha-256"} if psycopg.pq.version() >= 160000 else {}),
    )


def health(server: Server) -> str:
    """``healthy``, ``recovering`` (it answers that it is starting) or ``silent``: by a real connection.

    The server must also name our data folder; see ``_is_ours``.
    """
    address = address_of(server.layout)
    if address is None:
        return "silent"
    try:
        with psycopg.connect(
            dsn_of(server.layout, server.password, "postgres"), connect_timeout=_ASK_SECONDS, autocommit=True
        ) as connection:
            row = connection.execute("SELECT current_setting('data_directory')").fetchone()
            return "healthy" if row and _is_ours(server, Path(row[0]), is_tcp=address.is_tcp) else "silent"
    except psycopg.OperationalError as error:
        return "recovering" if any(words in str(error) for words in _RECOVERING) else "silent"


def _is_ours(server: Server, data: Path, *, is_tcp: bool) -> bool:
    """Does the one that answers serve our data folder?

    Over TCP it may be the server of a home folder that this one was copied from; in our own socket folder only one of
    another name, left by an interrupted upgrade (another container may see the same folder under another path).
    """
    return os.path.realpath(data) == str(server.data) if is_tcp else data.name == server.data.name


def is_running(server: Server) -> bool:
    """Does any process of the server live? Also one that is still starting, or left behind by a killed postmaster."""
    return is_held(server.layout.server_lock) or recognising.postmaster(server.data) is not None


def start(server: Server, seconds: float, progress: Progress) -> None:
    """Start and wait until it answers; raises OperatorError with the reason the server gave.

    Nothing may run on the data folder (the caller has seen ``is_running`` say no).
    """
    for attempt in range(PORT_TRIES):
        try:
            _start_once(server, seconds, progress)
            return
        except OperatorError as error:
            address = address_of(server.layout)
            may_move = address is not None and address.is_tcp and attempt + 1 < PORT_TRIES
            if error.code != "database_port_taken" or not may_move:
                raise
            write_whole(server.layout.port, f"{free_port()}\n")


def _start_once(server: Server, seconds: float, progress: Progress) -> None:
    layout = server.layout
    _make_ready(server)
    lock = FileLock(layout.server_lock)
    try:
        if not lock.try_alone():
            raise OperatorError("database_busy", path=str(layout.server_lock), seconds=0)
        _drop_stale_locks(server)
        os.set_inheritable(lock.fd, True)
        pg_ctl = server.programs.path("pg_ctl")
        arguments = (pg_ctl, "start", "-W", "-s", "-D", server.data, "-l", layout.start_log)
        answer = run_as(server.account, arguments, seconds=60, inherited=[lock.fd])
    finally:
        lock.close()  # the server has inherited it and goes on holding it
    if answer.returncode != 0:
        raise start_error(layout, answer.stdout + "\n" + log_tail(layout))
    wait_until_healthy(server, seconds, progress)
    _reset_nice(server)


def _make_ready(server: Server) -> None:
    """Folders, address and settings, each the server's own."""
    layout = server.layout
    for folder in (layout.sockets, layout.logs):
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        give(folder, server.account)
    drop_old_logs(layout)
    layout.start_log.unlink(missing_ok=True)
    address = address_of(layout)
    if address is None:
        write_whole(layout.port, f"{free_port()}\n")
        address = Address("127.0.0.1", int(layout.port.read_text("utf-8")))
    conf = server.data / "jitsuri.conf"
    write_whole(conf, conf_text(layout, address))
    give(conf, server.account)


def _drop_stale_locks(server: Server) -> None:
    """Take away lock files that name nobody or somebody else (a zombie, too): PostgreSQL itself would believe them.

    Safe, since we hold the lock that every process of our servers inherits: none of them lives.
    A server that somebody started by hand has no such lock; that one is looked for.
    """
    by_hand = recognising.server_processes(server.data)
    if by_hand:
        raise OperatorError("database_left_over", path=str(server.data), pids=", ".join(str(p.pid) for p in by_hand))
    (server.data / recognising.PID_FILE).unlink(missing_ok=True)
    for left in server.layout.sockets.glob(".s.PGSQL.*"):
        left.unlink(missing_ok=True)


def wait_until_healthy(server: Server, seconds: float, progress: Progress) -> None:
    """Wait for a server that was started, however long its recovery takes, up to ``seconds``.

    Raises OperatorError: with the server's own reason when it has ended, ``database_start_slow`` after ``seconds``
    (it goes on recovering; the next start finds it), ``database_left_over`` when only orphans of a killed
    postmaster live and do not end.
    """
    began, told, orphaned_since = time.monotonic(), "", None
    while True:
        found = health(server)
        if found == "healthy":
            return
        if not is_running(server):
            raise start_error(server.layout, log_tail(server.layout))
        now = time.monotonic()
        if recognising.postmaster(server.data) is None:
            orphaned_since = orphaned_since or now
            if now - orphaned_since > _ORPHAN_SECONDS:
                _end_orphans(server)
        else:
            orphaned_since = None
        stage = "database_recovering" if found == "recovering" else "database_starting"
        if now - began > 1 and stage != told:
            progress(stage)
            told = stage
        if now - began > seconds:
            raise OperatorError("database_start_slow", seconds=int(seconds), log=str(server.layout.logs))
        time.sleep(_PAUSE_SECONDS)


def _end_orphans(server: Server) -> None:
    """Ask backends without a postmaster to end at once (SIGQUIT): until then nobody may open the data."""
    for process in recognising.server_processes(server.data):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.send_signal(signal.SIGQUIT)
    if not _has_ended(server, 5):
        raise OperatorError("database_left_over", path=str(server.data), pids="?")


def _has_ended(server: Server, seconds: float) -> bool:
    began = time.monotonic()
    while is_running(server):
        if time.monotonic() - began > seconds:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def stop(server: Server, seconds: float = 60) -> None:
    """End the server: fast (SIGINT), at once (SIGQUIT) after ``seconds``; only ever a process that proved to be ours.

    Raises OperatorError ``database_stop_failed``.
    """
    for how, patience in ((signal.SIGINT, seconds), (signal.SIGQUIT, 15.0)):
        process = recognising.postmaster(server.data) or recognising.first_of(server.data)
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(how)
        if _has_ended(server, patience):
            return
    raise OperatorError("database_stop_failed", path=str(server.data))


def stop_strays(server: Server) -> None:
    """End a server that an upgrade, killed half-way, left running on a data folder of its own. Nobody uses any."""
    for folder in server.layout.root.glob(".upgrading-*"):
        if recognising.server_processes(folder):
            stop(replace(server, data=folder))


def _reset_nice(server: Server) -> None:
    """The server inherits our nice value, and would keep it; taken back to 0 where the system lets us."""
    if os.getpriority(os.PRIO_PROCESS, 0) <= 0:
        return
    for process in recognising.server_processes(server.data):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            process.nice(0)

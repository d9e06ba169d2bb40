"""The supervisor: one embedded PostgreSQL per home folder, shared by all our processes, ended by the last."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from jitsuri.store.faults import operator_error
from jitsuri.store.supervisor import accounts, configuring, finding, installing, running
from jitsuri.store.supervisor.creating import create_data
from jitsuri.store.supervisor.layout import Layout
from jitsuri.store.supervisor.locking import FileLock, turn
from jitsuri.store.supervisor.running import OWNER, Progress, Server
from jitsuri.terms.errors import OperatorError

START_SECONDS = 300.0
"""How long a start may take; a recovery from a gigabyte of WAL takes minutes on a slow disk (decision 0002)."""

TURN_SECONDS = 90.0
"""How much longer than a start the wait for another process may be: its stop may take 75 seconds."""

FREE_BYTES_NEEDED = 32 * 2**20
"""Below that a server may end: two segments of write-ahead log (16 MB; PostgreSQL documentation, "WAL Internals")."""

Upgrade = Callable[[Server, Server, Progress, float], None]
"""Moves the content of the old server's data to the new one's place, given the seconds a start may take."""


def _untold(code: str) -> None:
    """Progress that nobody wants to hear."""


class Supervisor:
    """Keeps the embedded server of one home folder running while anybody holds it.

    ``with supervisor.held() as dsn``: starts the server, or attaches to the one that runs; the last of all processes
    that lets go stops it. A process that dies without letting go is forgotten by the kernel.
    """

    def __init__(
        self,
        home: Path,
        *,
        on_progress: Progress | None = None,
        start_seconds: float = START_SECONDS,
        server_account: str | None = None,
        wheel: Path | None = None,
        upgrade: Upgrade | None = None,
    ) -> None:
        self.layout = Layout(home.expanduser().resolve())
        self._progress = on_progress or _untold
        self._start_seconds = start_seconds
        self._asked_account = server_account
        self._wheel = wheel
        self._upgrade = upgrade
        self._holds = 0
        self._in_use: FileLock | None = None
        self._server: Server | None = None
        self._thread_lock = threading.RLock()

    @contextmanager
    def held(self) -> Iterator[str]:
        """Hold the server for the body; gives the connection string of its database."""
        dsn = self.hold()
        try:
            yield dsn
        finally:
            self.release()

    def hold(self) -> str:
        """Start or attach; returns the connection string. Every hold needs its release.

        Raises OperatorError with a code that tells folder, account, disk, port, memory and version apart.
        """
        with self._thread_lock:
            if self._holds == 0:
                with _told(self.layout.home):
                    self._prepare_home()
                    with self._turn():
                        self._attach()
            self._holds += 1
            return running.dsn_of(self.layout, self._held_server().password)

    def release(self) -> None:
        """Let go; the last one stops the server."""
        with self._thread_lock:
            self._holds -= 1
            if self._holds == 0:
                with self._turn():
                    self._leave()

    def revive(self) -> str:
        """Bring the server back if it has gone (killed, or ended by a full disk). The caller holds it.

        Returns the connection string, which may have another port. Raises OperatorError with the reason why the
        server does not come back.
        """
        with self._thread_lock, _told(self.layout.home), self._turn():
            server = self._held_server()
            self._bring_up(server)
            return running.dsn_of(self.layout, server.password)

    def explain(self) -> OperatorError | None:
        """``disk_full`` where less is free than the server needs for its next step, else None."""
        free = shutil.disk_usage(self.layout.root).free
        if free >= FREE_BYTES_NEEDED:
            return None
        return OperatorError(
            "disk_full", path=str(self.layout.root), reason=f"{free:,} bytes", log=str(self.layout.logs)
        )

    @property
    def server(self) -> Server:
        """What is held: programs, data folder, account."""
        return self._held_server()

    def _held_server(self) -> Server:
        if self._server is None:
            raise OperatorError("database_not_held", path=str(self.layout.root))
        return self._server

    def _turn(self) -> contextlib.AbstractContextManager[None]:
        return turn(
            self.layout.turn_lock, self._start_seconds + TURN_SECONDS, lambda: self._progress("database_waiting")
        )

    # -- the home folder

    def _prepare_home(self) -> None:
        layout = self.layout
        if any(character in str(layout.home) for character in configuring.FORBIDDEN):
            raise OperatorError("home_path_unusable", path=str(layout.home))
        _make_folders(layout.home)
        layout.root.mkdir(mode=0o711, exist_ok=True)
        if os.geteuid() == 0:
            if layout.home.stat().st_uid == 0:  # the server's account passes through, and sees no names
                layout.home.chmod(layout.home.stat().st_mode | 0o111)
            layout.root.chmod(0o711)
            _give_like(layout.root, layout.home)
        for lock in (layout.turn_lock, layout.in_use_lock, layout.server_lock):
            FileLock(lock).close()
            _give_like(lock, layout.home)

    def _password(self) -> str:
        file = self.layout.password
        if not file.exists():
            configuring.write_whole(file, secrets.token_hex(32) + "\n")
            _give_like(file, self.layout.home)
        return file.read_text("utf-8").strip()

    # -- under the turn

    def _attach(self) -> None:
        in_use = FileLock(self.layout.in_use_lock)
        try:
            is_alone = in_use.try_alone()
            server = self._chosen_server()
            if is_alone:
                running.stop_strays(server)
                server = self._upgraded(server)
            if not in_use.try_shared():
                raise OperatorError("database_busy", path=str(in_use.path), seconds=0)
            self._bring_up(server)
        except BaseException:
            in_use.close()
            raise
        self._server, self._in_use = server, in_use

    def _leave(self) -> None:
        in_use, server = self._in_use, self._server
        if in_use is None or server is None:
            return
        try:
            if in_use.try_alone():
                running.stop(server)
        finally:
            in_use.close()
            self._in_use = self._server = None

    def _chosen_server(self) -> Server:
        """The server of the data folder in use; a new one of the wheel's newest major where there is none."""
        major = self._major_in_use()
        data = self.layout.data(major) if major else None
        account = accounts.server_account(self.layout.home, data, self._asked_account)
        if major is None:
            major = finding.wheel_programs(self._wheel)[-1].major
        return self._server_of(major, account)

    def _server_of(self, major: int, account: accounts.Account | None) -> Server:
        programs = installing.programs_of(self.layout, major, self._wheel)
        installing.check_runnable(programs, account)
        return Server(self.layout, programs, account, self._password(), self.layout.data(major))

    def _major_in_use(self) -> int | None:
        majors = self.layout.data_majors()
        if self.layout.current.exists():
            said = self.layout.current.read_text("utf-8").strip()
            if said.isdigit() and int(said) in majors:
                return int(said)
            raise OperatorError("database_folder_unclear", path=str(self.layout.root), found=said)
        if len(majors) > 1:
            found = ", ".join(map(str, majors))
            raise OperatorError("database_folder_unclear", path=str(self.layout.root), found=found)
        return majors[0] if majors else None

    def _upgraded(self, server: Server) -> Server:
        """The server of the wheel's newest major, once the content has moved there."""
        newest = finding.wheel_programs(self._wheel)[-1].major
        if self._upgrade is None or newest <= server.programs.major or not server.data.exists():
            return server
        running.stop(server)
        target = self._server_of(newest, server.account)
        self._progress("database_upgrading")
        self._upgrade(server, target, self._progress, self._start_seconds)
        return target

    def _bring_up(self, server: Server) -> None:
        if running.is_running(server):
            self._await_other(server)
        elif not server.data.exists():
            self._progress("database_making")
            create_data(self.layout, server.programs, server.account, server.password, server.data)
        if not running.is_running(server):
            running.start(server, self._start_seconds, self._progress)
        if self._major_in_use() != server.programs.major or not self.layout.current.exists():
            configuring.write_whole(self.layout.current, f"{server.programs.major}\n")
            _give_like(self.layout.current, self.layout.home)
        _ensure_database(running.dsn_of(self.layout, server.password, "postgres"))

    def _await_other(self, server: Server) -> None:
        """Somebody's server starts, recovers or ends: wait for either; if it ends, it is ours to start."""
        try:
            running.wait_until_healthy(server, self._start_seconds, self._progress)
        except OperatorError:
            if running.is_running(server):
                raise


def _ensure_database(dsn: str) -> None:
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (OWNER,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(OWNER)))
    except psycopg.Error as error:
        raise operator_error(error, dsn, is_connecting=True) or error from error


def _make_folders(home: Path) -> None:
    """The home folder and its missing parents. Folders that exist are left as they are."""
    missing = [folder for folder in [*reversed(home.parents), home] if not folder.exists()]
    for folder in missing:
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700 if os.geteuid() else 0o711)


def _give_like(path: Path, home: Path) -> None:
    """As root in somebody's home: what we make there is theirs, or they could never use it again."""
    if os.geteuid() == 0:
        owner = home.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def _told(home: Path) -> Iterator[None]:
    """Turn what the operating system refuses into words: ``disk_full``, else ``home_unwritable``."""
    try:
        yield
    except OSError as error:
        path = str(error.filename or home)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OperatorError("disk_full", path=path, reason=os.strerror(error.errno), log="") from error
        raise OperatorError("home_unwritable", path=path, reason=error.strerror or str(error)) from error

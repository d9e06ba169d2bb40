"""Reading a backup back: always into a database of its own, compared with its manifest, and only then swapped in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from jitsuri.store.backup import databases
from jitsuri.store.backup.dumping import digest_of
from jitsuri.store.backup.manifest import Difference, Manifest, TableSum, differences, read_manifest
from jitsuri.store.backup.tools import choose_tools, restore_arguments, run_tool
from jitsuri.store.backup.weighing import weigh
from jitsuri.store.door import Connection, Store
from jitsuri.store.migrating import newest
from jitsuri.terms.errors import CallerError, OperatorError

RESTORE_LOCK = 5_410_005
"""Number of the advisory lock: one rehearsal or restore at a time."""

_LEAVE_SECONDS = 2.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A backup that was read back on a scratch database."""

    path: Path
    manifest: Manifest
    differences: tuple[Difference, ...]

    @property
    def is_whole(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that is now the database in use."""

    path: Path
    manifest: Manifest
    kept_as: str
    """Name under which the database that was in use before goes on; '' where there was none."""


Prepare = Callable[[Store, Restored], None]
"""Told what is about to be put in place, on a store of that database."""


def load(dsn: str, file: Path, *, tool_major: int, prefers_system: bool, on_progress: Progress) -> dict[str, TableSum]:
    """Read a dump, written by a pg_dump of that major, into an empty database and weigh what came out."""
    with closing(Store(dsn)) as target:
        with target.reading() as tx:
            major = tx.info.server_version // 10000
        tools = choose_tools(max(major, tool_major), prefers_system=prefers_system)
        on_progress("backup_restoring")
        run_tool(tools, "pg_restore", dsn, restore_arguments(tools, major, file), writes=file)
        with target.transaction() as tx:
            tx.execute("ANALYZE")
        on_progress("backup_comparing")
        with target.reading() as tx:
            return weigh(tx)


def rehearse(
    store: Store, file: Path, *, is_embedded: bool = True, on_progress: Progress = lambda _: None
) -> Rehearsed:
    """Read a backup back into a scratch database on the same server, compare, and drop it.

    Raises CallerError where the file is not a backup, OperatorError ``backup_damaged`` where its bytes have changed.
    """
    manifest = _checked(file)
    scratch = databases.beside(databases.name_of(store.dsn), "rehearsal")
    with databases.maintenance(store.dsn) as admin, _alone(admin):
        with _made(admin, scratch, databases.name_of(store.dsn)):
            dsn = databases.dsn_for(store.dsn, scratch)
            found = _loaded(dsn, file, manifest, is_embedded, on_progress)
        databases.drop(admin, scratch)
    return Rehearsed(file, manifest, differences(manifest.tables, found))


def restore(
    store: Store,
    file: Path,
    now: datetime,
    *,
    prepare: Prepare,
    is_embedded: bool = True,
    on_progress: Progress = lambda _code: None,
) -> Restored:
    """Put a backup in the place of the database in use, which is kept beside it. On any failure nothing has changed.

    ``prepare`` brings the restored database up to date before it is put in place.
    Raises CallerError ``backup_newer`` (made by a newer program), OperatorError ``database_in_use`` (somebody is
    connected), ``backup_damaged`` (its bytes, or what came out, are not what was put in).
    """
    manifest = _checked(file)
    if manifest.migration > newest():
        raise CallerError("backup_newer", path=str(file), found=manifest.migration, known=newest())
    name = databases.name_of(store.dsn)
    fresh = databases.beside(name, "restored")
    store.drop_idle()
    with databases.maintenance(store.dsn) as admin, _alone(admin):
        _nobody_connected(admin, name)
        kept_as = databases.beside(name, f"before_{now.astimezone(UTC):%Y%m%dT%H%M%S}")
        done = Restored(file, manifest, kept_as if databases.exists(admin, name) else "")
        with _made(admin, fresh, name):
            dsn = databases.dsn_for(store.dsn, fresh)
            found = _loaded(dsn, file, manifest, is_embedded, on_progress)
            differing = differences(manifest.tables, found)
            if differing:
                raise OperatorError("backup_damaged", path=str(file), reason=", ".join(d.table for d in differing))
            with closing(Store(dsn)) as prepared:
                prepare(prepared, done)
            databases.swap(admin, name, fresh, kept_as)
    return done


def _loaded(dsn: str, file: Path, manifest: Manifest, is_embedded: bool, on_progress: Progress) -> dict[str, TableSum]:
    major = manifest.tool_major
    return load(dsn, file, tool_major=major, prefers_system=not is_embedded, on_progress=on_progress)


def _checked(file: Path) -> Manifest:
    manifest = read_manifest(file)
    if digest_of(file) != (manifest.file_bytes, manifest.file_sha256):
        raise OperatorError("backup_damaged", path=str(file), reason="sha256")
    return manifest


def _nobody_connected(admin: Connection, name: str) -> None:
    """Our own connections, just closed, get a moment to go."""
    ends = time.monotonic() + _LEAVE_SECONDS
    while (found := databases.sessions(admin, name)) and time.monotonic() < ends:
        time.sleep(0.05)
    if found:
        raise OperatorError("database_in_use", database=name, sessions=found)


@contextmanager
def _alone(admin: Connection) -> Iterator[None]:
    row = admin.execute("SELECT pg_try_advisory_lock(%s)", (RESTORE_LOCK,)).fetchone()
    if row is None or not row[0]:
        raise OperatorError("restore_running")
    yield


@contextmanager
def _made(admin: Connection, name: str, model: str) -> Iterator[None]:
    """A database for the body; gone again when the body fails. One that an interrupted run left is made anew."""
    databases.drop(admin, name)
    databases.create_like(admin, name, model)
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):  # a server that has gone must not hide why; the next run drops it first
            databases.drop(admin, name)
        raise

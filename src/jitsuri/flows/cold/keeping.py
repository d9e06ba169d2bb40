"""Keeping: the database is backed up every day, a backup is rehearsed, and one is put back when it must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.store.backup import dumping, restoring
from jitsuri.store.backup.databases import kept_beside
from jitsuri.store.backup.manifest import KEEP_DAILY, Backup, backups_in, due_backup, expired
from jitsuri.store.backup.restoring import Rehearsed, Restored
from jitsuri.store.door import Store
from jitsuri.store.examining import DatabaseFacts, examine
from jitsuri.store.migrating import migrate
from jitsuri.terms.errors import CallerError

BACKUP_LOCK = 5_410_004
"""Number of the advisory lock: one process makes the day's backup."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """The database in use, its backups, and the databases that restores have set aside."""

    database: DatabaseFacts
    folder: Path
    backups: tuple[Backup, ...]
    """Oldest first."""
    set_aside: tuple[str, ...]


def _quietly(_code: str) -> None:
    """Progress that nobody watches."""


def backup_folder(home: Path) -> Path:
    """Where backups are written unless told otherwise."""
    return home / "backups"


def back_up(
    store: Store, folder: Path, now: datetime, *, is_embedded: bool, on_progress: Progress = _quietly
) -> Backup:
    """Write a backup that a person asked for; it is never deleted by itself."""
    return dumping.back_up(store, folder, now, is_embedded=is_embedded, on_progress=on_progress)


def back_up_if_due(store: Store, home: Path, now: datetime, *, keep_days: int = KEEP_DAILY) -> Backup | None:
    """Write the day's backup of the embedded database, unless there is one; then delete those beyond ``keep_days``.

    Meant to be asked often. None where nothing was due, or where another process is at it. Nothing old is deleted
    before the new one is whole. Raises OperatorError like ``back_up``.
    """
    folder = backup_folder(home)
    if not due_backup(_last_daily(folder), now):
        return None
    with store.alone(BACKUP_LOCK) as is_ours:
        if not is_ours or not due_backup(_last_daily(folder), now):
            return None
        dumping.remove_leftovers(folder, now)
        made = dumping.back_up(store, folder, now, kind="daily")
        for old in expired(backups_in(folder), keep_days):
            dumping.remove(old)
    return made


def _last_daily(folder: Path) -> datetime | None:
    daily = [backup.manifest.made_at for backup in backups_in(folder) if backup.manifest.kind == "daily"]
    return max(daily, default=None)


def newest_backup(home: Path) -> Path:
    """The newest backup in the usual folder. Raises CallerError ``backup_none``."""
    found = backups_in(backup_folder(home))
    if not found:
        raise CallerError("backup_none", path=str(backup_folder(home)))
    return found[-1].path


def rehearse(store: Store, file: Path, *, is_embedded: bool, on_progress: Progress = _quietly) -> Rehearsed:
    """Read a backup back beside the database in use, compare it with its manifest, and throw it away."""
    return restoring.rehearse(store, file, is_embedded=is_embedded, on_progress=on_progress)


def restore(
    store: Store, file: Path, now: datetime, actor: str, *, is_embedded: bool, on_progress: Progress = _quietly
) -> Restored:
    """Put a backup in the place of the database in use; bring it to this program's shape and leave evidence in it.

    ``store`` is opened without migrating, and nobody else may be connected. What was in use is kept beside it.
    """

    def prepare(restored: Store, done: Restored) -> None:
        migrate(restored)
        facts = {"file": file.name, "made_at": done.manifest.made_at.isoformat(), "kept_as": done.kept_as}
        with restored.transaction() as tx:
            evidence.append(tx, record_of(now, actor, "database_restored", "database", facts))

    return restoring.restore(store, file, now, prepare=prepare, is_embedded=is_embedded, on_progress=on_progress)


def database_status(store: Store, home: Path) -> DatabaseStatus:
    """Everything to know about where the data is and how it is kept."""
    folder = backup_folder(home)
    return DatabaseStatus(examine(store), folder, tuple(backups_in(folder)), kept_beside(store.dsn))

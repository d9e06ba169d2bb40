"""Writing a backup: dump and manifest of the same snapshot, under a temporary name until both are whole."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from jitsuri import __version__
from jitsuri.store.backup.manifest import (
    Backup,
    Kind,
    Manifest,
    TableSum,
    backup_name,
    manifest_path,
    manifest_text,
)
from jitsuri.store.backup.tools import choose_tools, run_tool
from jitsuri.store.backup.weighing import weigh
from jitsuri.store.door import Store
from jitsuri.store.migrating import applied_number
from jitsuri.store.supervisor.finding import Programs
from jitsuri.terms.errors import CallerError, OperatorError

Progress = Callable[[str], None]
_COMPRESSION = "--compress=3"
"""gzip level 3: half the time of the default for a tenth more bytes; every build knows it."""


@dataclass(frozen=True, slots=True)
class Dumped:
    """What a dump file holds, and who wrote it."""

    tables: dict[str, TableSum]
    migration: int
    server: str
    tool: Programs


def dump(store: Store, file: Path, *, prefers_system: bool, on_progress: Progress) -> Dumped:
    """Write a dump of one snapshot to ``file`` and weigh the same snapshot."""
    with store.reading() as tx:
        asked = tx.execute("SELECT pg_export_snapshot(), current_setting('server_version')")
        [(snapshot, server)] = asked.fetchall()
        tool = choose_tools(tx.info.server_version // 10000, prefers_system=prefers_system)
        on_progress("backup_dumping")
        arguments = ["--format=custom", _COMPRESSION, "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
        run_tool(tool, "pg_dump", store.dsn, [*arguments, f"--file={file}"], writes=file)
        on_progress("backup_weighing")
        return Dumped(weigh(tx), applied_number(tx), str(server).split()[0], tool)


def back_up(
    store: Store,
    folder: Path,
    now: datetime,
    *,
    kind: Kind = "asked",
    is_embedded: bool = True,
    on_progress: Progress = lambda _code: None,
) -> Backup:
    """Write a backup into ``folder`` (made if missing, mode 0700). It appears there whole or not at all.

    Raises OperatorError ``disk_full``, ``backup_folder_unwritable``, ``tools_too_old``, ``tool_failed``, and
    CallerError ``backup_exists``.
    """
    path = folder / backup_name(now, kind)
    part = path.with_name(path.name + ".part")
    with _writing(folder):
        if not folder.exists():
            folder.mkdir(parents=True, mode=0o700)
            _give_like(folder, folder.parent)
        if path.exists():
            raise CallerError("backup_exists", path=str(path))
        try:
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            dumped = dump(store, part, prefers_system=not is_embedded, on_progress=on_progress)
            size, digest = _synced(part)
            manifest = Manifest(
                made_at=now,
                kind=kind,
                program=__version__,
                server=dumped.server,
                tool=dumped.tool.version,
                migration=dumped.migration,
                file_bytes=size,
                file_sha256=digest,
                tables=dumped.tables,
            )
            _write_synced(manifest_path(path), manifest_text(manifest))
            for file in (part, manifest_path(path)):
                _give_like(file, folder)
            part.rename(path)
            _sync_folder(folder)
        finally:
            part.unlink(missing_ok=True)
            if not path.exists():
                manifest_path(path).unlink(missing_ok=True)
    return Backup(path, manifest)


def remove(backup: Backup) -> None:
    """Delete a backup: the dump first, so that a manifest alone is all that an interruption leaves."""
    backup.path.unlink(missing_ok=True)
    manifest_path(backup.path).unlink(missing_ok=True)


def remove_leftovers(folder: Path, now: datetime) -> None:
    """Delete what backups that were interrupted over a day ago have left: parts, and manifests without a dump."""
    before = (now - timedelta(days=1)).timestamp()
    parts = list(folder.glob("jitsuri-*.dump.part"))
    alone = [path for path in folder.glob("jitsuri-*.dump.json") if not path.with_suffix("").exists()]
    for path in [*parts, *alone]:
        if path.stat().st_mtime < before:
            path.unlink()


def digest_of(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _synced(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return digest_of(path)


def _write_synced(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _give_like(path: Path, folder: Path) -> None:
    """As root in somebody's folder: what we write there is theirs, as far as the file system lets us."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        owner = folder.stat()
        with suppress(PermissionError):
            os.chown(path, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        path, reason = str(error.filename or folder), os.strerror(error.errno or 0)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OperatorError("disk_full", path=path, reason=reason, log="") from error
        raise OperatorError("backup_folder_unwritable", path=path, reason=reason) from error

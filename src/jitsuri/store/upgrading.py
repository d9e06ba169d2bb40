"""A new major of PostgreSQL: the content moves into a new data folder; the old one stays as it was.

The move counts at one moment: when ``current`` names the new major (the supervisor writes it once the new server
answers). Until then the old folder is in use, and an interrupted move is simply made again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from jitsuri.store.backup import databases
from jitsuri.store.backup.dumping import Dumped, dump
from jitsuri.store.backup.manifest import TableSum, differences
from jitsuri.store.backup.restoring import load
from jitsuri.store.door import Store
from jitsuri.store.supervisor import running
from jitsuri.store.supervisor.configuring import write_whole
from jitsuri.store.supervisor.creating import create_data, sync_folder
from jitsuri.store.supervisor.layout import Layout
from jitsuri.store.supervisor.running import OWNER, Progress, Server
from jitsuri.terms.errors import OperatorError

SPACE_FACTOR = 2
"""Free bytes asked for, per byte of the old data folder: the dump (smaller) and the new folder (decision 0002)."""


def upgrade(old: Server, new: Server, progress: Progress, start_seconds: float) -> None:
    """Move the content of ``old``'s data to ``new``'s place. Both are stopped before and after; nobody else is there.

    Raises OperatorError ``upgrade_needs_space``, ``upgrade_differs``, or what made a server or tool fail; then
    ``old`` is as it was.
    """
    layout = old.layout
    write_whole(layout.current, f"{old.programs.major}\n")
    _clear(layout, new)
    _check_space(old)
    work = layout.root / ".upgrading"
    staged = Server(layout, new.programs, new.account, new.password, layout.root / f".upgrading-{new.data.name}")
    work.mkdir(mode=0o700)
    try:
        dumped = _dumped(old, work / "content.dump", progress, start_seconds)
        create_data(layout, staged.programs, staged.account, staged.password, staged.data)
        found = _loaded(staged, work / "content.dump", dumped.tool.major, progress, start_seconds)
        differing = differences(dumped.tables, found)
        if differing:
            raise OperatorError("upgrade_differs", tables=", ".join(d.table for d in differing), path=str(old.data))
        staged.data.rename(new.data)
        sync_folder(layout.root)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(staged.data, ignore_errors=True)
    write_whole(layout.current, f"{new.programs.major}\n")
    sync_folder(layout.root)


def _clear(layout: Layout, new: Server) -> None:
    """Take away what an interrupted move left: never in use, since ``current`` names the old one."""
    for leftover in (layout.root / ".upgrading", layout.root / f".upgrading-{new.data.name}", new.data):
        if leftover.exists():
            shutil.rmtree(leftover)


def _check_space(old: Server) -> None:
    used = sum(path.lstat().st_size for path in old.data.rglob("*") if not path.is_dir())
    free = shutil.disk_usage(old.layout.root).free
    if free < SPACE_FACTOR * used:
        needed_mb, free_mb = SPACE_FACTOR * used // 2**20 + 1, free // 2**20
        raise OperatorError("upgrade_needs_space", path=str(old.layout.root), needed_mb=needed_mb, free_mb=free_mb)


def _dumped(old: Server, file: Path, progress: Progress, start_seconds: float) -> Dumped:
    running.start(old, start_seconds, progress)
    try:
        dsn = running.dsn_of(old.layout, old.password)
        with databases.maintenance(dsn) as admin:
            if not databases.exists(admin, OWNER):
                databases.create_like(admin, OWNER, "postgres")
        store = Store(dsn)
        try:
            return dump(store, file, prefers_system=False, on_progress=progress)
        finally:
            store.close()
    finally:
        running.stop(old)


def _loaded(new: Server, file: Path, tool_major: int, progress: Progress, start_seconds: float) -> dict[str, TableSum]:
    running.start(new, start_seconds, progress)
    try:
        dsn = running.dsn_of(new.layout, new.password)
        with databases.maintenance(dsn) as admin:
            databases.create_like(admin, OWNER, "postgres")
        return load(dsn, file, tool_major=tool_major, prefers_system=False, on_progress=progress)
    finally:
        running.stop(new)

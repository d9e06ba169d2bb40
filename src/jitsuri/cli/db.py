"""``jitsuri db backup|restore|verify|status``: where the data is, and how it comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.flows.cold import keeping
from jitsuri.store.backup.manifest import Backup, Difference, read_manifest
from jitsuri.store.door import Store
from jitsuri.store.opening import open_database
from jitsuri.words import text

_MB = 1_000_000
_DAMAGED = 3
"""Exit code: the installation (here: its backup) needs mending."""


@click.group("db")
def db() -> None: ...


@db.command("backup")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), default=None)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def backup(desk: Desk, folder: Path | None, json_out: bool) -> None:
    desk.json_out = json_out
    target = (folder or keeping.backup_folder(desk.home)).absolute()
    with _database(desk) as store:
        made = keeping.back_up(store, target, desk.now(), is_embedded=not desk.database_url, on_progress=desk.progress)
    if json_out:
        desk.give(_backup_row(made))
    else:
        desk.say("cli.db.backup.done", path=made.path, rows=f"{made.manifest.rows:,}", mb=_mb(made.manifest.file_bytes))


@db.command("verify")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def verify(desk: Desk, file: Path | None, json_out: bool) -> None:
    desk.json_out = json_out
    chosen = file.absolute() if file else keeping.newest_backup(desk.home)
    with _database(desk) as store:
        found = keeping.rehearse(store, chosen, is_embedded=not desk.database_url, on_progress=desk.progress)
    manifest = found.manifest
    if json_out:
        rows = [_difference_row(difference) for difference in found.differences]
        desk.give({**_backup_row(Backup(found.path, manifest)), "ok": found.is_whole, "differences": rows})
    elif found.is_whole:
        desk.say("cli.db.verify.whole", path=found.path, tables=len(manifest.tables), rows=f"{manifest.rows:,}")
    else:
        desk.say("cli.db.verify.differs", path=found.path, count=len(found.differences))
        for row in map(_difference_row, found.differences):
            desk.say("cli.db.verify.difference", **row)
    if not found.is_whole:
        raise SystemExit(_DAMAGED)


@db.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def restore(desk: Desk, file: Path, yes: bool, json_out: bool) -> None:
    desk.json_out = json_out
    file = file.absolute()
    manifest = read_manifest(file)
    if not yes:
        made_at = manifest.made_at.astimezone().strftime("%Y-%m-%d %H:%M")
        click.confirm(text("cli.db.restore.sure", desk.lang, made_at=made_at, rows=f"{manifest.rows:,}"), abort=True)
    with _database(desk) as store:
        done = keeping.restore(
            store, file, desk.now(), "cli", is_embedded=not desk.database_url, on_progress=desk.progress
        )
    if json_out:
        desk.give({**_backup_row(Backup(file, done.manifest)), "kept_as": done.kept_as or None})
        return
    desk.say("cli.db.restore.done", path=file, rows=f"{done.manifest.rows:,}")
    if done.kept_as:
        desk.say("cli.db.restore.kept", database=done.kept_as)


@db.command("status")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def status(desk: Desk, json_out: bool) -> None:
    with _database(desk) as store:
        found = keeping.database_status(store, desk.home)
    facts = found.database
    if json_out:
        desk.give({
            "place": facts.place, "embedded": not desk.database_url, "server": facts.server,
            "migration": facts.migration, "known_migration": facts.known_migration, "size_bytes": facts.size_bytes,
            "vector": facts.vector, "collation": facts.collation,
            "notes": [{"code": note.code, **note.facts} for note in facts.notes],
            "backups": [_backup_row(one) for one in found.backups], "set_aside": found.set_aside,
        })  # fmt: skip
        return
    kind = text(f"cli.db.status.{'customer' if desk.database_url else 'embedded'}", desk.lang)
    desk.say("cli.db.status.server", place=facts.place, kind=kind, server=facts.server)
    desk.say("cli.db.status.size", mb=_mb(facts.size_bytes), migration=facts.migration, known=facts.known_migration)
    desk.say(f"cli.db.status.vector_{facts.vector}")
    for note in facts.notes:
        desk.say(f"db.note.{note.code}", **note.facts)
    desk.say("cli.db.status.backups", count=len(found.backups), folder=found.folder)
    for one in found.backups[-1:]:
        made_at = one.manifest.made_at.astimezone().strftime("%Y-%m-%d %H:%M")
        desk.say("cli.db.status.newest", path=one.path.name, made_at=made_at, mb=_mb(one.manifest.file_bytes))
    for name in found.set_aside:
        desk.say("cli.db.status.set_aside", database=name)


@contextmanager
def _database(desk: Desk) -> Iterator[Store]:
    """The database as it is, not migrated."""
    store = open_database(desk.home, desk.database_url, on_progress=desk.progress)
    try:
        yield store
    finally:
        store.close()


def _mb(count: int) -> str:
    return f"{count / _MB:,.1f}"


def _backup_row(one: Backup) -> dict[str, object]:
    manifest = one.manifest
    return {
        "path": str(one.path),
        "made_at": manifest.made_at.isoformat(),
        "kind": manifest.kind,
        "program": manifest.program,
        "server": manifest.server,
        "migration": manifest.migration,
        "bytes": manifest.file_bytes,
        "tables": len(manifest.tables),
        "rows": manifest.rows,
    }


def _difference_row(difference: Difference) -> dict[str, object]:
    expected, found = difference.expected, difference.found
    return {
        "table": difference.table,
        "expected_rows": expected.rows if expected else None,
        "found_rows": found.rows if found else None,
    }

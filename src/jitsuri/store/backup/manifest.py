"""What a backup is: a dump file, and beside it a manifest that says what must come out of it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from jitsuri.terms.errors import CallerError
from jitsuri.terms.period import COMPANY_ZONE, company_day

FORMAT = 1
"""Version of the manifest's own shape."""
KEEP_DAILY = 14
"""How many daily backups are kept (decision 0002); those that a person asked for are never deleted."""

Kind = Literal["daily", "asked"]


@dataclass(frozen=True, slots=True)
class TableSum:
    """What is in one table, whatever the order of its rows."""

    rows: int
    checksum: str
    """Sum over all rows of the first 64 bits of SHA-256 of the row's text, as a decimal number."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands beside a dump file."""

    made_at: datetime
    kind: Kind
    program: str
    """Version of jitsuri."""
    server: str
    """Version of PostgreSQL that held the data."""
    tool: str
    """Version of the pg_dump that wrote the file: an older pg_restore cannot read it."""
    migration: int
    file_bytes: int
    file_sha256: str
    tables: Mapping[str, TableSum]

    @property
    def tool_major(self) -> int:
        """Major of the pg_dump that wrote the file."""
        return int(self.tool.split(".")[0])

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(table.rows for table in self.tables.values())


@dataclass(frozen=True, slots=True)
class Backup:
    """A dump file with its manifest."""

    path: Path
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Difference:
    """A table that is not as the manifest says; None stands for a missing table."""

    table: str
    expected: TableSum | None
    found: TableSum | None


def differences(expected: Mapping[str, TableSum], found: Mapping[str, TableSum]) -> tuple[Difference, ...]:
    """Every table that differs, by name."""
    names = sorted(expected.keys() | found.keys())
    rows = (Difference(name, expected.get(name), found.get(name)) for name in names)
    return tuple(row for row in rows if row.expected != row.found)


def due_backup(last: datetime | None, now: datetime, zone: ZoneInfo = COMPANY_ZONE) -> bool:
    """Is there no backup of the company's day yet? A last one in the future (a clock set back) does not count."""
    return last is None or company_day(last, zone) != company_day(now, zone)


def expired(backups: Sequence[Backup], keep: int = KEEP_DAILY) -> list[Backup]:
    """The daily backups beyond the newest ``keep``, oldest first. Kept by number and not by age: a machine that was
    off for a month still has its backups."""
    daily = sorted((b for b in backups if b.manifest.kind == "daily"), key=lambda b: b.manifest.made_at)
    return daily[: max(0, len(daily) - max(1, keep))]


def manifest_path(dump: Path) -> Path:
    return dump.with_name(dump.name + ".json")


def backup_name(now: datetime, kind: Kind) -> str:
    """The dump's file name: sorted by name is sorted by time."""
    return f"jitsuri-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{kind}.dump"


def manifest_text(manifest: Manifest) -> str:
    """The manifest as JSON."""
    tables = {name: {"rows": t.rows, "checksum": t.checksum} for name, t in sorted(manifest.tables.items())}
    content = {
        "format": FORMAT,
        "made_at": manifest.made_at.astimezone(UTC).isoformat(),
        "kind": manifest.kind,
        "program": manifest.program,
        "server": manifest.server,
        "tool": manifest.tool,
        "migration": manifest.migration,
        "file": {"bytes": manifest.file_bytes, "sha256": manifest.file_sha256},
        "tables": tables,
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def read_manifest(dump: Path) -> Manifest:
    """The manifest of a dump file.

    Raises CallerError ``backup_not_found``, ``backup_without_manifest``, ``backup_manifest_broken``.
    """
    if not dump.is_file():
        raise CallerError("backup_not_found", path=str(dump))
    file = manifest_path(dump)
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise CallerError("backup_without_manifest", path=str(dump), manifest=str(file)) from None
    except (ValueError, OSError) as error:
        raise CallerError("backup_manifest_broken", path=str(file), reason=str(error)) from error
    try:
        return _manifest(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CallerError("backup_manifest_broken", path=str(file), reason=repr(error)) from error


def _manifest(content: dict[str, Any]) -> Manifest:
    if content["format"] != FORMAT:
        raise ValueError(f"format {content['format']}, expected {FORMAT}")
    made_at = datetime.fromisoformat(content["made_at"])
    int(str(content["tool"]).split(".")[0])
    if made_at.tzinfo is None:
        raise ValueError("made_at without a time zone")
    return Manifest(
        made_at=made_at,
        kind="daily" if content["kind"] == "daily" else "asked",
        program=str(content["program"]),
        server=str(content["server"]),
        tool=str(content["tool"]),
        migration=int(content["migration"]),
        file_bytes=int(content["file"]["bytes"]),
        file_sha256=str(content["file"]["sha256"]),
        tables={name: TableSum(int(t["rows"]), str(t["checksum"])) for name, t in content["tables"].items()},
    )


def backups_in(folder: Path) -> list[Backup]:
    """All whole backups in a folder, oldest first; what cannot be read is left out."""
    found = []
    for path in sorted(folder.glob("*.dump")):
        try:
            found.append(Backup(path, read_manifest(path)))
        except CallerError:
            continue
    return sorted(found, key=lambda backup: backup.manifest.made_at)

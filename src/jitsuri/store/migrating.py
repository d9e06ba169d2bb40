"""Numbered SQL migrations, each once, under an advisory lock."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from jitsuri.store.door import Connection, Store
from jitsuri.terms.errors import OperatorError

MIGRATION_LOCK = 5_410_001
"""Number of the advisory lock; any fixed number that nothing else here uses."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema, as a file ``NNNN_name.sql``; released ones never change."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, whatever its line ends, in hex."""
        return hashlib.sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


def migrations() -> tuple[Migration, ...]:
    """All migrations of this program, in order. Raises ValueError on a gap or a number given twice."""
    found = []
    for file in resources.files("jitsuri.store").joinpath("migrations").iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, file.read_text("utf-8")))
    return in_order(found)


def in_order(found: Sequence[Migration]) -> tuple[Migration, ...]:
    """The migrations sorted by number. Raises ValueError on a gap or a number given twice."""
    ordered = sorted(found, key=lambda migration: migration.number)
    for expected, migration in enumerate(ordered, start=1):
        if migration.number != expected:
            raise ValueError(f"migration {migration.number:04d}_{migration.name}: expected number {expected:04d}")
    return tuple(ordered)


def newest() -> int:
    """Number of this program's newest migration."""
    return migrations()[-1].number


def applied_number(tx: Connection) -> int:
    """Number of the newest migration that the database has; 0 for an empty one."""
    if not _has_table(tx):
        return 0
    found = tx.execute("SELECT coalesce(max(number), 0) FROM store_migrations").fetchone()
    return int(found[0]) if found else 0


def _has_table(tx: Connection) -> bool:
    row = tx.execute("SELECT to_regclass('store_migrations') IS NOT NULL").fetchone()
    return row is not None and bool(row[0])


def migrate(store: Store, known: Sequence[Migration] | None = None) -> list[int]:
    """Apply what is missing, all in one transaction; returns the numbers applied. Safe with several processes at once.

    Raises OperatorError ``database_newer`` for a database that a newer program has migrated, and
    ``migration_changed`` where an applied migration differs from the program's file of that number.
    """
    known = migrations() if known is None else in_order(known)
    with store.reading() as tx:
        if _has_table(tx) and not _missing(tx, known, store.place):
            return []
    with store.transaction() as tx:
        tx.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        tx.execute(
            "CREATE TABLE IF NOT EXISTS store_migrations "
            "(number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL)"
        )
        missing = _missing(tx, known, store.place)
        for migration in missing:
            tx.execute(migration.sql.encode())
            tx.execute(
                "INSERT INTO store_migrations (number, name, checksum, applied_at) "
                "VALUES (%s, %s, %s, clock_timestamp())",
                (migration.number, migration.name, migration.checksum),
            )
    return [migration.number for migration in missing]


def _missing(tx: Connection, known: Sequence[Migration], place: str) -> list[Migration]:
    """What the database lacks, after a look at what it has."""
    by_number = {migration.number: migration for migration in known}
    applied: dict[int, str] = dict(tx.execute("SELECT number, checksum FROM store_migrations").fetchall())
    for number, checksum in sorted(applied.items()):
        if number not in by_number:
            raise OperatorError("database_newer", where=place, found=max(applied), known=len(known))
        if checksum != by_number[number].checksum:
            raise OperatorError("migration_changed", where=place, number=number, name=by_number[number].name)
    return [migration for migration in known if migration.number not in applied]

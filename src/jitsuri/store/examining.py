"""What the database is and can do: asked once, for ``check`` and ``db status``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from jitsuri.store.door import Connection, Store
from jitsuri.store.migrating import applied_number, newest

VectorState = Literal["installed", "available", "absent"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something about the database worth telling; ``words`` holds ``db.note.<code>``."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The database in use."""

    place: str
    """``host:port/database``, without a password."""
    server: str
    """Version of PostgreSQL."""
    migration: int
    """Number of the newest migration applied."""
    known_migration: int
    """Number of this program's newest migration."""
    size_bytes: int
    vector: VectorState
    collation: str
    """What text is sorted by where no COLLATE says otherwise; ours says ``COLLATE "C"`` on every key."""
    notes: tuple[Note, ...]


def examine(store: Store) -> DatabaseFacts:
    """Ask the database what it is. Raises OperatorError where it does not answer."""
    with store.reading() as tx:
        [(server, size)] = tx.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database())"
        ).fetchall()
        return DatabaseFacts(
            place=store.place,
            server=str(server).split()[0],
            migration=applied_number(tx),
            known_migration=newest(),
            size_bytes=size,
            vector=vector_state(tx),
            collation=_collation(tx),
            notes=_collation_notes(tx),
        )


def vector_state(tx: Connection) -> VectorState:
    """Is pgvector there: in this database, on this server, or not at all?"""
    row = tx.execute("SELECT installed_version FROM pg_available_extensions WHERE name = 'vector'").fetchone()
    if row is None:
        return "absent"
    return "installed" if row[0] else "available"


def _collation(tx: Connection) -> str:
    [(collate,)] = tx.execute("SELECT datcollate FROM pg_database WHERE datname = current_database()").fetchall()
    if tx.info.server_version >= 170000:
        [(locale,)] = tx.execute("SELECT datlocale FROM pg_database WHERE datname = current_database()").fetchall()
        return str(locale or collate)
    return str(collate)


def _collation_notes(tx: Connection) -> tuple[Note, ...]:
    """A changed C library may sort otherwise than the indexes were built by (recorded since PostgreSQL 15)."""
    if tx.info.server_version < 150000:
        return ()
    row = tx.execute(
        "SELECT datname, datcollversion, pg_database_collation_actual_version(oid) "
        "FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    if row is None or row[1] is None or row[1] == row[2]:
        return ()
    return (Note("collation_changed", {"database": row[0], "before": row[1], "now": row[2]}),)

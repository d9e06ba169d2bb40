"""One-time links in the database, each under the hash of its secret; used at most once by one conditional UPDATE."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jitsuri.access.shapes import LinkPurpose
from jitsuri.store.door import Connection


def insert(
    tx: Connection,
    secret_hash: bytes,
    purpose: LinkPurpose,
    person_id: UUID | None,
    created_at: datetime,
    expires_at: datetime,
) -> None:
    """Make a link; unused ones of the same purpose and person are void from now on."""
    tx.execute(
        "DELETE FROM access_links WHERE purpose = %s AND person_id IS NOT DISTINCT FROM %s AND used_at IS NULL",
        (purpose, person_id),
    )
    tx.execute(
        "INSERT INTO access_links (secret_hash, purpose, person_id, roles, created_at, expires_at, used_at) "
        "VALUES (%s, %s, %s, '{}', %s, %s, NULL)",
        (secret_hash, purpose, person_id, created_at, expires_at),
    )


def find(tx: Connection, secret_hash: bytes, now: datetime) -> tuple[LinkPurpose, UUID | None, datetime] | None:
    """Purpose, person and end of a link that may still be used; changes nothing."""
    row = tx.execute(
        "SELECT purpose, person_id, expires_at FROM access_links "
        "WHERE secret_hash = %s AND used_at IS NULL AND expires_at > %s",
        (secret_hash, now),
    ).fetchone()
    return (row[0], row[1], row[2]) if row else None


def use(tx: Connection, secret_hash: bytes, purpose: LinkPurpose, now: datetime) -> bool:
    """Use the link up. True for exactly one caller, however many come at once."""
    done = tx.execute(
        "UPDATE access_links SET used_at = %s "
        "WHERE secret_hash = %s AND purpose = %s AND used_at IS NULL AND expires_at > %s",
        (now, secret_hash, purpose, now),
    )
    return done.rowcount == 1


def void_all(tx: Connection, person_id: UUID) -> None:
    """Take away a person's unused links."""
    tx.execute("DELETE FROM access_links WHERE person_id = %s AND used_at IS NULL", (person_id,))

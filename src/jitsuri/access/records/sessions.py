"""Sessions in the database, each under the hash of its secret."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jitsuri.access.shapes import Person, Session
from jitsuri.store.door import Connection


def insert(tx: Connection, secret_hash: bytes, session: Session, created_at: datetime) -> None:
    """Begin a session."""
    tx.execute(
        "INSERT INTO access_sessions (secret_hash, person_id, csrf, created_at, expires_at) "
        "VALUES (%s, %s, %s, %s, %s)",
        (secret_hash, session.person.person_id, session.csrf, created_at, session.expires_at),
    )


def find(tx: Connection, secret_hash: bytes, now: datetime) -> tuple[Session, datetime] | None:
    """The session of this secret with the time it began, if it has not ended and its person may sign in."""
    row = tx.execute(
        "SELECT p.person_id, p.login, p.name, p.roles, p.department, p.language, p.is_active, p.created_at, "
        "s.csrf, s.expires_at, s.created_at FROM access_sessions s JOIN access_people p USING (person_id) "
        "WHERE s.secret_hash = %s AND s.expires_at > %s AND p.is_active",
        (secret_hash, now),
    ).fetchone()
    if row is None:
        return None
    person_id, login, name, roles, *rest = row
    department, language, is_active, created_at, csrf, expires_at, began_at = rest
    person = Person(person_id, login, name, frozenset(roles), department, language, is_active, created_at)
    return Session(person, csrf, expires_at), began_at


def renew(tx: Connection, secret_hash: bytes, expires_at: datetime) -> None:
    """Move a session's end; one that was ended meanwhile stays ended."""
    tx.execute("UPDATE access_sessions SET expires_at = %s WHERE secret_hash = %s", (expires_at, secret_hash))


def end(tx: Connection, secret_hash: bytes) -> UUID | None:
    """End one session; returns whose it was, None if there was none."""
    row = tx.execute(
        "DELETE FROM access_sessions WHERE secret_hash = %s RETURNING person_id", (secret_hash,)
    ).fetchone()
    return row[0] if row else None


def end_all(tx: Connection, person_id: UUID) -> int:
    """End all sessions of a person; returns how many."""
    return tx.execute("DELETE FROM access_sessions WHERE person_id = %s", (person_id,)).rowcount


def forget_ended(tx: Connection, now: datetime) -> None:
    """Take away the rows of sessions that have ended by themselves."""
    tx.execute("DELETE FROM access_sessions WHERE expires_at <= %s", (now,))

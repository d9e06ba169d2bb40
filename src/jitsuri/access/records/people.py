"""People in the database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from jitsuri.access.shapes import Account, Person, Role
from jitsuri.store.door import Connection

_ADMIN_LOCK = 5_410_030
"""Advisory lock of everything that changes who is an administrator: two who remove each other take turns."""

_PERSON = "person_id, login, name, roles, department, language, is_active, created_at"
_IS_ADMIN = "is_active AND password_hash <> '' AND 'admin' = ANY(roles)"
"""An administrator who can sign in."""


def lock_admins(tx: Connection) -> None:
    """Wait for any other transaction that changes who is an administrator."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (_ADMIN_LOCK,))


def has_active_admin(tx: Connection, besides: UUID | None = None) -> bool:
    """Is there an administrator who can sign in (other than this one)?"""
    [(found,)] = tx.execute(
        f"SELECT EXISTS (SELECT 1 FROM access_people WHERE {_IS_ADMIN} AND person_id IS DISTINCT FROM %s)",  # noqa: S608
        (besides,),
    ).fetchall()
    return bool(found)


def insert(tx: Connection, person: Person, password_hash: str) -> bool:
    """Add a person; False if the login is taken."""
    done = tx.execute(
        f"INSERT INTO access_people ({_PERSON}, password_hash) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) "  # noqa: S608
        "ON CONFLICT DO NOTHING",
        (
            person.person_id,
            person.login,
            person.name,
            sorted(person.roles),
            person.department,
            person.language,
            person.is_active,
            person.created_at,
            password_hash,
        ),
    )
    return done.rowcount == 1


def everybody(tx: Connection) -> list[Person]:
    """All people, also those who may no longer sign in, by login."""
    return [_person(row) for row in tx.execute(f"SELECT {_PERSON} FROM access_people ORDER BY login")]  # noqa: S608


def account_of(tx: Connection, login: str) -> Account | None:
    """Person and password hash of a login (in its form)."""
    if "\x00" in login:
        return None
    row = tx.execute(f"SELECT {_PERSON}, password_hash FROM access_people WHERE login = %s", (login,)).fetchone()  # noqa: S608
    return Account(_person(row), row[-1]) if row else None


def account_for_change(tx: Connection, person_id: UUID) -> Account | None:
    """Person and password hash, held against other changes until the transaction ends."""
    row = tx.execute(
        f"SELECT {_PERSON}, password_hash FROM access_people WHERE person_id = %s FOR UPDATE",  # noqa: S608
        (person_id,),
    ).fetchone()
    return Account(_person(row), row[-1]) if row else None


def set_password(tx: Connection, person_id: UUID, password_hash: str) -> None:
    tx.execute("UPDATE access_people SET password_hash = %s WHERE person_id = %s", (password_hash, person_id))


def set_roles(tx: Connection, person_id: UUID, roles: Collection[Role]) -> None:
    tx.execute("UPDATE access_people SET roles = %s WHERE person_id = %s", (sorted(roles), person_id))


def set_active(tx: Connection, person_id: UUID, is_active: bool) -> None:
    tx.execute("UPDATE access_people SET is_active = %s WHERE person_id = %s", (is_active, person_id))


def set_language(tx: Connection, person_id: UUID, language: str) -> None:
    tx.execute("UPDATE access_people SET language = %s WHERE person_id = %s", (language, person_id))


def _person(row: tuple[Any, ...]) -> Person:
    person_id, login, name, roles, department, language, is_active, created_at, *_ = row
    return Person(person_id, login, name, frozenset(roles), department, language, is_active, created_at)

"""Databases beside the one in use: made like it, swapped with it in one transaction, dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jitsuri.store.door import Connection
from jitsuri.store.faults import operator_error, place_of
from jitsuri.terms.errors import OperatorError

_MAINTENANCE = ("postgres", "template1")
_RENAME_TRIES = 5
_NAME_BYTES = 63
"""Longest name of anything in PostgreSQL (NAMEDATALEN - 1)."""


def name_of(dsn: str) -> str:
    """The database that a connection string names."""
    parts = conninfo_to_dict(dsn)
    return str(parts.get("dbname") or parts.get("user") or "")


def dsn_for(dsn: str, database: str) -> str:
    """The same server and login, another database."""
    return make_conninfo(dsn, dbname=database)


def beside(name: str, what: str) -> str:
    """A name for a database that belongs to ``name``, short enough for PostgreSQL."""
    ending = f"_{what}"
    return name.encode()[: _NAME_BYTES - len(ending)].decode(errors="ignore") + ending


@contextmanager
def maintenance(dsn: str) -> Iterator[Connection]:
    """A connection to a database of the server that is not the one in use; each statement counts at once.

    Raises OperatorError, also for what goes wrong in the body and the keeper can mend.
    """
    connection = _connected(dsn)
    try:
        yield connection
    except errors.InsufficientPrivilege as error:
        raise OperatorError("may_not_create_database", where=place_of(dsn), reason=str(error).strip()) from error
    except psycopg.Error as error:
        raise operator_error(error, dsn) or error from error
    finally:
        connection.close()


def _connected(dsn: str) -> Connection:
    failure: OperatorError | None = None
    for name in _MAINTENANCE:
        if name == name_of(dsn):
            continue
        try:
            return psycopg.connect(dsn_for(dsn, name), autocommit=True)
        except psycopg.OperationalError as error:
            failure = failure or operator_error(error, dsn_for(dsn, name), is_connecting=True)
    raise failure or OperatorError("database_unreachable", where=place_of(dsn), reason="")


def exists(admin: Connection, name: str) -> bool:
    return admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None


def kept_beside(dsn: str) -> tuple[str, ...]:
    """The databases that restores have set aside, by name."""
    start = beside(name_of(dsn), "before_")
    with maintenance(dsn) as admin:
        found = admin.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname::text, %s) ORDER BY 1", (start,)
        ).fetchall()
    return tuple(row[0] for row in found)


def create_like(admin: Connection, name: str, model: str) -> None:
    """An empty UTF-8 database that sorts and folds like ``model`` (or like the server's own, where it is missing)."""
    version = admin.info.server_version // 10000
    provider = "datlocprovider" if version >= 15 else "'c'"
    locale = {15: "daticulocale", 16: "daticulocale"}.get(version, "datlocale" if version >= 17 else "NULL")
    found = admin.execute(
        f"SELECT datcollate, datctype, {provider}, {locale} FROM pg_database WHERE datname = %s",  # noqa: S608
        (model,),
    ).fetchone()
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
    if found is not None:
        collate, ctype, kind, builtin = (v.decode() if isinstance(v, bytes) else v for v in found)
        statement += sql.SQL(" LC_COLLATE {} LC_CTYPE {}").format(sql.Literal(collate), sql.Literal(ctype))
        if kind == "i":
            statement += sql.SQL(" LOCALE_PROVIDER icu ICU_LOCALE {}").format(sql.Literal(builtin))
        elif kind == "b":
            statement += sql.SQL(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {}").format(sql.Literal(builtin))
        elif version >= 15:
            statement += sql.SQL(" LOCALE_PROVIDER libc")
    admin.execute(statement)


def drop(admin: Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def sessions(admin: Connection, name: str) -> int:
    """How many clients are connected to a database."""
    row = admin.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s "
        "AND coalesce(backend_type, 'client backend') = 'client backend'",
        (name,),
    ).fetchone()
    return int(row[0]) if row else 0


def swap(admin: Connection, name: str, new: str, kept_as: str) -> None:
    """Put ``new`` in the place of ``name``, which goes on as ``kept_as``: both or neither.

    Raises OperatorError ``database_in_use`` when somebody stays connected.
    """
    for attempt in range(_RENAME_TRIES):
        try:
            with admin.transaction():
                if exists(admin, name):
                    rename(admin, name, kept_as)
                rename(admin, new, name)
            return
        except errors.ObjectInUse as error:
            if attempt + 1 == _RENAME_TRIES:
                raise OperatorError("database_in_use", database=name, sessions=sessions(admin, name)) from error
            time.sleep(0.2)


def rename(admin: Connection, name: str, new_name: str) -> None:
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(new_name)))

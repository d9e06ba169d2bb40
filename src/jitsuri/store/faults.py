"""What the database library raises, told as what the keeper of the installation can mend."""

from __future__ import annotations

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from jitsuri.terms.errors import OperatorError

_BY_STATE: dict[str, str] = {
    "53100": "disk_full",
    "53200": "database_out_of_memory",
    "53300": "database_too_many_connections",
    "25006": "database_read_only",
    "28000": "database_login_refused",
    "28P01": "database_login_refused",
    "3D000": "database_missing",
    "42501": "database_no_privilege",
    "58030": "database_disk_error",
    "XX001": "database_damaged",
    "XX002": "database_damaged",
}
"""Codes by SQLSTATE. Source: PostgreSQL 18 documentation, appendix A."""

_GONE = ("08", "25P03", "25P04", "57P01", "57P02", "57P03", "57P05")
"""SQLSTATEs (or their beginnings) that mean: this connection is lost, a new one may do."""

_BY_WORDS: tuple[tuple[str, str], ...] = (
    ("password authentication failed", "database_login_refused"),
    ("no pg_hba.conf entry", "database_login_refused"),
    ("no password supplied", "database_login_refused"),
    ('role "', "database_login_refused"),
    ("does not exist", "database_missing"),
    ("too many clients", "database_too_many_connections"),
    ("remaining connection slots", "database_too_many_connections"),
    ("No space left on device", "disk_full"),
)
"""A refused login comes without a SQLSTATE; its words are English unless the server was set otherwise."""


def place_of(dsn: str) -> str:
    """Where a connection string points, without its password: ``host:port/database``."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "?"
    host, port = parts.get("host") or "localhost", parts.get("port") or "5432"
    return f"{host}:{port}/{parts.get('dbname') or parts.get('user') or ''}"


def reason_of(error: BaseException) -> str:
    """The first line of what the database said."""
    said = str(error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def is_gone(error: psycopg.Error) -> bool:
    """Is the connection (not the statement) what failed?"""
    state = error.sqlstate
    if state is None:
        return isinstance(error, (errors.OperationalError, errors.InterfaceError))
    return state.startswith(_GONE)


def is_worth_repeating(error: psycopg.Error) -> bool:
    """Did two transactions get into each other's way, so that the same again may do?"""
    return error.sqlstate in ("40001", "40P01")


def operator_error(error: psycopg.Error, dsn: str, *, is_connecting: bool = False) -> OperatorError | None:
    """The error to raise instead, or None where the statement itself is at fault (a bug, a constraint)."""
    facts = {"where": place_of(dsn), "reason": reason_of(error)}
    code = _BY_STATE.get(error.sqlstate or "")
    if code is None and (is_connecting or is_gone(error)):
        told = (code for words, code in _BY_WORDS if is_connecting and words in str(error))
        code = next(told, "database_unreachable")
    if code is None:
        return None
    if code == "disk_full":
        return OperatorError(code, path=facts["where"], reason=facts["reason"], log="")
    return OperatorError(code, **facts)

"""The door: transactions for flows, read-only transactions for pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]
"""What records get: an open connection inside a transaction that somebody above opened."""


class Store:
    """Opens transactions on one database. Connections are opened per use or kept per thread by ``pool``."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def _connect(self) -> Connection:
        return psycopg.connect(self._dsn, autocommit=False)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or rolls back on an exception."""
        with self._connect() as connection, connection.transaction():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that PostgreSQL itself keeps READ ONLY, on one snapshot."""
        with self._connect() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield connection

    def close(self) -> None:
        """Give back what is held open."""

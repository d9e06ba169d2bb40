"""The door: transactions for flows, read-only transactions for pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import ExecStatus, TransactionStatus

from jitsuri.store.faults import is_gone, is_worth_repeating, operator_error, place_of
from jitsuri.terms.errors import OperatorError

Connection = psycopg.Connection[tuple[Any, ...]]
"""What records get: an open connection inside a transaction that somebody above opened."""

Result = TypeVar("Result")

OLDEST_SERVER = 14
"""Oldest major of PostgreSQL that is supported (and tested: decision 0002)."""
CONNECT_SECONDS = 10
IDLE_IN_TRANSACTION_SECONDS = 15
"""How long a lasting connection may stand still inside a transaction before the server ends it. A process that is
frozen there (a signal, a machine put to sleep) keeps others waiting for its locks for so long; a living one pauses for
milliseconds. Well below the time after which a worker is taken for dead (decision 0020)."""
MOST_IN_TRANSACTION_SECONDS = 60
"""How long a transaction of such a connection may take as a whole, on servers that know the setting (17 and later): a
process that is frozen while it sends is not idle for the server, which waits for the rest of what was begun."""
_KNOWS_TRANSACTION_TIMEOUT = 17
_IDLE_KEPT = 8
_PROBE_AFTER_SECONDS = 2.0
_RETRY_PAUSE_SECONDS = 0.2


def without_nul(text: str) -> str:
    """The text as PostgreSQL can hold it: NUL becomes ␀ (U+2400), half a surrogate pair becomes U+FFFD.

    PostgreSQL refuses both, and one such text would fail the whole COPY batch it is in.
    """
    text = text.replace("\0", "\u2400")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class Keeper(Protocol):
    """Whoever keeps the server running that a store stands on: the supervisor of the embedded one."""

    def revive(self) -> str:
        """Bring the server back; returns the connection string that holds from now on."""

    def explain(self) -> OperatorError | None:
        """Why the server may have gone, as far as its surroundings tell (a full disk)."""

    def release(self) -> None:
        """Let the server go."""


class Store:
    """Transactions on one database. Safe to use from several threads.

    A few connections are kept open and handed out again, with whatever a session keeps: a temporary table needs
    ``ON COMMIT DROP``, a setting ``SET LOCAL``. One that has lain idle is asked first; a lost one is replaced.
    Failures that the keeper of the installation must mend come as OperatorError: ``database_unreachable``,
    ``disk_full``, ``database_read_only``, ``database_login_refused``, … (see ``store.faults``).
    """

    def __init__(
        self,
        dsn: str,
        *,
        application_name: str = "jitsuri",
        keeper: Keeper | None = None,
    ) -> None:
        """``keeper`` is asked to bring the server back when it cannot be reached, and let go at the end."""
        self._dsn = dsn
        self._application_name = application_name
        self._keeper = keeper
        self._idle: list[tuple[float, Connection]] = []
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def dsn(self) -> str:
        """The connection string, with its password: for the tools of this floor, never for a log."""
        return self._dsn

    @property
    def place(self) -> str:
        """``host:port/database``, without a password: for messages."""
        return place_of(self._dsn)

    # -- transactions

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or rolls back on an exception.

        A second one inside it is a transaction of its own, on another connection.
        """
        with self._translated(), self._connection() as connection, connection.transaction():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that PostgreSQL itself keeps READ ONLY, on one snapshot."""
        with self._translated(is_reading=True), self._connection() as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with connection.transaction():
                yield connection

    def retrying(
        self, work: Callable[[Connection], Result], *, seconds: float, sleep: Callable[[float], None] = time.sleep
    ) -> Result:
        """Do ``work(tx)`` in a transaction; again, for up to ``seconds``, while the database is away.

        The work may happen more than once: when the connection is lost at the commit, nobody knows whether it
        counted. So every effect in it must be one that a second time changes nothing (an id that is derived,
        ``ON CONFLICT DO NOTHING``). Raises the last error when time is up.
        """
        ends = time.monotonic() + seconds
        while True:
            try:
                with self.transaction() as tx:
                    return work(tx)
            except OperatorError as error:
                if error.code != "database_unreachable" or time.monotonic() >= ends:
                    raise
            except psycopg.Error as error:
                if not is_worth_repeating(error) or time.monotonic() >= ends:
                    raise
            sleep(_RETRY_PAUSE_SECONDS)

    @contextmanager
    def alone(self, number: int) -> Iterator[bool]:
        """True while nobody else, in any process, is at what this number stands for; False at once where somebody is.

        Held by a transaction of its own, so that a process that dies lets go.
        """
        with self.transaction() as tx:
            [(is_ours,)] = tx.execute("SELECT pg_try_advisory_xact_lock(%s)", (number,)).fetchall()
            yield bool(is_ours)

    def is_reachable(self) -> bool:
        """Does the database answer now?"""
        try:
            with self.reading() as tx:
                tx.execute("SELECT 1")
        except OperatorError:
            return False
        return True

    def wait_until_reachable(self, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait for a database that is away. Raises OperatorError, the last one seen, after ``seconds``."""

        def ask(tx: Connection) -> None:
            tx.execute("SELECT 1")

        self.retrying(ask, seconds=seconds, sleep=sleep)

    def lasting(self) -> Connection:
        """A connection of the caller's own, in autocommit: for a writer or listener that lives as long as the process.

        A server of our own that has gone is brought back. Raises OperatorError. Losing it is the caller's to mend; the
        server itself ends one that stands still inside a transaction.
        """
        connection = self._opened()
        connection.autocommit = True
        with self._translated():
            connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'")
            if connection.info.server_version >= _KNOWS_TRANSACTION_TIMEOUT * 10000:
                connection.execute(f"SET transaction_timeout = '{MOST_IN_TRANSACTION_SECONDS}s'")
        return connection

    @property
    def has_vector(self) -> bool:
        """Does the server have pgvector, in this database or to be created in it?"""
        with self.reading() as tx:
            return bool(tx.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone())

    def close(self) -> None:
        """Give back what is held open. A closed store opens no transaction again."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self.drop_idle()
        if self._keeper is not None:
            self._keeper.release()

    # -- connections

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = self._take()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _take(self) -> Connection:
        while True:
            with self._lock:
                if self._is_closed:
                    raise OperatorError("database_closed", where=self.place)
                since, connection = self._idle.pop() if self._idle else (0.0, None)
            if connection is None:
                return self._opened()
            if _is_alive(connection, time.monotonic() - since):
                return connection
            connection.close()
            self.drop_idle()

    def _give_back(self, connection: Connection) -> None:
        if not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE:
            connection.read_only = None
            connection.isolation_level = None
            with self._lock:
                if len(self._idle) < _IDLE_KEPT and not self._is_closed:
                    self._idle.append((time.monotonic(), connection))
                    return
        connection.close()

    def drop_idle(self) -> None:
        """Close what lies idle: after one connection was lost, the others are too."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _opened(self) -> Connection:
        """A new connection; a server of our own that has gone is brought back once."""
        try:
            return self._connect()
        except OperatorError as error:
            if self._keeper is None or error.code != "database_unreachable":
                raise
        self._dsn = self._keeper.revive()
        return self._connect()

    def _connect(self) -> Connection:
        try:
            dsn = make_conninfo(self._dsn, client_encoding="UTF8", application_name=self._application_name)
            if "connect_timeout" not in dsn:
                dsn = make_conninfo(dsn, connect_timeout=CONNECT_SECONDS)
            connection: Connection = psycopg.connect(dsn, autocommit=False)
        except psycopg.Error as error:
            raise operator_error(error, self._dsn, is_connecting=True) or error from error
        try:
            _check_server(connection, self.place)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _translated(self, *, is_reading: bool = False) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            if is_gone(error):
                self.drop_idle()
            told = operator_error(error, self._dsn)
            if told is None or (is_reading and told.code == "database_read_only"):
                raise
            if told.code == "database_unreachable" and self._keeper is not None:
                told = self._keeper.explain() or told
            raise told from error


def _is_alive(connection: Connection, idle_seconds: float) -> bool:
    """Ask a connection that has lain idle for a while, with the cheapest question there is."""
    if connection.closed:
        return False
    if idle_seconds < _PROBE_AFTER_SECONDS:
        return True
    with suppress(psycopg.Error):
        return connection.pgconn.exec_(b"").status == ExecStatus.EMPTY_QUERY
    return False


def _check_server(connection: Connection, place: str) -> None:
    """Refuse what we cannot work with, and let every session count time alike."""
    version = connection.info.server_version
    if version < OLDEST_SERVER * 10000:
        raise OperatorError("database_too_old", where=place, version=version // 10000, oldest=OLDEST_SERVER)
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise OperatorError("database_not_utf8", where=place, encoding=encoding)
    if connection.info.parameter_status("TimeZone") not in ("UTC", "Etc/UTC"):
        connection.execute("SET TIME ZONE 'UTC'")
        connection.commit()

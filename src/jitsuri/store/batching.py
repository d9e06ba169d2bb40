"""Statements of one transaction, sent together: one round trip for all of them, prepared once per connection.

psycopg's own way looks at every value of every statement, and waits for each. Here values are texts that records make
themselves (mostly one JSON document per kind of row), and results are only looked at for errors.
Source: PostgreSQL 18 documentation, libpq pipeline mode.
"""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable, Mapping

import psycopg
from psycopg import errors
from psycopg.pq import DiagnosticField, ExecStatus

from jitsuri.store.door import Connection

_FAILED = (
    ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE, ExecStatus.NONFATAL_ERROR, ExecStatus.PIPELINE_ABORTED,
)  # fmt: skip


class Statements:
    """What one connection has prepared, and how its socket is waited for."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.names: dict[str, bytes] = {}
        self.poll = select.poll()
        self.poll.register(connection.pgconn.socket, select.POLLIN)


class NeedsCareError(Exception):
    """Something in a batch is out of the ordinary: it is written again with ``is_careful``."""


class Batch:
    """A transaction's statements, gathered and sent. ``run`` waits for nothing; ``settle`` and ``connection`` send all.

    Who must not wait at all sends by ``send`` and takes what came by ``receive``, whenever the socket can be read.
    """

    def __init__(self, statements: Statements, *, is_careful: bool = False) -> None:
        """``is_careful``: records do everything that may be due, and do not raise ``NeedsCareError``."""
        self.is_careful = is_careful
        self._statements = statements
        self._pgconn = statements.connection.pgconn
        self._sent: list[str | None] = []
        """What results are to come for: a statement that was prepared, None for one that was run."""
        self._received = 0
        """Results of these that have come, each with the sign of its end."""
        self._has_result = False
        """Whether the next one has come, and the sign of its end has not."""
        self._failed: Exception | None = None
        self._is_piping = False
        self._raised: dict[str, Callable[[], Exception]] = {}
        self.last = ""
        """The statement that was gathered last."""

    @property
    def connection(self) -> Connection:
        """The connection, for records that work with it as usual; what was gathered has been done by then."""
        self.settle()
        return self._statements.connection

    def run(self, statement: str, *values: bytes, raised: Mapping[str, Callable[[], Exception]] | None = None) -> None:
        """Gather a statement (``$1``, ``$2``, …) with its values as texts. An error comes with the next ``settle``.

        ``raised``: what our own SQLSTATEs mean.
        """
        if raised is not None:
            self._raised.update(raised)
        if not self._is_piping:
            self._pgconn.enter_pipeline_mode()
            self._is_piping = True
        self.last = statement
        names = self._statements.names
        name = names.get(statement)
        if name is None:
            name = names[statement] = b"batch%d" % len(names)
            self._pgconn.send_prepare(name, statement.encode())
            self._sent.append(statement)
        self._pgconn.send_query_prepared(name, values)
        self._sent.append(None)

    def settle(self) -> None:
        """Send what was gathered and wait until it is done. Raises the first error."""
        if not self._is_piping:
            return
        self._pgconn.pipeline_sync()
        self.wait()

    def send(self) -> bool:
        """Send what was gathered; False where the system has not taken all of it yet: ``wait`` sends the rest."""
        self._pgconn.pipeline_sync()
        return not self._pgconn.flush()

    def receive(self) -> bool:
        """Take what has come of the answers; True when all of them have. Raises the first error then."""
        self._pgconn.consume_input()
        return self._has_all()

    def wait(self) -> None:
        """Wait until everything that ``send`` began to send is done. Raises the first error."""
        self._flush()
        while not self._has_all():
            self._statements.poll.poll()
            self._pgconn.consume_input()

    def _has_all(self) -> bool:
        pgconn, sent = self._pgconn, self._sent
        while self._received < len(sent):
            if pgconn.is_busy():
                return False
            result = pgconn.get_result()
            if self._has_result != (result is None):
                raise psycopg.OperationalError("the server closed the connection, or answered out of turn")
            if result is not None and result.status in _FAILED:
                self._note(result, sent[self._received])
            self._received += self._has_result
            self._has_result = not self._has_result
        if pgconn.is_busy():
            return False
        result = pgconn.get_result()
        if result is None or result.status != ExecStatus.PIPELINE_SYNC:
            raise psycopg.OperationalError("the server closed the connection, or answered out of turn")
        sent.clear()
        self._received = 0
        pgconn.exit_pipeline_mode()
        self._is_piping = False
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed
        return True

    def _note(self, result: psycopg.pq.abc.PGresult, prepared: str | None) -> None:
        """One of the statements failed."""
        if prepared is not None:
            self._statements.names.pop(prepared, None)
        if self._failed is None and result.status != ExecStatus.PIPELINE_ABORTED:
            self._failed = self._failure(result)

    def _failure(self, result: psycopg.pq.abc.PGresult) -> Exception:
        named = self._raised.get((result.error_field(DiagnosticField.SQLSTATE) or b"").decode())
        return named() if named is not None else errors.error_from_result(result, encoding="utf-8")

    def abandon(self) -> None:
        """Leave off, whatever was gathered: the connection can be used as usual again."""
        with contextlib.suppress(Exception):
            self.settle()

    def _flush(self) -> None:
        while self._pgconn.flush():
            self._statements.poll.modify(self._pgconn.socket, select.POLLIN | select.POLLOUT)
            try:
                self._statements.poll.poll()
                self._pgconn.consume_input()
            finally:
                self._statements.poll.modify(self._pgconn.socket, select.POLLIN)

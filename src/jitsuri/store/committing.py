"""The group commit: rows of many calls become durable in one transaction.

Whoever hands rows in gets a future that is done when they are durable. While one batch is written the next gathers, so
that under load each transaction, with its one wait for the disk, carries many calls.

As long as all is well the event loop itself writes: it sends a batch and reads the answer when it comes, and waits for
neither. A thread beside it would have to ask for the interpreter's lock a few dozen times per batch, at up to a switch
interval each (decision 0027). Whatever takes longer is the thread's work: connecting, records that need an ordinary
connection, refusals, outages. It has the connection meanwhile, and gives it back.

- A batch that the database refuses is bisected: one bad row fails alone, never its neighbours.
- While the database is away (or its disk is full) nothing is dropped: the batch is tried again until it stands, and
  ``outage`` says why. Every batch writes its number beside it; when a connection is lost at the commit, that number tells
  whether it counted, so that nothing is written twice and nothing is taken for written. (A transaction's own id would lie:
  after a crash the database gives it to another one.)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg

from jitsuri.store.batching import Batch, NeedsCareError, Statements
from jitsuri.store.door import Store
from jitsuri.store.faults import operator_error
from jitsuri.terms.errors import JitsuriError, OperatorError

LOGGER = logging.getLogger("jitsuri.gateway")

Writer = Callable[[Batch, Sequence[Any]], None]
"""Writes rows of one kind in the transaction it is given."""

Rows = Sequence[tuple[str, Any]]
"""``(kind, row)``: what one hand-in wants written together or not at all."""

Mender = Callable[[Batch, Rows], Rows]
"""Writes, of one hand-in that was refused because something of it is there already, what takes that one's place; returns
the rows that are left to be written as usual."""

Making = Callable[[], Rows]
"""Makes rows when they are to be written."""

MOST_AT_ONCE = 128
"""Hand-ins per transaction: a millisecond of the loop's time, and few enough that a bisection stays short (decision 0027)."""

FEW = 8
"""So many hand-ins, or half of the calls under way if that is more, are written without waiting for what else this turn of the
loop brings: the database works on them while the loop works on the rest (decision 0027)."""

_COMMIT = "COMMIT"
_MARK = (
    "INSERT INTO store_writers (writer_id, number, seen_at) VALUES ($1, $2, clock_timestamp()) "
    "ON CONFLICT (writer_id) DO UPDATE SET number = EXCLUDED.number, seen_at = EXCLUDED.seen_at"
)
_ASK_MARK = "SELECT number FROM store_writers WHERE writer_id = %s FOR UPDATE"
_END_MARK = "DELETE FROM store_writers WHERE writer_id = %s OR seen_at < clock_timestamp() - interval '1 day'"

TOLD_AT_ONCE = 8
"""Hand-ins that are told in one turn of the loop that they are durable: what follows takes about 0.1 ms each (decision 0026)."""

KEPT_S = 0.005
"""Rows that are kept go to the database between this and twice this many seconds later (decision 0027)."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
"""Between tries while the database is away: the embedded one is back within four seconds (decision 0002)."""


class _Handed:
    __slots__ = ("future", "rows")

    def __init__(self, rows: Rows, future: asyncio.Future[None] | None) -> None:
        self.rows = rows
        self.future = future


class _Job:
    """What the thread is to write, and what the loop has seen of it."""

    __slots__ = ("batch", "fault", "transaction")

    def __init__(
        self, batch: list[_Handed], transaction: Batch | None = None, fault: BaseException | None = None
    ) -> None:
        self.batch = batch
        self.transaction = transaction
        """What was gathered, and perhaps sent."""
        self.fault = fault
        """What went wrong with it; None where it is on its way."""


class Committer:
    """Writes on one connection of its own. ``submit`` belongs to the event loop that started it."""

    def __init__(
        self, store: Store, writers: Mapping[str, Writer], writer_id: UUID, mender: Mender | None = None,
        *, quick: Collection[str] = (),
    ) -> None:  # fmt: skip
        """``writers`` by kind, in the order in which kinds are written within a transaction; an id that nobody had.

        ``quick`` are the kinds whose writers only ``run`` statements: the loop may write them.
        ``mender`` is asked for a hand-in that fails alone on a unique violation, and for nothing else.
        """
        self._store = store
        self._mender = mender
        self._writers = dict(writers)
        self._quick = frozenset(quick)
        self._pending: deque[_Handed] = deque()
        """Handed in, and in no batch yet."""
        self._is_due = False
        """Whether a look at them stands at the end of this turn of the loop."""
        self._flight: tuple[list[_Handed], Batch] | None = None
        """What the loop has sent, and the database has not answered."""
        self._listens_to = -1
        """The connection's socket, where the loop looks at it."""
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._is_lent = False
        """Whether the thread has the connection, and something to do."""
        self._is_ending = False
        self._kept: dict[object, Making] = {}
        self._kept_longer: dict[object, Making] = {}
        """What is handed in unless it is withdrawn: at the timer's next turn, and at its first."""
        self._is_timed = False
        self._statements: Statements | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_hurried = threading.Event()
        self._recent: list[asyncio.Future[None]] = []
        """Of what was handed in since ``expire`` looked last."""
        self._waiting: deque[tuple[float, list[asyncio.Future[None]]]] = deque()
        """The same before that, with the time when it was put here."""
        self.depth = 0
        """Hand-ins that are not durable yet; touched by the loop's thread alone."""
        self.outage: OperatorError | None = None
        """Why nothing can be made durable at present; None while all is well."""
        self._writer_id = str(writer_id).encode()
        self._number = 0
        self.batches = 0
        """Transactions written so far."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to write; futures belong to this loop."""
        self._loop = loop
        self._thread = threading.Thread(target=self._work, name="committer", daemon=True)
        self._thread.start()

    def submit(self, rows: Rows) -> asyncio.Future[None]:
        """Hand rows in; the future is done when they are durable, or carries what is wrong with them.

        A future that nobody waits for any more changes nothing: the rows are written all the same.
        """
        assert self._loop is not None, "a committer is started before it is used"
        future: asyncio.Future[None] = self._loop.create_future()
        self.depth += 1
        self._recent.append(future)
        self._pending.append(_Handed(rows, future))
        self._look()
        return future

    def keep(self, key: object, making: Making) -> None:
        """Hand in, a little later, the rows that ``making`` makes then: unless ``withdraw`` comes first.

        Nobody is told when they are durable; what is wrong with them is logged.
        """
        assert self._loop is not None, "a committer is started before it is used"
        self._kept[key] = making
        if not self._is_timed:
            self._is_timed = True
            self._loop.call_later(KEPT_S, self._turn)

    def withdraw(self, key: object) -> bool:
        """Take back what is kept under this key; False where it has gone to the database already."""
        return self._kept.pop(key, None) is not None or self._kept_longer.pop(key, None) is not None

    def _turn(self) -> None:
        due, self._kept_longer, self._kept = self._kept_longer, self._kept, {}
        for making in due.values():
            self._hand_over(making)
        self._is_timed = bool(self._kept_longer)
        if self._is_timed and self._loop is not None:
            self._loop.call_later(KEPT_S, self._turn)

    def _hand_over(self, making: Making) -> None:
        self.depth += 1
        self._pending.append(_Handed(making(), None))
        self._look()

    def expire(self, seconds: float) -> int:
        """Let those wait no longer who have waited for so long; their rows are written all the same. Returns how many.

        Their futures raise OperatorError ``ledger_away``. Called by the loop, now and then: who handed in between two
        calls waits from the second one on.
        """
        assert self._loop is not None
        now = self._loop.time()
        waiting, recent = self._waiting, [future for future in self._recent if not future.done()]
        self._recent = []
        if recent:
            waiting.append((now, recent))
        count = 0
        while waiting and (waiting[0][0] <= now - seconds or all(future.done() for future in waiting[0][1])):
            for future in waiting.popleft()[1]:
                if not future.done():
                    why = self.outage.code if self.outage is not None else "slow"
                    future.set_exception(OperatorError("ledger_away", why=why, seconds=round(seconds)))
                    count += 1
        return count

    def stop(self, seconds: float) -> int:
        """Write what waits, for at most so long; returns how many hand-ins were left unwritten. Not for the loop's thread."""
        if self._thread is not None:
            assert self._loop is not None
            try:
                self._loop.call_soon_threadsafe(self._end)
            except RuntimeError:  # the loop has ended: nobody hands anything in, and the thread writes what is left
                self._end_alone()
            self._thread.join(seconds)
            self._is_hurried.set()
            if self._thread.is_alive():
                self._jobs.put(None)
            self._thread.join(LONGEST_PAUSE_S + 1)
        return self.depth

    def _end(self) -> None:
        """Hand over everything, and let the thread end when it is written."""
        for making in (*self._kept_longer.values(), *self._kept.values()):
            self._hand_over(making)
        self._kept, self._kept_longer = {}, {}
        self._is_ending = True
        self._pump()

    def _end_alone(self) -> None:
        left = [_Handed(making(), None) for making in (*self._kept_longer.values(), *self._kept.values())]
        self.depth += len(left)
        if self._flight is not None:
            batch, transaction = self._flight
            self._flight = None
            self._jobs.put(_Job(batch, transaction))
        left = [*self._pending, *left]
        self._pending.clear()
        for at in range(0, len(left), MOST_AT_ONCE):
            self._jobs.put(_Job(left[at : at + MOST_AT_ONCE]))
        self._jobs.put(None)

    # -- on the loop

    def _look(self) -> None:
        """Something was handed in: write at once where enough of the calls under way have come to it, else in a moment."""
        if self._flight is not None or self._is_lent:
            return
        ready = len(self._pending)
        if ready >= FEW and 2 * ready >= self.depth + len(self._kept) + len(self._kept_longer):
            self._pump()
        elif not self._is_due:
            assert self._loop is not None
            self._is_due = True
            self._loop.call_soon(self._pump_now)

    def _pump_now(self) -> None:
        self._is_due = False
        self._pump()

    def _pump(self) -> None:
        """Write the next batch, where the last one is done."""
        if self._flight is not None or self._is_lent:
            return
        pending = self._pending
        if not pending:
            if self._is_ending:
                self._lend(None)
            return
        batch = [pending.popleft() for _ in range(min(len(pending), MOST_AT_ONCE))]
        statements = self._statements
        is_quick = statements is not None and all(kind in self._quick for handed in batch for kind, _ in handed.rows)
        if statements is None or not is_quick or statements.connection.closed:
            self._lend(_Job(batch))
            return
        transaction = Batch(statements)
        try:
            self._gather(transaction, batch, None)
            is_sent = transaction.send()
        except Exception as error:  # noqa: BLE001  # whatever it is, the thread finds out whose it is
            self._lend(_Job(batch, transaction, error))
            return
        if not is_sent:
            self._lend(_Job(batch, transaction))
            return
        self._flight = (batch, transaction)
        if self._listens_to < 0:
            assert self._loop is not None
            self._listens_to = statements.connection.pgconn.socket
            self._loop.add_reader(self._listens_to, self._readable)

    def _readable(self) -> None:
        """The database has said something."""
        if self._flight is None:
            self._left()
            return
        batch, transaction = self._flight
        try:
            if not transaction.receive():
                return
        except Exception as error:  # noqa: BLE001  # whatever it is, the thread finds out whose it is
            self._flight = None
            self._lend(_Job(batch, transaction, error))
            return
        self._flight = None
        self.batches += 1
        self.outage = None
        self._pump()
        self._tell([handed.future for handed in batch], None)

    def _left(self) -> None:
        """Nothing was asked: the server is going. The next batch finds a new connection."""
        statements = self._statements
        with contextlib.suppress(psycopg.Error):
            if statements is not None:
                statements.connection.pgconn.consume_input()
                if not statements.connection.closed:
                    return  # a notice
        self._listen_no_more()
        self._let_go()

    def _lend(self, job: _Job | None) -> None:
        """Give the connection, and what is to be done, to the thread."""
        self._is_lent = True
        self._listen_no_more()
        self._jobs.put(job)

    def _listen_no_more(self) -> None:
        if self._listens_to >= 0:
            assert self._loop is not None
            self._loop.remove_reader(self._listens_to)
            self._listens_to = -1

    def _given_back(self) -> None:
        self._is_lent = False
        self._pump()

    # -- the thread

    def _work(self) -> None:
        assert self._loop is not None
        while (job := self._jobs.get()) is not None:
            self._do(job)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._given_back)
        if self._flight is not None:  # it has had its time
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._listen_no_more)
        else:
            with contextlib.suppress(psycopg.Error, JitsuriError):
                self._connected().connection.execute(_END_MARK, (self._writer_id.decode(),))
        self._let_go()

    def _do(self, job: _Job) -> None:
        """Write a batch; one that the loop began is ended first, and written anew where it did not count."""
        if job.transaction is not None:
            try:
                self._finish(job.transaction, job.fault)
                self._resolve(job.batch, None)
                return
            except OperatorError as error:
                self.outage = error
            except Exception:  # noqa: BLE001, S110  # it is met again, and told, where the batch is written by itself
                pass
        self._write(job.batch)

    def _write(self, batch: list[_Handed]) -> None:
        """Make a batch durable, or find the rows in it that cannot be."""
        try:
            if not self._insist(batch):
                return
            self._resolve(batch, None)
        except Exception as error:  # noqa: BLE001  # whatever the rows did, their own caller is told
            if len(batch) == 1:
                if isinstance(error, psycopg.errors.UniqueViolation) and self._mender is not None:
                    self._mend(batch, self._mender)
                else:
                    self._resolve(batch, error)
                return
            middle = len(batch) // 2
            self._write(batch[:middle])
            self._write(batch[middle:])

    def _mend(self, batch: list[_Handed], mender: Mender) -> None:
        try:
            if self._insist(batch, mender):
                self._resolve(batch, None)
        except Exception as error:  # noqa: BLE001  # as in ``_write``
            self._resolve(batch, error)

    def _insist(self, batch: list[_Handed], mender: Mender | None = None) -> bool:
        """Try until the database has it; False when told to stop. Raises what is wrong with the rows themselves."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                self._transact(batch, mender)
                self.outage = None
                return True
            except OperatorError as error:
                self.outage = error
            if self._is_hurried.wait(pause):
                return False
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _transact(self, batch: list[_Handed], mender: Mender | None) -> None:
        try:
            self._transact_so(batch, mender, is_careful=False)
        except NeedsCareError:
            self._transact_so(batch, mender, is_careful=True)

    def _transact_so(self, batch: list[_Handed], mender: Mender | None, *, is_careful: bool) -> None:
        transaction = Batch(self._connected(), is_careful=is_careful)
        fault: BaseException | None = None
        try:
            self._gather(transaction, batch, mender)
            transaction.send()
        except BaseException as error:  # noqa: BLE001  # raised again by what follows
            fault = error
        self._finish(transaction, fault)

    def _gather(self, transaction: Batch, batch: list[_Handed], mender: Mender | None) -> None:
        """Gather a batch's statements. Nothing of it can count before ``COMMIT`` is the last of them."""
        self._number += 1
        transaction.run("BEGIN")
        transaction.run(_MARK, self._writer_id, str(self._number).encode())
        grouped: dict[str, list[Any]] = {kind: [] for kind in self._writers}
        for handed in batch:
            for kind, row in handed.rows if mender is None else mender(transaction, handed.rows):
                grouped[kind].append(row)
        for kind, rows in grouped.items():
            if rows:
                self._writers[kind](transaction, rows)
        transaction.run(_COMMIT)

    def _finish(self, transaction: Batch, fault: BaseException | None) -> None:
        """Wait for the end of a batch that is on its way, or put right what is wrong with it, and raise that.

        A batch that counts although its answer was lost is no fault.
        """
        try:
            if fault is not None:
                raise fault
            transaction.wait()
            self.batches += 1
        except psycopg.Error as error:
            told = operator_error(error, self._store.dsn)
            if told is None:
                self._roll_back(transaction)
                raise
            self._let_go()
            if transaction.last != _COMMIT or not self._counted(self._number):
                self._let_go()  # the next try begins with a connection of its own, not with one that grew old meanwhile
                raise told from error
            self.batches += 1
        except BaseException:
            self._roll_back(transaction)
            raise

    def _connected(self) -> Statements:
        if self._statements is None or self._statements.connection.closed:
            self._statements = Statements(self._store.lasting())
        return self._statements

    def _let_go(self) -> None:
        if self._statements is not None:
            self._statements.connection.close()
            self._statements = None

    def _roll_back(self, transaction: Batch) -> None:
        """Roll back beside psycopg, which would let go of every prepared statement of the connection, ours among them."""
        transaction.abandon()
        try:
            if self._statements is not None:
                transaction.run("ROLLBACK")
                transaction.settle()
        except psycopg.Error:
            self._let_go()

    def _counted(self, number: int) -> bool:
        """Did the batch of this number count, whose transaction ended without an answer? Asks until the database is back.

        A server process that still works on it holds the writer's row: the question waits for its end.
        """
        while not self._is_hurried.is_set():
            try:
                connection = self._connected().connection
                with connection.transaction():
                    row = connection.execute(_ASK_MARK, (self._writer_id.decode(),)).fetchone()
            except (psycopg.Error, JitsuriError) as error:
                told = error if isinstance(error, JitsuriError) else operator_error(error, self._store.dsn)
                if isinstance(told, OperatorError):
                    self.outage = told
                self._let_go()
                time.sleep(FIRST_PAUSE_S)
                continue
            return row is not None and row[0] >= number
        return False

    def _resolve(self, batch: list[_Handed], error: BaseException | None) -> None:
        assert self._loop is not None
        if error is not None and any(handed.future is None for handed in batch):
            LOGGER.warning("rows that nobody waits for could not be written: %s", error)
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            self._loop.call_soon_threadsafe(self._tell, [handed.future for handed in batch], error)

    def _tell(self, futures: list[asyncio.Future[None] | None], error: BaseException | None) -> None:
        """Tell who waits, a few in each turn of the loop: all that wake at once would keep it from everything else."""
        assert self._loop is not None
        told, left = futures[:TOLD_AT_ONCE], futures[TOLD_AT_ONCE:]
        if left:
            self._loop.call_soon(self._tell, left, error)
        self.depth -= len(told)
        for future in told:
            if future is None or future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

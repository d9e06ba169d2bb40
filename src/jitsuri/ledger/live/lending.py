"""The lessor: one thread per worker process that draws on hard budgets, gives back, and says that the worker lives.

It has one lasting connection. What it does at the database is counted in steps, so that after a lost connection it
knows whether the last one counted. While it cannot be reached nothing new is held once the last heartbeat is 20 s old.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from uuid import UUID

import psycopg

from jitsuri.ledger.live.bell import Bell
from jitsuri.ledger.live.purse import Account, Purse
from jitsuri.ledger.records import budgets as budget_rows
from jitsuri.ledger.records import leases
from jitsuri.ledger.rules.budgeting import exceeded
from jitsuri.ledger.rules.lending import allot, demand, kept_ahead, low_mark
from jitsuri.ledger.shapes.budgets import Drawn, Place, Want
from jitsuri.store.door import Connection, Store
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal

BEAT_S = 5.0
GUARD_S = 20.0
"""A heartbeat every 5 s; leases may be used for 20 s after the last one; buried after 60 s (decision 0020): three times
the guard, so that a worker has long stopped when others take its leases."""
TIDE_S = 2.0
"""How often leases are looked over for what lies idle."""
RECALL_S = 0.3
"""Longest wait for other workers to give back, before a call is refused."""
_AGAIN_S = 0.02
"""Between looks while calls wait for that."""
_RECALL_PAUSE_S = 0.1
"""Between recalls of one budget: each one notifies every worker."""
_TIDY_S = 3600.0
_RECONNECT_S = 0.2


class Asked:
    """A call that waits for a lease. ``worker_id`` says whose lease it was placed on; None before."""

    __slots__ = ("accounts", "future", "is_abandoned", "micro_jpy", "since", "worker_id")

    def __init__(self, accounts: Sequence[Account], micro_jpy: int, since: float) -> None:
        self.accounts = accounts
        self.micro_jpy = micro_jpy
        self.since = since
        self.future: Future[UUID | Refusal] = Future()
        self.worker_id: UUID | None = None
        self.is_abandoned = False


class _BuriedError(Exception):
    """This worker was taken for dead; it has begun anew."""


class Lessor:
    """Draws, returns and heartbeats of one worker. ``ask``, ``want_ahead`` and ``abandon`` are for other threads."""

    def __init__(
        self, store: Store, purse: Purse, clock: Callable[[], float]
    ) -> None:  # fmt: skip
        """``clock`` is monotonic seconds."""
        self._store = store
        self._purse = purse
        self._clock = clock
        self._connection: Connection | None = None
        self._step = 0
        self._unsure: dict[Place, int] | None = None
        """What the last step would have moved, where its answer was lost."""
        self._inbox: deque[Asked] = deque()
        self._waiting: list[Asked] = []
        self._ahead: deque[Account] = deque()
        self._recalled: dict[Place, float] = {}
        self._due = {"beat": 0.0, "tide": 0.0, "tidy": 0.0}
        self._bell: Bell | None = None
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self.draws = 0
        """Statements that drew so far."""
        self.outage: Exception | None = None
        """Why leases cannot be drawn at present; None while all is well."""

    def start(self) -> None:
        """Register the worker and begin. Raises OperatorError where the database cannot be reached."""
        connection = self._connect()
        self._register(connection)
        bell = self._bell = Bell()
        bell.hear(connection)
        self._due = {"beat": self._clock() + BEAT_S, "tide": self._clock() + TIDE_S, "tidy": self._clock() + _TIDY_S}
        self._thread = threading.Thread(target=self._work, args=(bell,), name="lessor", daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Give everything back that no call holds, and leave; waits for at most so long."""
        self._is_stopping = True
        self._ring()
        if self._thread is not None:
            self._thread.join(seconds)

    def ask(self, asked: Asked) -> None:
        """Have a call wait for its lease; its future tells the worker it was placed on, or why not."""
        self._inbox.append(asked)
        self._ring()

    def want_ahead(self, account: Account) -> None:
        """Have the next chunk drawn before this account is empty."""
        self._ahead.append(account)
        self._ring()

    def abandon(self, asked: Asked) -> None:
        """The caller has gone: what was placed goes back, what was not never is."""
        with self._purse.lock:
            asked.is_abandoned = True
            if asked.worker_id is not None and asked.worker_id == self._purse.worker_id:
                self._purse.put_back(asked.accounts, asked.micro_jpy)

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.ring()

    # -- the lessor's thread

    def _work(self, bell: Bell) -> None:
        while not self._is_stopping:
            try:
                if self._connection is None:
                    bell.sleep(_RECONNECT_S)
                elif not (self._inbox or self._ahead):
                    bell.sleep(_AGAIN_S if self._waiting else max(0.0, min(self._due.values()) - self._clock()))
                self._round()
                self.outage = None
            except _BuriedError:
                continue
            except Exception as error:  # noqa: BLE001  # a lessor that ends would have every call under a hard budget refused
                self._lose(error)
        with contextlib.suppress(OperatorError, psycopg.Error, _BuriedError):
            self._leave()
        self._refuse_all(self._waiting + list(self._inbox))
        self._disconnect()
        self._bell = None
        bell.close()

    def _round(self) -> None:
        connection = self._connected()
        self._answer_recalls(connection)
        now = self._clock()
        if now >= self._due["beat"]:
            self._beat(connection)
        if now >= self._due["tide"]:
            self._due["tide"] = now + TIDE_S
            with self._purse.lock:
                idle = self._purse.take_spare()
            self._give_back(connection, idle)
        if now >= self._due["tidy"]:
            self._due["tidy"] = now + _TIDY_S
            leases.tidy(connection, self._purse.worker_id, self._step)
        while self._inbox:
            self._waiting.append(self._inbox.popleft())
        ahead = {}
        while self._ahead:
            account = self._ahead.popleft()
            ahead[account.place] = account
        if self._waiting or ahead:
            self._serve(connection, ahead)

    # -- calls that wait

    def _serve(self, connection: Connection, ahead: Mapping[Place, Account]) -> None:
        """Draw for the calls that wait and for accounts that run low; place, refuse, or let wait on."""
        self._waiting = [asked for asked in self._waiting if not asked.is_abandoned]
        accounts = {account.place: account for asked in self._waiting for account in asked.accounts}
        pots = {}
        with self._purse.lock:
            for place, account in accounts.items():
                pots[place], account.free = account.free, 0
        stands: dict[Place, Drawn] = {}
        placed: list[tuple[Asked, UUID]] = []
        try:
            self._fill(connection, pots, accounts, ahead, stands)
            placed = self._place(pots, accounts)
        except _BuriedError:
            pots = dict.fromkeys(pots, 0)
            raise
        finally:
            self._pour_back(pots, accounts, stands)
            for account in ahead.values():
                account.is_wanted = False
        for asked, worker_id in placed:
            _tell(asked, worker_id)
        self._give_back(connection, self._excess(pots, accounts, stands))
        self._turn_down(connection, pots, stands)

    def _fill(
        self, connection: Connection, pots: dict[Place, int], accounts: Mapping[Place, Account],
        ahead: Mapping[Place, Account], stands: dict[Place, Drawn],
    ) -> None:  # fmt: skip
        """Draw what the pots lack. Where a budget has not enough for all, draw again for those that fit, first come."""
        asks = [(_places(asked), asked.micro_jpy) for asked in self._waiting]
        lacking = demand(pots, asks)
        typical = {place: micro for places, micro in asks for place in places}
        now = self._clock()
        wants = [Want(place, need, accounts[place].wish(typical[place], now)) for place, need in lacking.items()]
        wants += [
            Want(place, 0, account.wish(account.need, now)) for place, account in ahead.items() if place not in lacking
        ]
        first = self._draw(connection, wants)
        for place, drawn in first.items():
            stands[place] = drawn
            if place in accounts:
                accounts[place].see(drawn, now)
                pots[place] += drawn.granted_micro_jpy
        for place, account in ahead.items():
            if place in first and place not in accounts:
                account.see(first[place], now)
                self._add(account, first[place])
        reach = dict(pots)
        for place in lacking:
            if place in first and not first[place].granted_micro_jpy:
                reach[place] += max(0, _room(first[place]))
        fitting = [ask for ask, fits in zip(asks, allot(reach, asks), strict=True) if fits]
        still = {place: need for place, need in demand(pots, fitting).items() if place in first}
        if still:
            for place, drawn in self._draw(connection, [Want(place, need, 0) for place, need in still.items()]).items():
                stands[place] = drawn
                pots[place] += drawn.granted_micro_jpy

    def _place(self, pots: dict[Place, int], accounts: Mapping[Place, Account]) -> list[tuple[Asked, UUID]]:
        """Let calls hold what the pots have, first come first."""
        placed = []
        with self._purse.lock:
            asks = [(_places(asked), asked.micro_jpy) for asked in self._waiting]
            left = []
            for asked, fits in zip(self._waiting, allot(pots, asks), strict=True):
                if asked.is_abandoned or not fits:
                    left.append(asked)
                    continue
                for account in asked.accounts:
                    pots[account.place] -= asked.micro_jpy
                    account.held += asked.micro_jpy
                    account.takes += 1
                    account.is_used = True
                asked.worker_id = self._purse.worker_id
                placed.append((asked, asked.worker_id))
            self._waiting = left
        return placed

    def _pour_back(
        self, pots: Mapping[Place, int], accounts: Mapping[Place, Account], stands: Mapping[Place, Drawn]
    ) -> None:
        with self._purse.lock:
            for place, account in accounts.items():
                account.free += pots[place]
                account.tide = min(account.tide, account.free)
                drawn = stands.get(place)
                if drawn is not None:
                    account.low = low_mark(_room(drawn) + drawn.granted_micro_jpy, account.chunk, account.need)

    def _add(self, account: Account, drawn: Drawn) -> None:
        with self._purse.lock:
            account.free += drawn.granted_micro_jpy
            account.low = low_mark(_room(drawn) + drawn.granted_micro_jpy, account.chunk, account.need)

    def _excess(
        self, pots: Mapping[Place, int], accounts: Mapping[Place, Account], stands: Mapping[Place, Drawn]
    ) -> dict[Place, int]:
        """What was drawn for calls that did not fit elsewhere, taken out again: only a chunk stays."""
        found = {}
        with self._purse.lock:
            for place, drawn in stands.items():
                if place not in accounts:
                    continue
                account = accounts[place]
                drawn_now = min(pots[place], drawn.granted_micro_jpy, account.free)
                over = drawn_now - kept_ahead(_room(drawn) + drawn.granted_micro_jpy, account.chunk)
                if over > 0:
                    account.free -= over
                    found[place] = over
        return found

    def _turn_down(self, connection: Connection, pots: Mapping[Place, int], stands: Mapping[Place, Drawn]) -> None:
        """Refuse the calls that cannot fit or have waited long enough; recall what stands in the others' way."""
        now = self._clock()
        left: list[Asked] = []
        recalls: set[Place] = set()
        for asked in self._waiting:
            short = [a for a in asked.accounts if pots[a.place] + _room_of(stands.get(a.place)) < asked.micro_jpy]
            if asked.is_abandoned:
                continue
            if now - asked.since >= RECALL_S or any(not _others(stands.get(a.place)) for a in short):
                _tell(asked, _refusal(short or list(asked.accounts), stands, asked.micro_jpy))
                continue
            left.append(asked)
            recalls.update(account.place for account in short)
        self._waiting = left
        due = {place for place in recalls if now - self._recalled.get(place, 0.0) >= _RECALL_PAUSE_S}
        if due:
            self._recalled.update(dict.fromkeys(due, now))
            leases.recall(connection, sorted(due), self._purse.worker_id)

    # -- steps at the database

    def _draw(self, connection: Connection, wants: Sequence[Want]) -> dict[Place, Drawn]:
        """Draw, opening periods that have not begun; periods of budgets that have ended are left out."""
        if not wants:
            return {}
        found = self._draw_step(connection, wants)
        closed = [want for want in wants if want.place not in found]
        if closed:
            budget_rows.open_periods(connection, [want.place for want in closed])
            found |= self._draw_step(connection, closed)
        return found

    def _draw_step(self, connection: Connection, wants: Sequence[Want]) -> dict[Place, Drawn]:
        with self._stepping({}) as (step, sent_at):
            drawn = leases.draw(connection, self._purse.worker_id, step, wants)
        if drawn is None:
            self._begin_anew(connection)
            raise _BuriedError
        self.draws += 1
        self._seen(sent_at)
        return {one.place: one for one in drawn}

    def _give_back(self, connection: Connection, amounts: Mapping[Place, int]) -> None:
        """Return amounts that were taken out of the purse before."""
        if not amounts:
            return
        with self._stepping(amounts) as (step, sent_at):
            is_ours = leases.give_back(connection, self._purse.worker_id, step, amounts)
        if is_ours:
            self._seen(sent_at)
        else:
            self._begin_anew(connection)

    @contextlib.contextmanager
    def _stepping(self, giving: Mapping[Place, int]) -> Iterator[tuple[int, float]]:
        """One step; until its answer is there nobody knows whether it counted."""
        self._step += 1
        self._unsure = {place: -amount for place, amount in giving.items()}
        yield self._step, self._clock()
        self._unsure = None

    def _recover(self, connection: Connection) -> None:
        """Learn whether the step whose answer was lost counted, and put the purse right."""
        if self._unsure is None:
            return
        moved = leases.recover(connection, self._purse.worker_id, self._step)
        if moved is None:
            self._unsure = None
            self._begin_anew(connection)
            return
        self._step += 1
        with self._purse.lock:
            for place in {*moved, *self._unsure}:
                account = self._purse.accounts.get(place)
                if account is not None:
                    account.free += moved.get(place, 0) - self._unsure.get(place, 0)
        self._unsure = None

    def _beat(self, connection: Connection) -> None:
        sent_at = self._clock()
        self._due["beat"] = sent_at + BEAT_S
        if leases.beat(connection, self._purse.worker_id):
            self._seen(sent_at)
        else:
            self._begin_anew(connection)

    def _seen(self, sent_at: float) -> None:
        self._purse.guarded_until = sent_at + GUARD_S

    def _begin_anew(self, connection: Connection) -> None:
        """This worker was buried: go on under another id, which follows from the last one, with empty hands."""
        self._purse.begin_anew(derived_id("worker", self._purse.worker_id.bytes))
        self._register(connection)

    def _register(self, connection: Connection) -> None:
        sent_at = self._clock()
        leases.register(connection, self._purse.worker_id)
        self._step = 0
        self._seen(sent_at)

    def _answer_recalls(self, connection: Connection) -> None:
        heard = (leases.recalled(told.payload) for told in connection.notifies(timeout=0))
        mine = str(self._purse.worker_id)
        places = [place for asker, place in heard if place is not None and asker != mine]
        if places:
            with self._purse.lock:
                free = self._purse.take_free(places)
            self._give_back(connection, free)

    # -- the connection

    def _connected(self) -> Connection:
        return self._connection if self._connection is not None else self._connect()

    def _connect(self) -> Connection:
        connection = self._store.lasting()
        try:
            leases.attend(connection)
            self._recover(connection)
        except BaseException:
            connection.close()
            raise
        if self._bell is not None:
            self._bell.hear(connection)
        self._connection = connection
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            if self._bell is not None:
                self._bell.hear(None)
            self._connection.close()
            self._connection = None

    def _lose(self, error: Exception) -> None:
        """Let a failed connection go; calls that have waited long enough are told."""
        self.outage = error
        self._disconnect()
        while self._inbox:
            self._waiting.append(self._inbox.popleft())
        late = [asked for asked in self._waiting if self._clock() - asked.since >= RECALL_S]
        self._waiting = [asked for asked in self._waiting if asked not in late]
        self._refuse_all(late)

    def _refuse_all(self, asks: Iterable[Asked]) -> None:
        for asked in asks:
            _tell(asked, Refusal("budget_lease_away"))

    def _leave(self) -> None:
        """Give back everything that no call holds; a worker with calls under way is left for its burial."""
        connection = self._connected()
        with self._purse.lock:
            free = self._purse.take_free(list(self._purse.accounts))
        self._give_back(connection, free)
        self._purse.guarded_until = float("-inf")
        leases.leave(connection, self._purse.worker_id)


def _tell(asked: Asked, outcome: UUID | Refusal) -> None:
    with contextlib.suppress(InvalidStateError):  # the caller has gone, and says so by ``abandon``
        asked.future.set_result(outcome)


def _places(asked: Asked) -> list[Place]:
    return [account.place for account in asked.accounts]


def _room(drawn: Drawn) -> int:
    return drawn.limit_micro_jpy - drawn.used_micro_jpy - drawn.leased_micro_jpy


def _room_of(drawn: Drawn | None) -> int:
    return 0 if drawn is None else max(0, _room(drawn))


def _others(drawn: Drawn | None) -> bool:
    """Do other workers hold leases there, as far as is known?"""
    return drawn is None or drawn.leased_micro_jpy != drawn.own_micro_jpy


def _refusal(short: Sequence[Account], stands: Mapping[Place, Drawn], need: int) -> Refusal:
    """Why a call is refused: by the first budget that has not enough; where no budget is known to, no lease was had."""
    for account in short:
        if account.place in stands:
            return exceeded(account.name, account.used, account.leased, account.limit, need, account.resets_on)
    return Refusal("budget_lease_away")

"""Budgets on the path of a call: which apply, holding a worst case, settling it. No connection is touched here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import date
from uuid import UUID

import msgspec

from jitsuri.ledger.live.lending import Asked, Lessor
from jitsuri.ledger.live.purse import Account, Purse
from jitsuri.ledger.rules.budgeting import of_call, place_of
from jitsuri.ledger.shapes.budgets import Budget, BudgetSnapshot, Marks, Place, Settlement
from jitsuri.store.door import Store
from jitsuri.terms.errors import JitsuriError
from jitsuri.terms.outcomes import Refusal

ENSURE_S = 2.0
"""Longest wait for a lease, whatever happens to the database; recalls take 0.3 s of it (decision 0020)."""
LEASE_AWAY = "budget_lease_away"
"""The code of a call that is refused because no lease could be had, and of its cause where that has no code."""
_MOST_REMEMBERED = 20_000
"""Combinations of department, task and key whose budgets are remembered."""


class NeedsLease:
    """There may be room, but not in what this worker has leased: ``await ensure``."""

    __slots__ = ()


NEEDS_LEASE = NeedsLease()


class _Places:
    """Where a call of one day counts."""

    __slots__ = ("accounts", "counted", "hard", "soft")

    def __init__(self, accounts: tuple[Account, ...], soft: tuple[Place, ...]) -> None:
        self.accounts = accounts
        self.hard = tuple(account.place for account in accounts)
        self.soft = tuple((place, 0) for place in soft)
        everything = (*self.hard, *soft)
        self.counted = tuple((str(place.budget_id), place.period_start.isoformat()) for place in everything)


class Standing:
    """The budgets that calls go by, and what was found among them."""

    __slots__ = ("of_call", "snapshot")

    def __init__(self, snapshot: BudgetSnapshot) -> None:
        self.snapshot = snapshot
        self.of_call: dict[Marks, CallBudgets] = {}


class CallBudgets:
    """The standing budgets that calls with these marks count for."""

    __slots__ = ("days", "hard", "known", "marks", "soft")

    def __init__(self, marks: Marks, known: int, budgets: Iterable[Budget]) -> None:
        found = of_call(budgets, marks)
        self.marks = marks
        self.known = known
        self.hard = tuple(budget for budget in found if budget.kind == "hard")
        self.soft = tuple(budget for budget in found if budget.kind == "soft")
        self.days: dict[date, _Places] = {}


class Hold(msgspec.Struct, eq=False):
    """A worst case that is held for one attempt, until it is settled or released, once.

    A msgspec struct and no ordinary class, because one is made per attempt on the path of a call.
    """

    worker_id: UUID
    """Whose leases it is on; the attempt's intent names the same."""
    budgets: CallBudgets
    _places: _Places
    micro_jpy: int
    day: date
    is_over: bool = False

    @property
    def counted(self) -> tuple[tuple[str, str], ...]:
        """``(budget id, first day of its period)`` of every budget it counts for, as the intent keeps them."""
        return self._places.counted


class Budgets:
    """Holds and settles for one worker process. All but ``replace`` belong to the event loop's thread."""

    def __init__(self, store: Store, worker_id: UUID, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``worker_id`` is one that no worker ever had; ``clock`` is monotonic seconds."""
        self._clock = clock
        self._purse = Purse(worker_id)
        self._lessor = Lessor(store, self._purse, clock)
        self.standing = Standing(BudgetSnapshot(0, ()))
        """What calls go by; another object after every change."""
        self._day = date.min
        self._has_hard = False

    @property
    def worker_id(self) -> UUID:
        """The id of this worker now; another one after it was taken for dead."""
        return self._purse.worker_id

    @property
    def lessor(self) -> Lessor:
        """For health and measurements."""
        return self._lessor

    @property
    def outage(self) -> str:
        """The code of why leases cannot be drawn at present; '' while all is well."""
        error = self._lessor.outage
        if error is not None:
            return error.code if isinstance(error, JitsuriError) else LEASE_AWAY
        return LEASE_AWAY if self._clock() > self._purse.guarded_until else ""

    @property
    def refuses_hard(self) -> bool:
        """Whether every call that costs something under a hard budget is refused: leases can no longer be used, and a hard
        budget stands."""
        return self._has_hard and self._clock() > self._purse.guarded_until

    async def start(self) -> None:
        """Register the worker. Raises OperatorError where the database cannot be reached."""
        await asyncio.to_thread(self._lessor.start)

    async def stop(self, seconds: float = 5.0) -> None:
        """Give back what no call holds. Belongs after the last settlement was committed; waits for at most so long."""
        await asyncio.to_thread(self._lessor.stop, seconds)

    def replace(self, snapshot: BudgetSnapshot) -> None:
        """Go by these budgets from now on. May be called from another thread than the others."""
        hard = {budget.budget_id: budget for budget in snapshot.budgets if budget.kind == "hard"}
        self._purse.renew(hard)
        self._has_hard = bool(hard)
        self.standing = Standing(snapshot)

    def of(self, path: tuple[str, ...], task: str, key: str) -> CallBudgets:
        """The budgets that a call of this department, task and key counts for."""
        found = self.standing.of_call.get((path, task, key))  # type: ignore[call-overload]  # a plain tuple equals its Marks
        return found if found is not None else self._found(Marks(path, task, key))

    def is_hard(self, budgets: CallBudgets) -> bool:
        """Does any of them refuse? Then the call needs a worst case in yen."""
        return bool(budgets.hard)

    def hold(self, budgets: CallBudgets, micro_jpy: int, day: date) -> Hold | NeedsLease | Refusal:
        """Hold a worst case against all budgets of a call that was asked on this day of the company.

        Refuses ``budget_lease_away`` where the database has not heard of this worker for too long.
        """
        places = budgets.days.get(day)
        if places is None:
            places = self._places(budgets, day)
        accounts = places.accounts
        purse = self._purse
        if not accounts or not micro_jpy:
            return Hold(purse.worker_id, budgets, places, 0, day)
        if self._clock() > purse.guarded_until:
            return Refusal(LEASE_AWAY)
        with purse.lock:
            for account in accounts:
                if account.free < micro_jpy:
                    return NEEDS_LEASE
            for account in accounts:
                account.free = free = account.free - micro_jpy
                account.held += micro_jpy
                account.takes += 1
                account.is_used = True
                if free < account.tide:
                    account.tide = free
                if free < account.low and not account.is_wanted:
                    account.is_wanted = True
                    self._lessor.want_ahead(account)
            return Hold(purse.worker_id, budgets, places, micro_jpy, day)

    async def ensure(self, budgets: CallBudgets, micro_jpy: int, day: date) -> Hold | Refusal:
        """Hold as ``hold`` does, drawing what this worker lacks; other workers are asked for what they have idle.

        Refuses ``budget_exceeded``, ``budget_lease_away``. A caller that goes away meanwhile holds nothing.
        """
        held = self.hold(budgets, micro_jpy, day)
        if not isinstance(held, NeedsLease):
            return held
        places = budgets.days[day]
        asked = Asked(places.accounts, micro_jpy, self._clock())
        self._lessor.ask(asked)
        try:
            async with asyncio.timeout(ENSURE_S):
                outcome = await asyncio.wrap_future(asked.future)
        except TimeoutError:
            self._lessor.abandon(asked)
            return Refusal(LEASE_AWAY)
        except BaseException:
            self._lessor.abandon(asked)
            raise
        if isinstance(outcome, Refusal):
            return outcome
        return Hold(outcome, budgets, places, micro_jpy, day)

    def settle(self, hold: Hold, actual_micro_jpy: int, attempt_id: UUID | None = None) -> tuple[Settlement, ...]:
        """End a hold with what the attempt cost; returns what must be committed with its entry.

        What was held beyond the cost goes back to the budget with that commit. A cost above the hold takes what is free
        of the lease; the rest is booked without one. Raises RuntimeError for a hold that is over.
        """
        purse, places = self._purse, hold._places
        accounts, held = places.accounts, hold.micro_jpy
        with purse.lock:
            if hold.is_over:
                raise RuntimeError("a hold is settled or released once")
            hold.is_over = True
            if (
                hold.worker_id is purse.worker_id
            ):  # an id is handed on as it is: comparing would cost more than all else
                taken = purse.settle(accounts, held, actual_micro_jpy)
            else:
                taken = [held] * len(accounts)
        lines = tuple(zip(places.hard, taken, strict=True))
        budgets = hold.budgets
        return (
            Settlement(
                hold.worker_id, actual_micro_jpy, lines + places.soft, budgets.marks, hold.day, budgets.known,
                attempt_id, len(lines),
            ),
        )  # fmt: skip

    def release(self, hold: Hold) -> None:
        """End a hold whose attempt was never begun. Raises RuntimeError for a hold that is over."""
        with self._purse.lock:
            if hold.is_over:
                raise RuntimeError("a hold is settled or released once")
            hold.is_over = True
            if hold.worker_id is self._purse.worker_id:
                self._purse.put_back(hold._places.accounts, hold.micro_jpy)

    def _found(self, marks: Marks) -> CallBudgets:
        standing = self.standing
        remembered, snapshot = standing.of_call, standing.snapshot
        if len(remembered) >= _MOST_REMEMBERED:
            remembered.clear()
        found = remembered[marks] = CallBudgets(marks, snapshot.sequence, snapshot.budgets)
        return found

    def _places(self, budgets: CallBudgets, day: date) -> _Places:
        if day > self._day:
            self._day = day
            self._purse.forget(day)
            self.standing.of_call = {}
        accounts = tuple(self._purse.account(budget, place_of(budget, day)) for budget in budgets.hard)
        soft = tuple(place_of(budget, day) for budget in budgets.soft)
        found = budgets.days[day] = _Places(accounts, soft)
        return found

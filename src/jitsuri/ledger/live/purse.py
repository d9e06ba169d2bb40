"""What a worker process holds leases on, in memory: free amounts, and those that calls hold.

Of every lease in the database ``free + held + settled and not yet committed`` is at most its amount. Amounts are
millionths of a yen. Everything here is done under the purse's lock, and takes microseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from uuid import UUID

from jitsuri.ledger.rules.budgeting import next_start
from jitsuri.ledger.rules.lending import chunk_of, spare
from jitsuri.ledger.shapes.budgets import Budget, Drawn, Place

SHORTEST_S = 0.01
"""No pace is taken from less than this: two calls in one microsecond are not two million a second."""
_LATEST_CALL = timedelta(days=2)
"""No call holds anything so long after the period in which it was asked."""


class Account:
    """A worker's lease on one period of one hard budget."""

    __slots__ = (
        "chunk", "drawn_at", "free", "held", "is_closed", "is_used", "is_wanted", "leased", "limit", "low", "name", "need",
        "place", "resets_on", "takes", "tide", "used",
    )  # fmt: skip

    def __init__(self, budget: Budget, place: Place) -> None:
        self.place = place
        self.name = budget.name
        self.resets_on = next_start(budget.period, place.period_start)
        self.free = 0
        """Leased, and held by no call."""
        self.held = 0
        """The worst cases of calls under way."""
        self.low = 0
        """Below this much that is free, the next chunk is drawn ahead."""
        self.tide = 0
        """The least that was free since the last look for idle leases."""
        self.takes = 0
        """Calls that were held since the last draw."""
        self.drawn_at = 0.0
        """When that was (monotonic seconds)."""
        self.is_used = False
        """Was a call held since the last look for idle leases?"""
        self.is_wanted = False
        """Is a draw ahead on its way?"""
        self.is_closed = False
        """The budget has ended, or refuses nothing any more."""
        self.chunk = 0
        self.need = 0
        """What the last call that waited needed; the chunk was made for it."""
        self.used = 0
        self.leased = 0
        self.limit = budget.limit_micro_jpy
        """As the last draw saw them."""

    def wish(self, need: int, now: float) -> int:
        """The chunk to draw for calls that need about this much each, at the pace of the calls since the last draw."""
        self.need = need
        self.chunk = chunk_of(self.limit, need, self.takes / max(now - self.drawn_at, SHORTEST_S))
        return self.chunk

    def see(self, drawn: Drawn, now: float) -> None:
        """Take note of how the budget stands after a draw; does not add what was granted."""
        self.used, self.leased, self.limit = drawn.used_micro_jpy, drawn.leased_micro_jpy, drawn.limit_micro_jpy
        self.drawn_at, self.takes = now, 0


class Purse:
    """All accounts of one worker, under one lock."""

    def __init__(self, worker_id: UUID) -> None:
        self.lock = threading.Lock()
        self.worker_id = worker_id
        self.guarded_until = float("-inf")
        """Until when (monotonic seconds) leases may be used: 20 s after the last heartbeat that counted was sent."""
        self.accounts: dict[Place, Account] = {}

    def account(self, budget: Budget, place: Place) -> Account:
        """The account for one period of a budget."""
        with self.lock:
            found = self.accounts.get(place)
            if found is None:
                found = self.accounts[place] = Account(budget, place)
            return found

    def renew(self, hard: Mapping[UUID, Budget]) -> None:
        """Take note of which budgets stand as hard ones."""
        with self.lock:
            for place, account in self.accounts.items():
                budget = hard.get(place.budget_id)
                account.is_closed = budget is None
                if budget is not None:
                    account.name, account.limit = budget.name, budget.limit_micro_jpy

    def begin_anew(self, worker_id: UUID) -> None:
        """The worker was buried: its leases are gone. Calls under way keep what they hold under the old id."""
        with self.lock:
            self.worker_id = worker_id
            for account in self.accounts.values():
                account.free = account.held = account.tide = account.low = 0
                account.is_wanted = False

    def forget(self, day: date) -> None:
        """Let go of accounts whose period was over two days before this day, and that hold nothing."""
        with self.lock:
            for place, account in list(self.accounts.items()):
                if account.resets_on + _LATEST_CALL <= day and not (account.free or account.held):
                    del self.accounts[place]

    # -- under the lock, which the caller has

    def put_back(self, accounts: Sequence[Account], micro_jpy: int) -> None:
        """A call that held this much is over, and cost nothing."""
        for account in accounts:
            account.held -= micro_jpy
            account.free += micro_jpy

    def settle(self, accounts: Sequence[Account], held: int, actual: int) -> list[int]:
        """A call that held this much is over, and cost so much; returns what its settlement takes off each lease.

        All that was held: what was not spent goes back to the budget when the settlement is durable, and not before,
        because a call whose process dies until then counts with its hold. A cost above the hold takes what is free.
        """
        for account in accounts:
            account.held -= held
        if actual <= held:
            return [held] * len(accounts)
        taken = []
        for account in accounts:
            beyond = min(actual - held, account.free)
            account.free -= beyond
            taken.append(held + beyond)
        return taken

    def take_spare(self) -> dict[Place, int]:
        """Take what lay idle since the last time out of the leases, to be given back."""
        found = {}
        for account in self.accounts.values():
            idle = account.free if account.is_closed else spare(
                account.free, account.tide, account.chunk, account.is_used
            )  # fmt: skip
            if idle > 0:
                account.free -= idle
                account.low = min(account.low, account.free)
                found[account.place] = idle
            account.tide = account.free
            account.is_used = False
        return found

    def take_free(self, places: Iterable[Place]) -> dict[Place, int]:
        """Take everything that is free of these leases, to be given back."""
        found = {}
        for place in places:
            account = self.accounts.get(place)
            if account is not None and account.free > 0:
                found[place] = account.free
                account.free = account.tide = account.low = 0
        return found

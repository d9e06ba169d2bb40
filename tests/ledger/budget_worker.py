"""A worker process for tests: many calls at once, held and settled as the gateway does it, some with a fault put in.

Every call leaves a line per budget in ``probe_lines``: its hold when it begins, its cost in the transaction that
settles it. So what was really spent is known apart from the budgets' own books.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from jitsuri.ledger.live.budgets import Budgets, CallBudgets, Hold, NeedsLease
from jitsuri.ledger.records import budgets as kept
from jitsuri.ledger.records import leases
from jitsuri.ledger.shapes.budgets import Settlement
from jitsuri.store.batching import Batch
from jitsuri.store.committing import Committer
from jitsuri.store.copying import rows_json
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.terms.outcomes import Refusal

AT_ONCE = 12
DEAREST = 2_000_000
"""Two yen."""
CALLS = (
    (("HQ", "D10"), "triage", "app"),
    (("HQ", "D10"), "rules", "batch"),
    (("HQ", "D20"), "triage", "app"),
    ((), "", "batch"),
)

Line = tuple[UUID, UUID, str, str, int]
"""Call, worker, budget, first day of the period, hold."""


def begin(batch: Batch, lines: Sequence[Line]) -> None:
    leases.fence(batch, {line[1] for line in lines})
    batch.run(
        "INSERT INTO probe_lines (call_id, worker_id, budget_id, start, hold) "
        "SELECT (l->>0)::uuid, (l->>1)::uuid, (l->>2)::uuid, (l->>3)::date, (l->>4)::int8 FROM json_array_elements($1) AS l",
        rows_json(lines),
    )


def end(batch: Batch, ended: Sequence[tuple[UUID, int]]) -> None:
    """Write what calls cost; one that was swept meanwhile is written already, as an entry would be."""
    rows = batch.connection.execute(
        "UPDATE probe_lines p SET actual = e.actual FROM unnest(%s::uuid[], %s::int8[]) e (call_id, actual) "
        "WHERE p.call_id = e.call_id AND p.actual IS NULL RETURNING p.call_id",
        ([call_id for call_id, _ in ended], [actual for _, actual in ended]),
    ).fetchall()
    if {row[0] for row in rows} != {call_id for call_id, _ in ended}:
        raise CallerError("swept")


def settle(batch: Batch, settlements: Sequence[Settlement]) -> None:
    if batch.is_careful:
        leases.settle_many(batch.connection, settlements)
    else:
        leases.settle_in_batch(batch, settlements)


class SaysYes(Budgets):
    """A fault: holds whatever is asked, without looking."""

    def hold(self, budgets: CallBudgets, micro_jpy: int, day: date) -> Hold | NeedsLease | Refusal:
        super().hold(budgets, 0, day)
        return Hold(self.worker_id, budgets, budgets.days[day], micro_jpy, day)


class SettlesNothing(Budgets):
    """A fault: forgets what calls cost."""

    def settle(self, hold: Hold, actual_micro_jpy: int, attempt_id: UUID | None = None) -> tuple[Settlement, ...]:
        super().settle(hold, actual_micro_jpy, attempt_id)
        return ()


def draws_blindly() -> None:
    """A fault: a draw gives what is asked, whatever is left."""
    leases._DRAW = leases._DRAW.replace(
        "AND u.limit_micro_jpy - u.used_micro_jpy - u.leased_micro_jpy >= locked.need", ""
    )


async def work(order: dict[str, Any]) -> dict[str, int]:
    store = Store(order["dsn"])
    chance = random.Random(order["seed"])
    kind = {"says_yes": SaysYes, "settles_nothing": SettlesNothing}.get(order["fault"], Budgets)
    if order["fault"] == "draws_blindly":
        draws_blindly()
    budgets = kind(store, UUID(order["worker_id"]))
    with store.reading() as tx:
        budgets.replace(kept.snapshot(tx))
    committer = Committer(store, {"begun": begin, "ended": end, "settled": settle}, UUID(order["worker_id"]))
    committer.start(asyncio.get_running_loop())
    await budgets.start()
    counts = {"held": 0, "refused": 0, "away": 0, "replaced": 0, "swept": 0}
    numbers = iter(range(order["calls"]))
    first = date.fromisoformat(order["day"])

    async def caller() -> None:
        for number in numbers:
            day = first + timedelta(days=number > order["calls"] // 2)
            worst = chance.randrange(1, DEAREST)
            found = budgets.of(*chance.choice(CALLS))
            hold = budgets.hold(found, worst, day)
            if isinstance(hold, NeedsLease):
                hold = await budgets.ensure(found, worst, day)
            if isinstance(hold, Refusal):
                counts["refused" if hold.code == "budget_exceeded" else "away"] += 1
                await asyncio.sleep(0.005)
                continue
            call_id = UUID(int=chance.getrandbits(128))
            lines = [("begun", (call_id, hold.worker_id, *place, worst)) for place in hold.counted]
            try:
                await committer.submit(lines)
            except CallerError:
                budgets.release(hold)
                counts["replaced"] += 1
                continue
            await asyncio.sleep(chance.random() * 0.01)
            actual = chance.choice((0, worst, chance.randrange(worst), chance.randrange(1 + worst // 10)))
            rows = [("settled", one) for one in budgets.settle(hold, actual, call_id)]
            try:
                await committer.submit([("ended", (call_id, actual)), *rows])
                counts["held"] += 1
            except CallerError:
                counts["swept"] += 1

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    assert await asyncio.to_thread(committer.stop, 10) == 0
    await budgets.stop()
    store.close()
    return {**counts, "draws": budgets.lessor.draws}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(work(json.loads(sys.argv[1])))))

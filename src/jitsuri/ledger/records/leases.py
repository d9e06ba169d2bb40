"""Leases in the database: what each worker may spend of a hard budget without asking again.

A draw and a return are one statement each, a settlement is one function (``ledger_settle``, ``ledger_settle_few``): it locks
the rows of use in one order everywhere (by budget and period; the worker's row before them, its leases after them), looks at what stands
under that lock, and changes it.
So no lock is held while a process thinks, and no two wait for each other in a circle. Time is the database's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from jitsuri.ledger.records import budgets, rollups
from jitsuri.ledger.rules.budgeting import places_missing
from jitsuri.ledger.rules.lending import ROOM_PART
from jitsuri.ledger.shapes.budgets import Drawn, Overrun, Place, Settled, Settlement, Want
from jitsuri.store.batching import Batch, NeedsCareError
from jitsuri.store.door import Connection
from jitsuri.terms.errors import CallerError

RECALL = "jitsuri_recall"
"""Channel of PostgreSQL's NOTIFY: give back what lies free of a lease. Payload: worker that asks ('' nobody), budget
id, first day of the period."""

FEW_PAIRS = 4
"""Up to so many pairs of worker and place are settled one after the other, more by one statement (decision 0027)."""

LOCK_WAIT_MS = 3_000
"""Longest wait for a row that another process has locked: a heartbeat must not wait behind it for long."""


# -- the worker


def attend(connection: Connection) -> None:
    """Make a lessor's lasting connection hear recalls, and not wait for ever."""
    connection.execute(f"LISTEN {RECALL}")
    connection.execute(f"SET lock_timeout = {LOCK_WAIT_MS}")


def register(tx: Connection, worker_id: UUID) -> None:
    """Begin a worker, seen now, without leases."""
    tx.execute(
        "INSERT INTO ledger_workers (worker_id, started_at, seen_at, step) "
        "VALUES (%s, clock_timestamp(), clock_timestamp(), 0)",
        (worker_id,),
    )


def beat(tx: Connection, worker_id: UUID) -> bool:
    """Say that a worker lives; False where it was buried."""
    beaten = tx.execute("UPDATE ledger_workers SET seen_at = clock_timestamp() WHERE worker_id = %s", (worker_id,))
    return beaten.rowcount == 1


def fence(batch: Batch, worker_ids: Collection[UUID]) -> None:
    """Let a transaction that begins attempts go on only while their workers stand; it keeps them from being buried.

    Belongs before the intents of a batch are written: no upstream is asked on a lease that was given away, whatever a
    machine's clock or sleep did. The batch raises CallerError ``worker_replaced``.
    """
    batch.run("SELECT ledger_fence($1)", _array(set(worker_ids)), raised={"JS002": _replaced})


def _replaced() -> CallerError:
    return CallerError("worker_replaced")


def _array(values: Iterable[object]) -> bytes:
    """Ids, days, numbers or truths as an array in the database's text form."""
    return f"{{{','.join(map(str, values))}}}".encode()


def leave(tx: Connection, worker_id: UUID) -> bool:
    """End a worker that holds nothing more; False where leases or intents are left, for whoever buries it later."""
    tx.execute("DELETE FROM ledger_leases WHERE worker_id = %s AND amount_micro_jpy = 0", (worker_id,))
    ended = tx.execute(
        "DELETE FROM ledger_workers w WHERE worker_id = %s "
        "AND NOT EXISTS (SELECT FROM ledger_leases l WHERE l.worker_id = w.worker_id) "
        "AND NOT EXISTS (SELECT FROM ledger_intents i WHERE i.worker_id = w.worker_id)",
        (worker_id,),
    )
    return ended.rowcount == 1


def tidy(tx: Connection, worker_id: UUID, step: int) -> None:
    """Take away a worker's empty leases, but for what its last step moved."""
    tx.execute(
        "DELETE FROM ledger_leases WHERE ctid = ANY(ARRAY(SELECT ctid FROM ledger_leases "
        "WHERE worker_id = %s AND amount_micro_jpy = 0 AND step < %s FOR UPDATE SKIP LOCKED))",
        (worker_id, step),
    )


# -- draws and returns

_STEPPED = (
    "stepped AS (UPDATE ledger_workers SET step = %(step)s, seen_at = clock_timestamp() "
    "WHERE worker_id = %(worker)s AND step = %(step)s - 1 RETURNING worker_id)"
)
_DRAW = f"""
WITH {_STEPPED},
wanted AS (
    SELECT * FROM unnest(%(budgets)s::uuid[], %(starts)s::date[], %(needs)s::int8[], %(chunks)s::int8[])
        AS w (budget_id, period_start, need, chunk)
),
locked AS (
    SELECT u.budget_id, u.period_start, u.used_micro_jpy, u.leased_micro_jpy, u.limit_micro_jpy, w.need,
        u.limit_micro_jpy - u.used_micro_jpy - u.leased_micro_jpy AS room,
        greatest(w.need, least(w.chunk, (u.limit_micro_jpy - u.used_micro_jpy - u.leased_micro_jpy) / {ROOM_PART})) AS gift
    FROM ledger_budget_uses u JOIN wanted w USING (budget_id, period_start) CROSS JOIN stepped
    ORDER BY u.budget_id, u.period_start FOR UPDATE OF u
),
drawn AS (
    UPDATE ledger_budget_uses u SET leased_micro_jpy = u.leased_micro_jpy + locked.gift FROM locked
    WHERE u.budget_id = locked.budget_id AND u.period_start = locked.period_start AND locked.gift > 0
        AND u.limit_micro_jpy - u.used_micro_jpy - u.leased_micro_jpy >= locked.need
    RETURNING u.budget_id, u.period_start, locked.gift
),
lent AS (
    INSERT INTO ledger_leases AS l (worker_id, budget_id, period_start, amount_micro_jpy, step, moved_micro_jpy)
    SELECT %(worker)s, budget_id, period_start, gift, %(step)s, gift FROM drawn
    ON CONFLICT (worker_id, budget_id, period_start) DO UPDATE SET
        amount_micro_jpy = l.amount_micro_jpy + EXCLUDED.amount_micro_jpy, step = EXCLUDED.step,
        moved_micro_jpy = EXCLUDED.moved_micro_jpy
)
SELECT k.budget_id, k.period_start, coalesce(d.gift, 0), k.used_micro_jpy,
    k.leased_micro_jpy + coalesce(d.gift, 0), k.limit_micro_jpy,
    coalesce((SELECT l.amount_micro_jpy FROM ledger_leases l WHERE l.worker_id = %(worker)s
        AND l.budget_id = k.budget_id AND l.period_start = k.period_start), 0) + coalesce(d.gift, 0)
FROM stepped LEFT JOIN locked k ON true LEFT JOIN drawn d USING (budget_id, period_start)
"""  # noqa: S608  # our own constants


def draw(tx: Connection, worker_id: UUID, step: int, wants: Sequence[Want]) -> list[Drawn] | None:
    """Draw on budgets where the need fits; one line per period that is open, also where nothing was granted.

    ``step`` is one more than the worker's last. None where the worker was buried, or has stepped past it.
    """
    rows = tx.execute(
        _DRAW,
        {
            "worker": worker_id,
            "step": step,
            "budgets": [want.place.budget_id for want in wants],
            "starts": [want.place.period_start for want in wants],
            "needs": [want.need_micro_jpy for want in wants],
            "chunks": [want.chunk_micro_jpy for want in wants],
        },
    ).fetchall()
    if not rows:
        return None
    return [Drawn(Place(row[0], row[1]), *row[2:]) for row in rows if row[0] is not None]


_GIVE_BACK = f"""
WITH {_STEPPED},
given AS (
    SELECT * FROM unnest(%(budgets)s::uuid[], %(starts)s::date[], %(amounts)s::int8[])
        AS g (budget_id, period_start, amount)
),
locked AS (
    SELECT u.budget_id, u.period_start, g.amount
    FROM ledger_budget_uses u JOIN given g USING (budget_id, period_start) CROSS JOIN stepped
    ORDER BY u.budget_id, u.period_start FOR UPDATE OF u
),
taken AS (
    UPDATE ledger_leases l SET amount_micro_jpy = l.amount_micro_jpy - locked.amount, step = %(step)s,
        moved_micro_jpy = -locked.amount
    FROM locked
    WHERE l.worker_id = %(worker)s AND l.budget_id = locked.budget_id AND l.period_start = locked.period_start
    RETURNING l.budget_id, l.period_start
),
returned AS (
    UPDATE ledger_budget_uses u SET leased_micro_jpy = u.leased_micro_jpy - locked.amount
    FROM locked JOIN taken USING (budget_id, period_start)
    WHERE u.budget_id = locked.budget_id AND u.period_start = locked.period_start
    RETURNING 1
)
SELECT count(returned) FROM stepped LEFT JOIN returned ON true GROUP BY stepped.worker_id
"""  # noqa: S608  # our own constants


def give_back(tx: Connection, worker_id: UUID, step: int, amounts: Mapping[Place, int]) -> bool:
    """Return parts of leases that hold no call. False where the worker was buried, or has stepped past this step."""
    rows = tx.execute(
        _GIVE_BACK,
        {
            "worker": worker_id,
            "step": step,
            "budgets": [place.budget_id for place in amounts],
            "starts": [place.period_start for place in amounts],
            "amounts": list(amounts.values()),
        },
    ).fetchall()
    return bool(rows)


def recover(tx: Connection, worker_id: UUID, step: int) -> dict[Place, int] | None:
    """What a step moved whose answer was lost, by lease; {} where it never counted, and now never will.

    The worker is then at ``step + 1``. None where it was buried.
    """
    with tx.transaction():
        past = tx.execute(
            "UPDATE ledger_workers SET step = %s, seen_at = clock_timestamp() WHERE worker_id = %s",
            (step + 1, worker_id),
        )
        if past.rowcount == 0:
            return None
        rows = tx.execute(
            "SELECT budget_id, period_start, moved_micro_jpy FROM ledger_leases WHERE worker_id = %s AND step = %s",
            (worker_id, step),
        ).fetchall()
    return {Place(row[0], row[1]): row[2] for row in rows}


def recall(tx: Connection, places: Collection[Place], asked_by: UUID | None) -> None:
    """Ask the other workers to give back what lies free in their leases on these."""
    for place in places:
        payload = f"{asked_by or ''} {place.budget_id} {place.period_start}"
        tx.execute("SELECT pg_notify(%s, %s)", (RECALL, payload))


def recalled(payload: str) -> tuple[str, Place | None]:
    """Who asks for what, by the payload of a recall; None where somebody else wrote there."""
    asker, _, named = payload.partition(" ")
    budget_id, _, start = named.partition(" ")
    try:
        return asker, Place(UUID(budget_id), date.fromisoformat(start))
    except ValueError:
        return asker, None


# -- settlements


def settle_many(tx: Connection, settlements: Sequence[Settlement]) -> Settled:
    """Count what attempts cost, and take it off the leases they were held on.

    Belongs after the entries of the same transaction: that an entry can be written only once is what makes this happen
    only once, and the entries' own lock is what makes a budget that was just made see every attempt.
    """
    if not settlements:
        return Settled()
    attempts = _with_unknown(tx, settlements)
    rows = _settle(tx, _sums(attempts))
    reached = [(Place(row[0], row[1]), row[2], row[4]) for row in rows if row[7]]
    return Settled(tuple(budgets.note(tx, reached)), tuple(_overruns(tx, rows, attempts)))


def settle_in_batch(batch: Batch, settlements: Sequence[Settlement]) -> None:
    """Count what attempts cost, as ``settle_many`` does, where nobody has to be told and nothing to be opened.

    The batch raises NeedsCareError where somebody or something has.
    """
    sums = _sums_of(settlements)
    if 1 < len(sums) <= FEW_PAIRS:
        sums = dict(sorted(sums.items(), key=lambda pair: pair[0][1]))
    batch.run(
        _SETTLE_FEW if len(sums) <= FEW_PAIRS else _SETTLE_ALL,
        _array(worker_id for worker_id, _ in sums), _array(place.budget_id for _, place in sums),
        _array(place.period_start for _, place in sums), _array(taken for taken, _, _ in sums.values()),
        _array(actual for _, actual, _ in sums.values()), _array(is_hard for _, _, is_hard in sums.values()),
        str(min([one.known for one in settlements])).encode(), raised={"JS001": NeedsCareError},
    )  # fmt: skip


_SETTLE_FEW = "SELECT ledger_settle_few($1, $2, $3, $4, $5, $6, $7)"
_SETTLE_ALL = "SELECT ledger_settle($1, $2, $3, $4, $5, $6, $7)"


def _sums_of(settlements: Sequence[Settlement]) -> dict[tuple[UUID, Place], tuple[int, int, bool]]:
    """Taken, actual and whether the budget is a hard one, by worker and place.

    Calls that are alike share their places: these are known by identity first, as an id's hash costs more than the sum.
    """
    same: dict[tuple[int, int], list[int]] = {}
    first: list[tuple[UUID, Place, bool, list[int]]] = []
    for one in settlements:
        worker_id, actual, hard = one.worker_id, one.actual_micro_jpy, one.hard_lines
        for place, taken in one.lines:
            key = (id(worker_id), id(place))
            held = same.get(key)
            if held is None:
                held = same[key] = [0, 0]
                first.append((worker_id, place, hard > 0, held))
            held[0] += taken
            held[1] += actual
            hard -= 1
    sums: dict[tuple[UUID, Place], tuple[int, int, bool]] = {}
    for worker_id, place, is_hard, (taken, actual) in first:
        before = sums.get((worker_id, place), (0, 0, False))
        sums[worker_id, place] = (before[0] + taken, before[1] + actual, is_hard or before[2])
    return sums


_Line = tuple[Settlement, Place, int]
"""A settlement at one place, and what of it comes off a lease."""


def _with_unknown(tx: Connection, settlements: Sequence[Settlement]) -> list[_Line]:
    """Every place where something counts, those of budgets made since the holds included."""
    lines = [(one, place, taken) for one in settlements for place, taken in one.lines]
    made = budgets.made_since(tx, min(one.known for one in settlements))
    if made:
        lines += [(one, place, 0) for one in settlements for place in places_missing(made, one)]
    return lines


def _sums(lines: Sequence[_Line]) -> dict[tuple[UUID, Place], tuple[int, int]]:
    """Taken and actual by worker and place."""
    sums: dict[tuple[UUID, Place], tuple[int, int]] = {}
    for one, place, taken in lines:
        key = (one.worker_id, place)
        before = sums.get(key, (0, 0))
        sums[key] = (before[0] + taken, before[1] + one.actual_micro_jpy)
    return sums


def _settle(tx: Connection, sums: Mapping[tuple[UUID, Place], tuple[int, int]]) -> list[tuple[Any, ...]]:
    if not sums:
        return []
    rows = tx.execute(
        "SELECT * FROM ledger_settle(%s::uuid[], %s::uuid[], %s::date[], %s::int8[], %s::int8[], NULL, NULL)",
        (
            [worker_id for worker_id, _ in sums],
            [place.budget_id for _, place in sums],
            [place.period_start for _, place in sums],
            [taken for taken, _ in sums.values()],
            [actual for _, actual in sums.values()],
        ),
    ).fetchall()
    found = {(row[0], row[1]) for row in rows}
    missing = {key: value for key, value in sums.items() if key[1] not in found}
    if missing:
        places = sorted({place for _, place in missing})
        budgets.open_periods(tx, places)
        opened = budgets.open_among(tx, places)
        rows += _settle(tx, {key: value for key, value in missing.items() if key[1] in opened})
    return rows


def _overruns(tx: Connection, rows: Sequence[tuple[Any, ...]], lines: Sequence[_Line]) -> list[Overrun]:
    """Hard budgets that these settlements took past their limit with what no lease covered."""
    past = {Place(row[0], row[1]): row for row in rows if row[5] > 0 and row[2] + row[3] > row[4]}
    if not past:
        return []
    hard = {budget.budget_id for budget in budgets.by_name(tx) if budget.kind == "hard"}
    return [
        Overrun(
            place, row[2], row[3], row[4], row[5],
            tuple(one.attempt_id for one, at, taken in lines
                  if at == place and one.attempt_id is not None and one.actual_micro_jpy > taken),
            row[6],
        )
        for place, row in sorted(past.items()) if place.budget_id in hard
    ]  # fmt: skip


# -- the dead


def dead_workers(tx: Connection, seconds: int = 60) -> list[UUID]:
    """Workers that were not seen for so long by the database's clock, locked until the transaction ends.

    One whose row somebody else has locked is alive, or being buried. Also waits for all who write entries, as the
    caller will write some, and locks what their leases are on in the one order: settling first and burying then would
    take those rows in another.
    """
    rollups.lock(tx)
    rows = tx.execute(
        "SELECT worker_id FROM ledger_workers WHERE seen_at < clock_timestamp() - make_interval(secs => %s) "
        "ORDER BY worker_id FOR UPDATE SKIP LOCKED",
        (seconds,),
    )
    dead = [row[0] for row in rows]
    if dead:
        tx.execute(
            "SELECT FROM ledger_budget_uses u WHERE EXISTS (SELECT FROM ledger_leases l WHERE l.worker_id = ANY(%s) "
            "AND l.budget_id = u.budget_id AND l.period_start = u.period_start) "
            "ORDER BY u.budget_id, u.period_start FOR UPDATE OF u",
            (dead,),
        )
    return dead


def bury(tx: Connection, worker_id: UUID) -> dict[Place, int]:
    """Give back what is left of a dead worker's leases, and forget it; returns what was given back.

    Comes after its orphaned intents were settled in the same transaction, whose rows of the worker are locked
    (``dead_workers``).
    """
    rows = tx.execute(
        "WITH left_over AS (DELETE FROM ledger_leases WHERE worker_id = %s "
        "RETURNING budget_id, period_start, amount_micro_jpy), "
        "locked AS (SELECT u.budget_id, u.period_start, o.amount_micro_jpy AS amount FROM ledger_budget_uses u "
        "JOIN left_over o USING (budget_id, period_start) ORDER BY u.budget_id, u.period_start FOR UPDATE OF u) "
        "UPDATE ledger_budget_uses u SET leased_micro_jpy = u.leased_micro_jpy - locked.amount FROM locked "
        "WHERE u.budget_id = locked.budget_id AND u.period_start = locked.period_start "
        "RETURNING u.budget_id, u.period_start, locked.amount",
        (worker_id,),
    ).fetchall()
    tx.execute("DELETE FROM ledger_workers WHERE worker_id = %s", (worker_id,))
    return {Place(row[0], row[1]): row[2] for row in rows if row[2]}

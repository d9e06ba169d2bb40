"""What pricing again reads: attempts that have no yen yet, and what a span used by model and tier."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from jitsuri.ledger.shapes.pricing import Mix
from jitsuri.store.door import Connection
from jitsuri.terms.usage import USAGE_KINDS, Usage


def calls_without_yen(tx: Connection, since: datetime | None, batch: int) -> Iterator[list[UUID]]:
    """Calls asked at or after ``since`` (None: ever) that have a line without price or rate, in batches, by time.

    Some of them may have been priced since: their later lines say so.
    """
    with tx.cursor("calls_without_yen") as cursor:
        cursor.itersize = batch
        cursor.execute(
            "SELECT call_id FROM ledger_entries WHERE state <> 'priced' AND kind = 'attempt' "
            "AND (%(since)s::timestamptz IS NULL OR at >= %(since)s) ORDER BY at, call_id",
            {"since": since},
        )
        held: list[UUID] = []
        for (call_id,) in cursor:
            held.append(call_id)
            if len(held) >= batch:
                yield held
                held = []
        if held:
            yield held


def mixes(tx: Connection, first: date, last: date) -> list[Mix]:
    """What was used from ``first`` to ``last`` (company days, both included), by provider, model, tier and region."""
    sums = ", ".join(f"coalesce(sum({kind}), 0)::bigint" for kind in USAGE_KINDS)
    early, late = (datetime.combine(day, time(), UTC) for day in (first, last))
    rows = tx.execute(
        f"SELECT provider, model, tier, region, sum(calls)::bigint, {sums} FROM ledger_entries "  # noqa: S608
        "WHERE day BETWEEN %(first)s AND %(last)s "
        # a company day lies within a UTC day of its date; the index is on the instant
        "AND at BETWEEN %(early)s AND %(late)s "
        "GROUP BY provider, model, tier, region HAVING sum(calls) > 0 ORDER BY provider, model, tier, region",
        {"first": first, "last": last, "early": early - timedelta(days=1), "late": late + timedelta(days=2)},
    )
    return [Mix(row[0], row[1], row[2], row[3], row[4], Usage(*row[5:])) for row in rows]

"""Exchange rates in the database: rows are added; a correction is a later row for the same day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from jitsuri.ledger.shapes.rates import Rate, RateKind
from jitsuri.store.announcing import announce
from jitsuri.store.door import Connection

_COLUMNS = "rate_id, currency, day, kind, rate, source"


def everything(tx: Connection) -> list[Rate]:
    """All rows in the order they were set, as ``rules.converting.rates_of`` wants them."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM ledger_rates ORDER BY set_at, day, rate_id")  # noqa: S608
    return [Rate(*row) for row in rows]


def lock(tx: Connection) -> None:
    """Wait for any other transaction that adds rates: what was compared must be what is written."""
    tx.execute("LOCK TABLE ledger_rates IN SHARE ROW EXCLUSIVE MODE")


def latest(tx: Connection, currency: str, day: date, kind: RateKind) -> Rate | None:
    """The rate that a cost of this day is converted with, as ``rules.converting.Rates.on`` says it, found by the index:
    the dated row with the latest day on or before the day, else the assumed one."""
    for its_kind, until in ((kind, day), ("ASSUMED", None)):
        order = "day DESC, set_at DESC" if until else "set_at DESC, day DESC"
        row = tx.execute(
            f"SELECT {_COLUMNS} FROM ledger_rates WHERE currency = %(currency)s AND kind = %(kind)s "  # noqa: S608
            f"AND (%(until)s::date IS NULL OR day <= %(until)s) ORDER BY {order} LIMIT 1",
            {"currency": currency, "kind": its_kind, "until": until},
        ).fetchone()
        if row is not None:
            return Rate(*row)
    return None


def insert_many(tx: Connection, rates: Sequence[Rate], author: str, set_at: datetime) -> None:
    """Add rows."""
    with tx.cursor() as cursor, cursor.copy(f"COPY ledger_rates ({_COLUMNS}, author, set_at) FROM STDIN") as copy:
        copy.set_types(["uuid", "text", "date", "text", "numeric", "text", "text", "timestamptz"])
        for r in rates:
            copy.write_row((r.rate_id, r.currency, r.on, r.kind, r.rate, r.source, author, set_at))
    announce(tx, "prices")


def days_with_costs(tx: Connection, since: date | None) -> list[tuple[str, date]]:
    """Currency and company day of every priced entry in a foreign currency, from a day on (None: ever)."""
    rows = tx.execute(
        "SELECT DISTINCT currency, day FROM ledger_entries WHERE currency NOT IN ('', 'JPY') AND cost IS NOT NULL "
        "AND (%(since)s::date IS NULL OR day >= %(since)s) ORDER BY day, currency",
        {"since": since},
    )
    return [(row[0], row[1]) for row in rows]


def calls_to_convert(tx: Connection, wanted: Sequence[tuple[str, date, Rate]], left: Sequence[UUID]) -> list[UUID]:
    """Calls that have no line under the rate wanted for their currency and day, or do not add up to it.

    Those with a line under one of the rates in ``left`` are not among them. A few may turn out to stand right.
    """
    rows = tx.execute(
        "SELECT DISTINCT call_id FROM ("
        "SELECT e.call_id FROM ledger_entries e JOIN unnest(%s::text[], %s::date[], %s::uuid[], %s::numeric[]) "
        "AS w (currency, day, rate_id, rate) ON e.currency = w.currency AND e.day = w.day "
        "WHERE e.state <> 'unpriced' GROUP BY e.call_id, e.attempt_id, w.rate_id, w.rate "
        "HAVING (coalesce(bool_and(e.rate_id IS DISTINCT FROM w.rate_id), true) "
        "OR round(sum(e.cost) * w.rate, 6) IS DISTINCT FROM sum(e.cost_jpy)) "
        "AND NOT coalesce(bool_or(e.rate_id = ANY(%s::uuid[])), false)) AS found ORDER BY call_id",
        (
            [currency for currency, _, _ in wanted],
            [day for _, day, _ in wanted],
            [rate.rate_id for _, _, rate in wanted],
            [rate.rate for _, _, rate in wanted],
            list(left),
        ),
    )
    return [row[0] for row in rows]

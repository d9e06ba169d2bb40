"""Reading the ledger for people: sums of single calls, calls without yen, what tasks used of models."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from jitsuri.ledger.shapes.pricing import PriceState
from jitsuri.ledger.shapes.views import CallAmounts, Sum, Use
from jitsuri.store.door import Connection
from jitsuri.terms.usage import USAGE_KINDS, Usage

_SUMMED_KINDS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
"""The kinds that rollups hold."""
_RARE_KINDS = tuple(kind for kind in USAGE_KINDS if kind not in _SUMMED_KINDS)
_HAS_RARE = " OR ".join(f"{kind} <> 0" for kind in _RARE_KINDS)
"""Word for word the condition of the index ``ledger_entries_rare``."""


def amounts_of_calls(tx: Connection, call_ids: Sequence[UUID]) -> dict[UUID, CallAmounts]:
    """The sums of each of these calls."""
    rows = tx.execute(
        "SELECT call_id, sum(calls)::bigint, sum(input_tokens)::bigint, sum(output_tokens)::bigint, "
        "(array_agg(latency_ms ORDER BY at DESC, booked_at DESC) FILTER (WHERE latency_ms IS NOT NULL))[1], "
        "coalesce(sum(calls) FILTER (WHERE state = 'unpriced'), 0), "
        "coalesce(sum(calls) FILTER (WHERE state = 'unconverted'), 0), sum(cost_jpy) "
        "FROM ledger_entries WHERE call_id = ANY(%s) GROUP BY call_id",
        (list(call_ids),),
    )
    return {row[0]: CallAmounts(row[1], row[2], row[3], row[4], _state(row[5], row[6]), row[7]) for row in rows}


def sum_of_calls(tx: Connection, call_ids: Sequence[UUID]) -> Sum:
    """The sum of all lines of these calls."""
    [row] = tx.execute(
        "SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(calls) FILTER (WHERE state = 'unpriced'), 0)::bigint, "
        "coalesce(sum(calls) FILTER (WHERE state = 'unconverted'), 0)::bigint, "
        "coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint, coalesce(sum(cost_jpy), 0) "
        "FROM ledger_entries WHERE call_id = ANY(%s)",
        (list(call_ids),),
    ).fetchall()
    return Sum(*row)


def costs_of_calls(tx: Connection, call_ids: Sequence[UUID]) -> dict[UUID, Decimal]:
    """The yen of each of these calls; 0 where no line of it is in yen."""
    rows = tx.execute(
        "SELECT call_id, coalesce(sum(cost_jpy), 0) FROM ledger_entries WHERE call_id = ANY(%s) GROUP BY call_id",
        (list(call_ids),),
    )
    return dict(rows.fetchall())


def calls_in_state(
    tx: Connection,
    state: PriceState,
    since: datetime | None,
    until: datetime | None,
    *,
    task: str | None = None,
    departments: Sequence[str] | None = None,
    provider: str | None = None,
    model: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[tuple[datetime, UUID]]:
    """``(time, call)`` of calls that stand in this state (``unpriced`` or ``unconverted``), newest first."""
    at, call_id = after or (None, None)
    rows = tx.execute(
        "SELECT min(at) AS at, call_id FROM ledger_entries WHERE state <> 'priced' AND state = %(state)s "
        "AND (%(since)s::timestamptz IS NULL OR at >= %(since)s) "
        "AND (%(until)s::timestamptz IS NULL OR at < %(until)s) "
        "AND (%(task)s::text IS NULL OR task = %(task)s) AND (%(provider)s::text IS NULL OR provider = %(provider)s) "
        "AND (%(model)s::text IS NULL OR model = %(model)s) "
        "AND (%(departments)s::text[] IS NULL OR department = ANY(%(departments)s)) "
        "AND (%(at)s::timestamptz IS NULL OR at < %(at)s OR (at = %(at)s AND call_id > %(call_id)s)) "
        "GROUP BY call_id HAVING sum(calls) > 0 ORDER BY 1 DESC, 2 LIMIT %(limit)s",
        {
            "state": state, "since": since, "until": until, "task": task, "provider": provider, "model": model,
            "departments": None if departments is None else list(departments), "at": at, "call_id": call_id,
            "limit": limit,
        },
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


def uses(tx: Connection, first: date, last: date) -> list[Use]:
    """What each task used of each model between two months (named by their first days, both included), dearest first.

    Calls, yen and the common kinds come from the rollups, the rare kinds (audio, images, searches, one-hour caches)
    from the entries that have any.
    """
    sums = ", ".join(f"sum({kind})::bigint" for kind in _SUMMED_KINDS)
    rows = tx.execute(
        "SELECT task, provider, model, tier, sum(calls)::bigint, sum(unpriced + unconverted)::bigint, sum(cost_jpy), "  # noqa: S608
        f"{sums} FROM ledger_months WHERE month BETWEEN %s AND %s AND purpose = '' "
        "GROUP BY task, provider, model, tier HAVING sum(calls) > 0 ORDER BY 7 DESC, task, provider, model, tier",
        (first, last),
    ).fetchall()
    rare = _rare_uses(tx, first, last)
    return [
        Use(
            row[0],
            row[1],
            row[2],
            row[3],
            calls=row[4],
            unpriced=row[5],
            usage=Usage(**dict(zip(_SUMMED_KINDS, row[7:], strict=True)), **rare.get(tuple(row[:4]), {})),
            cost_jpy=row[6],
        )
        for row in rows
    ]


def first_days(tx: Connection, tasks: Sequence[str]) -> dict[str, date]:
    """The first day on which each of these tasks had calls."""
    rows = tx.execute(
        "SELECT task, min(day) FROM ledger_days WHERE task = ANY(%s) AND calls <> 0 GROUP BY task", (list(tasks),)
    )
    return dict(rows.fetchall())


def _rare_uses(tx: Connection, first: date, last: date) -> dict[tuple[Any, ...], dict[str, int]]:
    sums = ", ".join(f"sum({kind})::bigint" for kind in _RARE_KINDS)
    rows = tx.execute(
        f"SELECT task, provider, model, tier, {sums} FROM ledger_entries WHERE ({_HAS_RARE}) "  # noqa: S608
        "AND day >= %s AND day < %s + interval '1 month' AND purpose = '' GROUP BY task, provider, model, tier",
        (first, last),
    )
    return {tuple(row[:4]): dict(zip(_RARE_KINDS, row[4:], strict=True)) for row in rows}


def _state(unpriced: int, unconverted: int) -> PriceState:
    if unpriced:
        return "unpriced"
    return "unconverted" if unconverted else "priced"

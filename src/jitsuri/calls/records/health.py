"""What the gateway saw lately, read for people: minutes added up, the newest calls, upstreams left alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from jitsuri.calls.shapes import BUCKETS_MS, Call, Minute
from jitsuri.store.door import Connection

Key = Literal["minute", "task", "upstream", "model", "outcome"]
_KEYS: tuple[Key, ...] = ("minute", "task", "upstream", "model", "outcome")
_SUMS = (
    "count", "empty", "fell_back", "input_tokens", "output_tokens", "cost_micro_jpy", "latency_ms_sum",
    "first_token_ms_sum", "first_token_count",
)  # fmt: skip
_WIDTH = len(BUCKETS_MS) + 1
_CALL = ", ".join(Call.__struct_fields__)


def summed(
    tx: Connection, since: datetime, by: Sequence[Key], *, upstream: str | None = None, task: str | None = None
) -> list[Minute]:
    """What was counted from a minute on, added up by these; what it is not kept apart by is '' (``since`` for the minute)."""
    shown = [key if key in by else ("%(since)s" if key == "minute" else "''") for key in _KEYS]
    sums = [f"sum({name})::bigint" for name in _SUMS]
    arrays = [
        f"ARRAY[{', '.join(f'sum({name}[{n}])::bigint' for n in range(1, _WIDTH + 1))}]"
        for name in ("latency_buckets", "first_token_buckets")
    ]
    wanted = ["minute >= %(since)s"]
    wanted += [f"{name} = %({name})s" for name, value in (("upstream", upstream), ("task", task)) if value is not None]
    grouped = f"GROUP BY {', '.join(by)} ORDER BY {', '.join(by)}" if by else "HAVING sum(count) IS NOT NULL"
    rows = tx.execute(
        f"SELECT {', '.join([*shown, *sums, *arrays])} FROM calls_minutes WHERE {' AND '.join(wanted)} {grouped}",  # noqa: S608
        {"since": since, "upstream": upstream, "task": task},
    )
    return [_minute(row) for row in rows]


def newest(tx: Connection, source: str, since: datetime, limit: int) -> list[Call]:
    """The newest calls of one source from an instant on. The index by time is read from its end, no further than that."""
    rows = tx.execute(
        f"SELECT {_CALL} FROM calls_calls WHERE at >= %s AND source = %s ORDER BY at DESC, call_id LIMIT %s",  # noqa: S608
        (since, source, limit),
    )
    return [Call(*row) for row in rows]


def resting(tx: Connection, since: datetime) -> dict[str, int]:
    """How many workers leave each upstream alone, of those that have said how they stand since then."""
    rows = tx.execute(
        "SELECT b.key, count(*) FROM calls_gauges g CROSS JOIN LATERAL jsonb_each_text(g.breakers) b "
        "WHERE g.seen_at >= %s AND b.value <> 'closed' GROUP BY b.key",
        (since,),
    )
    return dict(rows.fetchall())


def faults(tx: Connection, since: datetime) -> list[tuple[str, str, int]]:
    """(place, code, how many workers) of what workers cannot do, of those that have said how they stand since then; the
    place of a ledger that cannot be written is ``ledger``."""
    rows = tx.execute(
        "SELECT place, code, count(*) FROM (SELECT f.key, f.value FROM calls_gauges g "
        "CROSS JOIN LATERAL jsonb_each_text(g.faults) f WHERE g.seen_at >= %(since)s UNION ALL "
        "SELECT 'ledger', outage FROM calls_gauges WHERE seen_at >= %(since)s AND outage <> '') told(place, code) "
        "GROUP BY place, code ORDER BY place, code",
        {"since": since},
    )
    return rows.fetchall()


def _minute(row: tuple[Any, ...]) -> Minute:
    keys, sums, (latency, first) = row[: len(_KEYS)], row[len(_KEYS) : -2], row[-2:]
    named = dict(zip(_SUMS, sums, strict=True))
    return Minute(
        minute=keys[0], task=keys[1], upstream=keys[2], model=keys[3], outcome=keys[4], **named,
        latency_buckets=tuple(latency), first_token_buckets=tuple(first),
    )  # fmt: skip

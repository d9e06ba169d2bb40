"""Meters in the database: counts per minute and totals, added up over all workers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jitsuri.calls.rules.exposing import Known
from jitsuri.calls.shapes import BUCKETS_MS, AttemptOutcome, Minute, Seen
from jitsuri.store.door import Connection

_KEYS = ("minute", "task", "upstream", "model", "outcome")
_SUMS = (
    "count", "empty", "fell_back", "input_tokens", "output_tokens", "cost_micro_jpy", "latency_ms_sum",
    "first_token_ms_sum", "first_token_count",
)  # fmt: skip
_ARRAYS = ("latency_buckets", "first_token_buckets")
_COLUMNS = (*_KEYS, *_SUMS, *_ARRAYS)
_TOTAL_KEYS = ("task", "upstream", "model", "outcome")
_SELECT = f"SELECT {', '.join(Minute.__struct_fields__)}"
_WIDTH = len(BUCKETS_MS) + 1


def add_many(tx: Connection, minutes: Sequence[Minute]) -> None:
    """Add counts to what is kept of their minutes, and to the totals that stay when minutes are forgotten."""
    if not minutes:
        return
    _add(tx, "calls_minutes", _KEYS, minutes)
    _add(tx, "calls_totals", _TOTAL_KEYS, _placed(tx, minutes))


def totals(tx: Connection) -> list[Minute]:
    """Everything counted since the gateway was set up; ``minute`` is the first one counted."""
    rows = tx.execute(f"{_SELECT} FROM calls_totals ORDER BY task, upstream, model, outcome")
    return [_minute(row) for row in rows]


def since(tx: Connection, first: datetime) -> list[Minute]:
    """Everything from a minute on, by time."""
    rows = tx.execute(
        f"{_SELECT} FROM calls_minutes WHERE minute >= %s ORDER BY minute, task, upstream, model, outcome", (first,)
    )
    return [_minute(row) for row in rows]


def seen(tx: Connection, first: datetime) -> list[Seen]:
    """What alarms look at, from a minute on, by time."""
    rows = tx.execute(f"SELECT minute, {_SEEN} GROUP BY minute, task, upstream ORDER BY minute", {"first": first})
    return [_seen(row) for row in rows]


def seen_between(tx: Connection, first: datetime, end: datetime) -> list[Seen]:
    """The same, added up from ``first`` to before ``end``; ``minute`` is ``first``."""
    rows = tx.execute(
        f"SELECT %(first)s::timestamptz, {_SEEN} AND minute < %(end)s GROUP BY task, upstream",
        {"first": first, "end": end},
    )
    return [_seen(row) for row in rows]


def forget(tx: Connection, before: datetime) -> int:
    """Drop minutes older than this; returns how many rows."""
    return tx.execute("DELETE FROM calls_minutes WHERE minute < %s", (before,)).rowcount


def _counted(condition: str, what: str = "count") -> str:
    return f"coalesce(sum({what}) FILTER (WHERE {condition}), 0)::bigint"


_REFUSED = "outcome LIKE 'refused:%%'"
_ATTEMPTED = f"NOT {_REFUSED}"


def _ended(outcome: AttemptOutcome) -> str:
    return f"outcome = '{outcome}'"


def _buckets(outcome: AttemptOutcome) -> str:
    return f"ARRAY[{', '.join(_counted(_ended(outcome), f'latency_buckets[{n}]') for n in range(1, _WIDTH + 1))}]"


_SEEN = (
    f"task, upstream, {_counted(_ATTEMPTED)}, {_counted(_ended('error'))}, {_counted(_ended('cut'))}, "
    f"{_counted(_ATTEMPTED, 'empty')}, {_counted(_ATTEMPTED, 'fell_back')}, {_counted(_REFUSED)}, {_buckets('ok')}, "
    f"{_counted(_ended('caller_error'))}, {_counted(_ended('caller_gone'))}, {_counted(_ended('gateway_error'))}, "
    f"{_buckets('caller_gone')} FROM calls_minutes WHERE minute >= %(first)s"
)


def _seen(row: tuple[Any, ...]) -> Seen:
    values: list[Any] = [tuple(value) if isinstance(value, list) else value for value in row]
    return Seen(*values)


def _placed(tx: Connection, minutes: Sequence[Minute]) -> list[Minute]:
    """Counts without their minutes, under the labels that totals are kept by."""
    asked = {(m.task, m.upstream, m.model, m.outcome) for m in minutes}
    columns = [list(column) for column in zip(*sorted(asked), strict=True)]
    places = {key: key for key in _known(tx, *columns)}
    if len(places) < len(asked):
        known = Known(_known(tx))
        places = {key: known.place(key) for key in sorted(asked)}
    found: dict[tuple[str, str, str, str], Minute] = {}
    for minute in minutes:
        place = places[minute.task, minute.upstream, minute.model, minute.outcome]
        found[place] = _merged(place, found.get(place), minute)
    return list(found.values())


def _known(tx: Connection, *asked: list[str]) -> list[tuple[str, str, str, str]]:
    """The combinations that totals are kept by: all, or those asked for (a list per column)."""
    names = ", ".join(_TOTAL_KEYS)
    among = f"JOIN unnest({', '.join(['%s::text[]'] * len(asked))}) AS asked ({names}) USING ({names})" if asked else ""
    return tx.execute(f"SELECT {names} FROM calls_totals {among}", asked).fetchall()  # noqa: S608


def _merged(place: tuple[str, str, str, str], held: Minute | None, more: Minute) -> Minute:
    task, upstream, model, outcome = place
    minute = more.minute if held is None else min(held.minute, more.minute)
    values: dict[str, Any] = {name: getattr(more, name) for name in (*_SUMS, *_ARRAYS)}
    if held is not None:
        for name in _SUMS:
            values[name] += getattr(held, name)
        for name in _ARRAYS:
            values[name] = tuple(a + b for a, b in zip(values[name], getattr(held, name), strict=True))
    return Minute(minute=minute, task=task, upstream=upstream, model=model, outcome=outcome, **values)


def _add(tx: Connection, table: str, keys: Sequence[str], minutes: Sequence[Minute]) -> None:
    """Add to what a table holds under these keys, in their order, so that writers never wait for each other in a ring."""
    added = [f"{name} = {table}.{name} + EXCLUDED.{name}" for name in _SUMS]
    added += [  # our own column names
        f"{name} = (SELECT array_agg(a + b ORDER BY n) FROM "  # noqa: S608
        f"unnest({table}.{name}, EXCLUDED.{name}) WITH ORDINALITY AS pairs(a, b, n))"
        for name in _ARRAYS
    ]
    rows = sorted(minutes, key=lambda m: [getattr(m, name) for name in keys])
    with tx.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))}) "  # noqa: S608
            f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(added)}",
            [tuple(_value(getattr(m, name)) for name in _COLUMNS) for m in rows],
        )


def _value(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _minute(row: tuple[Any, ...]) -> Minute:
    values: list[Any] = [tuple(value) if isinstance(value, list) else value for value in row]
    return Minute(*values)

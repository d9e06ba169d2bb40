"""Evidence in the database: appended in the transaction of the act, sealed in order afterwards, verified at will."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from jitsuri.evidence.rules import FIRST_PREVIOUS, link_hash, merkle_root, plain_form
from jitsuri.evidence.shapes import Anchor, Broken, Listed, Record, Root, Verified
from jitsuri.store.door import Connection
from jitsuri.terms.period import COMPANY_ZONE, company_day

_SEAL_LOCK = 5_410_020
"""Advisory lock of the one sealer; any fixed number that nothing else here uses."""
_LINK_BYTES = 32
_PAGE = 5_000
"""Rows per round when a long chain is read: memory stays small."""
_RECORD = "r.record_id, r.at, r.actor, r.act, r.subject, r.facts"


def append(tx: Connection, record: Record) -> None:
    """Write a record in the caller's transaction: it stands if, and only if, the act stands."""
    append_many(tx, (record,))


def append_many(tx: Connection, records: Sequence[Record]) -> None:
    """Write several records; one that stands already (same id, so same contents) is left as it is."""
    with tx.cursor() as cursor:
        cursor.executemany(
            "WITH added AS (INSERT INTO evidence_records (record_id, at, actor, act, subject, facts) "
            "VALUES (%s, %s, %s, %s, %s, %s::jsonb) ON CONFLICT (record_id) DO NOTHING RETURNING record_id) "
            "INSERT INTO evidence_pending (record_id) SELECT record_id FROM added",
            [
                (r.record_id, r.at, r.actor, r.act, r.subject, json.dumps(r.facts, ensure_ascii=False))
                for r in map(plain_form, records)
            ],
        )


def seal_pending(tx: Connection, now: datetime, zone: ZoneInfo = COMPANY_ZONE, limit: int = _PAGE) -> int:
    """Number and hash what waits, oldest first, at most ``limit``; returns how many.

    Also makes the Merkle root of each company day that has ended. Only one sealer works at a time: where another one
    is at it, nothing is done (0).
    """
    [(is_ours,)] = tx.execute("SELECT pg_try_advisory_xact_lock(%s)", (_SEAL_LOCK,)).fetchall()
    if not is_ours:
        return 0
    number, previous, sealed_at = _head(tx, now)
    _make_roots(tx, sealed_at, zone)
    waiting = tx.execute(
        f"SELECT {_RECORD} FROM evidence_pending JOIN evidence_records r USING (record_id) "  # noqa: S608
        "ORDER BY r.at, r.record_id LIMIT %s",
        (limit,),
    ).fetchall()
    seals = []
    for found in waiting:
        record = Record(*found)
        number += 1
        previous = link_hash(previous, record, number, sealed_at)
        seals.append((number, record.record_id, previous, sealed_at))
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO evidence_seals (number, record_id, hash, sealed_at) VALUES (%s, %s, %s, %s)", seals
        )
    tx.execute("DELETE FROM evidence_pending WHERE record_id = ANY(%s)", ([seal[1] for seal in seals],))
    return len(seals)


def verify(tx: Connection, anchor: Anchor | None = None) -> Verified | Broken:
    """Read the whole chain again: every record, every link, every day's root, and the anchor if one was noted.

    Without an anchor from outside, somebody who may write every table could cut the newest part of the chain off, or
    write the whole chain anew: that is why the head should be noted elsewhere now and then.
    """
    links = bytearray()
    number, previous = 0, FIRST_PREVIOUS
    for found, link, sealed_at, record in _chain(tx):
        number += 1
        if found != number:
            return Broken(number, "seal_missing", {"next": found})
        if record is None:
            return Broken(number, "record_missing")
        previous = link_hash(previous, record, number, sealed_at)
        if previous != link:
            return Broken(number, "record_changed")
        links += link
    roots = _roots(tx)
    broken = _root_fault(roots, links)
    if broken is not None:
        return broken
    if anchor is not None and (not 1 <= anchor.number <= number or anchor.hash != _link(links, anchor.number)):
        return Broken(anchor.number, "anchor_missed")
    return Verified(number, _pending(tx), len(roots), Anchor(number, previous) if number else None)


def recent(tx: Connection, limit: int, before: tuple[datetime, UUID] | None = None) -> list[Listed]:
    """The newest records first, for an auditor's page; ``before`` is the last one's ``(at, record_id)``."""
    at, record_id = before or (None, None)
    rows = tx.execute(
        f"SELECT {_RECORD}, s.number, s.hash FROM evidence_records r LEFT JOIN evidence_seals s USING (record_id) "  # noqa: S608
        "WHERE %(at)s::timestamptz IS NULL OR (r.at, r.record_id) < (%(at)s::timestamptz, %(record_id)s::uuid) "
        "ORDER BY r.at DESC, r.record_id DESC LIMIT %(limit)s",
        {"at": at, "record_id": record_id, "limit": limit},
    )
    return [Listed(Record(*row[:6]), row[6], row[7]) for row in rows]


def daily_roots(tx: Connection, limit: int) -> list[Root]:
    """The newest finished days' roots first, to be noted outside."""
    return _roots(tx)[: -limit - 1 : -1]


def _head(tx: Connection, now: datetime) -> tuple[int, bytes, datetime]:
    """The last link and the time of the next seal, which never runs backwards, whatever the clock does."""
    row = tx.execute("SELECT number, hash, sealed_at FROM evidence_seals ORDER BY number DESC LIMIT 1").fetchone()
    return (row[0], row[1], max(now, row[2])) if row else (0, FIRST_PREVIOUS, now)


def _make_roots(tx: Connection, sealed_at: datetime, zone: ZoneInfo) -> None:
    [(last,)] = tx.execute("SELECT coalesce(max(last_number), 0) FROM evidence_roots").fetchall()
    first_open = tx.execute(
        "SELECT sealed_at FROM evidence_seals WHERE number > %s ORDER BY number LIMIT 1", (last,)
    ).fetchone()
    today = company_day(sealed_at, zone)
    if first_open is None or company_day(first_open[0], zone) >= today:
        return
    days: dict[date, list[tuple[int, bytes]]] = {}
    for number, link, at in tx.execute(
        "SELECT number, hash, sealed_at FROM evidence_seals WHERE number > %s ORDER BY number", (last,)
    ):
        days.setdefault(company_day(at, zone), []).append((number, link))
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO evidence_roots (day, first_number, last_number, root, made_at) VALUES (%s, %s, %s, %s, %s)",
            [
                (day, links[0][0], links[-1][0], merkle_root([link for _, link in links]), sealed_at)
                for day, links in days.items()
                if day < today
            ],
        )


def _chain(tx: Connection) -> Iterator[tuple[int, bytes, datetime, Record | None]]:
    last = 0
    while True:
        rows = tx.execute(
            f"SELECT s.number, s.hash, s.sealed_at, {_RECORD} FROM evidence_seals s "  # noqa: S608
            "LEFT JOIN evidence_records r USING (record_id) WHERE s.number > %s ORDER BY s.number LIMIT %s",
            (last, _PAGE),
        ).fetchall()
        for number, link, sealed_at, *record in rows:
            yield number, link, sealed_at, Record(*record) if record[0] is not None else None
        if len(rows) < _PAGE:
            return
        last = rows[-1][0]


def _roots(tx: Connection) -> list[Root]:
    rows = tx.execute("SELECT day, first_number, last_number, root, made_at FROM evidence_roots ORDER BY first_number")
    return [Root(*row) for row in rows]


def _root_fault(roots: Sequence[Root], links: bytearray) -> Broken | None:
    """Roots stand for spans of numbers without a gap; each is computed again from the links."""
    expected = 1
    for root in roots:
        if root.first_number != expected:
            return Broken(expected, "root_missing", {"day": root.day})
        if root.last_number * _LINK_BYTES > len(links):
            return Broken(len(links) // _LINK_BYTES + 1, "seal_missing", {"next": root.last_number})
        span = [_link(links, number) for number in range(root.first_number, root.last_number + 1)]
        if merkle_root(span) != root.root:
            return Broken(expected, "root_changed", {"day": root.day})
        expected = root.last_number + 1
    return None


def _link(links: bytearray, number: int) -> bytes:
    return bytes(links[(number - 1) * _LINK_BYTES : number * _LINK_BYTES])


def _pending(tx: Connection) -> int:
    [(pending,)] = tx.execute(
        "SELECT count(*) FROM evidence_records r WHERE NOT EXISTS "
        "(SELECT 1 FROM evidence_seals s WHERE s.record_id = r.record_id)"
    ).fetchall()
    return int(pending)

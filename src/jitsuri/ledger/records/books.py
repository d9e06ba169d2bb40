"""Price books in the database: each version kept as it was taken in, and from when on which one was used."""

from __future__ import annotations

from datetime import datetime

from jitsuri.ledger.shapes.pricing import BookInfo, BookUse
from jitsuri.store.announcing import announce
from jitsuri.store.door import Connection

_BOOK_LOCK = 5_410_011
"""Advisory lock that orders those who take a book in; any fixed number that nothing else here uses."""
_INFO = "book_id, source, taken_at, published_on, models"


def lock(tx: Connection) -> None:
    """Let nobody else take a book in until this transaction ends."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (_BOOK_LOCK,))


def save(tx: Connection, info: BookInfo, content: bytes) -> bool:
    """Keep a version; False where it is kept already. ``content`` is the packed book (``ledger.wire.packing``)."""
    added = tx.execute(
        "INSERT INTO ledger_price_books (book_id, source, taken_at, published_on, models, content) "
        "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (book_id) DO NOTHING",
        (info.book_id, info.source, info.taken_at, info.published_on, info.models, content),
    )
    return added.rowcount == 1


def use(tx: Connection, use: BookUse) -> None:
    """Price new entries by this book from ``used_from`` on."""
    tx.execute(
        "INSERT INTO ledger_price_book_uses (book_id, used_from, author, reason) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (used_from) DO UPDATE SET book_id = EXCLUDED.book_id, author = EXCLUDED.author, "
        "reason = EXCLUDED.reason",
        (use.book_id, use.used_from, use.author, use.reason),
    )
    announce(tx, "prices")


def in_use(tx: Connection, at: datetime | None = None) -> BookUse | None:
    """The use that holds at an instant (None: the newest); None before the first."""
    row = tx.execute(
        "SELECT book_id, used_from, author, reason FROM ledger_price_book_uses "
        "WHERE %(at)s::timestamptz IS NULL OR used_from <= %(at)s ORDER BY used_from DESC LIMIT 1",
        {"at": at},
    ).fetchone()
    return BookUse(*row) if row else None


def content(tx: Connection, book_id: str) -> bytes | None:
    """The packed book of this version; None for an unknown one."""
    row = tx.execute("SELECT content FROM ledger_price_books WHERE book_id = %s", (book_id,)).fetchone()
    return bytes(row[0]) if row else None


def info(tx: Connection, book_id: str) -> BookInfo | None:
    """What is known of a version without reading it; None for an unknown one."""
    row = tx.execute(f"SELECT {_INFO} FROM ledger_price_books WHERE book_id = %s", (book_id,)).fetchone()  # noqa: S608
    return BookInfo(*row) if row else None


def books(tx: Connection) -> list[BookInfo]:
    """All versions, newest first."""
    rows = tx.execute(f"SELECT {_INFO} FROM ledger_price_books ORDER BY taken_at DESC, book_id")  # noqa: S608
    return [BookInfo(*row) for row in rows]


def uses(tx: Connection) -> list[BookUse]:
    """Which version was used from when on, newest first."""
    rows = tx.execute("SELECT book_id, used_from, author, reason FROM ledger_price_book_uses ORDER BY used_from DESC")
    return [BookUse(*row) for row in rows]

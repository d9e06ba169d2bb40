"""Renewing prices: take a book in, show what another one would change, use it, and price again by new lines.

Story: at first start the installed library's book is taken in. The company's own price file is followed at every start:
it is theirs, and it pins. A newer library or a published price file is only offered (``prices diff``) and used when a
person says so (``prices update``), with author and reason; entries keep the book that priced them until somebody asks
to price again, and then get new lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from jitsuri.calls.records import calls as call_rows
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.ledger.records import books as book_rows
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import repricing as repricing_rows
from jitsuri.ledger.records import rollups
from jitsuri.ledger.records.totals import span, totals
from jitsuri.ledger.rules.comparing import compare_books
from jitsuri.ledger.rules.pricing import EXACT, Pricer
from jitsuri.ledger.rules.repricing import RateOn, attempt_of, priced_again, repricing_lines, standings
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.pricing import BookInfo, BookUse, PriceBook, Priced, PriceDiff
from jitsuri.ledger.wire.compiling import book_from_file, book_from_library, installed_source
from jitsuri.ledger.wire.overriding import OwnPrices, overrides_from_toml, own_prices_of, with_own_prices
from jitsuri.ledger.wire.packing import packed, unpacked
from jitsuri.store.door import Connection, Store
from jitsuri.terms.errors import CallerError, OperatorError
from jitsuri.terms.period import Month, company_day, month_of

ITSELF = "jitsuri"
"""Author of what follows from a start or from the company's own file."""
FIRST_START, OWN_FILE_CHANGED = "first_start", "own_prices_changed"
"""Reasons of such uses; ``words`` holds ``price_use.<reason>``."""

BATCH_LINES = 2_000
"""Ledger lines that are priced again per transaction: about a tenth of a second of lock."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A book that could be used, and what it would change."""

    book: PriceBook
    diff: PriceDiff
    month: Month
    """The month whose use the yen are told for: the last complete one."""


@dataclass(frozen=True, slots=True)
class Repriced:
    """What pricing again did. Amounts are yen, as booked."""

    looked_at: int
    """Attempts that were priced again."""
    newly_priced: int
    """Attempts without yen before, with yen now."""
    changed: int
    """Attempts that had yen and cost something else now."""
    still_open: int
    """Attempts that still have no yen."""
    kept: int
    """Priced attempts that this book does not price: they stand as they are."""
    lines: int
    difference_jpy: Decimal


def ensure_book(store: Store, now: datetime, overrides_path: Path | None) -> PriceBook:
    """The book that prices new entries, taken in if there is none, with the company's own prices as their file says.

    Raises CallerError ``override_*`` for a broken file, OperatorError ``price_book_damaged``.
    """
    own = overrides_from_toml(overrides_path) if overrides_path is not None else OwnPrices()
    with store.reading() as tx:
        standing = _book_in_use(tx)
    if standing is not None and own_prices_of(standing) == own:
        return standing
    base = standing or book_from_library()
    with store.transaction() as tx:
        book_rows.lock(tx)
        latest = _book_in_use(tx)  # somebody else may have been quicker
        if latest is not None and own_prices_of(latest) == own:
            return latest
        book = with_own_prices(latest or base, own)
        _take_in(tx, book, now, ITSELF, OWN_FILE_CHANGED if latest else FIRST_START)
    return book


def book_in_use(tx: Connection) -> tuple[PriceBook, BookInfo, BookUse] | None:
    """The book that prices new entries, with when and why it was taken in; None before the first start."""
    use = book_rows.in_use(tx)
    if use is None:
        return None
    info, book = book_rows.info(tx, use.book_id), stored_book(tx, use.book_id)
    return (book, info, use) if book and info else None


def stored_book(tx: Connection, book_id: str) -> PriceBook | None:
    """A version of the book, as an entry names it; None for an unknown one."""
    content = book_rows.content(tx, book_id)
    return unpacked(content, book_id) if content is not None else None


def names_in_ledger(tx: Connection) -> list[tuple[str, str]]:
    """``(provider, model)`` of everything in the ledger, dearest first."""
    days = span(tx)
    if days is None:
        return []
    first, last = (month_of(day).first for day in days)
    found = totals(tx, "month", first, last, ("provider", "model"))
    return [(total.provider or "", total.model or "") for total in found if total.calls]


def is_newer_installed(book: PriceBook) -> bool:
    """Whether the installed library is another version than the one this book came from."""
    return book.source != installed_source()


def propose_update(
    store: Store, file: Path | None, now: datetime, overrides_path: Path | None, rate_on: RateOn
) -> Proposal:
    """What the prices of ``file`` (None: of the installed library) would change, on the use of the last complete month.

    Changes nothing. Raises CallerError ``price_file_*`` and ``override_*``.
    """
    old = ensure_book(store, now, overrides_path)
    raw = book_from_file(file) if file is not None else book_from_library()
    new = with_own_prices(raw, own_prices_of(old))
    today = company_day(now)
    month = month_of(today).previous
    with store.reading() as tx:
        mixes = repricing_rows.mixes(tx, month.first, month.last)
    return Proposal(new, compare_books(old, new, mixes, now, _rates(old, new, today, rate_on)), month)


def apply_update(store: Store, book: PriceBook, now: datetime, author: str, reason: str) -> BookInfo:
    """Price new entries by this book from now on. Entries that stand keep their price (see ``reprice``).

    Raises CallerError ``price_reason_missing``.
    """
    if not reason.strip():
        raise CallerError("price_reason_missing")
    with store.transaction() as tx:
        book_rows.lock(tx)
        return _take_in(tx, book, now, author, reason.strip())


def reprice(
    store: Store,
    now: datetime,
    book: PriceBook,
    author: str,
    reason: str,
    rate_on: RateOn,
    *,
    since: datetime | None = None,
    is_only_open: bool = False,
    on_batch: Callable[[Repriced], None] = lambda _: None,
) -> Repriced:
    """Price the attempts asked at or after ``since`` (None: all) again by this book; ``is_only_open``: only those
    without yen. What differs becomes new lines, with the rollups, batch by batch; doing it again adds nothing.

    Raises CallerError ``price_reason_missing``.
    """
    if not reason.strip():
        raise CallerError("price_reason_missing")
    pricer = Pricer(book)
    done = Repriced(0, 0, 0, 0, 0, 0, Decimal(0))
    with store.reading() as tx:
        batches = _open_attempts(tx, since) if is_only_open else entry_rows.attempts_since(tx, since, BATCH_LINES)
        for lines in batches:
            done = _reprice_batch(store, lines, pricer, rate_on, now, done, is_only_open=is_only_open)
            on_batch(done)
    facts = {
        "reason": reason.strip(), "since": since.isoformat() if since else "", "only_open": is_only_open,
        "looked_at": done.looked_at, "newly_priced": done.newly_priced, "changed": done.changed, "lines": done.lines,
        "difference_jpy": str(done.difference_jpy),
    }  # fmt: skip
    with store.transaction() as tx:
        book_rows.save(tx, _info(book, now), packed(book))
        evidence_rows.append(tx, record_of(now, author, "repriced", f"price_book:{book.book_id}", facts))
    return done


def _reprice_batch(
    store: Store,
    lines: Sequence[Entry],
    pricer: Pricer,
    rate_on: RateOn,
    now: datetime,
    done: Repriced,
    *,
    is_only_open: bool,
) -> Repriced:
    """Price one batch; only where something differs is the ledger locked, read again and written."""
    attempts = _by_attempt(lines)
    if is_only_open:
        attempts = {key: held for key, held in attempts.items() if _is_open(held)}
    outcomes = {key: priced_again(pricer, attempt_of(held)) for key, held in attempts.items()}
    booked: dict[UUID, list[Entry]] = {}

    def corrections(key: UUID, held: Sequence[Entry]) -> list[Entry]:
        return repricing_lines(held, outcomes[key], rate_on, now=now, book_id=pricer.book_id)

    touched = [key for key, held in attempts.items() if corrections(key, held)]
    if touched:
        with store.transaction() as tx:
            rollups.lock(tx)
            fresh = _by_attempt(entry_rows.of_calls(tx, [attempt_of(attempts[key]).call_id for key in touched]))
            booked = {key: corrections(key, fresh[key]) for key in touched}
            made = [line for lines in booked.values() for line in lines]
            entry_rows.insert_many(tx, made)
            call_rows.set_models(tx, [(line.call_id, line.provider, line.model) for line in made if line.calls > 0])
    for key, held in attempts.items():
        done = _counted(done, held, booked.get(key, []), is_priced=isinstance(outcomes[key], Priced))
    return done


def _counted(done: Repriced, held: Sequence[Entry], made: Sequence[Entry], *, is_priced: bool) -> Repriced:
    was_open, is_open = _is_open(held), _is_open([*held, *made])
    difference = done.difference_jpy
    for line in made:
        difference = EXACT.add(difference, line.cost_jpy or Decimal(0))
    return Repriced(
        done.looked_at + 1,
        done.newly_priced + (was_open and not is_open),
        done.changed + (bool(made) and not was_open),
        done.still_open + is_open,
        done.kept + (not was_open and not is_priced),
        done.lines + len(made),
        difference,
    )


def _is_open(lines: Sequence[Entry]) -> bool:
    return any(standing.line.state != "priced" for standing in standings(lines))


def _open_attempts(tx: Connection, since: datetime | None) -> Iterator[list[Entry]]:
    for call_ids in repricing_rows.calls_without_yen(tx, since, BATCH_LINES):
        yield entry_rows.of_calls(tx, call_ids)


def _by_attempt(lines: Sequence[Entry]) -> dict[UUID, list[Entry]]:
    found: dict[UUID, list[Entry]] = {}
    for line in lines:
        found.setdefault(line.attempt_id, []).append(line)
    return found


def _book_in_use(tx: Connection) -> PriceBook | None:
    use = book_rows.in_use(tx)
    if use is None:
        return None
    book = stored_book(tx, use.book_id)
    if book is None:
        raise OperatorError("price_book_damaged", book_id=use.book_id, why="no content")
    return book


def _take_in(tx: Connection, book: PriceBook, now: datetime, author: str, reason: str) -> BookInfo:
    info = _info(book, now)
    book_rows.save(tx, info, packed(book))
    standing = book_rows.in_use(tx)
    # the clock may have been set back: a new use still comes after the one before
    from_when = now if standing is None else max(now, standing.used_from + timedelta(microseconds=1))
    book_rows.use(tx, BookUse(book.book_id, from_when, author, reason))
    facts = {"reason": reason, "source": book.source, "models": info.models, "own_rows": len(book.overrides)}
    evidence_rows.append(tx, record_of(now, author, "price_book_used", f"price_book:{book.book_id}", facts))
    return info


def _info(book: PriceBook, now: datetime) -> BookInfo:
    return BookInfo(book.book_id, book.source, now, book.published_on, book.models)


def _rates(old: PriceBook, new: PriceBook, today: date, rate_on: RateOn) -> Mapping[str, Decimal]:
    """Yen per unit of every currency in the two books, where a rate is known."""
    currencies = {s.currency for book in (old, new) for v in book.vendors for s in v.sheets}
    currencies |= {row.block.currency for book in (old, new) for row in book.overrides}
    found = {currency: rate_on(currency, today) for currency in currencies - {"JPY"}}
    return {currency: rate.rate for currency, rate in found.items() if rate is not None}

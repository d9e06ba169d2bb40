"""A price book as bytes: canonical JSON, compressed; the book's id is the digest of that JSON.

The digest is taken over the bytes that are stored, so that a book read back years later is proved to be what it was,
whatever the shapes have become by then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from hashlib import sha256

import msgspec

from jitsuri.ledger.shapes.pricing import Factor, Override, PriceBook, Retirement, Vendor
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.zstd import ZstdError, compress, decompress

FORMAT = 1
"""Version of the stored form."""
LEVEL = 10
"""zstd: 12 ms and 1/17 of the size on the library's book; higher levels gain a few per cent (bench/pricing.py)."""


@dataclass(frozen=True, slots=True)
class _Content:
    format: int
    source: str
    published_on: date | None
    vendors: tuple[Vendor, ...]
    overrides: tuple[Override, ...] = ()
    factors: tuple[Factor, ...] = ()
    retirements: tuple[Retirement, ...] | msgspec.UnsetType = msgspec.UNSET
    """Written only where there are any, so that a book without them keeps the id it had before they were known."""


@dataclass(frozen=True, slots=True)
class _Outer:
    """The same with each vendor as it stands."""

    format: int
    source: str
    published_on: date | None
    vendors: tuple[msgspec.Raw, ...]
    overrides: tuple[Override, ...] = ()
    factors: tuple[Factor, ...] = ()
    retirements: tuple[Retirement, ...] = ()


_DECODER = msgspec.json.Decoder(_Outer)
_VENDOR = msgspec.json.Decoder(Vendor)


def sealed(book: PriceBook) -> PriceBook:
    """The book with the id that its content has."""
    return replace(book, book_id=_id(to_json(book)))


def to_json(book: PriceBook) -> bytes:
    """The book's content, without its id: the same book gives the same bytes."""
    retirements = book.retirements or msgspec.UNSET
    return msgspec.json.encode(
        _Content(FORMAT, book.source, book.published_on, book.vendors, book.overrides, book.factors, retirements)
    )


def from_json(content: bytes) -> PriceBook:
    """The book of such bytes. Raises OperatorError ``price_book_damaged`` for anything else.

    Vendor by vendor: no other thread gets a turn within one decoding, and a whole book takes 15 ms.
    """
    try:
        read = _DECODER.decode(content)
        vendors = tuple([_VENDOR.decode(vendor) for vendor in read.vendors])
    except msgspec.DecodeError as error:
        raise OperatorError("price_book_damaged", book_id=_id(content), why=str(error)) from error
    return PriceBook(
        _id(content), read.source, read.published_on, vendors, read.overrides, read.factors, read.retirements
    )


def packed(book: PriceBook) -> bytes:
    """What ``ledger_price_books.content`` holds."""
    return compress(to_json(book), level=LEVEL)


@lru_cache(maxsize=2)
def unpacked(content: bytes, book_id: str) -> PriceBook:
    """The stored book of this id. Raises OperatorError ``price_book_damaged`` where the bytes are not that book.

    The last two are remembered: every page reads the book in use, and reading one takes 20 ms.
    """
    try:
        book = from_json(decompress(content))
    except ZstdError as error:
        raise OperatorError("price_book_damaged", book_id=book_id, why=str(error)) from error
    if book.book_id != book_id:
        raise OperatorError("price_book_damaged", book_id=book_id, why=f"the content is {book.book_id}")
    return book


def _id(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]

"""What a price book is: dated blocks of unit prices per model, as plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Literal

PriceState = Literal["priced", "unpriced", "unconverted"]
"""``priced``: yen known. ``unpriced``: no price for the model. ``unconverted``: priced, no exchange rate."""


@dataclass(frozen=True, slots=True)
class Step:
    """From more than ``above_tokens`` input tokens on, *all* units of the request cost ``price``: a cliff."""

    above_tokens: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price of one kind of unit.

    ``kind`` is a count of ``terms.usage.Usage`` (``input_tokens``, ``cache_read_tokens``, …);
    ``price`` buys ``per`` units, in the block's currency.
    """

    kind: str
    price: Decimal
    per: int
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Unit prices that hold together under one condition.

    ``starts_on`` is a UTC date (inclusive). ``from_time``/``until_time`` bound a UTC time of day (the end
    excluded; an end before its start wraps over midnight); ``weekdays`` (0 = Monday, UTC) limit the days, empty means
    every day. ``tier`` is the *response's* service tier; '' is standard. ``name`` is what a reader sees: which price.
    """

    name: str
    units: tuple[UnitPrice, ...]
    starts_on: date | None = None
    from_time: time | None = None
    until_time: time | None = None
    weekdays: tuple[int, ...] = ()
    tier: str = ""


@dataclass(frozen=True, slots=True)
class ModelSheet:
    """All prices of one model at one provider. Of the standard blocks that hold at an instant the last wins;
    blocks of the call's tier then override, kind by kind."""

    provider: str
    model: str
    currency: str
    blocks: tuple[Block, ...]
    source: str
    """Where the prices were read: ``genai-prices 0.2.3``, ``override``, …"""
    name: str = ""
    note: str = ""
    context_window: int | None = None
    is_deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Priced:
    """The cost of one attempt in the price's own currency: exact, unrounded."""

    cost: Decimal
    currency: str
    provider: str
    model: str
    block: str
    """The name of the block that priced it."""
    lines: tuple[tuple[str, int, Decimal, int, Decimal], ...]
    """One per priced kind with units: ``(kind, units, price, per, cost)``; the costs add up to ``cost``."""


@dataclass(frozen=True, slots=True)
class Unpriced:
    """No price was found; ``code`` is ``price_missing_model``, ``price_missing_kind`` or ``usage_invalid``."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A dated change of one unit price: past (what was) or future (what is announced)."""

    provider: str
    model: str
    kind: str
    on: date
    before: Decimal | None
    after: Decimal
    per: int
    currency: str
    tier: str = ""


@dataclass(frozen=True, slots=True)
class BookInfo:
    """A version of the price book, as it was taken in."""

    book_id: str
    """Content hash of the book with its overrides, sixteen hex digits: the version an entry names."""
    source: str
    taken_at: datetime
    published_on: date | None
    models: int

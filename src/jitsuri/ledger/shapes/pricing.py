"""What a price book is: dated blocks of unit prices per model, as plain frozen values.

A book comes from outside (``genai-prices``: its package or its published file), plus the company's own rows
(overrides and factors). It is stored as it was taken in and never changed; a new price is a new book.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Literal, NamedTuple

from jitsuri.terms.usage import Usage

PriceState = Literal["priced", "unpriced", "unconverted"]
"""``priced``: yen known. ``unpriced``: no price for the model. ``unconverted``: priced, no exchange rate."""

REQUESTS = "requests"
"""The kind of unit that every attempt with any usage has exactly once; all other kinds are counts of ``Usage``."""


@dataclass(frozen=True, slots=True)
class Step:
    """From more than ``above_tokens`` input tokens on, *all* units of the request cost ``price``: a cliff."""

    above_tokens: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price of one kind of unit.

    ``kind`` is a count of ``terms.usage.Usage`` (``input_tokens``, ``cache_read_tokens``, …) or ``requests``;
    ``price`` buys ``per`` units (a power of ten, so that a cost is always exact), in the block's currency.
    """

    kind: str
    price: Decimal
    per: int
    steps: tuple[Step, ...] = ()
    """Ascending by ``above_tokens``."""


@dataclass(frozen=True, slots=True)
class Block:
    """Unit prices that hold together under one condition.

    ``starts_on`` (included) and ``ends_on`` (included) are days in ``zone``. ``from_time``/``until_time`` bound a time
    of day in ``zone`` (the end excluded; an end before its start wraps over midnight); ``weekdays`` (0 = Monday, in
    ``zone``) limit the days, empty means every day. ``tier`` is the *response's* service tier; '' is standard.
    ``name`` is what a reader sees: which price.
    """

    name: str
    units: tuple[UnitPrice, ...]
    starts_on: date | None = None
    ends_on: date | None = None
    from_time: time | None = None
    until_time: time | None = None
    weekdays: tuple[int, ...] = ()
    zone: str = "UTC"
    tier: str = ""
    currency: str = ""
    """'' is the sheet's currency."""
    is_partial: bool = False
    """A standard block that changes only the kinds it names; any other standard block stands for the whole price."""
    is_override: bool = False
    """The company's own row: a contract or an own machine. Factors never apply to it."""


ClauseOp = Literal["equals", "starts_with", "ends_with", "contains", "regex", "or", "and"]


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition on a lower-cased name: ``text`` for the first five operations, ``parts`` for ``or`` and ``and``."""

    op: ClauseOp
    text: str = ""
    parts: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class Factor:
    """A share of the listed price, such as a regional uplift (1.1) or a contract's discount (0.92).

    It multiplies token prices of the book, never the company's own rows, tool fees or request fees. ``model`` and
    ``region`` may end in ``*``; '' for ``region`` is any region. Of factors that name the same provider, model,
    region and tier the one that starts last holds; different ones multiply. Days are inclusive, in ``zone``.
    """

    provider: str
    model: str
    factor: Decimal
    source: str
    region: str = ""
    tier: str = ""
    """'' is any tier."""
    starts_on: date | None = None
    ends_on: date | None = None
    zone: str = "UTC"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Override:
    """The company's own price of one model (``model`` may end in ``*``) at one provider (``*``: at any)."""

    provider: str
    model: str
    block: Block
    source: str
    """Where the price stands: a contract with its date, a calculation for an own machine."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Retirement:
    """The company's own note that a provider ends a model (``model`` may end in ``*``; provider ``*``: at any).

    It ends no price: what is still answered is still billed, and booked.
    """

    provider: str
    model: str
    source: str
    """Where the provider says so: its page of deprecations with the day it was read."""
    on: date | None = None
    """The first day without answers; None where it is only deprecated (廃止予定) so far."""
    successor: str = ""
    """The model that the provider names in its place, as ``provider/model`` or a name; '' where none is named."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelSheet:
    """All prices of one model at one provider.

    Of the whole standard blocks that hold at an instant the last wins; partial blocks and blocks of the call's tier
    that come after it then change it kind by kind. A kind without a price costs what the kind it is part of costs.
    """

    provider: str
    model: str
    currency: str
    blocks: tuple[Block, ...]
    source: str
    """Where the prices were read: ``genai-prices``, or the source of the company's own row."""
    match: Clause | None = None
    """Which names mean this model; None for a sheet that only the company's own rows made."""
    name: str = ""
    note: str = ""
    context_window: int | None = None
    is_deprecated: bool = False
    uncounted: tuple[str, ...] = ()
    """Prices of the book for units that ``Usage`` does not count (seconds of audio, pages, stored-file searches, …):
    a call that uses them costs more than its tokens say."""
    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider of the book: which names mean it, whose models it also offers, and its models in order of match."""

    provider: str
    name: str
    names: Clause | None
    """Other names of the provider."""
    models: Clause | None
    """Model names that point to this provider where none is given."""
    fallbacks: tuple[str, ...]
    sheets: tuple[ModelSheet, ...]
    urls: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """All prices at one moment of taking in: the book from outside and the company's own rows."""

    book_id: str
    """Content hash with overrides, sixteen hex digits: the version an entry names."""
    source: str
    """``genai-prices 0.2.3``, or ``file <name>``."""
    published_on: date | None
    """The newest day on which the book says that a price was verified: it cannot be older."""
    vendors: tuple[Vendor, ...]
    overrides: tuple[Override, ...] = ()
    factors: tuple[Factor, ...] = ()
    retirements: tuple[Retirement, ...] = ()

    @property
    def models(self) -> int:
        return sum(len(vendor.sheets) for vendor in self.vendors)


class Priced(NamedTuple):
    """The cost of one attempt in the price's own currency: exact, unrounded."""

    cost: Decimal
    currency: str
    provider: str
    model: str
    block: str
    """The name of the block that priced it."""
    lines: tuple[tuple[str, int, Decimal, int, Decimal], ...]
    """One per priced kind with units: ``(kind, units, price, per, cost)``; the costs add up to ``cost``."""
    note: str = ""
    """'' or what a reader must know (``words``: ``price_note.<code>``): ``tier_missing`` (the tier has no price of its
    own here, priced as standard), ``tier_not_yet`` (it has one, from a later day on; priced as standard),
    ``cached_image_unknown`` (images and cached tokens may overlap; images were priced as uncached)."""


@dataclass(frozen=True, slots=True)
class Unpriced:
    """No price was found (``words``: ``unpriced.<code>``).

    ``price_missing_model``: the book does not know the model. ``price_missing_date``: its prices start later or have
    ended. ``price_missing_kind``: a kind that was used has no price (facts: ``kind``). ``usage_invalid``: the counts
    contradict each other (facts: ``fault``, ``kind``, ``value``).
    """

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One unit price as it holds at an instant, for a reader. ``window`` is '' or the hours in which it holds."""

    provider: str
    model: str
    tier: str
    window: str
    kind: str
    price: Decimal
    per: int
    steps: tuple[Step, ...]
    currency: str
    block: str
    is_override: bool


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A dated change of one unit price: past (what was) or future (what is announced).

    ``before`` None: no price was known before. ``above_tokens`` names the cliff; 0 is the base.
    """

    provider: str
    model: str
    kind: str
    on: date
    before: Decimal | None
    after: Decimal
    per: int
    currency: str
    tier: str = ""
    above_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Mix:
    """What a group of attempts used together: the sums of their counts."""

    provider: str
    model: str
    tier: str
    region: str
    calls: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class MixPrice:
    """What a mix would cost at one model, estimated on the average call."""

    provider: str
    model: str
    cost: Decimal
    currency: str
    cost_jpy: Decimal


@dataclass(frozen=True, slots=True)
class MixEffect:
    """What one mix costs under two books, in yen, unrounded; None where it has no price or no rate there."""

    provider: str
    model: str
    tier: str
    calls: int
    before_jpy: Decimal | None
    after_jpy: Decimal | None


@dataclass(frozen=True, slots=True)
class PriceDiff:
    """What another book would change."""

    old_id: str
    new_id: str
    source: str
    """The new book's source."""
    published_on: date | None
    added: tuple[tuple[str, str], ...]
    """``(provider, model)`` that only the new book has."""
    removed: tuple[tuple[str, str], ...]
    changed: tuple[PriceChange, ...]
    """Unit prices that differ at the day of comparison (``before`` in the old book, ``after`` in the new one)."""
    announced: tuple[PriceChange, ...]
    """Future changes that only the new book knows."""
    revised: tuple[tuple[str, str], ...]
    """Models whose past prices differ and today's do not: only pricing again would show it."""
    effects: tuple[MixEffect, ...]
    """Mixes whose cost differs, largest difference first."""
    before_jpy: Decimal
    """All mixes that have a price in both books, under the old one."""
    after_jpy: Decimal

    @property
    def is_empty(self) -> bool:
        """Whether prices are the same in both books."""
        return not (self.added or self.removed or self.changed or self.announced or self.revised)


@dataclass(frozen=True, slots=True)
class BookInfo:
    """A version of the price book, as it was taken in."""

    book_id: str
    """Content hash of the book with its overrides, sixteen hex digits: the version an entry names."""
    source: str
    taken_at: datetime
    published_on: date | None
    models: int


@dataclass(frozen=True, slots=True)
class BookUse:
    """From when on a book prices new entries, by whom and why."""

    book_id: str
    used_from: datetime
    author: str
    reason: str

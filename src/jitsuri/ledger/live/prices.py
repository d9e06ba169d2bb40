"""Prices and rates in memory, replaced whole when the book or a rate changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from msgspec.structs import replace

from jitsuri.ledger.rules.converting import Rates
from jitsuri.ledger.rules.costing import Costed, Quote
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.usage import Usage

MICRO = Decimal(1_000_000)
PICO = 1_000_000
"""Steps of a rate per token within a millionth of a yen."""
_MANY = 1_000_000
MOST_RATES = 5_000
"""Rates remembered: models × steps of length × days (decision 0020)."""
MOST_QUOTES = 5_000
"""Quotes remembered: models × tiers × days; as many as rates."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Worst:
    """Rates per token for a worst case, good from ``since`` until (not at) ``until``."""

    since: datetime
    until: datetime
    given: int
    """Millionths of millionths of a yen per token in, rounded up; ``made`` per token out."""
    made: int
    fixed: int
    """Millionths of a yen per request."""
    refusal: Refusal | None = None


class _Known:
    """One book and the rates beside it, with what was found in both; never changed, but put aside as a whole."""

    __slots__ = ("pricer", "quotes", "rates", "worst")

    def __init__(self, pricer: Pricer, rates: Rates) -> None:
        self.pricer, self.rates = pricer, rates
        self.quotes: dict[tuple[str, tuple[str, ...], str, str, date], Quote] = {}
        self.worst: dict[tuple[str, str, str, str, date, int, bool], _Worst] = {}

    def quote(self, provider: str, names: tuple[str, ...], at: datetime, day: date, tier: str, region: str) -> Quote:
        """What holds at this instant, in place of what was found for another one."""
        key = (provider, names, tier, region, day)
        in_force = self.pricer.in_force(provider, names, at, tier, region)
        held = self.quotes.get(key)
        if held is not None and held.in_force.plan is in_force.plan:
            return held  # hours and weekdays matter to it, and none has come or gone
        quote = Quote(in_force, self.rates, provider, names, day)
        if len(self.quotes) >= MOST_QUOTES:
            self.quotes.clear()
        self.quotes[key] = quote
        return quote


class Prices:
    """Prices attempts and worst cases with what holds now."""

    def __init__(self) -> None:
        self._known: _Known | None = None
        self.is_ready = False
        self.book_id = ""

    def replace(self, pricer: Pricer, rates: Rates) -> None:
        """Put a new book and new rates in place. May be called from another thread than the others."""
        self._known = _Known(pricer, rates)
        self.book_id = pricer.book_id
        self.is_ready = True

    def cost(
        self, provider: str, names: Sequence[str], usage: Usage, at: datetime, day: date, tier: str, region: str
    ) -> Costed:
        """What an attempt cost."""
        known = self._known
        assert known is not None, "prices are read before the first call"
        names = tuple(names)
        quote = known.quotes.get((provider, names, tier, region, day))
        if quote is None or not quote.since <= at < quote.until:
            quote = known.quote(provider, names, at, day, tier, region)
        return quote.costed(usage)

    def worst_micro_jpy(
        self, provider: str, model: str, usage: Usage, at: datetime, day: date, tier: str, region: str
    ) -> int | Refusal:
        """The most that an attempt with at most this usage can cost, in millionths of a yen, rounded up.

        By rates per token that hold for inputs up to the next power of two, with prices that rise from some length on
        those of the longer input, and for as long as the prices do; for a minute where they go by the hour. Refuses
        ``unpriced_under_budget`` and ``unconverted_under_budget``: what has no yen cannot be bounded.
        """
        known = self._known
        assert known is not None, "prices are read before the first call"
        given = usage.input_tokens
        key = (provider, model, tier, region, day, (given - 1).bit_length(), usage.cache_write_tokens > 0)
        found = known.worst.get(key)
        if found is None or not found.since <= at < found.until:
            found = _worst_of(known, key, at)
            if len(known.worst) >= MOST_RATES:
                known.worst.clear()
            known.worst[key] = found
        if found.refusal is not None:
            return found.refusal
        return found.fixed - (-(found.given * given + found.made * usage.output_tokens) // PICO)


def _worst_of(known: _Known, key: tuple[str, str, str, str, date, int, bool], at: datetime) -> _Worst:
    """The rates of the longest input of this step, all of it written to a cache where any may be."""
    provider, model, tier, region, day, step, writes_cache = key
    quote = known.quote(provider, (model,), at, day, tier, region)
    since, until = quote.since, quote.until
    if quote.in_force.has_windows:
        since = at.replace(second=0, microsecond=0)
        until = since + _MINUTE
    given = 1 << step
    written = given if writes_cache else 0
    most_in = Usage(input_tokens=given, cache_write_tokens=written, cache_write_1h_tokens=written)
    both = quote.costed(replace(most_in, output_tokens=_MANY))
    only_in = quote.costed(most_in)
    for paid in (both, only_in):
        if paid.cost_jpy is None:
            code = "unconverted_under_budget" if paid.state == "unconverted" else "unpriced_under_budget"
            refusal = Refusal(code, {"model": model, "provider": provider, "currency": paid.currency})
            return _Worst(since, until, 0, 0, 0, refusal)
    assert both.cost_jpy is not None
    assert only_in.cost_jpy is not None
    fee = _fee(quote)
    yen_in = only_in.cost_jpy - fee
    per_input = -(-int((yen_in * MICRO).to_integral_value(ROUND_CEILING)) * PICO // given)
    per_output = -(-int(((both.cost_jpy - only_in.cost_jpy) * MICRO).to_integral_value(ROUND_CEILING)) * PICO // _MANY)
    lost = 1 + (int(fee * MICRO) + _LOST_BY_FEE if fee else 0)  # one for what each of the two roundings may have lost
    return _Worst(since, until, per_input, per_output, lost)


def _fee(quote: Quote) -> Decimal:
    """What a request costs beside its tokens: what one token costs more than half of two."""
    one, two = quote.costed(Usage(input_tokens=1)).cost_jpy, quote.costed(Usage(input_tokens=2)).cost_jpy
    fee = _ZERO if one is None or two is None else 2 * one - two
    return fee if fee > _LOST_BY_FEE / MICRO else _ZERO


_ZERO = Decimal(0)
_LOST_BY_FEE = 2
"""Millionths: three amounts, each rounded to the next one, are that far from the fee at most."""


def to_micro_jpy(amount: Decimal | None) -> int:
    """A ledger amount in millionths of a yen; 0 for none."""
    return 0 if amount is None else int(amount * MICRO)

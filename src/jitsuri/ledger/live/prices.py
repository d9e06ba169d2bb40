"""Prices and rates in memory, replaced whole when the book or a rate changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal

from jitsuri.ledger.rules.converting import Rates
from jitsuri.ledger.rules.costing import Costed, costed
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.usage import Usage

MICRO = Decimal(1_000_000)
PICO = 1_000_000
"""Steps of a rate per token within a millionth of a yen."""
_MANY = 1_000_000
MOST_RATES = 5_000
"""Rates remembered: models × steps of length × minutes (decision 0020)."""


class Prices:
    """Prices attempts and worst cases with what holds now."""

    def __init__(self) -> None:
        self._pricer: Pricer | None = None
        self._rates: Rates | None = None
        self._worst: dict[tuple[str, str, str, str, int, bool, int], tuple[int, int, int] | Refusal] = {}

    def replace(self, pricer: Pricer, rates: Rates) -> None:
        """Put a new book and new rates in place. May be called from another thread than the others."""
        self._pricer, self._rates, self._worst = pricer, rates, {}

    @property
    def is_ready(self) -> bool:
        return self._pricer is not None

    @property
    def book_id(self) -> str:
        return self._pricer.book_id if self._pricer is not None else ""

    def cost(
        self, provider: str, names: Sequence[str], usage: Usage, at: datetime, day: date, tier: str, region: str
    ) -> Costed:
        """What an attempt cost."""
        assert self._pricer is not None, "prices are read before the first call"
        assert self._rates is not None
        return costed(self._pricer, self._rates, provider, names, usage, at, day, tier, region)

    def worst_micro_jpy(
        self, provider: str, model: str, usage: Usage, at: datetime, day: date, tier: str, region: str
    ) -> int | Refusal:
        """The most that an attempt with at most this usage can cost, in millionths of a yen, rounded up.

        By rates per token that hold for a minute and for inputs up to the next power of two: with prices that rise from
        some length on, those of the longer input. Refuses ``unpriced_under_budget`` and ``unconverted_under_budget``:
        what has no yen cannot be bounded.
        """
        step = (usage.input_tokens - 1).bit_length()
        key = (provider, model, tier, region, step, usage.cache_write_tokens > 0, int(at.timestamp()) // 60)
        found = self._worst.get(key)
        if found is None:
            found = self._rates_per_token(provider, model, usage, 1 << step, at, day, tier, region)
            if len(self._worst) >= MOST_RATES:
                self._worst.clear()
            self._worst[key] = found
        if isinstance(found, Refusal):
            return found
        given, made, fixed = found
        return fixed - (-(given * usage.input_tokens + made * usage.output_tokens) // PICO)

    def _rates_per_token(
        self, provider: str, model: str, usage: Usage, given: int, at: datetime, day: date, tier: str, region: str
    ) -> tuple[int, int, int] | Refusal:
        """Millionths of millionths of a yen per token in and per token out, rounded up, and millionths per request."""
        written = given if usage.cache_write_tokens else 0

        def yen(input_tokens: int, cached: int, output_tokens: int) -> Decimal | Refusal:
            worst = Usage(
                input_tokens=input_tokens, output_tokens=output_tokens, cache_write_tokens=cached,
                cache_write_1h_tokens=cached,
            )  # fmt: skip
            paid = self.cost(provider, (model,), worst, at, day, tier, region)
            if paid.cost_jpy is None:
                code = "unconverted_under_budget" if paid.state == "unconverted" else "unpriced_under_budget"
                return Refusal(code, {"model": model, "provider": provider, "currency": paid.currency})
            return paid.cost_jpy

        both, only_in = yen(given, written, _MANY), yen(given, written, 0)
        if isinstance(both, Refusal):
            return both
        if isinstance(only_in, Refusal):
            return only_in
        per_input = -(-int((only_in * MICRO).to_integral_value(ROUND_CEILING)) * PICO // given)
        per_output = -(-int(((both - only_in) * MICRO).to_integral_value(ROUND_CEILING)) * PICO // _MANY)
        return per_input, per_output, 1  # one for what each of the two roundings may have lost


def to_micro_jpy(amount: Decimal | None) -> int:
    """A ledger amount in millionths of a yen; 0 for none."""
    return 0 if amount is None else int(amount * MICRO)

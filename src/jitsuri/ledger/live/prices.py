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


class Prices:
    """Prices attempts and worst cases with what holds now."""

    def __init__(self) -> None:
        self._pricer: Pricer | None = None
        self._rates: Rates | None = None

    def replace(self, pricer: Pricer, rates: Rates) -> None:
        """Put a new book and new rates in place. May be called from another thread than the others."""
        self._pricer, self._rates = pricer, rates

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

        Refuses ``unpriced_under_budget`` and ``unconverted_under_budget``: what has no yen cannot be bounded.
        """
        paid = self.cost(provider, (model,), usage, at, day, tier, region)
        if paid.cost_jpy is None:
            code = "unconverted_under_budget" if paid.state == "unconverted" else "unpriced_under_budget"
            return Refusal(code, {"model": model, "provider": provider, "currency": paid.currency})
        return int((paid.cost_jpy * MICRO).to_integral_value(ROUND_CEILING))


def to_micro_jpy(amount: Decimal | None) -> int:
    """A ledger amount in millionths of a yen; 0 for none."""
    return 0 if amount is None else int(amount * MICRO)

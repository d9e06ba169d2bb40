"""What an attempt cost, as its entry says it: priced by the book, in yen by the day's rate, or why not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from jitsuri.ledger.rules.converting import YEN, Rates, convert
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.shapes.pricing import Priced, PriceState
from jitsuri.terms.usage import Usage


class Costed(NamedTuple):
    """The part of an entry that follows from prices and rates; the names are those of ``Entry``."""

    state: PriceState
    reason: str
    provider: str
    model: str
    currency: str
    cost: Decimal | None
    price_block: str
    rate_id: UUID | None
    rate: Decimal | None
    cost_jpy: Decimal | None


def costed(
    pricer: Pricer,
    rates: Rates,
    provider: str,
    names: Sequence[str],
    usage: Usage,
    at: datetime,
    day: date,
    tier: str = "",
    region: str = "",
) -> Costed:
    """Price one attempt at its own time and convert at its own day's rate.

    ``names`` are the model's, the most telling first (answered, then asked).
    """
    outcome = pricer.price_named(provider, names, usage, at, tier, region)
    if not isinstance(outcome, Priced):
        model = next(filter(None, names), "")
        return Costed("unpriced", outcome.code, provider, model, "", None, "", None, None, None)
    provider, model, currency, cost = outcome.provider, outcome.model, outcome.currency, outcome.cost
    found = rates.on(currency, day)
    if found is None and currency != YEN:
        return Costed("unconverted", "rate_missing", provider, model, currency, cost, outcome.block, None, None, None)
    rate_id, rate = (found.rate_id, found.rate) if found is not None else (None, None)
    yen = convert(cost, currency, found)
    return Costed("priced", outcome.note, provider, model, currency, cost, outcome.block, rate_id, rate, yen)

"""What an attempt cost, as its entry says it: priced by the book, in yen by the day's rate, or why not."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import NamedTuple
from uuid import UUID

from jitsuri.ledger.rules.converting import YEN, Rates, convert
from jitsuri.ledger.rules.pricing import EXACT, InForce, PlainUnits, Pricer, priced_by
from jitsuri.ledger.shapes.pricing import Priced, PriceState, Unpriced
from jitsuri.ledger.shapes.rates import Rate
from jitsuri.terms.money import to_ledger_jpy, to_ledger_jpy_at
from jitsuri.terms.usage import Usage

_ZERO = Decimal(0)
_add_product = EXACT.fma


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


_costed = partial(tuple.__new__, Costed)
"""``Costed`` of ten values in their order, without the call that a named tuple's own ``__new__`` is."""


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

    ``names`` are the model's, the most telling first (answered, then asked). For many attempts of one model and day a
    ``Quote`` is faster and says the same.
    """
    outcome = pricer.price_named(provider, names, usage, at, tier, region)
    found = rates.on(outcome.currency, day) if isinstance(outcome, Priced) else None
    return _in_yen(outcome, provider, names, found)


def _in_yen(outcome: Priced | Unpriced, provider: str, names: Sequence[str], found: Rate | None) -> Costed:
    if not isinstance(outcome, Priced):
        model = next(filter(None, names), "")
        return Costed("unpriced", outcome.code, provider, model, "", None, "", None, None, None)
    provider, model, currency, cost = outcome.provider, outcome.model, outcome.currency, outcome.cost
    if found is None and currency != YEN:
        return Costed("unconverted", "rate_missing", provider, model, currency, cost, outcome.block, None, None, None)
    rate_id, rate = (found.rate_id, found.rate) if found is not None else (None, None)
    yen = convert(cost, currency, found)
    return Costed("priced", outcome.note, provider, model, currency, cost, outcome.block, rate_id, rate, yen)


class Quote:
    """What attempts at one model cost on one day, as ``costed`` says, with what is the same for all found once.

    Good for instants from ``since`` until (not at) ``until``. Most attempts used plain tokens only (input, output, cached
    ones, thoughts): these are charged here, without the lines of a bill.
    """

    __slots__ = (
        "_asked", "_block", "_currency", "_found", "_model", "_names", "_note", "_plain", "_provider", "_rate", "_rate_id", "_state",
        "_thresholds", "_times", "in_force", "since", "until",
    )  # fmt: skip

    def __init__(self, in_force: InForce, rates: Rates, provider: str, names: Sequence[str], day: date) -> None:
        self.in_force, self.since, self.until = in_force, in_force.since, in_force.until
        self._asked, self._names = provider, names
        self._plain: tuple[PlainUnits, ...] = ()
        self._found: Rate | None = None
        plan = in_force.plan
        if isinstance(plan, Unpriced):
            return
        self._found = found = rates.on(plan.currency, day)
        self._plain, self._thresholds = plan.plain, plan.thresholds
        self._provider, self._model, self._currency, self._block = plan.provider, plan.model, plan.currency, plan.block
        self._rate_id: UUID | None = None if found is None else found.rate_id
        self._rate: Decimal | None = None if found is None else found.rate
        self._times = None if plan.currency == YEN else self._rate
        is_converted = found is not None or plan.currency == YEN
        self._state: PriceState = "priced" if is_converted else "unconverted"
        self._note = plan.note if is_converted else "rate_missing"

    def costed(self, usage: Usage) -> Costed:
        """What an attempt with this usage cost."""
        given, read, wrote = usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens
        made, thought = usage.output_tokens, usage.reasoning_tokens
        if (
            not self._plain
            or read < 0
            or wrote < 0
            or not 0 <= thought <= made
            or read + wrote > given
            or usage.cache_write_1h_tokens
            or usage.input_audio_tokens
            or usage.output_audio_tokens
            or usage.cache_audio_read_tokens
            or usage.input_image_tokens
            or usage.output_image_tokens
            or usage.web_searches
        ):
            return self._any_costed(usage)
        per_given, per_made, per_read, per_wrote, per_thought, per_request = self._plain[
            bisect_left(self._thresholds, given) if self._thresholds else 0
        ]
        cost = _ZERO
        if per_request is not None and (given or made):
            cost = _add_product(per_request, 1, cost)
        if read and per_read is not None:
            given -= read
            cost = _add_product(per_read, read, cost)
        if wrote and per_wrote is not None:
            given -= wrote
            cost = _add_product(per_wrote, wrote, cost)
        if thought and per_thought is not None:
            made -= thought
            cost = _add_product(per_thought, thought, cost)
        if given:
            cost = _add_product(per_given, given, cost)
        if made:
            cost = _add_product(per_made, made, cost)
        if self._times is not None:
            yen: Decimal | None = to_ledger_jpy_at(cost, self._times)
        else:
            yen = to_ledger_jpy(cost) if self._state == "priced" else None
        return _costed((
            self._state, self._note, self._provider, self._model, self._currency, cost, self._block, self._rate_id,
            self._rate, yen,
        ))  # fmt: skip

    def _any_costed(self, usage: Usage) -> Costed:
        """The general way: any kind of unit, any contradiction."""
        plan = self.in_force.plan
        outcome = plan if isinstance(plan, Unpriced) else priced_by(plan, usage)
        return _in_yen(outcome, self._asked, self._names, self._found)

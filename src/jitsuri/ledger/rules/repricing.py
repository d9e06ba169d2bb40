"""Repricing: the lines that correct an attempt's price. Nothing is changed; every total stays a plain sum of lines.

An attempt that was priced and costs something else now gets one line with the difference. An attempt whose state,
currency or model name changes gets two: one that takes the old standing back (calls −1, counts negative), one that
puts the new one in its place. Both have the kind ``repriced``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from jitsuri.ledger.rules.pricing import EXACT, Pricer
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.pricing import Priced, PriceState, Unpriced
from jitsuri.ledger.shapes.rates import Rate
from jitsuri.terms.ids import derived_id
from jitsuri.terms.money import exact_product, to_ledger_jpy
from jitsuri.terms.usage import USAGE_KINDS, Usage

RateOn = Callable[[str, date], Rate | None]
"""The rate of a currency on a day; None where no row says it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one attempt stands now: the sum of its lines in one task, department, state, model and currency."""

    line: Entry
    """The last of those lines, and of several rates the one that holds."""
    calls: int
    cost: Decimal | None
    cost_jpy: Decimal | None


def attempt_of(lines: Iterable[Entry]) -> Entry:
    """The line that says what an attempt used: its first, or the true one that came after an estimate.

    ``lines`` are all lines of the attempt, as they were booked. Raises StopIteration where none of them is one.
    """
    return next(line for line in reversed(list(lines)) if line.kind == "attempt")


def standings(lines: Iterable[Entry]) -> tuple[Standing, ...]:
    """Where an attempt stands, from all its lines as they were booked; what has been moved or taken back is gone."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for line in lines:
        place = (line.task, line.department, line.purpose, line.tier)
        groups.setdefault((*place, line.state, line.provider, line.model, line.currency), []).append(line)
    found = [_standing(group) for group in groups.values()]
    return tuple(standing for standing in found if standing.calls > 0)


def _standing(group: Sequence[Entry]) -> Standing:
    cost, cost_jpy = _sum(line.cost for line in group), _sum(line.cost_jpy for line in group)
    last = group[-1]
    if cost is not None and len({line.rate for line in group}) > 1:
        # lines that were moved together carry no order: the rate that holds is the one that gives these yen
        fitting = (line for line in reversed(group) if _yen(cost, line.currency, line.rate) == cost_jpy)
        last = next(fitting, last)
    return Standing(last, sum(line.calls for line in group), cost, cost_jpy)


def priced_again(pricer: Pricer, attempt: Entry) -> Priced | Unpriced:
    """What the attempt costs by this book: its own counts, instant, tier and region."""
    names = (attempt.model_answered, attempt.model_asked, attempt.model)
    return pricer.price_named(attempt.provider, names, attempt.usage, attempt.at, attempt.tier, attempt.region)


def repricing_lines(
    lines: Sequence[Entry], outcome: Priced | Unpriced, rate_on: RateOn, *, now: datetime, book_id: str
) -> list[Entry]:
    """The lines that bring one attempt to this price; empty where it stands there already.

    ``lines`` are all lines of the attempt, as they were booked. A price that the book no longer knows changes nothing:
    what was priced stays priced. A priced attempt keeps its exchange rate; one that gets its first price, or another
    currency, is converted at its own day's rate. The ids follow from the attempt, the book and the number of lines
    before, so that the same correction twice is the same line.
    """
    if isinstance(outcome, Unpriced):
        return []
    attempt = attempt_of(lines)
    made: list[Entry] = []
    for standing in standings(lines):
        for line in _corrections(attempt, standing, outcome, rate_on):
            own = f"{len(lines)}:{len(made)}".encode()
            its_id = derived_id("entry", attempt.attempt_id.bytes, "repriced", book_id, own)
            made.append(replace(line, entry_id=its_id, booked_at=now))
    return [line if line.calls < 0 else replace(line, price_book=book_id) for line in made]


def _corrections(attempt: Entry, standing: Standing, priced: Priced, rate_on: RateOn) -> list[Entry]:
    old = standing.line
    is_kept_rate = old.state == "priced" and old.currency == priced.currency
    rate = None if is_kept_rate else (None if priced.currency == "JPY" else rate_on(priced.currency, old.day))
    per_unit = old.rate if is_kept_rate else (rate.rate if rate is not None else None)
    state: PriceState = "priced" if priced.currency == "JPY" or per_unit is not None else "unconverted"
    if old.state == "priced" and state == "unconverted":
        return []  # yen that are known are not given up for a price that cannot be converted
    cost_jpy = _yen(priced.cost, priced.currency, per_unit) if state == "priced" else None
    new = replace(
        _blank(attempt, old),
        provider=priced.provider, model=priced.model, calls=1, usage=attempt.usage, state=state,
        reason=priced.note if state == "priced" else "rate_missing", currency=priced.currency, cost=priced.cost,
        price_block=priced.block, rate_id=old.rate_id if is_kept_rate else (rate.rate_id if rate is not None else None),
        rate=per_unit, cost_jpy=cost_jpy, latency_ms=attempt.latency_ms,
    )  # fmt: skip
    if (old.state, old.provider, old.model, old.currency) != (new.state, new.provider, new.model, new.currency):
        return [_taken_back(attempt, standing), new]
    cost, yen = _difference(new.cost, standing.cost), _difference(cost_jpy, standing.cost_jpy)
    if not cost and not yen:
        return []
    return [replace(new, calls=0, usage=Usage(), cost=cost, cost_jpy=yen, latency_ms=None)]


def _taken_back(attempt: Entry, standing: Standing) -> Entry:
    old = standing.line
    return replace(
        _blank(attempt, old),
        calls=-1,
        usage=Usage(*(-getattr(attempt.usage, kind) for kind in USAGE_KINDS)),
        cost=_negated(standing.cost),
        cost_jpy=_negated(standing.cost_jpy),
        latency_ms=attempt.latency_ms,
    )


def _blank(attempt: Entry, old: Entry) -> Entry:
    """A line at the place where the attempt stands, with nothing in it yet."""
    return replace(
        old, kind="repriced", corrects=attempt.entry_id, usage_raw=None, reported_cost=None, reported_currency="",
        first_token_ms=None,
    )  # fmt: skip


def _yen(cost: Decimal, currency: str, per_unit: Decimal | None) -> Decimal:
    return to_ledger_jpy(cost if currency == "JPY" or per_unit is None else exact_product(cost, per_unit))


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    total: Decimal | None = None
    for amount in amounts:
        if amount is not None:
            total = amount if total is None else EXACT.add(total, amount)
    return total


def _difference(new: Decimal | None, old: Decimal | None) -> Decimal | None:
    return None if new is None else EXACT.subtract(new, old or Decimal(0))


def _negated(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else EXACT.minus(amount)

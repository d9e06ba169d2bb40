"""Basing: under which period, exchange rate, price book and time the numbers of a page hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from jitsuri.ledger.records import books as book_rows
from jitsuri.ledger.records import rates as rate_rows
from jitsuri.ledger.records.totals import span
from jitsuri.ledger.rules.converting import Rates, rates_of
from jitsuri.ledger.shapes.rates import Rate, RateKind
from jitsuri.store.door import Connection
from jitsuri.terms.period import Month, company_day, month_of

DOLLAR = "USD"
"""The currency nearly all models are priced in: the one whose rate stands beside every yen."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What stands beside every yen of a page: period, exchange rate, time. Amounts are without consumption tax."""

    first: date
    last: date
    now: datetime
    rate: Rate | None
    """The dollar's rate on the last day (today, where the period is not over); None where there is none at all."""
    rates: int
    """How many different rates the days of the period have: each day is converted with its own."""
    assumed_days: int
    """Days of the period without a dated rate: they stand under the assumed one."""
    days: int
    """Days of the period up to today."""
    book_id: str
    """The price book in use now; '' before the first start."""
    ledger: tuple[date, date] | None
    """First and last day with calls in the whole ledger; None where it is empty."""

    @property
    def months(self) -> tuple[Month, Month] | None:
        """First and last month with calls; None for an empty ledger."""
        return None if self.ledger is None else (month_of(self.ledger[0]), month_of(self.ledger[1]))


def rates_kept(tx: Connection, kind: RateKind) -> Rates:
    """The exchange rates as they stand."""
    return rates_of(rate_rows.everything(tx), kind)


def basis_of(tx: Connection, now: datetime, first: date, last: date, rates: Rates) -> Basis:
    """The basis of a period (both days included) as of now."""
    today = company_day(now)
    until = max(first, min(last, today))
    days = [first + timedelta(days=n) for n in range((until - first).days + 1)]
    found = [rates.on(DOLLAR, day) for day in days]
    use = book_rows.in_use(tx)
    return Basis(
        first=first,
        last=last,
        now=now,
        rate=found[-1],
        rates=len({rate.rate_id for rate in found if rate is not None}),
        assumed_days=sum(rate is not None and rate.kind == "ASSUMED" for rate in found),
        days=len(days),
        book_id=use.book_id if use else "",
        ledger=span(tx),
    )

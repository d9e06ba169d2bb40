"""From a price's currency into yen: which rate holds, the one rounding, and new lines when a better rate is known.

The rate of a day is the row of the company's kind (TTM unless set otherwise) with the latest date on or before it: on
a weekend or holiday that is the last business day's. Source: 法人税基本通達 13の2-1-2 (the middle rate of the
transaction day; on a day without quotation the nearest before it; the seller's rate if kept to), read 2026-11-22.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Context, Decimal
from operator import attrgetter
from uuid import UUID

from jitsuri.ledger.rules.repricing import Standing, attempt_of, standings
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.rates import Rate, RateKind
from jitsuri.terms.ids import derived_id
from jitsuri.terms.money import EXACT_DIGITS, to_ledger_jpy, to_ledger_jpy_at
from jitsuri.terms.usage import USAGE_KINDS, Usage

YEN = "JPY"

EXACT = Context(prec=EXACT_DIGITS)
"""Arithmetic that does not round sums of ledger amounts."""

RECONVERTED = "rate"
"""The ``reason`` of lines that put another exchange rate in place: their sum is the effect of rates known late."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The exchange rates a company converts with: one kind of dated rows, and assumed ones in reserve."""

    kind: RateKind
    dated: Mapping[str, tuple[Rate, ...]]
    """By currency, oldest first, one per day."""
    assumed: Mapping[str, Rate]
    known: Mapping[UUID, Rate]
    """Every row ever set, also those of other kinds and those that a correction replaced."""

    def dated_on(self, currency: str, day: date) -> Rate | None:
        """The dated row with the latest date on or before the day; None where there is none, and for yen."""
        rows = self.dated.get(currency, ())
        if rows and rows[-1].on <= day:
            return rows[-1]  # the usual day: today
        place = bisect_right(rows, day, key=_day_of)
        return rows[place - 1] if place else None

    def on(self, currency: str, day: date) -> Rate | None:
        """The rate that a cost of this day is converted with: dated, else assumed, else None. Yen needs none."""
        return self.dated_on(currency, day) or self.assumed.get(currency)


_day_of = attrgetter("on")


def rates_of(rows: Iterable[Rate], kind: RateKind) -> Rates:
    """Rates of one kind from all rows in the order they were set: of two for one day the later one holds."""
    by_day: dict[str, dict[date, Rate]] = {}
    assumed: dict[str, Rate] = {}
    known: dict[UUID, Rate] = {}
    for rate in rows:
        known[rate.rate_id] = rate
        if rate.kind == "ASSUMED":
            assumed[rate.currency] = rate
        elif rate.kind == kind:
            by_day.setdefault(rate.currency, {})[rate.on] = rate
    dated = {currency: tuple(days[day] for day in sorted(days)) for currency, days in by_day.items()}
    return Rates(kind, dated, assumed, known)


def rate_for(rows: Iterable[Rate], currency: str, day: date, kind: RateKind) -> Rate | None:
    """The dated row for one currency and day. For many days make ``rates_of`` once and ask it."""
    return rates_of(rows, kind).dated_on(currency, day)


def convert(cost: Decimal, currency: str, rate: Rate | None) -> Decimal:
    """An exact cost in yen, rounded once to the ledger's step. Yen needs no rate.

    Raises ValueError where the rate is missing or of another currency: a cost is never converted by a guess.
    """
    if currency == YEN:
        return to_ledger_jpy(cost)
    if rate is None or rate.currency != currency:
        raise ValueError(f"no rate for {currency}")
    return to_ledger_jpy_at(cost, rate.rate)


def reconversion_lines(lines: Sequence[Entry], rates: Rates, booked_at: datetime) -> list[Entry]:
    """The lines that bring one attempt to the rate that now holds for its day; none where it stands there already.

    - Priced with an assumed rate, or with a row that a correction or a nearer day replaced: one line with the
      difference in yen (which may be zero: the line then says that a dated rate has taken the assumed one's place).
    - Priced but not converted: two lines, one that takes the attempt away and one that brings it back in yen.

    ``lines`` are all of one attempt, as they were booked. What was booked at a rate of another kind than the company's
    now is left: the choice of a kind holds for what comes. The ids follow from the attempt, the rate and the number of
    lines before, so that the same correction twice is the same line.
    """
    attempt = attempt_of(lines)
    held = {line.rate_id for line in lines if line.calls >= 0 and line.rate_id is not None}
    made: list[Entry] = []
    for standing in standings(lines):
        old = standing.line
        rate = rates.on(old.currency, old.day) if old.currency not in ("", YEN) else None
        if rate is None or standing.cost is None:
            continue
        if old.state == "unconverted":
            new = [_taken_back(attempt, standing), _put_in(attempt, standing, rate)]
        elif old.state == "priced" and _is_better(rate, held, standing, rates):
            new = [_difference(attempt, standing, rate)]
        else:
            continue
        for line in new:
            own = f"{len(lines)}:{len(made)}".encode()
            its_id = derived_id("entry", attempt.attempt_id.bytes, RECONVERTED, rate.rate_id.bytes, own)
            made.append(replace(line, entry_id=its_id, booked_at=booked_at))
    return made


def _is_better(rate: Rate, held: set[UUID], standing: Standing, rates: Rates) -> bool:
    """Does this rate say more than those the attempt was booked with? One assumption says no more than another."""
    kinds = {rates.known[one].kind if one in rates.known else None for one in held}
    if rate.kind == "ASSUMED" or not kinds <= {"ASSUMED", rates.kind}:
        return False
    return bool(kinds) and (rate.rate_id not in held or _yen(standing, rate) != standing.cost_jpy)


def _yen(standing: Standing, rate: Rate) -> Decimal:
    return convert(standing.cost or Decimal(0), standing.line.currency, rate)


def _line(attempt: Entry, standing: Standing, rate: Rate) -> Entry:
    """A line where the attempt stands, under the new rate, that changes no amount yet."""
    return replace(
        standing.line, kind="repriced", corrects=attempt.entry_id, calls=0, usage=Usage(), usage_raw=None,
        latency_ms=None, first_token_ms=None, state="priced", reason=RECONVERTED, cost=Decimal(0),
        rate_id=rate.rate_id, rate=rate.rate, cost_jpy=Decimal(0), reported_cost=None, reported_currency="",
    )  # fmt: skip


def _difference(attempt: Entry, standing: Standing, rate: Rate) -> Entry:
    difference = EXACT.subtract(_yen(standing, rate), standing.cost_jpy or Decimal(0))
    return replace(_line(attempt, standing, rate), cost_jpy=difference)


def _taken_back(attempt: Entry, standing: Standing) -> Entry:
    cost = None if standing.cost is None else EXACT.minus(standing.cost)
    return replace(
        standing.line, kind="repriced", corrects=attempt.entry_id, calls=-standing.calls,
        usage=Usage(*(-getattr(attempt.usage, kind) for kind in USAGE_KINDS)), usage_raw=None,
        latency_ms=attempt.latency_ms, first_token_ms=None, reason=RECONVERTED, cost=cost, cost_jpy=None,
        reported_cost=None, reported_currency="",
    )  # fmt: skip


def _put_in(attempt: Entry, standing: Standing, rate: Rate) -> Entry:
    return replace(
        _line(attempt, standing, rate), calls=standing.calls, usage=attempt.usage, latency_ms=attempt.latency_ms,
        cost=standing.cost, cost_jpy=_yen(standing, rate),
    )  # fmt: skip

"""Foreseeing: what dated price changes will do to the models in use, in yen per month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from jitsuri.flows.cold.viewing.counting import last_months, summed
from jitsuri.ledger.records import reading
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.announcing import changes_ahead
from jitsuri.ledger.rules.converting import Rates
from jitsuri.ledger.rules.finding import find_sheet
from jitsuri.ledger.rules.pricing import Resolved, price_of_mix, resolve
from jitsuri.ledger.shapes.pricing import ModelSheet, PriceBook, PriceChange
from jitsuri.ledger.shapes.views import Use
from jitsuri.store.door import Connection
from jitsuri.terms.money import exact_product
from jitsuri.terms.period import Month, company_day, month_of
from jitsuri.terms.usage import USAGE_KINDS, Usage

HORIZON_DAYS = 400
"""How far ahead changes are shown: a little over a year, so that a yearly change is never out of sight."""

IN_USE_MONTHS = 6
"""A model is in use while a call of these last months asked it."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Announced:
    """What changes at one model on one day. ``effect_jpy``: on the use of ``month``, per month, at today's rate; None
    where the model has no call in it or no yen can be told."""

    provider: str
    model: str
    on: date
    changes: tuple[PriceChange, ...]
    tasks: tuple[str, ...]
    """Tasks that used the model in ``month``, dearest first."""
    month: Month
    before_jpy: Decimal | None
    after_jpy: Decimal | None

    @property
    def effect_jpy(self) -> Decimal | None:
        if self.before_jpy is None or self.after_jpy is None:
            return None
        return self.after_jpy - self.before_jpy

    @property
    def times(self) -> Decimal | None:
        """How many times as dear the standard input (else output) becomes; None for a price that is new."""
        for kind in ("input_tokens", "output_tokens"):
            for change in self.changes:
                if (change.kind, change.tier, change.above_tokens) == (kind, "", 0) and change.before:
                    return change.after / change.before
        return None


def models_in_use(tx: Connection, until: Month) -> list[Key]:
    """Provider and model of every call of the last months, most expensive first."""
    months = last_months(until, IN_USE_MONTHS)
    rows = totals(tx, "month", months[0].first, months[-1].first, ("provider", "model"))
    return [(row.provider or "", row.model or "") for row in rows if row.calls]


def last_complete(tx: Connection, this_month: Month) -> Month | None:
    """The last month before this one with calls; else this one if it has any; else None."""
    rows = totals(tx, "month", date(2000, 1, 1), this_month.first, ("period",))
    months = sorted(month_of(row.period) for row in rows if row.period is not None and row.calls)
    return max((m for m in months if m < this_month), default=months[-1] if months else None)


def announced(tx: Connection, now: datetime, book: PriceBook, rates: Rates) -> list[Announced]:
    """Dated changes to come that touch models in use, soonest first."""
    today = company_day(now)
    month = last_complete(tx, month_of(today))
    if month is None:
        return []
    uses: dict[Key, list[Use]] = defaultdict(list)
    for use in reading.uses(tx, month.first, month.first):
        uses[use.provider, use.model].append(use)
    sheets = used_sheets(book, models_in_use(tx, month_of(today)))
    by_model: dict[Key, list[Use]] = defaultdict(list)
    for key, held in uses.items():
        sheet = find_sheet(book, *key)
        if isinstance(sheet, ModelSheet):
            by_model[sheet.provider, sheet.model] += held
    groups: dict[tuple[date, Key], list[PriceChange]] = defaultdict(list)
    for change in changes_ahead(book, today, HORIZON_DAYS):
        if (change.provider, change.model) in sheets:
            groups[change.on, (change.provider, change.model)].append(change)
    return [
        _announced(sheets[key], on, changes, by_model.get(key, []), month, rates, today)
        for (on, key), changes in sorted(groups.items())
    ]


def used_sheets(book: PriceBook, used: Sequence[Key]) -> dict[Key, ModelSheet]:
    """The sheets of these models, under the book's own names."""
    found: dict[Key, ModelSheet] = {}
    for provider, model in used:
        sheet = find_sheet(book, provider, model)
        if isinstance(sheet, ModelSheet):
            found.setdefault((sheet.provider, sheet.model), sheet)
    return found


def _announced(
    sheet: ModelSheet,
    on: date,
    changes: Sequence[PriceChange],
    uses: Sequence[Use],
    month: Month,
    rates: Rates,
    today: date,
) -> Announced:
    noon = datetime.combine(on, time(12), UTC)
    mixes = _mixes(uses)
    before = _cost_jpy(sheet, mixes, noon - timedelta(days=1), rates, today)
    after = _cost_jpy(sheet, mixes, noon, rates, today)
    tasks = tuple(dict.fromkeys(use.task for use in sorted(uses, key=lambda use: -use.cost_jpy)))
    return Announced(sheet.provider, sheet.model, on, tuple(changes), tasks, month, before, after)


def _mixes(uses: Sequence[Use]) -> dict[str, tuple[int, Usage]]:
    found: dict[str, tuple[int, Usage]] = {}
    for use in uses:
        calls, usage = found.get(use.tier, (0, Usage()))
        added = Usage(**{kind: getattr(usage, kind) + getattr(use.usage, kind) for kind in USAGE_KINDS})
        found[use.tier] = (calls + use.calls, added)
    return found


def _cost_jpy(
    sheet: ModelSheet, mixes: Mapping[str, tuple[int, Usage]], at: datetime, rates: Rates, today: date
) -> Decimal | None:
    """What this use costs at an instant's prices and today's rate; None where that cannot be said."""
    parts: list[Decimal] = []
    for tier, (calls, usage) in mixes.items():
        cost, resolved = price_of_mix(sheet, usage, calls, at, tier), resolve(sheet, at, tier)
        if not isinstance(cost, Decimal) or not isinstance(resolved, Resolved):
            return None
        rate = rates.on(resolved.currency, today)
        if resolved.currency != "JPY" and rate is None:
            return None
        parts.append(cost if rate is None else exact_product(cost, rate.rate))
    return summed(parts) if parts else None

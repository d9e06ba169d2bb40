"""Foreseeing: what dated price changes will do to the models in use, in yen per month, task by task.

Which side of a price's cliff a use falls on is told by its average call (``mix_priced_by``), so a change is reckoned per
task, and a model's effect is the sum of its tasks' effects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from jitsuri.flows.cold.viewing.counting import last_months, summed
from jitsuri.ledger.records import reading
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.announcing import changes_ahead_of
from jitsuri.ledger.rules.converting import EXACT, Rates
from jitsuri.ledger.rules.finding import find_sheet
from jitsuri.ledger.rules.pricing import Plan, mix_priced_by, plan_of
from jitsuri.ledger.shapes.pricing import ModelSheet, PriceBook, PriceChange, Unpriced
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

Terms = tuple[Plan, Decimal | None]
"""A day's plan of a sheet and tier, and today's rate; None for a price in yen."""


@dataclass(frozen=True, slots=True)
class TaskEffect:
    """What a task's use of one model, of one month, costs before and after a change; None where no yen can be told."""

    task: str
    calls: int
    before_jpy: Decimal | None
    after_jpy: Decimal | None

    @property
    def effect_jpy(self) -> Decimal | None:
        if self.before_jpy is None or self.after_jpy is None:
            return None
        return EXACT.subtract(self.after_jpy, self.before_jpy)


@dataclass(frozen=True, slots=True)
class Announced:
    """What changes at one model on one day. ``effect_jpy``: on the use of ``month``, per month, at today's rate: the sum
    over its tasks; None where the model has no call in it or where of any task no yen can be told."""

    provider: str
    model: str
    on: date
    changes: tuple[PriceChange, ...]
    effects: tuple[TaskEffect, ...]
    """Of each task that used the model in ``month``, dearest first."""
    month: Month

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(one.task for one in self.effects)

    @property
    def before_jpy(self) -> Decimal | None:
        return _sum([one.before_jpy for one in self.effects])

    @property
    def after_jpy(self) -> Decimal | None:
        return _sum([one.after_jpy for one in self.effects])

    @property
    def effect_jpy(self) -> Decimal | None:
        return _sum([one.effect_jpy for one in self.effects])

    def of_task(self, task: str) -> TaskEffect | None:
        return next((one for one in self.effects if one.task == task), None)

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


@dataclass(frozen=True, slots=True)
class Ground:
    """What a look ahead stands on: the sheets of the models in use, and what the tasks used of each in ``month``."""

    today: date
    month: Month
    book: PriceBook
    rates: Rates
    sheets: Mapping[Key, ModelSheet]
    uses: Mapping[Key, Sequence[Use]]
    """By the book's own names, dearest first."""
    known: dict[tuple[str, str, str, date], Terms | None] = field(default_factory=dict)
    """What was resolved already: provider, model, tier and day; it changes no result."""

    def cost_jpy(self, sheet: ModelSheet, uses: Sequence[Use], on: date) -> Decimal | None:
        """What this use would cost at a sheet at a day's prices and today's rate; None where that cannot be said."""
        parts: list[Decimal] = []
        for tier, (calls, usage) in _mixes(uses).items():
            key = (sheet.provider, sheet.model, tier, on)
            if key not in self.known:
                self.known[key] = _terms(sheet, tier, on, self.rates, self.today)
            terms = self.known[key]
            cost = mix_priced_by(terms[0], usage, calls) if terms is not None else None
            if terms is None or not isinstance(cost, Decimal):
                return None
            parts.append(cost if terms[1] is None else exact_product(cost, terms[1]))
        return summed(parts) if parts else None


def ground(tx: Connection, now: datetime, book: PriceBook, rates: Rates) -> Ground | None:
    """None where no call has been made yet."""
    today = company_day(now)
    month = last_complete(tx, month_of(today))
    if month is None:
        return None
    sheets = used_sheets(book, models_in_use(tx, month_of(today)))
    held: dict[Key, list[Use]] = defaultdict(list)
    found: dict[Key, ModelSheet | None] = dict(sheets)
    for use in reading.uses(tx, month.first, month.first):
        key = use.provider, use.model
        if key not in found:
            named = find_sheet(book, *key)
            found[key] = named if isinstance(named, ModelSheet) else None
        sheet = found[key]
        if sheet is not None:
            held[sheet.provider, sheet.model].append(use)
    uses = {key: sorted(own, key=lambda use: -use.cost_jpy) for key, own in held.items()}
    return Ground(today, month, book, rates, sheets, uses)


def announced(tx: Connection, now: datetime, book: PriceBook, rates: Rates) -> list[Announced]:
    """Dated changes to come that touch models in use, soonest first."""
    stand = ground(tx, now, book, rates)
    return [] if stand is None else announced_on(stand)


def announced_on(stand: Ground) -> list[Announced]:
    """As ``announced``, on a ground that was read already."""
    groups: dict[tuple[date, Key], list[PriceChange]] = defaultdict(list)
    for sheet in stand.sheets.values():
        for change in changes_ahead_of(sheet, stand.today, HORIZON_DAYS):
            groups[change.on, (change.provider, change.model)].append(change)
    return [_announced(stand, key, on, changes) for (on, key), changes in sorted(groups.items())]


def by_task(uses: Sequence[Use]) -> dict[str, list[Use]]:
    """The uses of each task, in their order."""
    held: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        held[use.task].append(use)
    return held


def noon_of(day: date) -> datetime:
    """The instant of a day at which its prices are read."""
    return datetime.combine(day, time(12), UTC)


def used_sheets(book: PriceBook, used: Sequence[Key]) -> dict[Key, ModelSheet]:
    """The sheets of these models, under the book's own names."""
    found: dict[Key, ModelSheet] = {}
    for provider, model in used:
        sheet = find_sheet(book, provider, model)
        if isinstance(sheet, ModelSheet):
            found.setdefault((sheet.provider, sheet.model), sheet)
    return found


def _announced(stand: Ground, key: Key, on: date, changes: Sequence[PriceChange]) -> Announced:
    sheet, eve = stand.sheets[key], on - timedelta(days=1)
    effects = tuple(
        TaskEffect(task, sum(use.calls for use in own), stand.cost_jpy(sheet, own, eve), stand.cost_jpy(sheet, own, on))
        for task, own in by_task(stand.uses.get(key, ())).items()
    )
    return Announced(sheet.provider, sheet.model, on, tuple(changes), effects, stand.month)


def _sum(parts: Sequence[Decimal | None]) -> Decimal | None:
    """The exact sum; None where a part is unknown, or where there is none."""
    known = [part for part in parts if part is not None]
    return summed(known) if known and len(known) == len(parts) else None


def _mixes(uses: Sequence[Use]) -> dict[str, tuple[int, Usage]]:
    found: dict[str, tuple[int, Usage]] = {}
    for use in uses:
        if use.tier not in found:
            found[use.tier] = (use.calls, use.usage)
            continue
        calls, usage = found[use.tier]
        added = Usage(**{kind: getattr(usage, kind) + getattr(use.usage, kind) for kind in USAGE_KINDS})
        found[use.tier] = (calls + use.calls, added)
    return found


def _terms(sheet: ModelSheet, tier: str, on: date, rates: Rates, today: date) -> Terms | None:
    """How a sheet prices a tier on a day, and today's rate; None where no yen can be told."""
    plan = plan_of(sheet, noon_of(on), tier)
    if isinstance(plan, Unpriced):
        return None
    rate = rates.on(plan.currency, today)
    if plan.currency != "JPY" and rate is None:
        return None
    return plan, rate.rate if rate is not None else None

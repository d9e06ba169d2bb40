"""単価: what the models in use cost now, what they cost before, what is dated to change, and which have no price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from jitsuri.flows.cold.renewing_prices import book_in_use
from jitsuri.flows.cold.viewing.basing import Basis, basis_of, rates_kept
from jitsuri.flows.cold.viewing.foreseeing import Announced, announced, models_in_use
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.announcing import changes_of, current_prices
from jitsuri.ledger.rules.finding import find_sheet
from jitsuri.ledger.shapes.pricing import (
    BookInfo,
    BookUse,
    Factor,
    ModelSheet,
    Override,
    PriceBook,
    PriceChange,
    PriceRow,
    Unpriced,
)
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.ledger.shapes.totals import Total
from jitsuri.store.door import Connection
from jitsuri.terms.period import Month, company_day, month_of

PAST_DAYS = 366
"""How far back changes are listed: a year."""


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """One model in use with today's prices. ``model`` is the book's name."""

    provider: str
    model: str
    rows: tuple[PriceRow, ...]
    calls: int
    """Of the month shown."""
    cost_jpy: Decimal


@dataclass(frozen=True, slots=True)
class MissingPrice:
    """A model in use without a price (or whose price has no yen): calls of the last months that are in no sum."""

    provider: str
    model: str
    unpriced: int
    unconverted: int
    code: str
    """Why: a code of ``Unpriced``, '' where the book has a price now (pricing again would use it)."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices as of now."""

    basis: Basis
    month: Month
    info: BookInfo | None
    use: BookUse | None
    age_days: int | None
    """Days since the newest price of the book was verified."""
    models: tuple[ModelPrices, ...]
    missing: tuple[MissingPrice, ...]
    announced: tuple[Announced, ...]
    past: tuple[tuple[PriceChange, ...], ...]
    """Changes of the last year at models in use, standard prices, latest first; one tuple per day and model."""
    overrides: tuple[Override, ...]
    factors: tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """One model's prices over time."""

    basis: Basis
    sheet: ModelSheet
    info: BookInfo
    rows: tuple[PriceRow, ...]
    changes: tuple[PriceChange, ...]
    announced: tuple[Announced, ...]
    months: tuple[tuple[Month, int, Decimal], ...]
    """(month, calls, yen) in which it was used, oldest first."""


def price_list(tx: Connection, now: datetime, kind: RateKind) -> PriceList:
    """Today's prices of the models in use."""
    today = company_day(now)
    month = month_of(today)
    rates = rates_kept(tx, kind)
    basis = basis_of(tx, now, today, today, rates)
    kept = book_in_use(tx)
    used = models_in_use(tx, month)
    if kept is None:
        return PriceList(basis, month, None, None, None, (), (), (), (), (), ())
    book, info, use = kept
    here = totals(tx, "month", month.first, month.first, ("provider", "model"))
    models, missing = _models(book, used, here, now), _missing(tx, book, month)
    return PriceList(
        basis=basis,
        month=month,
        info=info,
        use=use,
        age_days=(today - info.published_on).days if info.published_on else None,
        models=models,
        missing=missing,
        announced=tuple(announced(tx, now, book, rates)),
        past=past_changes(book, ((m.provider, m.model) for m in models), today),
        overrides=book.overrides,
        factors=book.factors,
    )


def price_history(tx: Connection, now: datetime, kind: RateKind, provider: str, model: str) -> PriceHistory | None:
    """One model's prices; None where the book in use does not know it."""
    kept = book_in_use(tx)
    if kept is None:
        return None
    book, info, _ = kept
    sheet = find_sheet(book, provider, model)
    if isinstance(sheet, Unpriced):
        return None
    today = company_day(now)
    rates = rates_kept(tx, kind)
    used = totals(tx, "month", date(2000, 1, 1), today, ("period",), provider=sheet.provider, model=sheet.model)
    months = sorted((month_of(r.period), r.calls, r.cost_jpy) for r in used if r.period is not None and r.calls)
    ahead = announced(tx, now, book, rates)
    return PriceHistory(
        basis=basis_of(tx, now, today, today, rates),
        sheet=sheet,
        info=info,
        rows=current_prices(sheet, now),
        changes=changes_of(sheet),
        announced=tuple(a for a in ahead if (a.provider, a.model) == (sheet.provider, sheet.model)),
        months=tuple(months),
    )


def _models(book: PriceBook, used: list[tuple[str, str]], here: list[Total], now: datetime) -> tuple[ModelPrices, ...]:
    calls: dict[tuple[str, str], int] = defaultdict(int)
    costs: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    sheets: dict[tuple[str, str], ModelSheet] = {}
    for provider, model in used:
        sheet = find_sheet(book, provider, model)
        if isinstance(sheet, ModelSheet):
            sheets.setdefault((sheet.provider, sheet.model), sheet)
    for row in here:
        sheet = find_sheet(book, row.provider or "", row.model or "")
        if isinstance(sheet, ModelSheet):
            calls[sheet.provider, sheet.model] += row.calls
            costs[sheet.provider, sheet.model] += row.cost_jpy
    found = [
        ModelPrices(provider, model, current_prices(sheet, now), calls[provider, model], costs[provider, model])
        for (provider, model), sheet in sheets.items()
    ]
    return tuple(sorted(found, key=lambda m: (-m.cost_jpy, -m.calls, m.provider, m.model)))


def _missing(tx: Connection, book: PriceBook, month: Month) -> tuple[MissingPrice, ...]:
    rows = totals(tx, "month", date(2000, 1, 1), month.first, ("provider", "model"))
    found = []
    for row in rows:
        if row.unpriced or row.unconverted:
            sheet = find_sheet(book, row.provider or "", row.model or "")
            code = sheet.code if isinstance(sheet, Unpriced) else ""
            found.append(MissingPrice(row.provider or "", row.model or "", row.unpriced, row.unconverted, code))
    return tuple(sorted(found, key=lambda m: (-m.unpriced, -m.unconverted, m.provider, m.model)))


def past_changes(book: PriceBook, keys: Iterable[tuple[str, str]], today: date) -> tuple[tuple[PriceChange, ...], ...]:
    """Changes of the last year at these models, latest first (see ``by_day``)."""
    since = today - timedelta(days=PAST_DAYS)
    return by_day(c for key in sorted(set(keys)) for c in _changes(book, *key) if since <= c.on <= today)


def by_day(changes: Iterable[PriceChange]) -> tuple[tuple[PriceChange, ...], ...]:
    """Changes of standard prices that had one before, together where they hold from the same day, latest first."""
    held: dict[tuple[date, str, str], list[PriceChange]] = defaultdict(list)
    for c in changes:
        if c.before is not None and not c.tier:
            held[c.on, c.provider, c.model].append(c)
    return tuple(tuple(held[key]) for key in sorted(held, key=lambda key: (-key[0].toordinal(), key[1], key[2])))


def _changes(book: PriceBook, provider: str, model: str) -> tuple[PriceChange, ...]:
    sheet = find_sheet(book, provider, model)
    return changes_of(sheet) if isinstance(sheet, ModelSheet) else ()

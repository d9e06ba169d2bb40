"""Comparing: one book with another, and one model's price with the others', on what a company really uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from jitsuri.ledger.rules.announcing import changes_ahead, differences
from jitsuri.ledger.rules.finding import find_sheet, sheets_of
from jitsuri.ledger.rules.pricing import EXACT, Resolved, price_of_mix, resolve
from jitsuri.ledger.shapes.pricing import (
    Mix,
    MixEffect,
    MixPrice,
    ModelSheet,
    PriceBook,
    PriceChange,
    PriceDiff,
    Unpriced,
)
from jitsuri.terms.outcomes import Dropped
from jitsuri.terms.usage import Usage

ANNOUNCED_DAYS = 731
"""How far ahead announced changes are compared: two years, further than any price has been announced."""


def cheaper_sheets(
    book: PriceBook,
    totals: Usage,
    calls: int,
    at: datetime,
    *,
    below_jpy: Decimal,
    rates: Mapping[str, Decimal],
    providers: Sequence[str] | None = None,
    tier: str = "",
) -> tuple[tuple[MixPrice, ...], tuple[Dropped, ...]]:
    """Models at which this use would cost less than ``below_jpy`` by their price alone, cheapest first, and what was
    left out with the reason.

    ``rates`` holds yen per unit of each currency but JPY; ``providers`` limits the search (None: all). Left out
    silently are only dearer models. Dropped codes: ``deprecated``, ``context_too_small`` (the average input does not
    fit), ``price_is_zero`` (free tiers change without notice), ``rate_missing``, and the codes of ``Unpriced``.
    """
    found: list[MixPrice] = []
    dropped: list[Dropped] = []
    for sheet in sheets_of(book):
        if providers is not None and sheet.provider not in providers:
            continue
        priced = _offer(sheet, totals, calls, at, tier, rates)
        if isinstance(priced, Dropped):
            dropped.append(priced)
        elif priced.cost_jpy < below_jpy:
            found.append(priced)
    return tuple(sorted(found, key=lambda p: (p.cost_jpy, p.provider, p.model))), tuple(dropped)


def compare_books(
    old: PriceBook, new: PriceBook, mixes: Iterable[Mix], at: datetime, rates: Mapping[str, Decimal]
) -> PriceDiff:
    """What the new book would change: prices of this day, announced changes, past prices, and yen on these mixes.

    ``rates`` holds yen per unit of each currency but JPY. Yen are estimates: each mix is priced at ``at`` on its
    average call; exact figures come from pricing again.
    """
    olds = {(s.provider, s.model): s for s in sheets_of(old)}
    news = {(s.provider, s.model): s for s in sheets_of(new)}
    touched = [key for key in news if key in olds and _terms(olds[key]) != _terms(news[key])]
    changed = {key: tuple(_differences(olds[key], news[key], at)) for key in touched}
    today = at.date()
    known = set(changes_ahead(old, today, ANNOUNCED_DAYS))
    announced = tuple(
        c for c in changes_ahead(new, today, ANNOUNCED_DAYS) if c not in known and (c.provider, c.model) in olds
    )
    shown = {key for key, rows in changed.items() if rows} | {(c.provider, c.model) for c in announced}
    effects = [_effect(old, new, mix, at, rates) for mix in mixes]
    both = [(e.before_jpy, e.after_jpy) for e in effects if e.before_jpy is not None and e.after_jpy is not None]
    moved = [effect for effect in effects if effect.before_jpy != effect.after_jpy]
    return PriceDiff(
        old.book_id, new.book_id, new.source, new.published_on,
        tuple(key for key in news if key not in olds),
        tuple(key for key in olds if key not in news),
        tuple(change for key in touched for change in changed[key]),
        announced,
        tuple(key for key in touched if key not in shown),
        tuple(sorted(moved, key=lambda e: -abs((e.after_jpy or Decimal(0)) - (e.before_jpy or Decimal(0))))),
        _sum(before for before, _ in both),
        _sum(after for _, after in both),
    )  # fmt: skip


def _terms(sheet: ModelSheet) -> tuple[object, ...]:
    """What of a sheet decides a price."""
    return (sheet.currency, sheet.blocks, sheet.factors)


def _differences(old: ModelSheet, new: ModelSheet, at: datetime) -> Iterable[PriceChange]:
    tiers = dict.fromkeys(("", *(b.tier for b in (*old.blocks, *new.blocks) if b.units)))
    for tier in tiers:
        before, after = resolve(old, at, tier), resolve(new, at, tier)
        if not isinstance(after, Resolved) or (tier and after.note):
            continue
        is_first = bool(tier) and isinstance(before, Resolved) and bool(before.note)
        for kind, above, was, now, per in differences(before, after, is_first=is_first):
            yield PriceChange(new.provider, new.model, kind, at.date(), was, now, per, after.currency, tier, above)


def _effect(old: PriceBook, new: PriceBook, mix: Mix, at: datetime, rates: Mapping[str, Decimal]) -> MixEffect:
    before, after = (_yen_of_mix(book, mix, at, rates) for book in (old, new))
    return MixEffect(mix.provider, mix.model, mix.tier, mix.calls, before, after)


def _yen_of_mix(book: PriceBook, mix: Mix, at: datetime, rates: Mapping[str, Decimal]) -> Decimal | None:
    sheet = find_sheet(book, mix.provider, mix.model)
    if isinstance(sheet, Unpriced):
        return None
    cost = price_of_mix(sheet, mix.usage, mix.calls, at, mix.tier, mix.region)
    resolved = resolve(sheet, at, mix.tier, mix.region)
    if isinstance(cost, Unpriced) or isinstance(resolved, Unpriced):
        return None
    rate = Decimal(1) if resolved.currency == "JPY" else rates.get(resolved.currency)
    return None if rate is None else EXACT.multiply(cost, rate)


def _offer(
    sheet: ModelSheet, totals: Usage, calls: int, at: datetime, tier: str, rates: Mapping[str, Decimal]
) -> MixPrice | Dropped:
    what = f"{sheet.provider}/{sheet.model}"
    if sheet.is_deprecated:
        return Dropped(what, "deprecated")
    if sheet.context_window is not None and totals.input_tokens > sheet.context_window * calls:
        return Dropped(what, "context_too_small", {"context_window": sheet.context_window})
    resolved = resolve(sheet, at, tier)
    cost = price_of_mix(sheet, totals, calls, at, tier)
    if isinstance(resolved, Unpriced):
        return Dropped(what, resolved.code, resolved.facts)
    if isinstance(cost, Unpriced):
        return Dropped(what, cost.code, cost.facts)
    if not cost and any((totals.input_tokens, totals.output_tokens)):
        return Dropped(what, "price_is_zero")
    rate = Decimal(1) if resolved.currency == "JPY" else rates.get(resolved.currency)
    if rate is None:
        return Dropped(what, "rate_missing", {"currency": resolved.currency})
    return MixPrice(sheet.provider, sheet.model, cost, resolved.currency, EXACT.multiply(cost, rate))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total

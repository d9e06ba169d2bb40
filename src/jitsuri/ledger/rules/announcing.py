"""Announcing: what a model costs now, what it cost before, and what is dated to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

from jitsuri.ledger.rules.finding import sheets_of
from jitsuri.ledger.rules.pricing import Resolved, is_active, resolve
from jitsuri.ledger.shapes.pricing import (
    Block,
    Factor,
    ModelSheet,
    PriceBook,
    PriceChange,
    PriceRow,
    UnitPrice,
    Unpriced,
)
from jitsuri.terms.money import EXACT_DIGITS
from jitsuri.terms.usage import PART_OF

_WHOLE = {part: whole for part, whole in reversed(PART_OF)}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def current_prices(sheet: ModelSheet, at: datetime) -> tuple[PriceRow, ...]:
    """Every unit price that holds on this day: standard first, then hours of the day, then tiers.

    Empty where no block holds yet.
    """
    rows: list[PriceRow] = []
    steady = _steady(sheet)
    standard = resolve(steady, at)
    if isinstance(standard, Resolved):
        rows += _rows(sheet, "", "", standard)
    for block in sheet.blocks:
        if _window(block) and not block.tier and is_active(_all_day(block), at):
            priced = resolve(replace(sheet, blocks=(_all_day(block),)), at)
            if isinstance(priced, Resolved):
                rows += _rows(sheet, "", _window(block), priced)
    for tier in tiers_of(sheet):
        priced = resolve(steady, at, tier)
        if isinstance(priced, Resolved) and not priced.note:
            rows += _rows(sheet, tier, "", priced)
    return tuple(rows)


def tiers_of(sheet: ModelSheet) -> tuple[str, ...]:
    """The tiers with a price of their own, ever, in the order of the book."""
    return tuple(dict.fromkeys(block.tier for block in sheet.blocks if block.tier and block.units))


def changes_of(sheet: ModelSheet) -> tuple[PriceChange, ...]:
    """Every dated change of a unit price, oldest first. Prices by the hour are prices, not changes: left out here."""
    steady = _steady(sheet)
    changes: list[PriceChange] = []
    for on, border in _borders(steady):
        for tier in ("", *tiers_of(steady)):
            before, after = resolve(steady, border - timedelta(seconds=1), tier), resolve(steady, border, tier)
            if isinstance(after, Resolved) and not (tier and after.note):
                changes += _changes(sheet, tier, on, before, after, resolve(steady, border))
    return tuple(changes)


def changes_ahead(book: PriceBook, today: date, horizon_days: int) -> tuple[PriceChange, ...]:
    """Announced changes after ``today`` and up to ``horizon_days`` later, soonest first."""
    found = [change for sheet in sheets_of(book) for change in changes_ahead_of(sheet, today, horizon_days)]
    return tuple(sorted(found, key=_order))


def changes_ahead_of(sheet: ModelSheet, today: date, horizon_days: int) -> tuple[PriceChange, ...]:
    """Announced changes of one model after ``today`` and up to ``horizon_days`` later, soonest first.

    A factor of the company's own that begins or ends is such a change too.
    """
    last = today + timedelta(days=horizon_days)
    dated: tuple[Block | Factor, ...] = (*sheet.blocks, *sheet.factors)
    if not any(_is_within(row, today, last) for row in dated):
        return ()
    return tuple(sorted((c for c in changes_of(sheet) if today < c.on <= last), key=_order))


def change_percent(sheet: ModelSheet, since: date, on: date) -> Decimal | None:
    """By how many per cent the standard price differs on a day from that of an earlier one: of input and output the one
    that moved more. None where either day has no price, or another currency; a price of zero that is no more is 100."""
    before, after = (resolve(_steady(sheet), datetime.combine(day, time(12), UTC)) for day in (since, on))
    if isinstance(before, Unpriced) or isinstance(after, Unpriced) or before.currency != after.currency:
        return None
    was, now = _points(before), _points(after)
    found = [Decimal(0)]
    for kind in ("input_tokens", "output_tokens"):
        old, new = _price_at(was, kind, 0), _price_at(now, kind, 0)
        if old is not None and new is not None and old != new:
            with localcontext(prec=EXACT_DIGITS):
                found.append((new - old) * 100 / old if old else Decimal(100))
    return max(found, key=abs)


def _order(change: PriceChange) -> tuple[date, str, str, str, int]:
    return change.on, change.provider, change.model, change.tier, change.above_tokens


def differences(
    before: Resolved | Unpriced, after: Resolved, *, is_first: bool = False
) -> Iterator[tuple[str, int, Decimal | None, Decimal, int]]:
    """What differs between two priced states: ``(kind, above_tokens, before, after, per)``.

    A kind without a price of its own counts as the kind it is part of, so a cliff or kind that goes away shows the
    price that takes its place. ``is_first`` (or another currency) leaves ``before`` open.
    """
    was = {} if is_first or isinstance(before, Unpriced) or before.currency != after.currency else _points(before)
    now = _points(after)
    for (kind, above), unit in ({**was, **now}).items():
        old, new = _price_at(was, kind, above), _price_at(now, kind, above)
        if new is not None and old != new:
            yield kind, above, old, new, unit.per


def _points(resolved: Resolved) -> dict[tuple[str, int], UnitPrice]:
    """Each unit price and each of its cliffs, by ``(kind, above_tokens)``, with the price that holds there."""
    points = {}
    for kind, unit in resolved.units.items():
        points[kind, 0] = replace(unit, steps=())
        for step in unit.steps:
            points[kind, step.above_tokens] = replace(unit, price=step.price, steps=())
    return points


def _price_at(points: dict[tuple[str, int], UnitPrice], kind: str, above: int) -> Decimal | None:
    """What a kind costs above so many tokens: its own price, else that of the kind it is part of."""
    own = [(at, unit.price) for (name, at), unit in points.items() if name == kind and at <= above]
    if own:
        return max(own)[1]
    whole = _WHOLE.get(kind)
    return None if whole is None else _price_at(points, whole, above)


def _changes(
    sheet: ModelSheet, tier: str, on: date, before: Resolved | Unpriced, after: Resolved, standard: Resolved | Unpriced
) -> Iterator[PriceChange]:
    is_first = bool(tier) and isinstance(before, Resolved) and bool(before.note)
    plain = _points(standard) if tier and isinstance(standard, Resolved) else {}
    for kind, above, old, new, per in differences(before, after, is_first=is_first):
        inherited = (kind, above) in plain and plain[kind, above].price == new
        if not inherited:
            yield PriceChange(sheet.provider, sheet.model, kind, on, old, new, per, after.currency, tier, above)


def _borders(sheet: ModelSheet) -> list[tuple[date, datetime]]:
    found: dict[datetime, date] = {}
    for row in (*sheet.blocks, *(Block("", (), f.starts_on, f.ends_on, zone=f.zone) for f in sheet.factors)):
        for day in (row.starts_on, row.ends_on + timedelta(days=1) if row.ends_on else None):
            if day is not None:
                found[datetime.combine(day, time(), ZoneInfo(row.zone))] = day
    return [(found[border], border) for border in sorted(found)]


def _is_within(block: Block | Factor, today: date, last: date) -> bool:
    starts, ends = block.starts_on, block.ends_on
    return (starts is not None and today < starts <= last) or (ends is not None and today <= ends < last)


def _steady(sheet: ModelSheet) -> ModelSheet:
    """The sheet without prices by the hour or weekday."""
    return replace(sheet, blocks=tuple(block for block in sheet.blocks if not _window(block)))


def _all_day(block: Block) -> Block:
    return replace(block, from_time=None, until_time=None, weekdays=())


def _window(block: Block) -> str:
    """The hours in which a block holds, as a reader sees them: ``01:00-04:00 UTC Mon-Fri``; '' for always."""
    parts = []
    if block.from_time is not None or block.until_time is not None:
        end = f"{block.until_time:%H:%M}" if block.until_time else "24:00"
        parts.append(f"{block.from_time or time():%H:%M}-{end} {block.zone}")
    if block.weekdays:
        first, last = block.weekdays[0], block.weekdays[-1]
        is_run = len(block.weekdays) > 2 and last - first == len(block.weekdays) - 1
        parts.append(f"{_DAYS[first]}-{_DAYS[last]}" if is_run else " ".join(_DAYS[day] for day in block.weekdays))
    return " ".join(parts)


def _rows(sheet: ModelSheet, tier: str, window: str, priced: Resolved) -> list[PriceRow]:
    return [
        PriceRow(
            sheet.provider, sheet.model, tier, window, unit.kind, unit.price, unit.per, unit.steps, priced.currency,
            priced.block, priced.is_override,
        )
        for unit in priced.units.values()
    ]  # fmt: skip

"""単価: what the models in use cost, and what is dated to change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from jitsuri.flows.cold.viewing.asking import STALE_DAYS
from jitsuri.flows.cold.viewing.opening_prices import ModelPrices, PriceHistory, PriceList, price_history, price_list
from jitsuri.ledger.shapes.pricing import PriceChange, PriceRow
from jitsuri.paper.shapes import PriceSteps, Scale, StepLine, StepPoint
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Missing, Nav, Page, PageRequest, Route
from jitsuri.web.formatting import day
from jitsuri.web.pages.addressing import Links, named
from jitsuri.web.pages.charting import month_bars
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.wording import basis_text, names_in, rate_kind
from jitsuri.words import Language, text

MAIN_KINDS = ("input_tokens", "cache_read_tokens", "output_tokens")
"""The kinds that a table names in columns of their own; the others are told below them."""

PER = Decimal(1_000_000)
"""Token prices are shown per million, as vendors list them."""

TERM_KINDS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")

CHART_KINDS = ("input_tokens", "output_tokens", "cache_read_tokens")


def show_prices(desk: Desk, request: PageRequest) -> Answer:
    """Today's prices of the models in use, changes, and models without a price."""
    lang = request.lang
    with desk.store.reading() as tx:
        view = price_list(tx, request.now, rate_kind(desk))
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    if wants_csv(request):
        return csv_file("prices", _head(lang), _lines(view))
    shows = {
        "view": view,
        "names": names,
        "link": Links(view.month),
        "basis": basis_text(view.basis, lang),
        "models": [(model, _main(model.rows), _other(model.rows)) for model in view.models],
        "kinds": MAIN_KINDS,
        "per_million": per_million,
        "is_stale": view.age_days is not None and view.age_days > STALE_DAYS,
    }
    return Page("prices.html", shows)


def show_history(desk: Desk, request: PageRequest) -> Answer:
    """One model's prices over time, with what is announced."""
    lang = request.lang
    provider, model = named(request.words_of("provider")), request.words_of("model")
    with desk.store.reading() as tx:
        view = price_history(tx, request.now, rate_kind(desk), provider, model)
    if view is None:
        return Missing()
    if wants_csv(request):
        return csv_file(f"price-{view.sheet.model}".replace("/", "-"), _change_head(lang), _change_lines(view))
    costs = [Decimal(0)] if not view.months else [cost for _, _, cost in view.months]
    shows = {
        "view": view,
        "link": Links(),
        "basis": basis_text(view.basis, lang),
        "steps": _steps(desk, request, view),
        "per_million": per_million,
        "bars": month_bars(
            "model-months", text("chart.months", lang), [m for m, _, _ in view.months],
            [(view.sheet.model, costs)], lang,
        ) if view.months else None,
        "terms": _terms(view.rows),
        "kinds": TERM_KINDS,
        "changes": _together(view.changes),
        "today": company_day(request.now, desk.zone),
    }  # fmt: skip
    return Page("price.html", shows)


def per_million(price: Decimal, per: int) -> Decimal:
    """A price per million units; prices of other units (searches, requests) keep their own."""
    return price * PER / per


def _main(rows: Sequence[PriceRow]) -> dict[str, PriceRow]:
    """The standard price of each main kind."""
    return {row.kind: row for row in rows if not row.tier and not row.window and row.kind in MAIN_KINDS}


def _other(rows: Sequence[PriceRow]) -> list[PriceRow]:
    """Everything else: other kinds, tiers, hours."""
    return [row for row in rows if row.tier or row.window or row.kind not in MAIN_KINDS]


def _terms(rows: Sequence[PriceRow]) -> list[tuple[str, str, dict[str, PriceRow], list[PriceRow]]]:
    """Today's prices by tier and hours: (tier, hours, the kinds of columns, the others)."""
    held: dict[tuple[str, str], list[PriceRow]] = defaultdict(list)
    for row in rows:
        held[row.tier, row.window].append(row)
    return [
        (
            tier,
            window,
            {row.kind: row for row in own if row.kind in TERM_KINDS},
            [row for row in own if row.kind not in TERM_KINDS],
        )
        for (tier, window), own in held.items()
    ]


def _together(changes: Sequence[PriceChange]) -> list[tuple[date, str, list[PriceChange]]]:
    """Changes of one day and tier together, latest first."""
    held: dict[tuple[date, str], list[PriceChange]] = defaultdict(list)
    for change in changes:
        held[change.on, change.tier].append(change)
    return [(on, tier, held[on, tier]) for on, tier in sorted(held, key=lambda key: (-key[0].toordinal(), key[1]))]


def _steps(desk: Desk, request: PageRequest, view: PriceHistory) -> PriceSteps | None:
    """The chart of standard prices; None where there is nothing to draw."""
    lang, today = request.lang, company_day(request.now, desk.zone)
    standing = {row.kind: row for row in view.rows if not row.tier and not row.window and row.kind in CHART_KINDS}
    if not standing:
        return None
    changes = [c for c in view.changes if not c.tier and not c.above_tokens]
    last = max([c.on for c in changes if c.on > today], default=today) + timedelta(days=60)
    first = max(min([c.on for c in changes], default=today), today - timedelta(days=730)) - timedelta(days=60)
    lines = []
    for kind in CHART_KINDS:
        if kind in standing:
            row = standing[kind]
            points = _points(row, [c for c in changes if c.kind == kind], first)
            lines.append(StepLine(text(f"price_kind.{kind}", lang), tuple(points)))
    currency = next(iter(standing.values())).currency
    return PriceSteps(
        title=text("chart.prices", lang, model=view.sheet.model),
        description=text("chart.prices.told", lang, currency=currency),
        lines=tuple(lines),
        first=first,
        today=today,
        last=last,
        scale=Scale(text("chart.prices.unit", lang, currency=currency)),
        first_text=day(first, lang),
        today_text=text("chart.today", lang),
        last_text=day(last, lang),
        day_head=text("column.day", lang),
    )


def _points(row: PriceRow, changes: Sequence[PriceChange], first: date) -> list[StepPoint]:
    """A kind's price from the chart's first day on."""
    before = [c for c in changes if c.on <= first]
    within = [c for c in changes if c.on > first]
    start: Decimal | None
    if before:
        start = before[-1].after
    elif within:
        start = within[0].before
    else:
        start = row.price
    points = [] if start is None else [StepPoint(first, per_million(start, row.per))]
    return points + [StepPoint(c.on, per_million(c.after, c.per)) for c in within]


def _head(lang: Language) -> list[str]:
    codes = ("provider", "model", "tier", "window", "kind", "price", "per", "currency", "block", "own")
    return [text(f"column.{code}", lang) for code in codes]


def _lines(view: PriceList) -> Iterable[Sequence[Cell]]:
    for model in view.models:
        yield from _rows(model)


def _rows(model: ModelPrices) -> Iterable[Sequence[Cell]]:
    for r in model.rows:
        yield r.provider, r.model, r.tier, r.window, r.kind, r.price, r.per, r.currency, r.block, int(r.is_override)


def _change_head(lang: Language) -> list[str]:
    return [text(f"column.{code}", lang) for code in ("on", "tier", "kind", "before", "after", "per", "currency")]


def _change_lines(view: PriceHistory) -> Iterable[Sequence[Cell]]:
    for c in view.changes:
        yield c.on, c.tier, c.kind, c.before, c.after, c.per, c.currency


ROUTES: tuple[Route, ...] = (
    Route("GET", "/prices", "see_money", show_prices, Nav("prices", "r", 60)),
    Route("GET", "/prices/{provider}/{model:path}", "see_money", show_history),
)

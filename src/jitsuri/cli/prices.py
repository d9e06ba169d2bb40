"""``jitsuri prices``: what models cost, renewing the book, and pricing again."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import cast

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from jitsuri.cli.ahead import ahead
from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.flows.cold.keeping_rates import rates_in_use
from jitsuri.flows.cold.renewing_prices import (
    Proposal,
    Repriced,
    apply_update,
    book_in_use,
    ensure_book,
    is_newer_installed,
    names_in_ledger,
    propose_update,
    reprice,
)
from jitsuri.ledger.rules.announcing import changes_of, current_prices
from jitsuri.ledger.rules.converting import Rates
from jitsuri.ledger.rules.finding import find_sheet
from jitsuri.ledger.shapes.pricing import (
    BookInfo,
    ModelSheet,
    PriceBook,
    PriceChange,
    PriceRow,
    Unpriced,
)
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.ledger.wire.overriding import overrides_from_toml, warnings_of, with_own_prices
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.terms.period import COMPANY_ZONE, company_day
from jitsuri.words import has_text, text

_SHOWN_CHANGES = 40


@click.group("prices")
def prices() -> None: ...


prices.add_command(ahead)


@prices.command("show")
@click.argument("models", nargs=-1)
@click.option("--provider", default="")
@click.option("--at", "at_", metavar="YYYY-MM-DD", default=None)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def show(desk: Desk, models: tuple[str, ...], provider: str, at_: str | None, json_out: bool) -> None:
    desk.json_out = json_out
    now = desk.now()
    at = now if at_ is None else datetime.combine(_day(at_), time(12), COMPANY_ZONE)
    with desk.store() as store:
        book = ensure_book(store, now, desk.settings.overrides)
        with store.reading() as tx:
            standing = book_in_use(tx)
            asked = [(provider, model) for model in models] or names_in_ledger(tx)
    found = {(p, m): find_sheet(book, p, m) for p, m in asked}
    sheets = list(dict.fromkeys(sheet for sheet in found.values() if isinstance(sheet, ModelSheet)))
    missing = [name for name, sheet in found.items() if isinstance(sheet, Unpriced)]
    info = standing[1] if standing else BookInfo(book.book_id, book.source, now, book.published_on, book.models)
    if json_out:
        desk.give({"book": _book(info, now), "at": at, "models": [_sheet(sheet, at) for sheet in sheets],
                   "missing": [{"provider": p, "model": m} for p, m in missing]})  # fmt: skip
        return
    _show_age(desk, info, book, now)
    if not asked:
        desk.say("cli.prices.show.empty")
    if sheets:
        Console().print(_price_table(desk, [row for sheet in sheets for row in current_prices(sheet, at)]))
    ahead = [change for sheet in sheets for change in changes_of(sheet) if change.on > company_day(at)]
    if ahead:
        Console().print(_change_table(desk, ahead, "cli.prices.show.ahead"))
    for sheet in sheets:
        if sheet.uncounted:
            desk.say("cli.prices.show.uncounted", model=sheet.model, kinds=", ".join(sheet.uncounted))
    for p, m in missing:
        desk.say("cli.prices.show.missing", model=m, provider=p or "-")
    if missing and models:
        raise SystemExit(1)


@prices.command("diff")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--installed", is_flag=True)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def diff(desk: Desk, file: Path | None, installed: bool, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        proposal = _proposal(desk, store, file, installed)
    if json_out:
        desk.give(_proposal_json(proposal))
        return
    _show_proposal(desk, proposal)


@prices.command("update")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--installed", is_flag=True)
@click.option("--yes", is_flag=True)
@click.option("--reason", default=None)
@pass_desk
def update(desk: Desk, file: Path | None, installed: bool, yes: bool, reason: str | None) -> None:
    with desk.store() as store:
        proposal = _proposal(desk, store, file, installed)
        _show_proposal(desk, proposal)
        if proposal.book.book_id == proposal.diff.old_id:
            return
        if not yes and not click.confirm(text("cli.prices.update.ask", desk.lang)):
            desk.say("cli.prices.update.left")
            return
        told = reason if reason is not None else (f"prices update {proposal.book.source}" if yes else "")
        told = told or click.prompt(text("cli.prices.update.ask_reason", desk.lang))
        info = apply_update(store, proposal.book, desk.now(), "cli", told)
    desk.say("cli.prices.update.done", book_id=info.book_id, source=info.source)


@prices.group("overrides")
def overrides() -> None: ...


@overrides.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@pass_desk
def check(desk: Desk, file: Path) -> None:
    own = overrides_from_toml(file)
    with desk.store() as store:
        book = ensure_book(store, desk.now(), desk.settings.overrides)
    with_own_prices(book, own)
    for warning in warnings_of(book, own):
        facts = {"provider": warning.provider, "model": warning.model, **warning.facts}
        desk.say(f"price_warning.{warning.code}", **facts)
    desk.say("cli.prices.overrides.check.done", prices=len(own.overrides), factors=len(own.factors),
             retirements=len(own.retirements))  # fmt: skip


@prices.command("reprice")
@click.option("--since", metavar="YYYY-MM-DD", default=None)
@click.option("--unpriced", is_flag=True)
@click.option("--reason", required=True)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def reprice_(desk: Desk, since: str | None, unpriced: bool, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    if since is None and not unpriced:
        raise CallerError("reprice_what")
    first = None if since is None else datetime.combine(_day(since), time(), COMPANY_ZONE)
    console = Console(stderr=True)
    with desk.store() as store, Progress(
        SpinnerColumn(), TextColumn("{task.description}"), console=console, disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        line = bar.add_task("")

        def tell(done: Repriced) -> None:
            bar.update(line, description=text("cli.prices.reprice.progress", desk.lang, count=f"{done.looked_at:,}"))

        now = desk.now()
        book = ensure_book(store, now, desk.settings.overrides)
        rates = _rates(desk, store)
        done = reprice(store, now, book, "cli", reason, rates.on, since=first, is_only_open=unpriced, on_batch=tell)
    if json_out:
        desk.give({name: getattr(done, name) for name in Repriced.__slots__})
        return
    counts = ("looked_at", "newly_priced", "changed", "still_open", "kept", "lines")
    numbers = {name: f"{getattr(done, name):,}" for name in counts}
    desk.say("cli.prices.reprice.done", **numbers, difference_jpy=f"{done.difference_jpy:+,.2f}")


def _proposal(desk: Desk, store: Store, file: Path | None, installed: bool) -> Proposal:
    if (file is None) == (not installed):
        raise CallerError("prices_from_where")
    rates = _rates(desk, store)
    return propose_update(store, file, desk.now(), desk.settings.overrides, rates.on)


def _rates(desk: Desk, store: Store) -> Rates:
    kind = cast(RateKind, desk.settings.text("money.rate_kind"))
    return rates_in_use(store, desk.now(), kind, desk.settings.assumed_rates)


def _day(named: str) -> date:
    try:
        return date.fromisoformat(named)
    except ValueError as error:
        raise CallerError("price_day_unreadable", value=named) from error


def _show_age(desk: Desk, info: BookInfo, book: PriceBook, now: datetime) -> None:
    known = info.published_on or info.taken_at.astimezone(UTC).date()
    desk.say(
        "cli.prices.book", source=info.source, book_id=info.book_id, models=f"{info.models:,}", day=known,
        days=(company_day(now) - known).days, taken=company_day(info.taken_at), own=len(book.overrides),
    )  # fmt: skip
    if is_newer_installed(book) and not book.source.startswith("file "):
        desk.say("cli.prices.newer_installed")


_MAIN_KINDS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")


def _price_table(desk: Desk, rows: list[PriceRow]) -> Table:
    """One line per model, tier and cliff; the main kinds have columns (per million), the rest one together."""
    table = Table(title=text("cli.prices.show.per_million", desk.lang))
    for name in ("model", "provider", "tier"):
        table.add_column(text(f"cli.prices.column.{name}", desk.lang), no_wrap=True)
    for name in ("input", "cache_read", "cache_write", "output"):
        table.add_column(text(f"cli.prices.column.{name}", desk.lang), justify="right", no_wrap=True)
    for name in ("other", "currency"):
        table.add_column(text(f"cli.prices.column.{name}", desk.lang))
    lines: dict[tuple[str, ...], dict[str, PriceRow]] = {}
    for row in rows:
        lines.setdefault((row.model, row.provider, row.tier, row.window), {})[row.kind] = row
    named: tuple[str, ...] = ()
    for key, found in lines.items():
        shown = " ".join(filter(None, key[2:])) or text("price_tier.standard", desk.lang)
        one = next(iter(found.values()))
        own = text("cli.prices.own", desk.lang) if one.is_override else ""
        for above in (0, *sorted({step.above_tokens for row in found.values() for step in row.steps})):
            cells = {kind: _priced_above(row, above) for kind, row in found.items()}
            rest = [f"{_kind(desk, k)} {p}{_per_of(found[k])}" for k, p in cells.items() if k not in _MAIN_KINDS and p]
            table.add_row(
                *(("", "") if named == key[:2] else key[:2]), f"{shown} >{above:,}" if above else shown + own,
                *(cells.get(kind, "") for kind in _MAIN_KINDS), "\n".join(rest), one.currency,
            )  # fmt: skip
            named = key[:2]
    return table


def _priced_above(row: PriceRow, above: int) -> str:
    """The price above so many input tokens; '' where it is the price below too."""
    if not above:
        return plainly(row.price)
    return next((plainly(step.price) for step in row.steps if step.above_tokens == above), "")


def _per_of(row: PriceRow) -> str:
    return "" if row.per == 1_000_000 else f"/{_per(row.per)}"


def _change_table(desk: Desk, changes: list[PriceChange], title: str) -> Table:
    columns = ("on", "model", "provider", "tier", "kind", "before", "after", "currency")
    table = Table(*(text(f"cli.prices.column.{name}", desk.lang) for name in columns), title=text(title, desk.lang))
    for change in changes[:_SHOWN_CHANGES]:
        kind = _kind(desk, change.kind) + (f" >{change.above_tokens:,}" if change.above_tokens else "")
        tier = change.tier or text("price_tier.standard", desk.lang)
        before = "-" if change.before is None else plainly(change.before)
        after = f"{plainly(change.after)} / {_per(change.per)}"
        table.add_row(str(change.on), change.model, change.provider, tier, kind, before, after, change.currency)
    return table


def _show_proposal(desk: Desk, proposal: Proposal) -> None:
    found = proposal.diff
    if proposal.book.book_id == found.old_id or found.is_empty:
        desk.say("cli.prices.diff.same", source=found.source)
        return
    desk.say(
        "cli.prices.diff.head", source=found.source, day=found.published_on or "-", added=len(found.added),
        removed=len(found.removed), changed=len({(c.provider, c.model) for c in found.changed}),
        announced=len({(c.provider, c.model) for c in found.announced}), revised=len(found.revised),
    )  # fmt: skip
    used = {(effect.provider, effect.model) for effect in found.effects}
    for changes, title in ((found.changed, "changed"), (found.announced, "announced")):
        ordered = sorted(changes, key=lambda c: (c.provider, c.model) not in used)
        if ordered:
            Console().print(_change_table(desk, ordered, f"cli.prices.diff.{title}"))
        if len(ordered) > _SHOWN_CHANGES:
            desk.say("cli.prices.diff.more", count=len(ordered) - _SHOWN_CHANGES)
    difference = found.after_jpy - found.before_jpy
    for effect in found.effects[:_SHOWN_CHANGES]:
        amounts = {
            name: "-" if yen is None else f"{yen:,.0f}"
            for name, yen in (("before_jpy", effect.before_jpy), ("after_jpy", effect.after_jpy))
        }
        desk.say("cli.prices.diff.effect", model=effect.model, calls=f"{effect.calls:,}", **amounts)
    desk.say(
        "cli.prices.diff.total", month=proposal.month, before_jpy=f"{found.before_jpy:,.0f}",
        after_jpy=f"{found.after_jpy:,.0f}", difference_jpy=f"{difference:+,.0f}",
    )  # fmt: skip


def _kind(desk: Desk, kind: str) -> str:
    return text(f"price_kind.{kind}", desk.lang) if has_text(f"price_kind.{kind}") else kind


def _per(units: int) -> str:
    return {1_000_000: "1M", 1_000: "1K"}.get(units, f"{units:,}")


def plainly(price: Decimal) -> str:
    """A price as people write it: no exponent, no needless zeros."""
    return f"{price.normalize():f}"


def _book(info: BookInfo, now: datetime) -> dict[str, object]:
    known = info.published_on or info.taken_at.astimezone(UTC).date()
    return {"book_id": info.book_id, "source": info.source, "taken_at": info.taken_at,
            "published_on": info.published_on, "models": info.models,
            "age_days": (company_day(now) - known).days}  # fmt: skip


def _sheet(sheet: ModelSheet, at: datetime) -> dict[str, object]:
    return {
        "provider": sheet.provider, "model": sheet.model, "name": sheet.name, "source": sheet.source,
        "note": sheet.note, "context_window": sheet.context_window, "deprecated": sheet.is_deprecated,
        "uncounted": sheet.uncounted, "prices": [_row(row) for row in current_prices(sheet, at)],
        "changes": [_change(change) for change in changes_of(sheet)],
    }  # fmt: skip


def _row(row: PriceRow) -> dict[str, object]:
    return {
        "tier": row.tier, "window": row.window, "kind": row.kind, "price": plainly(row.price), "per": row.per,
        "currency": row.currency, "block": row.block, "own": row.is_override,
        "steps": [{"above_tokens": step.above_tokens, "price": plainly(step.price)} for step in row.steps],
    }  # fmt: skip


def _change(change: PriceChange) -> dict[str, object]:
    return {
        "provider": change.provider, "model": change.model, "on": change.on, "tier": change.tier, "kind": change.kind,
        "above_tokens": change.above_tokens, "before": None if change.before is None else plainly(change.before),
        "after": plainly(change.after), "per": change.per, "currency": change.currency,
    }  # fmt: skip


def _proposal_json(proposal: Proposal) -> dict[str, object]:
    found = proposal.diff
    return {
        "old": found.old_id, "new": found.new_id, "source": found.source, "published_on": found.published_on,
        "same": found.is_empty, "month": str(proposal.month),
        "added": [{"provider": p, "model": m} for p, m in found.added],
        "removed": [{"provider": p, "model": m} for p, m in found.removed],
        "changed": [_change(change) for change in found.changed],
        "announced": [_change(change) for change in found.announced],
        "revised": [{"provider": p, "model": m} for p, m in found.revised],
        "effects": [
            {"provider": e.provider, "model": e.model, "tier": e.tier, "calls": e.calls, "before_jpy": e.before_jpy,
             "after_jpy": e.after_jpy} for e in found.effects
        ],
        "before_jpy": found.before_jpy, "after_jpy": found.after_jpy,
    }  # fmt: skip

"""``jitsuri ledger show|export``: totals for people, one row per entry for programs."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.flows.cold.exporting import EXPORT_FORMATS, export_entries
from jitsuri.flows.cold.viewing.tabling import month_table
from jitsuri.terms.errors import CallerError
from jitsuri.terms.period import Month, company_day, month_named, month_of
from jitsuri.words import text

_BY = ("department", "task", "provider", "model", "purpose", "tier")


@click.group("ledger")
def ledger() -> None: ...


@ledger.command("show")
@click.option("--from", "first", metavar="YYYY-MM", default=None)
@click.option("--to", "last", metavar="YYYY-MM", default=None)
@click.option("--by", type=click.Choice(_BY), multiple=True, default=("task", "model"))
@click.option("--task", default=None)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def show(
    desk: Desk, first: str | None, last: str | None, by: tuple[str, ...], task: str | None, json_out: bool
) -> None:
    until = _month(last) if last else month_of(company_day(desk.now()))
    since = _month(first) if first else until
    with desk.store() as store, store.reading() as tx:
        view = month_table(tx, since, until, by, task)
    if json_out:
        desk.give(view.as_json())
        return
    table = Table(*(text(f"cli.ledger.column.{c}", desk.lang) for c in ("month", *by)))
    for name in ("calls", "tokens", "cost_jpy"):
        table.add_column(text(f"cli.ledger.column.{name}", desk.lang), justify="right")
    for row in sorted(view.rows, key=lambda r: (str(r.period), -r.cost_jpy)):
        keys = [str(row.period)[:7], *(str(getattr(row, name)) or text("word.unassigned", desk.lang) for name in by)]
        table.add_row(*keys, f"{row.calls:,}", f"{row.input_tokens + row.output_tokens:,}", f"{row.cost_jpy:,.2f}")
    Console().print(table)
    desk.say("cli.ledger.show.totals", calls=f"{view.calls:,}", calls_jpy=f"{view.calls_jpy:,.0f}",
             other_jpy=f"{view.other_jpy:,.0f}", sum_jpy=f"{view.calls_jpy + view.other_jpy:,.0f}")  # fmt: skip
    if view.unpriced or view.unconverted:
        desk.say("cli.ledger.show.gaps", unpriced=view.unpriced, unconverted=view.unconverted)


@ledger.command("export")
@click.option("--format", "format_", type=click.Choice(EXPORT_FORMATS), default="csv")
@click.option("--from", "first", metavar="YYYY-MM", default=None)
@click.option("--to", "last", metavar="YYYY-MM", default=None)
@click.option("--task", default=None)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=None)
@pass_desk
def export(desk: Desk, format_: str, first: str | None, last: str | None, task: str | None, out: Path | None) -> None:
    if out is None and format_ == "parquet":
        raise CallerError("parquet_needs_file")
    with desk.store() as store, store.reading() as tx:
        since, until = _month(first) if first else None, _month(last) if last else None
        rows = export_entries(tx, format_, out or sys.stdout.buffer, since, until, task)
    click.echo(text("cli.ledger.export.done", desk.lang, rows=f"{rows:,}", out=out or "-"), err=True)


def _month(named: str) -> Month:
    try:
        return month_named(named)
    except ValueError as error:
        raise CallerError("month_unreadable", value=named) from error

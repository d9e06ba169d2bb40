"""``jitsuri costs``: costs that are not calls, as dated lines."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal, cast
from uuid import UUID

import click
from rich.console import Console
from rich.table import Table

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.rates import company_kind
from jitsuri.cli.refusing import refuse
from jitsuri.cli.typed import file_content, given_day, given_number
from jitsuri.flows.cold import keeping_costs as flow
from jitsuri.ledger.shapes.costs import COST_KINDS, SPREAD_RULES, CostKind, CostLine, MonthCosts, SpreadRule
from jitsuri.terms.errors import CallerError
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import month_named
from jitsuri.words import text


@click.group("costs")
def costs() -> None: ...


@costs.command("show")
@click.option("--month", metavar="YYYY-MM", default=None)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def show(desk: Desk, month: str | None, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        lines = flow.all_costs(store)
        if month is None:
            _show_lines(desk, lines)
            return
        try:
            named = month_named(month)
        except ValueError as error:
            raise CallerError("month_unreadable", value=month) from error
        with store.reading() as tx:
            found = flow.month_costs(tx, named, company_kind(desk))
    _show_month(desk, lines, found)


@costs.command("add")
@click.argument("name")
@click.argument("amount")
@click.option("--kind", type=click.Choice(COST_KINDS), required=True)
@click.option("--currency", default="JPY")
@click.option("--rhythm", type=click.Choice(["monthly", "once"]), default="monthly")
@click.option("--from", "first", metavar="YYYY-MM-DD", required=True)
@click.option("--to", "last", metavar="YYYY-MM-DD", default=None)
@click.option("--department", default="")
@click.option("--task", default="")
@click.option("--provider", default="")
@click.option("--spread", type=click.Choice(SPREAD_RULES), default="by_calls")
@click.option("--unused", default="0")
@click.option("--share", "shares", multiple=True, metavar="DEPARTMENT/TASK=SHARE")
@click.option("--note", default="")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def add(
    desk: Desk, name: str, amount: str, kind: str, currency: str, rhythm: str, first: str, last: str | None,
    department: str, task: str, provider: str, spread: str, unused: str, shares: tuple[str, ...], note: str,
    json_out: bool,
) -> None:  # fmt: skip
    desk.json_out = json_out
    unused_share, given = flow.share_of(unused), flow.shares_of(";".join(shares))
    if unused_share is None:
        raise CallerError("number_unreadable", value=unused)
    if given is None:
        refuse(desk, Refusal("cost_shares", {"field": "share", "value": " ".join(shares)}))
    line = CostLine(
        cost_id=UUID(int=0), kind=cast(CostKind, kind), name=name.strip(), amount=given_number(amount),
        currency=currency.upper(), rhythm=cast(Literal["monthly", "once"], rhythm), valid_from=given_day(first),
        valid_to=given_day(last) if last else None, department=department, task=task, provider=provider,
        spread=cast(SpreadRule, spread), unused_share=unused_share, shares=given, note=note,
    )  # fmt: skip
    with desk.store() as store:
        outcome = flow.add_cost(store, desk.now(), "cli", line)
    if isinstance(outcome, tuple):
        refuse(desk, outcome)
    if json_out:
        desk.give(_row(outcome))
    else:
        desk.say("cli.costs.add.done", name=outcome.name, id=outcome.cost_id.hex[:8])


@costs.command("end")
@click.argument("cost_id")
@click.argument("last_day", metavar="YYYY-MM-DD")
@pass_desk
def end(desk: Desk, cost_id: str, last_day: str) -> None:
    with desk.store() as store:
        line = _named(flow.all_costs(store), cost_id)
        outcome = flow.end_cost(store, desk.now(), "cli", line.cost_id, given_day(last_day))
    if isinstance(outcome, Refusal):
        refuse(desk, outcome)
    desk.say("cli.costs.end.done", name=outcome.name, day=outcome.valid_to)


@costs.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def import_(desk: Desk, file: Path, json_out: bool) -> None:
    desk.json_out = json_out
    content = file_content(file)
    with desk.store() as store:
        outcome = flow.import_costs(store, desk.now(), "cli", content, file.name)
    if isinstance(outcome, tuple):
        refuse(desk, outcome, is_import=True)
    if json_out:
        desk.give({"added": outcome.added, "known": outcome.known})
    else:
        desk.say("cli.costs.import.done", added=outcome.added, known=outcome.known)


def _named(lines: Sequence[CostLine], beginning: str) -> CostLine:
    """The line whose id begins so. Raises CallerError ``cost_unclear`` when none or several do."""
    plain = beginning.replace("-", "").lower()
    matching = [line for line in lines if plain and line.cost_id.hex.startswith(plain)]
    if len(matching) != 1:
        raise CallerError("cost_unclear", value=beginning, count=len(matching))
    return matching[0]


def _show_lines(desk: Desk, lines: Sequence[CostLine]) -> None:
    if desk.json_out:
        desk.give([_row(line) for line in lines])
        return
    if not lines:
        desk.say("cli.costs.show.none")
        return
    columns = ("id", "kind", "name", "amount", "rhythm", "span", "place", "spread", "unused")
    table = Table()
    for name in columns:
        table.add_column(text(f"cli.costs.column.{name}", desk.lang), min_width=8 if name == "id" else None)
    for line in lines:
        table.add_row(
            line.cost_id.hex[:8], text(f"cost_kind.{line.kind}", desk.lang), line.name,
            f"{line.amount:,} {line.currency}", text(f"cost_rhythm.{line.rhythm}", desk.lang),
            f"{line.valid_from} – {line.valid_to or ''}", "/".join(filter(None, (line.department, line.task))),
            text(f"cost_spread.{line.spread}", desk.lang), f"{(line.unused_share * 100).normalize():f} %",
        )  # fmt: skip
    Console().print(table)


def _show_month(desk: Desk, lines: Sequence[CostLine], found: MonthCosts) -> None:
    names = {line.cost_id: line.name for line in lines}
    if desk.json_out:
        desk.give({
            "amounts": [
                {"cost_id": a.cost_id, "name": names[a.cost_id], "month": a.month, "department": a.department,
                 "task": a.task, "amount_jpy": a.amount_jpy, "unused": a.is_unused} for a in found.amounts
            ],
            "unconverted": [_row(line) for line in found.unconverted],
        })  # fmt: skip
        return
    columns = ("name", "department", "task", "amount_jpy")
    table = Table(*(text(f"cli.costs.column.{name}", desk.lang) for name in columns))
    for amount in found.amounts:
        task = text("cli.costs.unused", desk.lang) if amount.is_unused else amount.task
        table.add_row(names[amount.cost_id], amount.department, task, f"{amount.amount_jpy:,.2f}")
    Console().print(table)
    total = sum((amount.amount_jpy for amount in found.amounts), Decimal(0))
    desk.say("cli.costs.show.total", jpy=f"{total:,.2f}")
    for line in found.unconverted:
        desk.say("cli.costs.show.unconverted", name=line.name, currency=line.currency)


def _row(line: CostLine) -> dict[str, object]:
    return {
        "cost_id": line.cost_id, "kind": line.kind, "name": line.name, "amount": line.amount,
        "currency": line.currency, "rhythm": line.rhythm, "valid_from": line.valid_from, "valid_to": line.valid_to,
        "department": line.department, "task": line.task, "provider": line.provider, "spread": line.spread,
        "unused_share": line.unused_share, "note": line.note,
        "shares": [{"department": d, "task": t, "share": s} for d, t, s in line.shares],
    }  # fmt: skip

"""``jitsuri prices ahead``: what is dated to come at the models in use, in yen per task and certificate."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

import click
from rich.console import Console
from rich.table import Table

from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.flows.cold.renewing_prices import ensure_book
from jitsuri.flows.cold.viewing.foreseeing import Announced, TaskEffect
from jitsuri.flows.cold.viewing.scouting import Coming, Ending, Radar, Stranded, Touched, effects_of, radar_kept
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.words import text

NOBODY = "-"
"""How 未割当 is asked for, as in the console's addresses."""


@click.command("ahead")
@click.option("--task", default=None)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def ahead(desk: Desk, task: str | None, json_out: bool) -> None:
    desk.json_out = json_out
    now = desk.now()
    kind = cast(RateKind, desk.settings.text("money.rate_kind"))
    sites = sites_of(upstreams_of(desk.settings))
    with desk.store() as store:
        ensure_book(store, now, desk.settings.overrides)
        with store.reading() as tx:
            found = radar_kept(tx, now, kind, sites)
    if task is not None:
        found = found.of_task("" if task == NOBODY else task)
    if json_out:
        desk.give(_told(found))
    elif not found.coming and not found.certificates:
        desk.say("cli.prices.ahead.none")
    else:
        _show(desk, found)


def _show(desk: Desk, found: Radar) -> None:
    desk.say("cli.prices.ahead.basis", month=found.month or "–")
    columns = ("on", "what", "task", "calls", "before", "after", "difference")
    table = Table(*(text(f"cli.prices.ahead.column.{name}", desk.lang) for name in columns))
    for one, task, part in effects_of(found):
        before, after = (part.before_jpy, part.after_jpy) if isinstance(part, TaskEffect) else _sides(part)
        named = task or text("word.unassigned", desk.lang)
        table.add_row(
            _day(desk, one), _what(desk, one, part), named, f"{part.calls:,}", _yen(before), _yen(after),
            _yen(part.effect_jpy, "+"),
        )  # fmt: skip
    if table.row_count:
        Console().print(table)
    for paper in found.certificates:
        shifts = ", ".join(_shift(desk, shift.model, shift.percent) for shift in paper.shifts)
        code = "cli.prices.ahead.void" if paper.is_void else "cli.prices.ahead.certificate"
        desk.say(
            code, day=paper.on, number=paper.number, task=paper.task, shifts=shifts, before=_yen(paper.before_jpy),
            after=_yen(paper.after_jpy),
        )  # fmt: skip


def _sides(part: Stranded) -> tuple[Decimal | None, Decimal | None]:
    return part.cost_jpy, part.alternative.cost_jpy if part.alternative is not None else None


def _day(desk: Desk, one: Coming) -> str:
    return str(one.on) if one.on is not None else text("page.radar.no_day", desk.lang)


def _what(desk: Desk, one: Coming, part: TaskEffect | Stranded) -> str:
    name = f"{one.provider}/{one.model}"
    if not isinstance(part, Stranded):
        return name
    way = part.alternative
    to = text("page.radar.nowhere", desk.lang) if way is None else f"→ {way.name}"
    return f"{name} {text('page.radar.ends', desk.lang)} {to}"


def _shift(desk: Desk, model: str, percent: Decimal | None) -> str:
    told = text("page.radar.ends", desk.lang) if percent is None else f"{percent:+.1f}%"
    return f"{model} {told}"


def _yen(amount: Decimal | None, sign: str = "") -> str:
    return "–" if amount is None else f"{amount:{sign},.0f}"


def _told(found: Radar) -> dict[str, object]:
    return {
        "month": str(found.month) if found.month is not None else None,
        "coming": [_price(one) if isinstance(one, Announced) else _end(one) for one in found.coming],
        "certificates": [_touched(one) for one in found.certificates],
    }


def _price(one: Announced) -> dict[str, object]:
    return {
        "kind": "price", "on": one.on, "provider": one.provider, "model": one.model, "before_jpy": one.before_jpy,
        "after_jpy": one.after_jpy, "effect_jpy": one.effect_jpy,
        "tasks": [
            {"task": part.task, "calls": part.calls, "before_jpy": part.before_jpy, "after_jpy": part.after_jpy,
             "effect_jpy": part.effect_jpy} for part in one.effects
        ],
    }  # fmt: skip


def _end(one: Ending) -> dict[str, object]:
    def way(part: Stranded) -> dict[str, object] | None:
        found = part.alternative
        if found is None:
            return None
        return {"name": found.name, "by": found.source, "cost_jpy": found.cost_jpy, "certificate": found.certificate}

    return {
        "kind": "end", "on": one.on, "provider": one.provider, "model": one.model, "source": one.source,
        "successor": one.successor,
        "tasks": [
            {"task": part.task, "calls": part.calls, "cost_jpy": part.cost_jpy, "alternative": way(part),
             "effect_jpy": part.effect_jpy} for part in one.stranded
        ],
    }  # fmt: skip


def _touched(one: Touched) -> dict[str, object]:
    return {
        "number": one.number, "task": one.task, "on": one.on, "before_jpy": one.before_jpy, "after_jpy": one.after_jpy,
        "void": one.is_void, "limit_percent": one.limit_percent, "state": one.state,
        "shifts": [{"side": shift.side, "model": shift.model, "percent": shift.percent} for shift in one.shifts],
    }  # fmt: skip

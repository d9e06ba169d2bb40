"""``jitsuri rates``: exchange rates and tax rules as dated rows; entries follow by new lines."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import cast

import click
from rich.console import Console
from rich.table import Table

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.refusing import refuse
from jitsuri.cli.typed import file_content, given_day, given_number
from jitsuri.flows.cold import keeping_rates as flow
from jitsuri.ledger.shapes.rates import DATED_KINDS, Rate, RateKind, TaxRule, TaxTreatment
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import text

_SHOWN = 30


@click.group("rates")
def rates() -> None: ...


@rates.command("show")
@click.argument("currencies", nargs=-1)
@click.option("--all", "every", is_flag=True)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def show(desk: Desk, currencies: tuple[str, ...], every: bool, json_out: bool) -> None:
    desk.json_out = json_out
    wanted = {currency.upper() for currency in currencies}
    with desk.store() as store:
        rows = [rate for rate in flow.all_rates(store) if not wanted or rate.currency in wanted]
    found = sorted(reversed(rows), key=lambda rate: rate.on, reverse=True)
    if json_out:
        desk.give([_row(rate) for rate in found])
        return
    if not found:
        desk.say("cli.rates.show.none")
        return
    table = Table(
        *(text(f"cli.rates.column.{name}", desk.lang) for name in ("day", "currency", "kind", "rate", "source"))
    )
    for rate in found if every else found[:_SHOWN]:
        kind = text(f"rate_kind.{rate.kind}", desk.lang)
        table.add_row(str(rate.on), rate.currency, kind, f"{rate.rate.normalize():f}", rate.source)
    Console().print(table)
    if not every and len(found) > _SHOWN:
        desk.say("cli.rates.show.more", count=len(found) - _SHOWN)


@rates.command("add")
@click.argument("currency")
@click.argument("day", metavar="YYYY-MM-DD")
@click.argument("rate")
@click.option("--kind", type=click.Choice(DATED_KINDS), default=None)
@click.option("--source", default="")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def add(desk: Desk, currency: str, day: str, rate: str, kind: str | None, source: str, json_out: bool) -> None:
    desk.json_out = json_out
    named, on, number = _kind(desk, kind), given_day(day), given_number(rate)
    told = source or text("cli.rates.add.typed", desk.lang)
    with desk.store() as store:
        outcome = flow.add_rate(
            store, desk.now(), "cli", currency=currency, day=on, kind=named, rate=number, source=told
        )  # fmt: skip
        _finish(desk, store, outcome)


@rates.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(DATED_KINDS), default=None)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def import_(desk: Desk, file: Path, kind: str | None, json_out: bool) -> None:
    desk.json_out = json_out
    content = file_content(file)
    with desk.store() as store:
        outcome = flow.import_rates(store, desk.now(), "cli", content, file.name, _kind(desk, kind))
        _finish(desk, store, outcome, is_import=True)


@rates.group("tax")
def tax() -> None: ...


@tax.command("show")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def show_tax(desk: Desk, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store, store.reading() as tx:
        rules = flow.tax_rules(tx)
    if json_out:
        desk.give([{"provider": r.provider, "valid_from": r.valid_from, "treatment": r.treatment, "percent": r.percent,
                    "source": r.source} for r in rules])  # fmt: skip
        return
    columns = ("provider", "valid_from", "treatment", "percent", "source")
    table = Table(*(text(f"cli.rates.column.{name}", desk.lang) for name in columns))
    for rule in rules:
        provider = rule.provider or text("cli.rates.tax.everybody", desk.lang)
        treatment = text(f"tax_treatment.{rule.treatment}", desk.lang)
        table.add_row(provider, str(rule.valid_from), treatment, f"{rule.percent.normalize():f}", rule.source)
    Console().print(table)
    desk.say("cli.rates.tax.show.note")


@tax.command("add")
@click.argument("provider")
@click.argument("day", metavar="YYYY-MM-DD")
@click.argument("treatment", type=click.Choice(["charged", "reverse_charge", "none", "unknown"]))
@click.option("--percent", default="10")
@click.option("--source", required=True)
@pass_desk
def add_tax(desk: Desk, provider: str, day: str, treatment: str, percent: str, source: str) -> None:
    is_taxed = treatment in ("charged", "reverse_charge")
    rule = TaxRule(
        "" if provider == "*" else provider, given_day(day), cast(TaxTreatment, treatment),
        given_number(percent) if is_taxed else Decimal(0), source.strip(),
    )  # fmt: skip
    with desk.store() as store:
        outcome = flow.add_tax_rule(store, desk.now(), "cli", rule)
    if isinstance(outcome, Refusal):
        refuse(desk, outcome)
    desk.say("cli.rates.tax.add.done", provider=provider, day=rule.valid_from)


def company_kind(desk: Desk) -> RateKind:
    """The kind of rate that the company converts with."""
    return cast(RateKind, desk.settings.text("money.rate_kind"))


def _kind(desk: Desk, named: str | None) -> RateKind:
    return cast(RateKind, named) if named else company_kind(desk)


def _finish(
    desk: Desk, store: Store, outcome: flow.RatesTaken | tuple[Refusal, ...], *, is_import: bool = False
) -> None:
    """Tell what went in, and convert again what waited for it."""
    if isinstance(outcome, tuple):
        refuse(desk, outcome, is_import=is_import)
    now = desk.now()
    in_use = flow.rates_in_use(store, now, company_kind(desk), desk.settings.assumed_rates)
    done = flow.Reconverted(0, Decimal(0))
    if outcome.first is not None:
        done = flow.reconvert(store, now, in_use, actor="cli", since=outcome.first)
    if desk.json_out:
        desk.give({
            "added": outcome.added, "corrected": outcome.corrected, "known": outcome.known,
            "reconverted": done.attempts, "difference_jpy": done.difference_jpy,
        })  # fmt: skip
        return
    desk.say("cli.rates.taken", added=outcome.added, corrected=outcome.corrected, known=outcome.known)
    if done.attempts:
        desk.say("cli.rates.reconverted", attempts=f"{done.attempts:,}", difference=f"{done.difference_jpy:+,.2f}")


def _row(rate: Rate) -> dict[str, object]:
    return {"rate_id": rate.rate_id, "currency": rate.currency, "day": rate.on, "kind": rate.kind,
            "rate": f"{rate.rate.normalize():f}", "source": rate.source}  # fmt: skip

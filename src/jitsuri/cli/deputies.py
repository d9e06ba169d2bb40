"""``jitsuri approval deputy``: who stands in for whom, from the machine itself. The one who names is named by ``--login``."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import click
from rich.console import Console
from rich.table import Table

from jitsuri.access.rules.guarding import login_form
from jitsuri.approvals.rules import idle_reason, is_ahead, is_standing
from jitsuri.approvals.shapes import Deputy
from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.refusing import refuse as give_up
from jitsuri.flows.cold.approving import Acting, appoint_deputy, end_deputy
from jitsuri.flows.cold.reading_tables import day_of
from jitsuri.flows.cold.viewing.opening_approvals import Surroundings, surroundings
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.words import text

_json = click.option("--json", "json_out", is_flag=True)


@click.group("deputy")
def deputy() -> None: ...


@deputy.command("list")
@click.option("--all", "everything", is_flag=True)
@_json
@pass_desk
def list_(desk: Desk, everything: bool, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store, store.reading() as tx:
        around = surroundings(tx, company_day(desk.now()))
    found = [one for one in around.deputies if everything or _state(one, around) != "over"]
    if json_out:
        desk.give([_told(one, around) for one in found])
    elif not found:
        desk.say("page.deputies.none")
    else:
        Console().print(_table(desk, found, around))


@deputy.command("add")
@click.option("--login", required=True)
@click.option("--deputy", "named", required=True)
@click.option("--first", metavar="YYYY-MM-DD", default=None)
@click.option("--last", metavar="YYYY-MM-DD", required=True)
@click.option("--reason", required=True)
@_json
@pass_desk
def add(desk: Desk, login: str, named: str, first: str | None, last: str, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    now = desk.now()
    begins, ends = _day(desk, first, company_day(now)), _day(desk, last, None)
    with desk.store() as store:
        acting = Acting(login_form(login), "shell")
        came = appoint_deputy(store, now, acting, login_form(named), first=begins, last=ends, reason=reason)
        if isinstance(came, Refusal):
            give_up(desk, came)
        with store.reading() as tx:
            around = surroundings(tx, company_day(now))
    _done(desk, "cli.approval.deputy.add.done", came, around)


@deputy.command("end")
@click.argument("deputy_id", type=click.UUID)
@click.option("--login", required=True)
@click.option("--reason", required=True)
@_json
@pass_desk
def end(desk: Desk, deputy_id: UUID, login: str, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    now = desk.now()
    with desk.store() as store:
        came = end_deputy(store, now, Acting(login_form(login), "shell"), deputy_id, reason)
        if isinstance(came, Refusal):
            give_up(desk, came)
        with store.reading() as tx:
            around = surroundings(tx, company_day(now))
    _done(desk, "cli.approval.deputy.end.done", came, around)


def _day(desk: Desk, told: str | None, default: date | None) -> date:
    found = default if told is None else day_of(told)
    if found is None:
        give_up(desk, Refusal("deputy_span_invalid"))
    return found


def _done(desk: Desk, code: str, one: Deputy, around: Surroundings) -> None:
    if desk.json_out:
        desk.give(_told(one, around))
        return
    facts = {"deputy": one.login, "principal": one.principal, "first": one.first, "last": one.last}
    desk.say(code, deputy_id=one.deputy_id, **facts)


def _state(one: Deputy, around: Surroundings) -> str:
    return "now" if is_standing(one, around.today) else "ahead" if is_ahead(one, around.today) else "over"


def _idle(one: Deputy, around: Surroundings) -> str:
    """Why this deputy signs nothing; '' where it does, and for one that is over."""
    return "" if _state(one, around) == "over" else idle_reason(one, around.signers)


def _told(one: Deputy, around: Surroundings) -> dict[str, object]:
    return {
        "deputy_id": one.deputy_id, "principal": one.principal, "deputy": one.login, "first": one.first,
        "last": one.last, "state": _state(one, around), "idle": _idle(one, around), "ended_early": one.is_ended,
        "reason": one.reason, "author": one.author, "at": one.at.isoformat(),
    }  # fmt: skip


def _table(desk: Desk, found: list[Deputy], around: Surroundings) -> Table:
    columns = ("id", "principal", "deputy", "first", "last", "state", "reason")
    table = Table(*(text(f"cli.approval.deputy.column.{name}", desk.lang) for name in columns))
    for one in found:
        idle = _idle(one, around)
        state = text(f"deputy.idle.{idle}" if idle else f"deputy.state.{_state(one, around)}", desk.lang)
        table.add_row(
            str(one.deputy_id), one.principal, one.login, str(one.first), str(one.last), state, one.reason,
        )  # fmt: skip
    return table

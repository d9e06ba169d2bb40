"""``jitsuri people``: who may sign in, from the machine itself: also the way back in for a forgotten password."""

from __future__ import annotations

from typing import Literal, cast

import click
from rich.console import Console
from rich.table import Table

from jitsuri.access.shapes import ROLES
from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.refusing import refuse
from jitsuri.flows.cold import admitting
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import text


@click.group("people")
def people() -> None: ...


@people.command("list")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def list_(desk: Desk, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        found = admitting.everybody(store)
    if json_out:
        desk.give([
            {"login": p.login, "name": p.name, "roles": sorted(p.roles), "department": p.department,
             "language": p.language, "active": p.is_active, "created_at": p.created_at} for p in found
        ])  # fmt: skip
        return
    if not found:
        desk.say("cli.people.list.none")
        return
    table = Table(
        *(text(f"cli.people.column.{name}", desk.lang) for name in ("login", "name", "roles", "department", "state"))
    )
    for person in found:
        state = "active" if person.is_active else "inactive"
        table.add_row(
            person.login, person.name, ", ".join(sorted(person.roles)), person.department,
            text(f"cli.people.{state}", desk.lang),
        )  # fmt: skip
    Console().print(table)


@people.command("add")
@click.argument("login")
@click.option("--name", required=True)
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, required=True)
@click.option("--department", default="")
@click.option("--language", type=click.Choice(["ja", "en"]), default=None)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def add(
    desk: Desk, login: str, name: str, roles: tuple[str, ...], department: str, language: str | None, json_out: bool
) -> None:
    desk.json_out = json_out
    chosen = cast(Literal["ja", "en"], language or desk.lang)
    with desk.store() as store:
        outcome = admitting.invite(
            store, desk.now(), "cli", login=login, name=name, roles=roles, department=department, language=chosen,
            secret=desk.secret,
        )  # fmt: skip
    if isinstance(outcome, Refusal):
        refuse(desk, outcome)
    _tell_link(desk, outcome.person.login, outcome.link)


@people.command("link")
@click.argument("login")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def link(desk: Desk, login: str, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        outcome = admitting.new_link(store, desk.now(), "cli", login, desk.secret)
    if isinstance(outcome, Refusal):
        refuse(desk, outcome)
    _tell_link(desk, login, outcome)


def _tell_link(desk: Desk, login: str, made: str) -> None:
    path = f"/links/{made}"
    if desk.json_out:
        desk.give({"login": login, "path": path})
        return
    host, port = desk.settings.text("console.host"), desk.settings.integer("console.port")
    shown = f"[{host}]" if ":" in host else host
    desk.say("cli.people.link.made", login=login, url=f"http://{shown}:{port}{path}")

"""``jitsuri tasks``: list, propose, confirm."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.flows.cold.proposing import confirm as confirm_groups
from jitsuri.flows.cold.proposing import new_task, proposals
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Proposal
from jitsuri.terms.errors import CallerError
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import text


@click.group("tasks")
def tasks() -> None: ...


@tasks.command("list")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def list_(desk: Desk, json_out: bool) -> None:
    with desk.store() as store, store.reading() as tx:
        found = routing_rows.tasks(tx)
    if json_out:
        desk.give([{"name": t.name, "title_ja": t.title_ja, "title_en": t.title_en, "department": t.department,
                    "owner": t.owner, "stage": t.stage, "margin": t.margin} for t in found.values()])  # fmt: skip
        return
    table = Table(*(text(f"cli.tasks.column.{c}", desk.lang) for c in ("name", "title", "department", "stage")))
    for task in found.values():
        table.add_row(task.name, task.title_ja if desk.lang == "ja" else task.title_en, task.department, task.stage)
    Console().print(table)


@tasks.command("propose")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def propose(desk: Desk, json_out: bool) -> None:
    with desk.store() as store, store.reading() as tx:
        found = proposals(tx)
    if json_out:
        desk.give([{"proposal_id": str(p.proposal_id), "name": p.suggested_name, "sample": p.sample, "calls": p.calls,
                    "cost_jpy": p.cost_jpy, "models": p.models} for p in found])  # fmt: skip
        return
    if not found:
        desk.say("cli.tasks.propose.none")
        return
    table = Table(*(text(f"cli.tasks.column.{c}", desk.lang) for c in ("proposal", "calls", "cost_jpy", "sample")))
    for one in found:
        table.add_row(one.proposal_id.hex[:8], f"{one.calls:,}", f"{one.cost_jpy:,.2f}", one.sample[:60])
    Console().print(table)
    desk.say("cli.tasks.propose.next")


@tasks.command("confirm")
@click.argument("proposal")
@click.argument("name")
@click.option("--title-ja", default="")
@click.option("--title-en", default="")
@click.option("--department", default="")
@click.option("--owner", default="")
@pass_desk
def confirm(desk: Desk, proposal: str, name: str, title_ja: str, title_en: str, department: str, owner: str) -> None:
    now = desk.now()
    with desk.store() as store:
        with store.reading() as tx:
            named = _named(proposals(tx), proposal)
        task = new_task(name, title_ja, title_en, department, owner, now)
        outcome = task if isinstance(task, Refusal) else confirm_groups(store, named.groups, task, "cli", now)
    if isinstance(outcome, Refusal):
        raise CallerError(outcome.code, **outcome.facts)
    desk.say("cli.tasks.confirm.done", name=name, calls=outcome)


def _named(found: list[Proposal], beginning: str) -> Proposal:
    """The proposal whose id begins so; CallerError when none or several do."""
    matching = [p for p in found if p.proposal_id.hex.startswith(beginning.replace("-", ""))]
    if len(matching) != 1:
        raise CallerError("proposal_unknown", proposal=beginning, count=len(matching))
    return matching[0]

"""``jitsuri departments``: the tree of a day, and the import of a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click

from jitsuri.access.rules.arranging import path_of, tree_at
from jitsuri.access.shapes import Department
from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.refusing import refuse
from jitsuri.cli.typed import file_content, given_day
from jitsuri.flows.cold.arranging_departments import everything, import_departments
from jitsuri.terms.period import company_day


@click.group("departments")
def departments() -> None: ...


@departments.command("show")
@click.option("--day", metavar="YYYY-MM-DD", default=None)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def show(desk: Desk, day: str | None, json_out: bool) -> None:
    desk.json_out = json_out
    on = given_day(day) if day else company_day(desk.now())
    with desk.store() as store:
        spans = everything(store)
    ordered = _ordered(spans, on)
    if json_out:
        desk.give([
            {"code": d.code, "name_ja": d.name_ja, "name_en": d.name_en, "parent": d.parent, "path": list(path),
             "cost_centre": d.cost_centre, "valid_from": d.valid_from, "valid_to": d.valid_to}
            for path, d in ordered
        ])  # fmt: skip
        return
    if not ordered:
        desk.say("cli.departments.show.none", day=on)
        return
    for path, department in ordered:
        name = department.name_en if desk.lang == "en" and department.name_en else department.name_ja
        centre = f"  [{department.cost_centre}]" if department.cost_centre else ""
        click.echo("  " * (len(path) - 1) + f"{department.code}  {name}{centre}")


@departments.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def import_(desk: Desk, file: Path, json_out: bool) -> None:
    desk.json_out = json_out
    content = file_content(file)
    with desk.store() as store:
        outcome = import_departments(store, desk.now(), "cli", content, file.name)
    if isinstance(outcome, tuple):
        refuse(desk, outcome, is_import=True)
    counts = {"added": len(outcome.added), "ended": len(outcome.ended), "known": outcome.known}
    if json_out:
        desk.give(counts)
    else:
        desk.say("cli.departments.import.done", **counts)


def _ordered(spans: Sequence[Department], day: date) -> list[tuple[tuple[str, ...], Department]]:
    """Departments of the day with their paths, each below its parent."""
    tree = tree_at(spans, day)
    return sorted((path_of(spans, code, day), department) for code, department in tree.items())

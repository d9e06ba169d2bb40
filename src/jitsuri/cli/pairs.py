"""``jitsuri pairs``: draw pairs for people to judge, see how far they are, exchange sheets. No result is told here."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click

from jitsuri.access.rules.guarding import login_form
from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.refusing import refuse as give_up
from jitsuri.flows.cold.drawing_pairs import draw_pairs
from jitsuri.flows.cold.exchanging_labels import TakenIn, export_pairs, import_labels
from jitsuri.flows.cold.viewing.opening_pairs import progress
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import has_text, text


def key_folder(desk: Desk) -> Path:
    """Where key files are looked for: beside ``jitsuri.toml``."""
    return desk.config.parent if desk.config is not None else desk.home


@click.group("pairs")
def pairs() -> None: ...


@pairs.command("draw")
@click.argument("trial", type=click.UUID)
@click.option("--candidate", required=True)
@click.option("--labels", type=click.IntRange(min=1), required=True)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def draw(desk: Desk, trial: UUID, candidate: str, labels: int, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        came = draw_pairs(store, trial, candidate, labels, "cli", desk.now())
    if isinstance(came, Refusal):
        give_up(desk, came)
    strata = came.by_stratum()
    told = {
        "candidate": came.draw.candidate, "drawn": len(came.pairs), "double": sum(one.people == 2 for one in came.pairs),
        "uniform": sum(one.share == "uniform" for one in came.pairs),
        "focused": sum(one.share == "focused" for one in came.pairs),
    }  # fmt: skip
    if json_out:
        inclusion = {one.stratum: one.inclusion for one in came.pairs}
        desk.give({**told, "trial": str(trial), "version": came.draw.version, "budget": came.draw.budget, "strata": {
            name: {"size": size, "uniform": uniform, "focused": focused, "inclusion": inclusion.get(name)}
            for name, (size, uniform, focused) in strata.items()
        }})  # fmt: skip
        return
    desk.say("cli.pairs.drawn", **told)
    for name, (size, uniform, focused) in strata.items():
        code = f"review.stratum.{name}"
        shown = text(code, desk.lang) if has_text(code) else name
        desk.say("cli.pairs.stratum", name=shown, size=size, uniform=uniform, focused=focused)


@pairs.command("status")
@click.argument("trial", type=click.UUID)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def status(desk: Desk, trial: UUID, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store, store.reading() as tx:
        found = progress(tx, trial, "")
    told = [
        {
            "candidate": one.draw.candidate, "budget": one.draw.budget, "drawn": one.pairs, "done": one.done,
            "skipped": one.skipped, "double": one.double,
        }
        for one in (found.ways if found else ())
    ]  # fmt: skip
    if json_out:
        desk.give(told)
    elif not told:
        desk.say("cli.pairs.status.none")
    for one in told if not json_out else ():
        desk.say("cli.pairs.status.line", **one)


@pairs.command("export")
@click.argument("trial", type=click.UUID)
@click.option("--login", required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--most", type=click.IntRange(1, 1000), default=100, show_default=True)
@pass_desk
def export(desk: Desk, trial: UUID, login: str, out: Path, most: int) -> None:
    with desk.store() as store:
        came = export_pairs(store, key_folder(desk), trial, login_form(login), most, desk.now())
    if isinstance(came, Refusal):
        give_up(desk, came)
    content, count = came
    out.write_bytes(content)
    desk.say("cli.pairs.exported", count=count, path=str(out))


@pairs.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--login", required=True)
@pass_desk
def import_(desk: Desk, file: Path, login: str) -> None:
    with desk.store() as store:
        came = import_labels(store, file, login_form(login), "cli", desk.now())
    if not isinstance(came, TakenIn):
        give_up(desk, came, is_import=True)
    desk.say("cli.pairs.imported", count=len(came.labels), blank=came.blank)

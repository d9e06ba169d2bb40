"""``jitsuri rightsize score``: answers scored by rule, into a table that ``rightsize offline`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table as Grid

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.terms.errors import CallerError
from jitsuri.words import text

if TYPE_CHECKING:
    from jitsuri.evaluation.shapes import Scorer
    from jitsuri.flows.cold.scoring_answers import ScoredAnswers, Tally

MOST_REASONS = 3
"""Reasons told per model on a screen; ``--json`` tells all."""

_COLUMNS = ("model", "count", "scored", "mean", "reasons")


@click.command("score")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--scorer", "asked", required=True, metavar="KIND_OR_FILE")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", "is_forced", is_flag=True)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def score(desk: Desk, file: Path, asked: str, out: Path, is_forced: bool, json_out: bool) -> None:
    from jitsuri.flows.cold.scoring_answers import score_answers
    from jitsuri.rightsizing.wire import read_answers, write_rows

    desk.json_out = json_out
    name, scorer = _scorer(asked)
    if out.exists():
        if file.exists() and out.samefile(file):
            raise CallerError("score_out_is_input", path=str(out))
        if not is_forced:
            raise CallerError("already_there", file=str(out))
    found = score_answers(read_answers(file), name, scorer)
    write_rows(out, found.rows, is_forced=is_forced)
    if json_out:
        models = {model: _told(tally) for model, tally in found.tallies.items()}
        desk.give({"scorer": name, "out": str(out), "rows": len(found.rows), "models": models})
        return
    _show(desk, found)
    desk.say("cli.rightsize.score.done", path=out, count=len(found.rows), name=name)


def _scorer(asked: str) -> tuple[str, Scorer]:
    """A kind by its name, else the spec in a file."""
    from jitsuri.evaluation.rules.specifying import KINDS, named_scorer
    from jitsuri.evaluation.wire import read_spec

    path = Path(asked)
    if asked in KINDS or path.suffix.lower() not in (".json", ".toml"):
        return named_scorer(asked, asked)
    return named_scorer(read_spec(path), path.stem)


def _told(tally: Tally) -> dict[str, object]:
    return {
        "count": tally.count,
        "scored": tally.scored,
        "mean": tally.mean,
        "reasons": dict(tally.reasons.most_common()),
    }


def _show(desk: Desk, found: ScoredAnswers) -> None:
    grid = Grid(*(text(f"cli.rightsize.score.column.{column}", desk.lang) for column in _COLUMNS))
    for model, tally in found.tallies.items():
        reasons = [
            text("cli.rightsize.score.reason", desk.lang, count=f"{count:,}", why=text(f"scoring.{code}", desk.lang))
            for code, count in tally.reasons.most_common(MOST_REASONS)
        ]
        mean = "–" if tally.mean is None else f"{tally.mean:.3f}"
        grid.add_row(model, f"{tally.count:,}", f"{tally.scored:,}", mean, "\n".join(reasons) or "–")
    Console().print(grid)

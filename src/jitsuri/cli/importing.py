"""``jitsuri import FILE…``: logs become calls and entries."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jitsuri.calls.shapes import Run
from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.flows.cold.pinning import pin
from jitsuri.flows.cold.reading_logs import Means, ReadOptions, import_files
from jitsuri.words import text


@click.command("import")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--format", "format_", type=click.Choice(["openai", "openai_batch", "anthropic", "anthropic_batch",
              "litellm", "langfuse", "otel", "csv"]), default=None)  # fmt: skip
@click.option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN")
@click.option("--map-file", type=click.Path(path_type=Path), default=None)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def import_(
    desk: Desk, files: tuple[Path, ...], format_: str | None, mapping: tuple[str, ...], map_file: Path | None, json_out: bool
) -> None:
    desk.json_out = json_out
    options = ReadOptions(format_, mapping, map_file)
    reports: list[Run] = []
    console = Console(stderr=True)
    with desk.store() as store, Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
        MofNCompleteColumn(), TextColumn(text("cli.import.rate", desk.lang)), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        line = bar.add_task("", total=None)

        def show(run: Run, position: int, size: int) -> None:
            bar.update(line, description=run.file_name, completed=position, total=size or None)

        for run in import_files(store, files, options, desk.settings, desk.now, actor="cli", on_batch=show):
            reports.append(run)
            if not json_out:
                told = {name: getattr(run, name) for name in ("file_name", "format", "lines", "added", "known", "broken")}
                bar.console.print(text("cli.import.done", desk.lang, **told, conflicting=run.conflicting), highlight=False)
    if json_out:
        desk.give([_report(run) for run in reports])


def _report(run: Run) -> dict[str, object]:
    return {
        "run_id": str(run.run_id), "file": run.file_name, "format": run.format, "state": run.state, "lines": run.lines,
        "added": run.added, "known": run.known, "broken": run.broken, "conflicting": run.conflicting,
        "first_at": run.first_at, "last_at": run.last_at,
    }  # fmt: skip

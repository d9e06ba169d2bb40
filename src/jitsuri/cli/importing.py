"""``jitsuri import FILE…``: logs become calls and entries."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import cast

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from jitsuri.calls.records import runs as run_rows
from jitsuri.calls.shapes import LogFormat, Run
from jitsuri.cli.doors import Desk, pass_desk, pin_settings
from jitsuri.flows.cold.reading_logs import Means, ReadOptions, import_files
from jitsuri.ledger.records.totals import gaps
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.store.door import Store
from jitsuri.terms.period import COMPANY_ZONE
from jitsuri.words import text


@click.command("import")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--format", "format_", type=click.Choice(["openai", "openai_batch", "anthropic", "anthropic_batch",
              "litellm", "langfuse", "otel", "csv"]), default=None)  # fmt: skip
@click.option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN")
@click.option("--map-file", type=click.Path(path_type=Path), default=None)
@click.option("--at", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), default=None)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def import_(
    desk: Desk,
    files: tuple[Path, ...],
    format_: str | None,
    mapping: tuple[str, ...],
    map_file: Path | None,
    at: datetime | None,
    json_out: bool,
) -> None:
    desk.json_out = json_out
    fallback_at = at.replace(tzinfo=COMPANY_ZONE) if at else None
    options = ReadOptions(cast(LogFormat | None, format_), mapping, map_file, fallback_at)
    settings = desk.settings
    folder = settings.file.parent if settings.file else settings.home
    means = Means(settings.overrides, settings.assumed_rates, cast(RateKind, settings.text("money.rate_kind")), folder)
    console = Console(stderr=True)
    reports: list[Run] = []
    with desk.store() as store, Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[lines]}"),
        TimeRemainingColumn(), console=console, disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        line = bar.add_task("", total=None, lines="")

        def show(run: Run, position: int, size: int) -> None:
            told = text("cli.import.lines", desk.lang, lines=f"{run.lines:,}")
            bar.update(line, description=run.file_name, completed=position, total=size or None, lines=told)

        pin_settings(store, settings, desk.now())
        for run in import_files(store, files, options, means, desk.now, actor="cli", on_batch=show):
            reports.append(run)
            if not json_out:
                for sentence in _told(store, run, desk.lang):
                    bar.console.print(sentence, highlight=False, markup=False, soft_wrap=True)
        with store.reading() as tx:
            missing = gaps(tx)
    if json_out:
        told = [_report(run) for run in reports]
        desk.give({"runs": told, "unpriced": missing.unpriced, "unconverted": missing.unconverted})
        return
    if missing.unpriced:
        desk.say("cli.import.unpriced", count=missing.unpriced, models=", ".join(missing.unpriced_models))
    if missing.unconverted:
        desk.say("cli.import.unconverted", count=missing.unconverted)
    desk.say("cli.import.next")


MOST_FAULTS_TOLD = 10
"""Lines named on the screen; the page of the import has all of them."""


def _told(store: Store, run: Run, lang: str) -> list[str]:
    names = ("file_name", "format", "lines", "added", "known", "broken", "conflicting")
    told = [text("cli.import.done", lang, **{name: getattr(run, name) for name in names})]
    wrong = run.broken + run.conflicting
    if wrong:
        with store.reading() as tx:
            faults = run_rows.faults_of(tx, run.run_id, limit=MOST_FAULTS_TOLD)
        told.append(text("cli.import.faults", lang))
        for fault in faults:
            why = text(f"fault.{fault.code}", lang, **fault.facts)
            told.append(text("cli.import.fault", lang, line=fault.line, why=why))
        if wrong > len(faults):
            told.append(text("cli.import.more_faults", lang, count=wrong - len(faults)))
    return told


def _report(run: Run) -> dict[str, object]:
    return {
        "run_id": str(run.run_id), "file": run.file_name, "format": run.format, "state": run.state, "lines": run.lines,
        "added": run.added, "known": run.known, "broken": run.broken, "conflicting": run.conflicting,
        "first_at": run.first_at, "last_at": run.last_at,
    }  # fmt: skip

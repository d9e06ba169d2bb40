"""``jitsuri judge``: a trial's answers compared by an LLM, and how that judge worked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from rich.console import Console
from rich.table import Table as Grid

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.refusing import refuse
from jitsuri.terms.errors import CallerError
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import Language, text

if TYPE_CHECKING:
    from jitsuri.evaluation.shapes import JudgeReport

_json = click.option("--json", "json_out", is_flag=True)


@click.group("judge")
def judge() -> None: ...


@judge.command("run")
@click.argument("trial_id", metavar="TRIAL")
@click.option("--judge", "judge_name", required=True, metavar="UPSTREAM/MODEL")
@click.option("--allow-same-vendor", is_flag=True)
@click.option("--rubric", type=click.Path(path_type=Path, dir_okay=False), default=None)
@click.option("--told-in", type=click.Choice(["ja", "en"]), default="ja")
@click.option("--similarity", default="", metavar="UPSTREAM/MODEL")
@_json
@pass_desk
def run(
    desk: Desk, trial_id: str, judge_name: str, *, allow_same_vendor: bool, rubric: Path | None, told_in: str, similarity: str,
    json_out: bool,
) -> None:  # fmt: skip
    from jitsuri.app.replaying import Replayer
    from jitsuri.cli.trial import around_at, trial_named
    from jitsuri.flows.cold.trying.drawing import Keys
    from jitsuri.flows.cold.trying.judging import Wanted, judge_trial, resemble_trial

    desk.json_out = json_out
    wanted = Wanted(judge_name, _read(rubric), cast("Language", told_in), allow_same_vendor)
    with desk.store() as store:
        its_id, around = trial_named(store, trial_id), around_at(desk, store)
        keys = Keys(around.folder)
        with Replayer(desk.settings, store) as ask:
            found = judge_trial(store, its_id, ask, around, keys, wanted, "cli", desk.now)
            if isinstance(found, Refusal):
                refuse(desk, found)
            likeness = resemble_trial(store, its_id, ask, around, keys, similarity, desk.now) if similarity else None
    if json_out:
        desk.give({"judge": judge_name, "pairs": found.pairs, "open": found.open, "spent_jpy": found.spent_jpy,
                   "report": asdict(found.report) if found.report else None,
                   "refusal": found.refusal.code if found.refusal else None,
                   "similarity": likeness[0] if isinstance(likeness, tuple) else None})  # fmt: skip
        return
    desk.say("cli.judge.run.done", judge=judge_name, pairs=f"{found.pairs - found.open:,}", open=f"{found.open:,}",
             spent=f"{found.spent_jpy:,.2f}")  # fmt: skip
    if found.report is not None:
        _show(desk, found.report)
    if isinstance(likeness, tuple):
        desk.say("cli.judge.run.resembled", count=f"{likeness[0]:,}")
    stopped = found.refusal or (likeness[1] if isinstance(likeness, tuple) else likeness)
    if stopped is not None:
        refuse(desk, stopped)


@judge.command("report")
@click.argument("where", metavar="TRIAL_OR_FILE")
@click.option("--judge", "judge_name", default="", metavar="UPSTREAM/MODEL")
@_json
@pass_desk
def report(desk: Desk, where: str, judge_name: str, json_out: bool) -> None:
    desk.json_out = json_out
    found = _reports_of_file(Path(where)) if Path(where).is_file() else _reports_of_trial(desk, where)
    chosen = found.get(judge_name) if judge_name else next(iter(found.values())) if len(found) == 1 else None
    if chosen is None:
        raise CallerError("judge_report_none", path=where, judge=judge_name or "–", known=", ".join(found) or "–")
    if json_out:
        desk.give(asdict(chosen))
        return
    _show(desk, chosen)


def _reports_of_file(path: Path) -> dict[str, JudgeReport]:
    from jitsuri.flows.cold.reporting_judges import reports_in
    from jitsuri.rightsizing.wire import read_outcomes

    return reports_in(read_outcomes(path))


def _reports_of_trial(desk: Desk, where: str) -> dict[str, JudgeReport]:
    from jitsuri.cli.trial import trial_named
    from jitsuri.flows.cold.reporting_judges import reports_of_trial

    with desk.store() as store:
        return reports_of_trial(store, trial_named(store, where))


def _read(rubric: Path | None) -> str:
    if rubric is None:
        return ""
    try:
        return rubric.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CallerError("outcomes_unreadable", path=str(rubric), reason=str(error)[:200]) from None


def _show(desk: Desk, found: JudgeReport) -> None:
    """The faults as sentences, then every share."""
    from jitsuri.rightsizing.shapes.verdicts import Reason
    from jitsuri.web.formatting import percent
    from jitsuri.web.pages.judging import reason_text

    lang = cast("Language", desk.lang)
    for fault in found.faults:
        facts = {"judge": found.judge, "share": fault.share, "limit": fault.limit, "n": fault.n}
        level = text(f"page.judge.{fault.level}", desk.lang)
        click.echo(f"{level}: {reason_text(Reason(f'judge_{fault.code}', facts), lang)}")
    if not found.faults:
        desk.say("cli.judge.report.none")
    grid = Grid(*(text(f"cli.judge.report.column.{name}", desk.lang) for name in ("what", "of", "share", "bounds")))
    for one in found.shares:
        if one.n:
            bounds = f"{percent(one.low)} – {percent(one.high)}"
            grid.add_row(
                text(f"judge.share.{one.code}", desk.lang), f"{one.events:,}/{one.n:,}", percent(one.share), bounds
            )
    Console().print(grid)
    click.echo(text("page.judge.made", desk.lang, judge=found.judge,
                    models=", ".join(found.models) or text("page.judge.no_model", desk.lang),
                    prompts=", ".join(found.prompts), parameters=" ".join(found.parameters)))  # fmt: skip

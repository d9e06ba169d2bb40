"""``jitsuri trial``: cheaper candidates tried on requests that were made before, from proposal to certificate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from jitsuri.cli.doors import Desk, pass_desk, pin_settings
from jitsuri.cli.refusing import refuse
from jitsuri.cli.telling import digits_told, moment_told
from jitsuri.cli.typed import given_number
from jitsuri.terms.errors import CallerError
from jitsuri.terms.ids import ordered_id
from jitsuri.terms.outcomes import Dropped, Refusal
from jitsuri.words import sentence, text

if TYPE_CHECKING:
    from jitsuri.flows.cold.trying.deciding import Decision
    from jitsuri.flows.cold.trying.pricing import Around
    from jitsuri.flows.cold.trying.proposing import Proposed
    from jitsuri.flows.cold.viewing.opening_trials import TrialView
    from jitsuri.rightsizing.shapes.trials import Trial, WayProgress
    from jitsuri.store.door import Store

FIRST_TRIED = 3
"""Candidates that are tried where nobody names any: the cheapest."""

_json = click.option("--json", "json_out", is_flag=True)


@click.group("trial")
def trial() -> None: ...


@trial.command("propose")
@click.argument("task")
@_json
@pass_desk
def propose_(desk: Desk, task: str, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        found = _proposed(desk, store, task, around_at(desk, store))
    if json_out:
        desk.give({
            "task": task, "baseline": found.pool.baseline, "threads": len(found.pool.threads),
            "today_per_call_jpy": found.today_per_call_jpy,
            "candidates": [{"target": one.target, "per_call_jpy": one.per_call_jpy} for one in found.offered],
            "dropped": [{"what": one.what, "code": one.code, "text": _why(one, desk)} for one in found.dropped],
        })  # fmt: skip
        return
    today = found.today_per_call_jpy
    desk.say("cli.trial.propose.head", task=task, threads=f"{len(found.pool.threads):,}", baseline=found.pool.baseline,
             today="–" if today is None else f"{today * 1000:,.1f}")  # fmt: skip
    grid = Grid(*(text(f"cli.trial.propose.column.{c}", desk.lang) for c in ("target", "per_1000")))
    for one in found.offered:
        grid.add_row(escape(one.target), f"{one.per_call_jpy * 1000:,.1f}")
    Console().print(grid)
    for left_out in found.dropped:
        click.echo(text("cli.trial.left_out", desk.lang, what=left_out.what, why=_why(left_out, desk)))
    desk.say("cli.trial.propose.next", task=task)


@trial.command("start")
@click.argument("task")
@click.option("--candidate", "candidates", multiple=True, metavar="UPSTREAM/MODEL[#pN]")
@click.option("--size", type=click.IntRange(1, 5000), default=200)
@click.option("--cap", default="", metavar="YEN")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0)
@click.option("--ask-baseline", "asks_baseline", is_flag=True)
@click.option("--most-output", type=click.IntRange(1, 1_000_000), default=None)
@click.option("--scorer", "scorers", multiple=True, metavar="KIND_OR_FILE")
@click.option("--run", "is_run", is_flag=True)
@click.option("--yes", "is_agreed", is_flag=True)
@_json
@pass_desk
def start(
    desk: Desk, /, task: str, candidates: tuple[str, ...], size: int, cap: str, seed: int, asks_baseline: bool,
    most_output: int | None, scorers: tuple[str, ...], is_run: bool, is_agreed: bool, json_out: bool,
) -> None:  # fmt: skip
    from jitsuri.flows.cold.trying.proposing import cap_for, estimated_jpy
    from jitsuri.flows.cold.trying.starting import Wish, start_trial

    desk.json_out = json_out
    specs = [_scorer(one) for one in scorers]
    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        around = around_at(desk, store)
        found = _proposed(desk, store, task, around)
        named = candidates or tuple(one.target for one in found.offered[:FIRST_TRIED])
        size_here = min(size, len(found.pool.threads))
        estimate = estimated_jpy(found, named, size_here, around, desk.now())
        agreed = given_number(cap) if cap else cap_for(found, named, estimate, around, desk.now())
        desk.say(
            "cli.trial.start.estimate", requests=f"{size_here:,}", candidates=", ".join(named) or "–",
            estimate=digits_told(estimate.quantize(Decimal("0.01"))), cap=digits_told(agreed),
        )  # fmt: skip
        if not is_agreed and not click.confirm(text("cli.trial.start.agree", desk.lang), err=True):
            raise click.Abort
        wish = Wish(task, named, agreed, size, seed, asks_baseline, most_output, tuple(specs))
        made = start_trial(store, desk.now(), "cli", wish, around, lambda: _new_id(desk))
        if isinstance(made, Refusal):
            _tell_dropped(desk, made)
            refuse(desk, made)
        for left_out in made.plan.dropped:
            click.echo(text("cli.trial.left_out", desk.lang, what=left_out.what, why=_why(left_out, desk)), err=True)
        if is_run:
            _run(desk, store, made.trial_id, around, asks_lost=False)
            return
    if json_out:
        desk.give({"trial": made.trial_id, "state": made.state, "requests": sum(made.plan.drawn.strata.values())})
        return
    desk.say("cli.trial.start.done", trial=_short(made.trial_id), requests=f"{sum(made.plan.drawn.strata.values()):,}")


@trial.command("run")
@click.argument("trial_id", metavar="TRIAL")
@click.option("--ask-lost", "asks_lost", is_flag=True)
@_json
@pass_desk
def run(desk: Desk, trial_id: str, asks_lost: bool, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        _run(desk, store, trial_named(store, trial_id), around_at(desk, store), asks_lost=asks_lost)


@trial.command("list")
@click.option("--task", default=None)
@_json
@pass_desk
def list_(desk: Desk, task: str | None, json_out: bool) -> None:
    from jitsuri.flows.cold.viewing.opening_trials import trial_list

    desk.json_out = json_out
    with desk.store() as store, store.reading() as tx:
        found = trial_list(tx, task)
    if json_out:
        desk.give([_told(one) for one in found])
        return
    if not found:
        desk.say("cli.trial.list.none")
        return
    columns = ("trial", "task", "state", "progress", "spent", "created")
    grid = Grid()
    for name in columns:
        grid.add_column(text(f"cli.trial.column.{name}", desk.lang), no_wrap=name == "trial", overflow="fold")
    for one in found:
        grid.add_row(
            _short(one.trial.trial_id), one.trial.task, _state(one.trial, desk),
            f"{one.asked:,}/{one.wanted:,}", f"{one.spent_jpy:,.2f}/{one.trial.cap_jpy:,.0f}",
            moment_told(desk, one.trial.created_at)[:10],
        )  # fmt: skip
    Console().print(grid)


@trial.command("show")
@click.argument("trial_id", metavar="TRIAL")
@_json
@pass_desk
def show(desk: Desk, trial_id: str, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        view = _view(store, trial_named(store, trial_id))
    _show(desk, view)


@trial.command("stop")
@click.argument("trial_id", metavar="TRIAL")
@click.option("--reason", required=True)
@_json
@pass_desk
def stop(desk: Desk, trial_id: str, reason: str, json_out: bool) -> None:
    from jitsuri.flows.cold.trying.starting import stop_trial

    desk.json_out = json_out
    with desk.store() as store:
        came = stop_trial(store, desk.now(), "cli", trial_named(store, trial_id), reason)
    _finish(desk, came, "cli.trial.stop.done")


@trial.command("raise-cap")
@click.argument("trial_id", metavar="TRIAL")
@click.argument("cap", metavar="YEN")
@_json
@pass_desk
def raise_cap_(desk: Desk, trial_id: str, cap: str, json_out: bool) -> None:
    from jitsuri.flows.cold.trying.starting import raise_cap

    desk.json_out = json_out
    with desk.store() as store:
        came = raise_cap(store, desk.now(), "cli", trial_named(store, trial_id), given_number(cap))
    _finish(desk, came, "cli.trial.raise-cap.done")


@trial.command("export")
@click.argument("trial_id", metavar="TRIAL")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--scorer", default="")
@click.option("--texts", "with_texts", is_flag=True)
@click.option("--force", "is_forced", is_flag=True)
@_json
@pass_desk
def export(
    desk: Desk, trial_id: str, out: Path, scorer: str, with_texts: bool, is_forced: bool, json_out: bool
) -> None:
    from jitsuri.flows.cold.trying.deciding import export_table
    from jitsuri.flows.cold.trying.drawing import Keys
    from jitsuri.flows.cold.trying.joining import labels_of
    from jitsuri.rightsizing.rules.tabling import rows_of_table
    from jitsuri.rightsizing.wire import write_table

    desk.json_out = json_out
    if out.exists() and not is_forced:
        raise CallerError("already_there", file=str(out))
    with desk.store() as store:
        found = trial_named(store, trial_id)
        with store.reading() as tx:
            labels = labels_of(tx, found)
        keys = Keys(_folder(desk)) if with_texts else None
        table = export_table(store, found, "cli", desk.now(), labels, keys, scorer)
    if isinstance(table, Refusal):
        refuse(desk, table)
    write_table(out, rows_of_table(table), is_forced=is_forced)
    if json_out:
        desk.give({"trial": found, "out": str(out), "rows": len(table), "judges": sorted(set(table.judges))})
        return
    desk.say("cli.trial.export.done", path=out, count=f"{len(table):,}", judges=", ".join(sorted(set(table.judges))))


@trial.command("verdict")
@click.argument("trial_id", metavar="TRIAL")
@click.option("--scorer", default="")
@_json
@pass_desk
def verdict(desk: Desk, trial_id: str, scorer: str, json_out: bool) -> None:
    from jitsuri.cli.rightsize import show_results

    desk.json_out = json_out
    with desk.store() as store:
        found = _decided(desk, store, trial_named(store, trial_id), scorer)
    if json_out:
        from jitsuri.rightsizing.rules.packing import packed
        from jitsuri.rightsizing.rules.telling import told

        results = [told(one.verdict) for one in found.results]
        click.echo(packed({"human": found.human, "judge": found.judge, "results": results}).decode())
        return
    desk.say("cli.trial.verdict.eyes", eyes=", ".join(one for one in (found.human, found.judge) if one))
    show_results(desk, found.results)


@trial.command("certify")
@click.argument("trial_id", metavar="TRIAL")
@click.option("--candidate", default="")
@click.option("--scorer", default="")
@_json
@pass_desk
def certify(desk: Desk, trial_id: str, candidate: str, scorer: str, json_out: bool) -> None:
    from jitsuri.cli.rightsize import issuer_of
    from jitsuri.flows.cold.trying.deciding import certify_trial

    desk.json_out = json_out
    with desk.store() as store:
        decision = _decided(desk, store, trial_named(store, trial_id), scorer)
        came = certify_trial(store, decision, candidate, around_at(desk, store), issuer_of(desk), "cli")
    if isinstance(came, Refusal):
        refuse(desk, came)
    if json_out:
        desk.give({"certificate": came.number, "candidate": came.proposed.model, "decision": came.verdict.decision,
                   "code": came.code})  # fmt: skip
        return
    desk.say("cli.trial.certify.done", number=came.number, candidate=came.proposed.model, code=came.code)


def around_at(desk: Desk, store: Store) -> Around:
    from jitsuri.app.upstreams import sites_of, upstreams_of
    from jitsuri.cli.rates import company_kind
    from jitsuri.flows.cold.renewing_prices import ensure_book
    from jitsuri.flows.cold.trying.joining import around_of

    settings = desk.settings
    ensure_book(store, desk.now(), settings.overrides)
    upstreams = upstreams_of(settings)
    return around_of(
        store, upstreams, sites_of(upstreams), company_kind(desk), settings.home, _folder(desk),
        settings.integer("gateway.most_output_tokens"),
    )  # fmt: skip


def _folder(desk: Desk) -> Path:
    settings = desk.settings
    return settings.file.parent if settings.file else settings.home


def _new_id(desk: Desk) -> UUID:
    return ordered_id(int(desk.now().timestamp() * 1000), os.urandom(10))


def _scorer(asked: str) -> tuple[str, object]:
    """(name where the spec has none, spec): a kind by its name, else the spec in a file."""
    from jitsuri.evaluation.rules.specifying import KINDS
    from jitsuri.evaluation.wire import read_spec

    path = Path(asked)
    if asked in KINDS or path.suffix.lower() not in (".json", ".toml"):
        return asked, asked
    return path.stem, read_spec(path)


def _proposed(desk: Desk, store: Store, task: str, around: Around) -> Proposed:
    from jitsuri.flows.cold.trying.proposing import propose

    with store.reading() as tx:
        found = propose(tx, task, around, desk.now())
    if isinstance(found, Refusal):
        refuse(desk, found)
    return found


def trial_named(store: Store, beginning: str) -> UUID:
    """The trial whose id begins so. Raises CallerError ``trial_not_named``."""
    from jitsuri.flows.cold.viewing.opening_trials import trials_named

    with store.reading() as tx:
        found = trials_named(tx, beginning)
    if len(found) != 1:
        raise CallerError("trial_not_named", trial=beginning, count=len(found))
    return found[0]


def _view(store: Store, trial_id: UUID) -> TrialView:
    from jitsuri.flows.cold.viewing.opening_trials import trial_view

    with store.reading() as tx:
        view = trial_view(tx, trial_id)
    assert view is not None
    return view


def _decided(desk: Desk, store: Store, trial_id: UUID, scorer: str) -> Decision:
    from jitsuri.flows.cold.trying.deciding import verdict_of_trial
    from jitsuri.flows.cold.trying.joining import labels_of

    around = around_at(desk, store)
    with store.reading() as tx:
        found = verdict_of_trial(tx, trial_id, around, desk.now(), labels_of(tx, trial_id), scorer)
    if isinstance(found, Refusal):
        refuse(desk, found)
    return found


def _run(desk: Desk, store: Store, trial_id: UUID, around: Around, *, asks_lost: bool) -> None:
    """Run in the foreground, with a line per step on stderr."""
    from jitsuri.app.replaying import Replayer
    from jitsuri.flows.cold.trying.running import Running, run_trial

    def tell(ways: Sequence[WayProgress]) -> None:
        parts = [
            f"{one.way.name} {one.answered + one.failed + one.lost}/{one.requests}" for one in ways if one.way.number
        ]
        spent = sum((one.spent_jpy for one in ways if one.way.number), Decimal(0))
        click.echo(text("cli.trial.run.step", desk.lang, progress="  ".join(parts), spent=f"{spent:,.2f}"), err=True)

    with Replayer(desk.settings, store) as ask:
        came = run_trial(store, trial_id, Running(ask, around, desk.now, "cli", tell=tell, asks_lost=asks_lost))
    if isinstance(came, Refusal):
        refuse(desk, came)
    _show(desk, _view(store, trial_id))


def _show(desk: Desk, view: TrialView) -> None:
    if desk.json_out:
        desk.give(_told(view))
        return
    one = view.trial
    desk.say("cli.trial.show.head", trial=_short(one.trial_id), task=one.task, state=_state(one, desk),
             spent=f"{view.spent_jpy:,.2f}", cap=digits_told(one.cap_jpy.quantize(Decimal("0.01"))))  # fmt: skip
    columns = ("way", "answered", "failed", "lost", "same", "spent")
    grid = Grid(*(text(f"cli.trial.column.{c}", desk.lang) for c in columns))
    for way in view.ways:
        given_up = f" ({text('trial.given_up', desk.lang)})" if way.is_given_up else ""
        errors = "".join(f"\n{code} × {count}" for code, count in way.errors.items())
        grid.add_row(
            escape(way.way.name) + given_up, f"{way.answered:,}/{way.requests:,}", f"{way.failed:,}{escape(errors)}",
            f"{way.lost:,}", f"{way.same:,}" if way.way.number else "–", f"{way.spent_jpy:,.2f}",
        )  # fmt: skip
    Console().print(grid)
    for left_out in one.plan.dropped:
        click.echo(text("cli.trial.left_out", desk.lang, what=left_out.what, why=_why(left_out, desk)))
    desk.say(f"cli.trial.next.{one.state}", trial=_short(one.trial_id))


def _finish(desk: Desk, came: Trial | Refusal, code: str) -> None:
    if isinstance(came, Refusal):
        refuse(desk, came)
    if desk.json_out:
        desk.give({"trial": came.trial_id, "state": came.state, "cap_jpy": came.cap_jpy})
        return
    desk.say(code, trial=_short(came.trial_id), cap=digits_told(came.cap_jpy))


def _told(view: TrialView) -> dict[str, object]:
    one = view.trial
    return {
        "trial": one.trial_id, "task": one.task, "state": one.state, "why": one.why, "cap_jpy": one.cap_jpy,
        "spent_jpy": view.spent_jpy, "requests": view.requests, "created_at": one.created_at, "ended_at": one.ended_at,
        "ways": [
            {"way": way.way.name, "number": way.way.number, "answered": way.answered, "failed": way.failed,
             "lost": way.lost, "open": way.open, "under_way": way.under_way, "same": way.same, "spent_jpy": way.spent_jpy,
             "given_up": way.is_given_up, "errors": dict(way.errors)}
            for way in view.ways
        ],
        "dropped": [{"what": gone.what, "code": gone.code} for gone in one.plan.dropped],
        "drawn": {"threads": one.plan.drawn.threads, "opened": one.plan.drawn.opened,
                  "near_duplicates": one.plan.drawn.near_duplicates, "unusable": dict(one.plan.drawn.unusable),
                  "strata": dict(one.plan.drawn.strata)},
        "scores": [{"scorer": mean.scorer, "way": mean.way, "scored": mean.scored, "mean": mean.mean,
                    "baseline": mean.baseline} for mean in view.means],
    }  # fmt: skip


def _tell_dropped(desk: Desk, refusal: Refusal) -> None:
    for one in cast("tuple[Dropped, ...]", refusal.facts.get("dropped", ())):
        click.echo(text("cli.trial.left_out", desk.lang, what=one.what, why=_why(one, desk)), err=True)


def _why(dropped: Dropped, desk: Desk) -> str:
    return sentence("dropped", dropped.code, desk.lang, dropped.facts)


def _state(one: Trial, desk: Desk) -> str:
    from jitsuri.web.pages.trying import why_text

    told = text(f"trial.state.{one.state}", desk.lang)
    return f"{told} ({why_text(one.why, desk.lang)})" if one.state == "paused" and one.why else told


def _short(trial_id: UUID) -> str:
    """Enough of an id to name it: times of trials differ in the first twelve digits."""
    return trial_id.hex[:14]

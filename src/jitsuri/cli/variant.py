"""``jitsuri variant``: which way a task is answered, and what may answer it."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.cli.doors import Desk, pass_desk, pin_settings
from jitsuri.cli.refusing import refuse
from jitsuri.cli.telling import moment_told
from jitsuri.flows.cold import keeping_variants as flow
from jitsuri.flows.cold.keeping_variants import Decided
from jitsuri.flows.cold.viewing.opening_variants import TaskVariant, all_variants, variant_view
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.setting import (
    canary_of,
    canary_way,
    in_full,
    percent_of,
    rule_of,
    variant_of,
    ways_of,
    without_canary,
)
from jitsuri.routing.shapes import DataRule, Site, Variant, Versioned
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.terms.outcomes import Dropped, Refusal
from jitsuri.words import text

_json = click.option("--json", "json_out", is_flag=True)
_reason = click.option("--reason", required=True)


@click.group("variant")
def variant() -> None: ...


@variant.command("list")
@_json
@pass_desk
def list_(desk: Desk, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        with store.reading() as tx:
            rows = all_variants(tx, _sites(desk))
    if json_out:
        desk.give([_row(row) for row in rows])
    elif not rows:
        desk.say("cli.variant.list.none")
    else:
        Console().print(_table(desk, rows))


@variant.command("set")
@click.argument("task")
@click.argument("target", metavar="UPSTREAM/MODEL", required=False)
@click.option("--fallback", "fallbacks", multiple=True, metavar="UPSTREAM/MODEL")
@click.option("--most-output", default="0", metavar="TOKENS")
@click.option("--back", type=int, default=None, metavar="VERSION")
@click.option("--none", "is_none", is_flag=True)
@_reason
@_json
@pass_desk
def set_(
    desk: Desk, /, task: str, target: str | None, fallbacks: tuple[str, ...], most_output: str, back: int | None,
    is_none: bool, reason: str, json_out: bool,
) -> None:  # fmt: skip
    desk.json_out = json_out
    if [target is not None, back is not None, is_none].count(True) != 1:
        raise CallerError("variant_which", task=task)
    wanted = variant_of(task, target, " ".join(fallbacks), most_output) if target is not None else None
    if isinstance(wanted, Refusal):
        refuse(desk, wanted)
    now, sites = desk.now(), _sites(desk)
    with desk.store() as store:
        pin_settings(store, desk.settings, now)
        if wanted is not None:
            came = flow.set_variant(store, now, "cli", wanted, reason, sites)
        elif back is not None:
            came = flow.return_variant(store, now, "cli", task, back, reason, sites)
        else:
            came = flow.end_variant(store, now, "cli", task, reason)
    _finish(desk, came, "cli.variant.set.none" if is_none else "cli.variant.set.done", task)


@variant.command("canary")
@click.argument("task")
@click.argument("target", metavar="UPSTREAM/MODEL", required=False)
@click.option("--percent", default="", metavar="SHARE")
@click.option("--full", "is_full", is_flag=True)
@click.option("--end", "is_end", is_flag=True)
@_reason
@_json
@pass_desk
def canary(
    desk: Desk, /, task: str, target: str | None, percent: str, is_full: bool, is_end: bool, reason: str, json_out: bool
) -> None:  # fmt: skip
    desk.json_out = json_out
    if [target is not None, is_full, is_end].count(True) != 1:
        raise CallerError("canary_which", task=task)

    def begun(before: Variant) -> Variant | Refusal:
        return canary_of(before, target or "", percent)

    change = in_full if is_full else without_canary if is_end else begun
    done = "full" if is_full else "end" if is_end else "done"
    now = desk.now()
    with desk.store() as store:
        pin_settings(store, desk.settings, now)
        came = flow.change_canary(store, now, "cli", task, change, reason, _sites(desk))
    _finish(desk, came, f"cli.variant.canary.{done}", task)


@variant.command("back")
@click.argument("task")
@_reason
@_json
@pass_desk
def back(desk: Desk, /, task: str, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    now = desk.now()
    with desk.store() as store:
        pin_settings(store, desk.settings, now)
        came = flow.roll_back(store, now, "cli", task, reason, _sites(desk))
    _finish(desk, came, "cli.variant.back.done", task)


@variant.command("rule")
@click.argument("task")
@click.option("--vendors", default=None, metavar="NAMES")
@click.option("--regions", default=None, metavar="NAMES")
@click.option("--training", type=click.Choice(["any", "never"]), default=None)
@click.option("--on-premises-only/--anywhere", "on_premises_only", default=None)
@click.option("--back", type=int, default=None, metavar="VERSION")
@_reason
@_json
@pass_desk
def rule(
    desk: Desk, /, task: str, vendors: str | None, regions: str | None, training: str | None,
    on_premises_only: bool | None, back: int | None, reason: str, json_out: bool,
) -> None:  # fmt: skip
    desk.json_out = json_out
    now, sites = desk.now(), _sites(desk)
    with desk.store() as store:
        pin_settings(store, desk.settings, now)
        if back is not None:
            came = flow.return_data_rule(store, now, "cli", task, back, reason, sites)
        else:
            standing, seen = _rule(store, task)
            wanted = rule_of(
                task, ",".join(standing.vendors) if vendors is None else vendors,
                ",".join(standing.regions) if regions is None else regions, training or standing.training,
                is_on_premises_only=standing.is_on_premises_only if on_premises_only is None else on_premises_only,
            )  # fmt: skip
            if isinstance(wanted, Refusal):
                refuse(desk, wanted)
            came = flow.set_data_rule(store, now, "cli", wanted, reason, sites, seen=seen)
    _finish(desk, came, "cli.variant.rule.done", task)


@variant.command("history")
@click.argument("task")
@_json
@pass_desk
def history(desk: Desk, task: str, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store, store.reading() as tx:
        view = variant_view(tx, desk.now(), task, _sites(desk))
    if view is None:
        refuse(desk, Refusal("task_unknown", {"name": task}))
    if json_out:
        desk.give({
            "task": task,
            "variants": [{**_variant(one), **_version(kept)} for one, kept in view.history],
            "data_rules": [{**_told_rule(one), **_version(kept)} for one, kept in view.rule_history],
        })  # fmt: skip
        return
    if not view.history and not view.rule_history:
        desk.say("cli.variant.history.none", task=task)
    for one, kept in view.history:
        _line(desk, "cli.variant.history.variant", kept, told=_text_of(one, desk))
    for found, kept in view.rule_history:
        _line(desk, "cli.variant.history.rule", kept, told=_rule_text(found))


def _sites(desk: Desk) -> dict[str, Site]:
    return sites_of(upstreams_of(desk.settings))


def _rule(store: Store, task: str) -> tuple[DataRule, int]:
    """The data rule that stands, and its version."""
    with store.reading() as tx:
        found = routing_rows.data_rule_history(tx, task)
    return (found[0][0], found[0][1].version) if found else (DataRule(task), 0)


def _finish(desk: Desk, came: Decided | Refusal, code: str, task: str) -> None:
    if isinstance(came, Refusal):
        refuse(desk, came)
    if desk.json_out:
        desk.give({
            "task": task, "version": came.version,
            "warnings": [{"what": w.what, "code": w.code, "text": _why(w, desk)} for w in came.warnings],
        })  # fmt: skip
        return
    desk.say(code, task=task, version=came.version)
    for one in came.warnings:
        click.echo(text("cli.variant.warning", desk.lang, what=one.what, why=_why(one, desk)), err=True)


def _why(dropped: Dropped, desk: Desk) -> str:
    return text(f"dropped.{dropped.code}", desk.lang, **dropped.facts)


def _line(desk: Desk, code: str, kept: Versioned, told: str) -> None:
    pinned = f" [{text('word.pinned', desk.lang)}]" if kept.is_pinned else ""
    desk.say(
        code, version=kept.version, told=told, author=kept.author + pinned, reason=kept.reason,
        at=moment_told(desk, kept.set_at),
    )  # fmt: skip


def _text_of(found: Variant | None, desk: Desk) -> str:
    if found is None:
        return text("page.variant.none", desk.lang)
    told, one = " → ".join(ways_of(found)), found.canary
    if one is None:
        return told
    return text("page.variant.canary_line", desk.lang, variant=told, canary=canary_way(one), percent=percent_of(one))


def _rule_text(found: DataRule) -> str:
    parts = [f"{name}={', '.join(values)}" for name, values in (("vendors", found.vendors), ("regions", found.regions))
             if values]  # fmt: skip
    parts += ["training=never"] if found.training == "never" else []
    parts += ["on_premises_only"] if found.is_on_premises_only else []
    return " ".join(parts) or "–"


def _row(row: TaskVariant) -> dict[str, object]:
    return {
        "task": row.task.name, **_variant(row.variant),
        **(_version(row.version) if row.version is not None else {}), "data_rule": _told_rule(row.rule),
        "kept_out": [{"what": one.what, "code": one.code} for one in row.kept_out],
    }  # fmt: skip


def _variant(found: Variant | None) -> dict[str, object]:
    if found is None:
        return {"variant": None}
    told: dict[str, object] = {
        "variant": str(found.target), "fallbacks": [str(one) for one in found.fallbacks],
        "most_output_tokens": found.most_output_tokens, "prompt": found.prompt,
    }  # fmt: skip
    one = found.canary
    if one is None:
        return told
    return {**told, "canary": str(one.target), "canary_percent": one.per_mille / 10, "canary_prompt": one.prompt}


def _told_rule(found: DataRule) -> dict[str, object]:
    return {
        "vendors": found.vendors, "regions": found.regions, "training": found.training,
        "on_premises_only": found.is_on_premises_only,
    }  # fmt: skip


def _version(kept: Versioned) -> dict[str, object]:
    return {
        "version": kept.version, "pinned": kept.is_pinned, "author": kept.author, "reason": kept.reason,
        "set_at": kept.set_at,
    }  # fmt: skip


def _table(desk: Desk, rows: list[TaskVariant]) -> Table:
    columns = ("task", "variant", "rule", "version", "author")
    table = Table()
    for name in columns:
        table.add_column(text(f"cli.variant.column.{name}", desk.lang), overflow="fold")
    for row in rows:
        kept = row.version
        told = _text_of(row.variant, desk)
        for one in row.kept_out:
            told += f"\n  {text('cli.variant.warning', desk.lang, what=one.what, why=_why(one, desk))}"
        table.add_row(
            row.task.name, escape(told), escape(_rule_text(row.rule)), str(kept.version) if kept is not None else "–",
            escape(kept.author) if kept is not None else "–",
        )  # fmt: skip
    return table

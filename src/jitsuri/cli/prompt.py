"""``jitsuri prompt``: the versions of a task's prompt (指示文)."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import cast
from uuid import UUID

import click

from jitsuri.app.replaying import Replayer
from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.cli.doors import Desk, pass_desk, pin_settings
from jitsuri.cli.refusing import refuse
from jitsuri.cli.telling import digits_told, moment_told
from jitsuri.flows.cold import keeping_prompts as flow
from jitsuri.flows.cold.keeping_prompts import Added
from jitsuri.flows.cold.trying_prompts import MOST_CALLS, USUAL_CAP_JPY, Tried, Try, plan_try, try_prompt
from jitsuri.flows.cold.viewing.opening_prompts import PromptsView, prompt_tokens, prompts_view
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.routing.rules.differing import Line, differences
from jitsuri.routing.shapes import Prompt, Site
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import Language, sentence, text

_json = click.option("--json", "json_out", is_flag=True)
_reason = click.option("--reason", required=True)
_SIGNS = {"gone": "−", "new": "+", "same": " "}
_SHOWN = 60


@click.group("prompt")
def prompt() -> None: ...


@prompt.command("list")
@click.argument("task")
@_json
@pass_desk
def list_(desk: Desk, task: str, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        view = _view(desk, store, task)
    if json_out:
        desk.give({
            "task": task, "answering": view.answering, "canary": view.ahead,
            "versions": [_plain(one) for one in view.prompts],
        })  # fmt: skip
        return
    if not view.prompts:
        desk.say("cli.prompt.list.none", task=task)
    for one in view.prompts:
        mark = text("cli.prompt.list.answers", desk.lang) if one.version == view.answering else ""
        mark += text("cli.prompt.list.ahead", desk.lang) if one.version == view.ahead else ""
        desk.say(
            "cli.prompt.list.line", version=one.version, characters=f"{len(one.text):,}", mark=mark, author=one.author,
            tokens=f"{prompt_tokens(one.text):,}", at=moment_told(desk, one.set_at), reason=one.reason,
        )  # fmt: skip


@prompt.command("show")
@click.argument("task")
@click.argument("version", type=int, required=False)
@_json
@pass_desk
def show(desk: Desk, task: str, version: int | None, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        found = _one(_view(desk, store, task), version)
    if json_out:
        desk.give({**_plain(found), "text": found.text})
    else:
        click.echo(found.text)


@prompt.command("add")
@click.argument("task")
@click.argument("file", metavar="FILE|-")
@_reason
@_json
@pass_desk
def add(desk: Desk, /, task: str, file: str, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    written = _read(file)
    now = desk.now()
    with desk.store() as store:
        pin_settings(store, desk.settings, now)
        came = flow.add_prompt(store, now, "cli", task, written, reason)
    _added(desk, came, task)


@prompt.command("diff")
@click.argument("task")
@click.argument("old", type=int)
@click.argument("new", type=int)
@_json
@pass_desk
def diff(desk: Desk, task: str, old: int, new: int, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        view = _view(desk, store, task)
    lines = differences(_one(view, old).text, _one(view, new).text)
    changed = [line for line in lines if line.kind != "same"]
    if json_out:
        desk.give({"task": task, "old": old, "new": new, "changes": [_plain_line(line) for line in changed]})
    elif not changed:
        desk.say("cli.prompt.diff.none")
    for line in () if json_out else lines:
        click.echo(f"{_SIGNS[line.kind]} {line.text}")


@prompt.command("promote")
@click.argument("task")
@click.argument("version", type=int)
@click.option("--percent", default="", metavar="SHARE")
@_reason
@_json
@pass_desk
def promote(desk: Desk, /, task: str, version: int, percent: str, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    now = desk.now()
    with desk.store() as store:
        pin_settings(store, desk.settings, now)
        came = flow.promote(store, now, "cli", task, version, percent, reason, _sites(desk))
    if isinstance(came, Refusal):
        refuse(desk, came)
    if json_out:
        desk.give({"task": task, "prompt": version, "percent": percent or None, "version": came.version})
        return
    code = "share" if percent else "done" if version else "own"
    desk.say(f"cli.prompt.promote.{code}", task=task, version=version, variant=came.version, percent=percent)


@prompt.command("try")
@click.argument("task")
@click.argument("way", metavar="UPSTREAM/MODEL[#pVERSION]")
@click.option("--calls", "count", type=click.IntRange(1, MOST_CALLS), default=3, metavar="COUNT")
@click.option("--cap", default=str(USUAL_CAP_JPY), metavar="YEN")
@click.option("--yes", "is_sure", is_flag=True)
@_json
@pass_desk
def try_(desk: Desk, /, task: str, way: str, count: int, cap: str, is_sure: bool, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        view = _view(desk, store, task)
        with store.reading() as tx:
            calls = [one.call_id for one in view.kept[:count]]
            what = plan_try(tx, desk.now(), task, way, calls, _yen(cap), _sites(desk), _kind(desk))
        if isinstance(what, Refusal):
            refuse(desk, what)
        if not is_sure:
            desk.say(
                "cli.prompt.try.estimate", way=what.way, calls=len(what.calls), cap=digits_told(what.cap_jpy),
                estimate=digits_told(what.estimate_jpy or Decimal(0)),
            )  # fmt: skip
            click.confirm(text("cli.prompt.try.sure", desk.lang), abort=True, err=True)
        rows = _asked(desk, store, what)
    _tell_tried(desk, what, rows)


@prompt.command("seen")
@click.argument("task")
@click.option("--take", "call", default=None, metavar="CALL")
@click.option("--reason", default="")
@_json
@pass_desk
def seen(desk: Desk, /, task: str, call: str | None, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    now, folder = desk.now(), _folder(desk)
    with desk.store() as store:
        pin_settings(store, desk.settings, now)
        if call is not None:
            call_id = _call(call)
            told = reason or text("page.prompts.take_reason", desk.lang, call=call_id.hex[:8])
            _added(desk, flow.take_prompt(store, now, "cli", task, call_id, told, folder), task)
            return
        _view(desk, store, task)
        found = flow.find_prompts(store, now, "cli", task, folder)
    if json_out:
        desk.give({
            "task": task, "calls": found.looked_at, "without": found.without,
            "prompts": [
                {"calls": one.calls, "call_id": one.call_id, "version": one.version or None, "first_at": one.first_at,
                 "last_at": one.last_at, "text": one.text} for one in found.seen
            ],
        })  # fmt: skip
        return
    desk.say("cli.prompt.seen.in", calls=found.looked_at, kinds=len(found.seen), without=found.without)
    for one in found.seen:
        known = text("page.prompts.found_known", desk.lang, version=one.version) if one.version else "–"
        beginning = " ".join(one.text.split())[:_SHOWN]
        desk.say("cli.prompt.seen.line", calls=one.calls, call=one.call_id, version=known, beginning=beginning)


def _asked(desk: Desk, store: Store, what: Try) -> list[Tried]:
    """The calls in order, each as it ended."""
    try_id = derived_id("try", desk.secret())
    with Replayer(desk.settings, store) as ask:
        rows = dict(try_prompt(store, desk.now(), "cli", what, _folder(desk), ask, try_id))
    return [rows[place] for place in sorted(rows)]


def _tell_tried(desk: Desk, what: Try, rows: list[Tried]) -> None:
    spent = sum((row.cost_jpy for row in rows if row.cost_jpy is not None), Decimal(0))
    if desk.json_out:
        desk.give({
            "task": what.task, "way": what.way, "cap_jpy": str(what.cap_jpy), "cost_jpy": str(spent),
            "calls": [_plain_tried(row) for row in rows],
        })  # fmt: skip
        return
    for row in rows:
        state = text(f"page.prompts.state.{row.state}", desk.lang)
        then = row.kept.amounts
        desk.say("cli.prompt.try.call", at=moment_told(desk, row.kept.at), call=row.kept.call_id, state=state)
        desk.say(
            "cli.prompt.try.then", jpy=_jpy(then.cost_jpy if then else None), said=row.stored or "–",
            latency=then.latency_ms if then and then.latency_ms is not None else "–",
        )  # fmt: skip
        said = _sentence(row.why, desk) if row.why else row.answer
        latency = row.latency_ms if row.latency_ms is not None else "–"
        desk.say("cli.prompt.try.now", jpy=_jpy(row.cost_jpy), said=said or "–", latency=latency)
    desk.say("cli.prompt.try.sum", jpy=digits_told(spent), cap=digits_told(what.cap_jpy))


def _sentence(why: Refusal, desk: Desk) -> str:
    return sentence("refusal", why.code, cast(Language, desk.lang), why.facts)


def _added(desk: Desk, came: Added | Refusal, task: str) -> None:
    if isinstance(came, Refusal):
        refuse(desk, came)
    if desk.json_out:
        desk.give({"task": task, "version": came.version})
    else:
        desk.say("cli.prompt.add.done", task=task, version=came.version)


def _view(desk: Desk, store: Store, task: str) -> PromptsView:
    with store.reading() as tx:
        found = prompts_view(tx, desk.now(), task, _sites(desk), _kind(desk))
    if found is None:
        refuse(desk, Refusal("task_unknown", {"name": task}))
    return found


def _one(view: PromptsView, version: int | None) -> Prompt:
    found = next((one for one in view.prompts if version in (None, one.version)), None)
    if found is None:
        raise CallerError("prompt_version_unknown", name=view.task.name, version=version or "–")
    return found


def _read(file: str) -> str:
    try:
        return (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise CallerError("prompt_file_unreadable", file=file) from error


def _call(told: str) -> UUID:
    try:
        return UUID(told)
    except ValueError as error:
        raise CallerError("call_unreadable", value=told[:100]) from error


def _yen(told: str) -> Decimal:
    try:
        found = Decimal(told.replace(",", ""))
    except InvalidOperation:
        found = Decimal(0)
    return found if found.is_finite() else Decimal(0)


def _jpy(amount: Decimal | None) -> str:
    return "–" if amount is None else digits_told(amount)


def _kind(desk: Desk) -> RateKind:
    return cast(RateKind, desk.settings.text("money.rate_kind"))


def _sites(desk: Desk) -> dict[str, Site]:
    return sites_of(upstreams_of(desk.settings))


def _folder(desk: Desk) -> Path:
    return (desk.settings.file or desk.settings.home / "jitsuri.toml").parent


def _plain(one: Prompt) -> dict[str, object]:
    return {
        "task": one.task, "version": one.version, "characters": len(one.text), "author": one.author,
        "reason": one.reason, "set_at": one.set_at,
    }  # fmt: skip


def _plain_line(line: Line) -> dict[str, object]:
    return {"kind": line.kind, "line": line.old_number or line.new_number, "text": line.text}


def _plain_tried(row: Tried) -> dict[str, object]:
    then = row.kept.amounts
    return {
        "call_id": row.kept.call_id, "state": row.state, "why": row.why.code if row.why is not None else None,
        "question": row.question, "then": row.stored, "now": row.answer,
        "cost_jpy_then": str(then.cost_jpy) if then is not None and then.cost_jpy is not None else None,
        "cost_jpy": str(row.cost_jpy) if row.cost_jpy is not None else None,
        "latency_ms_then": then.latency_ms if then is not None else None, "latency_ms": row.latency_ms,
    }  # fmt: skip

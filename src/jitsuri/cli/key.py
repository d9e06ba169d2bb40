"""``jitsuri key``: credentials of programs that call, from the machine itself: works without the console."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table

from jitsuri.access.rules.guarding import login_form
from jitsuri.access.rules.keying import found, is_living, last_day, span_of, standing_of
from jitsuri.access.shapes import KeptKey, KeyScope, MadeKey
from jitsuri.cli.doors import Desk, pass_desk, pin_settings
from jitsuri.cli.refusing import refuse as give_up
from jitsuri.cli.typed import given_day
from jitsuri.flows.cold import keeping_keys
from jitsuri.flows.cold.admitting import everybody
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import text

Command = TypeVar("Command", bound=Callable[..., None])
Wished = TypeVar("Wished")


@click.group("key")
def key() -> None: ...


def _scope_options(command: Command) -> Command:
    for option in (
        click.option("--tokens", type=click.IntRange(min=0), default=0),
        click.option("--requests", type=click.IntRange(min=0), default=0),
        click.option("--until", default=""),
        click.option("--from", "first", default=""),
        click.option("--region", "regions", multiple=True),
        click.option("--model", "models", multiple=True),
        click.option("--department", default=""),
        click.option("--task", default=""),
    ):
        command = option(command)
    return command


_reason = click.option("--reason", required=True)
_json = click.option("--json", "json_out", is_flag=True)


@key.command("list")
@click.option("--all", "everything", is_flag=True)
@_json
@pass_desk
def list_(desk: Desk, everything: bool, json_out: bool) -> None:
    desk.json_out = json_out
    now = desk.now()
    with desk.store() as store:
        keys = [one for one in keeping_keys.everything(store) if everything or is_living(standing_of(one, now))]
    if json_out:
        desk.give([_told(one, now) for one in keys])
    elif not keys:
        desk.say("cli.key.list.none")
    else:
        Console().print(_table(desk, keys, now))


@key.command("ask")
@click.argument("name")
@click.option("--login", required=True)
@click.option("--purpose", required=True)
@_scope_options
@_json
@pass_desk
def ask(desk: Desk, /, name: str, login: str, purpose: str, json_out: bool, **scope: Any) -> None:
    desk.json_out = json_out
    now = desk.now()
    with desk.store() as store:
        person = next((p for p in everybody(store) if p.login == login_form(login)), None)
        if person is None:
            give_up(desk, Refusal("person_unknown", {"value": login}))
        came = keeping_keys.ask(store, now, person, _scope(desk, name, now, **scope), purpose)
    _finish(desk, _given(desk, came), "cli.key.ask.done", now)


@key.command("make")
@click.argument("name")
@click.option("--purpose", default="")
@_scope_options
@_json
@pass_desk
def make(desk: Desk, /, name: str, purpose: str, json_out: bool, **scope: Any) -> None:
    desk.json_out = json_out
    now = desk.now()
    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        came = keeping_keys.make(store, now, _scope(desk, name, now, **scope), purpose or name, desk.secret)
    _tell_secret(desk, _given(desk, came), "cli.key.make.done", now)


@key.command("approve")
@click.argument("key")
@_reason
@_json
@pass_desk
def approve(desk: Desk, key: str, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    now = desk.now()
    with desk.store() as store:
        came = keeping_keys.approve(store, now, None, _id(desk, store, key, now), reason)
    _finish(desk, _given(desk, came), "cli.key.approve.done", now)


@key.command("refuse")
@click.argument("key")
@_reason
@_json
@pass_desk
def refuse(desk: Desk, key: str, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    now = desk.now()
    with desk.store() as store:
        came = keeping_keys.refuse(store, now, None, _id(desk, store, key, now), reason)
    _finish(desk, _given(desk, came), "cli.key.refuse.done", now)


@key.command("rotate")
@click.argument("key")
@click.option("--overlap-hours", type=click.IntRange(min=0), default=24, show_default=True)
@_reason
@_json
@pass_desk
def rotate(desk: Desk, key: str, overlap_hours: int, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    now, overlap = desk.now(), timedelta(hours=min(overlap_hours, 10**6))
    with desk.store() as store:
        came = keeping_keys.rotate(store, now, None, _id(desk, store, key, now), overlap, reason, desk.secret)
    _tell_secret(desk, _given(desk, came), "cli.key.rotate.done", now, hours=overlap_hours)


@key.command("change")
@click.argument("key")
@click.option("--until", default="")
@click.option("--requests", type=click.IntRange(min=0), default=None)
@click.option("--tokens", type=click.IntRange(min=0), default=None)
@_reason
@_json
@pass_desk
def change(
    desk: Desk, key: str, until: str, requests: int | None, tokens: int | None, reason: str, json_out: bool
) -> None:
    desk.json_out = json_out
    now = desk.now()
    with desk.store() as store:
        standing = _found(desk, store, key, now)
        _, ends = span_of(None, given_day(until), now, _zone(desk)) if until else (None, standing.scope.expires_at)
        came = keeping_keys.change(
            store, now, None, standing.key_id, expires_at=ends, reason=reason,
            requests_per_minute=standing.scope.requests_per_minute if requests is None else requests,
            tokens_per_minute=standing.scope.tokens_per_minute if tokens is None else tokens,
        )  # fmt: skip
    _finish(desk, _given(desk, came), "cli.key.change.done", now)


@key.command("revoke")
@click.argument("key")
@_reason
@_json
@pass_desk
def revoke(desk: Desk, key: str, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    now = desk.now()
    with desk.store() as store:
        came = keeping_keys.end(store, now, None, _id(desk, store, key, now), reason)
    _finish(desk, _given(desk, came), "cli.key.revoke.done", now)


def _scope(
    desk: Desk, name: str, now: datetime, *, task: str, department: str, models: tuple[str, ...],
    regions: tuple[str, ...], first: str, until: str, requests: int, tokens: int,
) -> KeyScope:  # fmt: skip
    begins, ends = given_day(first) if first else None, given_day(until) if until else None
    starts_at, expires_at = span_of(begins, ends, now, _zone(desk))
    return KeyScope(name, department, task, models, regions, starts_at, expires_at, requests, tokens)


def _found(desk: Desk, store: Store, told: str, now: datetime) -> KeptKey:
    """The key of a name or an id; ends the command where there is none."""
    standing = found(keeping_keys.everything(store), told, now)
    if standing is None:
        give_up(desk, Refusal("key_absent", {"value": told}))
    return standing


def _id(desk: Desk, store: Store, told: str, now: datetime) -> UUID:
    return _found(desk, store, told, now).key_id


def _given(desk: Desk, came: Wished | Refusal) -> Wished:
    """What was wished for; a refusal ends the command."""
    if isinstance(came, Refusal):
        give_up(desk, came)
    return came


def _finish(desk: Desk, kept: KeptKey, code: str, now: datetime) -> None:
    if desk.json_out:
        desk.give(_told(kept, now))
    else:
        until = last_day(kept.scope.expires_at, _zone(desk))
        desk.say(code, name=kept.scope.name, login=kept.asked_by or text("key.machine", desk.lang), until=until)


def _tell_secret(desk: Desk, made: MadeKey, code: str, now: datetime, **facts: object) -> None:
    """The secret alone on stdout, or within the JSON; everything else on stderr."""
    until = last_day(made.kept.scope.expires_at, _zone(desk))
    click.echo(text(code, desk.lang, name=made.kept.scope.name, until=until, **facts), err=True)
    if desk.json_out:
        desk.give({**_told(made.kept, now), "secret": made.secret})
    else:
        click.echo(made.secret)


def _told(kept: KeptKey, now: datetime) -> dict[str, object]:
    return {
        "key_id": kept.key_id, **asdict(kept.scope), "standing": standing_of(kept, now), "purpose": kept.purpose,
        "hint": kept.secrets[0].hint if kept.secrets else None, "asked_by": kept.asked_by, "asked_at": kept.asked_at,
        "decided_by": kept.decided_by, "decided_at": kept.decided_at, "decided_reason": kept.decided_reason,
        "ended_by": kept.ended_by, "ended_at": kept.ended_at, "ended_reason": kept.ended_reason,
        "last_used_on": kept.last_used_on,
    }  # fmt: skip


def _table(desk: Desk, keys: list[KeptKey], now: datetime) -> Table:
    columns = ("name", "hint", "state", "task", "department", "limits", "until", "last_used", "asked_by")
    table = Table(*(text(f"cli.key.column.{name}", desk.lang) for name in columns))
    for one in keys:
        scope = one.scope
        table.add_row(
            scope.name, one.secrets[0].hint if one.secrets else "–",
            text(f"key.standing.{standing_of(one, now)}", desk.lang), scope.task or "*", scope.department,
            f"{scope.requests_per_minute or '–'} / {scope.tokens_per_minute or '–'}",
            str(last_day(scope.expires_at, _zone(desk))), str(one.last_used_on or "–"),
            one.asked_by or text("key.machine", desk.lang),
        )  # fmt: skip
    return table


def _zone(desk: Desk) -> ZoneInfo:
    return ZoneInfo(desk.settings.text("company.zone"))

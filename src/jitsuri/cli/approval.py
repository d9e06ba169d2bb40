"""``jitsuri approval``: the approval route from the machine itself. The one who acts is named; the act is kept as one from here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table

from jitsuri.access.rules.guarding import login_form
from jitsuri.approvals import records as approval_rows
from jitsuri.approvals.rules import is_open
from jitsuri.approvals.shapes import KINDS, Act, Kind, Matter, Signature, Wish
from jitsuri.cli.deputies import deputy
from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.refusing import refuse as give_up
from jitsuri.flows.cold.approving import Acting, document_of, sign
from jitsuri.flows.cold.viewing.opening_approvals import Opened, open_matter, opened, surroundings
from jitsuri.store.door import Store, without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.words import text

Command = TypeVar("Command", bound=Callable[..., None])

_json = click.option("--json", "json_out", is_flag=True)


@click.group("approval")
def approval() -> None: ...


approval.add_command(deputy)


def _acting(command: Command) -> Command:
    """What every act takes: the document, who acts and for whom, why, and the code of what was read."""
    for option in (
        _json,
        click.option("--code", default=""),
        click.option("--reason", default=""),
        click.option("--login", required=True),
        click.argument("subject"),
        click.argument("kind", type=click.Choice(KINDS)),
    ):
        command = option(command)
    return command


_for = click.option("--for", "principal", default="")


@approval.command("list")
@click.option("--all", "everything", is_flag=True)
@_json
@pass_desk
def list_(desk: Desk, everything: bool, json_out: bool) -> None:
    desk.json_out = json_out
    today = company_day(desk.now())
    with desk.store() as store, store.reading() as tx:
        around = surroundings(tx, today)
        found = [opened(one, around, "") for one in approval_rows.everything(tx) if everything or is_open(one.state)]
    if json_out:
        desk.give([_told(one) for one in found])
    elif not found:
        desk.say("cli.approval.list.none")
    else:
        Console().print(_table(desk, found))


@approval.command("show")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("subject")
@_json
@pass_desk
def show(desk: Desk, kind: Kind, subject: str, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        found = _opened(desk, store, kind, subject)
    if json_out:
        desk.give(_told(found))
        return
    matter = found.matter
    desk.say(
        "cli.approval.show.head", subject=matter.subject, state=_state(desk, matter), round=matter.round,
        code=matter.fingerprint,
    )  # fmt: skip
    for one in matter.acts:
        desk.say(
            "cli.approval.show.act", at=f"{one.at:%Y-%m-%d %H:%M} UTC", act=text(f"approval.act.{one.act}", desk.lang),
            who=_who(desk, one), reason=one.reason or "–",
        )  # fmt: skip
    if found.step is not None:
        desk.say("cli.approval.show.next", step=text(f"approval.step.{found.step}", desk.lang),
                 who=_waits(desk, found))  # fmt: skip


@approval.command("submit")
@_acting
@pass_desk
def submit(desk: Desk, kind: Kind, subject: str, login: str, reason: str, code: str, json_out: bool) -> None:
    _act(desk, "submit", kind, subject, login, "", reason, code, json_out=json_out)


@approval.command("review")
@_for
@_acting
@pass_desk
def review(
    desk: Desk, kind: Kind, subject: str, login: str, principal: str, reason: str, code: str, json_out: bool
) -> None:
    _act(desk, "pass_review", kind, subject, login, principal, reason, code, json_out=json_out)


@approval.command("decide")
@click.option("--approve/--reject", "approves", required=True)
@_for
@_acting
@pass_desk
def decide(
    desk: Desk, kind: Kind, subject: str, login: str, principal: str, reason: str, code: str, approves: bool,
    json_out: bool,
) -> None:  # fmt: skip
    act: Act = "approve" if approves else "reject"
    _act(desk, act, kind, subject, login, principal, reason, code, json_out=json_out)


@approval.command("return")
@_for
@_acting
@pass_desk
def return_(
    desk: Desk, kind: Kind, subject: str, login: str, principal: str, reason: str, code: str, json_out: bool
) -> None:
    _act(desk, "return", kind, subject, login, principal, reason, code, json_out=json_out)


@approval.command("withdraw")
@_acting
@pass_desk
def withdraw(desk: Desk, kind: Kind, subject: str, login: str, reason: str, code: str, json_out: bool) -> None:
    _act(desk, "withdraw", kind, subject, login, "", reason, code, json_out=json_out)


def _act(
    desk: Desk, act: Act, kind: Kind, subject: str, login: str, principal: str, reason: str, code: str, *,
    json_out: bool,
) -> None:  # fmt: skip
    desk.json_out = json_out
    now = desk.now()
    with desk.store() as store:
        seen = _opened(desk, store, kind, subject).matter
        fingerprint = code or _code(desk, store, kind, subject)
        wish = Wish(act, seen.sequence, fingerprint, reason)
        acting = Acting(login_form(login), "shell", login_form(principal))
        came = sign(store, now, acting, kind, seen.subject, wish)
        if isinstance(came, Refusal):
            give_up(desk, came)
        found = _opened(desk, store, kind, subject)
    if json_out:
        desk.give(_told(found))
    else:
        desk.say("cli.approval.done", subject=seen.subject, state=_state(desk, came), who=_who(desk, came.acts[-1]))


def _opened(desk: Desk, store: Store, kind: Kind, subject: str) -> Opened:
    """The matter of a document; ends the command where there is no such document."""
    code = _code(desk, store, kind, subject)
    with store.reading() as tx:
        return open_matter(tx, kind, without_nul(subject), code, "", company_day(desk.now()))


def _code(desk: Desk, store: Store, kind: Kind, subject: str) -> str:
    with store.reading() as tx:
        code = document_of(tx, kind, without_nul(subject), company_day(desk.now()), is_new=False)
    if isinstance(code, Refusal):
        give_up(desk, code)
    return code


def _state(desk: Desk, matter: Matter) -> str:
    return text(f"approval.state.{matter.state}", desk.lang)


def _who(desk: Desk, one: Signature) -> str:
    if not one.on_behalf_of:
        return one.name
    return text("approval.for_principal", desk.lang, name=one.name, principal=one.on_behalf_of_name)


def _waits(desk: Desk, found: Opened) -> str:
    if found.waits_for_nobody:
        return text("approval.nobody", desk.lang)
    named = (
        way.signer.name
        if way.principal is None
        else text("approval.for_principal", desk.lang, name=way.signer.name, principal=way.principal.name)
        for way in found.waits_for
    )
    return text("ui.list_separator", desk.lang).join(named)


def _told(found: Opened) -> dict[str, object]:
    matter = found.matter
    return {
        "kind": matter.kind, "subject": matter.subject, "code": matter.fingerprint, "state": matter.state,
        "round": matter.round, "sequence": matter.sequence, "next": found.step, "one_hand": found.has_one_hand,
        "waits_for": [
            {"login": way.signer.login, "for": way.principal.login if way.principal else ""} for way in found.waits_for
        ],
        "waits": "approval_waits_for_nobody" if found.waits_for_nobody else "",
        "acts": [
            {
                "sequence": one.sequence, "round": one.round, "act": one.act, "step": one.step, "login": one.login,
                "for": one.on_behalf_of, "roles": one.roles, "code": one.fingerprint, "reason": one.reason,
                "door": one.door, "at": one.at.isoformat(),
            }
            for one in matter.acts
        ],
    }  # fmt: skip


def _table(desk: Desk, found: list[Opened]) -> Table:
    table = Table(*(text(f"cli.approval.column.{name}", desk.lang) for name in ("subject", "state", "last", "waits")))
    for one in found:
        last = one.matter.acts[-1]
        act = text(f"approval.act.{last.act}", desk.lang)
        table.add_row(
            one.matter.subject, _state(desk, one.matter), f"{act} {_who(desk, last)}",
            _waits(desk, one) if one.step is not None else "–",
        )  # fmt: skip
    return table

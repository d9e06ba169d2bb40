"""``jitsuri guard``: policies of guardrails, and what their checks see.

What needs a database is imported where it is used: ``scan --jsonl`` begins to answer without any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from jitsuri.cli.doors import Desk, pass_desk, pin_settings
from jitsuri.cli.guard_files import asked_policy, read_policy
from jitsuri.cli.guard_texts import findings, measure_, replay, scan
from jitsuri.cli.guard_told import changes_told, differences_plain, policy_plain, stored_plain
from jitsuri.cli.refusing import refuse
from jitsuri.cli.telling import moment_told
from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.rules.coding import toml_of
from jitsuri.guardrails.rules.differing import differing
from jitsuri.guardrails.rules.policing import policy_faults
from jitsuri.guardrails.rules.presets import PRESETS, Preset, preset
from jitsuri.guardrails.shapes import Policy, StoredPolicy
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.words import text

if TYPE_CHECKING:
    from jitsuri.store.door import Store

_json = click.option("--json", "json_out", is_flag=True)
_reason = click.option("--reason", required=True)


@click.group("guard")
def guard() -> None: ...


@guard.group("policy")
def policy() -> None: ...


for _command in (scan, replay, measure_, findings):
    guard.add_command(_command)


@policy.command("list")
@_json
@pass_desk
def list_(desk: Desk, json_out: bool) -> None:
    from jitsuri.flows.cold.guarding.keeping import policies

    desk.json_out = json_out
    with desk.store() as store, store.reading() as tx:
        found = policies(tx)
    if json_out:
        desk.give([stored_plain(one) for one in found.values()])
        return
    if not found:
        desk.say("cli.guard.list.none")
    for task, one in found.items():
        desk.say(
            "cli.guard.list.line" if one.is_active else "cli.guard.list.off", task=task, version=one.policy.version,
            rules=len(one.policy.rules), exemptions=len(one.policy.exemptions), at=moment_told(desk, one.created_at),
            author=one.created_by, reason=one.reason,
        )  # fmt: skip


@policy.command("show")
@click.argument("task")
@click.argument("version", type=int, required=False)
@click.option("--with-values", is_flag=True)
@_json
@pass_desk
def show(desk: Desk, task: str, version: int | None, with_values: bool, json_out: bool) -> None:
    from jitsuri.flows.cold.guarding.keeping import without_values

    desk.json_out = json_out
    with desk.store() as store:
        found = _one(desk, store, task, version)
    if json_out:
        told = found.policy if with_values else without_values(found.policy)
        desk.give({**stored_plain(found), "policy": policy_plain(told)})
    else:
        click.echo(toml_of(found.policy, without_values=not with_values), nl=False)


@policy.command("preset")
@click.argument("name", type=click.Choice(PRESETS))
@click.argument("task", required=False)
def preset_(name: str, task: str | None) -> None:
    told = toml_of(preset(cast(Preset, name), task or "*"))
    click.echo(told if task else told.partition("\n")[2], nl=False)


@policy.command("check")
@click.argument("file", metavar="FILE|-")
@click.option("--task", default="")
@_json
@pass_desk
def check(desk: Desk, file: str, task: str, json_out: bool) -> None:
    desk.json_out = json_out
    found = read_policy(desk, file, task or "*", is_task_free=not task)
    faults = policy_faults(found, Checks().known(), company_day(desk.now()))
    if faults:
        refuse(desk, faults)
    if json_out:
        desk.give({"ok": True, "policy": policy_plain(found)})
    else:
        desk.say("cli.guard.check.fine", task=found.task, rules=len(found.rules), exemptions=len(found.exemptions))


@policy.command("set")
@click.argument("task")
@click.argument("file", metavar="[FILE|-]", required=False)
@click.option("--preset", "preset_name", type=click.Choice(PRESETS))
@click.option("--seen", type=int, default=None)
@_reason
@_json
@pass_desk
def set_(
    desk: Desk, /, task: str, file: str | None, preset_name: str | None, seen: int | None, reason: str, json_out: bool
) -> None:
    from jitsuri.flows.cold.guarding.keeping import policy_history, set_policy

    desk.json_out = json_out
    found = asked_policy(desk, file, preset_name, task)
    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        with store.reading() as tx:
            before = next(iter(policy_history(tx, task)), None)
        came = set_policy(store, desk.now(), "cli", found, reason, Checks().known(), seen=seen)
    if not isinstance(came, StoredPolicy):
        refuse(desk, came)
    old = before.policy if before is not None and before.is_active else None
    changes = differing(old, came.policy)
    if json_out:
        desk.give({**stored_plain(came), "changes": differences_plain(desk, changes)})
        return
    desk.say("cli.guard.set.done", task=task, version=came.policy.version)
    changes_told(desk, changes)


@policy.command("off")
@click.argument("task")
@_reason
@_json
@pass_desk
def off(desk: Desk, task: str, reason: str, json_out: bool) -> None:
    from jitsuri.flows.cold.guarding.keeping import retire_policy

    desk.json_out = json_out
    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        came = retire_policy(store, desk.now(), "cli", task, reason)
    if isinstance(came, Refusal):
        refuse(desk, came)
    if json_out:
        desk.give(stored_plain(came))
    else:
        desk.say("cli.guard.off.done", task=task, version=came.policy.version)


@policy.command("history")
@click.argument("task")
@_json
@pass_desk
def history(desk: Desk, task: str, json_out: bool) -> None:
    from jitsuri.flows.cold.guarding.keeping import policy_history

    desk.json_out = json_out
    with desk.store() as store, store.reading() as tx:
        found = policy_history(tx, task)
    rows = [(one, _before(found, at)) for at, one in enumerate(found)]
    if json_out:
        desk.give([
            {**stored_plain(one), "changes": differences_plain(desk, differing(old, one.policy)) if one.is_active else []}
            for one, old in rows
        ])  # fmt: skip
        return
    if not found:
        refuse(desk, _none(task))
    for one, old in rows:
        state = text(f"cli.guard.history.{'on' if one.is_active else 'off'}", desk.lang)
        desk.say(
            "cli.guard.history.line", version=one.policy.version, state=state, at=moment_told(desk, one.created_at),
            author=one.created_by, reason=one.reason,
        )  # fmt: skip
        if one.is_active:
            changes_told(desk, differing(old, one.policy))


def _before(found: list[StoredPolicy], at: int) -> Policy | None:
    """What held before a version; None where nothing did."""
    below = found[at + 1] if at + 1 < len(found) else None
    return below.policy if below is not None and below.is_active else None


def _one(desk: Desk, store: Store, task: str, version: int | None) -> StoredPolicy:
    from jitsuri.flows.cold.guarding.keeping import policy_history

    with store.reading() as tx:
        versions = policy_history(tx, task)
    found = next((one for one in versions if version in (None, one.policy.version)), None)
    if found is None and versions:
        refuse(desk, Refusal("version_unknown", {"name": task, "version": version}))
    if found is None:
        refuse(desk, _none(task))
    return found


def _none(task: str) -> Refusal:
    return Refusal("guard_policy_none", {"name": task})

"""``jitsuri guard scan``, ``replay``, ``measure``, ``findings``: what checks see in texts."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from jitsuri.cli.doors import Desk, pass_desk, pin_settings
from jitsuri.cli.guard_files import asked_policy, read_policy
from jitsuri.cli.guard_told import reason_told, share_told
from jitsuri.cli.refusing import refuse
from jitsuri.cli.telling import moment_told
from jitsuri.flows.cold.guarding.scanning import scan_lines, scan_text
from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.rules.policing import policy_faults
from jitsuri.guardrails.rules.presets import PRESETS
from jitsuri.guardrails.shapes import GuardRun, Policy, Scanned
from jitsuri.terms.errors import CallerError
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.words import sentence, text

if TYPE_CHECKING:
    from jitsuri.flows.cold.guarding.measuring import MeasuredLines
    from jitsuri.flows.cold.guarding.replaying import Replayed

_json = click.option("--json", "json_out", is_flag=True)
_MOST_TEXT = 64 * 2**20
"""Bytes of one text or one line that are read."""
_FAULTY = 2
"""Exit code where some lines could not be read."""


@click.command("scan")
@click.argument("file", metavar="[FILE|-]", default="-")
@click.option("--jsonl", is_flag=True)
@click.option("--task", default="")
@click.option("--policy", "policy_file", default="", metavar="FILE")
@pass_desk
def scan(desk: Desk, file: str, jsonl: bool, task: str, policy_file: str) -> None:
    checks = Checks()
    policy = _policy(desk, task, policy_file, checks)
    if jsonl:
        _scan_lines(desk, file, checks, policy)
        return
    with _opened(file) as stream:
        content = stream.read(_MOST_TEXT).decode("utf-8", "replace")
    scanned = scan_text(checks, content, policy)
    click.echo(_marked(content, scanned), nl=not content.endswith("\n"))
    for one in scanned.findings:
        told = reason_told(desk, one.reason)
        click.echo(
            _say(desk, "scan.line", start=one.start, end=one.end, type=one.type, score=f"{one.score:.2f}", reason=told)
        )
    if not scanned.findings:
        click.echo(_say(desk, "scan.none"))
    for ran in scanned.ran:
        if ran.state != "ran":
            click.echo(_say(desk, "scan.not_run", check=ran.check, state=ran.state), err=True)


def _scan_lines(desk: Desk, file: str, checks: Checks, policy: Policy | None) -> None:
    """One answer per line, as it comes. What is wrong with a line goes to stderr, and the exit code tells."""
    good = bad = 0
    out = sys.stdout
    with _opened(file) as stream:
        for number, told in scan_lines(checks, _lines(stream), policy):
            if isinstance(told, Refusal):
                bad += 1
                why = sentence("refusal", told.code, desk.lang, told.facts)
                click.echo(_say(desk, "scan.bad", line=number, why=why), err=True)
                continue
            good += 1
            out.write(json.dumps(told, ensure_ascii=True) + "\n")
            out.flush()
    if bad:
        click.echo(_say(desk, "scan.sum", good=good, bad=bad), err=True)
        raise SystemExit(_FAULTY)


@click.command("replay")
@click.argument("task")
@click.option("--policy", "policy_file", default=None, metavar="FILE")
@click.option("--preset", "preset_name", type=click.Choice(PRESETS))
@click.option("--calls", type=click.IntRange(1, 5_000), default=500, show_default=True)
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True)
@click.option("--reason", default="")
@_json
@pass_desk
def replay(
    desk: Desk, /, task: str, policy_file: str | None, preset_name: str | None, calls: int, days: int, reason: str,
    json_out: bool,
) -> None:  # fmt: skip
    from jitsuri.flows.cold.guarding.replaying import Replayed, replay_policy

    desk.json_out = json_out
    policy = asked_policy(desk, policy_file, preset_name, task)

    def told(done: int, all_: int) -> None:
        if sys.stderr.isatty():
            click.echo("\r" + _say(desk, "replay.progress", done=done, all=all_), nl=done == all_, err=True)

    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        came = replay_policy(
            store, desk.now(), "cli", task, policy, _folder(desk), Checks(), time.monotonic, reason=reason, calls=calls,
            days=days, on_progress=told,
        )  # fmt: skip
    if not isinstance(came, Replayed):
        refuse(desk, came)
    _tell_replayed(desk, came)


def _tell_replayed(desk: Desk, came: Replayed) -> None:
    if desk.json_out:
        desk.give({
            **{name: value for name, value in asdict(came).items() if name != "outcomes"}, "changed": came.changed,
            "outcomes": [{"before": a, "after": b, "calls": count} for (a, b), count in came.outcomes.items()],
        })  # fmt: skip
        return
    first, last = (moment_told(desk, at) if at else "–" for at in (came.first_at, came.last_at))
    desk.say(
        "cli.guard.replay.in", calls=came.looked_at, first=first, last=last, seconds=f"{came.seconds:.1f}",
        changed=came.changed, unreadable=came.unreadable,
    )  # fmt: skip
    for (before, after), count in sorted(came.outcomes.items()):
        desk.say("cli.guard.replay.outcome", before=before, after=after, count=count)
    for one in came.followed:
        told = {"check": one.check, "before": one.before or "–", "after": one.after or "–"}
        desk.say("cli.guard.replay.followed", **told, count=one.findings)
    for example in came.examples:
        desk.say(
            "cli.guard.replay.example", call=example.call_id, place=example.place, type=example.type,
            before=example.before or "–", after=example.after or "–",
        )  # fmt: skip
    if came.not_run:
        desk.say("cli.guard.replay.not_run", checks=", ".join(came.not_run))


@click.command("measure")
@click.argument("file", metavar="FILE|-")
@click.option("--task", default="")
@click.option("--policy", "policy_file", default="", metavar="FILE")
@_json
@pass_desk
def measure_(desk: Desk, file: str, task: str, policy_file: str, json_out: bool) -> None:
    from jitsuri.flows.cold.guarding.measuring import measure

    desk.json_out = json_out
    checks = Checks()
    policy = _policy(desk, task, policy_file, checks)
    with desk.store() as store, _opened(file) as stream:
        pin_settings(store, desk.settings, desk.now())
        came = measure(
            store, desk.now(), "cli", policy.task if policy and task else task, policy, _lines(stream), checks
        )
    if isinstance(came, Refusal):
        refuse(desk, came)
    _tell_measured(desk, came)


def _tell_measured(desk: Desk, came: MeasuredLines) -> None:
    one = came.measurement
    for fault in came.faults:
        why = sentence("refusal", fault.code, desk.lang, fault.facts)
        click.echo(_say(desk, "scan.bad", line=fault.facts["line"], why=why), err=True)
    if desk.json_out:
        desk.give({**asdict(one), "unreadable": came.unreadable})
        return
    desk.say("cli.guard.measure.in", lines=one.lines, characters=one.characters, unreadable=came.unreadable)
    desk.say("cli.guard.measure.head")
    for row in one.types:
        desk.say(
            "cli.guard.measure.line", type=row.type, labelled=row.labelled, recall=share_told(row.found_typed, row.labelled),
            masked=share_told(row.masked, row.labelled), reported=row.reported,
            precision=share_told(row.right, row.reported),
        )  # fmt: skip
    desk.say("cli.guard.measure.foot")


@click.command("findings")
@click.option("--task", default=None)
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True)
@click.option("--type", "kind", default=None)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@_json
@pass_desk
def findings(desk: Desk, task: str | None, days: int, kind: str | None, limit: int, json_out: bool) -> None:
    from jitsuri.guardrails.records import runs as run_rows

    desk.json_out = json_out
    first = company_day(desk.now() - timedelta(days=days))
    with desk.store() as store, store.reading() as tx:
        found = run_rows.newest(tx, task=task, type_=kind, first=first, limit=limit)
    if json_out:
        desk.give([_run_plain(one) for one in found])
        return
    if not found:
        desk.say("cli.guard.findings.none")
    for run in found:
        desk.say(
            "cli.guard.findings.run", at=moment_told(desk, run.at), task=run.task or "–", direction=run.direction,
            outcome=run.outcome, found=run.found, call=run.call_id,
        )  # fmt: skip
        for one in run.findings:
            desk.say(
                "cli.guard.findings.line", place=one.place, start=one.start, end=one.end, type=one.type,
                score=f"{one.score:.2f}", action=_say(desk, "findings.exempt") if one.is_exempt else one.action,
            )  # fmt: skip


def _policy(desk: Desk, task: str, file: str, checks: Checks) -> Policy | None:
    """The policy that was named; None: all built-in checks."""
    if task and file:
        raise CallerError("guard_task_or_policy")
    if file:
        policy = read_policy(desk, file, "*", is_task_free=True)
        faults = policy_faults(policy, checks.known(), company_day(desk.now()))
        if faults:
            refuse(desk, faults)
        return policy
    if not task:
        return None
    from jitsuri.flows.cold.guarding.keeping import holding_for

    with desk.store() as store, store.reading() as tx:
        held = holding_for(tx, task)
    if held is None:
        refuse(desk, Refusal("guard_policy_none", {"name": task}))
    return held.policy


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise CallerError("guard_file_unreadable", file=file) from error
        yield stream


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines as they come; one that is longer than anybody means is handed on in part, and refused as no JSON."""
    while line := stream.readline(_MOST_TEXT):
        is_whole = line.endswith(b"\n") or len(line) < _MOST_TEXT
        while not is_whole:
            rest = stream.readline(_MOST_TEXT)
            is_whole = rest.endswith(b"\n") or len(rest) < _MOST_TEXT
        yield line


def _marked(content: str, scanned: Scanned) -> str:
    """The text with what was found in brackets, each with its type: for a person's eyes at a terminal."""
    made, at = [], 0
    for one in scanned.findings:
        made += [content[at : one.start], "⟦", content[one.start : one.end], "｜", one.type, "⟧"]
        at = one.end
    return "".join(made) + content[at:]


def _run_plain(run: GuardRun) -> dict[str, Any]:
    told = {name: getattr(run, name) for name in run.__struct_fields__}
    for name in ("checks", "findings"):
        told[name] = [{field: getattr(one, field) for field in one.__struct_fields__} for one in told[name]]
    return told


def _say(desk: Desk, code: str, **facts: object) -> str:
    return text(f"cli.guard.{code}", desk.lang, **facts)


def _folder(desk: Desk) -> Path:
    return (desk.settings.file or desk.settings.home / "jitsuri.toml").parent

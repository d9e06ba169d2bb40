"""How a command tells what it refuses: every reason with its line, then exit code 2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import click

from jitsuri.cli.doors import Desk
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import sentence, text

_SHOWN = 50
"""Reasons told on a screen; a file with more of them is wrong in one way, not in fifty."""


def refuse(desk: Desk, refusals: Refusal | Iterable[Refusal], *, is_import: bool = False) -> NoReturn:
    """Tell why nothing was done, or nothing taken in, and end the command."""
    reasons = [refusals] if isinstance(refusals, Refusal) else list(refusals)
    if desk.json_out:
        desk.give({"ok": False, "refused": [{**r.facts, "code": r.code, "text": _sentence(r, desk)} for r in reasons]})
    for reason in reasons[:_SHOWN]:
        click.echo(_sentence(reason, desk), err=True)
    if len(reasons) > _SHOWN:
        click.echo(text("cli.refused.more", desk.lang, count=len(reasons) - _SHOWN), err=True)
    nothing = "cli.refused.nothing_imported" if is_import else "cli.refused.nothing"
    click.echo(text(nothing, desk.lang, count=len(reasons)), err=True)
    raise SystemExit(2)


def _sentence(reason: Refusal, desk: Desk) -> str:
    line = reason.facts.get("line")
    place = text("refusal.place", desk.lang, line=line) if line else ""
    return place + sentence("refusal", reason.code, desk.lang, reason.facts)

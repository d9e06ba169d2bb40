"""``jitsuri init`` and ``jitsuri check``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from jitsuri.app.upstreams import faults, upstreams_of
from jitsuri.cli.doors import Desk, pass_desk, tell, tell_mistake
from jitsuri.flows.cold.checking import check_installation
from jitsuri.settings import FIELDS, check_text, commented_file
from jitsuri.terms.errors import CallerError, JitsuriError
from jitsuri.words import text


@click.command("init")
@click.option("--force", is_flag=True)
@pass_desk
def init(desk: Desk, force: bool) -> None:
    file = desk.home / "jitsuri.toml"
    if file.exists() and not force:
        raise CallerError("already_there", file=file)
    desk.home.mkdir(parents=True, exist_ok=True)
    texts = {f.path: text(f"setting.{f.path}", desk.lang) for f in FIELDS}
    texts["company.name.example"] = text("setting.company.name.example", desk.lang)
    file.write_text(commented_file(texts), "utf-8")
    desk.say("cli.init.done", file=file)


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def check(desk: Desk, file: Path | None, json_out: bool) -> None:
    desk.json_out = json_out
    named = file or desk.config
    told: list[dict[str, object]] = []
    mistakes = 0
    if named is not None:
        try:
            content = named.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CallerError("settings_unreadable", file=named, why=str(error)) from error
        settings, found = check_text(content, desk.home, named, os.environ)
        mistakes = len(found)
        told = [{"state": "wrong", "line": m.line, "key": m.key, "text": tell_mistake(m, desk.lang)} for m in found]
        for fault in faults(upstreams_of(settings)) if not mistakes else ():
            mistakes += 1
            told.append({"state": "wrong", "text": text(f"refusal.{fault.code}", desk.lang, **fault.facts)})
    if not mistakes:
        try:
            with desk.store() as store:
                for finding in check_installation(store, desk.now(), desk.settings.assumed_rates):
                    sentence = text(finding.code, desk.lang, **finding.facts)
                    told.append({"state": finding.state, "text": sentence})
        except JitsuriError as error:
            mistakes += 1
            told.append({"state": "wrong", "text": tell(error, desk.lang)})
    if json_out:
        desk.give({"file": str(named) if named else None, "ok": not mistakes, "findings": told})
    else:
        for row in told:
            click.echo(text(f"check.state.{row['state']}", desk.lang) + " " + str(row["text"]))
        desk.say("check.result.ok" if not mistakes else "check.result.wrong", count=mistakes)
    if mistakes:
        raise SystemExit(2)

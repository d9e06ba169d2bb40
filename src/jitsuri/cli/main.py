"""``jitsuri``: the command. Each subcommand teaches by ``--help``; ``--json`` gives what a script wants."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

import click

from jitsuri import __version__
from jitsuri.cli.doors import Desk, default_home, exit_code, tell
from jitsuri.terms.errors import JitsuriError
from jitsuri.words import has_text, text

COMMANDS: dict[str, str] = {
    "init": "jitsuri.cli.beginning:init",
    "check": "jitsuri.cli.beginning:check",
    "import": "jitsuri.cli.importing:import_",
    "up": "jitsuri.cli.up:up",
    "ledger": "jitsuri.cli.ledger:ledger",
    "tasks": "jitsuri.cli.tasks:tasks",
    "opportunities": "jitsuri.cli.opportunities:opportunities",
    "trial": "jitsuri.cli.trial:trial",
    "judge": "jitsuri.cli.judge:judge",
    "rightsize": "jitsuri.cli.rightsize:rightsize",
    "certificate": "jitsuri.cli.certificate:certificate",
    "approval": "jitsuri.cli.approval:approval",
    "pairs": "jitsuri.cli.pairs:pairs",
    "prices": "jitsuri.cli.prices:prices",
    "rates": "jitsuri.cli.rates:rates",
    "costs": "jitsuri.cli.costs:costs",
    "departments": "jitsuri.cli.departments:departments",
    "people": "jitsuri.cli.people:people",
    "key": "jitsuri.cli.key:key",
    "budget": "jitsuri.cli.budget:budget",
    "variant": "jitsuri.cli.variant:variant",
    "prompt": "jitsuri.cli.prompt:prompt",
    "guard": "jitsuri.cli.guard:guard",
    "ask": "jitsuri.cli.ask:ask",
    "explain": "jitsuri.cli.explain:explain",
    "worker": "jitsuri.cli.worker:worker",
    "jobs": "jitsuri.cli.jobs:jobs",
    "db": "jitsuri.cli.db:db",
}
"""Commands by name, loaded when asked for, so that ``--help`` stays quick."""


def _lang() -> str:
    for at, word in enumerate(sys.argv):
        if word == "--lang" and at + 1 < len(sys.argv):
            return "en" if sys.argv[at + 1] == "en" else "ja"
        if word.startswith("--lang="):
            return "en" if word == "--lang=en" else "ja"
    return "en" if os.environ.get("JITSURI_LANG") == "en" else "ja"


class Doors(click.Group):
    """A group whose commands are imported on first use and whose help speaks the asked language."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return translated(command, f"cli.{cmd_name}")


def translated(command: click.Command, code: str) -> click.Command:
    """Put help texts in: ``<code>.help``, ``<code>.<option>``; what has its own text keeps it."""
    lang = _lang()
    if has_text(f"{code}.help"):
        command.help = text(f"{code}.help", lang)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and has_text(f"{code}.{parameter.name}"):
            parameter.help = text(f"{code}.{parameter.name}", lang)
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            translated(below, f"{code}.{name}")
    return command


@click.group(cls=Doors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--home", type=click.Path(path_type=Path), default=None)
@click.option("--config", type=click.Path(path_type=Path), default=None)
@click.option("--lang", type=click.Choice(["ja", "en"]), default=None)
@click.version_option(__version__, "-V", "--version")
@click.pass_context
def jitsuri(ctx: click.Context, home: Path | None, config: Path | None, lang: str | None) -> None:
    place = home.absolute() if home else default_home()
    standing = place / "jitsuri.toml"
    named = config or (Path(os.environ["JITSURI_CONFIG"]) if os.environ.get("JITSURI_CONFIG") else None)
    ctx.obj = Desk(place, named or (standing if standing.exists() else None), lang, json_out=False)


def main() -> None:
    """The installed command: errors become sentences, in the asked language, with an exit code by who can mend them."""
    translated(jitsuri, "cli.jitsuri")
    try:
        jitsuri(standalone_mode=False)
    except JitsuriError as error:
        click.echo(tell(error, _lang()), err=True)
        sys.exit(exit_code(error))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        click.echo(text("cli.stopped", _lang()), err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)

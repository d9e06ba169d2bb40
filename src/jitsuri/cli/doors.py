"""What every command gets: where things are, which language, the clock, chance, the store."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from jitsuri.flows.cold.pinning import pin
from jitsuri.settings import Mistake, Settings, read_settings
from jitsuri.store.door import Store
from jitsuri.store.opening import open_store
from jitsuri.terms.errors import CallerError, JitsuriError
from jitsuri.words import has_text, text


def default_home() -> Path:
    """``JITSURI_HOME``, else the system's place for the administrator, else the user's own data folder."""
    named = os.environ.get("JITSURI_HOME")
    if named:
        return Path(named).absolute()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/jitsuri")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "jitsuri"


@dataclass
class Desk:
    """One command's surroundings. Clock and chance enter the program here and nowhere below."""

    home: Path
    config: Path | None
    asked_lang: str | None
    json_out: bool
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    secret: Callable[[], str] = field(default=lambda: secrets.token_urlsafe(32))

    @cached_property
    def settings(self) -> Settings:
        """The settings; mistakes end the command with all of them told."""
        return read_settings(self.home, self.config, os.environ)

    @property
    def database_url(self) -> str | None:
        return self.settings.database_url

    @property
    def lang(self) -> str:
        if self.asked_lang:
            return self.asked_lang
        named = os.environ.get("JITSURI_LANG", "")
        return named if named in ("ja", "en") else "ja"

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The database, started if it is the embedded one, migrated, and given back at the end."""
        store = open_store(self.home, self.database_url, on_progress=self.progress)
        try:
            yield store
        finally:
            store.close()

    def progress(self, code: str) -> None:
        """A note on what takes long, on stderr, where a person looks on."""
        if sys.stderr.isatty() and has_text(f"progress.{code}"):
            click.echo(text(f"progress.{code}", self.lang), err=True)

    def say(self, code: str, /, **facts: object) -> None:
        """A sentence for a person: to stdout, or to stderr where stdout carries JSON."""
        click.echo(text(code, self.lang, **facts), err=self.json_out)

    def give(self, value: Any) -> None:
        """A result for a script: one JSON document on stdout."""
        click.echo(json.dumps(value, ensure_ascii=False, default=str, indent=2))


pass_desk = click.make_pass_decorator(Desk)


def tell(error: JitsuriError, lang: str) -> str:
    """The sentence of an error: what is wrong, where, and the mend. A code without a sentence still tells its facts."""
    code = f"error.{error.code}"
    if not has_text(code):
        return str(error)
    facts = {name: _plain(value) for name, value in error.facts.items()}
    place = f"{facts['log']}: " if "log" in facts else ""
    lines = [place + text(code, lang, **facts)]
    mistakes = error.facts.get("mistakes")
    if isinstance(mistakes, tuple):
        lines += [f"  - {tell_mistake(m, lang)}" for m in mistakes if isinstance(m, Mistake)]
    return "\n".join(lines)


def tell_mistake(mistake: Mistake, lang: str) -> str:
    place = text("settings.place", lang, line=mistake.line) if mistake.line else ""
    facts = {"key": mistake.key, "value": mistake.value, **mistake.facts}
    return place + text(f"settings.{mistake.code}", lang, **facts)


def exit_code(error: JitsuriError) -> int:
    """2: the one who typed can mend it. 3: the installation needs mending."""
    return 2 if isinstance(error, CallerError) else 3


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def pin_settings(store: Store, settings: Settings, now: datetime) -> None:
    """Write what ``jitsuri.toml`` names (固定) into the database."""
    tables = settings.tables
    pin(
        store, tables.get("tasks", {}), tables.get("rules", {}), tables.get("texts", {}), now,
        budgets=tables.get("budgets", {}),
        fiscal_year_starts_in=settings.integer("company.fiscal_year_starts_in"),
    )  # fmt: skip

"""A new data folder: made beside its place, and only whole ones are renamed into it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from jitsuri.store.supervisor.accounts import Account, give, run_as
from jitsuri.store.supervisor.finding import Programs
from jitsuri.store.supervisor.layout import Layout
from jitsuri.store.supervisor.telling import start_error

BUILTIN_LOCALE_MAJOR = 17
"""First major with the builtin locale provider (PostgreSQL 17 release notes, E.1.3.1)."""
_INITDB_SECONDS = 300


def _locale(major: int) -> list[str]:
    """Nothing of the caller's or the machine's locale: code point order, Unicode folding where the major knows it."""
    if major >= BUILTIN_LOCALE_MAJOR:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C"]


def sync_folder(folder: Path) -> None:
    """Make names that were just written into this folder survive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def create_data(layout: Layout, programs: Programs, account: Account | None, password: str, data: Path) -> None:
    """Make an empty data folder at ``data`` (which does not exist yet), owned by the server's account.

    Only password (SCRAM) logins exist in it. Raises OperatorError with what initdb said.
    """
    staging = layout.root / f".making-{data.name}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    give(staging, account)
    try:
        word = staging / "password"
        word.touch(mode=0o600)
        word.write_text(password + "\n", "utf-8")
        give(word, account)
        answer = run_as(
            account,
            [
                *(programs.path("initdb"), "-D", staging / "data", "-U", "jitsuri", "-A", "scram-sha-256"),
                *(f"--pwfile={word}", "-E", "UTF8", "--data-checksums", *_locale(programs.major)),
            ],
            seconds=_INITDB_SECONDS,
        )
        if answer.returncode != 0:
            raise start_error(layout, answer.stdout)
        with (staging / "data" / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write("\ninclude_if_exists 'jitsuri.conf'\n")
        (staging / "data").rename(data)
        sync_folder(layout.root)
    finally:
        shutil.rmtree(staging, ignore_errors=True)

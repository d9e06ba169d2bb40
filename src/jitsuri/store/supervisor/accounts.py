"""As whom the server runs: PostgreSQL refuses root, so root lends it another account; nobody else changes anything."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jitsuri.terms.errors import OperatorError

ACCOUNTS = ("jitsuri", "postgres", "nobody")
"""Whom root lends the server to, the first that exists (decision 0002). None is ever created."""


@dataclass(frozen=True, slots=True)
class Account:
    """An operating-system account that the server runs as, other than our own."""

    name: str
    uid: int
    gid: int


def _named(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _owner_of(path: Path) -> Account | None:
    uid = path.stat().st_uid
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise OperatorError("account_without_name", uid=uid) from None
    return Account(entry.pw_name, uid, entry.pw_gid)


def server_account(home: Path, data: Path | None, asked: str | None) -> Account | None:
    """The account for the server, or None for our own.

    As root: the owner of the data that exists, else who was asked for, else the owner of ``home`` where that
    is not root, else the first of ACCOUNTS. Raises OperatorError ``account_without_name``, ``account_unknown``.
    """
    if os.geteuid() != 0:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise OperatorError("account_without_name", uid=os.geteuid()) from None
        return None
    if data is not None and data.exists():
        return _owner_of(data)
    if asked is not None:
        account = _named(asked)
        if account is None or account.uid == 0:
            raise OperatorError("account_unknown", name=asked)
        return account
    if home.stat().st_uid != 0:
        return _owner_of(home)
    for name in ACCOUNTS:
        account = _named(name)
        if account is not None:
            return account
    raise OperatorError("account_unknown", name=" / ".join(ACCOUNTS))


def _environment() -> dict[str, str]:
    """Nothing of ours but the way to programs: no secrets, no locale, no PG* settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "TZ": "UTC"}


def run_as(
    account: Account | None,
    arguments: Sequence[str | Path],
    *,
    seconds: float,
    inherited: Sequence[int] = (),
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end under an account, with a bare environment; output as text, no exception on failure.

    ``inherited`` are open file numbers that the program (and what it starts) keeps open.
    """
    try:
        return subprocess.run(
            [str(a) for a in arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            cwd="/",
            env=_environment() | (environment or {}),
            timeout=seconds,
            pass_fds=tuple(inherited),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except subprocess.TimeoutExpired as error:
        raise OperatorError("program_slow", program=Path(str(arguments[0])).name, seconds=int(seconds)) from error


def give(path: Path, account: Account | None) -> None:
    """Make ``path`` the account's own, where it is not ours."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)

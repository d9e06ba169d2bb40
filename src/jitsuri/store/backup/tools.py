"""pg_dump and pg_restore: chosen by the server's version, run without a password on any command line."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jitsuri.store.faults import place_of
from jitsuri.store.supervisor.finding import Programs, programs_in, wheel_programs
from jitsuri.terms.errors import OperatorError

_NOT_KNOWN_THERE = 'unrecognized configuration parameter "transaction_timeout"'
_TIMEOUT_MAJOR = 17
"""pg_restore sets ``transaction_timeout`` since this major; an older server says no, and nothing else is amiss."""


def choose_tools(needed_major: int, *, prefers_system: bool) -> Programs:
    """Tools that are not older than the server, and than the tool that wrote what is to be read.

    For a server of the customer's the machine's own come first: the wheel's are built without TLS.
    Raises OperatorError ``tools_too_old``.
    """
    found = wheel_programs()[::-1]
    on_path = shutil.which("pg_dump")
    system = programs_in(Path(on_path).parent, "pg_dump") if on_path and shutil.which("pg_restore") else None
    if system is not None:
        found = [system, *found] if prefers_system else [*found, system]
    for programs in found:
        if programs.major >= needed_major:
            return programs
    raise OperatorError("tools_too_old", needed=needed_major, tools=max(p.major for p in found))


def run_tool(programs: Programs, name: str, dsn: str, arguments: Sequence[str], *, writes: Path) -> str:
    """Run a tool on a database; returns what it said.

    ``writes`` is named when the disk is full. Raises OperatorError ``disk_full`` or ``tool_failed``.
    """
    parts = conninfo_to_dict(dsn)
    password = parts.pop("password", None)
    environment = os.environ | {"LC_ALL": "C"} | ({"PGPASSWORD": str(password)} if password else {})
    target = make_conninfo("", **{**parts, "client_encoding": "UTF8"})
    done = subprocess.run(
        [str(programs.path(name)), "--no-password", f"--dbname={target}", *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=environment,
    )
    if done.returncode == 0 or _is_harmless(done.stdout):
        return done.stdout
    reason = " / ".join(line for line in done.stdout.strip().splitlines() if "error" in line.lower())[-800:]
    if "No space left on device" in done.stdout or "Disk quota exceeded" in done.stdout:
        raise OperatorError("disk_full", path=str(writes), reason=reason, log="")
    raise OperatorError("tool_failed", tool=name, where=place_of(dsn), reason=reason or done.stdout.strip()[-800:])


def _is_harmless(said: str) -> bool:
    """Was the one thing that went wrong a setting that an older server does not know?"""
    errors = [line for line in said.splitlines() if line.startswith("pg_restore: error:")]
    return len(errors) == 1 and _NOT_KNOWN_THERE in errors[0]


def restore_arguments(programs: Programs, server_major: int, file: Path) -> list[str]:
    """How pg_restore reads a file into an empty database, ending at the first error where it may."""
    is_strict = programs.major < _TIMEOUT_MAJOR or server_major >= _TIMEOUT_MAJOR
    strictness = ["--exit-on-error"] if is_strict else []
    return ["--no-owner", "--no-privileges", *strictness, str(file)]

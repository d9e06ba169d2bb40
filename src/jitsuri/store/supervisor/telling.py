"""Why a server did not start, told apart from its own words."""

from __future__ import annotations

import re
from pathlib import Path

from jitsuri.store.supervisor.layout import Layout
from jitsuri.terms.errors import OperatorError

_TAIL_BYTES = 4000
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ \w+ \[\d+\] (?:LOG:  )?")
_NOISE = re.compile(r"starting PostgreSQL|listening on|database system (?:is|was)|redirecting log|HINT:|Future log")
_REASONS = (
    ("disk_full", re.compile(r"No space left on device|Disk quota exceeded")),
    ("database_port_taken", re.compile(r"could not (?:bind|create any (?:TCP/IP|Unix)).*|Address already in use")),
    (
        "database_no_permission",
        re.compile(r"[Pp]ermission denied|invalid permissions|not permitted|Read-only file"),
    ),
    ("database_wrong_version", re.compile(r"incompatible with server|not compatible with this version")),
    ("database_no_memory", re.compile(r"Cannot allocate memory|could not map anonymous shared memory|out of memory")),
    ("database_damaged", re.compile(r"valid checkpoint|invalid .*checkpoint|page verification failed|control file")),
)
"""In the order in which they are believed: a full disk also shows as other failures."""


def tail(path: Path, limit: int = _TAIL_BYTES) -> str:
    """The last bytes of a text file; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - limit))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def log_tail(layout: Layout) -> str:
    """The last that the server said: at its last start, and in the log it opened since."""
    began = layout.start_log.stat().st_mtime_ns if layout.start_log.exists() else 0
    newest = [path for path in sorted(layout.logs.glob("postgres-*.log"))[-1:] if path.stat().st_mtime_ns >= began]
    return "\n".join(filter(None, (tail(path).strip() for path in (layout.start_log, *newest))))


def start_error(layout: Layout, said: str) -> OperatorError:
    """The error for what the server (or initdb) said: a known reason, else ``database_start_failed``."""
    lines = [_STAMP.sub("", line).strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not _NOISE.search(line)] or lines
    reason = " / ".join(telling[-4:])[-800:]
    for code, pattern in _REASONS:
        if pattern.search(said):
            return OperatorError(code, path=str(layout.root), reason=reason, log=str(layout.logs))
    return OperatorError("database_start_failed", path=str(layout.root), reason=reason, log=str(layout.logs))

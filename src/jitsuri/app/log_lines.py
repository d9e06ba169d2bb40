"""What the gateway's workers write to standard error: one line per event, never a key, never a text.

Errors are told by their code or type and by where they happened. Their messages are left out: those of libraries quote
what they choke on, and those of upstreams quote the caller. Decision 0023.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

from jitsuri.flows.hot.booking import Attempt
from jitsuri.terms.errors import JitsuriError, OperatorError

LOGGER = logging.getLogger("jitsuri.gateway")

SAME_S: Final = 60.0
"""An upstream's failure of one code is written once in so many seconds, with how often it happened meanwhile."""
MOST_KINDS: Final = 1_000
LONGEST: Final = 300
"""Characters of a word in a line."""
DEEPEST: Final = 8
"""Places of a failure that are told, the innermost first."""

_SECRET = re.compile(
    r"\b(?:jk_|sk-|sk_|pk-|xoxb-|ghp_|AKIA)[A-Za-z0-9_*.-]+|\b(?:Bearer|Basic)\s+\S+|(?<=//)[^/@\s]+(?=@)",
    re.IGNORECASE,
)
"""What looks like a key of ours, of a vendor, or in an address."""
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}\Z")
"""A name or code as machines write them; whatever else an upstream or a caller put in its place is not repeated."""
OTHER: Final = "other"


def write_lines(form: str) -> None:
    """Send everything that is logged in this process to standard error as ``text`` or ``json`` lines, crashes too."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(form))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    sys.excepthook = _crashed
    sys.unraisablehook = lambda told: _crashed(told.exc_type, told.exc_value, told.exc_traceback)
    threading.excepthook = lambda told: _crashed(told.exc_type, told.exc_value, told.exc_traceback)


def _crashed(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if not issubclass(kind, (KeyboardInterrupt, SystemExit)):
        LOGGER.critical("crashed", exc_info=(kind, error or kind(), trace))


class Lines(logging.Formatter):
    """Formats what is logged, without what must not be in it."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._is_json = form == "json"

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        facts: dict[str, object] = dict(getattr(record, "told", {}))
        if record.exc_info and record.exc_info[1] is not None:
            facts |= {"error": told(record.exc_info[1]), "where": _where(record.exc_info[2])}
        if self._is_json:
            line = {"at": at, "level": record.levelname, "logger": record.name, "message": _message(record), **facts}
            return json.dumps(line, ensure_ascii=False)
        tail = "".join(f" {name}={value}" for name, value in facts.items())
        return f"{at} {record.levelname} {record.name} {_message(record)}{tail}"


def told(value: object) -> object:
    """A word of a line: numbers as they are, errors by their code or type, texts short and without secrets."""
    match value:
        case None | bool() | int() | float():
            return value
        case OperatorError():
            facts = ", ".join(f"{name}={told(fact)}" for name, fact in value.facts.items())
            return f"{value.code}({facts})"
        case JitsuriError():
            facts = ", ".join(f"{n}={f}" for n, f in value.facts.items() if isinstance(f, int) or n == "upstream")
            return f"{value.code}({facts})"
        case BaseException():
            state = getattr(value, "sqlstate", None)
            return f"{type(value).__name__}({state})" if state else type(value).__name__
        case _:
            return _SECRET.sub("***", " ".join(str(value).split()))[:LONGEST]


def plain(value: str) -> str:
    """A name or code, or ``other`` where it is something else."""
    return value if _PLAIN.match(value) else OTHER


class Failures:
    """Writes a line for an upstream's failure, one a minute of each code. For one thread: a worker's loop."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], list[float]] = {}

    def note(self, attempt: Attempt) -> None:
        """Tell a booked attempt that gave no whole answer; that a caller left is nobody's failure."""
        entry = attempt.entry
        if entry is None or entry.status == "ok" or entry.error_code in ("caller_gone", "not_asked"):
            return
        code = plain(entry.error_code)
        now = time.monotonic()
        held = self._held.get((attempt.leg.upstream.name, code))
        if held is not None and now - held[0] < SAME_S:
            held[1] += 1
            return
        if len(self._held) >= MOST_KINDS:
            self._held.clear()
        self._held[attempt.leg.upstream.name, code] = [now, 0]
        told_facts: dict[str, Any] = {
            "call": str(entry.call_id), "task": plain(entry.task) if entry.task else "",
            "upstream": attempt.leg.upstream.name, "model": plain(attempt.leg.target.model), "outcome": entry.status,
            "http_status": entry.http_status, "code": code, "latency_ms": entry.latency_ms,
            "untold": int(held[1]) if held is not None else 0,
        }  # fmt: skip
        LOGGER.warning("attempt failed", extra={"told": told_facts})


def _message(record: logging.LogRecord) -> str:
    if record.name == "asyncio":
        return str(told(str(record.msg).partition("\n")[0]))  # what follows shows tasks with their exceptions' texts
    try:
        args = record.args
        if isinstance(args, Mapping):
            message = record.msg % {name: _word(value) for name, value in args.items()}
        else:
            message = record.msg % tuple(_word(value) for value in args) if args else str(record.msg)
    except (TypeError, ValueError):
        message = str(record.msg)
    return str(told(message))


def _word(value: object) -> object:
    return value if isinstance(value, (int, float)) else told(value)


def _where(trace: TracebackType | None) -> str:
    """The places of a failure, the innermost first, without the text of its lines."""
    frames = traceback.extract_tb(trace)[-DEEPEST:]
    return " < ".join(f"{'/'.join(f.filename.split('/')[-2:])}:{f.lineno} {f.name}" for f in reversed(frames))

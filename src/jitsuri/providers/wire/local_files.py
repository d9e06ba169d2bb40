"""The files of local variants: ``NAME.student.jsonl`` and ``NAME.rules.toml`` in one folder.

Read with a limit and checked before they answer. A file that was changed for the worse does not stop what answers: the
last good state stays in use and the fault is told until it is mended.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jitsuri.providers.rules.answering_locally import Local
from jitsuri.providers.rules.reading_rules import MOST_BYTES as MOST_BYTES_OF_RULES
from jitsuri.providers.rules.reading_rules import rules_of
from jitsuri.providers.rules.reading_student import MOST_BYTES as MOST_BYTES_OF_STUDENT
from jitsuri.providers.rules.reading_student import student_of
from jitsuri.terms.errors import OperatorError

Kind = Literal["student", "rules"]
ENDINGS: dict[Kind, str] = {"student": ".student.jsonl", "rules": ".rules.toml"}
_MODEL = re.compile(r"(student|rules):([a-z0-9][a-z0-9._-]{0,63})")


def load(path: Path) -> Local:
    """Read and check one file, by its ending. Raises OperatorError with file, field and mend."""
    kind = next((kind for kind, ending in ENDINGS.items() if path.name.endswith(ending)), None)
    if kind is None:
        raise OperatorError("local_file_ending", path=str(path), endings=" / ".join(ENDINGS.values()))
    if kind == "student":
        return student_of(_content(path, MOST_BYTES_OF_STUDENT), str(path))
    return rules_of(_content(path, MOST_BYTES_OF_RULES), str(path))


def _content(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        raise OperatorError("local_file_missing", path=str(path)) from None
    except OSError as error:
        raise OperatorError("local_file_unreadable", path=str(path), why=error.strerror or str(error)) from None
    if len(content) > most:
        raise OperatorError("local_file_too_large", path=str(path), mib=most // 2**20)
    return content


_State = tuple[int, int, int]
"""Modification time in nanoseconds, size, inode."""


@dataclass(frozen=True, slots=True)
class _Kept:
    state: _State
    local: Local | None
    fault: OperatorError | None


class LocalFolder:
    """What a folder holds, read once and again only when a file has changed. Safe for several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[Path, _Kept] = {}
        self._missing: dict[str, OperatorError] = {}
        self._lock = threading.Lock()

    def find(self, model: str) -> Local:
        """What answers as ``student:NAME`` or ``rules:NAME``; looks at the file's state (10 µs), reads where it changed.

        Raises OperatorError ``local_name_wrong``, ``local_file_missing``, or the file's fault where no good state of it
        has been seen.
        """
        path = self._path(model)
        state = _state(path)
        kept = self._kept.get(path)
        if kept is None or kept.state != state:
            kept = self._read(path, state)
        if kept.local is not None:
            return kept.local
        assert kept.fault is not None
        raise kept.fault.with_traceback(None)

    def names(self) -> list[str]:
        """Every ``student:NAME`` and ``rules:NAME`` that has a file, sorted; whether it is good, ``find`` says."""
        found = []
        for kind, ending in ENDINGS.items():
            for path in self.folder.glob(f"*{ending}"):
                name = f"{kind}:{path.name.removesuffix(ending)}"
                found += [name] if _MODEL.fullmatch(name) else []
        return sorted(found)

    def hold(self, models: Collection[str]) -> None:
        """Read what answers as these, as far as it is new or has changed, so that no call waits for that (up to half a
        second). Raises nothing: what cannot be read is among ``faults``.
        """
        missing = {}
        for model in models:
            try:
                self.find(model)
            except OperatorError as fault:
                if fault.code in ("local_file_missing", "local_name_wrong"):
                    missing[str(fault.facts.get("path", model))] = fault
        self._missing = missing

    def faults(self) -> dict[str, OperatorError]:
        """File → what is wrong with it, of those that were asked for; also where an earlier state still answers."""
        missing = self._missing
        wrong = {str(path): kept.fault for path, kept in list(self._kept.items()) if kept.fault is not None}
        return dict(sorted({**wrong, **missing}.items()))

    def _path(self, model: str) -> Path:
        named = _MODEL.fullmatch(model)
        if named is None:
            raise OperatorError("local_name_wrong", name=model[:100])
        return self.folder / f"{named[2]}{ENDINGS['student' if named[1] == 'student' else 'rules']}"

    def _read(self, path: Path, state: _State) -> _Kept:
        with self._lock:  # the others wait for the first one's reading instead of reading too
            before = self._kept.get(path)
            if before is not None and before.state == state:
                return before
            try:
                kept = _Kept(state, load(path), None)
            except OperatorError as fault:
                kept = _Kept(state, before.local if before else None, fault)
            self._kept[path] = kept
            return kept


def _state(path: Path) -> _State:
    """Raises OperatorError ``local_file_missing``: a file that was taken away no longer answers."""
    try:
        found = path.stat()
    except OSError:
        raise OperatorError("local_file_missing", path=str(path)) from None
    return found.st_mtime_ns, found.st_size, found.st_ino

"""固定: what ``jitsuri.toml`` names is changed there and not on a page; what it says, without its secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, cast

from jitsuri.providers.rules.addressing import without_secret
from jitsuri.web.desk import Desk

SECRET = frozenset({"database.url", "upstreams.*.headers"})
"""Settings that may hold a password: pages say only whether they are set."""
ADDRESSES = frozenset({"upstreams.*.base_url", "upstreams.*.proxy"})
"""Settings that may hold one before a host: pages leave it out."""


class _Whole(Protocol):
    """The settings as ``jitsuri.toml`` has them: more than ``desk.Told`` promises, and what ``settings`` gives."""

    @property
    def home(self) -> Path: ...

    @property
    def file(self) -> Path | None: ...

    @property
    def tables(self) -> Mapping[str, Mapping[str, Mapping[str, object]]]: ...


def pinned_tasks(desk: Desk) -> frozenset[str]:
    """Names of tasks that the file pins."""
    return frozenset(_whole(desk).tables.get("tasks", {}))


def pinned_rules(desk: Desk) -> frozenset[tuple[str, str]]:
    """(field, value) of rules that the file pins."""
    rows = _whole(desk).tables.get("rules", {}).values()
    return frozenset((str(row["field"]), str(row["value"])) for row in rows)


def key_folder(desk: Desk) -> Path:
    """Where key files are looked for: beside ``jitsuri.toml``."""
    whole = _whole(desk)
    return whole.file.parent if whole.file is not None else whole.home


def settings_file(desk: Desk) -> Path | None:
    return _whole(desk).file


def settings_home(desk: Desk) -> Path:
    return _whole(desk).home


def told(desk: Desk) -> Iterator[tuple[str, str, str]]:
    """(path as in ``words``, path as in the file, value) of every setting; '' for a secret that is set."""
    for path, value in sorted(desk.settings.values.items()):
        yield path, path, _shown(path, value)
    for table, rows in sorted(_whole(desk).tables.items()):
        for name, row in sorted(rows.items()):
            for key, value in row.items():
                last = f".{key}" if key else ""
                yield f"{table}.*{last}", f"{table}.{name}{last}", _shown(f"{table}.*{last}", value)


def _whole(desk: Desk) -> _Whole:
    return cast(_Whole, desk.settings)


def _shown(path: str, value: object) -> str:
    if path in SECRET:
        return "" if value else "–"
    return without_secret(str(value)) if path in ADDRESSES and value else _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "–" if value in (None, "") else str(value)

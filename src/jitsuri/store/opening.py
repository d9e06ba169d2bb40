"""A store, opened: the embedded server where no URL is given, checked, migrated."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from jitsuri.store.door import Store
from jitsuri.store.migrating import migrate
from jitsuri.terms.errors import OperatorError

Progress = Callable[[str], None]
"""Told a code when something takes its time; ``words`` holds ``progress.<code>``."""


def open_database(
    home: Path, database_url: str | None, *, on_progress: Progress | None = None, application_name: str = "jitsuri"
) -> Store:
    """A store on the database as it is, not migrated: for backup, restore and status.

    Without a URL the embedded server under ``home`` is held until the store is closed.
    """
    if database_url:
        return Store(database_url, application_name=application_name)
    if sys.platform == "win32":
        raise OperatorError("embedded_needs_posix")
    from jitsuri.store.supervisor.ending import end_on_signals
    from jitsuri.store.supervisor.holding import Supervisor
    from jitsuri.store.upgrading import upgrade

    end_on_signals()
    supervisor = Supervisor(home, on_progress=on_progress, upgrade=upgrade)
    dsn = supervisor.hold()
    return Store(dsn, application_name=application_name, keeper=supervisor)


def open_store(
    home: Path, database_url: str | None, *, on_progress: Progress | None = None, application_name: str = "jitsuri"
) -> Store:
    """A store ready for use: reachable, new enough, UTF-8, migrated. ``close()`` lets the embedded server go.

    Raises OperatorError with the reason and nothing held.
    """
    store = open_database(home, database_url, on_progress=on_progress, application_name=application_name)
    try:
        migrate(store)
    except BaseException:
        store.close()
        raise
    return store

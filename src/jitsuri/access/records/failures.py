"""Failed sign-ins, counted under a mark of the login (``rules.guarding.failure_mark``)."""

from __future__ import annotations

from datetime import datetime

from jitsuri.access.rules.guarding import MOST_FAILURES, wait_after
from jitsuri.store.door import Connection
from jitsuri.terms.outcomes import Refusal

_TRY_LOCK = 5410
"""First half of the advisory locks that let tries of one login take turns."""


def claim_try(tx: Connection, mark: str, now: datetime) -> Refusal | None:
    """Count a try as failed *before* it is checked, or tell how long it must wait.

    Counting first means that a hundred tries at once get five answers, not a hundred. A success takes the count away.
    """
    second = int(mark[:8], 16) - 2**31
    tx.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_TRY_LOCK, second))
    rows = tx.execute(
        "SELECT at FROM access_failures WHERE login = %s ORDER BY at DESC LIMIT %s", (mark, MOST_FAILURES)
    )
    refusal = wait_after([row[0] for row in rows][::-1], now)
    if refusal is None:
        tx.execute("INSERT INTO access_failures (login, at) VALUES (%s, %s)", (mark, now))
    return refusal


def forget(tx: Connection, mark: str) -> None:
    """Take the count away: the password was right, or a link has set a new one."""
    tx.execute("DELETE FROM access_failures WHERE login = %s", (mark,))


def forget_before(tx: Connection, before: datetime) -> int:
    """Take old failures away (those of logins that nobody has); returns how many."""
    return tx.execute("DELETE FROM access_failures WHERE at < %s", (before,)).rowcount

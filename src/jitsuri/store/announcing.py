"""Announcing a change of configuration: everybody who holds a snapshot reads it anew.

A change bumps a number in the same transaction and notifies at its commit. A listener that missed the notice (a lost
connection, a restart) sees the number at its next look, so the notice is only what makes it fast.
"""

from __future__ import annotations

from jitsuri.store.door import Connection

CHANNEL = "jitsuri_changed"
"""Channel of PostgreSQL's NOTIFY; the payload is what changed."""


def announce(tx: Connection, what: str) -> None:
    """Say that ``what`` (``keys``, ``budgets``, ``routing``, ``prices``, …) changed, with this transaction."""
    tx.execute(
        "INSERT INTO store_changes (what, number) VALUES (%s, 1) "
        "ON CONFLICT (what) DO UPDATE SET number = store_changes.number + 1",
        (what,),
    )
    tx.execute("SELECT pg_notify(%s, %s)", (CHANNEL, what))


def numbers(tx: Connection) -> dict[str, int]:
    """How often each thing has changed so far."""
    return dict(tx.execute("SELECT what, number FROM store_changes").fetchall())


def listen(connection: Connection) -> None:
    """Let this connection (in autocommit) hear of changes."""
    connection.execute(f"LISTEN {CHANNEL}")


def wait(connection: Connection, seconds: float) -> None:
    """Wait for a notice of any change, for at most so long."""
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        return

"""Numbered SQL migrations, each once, under an advisory lock."""

from __future__ import annotations

from importlib import resources

from jitsuri.store.door import Store

MIGRATION_LOCK = 5_410_001
"""Number of the advisory lock; any fixed number that nothing else here uses."""


def migrations() -> list[tuple[int, str, str]]:
    """All migrations as ``(number, name, sql)``, in order."""
    found = []
    for file in resources.files("jitsuri.store").joinpath("migrations").iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append((int(number), name, file.read_text("utf-8")))
    return sorted(found)


def migrate(store: Store) -> list[int]:
    """Apply what is missing; returns the numbers applied. Safe with several processes at once."""
    applied = []
    with store.transaction() as tx:
        tx.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        tx.execute(
            "CREATE TABLE IF NOT EXISTS store_migrations "
            "(number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL)"
        )
        known = {row[0] for row in tx.execute("SELECT number FROM store_migrations")}
        for number, name, sql in migrations():
            if number not in known:
                tx.execute(sql.encode())
                tx.execute("INSERT INTO store_migrations VALUES (%s, %s, clock_timestamp())", (number, name))
                applied.append(number)
    return applied

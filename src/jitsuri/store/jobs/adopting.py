"""Adopting a library's own tables: its SQL scripts, each applied once, beside our numbered migrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jitsuri.store.door import Store
from jitsuri.store.migrating import MIGRATION_LOCK
from jitsuri.terms.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Script:
    """One of a library's steps from one schema to the next; names sort in the order in which they apply."""

    name: str
    sql: str


def adopt(store: Store, library: str, whole: str, scripts: Sequence[Script]) -> list[str]:
    """Bring a library's tables to what this program's copy of it needs; returns the scripts applied, [] for none.

    Where nothing of the library is there yet, ``whole`` (its newest schema) is applied, and all ``scripts`` count as
    applied; later on only the scripts that are missing are, each in a transaction of its own (a value added to an enum
    counts from its commit on). Safe with several processes at once; the tables are in backups as all others are.

    Raises OperatorError ``job_library_older`` where a newer copy of the library has been at work on this database.
    """
    known = sorted(scripts, key=lambda script: script.name)
    applied: list[str] = []
    while True:
        with store.transaction() as tx:
            tx.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            found = tx.execute("SELECT script FROM store_adopted WHERE library = %s", (library,)).fetchall()
            there = {name for (name,) in found}
            strange = sorted(there - {script.name for script in known})
            if strange:
                raise OperatorError("job_library_older", where=store.place, library=library, script=strange[-1])
            missing = [script for script in known if script.name not in there]
            if not missing:
                return applied
            now_applied = missing[:1] if there else missing
            tx.execute((now_applied[0].sql if there else whole).encode())
            for script in now_applied:
                tx.execute(
                    "INSERT INTO store_adopted (library, script, applied_at) VALUES (%s, %s, clock_timestamp())",
                    (library, script.name),
                )
            applied += [script.name for script in now_applied]

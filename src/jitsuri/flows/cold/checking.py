"""Check: is this installation fit to work? Looks at database, prices and rates; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from jitsuri.store.door import Store


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``words`` holds ``check.<code>``."""

    state: Literal["ok", "note", "wrong"]
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


def check_installation(store: Store, now: datetime, assumed_rates: Mapping[str, Decimal]) -> list[Finding]:
    """Everything worth telling about the installation, in order."""
    found: list[Finding] = []
    with store.reading() as tx:
        row = tx.execute("SHOW server_version").fetchone()
        assert row is not None
        found.append(Finding("ok", "database", {"version": row[0]}))
        vector = tx.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone()
        found.append(Finding("ok", "vector") if vector else Finding("note", "no_vector"))
    if assumed_rates:
        told = ", ".join(f"{currency} {rate}" for currency, rate in sorted(assumed_rates.items()))
        found.append(Finding("note", "assumed_rates", {"rates": told}))
    return found

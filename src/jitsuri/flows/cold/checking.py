"""Check: is this installation fit to work? Looks at database, prices, rates and gaps; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from jitsuri.flows.cold.renewing_prices import book_in_use
from jitsuri.ledger.records.totals import gaps
from jitsuri.store.door import Store
from jitsuri.store.examining import examine

OLD_BOOK_DAYS = 60
"""Age from which a price book is noted: the price data we use dates 20 to 40 changes a month (decision 0003)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``words`` holds ``<code>`` in full."""

    state: Literal["ok", "note", "wrong"]
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


def check_installation(store: Store, now: datetime, assumed_rates: Mapping[str, Decimal]) -> list[Finding]:
    """Everything worth telling about the installation, in order. Raises OperatorError for a database that is away."""
    facts = examine(store)
    found = [Finding("ok", "check.database", {"version": facts.server, "place": facts.place})]
    found.append(Finding("note", "check.no_vector") if facts.vector == "absent" else Finding("ok", "check.vector"))
    found += [Finding("note", f"db.note.{note.code}", note.facts) for note in facts.notes]
    with store.reading() as tx:
        book = book_in_use(tx)
        missing = gaps(tx)
    if book is not None:
        published = book[1].published_on
        age = (now.date() - published).days if published else 0
        state: Literal["ok", "note"] = "note" if age > OLD_BOOK_DAYS else "ok"
        found.append(Finding(state, "check.price_book", {"source": book[1].source, "days": age}))
    if assumed_rates:
        told = ", ".join(f"{currency} {rate}" for currency, rate in sorted(assumed_rates.items()))
        found.append(Finding("note", "check.assumed_rates", {"rates": told}))
    if missing.unpriced:
        models = ", ".join(missing.unpriced_models)
        found.append(Finding("note", "cli.import.unpriced", {"count": missing.unpriced, "models": models}))
    if missing.unconverted:
        found.append(Finding("note", "cli.import.unconverted", {"count": missing.unconverted}))
    return found

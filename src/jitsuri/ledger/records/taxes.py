"""Tax rules in the database: rows are added; a correction is a later row for the same vendor and day."""

from __future__ import annotations

from datetime import datetime

from jitsuri.ledger.shapes.rates import TaxRule
from jitsuri.store.door import Connection

_COLUMNS = "provider, valid_from, treatment, percent, source"


def everything(tx: Connection) -> list[TaxRule]:
    """All rules in the order they were set, as ``rules.taxing.tax_of`` wants them."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM ledger_tax_rules ORDER BY set_at, provider, valid_from")  # noqa: S608
    return [TaxRule(*row) for row in rows]


def insert(tx: Connection, rule: TaxRule, author: str, set_at: datetime) -> None:
    """Add a rule."""
    tx.execute(
        f"INSERT INTO ledger_tax_rules ({_COLUMNS}, author, set_at) VALUES (%s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
        (rule.provider, rule.valid_from, rule.treatment, rule.percent, rule.source, author, set_at),
    )

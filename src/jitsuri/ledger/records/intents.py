"""Intents in the database: written when an attempt begins, taken away by the transaction that writes its entry."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from jitsuri.ledger.shapes.intents import Intent
from jitsuri.store.batching import Batch
from jitsuri.store.copying import rows_json
from jitsuri.store.door import Connection

_COLUMNS = Intent.__struct_fields__
_TEXT = "text"
_TYPES = {
    "attempt_id": "uuid", "call_id": "uuid", "thread_id": "uuid", "worker_id": "uuid", "at": "timestamptz", "day": "date",
    "input_tokens": "int8", "output_tokens": "int8", "hold_micro_jpy": "int8", "budgets": "jsonb",
}  # fmt: skip
_BEGIN = (
    f"INSERT INTO ledger_intents ({', '.join(_COLUMNS)}) SELECT {', '.join(_COLUMNS)} FROM "  # noqa: S608
    f"json_to_recordset($1) AS i ({', '.join(f'{name} {_TYPES.get(name, _TEXT)}' for name in _COLUMNS)})"
)
_CLOSE = "DELETE FROM ledger_intents WHERE attempt_id IN (SELECT value::uuid FROM json_array_elements_text($1))"
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM ledger_intents"  # noqa: S608  # our own column names


def end_many(tx: Connection, attempt_ids: Sequence[UUID]) -> None:
    """Take away the intents of attempts whose entries are written in this transaction."""
    tx.execute("DELETE FROM ledger_intents WHERE attempt_id = ANY(%s)", (list(attempt_ids),))


def begin_many(batch: Batch, intents: Sequence[Intent]) -> None:
    """Write intents, on the path of calls."""
    batch.run(_BEGIN, rows_json(intents))


def close_many(batch: Batch, attempt_ids: Sequence[UUID]) -> None:
    """Take away intents whose entries are written in this transaction, on the path of calls."""
    batch.run(_CLOSE, rows_json(attempt_ids))


def of_worker(tx: Connection, worker_id: UUID) -> list[Intent]:
    """What a worker that is gone has left behind, locked until the transaction ends."""
    rows = tx.execute(f"{_SELECT} WHERE worker_id = %s ORDER BY at FOR UPDATE", (worker_id,))
    return [Intent(*(*row[:-1], tuple((budget[0], budget[1]) for budget in row[-1]))) for row in rows]


def count(tx: Connection) -> int:
    """How many attempts are under way or orphaned."""
    row = tx.execute("SELECT count(*) FROM ledger_intents").fetchone()
    return int(row[0]) if row else 0

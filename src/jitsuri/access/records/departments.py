"""The department tree in the database: spans are added and ended, never taken away."""

from __future__ import annotations

from jitsuri.access.shapes import Arrangement, Department
from jitsuri.store.announcing import announce
from jitsuri.store.door import Connection

_COLUMNS = "code, name_ja, name_en, parent, cost_centre, valid_from, valid_to"


def everything(tx: Connection) -> list[Department]:
    """All spans of all departments, past and future, by code and time."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM access_departments ORDER BY code, valid_from")  # noqa: S608
    return [Department(*row) for row in rows]


def lock(tx: Connection) -> None:
    """Wait for any other transaction that changes the tree: what was checked must be what is written."""
    tx.execute("LOCK TABLE access_departments IN SHARE ROW EXCLUSIVE MODE")


def apply(tx: Connection, arrangement: Arrangement) -> None:
    """Write what an arrangement changes."""
    with tx.cursor() as cursor:
        cursor.executemany(
            "UPDATE access_departments SET valid_to = %s WHERE code = %s AND valid_from = %s",
            [(d.valid_to, d.code, d.valid_from) for d in arrangement.ended],
        )
        cursor.executemany(
            f"INSERT INTO access_departments ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
            [
                (d.code, d.name_ja, d.name_en, d.parent, d.cost_centre, d.valid_from, d.valid_to)
                for d in arrangement.added
            ],
        )
    announce(tx, "departments")

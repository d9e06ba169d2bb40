"""Departments: the tree as pages read it, and the import of a whole file, which goes in wholly or not at all."""

from __future__ import annotations

from datetime import date, datetime

from jitsuri.access.records import departments as kept
from jitsuri.access.rules.arranging import arrange
from jitsuri.access.shapes import Arrangement, Department
from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.reading_tables import Column, Row, by_line, read_table
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal

COLUMNS: tuple[Column, ...] = (
    Column("code", ("部門コード", "部署コード", "組織コード", "コード"), is_required=True),
    Column("name_ja", ("部門名", "部署名", "組織名", "名称", "name"), is_required=True),
    Column("name_en", ("英語名", "部門名(英語)", "英文名称")),
    Column("parent", ("上位部門", "上位部門コード", "親部門", "親部門コード", "上位組織コード")),
    Column("cost_centre", ("原価センタ", "原価センター", "コストセンター", "負担部門", "cost_center")),
    Column("valid_from", ("適用開始日", "有効開始日", "開始日"), "day", is_required=True),
    Column("valid_to", ("適用終了日", "有効終了日", "終了日"), "day"),
)
"""What a department file holds, by our names and by the headers that Japanese personnel systems use."""


def everything(store: Store) -> list[Department]:
    """All spans of all departments, by code and time."""
    with store.reading() as tx:
        return kept.everything(tx)


def import_departments(
    store: Store, now: datetime, actor: str, content: bytes, file_name: str
) -> Arrangement | tuple[Refusal, ...]:
    """Take a department file in. With anything wrong nothing goes in, and everything wrong is told by line.

    A file that is imported again adds nothing and leaves no evidence.
    """
    rows, faults = read_table(content, COLUMNS)
    if faults:
        return by_line(faults)
    with store.transaction() as tx:
        kept.lock(tx)
        arrangement = arrange(kept.everything(tx), [(row.line, _department(row)) for row in rows])
        if isinstance(arrangement, tuple):
            return arrangement
        if arrangement.added or arrangement.ended:
            kept.apply(tx, arrangement)
            facts = {
                "file": file_name,
                "added": [f"{d.code} {d.valid_from}" for d in arrangement.added],
                "ended": [f"{d.code} {d.valid_from} {d.valid_to}" for d in arrangement.ended],
                "known": arrangement.known,
            }
            evidence.append(tx, record_of(now, actor, "departments_imported", "departments", facts))
        return arrangement


def _department(row: Row) -> Department:
    return Department(
        code=row.text("code"),
        name_ja=row.text("name_ja"),
        name_en=row.text("name_en"),
        parent=row.text("parent"),
        cost_centre=row.text("cost_centre"),
        valid_from=row.day("valid_from") or date.min,
        valid_to=row.day("valid_to"),
    )

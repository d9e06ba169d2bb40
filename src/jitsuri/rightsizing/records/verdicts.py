"""Verdicts in the database: added, never changed; the same verdict is the same row, whoever keeps it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jitsuri.rightsizing.rules.packing import packed, unpacked
from jitsuri.rightsizing.shapes.verdicts import Verdict
from jitsuri.store.door import Connection
from jitsuri.terms.ids import derived_id

_COLUMNS = "v.verdict_id, v.kept_at, v.author, v.run_id, v.document"


@dataclass(frozen=True, slots=True)
class KeptVerdict:
    """A verdict with when and by whom it was kept; ``run_id`` is shared by the verdicts of one command."""

    verdict_id: UUID
    kept_at: datetime
    author: str
    run_id: UUID
    verdict: Verdict


def verdict_id_of(verdict: Verdict) -> UUID:
    """The id that follows from everything a verdict says."""
    return derived_id("verdict", packed(verdict))


def run_id_of(verdicts: Sequence[Verdict], rows: bytes) -> UUID:
    """The id of one command's result: its rows and what was decided from them."""
    return derived_id("verdict_run", rows, *(packed(verdict) for verdict in verdicts))


def keep_verdicts(tx: Connection, verdicts: Sequence[Verdict], rows: bytes, author: str, at: datetime) -> list[UUID]:
    """Keep the verdicts of one run with the rows that they rest on; returns the ids of those that are new."""
    documents = [packed(verdict) for verdict in verdicts]
    ids = [derived_id("verdict", document) for document in documents]
    found = tx.execute("SELECT verdict_id FROM rightsizing_verdicts WHERE verdict_id = ANY(%s)", (ids,))
    known = {row[0] for row in found}
    if known.issuperset(ids):
        return []
    run_id = run_id_of(verdicts, rows)
    tx.execute(
        "INSERT INTO rightsizing_runs (run_id, kept_at, author, rows) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (run_id, at, author, rows),
    )
    added: list[UUID] = []
    for position, (one, verdict, document) in enumerate(zip(ids, verdicts, documents, strict=True)):
        row = tx.execute(
            "INSERT INTO rightsizing_verdicts (verdict_id, kept_at, author, run_id, position, task, baseline, candidate, "
            "decision, n, document) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING RETURNING verdict_id",
            (one, at, author, run_id, position, verdict.task, verdict.baseline, verdict.candidate, verdict.decision,
             verdict.n, document),
        ).fetchone()  # fmt: skip
        if row is not None:
            added.append(one)
    return added


def newest(tx: Connection, task: str | None = None) -> list[KeptVerdict]:
    """The newest verdict of each task and candidate; of one task where it is named. By task, in the order of their run."""
    rows = tx.execute(
        "SELECT verdict_id, kept_at, author, run_id, document FROM ("
        "SELECT DISTINCT ON (task, candidate) * FROM rightsizing_verdicts WHERE %(task)s::text IS NULL OR task = %(task)s "
        "ORDER BY task, candidate, kept_at DESC, position DESC) AS newest ORDER BY task, kept_at DESC, position",
        {"task": task},
    )
    return [_kept(row) for row in rows]


def history(tx: Connection, task: str, candidate: str) -> list[KeptVerdict]:
    """Every verdict of a task and candidate, newest first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM rightsizing_verdicts v WHERE v.task = %s AND v.candidate = %s "  # noqa: S608
        "ORDER BY v.kept_at DESC, v.position DESC",
        (task, candidate),
    )
    return [_kept(row) for row in rows]


def by_id(tx: Connection, verdict_id: UUID) -> KeptVerdict | None:
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM rightsizing_verdicts v WHERE v.verdict_id = %s",  # noqa: S608
        (verdict_id,),
    ).fetchone()
    return None if row is None else _kept(row)


def document(tx: Connection, verdict_id: UUID) -> bytes | None:
    """The canonical bytes, as they were kept."""
    row = tx.execute("SELECT document FROM rightsizing_verdicts WHERE verdict_id = %s", (verdict_id,)).fetchone()
    return None if row is None else bytes(row[0])


def rows_of(tx: Connection, run_id: UUID) -> bytes | None:
    """The rows that a run's verdicts rest on, as they were handed in."""
    row = tx.execute("SELECT rows FROM rightsizing_runs WHERE run_id = %s", (run_id,)).fetchone()
    return None if row is None else bytes(row[0])


def _kept(row: tuple[Any, ...]) -> KeptVerdict:
    verdict_id, kept_at, author, run_id, document = row
    return KeptVerdict(verdict_id, kept_at, author, run_id, unpacked(bytes(document), Verdict))

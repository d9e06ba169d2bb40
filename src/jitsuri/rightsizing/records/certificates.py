"""Certificates in the database: numbered without gaps within a year, added, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from jitsuri.rightsizing.records.verdicts import verdict_id_of
from jitsuri.rightsizing.rules.packing import packed, unpacked
from jitsuri.rightsizing.shapes.certificates import Approval, Brief, Certificate, TaskNamed
from jitsuri.store.door import Connection

_NUMBER_LOCK = 5_410_040
"""Advisory lock of whoever takes the next number; held until the transaction ends, so a number is never lost."""


@dataclass(frozen=True, slots=True)
class KeptCertificate:
    """A certificate with who issued it and which verdict it rests on."""

    verdict_id: UUID
    issued_by: str
    certificate: Certificate


def next_number(tx: Connection, year: int) -> str:
    """The number after the highest of the year, as ``JR-2026-0007``. Others wait here until this transaction ends."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (_NUMBER_LOCK,))
    [(last,)] = tx.execute(
        "SELECT coalesce(max(split_part(number, '-', 3)::integer), 0) FROM rightsizing_certificates "
        "WHERE starts_with(number, %s)",
        (f"JR-{year:04d}-",),
    ).fetchall()
    return f"JR-{year:04d}-{last + 1:04d}"


def keep_certificate(tx: Connection, certificate: Certificate, export: bytes, issued_by: str) -> None:
    """Add a certificate. A number that stands already is an error: ``next_number`` gives a free one."""
    tx.execute(
        "INSERT INTO rightsizing_certificates (number, version, verdict_id, task, issued_at, issued_by, decision, "
        "valid_until, code, document, export) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            certificate.number, certificate.version, verdict_id_of(certificate.verdict), certificate.task.name,
            certificate.issued_at, issued_by, certificate.verdict.decision, certificate.valid_until, certificate.code,
            packed(certificate), export,
        ),
    )  # fmt: skip


def certificates(tx: Connection, verdict_id: UUID | None = None) -> list[KeptCertificate]:
    """All certificates, newest first; those of one verdict where it is named."""
    rows = tx.execute(
        "SELECT verdict_id, issued_by, document FROM rightsizing_certificates "
        "WHERE %(id)s::uuid IS NULL OR verdict_id = %(id)s ORDER BY issued_at DESC, number DESC",
        {"id": verdict_id},
    )
    return [_kept(row) for row in rows]


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of a document that its ``Brief`` holds; a reader skips the others, which are most of it."""

    number: str
    task: TaskNamed
    valid_until: date | None
    approvals: tuple[Approval, ...]
    code: str


def briefs(tx: Connection) -> list[Brief]:
    """What lists need of every certificate, newest first."""
    rows = tx.execute(
        "SELECT decision, document FROM rightsizing_certificates ORDER BY issued_at DESC, number DESC"
    ).fetchall()
    found = ((decision, unpacked(bytes(document), _Lines)) for decision, document in rows)
    return [Brief(one.number, one.task, its, one.valid_until, one.approvals, one.code) for its, one in found]


def by_number(tx: Connection, number: str) -> KeptCertificate | None:
    row = tx.execute(
        "SELECT verdict_id, issued_by, document FROM rightsizing_certificates WHERE number = %s", (number,)
    ).fetchone()
    return None if row is None else _kept(row)


def export_of(tx: Connection, number: str) -> bytes | None:
    """The export as it was made at the issue, byte by byte."""
    row = tx.execute("SELECT export FROM rightsizing_certificates WHERE number = %s", (number,)).fetchone()
    return None if row is None else bytes(row[0])


def _kept(row: tuple[Any, ...]) -> KeptCertificate:
    verdict_id, issued_by, document = row
    return KeptCertificate(verdict_id, issued_by, unpacked(bytes(document), Certificate))

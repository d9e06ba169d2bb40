"""Keeping what was decided: verdicts with the rows they rest on, certificates with a number of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.records import verdicts as verdict_rows
from jitsuri.rightsizing.shapes.certificates import Certificate
from jitsuri.rightsizing.shapes.verdicts import Verdict
from jitsuri.store.door import Store
from jitsuri.terms.period import company_day


def keep_verdicts(
    store: Store, verdicts: Sequence[Verdict], rows: bytes, author: str, now: datetime
) -> tuple[UUID, ...]:
    """Keep the verdicts of one run; ``rows`` is the export of the rows they rest on, kept as it is (no texts in it).

    Returns every verdict's id in order, also of those that stood already: the same run kept twice changes nothing.
    """
    with store.transaction() as tx:
        added = verdict_rows.keep_verdicts(tx, verdicts, rows, author, now)
        ids = tuple(verdict_rows.verdict_id_of(verdict) for verdict in verdicts)
        told = [
            record_of(now, author, "verdict_kept", f"verdict:{one}", _told(verdict))
            for one, verdict in dict(zip(ids, verdicts, strict=True)).items()
            if one in added
        ]
        evidence.append_many(tx, told)
        return ids


def file_certificate(
    store: Store, make: Callable[[str], tuple[Certificate, bytes]], author: str, now: datetime
) -> Certificate:
    """Take the next number of the calendar year, let ``make`` write the document and its export, and keep both.

    The number is taken in the same transaction: where ``make`` raises, it is still free. ``make`` is called once, while
    others who file wait, so it must be quick.
    """
    with store.transaction() as tx:
        number = certificate_rows.next_number(tx, company_day(now).year)
        certificate, export = make(number)
        if certificate.number != number:
            raise ValueError(f"the certificate names itself {certificate.number}, but its number is {number}")
        certificate_rows.keep_certificate(tx, certificate, export, author)
        facts = {
            "task": certificate.task.name,
            "verdict": verdict_rows.verdict_id_of(certificate.verdict),
            "decision": certificate.verdict.decision,
            "version": certificate.version,
            "valid_until": certificate.valid_until,
            "code": certificate.code,
        }
        evidence.append(tx, record_of(now, author, "certificate_filed", f"certificate:{number}", facts))
        return certificate


def _told(verdict: Verdict) -> dict[str, object]:
    return {
        "task": verdict.task, "baseline": verdict.baseline, "candidate": verdict.candidate,
        "decision": verdict.decision, "n": verdict.n, "data": verdict.data_hash, "code_version": verdict.code_version,
    }  # fmt: skip

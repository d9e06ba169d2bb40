"""適正化証明書: what stands in the console of a certificate, and its paper."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from jitsuri.approvals.shapes import Matter
from jitsuri.paper.shapes import Sheet
from jitsuri.rightsizing.shapes.certificates import Certificate
from jitsuri.words import Language

CertificateState = Literal[
    "refused", "expired", "draft", "in_review", "in_decision", "returned", "approved", "rejected"
]
"""``refused``: its verdict is no pass. The rest but ``expired`` is where its approval stands; ``draft`` waits for a first
submission, or for another one after a withdrawal."""


def state_of(certificate: Certificate, today: date, matter: Matter | None) -> CertificateState:
    """Where a certificate stands on a day. ``matter`` is its approval; one of another document does not count."""
    if certificate.verdict.decision != "pass":
        return "refused"
    if certificate.valid_until is not None and certificate.valid_until < today:
        return "expired"
    if matter is not None and matter.fingerprint == certificate.code:
        return "draft" if matter.state == "withdrawn" else matter.state
    is_signed = bool(certificate.approvals) and all(box.at is not None for box in certificate.approvals)
    return "approved" if is_signed else "draft"


def set_paper(sheet: Sheet, lang: Language, made_at: datetime) -> bytes:
    """A certificate's page as a PDF; made at the instant of its issue, so that the same one is the same file.

    What sets paper is loaded here and not at start: it takes longer than everything else together.
    """
    from jitsuri.paper.wire import pdf_of

    return pdf_of(sheet, lang, made_at)

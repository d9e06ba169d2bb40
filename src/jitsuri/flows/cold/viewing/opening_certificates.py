"""適正化証明書: what stands in the console of a certificate, and its paper."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from jitsuri.paper.shapes import Sheet
from jitsuri.rightsizing.shapes.certificates import Certificate
from jitsuri.words import Language

CertificateState = Literal["refused", "awaiting", "expired", "signed"]
"""``refused``: its verdict is no pass. ``awaiting``: a box of the approval route is empty. ``signed``: all have signed."""


def state_of(certificate: Certificate, today: date) -> CertificateState:
    """Where a certificate stands on a day, as far as the paper itself tells."""
    if certificate.verdict.decision != "pass":
        return "refused"
    if certificate.valid_until is not None and certificate.valid_until < today:
        return "expired"
    if not certificate.approvals or any(box.at is None for box in certificate.approvals):
        return "awaiting"
    return "signed"


def set_paper(sheet: Sheet, lang: Language, made_at: datetime) -> bytes:
    """A certificate's page as a PDF; made at the instant of its issue, so that the same one is the same file.

    What sets paper is loaded here and not at start: it takes longer than everything else together.
    """
    from jitsuri.paper.wire import pdf_of

    return pdf_of(sheet, lang, made_at)

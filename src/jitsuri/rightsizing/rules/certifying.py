"""The certificate as a document: its verification code, its export, and computing it again from the export alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Literal

import msgspec
import numpy as np

from jitsuri.rightsizing.rules.cascading import recalibrated
from jitsuri.rightsizing.rules.deciding import Family, Origin, decide
from jitsuri.rightsizing.rules.estimating import array
from jitsuri.rightsizing.rules.packing import packed, unpacked
from jitsuri.rightsizing.shapes.cascades import Cascade
from jitsuri.rightsizing.shapes.certificates import Approval, Certificate
from jitsuri.rightsizing.shapes.outcomes import Evidence, Pairs
from jitsuri.rightsizing.shapes.verdicts import Reason, Verdict

FORMAT = "jitsuri-certificate/1"
PRICE_LIMIT_PERCENT = 20
"""A price change beyond this voids a certificate (decision 0016)."""

CODE_BYTES = 8
"""64 bits: two documents with one code are not to be expected before 2^32 of them; the whole hash is in the export."""

UNSIGNED: tuple[Approval, ...] = (Approval("draft"), Approval("review"), Approval("decision"))

Check = Literal["layout", "data_hash", "verdict", "code"]
CHECKS: tuple[Check, ...] = ("layout", "data_hash", "verdict", "code")


@dataclass(frozen=True, slots=True)
class Export:
    """What ``certificate verify`` reads: the certificate and what its verdict was computed from."""

    format: str
    certificate: Certificate
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether each check held, in order, with what the document says and what came out where they differ."""

    certificate: Certificate
    failed: tuple[tuple[Check, str, str], ...]
    """(check, as it stands, as computed)."""
    is_other_code_version: bool
    computed: bytes
    """The document as computed now: equal to the file, byte by byte, where nothing failed. Empty where it cannot be."""


def export_of(certificate: Certificate, evidence: Evidence) -> bytes:
    """The export: canonical JSON, ends with a line break."""
    return packed(Export(FORMAT, certificate, evidence)) + b"\n"


def with_code(certificate: Certificate, evidence: Evidence) -> Certificate:
    """The same certificate with its verification code: the first 64 bits of the SHA-256 of everything else in its export."""
    whole = sha256(packed(replace(certificate, code="")))
    whole.update(packed(evidence))
    digest = whole.digest()[:CODE_BYTES].hex().upper()
    return replace(certificate, code="-".join(digest[at : at + 4] for at in range(0, len(digest), 4)))


def fingerprint(pairs: Pairs) -> str:
    """The fingerprint of the rows that were used."""
    return f"sha256:{sha256(packed(pairs)).hexdigest()}"


def verdict_again(verdict: Verdict, evidence: Evidence, code_version: str) -> Verdict:
    """The verdict computed from its evidence, with the seed, the costs and the cascade's scores that stand on it."""
    origin = Origin(verdict.seed, fingerprint(evidence.pairs), code_version)
    cascade = None if verdict.cascade is None else cascade_again(verdict.cascade, evidence.pairs)
    found = decide(evidence.pairs, evidence.thresholds, Family(evidence.others_p), verdict.costs, origin, cascade)
    if verdict.dropped is not None:
        reason = Reason(verdict.dropped.code, dict(verdict.dropped.facts))
        found = replace(found, dropped=verdict.dropped, reasons=(*found.reasons, reason))
    return found


def cascade_again(cascade: Cascade, pairs: Pairs) -> Cascade:
    """The cascade's thresholds from its scores and the outcomes of the same requests."""
    strong, cheap = (
        array(column)
        for column in (
            (pairs.people_baseline, pairs.people_candidate)
            if pairs.human
            else (pairs.judge_baseline, pairs.judge_candidate)
        )
    )
    places = {name: at for at, name in enumerate(pairs.prompt_ids)}
    held = [places[name] for name in cascade.scores if name in places]
    chosen = np.array(held, dtype=np.int64)
    return recalibrated(cascade, strong[chosen], cheap[chosen])


def verified(content: bytes, code_version: str) -> Verification | None:
    """Compute an export again. None where the content is no export of ours at all."""
    try:
        export = unpacked(content, Export)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError, RecursionError):
        return None
    if export.format != FORMAT:
        return None
    certificate, evidence = export.certificate, export.evidence
    failed: list[tuple[Check, str, str]] = []
    if export_of(certificate, evidence) != content:
        failed.append(("layout", "", ""))
    try:
        with np.errstate(all="ignore"):
            again = verdict_again(certificate.verdict, evidence, certificate.verdict.code_version)
    except _NO_EVIDENCE as error:
        failed.append(("verdict", f"decision={certificate.verdict.decision}", f"{type(error).__name__}: {error}"[:200]))
        return Verification(certificate, tuple(failed), certificate.verdict.code_version != code_version, b"")
    renewed = with_code(replace(certificate, verdict=again), evidence)
    computed = export_of(renewed, evidence)
    if again.data_hash != certificate.verdict.data_hash:
        failed.append(("data_hash", certificate.verdict.data_hash, again.data_hash))
    if replace(again, data_hash="") != replace(certificate.verdict, data_hash=""):
        failed.append(("verdict", *_difference(certificate.verdict, again)))
    expected = with_code(certificate, evidence).code
    if expected != certificate.code:
        failed.append(("code", certificate.code, expected))
    return Verification(certificate, tuple(failed), certificate.verdict.code_version != code_version, computed)


def expiry(issued_on: date, months: int) -> date:
    """The last day on which a certificate of so many months is in force: the same day of the month, or its last one."""
    place = issued_on.month - 1 + months
    year, month = issued_on.year + place // 12, place % 12 + 1
    for day in range(issued_on.day, 27, -1):
        try:
            return date(year, month, day)
        except ValueError:
            continue
    return date(year, month, min(issued_on.day, 28))


def _difference(stands: Verdict, again: Verdict) -> tuple[str, str]:
    """The first field that differs, as it stands and as computed."""
    for name in (*_FIRST, *Verdict.__dataclass_fields__):
        one, other = getattr(stands, name), getattr(again, name)
        if one != other and name != "data_hash":
            return f"{name}={one}"[:200], f"{name}={other}"[:200]
    return "", ""


_NO_EVIDENCE = (ValueError, ArithmeticError, LookupError, TypeError, AssertionError, RuntimeError)
"""What computing raises on rows that no table can have made (a score of 9, columns of different lengths)."""

_FIRST: Sequence[str] = ("decision", "difference", "span", "n")

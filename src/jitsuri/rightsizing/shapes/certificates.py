"""What a certificate (適正化証明書) is: a verdict, its money and its validity, as one document that can be recomputed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from jitsuri.rightsizing.shapes.verdicts import Decision, Verdict

ApprovalStep = Literal["draft", "review", "decision"]
"""起案, 審査, 決裁."""


@dataclass(frozen=True, slots=True)
class TaskNamed:
    """The task as the paper names it."""

    name: str
    title_ja: str
    title_en: str
    department: str
    """Its name in Japanese on the day of issue; the code where the tree had none."""
    owner: str
    department_en: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer: model (or student, rule, cascade) and prompt version."""

    model: str
    prompt_version: str = ""
    note_ja: str = ""
    note_en: str = ""


@dataclass(frozen=True, slots=True)
class FrozenBaseline:
    """Real use of the last complete months at the prices paid then; frozen at the day of issue."""

    first: date
    last: date
    months: int
    calls: int
    cost_jpy: Decimal
    """Of all months together, as booked in the ledger, without tax."""
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Saving:
    """Yen per month, tax excluded. ``net`` = today − proposed − labour − evaluation − audit.

    ``low`` and ``high`` are ``net`` at both ends of what is uncertain: the exchange rate (± ``rate_swing``) and the mean
    monthly number of calls (95 %, t over the baseline's months; None with one month).
    """

    calls_per_month: int
    today_jpy: Decimal
    proposed_jpy: Decimal
    labour_jpy: Decimal
    """People's labels for the proof and the yearly recheck, spread over the validity."""
    evaluation_jpy: Decimal
    """Replaying and judging, spread over the validity."""
    audit_jpy: Decimal
    """Answering the audit sample with both variants."""
    net_jpy: Decimal
    low_jpy: Decimal
    high_jpy: Decimal
    usd_jpy: Decimal
    rate_on: date | None
    """None: the rate is assumed (想定)."""
    rate_swing: Decimal
    tax_percent: Decimal


@dataclass(frozen=True, slots=True)
class PriceAhead:
    """A dated change of price, or a retirement, of a model on this paper."""

    model: str
    on: date
    code: Literal["price", "retired"]
    before: str
    """Price per million input / output tokens with currency, as text; '' for a retirement."""
    after: str


@dataclass(frozen=True, slots=True)
class Approval:
    """One box of the approval route; empty until signed."""

    step: ApprovalStep
    name: str = ""
    role: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Brief:
    """What a list needs of a certificate: the same fields as the document's, read without the rest of it."""

    number: str
    task: TaskNamed
    decision: Decision
    valid_until: date | None
    approvals: tuple[Approval, ...]
    code: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """The document. ``code`` is made from all of the rest (``rules.certifying``)."""

    number: str
    """As ``JR-2026-0007``."""
    version: int
    issued_at: datetime
    company: str
    is_sample: bool
    task: TaskNamed
    today: Variant
    proposed: Variant
    verdict: Verdict
    baseline: FrozenBaseline | None
    """None where the ledger knows nothing of the task: then costs stand per 1,000 calls."""
    saving: Saving | None
    prices_ahead: tuple[PriceAhead, ...]
    valid_until: date | None
    """None: not a pass, so nothing is to be put in force."""
    price_limit_percent: int
    """A price change beyond this voids it."""
    audit_percent: Decimal
    approvals: tuple[Approval, ...]
    code: str
    """Verification code, as ``7F3A-91C2-D04E-8B15``: the first 64 bits of a SHA-256."""

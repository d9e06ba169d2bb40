"""Exchange rates and consumption tax as dated rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

RateKind = Literal["TTM", "TTS", "TTB", "CARD", "ASSUMED"]
"""仲値, 電信売, 電信買, card statement, and the company's assumed rate (想定) where no dated row exists yet."""

TaxTreatment = Literal["charged", "reverse_charge", "none"]
"""``charged``: the vendor adds consumption tax. ``reverse_charge``: the buyer declares it. ``none``: no tax."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Yen for one unit of ``currency`` from ``on`` until the next row of the same kind."""

    rate_id: UUID
    currency: str
    on: date
    kind: RateKind
    rate: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class TaxRule:
    """How a vendor's fees are taxed from a day on. ``provider`` '' holds for all vendors without their own rule."""

    provider: str
    valid_from: date
    treatment: TaxTreatment
    percent: Decimal
    source: str

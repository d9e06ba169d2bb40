"""Exchange rates and consumption tax as dated rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

RateKind = Literal["TTM", "TTS", "TTB", "CARD", "ASSUMED"]
"""仲値, 電信売, 電信買, card statement, and the company's assumed rate (想定) where no dated row exists yet."""

DATED_KINDS: tuple[RateKind, ...] = ("TTM", "TTS", "TTB", "CARD")
"""The kinds that somebody published or billed: every kind but the assumed one."""

TaxTreatment = Literal["charged", "reverse_charge", "none", "unknown"]
"""``charged``: the vendor adds consumption tax. ``reverse_charge``: the buyer declares it. ``none``: no tax.
``unknown``: nobody has said yet (未設定); shown so, never guessed."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Yen for one unit of ``currency`` from ``on`` until the next row of the same kind.

    An ``ASSUMED`` rate stands in on any day without a dated row on or before it; its ``on`` is the day it was set.
    """

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


@dataclass(frozen=True, slots=True)
class DayNet:
    """What one vendor's calls and costs came to on one day, in yen without tax."""

    provider: str
    day: date
    net_jpy: Decimal


@dataclass(frozen=True, slots=True)
class TaxRow:
    """Tax on one vendor's fees of one month under one rule. Two rows where the rule changed within the month.

    ``tax_jpy`` is whole yen, None where the treatment is unknown. With ``reverse_charge`` it is declared by the buyer
    and not part of what the vendor is paid.
    """

    month: date
    provider: str
    treatment: TaxTreatment
    percent: Decimal
    net_jpy: Decimal
    tax_jpy: Decimal | None
    source: str

"""How commands tell moments and amounts: on the company's clock, with every digit that counts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from jitsuri.cli.doors import Desk


def moment_told(desk: Desk, at: datetime) -> str:
    """2026-11-22 14:00:05 on the company's clock."""
    return f"{at.astimezone(ZoneInfo(desk.settings.text('company.zone'))):%Y-%m-%d %H:%M:%S}"


def digits_told(amount: Decimal) -> str:
    """An amount with every digit it has, and no zeros behind them.

    >>> digits_told(Decimal("1539.700000")), digits_told(Decimal("0.000000")), digits_told(Decimal("200000"))
    ('1,539.7', '0', '200,000')
    """
    told = f"{amount:,f}"
    return told.rstrip("0").rstrip(".") if "." in told else told

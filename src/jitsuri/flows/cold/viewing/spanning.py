"""Spanning: company days as instants, for what is kept by the instant."""

from __future__ import annotations

from datetime import date, datetime, time

from jitsuri.terms.period import COMPANY_ZONE


def midnight(day: date) -> datetime:
    """The instant at which a company day begins."""
    return datetime.combine(day, time(), COMPANY_ZONE)

"""The installed library's book, compiled once per test run, and short ways to price by it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.shapes.pricing import PriceBook, Priced, Unpriced
from jitsuri.ledger.wire.compiling import book_from_library
from jitsuri.terms.usage import Usage

NOON = datetime(2026, 11, 22, 3, tzinfo=UTC)
"""Noon in Tokyo on a day on which the hand-made expectations hold."""


@cache
def library_book() -> PriceBook:
    return book_from_library()


@cache
def pricer() -> Pricer:
    return Pricer(library_book())


def priced(provider: str, model: str, usage: Usage, at: datetime = NOON, tier: str = "", region: str = "") -> Priced:
    found = pricer().price(provider, model, usage, at, tier, region)
    assert isinstance(found, Priced), found
    return found


def unpriced(provider: str, model: str, usage: Usage, at: datetime = NOON, tier: str = "") -> Unpriced:
    found = pricer().price(provider, model, usage, at, tier)
    assert isinstance(found, Unpriced), found
    return found

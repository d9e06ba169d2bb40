"""Money: an exact ``Decimal`` with its currency; never a float.

Rounding happens once, where an entry is made (``to_ledger_jpy``) or where a person reads
(``to_whole_yen``); nothing between rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import reduce

LEDGER_STEP_JPY = Decimal("0.000001")
"""The ledger keeps millionths of a yen (decision 0006): one token of the cheapest model is 1.5e-6 yen."""

EXACT_DIGITS = 60
"""Digits of the context in which exact products are made: token count × price × rate stays below it."""


_EXACT = Context(prec=EXACT_DIGITS)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An exact amount in one currency (ISO 4217 code)."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError(f"money needs a Decimal, not {type(self.amount).__name__}")
        if not self.amount.is_finite():
            raise ValueError(f"money must be finite, not {self.amount}")
        if len(self.currency) != 3 or not self.currency.isupper():
            raise ValueError(f"a currency is three capital letters, not {self.currency!r}")

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        with localcontext(prec=EXACT_DIGITS):
            return Money(self.amount + other.amount, self.currency)


def to_ledger_jpy(amount: Decimal) -> Decimal:
    """Round an exact yen amount to the ledger's step, half up, once."""
    return amount.quantize(LEDGER_STEP_JPY, ROUND_HALF_UP, _EXACT)


def to_ledger_jpy_at(cost: Decimal, rate: Decimal) -> Decimal:
    """An exact cost in yen at this rate, rounded to the ledger's step, half up, once."""
    return _EXACT.multiply(cost, rate).quantize(LEDGER_STEP_JPY, ROUND_HALF_UP, _EXACT)


def to_whole_yen(amount: Decimal) -> Decimal:
    """Round a yen amount for a reader, half up."""
    return amount.quantize(Decimal(1), ROUND_HALF_UP, _EXACT)


def exact_product(*factors: Decimal) -> Decimal:
    """Multiply without rounding (up to ``EXACT_DIGITS`` digits).

    >>> exact_product(Decimal("0.1"), Decimal("154.20"))
    Decimal('15.420')
    """
    return reduce(_EXACT.multiply, factors)

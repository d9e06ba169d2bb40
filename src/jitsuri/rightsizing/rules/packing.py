"""Verdicts and certificates as canonical bytes: the same content is the same bytes, and bytes read back are equal.

Keys in a fixed order, floats rounded before they get here (``rounded``), Decimals as JSON numbers.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

Kept = TypeVar("Kept")

DIGITS = 6
"""Decimal places of every figure in a record: a millionth of a point, far below any interval's width."""

_ENCODER = msgspec.json.Encoder(decimal_format="number", order="deterministic")


def packed(value: object) -> bytes:
    """The canonical JSON of a frozen shape."""
    return _ENCODER.encode(value)


def unpacked(content: bytes, kind: type[Kept]) -> Kept:
    """The shape back. Raises ``msgspec.ValidationError`` where the content is no such shape."""
    return msgspec.json.decode(content, type=kind)


def rounded(value: float) -> float:
    """A figure as records keep it; −0.0 is 0.0."""
    return round(value, DIGITS) + 0.0

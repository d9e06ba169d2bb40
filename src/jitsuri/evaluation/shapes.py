"""What a question about quality needs: margin, risk, and the number of labels that follows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Need:
    """How many labels a paired proof will probably need, and what they cost in time.

    ``labels`` are judgements by people on pairs (today's answer against the candidate's); ``seconds`` is their time.
    """

    labels: int
    seconds: Decimal
    margin: Decimal
    discordance: Decimal
    risk: Decimal
    power: Decimal

"""What an opportunity (機会) is: what a candidate's price alone would save, and what a proof would cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from jitsuri.evaluation.shapes import Need
from jitsuri.terms.outcomes import Dropped
from jitsuri.terms.usage import Usage


@dataclass(frozen=True, slots=True)
class TaskUse:
    """What one task used of one model over the months of the baseline: real calls, real yen."""

    task: str
    provider: str
    model: str
    tier: str
    calls: int
    usage: Usage
    cost_jpy: Decimal


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model whose price alone would make the same use cheaper. Nothing is said about its answers.

    ``cost_jpy`` is the baseline's use at the candidate's price (same tokens, same rate, today's price); ``saving_jpy`` is
    the difference to the baseline *per month*; both are 想定.
    """

    provider: str
    model: str
    cost_jpy: Decimal
    saving_jpy: Decimal


@dataclass(frozen=True, slots=True)
class Opportunity:
    """One task: its baseline, the candidates by saving, the proof they would need."""

    task: str
    baseline_from: date
    baseline_to: date
    months: int
    calls: int
    cost_jpy: Decimal
    """Per month, mean over the baseline's months."""
    uses: tuple[TaskUse, ...]
    candidates: tuple[Candidate, ...]
    need: Need
    proof_labour_jpy: Decimal
    proof_replay_jpy: Decimal
    """Answering the proof's requests with the best candidate, at its price."""
    pays_back_months: Decimal | None
    """Proof cost divided by the best saving; None without a saving."""
    dropped: tuple[Dropped, ...]

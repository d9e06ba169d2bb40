"""What a trial (試行) keeps of one scorer's view of one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Score:
    """One scorer's view of one answer. A scorer of pairs sets ``baseline_score`` too; both None: it abstained, ``reason`` why."""

    way: int
    position: int
    scorer: str
    score: float | None
    baseline_score: float | None = None
    critical: bool | None = None
    reason: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)

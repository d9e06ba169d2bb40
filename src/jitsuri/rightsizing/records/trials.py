"""Trials in the database: scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from jitsuri.rightsizing.shapes.trials import Score
from jitsuri.store.door import Connection


def save_scores(tx: Connection, trial_id: UUID, scores: Sequence[Score], at: datetime) -> None:
    """Write scores; one that the same scorer gave before is replaced."""
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO rightsizing_scores (trial_id, way, position, scorer, score, baseline_score, critical, reason, facts, "
            "at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s) ON CONFLICT (trial_id, way, position, scorer) "
            "DO UPDATE SET score = excluded.score, baseline_score = excluded.baseline_score, critical = excluded.critical, "
            "reason = excluded.reason, facts = excluded.facts, at = excluded.at",
            [(trial_id, s.way, s.position, s.scorer, s.score, s.baseline_score, s.critical, s.reason,
              json.dumps(dict(s.facts), ensure_ascii=False, default=str), at) for s in scores],
        )  # fmt: skip

"""What a trial knows of its pairs: which were answered by both, how they scored, and where their texts lie. Read only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from jitsuri.rightsizing.rules.packing import unpacked
from jitsuri.rightsizing.rules.stratifying import Score
from jitsuri.rightsizing.shapes.trials import TrialPlan
from jitsuri.store.door import Connection


@dataclass(frozen=True, slots=True)
class TrialHead:
    """A trial as its pairs need it. ``ways``: today's is 0, then candidates; names as outcome tables have them."""

    trial_id: UUID
    task: str
    state: str
    ways: Mapping[int, str]
    margin: Decimal
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """A kept answer; ``sealed`` is None where it was not kept or its last day has passed."""

    attempt_id: UUID
    sealed: bytes | None
    key_name: str


def trial_head(tx: Connection, trial_id: UUID) -> TrialHead | None:
    row = tx.execute(
        "SELECT trial_id, task, state, plan::text, created_at FROM rightsizing_trials WHERE trial_id = %s", (trial_id,)
    ).fetchone()
    if row is None:
        return None
    plan = unpacked(row[3].encode(), TrialPlan)
    return TrialHead(row[0], row[1], row[2], {way.number: way.name for way in plan.ways}, plan.margin, row[4])


def both_answered(tx: Connection, trial_id: UUID, way: int) -> dict[int, bool | None]:
    """The requests that today's model and a candidate both answered: position → are the answers the same (None: unknown).

    Where today's model was not asked again, its stored answer is the one.
    """
    rows = tx.execute(
        "SELECT c.position, c.is_same FROM rightsizing_answers c LEFT JOIN rightsizing_answers b "
        "ON b.trial_id = c.trial_id AND b.position = c.position AND b.way = 0 "
        "WHERE c.trial_id = %s AND c.way = %s AND c.state = 'answered' AND coalesce(b.state, 'answered') = 'answered'",
        (trial_id, way),
    )
    return {row[0]: row[1] for row in rows}


def scores_of_way(tx: Connection, trial_id: UUID, way: int) -> dict[int, list[Score]]:
    """What scorers said of a candidate's answers against today's. A rule scores each of the two by itself."""
    rows = tx.execute(
        "SELECT c.position, c.scorer, coalesce(c.baseline_score, b.score), c.score FROM rightsizing_scores c "
        "LEFT JOIN rightsizing_scores b "
        "ON b.trial_id = c.trial_id AND b.position = c.position AND b.scorer = c.scorer AND b.way = 0 "
        "WHERE c.trial_id = %s AND c.way = %s ORDER BY c.position, c.scorer",
        (trial_id, way),
    )
    found: dict[int, list[Score]] = {}
    for position, scorer, baseline, candidate in rows:
        found.setdefault(position, []).append(Score(scorer, baseline, candidate))
    return found


def calls_of_trial(tx: Connection, trial_id: UUID, positions: Sequence[int] | None = None) -> dict[int, UUID]:
    """The call behind each request of a trial; of these positions where they are named."""
    rows = tx.execute(
        "SELECT position, call_id FROM rightsizing_requests WHERE trial_id = %(trial)s "
        "AND (%(positions)s::int[] IS NULL OR position = ANY(%(positions)s))",
        {"trial": trial_id, "positions": positions},
    ).fetchall()
    return dict(rows)


def sealed_positions(
    tx: Connection, trial_id: UUID, ways: Sequence[int], positions: Sequence[int] | None = None
) -> set[tuple[int, int]]:
    """(way, position) of every answer of these ways that is kept; of these positions where they are named."""
    rows = tx.execute(
        "SELECT way, position FROM rightsizing_answers WHERE trial_id = %(trial)s AND way = ANY(%(ways)s::smallint[]) "
        "AND state = 'answered' AND sealed IS NOT NULL "
        "AND (%(positions)s::int[] IS NULL OR position = ANY(%(positions)s))",
        {"trial": trial_id, "ways": list(ways), "positions": positions},
    ).fetchall()
    return set(rows)


def sealed_answer(tx: Connection, trial_id: UUID, way: int, position: int) -> SealedAnswer | None:
    row = tx.execute(
        "SELECT attempt_id, sealed, key_name FROM rightsizing_answers WHERE trial_id = %s AND way = %s AND position = %s",
        (trial_id, way, position),
    ).fetchone()
    return None if row is None else SealedAnswer(row[0], None if row[1] is None else bytes(row[1]), row[2])

"""Drawing pairs (抽出): which of a candidate's answers people are to judge, from what is known before anybody looks.

Story: pairs that both answered and whose texts are kept → their strata (judge, rules, same answers) → a budget of labels
shared out → pairs with their known chance of being drawn. A later, larger draw adds to the first, in its strata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jitsuri.calls.records import texts as text_rows
from jitsuri.evaluation.rules.allocating import Stratum, allocate, draw
from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.review import records as review_rows
from jitsuri.review.shapes import Draw, Pair
from jitsuri.rightsizing.records import paired
from jitsuri.rightsizing.rules.stratifying import SPREADS, stratum_of
from jitsuri.store.door import Connection, Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal

MOST_LABELS = 100_000


@dataclass(frozen=True, slots=True)
class Drew:
    """What was drawn: the draw and its pairs, all of them, those of earlier draws too."""

    draw: Draw
    pairs: tuple[Pair, ...]

    def by_stratum(self) -> dict[str, tuple[int, int, int]]:
        """Stratum → (pairs that could be drawn, drawn uniformly, drawn besides)."""
        return {
            name: (
                len(positions),
                sum(one.stratum == name and one.share == "uniform" for one in self.pairs),
                sum(one.stratum == name and one.share == "focused" for one in self.pairs),
            )
            for name, positions in self.draw.frame.items()
        }


def draw_pairs(store: Store, trial_id: UUID, candidate: str, budget: int, author: str, now: datetime) -> Drew | Refusal:
    """Draw pairs of a trial's candidate (its name, or its number) for so many labels. The same draw again changes nothing.

    Refuses ``pairs_trial_unknown``, ``pairs_way_unknown``, ``pairs_budget_invalid``, ``pairs_nothing`` (no pair was answered by both
    and kept), ``pairs_smaller`` (an earlier draw had a larger budget).
    """
    if not 1 <= budget <= MOST_LABELS:
        return Refusal("pairs_budget_invalid", {"value": budget, "most": MOST_LABELS})
    with store.transaction() as tx:
        review_rows.lock_trial(tx, trial_id)
        head = paired.trial_head(tx, trial_id)
        if head is None:
            return Refusal("pairs_trial_unknown", {"value": str(trial_id)})
        way = way_of(head, candidate)
        if way is None:
            return Refusal("pairs_way_unknown", {"value": candidate, "known": _known(head)})
        earlier = next((one for one in review_rows.draws(tx, trial_id) if one.way == way), None)
        if earlier is not None and budget < earlier.budget:
            return Refusal("pairs_smaller", {"budget": budget, "earlier": earlier.budget})
        standing = [one for one in review_rows.pairs_of(tx, trial_id) if one.way == way]
        if earlier is not None and budget == earlier.budget:
            return Drew(earlier, tuple(standing))
        frame = earlier.frame if earlier else _frame(tx, trial_id, way)
        if not frame:
            return Refusal("pairs_nothing", {"candidate": head.ways[way]})
        made = _drawn(earlier, frame, budget, Draw(
            trial_id, way, earlier.version + 1 if earlier else 1, head.task, head.ways[way], budget,
            earlier.seed if earlier else trial_id.int % 2**40 + way, frame, {}, author, now,
        ))  # fmt: skip
        review_rows.add_draw(tx, made.draw, made.pairs)
        facts = {
            "candidate": made.draw.candidate, "way": way, "budget": budget, "drawn": len(made.pairs),
            "version": made.draw.version, "seed": made.draw.seed,
            "strata": {name: list(counts) for name, counts in made.by_stratum().items()},
        }  # fmt: skip
        evidence.append(tx, record_of(now, author, "pairs_drawn", f"trial:{trial_id}", facts))
        return Drew(made.draw, tuple(one for one in review_rows.pairs_of(tx, trial_id) if one.way == way))


def way_of(head: paired.TrialHead, candidate: str) -> int | None:
    """A candidate's number from its name, from what its name begins with, or from the number itself."""
    named = {at: name for at, name in head.ways.items() if at >= 1}
    found = [at for at, name in named.items() if name == candidate] or [
        at for at, name in named.items() if candidate and name.startswith(candidate)
    ]
    if len(found) == 1:
        return found[0]
    return int(candidate) if candidate.isascii() and candidate.isdigit() and int(candidate[:4]) in named else None


def openable(
    tx: Connection, trial_id: UUID, ways: Sequence[int], positions: Sequence[int] | None = None
) -> set[tuple[int, int]]:
    """(way, position) of every pair whose request and both answers are kept; today's may be the one that was stored then.

    ``positions``: only of these.
    """
    calls = paired.calls_of_trial(tx, trial_id, positions)
    kept = text_rows.parts_of_calls(tx, list(calls.values()))
    sealed = paired.sealed_positions(tx, trial_id, [0, *ways], positions)
    fit = {
        position
        for position, call_id in calls.items()
        if "request" in kept.get(call_id, ()) and ((0, position) in sealed or "response" in kept[call_id])
    }
    return {(way, position) for way, position in sealed if way and position in fit}


def _frame(tx: Connection, trial_id: UUID, way: int) -> dict[str, list[int]]:
    scores = paired.scores_of_way(tx, trial_id, way)
    fit = openable(tx, trial_id, [way])
    frame: dict[str, list[int]] = {}
    for position, is_same in sorted(paired.both_answered(tx, trial_id, way).items()):
        if (way, position) in fit:
            frame.setdefault(stratum_of(is_same, scores.get(position, ())), []).append(position)
    return frame


def _drawn(earlier: Draw | None, frame: Mapping[str, list[int]], budget: int, made: Draw) -> Drew:
    before = earlier.focused if earlier else {}
    strata = {name: Stratum(len(positions), SPREADS.get(name, 0.15)) for name, positions in frame.items()}
    plan = allocate(strata, budget, before=before)
    named = {_name(made, position): (name, position) for name, held in frame.items() for position in held}
    drawn = draw({name: stratum for name, (stratum, _) in named.items()}, plan, made.seed)
    pairs = tuple(
        Pair(
            derived_id("pair", one.name), made.trial_id, made.way, named[one.name][1], one.stratum,
            "uniform" if one.is_uniform else "focused", one.rank, one.inclusion, one.people, made.at,
        )
        for one in drawn
    )  # fmt: skip
    kept = Draw(
        made.trial_id, made.way, made.version, made.task, made.candidate, budget, made.seed, dict(frame),
        dict(plan.focused), made.author, made.at,
    )  # fmt: skip
    return Drew(kept, pairs)


def _name(made: Draw, position: int) -> str:
    return f"{made.trial_id}/{made.way}/{position}"


def _known(head: paired.TrialHead) -> str:
    return ", ".join(name for at, name in sorted(head.ways.items()) if at) or "–"

"""The life of a certificate: which event may follow which, and where it stands. Pure. Source: decision 0035."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from jitsuri.rightsizing.shapes.lives import IN_FORCE, Event, Force, Life, Rollback, State, World
from jitsuri.terms.outcomes import Refusal

USUAL_PERCENT = "5"
"""Share of a canary where the owner says nothing, in percent (decision 0035)."""
LONGEST_REASON = 500

_MOVES: Mapping[State, frozenset[Event]] = {
    "none": frozenset({"canary"}),
    "canary": frozenset({"canary", "full", "voided", "rolled_back", "ended"}),
    "full": frozenset({"voided", "rolled_back", "ended"}),
    "voided": frozenset({"rolled_back", "kept"}),
    "rolled_back": frozenset(),
    "kept": frozenset(),
    "ended": frozenset(),
}
"""The whole machine: what is not here is not possible. Nothing comes back to life: a new certificate is a new number."""


def life_of(number: str, task: str, events: Sequence[Force]) -> Life:
    """Where a certificate stands after its events (oldest first)."""
    state: State = events[-1].event if events else "none"
    begun = next((one for one in reversed(events) if one.event in ("canary", "full")), None)
    facts = begun.facts if begun is not None else {}
    rollback = cast(Rollback, facts.get("rollback", "ask"))
    share = facts.get("per_mille", 0)
    world = next((one.facts["world"] for one in reversed(events) if "world" in one.facts), None)
    asks = state == "voided" and events[-1].facts.get("followed") in ("asked", "impossible")
    return Life(
        number, task, tuple(events), state, rollback,
        int(share) if state in IN_FORCE and isinstance(share, int) else 0,
        None if world is None else world_of(world), asks,
    )  # fmt: skip


def is_next(state: State, event: Event) -> bool:
    return event in _MOVES[state]


def moving_fault(life: Life, event: Event, seen: int | None) -> Refusal | None:
    """Why an event cannot follow: ``life_moved_on`` (the page showed another sequence), ``life_not_now``."""
    if seen is not None and seen != life.sequence:
        return Refusal("life_moved_on", {"number": life.number})
    if not is_next(life.state, event):
        return Refusal("life_not_now", {"number": life.number, "state": life.state})
    return None


def world_told(world: World) -> dict[str, object]:
    """A world as JSON can hold it, without loss: numbers of money are text."""
    return cast("dict[str, object]", msgspec.to_builtins(world))


def world_of(told: object) -> World:
    """What ``world_told`` wrote. Raises ``msgspec.ValidationError`` for anything else."""
    return msgspec.convert(told, World)

"""Superseding: the lines that put the true entry of an attempt in the place of an estimate.

A worker that was away for long is taken for dead, and what it had under way is booked at its upper bound. Where its entry
comes after all, the estimate stays as it was booked, one line takes it back, and the true line follows: the ledger only
grows, and every total stays a plain sum of lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from jitsuri.ledger.rules.pricing import EXACT
from jitsuri.ledger.rules.repricing import Standing, attempt_of, standings
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.terms.ids import sibling_id
from jitsuri.terms.usage import USAGE_KINDS, Usage

ORPHANED = "orphaned"
"""The reason of an entry whose process died: its usage is an upper bound."""

WORKER_DIED = "worker_died"
"""The error code of such an entry, also where its reason says why it has no price."""

ANSWERED_LATE = "answered_late"
"""The reason of a line that takes an estimate back, because its attempt ended after all."""

_STEP = timedelta(microseconds=1)
"""Lines of an attempt are read in the order of ``booked_at``; this is the least the database tells apart."""


def estimate_in(lines: Sequence[Entry]) -> Entry | None:
    """The estimate that stands for an attempt whose worker was taken for dead; None where what stands is no such one.

    ``lines`` are all lines of the attempt, as they were booked.
    """
    if not lines:
        return None
    attempt = attempt_of(lines)
    return attempt if attempt.error_code == WORKER_DIED else None


def superseding_lines(lines: Sequence[Entry], true: Entry) -> list[Entry]:
    """The lines after which an attempt stands as its true entry says, where an estimate stood (``estimate_in``).

    The true line goes where the attempt stands by now: to another task, if its calls were moved meanwhile. Ids follow
    from the attempt, so that it can happen only once.
    """
    estimate = attempt_of(lines)
    made: list[Entry] = []
    at = max(true.booked_at, lines[-1].booked_at + _STEP)
    for number, standing in enumerate(standings(lines)):
        line_id = sibling_id(f"entry_taken_back_{number}", true.attempt_id)
        made.append(replace(_taken_back(estimate, standing), entry_id=line_id, booked_at=at))
        old = standing.line
        if (old.task, old.department) != (estimate.task, estimate.department):
            true = replace(true, task=old.task, department=old.department)
    return [
        *made,
        replace(
            true, entry_id=sibling_id("entry_late", true.attempt_id), corrects=estimate.entry_id, booked_at=at + _STEP
        ),
    ]


def _taken_back(estimate: Entry, standing: Standing) -> Entry:
    return replace(
        standing.line, kind="repriced", corrects=estimate.entry_id, calls=-standing.calls,
        usage=Usage(*(-getattr(estimate.usage, kind) for kind in USAGE_KINDS)), usage_raw=None,
        latency_ms=estimate.latency_ms, first_token_ms=None, reason=ANSWERED_LATE,
        cost=None if standing.cost is None else EXACT.minus(standing.cost),
        cost_jpy=None if standing.cost_jpy is None else EXACT.minus(standing.cost_jpy),
        reported_cost=None, reported_currency="",
    )  # fmt: skip

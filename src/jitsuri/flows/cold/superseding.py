"""Superseding: an entry that comes after its worker was taken for dead takes the place of the estimate booked for it.

Story: the database was away, or the worker frozen, for so long that the sweeper booked what the worker had under way at
its upper bound (``flows.cold.sweeping``). The worker goes on, and hands the true entry in: the group commit finds that the
attempt is booked already, and asks here. The estimate is taken back by a line of its own, the true line follows, budgets
count the difference, and the caller gets the answer. Whichever comes first, sums are those of what was answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.shapes import Call
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.settling import GATEWAY
from jitsuri.flows.cold.sweeping import stand_in_hash
from jitsuri.ledger.records import budgets as budget_rows
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import rollups
from jitsuri.ledger.rules.budgeting import places_missing, to_micro
from jitsuri.ledger.rules.repricing import attempt_of
from jitsuri.ledger.rules.superseding import estimate_in, superseding_lines
from jitsuri.ledger.shapes.budgets import Settlement
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.store.batching import Batch
from jitsuri.store.committing import Rows
from jitsuri.store.door import Connection

_ALL_KNOWN = 2**62
"""No budget was made after this point of the sequence: none is looked for."""


def supersede(batch: Batch, rows: Rows) -> Rows:
    """Write, of one hand-in that was refused because something of it is there already, what supersedes an estimate.

    Returns the rows that are left to be written as usual, settlements among them. What is there for another reason is
    left too, and is refused again.
    """
    tx = batch.connection
    rollups.lock(tx)
    entries = [_entry(row) for kind, row in rows if kind == "entries"]
    estimates = _estimates(tx, entries)
    lines = [line for entry in entries if entry.attempt_id in estimates
             for line in superseding_lines(estimates[entry.attempt_id], entry)]  # fmt: skip
    entry_rows.insert_many(tx, lines)
    replaced = call_rows.replace_many(
        tx, [(call, stand_in_hash(call.call_id)) for kind, call in rows if kind == "calls"]
    )
    evidence_rows.append_many(
        tx,
        [
            record_of(
                line.booked_at, GATEWAY, "entry_superseded", f"call:{line.call_id}",
                {"attempt": line.attempt_id, "cost_jpy": line.cost_jpy,
                 "estimate_jpy": attempt_of(estimates[line.attempt_id]).cost_jpy},
            )
            for line in lines if line.kind == "attempt"
        ],
    )  # fmt: skip
    return [one for kind, row in rows for one in _left(tx, kind, row, estimates, replaced)]


def _entry(row: Any) -> Entry:
    return row if isinstance(row, Entry) else Entry(**msgspec.structs.asdict(row))


def _estimates(tx: Connection, entries: Sequence[Entry]) -> dict[UUID, list[Entry]]:
    """All lines of those attempts that stand as an estimate, by attempt."""
    found: dict[UUID, list[Entry]] = {entry.attempt_id: [] for entry in entries}
    for line in entry_rows.of_calls(tx, [entry.call_id for entry in entries]):
        if line.attempt_id in found:
            found[line.attempt_id].append(line)
    return {attempt_id: lines for attempt_id, lines in found.items() if estimate_in(lines) is not None}


def _left(
    tx: Connection, kind: str, row: Any, estimates: Mapping[UUID, list[Entry]], replaced: set[UUID]
) -> Sequence[tuple[str, Any]]:
    """What is left of a row to be written as usual."""
    match kind:
        case "entries" if row.attempt_id in estimates:
            return ()
        case "calls" if isinstance(row, Call) and row.call_id in replaced:
            return ()
        case "settlements" if row.attempt_id in estimates:
            return [(kind, one) for one in _settlements(tx, row, estimates[row.attempt_id])]
        case _:
            return ((kind, row),)


def _settlements(tx: Connection, settled: Settlement, lines: Sequence[Entry]) -> list[Settlement]:
    """What budgets must count beyond the estimate, which they have counted: with the sweep, or as what the ledger held
    when they were made. Only a key's budget begins at zero: one that was made since has not.

    The leases that the attempt was held on went back when its worker was buried.
    """
    estimate = attempt_of(lines)
    counted = to_micro(estimate.cost_jpy) if estimate.cost_jpy is not None else 0
    difference = msgspec.structs.replace(
        settled, actual_micro_jpy=settled.actual_micro_jpy - counted, lines=tuple((at, 0) for at, _ in settled.lines)
    )
    keyed = [budget for budget in budget_rows.made_since(tx, settled.known) if budget.scope == "key"]
    without = [one for one in keyed if budget_rows.versions(tx, one.budget_id)[0].set_at > estimate.booked_at]
    places = tuple((place, 0) for place in places_missing(without, settled))
    if not places:
        return [difference]
    whole = msgspec.structs.replace(settled, actual_micro_jpy=counted, lines=places, known=_ALL_KNOWN)
    return [difference, whole]

"""Sweeping: what a worker that died has left behind becomes entries, and its leases go back.

An attempt whose entry was never written may have been answered and may be on the invoice. It is booked at its upper
bound and marked estimated (``orphaned``), so that the invoice match finds it; the budgets it was held against count it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from jitsuri.access.records import departments as department_rows
from jitsuri.access.rules.arranging import path_of
from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.rules.identifying import gateway_group
from jitsuri.calls.shapes import Call
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.settling import GATEWAY, settle
from jitsuri.ledger.live.prices import to_micro_jpy
from jitsuri.ledger.records import books as book_rows
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import intents as intent_rows
from jitsuri.ledger.records import leases as lease_rows
from jitsuri.ledger.records import rates as rate_rows
from jitsuri.ledger.rules.converting import Rates, rates_of
from jitsuri.ledger.rules.costing import costed
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.rules.superseding import ORPHANED, WORKER_DIED
from jitsuri.ledger.shapes.budgets import Marks, Place, Settlement
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.intents import Intent, purpose_of
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.ledger.wire.packing import unpacked
from jitsuri.store.door import Connection, Store
from jitsuri.terms.ids import digest_16, sibling_id
from jitsuri.terms.usage import Usage

DEAD_SECONDS = 60
"""A worker not seen for so long is taken for dead; it has stopped using its leases long before (decision 0020)."""

_RETRY_SECONDS = 10
"""For how long a sweep is tried again that got into another transaction's way: until the next one is due."""

_NIL = UUID(int=0)


def sweep(store: Store, now: datetime, kind: RateKind, seconds: int = DEAD_SECONDS) -> int:
    """Book what dead workers have left behind and give their leases back; returns how many attempts were booked."""

    def work(tx: Connection) -> int:
        dead = lease_rows.dead_workers(tx, seconds)
        if not dead:
            return 0
        found = [(worker_id, intent_rows.of_worker(tx, worker_id)) for worker_id in dead]
        if any(intents for _, intents in found):
            pricer, rates = _prices(tx, kind)
            for _, intents in found:
                _book(tx, intents, pricer, rates, now)
        for worker_id, intents in found:
            freed = lease_rows.bury(tx, worker_id)
            facts = {"attempts": len(intents), "leases_micro_jpy": sum(freed.values())}
            evidence_rows.append(tx, record_of(now, GATEWAY, "worker_swept", f"worker:{worker_id}", facts))
        return sum(len(intents) for _, intents in found)

    return store.retrying(work, seconds=_RETRY_SECONDS)


def _prices(tx: Connection, kind: RateKind) -> tuple[Pricer, Rates]:
    use = book_rows.in_use(tx)
    content = book_rows.content(tx, use.book_id) if use is not None else None
    assert use is not None
    assert content is not None
    return Pricer(unpacked(content, use.book_id)), rates_of(rate_rows.everything(tx), kind)


def _book(tx: Connection, intents: Sequence[Intent], pricer: Pricer, rates: Rates, now: datetime) -> None:
    entries = [_entry(intent, pricer, rates, now) for intent in intents]
    known = set(call_rows.known(tx, [entry.call_id for entry in entries]))
    calls = {
        entry.call_id: _call(entry, intent)
        for entry, intent in zip(entries, intents, strict=True)
        if not entry.purpose  # what Jitsuri asked on its own behalf is no call
    }
    entry_rows.insert_many(tx, entries)
    call_rows.insert_many(tx, [call for call_id, call in calls.items() if call_id not in known])
    departments = department_rows.everything(tx)
    settle(
        tx,
        [
            _settlement(intent, to_micro_jpy(entry.cost_jpy), path_of(departments, intent.department, intent.day))
            for intent, entry in zip(intents, entries, strict=True)
        ],
    )
    intent_rows.end_many(tx, [intent.attempt_id for intent in intents])


def _entry(intent: Intent, pricer: Pricer, rates: Rates, now: datetime) -> Entry:
    usage = Usage(input_tokens=intent.input_tokens, output_tokens=intent.output_tokens)
    names = (intent.model,)
    paid = costed(pricer, rates, intent.provider, names, usage, intent.at, intent.day, intent.tier, intent.region)
    return Entry(
        entry_id=sibling_id("entry", intent.attempt_id), attempt_id=intent.attempt_id,
        call_id=intent.call_id, thread_id=intent.thread_id, kind="attempt", corrects=None, at=intent.at,
        day=intent.day, booked_at=now, task=intent.task, department=intent.department, provider=paid.provider,
        model=paid.model, model_asked=intent.model, model_answered="", region=intent.region, tier=intent.tier,
        purpose=purpose_of(intent.key_name), status="cut", http_status=None, error_code=WORKER_DIED, calls=1, usage=usage, usage_raw=None,
        latency_ms=None, first_token_ms=None, state=paid.state, reason=paid.reason or ORPHANED,
        currency=paid.currency, cost=paid.cost, price_block=paid.price_block, price_book=pricer.book_id,
        rate_id=paid.rate_id, rate=paid.rate, cost_jpy=paid.cost_jpy, reported_cost=None, reported_currency="",
        source=GATEWAY, run_id=None,
    )  # fmt: skip


def _call(entry: Entry, intent: Intent) -> Call:
    group = gateway_group(intent.task, intent.key_name)
    return Call(
        entry.call_id, stand_in_hash(entry.call_id), entry.at, entry.thread_id, entry.task, entry.department, group,
        entry.provider, entry.model, "cut", intent.key_name, GATEWAY, _NIL, 0, {},
    )  # fmt: skip


def stand_in_hash(call_id: UUID) -> bytes:
    """What stands for the hash of a request that nobody has any more; it tells such a call from others."""
    return digest_16(call_id.bytes)


def _settlement(intent: Intent, actual_micro_jpy: int, path: tuple[str, ...]) -> Settlement:
    """What the intent's budgets must count; its worker's leases gave room for as much as was held.

    ``path``: the departments above its own on the day it was asked, itself last.
    """
    taken = min(actual_micro_jpy, intent.hold_micro_jpy)
    lines = tuple((Place(UUID(budget_id), date.fromisoformat(start)), taken) for budget_id, start in intent.budgets)
    marks = Marks(path, intent.task, intent.key_name)
    return Settlement(intent.worker_id, actual_micro_jpy, lines, marks, intent.day, _NONE_KNOWN, intent.attempt_id)


_NONE_KNOWN = 0
"""The intent does not say which budgets stood when it was held: all that stand now are looked at. One that is made after it
began holds what the ledger had then, and this attempt was not in it."""

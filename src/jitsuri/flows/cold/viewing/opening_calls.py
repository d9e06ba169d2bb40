"""呼出し: the calls behind any number, and one call down to its lines, its prices and its neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.records import reading as call_reading
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.records.reading import CallFilter, Place
from jitsuri.calls.shapes import Call
from jitsuri.flows.cold.renewing_prices import stored_book
from jitsuri.flows.cold.viewing.spanning import midnight
from jitsuri.ledger.records import books as book_rows
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import rates as rate_rows
from jitsuri.ledger.records import reading
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.rules.repricing import Standing, attempt_of, priced_again, standings
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.pricing import BookInfo, Priced, PriceState
from jitsuri.ledger.shapes.rates import Rate
from jitsuri.ledger.shapes.totals import Total
from jitsuri.ledger.shapes.views import CallAmounts, Sum
from jitsuri.store.door import Connection
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import month_of, months_between

_DAY = timedelta(days=1)
PAGE_CALLS = 50
SUMMED_CALLS = 3_000
"""Calls that are summed one by one where rollups cannot say the sum; more than these have no sum (decision 0012)."""

NEIGHBOURS = 20
"""Calls of the same thread that a call's page lists; the thread's own page has more."""

MOST_OF_THREAD = 500
"""A log that gives everything one session name makes a thread of a million calls: so many are shown."""

OPEN_STATES: tuple[PriceState, ...] = ("unpriced", "unconverted")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for, in company days (both included). ``state`` '' is any, else one of ``OPEN_STATES``."""

    first: date
    last: date
    filter: CallFilter = field(default_factory=CallFilter)
    """Its ``since`` and ``until`` are set from the days."""
    state: str = ""
    thread: UUID | None = None

    @property
    def is_in_rollups(self) -> bool:
        """Whether rollups can say its sum: only day, task, department, provider and model are asked."""
        asked = self.filter
        return not (self.state or self.thread or asked.statuses or asked.run_id or asked.key_name or asked.metadata)

    @property
    def dated(self) -> CallFilter:
        asked = self.filter
        return CallFilter(
            midnight(self.first), midnight(self.last + _DAY), asked.task, asked.departments,
            asked.provider, asked.model, asked.statuses, asked.run_id, asked.key_name, asked.metadata,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CallList:
    """One page of calls, newest first. ``sum`` is over everything wanted; None where it is too much to add up."""

    wanted: Wanted
    rows: tuple[tuple[Call, CallAmounts | None], ...]
    next: Place | None
    is_cut: bool
    sum: Sum | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt: its lines, where it stands, and how its price came about."""

    lines: tuple[Entry, ...]
    standing: Standing | None
    priced: Priced | Refusal | None
    """The price made again from the book that the entry names: its parts add up to the cost. A Refusal says why it
    cannot be shown; None where there is no price."""
    book: BookInfo | None
    rate: Rate | None
    cost_jpy: Decimal | None

    @property
    def first(self) -> Entry:
        """The line that says how it went: the one it began with, or the true one that came after an estimate."""
        return attempt_of(self.lines)


@dataclass(frozen=True, slots=True)
class CallView:
    """One call, opened."""

    call: Call
    attempts: tuple[AttemptView, ...]
    amounts: CallAmounts | None
    thread: tuple[tuple[Call, CallAmounts | None], ...]
    texts: Mapping[str, tuple[str, date]]
    """Kept parts (``request``, ``response``): the key's name and the last day."""


@dataclass(frozen=True, slots=True)
class ThreadView:
    """The calls of one piece of business, by time; ``is_all`` False: only its first ``MOST_OF_THREAD``."""

    thread_id: UUID
    rows: tuple[tuple[Call, CallAmounts | None], ...]
    sum: Sum
    is_all: bool


def call_list(tx: Connection, wanted: Wanted, after: Place | None, limit: int = PAGE_CALLS) -> CallList:
    """The next page of what is wanted, with the sum of all of it."""
    if wanted.thread is not None:
        calls = call_reading.of_thread(tx, wanted.thread, MOST_OF_THREAD)[::-1]
        return CallList(wanted, _with_amounts(tx, calls), None, False, reading.sum_of_calls(tx, _ids(calls)))
    if wanted.state in OPEN_STATES:
        return _open_calls(tx, wanted, after, limit)
    found = call_reading.search(tx, wanted.dated, after, limit)
    return CallList(wanted, _with_amounts(tx, found.calls), found.next, found.is_cut, _sum(tx, wanted))


def call_view(tx: Connection, call_id: UUID) -> CallView | None:
    """One call; None for an unknown one."""
    call = call_rows.one(tx, call_id)
    if call is None:
        return None
    lines: dict[UUID, list[Entry]] = defaultdict(list)
    for line in entry_rows.of_calls(tx, [call_id]):
        lines[line.attempt_id].append(line)
    pricers: dict[str, Pricer | None] = {}
    known = {rate.rate_id: rate for rate in rate_rows.everything(tx)} if lines else {}
    attempts = [_attempt(tx, held, pricers, known) for held in lines.values()]
    attempts.sort(key=lambda a: (a.first.at, a.first.attempt_id))
    thread = call_reading.of_thread(tx, call.thread_id, NEIGHBOURS)
    return CallView(
        call=call,
        attempts=tuple(attempts),
        amounts=reading.amounts_of_calls(tx, [call_id]).get(call_id),
        thread=_with_amounts(tx, thread) if len(thread) > 1 else (),
        texts={part: (key, until) for part, (_, key, until) in text_rows.of_call(tx, call_id).items()},
    )


def thread_view(tx: Connection, thread_id: UUID) -> ThreadView | None:
    """One thread under any of its names; None for an unknown one."""
    calls = call_reading.of_thread(tx, thread_id, MOST_OF_THREAD + 1)
    if not calls:
        return None
    shown = calls[:MOST_OF_THREAD]
    is_all = len(calls) == len(shown)
    return ThreadView(thread_id, _with_amounts(tx, shown), reading.sum_of_calls(tx, _ids(shown)), is_all)


def _open_calls(tx: Connection, wanted: Wanted, after: Place | None, limit: int) -> CallList:
    """Calls without price or yen, found by the ledger, month by month from the newest: the first page comes soon."""
    asked = wanted.dated
    state: PriceState = "unpriced" if wanted.state == "unpriced" else "unconverted"
    found: list[Place] = []
    for month in reversed(list(months_between(month_of(wanted.first), month_of(wanted.last)))):
        found += reading.calls_in_state(
            tx, state, midnight(max(month.first, wanted.first)), midnight(min(month.last, wanted.last) + _DAY),
            task=asked.task, departments=asked.departments, provider=asked.provider, model=asked.model, after=after,
            limit=limit + 1 - len(found),
        )  # fmt: skip
        if len(found) > limit:
            break
    calls = call_reading.of_ids(tx, [call_id for _, call_id in found[:limit]])
    [row] = _in_span(tx, wanted)
    is_unpriced = state == "unpriced"
    attempts = row.unpriced if is_unpriced else row.unconverted
    whole = Sum(attempts, attempts if is_unpriced else 0, 0 if is_unpriced else attempts, 0, 0, Decimal(0))
    return CallList(wanted, _with_amounts(tx, calls), found[limit - 1] if len(found) > limit else None, False, whole)


def _sum(tx: Connection, wanted: Wanted) -> Sum | None:
    """The sum of everything wanted: from the rollups, or call by call where that is not too much."""
    if wanted.is_in_rollups:
        [row] = _in_span(tx, wanted)
        return Sum(row.calls, row.unpriced, row.unconverted, row.input_tokens, row.output_tokens, row.cost_jpy)
    found = call_reading.search(tx, wanted.dated, None, SUMMED_CALLS)
    return None if found.next is not None else reading.sum_of_calls(tx, _ids(found.calls))


def _in_span(tx: Connection, wanted: Wanted) -> list[Total]:
    """The one row of the rollups for this span, whatever else is asked of single calls."""
    asked = wanted.filter
    return totals(
        tx, "day", wanted.first, wanted.last, task=asked.task, department=asked.departments, model=asked.model,
        provider=asked.provider,
    )  # fmt: skip


def _ids(calls: Sequence[Call]) -> list[UUID]:
    return [call.call_id for call in calls]


def _with_amounts(tx: Connection, calls: Sequence[Call]) -> tuple[tuple[Call, CallAmounts | None], ...]:
    amounts = reading.amounts_of_calls(tx, _ids(calls)) if calls else {}
    return tuple((call, amounts.get(call.call_id)) for call in calls)


def _attempt(
    tx: Connection, lines: Sequence[Entry], pricers: dict[str, Pricer | None], rates: Mapping[UUID, Rate]
) -> AttemptView:
    standing = next(iter(standings(lines)), None)
    last = standing.line if standing is not None else lines[-1]
    yen = [line.cost_jpy for line in lines if line.cost_jpy is not None]
    held = next((line.rate_id for line in reversed(lines) if line.rate_id is not None), None)
    return AttemptView(
        lines=tuple(lines),
        standing=standing,
        priced=_priced(tx, lines, standing, pricers),
        book=book_rows.info(tx, last.price_book) if last.price_book else None,
        rate=rates.get(held) if held is not None else None,
        cost_jpy=sum(yen, Decimal(0)) if yen else None,
    )


def _priced(
    tx: Connection, lines: Sequence[Entry], standing: Standing | None, pricers: dict[str, Pricer | None]
) -> Priced | Refusal | None:
    if standing is None or standing.cost is None:
        return None
    book_id = standing.line.price_book
    if book_id not in pricers:
        book = stored_book(tx, book_id)
        pricers[book_id] = Pricer(book) if book is not None else None
    pricer = pricers[book_id]
    if pricer is None:
        return Refusal("price_book_gone", {"book": book_id})
    again = priced_again(pricer, attempt_of(lines))
    if not isinstance(again, Priced) or again.cost != standing.cost:
        return Refusal("price_not_repeatable", {"book": book_id})
    return again

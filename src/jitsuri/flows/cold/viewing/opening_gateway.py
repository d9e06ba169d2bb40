"""ゲートウェイ: how do its upstreams answer, what is refused, which processes work, and which calls come in now?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from jitsuri.calls.records import alarms as alarm_rows
from jitsuri.calls.records import health
from jitsuri.calls.rules.ranking import Rank, rank_of
from jitsuri.calls.shapes import Alarm, Call, Minute
from jitsuri.flows.cold.exposing import GONE
from jitsuri.ledger.records import intents as intent_rows
from jitsuri.ledger.records import reading
from jitsuri.ledger.records import workers as worker_rows
from jitsuri.ledger.records.workers import WorkerSeen
from jitsuri.ledger.rules.budgeting import to_jpy
from jitsuri.ledger.shapes.views import CallAmounts
from jitsuri.store.door import Connection

SOURCE = "gateway"
"""``Call.source`` of what came through the gateway."""

WINDOW = timedelta(hours=1)
"""What health looks back on (decision 0024)."""
STEP_MINUTES = 5
"""Minutes per point of a course: twelve points tell a trend, sixty are noise."""

LIVE_CALLS = 30
"""Calls that are shown as they end (decision 0024)."""
PAST_ALARMS = 12
REFUSED = "refused:"
"""How minutes mark the outcome of a call that was refused before an upstream was asked."""
SILENT_SECONDS = 15
"""Silence after which a worker is marked: three of its heartbeats (decisions 0020, 0024)."""

_HALF, _MOST = Decimal("0.5"), Decimal("0.95")


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted of some attempts. Times are those of answers that came whole."""

    attempts: int
    errors: int
    cut: int
    empty: int
    caller_errors: int
    """Requests that an upstream refused as their callers wrote them."""
    caller_gone: int
    """Attempts whose callers hung up."""
    gateway_errors: int
    """Attempts that the gateway itself failed over."""
    fell_back: int
    """Attempts that another one before them made necessary."""
    input_tokens: int
    output_tokens: int
    cost_jpy: Decimal
    p50: Rank | None
    p95: Rank | None
    first_p50: Rank | None
    first_p95: Rank | None

    @property
    def failed_share(self) -> Decimal | None:
        """Errors and answers that broke off, of the attempts that say something of the upstream (as alarms count)."""
        judged = self.attempts - self.caller_errors - self.caller_gone - self.gateway_errors
        return Decimal(self.errors + self.cut) / judged if judged else None


@dataclass(frozen=True, slots=True)
class UpstreamHealth:
    """One upstream in the window."""

    name: str
    tally: Tally
    attempts: tuple[int, ...]
    """Per step, oldest first."""
    failed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GatewayView:
    """The gateway as it stands."""

    since: datetime
    steps: tuple[datetime, ...]
    upstreams: tuple[UpstreamHealth, ...]
    whole: Tally
    refusals: tuple[tuple[str, int], ...]
    """(code, how often), most frequent first."""
    workers: tuple[WorkerSeen, ...]
    faults: tuple[tuple[str, str, int], ...]
    """(place, code, how many workers) of what workers cannot do: ``variant:FILE``, ``budgets``, ``ledger``."""
    resting: Mapping[str, int]
    """Upstreams that some workers leave alone after failures, with how many do."""
    alarms: tuple[Alarm, ...]
    """Open now, the oldest first."""
    past_alarms: tuple[Alarm, ...]
    """The newest of those that are over."""


@dataclass(frozen=True, slots=True)
class LiveCalls:
    """The calls that have just ended, newest first."""

    under_way: int
    rows: tuple[tuple[Call, CallAmounts | None], ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class UpstreamView:
    """One upstream, opened: what was asked of it, for which task, and how that ended."""

    health: UpstreamHealth
    since: datetime
    steps: tuple[datetime, ...]
    rows: tuple[tuple[str, str, str, Tally], ...]
    """(task, model, outcome, what was counted), most frequent first."""


def gateway_view(tx: Connection, now: datetime, names: Iterable[str]) -> GatewayView:
    """The gateway in the last hour; ``names`` are the upstreams that are there, in order, whether asked or not."""
    since, steps = _window(now)
    found: dict[str, list[Minute]] = defaultdict(list)
    for minute in health.summed(tx, since, ("minute", "upstream", "outcome")):
        found[minute.upstream].append(minute)
    refused = _refusals(found.pop("", []))
    ordered = [*names, *sorted(set(found) - set(names))]
    return GatewayView(
        since=since,
        steps=steps,
        upstreams=tuple(_health(name, found.get(name, []), since) for name in ordered),
        whole=tally(minute for held in found.values() for minute in held),
        refusals=refused,
        workers=tuple(worker_rows.seen(tx)),
        faults=tuple(health.faults(tx, now - GONE)),
        resting=health.resting(tx, now - GONE),
        alarms=tuple(alarm_rows.standing(tx)),
        past_alarms=tuple(one for one in alarm_rows.newest(tx, PAST_ALARMS) if one.closed_at is not None),
    )


def live_calls(tx: Connection, now: datetime, limit: int = LIVE_CALLS) -> LiveCalls:
    """The calls of the last hour that ended last."""
    since = now - WINDOW
    calls = health.newest(tx, SOURCE, since, limit)
    amounts = reading.amounts_of_calls(tx, [call.call_id for call in calls]) if calls else {}
    return LiveCalls(intent_rows.count(tx), tuple((call, amounts.get(call.call_id)) for call in calls), since)


def upstream_view(tx: Connection, now: datetime, name: str) -> UpstreamView:
    """One upstream in the last hour."""
    since, steps = _window(now)
    own = health.summed(tx, since, ("minute", "outcome"), upstream=name)
    rows = health.summed(tx, since, ("task", "model", "outcome"), upstream=name)
    counted = [(row.task, row.model, row.outcome, tally([row])) for row in rows]
    counted.sort(key=lambda row: (-row[3].attempts, row[:3]))
    return UpstreamView(_health(name, own, since), since, steps, tuple(counted))


def refusals_view(tx: Connection, now: datetime) -> tuple[datetime, list[tuple[str, str, int]]]:
    """Since when, and (code, task, how often) of what was refused, most frequent first."""
    since, _ = _window(now)
    rows = health.summed(tx, since, ("task", "outcome"), upstream="")
    found = [(row.outcome.removeprefix(REFUSED), row.task, row.count) for row in rows]
    return since, sorted(found, key=lambda row: (-row[2], row[:2]))


def answered_by(tx: Connection, now: datetime, task: str) -> list[tuple[str, str, Tally]]:
    """(upstream, model, what was counted) of a task in the last hour, most frequent first."""
    since, _ = _window(now)
    held: dict[tuple[str, str], list[Minute]] = defaultdict(list)
    for row in health.summed(tx, since, ("upstream", "model", "outcome"), task=task):
        if row.upstream:
            held[row.upstream, row.model].append(row)
    found = [(*place, tally(rows)) for place, rows in held.items()]
    return sorted(found, key=lambda row: (-row[2].attempts, row[:2]))


def tally(minutes: Iterable[Minute]) -> Tally:
    """What some minutes hold together."""
    rows = list(minutes)
    whole = [row for row in rows if row.outcome == "ok"]
    latency = _added([row.latency_buckets for row in whole])
    first = _added([row.first_token_buckets for row in whole])
    return Tally(
        attempts=sum(row.count for row in rows),
        errors=sum(row.count for row in rows if row.outcome == "error"),
        cut=sum(row.count for row in rows if row.outcome == "cut"),
        empty=sum(row.empty for row in rows),
        caller_errors=sum(row.count for row in rows if row.outcome == "caller_error"),
        caller_gone=sum(row.count for row in rows if row.outcome == "caller_gone"),
        gateway_errors=sum(row.count for row in rows if row.outcome == "gateway_error"),
        fell_back=sum(row.fell_back for row in rows),
        input_tokens=sum(row.input_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        cost_jpy=to_jpy(sum(row.cost_micro_jpy for row in rows)),
        p50=rank_of(latency, _HALF),
        p95=rank_of(latency, _MOST),
        first_p50=rank_of(first, _HALF),
        first_p95=rank_of(first, _MOST),
    )


def _window(now: datetime) -> tuple[datetime, tuple[datetime, ...]]:
    """Since when the last hour is looked at, on a whole step, and where its steps begin."""
    last = now.replace(minute=now.minute - now.minute % STEP_MINUTES, second=0, microsecond=0)
    step = timedelta(minutes=STEP_MINUTES)
    count = WINDOW // step
    return last - step * (count - 1), tuple(last - step * (count - 1 - at) for at in range(count))


def _health(name: str, minutes: Sequence[Minute], since: datetime) -> UpstreamHealth:
    count = WINDOW // timedelta(minutes=STEP_MINUTES)
    attempts, failed = [0] * count, [0] * count
    for minute in minutes:
        at = (minute.minute - since) // timedelta(minutes=STEP_MINUTES)
        if 0 <= at < count:
            attempts[at] += minute.count
            failed[at] += minute.count if minute.outcome in ("error", "cut") else 0
    return UpstreamHealth(name, tally(minutes), tuple(attempts), tuple(failed))


def _refusals(minutes: Iterable[Minute]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = defaultdict(int)
    for minute in minutes:
        counts[minute.outcome.removeprefix(REFUSED)] += minute.count
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _added(buckets: Sequence[Sequence[int]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*buckets, strict=True)))

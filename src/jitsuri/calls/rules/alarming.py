"""When something is wrong with a task or an upstream, and when it is over. Pure.

Every kind of alarm is a share of bad calls. What speaks for "twice the usual share" (or for "half of all") against "the
usual share" is added up minute by minute and never falls below nothing: Page's test (CUSUM), which of all tests with as
few false alarms sees a change first. Sources: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954);
G. V. Moustakides, "Optimal stopping times for detecting changes in distributions", Annals of Statistics 14 (1986).

What it takes to be over is tested against one and a quarter times the usual share, and what was over within a day needs
twice the evidence to open again: a share at the threshold opens an alarm once, and it stays. The numbers are decision
0023's, with what they give in a simulation.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from math import log
from typing import Final, NamedTuple

from jitsuri.calls.shapes import ALARM_KINDS, BUCKETS_MS, Alarm, AlarmKind, Seen
from jitsuri.terms.ids import derived_id

HORIZON: Final = timedelta(hours=6)
"""How far back a change is looked for."""
USUAL_SPAN: Final = timedelta(days=7)
"""Of which days the usual share is: a whole week, because working days and weekends differ."""
USUAL_GAP: Final = timedelta(hours=1)
"""The newest part that is not usual yet: what is being judged."""
USUAL_WEIGHT: Final = 100
"""How many calls at the limit's ``cap`` a subject is thought to have before its own are known."""
SLOW_NEEDS: Final = 200
"""Answers without which there is no usual 95th percentile: ten lie above it."""

TO_OPEN: Final = 12.0
"""Evidence that opens an alarm, as a natural logarithm: 160,000 to one."""
TO_OPEN_AGAIN: Final = 24.0
"""Evidence for another of the same kind and subject within ``AGAIN``; an outage has it after some twenty calls."""
AGAIN: Final = timedelta(days=1)
TO_CLOSE: Final = 3.0
"""Evidence that closes it: 20 to one."""
OVER: Final = 1.25
"""How many times the usual share what closes an alarm is tested against."""
OUTAGE_OVER: Final = 2.0
"""The same where half of all spoke loudest when it opened: from there back to the usual share is a long way, seen soon."""
FEWEST_BAD: Final = 10
"""Bad calls without which no alarm opens: attempts of one call fail together."""
SHORTEST: Final = timedelta(minutes=10)
"""An alarm stays open so long at least."""
QUIET: Final = timedelta(hours=1)
"""After so long without a bad call an alarm is over, however few calls there were."""

TASK: Final = "task:"
UPSTREAM: Final = "upstream:"


class Limit(NamedTuple):
    """Between which shares the usual one counts as usual. Twice ``cap`` always opens an alarm, below twice ``floor`` none."""

    floor: float
    cap: float


LIMITS: Final[Mapping[AlarmKind, Limit]] = {
    "errors": Limit(0.02, 0.05),
    "slow": Limit(0.02, 0.05),
    "empty": Limit(0.05, 0.10),
    "fallbacks": Limit(0.05, 0.10),
    "refusals": Limit(0.05, 0.10),
}
"""So errors open an alarm at the latest at one call in ten, the others at one in five: a model may have nothing to say, and a
budget may refuse, without anything being wrong."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual for a subject: the share of bad calls, within the kind's limit."""

    share: float
    limit_ms: int = 0
    """Slow answers: from where on they are, twice the usual 95th percentile; 0 for the other kinds."""


class Counted(NamedTuple):
    """One minute of one subject."""

    minute: datetime
    calls: int
    bad: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look led to."""

    opened: tuple[Alarm, ...]
    closed: tuple[Alarm, ...]


def judge(
    seen: Sequence[Seen],
    week: Sequence[Seen],
    standing: Sequence[Alarm],
    ended: Mapping[tuple[str, str], datetime],
    now: datetime,
) -> Changes:
    """What opens and what closes now.

    ``seen`` are the minutes within ``HORIZON`` by time, ``week`` the sums of what is usual, ``standing`` the open alarms,
    ``ended`` when the last one of a kind and subject was over, within ``AGAIN``: what was counted up to that minute opens no
    other, and what came after must say more.
    """
    minutes, usual = by_subject(seen), {subject: rows[0] for subject, rows in by_subject(week, adds_up=True).items()}
    open_now = {(alarm.kind, alarm.subject): alarm for alarm in standing}
    opened, closed = [], []
    for subject in sorted({*minutes, *(alarm.subject for alarm in standing)}):
        rows = minutes.get(subject, [])
        for kind in ALARM_KINDS:
            alarm = open_now.get((kind, subject))
            if alarm is not None:
                over = _closed(alarm, rows, now)
                closed += [over] if over is not None else []
                continue
            expected = usual_of(kind, usual.get(subject))
            if expected is not None and (kind != "refusals" or _is_named_task(subject)):
                after = ended.get((kind, subject))
                later = [row for row in rows if row.minute > after] if after is not None else rows
                needed = TO_OPEN if after is None else TO_OPEN_AGAIN
                made = _opened(kind, subject, later, expected, now, needed)
                opened += [made] if made is not None else []
    return Changes(tuple(opened), tuple(closed))


def usual_of(kind: AlarmKind, week: Seen | None) -> Usual | None:
    """What is usual by the sums of a week; None where that cannot be said yet (slow answers)."""
    limit_ms = 0
    if kind == "slow":
        limit_ms = _slow_from(week.answered_buckets) if week is not None else 0
        if not limit_ms:
            return None
    floor, cap = LIMITS[kind]
    _, calls, bad = _counted(kind, week, limit_ms) if week is not None else (None, 0, 0)
    share = (bad + USUAL_WEIGHT * cap) / (calls + USUAL_WEIGHT)
    return Usual(min(max(share, floor), cap), limit_ms)


def by_subject(seen: Iterable[Seen], *, adds_up: bool = False) -> dict[str, list[Seen]]:
    """What was seen of every task and of every upstream, by minute; ``adds_up``: in one row."""
    found: dict[str, dict[datetime | None, Seen]] = defaultdict(dict)
    for one in seen:
        subjects = [f"{TASK}{one.task}"]
        if one.upstream:
            subjects.append(f"{UPSTREAM}{one.upstream}")
        key = None if adds_up else one.minute
        for subject in subjects:
            held = found[subject].get(key)
            found[subject][key] = one if held is None else _sum(held, one)
    return {subject: list(rows.values()) for subject, rows in found.items()}


def evidence(rows: Sequence[Counted], usual: float, other: float) -> tuple[float, int]:
    """What speaks at the end for ``other`` against ``usual`` as the share of bad calls, and the row since which it does."""
    for_bad, for_good = log(other / usual), log((1 - other) / (1 - usual))
    held, since = 0.0, len(rows)
    for n, (_, calls, bad) in enumerate(rows):
        if not held:
            since = n
        held += bad * for_bad + (calls - bad) * for_good
        if held <= 0:
            held, since = 0.0, len(rows)
    return held, since


def _opened(
    kind: AlarmKind, subject: str, rows: Sequence[Seen], usual: Usual, now: datetime, needed: float
) -> Alarm | None:
    if sum([_bad(kind, row, usual.limit_ms) for row in rows]) < FEWEST_BAD:
        return None
    counted = [_counted(kind, row, usual.limit_ms) for row in rows]
    doubled, half = evidence(counted, usual.share, 2 * usual.share), evidence(counted, usual.share, 0.5)
    is_outage = half[0] > doubled[0]
    held, since = half if is_outage else doubled
    of_it = counted[since:]
    if held < needed or sum(row.bad for row in of_it) < FEWEST_BAD:
        return None
    facts: dict[str, object] = {
        **_told(of_it),
        "usual_percent": _percent(usual.share),
        "since": of_it[0].minute.astimezone(UTC).isoformat(),
        "expected": f"{usual.share:.6f}",
        "over": f"{OUTAGE_OVER if is_outage else OVER:g}",
    }
    if usual.limit_ms:
        facts |= {"limit_ms": usual.limit_ms, "limit_s": f"{usual.limit_ms / 1000:g}"}
    alarm_id = derived_id("alarm", kind, subject, now.astimezone(UTC).isoformat())
    return Alarm(alarm_id, kind, subject, now, None, facts)


def _closed(alarm: Alarm, rows: Sequence[Seen], now: datetime) -> Alarm | None:
    """The alarm with its end, if it is over."""
    if now - alarm.opened_at < SHORTEST:
        return None
    limit_ms = int(str(alarm.facts.get("limit_ms", 0)))
    counted = [_counted(alarm.kind, row, limit_ms) for row in rows if row.minute >= alarm.opened_at - _MINUTE]
    usual = float(str(alarm.facts["expected"]))
    since_it = now - alarm.opened_at >= QUIET and not any(
        row.bad for row in counted if row.minute > now - QUIET - _MINUTE
    )
    if not since_it and evidence(counted, float(str(alarm.facts["over"])) * usual, usual)[0] < TO_CLOSE:
        return None
    ends = {f"end_{name}": value for name, value in _told(counted).items()}
    return replace(alarm, closed_at=now, facts={**alarm.facts, **ends})


_MINUTE = timedelta(minutes=1)


def _is_named_task(subject: str) -> bool:
    """Refusals are a task's: strangers name none, and an upstream refuses what callers write."""
    return subject.startswith(TASK) and subject != TASK


def _counted(kind: AlarmKind, seen: Seen, limit_ms: int) -> Counted:
    """``calls`` are those that can say something: of an upstream nothing is learnt where callers or the gateway failed."""
    bad = _bad(kind, seen, limit_ms)
    if kind == "slow":
        calls = sum(seen.answered_buckets) + sum(_late(seen.gone_buckets, limit_ms))
    elif kind == "refusals":
        calls = seen.attempts + seen.refused
    elif kind == "fallbacks":
        calls = seen.attempts
    else:
        calls = seen.attempts - seen.caller_errors - seen.caller_gone - seen.gateway_errors
    return Counted(seen.minute, calls, bad)


def _bad(kind: AlarmKind, seen: Seen, limit_ms: int) -> int:
    if kind == "errors":
        return seen.errors
    if kind == "empty":
        return seen.empty + seen.cut
    if kind == "fallbacks":
        return seen.fell_back
    if kind == "refusals":
        return seen.refused + seen.caller_errors
    return sum(_late(seen.answered_buckets, limit_ms)) + sum(_late(seen.gone_buckets, limit_ms))


def _late(buckets: Sequence[int], limit_ms: int) -> Sequence[int]:
    """Of who left, only those count that had waited as long: the others say nothing about how long it would have taken."""
    return buckets[bisect_left(BUCKETS_MS, limit_ms) + 1 :]


def _slow_from(buckets: Sequence[int]) -> int:
    """The bound above the one that 95 of 100 answers keep: bounds double, so about twice the usual 95th percentile.

    0 where too few answers are known, or where it lies beyond the last bound.
    """
    total = sum(buckets)
    if total < SLOW_NEEDS:
        return 0
    place = bisect_left(list(accumulate(buckets)), 0.95 * total)
    return BUCKETS_MS[place + 1] if place + 1 < len(BUCKETS_MS) else 0


def _told(rows: Sequence[Counted]) -> dict[str, object]:
    calls, bad = sum(row.calls for row in rows), sum(row.bad for row in rows)
    return {"calls": calls, "bad": bad, "percent": _percent(bad / calls if calls else 0.0)}


def _percent(share: float) -> str:
    """With one decimal, so that it can be kept as evidence.

    >>> _percent(0.1234)
    '12.3'
    """
    return str(Decimal(share * 100).quantize(Decimal("0.1")))


def _sum(a: Seen, b: Seen) -> Seen:
    return Seen(
        a.minute, a.task, a.upstream, a.attempts + b.attempts, a.errors + b.errors, a.cut + b.cut, a.empty + b.empty,
        a.fell_back + b.fell_back, a.refused + b.refused, _added(a.answered_buckets, b.answered_buckets),
        a.caller_errors + b.caller_errors, a.caller_gone + b.caller_gone, a.gateway_errors + b.gateway_errors,
        _added(a.gone_buckets, b.gone_buckets),
    )  # fmt: skip


def _added(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))

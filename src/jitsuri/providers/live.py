"""Circuit breakers: an upstream that keeps failing is left alone for a while, and tried with one request at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from jitsuri.providers.rules.retrying import Outcome

State = Literal["closed", "open", "half_open"]
"""``closed``: asked as usual. ``open``: not asked. ``half_open``: one request is let through to see."""

FAILURES_IN_A_ROW: Final = 5
"""Failures without an answer between them that open a breaker. Source: Envoy's outlier detection, ``consecutive_5xx``,
whose default it is."""

FAILING_SHARE: Final = 0.5
"""Share of failures within the window that opens a breaker. Source: resilience4j's ``failureRateThreshold``."""

FEWEST_IN_WINDOW: Final = 20
"""Outcomes needed before the share counts: of fewer, half may fail by chance. Decision 0019."""

SLICES: Final = 10
SLICE_S: Final = 3.0
"""The window of the share: thirty seconds in slices of three, so that an old failure leaves it within three."""

OPEN_S: Final = 5.0
"""How long a breaker stays open at first, in seconds; doubled with every try that fails again."""

LONGEST_OPEN_S: Final = 60.0
"""The longest it stays open between tries, in seconds: a minute after its recovery an upstream is in use again."""

TRY_LOST_S: Final = 15.0
"""After so many seconds without a report on a try another is let through: no breaker stays half-open because a task
died or an upstream takes its time over a long answer."""


@dataclass(frozen=True, slots=True)
class Health:
    """An upstream's breaker as a page shows it."""

    state: State
    failures_in_row: int
    failures: int
    """Failures within the window."""
    outcomes: int
    """Outcomes within the window, failures among them."""
    tried_in_s: float
    """Seconds until it is tried again; 0 where it is not open."""


class Breakers:
    """One breaker per upstream, made at its first report. Seconds are monotonic and handed in; one thread."""

    def __init__(self) -> None:
        self._breakers: dict[str, _Breaker] = {}

    def may_ask(self, name: str, now_s: float) -> bool:
        """Whether the upstream may be asked now. Half-open: True for one asker, who must ``report`` what came of it."""
        breaker = self._breakers.get(name)
        return breaker is None or breaker.state == "closed" or breaker.may_try(now_s)

    def report(self, name: str, outcome: Outcome, now_s: float) -> None:
        """What came of an attempt (``rules.retrying.outcome_of``; ``answered`` for an answer, ``neutral`` for a caller
        who left)."""
        breaker = self._breakers.get(name)
        if breaker is None:
            breaker = self._breakers[name] = _Breaker(now_s)
        now = int(now_s / SLICE_S)
        if outcome == "answered" and breaker.state != "half_open" and breaker.slice == now:  # the usual case
            breaker.outcomes[now % SLICES] += 1
            breaker.in_row = 0
        else:
            breaker.note(outcome, now_s)

    def states(self, now_s: float) -> Mapping[str, Health]:
        """Every upstream that was ever reported on, by name."""
        return {name: self._breakers[name].health(now_s) for name in sorted(self._breakers)}


class _Breaker:
    __slots__ = ("failures", "in_row", "open_s", "opened_s", "outcomes", "slice", "state", "tried_s")

    def __init__(self, now_s: float) -> None:
        self.state: State = "closed"
        self.in_row = 0
        self.outcomes = [0] * SLICES
        self.failures = [0] * SLICES
        self.slice = int(now_s / SLICE_S)
        self.open_s = OPEN_S
        self.opened_s = now_s
        self.tried_s = now_s

    def may_try(self, now_s: float) -> bool:
        if self.state == "open":
            if now_s - self.opened_s < self.open_s:
                return False
        elif now_s - self.tried_s < TRY_LOST_S:
            return False
        self.state = "half_open"
        self.tried_s = now_s
        return True

    def note(self, outcome: Outcome, now_s: float) -> None:
        if outcome == "neutral":
            if self.state == "half_open":
                self.tried_s = now_s - TRY_LOST_S
            return
        if self.state == "half_open":
            self._decide(outcome, now_s)
            return
        at = self._turn(now_s)
        self.outcomes[at] += 1
        if outcome == "answered":
            self.in_row = 0
            return
        self.in_row += 1
        self.failures[at] += 1
        if self.state == "closed" and (self.in_row >= FAILURES_IN_A_ROW or self._is_failing()):
            self._open(OPEN_S, now_s)

    def health(self, now_s: float) -> Health:
        self._turn(now_s)
        left_s = max(0.0, self.opened_s + self.open_s - now_s) if self.state == "open" else 0.0
        return Health(self.state, self.in_row, sum(self.failures), sum(self.outcomes), left_s)

    def _decide(self, outcome: Outcome, now_s: float) -> None:
        """The end of a try: in use again with a clean record, or open for longer."""
        if outcome == "failed":
            self.in_row += 1
            self._open(min(LONGEST_OPEN_S, self.open_s * 2), now_s)
            return
        self.state = "closed"
        self.in_row = 0
        self.open_s = OPEN_S
        self.outcomes = [0] * SLICES
        self.failures = [0] * SLICES

    def _open(self, open_s: float, now_s: float) -> None:
        self.state = "open"
        self.open_s = open_s
        self.opened_s = now_s

    def _is_failing(self) -> bool:
        outcomes = sum(self.outcomes)
        return outcomes >= FEWEST_IN_WINDOW and sum(self.failures) >= FAILING_SHARE * outcomes

    def _turn(self, now_s: float) -> int:
        """The slice of this moment; slices that have left the window are emptied."""
        now = int(now_s / SLICE_S)
        passed = now - self.slice
        if passed > 0:
            for n in range(min(passed, SLICES)):
                at = (now - n) % SLICES
                self.outcomes[at] = self.failures[at] = 0
            self.slice = now
        return now % SLICES

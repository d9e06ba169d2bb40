"""Guarding what comes back: marks become values again, and what the policy does not let through is masked or ends the answer.

Only built-in checks look at answers, and short pieces are looked at on the loop; a long one is on a thread of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from jitsuri.flows.hot.booking import Attempt
from jitsuri.flows.hot.desk import Desk
from jitsuri.flows.hot.guarding import Guarded
from jitsuri.flows.hot.guarding_answers import Altered, alter_answer
from jitsuri.flows.hot.guarding_streams import GuardedStream
from jitsuri.guardrails.live.guards import QUICK_BYTES
from jitsuri.guardrails.rules.checking import kept_finding, merge, unsure
from jitsuri.guardrails.rules.holding_back import HeldText
from jitsuri.guardrails.rules.policing import is_exempt, ruled, runs_in, strictest, thresholds_of
from jitsuri.guardrails.shapes import MOST_KEPT, Action, CheckRan, CheckState, Finding, GuardRun, Outcome
from jitsuri.terms.outcomes import Refusal

PAUSE_S = 0.15
"""Text that is held goes on when nothing has come for so long and it is safe (decision 0043)."""


class Unsure(Exception):  # noqa: N818  # no error of ours: a check that cannot tell, where the policy is closed
    """A check could not tell."""


class Outward:
    """What stands between one attempt's answer and the caller."""

    def __init__(self, desk: Desk, attempt: Attempt) -> None:
        call, leg = attempt.call, attempt.leg
        guarded: Guarded = call.guarded
        self._desk, self._attempt, self._guarded = desk, attempt, guarded
        self._policy = policy = guarded.policy
        self._acts = guarded.applies_to(leg)
        self._is_outside = not leg.upstream.is_on_premises
        self._scanner = desk.guards.scanner(policy, "out") if runs_in(policy, "out") else None
        self._thresholds = thresholds_of(policy)
        self._states: dict[str, CheckRan] = {}
        self._texts: list[HeldText] = []
        self._margin = max((len(term) for term in policy.terms), default=0)
        self._spent_s = 0.0
        self._is_timed_out = False
        self.acted: list[tuple[str, Finding, Action]] = []
        self.refusal: Refusal | None = None
        """Why the answer was stopped."""

    def make(self, _place: str) -> HeldText:
        """What judges one text."""
        known = self._guarded.pseudonyms if self._acts else None
        held = HeldText(None if self._scanner is None else self._scan, self._decide, known, margin=self._margin)
        self._texts.append(held)
        return held

    def stream(self) -> GuardedStream:
        """What judges a stream in the caller's dialect."""
        asked = self._attempt.call.asked
        return GuardedStream(asked.dialect, self.make, answers=asked.answers)

    async def answer(self, body: bytes) -> bytes | None:
        """A whole answer as it may be shown; None where it was stopped."""
        started_s = self._desk.monotonic()
        dialect = self._attempt.call.asked.dialect
        altered: Altered | None = None
        try:
            if len(body) <= QUICK_BYTES:
                await self._desk.guards.turn()
                altered = alter_answer(dialect, body, self.make)
            else:
                async with asyncio.timeout(self._policy.timeout_ms / 1000):
                    altered = await asyncio.to_thread(alter_answer, dialect, body, self.make)
        except TimeoutError:
            self._is_timed_out = True
            self.fail()
        except Exception:  # noqa: BLE001  # whatever it is, the answer has not been judged
            self.fail()
        finally:
            self._spent_s += self._desk.monotonic() - started_s
        if altered is None:
            return None if self.refusal is not None else body
        self.acted = altered.acted
        if altered.blocked:
            self.block()
        return None if altered.blocked else altered.body

    async def passed(self, work: Any, events: list[bytes]) -> list[bytes]:
        """What a step of a stream (``feed``, ``pause``, ``close``) gives; Unsure is raised where a check could not tell."""
        started_s = self._desk.monotonic()
        try:
            if not events:
                await self._desk.guards.turn()
                return work()  # type: ignore[no-any-return]
            made: list[bytes] = []
            for event in events:
                if len(event) > QUICK_BYTES:
                    made += await asyncio.to_thread(work, [event])
                else:
                    await self._desk.guards.turn()
                    made += work([event])
            return made
        except Exception as error:
            self.fail()
            if self.refusal is None:  # its events are lost, and what would follow is no whole answer
                self._stop(())
            raise Unsure from error
        finally:
            self._spent_s += self._desk.monotonic() - started_s

    def block(self) -> None:
        """The answer is stopped for what was found in it."""
        kinds = sorted({finding.type for _, finding, action in self.acted if action == "block"})
        facts = {"types": ", ".join(kinds), "task": self._policy.task}
        self.refusal = self._guarded.stopped = Refusal("guard_answer_blocked", facts)

    def fail(self) -> None:
        """A check could not tell: the answer is stopped, unless the policy is open there."""
        ran = self._ran("timed_out" if self._is_timed_out else "failed")
        failed = unsure(ran, self._policy) if self._acts else ()
        if failed:
            self._stop(failed)

    def _stop(self, failed: Sequence[str]) -> None:
        facts = {"checks": ", ".join(failed) or "–", "task": self._policy.task}
        self.refusal = self._guarded.stopped = Refusal("guard_unsure", facts)

    def run(self) -> GuardRun:
        """The evidence of it."""
        call = self._attempt.call
        kept = [kept_finding(place, finding, action) for place, finding, action in self.acted[:MOST_KEPT]]
        found = max(sum(held.found for held in self._texts), len(kept))
        sternest = strictest(action for _, _, action in self.acted)
        outcome: Outcome = "clean" if sternest is None else "altered" if sternest == "mask" else "observed"
        if self.refusal is not None:
            outcome = "failed" if self.refusal.code == "guard_unsure" else "blocked"
        return GuardRun(
            self._desk.new_id(), call.call_id, call.at, call.day, call.way.plan.task, "out", self._policy.version, outcome,
            self._is_outside, self._ran("ran"), tuple(kept), found, int(1e6 * self._spent_s),
            sum(held.came for held in self._texts),
        )  # fmt: skip

    def _ran(self, state: CheckState) -> tuple[CheckRan, ...]:
        """How the checks fared; ``state`` is that of checks of which nothing is known."""
        found: dict[str, int] = {}
        for _, finding, _ in self.acted:
            found[finding.check] = found.get(finding.check, 0) + 1
        versions = self._desk.guards.versions
        made = []
        for rule in runs_in(self._policy, "out"):
            known = self._states.get(rule.check)
            fared = known.state if known is not None and state == "ran" else state
            version = known.version if known is not None else versions.get(rule.check, "")
            made.append(CheckRan(rule.check, version, fared, found.get(rule.check, 0)))
        return tuple(made)

    def _scan(self, text: str) -> Sequence[Finding]:
        assert self._scanner is not None
        scanned = self._scanner.scan(text, self._thresholds)
        merge(self._states, scanned.ran)
        if self._acts and unsure(scanned.ran, self._policy):
            raise Unsure
        return scanned.findings

    def _decide(self, finding: Finding, value: str) -> Action | None:
        action = ruled(self._policy, finding, "out", is_outside=self._is_outside)
        if action is None or is_exempt(self._policy, finding, value, self._attempt.call.day):
            return None
        return action


def outward_of(desk: Desk, attempt: Attempt) -> Outward | None:
    """What stands between this attempt's answer and the caller; None where nothing has to."""
    guarded: Guarded | None = attempt.call.guarded
    if guarded is None:
        return None
    if not runs_in(guarded.policy, "out") and not guarded.pseudonyms.entries:
        return None
    return Outward(desk, attempt)

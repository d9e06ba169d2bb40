"""Guarding: what a call sends is checked before anybody is asked, and a copy for models outside is made by the task's policy.

Story: the policy of the call's task → every text of the request looked at → what may not go outside keeps the targets outside
out of the call, what is replaced is replaced in their copy alone → the run is handed in as evidence, which the answer waits for.
A check that could not tell counts as one that found something, unless its rule says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from jitsuri.flows.hot.booking import CallUnderWay
from jitsuri.flows.hot.desk import Desk
from jitsuri.flows.hot.ways import Leg
from jitsuri.guardrails.rules.checking import Checked, checked_nothing, unsure
from jitsuri.guardrails.rules.pseudonyms import Pseudonyms
from jitsuri.guardrails.shapes import CheckRan, GuardRun, Outcome, Policy
from jitsuri.providers.shapes import Asked
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal

MEDIA = "media"
"""The name under which pictures, sounds and files are recorded as skipped."""
_write = msgspec.json.Encoder().encode


class Guarded:
    """What the policy of a task has made of one call."""

    __slots__ = ("asked", "policy", "pseudonyms", "refusal", "stopped")

    def __init__(self, policy: Policy, asked: Asked, refusal: Refusal | None, pseudonyms: Pseudonyms) -> None:
        self.policy = policy
        self.asked = asked
        """What targets outside are asked."""
        self.refusal = refusal
        """Why targets outside are not asked at all."""
        self.pseudonyms = pseudonyms
        self.stopped: Refusal | None = None
        """Why an answer that came was not shown."""

    def applies_to(self, leg: Leg) -> bool:
        """Whether more than noting happens where this target is asked."""
        return not leg.upstream.is_on_premises or self.policy.on_premises == "same"


async def guard(desk: Desk, call: CallUnderWay, policy: Policy) -> None:
    """Check what a call sends by the policy of its task, and let the call know what came of it."""
    started_s = desk.monotonic()
    known = await desk.guards.known(thread_of(call)) if call.thread_id != call.call_id else {}
    checked = await desk.guards.request(policy, call.asked.fields, thread_of(call), known, call.day)
    took(desk, call, policy, checked, known, int(1e6 * (desk.monotonic() - started_s)))


def guard_unread(desk: Desk, call: CallUnderWay) -> None:
    """A request into which nobody looks (pass-through): its checks are recorded as skipped."""
    policy = desk.guards.of(call.way.plan.task)
    if policy is not None:
        took(desk, call, policy, checked_nothing(policy, "skipped", desk.guards.versions), {}, 0)


def took(
    desk: Desk, call: CallUnderWay, policy: Policy, checked: Checked, known: Mapping[str, str], latency_us: int
) -> None:
    """Let the call know what a check of it gave, and hand the evidence in."""
    asked = call.asked
    if checked.changed:
        fields = {**asked.fields, **{name: msgspec.Raw(raw) for name, raw in checked.changed.items()}}
        longer = sum(map(len, checked.changed.values())) - sum(len(asked.fields[name]) for name in checked.changed)
        asked = msgspec.structs.replace(asked, fields=fields, input_bytes=max(1, asked.input_bytes + longer))
    if checked.kept:
        kept = {**call.asked.fields, **{name: msgspec.Raw(raw) for name, raw in checked.kept.items()}}
        call.kept_body = _write(kept)
    refusal = _refusal(policy, checked, call.asked.operation)
    pseudonyms = Pseudonyms(desk.guards.thread_key(thread_of(call)), {**known, **checked.marks})
    call.guarded = Guarded(policy, asked, refusal, pseudonyms)
    rows: list[tuple[str, Any]] = [("guard_runs", _run(desk, call, policy, checked, refusal, latency_us))]
    if checked.marks and call.thread_id != call.call_id:  # a thread that nobody named has no later calls
        last = call.day + timedelta(days=desk.pseudonym_days)
        rows += (("guard_pseudonyms", row) for row in desk.guards.remember(thread_of(call), checked.marks, last))
    call.booked.append(desk.ledger.submit(rows))


def keeps_out(call: CallUnderWay, leg: Leg) -> Refusal | None:
    """Why the policy of the task keeps this target out of the call."""
    guarded: Guarded | None = call.guarded
    if guarded is None or guarded.refusal is None or not guarded.applies_to(leg):
        return None
    if guarded.refusal.code == "guard_on_premises" and leg.upstream.is_on_premises:
        return None
    return guarded.refusal


def asked_of(call: CallUnderWay, leg: Leg) -> Asked:
    """What this target is asked."""
    guarded: Guarded | None = call.guarded
    return guarded.asked if guarded is not None and guarded.applies_to(leg) else call.asked


def thread_of(call: CallUnderWay) -> UUID:
    """The thread whose marks a call may see: that of its own key. Who guesses the name of another application's thread gets
    nothing out of it."""
    return derived_id("guard", call.thread_id.bytes, call.way.key.name)


def _refusal(policy: Policy, checked: Checked, operation: str) -> Refusal | None:
    """Why models outside may not be asked: the sternest reason."""
    if checked.sternest == "block":
        kinds = sorted({one.type for one in checked.findings if one.action == "block" and not one.is_exempt})
        return Refusal("guard_blocked", {"types": ", ".join(kinds), "task": policy.task})
    failed = unsure(checked.ran, policy)
    if failed and operation == "other":
        return Refusal("guard_path", {"task": policy.task})
    if failed:
        return Refusal("guard_unsure", {"checks": ", ".join(failed), "task": policy.task})
    if checked.has_media and not policy.lets_media_pass:
        return Refusal("guard_media", {"task": policy.task})
    if checked.sternest == "on_premises":
        kinds = sorted({one.type for one in checked.findings if one.action == "on_premises" and not one.is_exempt})
        return Refusal("guard_on_premises", {"types": ", ".join(kinds), "task": policy.task})
    return None


def _run(
    desk: Desk, call: CallUnderWay, policy: Policy, checked: Checked, refusal: Refusal | None, latency_us: int
) -> GuardRun:  # fmt: skip
    open_legs = [leg for leg in call.way.legs if leg.kept_out is None]
    goes_outside = any(not leg.upstream.is_on_premises for leg in open_legs)
    stays = any(leg.upstream.is_on_premises for leg in open_legs) and (
        policy.on_premises == "observe" or (refusal is not None and refusal.code == "guard_on_premises")
    )
    ran = checked.ran
    if checked.has_media:
        ran = (*ran, CheckRan(MEDIA, "", "skipped"))
    outcome: Outcome = "clean" if not checked.found else "observed"
    if refusal is not None and stays:
        outcome = "kept_in"
    elif refusal is not None:
        outcome = "failed" if refusal.code in ("guard_unsure", "guard_media", "guard_path") else "blocked"
    elif checked.changed and (goes_outside or policy.on_premises == "same"):
        outcome = "altered"
    return GuardRun(
        desk.new_id(), call.call_id, call.at, call.day, call.way.plan.task, "in", policy.version, outcome, goes_outside, ran,
        checked.findings, checked.found, latency_us, checked.characters,
    )  # fmt: skip

"""Trying a policy on stored calls before it holds: what would follow from it, beside what follows now. Nothing is sent anywhere.

Texts are opened for it, which leaves evidence before the first one is. What comes of it holds places and counts, never a value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import unseal
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.guarding.keeping import holding_for
from jitsuri.flows.cold.guarding.scanning import scan_text
from jitsuri.flows.cold.reading_logs import read_key
from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.rules.checking import WALKED, WITH_MEDIA, has_media, unsure
from jitsuri.guardrails.rules.policing import action_of, outcome_of, policy_faults
from jitsuri.guardrails.rules.walking import walk
from jitsuri.guardrails.shapes import Action, Outcome, Policy
from jitsuri.store.door import Store, without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day

USUAL_CALLS, MOST_CALLS = 500, 5_000
USUAL_DAYS, MOST_DAYS = 30, 366
"""How many kept calls, and how old ones, are looked at (decision 0039)."""
MOST_EXAMPLES = 50
_AT_ONCE = 20
"""Calls whose texts are held open together."""

OnProgress = Callable[[int, int], None]
"""Told calls looked at so far, and how many there are."""


@dataclass(frozen=True, slots=True)
class Example:
    """One finding from which something else follows than before."""

    call_id: UUID
    at: datetime
    place: str
    type: str
    check: str
    before: Action | None
    after: Action | None


@dataclass(frozen=True, slots=True)
class Followed:
    """Findings of one check from which this follows."""

    check: str
    before: Action | None
    after: Action | None
    findings: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of trying a policy."""

    task: str
    before_version: int
    """The policy that holds now; 0 is none."""
    looked_at: int
    unreadable: int
    """Kept calls that are no JSON object."""
    characters: int
    first_at: datetime | None
    last_at: datetime | None
    outcomes: Mapping[tuple[Outcome, Outcome], int]
    """Calls by outcome now and with the policy that is tried."""
    followed: tuple[Followed, ...]
    examples: tuple[Example, ...]
    """The newest calls' first, at most ``MOST_EXAMPLES``."""
    not_run: tuple[str, ...]
    """Checks of the policy that could not tell about some text."""
    seconds: float

    @property
    def changed(self) -> int:
        """Calls whose outcome would change."""
        return sum(count for (before, after), count in self.outcomes.items() if before != after)


def replay_policy(
    store: Store,
    now: datetime,
    actor: str,
    task: str,
    policy: Policy,
    folder: Path,
    checks: Checks,
    monotonic: Callable[[], float],
    *,
    reason: str = "",
    calls: int = USUAL_CALLS,
    days: int = USUAL_DAYS,
    on_progress: OnProgress = lambda _done, _all: None,
) -> Replayed | tuple[Refusal, ...]:
    """Run a policy over the newest kept requests of a task, as if all models were outside.

    Refuses what ``policing.policy_faults`` does, and ``guard_no_texts``. Raises OperatorError ``text_key_unreadable`` and
    ``text_key_wrong``.
    """
    faults = policy_faults(policy, checks.known(), company_day(now))
    if faults:
        return tuple(faults)
    began = monotonic()
    with store.transaction() as tx:
        held = holding_for(tx, task)
        since = now - timedelta(days=min(max(days, 1), MOST_DAYS))
        kept = text_rows.newest_request_times(tx, task, since, min(max(calls, 1), MOST_CALLS))
        if not kept:
            return (Refusal("guard_no_texts", {"name": task, "days": days}),)
        facts = {
            "calls": len(kept), "first": kept[-1][1].isoformat(), "last": kept[0][1].isoformat(),
            "policy_version": held.policy.version if held is not None else 0, "reason": without_nul(reason).strip(),
        }  # fmt: skip
        evidence_rows.append(tx, record_of(now, actor, "guard_texts_replayed", f"task:{task}", facts))
    replay = _Replay(held.policy if held is not None else None, policy, checks, company_day(now))
    keys: dict[str, bytes] = {}
    for at in range(0, len(kept), _AT_ONCE):
        chosen = kept[at : at + _AT_ONCE]
        with store.reading() as tx:
            parts = text_rows.of_calls(tx, [call_id for call_id, _ in chosen])
        for call_id, called_at in chosen:
            found = parts.get(call_id, {}).get("request")
            if found is None:
                continue  # deleted since: its last day has passed
            sealed, key_name, _ = found
            key = keys.get(key_name) or keys.setdefault(key_name, read_key(folder / key_name))
            replay.look(call_id, called_at, unseal(sealed, key, call_id, "request"))
        on_progress(at + len(chosen), len(kept))
    return replay.came(task, kept, monotonic() - began)


class _Replay:
    """Counts of one run."""

    def __init__(self, old: Policy | None, new: Policy, checks: Checks, day: date) -> None:
        self._old = old
        self._new = new
        self._checks = checks
        self._day = day
        self._outcomes: Counter[tuple[Outcome, Outcome]] = Counter()
        self._followed: Counter[tuple[str, Action | None, Action | None]] = Counter()
        self._examples: list[Example] = []
        self._not_run: set[str] = set()
        self._looked_at = self._unreadable = self._characters = 0

    def look(self, call_id: UUID, at: datetime, body: bytes) -> None:
        """One call."""
        try:
            fields = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            self._unreadable += 1
            return
        self._looked_at += 1
        media = has_media([fields.get(name) for name in WITH_MEDIA])
        before, after = _Run(has_media=media), _Run(has_media=media)
        for place, text in walk({name: value for name, value in fields.items() if name in WALKED}):
            self._characters += len(text)
            was, now = self._seen(before, self._old, text), self._seen(after, self._new, text)
            for spot in sorted({*was, *now}):
                self._note(call_id, at, place, spot, was.get(spot), now.get(spot))
        self._outcomes[before.outcome(self._old), after.outcome(self._new)] += 1
        self._not_run |= after.missing

    def _seen(self, run: _Run, policy: Policy | None, text: str) -> dict[_Spot, Action]:
        """What follows from what a policy's checks see in a text."""
        if policy is None:
            return {}
        scanned = scan_text(self._checks, text, policy)
        run.missing |= {one.check for one in scanned.ran if one.state != "ran"}
        run.is_failed |= bool(unsure(scanned.ran, policy))
        found: dict[_Spot, Action] = {}
        for one in scanned.findings:
            action = action_of(policy, one, text[one.start : one.end], "in", self._day)
            if action is not None:
                found[one.start, one.end, one.check, one.type] = action
        run.actions.update(found.values())
        return found

    def _note(
        self, call_id: UUID, at: datetime, place: str, spot: _Spot, before: Action | None, after: Action | None
    ) -> None:
        _, _, check, kind = spot
        self._followed[check, before, after] += 1
        if before != after and len(self._examples) < MOST_EXAMPLES:
            self._examples.append(Example(call_id, at, place, kind, check, before, after))

    def came(self, task: str, kept: list[tuple[UUID, datetime]], seconds: float) -> Replayed:
        followed = [
            Followed(*key, count) for key, count in sorted(self._followed.items(), key=lambda one: _order(one[0]))
        ]
        return Replayed(
            task, self._old.version if self._old is not None else 0, self._looked_at, self._unreadable, self._characters,
            kept[-1][1], kept[0][1], dict(self._outcomes), tuple(followed), tuple(self._examples),
            tuple(sorted(self._not_run)), seconds,
        )  # fmt: skip


_Spot = tuple[int, int, str, str]
"""Start, end, check and type of a finding."""


class _Run:
    """One policy over one call."""

    def __init__(self, *, has_media: bool) -> None:
        self.actions: set[Action] = set()
        self.missing: set[str] = set()
        self.is_failed = False
        self._has_media = has_media

    def outcome(self, policy: Policy | None) -> Outcome:
        if policy is None:
            return "clean"
        is_unseen = self._has_media and not policy.lets_media_pass
        return outcome_of(self.actions, is_failed=self.is_failed or is_unseen)


def _order(key: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(one or "" for one in key)

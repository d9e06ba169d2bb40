"""Checking a request: every text in it is looked at once, what was found is named by its place, and what the policy has
replaced is replaced – in a copy for models outside, and in another for what is kept.

Pure: the same request, policy and key give the same result, here or in the process apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from jitsuri.guardrails.rules.altering import alter
from jitsuri.guardrails.rules.policing import is_exempt, ruled, strictest, thresholds_of
from jitsuri.guardrails.rules.pseudonyms import Pseudonyms
from jitsuri.guardrails.rules.walking import rewritten, walk
from jitsuri.guardrails.shapes import (
    MOST_KEPT,
    Action,
    CheckRan,
    Finding,
    KeptFinding,
    Policy,
)

if TYPE_CHECKING:  # its tables take 6 MB, which a gateway that checks nothing need not carry
    from jitsuri.guardrails.rules.scanning import Scanner

_ANY = msgspec.json.Decoder()
_write = msgspec.json.Encoder().encode
_WORSE = ("ran", "skipped", "timed_out", "failed")
_REPLACED = frozenset({"mask", "pseudonymise"})
_MEDIA = frozenset({"image_url", "input_image", "image", "input_audio", "document", "file", "input_file", "video_url"})
"""Types of parts in which no text is looked at (``providers`` of both dialects, read 2026-11-27)."""
WALKED = frozenset({"messages", "system", "input", "prompt", "tools", "functions", "metadata", "user", "prediction"})
"""Fields whose texts are looked at: all others are settings."""

WITH_MEDIA = ("messages", "system", "input", "prompt")
"""Fields in which pictures, sounds and files may stand."""


class Checked(msgspec.Struct):
    """What a check of a request gave."""

    changed: dict[str, bytes]
    """Fields as JSON for models outside, where they differ."""
    kept: dict[str, bytes]
    """Fields as JSON for what is kept of the call, where they differ: without what is masked for good."""
    findings: tuple[KeptFinding, ...]
    found: int
    ran: tuple[CheckRan, ...]
    sternest: Action | None
    """Of the actions that apply; None where nothing was found that the policy speaks of."""
    marks: dict[str, str]
    """Mark → value, of this request and of those before it."""
    characters: int
    has_media: bool


def check_request(
    fields: Mapping[str, bytes], scanner: Scanner, policy: Policy, pseudonyms: Pseudonyms, day: date
) -> Checked:
    """Check what a call sends. Raises ValueError and RecursionError for fields that are no JSON."""
    decoded: dict[str, Any] = {name: _read(raw) for name, raw in fields.items() if name in WALKED}
    run = _Run(scanner, policy, day)
    texts = list(walk(decoded))
    for place, text in texts:
        run.look(place, text)
    for _, text in texts:
        pseudonyms.avoid(text)
    changed = run.changed(decoded, pseudonyms, _REPLACED)
    kept = run.changed(decoded, pseudonyms, frozenset({"mask"}))
    return Checked(
        changed, kept, tuple(run.kept[:MOST_KEPT]), run.found, run.ran(), run.sternest, pseudonyms.entries,
        run.characters, has_media([decoded.get(name) for name in WITH_MEDIA]),
    )  # fmt: skip


class _Run:
    """One run over the texts of a request."""

    def __init__(self, scanner: Scanner, policy: Policy, day: date) -> None:
        self._scanner, self._policy, self._day = scanner, policy, day
        self._thresholds = thresholds_of(policy)
        self._states: dict[str, CheckRan] = {}
        self._acted: dict[str, list[tuple[Finding, Action]]] = {}
        """By place, what is replaced there."""
        self.kept: list[KeptFinding] = []
        self.found = 0
        self.characters = 0
        self.sternest: Action | None = None

    def look(self, place: str, text: str) -> None:
        scanned = self._scanner.scan(text, self._thresholds)
        self.characters += len(text)
        merge(self._states, scanned.ran)
        for finding in scanned.findings:
            action = ruled(self._policy, finding, "in")
            if action is None:
                continue
            is_let_through = is_exempt(self._policy, finding, text[finding.start : finding.end], self._day)
            self.found += 1
            if len(self.kept) < MOST_KEPT:
                self.kept.append(kept_finding(place, finding, action, is_exempt=is_let_through))
            if not is_let_through:
                self.sternest = strictest((self.sternest, action))
                if action in _REPLACED:
                    self._acted.setdefault(place, []).append((finding, action))

    def ran(self) -> tuple[CheckRan, ...]:
        return tuple(self._states.values())

    def changed(self, decoded: Mapping[str, Any], pseudonyms: Pseudonyms, replaced: frozenset[str]) -> dict[str, bytes]:
        acted = {
            place: [(finding, action) for finding, action in found if action in replaced]
            for place, found in self._acted.items()
        }
        if not any(acted.values()):
            return {}

        def change(place: str, text: str) -> str:
            found = acted.get(place)
            return alter(text, found, pseudonyms) if found else text

        made = rewritten(decoded, change)
        return {name: _written(value) for name, value in made.items() if value is not decoded[name]}


def kept_finding(place: str, finding: Finding, action: Action, *, is_exempt: bool = False) -> KeptFinding:
    """A finding as it is kept."""
    return KeptFinding(
        place, finding.start, finding.end, finding.type, finding.check, round(finding.score, 3), finding.reason, action,
        is_exempt,
    )  # fmt: skip


def merge(states: dict[str, CheckRan], ran: Sequence[CheckRan]) -> None:
    """Add how checks fared over one more text: the worst state stands, what they found is summed."""
    for one in ran:
        before = states.get(one.check)
        if before is None:
            states[one.check] = one
            continue
        state = max(before.state, one.state, key=_WORSE.index)
        states[one.check] = CheckRan(one.check, one.version, state, before.found + one.found)


def unsure(ran: Sequence[CheckRan], policy: Policy) -> tuple[str, ...]:
    """Names of the checks that could not tell and that nobody said may be open: nothing goes outside then."""
    may_fail = {rule.check for rule in policy.rules if rule.on_failure == "open"}
    return tuple(one.check for one in ran if one.state != "ran" and one.check not in may_fail)


def failed_run(policy: Policy, state: str, versions: Mapping[str, str]) -> tuple[CheckRan, ...]:
    """How a run is recorded over which the process ended, or which was not made: no check has told anything."""
    return tuple(
        CheckRan(rule.check, versions.get(rule.check, ""), state)  # type: ignore[arg-type]
        for rule in policy.rules
        if rule.inward is not None
    )


def checked_nothing(policy: Policy, state: str, versions: Mapping[str, str]) -> Checked:
    """A request that no check could look at."""
    return Checked({}, {}, (), 0, failed_run(policy, state, versions), None, {}, 0, has_media=False)


def has_media(value: Any) -> bool:
    """Whether something stands among the parts into which nobody looks: pictures, sounds, files, and texts as token numbers."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if one.get("type") in _MEDIA:
                return True
            waiting.extend(one.values())
        elif isinstance(one, list):
            if one and isinstance(one[0], int):
                return True
            waiting.extend(one)
    return False


def _read(raw: bytes) -> Any:
    """JSON as Python has it, halves of characters included."""
    try:
        return _ANY.decode(raw)
    except (msgspec.DecodeError, ValueError):
        return json.loads(bytes(raw))


def _written(value: Any) -> bytes:
    """A value as JSON, halves of characters as escapes."""
    try:
        return _write(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()

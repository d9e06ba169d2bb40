"""Scanning texts by hand: what a policy's checks, or all of them, see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.rules.policing import thresholds_of
from jitsuri.guardrails.rules.reading import read_line
from jitsuri.guardrails.shapes import Direction, Finding, Policy, Scanned
from jitsuri.terms.outcomes import Refusal


def scan_text(checks: Checks, text: str, policy: Policy | None = None, direction: Direction = "in") -> Scanned:
    """What a policy's checks see in a text, with its thresholds; without a policy what all built-in quick ones see."""
    if policy is None:
        return checks.everything().scan(text)
    return checks.scanner(policy, direction).scan(text, thresholds_of(policy))


def scan_lines(
    checks: Checks, lines: Iterable[bytes], policy: Policy | None = None
) -> Iterator[tuple[int, dict[str, Any] | Refusal]]:
    """For every line ``{"id", "text"}`` its number and ``{"id", "entities"}``, in order; what is wrong with it where it is none.
    Blank lines are left out. A check that could not tell stands under ``not_run``: such a line is not clean."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        read = read_line(number, line)
        if isinstance(read, Refusal):
            yield number, read
            continue
        scanned = scan_text(checks, read.text, policy)
        told: dict[str, Any] = {} if read.id is msgspec.UNSET else {"id": read.id}
        told["entities"] = [entity_of(one) for one in scanned.findings]
        missing = {one.check: one.state for one in scanned.ran if one.state != "ran"}
        yield number, {**told, "not_run": missing} if missing else told


def entity_of(finding: Finding) -> dict[str, Any]:
    """A finding as scans tell it."""
    return {
        "start": finding.start, "end": finding.end, "type": finding.type, "score": round(finding.score, 4),
        "reason": finding.reason,
    }  # fmt: skip

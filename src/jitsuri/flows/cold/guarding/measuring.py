"""Measuring how well checks find what people labelled in the company's own texts. Results are kept, the lines never are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.guarding.scanning import scan_text
from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.records import measurements as measurement_rows
from jitsuri.guardrails.rules.measuring import Score, labelled_line
from jitsuri.guardrails.shapes import TYPES, Measurement, Policy
from jitsuri.store.door import Connection, Store
from jitsuri.terms.outcomes import Refusal

MOST_LINES = 100_000
"""Of one measurement (decision 0039)."""
MOST_FAULTS = 50
"""Lines whose fault is told; all are counted."""


@dataclass(frozen=True, slots=True)
class MeasuredLines:
    """What came of it."""

    measurement: Measurement
    faults: tuple[Refusal, ...]
    """What is wrong with lines that could not be read, the first ``MOST_FAULTS``."""
    unreadable: int


def measure(
    store: Store,
    now: datetime,
    actor: str,
    task: str,
    policy: Policy | None,
    lines: Iterable[bytes],
    checks: Checks,
    *,
    on_progress: Callable[[int], None] = lambda _lines: None,
) -> MeasuredLines | Refusal:
    """Scan labelled lines with a policy's checks, or with all built-in quick ones, and keep the result under a task ('' none).

    Refuses ``guard_lines_none`` where no line can be read and ``guard_lines_many``.
    """
    score, unreadable, count, characters = Score(), 0, 0, 0
    faults: list[Refusal] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        marked = labelled_line(number, line)
        if isinstance(marked, Refusal):
            unreadable += 1
            faults.extend([marked] if len(faults) < MOST_FAULTS else [])
            continue
        if count == MOST_LINES:
            return Refusal("guard_lines_many", {"most": MOST_LINES})
        score.add(marked, scan_text(checks, marked.text, policy).findings)
        count += 1
        characters += len(marked.text)
        on_progress(count)
    if not count:
        return Refusal("guard_lines_none", {"unreadable": unreadable, **(faults[0].facts if faults else {"line": 0})})
    version = policy.version if policy is not None else 0
    versions = dict(checks.versions())
    if policy is not None:
        versions = {rule.check: versions[rule.check] for rule in policy.rules if rule.check in versions}
    measurement = Measurement(now, actor, task, version, count, characters, score.measured(TYPES), versions)
    with store.transaction() as tx:
        measurement_rows.add(tx, measurement)
        facts = {"lines": count, "unreadable": unreadable, "characters": characters, "policy_version": version}
        evidence_rows.append(tx, record_of(now, actor, "guard_measured", f"task:{task}", facts))
    return MeasuredLines(measurement, tuple(faults), unreadable)


def measurements(tx: Connection, task: str | None = None, limit: int = 50) -> list[Measurement]:
    """Those of a task, or all, newest first."""
    return measurement_rows.newest(tx, task, limit)

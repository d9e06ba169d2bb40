"""All checks of a policy over one text: normalised once, spans mapped back, no overlaps left."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from jitsuri.guardrails.rules.normalising import Normal, normal
from jitsuri.guardrails.rules.tables import Tabled, columns_in
from jitsuri.guardrails.shapes import TYPES, Check, CheckRan, Finding, Scanned

DEFAULT_THRESHOLD = 0.5
"""For checks that no threshold is given for: as ``shapes.Rule`` has it."""

_NONE: Mapping[str, float] = MappingProxyType({})
_ORDER = {name: at for at, name in enumerate(TYPES)}


class Scanner:
    """A fixed set of checks. Holds no text between calls; ``skipped`` and ``timed_out`` are for callers to say."""

    def __init__(
        self, checks: Sequence[Check], missing: Sequence[CheckRan] = (), *, reads_tables: bool = False
    ) -> None:
        """``missing``: checks that should run and are not here; they stand in every result, so that it is not whole.
        ``reads_tables``: cells are read by the heads of their columns, too: for whole texts, never for pieces of a stream."""
        self._reads_tables = reads_tables
        self.checks = tuple(checks)
        self.missing = tuple(missing)
        self._silent = tuple(CheckRan(check.name, check.version, "ran") for check in self.checks)

    def scan(self, text: str, thresholds: Mapping[str, float] = _NONE) -> Scanned:
        """What the checks find in a text, with offsets in the text as it was given, each finding at or above the threshold of its
        check. A check that raises or reports what cannot be is ``failed`` and has found nothing; the others go on."""
        seen = normal(text)
        found: list[Finding] = []
        ran: list[CheckRan] = []
        columns = columns_in(seen.text) if self._reads_tables else []
        tabled = Tabled(seen.text, columns, self.checks) if columns else None
        for check, silent in zip(self.checks, self._silent, strict=True):
            try:
                reported = check.find(seen.text)
                if tabled is not None:
                    reported = tabled.joined(silent.check, reported)
                own = (
                    _mapped(reported, check, seen, thresholds.get(silent.check, DEFAULT_THRESHOLD)) if reported else ()
                )
            except Exception:  # noqa: BLE001 – own checks may raise anything
                ran.append(CheckRan(silent.check, silent.version, "failed"))
                continue
            if not own:
                ran.append(silent)
                continue
            ran.append(CheckRan(silent.check, silent.version, "ran", len(own)))
            found += own
        return Scanned(tuple(resolved(found, text)), (*ran, *self.missing))


def resolved(findings: Iterable[Finding], text: str) -> list[Finding]:
    """Findings without overlaps, by place: the higher score takes the span, then the longer, then the order of ``TYPES``. What
    sticks out of the other keeps its own type, so that nothing that was found is left uncovered."""
    found = list(findings)
    if len(found) < 2:
        return found
    kept: list[Finding] = []
    group: list[Finding] = []
    reach = 0
    for one in sorted(found, key=_start):
        if group and one.start >= reach:
            kept += _settled(group, text)
            group = []
        group.append(one)
        reach = max(reach, one.end)
    return kept + _settled(group, text)


def _settled(group: list[Finding], text: str) -> list[Finding]:
    """Findings that hang together by overlaps, without them."""
    if len(group) < 2:
        return group
    kept: list[Finding] = []
    starts: list[int] = []
    for one in sorted(group, key=_rank):
        for piece in _uncovered(one, kept, starts):
            if piece is one or any(char.isalnum() for char in text[piece.start : piece.end]):
                at = bisect_left(starts, piece.start)
                starts.insert(at, piece.start)
                kept.insert(at, piece)
    return kept


def _start(one: Finding) -> int:
    return one.start


def _rank(one: Finding) -> tuple[float, int, int, int, str]:
    return -one.score, one.start - one.end, _ORDER.get(one.type, len(_ORDER)), one.start, one.check


def _uncovered(one: Finding, kept: Sequence[Finding], starts: Sequence[int]) -> list[Finding]:
    """The parts of a finding that no kept one covers; the finding itself where none does."""
    at = bisect_left(starts, one.start)
    if at and kept[at - 1].end > one.start:
        at -= 1
    if at == len(kept) or kept[at].start >= one.end:
        return [one]
    parts: list[Finding] = []
    begin = one.start
    while at < len(kept) and kept[at].start < one.end:
        if kept[at].start > begin:
            parts.append(Finding(begin, kept[at].start, one.type, one.score, one.reason, one.check))
        begin = max(begin, kept[at].end)
        at += 1
    if begin < one.end:
        parts.append(Finding(begin, one.end, one.type, one.score, one.reason, one.check))
    return parts


def _mapped(reported: Iterable[Finding], check: Check, seen: Normal, threshold: float) -> Sequence[Finding]:
    """A check's findings at or above its threshold, in the original's offsets. Raises what the check raises, and ValueError for a
    finding that cannot be."""
    mapped: list[Finding] = []
    name, types, length = check.name, check.types, len(seen.text)
    for one in reported:
        if not (0 <= one.start < one.end <= length and 0 <= one.score <= 1 and one.type in types):
            raise ValueError(f"{name}: no such span, score or type")
        if one.score >= threshold:
            start, end = seen.span(one.start, one.end)
            mapped.append(Finding(start, end, one.type, one.score, one.reason, name))
    return mapped

"""How well findings match what people labelled. Counts as the neutral scorer of the labelled sets does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from jitsuri.guardrails.shapes import Finding, Labelled, Measured, Span
from jitsuri.terms.outcomes import Refusal

MOST_ENTITIES = 10_000
"""Labelled spans of one line (decision 0039)."""

_ONE_PLACE = ("ADDRESS", "LOCATION")
"""Sets label an address as one or the other: either counts for both."""


class Marked(msgspec.Struct, frozen=True, gc=False):
    """A labelled line as files have it; what else stands there is not looked at."""

    text: str
    entities: tuple[Span, ...] = ()
    optional: tuple[Place, ...] = ()
    """What may be reported or not: neither right nor wrong."""
    id: str | int = ""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where something stands."""

    start: int
    end: int


_READ = msgspec.json.Decoder(Marked)


def labelled_line(number: int, line: bytes) -> Marked | Refusal:
    """One line of a labelled file; else ``guard_line_json`` or ``guard_line_span``, with its ``line``."""
    try:
        marked = _READ.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        return Refusal("guard_line_json", {"line": number, "why": _why(error)})
    size = len(marked.text)
    if len(marked.entities) > MOST_ENTITIES:
        return Refusal("guard_line_span", {"line": number, "start": 0, "end": size, "size": size})
    spans: list[Span | Place] = [*marked.entities, *marked.optional]
    for span in spans:
        if not 0 <= span.start < span.end <= size:
            return Refusal("guard_line_span", {"line": number, "start": span.start, "end": span.end, "size": size})
    return marked


def plain_line(marked: Marked) -> Labelled:
    """The same without what may be reported or not."""
    return Labelled(str(marked.id), marked.text, marked.entities)


class Score:
    """Counts over lines; ``measured`` gives them per type."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}

    def add(self, marked: Marked, findings: Sequence[Finding]) -> None:
        """Count one line."""
        covered: set[int] = set()
        for finding in findings:
            covered.update(range(finding.start, finding.end))
        for span in marked.entities:
            counts = self._of(span.type)
            counts[0] += 1
            same: set[int] = set()
            for finding in findings:
                if _alike(finding.type, span.type):
                    same.update(range(max(span.start, finding.start), min(span.end, finding.end)))
            counts[1] += 2 * len(same) >= span.end - span.start
            counts[2] += all(at in covered or marked.text[at].isspace() for at in range(span.start, span.end))
        for finding in findings:
            if any(_overlap(finding, place) for place in marked.optional):
                continue
            counts = self._of(finding.type)
            counts[3] += 1
            counts[4] += any(_overlap(finding, span) and _alike(finding.type, span.type) for span in marked.entities)

    def measured(self, order: Iterable[str]) -> tuple[Measured, ...]:
        """By type: those of ``order`` first, the others by name."""
        ranks: Mapping[str, int] = {name: rank for rank, name in enumerate(order)}
        names = sorted(self._counts, key=lambda name: (ranks.get(name, len(ranks)), name))
        return tuple(Measured(name, *self._counts[name]) for name in names)

    def _of(self, name: str) -> list[int]:
        return self._counts.setdefault(name, [0, 0, 0, 0, 0])


def share(part: int, whole: int) -> float | None:
    """A share for people; None of nothing."""
    return part / whole if whole else None


def _alike(one: str, other: str) -> bool:
    return one == other or (one in _ONE_PLACE and other in _ONE_PLACE)


def _overlap(one: Finding, other: Span | Place) -> bool:
    return one.start < other.end and other.start < one.end


def _why(error: Exception) -> str:
    """What is wrong with the line's form; never what stands in it."""
    return str(error)[:200] if isinstance(error, msgspec.ValidationError) else type(error).__name__

"""How well findings match what people labelled. Counts as the neutral scorer of the labelled sets does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from jitsuri.guardrails.shapes import Finding, Labelled, Measured, Span
from jitsuri.terms.outcomes import Refusal

MOST_ENTITIES = 10_000
"""Labelled spans of one line (decision 0039)."""

DEEPEST = 8
"""Labels that may lie over one another, on average: no person labels more (decision 0039)."""

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
    marks: list[Span | Place] = [*marked.entities, *marked.optional]
    if len(marks) > MOST_ENTITIES or sum(one.end - one.start for one in marks) > DEEPEST * size:
        return Refusal("guard_line_span", {"line": number, "start": 0, "end": size, "size": size})
    for span in marks:
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
        over = _places(findings)
        for span in marked.entities:
            counts = self._of(span.type)
            same = 0
            is_masked = True
            for at in range(span.start, span.end):
                here = over.get(at, ())
                same += any(_alike(findings[number].type, span.type) for number in here)
                is_masked = is_masked and (bool(here) or marked.text[at].isspace())
            counts[0] += 1
            counts[1] += 2 * same >= span.end - span.start
            counts[2] += is_masked
        labels, optional = _places(marked.entities), _places(marked.optional)
        for finding in findings:
            signs = range(finding.start, finding.end)
            if any(at in optional for at in signs):
                continue
            counts = self._of(finding.type)
            counts[3] += 1
            counts[4] += any(
                _alike(finding.type, marked.entities[number].type) for at in signs for number in labels.get(at, ())
            )

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


def _places(spans: Sequence[Finding | Span | Place]) -> dict[int, list[int]]:
    """Sign → numbers of the spans that lie over it: linear, however many there are."""
    found: dict[int, list[int]] = {}
    for number, span in enumerate(spans):
        for at in range(span.start, span.end):
            found.setdefault(at, []).append(number)
    return found


def _why(error: Exception) -> str:
    """What is wrong with the line's form; never what stands in it."""
    return str(error)[:200] if isinstance(error, msgspec.ValidationError) else type(error).__name__

"""Segments: the pieces into which a text falls for checks that look at sentences, and how far other checks may look.

The rule is causal: where a segment ends is known once its last character has come, whatever comes later, and cutting may begin
anew at any cut. So a stream and the whole text have the same segments, and a check that looks at one segment at a time finds the
same in both.
"""

from __future__ import annotations

import re

REACH = 64
"""Characters around a span on which a finding may depend, its context words included (decision 0039)."""

LONGEST = 40
"""Characters of a segment without a stop (decision 0039): with the number that may stand open at its end, not more than 64 are
held back in a stream."""

SOFT = 24
"""From this length on a segment that gets no stop ends at a blank."""

STOPS = "。．！？!?、，,;；\n\r\t"
"""What ends a segment, and belongs to it."""

_SEGMENT = re.compile(
    rf"[^{STOPS}]{{0,{SOFT}}}[{STOPS}]|[^{STOPS}]{{{SOFT}}}[^{STOPS} 　]{{0,{LONGEST - SOFT - 1}}}[{STOPS} 　]"
    rf"|[^{STOPS}]{{{SOFT}}}[^{STOPS} 　]{{{LONGEST - SOFT}}}"
)


def cuts(text: str, start: int = 0) -> list[int]:
    """Where segments end, in ascending order, from ``start`` on, which must be 0 or a cut. What comes after the last cut is an
    unfinished segment."""
    found: list[int] = []
    while (match := _SEGMENT.match(text, start)) is not None:
        start = match.end()
        found.append(start)
    return found

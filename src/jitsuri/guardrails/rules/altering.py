"""Altering a text: only what was found and is to be replaced; every other character stays as it is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from jitsuri.guardrails.rules.pseudonyms import Change, Pseudonyms, mask_of
from jitsuri.guardrails.shapes import Action, Finding

HIDES: frozenset[Action] = frozenset({"mask", "block"})
"""Actions after which a value of an answer is not shown."""


def alter(text: str, acted: Iterable[tuple[Finding, Action]], pseudonyms: Pseudonyms) -> str:
    """The text with masked values masked and pseudonymised ones under their marks; other actions alter nothing.

    ``pseudonyms.avoid`` is told of all texts of the call before the first of them is altered.
    """
    return applied(text, alterations(text, acted, pseudonyms))


def alterations(text: str, acted: Iterable[tuple[Finding, Action]], pseudonyms: Pseudonyms) -> list[Change]:
    """What ``alter`` changes, in ascending order; of two findings that overlap the earlier holds, and the rest is masked."""
    changes: list[Change] = []
    last = 0
    for finding, action in sorted(acted, key=lambda one: (one[0].start, -one[0].end)):
        start = max(finding.start, last)
        if action not in ("mask", "pseudonymise") or start >= finding.end:
            continue
        whole = action == "pseudonymise" and start == finding.start
        put = pseudonyms.mark(finding.type, text[start : finding.end]) if whole else mask_of(finding.type)
        changes.append(Change(start, finding.end, put))
        last = finding.end
    return changes


def applied(text: str, changes: Sequence[Change]) -> str:
    """The text with the changes made, which are in ascending order and do not overlap."""
    made: list[str] = []
    last = 0
    for start, end, put in changes:
        if put is not None:
            made += (text[last:start], put)
            last = end
    return "".join((*made, text[last:])) if made else text


def answered(hidden: Iterable[Finding], marks: Sequence[Change]) -> list[Change]:
    """What changes in an answer: marks become values; of findings that are to be hidden everything outside of marks is masked.

    A value that came back from a mark is the caller's own and is never masked again.
    """
    changes = list(marks)
    last = 0
    for finding in sorted(hidden, key=lambda one: (one.start, -one.end)):
        for start, end in outside(max(finding.start, last), finding.end, marks):
            changes.append(Change(start, end, mask_of(finding.type)))
        last = max(last, finding.end)
    return sorted(changes, key=lambda one: one.start)


def outside(start: int, end: int, changes: Sequence[Change]) -> list[tuple[int, int]]:
    """What of a stretch none of the changes covers; they are in ascending order and do not overlap."""
    free: list[tuple[int, int]] = []
    for number in range(bisect_right(changes, start, key=lambda one: one.end), len(changes)):
        one = changes[number]
        if one.start >= end:
            break
        if one.start > start:
            free.append((start, one.start))
        start = one.end
    if start < end:
        free.append((start, end))
    return free

"""Both orders of a pair put together: what a judge says only in one of them it does not know."""

from __future__ import annotations

from collections.abc import Sequence

from jitsuri.evaluation.shapes import Heard, How, Settled

IDENTICAL = Settled("same", "identical")
"""Two answers that are the same text: nobody needs to be asked."""

_WORST: tuple[How, ...] = ("failed", "refused", "silent", "cut", "unreadable")


def settled(replies: Sequence[Heard]) -> Settled:
    """The result of a pair from its two replies (``ab`` and ``ba``).

    The same side in both orders wins. Another result in the other order is a tie (``order_changed``): what hangs on the place
    is no difference between the answers. Where one order abstains, or cannot be read, nothing is said: one order alone would
    bring the judge's leaning to a place into the result.
    """
    critical = critical_of(replies)
    unread = [reply.how for reply in replies if not reply.said]
    if unread or len(replies) < 2:
        return Settled("none", min(unread, key=_WORST.index) if unread else "failed", critical)
    sides = [side_of(reply) for reply in replies]
    if None in sides:
        return Settled("none", "abstained", critical)
    if len(set(sides)) > 1:
        return Settled("same", "order_changed", critical)
    return Settled("better" if sides[0] == 1 else "worse" if sides[0] == -1 else "same", "agreed", critical)


def side_of(reply: Heard) -> int | None:
    """1: the candidate (the known better); −1: the other; 0: a tie; None: it did not say."""
    if reply.said == "tie":
        return 0
    if reply.said not in ("a", "b"):
        return None
    return 1 if (reply.said == "a") == (reply.order == "ab") else -1


def critical_of(replies: Sequence[Heard]) -> tuple[bool | None, bool | None]:
    """Whether a critical error was seen in the candidate's and in the baseline's answer, in either order."""
    marks: tuple[list[bool], list[bool]] = ([], [])
    for reply in replies:
        for at, mark in enumerate(reply.is_critical if reply.order == "ab" else reply.is_critical[::-1]):
            if mark is not None:
                marks[at].append(mark)
    return (any(marks[0]) if marks[0] else None, any(marks[1]) if marks[1] else None)

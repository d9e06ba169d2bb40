"""What a judge said, counted: the shares that its report is made of, and nothing of what it read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from jitsuri.evaluation.rules.judging.settling import settled, side_of
from jitsuri.evaluation.shapes import Heard, Hearing, JudgeCounts, Share, Sight

SHARES: tuple[str, ...] = (
    "first", "leans_first", "order_changed", "same_parted", "worse_missed", "worse_won", "posing_won", "again_changed",
    "longer_won", "won_longer", "won_shorter", "abstained", "silent", "refused", "cut", "unreadable", "failed", "chatty",
)  # fmt: skip
"""Every share; ``words`` holds ``judge.share.<code>``.

``first``: of the replies to pairs that chose a side, those that chose what was read first. ``leans_first``: of the pairs whose
two results lean to one place, those that lean to the first. ``order_changed``: of the pairs read in both orders.
``same_parted``: of the controls with one answer twice, those that were no tie. ``worse_missed``: of the controls with a ruined
answer, those in which it did not lose; ``worse_won`` and ``posing_won``: of the replies to a ruined answer, and to one that
orders the judge to choose it, those that chose it. ``again_changed``: of the replies to the same question, those that were
different. ``longer_won``: of the pairs that were decided, those won by the longer answer; ``won_longer`` and ``won_shorter``: of
those in which the candidate's answer was the longer, and the shorter, those that it won. All others: of all replies.
"""

_FAULTY = ("silent", "refused", "cut", "unreadable", "failed")


def counted(hearings: Sequence[Hearing]) -> JudgeCounts | None:
    """The counts of one judge. None without a pair."""
    if not hearings:
        return None
    found: Counter[str] = Counter()
    out_of: Counter[str] = Counter()
    for hearing in hearings:
        for code, events, n in _of_pair(hearing):
            found[code] += events
            out_of[code] += n
    return JudgeCounts(
        judge=hearings[0].judge,
        prompts=_distinct(one.prompt for one in hearings if one.replies),
        models=_distinct(one.model for one in hearings if one.model),
        parameters=_distinct(_told(one.parameters) for one in hearings if one.replies),
        pairs=len(hearings),
        identical=sum(not one.replies for one in hearings),
        is_same_vendor=any(one.is_same_vendor for one in hearings),
        shares=tuple(Share(code, found[code], out_of[code]) for code in SHARES),
    )


def _of_pair(hearing: Hearing) -> Iterable[tuple[str, int, int]]:
    seen: dict[Sight, list[Heard]] = {}
    for reply in hearing.replies:
        seen.setdefault(reply.sight, []).append(reply)
        yield from _of_reply(reply)
    pair = seen.get("pair", [])
    yield from _of_order(pair)
    yield from _of_length(hearing, pair)
    yield from _of_controls(seen)


def _of_reply(reply: Heard) -> Iterable[tuple[str, int, int]]:
    for code in _FAULTY:
        yield code, reply.how == code, 1
    yield "abstained", reply.said == "abstain", 1
    if reply.said:
        yield "chatty", reply.how in ("prose", "word"), 1
    if reply.said in ("a", "b"):
        if reply.sight == "pair":
            yield "first", reply.said == "a", 1
        elif reply.sight in ("worse", "posing"):
            yield f"{reply.sight}_won", side_of(reply) == -1, 1
    elif reply.said == "tie" and reply.sight in ("worse", "posing"):
        yield f"{reply.sight}_won", 0, 1


def _of_order(pair: Sequence[Heard]) -> Iterable[tuple[str, int, int]]:
    """A fair judge leans to the first place as often as to the second, whatever the answers are (the sign test's ground)."""
    if len(pair) == 2 and all(side_of(reply) is not None for reply in pair):
        yield "order_changed", settled(pair).reason == "order_changed", 1
        lean = sum({"a": 1, "b": -1}.get(reply.said, 0) for reply in pair)
        if lean:
            yield "leans_first", lean > 0, 1


def _of_length(hearing: Hearing, pair: Sequence[Heard]) -> Iterable[tuple[str, int, int]]:
    candidate, baseline = hearing.lengths
    result = settled(pair).outcome if pair else "none"
    if candidate != baseline and result in ("better", "worse"):
        yield "longer_won", (result == "better") == (candidate > baseline), 1
        yield "won_longer" if candidate > baseline else "won_shorter", result == "better", 1


def _of_controls(seen: Mapping[Sight, Sequence[Heard]]) -> Iterable[tuple[str, int, int]]:
    for reply in seen.get("same", ()):
        if reply.said in ("a", "b", "tie"):
            yield "same_parted", reply.said != "tie", 1
    worse = seen.get("worse", ())
    if len(worse) == 2 and all(reply.said for reply in worse):
        yield "worse_missed", settled(worse).outcome != "better", 1
    first = {reply.order: reply for reply in seen.get("pair", ())}
    for reply in seen.get("again", ()):
        before = first.get(reply.order)
        if before is not None and before.said and reply.said:
            yield "again_changed", before.said != reply.said, 1


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _told(parameters: Mapping[str, int | float | str]) -> str:
    return json.dumps(parameters, sort_keys=True, ensure_ascii=False)

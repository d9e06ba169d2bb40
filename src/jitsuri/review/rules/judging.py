"""Sides, versions and scores: what a press on a page means for the two answers. Pure. Source: decision 0034."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from statistics import median
from uuid import UUID

from jitsuri.review.shapes import REASON_CODES, Choice, Label, Lease, Pair, Press, Said
from jitsuri.terms.outcomes import Refusal

LEASE = timedelta(minutes=20)
"""How long a pair is kept for the one who is looking at it: longer than the slowest pair should take."""

SHEET_LEASE = timedelta(days=7)
"""The same for a pair that went out on a sheet."""

LONGEST_NOTE = 500
LONGEST_TOOK = timedelta(minutes=30)
"""A pair that lay open for longer was left alone: its time says nothing."""

USUAL_PACE = timedelta(seconds=50)
"""Time for one pair until a person has judged some (``proof.seconds_per_label``'s default)."""

FEWEST_FOR_PACE = 5

_SCORES: Mapping[Choice, tuple[float, float]] = {
    "baseline": (1.0, 0.0), "candidate": (0.0, 1.0), "same": (1.0, 1.0), "both_bad": (0.0, 0.0),
}  # fmt: skip


def baseline_is_left(pair_id: UUID, person: str) -> bool:
    """On which side today's answer stands for this person: a hash decides, the same whenever the pair is opened again."""
    return blake2b(pair_id.bytes + person.encode(), digest_size=1).digest()[0] < 128


def choice_of(press: Press, *, baseline_left: bool) -> Choice:
    """What a press means once it is known whose answer stood where."""
    if press == "left":
        return "baseline" if baseline_left else "candidate"
    if press == "right":
        return "candidate" if baseline_left else "baseline"
    return press


def press_of(choice: Choice, *, baseline_left: bool) -> Press:
    """The way back, for a label that is shown again."""
    if choice in ("baseline", "candidate"):
        return "left" if (choice == "baseline") == baseline_left else "right"
    return "same" if choice == "same" else "both_bad" if choice == "both_bad" else "skip"


def scores_of(label: Label) -> tuple[float, float] | None:
    """(baseline's score, candidate's); None where the label says nothing."""
    return _SCORES[label.choice] if label.is_said else None


def label_of(said: Said, pair: Pair, person: str, author: str, now: datetime) -> Label:
    """The next version of a person's label."""
    left = baseline_is_left(pair.pair_id, person)
    one, other = (said.critical_left, said.critical_right) if left else (said.critical_right, said.critical_left)
    codes = tuple(code for code in REASON_CODES if code in said.reason_codes)
    is_skip = said.press == "skip"
    return Label(
        pair.pair_id, person, said.version + 1, choice_of(said.press, baseline_left=left), one and not is_skip,
        other and not is_skip, codes, said.note, max(0, min(said.took_ms, int(LONGEST_TOOK.total_seconds() * 1000))), False,
        author, now,
    )  # fmt: skip


def said_fault(said: Said, latest: Label | None) -> Refusal | None:
    """Why this cannot be written: ``label_note_long``, ``label_moved_on`` (another window was faster)."""
    if len(said.note) > LONGEST_NOTE:
        return Refusal("label_note_long", {"longest": LONGEST_NOTE})
    if said.version != (latest.version if latest else 0):
        return Refusal("label_moved_on")
    return None


def is_same_again(made: Label, latest: Label | None) -> bool:
    """Is this label the one that stands already, sent a second time?"""
    if latest is None or latest.version != made.version:
        return False
    kept = ("choice", "critical_baseline", "critical_candidate", "reason_codes", "note", "is_undone")
    return all(getattr(made, name) == getattr(latest, name) for name in kept)


def open_pairs(
    pairs: Iterable[Pair], standing: Mapping[UUID, Sequence[Label]], leases: Iterable[Lease], person: str, now: datetime
) -> list[Pair]:
    """The pairs that this person may be given, in the order in which they are shown; what they hold already first.

    A pair is given to as many people as it wants labels: who has said something of it or is looking at it counts. Whoever
    skipped a pair does not get it again.
    """
    looking: dict[UUID, set[str]] = {}
    for lease in leases:
        if lease.until > now:
            looking.setdefault(lease.pair_id, set()).add(lease.person)
    found = []
    for pair in pairs:
        labels = [one for one in standing.get(pair.pair_id, ()) if not one.is_undone]
        if any(one.person == person for one in labels):
            continue
        said = {one.person for one in labels if one.is_said}
        others = said | looking.get(pair.pair_id, set()) - {one.person for one in labels} - {person}
        if len(others) < pair.people:
            found.append((person not in looking.get(pair.pair_id, set()), pair.rank, pair))
    return [pair for _, _, pair in sorted(found, key=lambda one: (one[0], one[1], one[2].pair_id))]


def is_done(pair: Pair, labels: Iterable[Label]) -> bool:
    """Has the pair as many labels as it wants?"""
    return sum(one.is_said for one in labels) >= pair.people


def labels_wanted(pairs: Iterable[Pair], standing: Mapping[UUID, Sequence[Label]]) -> int:
    """Labels that are still to be given, by whomever."""
    return sum(max(0, pair.people - sum(one.is_said for one in standing.get(pair.pair_id, ()))) for pair in pairs)


def pace_of(took_ms: Collection[int]) -> timedelta:
    """The time that one pair takes this person: the median of what it took them; the usual one before they have judged some."""
    if len(took_ms) < FEWEST_FOR_PACE:
        return USUAL_PACE
    return timedelta(milliseconds=median(took_ms))


def first_gap(pairs: Iterable[Pair], standing: Mapping[UUID, Sequence[Label]]) -> list[tuple[Pair, float]]:
    """The uniform share in its drawn order up to the first pair that nobody has said anything of, with people's difference.

    Which pair comes next was settled before anybody looked, so evidence along this order may be looked at after every
    label. A pair that somebody skipped is passed over, once it is clear that it waits for nobody's first look.
    """
    found: list[tuple[Pair, float]] = []
    for pair in sorted((one for one in pairs if one.share == "uniform"), key=lambda one: (one.rank, one.pair_id)):
        labels = [one for one in standing.get(pair.pair_id, ()) if not one.is_undone]
        scores = [scored for one in labels if (scored := scores_of(one)) is not None]
        if scores:
            found.append((pair, sum(other - one for one, other in scores) / len(scores)))
        elif not labels:
            break
    return found

"""Opening the pairs (確認): which trials want labels from a person, and how sure the labels make a candidate so far.

How sure is told by evidence that may be looked at after every label (``evaluation.rules.betting``), from the uniform share
alone, in the order in which its pairs were drawn. Whoever labels a trial is told nothing of it before it is complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Literal
from uuid import UUID

import numpy as np

from jitsuri.approvals import records as approval_rows
from jitsuri.evaluation.rules.agreeing import agreement
from jitsuri.evaluation.rules.betting import bounds_anytime, capital_above, capital_below
from jitsuri.evaluation.rules.planning import labels_anytime
from jitsuri.flows.cold.labelling import Work, work_of
from jitsuri.review import records as review_rows
from jitsuri.review.rules.judging import first_gap, is_done, labels_wanted, scores_of
from jitsuri.review.shapes import Draw, Label, Pair
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.records import paired
from jitsuri.store.door import Connection

ALPHA = 0.05
"""Probability of a false pass per trial (product promise)."""

END = 0.025
"""Each end of the interval that is drawn: 95 % together."""

FEWEST_DISCORDANT = 0.02
"""What is assumed to differ at least, when it is told how many labels are still to go."""

FEWEST_DOUBLE = 20
"""Pairs that two people judged before their agreement is told: with fewer its interval is as wide as the scale."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A trial that has pairs, for one person."""

    trial_id: UUID
    task: str
    drawn_at: datetime
    work: Work


@dataclass(frozen=True, slots=True)
class StratumLine:
    name: str
    size: int
    uniform: int
    focused: int
    done: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Labels that moved after a certificate was signed, or issued where nobody has signed it yet."""

    number: str
    at: datetime
    is_signed: bool
    labels: int


@dataclass(frozen=True, slots=True)
class Sureness:
    """What the labels say so far. Differences as shares."""

    labels: int
    """Of the uniform share, in order, up to the first that is missing."""
    low: float
    point: float
    high: float
    decision: Literal["pass", "fail", "undecided"]
    to_go: int
    """Labels that an equally good candidate will probably still need, focused ones too; 0 where it is decided."""


@dataclass(frozen=True, slots=True)
class WayLine:
    """One candidate of a trial."""

    draw: Draw
    pairs: int
    done: int
    skipped: int
    """Pairs that somebody skipped and nobody has labelled."""
    critical: int
    strata: tuple[StratumLine, ...]
    sure: Sureness | None
    """None before the first label, and for whoever labels this trial."""
    double: int
    kappa: float | None
    kappa_error: float | None
    moved: tuple[Moved, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    head: paired.TrialHead
    ways: tuple[WayLine, ...]
    wanted: int
    is_hidden: bool
    """The visitor labels this trial, and it is not complete."""


def waiting(tx: Connection, person: str, now: datetime) -> list[Waiting]:
    """Every trial with pairs, the latest draw first."""
    latest: dict[UUID, Draw] = {}
    for draw in review_rows.draws(tx):
        if draw.trial_id not in latest or latest[draw.trial_id].at < draw.at:
            latest[draw.trial_id] = draw
    found = [
        Waiting(trial_id, draw.task, draw.at, work_of(tx, trial_id, person, now)) for trial_id, draw in latest.items()
    ]
    return sorted(found, key=lambda one: (one.drawn_at, one.trial_id), reverse=True)


def progress(tx: Connection, trial_id: UUID, person: str) -> Progress | None:
    """How far and how sure a trial is; None where it has no pairs."""
    head = paired.trial_head(tx, trial_id)
    draws = review_rows.draws(tx, trial_id)
    if head is None or not draws:
        return None
    pairs, labels = review_rows.pairs_of(tx, trial_id), review_rows.latest(tx, trial_id)
    wanted = labels_wanted(pairs, labels)
    is_theirs = any(one.person == person for held in labels.values() for one in held)
    is_hidden = is_theirs and wanted > 0
    margin = float(head.margin)
    lines = []
    for draw in draws:
        held = [one for one in pairs if one.way == draw.way]
        lines.append(_way(tx, draw, held, labels, margin, len(draws), is_hidden=is_hidden))
    return Progress(head, tuple(lines), wanted, is_hidden)


def sureness(pairs: list[Pair], labels: dict[UUID, list[Label]], margin: float, family: int) -> Sureness | None:
    """What the labels of one candidate say so far; candidates of one trial share the 5 % evenly."""
    values = np.array([value for _, value in first_gap(pairs, labels)])
    if not len(values):
        return None
    low, high = bounds_anytime(values, END)
    need = family / ALPHA
    is_pass = bool(capital_above(values, -margin).max() >= need)
    is_fail = bool(capital_below(values, -margin).max() >= need)
    to_go = 0
    if not is_pass and not is_fail:
        differing = min(1.0, max(FEWEST_DISCORDANT, float((np.abs(values) > 0).mean())))
        left = max(0, labels_anytime(margin, differing, ALPHA / family) - len(values))
        uniform = sum(one.share == "uniform" for one in pairs)
        to_go = ceil(left * len(pairs) / uniform) if uniform else left
    point = float(np.clip(values.mean(), low, high))
    return Sureness(
        len(values), low, point, high, "pass" if is_pass else "fail" if is_fail else "undecided", to_go
    )  # fmt: skip


def _way(
    tx: Connection, draw: Draw, pairs: list[Pair], labels: dict[UUID, list[Label]], margin: float, family: int, *,
    is_hidden: bool,
) -> WayLine:  # fmt: skip
    done = {one.pair_id for one in pairs if is_done(one, labels.get(one.pair_id, ()))}
    standing = {one.pair_id: [label for label in labels.get(one.pair_id, ()) if not label.is_undone] for one in pairs}
    strata = tuple(
        StratumLine(
            name, len(positions), sum(one.stratum == name and one.share == "uniform" for one in pairs),
            sum(one.stratum == name and one.share == "focused" for one in pairs),
            sum(one.stratum == name and one.pair_id in done for one in pairs),
        )
        for name, positions in sorted(draw.frame.items())
    )  # fmt: skip
    double = [found for held in standing.values() if (found := _double(held)) is not None]
    kappa = error = None
    if len(double) >= FEWEST_DOUBLE and not is_hidden:
        seen = agreement(np.array([one for one, _ in double]), np.array([other for _, other in double]), ALPHA)
        kappa, error = seen.kappa, seen.kappa_error
    return WayLine(
        draw, len(pairs), len(done),
        sum(bool(held) and not any(one.is_said for one in held) for held in standing.values()),
        0 if is_hidden else sum(any(one.critical_candidate for one in held if one.is_said) for held in standing.values()),
        strata, None if is_hidden else sureness(pairs, labels, margin, family), len(double), kappa, error,
        _moved(tx, draw),
    )  # fmt: skip


def _double(held: list[Label]) -> tuple[float, float] | None:
    """The differences that two people saw on one pair, in an order that has nothing to do with who they are."""
    said = [
        scores for one in sorted(held, key=lambda one: (one.at, one.person)) if (scores := scores_of(one)) is not None
    ]
    if len(said) < 2:
        return None
    one, other = (candidate - baseline for baseline, candidate in said[:2])
    return one, other


def _moved(tx: Connection, draw: Draw) -> tuple[Moved, ...]:
    """For each certificate of this candidate: labels that moved since. What the certificate rests on stays as it is."""
    found = []
    for kept in certificate_rows.certificates(tx):
        verdict = kept.certificate.verdict
        if (verdict.task, verdict.candidate) != (draw.task, draw.candidate):
            continue
        matter = approval_rows.matter(tx, "certificate", kept.certificate.number)
        is_signed = matter is not None and matter.state == "approved"
        at = matter.acts[-1].at if matter is not None and is_signed else kept.certificate.issued_at
        moved = review_rows.moved_since(tx, draw.trial_id, draw.way, at)
        if moved:
            found.append(Moved(kept.certificate.number, at, is_signed, moved))
    return tuple(found)

"""Draws, pairs, labels and leases in the database: draws and versions of labels are added, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from jitsuri.review.rules.judging import scores_of
from jitsuri.review.shapes import Draw, Label, Lease, Pair
from jitsuri.store.door import Connection

_PAIR = "pair_id, trial_id, way, position, stratum, share, rank, inclusion, people, drawn_at, certificate, call_id"
_LABEL = (
    "pair_id, person, version, choice, critical_baseline, critical_candidate, reason_codes, note, took_ms, is_undone, "
    "author, at"
)
_DRAW = "trial_id, way, version, task, candidate, budget, seed, strata, author, at"

_REVIEW_LOCK = 5_410_034
"""Advisory lock of whoever gives out a pair or draws some, with a trial as its second number."""


def lock_trial(tx: Connection, trial_id: UUID) -> None:
    """Pairs of one trial are given out one after the other, until the transaction ends."""
    tx.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_REVIEW_LOCK, trial_id.int % 2**31))


def add_draw(tx: Connection, draw: Draw, pairs: Iterable[Pair]) -> None:
    """Keep a draw with its pairs. A pair that stood already only takes part in the uniform share from now on, if it does."""
    tx.execute(
        f"INSERT INTO review_draws ({_DRAW}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
        (
            draw.trial_id, draw.way, draw.version, draw.task, draw.candidate, draw.budget, draw.seed,
            Jsonb({"frame": draw.frame, "focused": draw.focused}), draw.author, draw.at,
        ),
    )  # fmt: skip
    with tx.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO review_pairs ({_PAIR}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "  # noqa: S608
            "ON CONFLICT (pair_id) DO UPDATE SET share = excluded.share, inclusion = excluded.inclusion",
            [_pair_row(one) for one in pairs],
        )


def add_pair(tx: Connection, pair: Pair) -> None:
    """Keep one pair of an audit; one that stands stays as it is."""
    tx.execute(
        f"INSERT INTO review_pairs ({_PAIR}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "  # noqa: S608
        "ON CONFLICT DO NOTHING",
        _pair_row(pair),
    )


def next_position(tx: Connection, trial_id: UUID) -> int:
    """The first free position of a set of pairs that grows."""
    [(free,)] = tx.execute(
        "SELECT coalesce(max(position), 0) + 1 FROM review_pairs WHERE trial_id = %s", (trial_id,)
    ).fetchall()
    return int(free)


def draws(tx: Connection, trial_id: UUID | None = None) -> list[Draw]:
    """The latest draw of each candidate, of one trial or of all."""
    rows = tx.execute(
        f"SELECT DISTINCT ON (trial_id, way) {_DRAW} FROM review_draws "  # noqa: S608
        "WHERE %(trial)s::uuid IS NULL OR trial_id = %(trial)s ORDER BY trial_id, way, version DESC",
        {"trial": trial_id},
    )
    return [_draw(row) for row in rows]


def pairs_of(tx: Connection, trial_id: UUID) -> list[Pair]:
    """A trial's pairs in the order in which they are shown."""
    rows = tx.execute(
        f"SELECT {_PAIR} FROM review_pairs WHERE trial_id = %s ORDER BY rank, pair_id",  # noqa: S608
        (trial_id,),
    )
    return [Pair(*row) for row in rows]


def pair(tx: Connection, pair_id: UUID) -> Pair | None:
    row = tx.execute(f"SELECT {_PAIR} FROM review_pairs WHERE pair_id = %s", (pair_id,)).fetchone()  # noqa: S608
    return None if row is None else Pair(*row)


def latest(tx: Connection, trial_id: UUID) -> dict[UUID, list[Label]]:
    """Everybody's latest version of each pair of a trial, undone ones too."""
    rows = tx.execute(
        f"SELECT DISTINCT ON (l.pair_id, l.person) {_columns('l')} FROM review_labels l "  # noqa: S608
        "JOIN review_pairs p USING (pair_id) WHERE p.trial_id = %s ORDER BY l.pair_id, l.person, l.version DESC",
        (trial_id,),
    )
    found: dict[UUID, list[Label]] = {}
    for row in rows:
        label = _label(row)
        found.setdefault(label.pair_id, []).append(label)
    return found


def versions(tx: Connection, pair_id: UUID, person: str) -> list[Label]:
    """A person's versions of one pair, oldest first."""
    rows = tx.execute(
        f"SELECT {_LABEL} FROM review_labels WHERE pair_id = %s AND person = %s ORDER BY version",  # noqa: S608
        (pair_id, person),
    )
    return [_label(row) for row in rows]


def last_of(tx: Connection, trial_id: UUID, person: str) -> Label | None:
    """What a person said last in a trial and has not undone."""
    standing = [
        one for labels in latest(tx, trial_id).values() for one in labels if one.person == person and not one.is_undone
    ]
    return max(standing, key=lambda one: (one.at, one.version), default=None)


def add(tx: Connection, label: Label) -> bool:
    """Write a version; False where it stands already."""
    done = tx.execute(
        f"INSERT INTO review_labels ({_LABEL}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "  # noqa: S608
        "ON CONFLICT DO NOTHING",
        (
            label.pair_id, label.person, label.version, label.choice, label.critical_baseline, label.critical_candidate,
            list(label.reason_codes), label.note, label.took_ms, label.is_undone, label.author, label.at,
        ),
    )  # fmt: skip
    return done.rowcount == 1


def leases(tx: Connection, trial_id: UUID, now: datetime) -> list[Lease]:
    """Who is looking at which pair of a trial."""
    rows = tx.execute(
        "SELECT l.pair_id, l.person, l.given_at, l.until FROM review_leases l JOIN review_pairs p USING (pair_id) "
        "WHERE p.trial_id = %s AND l.until > %s",
        (trial_id, now),
    )
    return [Lease(*row) for row in rows]


def lease(tx: Connection, pair_id: UUID, person: str, now: datetime, length: timedelta) -> None:
    """Give a pair to somebody, or longer to whom it was given; what nobody looks at any more goes."""
    tx.execute("DELETE FROM review_leases WHERE until < %s", (now,))
    tx.execute(
        "INSERT INTO review_leases (pair_id, person, given_at, until) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (pair_id, person) DO UPDATE SET until = greatest(review_leases.until, excluded.until)",
        (pair_id, person, now, now + length),
    )


def give_back(tx: Connection, pair_id: UUID, person: str) -> datetime | None:
    """End a lease; when it was given, or None where there was none."""
    row = tx.execute(
        "DELETE FROM review_leases WHERE pair_id = %s AND person = %s RETURNING given_at", (pair_id, person)
    ).fetchone()
    return None if row is None else row[0]


def note_opening(tx: Connection, trial_id: UUID, person: str, day: date) -> bool:
    """Is this the first time today that this person sees texts of this trial?"""
    done = tx.execute(
        "INSERT INTO review_openings (trial_id, person, day) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (trial_id, person, day),
    )
    return done.rowcount == 1


def labels_of_trial(tx: Connection, trial_id: UUID) -> list[tuple[int, int, str, float, float, bool, bool]]:
    """What people say of a trial's answers now: (way, position, person, baseline's score, candidate's score, is the baseline
    gravely wrong, is the candidate). Better is 1 and worse 0, same 1 and 1, both bad 0 and 0. By way, position and person."""
    held = {one.pair_id: one for one in pairs_of(tx, trial_id)}
    found = []
    for pair_id, labels in latest(tx, trial_id).items():
        for label in labels:
            scores = scores_of(label)
            if scores is not None:
                at = held[pair_id]
                found.append(
                    (at.way, at.position, label.person, *scores, label.critical_baseline, label.critical_candidate)
                )
    return sorted(found)


def shares_of_trial(tx: Connection, trial_id: UUID) -> dict[tuple[int, int], tuple[str, str, int]]:
    """How pairs came to people: (way, position) → (stratum, share, size of the stratum), for every pair that could have been
    drawn; share '' for those that were not. Columns ``stratum``, ``share`` and ``stratum_size`` of the trial's table."""
    drawn = {(one.way, one.position): one.share for one in pairs_of(tx, trial_id)}
    return {
        (draw.way, position): (stratum, drawn.get((draw.way, position), ""), len(positions))
        for draw in draws(tx, trial_id)
        for stratum, positions in draw.frame.items()
        for position in positions
    }


def moved_since(tx: Connection, trial_id: UUID, way: int, at: datetime) -> int:
    """Labels of a candidate that were given, changed or undone after an instant: after a certificate was signed, say."""
    row = tx.execute(
        "SELECT count(DISTINCT (l.pair_id, l.person)) FROM review_labels l JOIN review_pairs p USING (pair_id) "
        "WHERE p.trial_id = %s AND p.way = %s AND l.at > %s",
        (trial_id, way, at),
    ).fetchone()
    return int(row[0]) if row else 0


def _pair_row(one: Pair) -> tuple[Any, ...]:
    return (
        one.pair_id, one.trial_id, one.way, one.position, one.stratum, one.share, one.rank, one.inclusion, one.people,
        one.drawn_at, one.certificate, one.call_id,
    )  # fmt: skip


def _columns(table: str) -> str:
    return ", ".join(f"{table}.{name.strip()}" for name in _LABEL.split(","))


def _label(row: Sequence[Any]) -> Label:
    pair_id, person, version, choice, baseline, candidate, codes, note, took_ms, is_undone, author, at = row
    return Label(
        pair_id, person, version, choice, baseline, candidate, tuple(codes), note, took_ms, is_undone, author, at
    )  # fmt: skip


def _draw(row: Sequence[Any]) -> Draw:
    trial_id, way, version, task, candidate, budget, seed, strata, author, at = row
    return Draw(
        trial_id, way, version, task, candidate, budget, seed, strata["frame"], strata["focused"], author, at
    )  # fmt: skip

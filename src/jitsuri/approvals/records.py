"""Matters, their acts and deputies in the database: acts and versions are added, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jitsuri.approvals.shapes import Deputy, Kind, Matter, Signature
from jitsuri.store.door import Connection
from jitsuri.terms.ids import derived_id

_MATTER = "matter_id, kind, subject, fingerprint, round, state"
_ACT = "sequence, round, act, step, login, name, roles, on_behalf_of, on_behalf_of_name, fingerprint, reason, door, at"
_DEPUTY = "deputy_id, version, principal, login, first_day, last_day, is_ended, reason, author, at"


def matter(tx: Connection, kind: Kind, subject: str) -> Matter | None:
    """A matter with its acts; None where nobody has submitted it yet."""
    return _one(tx, kind, subject, "")


def for_change(tx: Connection, kind: Kind, subject: str) -> Matter | None:
    """As ``matter``, held against other acts until the transaction ends."""
    return _one(tx, kind, subject, "FOR UPDATE")


def everything(tx: Connection) -> list[Matter]:
    """All matters with their acts, the one with the latest act first."""
    rows = tx.execute(f"SELECT {_MATTER} FROM approvals_matters").fetchall()  # noqa: S608
    acts: dict[Any, list[Signature]] = {row[0]: [] for row in rows}
    for row in tx.execute(f"SELECT matter_id, {_ACT} FROM approvals_acts ORDER BY matter_id, sequence"):  # noqa: S608
        acts[row[0]].append(_signature(row[1:]))
    found = [_matter(row, acts[row[0]]) for row in rows]
    return sorted(found, key=lambda one: (one.acts[-1].at, one.subject), reverse=True)


def add(tx: Connection, after: Matter) -> bool:
    """Write a matter's latest act and where it leads. False where somebody else wrote the same act: nothing is written.

    The matter was read by ``for_change`` in this transaction; its first act makes its row.
    """
    matter_id, latest = derived_id("matter", after.kind, after.subject), after.acts[-1]
    standing = (after.fingerprint, after.round, after.state)
    if latest.sequence == 1:
        done = tx.execute(
            f"INSERT INTO approvals_matters ({_MATTER}, sequence) VALUES (%s, %s, %s, %s, %s, %s, 1) "  # noqa: S608
            "ON CONFLICT DO NOTHING",
            (matter_id, after.kind, after.subject, *standing),
        )
    else:
        done = tx.execute(
            "UPDATE approvals_matters SET fingerprint = %s, round = %s, state = %s, sequence = %s "
            "WHERE matter_id = %s AND sequence = %s",
            (*standing, latest.sequence, matter_id, latest.sequence - 1),
        )
    if done.rowcount != 1:
        return False
    tx.execute(
        f"INSERT INTO approvals_acts (matter_id, {_ACT}) "  # noqa: S608
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            matter_id, latest.sequence, latest.round, latest.act, latest.step, latest.login, latest.name,
            list(latest.roles), latest.on_behalf_of, latest.on_behalf_of_name, latest.fingerprint, latest.reason,
            latest.door, latest.at,
        ),
    )  # fmt: skip
    return True


def deputies(tx: Connection) -> list[Deputy]:
    """Every deputy as it stands now (its latest version), the one that begins last first."""
    rows = tx.execute(
        f"SELECT DISTINCT ON (deputy_id) {_DEPUTY} FROM approvals_deputies ORDER BY deputy_id, version DESC"  # noqa: S608
    )
    found = [Deputy(*row) for row in rows]
    return sorted(found, key=lambda one: (one.first, one.last, one.principal, one.login), reverse=True)


def add_deputy(tx: Connection, deputy: Deputy) -> bool:
    """Write a version of a deputy; False where this version stands already."""
    done = tx.execute(
        f"INSERT INTO approvals_deputies ({_DEPUTY}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "  # noqa: S608
        "ON CONFLICT DO NOTHING",
        (
            deputy.deputy_id, deputy.version, deputy.principal, deputy.login, deputy.first, deputy.last,
            deputy.is_ended, deputy.reason, deputy.author, deputy.at,
        ),
    )  # fmt: skip
    return done.rowcount == 1


_DEPUTY_LOCK = 5_410_060
"""Advisory lock of whoever names or ends a deputy: two spans that overlap take turns."""


def lock_deputies(tx: Connection) -> None:
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (_DEPUTY_LOCK,))


def _one(tx: Connection, kind: Kind, subject: str, how: str) -> Matter | None:
    row = tx.execute(
        f"SELECT {_MATTER} FROM approvals_matters WHERE kind = %s AND subject = %s {how}",  # noqa: S608
        (kind, subject),
    ).fetchone()
    if row is None:
        return None
    acts = tx.execute(f"SELECT {_ACT} FROM approvals_acts WHERE matter_id = %s ORDER BY sequence", (row[0],))  # noqa: S608
    return _matter(row, (_signature(act) for act in acts))


def _matter(row: tuple[Any, ...], acts: Iterable[Signature]) -> Matter:
    _, kind, subject, fingerprint, count, state = row
    return Matter(kind, subject, fingerprint, count, state, tuple(acts))


def _signature(row: tuple[Any, ...]) -> Signature:
    sequence, count, act, step, login, name, roles, *rest = row
    return Signature(sequence, count, act, step, login, name, tuple(roles), *rest)

"""Keys in the database: each with its story, its secrets under their hashes, and the last day on which it was used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from jitsuri.access.shapes import KeptKey, KeptSecret, Key, KeyScope, KeyState
from jitsuri.store.door import Connection

_SCOPE = tuple(f.name for f in fields(KeyScope))
_STORY = (
    "purpose", "state", "asked_by", "asked_at", "decided_by", "decided_at", "decided_reason", "ended_by", "ended_at",
    "ended_reason",
)  # fmt: skip
_KEY = ("key_id", *_SCOPE, *_STORY)
_READ = (
    f"SELECT {', '.join(f'k.{name}' for name in _KEY)}, u.used_on "  # noqa: S608
    "FROM access_keys k LEFT JOIN access_key_uses u USING (key_id)"
)
_STANDING = (
    f"SELECT s.secret_hash, {', '.join(f'k.{name}' for name in _SCOPE)}, k.key_id, s.hint, "  # noqa: S608
    "least(k.expires_at, s.ends_at), k.state = 'revoked' FROM access_key_secrets s JOIN access_keys k USING (key_id)"
)


# -- for the gateway


def standing(tx: Connection) -> dict[bytes, Key]:
    """The key behind every secret there ever was, by the secret's SHA-256: also those that hold no longer."""
    found = {}
    for secret_hash, *scope, key_id, hint, ends_at, is_revoked in tx.execute(_STANDING):
        found[secret_hash] = Key(*(*_scope(scope), key_id, hint, ends_at.astimezone(UTC), is_revoked))
    return found


def touch_many(tx: Connection, days: Mapping[UUID, date]) -> None:
    """Note on which day keys were last used; an earlier day, or a key that is not there, changes nothing.

    Rows are taken in the order of their ids, so that workers that write at once wait for each other in one order.
    """
    if days:
        ids = sorted(days)
        tx.execute(
            "INSERT INTO access_key_uses AS u (key_id, used_on) "
            "SELECT n.key_id, n.used_on FROM unnest(%s::uuid[], %s::date[]) AS n (key_id, used_on) "
            "JOIN access_keys USING (key_id) ORDER BY n.key_id "
            "ON CONFLICT (key_id) DO UPDATE SET used_on = EXCLUDED.used_on WHERE u.used_on < EXCLUDED.used_on",
            (ids, [days[key_id] for key_id in ids]),
        )


# -- for people


def everything(tx: Connection) -> list[KeptKey]:
    """All keys, the one asked for last first."""
    rows = tx.execute(f"{_READ} ORDER BY k.asked_at DESC, k.key_id").fetchall()
    secrets = defaultdict(list)
    for key_id, *secret in tx.execute(
        "SELECT key_id, hint, made_by, made_at, ends_at FROM access_key_secrets ORDER BY made_at DESC"
    ):
        secrets[key_id].append(KeptSecret(*secret))
    return [_kept(row, secrets[row[0]]) for row in rows]


def one(tx: Connection, key_id: UUID) -> KeptKey | None:
    row = tx.execute(f"{_READ} WHERE k.key_id = %s", (key_id,)).fetchone()
    secrets = tx.execute(
        "SELECT hint, made_by, made_at, ends_at FROM access_key_secrets WHERE key_id = %s ORDER BY made_at DESC",
        (key_id,),
    )
    return _kept(row, [KeptSecret(*secret) for secret in secrets]) if row else None


def for_change(tx: Connection, key_id: UUID) -> KeptKey | None:
    """A key, held against other changes until the transaction ends."""
    tx.execute("SELECT FROM access_keys WHERE key_id = %s FOR NO KEY UPDATE", (key_id,))
    return one(tx, key_id)


def lock(tx: Connection) -> None:
    """Wait for any other transaction that asks for a key: two living keys must not get the same name."""
    tx.execute("LOCK TABLE access_keys IN SHARE ROW EXCLUSIVE MODE")


def is_name_taken(tx: Connection, name: str, now: datetime) -> bool:
    """Is there a key of this name that holds, or may come to hold?"""
    [(found,)] = tx.execute(
        "SELECT EXISTS (SELECT FROM access_keys WHERE name = %s AND expires_at > %s "
        "AND state IN ('asked', 'approved', 'active'))",
        (name, now),
    ).fetchall()
    return bool(found)


def insert(tx: Connection, kept: KeptKey) -> None:
    """Write a key that was not there."""
    values = {**{name: getattr(kept.scope, name) for name in _SCOPE}, **{name: getattr(kept, name) for name in _STORY}}
    tx.execute(
        f"INSERT INTO access_keys ({', '.join(_KEY)}) VALUES ({', '.join(['%s'] * len(_KEY))})",  # noqa: S608
        (kept.key_id, *(list(value) if isinstance(value, tuple) else value for value in values.values())),
    )


def set_decided(tx: Connection, key_id: UUID, state: KeyState, by: str, at: datetime, reason: str) -> None:
    tx.execute(
        "UPDATE access_keys SET state = %s, decided_by = %s, decided_at = %s, decided_reason = %s WHERE key_id = %s",
        (state, by, at, reason, key_id),
    )


def set_ended(tx: Connection, key_id: UUID, state: KeyState, by: str, at: datetime, reason: str) -> None:
    tx.execute(
        "UPDATE access_keys SET state = %s, ended_by = %s, ended_at = %s, ended_reason = %s WHERE key_id = %s",
        (state, by, at, reason, key_id),
    )


def set_active(tx: Connection, key_id: UUID) -> None:
    tx.execute("UPDATE access_keys SET state = 'active' WHERE key_id = %s", (key_id,))


def set_limits(tx: Connection, key_id: UUID, expires_at: datetime, requests: int, tokens: int) -> None:
    """Another end and other limits per minute."""
    tx.execute(
        "UPDATE access_keys SET expires_at = %s, requests_per_minute = %s, tokens_per_minute = %s WHERE key_id = %s",
        (expires_at, requests, tokens, key_id),
    )


def add_secret(tx: Connection, key_id: UUID, secret_hash: bytes, secret: KeptSecret) -> None:
    """A new secret of a key; the earlier ones stay as they are."""
    tx.execute(
        "INSERT INTO access_key_secrets (secret_hash, key_id, hint, made_by, made_at, ends_at) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        (secret_hash, key_id, secret.hint, secret.made_by, secret.made_at, secret.ends_at),
    )


def end_secrets(tx: Connection, key_id: UUID, at: datetime) -> None:
    """Let all secrets that a key has end at this instant; one that ends earlier keeps its end."""
    tx.execute(
        "UPDATE access_key_secrets SET ends_at = least(ends_at, %s) WHERE key_id = %s",
        (at, key_id),
    )


def _kept(row: tuple[Any, ...], secrets: list[KeptSecret]) -> KeptKey:
    key_id, *values, used_on = row
    scope, story = KeyScope(*_scope(values[: len(_SCOPE)])), values[len(_SCOPE) :]
    return KeptKey(*(key_id, scope, *story, used_on, tuple(secrets)))


def _scope(values: list[Any]) -> tuple[Any, ...]:
    """Columns as the shape has them; instants all in one zone, so that they compare fast."""
    name, department, task, models, regions, starts_at, expires_at, requests, tokens = values
    instants = starts_at.astimezone(UTC), expires_at.astimezone(UTC)
    return name, department, task, tuple(models), tuple(regions), *instants, requests, tokens

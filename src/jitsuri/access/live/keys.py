"""The keys of callers, held in memory: found by the hash of what a call presents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from jitsuri.access.rules.keying import LENGTH, lapse, presented, stranger
from jitsuri.access.shapes import Key
from jitsuri.terms.outcomes import Refusal

_BEARER = b"Bearer "
_BEARER_LENGTH = len(_BEARER)


class Keys:
    """A snapshot of all keys by the SHA-256 of their secrets (``records.keys.standing``), replaced whole.

    Finding compares no secrets, so its time tells nothing of one: what is presented is hashed and looked up.
    Revoked and ended keys stand in it too, so that their callers are told what happened.
    """

    def __init__(self, standing: Mapping[bytes, Key] | None = None) -> None:
        self._standing = standing or {}

    def replace(self, standing: Mapping[bytes, Key]) -> None:
        """Hold these from now on; the mapping must not change afterwards. Safe from another thread."""
        self._standing = standing

    def key_ids(self) -> set[UUID]:
        """The ids of all keys in the snapshot."""
        return {key.key_id for key in self._standing.values()}

    def find(self, authorization: bytes | None, x_api_key: bytes | None, now: datetime) -> Key | Refusal:
        """The key that a call presents, if it holds now; the values of both headers as they came, or None.

        Refuses ``key_missing``, ``key_malformed``, ``key_unknown``, ``key_not_yet``, ``key_expired``, ``key_replaced``,
        ``key_revoked``.
        """
        if authorization is None:
            secret = x_api_key or b""
        else:
            secret = authorization[_BEARER_LENGTH:] if authorization.startswith(_BEARER) else b""
        key = self._standing.get(sha256(secret).digest()) if len(secret) == LENGTH else None
        if key is None:
            secret = presented(authorization, x_api_key)
            key = self._standing.get(sha256(secret).digest()) if len(secret) == LENGTH else None
            if key is None:
                return stranger(secret)
        if key.starts_at <= now < key.ends_at and not key.is_revoked:
            return key
        return lapse(key, now) or key

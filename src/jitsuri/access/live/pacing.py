"""The pace of each key: requests and tokens per minute, as this worker's share of what the key may."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from jitsuri.access.rules.pacing import NEARLY, filled, share, wait_s
from jitsuri.access.shapes import Key
from jitsuri.terms.outcomes import Refusal


class Pace:
    """A bucket of requests and one of tokens for each key that has called. For one thread: a worker's loop.

    A limit is shared evenly between the workers, none of which knows of the others: what one leaves unused, no other
    may use. ``at`` is always in monotonic seconds.
    """

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._held: dict[UUID, _Held] = {}

    def take(self, key: Key, tokens: int, at: float) -> Refusal | None:
        """Let a call through that will take about this many tokens, or refuse it; a refusal takes nothing.

        Refuses ``rate_limited`` with ``kind`` (``RPM`` requests, ``TPM`` tokens), ``limit`` and whole ``seconds`` to wait.
        """
        held = self._held.get(key.key_id)
        if held is None or (held.key is not key and not held.fits(key)):
            held = self._anew(key, held, at)
        requests, tokens_left = held.requests, held.tokens
        if requests is not None and not requests.has(1, at):
            return _limited(key, "RPM", key.requests_per_minute, requests.wait_s(1))
        if tokens_left is not None:
            if not tokens_left.has(tokens, at):
                return _limited(key, "TPM", key.tokens_per_minute, tokens_left.wait_s(tokens))
            tokens_left.level -= tokens
        if requests is not None:
            requests.level -= 1
        return None

    def correct(self, key: Key, taken: int, used: int, at: float) -> None:
        """After the answer: a call that took ``taken`` tokens by estimate has used ``used``."""
        held = self._held.get(key.key_id)
        if held is not None and held.tokens is not None:
            held.tokens.has(0, at)
            held.tokens.level = min(held.tokens.size, held.tokens.level + taken - used)

    def keep_only(self, key_ids: Collection[UUID]) -> None:
        """Forget keys that are no more (after a new snapshot), so that memory does not grow. A set is best."""
        for gone in [held for held in self._held if held not in key_ids]:
            del self._held[gone]

    def _anew(self, key: Key, before: _Held | None, at: float) -> _Held:
        """The buckets of a key first seen, or seen with other limits: what was left stays, as far as it fits."""
        made = _Held(
            key,
            _bucket(key.requests_per_minute, self._workers, before.requests if before else None, at),
            _bucket(key.tokens_per_minute, self._workers, before.tokens if before else None, at),
        )
        self._held[key.key_id] = made
        return made


class _Bucket:
    __slots__ = ("at", "level", "size")

    def __init__(self, size: float, level: float, at: float) -> None:
        self.size, self.level, self.at = size, level, at

    def has(self, wanted: float, at: float) -> bool:
        """Fill up to now; may this much pass?"""
        if at > self.at:
            self.level = filled(self.level, at - self.at, self.size)
            self.at = at
        return self.level + NEARLY >= (wanted if wanted < self.size else self.size)

    def wait_s(self, wanted: float) -> int:
        return wait_s(self.level, wanted, self.size)


class _Held:
    __slots__ = ("key", "requests", "tokens")

    def __init__(self, key: Key, requests: _Bucket | None, tokens: _Bucket | None) -> None:
        self.key, self.requests, self.tokens = key, requests, tokens

    def fits(self, key: Key) -> bool:
        """Has this key (another secret's, or a later snapshot's) the same limits?"""
        same_requests = self.key.requests_per_minute == key.requests_per_minute
        return same_requests and self.key.tokens_per_minute == key.tokens_per_minute


def _bucket(limit: int, workers: int, before: _Bucket | None, at: float) -> _Bucket | None:
    if not limit:
        return None
    size = share(limit, workers)
    if before is None:
        return _Bucket(size, size, at)
    before.has(0, at)
    return _Bucket(size, min(size, before.level), at)


def _limited(key: Key, kind: str, limit: int, seconds: int) -> Refusal:
    return Refusal("rate_limited", {"name": key.name, "kind": kind, "limit": limit, "seconds": seconds})

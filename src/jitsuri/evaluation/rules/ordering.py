"""Chance that anybody can repeat: orders and folds from a hash of seed and name, the same on every machine and version."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b


def drawn_order(names: Sequence[str], seed: int) -> list[int]:
    """The places of the names in a random order that only seed and names decide.

    Sorting by a keyed hash is a uniform random permutation as far as blake2b is a random function; a library's generator
    may change its stream between versions, and a certificate must be recomputable for years.
    """
    keys = [_key(name, seed) for name in names]
    return sorted(range(len(names)), key=lambda at: (keys[at], names[at], at))


def folds(names: Sequence[str], seed: int, count: int) -> list[int]:
    """A fold in [0, count) for each name, as equally full as possible."""
    found = [0] * len(names)
    for place, at in enumerate(drawn_order(names, seed)):
        found[at] = place % count
    return found


def _key(name: str, seed: int) -> bytes:
    return blake2b(
        name.encode("utf-8", "surrogatepass"), digest_size=16, salt=seed.to_bytes(8, "big", signed=True)
    ).digest()

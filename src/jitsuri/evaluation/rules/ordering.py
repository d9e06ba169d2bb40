"""Chance that anybody can repeat: orders and folds from a hash of seed and name, the same on every machine and version."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np


def drawn_order(names: Sequence[str], seed: int) -> list[int]:
    """The places of the names in a random order that only seed and names decide.

    Sorting by a keyed hash is a uniform random permutation as far as blake2b is a random function; a library's generator
    may change its stream between versions, and a certificate must be recomputable for years.
    """
    salted = blake2b(digest_size=16, salt=seed.to_bytes(8, "big", signed=True))
    digests = []
    for name in names:
        one = salted.copy()
        one.update(name.encode("utf-8", "surrogatepass"))
        digests.append(one.digest())
    halves = np.frombuffer(b"".join(digests), dtype=">u8").reshape(-1, 2)
    return [int(at) for at in np.lexsort((halves[:, 1], halves[:, 0]))]


def chance_of(name: str, seed: int) -> float:
    """A number in [0, 1) that only seed and name decide: the same for a name whatever others there are."""
    salted = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, salt=seed.to_bytes(8, "big", signed=True))
    return int.from_bytes(salted.digest(), "big") / 2**64


def folds(names: Sequence[str], seed: int, count: int) -> list[int]:
    """A fold in [0, count) for each name, as equally full as possible."""
    found = [0] * len(names)
    for place, at in enumerate(drawn_order(names, seed)):
        found[at] = place % count
    return found

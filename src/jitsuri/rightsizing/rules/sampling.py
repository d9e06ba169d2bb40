"""Which past requests stand for a task (decision 0031): strata, what says nearly the same, how many of each stratum, which ones.

Everything follows from the requests' ids and a seed; the order in which they come does not matter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jitsuri.evaluation.rules.normalising import normalised
from jitsuri.evaluation.rules.ordering import drawn_order
from jitsuri.terms.period import COMPANY_ZONE

FEWEST_PER_STRATUM = 20
"""Requests below which a stratum is pooled with its neighbours: 5 % of a sample of 200 could not tell it (decision 0031)."""
JOINED = "|"
POOLED = "*"

GRAM = 5
"""Characters of a shingle, as in the sample's own filter of near-duplicates."""
NEAR = 0.8
"""Shared share of shingles (Jaccard) from which two requests say nearly the same (decision 0031)."""
MOST_COMPARED = 20_000
"""Characters of a request that are compared: the rest of a longer document hardly changes what it asks."""
BANDS, ROWS = 16, 4
"""64 minima in 16 bands: a pair at ``NEAR`` is found with a probability of 1 − (1 − 0.8⁴)¹⁶ > 0.999. Source: Broder, "On the
resemblance and containment of documents" (1997); Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3."""

OFFICE_OPENS, OFFICE_CLOSES = time(9), time(18)

Hours = Literal["office", "evening", "weekend"]


@dataclass(frozen=True, slots=True)
class Sampled:
    """A request that could be drawn. ``name`` is unique; ``text`` is what is compared for near-duplicates."""

    name: str
    at: datetime
    input_tokens: int
    channel: str = ""
    customer_type: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A drawn request: its place among those handed in, its stratum, its slices, and how many it stands for."""

    place: int
    stratum: str
    slices: Mapping[str, str]
    stands_for: int


def chosen_of(pool: Sequence[Sampled], size: int, seed: int) -> list[Chosen]:
    """Draw ``size`` requests, or all where there are fewer: near-duplicates folded, strata in proportion, in random order.

    The order of the result is the order in which they are asked: whatever has been asked at any time is itself a sample.
    """
    groups = folded(pool, seed)
    kept = sorted(groups)
    rows = [pool[at] for at in kept]
    lengths = length_classes([row.input_tokens for row in rows])
    keys = [
        (length, row.channel, row.customer_type, hours_of(row.at)) for length, row in zip(lengths, rows, strict=True)
    ]
    strata = strata_of(keys, max(1, size // 2))
    wanted = allocation(Counter(strata), size)
    found: list[Chosen] = []
    for at in drawn_order([row.name for row in rows], seed):
        stratum = strata[at]
        if wanted[stratum]:
            wanted[stratum] -= 1
            length, channel, customer_type, hours = keys[at]
            slices = {"length": length, "channel": channel, "customer_type": customer_type, "slice_hours": hours}
            told = {name: value for name, value in slices.items() if value}
            found.append(Chosen(kept[at], stratum, told, groups[kept[at]]))
    return found


def length_classes(tokens: Sequence[int]) -> list[str]:
    """``short``, ``medium`` or ``long`` by terciles of the pool; requests of the same length are in the same class."""
    ordered = sorted(tokens)
    if not ordered:
        return []
    low, high = ordered[(len(ordered) - 1) // 3], ordered[2 * (len(ordered) - 1) // 3]
    return ["short" if one <= low else "medium" if one <= high else "long" for one in tokens]


def hours_of(at: datetime) -> Hours:
    """When somebody asked, on the company's clock: in office hours, outside them, or at the weekend."""
    here = at.astimezone(COMPANY_ZONE)
    if here.weekday() >= 5:
        return "weekend"
    return "office" if OFFICE_OPENS <= here.time() < OFFICE_CLOSES else "evening"


def strata_of(keys: Sequence[tuple[str, ...]], most: int, fewest: int = FEWEST_PER_STRATUM) -> list[str]:
    """The stratum of each key. Sparse ones are pooled with their neighbours, the last part of the key first.

    No more than ``most`` strata come out, so that each can be represented.
    """
    while True:
        pooled = _pooled(keys, fewest)
        if len(set(pooled)) <= max(1, most):
            return [JOINED.join(part or "-" for part in key) for key in pooled]
        fewest *= 2


def _pooled(keys: Sequence[tuple[str, ...]], fewest: int) -> list[tuple[str, ...]]:
    found = list(keys)
    depth = len(keys[0]) if keys else 0
    for kept in range(depth - 1, -1, -1):
        counts = Counter(found)
        found = [key if counts[key] >= fewest else (*key[:kept], *(POOLED,) * (depth - kept)) for key in found]
    counts = Counter(found)
    rest = (POOLED,) * depth
    if 0 < counts[rest] < fewest and len(counts) > 1:  # too few to stand alone: they go with the largest
        largest = min((key for key in counts if key != rest), key=lambda key: (-counts[key], key))
        found = [largest if key == rest else key for key in found]
    return found


def allocation(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """How many of each stratum: in proportion, at least one, never more than there are; together ``size`` or all.

    Largest remainders; ties by name. Raises ValueError where there are more strata than places.
    """
    total = sum(counts.values())
    if size >= total:
        return dict(counts)
    if size < len(counts):
        raise ValueError(f"{len(counts)} strata cannot share {size} places")
    found = {name: min(count, max(1, size * count // total)) for name, count in counts.items()}
    while (given := sum(found.values())) != size:
        step = 1 if given < size else -1
        open_to = [n for n in counts if (found[n] < counts[n] if step > 0 else found[n] > 1)]
        at = max(open_to, key=lambda n: (step * (size * counts[n] - found[n] * total), n))
        found[at] += step
    return found


def folded(pool: Sequence[Sampled], seed: int) -> dict[int, int]:
    """Place of each request that stays → how many requests it stands for, itself included.

    Requests are looked at in their drawn order; one that is near an earlier one that stayed is folded into it. Time is
    about linear in the text: only requests that share a band of minima are compared.
    """
    stands: dict[int, int] = {}
    exact: dict[str, int] = {}
    bands: defaultdict[tuple[int, bytes], list[int]] = defaultdict(list)
    grams: dict[int, NDArray[np.uint64]] = {}
    for at in drawn_order([row.name for row in pool], seed):
        text = normalised(pool[at].text[:MOST_COMPARED])
        if not text:
            stands[at] = 1
            continue
        if (same := exact.get(text)) is not None:
            stands[same] += 1
            continue
        mine = shingles(text)
        marks = [(band, mark.tobytes()) for band, mark in enumerate(_minima(mine).reshape(BANDS, ROWS))]
        near = next(
            (other for other in sorted({one for mark in marks for one in bands[mark]}) if _is_near(mine, grams[other])),
            None,
        )
        if near is not None:
            stands[near] += 1
            exact[text] = near
            continue
        stands[at], exact[text], grams[at] = 1, at, mine
        for mark in marks:
            bands[mark].append(at)
    return stands


def shingles(text: str) -> NDArray[np.uint64]:
    """The text's runs of five characters as sorted numbers, each once; a shorter text is one run."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    if len(points) < GRAM:
        points = np.concatenate([points, np.zeros(GRAM - len(points), dtype=np.uint64)])
    found = np.zeros(len(points) - GRAM + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for at in range(GRAM):
            found = found * _STEP + points[at : at + len(found)]
        return np.unique(_mixed(found))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread numbers over all 64 bits. Source: the finaliser of splitmix64 (Vigna, prng.di.unimi.it, read 2026-11-27)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


_STEP = np.uint64(0x9E3779B97F4A7C15)
with np.errstate(over="ignore"):
    _SALTS = _mixed(np.arange(1, BANDS * ROWS + 1, dtype=np.uint64) * _STEP)


def _minima(grams: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        return np.array([_mixed(grams ^ salt).min() for salt in _SALTS], dtype=np.uint64)


def _is_near(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> bool:
    if min(len(one), len(other)) < NEAR * max(len(one), len(other)):
        return False
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared >= NEAR * (len(one) + len(other) - shared)

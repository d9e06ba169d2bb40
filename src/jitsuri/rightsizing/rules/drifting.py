"""Has the mix of a task's calls moved for good? Daily counts of categories against a frozen reference. Pure.

A day's counts are taken as Dirichlet-multinomial: shares move from day to day by more than chance alone, around those of
their weekday. Each day gets an *e-value*: how much likelier its counts are under the same shares with far wider movement than
under the reference. It averages one or less while the reference holds, so the detector

    M(day) = max(M(day before), 1) · e(day)

has run for ``threshold`` days or more, on average, before it reaches ``threshold`` by chance (Shin, Ramdas and Rinaldo,
E-detectors, 2023: a CUSUM of e-values, never above their Shiryaev–Roberts sum). Everything that the reference does not know exactly is
counted as movement: how wide the movement is (an upper bound), and the shares of each weekday (a few days each).
Source of every number here: decision 0035, ``python bench/drift.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import chi2

from jitsuri.rightsizing.shapes.lives import MixDay

Floats = NDArray[np.float64]

REFERENCE_DAYS = 28
"""Days with calls that a reference needs: four of each weekday."""
CATEGORIES = 7
"""Most categories of one dimension; the rest, and what was never seen, are one more."""
SMALLEST_SHARE = 0.01
"""A category with less of the calls is counted with the rest."""
WIDER = (3.0, 10.0, 30.0)
"""How many times as wide the movement of the alternatives is, each as likely as the others."""
MOST_PER_DAY = 60.0
"""An e-value counts for no more: one odd day voids nothing, two in a row may."""
DIMENSIONS = 4
YEARS = 1
THRESHOLD = float(DIMENSIONS * YEARS * 365)
"""One false alarm a year of a task at most, over all dimensions; fewer as measured (decision 0035)."""
BOUND = 0.10
"""The movement's width is taken at its upper bound of this error."""
QUIET = 0.5
"""A day with less than this share of its weekday's usual calls may be a day of rest, and is compared with those too."""
REST = "…"


@dataclass(frozen=True, slots=True)
class Reference:
    """One dimension's usual mix: shares by weekday, how far they move, and how many calls are usual."""

    categories: tuple[str, ...]
    """The last one is the rest."""
    shares: Floats
    """(7, categories): of Monday, Tuesday, …"""
    movement: Floats
    """(7,): correlation ρ within a day of each weekday, 0 to 1, with what is not known of its shares; 0 is chance alone."""
    volumes: Floats
    """(7,): mean calls of a day; 0 where the weekday has none."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Where one dimension's detector stands. ``on``: the day on which it first reached the threshold; None: it has not."""

    dimension: str
    evidence: tuple[float, ...]
    """After each day since the certificate was put in force."""
    on: date | None
    category: str
    """The category that has moved most in the last days, with its share in the reference and now."""
    before: float
    now: float


def reference_of(days: Sequence[tuple[date, Mapping[str, int]]]) -> Reference | None:
    """The usual mix from whole days with calls; None from fewer than ``REFERENCE_DAYS``."""
    if len(days) < REFERENCE_DAYS:
        return None
    names = _categories([counts for _, counts in days])
    table = np.array([_row(counts, names) for _, counts in days])
    return reference_from(names, table, np.array([day.weekday() for day, _ in days]))


def reference_from(names: tuple[str, ...], table: Floats, weekdays: NDArray[np.int64]) -> Reference:
    """As ``reference_of``, from a table of counts (days × categories) and each day's weekday (0 is Monday)."""
    total = table.sum(axis=0) + 0.5
    whole = total / total.sum()
    calls = table.sum(axis=1)
    shares, volumes = np.tile(whole, (7, 1)), np.zeros(7)
    held = [np.flatnonzero(weekdays == weekday) for weekday in range(7)]
    for weekday, rows in enumerate(held):
        if len(rows) >= 2:
            sums = table[rows].sum(axis=0) + whole
            shares[weekday] = sums / sums.sum()
        if len(rows):
            volumes[weekday] = calls[rows].mean()
    rho = _movement(table, weekdays, held, shares)
    movement = np.empty(7)
    for weekday, rows in enumerate(held):
        known = rows if len(rows) >= 2 else np.arange(len(table))
        unknown = rho / len(known) + 1.0 / max(1.0, float(calls[known].sum()))
        movement[weekday] = min(0.95, rho + unknown)
    return Reference(names, shares, movement, volumes)


def detector(reference: Reference, days: Sequence[tuple[date, Mapping[str, int]]]) -> tuple[float, ...]:
    """The evidence after each day, in their order."""
    table = np.array([_row(counts, reference.categories) for _, counts in days]).reshape(-1, len(reference.categories))
    return tuple(run_detector(daily_evidence(reference, table, np.array([day.weekday() for day, _ in days], np.int64))))


def daily_evidence(reference: Reference, table: Floats, weekdays: NDArray[np.int64]) -> Floats:
    """Each day's e-value, at most ``MOST_PER_DAY``. A day without calls says nothing."""
    found = np.ones(len(table))
    calls = table.sum(axis=1)
    held = np.flatnonzero(calls > 0)
    if not len(held):
        return found
    table, calls, weekdays = table[held], calls[held], weekdays[held]
    shares, rho = reference.shares[weekdays], reference.movement[weekdays]
    usual = _usual_likelihood(reference, table, calls, weekdays)
    wider = [
        np.exp(np.minimum(_log_likelihood(table, shares, _wider(rho, times, calls)) - usual, 50.0)) for times in WIDER
    ]
    same_way = np.exp(np.minimum(_log_likelihood(table, _as_lately(table, calls, shares), rho) - usual, 50.0))
    found[held] = np.minimum((np.mean(wider, axis=0) + same_way) / 2, MOST_PER_DAY)
    return found


def run_detector(values: Floats) -> Floats:
    """The detector over e-values, along the last axis."""
    evidence, state = np.empty_like(values), np.zeros(values.shape[:-1])
    for at in range(values.shape[-1]):
        state = np.maximum(state, 1.0) * values[..., at]
        evidence[..., at] = state
    return evidence


def drifts_of(reference_days: Sequence[MixDay], days: Sequence[MixDay]) -> tuple[Drift, ...]:
    """Every dimension's detector; empty where there are too few days of reference."""
    dimensions = sorted({name for day in reference_days for name in day.counts})
    found = []
    for name in dimensions:
        reference = reference_of([(day.day, day.counts.get(name, {})) for day in reference_days if day.calls])
        if reference is None:
            continue
        since = [(day.day, day.counts.get(name, {})) for day in days]
        evidence = detector(reference, since)
        reached = next((day for (day, _), one in zip(since, evidence, strict=True) if one >= THRESHOLD), None)
        upto = [counts for day, counts in since if reached is None or day <= reached][-3:]
        found.append(Drift(name, evidence, reached, *_mover(reference, upto)))
    return tuple(found)


def parted(days: Sequence[MixDay], in_force_on: date) -> tuple[list[MixDay], list[MixDay]]:
    """Days of the reference, and days that are watched. The day of the change itself belongs to neither.

    A task with too few days before takes its first days since as reference, and is watched after them.
    """
    ordered = sorted(days, key=lambda day: day.day)
    before = [day for day in ordered if day.day < in_force_on and day.calls]
    since = [day for day in ordered if day.day > in_force_on and day.calls]
    missing = max(0, REFERENCE_DAYS - len(before))
    return [*before, *since[:missing]], since[missing:]


def _movement(table: Floats, weekdays: NDArray[np.int64], held: Sequence[NDArray[np.int64]], shares: Floats) -> float:
    """Upper bound of the correlation within a day, by moments, from days around their own weekday's shares."""
    calls = table.sum(axis=1)
    total, freedom, chance, scale = 0.0, 0.0, 0.0, 0.0
    for at in range(len(table)):
        n, rows = calls[at], held[weekdays[at]]
        if n < 2 or len(rows) < 2:
            continue
        p = shares[weekdays[at]]
        kept = p > 0.5 / max(1.0, calls[rows].sum())
        left = 1.0 - n / calls[rows].sum()  # what the day did not pull its own mean towards itself
        if left <= 0:
            continue
        squares = float((((table[at] / n - p) ** 2 / p)[kept]).sum())
        total += squares * n / left
        parts = float((1.0 - p)[kept].sum())
        freedom += parts * (len(rows) - 1) / len(rows)
        chance += parts
        scale += parts * (n - 1)
    if not freedom or not scale:
        return 0.0
    upper = total * freedom / float(chi2.ppf(BOUND, freedom)) if freedom >= 1 else total
    return float(np.clip((upper - chance) / scale, 0.0, 0.9))


def _usual_likelihood(reference: Reference, table: Floats, calls: Floats, weekdays: NDArray[np.int64]) -> Floats:
    """Of each day as its weekday; a day with few calls may be a holiday, like another day that has few calls."""
    best = _log_likelihood(table, reference.shares[weekdays], reference.movement[weekdays])
    usual = reference.volumes[weekdays]
    for other in np.flatnonzero(reference.volumes):
        may_be = (calls < QUIET * usual) & (reference.volumes[other] < QUIET * usual)
        if may_be.any():
            rows = np.flatnonzero(may_be)
            like = _log_likelihood(table[rows], reference.shares[other], reference.movement[other])
            best[rows] = np.maximum(best[rows], like)
    return best


def _as_lately(table: Floats, calls: Floats, shares: Floats) -> Floats:
    """Shares of each day if it has moved as the two days before it did; of the first day, the reference's."""
    times = table / calls[:, None] / shares
    before = np.ones_like(times)
    before[1:] = times[:-1]
    before[2:] = (times[1:-1] + times[:-2]) / 2
    moved = shares * np.clip(before, 0.02, 50.0)
    found: Floats = moved / moved.sum(axis=1, keepdims=True)
    return found


def _wider(rho: Floats, times: float, calls: Floats) -> Floats:
    """The correlation at which a day of so many calls moves ``times`` as widely (variance) as at ``rho``."""
    n = np.maximum(calls, 2.0)
    found: Floats = np.clip((times * (1.0 + (n - 1.0) * rho) - 1.0) / (n - 1.0), 1e-6, 0.95)
    return found


def _log_likelihood(table: Floats, shares: Floats, rho: float | Floats) -> Floats:
    """Of each row, Dirichlet-multinomial, without the part that depends on the row alone."""
    width = np.clip(np.broadcast_to(rho, len(table)), 1e-6, 0.95)
    concentration = (1.0 - width) / width
    alpha = np.maximum(concentration[:, None] * np.broadcast_to(shares, table.shape), 1e-9)
    n = table.sum(axis=1)
    found: Floats = (
        gammaln(concentration) - gammaln(n + concentration) + (gammaln(table + alpha) - gammaln(alpha)).sum(axis=1)
    )
    return found


def _categories(days: Sequence[Mapping[str, int]]) -> tuple[str, ...]:
    totals: dict[str, int] = {}
    for counts in days:
        for name, count in counts.items():
            totals[name] = totals.get(name, 0) + count
    whole = sum(totals.values())
    ordered = sorted(totals, key=lambda name: (-totals[name], name))
    kept = [name for name in ordered[:CATEGORIES] if totals[name] >= SMALLEST_SHARE * whole and name != REST]
    return (*kept, REST)


def _row(counts: Mapping[str, int], names: tuple[str, ...]) -> list[float]:
    own = [float(counts.get(name, 0)) for name in names[:-1]]
    return [*own, float(sum(counts.values())) - sum(own)]


def _mover(reference: Reference, days: Sequence[Mapping[str, int]]) -> tuple[str, float, float]:
    """The category whose share in these days is farthest from the reference's."""
    table = np.array([_row(counts, reference.categories) for counts in days]).reshape(-1, len(reference.categories))
    if not table.sum():
        return "", 0.0, 0.0
    now = table.sum(axis=0) / table.sum()
    usual = np.average(reference.shares, axis=0, weights=reference.volumes + 1e-9)
    apart = now - usual
    at = int(np.argmax(np.abs(apart) + 1e-9 * np.sign(apart)))  # of two that mirror each other, the one that has grown
    return reference.categories[at], round(float(usual[at]), 4), round(float(now[at]), 4)

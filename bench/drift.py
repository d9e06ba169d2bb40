"""How often a task's mix is called moved by mistake, and how soon a real shift is found.

    python bench/drift.py [--years 400]

Simulated tasks: shares that differ by weekday (offices work from Monday to Friday), calls per day that vary, and shares that move from
day to day (Dirichlet) by more than chance. 28 days of reference, then a year; all dimensions of a task together. Seeds are fixed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jitsuri.rightsizing.rules.drifting import (
    DIMENSIONS,
    REFERENCE_DAYS,
    THRESHOLD,
    daily_evidence,
    reference_from,
    run_detector,
)

Floats = NDArray[np.float64]
YEAR = 365


@dataclass(frozen=True)
class World:
    """A kind of task. ``concentration``: of the Dirichlet from which each day's shares are drawn; the greater, the calmer."""

    calls: int
    concentration: float
    categories: int
    weekend: float = 0.25
    """Weekend's calls as a share of a working day's."""
    weekend_shift: float = 0.15
    """How far the weekend's shares lie from those of working days (total variation)."""


WORLDS = {
    "1000-calm": World(1000, 400.0, 6),
    "1000-usual": World(1000, 150.0, 6),
    "1000-restless": World(1000, 60.0, 6),
    "1000-two": World(1000, 150.0, 2),
    "50-usual": World(50, 150.0, 6),
    "10000-usual": World(10_000, 150.0, 6),
}


def shares_of(world: World, chance: np.random.Generator) -> Floats:
    """Shares by weekday."""
    base = chance.dirichlet(np.full(world.categories, 3.0)) * 0.9 + 0.1 / world.categories
    shares = np.tile(base, (7, 1))
    for weekday in range(7):
        if weekday >= 5:
            shares[weekday] = moved(base, world.weekend_shift, chance)
        else:
            shares[weekday] = moved(base, 0.02, chance)
    return shares


def moved(shares: Floats, distance: float, chance: np.random.Generator) -> Floats:
    """The shares with so much of the mix taken from some categories and given to others."""
    order = chance.permutation(len(shares))
    taken, left, found = 0.0, distance, shares.copy()
    givers: list[int] = []
    for at in order[:-1]:
        part = min(left, found[at] * 0.95)
        found[at] -= part
        taken, left = taken + part, left - part
        givers.append(int(at))
        if left <= 1e-12:
            break
    takers = [int(at) for at in order if int(at) not in givers]
    found[takers] += taken * chance.dirichlet(np.ones(len(takers)))
    return found


def days_of(world: World, shares: Floats, days: int, chance: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """Counts (days × categories) and weekdays; calls of a day vary by 15 %."""
    weekdays = np.arange(days) % 7
    usual = np.where(weekdays >= 5, world.calls * world.weekend, world.calls)
    calls = chance.poisson(usual * np.exp(chance.normal(0, 0.15, days)))
    drawn = chance.gamma(world.concentration * shares[weekdays])
    drawn /= drawn.sum(axis=1, keepdims=True)
    return chance.multinomial(calls, drawn).astype(float), weekdays


def false_voids(world: World, years: int, seed: int) -> tuple[int, int]:
    """(task-years with a false void, simulated task-years): one year has all dimensions."""
    chance = np.random.default_rng(seed)
    hit = 0
    for _ in range(years):
        is_hit = False
        for _dimension in range(DIMENSIONS):
            shares = shares_of(world, chance)
            table, weekdays = days_of(world, shares, REFERENCE_DAYS + YEAR, chance)
            names = tuple(map(str, range(world.categories)))
            reference = reference_from(names, table[:REFERENCE_DAYS], weekdays[:REFERENCE_DAYS])
            evidence = run_detector(daily_evidence(reference, table[REFERENCE_DAYS:], weekdays[REFERENCE_DAYS:]))
            is_hit = is_hit or bool((evidence >= THRESHOLD).any())
        hit += is_hit
    return hit, years


def days_until_found(world: World, shift: float, runs: int, seed: int, most: int = 60) -> list[int]:
    """After how many days a shift is found that began on a random day; ``most`` + 1: not at all."""
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(runs):
        shares = shares_of(world, chance)
        quiet_days = int(chance.integers(14, 60))
        before, weekdays = days_of(world, shares, REFERENCE_DAYS + quiet_days, chance)
        after_shares = shares.copy()
        order = chance.integers(1 << 31)
        for weekday in range(7):
            after_shares[weekday] = moved(shares[weekday], shift, np.random.default_rng(order))
        start = (REFERENCE_DAYS + quiet_days) % 7
        rolled = np.roll(after_shares, -start, axis=0)
        shifted_world = days_from(world, rolled, most, start, chance)
        names = tuple(map(str, range(world.categories)))
        reference = reference_from(names, before[:REFERENCE_DAYS], weekdays[:REFERENCE_DAYS])
        table = np.vstack([before[REFERENCE_DAYS:], shifted_world])
        watched = np.arange(REFERENCE_DAYS, REFERENCE_DAYS + len(table)) % 7
        evidence = run_detector(daily_evidence(reference, table, watched))
        reached = np.flatnonzero(evidence[quiet_days:] >= THRESHOLD)
        found.append(int(reached[0]) + 1 if len(reached) else most + 1)
    return found


def days_from(world: World, shares: Floats, days: int, start: int, chance: np.random.Generator) -> Floats:
    """Counts of days that begin on weekday ``start``; ``shares`` begin there too."""
    weekdays = (np.arange(days) + start) % 7
    usual = np.where(weekdays >= 5, world.calls * world.weekend, world.calls)
    calls = chance.poisson(usual * np.exp(chance.normal(0, 0.15, days)))
    drawn = chance.gamma(world.concentration * shares[np.arange(days) % 7])
    drawn /= drawn.sum(axis=1, keepdims=True)
    return chance.multinomial(calls, drawn).astype(float)


def main() -> None:
    """Print both tables."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--years", type=int, default=400)
    years = asked.parse_args().years
    print("world          false voids / task-years   shift 0.20: within 2, 3, 7 days   median   shift 0.10: median")
    for name, world in WORLDS.items():
        hit, of = false_voids(world, years, 2026)
        big = days_until_found(world, 0.20, years, 2027)
        small = days_until_found(world, 0.10, years, 2028)
        within = "  ".join(f"{sum(one <= n for one in big) / len(big):6.1%}" for n in (2, 3, 7))
        print(
            f"{name:<14} {hit:>4} / {of:<18} {within}   {int(np.median(big)):>6}   {int(np.median(small)):>6}",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Alarms in a simulation: false alarms per week at steady traffic, time to detection, flapping. Seeds are fixed.

    python bench/alarms.py [WEEKS]

Calls arrive by chance (Poisson) with a working day's shape; each is bad by chance, independently. Decision 0023 holds the
figures.
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from math import exp, inf, pi, sin
from statistics import median

import numpy

from jitsuri.calls.rules.alarming import AGAIN, FEWEST_BAD, HORIZON, TO_OPEN, judge
from jitsuri.calls.shapes import Alarm, Seen

START = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WEEK = 7 * 24 * 60
NONE = (0,) * 12


def arrivals(chance: random.Random, mean: float) -> int:
    """A Poisson number; by its normal likeness where it is large."""
    if mean > 50:
        return max(0, round(chance.gauss(mean, mean**0.5)))
    limit, product, n = exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        n += 1
    return n


def bad_among(chance: random.Random, calls: int, share: float) -> int:
    if calls * share > 50:
        return min(calls, max(0, round(chance.gauss(calls * share, (calls * share * (1 - share)) ** 0.5))))
    return sum(chance.random() < share for _ in range(calls))


class Subject:
    """One upstream's minutes, as they come in."""

    def __init__(self, seed: str, per_minute: float, usual: float) -> None:
        self.chance = random.Random(seed)
        self.per_minute = per_minute
        self.now = START
        self.seen: list[Seen] = []
        week = round(per_minute * WEEK)
        self.week = [Seen(START, "t", "u", week, round(week * usual), 0, 0, 0, 0, NONE)]
        self.standing: list[Alarm] = []
        self.ended: dict[tuple[str, str], datetime] = {}
        self.opened: list[tuple[datetime, str]] = []

    def pass_minute(self, share: float) -> None:
        shape = 1 + 0.8 * sin(2 * pi * (self.now.hour * 60 + self.now.minute) / 1440)
        calls = arrivals(self.chance, self.per_minute * shape)
        self.seen.append(Seen(self.now, "t", "u", calls, bad_among(self.chance, calls, share), 0, 0, 0, 0, NONE))
        self.now += MINUTE
        while self.seen[0].minute < self.now - HORIZON:
            self.seen.pop(0)

    def look(self) -> None:
        changes = judge(self.seen, self.week, self.standing, self.ended, self.now)
        for alarm in changes.closed:
            assert alarm.closed_at is not None
            self.ended[alarm.kind, alarm.subject] = alarm.closed_at
        self.ended = {key: at for key, at in self.ended.items() if at >= self.now - AGAIN}
        gone = {alarm.alarm_id for alarm in changes.closed}
        self.standing = [alarm for alarm in self.standing if alarm.alarm_id not in gone] + list(changes.opened)
        self.opened += [(self.now, alarm.subject) for alarm in changes.opened if alarm.subject == "upstream:u"]


def openings(seed: str, per_minute: float, usual: float, share: float, minutes: int) -> int:
    subject = Subject(seed, per_minute, usual)
    for _ in range(minutes):
        subject.pass_minute(share)
        subject.look()
    return len(subject.opened)


def many_weeks(usual: float, per_minute: float, weeks: int) -> float:
    """Alarms per week of the test alone, in so many weeks at once: without the working day's shape and the horizon."""
    chance = numpy.random.default_rng(20261127)
    held = numpy.zeros((2, weeks))
    other = numpy.array([[2 * usual], [0.5]])
    for_bad, for_good = numpy.log(other / usual), numpy.log((1 - other) / (1 - usual))
    bad_since = numpy.zeros((2, weeks))
    found = 0
    for _ in range(WEEK):
        calls = chance.poisson(per_minute, weeks)
        bad = chance.binomial(calls, usual)
        held = numpy.maximum(0, held + bad * for_bad + (calls - bad) * for_good)
        bad_since = numpy.where(held > 0, bad_since + bad, 0)
        opens = ((held >= TO_OPEN) & (bad_since >= FEWEST_BAD)).any(axis=0)
        found += int(opens.sum())
        held[:, opens] = 0
    return found / weeks


def detection(seed: str, per_minute: float, usual: float, share: float, most: int) -> int | None:
    """Minutes until the alarm opens, after six quiet hours; None: not within ``most``."""
    subject = Subject(seed, per_minute, usual)
    for _ in range(6 * 60):
        subject.pass_minute(usual)
    subject.look()
    subject.opened.clear()
    begin = subject.now
    for _ in range(most):
        subject.pass_minute(share)
        subject.look()
        if subject.opened:
            return (subject.opened[0][0] - begin) // MINUTE
    return None


def recovery(seed: str, per_minute: float, usual: float) -> int:
    """Minutes until an alarm closes, once an outage of half an hour is over."""
    subject = Subject(seed, per_minute, usual)
    for share in [usual] * 120 + [0.5] * 30:
        subject.pass_minute(share)
        subject.look()
    begin = subject.now
    while subject.standing and subject.now - begin < timedelta(days=1):
        subject.pass_minute(usual)
        subject.look()
    return (subject.now - begin) // MINUTE


def main() -> None:
    weeks = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    print("steady traffic: alarms per subject and week")
    for usual in (0.005, 0.02, 0.05):
        for per_minute in (1, 10, 60, 600):
            found = sum(openings(f"s{n}", per_minute, usual, usual, WEEK) for n in range(weeks))
            print(f"  usual {usual:6.1%}  {per_minute:4d}/min  {found / weeks:.2f}", flush=True)
    print("the same by the test alone, 1,000 weeks")
    for usual in (0.02, 0.05, 0.10):
        found_rates = [f"{rate}/min {many_weeks(usual, rate, 1000):.3f}" for rate in (1, 10, 60, 600)]
        print(f"  usual {usual:6.1%}  {'  '.join(found_rates)}", flush=True)
    print("a week at a steady share, usual 5 %: openings at 10, 60, 600 calls a minute")
    for share in (0.055, 0.06, 0.065, 0.07, 0.075, 0.08, 0.10):
        print(f"  {share:6.1%}  {[openings('f', rate, 0.05, share, WEEK) for rate in (10, 60, 600)]}", flush=True)
    print("minutes from the usual share's return to the end, after half an hour of every second call: median of 20")
    for usual in (0.02, 0.05):
        for per_minute in (1, 10, 60, 600):
            found = sorted(recovery(f"r{n}", per_minute, usual) for n in range(20))
            print(f"  usual {usual:5.1%}  {per_minute:4d}/min  {median(found):g}  {found[17]}", flush=True)
    print("minutes to detection: median and 9th decile of 20")
    for usual, share in ((0.02, 0.04), (0.05, 0.10), (0.02, 0.5), (0.02, 1.0)):
        for per_minute in (1, 10, 60, 600):
            found = [detection(f"d{n}", per_minute, usual, share, 24 * 60) for n in range(20)]
            seen = sorted(m if m is not None else inf for m in found)
            print(f"  {usual:5.1%} -> {share:6.1%}  {per_minute:4d}/min  {median(seen):g}  {seen[17]:g}", flush=True)


if __name__ == "__main__":
    main()

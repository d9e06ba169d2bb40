"""Alarms: what opens one, what closes it, and that nothing flaps."""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil, log
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.calls.rules.alarming import (
    FEWEST_BAD,
    HORIZON,
    LIMITS,
    OUTAGE_OVER,
    QUIET,
    SHORTEST,
    TO_CLOSE,
    TO_OPEN_AGAIN,
    Counted,
    evidence,
    judge,
    usual_of,
)
from jitsuri.calls.shapes import ALARM_KINDS, BUCKETS_MS, Alarm, Seen

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

import itertools

from alarms import Subject, detection, openings

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NONE = (0,) * 12


def minutes(
    count: int, *, task: str = "triage", upstream: str = "stub", until: datetime = NOW, **each: int
) -> list[Seen]:
    """So many minutes that end at ``until``, all alike."""
    values = {"attempts": 20, "errors": 0, "cut": 0, "empty": 0, "fell_back": 0, "refused": 0, **each}
    return [
        Seen(until - MINUTE * n, task, upstream, **values, answered_buckets=NONE)  # type: ignore[arg-type]
        for n in range(count, 0, -1)
    ]


def week(**sums: int) -> list[Seen]:
    values = {"attempts": 200_000, "errors": 2_000, "cut": 0, "empty": 0, "fell_back": 0, "refused": 0, **sums}
    return [Seen(NOW, "triage", "stub", **values, answered_buckets=NONE)]  # type: ignore[arg-type]


def opened(seen: list[Seen], usual: list[Seen] | None = None, standing: tuple[Alarm, ...] = ()) -> set[tuple[str, str]]:
    found = judge(seen, week() if usual is None else usual, standing, {}, NOW)
    return {(alarm.kind, alarm.subject) for alarm in found.opened}


def both(kind: str) -> set[tuple[str, str]]:
    return {(kind, "task:triage"), (kind, "upstream:stub")}


def test_an_outage_opens_an_alarm_of_its_task_and_its_upstream() -> None:
    found = judge([*minutes(30, until=NOW - 2 * MINUTE), *minutes(2, errors=20)], week(), (), {}, NOW)

    assert {(alarm.kind, alarm.subject) for alarm in found.opened} == both("errors")
    facts = found.opened[0].facts
    assert facts["calls"] == facts["bad"] == 40, "the alarm tells from where on it went wrong"
    assert (facts["percent"], facts["usual_percent"]) == ("100.0", "2.0")
    assert facts["since"] == "2026-11-27T02:58:00+00:00"


def test_what_is_usual_opens_none() -> None:
    assert opened(minutes(360, attempts=200, errors=2)) == set()
    assert opened(minutes(360, attempts=200, errors=8), week(errors=8_000)) == set()


def test_twice_the_usual_share_opens_one() -> None:
    assert opened(minutes(60, attempts=200, errors=8)) == both("errors")
    assert opened(minutes(60, attempts=200, errors=8), week(errors=8_000)) == set(), "there it is usual"


def test_one_in_ten_always_opens_one_whatever_was_usual() -> None:
    assert opened(minutes(60, attempts=200, errors=20), week(errors=60_000)) == both("errors")
    assert opened(minutes(60, attempts=200, errors=20), []) == both("errors"), "nothing is known of before"


def test_a_handful_of_failures_opens_none() -> None:
    assert opened(minutes(3, attempts=3, errors=3)) == set()
    assert opened(minutes(4, attempts=3, errors=3)) == both("errors")


@pytest.mark.parametrize(
    ("each", "kind"),
    [({"cut": 8}, "empty"), ({"empty": 8}, "empty"), ({"fell_back": 8}, "fallbacks"), ({"errors": 8}, "errors")],
)
def test_each_kind_looks_at_its_own_count(each: dict[str, int], kind: str) -> None:
    assert opened(minutes(20, **each)) == both(kind)


def test_refusals_belong_to_a_task_and_strangers_open_none() -> None:
    refused = minutes(20, upstream="", attempts=0, refused=30)
    strangers = minutes(20, task="", upstream="", attempts=0, refused=3000)

    assert opened([*minutes(20), *refused]) == {("refusals", "task:triage")}
    assert opened([*minutes(20), *strangers]) == set()


@pytest.mark.parametrize("kind", ["caller_errors", "caller_gone", "gateway_errors"])
def test_what_is_not_the_upstreams_doing_opens_no_alarm_of_it(kind: str) -> None:
    assert {one for one in opened(minutes(60, **{kind: 20})) if one[1].startswith("upstream:")} == set()


def test_a_task_whose_calls_are_refused_as_they_are_written_has_an_alarm_of_refusals() -> None:
    assert opened(minutes(20, caller_errors=10)) == {("refusals", "task:triage")}
    assert opened(minutes(20, task="", caller_errors=10)) == set()


def test_faults_are_a_share_of_the_attempts_that_say_something() -> None:
    """Ten in two hundred would be usual; of the twenty that an upstream could answer it is every second one."""
    crowd = minutes(20, attempts=200, errors=10, caller_errors=100, caller_gone=80)
    found = judge(crowd, week(errors=8_000), (), {}, NOW)

    [alarm] = [one for one in found.opened if (one.kind, one.subject) == ("errors", "upstream:stub")]
    assert (alarm.facts["calls"], alarm.facts["bad"]) == (400, 200)


def gone(count: int, early: int, late: int) -> list[Seen]:
    """Answers of 0.3 s, and callers who leave after 0.3 s or after 3 s."""
    answered, left = [0] * 12, [0] * 12
    answered[3], left[3], left[6] = 20, early, late
    return [
        Seen(NOW - MINUTE * n, "triage", "stub", 20 + early + late, 0, 0, 0, 0, 0, tuple(answered),
             caller_gone=early + late, gone_buckets=tuple(left))
        for n in range(count, 0, -1)
    ]  # fmt: skip


def test_callers_who_leave_only_after_twice_the_usual_time_make_an_upstream_slow() -> None:
    usual = slow(1, 9_800, 200)

    assert opened(gone(30, 10, 0), usual) == set(), "who leaves early says nothing"
    assert opened(gone(30, 0, 5), usual) == both("slow"), "an upstream that hangs is seen though nobody waits for it"


def test_calls_without_a_task_are_watched_too() -> None:
    assert opened(minutes(20, task="", errors=10)) == {("errors", "task:"), ("errors", "upstream:stub")}


def slow(count: int, fast: int, late: int) -> list[Seen]:
    """Answers of 0.3 s, and so many of 3 s."""
    buckets = [0] * 12
    buckets[3], buckets[6] = fast, late
    return [
        Seen(NOW - MINUTE * n, "triage", "stub", fast + late, 0, 0, 0, 0, 0, tuple(buckets))
        for n in range(count, 0, -1)
    ]


def test_answers_that_take_twice_the_usual_95th_percentile_are_slow() -> None:
    usual = slow(1, 9_800, 200)
    found = judge(slow(30, 15, 5), usual, (), {}, NOW)

    assert {(alarm.kind, alarm.subject) for alarm in found.opened} == both("slow")
    assert found.opened[0].facts["limit_ms"] == 1000, "the usual 95th percentile is below 0.5 s"
    assert opened(slow(30, 20, 0), usual) == set()
    assert opened(slow(30, 15, 5), slow(1, 150, 10)) == set(), "too little is known of what is usual"
    assert opened(slow(30, 15, 5), slow(1, 500, 500)) == set(), "there three seconds are usual"


def test_the_usual_share_stays_within_the_limits_of_its_kind() -> None:
    assert {usual_of("errors", w).share for w in (None, week(errors=0)[0], week(errors=150_000)[0])} == {0.05, 0.02}
    assert usual_of("errors", week(errors=6_000)[0]).share == pytest.approx(0.03, abs=0.001)
    for kind in ALARM_KINDS:
        assert 0 < LIMITS[kind].floor < LIMITS[kind].cap <= 0.10
    assert [b / a for a, b in itertools.pairwise(BUCKETS_MS)] == pytest.approx([2] * 10, rel=0.26)


def stands(at: datetime, kind: str = "errors") -> Alarm:
    found = judge(minutes(10, errors=10, until=at), week(), (), {}, at)
    return next(a for a in found.opened if a.subject == "upstream:stub" and a.kind == kind)


def test_an_alarm_stays_open_while_it_goes_on_and_opens_no_second() -> None:
    alarm = stands(NOW - timedelta(minutes=30))
    found = judge(minutes(60, errors=10), week(), (alarm,), {}, NOW)

    assert found.closed == ()
    assert {a.subject for a in found.opened} == {"task:triage"}


def test_an_alarm_closes_when_the_share_is_usual_again_but_not_at_once() -> None:
    alarm = stands(NOW - SHORTEST)
    good = minutes(9, attempts=100)

    assert judge(good, week(), (alarm,), {}, NOW - MINUTE).closed == ()
    [closed] = judge(good, week(), (alarm,), {}, NOW).closed
    assert closed.closed_at == NOW
    assert (closed.facts["end_bad"], closed.facts["bad"]) == (0, alarm.facts["bad"])


def test_an_alarm_of_what_is_no_longer_asked_is_over_after_a_while() -> None:
    alarm = stands(NOW - QUIET)

    assert judge([], week(), (alarm,), {}, NOW - MINUTE).closed == ()
    assert len(judge([], week(), (alarm,), {}, NOW).closed) == 1
    assert judge(minutes(50, attempts=1, errors=1), week(), (alarm,), {}, NOW).closed == ()


def test_what_was_counted_before_the_end_opens_no_other() -> None:
    bad = minutes(30, errors=10)

    assert judge(bad, week(), (), {("errors", "upstream:stub"): NOW, ("errors", "task:triage"): NOW}, NOW).opened == ()


def test_another_needs_more_evidence_for_a_day_and_an_outage_has_it() -> None:
    last = {("errors", "upstream:stub"): NOW - timedelta(hours=2), ("errors", "task:triage"): NOW - timedelta(hours=2)}
    doubled = minutes(25, attempts=100, errors=4)

    assert {a.kind for a in judge(doubled, week(), (), {}, NOW).opened} == {"errors"}
    assert judge(doubled, week(), (), last, NOW).opened == ()
    assert len(judge(minutes(1, errors=20), week(), (), last, NOW).opened) == 2


def test_evidence_is_the_best_sum_of_log_likelihood_ratios() -> None:
    """Against the definition: the largest sum over all ends of the sequence, or nothing."""
    chance = random.Random(5)
    for _ in range(200):
        rows = [
            Counted(NOW, n, chance.randint(0, n)) for n in (chance.randint(0, 5) for _ in range(chance.randint(1, 30)))
        ]
        steps = [r.bad * log(0.3 / 0.2) + (r.calls - r.bad) * log(0.7 / 0.8) for r in rows]
        best = max([0.0, *(sum(steps[n:]) for n in range(len(steps)))])
        held, since = evidence(rows, 0.2, 0.3)

        assert held == pytest.approx(best, abs=1e-9)
        assert sum(steps[since:]) == pytest.approx(held, abs=1e-9)


def run(shares: list[float], seed: str, per_minute: float) -> Subject:
    subject = Subject(seed, per_minute, 0.05)
    for share in shares:
        for _ in range(10):
            subject.pass_minute(share)
            subject.look()
    return subject


NOISY = (
    st.lists(st.floats(0.05, 0.11), min_size=36, max_size=36),
    st.integers(0, 1000),
    st.sampled_from([5.0, 60.0, 600.0]),
)
"""Six hours at shares between the usual one and twice it, another one every ten minutes."""

FEWEST_MINUTES = SHORTEST // MINUTE + 2
"""From one opening to the next: the time an alarm stays, the minute of its end, which tells nothing, and one that does."""
FEWEST_FAILED = max(FEWEST_BAD, ceil(TO_OPEN_AGAIN / log(0.5 / 0.05)))
"""Bad calls without which none opens again: no evidence grows faster than that for every second call."""
FEWEST_WELL = ceil(TO_CLOSE / log((1 - 0.05) / (1 - OUTAGE_OVER * 0.05)))
"""Good calls without which none ends, for the same reason."""


@settings(max_examples=8, deadline=None)
@given(*NOISY)
def test_however_the_share_changes_no_more_open_than_there_is_time_and_evidence_for(
    shares: list[float], seed: int, per_minute: float
) -> None:
    subject = run(shares, str(seed), per_minute)
    times = [at for at, _ in subject.opened]

    assert all(b - a >= FEWEST_MINUTES * MINUTE for a, b in itertools.pairwise(times))
    for a, b in itertools.pairwise(times):
        between = [one for one in subject.seen if a - MINUTE <= one.minute < b]
        failed = sum(one.errors for one in between)
        assert failed >= FEWEST_FAILED
        assert sum(one.attempts for one in between) - failed >= FEWEST_WELL


@settings(max_examples=24, deadline=None, derandomize=True)
@given(*NOISY)
def test_noise_about_the_threshold_opens_few(shares: list[float], seed: int, per_minute: float) -> None:
    """To open one again the share must have fallen and risen. A chance that is small, so always the same cases."""
    assert len(run(shares, str(seed), per_minute).opened) <= len(shares) // 2


@settings(max_examples=5, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=36, max_size=36), st.integers(0, 1000))
def test_no_traffic_whatever_opens_more_than_one_in_twelve_minutes(shares: list[float], seed: int) -> None:
    times = [at for at, _ in run(shares, str(seed), 60).opened]

    assert all(b - a >= FEWEST_MINUTES * MINUTE for a, b in itertools.pairwise(times))


@pytest.mark.slow
def test_steady_traffic_opens_none_in_a_week_and_a_doubled_share_is_seen() -> None:
    """Figures of many more weeks are in decision 0023 (``bench/alarms.py``)."""
    assert openings("a", 10, 0.02, 0.02, 7 * 24 * 60) == 0
    assert detection("b", 60, 0.05, 0.10, 60) is not None
    assert (detection("c", 10, 0.02, 1.0, 60) or 99) <= 3


def test_percentages_can_be_kept_as_evidence() -> None:
    facts = stands(NOW).facts

    assert all(isinstance(value, (int, str)) for value in facts.values())
    assert Decimal(str(facts["percent"])) == 50
    assert NOW - datetime.fromisoformat(str(facts["since"])) <= HORIZON

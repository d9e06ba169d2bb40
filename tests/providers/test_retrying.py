"""After a failed attempt: again, onwards or not at all. Every row of the table in decision 0019 stands here."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitsuri.providers.rules.retrying import (
    CAP_S,
    LONGEST_ASKED_S,
    SPREAD,
    Again,
    GiveUp,
    Onwards,
    Outcome,
    Step,
    backoff_s,
    next_step,
    outcome_of,
)
from jitsuri.providers.shapes import Said, Upstream
from jitsuri.terms.errors import UpstreamError

UPSTREAM = Upstream("社外", "compatible", "openai", "https://llm.example.jp/v1", "見本", retries=2)


def said(status: int, code: str = "", retry_after_s: float | None = None) -> Said:
    return Said(status, code, "", retry_after_s=retry_after_s)


def error(code: str, *, is_retryable: bool = False) -> UpstreamError:
    return UpstreamError(code, is_retryable=is_retryable, upstream="社外")


FIRST: list[tuple[Said | UpstreamError, Step, Outcome]] = [
    (said(429), Again(0.25), "neutral"),
    (said(503), Again(0.25), "failed"),
    (said(529, "overloaded_error"), Again(0.25), "failed"),
    (said(408), Again(0.25), "failed"),
    (said(425), Again(0.25), "neutral"),
    (said(429, "insufficient_quota"), Onwards("operator"), "neutral"),
    (said(429, "insufficient_quota", 1.0), Onwards("operator"), "neutral"),
    (said(402), Onwards("operator"), "answered"),
    (said(500), Onwards(), "failed"),
    (said(501), Onwards(), "failed"),
    (said(502), Onwards(), "failed"),
    (said(504), Onwards(), "failed"),
    (said(200, "api_error"), Onwards(), "failed"),
    (said(200, "overloaded_error"), Onwards(), "failed"),
    (said(400), GiveUp("caller"), "answered"),
    (said(409), GiveUp("caller"), "answered"),
    (said(413), GiveUp("caller"), "answered"),
    (said(422), GiveUp("caller"), "answered"),
    (said(401), GiveUp("operator"), "answered"),
    (said(403), GiveUp("operator"), "answered"),
    (said(404), GiveUp("operator"), "answered"),
    (said(407), GiveUp("operator"), "answered"),
    (said(304), GiveUp("operator"), "answered"),
    (error("upstream_unreachable", is_retryable=True), Again(0.25), "failed"),
    (error("upstream_broken", is_retryable=True), Again(0.25), "failed"),
    (error("upstream_broken"), Onwards(), "failed"),
    (error("upstream_slow"), Onwards(), "failed"),
    (error("upstream_stalled"), Onwards(), "failed"),
    (error("upstream_overtime"), Onwards(), "failed"),
    (error("upstream_full", is_retryable=True), Onwards(), "neutral"),
    (error("upstream_tls", is_retryable=True), Onwards("operator"), "failed"),
    (error("upstream_proxy", is_retryable=True), Onwards("operator"), "failed"),
    (error("upstream_redirected", is_retryable=True), GiveUp("operator"), "failed"),
    (error("upstream_too_large"), GiveUp("operator"), "neutral"),
]


@pytest.mark.parametrize(("failure", "step", "outcome"), FIRST, ids=[str(row[0]) for row in FIRST])
def test_after_the_first_try(failure: Said | UpstreamError, step: Step, outcome: Outcome) -> None:
    assert next_step(failure, 1, UPSTREAM, 0.5) == step
    assert outcome_of(failure) == outcome


@pytest.mark.parametrize("failure", [row[0] for row in FIRST], ids=[str(row[0]) for row in FIRST])
def test_once_the_caller_has_a_byte_nothing_is_asked_again(failure: Said | UpstreamError) -> None:
    assert next_step(failure, 1, UPSTREAM, 0.5, has_begun=True, has_next=True) == GiveUp("upstream")


@pytest.mark.parametrize("failure", [said(429, "", 0.1), said(503), error("upstream_unreachable", is_retryable=True)])
def test_after_the_last_try_the_next_upstream_is_asked(failure: Said | UpstreamError) -> None:
    steps = [next_step(failure, tries, UPSTREAM, 0.0) for tries in (1, 2, 3)]

    assert [type(step) for step in steps] == [Again, Again, Onwards]


@pytest.mark.parametrize(
    ("retry_after_s", "has_next", "step"),
    [
        (1.0, False, Again(1.0 + 0.5 * SPREAD)),
        (1.0, True, Again(1.0 + 0.5 * SPREAD)),
        (0.0, False, Again(0.5 * SPREAD * 0.5)),
        (-3.0, False, Again(0.5 * SPREAD * 0.5)),
        (LONGEST_ASKED_S, False, Again(LONGEST_ASKED_S * (1 + 0.5 * SPREAD))),
        (LONGEST_ASKED_S + 1, False, Onwards()),
        (5.0, True, Onwards()),
        (float("inf"), False, Onwards()),
    ],
)
def test_a_wait_asked_for_is_kept_unless_it_is_too_long(retry_after_s: float, has_next: bool, step: Step) -> None:
    assert next_step(said(429, "", retry_after_s), 1, UPSTREAM, 0.5, has_next=has_next) == step


@given(st.integers(1, 400), st.floats(0, 1, exclude_max=True))
def test_waits_of_our_own_are_never_negative_nor_beyond_the_cap(tries: int, chance: float) -> None:
    assert 0 <= backoff_s(tries, chance) <= CAP_S


def test_upper_ends_double_up_to_the_cap() -> None:
    ends = [backoff_s(tries, 1.0) for tries in range(1, 9)]

    assert ends[:5] == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert all(b >= a for a, b in pairwise(ends))
    assert ends[-1] == CAP_S

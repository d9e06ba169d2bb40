"""Instants as logs write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.timing import elapsed_ms, instant, milliseconds
from jitsuri.terms.period import COMPANY_ZONE

NINE = datetime(2026, 11, 20, 0, 5, tzinfo=UTC)
"""2026-11-20 09:05 in Tokyo."""


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-11-20T00:05:00Z", NINE),
        ("2026-11-20T09:05:00+09:00", NINE),
        ("2026-11-20 09:05:00", NINE),
        ("2026-11-20 09:05", NINE),
        ("2026/11/20 9:05", NINE),
        ("2026/11/20 9:05:00", NINE),
        ("2026.11.20 09:05:00.0", NINE),
        ("2026年11月20日 9時05分", NINE),
        ("2026-11-20 09:05:00 JST", NINE),
        ("2026-11-20 00:05:00 UTC", NINE),
        ("2026/11/20 00:05:00 +0000", NINE),
        ("20261120090500", NINE),
        ("20261120T090500", NINE),
        ("2026-11-20T00:05:00.1234567Z", NINE + timedelta(microseconds=123456)),
        (1795133100, NINE),
        (1795133100.25, NINE + timedelta(milliseconds=250)),
        (1795133100250, NINE + timedelta(milliseconds=250)),
        (1795133100250000, NINE + timedelta(milliseconds=250)),
        (1795133100250000000, NINE + timedelta(milliseconds=250)),
        ("1795133100", NINE),
        ("1795133100250", NINE + timedelta(milliseconds=250)),
        ("1795133100250000000", NINE + timedelta(milliseconds=250)),
        ("1712010101123", datetime(2024, 4, 1, 22, 21, 41, 123000, tzinfo=UTC)),  # reads like the year 1712 in ISO 8601
        ("2026-11-20", datetime(2026, 11, 19, 15, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_logs_write_them(written, at):
    found = instant(written, COMPANY_ZONE)
    assert found == at
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "written", ["", "soon", "2026-02-30T00:00:00Z", "25:00", [], {}, True, -5, 0, float("nan"), "1e40"]
)
def test_what_is_no_time_is_a_fault(written):
    with pytest.raises(LineError, match="time_unreadable"):
        instant(written, COMPANY_ZONE)


@settings(derandomize=True, deadline=None)
@given(st.datetimes(datetime(2018, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
def test_every_unit_gives_the_same_instant(at):
    whole = at.replace(microsecond=0)
    seconds = int(whole.timestamp())
    for written in (seconds, seconds * 10**3, seconds * 10**6, seconds * 10**9, str(seconds), str(seconds * 10**9)):
        assert instant(written, COMPANY_ZONE) == whole
    assert instant(at.isoformat(), COMPANY_ZONE) == at


def test_latencies_are_never_a_reason_to_drop_a_call():
    assert [milliseconds(value) for value in (812, 812.6, "812")] == [812, 813, 812]
    for value in (None, "fast", -1, float("inf"), float("nan"), True, 2**40):
        assert milliseconds(value) is None
    assert elapsed_ms(NINE, NINE + timedelta(seconds=1)) == 1000
    assert elapsed_ms(NINE + timedelta(seconds=1), NINE) is None

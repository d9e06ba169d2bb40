"""The wall clock of the gateway's processes jumps while calls run: into the past, the next day, the next fiscal year.

The real processes under libfaketime, with their monotonic clocks as they are; the database keeps the true time.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from running_gateway import RunningGateway, assume_dollar, make_key, settings_text
from stub_upstream import StubUpstream
from test_kills import Callers, missing

from jitsuri.ledger.rules.budgeting import period_start
from jitsuri.store.door import Store
from jitsuri.terms.period import company_day

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.database,
    pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed (Debian: apt-get install faketime)"),
]

HOUR, DAY = 3600, 86_400
BUDGETS = """
[budgets.of-a-day]
limit_jpy = 1000
period = "day"
kind = "hard"

[budgets.of-a-month]
limit_jpy = 1000
period = "month"
kind = "hard"

[budgets.of-a-year]
limit_jpy = 1000
period = "fiscal_year"
kind = "hard"

[budgets.told-only]
limit_jpy = 1000
period = "day"
kind = "soft"
"""


class Clock:
    """The wall clock of the gateway's processes, as far as it is from the true one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, seconds: int) -> None:
        """Jump, and wait until every process has: the library reads its file again when a second of the true time is over.

        Reading it at every look costs most of what a processor can do.
        """
        made = self._file.with_suffix(".new")
        made.write_text(f"{seconds:+d}\n")
        made.replace(self._file)
        time.sleep(1.1)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self._file), "FAKETIME_CACHE_DURATION": "0",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


@pytest.fixture
def jumping(tmp_path: Path, store: Store, stub: StubUpstream, clock: Clock) -> Iterator[RunningGateway]:
    assume_dollar(store)
    # No call is slow by the clock that jumps; on a machine that is busy it may be by the true one.
    settings = settings_text(stub.url, workers=2, more=BUDGETS).replace(
        "first_byte_seconds = 3", "first_byte_seconds = 15"
    )
    with RunningGateway(tmp_path / "home", settings, store.dsn, clock.environment) as running:
        yield running


def called(url: str, key: str) -> tuple[int, str]:
    """Status of one call, and the code of its refusal."""
    body = {"model": "task:inquiry-triage", "messages": [{"role": "user", "content": "納期"}], "max_tokens": 20}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        return error.code, str(json.loads(error.read())["error"]["code"])


def to_the_next_fiscal_year(now: datetime) -> int:
    """Seconds to a day in next April."""
    year = now.year + (now.month >= 4)
    return int((datetime(year, 4, 2, tzinfo=UTC) - now).total_seconds())


def test_calls_go_on_whatever_the_clock_says(jumping: RunningGateway, store: Store, clock: Clock) -> None:
    key = make_key(store, expires_at=datetime.now(UTC) + timedelta(days=360))
    jumping.wait_until_known(key)
    pids = jumping.worker_pids()
    far = to_the_next_fiscal_year(datetime.now(UTC))
    expected = set()
    with Callers(jumping.url, key, 1) as callers:
        for seconds in (0, -HOUR, DAY, 0, far, -HOUR, far - DAY, 0):
            clock.set(seconds)
            before = len(callers.got)
            ends = time.monotonic() + 30
            while len(callers.got) < before + 60 and time.monotonic() < ends:
                time.sleep(0.05)
            assert len(callers.got) >= before + 60, f"no answers at {seconds:+d} s: {callers.refused}"
            expected.add(company_day(datetime.now(UTC) + timedelta(seconds=seconds)))
    assert jumping.worker_pids() == pids
    assert callers.broken == 0
    assert callers.codes == {}, jumping.told()
    assert missing(store, callers) == []
    told = jumping.told()
    assert "Traceback" not in told, told
    with store.reading() as tx:
        entries = tx.execute(
            "SELECT at, day, latency_ms, first_token_ms, attempt_id, cost_jpy FROM ledger_entries"
        ).fetchall()
        uses = tx.execute(
            "SELECT b.period, u.period_start, u.used_micro_jpy, b.name FROM ledger_budget_uses u "
            "JOIN ledger_budgets b USING (budget_id)"
        ).fetchall()
        [(intents,)] = tx.execute("SELECT count(*) FROM ledger_intents").fetchall()
    assert intents == 0
    assert {day for _, day, *_ in entries} == expected
    assert all(day == company_day(at) for at, day, *_ in entries)
    assert all(latency >= 0 and (first is None or 0 <= first <= latency) for _, _, latency, first, *_ in entries)
    assert all(latency < 20_000 for _, _, latency, *_ in entries), "a duration is no difference of wall clocks"
    assert len({attempt for *_, attempt, _ in entries}) == len(entries)
    assert len({got.call_id for got in callers.got}) == len(callers.got)
    for period, first, used, name in uses:
        booked = sum((cost for _, day, *_, cost in entries if period_start(period, day) == first), Decimal(0))
        assert used == booked * 1_000_000, f"{name} of {first}"
    assert {name for *_, name in uses} == {"of-a-day", "of-a-month", "of-a-year", "told-only"}
    assert len([1 for *_, name in uses if name == "of-a-year"]) == 2


def test_a_key_ends_and_a_pace_does_not_by_the_clock(jumping: RunningGateway, store: Store, clock: Clock) -> None:
    now = datetime.now(UTC)
    short = make_key(store, "short", secret="s" * 43, expires_at=now + timedelta(hours=2))
    paced = make_key(store, "paced", secret="p" * 43, requests_per_minute=8)
    for key in (short, paced):
        jumping.wait_until_known(key)

    assert called(jumping.url, short) == (200, "")
    clock.set(3 * HOUR)
    assert called(jumping.url, short) == (401, "key_expired")
    clock.set(-2 * DAY)
    assert called(jumping.url, short) == (401, "key_not_yet")
    clock.set(0)
    assert called(jumping.url, short) == (200, ""), "an end follows from the clock"

    passed = [called(jumping.url, paced)[0] for _ in range(16)]
    for seconds in (DAY, -HOUR, 0):
        clock.set(seconds)
        passed += [called(jumping.url, paced)[0] for _ in range(4)]
    assert passed.count(200) <= 10, "a minute is a minute of the monotonic clock"
    assert set(passed) == {200, 429}

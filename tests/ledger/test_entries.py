"""Entries, rollups and moves: every total is a plain sum of lines, whatever was moved or corrected."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jitsuri.ledger.records import booking as booking_rows
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import moves
from jitsuri.ledger.records.rollups import SUMS
from jitsuri.ledger.records.totals import span, totals
from jitsuri.ledger.shapes.entries import Entry, GatewayEntry
from jitsuri.store.batching import Batch, Statements
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.period import company_day
from jitsuri.terms.usage import Usage

NOON = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


def entry(number: int = 1, **changes: object) -> Entry:
    """A priced attempt: 1,000 tokens in, 100 out, 0.00325 USD, 0.50115 yen at 154.20."""
    its_id = derived_id("call", str(number))
    plain = Entry(
        entry_id=derived_id("entry", its_id.bytes, "attempt"), attempt_id=its_id, call_id=its_id, thread_id=its_id,
        kind="attempt", corrects=None, at=NOON, day=date(2026, 11, 2), booked_at=NOON, task="triage",
        department="sales", provider="openai", model="gpt-4o", model_asked="gpt-4o", model_answered="gpt-4o-2024-08-06",
        region="", tier="", purpose="", status="ok", http_status=200, error_code="", calls=1,
        usage=Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=200), usage_raw={"prompt_tokens": 1000},
        latency_ms=800, first_token_ms=None, state="priced", reason="", currency="USD", cost=Decimal("0.00325"),
        price_block="standard", price_book="0123456789abcdef", rate_id=None, rate=Decimal("154.20"),
        cost_jpy=Decimal("0.501150"), reported_cost=None, reported_currency="", source="import:openai", run_id=None,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def write(store: Store, *entries: Entry) -> None:
    with store.transaction() as tx:
        entry_rows.insert_many(tx, entries)


def test_an_entry_comes_back_as_it_was_written(store: Store) -> None:
    written = entry(cost=Decimal("0.000000123456789012345678"), usage_raw={"値": [1, None]}, region="jp")
    write(store, written)

    with store.reading() as tx:
        (read,) = entry_rows.of_calls(tx, [written.call_id])
    assert asdict(read) == asdict(written)


def test_the_same_entry_twice_is_refused_by_the_database(store: Store) -> None:
    write(store, entry())

    with pytest.raises(psycopg.errors.UniqueViolation):
        write(store, entry())
    with store.reading() as tx:
        assert totals(tx, "month", date(2026, 11, 1), date(2026, 11, 1))[0].calls == 1


def test_rollups_sum_both_days_and_months(store: Store) -> None:
    write(
        store,
        entry(1),
        entry(2, day=date(2026, 11, 3), at=NOON + timedelta(days=1)),
        entry(3, status="error", usage=Usage(), cost=Decimal(0), cost_jpy=Decimal(0), latency_ms=None),
        entry(4, state="unpriced", cost=None, cost_jpy=None, currency="", rate=None, reason="price_missing_model"),
    )

    with store.reading() as tx:
        (month,) = totals(tx, "month", date(2026, 11, 1), date(2026, 11, 1))
        days = totals(tx, "day", date(2026, 11, 1), date(2026, 11, 30), ["period"])
        assert span(tx) == (date(2026, 11, 2), date(2026, 11, 3))
    assert (month.calls, month.failed, month.unpriced, month.unconverted) == (4, 1, 1, 0)
    assert month.input_tokens == 3000
    assert month.cost_jpy == Decimal("1.002300")
    assert month.cost_usd == Decimal("0.00650")
    assert month.latency_ms_mean == 800.0
    assert {d.period: d.calls for d in days} == {date(2026, 11, 2): 3, date(2026, 11, 3): 1}


def test_moved_calls_leave_every_total_but_the_tasks_own(store: Store) -> None:
    write(store, entry(1, task=""), entry(2, task=""), entry(3, task="other"))
    ids = [derived_id("call", "1"), derived_id("call", "2")]

    with store.transaction() as tx:
        moved = moves.move(tx, ids, "triage", "purchasing", NOON + timedelta(hours=1))

    with store.reading() as tx:
        by_task = {t.task: t for t in totals(tx, "month", date(2026, 11, 1), date(2026, 11, 1), ["task"])}
        (whole,) = totals(tx, "day", date(2026, 11, 1), date(2026, 11, 30))
    assert moved == 2
    assert (by_task[""].calls, by_task[""].cost_jpy) == (0, Decimal(0))
    assert (by_task["triage"].calls, by_task["triage"].cost_jpy) == (2, Decimal("1.002300"))
    assert (whole.calls, whole.cost_jpy, whole.latency_ms_mean) == (3, Decimal("1.503450"), 800.0)


def test_moving_again_or_back_keeps_every_sum(store: Store) -> None:
    write(store, entry(1, task=""))
    its_id = [derived_id("call", "1")]
    with store.transaction() as tx:
        moves.move(tx, its_id, "one", "", NOON + timedelta(hours=1))
    with store.transaction() as tx:
        again = moves.move(tx, its_id, "one", "", NOON + timedelta(hours=2))
    with store.transaction() as tx:
        moves.move(tx, its_id, "two", "", NOON + timedelta(hours=3))

    with store.reading() as tx:
        by_task = {
            t.task: (t.calls, t.cost_jpy)
            for t in totals(tx, "month", NOON.date().replace(day=1), NOON.date(), ["task"])
        }
    assert again == 0
    assert by_task["two"] == (1, Decimal("0.501150"))
    assert by_task[""] == by_task["one"] == (0, Decimal(0))


amounts = st.decimals(min_value=0, max_value=1000, places=6, allow_nan=False)
lines = st.lists(
    st.tuples(
        st.integers(0, 70), st.sampled_from(["", "a", "b"]), st.sampled_from(["x", "y"]), amounts,
        st.integers(0, 10**6), st.booleans(),
    ),
    min_size=1, max_size=25,
)  # fmt: skip


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=lines, data=st.data())
def test_rollups_always_equal_the_sum_of_the_lines(store: Store, lines: list[tuple], data: st.DataObject) -> None:
    with store.transaction() as tx:
        tx.execute("TRUNCATE ledger_entries, ledger_days, ledger_months")
    made = []
    for number, (days, task, department, cost, tokens, is_priced) in enumerate(lines):
        at = NOON + timedelta(days=days)
        made.append(
            entry(
                number, at=at, day=company_day(at), task=task, department=department, cost=cost if is_priced else None,
                cost_jpy=cost if is_priced else None, state="priced" if is_priced else "unpriced",
                usage=Usage(input_tokens=tokens),
            )
        )  # fmt: skip
    half = len(made) // 2
    write(store, *made[:half])
    write(store, *made[half:])
    chosen = data.draw(st.lists(st.sampled_from([e.call_id for e in made]), unique=True))
    with store.transaction() as tx:
        moves.move(tx, chosen, "b", "", NOON + timedelta(days=100))

    _rollups_match(store)


def _rollups_match(store: Store) -> None:
    """The rollups hold exactly what the lines sum to, computed here by PostgreSQL from the lines alone."""
    sums = {
        "calls": "sum(calls)", "unpriced": "sum(calls) FILTER (WHERE state = 'unpriced')",
        "input_tokens": "sum(input_tokens)", "cost_jpy": "sum(cost_jpy)", "latency_known": "sum(calls)",
    }  # fmt: skip
    assert set(sums) <= set(SUMS)
    wanted = ", ".join(f"coalesce({sql}, 0)" for sql in sums.values())
    for table, period, of in (
        ("ledger_days", "day", "day"),
        ("ledger_months", "month", "date_trunc('month', day)::date"),
    ):
        with store.reading() as tx:
            true = set(
                tx.execute(f"SELECT {of}, task, department, {wanted} FROM ledger_entries GROUP BY 1, 2, 3").fetchall()
            )
            kept = set(tx.execute(f"SELECT {period}, task, department, {', '.join(sums)} FROM {table}").fetchall())
        assert kept == true


def test_ids_of_entries_are_uuids() -> None:
    assert isinstance(entry().entry_id, UUID)
    assert entry().entry_id.version == 8


def test_an_entry_of_the_gateway_has_every_field_of_an_entry() -> None:
    assert GatewayEntry.__struct_fields__ == tuple(f.name for f in dataclasses.fields(Entry))


def test_both_ways_of_booking_write_the_same_lines_and_sums(store: Store) -> None:
    chance = random.Random(7)
    made = [
        entry(
            n, task=chance.choice(["", "triage"]), status=chance.choice(["ok", "error", "cut"]),
            state=chance.choice(["priced", "unpriced"]), cost=chance.choice([None, Decimal("0.00325")]),
            currency=chance.choice(["USD", "JPY", ""]), cost_jpy=chance.choice([None, Decimal("0.501150")]),
            latency_ms=chance.choice([None, 5, 10_000]), day=chance.choice([date(2026, 11, 30), date(2026, 12, 1)]),
            model=chance.choice(["gpt", "タブ\t改行\n\\"]),
            usage_raw=chance.choice([None, {"prompt_tokens": 3, "x": ["\x00", {"y": 1.5}]}]),
        )
        for n in range(1, 200)
    ]  # fmt: skip

    def kept(way: str) -> tuple[object, ...]:
        with store.transaction() as tx:
            for table in ("ledger_entries", "ledger_days", "ledger_months"):
                tx.execute(f"TRUNCATE {table}")
        if way == "copy":
            with store.transaction() as tx:
                entry_rows.insert_many(tx, made)
        else:
            connection = store.lasting()
            batch = Batch(Statements(connection))
            batch.run("BEGIN")
            booking_rows.book_many(batch, made[:80])
            booking_rows.book_many(batch, made[80:])
            batch.connection.execute("COMMIT")
            connection.close()
        with store.reading() as tx:
            return tuple(
                sorted(map(repr, tx.execute(f"SELECT * FROM {table}").fetchall()))
                for table in ("ledger_entries", "ledger_days", "ledger_months")
            )

    assert kept("copy") == kept("batch")

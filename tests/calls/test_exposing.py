"""/metrics as a real parser reads it, and totals that never go down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from jitsuri.calls.live.metering import Meters
from jitsuri.calls.records import gauges as gauge_rows
from jitsuri.calls.records import minutes as minute_rows
from jitsuri.calls.rules.exposing import MOST_MODELS, MOST_SETS, MOST_TASKS, BudgetShare, Known, Standing, page
from jitsuri.calls.shapes import BUCKETS_MS, LATE_BUCKETS_US, Gauges, LoopLate, Minute
from jitsuri.store.door import Store

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
FIRST = int(NOW.timestamp()) // 60


def standing(totals: list[Minute], **changes: object) -> Standing:
    values: dict[str, object] = {
        "totals": totals, "gauges": (), "budgets": (), "alarms": {}, "read_at": NOW, "version": "0", **changes
    }  # fmt: skip
    return Standing(**values)  # type: ignore[arg-type]


def read(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of a page by name and labels, as Prometheus' own library reads it."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, "a series stands twice"
            found[key] = sample.value
    return found


def sample(text: str, name: str, **labels: str) -> float:
    return read(text)[name, tuple(sorted(labels.items()))]


def counted() -> list[Minute]:
    meters = Meters()
    meters.count(
        FIRST, "triage", "stub", "gpt-4o-mini", "ok", latency_ms=150, first_token_ms=40, input_tokens=100,
        output_tokens=20, cost_micro_jpy=1_234_567,
    )  # fmt: skip
    meters.count(FIRST, "triage", "stub", "gpt-4o-mini", "ok", latency_ms=90_000, is_empty=True, fell_back=True)
    meters.count(FIRST, "triage", "stub", "gpt-4o-mini", "error", latency_ms=3)
    meters.count(FIRST, "triage", "stub", "gpt-4o-mini", "cut", latency_ms=700, cost_micro_jpy=1)
    meters.count(FIRST, "triage", "stub", "gpt-4o-mini", "caller_gone", latency_ms=700)
    meters.count(FIRST, "triage", "", "", "refused:budget_exceeded")
    meters.count(FIRST, "triage", "", "", "refused:budget_exceeded")
    return meters.drain()


def test_the_page_tells_what_was_counted() -> None:
    text = page(standing(counted()))
    place = {"task": "triage", "upstream": "stub"}
    model = {**place, "model": "gpt-4o-mini"}

    assert sample(text, "jitsuri_calls_total", **model, outcome="ok") == 2
    assert sample(text, "jitsuri_calls_total", **model, outcome="error") == 1
    assert sample(text, "jitsuri_calls_total", **model, outcome="caller_gone") == 1
    assert sample(text, "jitsuri_calls_total", task="triage", upstream="", model="", outcome="refused") == 2
    assert sample(text, "jitsuri_refusals_total", task="triage", code="budget_exceeded") == 2
    assert sample(text, "jitsuri_tokens_total", **model, direction="input") == 100
    assert sample(text, "jitsuri_tokens_total", **model, direction="output") == 20
    assert sample(text, "jitsuri_cost_jpy_total", **model) == 1.234568
    assert sample(text, "jitsuri_empty_answers_total", **place) == 1
    assert sample(text, "jitsuri_cut_answers_total", **place) == 1
    assert sample(text, "jitsuri_fallbacks_total", **place) == 1


def test_histograms_are_cumulative_and_hold_answers_only() -> None:
    text = page(standing(counted()))
    place = {"task": "triage", "upstream": "stub"}
    counts = [sample(text, "jitsuri_latency_seconds_bucket", **place, le=f"{ms / 1000:g}") for ms in BUCKETS_MS]

    assert counts == [0, 0, *([1] * 9)]
    assert sample(text, "jitsuri_latency_seconds_bucket", **place, le="+Inf") == 2
    assert sample(text, "jitsuri_latency_seconds_count", **place) == 2, (
        "a refusal has no latency, an error is no answer"
    )
    assert sample(text, "jitsuri_latency_seconds_sum", **place) == pytest.approx(90.15)
    assert sample(text, "jitsuri_first_token_seconds_bucket", **place, le="0.05") == 1
    assert sample(text, "jitsuri_first_token_seconds_count", **place) == 1


def test_gauges_of_every_worker_stand_side_by_side() -> None:
    gauges = [
        Gauges("a/0", NOW, 3, "", {"stub": "open", "other": "closed"}, 0),
        Gauges("a/1", NOW, 0, "disk_full", {"stub": "half_open"}, 7),
    ]
    budgets = [BudgetShare("all", "company", 250, 1000), BudgetShare("none", "task", 5, 0)]
    text = page(standing([], gauges=gauges, budgets=budgets, alarms={"errors": 2}))

    assert sample(text, "jitsuri_breaker_state", upstream="stub", worker="a/0") == 2
    assert sample(text, "jitsuri_breaker_state", upstream="stub", worker="a/1") == 1
    assert sample(text, "jitsuri_commit_queue", worker="a/0") == 3
    assert sample(text, "jitsuri_ledger_outage", worker="a/1") == 1
    assert sample(text, "jitsuri_telemetry_dropped_total", worker="a/1") == 7
    assert sample(text, "jitsuri_budget_used_ratio", budget="all", scope="company") == 0.25
    assert sample(text, "jitsuri_budget_used_ratio", budget="none", scope="task") == 1
    assert sample(text, "jitsuri_alarms_open", kind="errors") == 2
    assert sample(text, "jitsuri_totals_timestamp_seconds") == NOW.timestamp()


def test_how_late_loops_are_is_told_for_every_worker() -> None:
    late = LoopLate(1_234_567, 61_000, (90, 5, 3, 1, 0, 1, 0, 0, 0, 0, 2))
    gauges = [Gauges("a/0", NOW, 0, "", {}, 0, late), Gauges("a/1", NOW, 0, "", {}, 0)]
    text = page(standing([], gauges=gauges))

    name = "jitsuri_gateway_loop_late_seconds"
    told = [sample(text, f"{name}_bucket", worker="a/0", le=f"{us / 1_000_000:g}") for us in LATE_BUCKETS_US]
    assert told == [90, 95, 98, 99, 99, 100, 100, 100, 100, 100]
    assert sample(text, f"{name}_bucket", worker="a/0", le="+Inf") == 102
    assert sample(text, f"{name}_count", worker="a/0") == 102
    assert sample(text, f"{name}_sum", worker="a/0") == 1.234567
    assert sample(text, "jitsuri_gateway_loop_late_worst_seconds", worker="a/0") == 0.061
    assert 'worker="a/1",le' not in text, "a worker of before has told nothing"


@settings(max_examples=300)
@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=20), min_size=4, max_size=4))
def test_labels_of_any_text_come_back_as_they_were(parts: list[str]) -> None:
    task, upstream, model, name = parts
    total = Minute(NOW, task, upstream, model, "ok", 5, 0, 0, 0, 0, 0, 0, (0,) * 12, 0, 0, (0,) * 12)
    text = page(standing([total], budgets=[BudgetShare(name, "task", 0, 1)]))

    assert sample(text, "jitsuri_calls_total", task=task, upstream=upstream, model=model, outcome="ok") == 5
    assert sample(text, "jitsuri_budget_used_ratio", budget=name, scope="task") == 0


def test_invented_names_do_not_make_series_without_end() -> None:
    known = Known([("triage", "stub", "gpt-4o-mini", "ok")])
    places = {known.place(("triage", "stub", f"gpt-5-{n}", "ok")) for n in range(1000)}

    assert len(places) == MOST_MODELS
    assert ("triage", "stub", "other", "ok") in places
    assert known.place(("triage", "stub", "gpt-4o-mini", "ok")) == ("triage", "stub", "gpt-4o-mini", "ok")
    assert len(known.place(("triage", "stub", "x" * 10_000, "ok"))[2]) <= 200

    many = Known([])
    kept = {
        many.place((f"t{a}", f"u{b}", "", f"refused:c{c}")) for a in range(300) for b in range(10) for c in range(10)
    }
    assert len({key[0] for key in kept}) <= MOST_TASKS + 1
    assert len(kept) <= MOST_SETS + 5, "beyond the most there are only the few that gather all others"


def test_the_largest_page_is_written_in_time_for_a_scrape() -> None:
    totals = [
        Minute(NOW, f"t{n % 200}", f"u{n % 7}", f"m{n % 100}", "ok", 5, 0, 0, 0, 0, 0, 0, (1,) * 12, 0, 0, (1,) * 12)
        for n in range(MOST_SETS)
    ]

    assert len(page(standing(totals))) < 8_000_000


def test_totals_stay_when_minutes_are_forgotten(store: Store) -> None:
    first = counted()
    with store.transaction() as tx:
        minute_rows.add_many(tx, first)
        minute_rows.add_many(tx, first)
        minute_rows.add_many(tx, [])
    with store.transaction() as tx:
        before = page(standing(minute_rows.totals(tx)))
        assert minute_rows.forget(tx, NOW + timedelta(days=35)) == 5
        assert minute_rows.since(tx, NOW - timedelta(days=1)) == []
    later = [Minute(NOW + timedelta(days=36), *list(vars_of(m))[1:]) for m in first]
    with store.transaction() as tx:
        minute_rows.add_many(tx, later)
        after = page(standing(minute_rows.totals(tx)))

    model = {"task": "triage", "upstream": "stub", "model": "gpt-4o-mini"}
    assert sample(before, "jitsuri_calls_total", **model, outcome="ok") == 4
    assert sample(after, "jitsuri_calls_total", **model, outcome="ok") == 6
    assert sample(after, "jitsuri_latency_seconds_count", task="triage", upstream="stub") == 6
    assert all(read(after)[key] >= value for key, value in read(before).items())


def vars_of(minute: Minute) -> list[object]:
    return [getattr(minute, name) for name in Minute.__struct_fields__]


def test_totals_are_the_sum_over_minutes_and_workers(store: Store) -> None:
    meters = [Meters(), Meters()]
    for n in range(400):
        meters[n % 2].count(FIRST + n % 7, f"t{n % 3}", "stub", f"m{n % 150}", "ok", latency_ms=n, input_tokens=n)
        if n % 50 == 0:
            with store.transaction() as tx:
                minute_rows.add_many(tx, meters[n % 2].drain())
    with store.transaction() as tx:
        for one in meters:
            minute_rows.add_many(tx, one.drain())
        kept, totals = minute_rows.since(tx, NOW), minute_rows.totals(tx)

    assert sum(m.count for m in totals) == sum(m.count for m in kept) == 400
    assert sum(m.input_tokens for m in totals) == sum(range(400))
    assert [sum(column) for column in zip(*(m.latency_buckets for m in totals), strict=True)] == [
        sum(column) for column in zip(*(m.latency_buckets for m in kept), strict=True)
    ]
    assert len({m.model for m in totals}) <= MOST_MODELS + 1


def test_a_worker_that_is_gone_is_no_longer_told(store: Store) -> None:
    with store.transaction() as tx:
        gauge_rows.tell(tx, Gauges("a/0", NOW - timedelta(seconds=61), 1, "", {}, 0))
        gauge_rows.tell(tx, Gauges("a/1", NOW - timedelta(seconds=5), 2, "", {"stub": "open"}, 0))
        gauge_rows.tell(tx, Gauges("a/1", NOW, 4, "disk_full", {"stub": "closed"}, 9, LoopLate(5, 4, (3, 2, 1))))
        found = gauge_rows.told_since(tx, NOW - timedelta(seconds=60))

    assert found == [Gauges("a/1", NOW, 4, "disk_full", {"stub": "closed"}, 9, LoopLate(5, 4, (3, 2, 1)))]

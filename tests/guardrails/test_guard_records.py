"""What is kept of guardrails: rows that are only added, counts that agree with them, pseudonyms that go when due."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jitsuri.flows.cold.forgetting import delete_due_pseudonyms
from jitsuri.guardrails.records import pseudonyms as pseudonym_rows
from jitsuri.guardrails.records import runs as run_rows
from jitsuri.guardrails.shapes import CheckRan, GuardRun, KeptFinding, SealedPseudonym
from jitsuri.store.batching import Batch, Statements
from jitsuri.store.door import Store

DAY = date(2026, 11, 27)
AT = datetime(2026, 11, 27, 3, tzinfo=UTC)


def run(*findings: KeptFinding, **more: Any) -> GuardRun:
    values: dict[str, Any] = {
        "run_id": uuid4(), "call_id": uuid4(), "at": AT, "day": DAY, "task": "triage", "direction": "in", "policy_version": 1,
        "outcome": "altered" if findings else "clean", "is_outside": True, "checks": (CheckRan("phone", "1", "ran", len(findings)),),
        "findings": findings, "found": len(findings), "latency_us": 700, "characters": 1000,
    }  # fmt: skip
    return GuardRun(**{**values, **more})


def finding(**more: Any) -> KeptFinding:
    values: dict[str, Any] = {
        "place": "messages[0].content", "start": 3, "end": 15, "type": "PHONE", "check": "phone", "score": 0.9, "reason": "context",
        "action": "mask",
    }  # fmt: skip
    return KeptFinding(**{**values, **more})


def test_runs_come_back_as_they_were(store: Store) -> None:
    one = run(finding(), finding(place="messages[1].content", is_exempt=True), at=AT)
    with store.transaction() as tx:
        run_rows.insert_many(tx, [one, run()])
        run_rows.insert_many(tx, [])
    with store.reading() as tx:
        assert run_rows.of_call(tx, one.call_id) == [one]
        assert run_rows.newest(tx) == [one]  # what found nothing is only counted
        assert run_rows.newest(tx, type_="PHONE", task="triage", outcome="altered", first=DAY) == [one]
        assert (
            run_rows.newest(tx, type_="EMAIL")
            == run_rows.newest(tx, task="x")
            == run_rows.newest(tx, before=one.run_id)
            == []
        )


def test_the_path_of_calls_writes_the_same(store: Store) -> None:
    rows = [
        run(finding(), found=7),
        run(checks=(CheckRan("person", "2", "timed_out"),), outcome="failed"),
        run(finding(place="\ud800\0")),
    ]
    connection = store.lasting()
    statements = Statements(connection)
    try:
        for batch_rows in (rows[:2], rows[2:]):
            batch = Batch(statements)
            connection.pgconn.exec_(b"BEGIN")
            run_rows.keep_many(batch, batch_rows)
            batch.settle()
            connection.pgconn.exec_(b"COMMIT")
    finally:
        connection.close()
    with store.reading() as tx:
        assert {one.run_id for one in run_rows.newest(tx)} == {one.run_id for one in rows}
        assert run_rows.of_call(tx, rows[1].call_id) == [rows[1]]
        assert [(one.type, one.action, one.findings) for one in run_rows.counted(tx, DAY, DAY)] == [
            ("", "", 6),
            ("PHONE", "mask", 2),
        ]
        assert [(one.check, one.state, one.runs) for one in run_rows.counted_states(tx, DAY, DAY)] == [
            ("person", "timed_out", 1)
        ]
        assert sum(one.runs for one in run_rows.counted_runs(tx, DAY, DAY, "triage")) == 3


_RUNS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", ""]), st.integers(0, 2), st.sampled_from(["in", "out"]), st.integers(0, 5),
        st.lists(st.tuples(st.sampled_from(["PHONE", "EMAIL"]), st.sampled_from(["mask", "observe"]), st.booleans()), max_size=3),
    ),
    max_size=12,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(_RUNS, st.integers(1, 5))
def test_counts_agree_with_runs(store: Store, told: list[Any], at_once: int) -> None:
    """However runs are cut into batches, the counts of a day are those of its runs."""
    base = UUID(int=uuid4().int)
    mark = base.hex[:8]
    rows = [
        run(*(finding(type=kind, action=action, is_exempt=exempt) for kind, action, exempt in found), task=f"{mark}{task}",
            day=DAY + timedelta(days), direction=direction, found=len(found) + more)
        for task, days, direction, more, found in told
    ]  # fmt: skip
    for at in range(0, len(rows), at_once):
        with store.transaction() as tx:
            run_rows.insert_many(tx, rows[at : at + at_once])
    expected: Counter[Any] = Counter()
    for one in rows:
        expected.update(
            (one.task, one.day, one.direction, f.type, "exempt" if f.is_exempt else f.action) for f in one.findings
        )
        expected[one.task, one.day, one.direction, "", ""] += one.found - len(one.findings)
    with store.reading() as tx:
        counted = [one for one in run_rows.counted(tx, DAY, DAY + timedelta(5)) if one.task.startswith(mark)]
        runs = [one for one in run_rows.counted_runs(tx, DAY, DAY + timedelta(5)) if one.task.startswith(mark)]
    assert {(c.task, c.day, c.direction, c.type, c.action): c.findings for c in counted} == {
        k: n for k, n in expected.items() if n
    }
    assert sum(one.runs for one in runs) == len(rows)
    assert sum(one.found for one in runs) == sum(one.found for one in rows)
    assert sum(one.latency_us for one in runs) == 700 * len(rows)


def test_a_run_is_written_and_counted_once(store: Store) -> None:
    one = run(finding())
    with store.transaction() as tx:
        run_rows.insert_many(tx, [one])
    with pytest.raises(psycopg.errors.UniqueViolation), store.transaction() as tx:
        run_rows.insert_many(tx, [one])
    with store.reading() as tx:
        assert [c.findings for c in run_rows.counted(tx, DAY, DAY)] == [1]


@pytest.mark.parametrize("table", ["guard_policies", "guard_runs", "guard_measurements"])
@pytest.mark.parametrize("act", ["DELETE FROM {}", "UPDATE {} SET task = 'x'"])
def test_rows_are_only_added(store: Store, table: str, act: str) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="only added"), store.transaction() as tx:
        tx.execute(act.format(table))  # type: ignore[arg-type]


def test_pseudonyms_stay_as_they_are_and_go_when_due(store: Store) -> None:
    thread = uuid4()

    def sealed(mark: str, days: int, value: bytes = b"x") -> SealedPseudonym:
        return SealedPseudonym(thread, mark, value, "guard.key", "PERSON", DAY + timedelta(days))

    with store.transaction() as tx:
        pseudonym_rows.insert_many(tx, [sealed("[PERSON_1]", 0), sealed("[PERSON_2]", -1), sealed("[PERSON_3]", -9)])
        pseudonym_rows.insert_many(tx, [sealed("[PERSON_1]", 9, b"other")])
        pseudonym_rows.insert_many(tx, [])
    assert delete_due_pseudonyms(store, AT, at_once=1) == 2
    assert delete_due_pseudonyms(store, AT) == 0
    with store.reading() as tx:
        assert pseudonym_rows.of_thread(tx, thread) == [sealed("[PERSON_1]", 0)]
        facts = [
            row[0] for row in tx.execute("SELECT facts FROM evidence_records WHERE act = 'guard_pseudonyms_deleted'")
        ]
        assert [one["pseudonyms"] for one in facts] == [1, 1]

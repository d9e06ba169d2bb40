"""An entry that comes after its worker was taken for dead: sums and budgets are those of what was answered, whoever is first."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from late_parts import (
    HOLD,
    NOW,
    TODAY,
    TRUE_JPY,
    Under,
    company,
    hand_in,
    is_tidy,
    known,
    leased,
    lines_of,
    made,
    swept,
    under_way,
    used,
)

from jitsuri.calls.records import calls as call_rows
from jitsuri.flows.cold.viewing.explaining import explain
from jitsuri.ledger.records import moves
from jitsuri.ledger.rules.repricing import attempt_of, standings
from jitsuri.ledger.rules.superseding import ANSWERED_LATE, ORPHANED, estimate_in, superseding_lines
from jitsuri.ledger.shapes.budgets import Budget
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.store.door import Store
from jitsuri.terms.usage import USAGE_KINDS, Usage

SCOPES = (("company", ""), ("department", "HQ"), ("department", "D10"), ("task", "triage"), ("key", "app"))
OTHERS = (("department", "D99"), ("task", "elsewhere"), ("key", "other"))
TRUE = int(TRUE_JPY * 1_000_000)


def begun(store: Store, budgets: list[Budget], count: int = 1, **changes: Any) -> list[Under]:
    """Attempts under way, held on leases, their intents durable."""
    if budgets:
        leased(store, budgets, count)
    calls = [under_way(number, budgets, known(store), **changes) for number in range(count)]
    assert hand_in(store, [("intents", one.intent) for one in calls]) == [None]
    return calls


def ended(store: Store, calls: list[Under], order: str) -> None:
    """The sweep and the late entries, in this order; nobody is told an error."""
    late = [one.rows for one in calls]
    if order == "late first":
        assert hand_in(store, *late) == [None] * len(late)
        assert swept(store) == 0
    elif order == "sweep first":
        assert swept(store) == len(late)
        assert hand_in(store, *late) == [None] * len(late)
    else:
        gate = threading.Barrier(2)
        failed: list[BaseException] = []

        def sweeping() -> None:
            gate.wait()
            try:
                swept(store)
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=sweeping)
        thread.start()
        gate.wait()
        came = hand_in(store, *late)
        thread.join()
        assert (came, failed) == ([None] * len(late), [])
        swept(store)


@pytest.mark.parametrize("order", ["sweep first", "late first", "both at once"])
@pytest.mark.parametrize("has_budgets", [False, True])
def test_sums_are_those_of_what_was_answered_whoever_is_first(store: Store, order: str, has_budgets: bool) -> None:
    company(store)
    budgets = [made(store, *scope) for scope in SCOPES] if has_budgets else []
    calls = begun(store, budgets, 20)

    ended(store, calls, order)

    assert is_tidy(store)
    for one in calls:
        lines = lines_of(store, one)
        assert sum(line.cost_jpy or 0 for line in lines) == TRUE_JPY
        assert sum(line.calls for line in lines) == 1
        (standing,) = standings(lines)
        assert (standing.cost_jpy, standing.line.reason, standing.line.status) == (TRUE_JPY, "", "ok")
    assert [used(store, budget) for budget in budgets] == [20 * TRUE] * len(budgets)
    with store.reading() as tx:
        kept = call_rows.one(tx, calls[0].call.call_id)
    assert kept == calls[0].call


def test_the_estimate_stays_and_is_taken_back_with_evidence(store: Store) -> None:
    company(store)
    (one,) = begun(store, [])
    ended(store, [one], "sweep first")

    lines = lines_of(store, one)
    assert [(line.kind, line.reason, line.calls, line.usage.output_tokens) for line in lines] == [
        ("attempt", ORPHANED, 1, 2000), ("repriced", ANSWERED_LATE, -1, -2000), ("attempt", "", 1, 250),
    ]  # fmt: skip
    assert lines[1].corrects == lines[2].corrects == lines[0].entry_id
    with store.reading() as tx:
        told = explain(tx, one.call.call_id, {})
        acts = [row[0] for row in tx.execute("SELECT act FROM evidence_records WHERE subject LIKE 'call:%'")]
    assert told is not None
    assert told.attempts[0].estimate == ""
    assert told.view.call.status == told.attempts[0].view.first.status == "ok"
    assert acts == ["entry_superseded"]


@pytest.mark.parametrize("scope", [*SCOPES, *OTHERS])
@pytest.mark.parametrize("is_before_the_sweep", [True, False])
def test_a_budget_made_while_a_call_was_away_counts_it_once(
    store: Store, scope: tuple[str, str], is_before_the_sweep: bool
) -> None:
    company(store)
    calls = begun(store, [], 2)
    if is_before_the_sweep:
        budget = made(store, *scope)
        assert swept(store) == 2
        counts = scope in SCOPES
        estimate = sum(int((lines_of(store, one)[0].cost_jpy or 0) * 1_000_000) for one in calls)
        assert used(store, budget) == (estimate if counts else 0)
    else:
        assert swept(store) == 2
        budget = made(store, *scope, NOW + timedelta(seconds=5))
    assert hand_in(store, *[one.rows for one in calls]) == [None, None]

    assert is_tidy(store)
    assert used(store, budget) == (2 * TRUE if scope in SCOPES else 0)


def test_a_call_moved_meanwhile_stays_with_its_new_task(store: Store) -> None:
    company(store)
    (one,) = begun(store, [])
    swept(store)
    with store.transaction() as tx:
        moves.move(tx, [one.call.call_id], "elsewhere", "", NOW + timedelta(seconds=1))
        call_rows.set_task(tx, [one.call.call_id], "elsewhere", "")
    assert hand_in(store, one.rows) == [None]

    (standing,) = standings(lines_of(store, one))
    assert (standing.line.task, standing.cost_jpy) == ("elsewhere", TRUE_JPY)
    assert is_tidy(store)
    with store.reading() as tx:
        kept = call_rows.one(tx, one.call.call_id)
        moved = moves_sum(tx)
    assert kept == msgspec.structs.replace(one.call, task="elsewhere")
    assert moved == {"triage": Decimal(0), "elsewhere": TRUE_JPY}


def moves_sum(tx: Any) -> dict[str, Decimal]:
    return dict(tx.execute("SELECT task, sum(cost_jpy) FROM ledger_entries GROUP BY task").fetchall())


def test_an_answer_that_failed_and_a_next_attempt_after_the_burial(store: Store) -> None:
    """The first attempt ends late with nothing used; the second is new, and only its call is known already."""
    company(store)
    nothing = {"status": "error", "http_status": 503, "usage": Usage(), "cost": Decimal(0), "cost_jpy": Decimal(0),
               "currency": "JPY", "rate": None}  # fmt: skip
    (one,) = begun(store, [], **nothing)
    swept(store)
    second = under_way(7, [], known(store), call_id=one.call.call_id)
    rows = [row for row in one.rows if row[0] != "calls"]
    again = [row if row[0] != "calls" else ("calls", one.call) for row in second.rows]
    assert hand_in(store, rows) == [None]
    assert hand_in(store, again) == [None]

    assert is_tidy(store)
    assert sum(line.cost_jpy or 0 for line in lines_of(store, one)) == TRUE_JPY
    with store.reading() as tx:
        assert call_rows.one(tx, one.call.call_id) == one.call


def test_what_is_there_for_another_reason_is_still_refused(store: Store) -> None:
    company(store)
    (one,) = begun(store, [])
    assert hand_in(store, one.rows) == [None]
    again = hand_in(store, one.rows, [("calls", one.call)])
    swept(store)
    late = under_way(3, [], known(store))

    assert all(isinstance(error, psycopg.errors.UniqueViolation) for error in again)
    assert is_tidy(store)
    assert hand_in(store, late.rows) == [None]
    assert len(lines_of(store, one)) == 1


def test_the_same_late_entry_supersedes_once(store: Store) -> None:
    company(store)
    budget = made(store, "company", "")
    (one,) = begun(store, [budget])
    swept(store)
    assert hand_in(store, one.rows) == [None]
    (error,) = hand_in(store, one.rows)

    assert isinstance(error, psycopg.errors.UniqueViolation)
    assert len(lines_of(store, one)) == 3
    assert used(store, budget) == TRUE
    assert HOLD > TRUE


# -- the rule alone

amounts = st.decimals(min_value=0, max_value=1000, places=6)
usages = st.builds(Usage, **{kind: st.integers(0, 10**6) for kind in ("input_tokens", "output_tokens")})


@settings(max_examples=200, deadline=None)
@given(
    estimate_jpy=st.none() | amounts, true_jpy=st.none() | amounts, estimated=usages, used_truly=usages,
    differences=st.lists(amounts, max_size=3), moved=st.booleans(), seconds=st.integers(-100, 100),
    same_model=st.booleans(),
)  # fmt: skip
def test_lines_add_up_to_the_true_entry(
    estimate_jpy: Decimal | None, true_jpy: Decimal | None, estimated: Usage, used_truly: Usage,
    differences: list[Decimal], moved: bool, seconds: int, same_model: bool,
) -> None:  # fmt: skip
    true = Entry(**{name: getattr(under_way(1, [], 0).entry, name) for name in Entry.__dataclass_fields__})
    true = replace(
        true, usage=used_truly, cost_jpy=true_jpy, cost=true_jpy, currency="JPY" if true_jpy is not None else "",
        state="priced" if true_jpy is not None else "unpriced", rate=None, booked_at=NOW + timedelta(seconds=seconds),
    )  # fmt: skip
    estimate = replace(
        true, usage=estimated, cost_jpy=estimate_jpy, cost=estimate_jpy, error_code="worker_died", status="cut",
        currency="JPY" if estimate_jpy is not None else "", state="priced" if estimate_jpy is not None else "unpriced",
        booked_at=NOW, model="m" if not same_model else true.model, price_book="estimate",
    )  # fmt: skip
    lines = [estimate]
    if estimate_jpy is not None:
        lines += [
            replace(estimate, kind="repriced", calls=0, usage=Usage(), cost=d, cost_jpy=d,
                    entry_id=true.call_id, booked_at=NOW + timedelta(microseconds=n + 1))
            for n, d in enumerate(differences)
        ]  # fmt: skip
    if moved:
        lines += [
            replace(line, kind=kind, task=task, calls=sign * line.calls, booked_at=NOW + timedelta(seconds=1),
                    usage=Usage(*(sign * getattr(line.usage, name) for name in USAGE_KINDS)),
                    cost=None if line.cost is None else sign * line.cost,
                    cost_jpy=None if line.cost_jpy is None else sign * line.cost_jpy)
            for line in list(lines) for kind, task, sign in (("moved_out", line.task, -1), ("moved_in", "else", 1))
        ]  # fmt: skip
    assert estimate_in(lines) == estimate

    after = sorted([*lines, *superseding_lines(lines, true)], key=lambda line: line.booked_at)

    assert estimate_in(after) is None
    (standing,) = standings(after)
    assert attempt_of(after) == standing.line
    assert standing.line.price_book == "late"
    assert standing.line.task == ("else" if moved else "triage")
    assert (standing.calls, standing.cost_jpy) == (1, true_jpy)
    assert sum(line.cost_jpy or Decimal(0) for line in after) == (true_jpy or 0)
    for kind in USAGE_KINDS:
        assert sum(getattr(line.usage, kind) for line in after) == getattr(used_truly, kind)
    assert standing.line.day == TODAY

"""Budgets made, changed, ended and pinned: versions, evidence, what the ledger already holds, and workers that hear of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from jitsuri.access.records import departments as department_rows
from jitsuri.access.shapes import Arrangement, Department
from jitsuri.flows.cold.keeping_budgets import (
    change_budget,
    end_budget,
    make_budget,
    pin_budgets,
)
from jitsuri.ledger.records import budgets as kept
from jitsuri.ledger.records import leases, rollups
from jitsuri.ledger.shapes.budgets import Budget, BudgetDraft, BudgetStanding, BudgetVersion, Marks, Place, Settlement
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Task
from jitsuri.store.announcing import CHANNEL, numbers
from jitsuri.store.door import Store
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.ids import derived_id
from jitsuri.terms.period import company_day
from jitsuri.words import LANGUAGES
from jitsuri.words import text as sentence

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
TODAY = date(2026, 11, 27)
SPENT = (
    (date(2026, 3, 31), "D11", "triage", 1000),
    (date(2026, 4, 1), "D11", "triage", 500),
    (date(2026, 11, 1), "D11", "triage", 30),
    (date(2026, 11, 10), "D11", "rules", 7),
    (date(2026, 11, 27), "D11", "triage", 5),
    (date(2026, 11, 27), "D10", "", 2),
    (date(2026, 11, 27), "", "", 1),
    (date(2026, 11, 27), "D99", "triage", 3),
)
"""Day, department, task, yen. D11 belongs to D10 until 2026-11-05, then to D20."""


def all_budgets(store: Store, now: datetime) -> list[BudgetStanding]:
    with store.reading() as tx:
        return kept.standings(tx, company_day(now))


def budget_history(store: Store, budget_id: UUID) -> list[BudgetVersion]:
    with store.reading() as tx:
        return kept.versions(tx, budget_id)


@pytest.fixture
def company(store: Store) -> Store:
    """A tree in which a department moved within the month, two tasks, and a ledger with some days."""
    moved = date(2026, 11, 5)
    tree = [
        Department("D10", "営業", "Sales", "", "", date(2020, 1, 1)),
        Department("D20", "管理", "Admin", "", "", date(2020, 1, 1)),
        Department("D11", "営業一課", "Sales 1", "D10", "", date(2020, 1, 1), date(2026, 11, 4)),
        Department("D11", "営業一課", "Sales 1", "D20", "", moved),
    ]
    with store.transaction() as tx:
        department_rows.apply(tx, Arrangement(tuple(tree), (), 0))
        for name in ("triage", "rules"):
            routing_rows.save_task(
                tx, Task(name, name, name, "D11", "", "production", "internal", Decimal("0.05"), NOW)
            )  # fmt: skip
        for day, department, task, yen in SPENT:
            tx.execute(
                "INSERT INTO ledger_days VALUES (%s, %s, %s, 'openai', 'm', '', '', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, %s)",
                (day, department, task, yen),
            )
    return store


def draft(**changes: Any) -> BudgetDraft:
    given: dict[str, Any] = {
        "name": "全社の月次", "scope": "company", "subject": "", "period": "month", "limit_jpy": Decimal(1000),
        "kind": "hard", **changes,
    }  # fmt: skip
    return BudgetDraft(**given)


def make(store: Store, **changes: Any) -> Budget:
    outcome = make_budget(store, NOW, "aoki", draft(**changes), "test")
    assert isinstance(outcome, Budget), outcome
    return outcome


def codes(outcome: object) -> list[str]:
    assert isinstance(outcome, tuple), outcome
    assert all(sentence(f"refusal.{one.code}", lang, **one.facts) for one in outcome for lang in LANGUAGES)
    return [one.code for one in outcome]


def acts(store: Store) -> list[tuple[str, str, Mapping[str, object]]]:
    with store.reading() as tx:
        return tx.execute("SELECT actor, act, facts FROM evidence_records ORDER BY at, act").fetchall()


def used(store: Store, budget: Budget) -> int:
    (stood,) = [one for one in all_budgets(store, NOW) if one.budget.budget_id == budget.budget_id]
    return stood.used_micro_jpy // 1_000_000


@pytest.mark.parametrize(
    ("changes", "yen"),
    [
        ({}, 48),
        ({"period": "day"}, 11),
        ({"period": "fiscal_year"}, 548),
        ({"scope": "task", "subject": "triage"}, 38),
        ({"scope": "department", "subject": "D10"}, 32),
        ({"scope": "department", "subject": "D20"}, 12),
        ({"scope": "department", "subject": "D11", "period": "fiscal_year"}, 542),
        ({"scope": "key", "subject": "app"}, 0),
    ],
)
def test_a_new_budget_counts_what_the_ledger_holds_of_its_period(
    company: Store, changes: dict[str, Any], yen: int
) -> None:
    assert used(company, make(company, **changes)) == yen


def test_making_changing_and_ending_are_versions_with_evidence(company: Store) -> None:
    made = make(company)
    changed = change_budget(company, NOW, "baba", made.budget_id, "more work", limit_jpy=Decimal("1500.5"))
    softer = change_budget(company, NOW, "baba", made.budget_id, "trust", kind="soft", notice_share=Decimal("0.5"))
    ended = end_budget(company, NOW, "chiba", made.budget_id, "over")

    assert isinstance(ended, Budget)
    history = budget_history(company, made.budget_id)
    assert [(v.budget.version, v.author, v.reason, v.budget.limit_micro_jpy, v.budget.kind) for v in history] == [
        (1, "aoki", "test", 1000_000_000, "hard"), (2, "baba", "more work", 1500_500_000, "hard"),
        (3, "baba", "trust", 1500_500_000, "soft"), (4, "chiba", "over", 1500_500_000, "soft"),
    ]  # fmt: skip
    assert history[1].budget == changed
    assert history[2].budget == softer
    assert history[3].budget.is_ended
    assert all_budgets(company, NOW) == []
    assert sorted(act for _, act, _ in acts(company)) == [
        "budget_changed", "budget_changed", "budget_ended", "budget_made",
    ]  # fmt: skip
    assert all(sentence(f"evidence.act.{act}", lang) for _, act, _ in acts(company) for lang in LANGUAGES)
    with company.reading() as tx:
        assert numbers(tx)["budgets"] == 4
        assert kept.snapshot(tx).sequence == 4


def test_a_name_is_free_again_when_its_budget_has_ended(company: Store) -> None:
    first = make(company)
    end_budget(company, NOW, "aoki", first.budget_id, "over")
    later = make_budget(company, NOW.replace(hour=4), "aoki", draft(), "again")

    assert isinstance(later, Budget)
    assert later.budget_id != first.budget_id


def test_what_cannot_be_is_refused(company: Store) -> None:
    budget = make(company)

    def of(**changes: Any) -> list[str]:
        return codes(make_budget(company, NOW, "aoki", draft(**{"name": "other", **changes}), "test"))

    assert of(name="全社の月次") == ["budget_known"]
    assert of(scope="task", subject="nothing") == ["budget_subject_unknown"]
    assert of(scope="department", subject="D98") == ["budget_subject_unknown"]
    assert of(subject="D10") == ["budget_subject_unneeded"]
    assert of(limit_jpy=Decimal(-1)) == ["budget_limit_invalid"]
    assert codes(make_budget(company, NOW, "aoki", draft(name="other"), " ")) == ["budget_reason_missing"]
    unknown = derived_id("budget", "nobody")
    its = budget.budget_id
    assert codes(change_budget(company, NOW, "aoki", unknown, "x", kind="soft")) == ["budget_unknown"]
    assert codes(change_budget(company, NOW, "aoki", its, "x", kind="hard")) == ["budget_unchanged"]
    assert codes(change_budget(company, NOW, "aoki", its, "x", limit_jpy=Decimal("0.0000001"))) == [
        "budget_limit_invalid"
    ]
    assert codes(change_budget(company, NOW, "aoki", its, "x", notice_share=Decimal(2))) == ["budget_share_invalid"]
    assert codes(change_budget(company, NOW, "aoki", its, "", kind="soft")) == ["budget_reason_missing"]
    assert codes(end_budget(company, NOW, "aoki", unknown, "x")) == ["budget_unknown"]
    end_budget(company, NOW, "aoki", its, "x")
    assert codes(end_budget(company, NOW, "aoki", its, "x")) == ["budget_unknown"]
    assert codes(change_budget(company, NOW, "aoki", its, "x", kind="soft")) == ["budget_unknown"]


def test_notices_that_are_due_at_once_are_written_at_once(company: Store) -> None:
    budget = make(company, limit_jpy=Decimal(50))
    change_budget(company, NOW, "aoki", budget.budget_id, "less", limit_jpy=Decimal(40))
    change_budget(company, NOW, "aoki", budget.budget_id, "less", limit_jpy=Decimal(30))

    with company.reading() as tx:
        assert [notice.share for notice in kept.notices(tx, 9)] == [Decimal(1), Decimal("0.8")]
    assert [facts["share"] for _, act, facts in acts(company) if act == "budget_notice"] == ["0.8", "1"]


def test_a_changed_limit_holds_for_draws_at_once_and_recalls_what_is_free(company: Store) -> None:
    budget = make(company, limit_jpy=Decimal(500))
    with company.reading() as tx:
        place = all_budgets(company, NOW)[0].period_start
    heard = company.lasting()
    try:
        leases.attend(heard)
        heard.execute(f"LISTEN {CHANNEL}")
        change_budget(company, NOW, "aoki", budget.budget_id, "less", limit_jpy=Decimal(60))
        told = {(one.channel, one.payload) for one in heard.notifies(timeout=5, stop_after=2)}
    finally:
        heard.close()

    assert told == {(CHANNEL, "budgets"), (leases.RECALL, f" {budget.budget_id} {place}")}
    with company.reading() as tx:
        [row] = tx.execute("SELECT limit_micro_jpy, used_micro_jpy FROM ledger_budget_uses").fetchall()
    assert row == (60_000_000, 48_000_000)


def test_nothing_that_is_spent_while_a_budget_is_made_is_missed_or_counted_twice(company: Store) -> None:
    """Writers of entries and settlements run beside the making; what they add is seen exactly once."""
    stopping = threading.Event()
    written = [0, 0, 0]
    failures: list[BaseException] = []

    def writer(number: int) -> None:
        worker = derived_id("worker", str(number))
        try:
            with company.transaction() as tx:
                leases.register(tx, worker)
            while not stopping.is_set():
                with company.reading() as tx:
                    snapshot = kept.snapshot(tx)
                marks = Marks((), "triage", "")
                lines = tuple((Place(one.budget_id, date(2026, 11, 1)), 0) for one in snapshot.budgets)
                with company.transaction() as tx:
                    rollups.lock(tx)
                    tx.execute(
                        "INSERT INTO ledger_days VALUES ('2026-11-27', 'D10', 'triage', 'openai', %s, '', '', "
                        "1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) "
                        "ON CONFLICT (day, task, department, model, provider, purpose, tier) "
                        "DO UPDATE SET cost_jpy = ledger_days.cost_jpy + 1",
                        (f"writer-{number}",),
                    )
                    leases.settle_many(tx, [Settlement(worker, 1_000_000, lines, marks, TODAY, snapshot.sequence)])
                written[number] += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    made = []
    for number in range(12):
        made.append(make(company, name=f"b{number}", kind="soft"))
        stopping.wait(0.03)
    stopping.set()
    for thread in threads:
        thread.join()

    assert failures == []
    assert min(written) > 3
    assert {used(company, budget) for budget in made} == {48 + sum(written)}


# -- pinned


def pinned(store: Store, **rows: dict[str, Any]) -> list[str]:
    named = {
        name: {
            "scope": "company", "subject": "", "period": "month", "limit_jpy": Decimal(1000), "kind": "soft",
            "notice_share": Decimal("0.8"), **row,
        }
        for name, row in rows.items()
    }  # fmt: skip
    with store.transaction() as tx:
        return pin_budgets(tx, named, NOW)


def test_a_pinned_budget_follows_the_file_and_nobody_else(company: Store) -> None:
    assert pinned(company, whole={}) == ["budgets.whole"]
    assert pinned(company, whole={}) == []
    assert pinned(company, whole={"limit_jpy": Decimal(2000), "kind": "hard"}) == ["budgets.whole"]
    (stood,) = all_budgets(company, NOW)
    its = stood.budget.budget_id
    assert stood.used_micro_jpy == 48_000_000
    assert codes(change_budget(company, NOW, "aoki", its, "x", kind="soft")) == ["budget_pinned"]
    assert codes(end_budget(company, NOW, "aoki", its, "x")) == ["budget_pinned"]

    assert pinned(company) == ["budgets.whole"]
    (stood,) = all_budgets(company, NOW)
    assert stood.budget.kind == "hard", "a budget that the file names no more goes on"
    assert isinstance(change_budget(company, NOW, "aoki", its, "x", kind="soft"), Budget)
    assert pinned(company, whole={"kind": "soft"}) == ["budgets.whole"]
    assert [v.author for v in budget_history(company, its)] == ["jitsuri.toml"] * 3 + ["aoki", "jitsuri.toml"]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"scope": "task", "subject": ""}, "subject"), ({"subject": "D10"}, "subject"), ({"period": "day"}, "period"),
        ({"limit_jpy": Decimal("0.0000001")}, "limit_jpy"),
    ],
)  # fmt: skip
def test_a_pinned_budget_that_cannot_be_stops_the_start(company: Store, row: dict[str, Any], field: str) -> None:
    pinned(company, whole={})

    with pytest.raises(OperatorError) as wrong:
        pinned(company, whole=row)
    assert wrong.value.code == "budget_pin_wrong"
    assert wrong.value.facts["field"] == field
    assert all(sentence("error.budget_pin_wrong", lang, **wrong.value.facts) for lang in LANGUAGES)
    assert [one.budget.version for one in all_budgets(company, NOW)] == [1]

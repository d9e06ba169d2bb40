"""A worker that is taken for dead and comes back: its intent, its true entry, the sweep, and the books afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from jitsuri.access.records import departments as department_rows
from jitsuri.access.shapes import Arrangement, Department
from jitsuri.app.desk_keeping import WRITERS
from jitsuri.calls.rules.identifying import gateway_group
from jitsuri.calls.shapes import Call
from jitsuri.flows.cold.keeping_budgets import make_budget
from jitsuri.flows.cold.keeping_rates import rates_in_use
from jitsuri.flows.cold.renewing_prices import ensure_book
from jitsuri.flows.cold.superseding import supersede
from jitsuri.flows.cold.sweeping import sweep
from jitsuri.ledger.records import budgets as budget_rows
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import leases
from jitsuri.ledger.rules.budgeting import place_of
from jitsuri.ledger.shapes.budgets import Budget, BudgetDraft, Marks, Place, Settlement
from jitsuri.ledger.shapes.entries import Entry, GatewayEntry
from jitsuri.ledger.shapes.intents import Intent
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Task
from jitsuri.store.committing import Committer
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id, sibling_id
from jitsuri.terms.usage import Usage

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
TODAY = date(2026, 11, 27)
WORKER = derived_id("worker", "late")
PATH = ("HQ", "D10")
MARKS = Marks(PATH, "triage", "app")
HOLD = 9_000_000
"""Nine yen, in millionths; the estimate at 150 yen a dollar is 0.36 yen."""
TRUE_JPY = Decimal("0.045")


@dataclass(frozen=True)
class Under:
    """An attempt under way: what is handed in at its end."""

    intent: Intent
    entry: GatewayEntry
    call: Call
    settlement: Settlement

    @property
    def rows(self) -> list[tuple[str, Any]]:
        return [
            ("entries", self.entry), ("ended", self.intent.attempt_id), ("settlements", self.settlement),
            ("calls", self.call),
        ]  # fmt: skip


def company(store: Store) -> None:
    """Prices, a rate, a tree of two departments, a task, and a worker that lives."""
    ensure_book(store, NOW, None)
    rates_in_use(store, NOW, "TTM", {"USD": Decimal(150)})
    tree = (
        Department("HQ", "本社", "HQ", "", "", date(2020, 1, 1)),
        Department("D10", "営業", "Sales", "HQ", "", date(2020, 1, 1)),
        Department("D99", "他", "Other", "HQ", "", date(2020, 1, 1)),
    )
    with store.transaction() as tx:
        department_rows.apply(tx, Arrangement(tree, (), 0))
        for name in ("triage", "elsewhere"):
            routing_rows.save_task(tx, Task(name, name, name, "D10", "", "pilot", "internal", Decimal("0.05"), NOW))
        leases.register(tx, WORKER)


def made(store: Store, scope: str, subject: str, at: datetime = NOW) -> Budget:
    one = make_budget(
        store, at, "aoki", BudgetDraft(f"{scope}-{subject}", scope, subject, "month", Decimal(100), "hard"), "test"  # type: ignore[arg-type]
    )  # fmt: skip
    assert isinstance(one, Budget), one
    return one


def under_way(number: int, budgets: list[Budget], known: int, **changes: Any) -> Under:
    """An attempt held against these budgets; ``changes`` are the true entry's."""
    attempt_id = derived_id("attempt", str(number))
    call_id = derived_id("call", str(number))
    intent = Intent(
        attempt_id, call_id, call_id, WORKER, NOW, TODAY, "triage", "D10", "app", "openai", "gpt-4o-mini", "jp", "",
        8000, 2000, HOLD, tuple((str(place.budget_id), place.period_start.isoformat()) for place in places(budgets)),
    )  # fmt: skip
    plain: dict[str, Any] = dict(
        entry_id=sibling_id("entry", attempt_id), attempt_id=attempt_id, call_id=call_id, thread_id=call_id,
        kind="attempt", corrects=None, at=NOW, day=TODAY, booked_at=NOW, task="triage", department="D10",
        provider="openai", model="gpt-4o-mini", model_asked="gpt-4o-mini", model_answered="gpt-4o-mini-2024-07-18",
        region="jp", tier="", purpose="", status="ok", http_status=200, error_code="", calls=1,
        usage=Usage(input_tokens=1000, output_tokens=250), usage_raw={"prompt_tokens": 1000}, latency_ms=70_000,
        first_token_ms=300, state="priced", reason="", currency="USD", cost=Decimal("0.0003"), price_block="standard",
        price_book="late", rate_id=None, rate=Decimal(150), cost_jpy=TRUE_JPY, reported_cost=None,
        reported_currency="", source="gateway", run_id=None,
    )  # fmt: skip
    entry = GatewayEntry(**{**plain, **changes})
    call = Call(
        call_id, b"\1" * 16, NOW, call_id, "triage", "D10", gateway_group("triage", "app"), "openai", "gpt-4o-mini", "ok", "app",
        "gateway", UUID(int=0), 0, {}, derived_id("answer", str(number)),
    )  # fmt: skip
    actual = int(entry.cost_jpy * 1_000_000) if entry.cost_jpy is not None else 0
    lines = tuple((place, HOLD) for place in places(budgets))
    return Under(intent, entry, call, Settlement(WORKER, actual, lines, MARKS, TODAY, known, attempt_id))


def places(budgets: list[Budget]) -> list[Place]:
    return [place_of(one, TODAY) for one in budgets]


def leased(store: Store, budgets: list[Budget], times: int = 1) -> None:
    """Give the worker leases that its holds are on."""
    with store.transaction() as tx:
        for place in places(budgets):
            tx.execute(
                "INSERT INTO ledger_leases VALUES (%s, %s, %s, %s, 1, 0)",
                (WORKER, *place, times * HOLD),
            )
            tx.execute(
                "UPDATE ledger_budget_uses SET leased_micro_jpy = leased_micro_jpy + %s "
                "WHERE budget_id = %s AND period_start = %s",
                (times * HOLD, *place),
            )


def known(store: Store) -> int:
    with store.reading() as tx:
        return budget_rows.snapshot(tx).sequence


def hand_in(store: Store, *batches: list[tuple[str, Any]]) -> list[BaseException | None]:
    """Hand rows to a worker's group commit, all at once; what became of each."""

    async def work() -> list[BaseException | None]:
        committer = Committer(store, WRITERS, derived_id("writer", "late"), supersede)
        committer.start(asyncio.get_running_loop())
        came = await asyncio.gather(*(committer.submit(rows) for rows in batches), return_exceptions=True)
        assert await asyncio.to_thread(committer.stop, 5) == 0
        return came

    return asyncio.run(work())


def swept(store: Store, at: datetime = NOW) -> int:
    return sweep(store, at, "TTM", seconds=0)


def lines_of(store: Store, under: Under) -> list[Entry]:
    with store.reading() as tx:
        return entry_rows.of_calls(tx, [under.intent.call_id])


def used(store: Store, budget: Budget) -> int:
    with store.reading() as tx:
        return next(one.used_micro_jpy for one in budget_rows.standings(tx, TODAY) if one.budget == budget)


def is_tidy(store: Store) -> bool:
    """No intent, lease or lease's sum is left, and rollups say what the lines say."""
    sums = "sum(calls), sum(input_tokens), sum(output_tokens), sum(cost_jpy)"
    with store.reading() as tx:
        [left] = tx.execute(
            "SELECT (SELECT count(*) FROM ledger_intents), (SELECT coalesce(sum(amount_micro_jpy), 0) FROM ledger_leases), "
            "(SELECT coalesce(sum(leased_micro_jpy), 0) FROM ledger_budget_uses)"
        ).fetchall()
        told = [
            tx.execute(f"SELECT task, {sums} FROM {table} GROUP BY task ORDER BY task").fetchall()
            for table in ("ledger_entries", "ledger_days", "ledger_months")
        ]
        [counts] = tx.execute(
            "SELECT (SELECT sum(failed) FROM ledger_days), "
            "(SELECT sum(CASE WHEN status <> 'ok' THEN calls ELSE 0 END) FROM ledger_entries)"
        ).fetchall()
    return left == (0, 0, 0) and told[0] == told[1] == told[2] and counts[0] == counts[1]

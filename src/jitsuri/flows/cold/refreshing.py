"""Refreshing: what a gateway worker holds in memory is read anew when it has changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from jitsuri.access.live.departments import Departments
from jitsuri.access.live.keys import Keys
from jitsuri.access.records import departments as department_rows
from jitsuri.access.records import keys as key_rows
from jitsuri.access.rules.arranging import tree_at
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import seal
from jitsuri.calls.shapes import TextPolicy
from jitsuri.flows.cold.reading_logs import read_key
from jitsuri.guardrails.live.policies import Policies
from jitsuri.guardrails.records import policies as policy_rows
from jitsuri.ledger.live.budgets import Budgets
from jitsuri.ledger.live.prices import Prices
from jitsuri.ledger.records import books as book_rows
from jitsuri.ledger.records import budgets as budget_rows
from jitsuri.ledger.records import rates as rate_rows
from jitsuri.ledger.rules.converting import rates_of
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.ledger.wire.packing import unpacked
from jitsuri.routing import records as routing_rows
from jitsuri.routing.live import Table
from jitsuri.routing.rules.setting import prompts_of
from jitsuri.store.announcing import numbers
from jitsuri.store.door import Connection, Store
from jitsuri.terms.period import company_day

EVERYTHING = frozenset({"keys", "departments", "routing", "prices", "budgets", "texts", "guards"})
"""What can be announced as changed."""


@dataclass(slots=True)
class Parts:
    """The live parts of one worker."""

    keys: Keys
    departments: Departments
    table: Table
    prices: Prices
    budgets: Budgets
    texts: Texts
    policies: Policies


class Texts:
    """Which tasks keep texts, and with which key; sealing happens where a call is booked."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is where the key files' names are looked for."""
        self._folder = folder
        self._kept: Mapping[str, tuple[TextPolicy, bytes]] = {}

    def replace(self, policies: Mapping[str, TextPolicy]) -> None:
        """Hold these policies. Raises OperatorError ``text_key_unreadable``."""
        self._kept = {
            task: (policy, read_key(self._folder / policy.key_name))
            for task, policy in policies.items()
            if policy.keep == "full"
        }

    def keeps(self, task: str) -> bool:
        return task in self._kept

    def texts(
        self, task: str, call_id: UUID, day: date, request: bytes, response: bytes
    ) -> list[tuple[UUID, str, bytes, str, date]]:
        """The parts of a call, sealed, with the last day on which they are kept."""
        found = self._kept.get(task)
        if found is None:
            return []
        policy, key = found
        last = day + timedelta(days=policy.retention_days)
        return [
            (call_id, part, seal(text, key, call_id, part), policy.key_name, last)
            for part, text in (("request", request), ("response", response))
            if text
        ]


class Refresher:
    """Compares what has changed since the last look and reads that anew. For one thread."""

    def __init__(self, store: Store, parts: Parts, rate_kind: RateKind) -> None:
        self._store = store
        self._parts = parts
        self._rate_kind: RateKind = rate_kind
        self._seen: dict[str, int] = {}
        self._day: date | None = None
        self._book_id = ""

    def look(self, now: datetime) -> frozenset[str]:
        """Read what has changed since the last look, all of it the first time; returns what was read."""
        with self._store.reading() as tx:
            found = numbers(tx)
            day = company_day(now)
            changed = {what for what in EVERYTHING if self._seen.get(what, -1) != found.get(what, 0)}
            if day != self._day:
                changed |= {"departments", "budgets"}
            self._read(tx, changed, now)
        self._seen = {what: found.get(what, 0) for what in EVERYTHING}
        self._day = day
        return frozenset(changed)

    def _read(self, tx: Connection, changed: Collection[str], now: datetime) -> None:
        parts = self._parts
        if "keys" in changed:
            parts.keys.replace(key_rows.standing(tx))
        if "departments" in changed:
            parts.departments.replace(tree_at(department_rows.everything(tx), company_day(now)))
        if "routing" in changed:
            variants = {task: found[0] for task, found in routing_rows.variants(tx).items()}
            rules = {task: found[0] for task, found in routing_rows.data_rules(tx).items()}
            named = {(task, version) for task, variant in variants.items() for version in prompts_of(variant)}
            prompts = routing_rows.prompt_texts(tx, named)
            parts.table.replace(routing_rows.tasks(tx), variants, rules, prompts)
        if "prices" in changed:
            self._read_prices(tx)
        if "budgets" in changed:
            parts.budgets.replace(budget_rows.snapshot(tx))
        if "texts" in changed:
            parts.texts.replace(text_rows.policies(tx))
        if "guards" in changed:
            parts.policies.replace(policy_rows.standing(tx))

    def _read_prices(self, tx: Connection) -> None:
        use = book_rows.in_use(tx)
        if use is None:
            return
        content = book_rows.content(tx, use.book_id)
        assert content is not None
        pricer = Pricer(unpacked(content, use.book_id))
        self._parts.prices.replace(pricer, rates_of(rate_rows.everything(tx), self._rate_kind))

"""Proposing candidates (候補): what the installation could ask, cheaper than today's model on this task's own use.

Story: which of the task's calls are kept and who answers them today → what the configured upstreams, students and rule tables
could answer → what the task's data rule allows → what is cheaper. Whoever is left out comes back with the reason. No text is
opened for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal, localcontext
from uuid import UUID

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.records.texts import KeptThread
from jitsuri.flows.cold.guarding.keeping import holding_for
from jitsuri.flows.cold.trying.pricing import Around, expected_jpy
from jitsuri.flows.cold.trying.recognising import Today, today_of
from jitsuri.guardrails.rules.protecting import protects
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.rules.finding import vendor_named
from jitsuri.ledger.rules.offering import offered_sheets
from jitsuri.ledger.shapes.pricing import ModelSheet
from jitsuri.rightsizing.rules.trying import BATCH
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import LOCAL, matches, rule_faults, target_named
from jitsuri.routing.shapes import DataClass, DataRule, Site, Target, Task
from jitsuri.store.door import Connection
from jitsuri.terms.money import EXACT_DIGITS, to_ledger_jpy
from jitsuri.terms.outcomes import Dropped, Refusal
from jitsuri.terms.usage import Usage

SPAN_DAYS = 93
"""How far back requests are drawn from: the three months that opportunities compare (decision 0007)."""
MOST_THREADS = 100_000
"""Threads that a sample is drawn from, the newest ones."""
MOST_LOOKED_AT = 1_000
"""Calls whose tokens an estimate goes by: their mean is known to a few percent."""
PROTECTED: tuple[DataClass, ...] = ("personal", "confidential")
"""Data classes whose requests go outside only where the task's guardrails protect them, or the data rule names the vendor
(decisions 0031 and 0039)."""
BYTES_PER_TOKEN = 6
"""Bytes of a request per token that it turns out to be, at most about: what is held before the answer goes by bytes."""
ROOM = 2
"""A candidate's context must hold the mean input this many times (as for opportunities)."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What of a task's past can be asked again, and who answers it today."""

    threads: tuple[KeptThread, ...]
    """Answered by today's model, newest first."""
    today: Today
    """Today's way, and whether it is what the task's variant says."""
    others: int
    """Threads that other models answered."""
    used: Usage
    """Of ``counted`` calls together: tokens in and out."""
    cost_jpy: Decimal
    counted: int

    @property
    def baseline(self) -> str:
        """The name of today's way."""
        return self.today.name


@dataclass(frozen=True, slots=True)
class Offered:
    """A candidate. ``per_call_jpy`` is what a call of today's size costs with it (想定)."""

    target: str
    per_call_jpy: Decimal
    is_free: bool


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a trial of a task could try, cheapest first, and what was left out."""

    task: Task
    pool: Pool
    today_per_call_jpy: Decimal | None
    """As the ledger has it; None where it has no yen."""
    offered: tuple[Offered, ...]
    dropped: tuple[Dropped, ...]


def propose(tx: Connection, task_name: str, around: Around, now: datetime) -> Proposed | Refusal:
    """The candidates of a task. Refuses ``task_unknown``, ``trial_no_texts``."""
    task = routing_rows.tasks(tx).get(task_name)
    if task is None:
        return Refusal("task_unknown", {"name": task_name, "task": task_name})
    pool = pool_of(tx, task_name, around, now)
    if not pool.threads:
        return Refusal("trial_no_texts", {"task": task_name})
    rule = routing_rows.data_rules(tx).get(task_name)
    is_protected = is_protected_by_policy(tx, task_name)
    today = _mean(pool.cost_jpy, pool.counted) if pool.cost_jpy else None
    offered: list[Offered] = []
    dropped: list[Dropped] = []
    for found in _targets(around, pool):
        if isinstance(found, Dropped):
            dropped.append(found)
            continue
        one = candidate_of(found, task, rule[0] if rule else None, around, pool, now, is_protected=is_protected)
        if isinstance(one, Dropped):
            dropped.append(one)
        elif today is not None and one.per_call_jpy >= today:
            dropped.append(Dropped(one.target, "not_cheaper"))
        else:
            offered.append(one)
    offered.sort(key=lambda one: (one.per_call_jpy, one.target))
    return Proposed(task, pool, today, tuple(offered), tuple(dropped))


def estimated_jpy(found: Proposed, candidates: Sequence[str], requests: int, around: Around, now: datetime) -> Decimal:
    """What asking so many requests of each of these should cost, by the tokens of today's calls (想定)."""
    whole = Decimal(0)
    counted = max(found.pool.counted, 1)
    for name in candidates:
        cost = expected_jpy(around, name.partition("#p")[0], found.pool.used, counted, now)
        with localcontext(prec=EXACT_DIGITS):
            whole += Decimal(0) if isinstance(cost, Dropped) else cost * requests / counted
    return to_ledger_jpy(whole)


def cap_for(found: Proposed, candidates: Sequence[str], estimate: Decimal, around: Around, now: datetime) -> Decimal:
    """A cap in whole yen under which a trial with this estimate comes to its end: half as much again, and room for what one
    step can cost at most, since that must fit before it is asked."""
    counted = max(found.pool.counted, 1)
    step = Usage(
        input_tokens=BYTES_PER_TOKEN * BATCH * found.pool.used.input_tokens // counted,
        output_tokens=BATCH * around.most_output_tokens,
    )
    costs = [expected_jpy(around, name.partition("#p")[0], step, BATCH, now) for name in candidates]
    most = max((cost for cost in costs if isinstance(cost, Decimal)), default=Decimal(0))
    return (estimate * Decimal("1.5") + most).quantize(Decimal(1), ROUND_CEILING)


def pool_of(tx: Connection, task: str, around: Around, now: datetime, *, is_asked: bool = False) -> Pool:
    """The threads that can be asked again, of the way that answers today, with what they used. ``is_asked``: today's way is
    asked anew too, whatever its prompt was then."""
    kept = text_rows.last_of_threads(tx, task, now - timedelta(days=SPAN_DAYS), MOST_THREADS)
    today = today_of(tx, task, kept, around, is_asked=is_asked)
    used, cost, counted = used_by(tx, [one.call_id for one in today.mine[:MOST_LOOKED_AT]])
    return Pool(today.mine, today, len(kept) - len(today.mine), used, cost, counted)


def used_by(tx: Connection, call_ids: Sequence[UUID]) -> tuple[Usage, Decimal, int]:
    """Tokens, yen and number of those of these calls that the ledger knows and a caller made."""
    into = out = 0
    cost = Decimal(0)
    known: set[UUID] = set()
    with localcontext(prec=EXACT_DIGITS):
        for entry in entry_rows.of_calls(tx, call_ids):
            if not entry.purpose:
                known.add(entry.call_id)
                into += entry.usage.input_tokens
                out += entry.usage.output_tokens
                cost += entry.cost_jpy or 0
    return Usage(input_tokens=into, output_tokens=out), cost, len(known)


def is_protected_by_policy(tx: Connection, task: str) -> bool:
    """Whether the guardrails in force keep personal data of this task from models outside."""
    holding = holding_for(tx, task)
    return holding is not None and protects(holding.policy)


def candidate_of(
    target: Target, task: Task, rule: DataRule | None, around: Around, pool: Pool, now: datetime, *, is_protected: bool
) -> Offered | Dropped:
    """A target as a candidate, or why it cannot be one: configuration, data rule, guardrails, context, price."""
    name = str(target)
    why = _kept_out(target, task, rule, around.sites, is_protected=is_protected)
    if why is not None:
        return why
    sheet = around.sheet_of(name)
    calls = max(pool.counted, 1)
    room = ROOM * pool.used.input_tokens // calls
    if sheet is not None and sheet.context_window is not None and sheet.context_window < room:
        return Dropped(name, "context_too_small", {"context_window": sheet.context_window})
    cost = expected_jpy(around, name, pool.used, calls, now)
    if isinstance(cost, Dropped):
        return cost
    return Offered(name, _mean(cost, calls), around.is_free(name))


def _kept_out(
    target: Target, task: Task, rule: DataRule | None, sites: Mapping[str, Site], *, is_protected: bool
) -> Dropped | None:
    faults = rule_faults([target], sites, rule)
    if faults:
        return faults[0]
    site = sites[target.upstream]
    is_named = rule is not None and site.vendor in rule.vendors
    if task.data_class in PROTECTED and not site.is_on_premises and not is_named and not is_protected:
        return Dropped(str(target), "needs_masking", {"vendor": site.vendor, "data_class": task.data_class})
    return None


def _targets(around: Around, pool: Pool) -> Iterator[Target | Dropped]:
    """What the configuration could ask: students and rule tables, names that upstreams are given, and the current text
    models of their vendors that they take."""
    seen: set[str] = {pool.today.target}
    for name in around.local_names:
        yield from _once(Target(LOCAL, name), seen)
    yield from models_offered(around, sorted({(one.provider, one.model) for one in pool.threads}), seen)


def models_offered(around: Around, used: Sequence[tuple[str, str]], seen: set[str]) -> Iterator[Target | Dropped]:
    """The names that upstreams are given, and the current text models of their vendors that they take, each once."""
    vendors = {
        site.name: vendor_named(around.book, site.vendor) for site in around.sites.values() if site.name != LOCAL
    }
    sheets, dropped = offered_sheets(around.book, used, {one.provider for one in vendors.values() if one is not None})
    for site in around.sites.values():
        if site.name == LOCAL:
            continue
        vendor = vendors[site.name]
        for pattern in site.models:
            if not pattern.endswith("*"):
                yield from _once(Target(site.name, pattern), seen)
        for sheet in sheets:
            if vendor is not None and sheet.provider == vendor.provider and _takes(site, sheet):
                yield from _once(Target(site.name, sheet.model), seen)
        for one in dropped:
            provider, _, model = one.what.partition("/")
            if vendor is not None and provider == vendor.provider and (not model or _takes_name(site, model)):
                yield Dropped(f"{site.name}/{model}" if model else site.name, one.code, one.facts)


def _takes(site: Site, sheet: ModelSheet) -> bool:
    return _takes_name(site, sheet.model)


def _takes_name(site: Site, model: str) -> bool:
    return not site.models or any(matches(model, pattern) for pattern in site.models)


def _once(target: Target, seen: set[str]) -> Iterator[Target]:
    if str(target) not in seen and target_named(str(target)) is not None:
        seen.add(str(target))
        yield target


def _mean(amount: Decimal, count: int) -> Decimal:
    with localcontext(prec=EXACT_DIGITS):
        return amount / max(count, 1)

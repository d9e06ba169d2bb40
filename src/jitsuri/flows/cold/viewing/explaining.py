"""Explaining one call: who asked, where it might have gone, what each attempt was, what it counted for.

What is kept is told as it is kept. The plan of a call is not kept: it is found again from the versions of its task's
variant and data rule that held then, and from the upstreams that ``jitsuri.toml`` names today.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar
from uuid import UUID

from jitsuri.access.records import departments as department_rows
from jitsuri.access.rules.arranging import path_of
from jitsuri.flows.cold.viewing.opening_calls import AttemptView, CallView, call_view
from jitsuri.flows.cold.viewing.opening_gateway import SOURCE
from jitsuri.ledger.records import budgets as budget_rows
from jitsuri.ledger.rules.budgeting import of_call, place_of
from jitsuri.ledger.rules.superseding import ORPHANED, WORKER_DIED
from jitsuri.ledger.shapes.budgets import Budget, Marks, Place
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import is_in, rule_faults
from jitsuri.routing.rules.setting import all_targets_of, ways_in
from jitsuri.routing.shapes import DataRule, Site, Target, Variant, Versioned
from jitsuri.store.door import Connection
from jitsuri.terms.outcomes import Dropped
from jitsuri.terms.period import company_day
from jitsuri.terms.usage import Usage

Estimate = Literal["", "usage_estimated", "orphaned"]
"""``usage_estimated``: the upstream reported no use, so it was reckoned from the texts' lengths. ``orphaned``: the process
died, so the upper bound is booked."""

_UNUSED = Usage()
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class PlanThen:
    """Where a task was answered when the call came, best first, and why a place was kept out."""

    variant: Variant
    version: Versioned
    rule: DataRule
    rule_version: Versioned | None
    targets: tuple[tuple[Target, Dropped | None], ...]
    """The canary's last."""
    is_canary: bool
    """Whether the call's thread belongs to the canary's share."""
    prompts: tuple[int, ...]
    """One per target: the version of the task's prompt that goes with it; 0 is the caller's own."""


@dataclass(frozen=True, slots=True)
class AttemptTold:
    """One attempt with what can be said beside its lines."""

    view: AttemptView
    upstream: str
    """Its name in ``jitsuri.toml``; '' where several fit."""
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Explained:
    """One call, explained."""

    view: CallView
    is_gateway: bool
    plan: PlanThen | None
    """None for a call of no task, of a task that had no variant then, or from a log."""
    attempts: tuple[AttemptTold, ...]
    budgets: tuple[tuple[Budget, Place], ...]
    """Standing budgets that the call counts for, each with the period."""


def explain(tx: Connection, call_id: UUID, sites: Mapping[str, Site]) -> Explained | None:
    """One call; None for an unknown one."""
    view = call_view(tx, call_id)
    if view is None:
        return None
    is_gateway = view.call.source == SOURCE
    plan = _plan(tx, view, sites) if is_gateway and view.call.task else None
    targets = [target for target, _ in plan.targets] if plan is not None else []
    attempts = tuple(
        AttemptTold(one, upstream_of(one.first, targets, sites) if is_gateway else "", estimate_of(one.first))
        for one in view.attempts
    )
    return Explained(view, is_gateway, plan, attempts, _budgets(tx, view) if is_gateway else ())


def estimate_of(entry: Entry) -> Estimate:
    """Whether an entry's use is an estimate, and which."""
    if entry.error_code == WORKER_DIED or entry.reason == ORPHANED:
        return "orphaned"
    is_unreported = entry.source == SOURCE and entry.usage_raw is None and entry.usage != _UNUSED
    return "usage_estimated" if is_unreported or entry.reason == "usage_estimated" else ""


def upstream_of(entry: Entry, targets: Sequence[Target], sites: Mapping[str, Site]) -> str:
    """Which upstream an attempt went to: the only one that fits its region, vendor and model; '' where several do."""
    there = [name for name, site in sites.items() if site.region == entry.region]
    same = [name for name in there if sites[name].vendor == entry.provider]
    fitting = same or there
    planned = [t.upstream for t in targets if t.model == entry.model_asked and t.upstream in fitting]
    found = dict.fromkeys(planned or fitting)
    return next(iter(found)) if len(found) == 1 else ""


def _plan(tx: Connection, view: CallView, sites: Mapping[str, Site]) -> PlanThen | None:
    task, at = view.call.task, view.call.at
    held = _held(routing_rows.variant_history(tx, task), at)
    if held is None or held[0] is None:
        return None
    variant, version = held[0], held[1]
    ruled = _held(routing_rows.data_rule_history(tx, task), at)
    rule = ruled[0] if ruled is not None else DataRule(task)
    targets = all_targets_of(variant)
    out = {why.what: why for why in rule_faults(targets, sites, rule)}
    ways = ways_in(variant)
    told = tuple((target, out.get(str(target))) for target, _ in ways)
    canary = variant.canary
    by_canary = canary is not None and str(canary.target) not in out and is_in(view.call.thread_id, canary.per_mille)
    return PlanThen(
        variant, version, rule, ruled[1] if ruled is not None else None, told, by_canary, tuple(p for _, p in ways)
    )


def _held(history: Sequence[tuple[_Kept, Versioned]], at: datetime) -> tuple[_Kept, Versioned] | None:
    """The version that held at an instant; ``history`` has the newest first."""
    return next((one for one in history if one[1].set_at <= at), None)


def _budgets(tx: Connection, view: CallView) -> tuple[tuple[Budget, Place], ...]:
    call = view.call
    day = view.attempts[0].first.day if view.attempts else company_day(call.at)
    path = path_of(department_rows.everything(tx), call.department, day) if call.department else ()
    found = of_call(budget_rows.by_name(tx), Marks(path, call.task, call.key_name))
    counted = [(budget, place_of(budget, day)) for budget in found]
    return tuple(
        (budget, place)
        for budget, place in sorted(counted, key=lambda pair: pair[0].name)
        if place.period_start >= place_of(budget, budget.begins_on).period_start
    )

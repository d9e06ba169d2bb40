"""Budgets (予算): made, changed and ended, by versions with author and reason; pinned by the settings file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

from jitsuri.access.records import departments as department_rows
from jitsuri.access.rules.arranging import path_of, tree_at
from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.evidence.shapes import Record
from jitsuri.ledger.records import budgets as kept
from jitsuri.ledger.records import leases
from jitsuri.ledger.records.totals import costs
from jitsuri.ledger.rules.budgeting import (
    draft_faults,
    limit_faults,
    micro_at_most,
    next_start,
    period_start,
    place_of,
    reason_faults,
    to_jpy,
    to_micro,
)
from jitsuri.ledger.shapes.budgets import (
    Budget,
    BudgetDraft,
    BudgetKind,
    BudgetNotice,
    BudgetPeriod,
    BudgetScope,
)
from jitsuri.routing import records as routing_rows
from jitsuri.store.announcing import announce
from jitsuri.store.door import Connection, Store
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import COMPANY_ZONE, company_day

PINNED_BY = "jitsuri.toml"


def make_budget(
    store: Store,
    now: datetime,
    actor: str,
    draft: BudgetDraft,
    reason: str,
    *,
    zone: ZoneInfo = COMPANY_ZONE,
    fiscal_year_starts_in: int = 4,
) -> Budget | tuple[Refusal, ...]:
    """Make a budget; what the ledger already holds of its running period counts (calls of a key begin at zero).

    Refuses what ``draft_faults`` names, and ``budget_reason_missing``, ``budget_subject_unknown``, ``budget_known``.
    """
    faults = [*draft_faults(draft), *reason_faults(reason)]
    if faults:
        return tuple(faults)
    today = company_day(now, zone)
    with store.transaction() as tx:
        kept.lock(tx)
        if any(budget.name == draft.name for budget in kept.by_name(tx)):
            return (Refusal("budget_known", {"field": "name", "value": draft.name}),)
        if not _has_subject(tx, draft, today):
            facts = {"field": "subject", "value": draft.subject, "scope": draft.scope}
            return (Refusal("budget_subject_unknown", facts),)
        budget = _made(draft, now, today, fiscal_year_starts_in, is_pinned=False)
        _begin(tx, budget, actor, reason, now, today)
        announce(tx, "budgets")
        return budget


def change_budget(
    store: Store,
    now: datetime,
    actor: str,
    budget_id: UUID,
    reason: str,
    *,
    limit_jpy: Decimal | None = None,
    kind: BudgetKind | None = None,
    notice_share: Decimal | None = None,
    zone: ZoneInfo = COMPANY_ZONE,
) -> Budget | tuple[Refusal, ...]:
    """Change a budget by a new version; the new limit holds at once, and what is used stays counted.

    Refuses ``budget_unknown``, ``budget_pinned``, ``budget_unchanged``, ``budget_limit_invalid``,
    ``budget_choice_invalid``, ``budget_share_invalid``, ``budget_reason_missing``.
    """
    faults = [*reason_faults(reason), *(limit_faults(limit_jpy) if limit_jpy is not None else ())]
    if faults:
        return tuple(faults)
    with store.transaction() as tx:
        kept.lock(tx)
        before = kept.newest(tx, budget_id)
        refused = _unchangeable(before, budget_id)
        if before is None or refused is not None:
            return (refused,) if refused is not None else ()
        after = replace(
            before,
            limit_micro_jpy=before.limit_micro_jpy if limit_jpy is None else to_micro(limit_jpy),
            kind=kind or before.kind,
            notice_share=before.notice_share if notice_share is None else notice_share,
        )
        if after == before:
            return (Refusal("budget_unchanged", {"value": before.name}),)
        faults = draft_faults(_draft_of(after))
        if faults:
            return tuple(faults)
        after = replace(after, version=before.version + 1)
        _change(tx, before, after, actor, reason, now, company_day(now, zone))
        announce(tx, "budgets")
        return after


def end_budget(
    store: Store, now: datetime, actor: str, budget_id: UUID, reason: str, *, zone: ZoneInfo = COMPANY_ZONE
) -> Budget | tuple[Refusal, ...]:
    """End a budget: it refuses and tells nothing any more; its versions and what was used of it stay.

    Refuses ``budget_unknown``, ``budget_pinned``, ``budget_reason_missing``.
    """
    faults = reason_faults(reason)
    if faults:
        return tuple(faults)
    with store.transaction() as tx:
        kept.lock(tx)
        before = kept.newest(tx, budget_id)
        refused = _unchangeable(before, budget_id)
        if before is None or refused is not None:
            return (refused,) if refused is not None else ()
        ended = _end(tx, before, actor, reason, now, company_day(now, zone))
        announce(tx, "budgets")
        return ended


def pin_budgets(
    tx: Connection,
    named: Mapping[str, Mapping[str, object]],
    now: datetime,
    *,
    zone: ZoneInfo = COMPANY_ZONE,
    fiscal_year_starts_in: int = 4,
) -> list[str]:
    """Write the budgets that ``jitsuri.toml`` names (``budgets.*``, checked and complete) where they differ.

    One that the file names no more stays as it is, and may be changed in the console again. Returns what changed, as
    paths of settings. Raises OperatorError ``budget_pin_wrong``.
    """
    kept.lock(tx)
    today = company_day(now, zone)
    standing = {budget.name: budget for budget in kept.by_name(tx)}
    changed = []
    for name, row in named.items():
        draft = _pinned_draft(name, row)
        before = standing.get(name)
        if before is None:
            budget = _made(draft, now, today, fiscal_year_starts_in, is_pinned=True)
            _begin(tx, budget, PINNED_BY, PINNED_BY, now, today)
            changed.append(f"budgets.{name}")
            continue
        for field in ("scope", "subject", "period"):
            if getattr(before, field) != getattr(draft, field):
                raise OperatorError("budget_pin_wrong", name=name, field=field, value=getattr(draft, field))
        after = replace(
            before, limit_micro_jpy=micro_at_most(draft.limit_jpy), kind=draft.kind, notice_share=draft.notice_share,
            is_pinned=True,
        )  # fmt: skip
        if after != before:
            after = replace(after, version=before.version + 1)
            _change(tx, before, after, PINNED_BY, PINNED_BY, now, today)
            changed.append(f"budgets.{name}")
    for name, before in standing.items():
        if before.is_pinned and name not in named:
            after = replace(before, is_pinned=False, version=before.version + 1)
            _change(tx, before, after, PINNED_BY, PINNED_BY, now, today)
            changed.append(f"budgets.{name}")
    if changed:
        announce(tx, "budgets")
    return changed


def _made(draft: BudgetDraft, now: datetime, today: date, starts_in: int, *, is_pinned: bool) -> Budget:
    return Budget(
        derived_id("budget", draft.name, now.isoformat()), 1, draft.name, draft.scope, draft.subject, draft.period,
        micro_at_most(draft.limit_jpy), draft.kind, draft.notice_share, starts_in, today, is_pinned,
    )  # fmt: skip


def _draft_of(budget: Budget) -> BudgetDraft:
    return BudgetDraft(
        budget.name, budget.scope, budget.subject, budget.period, to_jpy(budget.limit_micro_jpy), budget.kind,
        budget.notice_share,
    )  # fmt: skip


def _pinned_draft(name: str, row: Mapping[str, object]) -> BudgetDraft:
    limit, share = row["limit_jpy"], row["notice_share"]
    assert isinstance(limit, Decimal)
    assert isinstance(share, Decimal)
    draft = BudgetDraft(
        name, cast(BudgetScope, row["scope"]), str(row["subject"]), cast(BudgetPeriod, row["period"]), limit,
        cast(BudgetKind, row["kind"]), share,
    )  # fmt: skip
    for fault in draft_faults(draft):
        field = str(fault.facts["field"])
        raise OperatorError("budget_pin_wrong", name=name, field=field, value=getattr(draft, field))
    return draft


def _has_subject(tx: Connection, draft: BudgetDraft, today: date) -> bool:
    """Is there such a department or task? A key may be made after its budget."""
    match draft.scope:
        case "department":
            return draft.subject in tree_at(department_rows.everything(tx), today)
        case "task":
            return draft.subject in routing_rows.tasks(tx)
        case _:
            return True


def _unchangeable(budget: Budget | None, budget_id: UUID) -> Refusal | None:
    if budget is None or budget.is_ended:
        return Refusal("budget_unknown", {"value": budget.name if budget is not None else str(budget_id)})
    if budget.is_pinned:
        return Refusal("budget_pinned", {"value": budget.name})
    return None


def _begin(tx: Connection, budget: Budget, actor: str, reason: str, now: datetime, today: date) -> None:
    used = to_micro(_spent(tx, budget, today))
    kept.insert(tx, budget, actor, reason, now)
    kept.begin(tx, budget, today, used)
    _tell(tx, budget, actor, today)
    facts = {**_facts(budget), "reason": reason, "used_jpy": to_jpy(used)}
    evidence.append(tx, record_of(now, actor, "budget_made", f"budget:{budget.budget_id}", facts))


def _change(
    tx: Connection, before: Budget, after: Budget, actor: str, reason: str, now: datetime, today: date
) -> None:  # fmt: skip
    kept.insert(tx, after, actor, reason, now)
    kept.set_limit(tx, after, today)
    if after.limit_micro_jpy < before.limit_micro_jpy or after.kind != before.kind:
        leases.recall(tx, [place_of(after, today)], None)
    _tell(tx, after, actor, today)
    facts = {**_facts(after), "reason": reason, "before": _facts(before)}
    evidence.append(tx, record_of(now, actor, "budget_changed", f"budget:{after.budget_id}", facts))


def _end(tx: Connection, before: Budget, actor: str, reason: str, now: datetime, today: date) -> Budget:
    ended = replace(before, version=before.version + 1, is_ended=True)
    kept.insert(tx, ended, actor, reason, now)
    leases.recall(tx, [place_of(ended, today)], None)
    facts = {**_facts(ended), "reason": reason}
    evidence.append(tx, record_of(now, actor, "budget_ended", f"budget:{ended.budget_id}", facts))
    return ended


def _tell(tx: Connection, budget: Budget, actor: str, today: date) -> None:
    """Write the notices that are due with this limit."""
    notices = kept.note_standing(tx, place_of(budget, today))
    evidence.append_many(tx, [_notice_record(notice, actor) for notice in notices])


def _spent(tx: Connection, budget: Budget, today: date) -> Decimal:
    """Yen that the ledger holds of the budget's running period. A department counts all below it, by each day's tree.

    Lines of the ledger do not say which key a call came with: the budget of a key begins at zero.
    """
    first = period_start(budget.period, today, budget.fiscal_year_starts_in)
    last = date.fromordinal(next_start(budget.period, first).toordinal() - 1)
    match budget.scope:
        case "company":
            return sum((row.cost_jpy for row in costs(tx, "day", first, last, ("period",))), Decimal(0))
        case "task":
            rows = costs(tx, "day", first, last, ("task",))
            return sum((row.cost_jpy for row in rows if row.key[0] == budget.subject), Decimal(0))
        case "department":
            departments = department_rows.everything(tx)
            rows = costs(tx, "day", first, last, ("period", "department"))
            return sum(
                (
                    row.cost_jpy
                    for row in rows
                    if budget.subject in path_of(departments, str(row.key[1]), cast(date, row.key[0]))
                ),
                Decimal(0),
            )
        case "key":
            return Decimal(0)


def _facts(budget: Budget) -> dict[str, object]:
    return {
        "name": budget.name, "version": budget.version, "scope": budget.scope, "subject": budget.subject,
        "period": budget.period, "limit_jpy": to_jpy(budget.limit_micro_jpy), "kind": budget.kind,
        "notice_share": budget.notice_share, "is_pinned": budget.is_pinned,
    }  # fmt: skip


def _notice_record(notice: BudgetNotice, actor: str) -> Record:
    facts: dict[str, object] = {
        "period_start": notice.place.period_start, "share": notice.share, "used_micro_jpy": notice.used_micro_jpy,
        "limit_micro_jpy": notice.limit_micro_jpy,
    }  # fmt: skip
    return record_of(notice.at, actor, "budget_notice", f"budget:{notice.place.budget_id}", facts)

"""What follows from budgets: periods, which of them a call counts for, refusals, what is asked of a new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext

from jitsuri.ledger.shapes.budgets import (
    BUDGET_KINDS,
    BUDGET_PERIODS,
    BUDGET_SCOPES,
    Budget,
    BudgetDraft,
    BudgetPeriod,
    Marks,
    Place,
    Settlement,
)
from jitsuri.terms.money import EXACT_DIGITS, to_ledger_jpy
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import Month, month_of

MICRO = Decimal(1_000_000)
"""Millionths in one yen: the ledger's step (decision 0006)."""
LARGEST_LIMIT_JPY = Decimal(10) ** 12
"""A trillion yen: a million times that still fits where amounts are counted (64 bits)."""
LONGEST_NAME = 64
LONGEST_REASON = 500


# -- periods


def period_start(period: BudgetPeriod, day: date, fiscal_year_starts_in: int = 4) -> date:
    """First day of the period that a day is in.

    >>> period_start("fiscal_year", date(2027, 3, 31))
    datetime.date(2026, 4, 1)
    """
    if period == "day":
        return day
    month = month_of(day)
    if period == "month":
        return month.first
    return Month(month.fiscal_year(fiscal_year_starts_in), fiscal_year_starts_in).first


def next_start(period: BudgetPeriod, start: date) -> date:
    """First day of the period after the one that begins on ``start``."""
    if period == "day":
        return start + timedelta(days=1)
    if period == "month":
        return month_of(start).next.first
    return Month(start.year + 1, start.month).first


def place_of(budget: Budget, day: date) -> Place:
    """The period of a budget in which a call that was asked on this day counts."""
    return Place(budget.budget_id, period_start(budget.period, day, budget.fiscal_year_starts_in))


# -- amounts


def to_micro(amount_jpy: Decimal) -> int:
    """Yen in whole millionths, half up, as the ledger rounds."""
    return _micro(amount_jpy, ROUND_HALF_UP)


def micro_at_least(amount_jpy: Decimal) -> int:
    """Yen in whole millionths, never below the amount: for what is held."""
    return _micro(amount_jpy, ROUND_CEILING)


def micro_at_most(amount_jpy: Decimal) -> int:
    """Yen in whole millionths, never above the amount: for a limit."""
    return _micro(amount_jpy, ROUND_FLOOR)


def to_jpy(micro_jpy: int) -> Decimal:
    """Millionths as yen, exact."""
    return Decimal(micro_jpy).scaleb(-6)


def told_jpy(micro_jpy: int) -> str:
    """An amount for a sentence: whole yen with commas; sen beside them where there are any, millionths below a yen.

    >>> told_jpy(12_345_000_000), told_jpy(1_500_000), told_jpy(12)
    ('12,345', '1.5', '0.000012')
    """
    step = Decimal("0.01") if abs(micro_jpy) >= MICRO else Decimal("0.000001")
    told = f"{to_jpy(micro_jpy).quantize(step, ROUND_HALF_UP):,f}"
    return told.rstrip("0").rstrip(".") if "." in told else told


def _micro(amount_jpy: Decimal, rounding: str) -> int:
    with localcontext(prec=EXACT_DIGITS):
        return int((amount_jpy * MICRO).to_integral_value(rounding))


# -- which budgets


def applies(budget: Budget, marks: Marks) -> bool:
    """Does a call with these marks count for this budget?"""
    match budget.scope:
        case "company":
            return True
        case "department":
            return budget.subject in marks.path
        case "task":
            return budget.subject == marks.task
        case "key":
            return budget.subject == marks.key


def of_call(budgets: Iterable[Budget], marks: Marks) -> tuple[Budget, ...]:
    """The standing budgets that a call counts for, in an order that is the same everywhere."""
    found = [budget for budget in budgets if not budget.is_ended and applies(budget, marks)]
    return tuple(sorted(found, key=lambda budget: budget.budget_id))


def places_missing(budgets: Iterable[Budget], settlement: Settlement) -> Iterator[Place]:
    """Periods that a settlement counts for though nobody knew when it was held: of budgets made since."""
    known = {place.budget_id for place, _ in settlement.lines}
    for budget in of_call(budgets, settlement.marks):
        place = place_of(budget, settlement.day)
        if budget.budget_id not in known and place.period_start >= place_of(budget, budget.begins_on).period_start:
            yield place


# -- notices and refusals


NEVER = 2**63 - 1
"""A use that no budget reaches: nothing more is told in this period."""


def notices_due(used_micro_jpy: int, limit_micro_jpy: int, notice_share: Decimal) -> tuple[tuple[Decimal, ...], int]:
    """The shares of a limit that are reached, of the two that are told, and the use at which the next one is.

    A limit of 0 tells nothing.
    """
    if limit_micro_jpy == 0:
        return (), NEVER
    marks = {share: micro_at_least(share * to_jpy(limit_micro_jpy)) for share in sorted({notice_share, Decimal(1)})}
    ahead = [mark for mark in marks.values() if mark > used_micro_jpy]
    return tuple(share for share, mark in marks.items() if mark <= used_micro_jpy), min(ahead, default=NEVER)


def exceeded(
    name: str, used_micro_jpy: int, leased_micro_jpy: int, limit_micro_jpy: int, need_micro_jpy: int, resets_on: date
) -> Refusal:
    """Why a call does not fit a hard budget: what is used, held by other calls, the limit, and when it begins anew."""
    return Refusal(
        "budget_exceeded",
        {
            "name": name,
            "used": told_jpy(used_micro_jpy),
            "held": told_jpy(leased_micro_jpy),
            "limit": told_jpy(limit_micro_jpy),
            "need": told_jpy(need_micro_jpy),
            "resets": resets_on.isoformat(),
        },
    )


def draft_faults(draft: BudgetDraft) -> list[Refusal]:
    """What is wrong with a budget that is asked for: ``budget_name_invalid``, ``budget_choice_invalid``,
    ``budget_subject_missing``, ``budget_subject_unneeded``, ``budget_limit_invalid``, ``budget_share_invalid``."""
    faults = []
    name = draft.name
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        faults.append(Refusal("budget_name_invalid", {"field": "name", "longest": LONGEST_NAME}))
    for field, value, choices in (
        ("scope", draft.scope, BUDGET_SCOPES),
        ("period", draft.period, BUDGET_PERIODS),
        ("kind", draft.kind, BUDGET_KINDS),
    ):
        if value not in choices:
            facts = {"field": field, "value": value, "choices": " / ".join(choices)}
            faults.append(Refusal("budget_choice_invalid", facts))
    if draft.scope == "company" and draft.subject:
        faults.append(Refusal("budget_subject_unneeded", {"field": "subject", "value": draft.subject}))
    if draft.scope != "company" and not draft.subject:
        faults.append(Refusal("budget_subject_missing", {"field": "subject", "value": draft.scope}))
    faults += limit_faults(draft.limit_jpy)
    if not (draft.notice_share.is_finite() and 0 < draft.notice_share <= 1):
        faults.append(Refusal("budget_share_invalid", {"field": "notice_share", "value": str(draft.notice_share)}))
    return faults


def limit_faults(limit_jpy: Decimal) -> list[Refusal]:
    """Why an amount can be no limit: ``budget_limit_invalid``."""
    if limit_jpy.is_finite() and 0 <= limit_jpy <= LARGEST_LIMIT_JPY and to_ledger_jpy(limit_jpy) == limit_jpy:
        return []
    facts = {"field": "limit_jpy", "value": str(limit_jpy), "largest": f"{LARGEST_LIMIT_JPY:,f}"}
    return [Refusal("budget_limit_invalid", facts)]


def reason_faults(reason: str) -> list[Refusal]:
    """Why a text is no reason for a change: ``budget_reason_missing``."""
    if 0 < len(reason.strip()) <= LONGEST_REASON:
        return []
    return [Refusal("budget_reason_missing", {"field": "reason", "longest": LONGEST_REASON})]

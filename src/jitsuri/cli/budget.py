"""``jitsuri budget``: limits in yen, from the machine itself."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jitsuri.cli.doors import Desk, pass_desk, pin_settings
from jitsuri.cli.refusing import refuse
from jitsuri.cli.telling import moment_told
from jitsuri.cli.typed import given_number
from jitsuri.flows.cold import keeping_budgets as flow
from jitsuri.flows.cold.keeping_costs import share_of
from jitsuri.flows.cold.viewing.opening_budgets import BudgetList, BudgetRow, budget_list
from jitsuri.ledger.rules.budgeting import to_jpy, told_jpy
from jitsuri.ledger.shapes.budgets import (
    BUDGET_KINDS,
    BUDGET_PERIODS,
    BUDGET_SCOPES,
    Budget,
    BudgetDraft,
    BudgetKind,
    BudgetPeriod,
    BudgetScope,
)
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.words import text

_json = click.option("--json", "json_out", is_flag=True)
_reason = click.option("--reason", required=True)
_FIXED = ("scope", "subject", "period")
"""What a budget keeps for its life."""


@click.group("budget")
def budget() -> None: ...


@budget.command("list")
@_json
@pass_desk
def list_(desk: Desk, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        found = _all(desk, store)
    if json_out:
        desk.give([_told(row) for row in found.rows])
    elif not found.rows:
        desk.say("cli.budget.list.none")
    else:
        Console().print(_table(desk, found))


@budget.command("set")
@click.argument("name")
@click.argument("limit_jpy", metavar="YEN", required=False)
@click.option("--scope", type=click.Choice(BUDGET_SCOPES), default=None)
@click.option("--subject", default=None)
@click.option("--period", type=click.Choice(BUDGET_PERIODS), default=None)
@click.option("--kind", type=click.Choice(BUDGET_KINDS), default=None)
@click.option("--notice", metavar="SHARE", default=None)
@_reason
@_json
@pass_desk
def set_(
    desk: Desk, /, name: str, limit_jpy: str | None, scope: str | None, subject: str | None, period: str | None,
    kind: str | None, notice: str | None, reason: str, json_out: bool,
) -> None:  # fmt: skip
    desk.json_out = json_out
    limit = given_number(limit_jpy) if limit_jpy is not None else None
    share = _share(notice) if notice is not None else None
    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        standing = _standing(desk, store, name)
        if standing is None:
            came = _make(
                desk, store, name, limit, share, reason, scope=scope, subject=subject, period=period, kind=kind
            )
        else:
            _demand_same(desk, standing, scope=scope, subject=subject, period=period)
            came = flow.change_budget(
                store, desk.now(), "cli", standing.budget_id, reason, limit_jpy=limit,
                kind=cast(BudgetKind | None, kind), notice_share=share,
            )  # fmt: skip
    _finish(desk, came, "cli.budget.set.made" if standing is None else "cli.budget.set.changed")


@budget.command("end")
@click.argument("name")
@_reason
@_json
@pass_desk
def end(desk: Desk, name: str, reason: str, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        standing = _standing(desk, store, name)
        if standing is None:
            refuse(desk, Refusal("budget_unknown", {"value": name}))
        came = flow.end_budget(store, desk.now(), "cli", standing.budget_id, reason)
    _finish(desk, came, "cli.budget.end.done")


@budget.command("notices")
@_json
@pass_desk
def notices(desk: Desk, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        found = _all(desk, store).notices
    if json_out:
        desk.give([
            {"budget": one.budget.name, "at": one.notice.at, "period_start": one.notice.place.period_start,
             "share": str(one.notice.share), "used_jpy": str(to_jpy(one.notice.used_micro_jpy)),
             "limit_jpy": str(to_jpy(one.notice.limit_micro_jpy))} for one in found
        ])  # fmt: skip
        return
    if not found:
        desk.say("cli.budget.notices.none")
    for one in found:
        desk.say(
            "cli.budget.notices.line", at=moment_told(desk, one.notice.at), name=one.budget.name,
            share=_percent(one.notice.share), first=one.notice.place.period_start,
            used=told_jpy(one.notice.used_micro_jpy), limit=told_jpy(one.notice.limit_micro_jpy),
        )  # fmt: skip


def _all(desk: Desk, store: Store) -> BudgetList:
    with store.reading() as tx:
        return budget_list(tx, company_day(desk.now()))


def _standing(desk: Desk, store: Store, name: str) -> Budget | None:
    return next((row.budget for row in _all(desk, store).rows if row.budget.name == name), None)


def _make(
    desk: Desk, store: Store, name: str, limit: Decimal | None, share: Decimal | None, reason: str, *,
    scope: str | None, subject: str | None, period: str | None, kind: str | None,
) -> Budget | tuple[Refusal, ...]:  # fmt: skip
    if limit is None:
        raise CallerError("budget_limit_missing", name=name)
    draft = BudgetDraft(
        name, cast(BudgetScope, scope or "company"), subject or "", cast(BudgetPeriod, period or "month"), limit,
        cast(BudgetKind, kind or "soft"), share if share is not None else Decimal("0.8"),
    )  # fmt: skip
    starts_in = desk.settings.integer("company.fiscal_year_starts_in")
    return flow.make_budget(store, desk.now(), "cli", draft, reason, fiscal_year_starts_in=starts_in)


def _demand_same(desk: Desk, standing: Budget, **asked: str | None) -> None:
    """Ends the command where a standing budget is asked to become another one."""
    for field in _FIXED:
        if asked[field] is not None and asked[field] != getattr(standing, field):
            facts = {"field": f"--{field}", "name": standing.name, "value": getattr(standing, field) or "–"}
            refuse(desk, Refusal("budget_fixed", facts))


def _share(told: str) -> Decimal:
    share = share_of(told)
    if share is None:
        raise CallerError("number_unreadable", value=told)
    return share


def _finish(desk: Desk, came: Budget | tuple[Refusal, ...], code: str) -> None:
    if isinstance(came, tuple):
        refuse(desk, came)
    if desk.json_out:
        desk.give(_budget(came))
    else:
        desk.say(
            code, name=came.name, limit=told_jpy(came.limit_micro_jpy),
            period=text(f"budget_period.{came.period}", desk.lang), kind=text(f"budget_kind.{came.kind}", desk.lang),
            share=_percent(came.notice_share),
        )  # fmt: skip


def _budget(budget: Budget) -> dict[str, object]:
    return {
        "budget_id": budget.budget_id, "name": budget.name, "version": budget.version, "scope": budget.scope,
        "subject": budget.subject, "period": budget.period, "limit_jpy": str(to_jpy(budget.limit_micro_jpy)),
        "kind": budget.kind, "notice_share": str(budget.notice_share), "pinned": budget.is_pinned,
        "ended": budget.is_ended,
    }  # fmt: skip


def _told(row: BudgetRow) -> dict[str, object]:
    amounts = row.amounts
    return {
        **_budget(row.budget), "first_day": amounts.first, "last_day": amounts.last, "used_jpy": str(amounts.used),
        "held_jpy": str(amounts.held), "left_jpy": str(amounts.left), "resets_on": row.resets_on,
    }  # fmt: skip


def _table(desk: Desk, found: BudgetList) -> Table:
    table = Table()
    for name in ("name", "place", "used", "held", "limit", "share"):
        is_number = name not in ("name", "place")
        table.add_column(
            text(f"cli.budget.column.{name}", desk.lang), overflow="fold", no_wrap=is_number,
            justify="right" if is_number else "left", min_width=None if is_number else 12,
        )  # fmt: skip
    for row in found.rows:
        budget, amounts = row.budget, row.amounts
        pinned = escape(f" [{text('word.pinned', desk.lang)}]") if budget.is_pinned else ""
        place = f"{text(f'budget_scope.{budget.scope}', desk.lang)} {escape(budget.subject)}".strip()
        period = text(f"budget_period.{budget.period}", desk.lang)
        table.add_row(
            escape(budget.name) + pinned, f"{place} / {period} / {text(f'budget_kind.{budget.kind}', desk.lang)}",
            _yen(amounts.used), _yen(amounts.held), _yen(amounts.limit),
            _percent(amounts.share) if amounts.share is not None else "–",
        )  # fmt: skip
    return table


def _yen(amount: Decimal) -> str:
    return f"{amount:,.2f}" if abs(amount) < 100 and amount != amount.to_integral_value() else f"{amount:,.0f}"


def _percent(share: Decimal) -> str:
    return f"{(share * 100).quantize(Decimal('0.1')).normalize():f} %"

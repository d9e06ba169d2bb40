"""費用: what is paid besides calls, how it is spread, and the part that nobody used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import cast, get_args
from uuid import UUID

from jitsuri.flows.cold.keeping_costs import add_cost, end_cost, month_costs, share_of, shares_of
from jitsuri.flows.cold.reading_tables import day_of, number_of
from jitsuri.flows.cold.viewing.basing import basis_of, rates_kept
from jitsuri.flows.cold.viewing.counting import summed
from jitsuri.flows.cold.viewing.overviewing import other_lines
from jitsuri.ledger.records import costs as cost_rows
from jitsuri.ledger.rules.spreading import standing_lines
from jitsuri.ledger.shapes.costs import CostKind, CostLine, MonthCosts, SpreadAmount, SpreadRule
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Fields, Nav, Page, PageRequest, Redirect, Route
from jitsuri.web.formatting import month as month_text
from jitsuri.web.pages.addressing import Links
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.wording import Names, basis_text, names_in, period_of, rate_kind, refused
from jitsuri.web.periods import asked_month
from jitsuri.words import Language, text

UNFIT = 422
_FIELDS = ("kind", "name", "amount", "currency", "rhythm", "valid_from", "valid_to", "department", "task", "provider",
           "spread", "unused_share", "shares", "note")  # fmt: skip


def show_costs(desk: Desk, request: PageRequest) -> Answer:
    return _page(desk, request, ())


def keep_cost(desk: Desk, request: PageRequest) -> Answer:
    """Add a line."""
    line = _line(request.form)
    came = (line,) if isinstance(line, Refusal) else add_cost(desk.store, request.now, request.person.login, line)
    if isinstance(came, tuple):
        return _page(desk, request, came)
    return Redirect("/costs", "cost_kept")


def stop_cost(desk: Desk, request: PageRequest) -> Answer:
    """Give a line its last day, by a new line in its place."""
    told = request.form.get("last_day")
    last = day_of(told)
    if last is None:
        return _page(desk, request, (Refusal("cell_not_day", {"field": "valid_to", "value": told}),))
    came = end_cost(desk.store, request.now, request.person.login, request.id_of("cost_id"), last)
    if isinstance(came, Refusal):
        return _page(desk, request, (came,))
    return Redirect("/costs", "cost_ended")


def _page(desk: Desk, request: PageRequest, refusals: Sequence[Refusal]) -> Answer:
    lang, today = request.lang, company_day(request.now, desk.zone)
    month = asked_month(request.query, today)
    kind = rate_kind(desk)
    with desk.store.reading() as tx:
        costs = month_costs(tx, month, kind)
        lines = standing_lines(cost_rows.everything(tx))
        basis = basis_of(tx, request.now, month.first, month.last, rates_kept(tx, kind))
        names = names_in(tx, lang, month.last)
        here = other_lines(tx, costs)
    parts = _parts(lines, costs)
    if wants_csv(request):
        return csv_file(f"costs-{month}", _head(lang), _lines(parts, names, lang))
    amounts = {one.line.cost_id: one for one in here}
    form = request.form
    shows = {
        "month": month,
        "lines": [(line, amounts.get(line.cost_id)) for line in sorted(lines, key=lambda line: _order(line, today))],
        "parts": parts,
        "unconverted": costs.unconverted,
        "whole": summed(a.amount_jpy for a in costs.amounts),
        "unused": summed(a.amount_jpy for a in costs.amounts if a.is_unused),
        "names": names,
        "link": Links(month),
        "basis": basis_text(basis, lang, period=month_text(month, lang)),
        "today": today,
        "may_edit": request.may("edit_costs"),
        "choices": _choices(names, lang),
        "form": {field: form.get(field) for field in _FIELDS} if form else _blank(today),
        "refusals": [refused(one, lang) for one in refusals],
    }
    period = period_of(desk, request, month, basis)
    return Page("costs.html", shows, UNFIT if refusals else 200, period=period)


def _order(line: CostLine, today: date) -> tuple[bool, date, str]:
    has_ended = line.valid_to is not None and line.valid_to < today
    return has_ended, line.valid_from, line.name


def _parts(lines: Sequence[CostLine], costs: MonthCosts) -> list[tuple[CostLine, list[SpreadAmount]]]:
    """Where each line of the month went: the largest part first, the unused one last."""
    held: dict[UUID, list[SpreadAmount]] = defaultdict(list)
    for amount in costs.amounts:
        held[amount.cost_id].append(amount)
    for parts in held.values():
        parts.sort(key=lambda p: (p.is_unused, -p.amount_jpy, p.department, p.task))
    return [(line, held[line.cost_id]) for line in sorted(lines, key=lambda one: one.name) if line.cost_id in held]


def _blank(today: date) -> dict[str, str]:
    first = today.replace(day=1).isoformat()
    return {**dict.fromkeys(_FIELDS, ""), "currency": "JPY", "rhythm": "monthly", "valid_from": first, "kind": "seats",
            "spread": "by_calls"}  # fmt: skip


def _choices(names: Names, lang: Language) -> dict[str, list[tuple[str, str]]]:
    kinds: tuple[str, ...] = get_args(CostKind)
    spreads: tuple[str, ...] = get_args(SpreadRule)
    none = ("", text("page.costs.none", lang))
    return {
        "kind": [(code, text(f"cost_kind.{code}", lang)) for code in kinds],
        "rhythm": [(code, text(f"cost_rhythm.{code}", lang)) for code in ("monthly", "once")],
        "spread": [(code, text(f"cost_spread.{code}", lang)) for code in spreads],
        "department": [none, *names.departments()],
        "task": [none, *names.tasks()],
    }


def _line(form: Fields) -> CostLine | Refusal:
    """The line that a form asks for, or the first field that cannot be read."""
    amount, unused = number_of(form.get("amount")), share_of(form.get("unused_share") or "0")
    first, last = day_of(form.get("valid_from")), day_of(form.get("valid_to")) if form.get("valid_to") else None
    shares = shares_of(form.get("shares"))
    if amount is None:
        return Refusal("cell_not_number", {"field": "amount", "value": form.get("amount")})
    if first is None or (last is None and form.get("valid_to")):
        field = "valid_from" if first is None else "valid_to"
        return Refusal("cell_not_day", {"field": field, "value": form.get(field)})
    if unused is None:
        return Refusal("cost_unused_share", {"value": form.get("unused_share")})
    if shares is None:
        return Refusal("cost_shares", {"value": form.get("shares")})
    return CostLine(
        cost_id=UUID(int=0),
        kind=cast(CostKind, _one_of(CostKind, form.get("kind"), "other")),
        name=form.get("name"),
        amount=amount,
        currency=(form.get("currency") or "JPY").upper(),
        rhythm="once" if form.get("rhythm") == "once" else "monthly",
        valid_from=first,
        valid_to=last,
        department=form.get("department"),
        task=form.get("task"),
        provider=form.get("provider"),
        spread=cast(SpreadRule, _one_of(SpreadRule, form.get("spread"), "even")),
        unused_share=unused,
        shares=shares,
        note=form.get("note"),
    )


def _one_of(kinds: object, told: str, default: str) -> str:
    return told if told in get_args(kinds) else default


def _head(lang: Language) -> list[str]:
    return [text(f"column.{code}", lang) for code in ("cost_name", "department_code", "department", "task_name", "task",
                                                      "unused", "amount_jpy")]  # fmt: skip


def _lines(
    parts: Sequence[tuple[CostLine, Sequence[SpreadAmount]]], names: Names, lang: Language
) -> Iterable[Sequence[Cell]]:
    unused = text("page.costs.unused", lang)
    for line, held in parts:
        for p in held:
            told = unused if p.is_unused else ""
            place = (p.department, names.department(p.department), p.task, names.task(p.task))
            yield line.name, *place, told, p.amount_jpy


ROUTES: tuple[Route, ...] = (
    Route("GET", "/costs", "see_money", show_costs, Nav("costs", "k", 70)),
    Route("POST", "/costs", "edit_costs", keep_cost),
    Route("POST", "/costs/{cost_id:uuid}/end", "edit_costs", stop_cost),
)

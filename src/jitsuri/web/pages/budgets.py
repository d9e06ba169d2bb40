"""予算: how much of each is used, held and left? Made, changed and ended with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import cast, get_args

from jitsuri.flows.cold.keeping_budgets import change_budget, end_budget, make_budget
from jitsuri.flows.cold.keeping_costs import share_of
from jitsuri.flows.cold.reading_tables import number_of
from jitsuri.flows.cold.viewing.opening_budgets import (
    Amounts,
    BudgetRow,
    budget_list,
    budget_view,
    key_names,
)
from jitsuri.ledger.rules.budgeting import to_jpy
from jitsuri.ledger.shapes.budgets import (
    BUDGET_KINDS,
    BUDGET_PERIODS,
    Budget,
    BudgetDraft,
    BudgetKind,
    BudgetPeriod,
    BudgetScope,
)
from jitsuri.paper.shapes import Meter
from jitsuri.store.door import without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Fields, Missing, Nav, Page, PageRequest, Redirect, Route
from jitsuri.web.formatting import bare_number, percent, yen
from jitsuri.web.pages.addressing import Links
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.wording import Names, names_in, refused
from jitsuri.words import Language, has_text, text

UNFIT = 422
_FIELDS = ("name", "place", "period", "limit_jpy", "kind", "notice_share", "reason")
Groups = list[tuple[str, list[tuple[str, str]]]]


def show_budgets(desk: Desk, request: PageRequest) -> Answer:
    return _list_page(desk, request, ())


def keep_budget(desk: Desk, request: PageRequest) -> Answer:
    """Make a budget."""
    draft = _draft(request.form)
    if isinstance(draft, Refusal):
        return _list_page(desk, request, (draft,))
    came = make_budget(
        desk.store, request.now, request.person.login, draft, _told(request.form, "reason"), zone=desk.zone,
        fiscal_year_starts_in=desk.fiscal_start,
    )  # fmt: skip
    if isinstance(came, tuple):
        return _list_page(desk, request, came)
    return Redirect(f"/budgets/{came.budget_id}", "budget_made")


def show_budget(desk: Desk, request: PageRequest) -> Answer:
    return _one_page(desk, request, ())


def alter_budget(desk: Desk, request: PageRequest) -> Answer:
    """Give a budget another limit, kind or share."""
    form = request.form
    limit, share = number_of(form.get("limit_jpy")), share_of(form.get("notice_share"))
    wrong = _number_fault(form, limit, share)
    if wrong is not None:
        return _one_page(desk, request, (wrong,))
    came = change_budget(
        desk.store, request.now, request.person.login, request.id_of("budget_id"), _told(form, "reason"),
        limit_jpy=limit, kind=cast(BudgetKind, form.get("kind")), notice_share=share, zone=desk.zone,
    )  # fmt: skip
    return _after(desk, request, came, "budget_changed")


def stop_budget(desk: Desk, request: PageRequest) -> Answer:
    """End a budget."""
    its_id, reason = request.id_of("budget_id"), _told(request.form, "reason")
    came = end_budget(desk.store, request.now, request.person.login, its_id, reason, zone=desk.zone)
    return _after(desk, request, came, "budget_ended")


def meter_of(amounts: Amounts, name: str, lang: Language) -> Meter:
    """Used dark, held hatched, the limit a line."""
    told = {
        "used": yen(amounts.used, lang), "held": yen(amounts.held, lang), "limit": yen(amounts.limit, lang),
    }  # fmt: skip
    return Meter(
        name=f"budget-{name}",
        title=text("page.budgets.meter", lang),
        description=text("page.budgets.meter_told", lang, **told),
        used=amounts.used,
        budget=amounts.limit,
        forecast=(amounts.used, amounts.used + amounts.held) if amounts.held > 0 else None,
        heads=(
            text("column.used", lang), text("column.limit", lang), text("column.used", lang),
            text("page.budgets.used_and_held", lang),
        ),
    )  # fmt: skip


def subject_text(budget: Budget, names: Names, lang: Language) -> str:
    """What a budget counts, in words."""
    if budget.scope == "company":
        return text("page.budgets.scope.company", lang)
    found = {"department": names.department, "task": names.task}.get(budget.scope)
    told = found(budget.subject) if found is not None else budget.subject
    return text("page.budgets.subject", lang, scope=text(f"page.budgets.scope.{budget.scope}", lang), subject=told)


def calls_behind(budget: Budget, amounts: Amounts) -> str:
    """The calls that a budget counted in a period."""
    asked = {} if budget.scope == "company" else {budget.scope: budget.subject}
    return Links().days(amounts.first, amounts.last, **asked)


def _after(desk: Desk, request: PageRequest, came: Budget | tuple[Refusal, ...], notice: str) -> Answer:
    if isinstance(came, tuple):
        return _one_page(desk, request, came)
    return Redirect(f"/budgets/{came.budget_id}", notice)


def _list_page(desk: Desk, request: PageRequest, refusals: Sequence[Refusal]) -> Answer:
    lang, today = request.lang, company_day(request.now, desk.zone)
    with desk.store.reading() as tx:
        view = budget_list(tx, today)
        names = names_in(tx, lang, today)
        keys = key_names(tx, request.now)
    if wants_csv(request):
        return csv_file(f"budgets-{today}", _head(lang), _lines(view.rows, lang))
    form = request.form
    shows = {
        "rows": [(row, meter_of(row.amounts, str(at), lang)) for at, row in enumerate(view.rows)],
        "notices": view.notices,
        "subject_of": lambda budget: subject_text(budget, names, lang),
        "calls_of": calls_behind,
        "to_jpy": to_jpy,
        "may_edit": request.may("edit_costs"),
        "places": _places(names, keys, lang),
        "choices": _choices(lang),
        "form": {field: form.get(field) for field in _FIELDS} if form else _blank(),
        "refusals": [_sentence(one, lang) for one in refusals],
    }
    return Page("budgets.html", shows, UNFIT if refusals else 200)


def _one_page(desk: Desk, request: PageRequest, refusals: Sequence[Refusal]) -> Answer:
    lang, today = request.lang, company_day(request.now, desk.zone)
    with desk.store.reading() as tx:
        view = budget_view(tx, today, request.id_of("budget_id"))
        names = names_in(tx, lang, today)
    if view is None:
        return Missing()
    budget, form = view.budget, request.form
    standing = {
        "limit_jpy": bare_number(to_jpy(budget.limit_micro_jpy)), "kind": budget.kind,
        "notice_share": percent(budget.notice_share, 0), "reason": "",
    }  # fmt: skip
    shows = {
        "view": view,
        "budget": budget,
        "meter": meter_of(view.row.amounts, "one", lang) if view.row is not None else None,
        "periods": [(one, meter_of(one, f"period-{at}", lang)) for at, one in enumerate(view.periods)],
        "subject": subject_text(budget, names, lang),
        "subject_href": _subject_href(budget),
        "calls_of": calls_behind,
        "to_jpy": to_jpy,
        "may_edit": request.may("edit_costs") and not budget.is_ended and not budget.is_pinned,
        "choices": _choices(lang),
        "form": {field: form.get(field) for field in standing} if form else standing,
        "refusals": [_sentence(one, lang) for one in refusals],
    }
    return Page("budget.html", shows, UNFIT if refusals else 200)


def _sentence(refusal: Refusal, lang: Language) -> str:
    """The sentence of a refusal; where it names one of our words, as the reader knows it."""
    facts = dict(refusal.facts)
    for name in ("scope", "value"):
        if facts.get(name) in get_args(BudgetScope):
            facts[name] = text(f"budget_scope.{facts[name]}", lang)
    field = f"page.budgets.field.{facts.get('field')}"
    if has_text(field):
        facts["field"] = text(field, lang)
    return refused(Refusal(refusal.code, facts), lang)


def _subject_href(budget: Budget) -> str:
    match budget.scope:
        case "department":
            return Links().department(budget.subject)
        case "task":
            return Links().task(budget.subject)
        case _:
            return ""


def _blank() -> dict[str, str]:
    return {**dict.fromkeys(_FIELDS, ""), "period": "month", "kind": "soft", "notice_share": "80%"}


def _choices(lang: Language) -> dict[str, list[tuple[str, str]]]:
    return {
        "period": [(code, text(f"page.budgets.period.{code}", lang)) for code in reversed(BUDGET_PERIODS)],
        "kind": [(code, text(f"page.budgets.kind.{code}", lang)) for code in BUDGET_KINDS],
    }


def _places(names: Names, keys: Sequence[str], lang: Language) -> Groups:
    """What a budget may be set for, by its kind; the value is ``scope:subject``."""
    groups = {
        "company": [("", text("page.budgets.scope.company", lang))],
        "department": names.departments(),
        "task": names.tasks(),
        "key": [(name, name) for name in keys],
    }
    return [
        (text(f"page.budgets.scope.{scope}", lang), [(f"{scope}:{value}", told) for value, told in found])
        for scope, found in groups.items()
        if found
    ]


def _draft(form: Fields) -> BudgetDraft | Refusal:
    """The budget that a form asks for, or the first field that cannot be read."""
    limit, share = number_of(form.get("limit_jpy")), share_of(form.get("notice_share"))
    wrong = _number_fault(form, limit, share)
    if wrong is not None:
        return wrong
    assert limit is not None
    assert share is not None
    scope, _, subject = _told(form, "place").partition(":")
    return BudgetDraft(
        name=_told(form, "name"),
        scope=cast(BudgetScope, scope),
        subject=subject,
        period=cast(BudgetPeriod, form.get("period")),
        limit_jpy=limit,
        kind=cast(BudgetKind, form.get("kind")),
        notice_share=share,
    )


def _number_fault(form: Fields, limit: Decimal | None, share: Decimal | None) -> Refusal | None:
    if limit is None:
        return Refusal("cell_not_number", {"field": "limit_jpy", "value": form.get("limit_jpy")})
    if share is None:
        return Refusal("budget_share_invalid", {"field": "notice_share", "value": form.get("notice_share")})
    return None


def _told(form: Fields, name: str) -> str:
    return without_nul(form.get(name))


def _head(lang: Language) -> list[str]:
    codes = ("budget", "budget_scope", "budget_subject", "period", "first_day", "last_day", "limit_jpy", "used_jpy",
             "held_jpy", "budget_kind", "notice_share", "pinned")  # fmt: skip
    return [text(f"column.{code}", lang) for code in codes]


def _lines(rows: Iterable[BudgetRow], lang: Language) -> Iterable[Sequence[Cell]]:
    for row in rows:
        budget, amounts = row.budget, row.amounts
        yield (
            budget.name, budget.scope, budget.subject, budget.period, amounts.first, amounts.last, amounts.limit,
            amounts.used, amounts.held, budget.kind, budget.notice_share,
            text("word.pinned", lang) if budget.is_pinned else "",
        )  # fmt: skip


ROUTES: tuple[Route, ...] = (
    Route("GET", "/budgets", "see_money", show_budgets, Nav("budgets", "b", 65)),
    Route("POST", "/budgets", "edit_costs", keep_budget),
    Route("GET", "/budgets/{budget_id:uuid}", "see_money", show_budget),
    Route("POST", "/budgets/{budget_id:uuid}", "edit_costs", alter_budget),
    Route("POST", "/budgets/{budget_id:uuid}/end", "edit_costs", stop_budget),
)

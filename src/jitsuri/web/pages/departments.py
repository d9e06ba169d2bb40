"""部門: what each part of the company costs, up the tree of the month."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jitsuri.flows.cold.viewing.opening_departments import (
    DepartmentTree,
    DepartmentView,
    department_tree,
    department_view,
)
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Missing, Page, PageRequest, Route
from jitsuri.web.formatting import month as month_text
from jitsuri.web.pages.addressing import Links, named
from jitsuri.web.pages.charting import month_bars
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.wording import Names, basis_text, names_in, period_of, rate_kind
from jitsuri.web.periods import asked_month
from jitsuri.words import Language, text


def show_tree(desk: Desk, request: PageRequest) -> Answer:
    """All departments of a month."""
    month, lang = asked_month(request.query, company_day(request.now, desk.zone)), request.lang
    with desk.store.reading() as tx:
        view = department_tree(tx, request.now, month, rate_kind(desk))
        names = names_in(tx, lang, month.last)
    if wants_csv(request):
        return csv_file(f"departments-{month}", _tree_head(lang), _tree_lines(view, names))
    shows = {
        "view": view,
        "names": names,
        "link": Links(month),
        "basis": basis_text(view.basis, lang, period=month_text(month, lang)),
    }
    return Page("departments.html", shows, period=period_of(desk, request, month, view.basis))


def show_department(desk: Desk, request: PageRequest) -> Answer:
    """One department and everything below it."""
    code, lang = named(request.words_of("code")), request.lang
    month = asked_month(request.query, company_day(request.now, desk.zone))
    with desk.store.reading() as tx:
        view = department_view(tx, request.now, code, month, rate_kind(desk))
        names = names_in(tx, lang, month.last)
    if view is None:
        return Missing()
    if wants_csv(request):
        return csv_file(f"department-{code or 'unassigned'}-{month}", _head(lang), _lines(view, names))
    months = [held.month for held in view.months]
    parts = [
        (text("column.calls_jpy", lang), tuple(held.figures.calls_jpy for held in view.months)),
        (text("column.other", lang), tuple(held.figures.other_jpy for held in view.months)),
    ]
    shows = {
        "view": view,
        "names": names,
        "link": Links(month),
        "basis": basis_text(view.basis, lang, period=month_text(month, lang)),
        "bars": month_bars("department-months", text("chart.both_months", lang), months, parts, lang),
    }
    return Page("department.html", shows, period=period_of(desk, request, month, view.basis))


def _tree_head(lang: Language) -> list[str]:
    codes = ("department_code", "department", "calls", "own_jpy", "calls_jpy", "other_jpy", "whole_jpy")
    return [text(f"column.{code}", lang) for code in codes]


def _tree_lines(view: DepartmentTree, names: Names) -> Iterable[Sequence[Cell]]:
    for row in view.rows:
        yield (
            row.code, names.department(row.code), row.calls, row.own_jpy, row.calls_jpy, row.other_jpy, row.whole_jpy
        )  # fmt: skip


def _head(lang: Language) -> list[str]:
    codes = ("task_name", "task", "provider", "model", "calls", "unpriced", "unconverted", "cost_jpy")
    return [text(f"column.{code}", lang) for code in codes]


def _lines(view: DepartmentView, names: Names) -> Iterable[Sequence[Cell]]:
    for task, provider, model, f in view.tasks:
        yield task, names.task(task), provider, model, f.calls, f.unpriced, f.unconverted, f.calls_jpy


ROUTES: tuple[Route, ...] = (
    Route("GET", "/departments", "see_money", show_tree),
    Route("GET", "/departments/{code}", "see_money", show_department),
)

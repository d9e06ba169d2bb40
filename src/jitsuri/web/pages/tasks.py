"""業務: which way is a task answered now, what does it cost, how does it grow?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jitsuri.flows.cold.editing_tasks import edit_task
from jitsuri.flows.cold.viewing.opening_tasks import TaskList, TaskView, task_list, task_view
from jitsuri.flows.cold.viewing.opening_variants import standing
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Missing, Nav, Page, PageRequest, Redirect, Route
from jitsuri.web.formatting import month as month_text
from jitsuri.web.pages.addressing import Links, named
from jitsuri.web.pages.charting import course_line, month_bars
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.pinned import pinned_tasks
from jitsuri.web.pages.prices import per_million
from jitsuri.web.pages.variants import rule_text, variant_text
from jitsuri.web.pages.wording import (
    Names,
    about_seconds,
    basis_text,
    names_in,
    period_of,
    proof,
    rate_kind,
    refused,
)
from jitsuri.web.periods import asked_month
from jitsuri.words import Language, text

UNFIT = 422


def show_tasks(desk: Desk, request: PageRequest) -> Answer:
    """All tasks of a month, and those without calls."""
    month = asked_month(request.query, company_day(request.now, desk.zone))
    lang = request.lang
    with desk.store.reading() as tx:
        view = task_list(tx, request.now, month, rate_kind(desk))
        names = names_in(tx, lang, month.last)
    if wants_csv(request):
        return csv_file(f"tasks-{month}", _list_head(lang), _list_lines(view, names))
    shows = {
        "view": view,
        "names": names,
        "link": Links(month),
        "basis": basis_text(view.basis, lang, period=month_text(month, lang)),
        "rows": [(row, course_line(names.task(row.task), view.course_months, row.course, lang)) for row in view.rows],
    }
    return Page("tasks.html", shows, period=period_of(desk, request, month, view.basis))


def show_task(desk: Desk, request: PageRequest) -> Answer:
    return _task_page(desk, request, "")


def keep_task(desk: Desk, request: PageRequest) -> Answer:
    """Give a task new words."""
    name = named(request.words_of("name"))
    form = request.form
    came = edit_task(
        desk.store, name, title_ja=form.get("title_ja"), title_en=form.get("title_en"),
        department=form.get("department"), owner=form.get("owner"), pinned=pinned_tasks(desk),
        actor=request.person.login, now=request.now,
    )  # fmt: skip
    if isinstance(came, Refusal):
        return _task_page(desk, request, refused(came, request.lang))
    return Redirect(Links().task(name), "task_kept")


def _task_page(desk: Desk, request: PageRequest, refusal: str) -> Answer:
    name, lang = named(request.words_of("name")), request.lang
    month = asked_month(request.query, company_day(request.now, desk.zone))
    with desk.store.reading() as tx:
        view = task_view(tx, request.now, name, month, rate_kind(desk), proof(desk), desk.sites)
        names = names_in(tx, lang, month.last)
        variant, version, rule = standing(tx, name)
    if view is None:
        return Missing()
    if wants_csv(request):
        return csv_file(f"task-{name or 'unassigned'}-{month}", _task_head(lang), _task_lines(view))
    form, task = request.form, view.task
    shows = {
        "view": view,
        "names": names,
        "link": Links(month),
        "basis": basis_text(view.basis, lang, period=month_text(month, lang)),
        "bars": month_bars(
            "task-months", text("chart.months", lang), view.months, [(m.model, m.costs) for m in view.models], lang
        ),
        "per_call": view.figures.cost_per_call_jpy,
        "is_pinned": name in pinned_tasks(desk),
        "may_edit": request.may("confirm_tasks") and task is not None,
        "form": {
            field: form.get(field) if form else (getattr(task, field) if task else "")
            for field in ("title_ja", "title_en", "department", "owner")
        },
        "departments": _departments(names, task.department if task else "", lang),
        "refusal": refusal,
        "variant": variant_text(variant, lang),
        "version": version,
        "rule": rule_text(rule, lang),
        "per_million": per_million,
        "about_seconds": lambda seconds: about_seconds(seconds, lang),
    }
    period = period_of(desk, request, month, view.basis)
    return Page("task.html", shows, UNFIT if refusal else 200, period=period)


def _departments(names: Names, standing: str, lang: Language) -> list[tuple[str, str]]:
    found = [("", text("word.unassigned", lang)), *names.departments()]
    if standing not in {code for code, _ in found}:
        found.append((standing, standing))
    return found


def _list_head(lang: Language) -> list[str]:
    codes = ("task_name", "task", "department", "calls", "failed", "unpriced", "unconverted", "input_tokens",
             "output_tokens", "cost_jpy", "per_call")  # fmt: skip
    return [text(f"column.{code}", lang) for code in codes]


def _list_lines(view: TaskList, names: Names) -> Iterable[Sequence[Cell]]:
    for row in view.rows:
        f = row.figures
        yield (
            row.task, names.task(row.task), names.department_of(row.task), f.calls, f.failed, f.unpriced,
            f.unconverted, f.input_tokens, f.output_tokens, f.calls_jpy, f.cost_per_call_jpy,
        )  # fmt: skip


def _task_head(lang: Language) -> list[str]:
    return [text(f"column.{code}", lang) for code in ("month", "provider", "model", "cost_jpy")]


def _task_lines(view: TaskView) -> Iterable[Sequence[Cell]]:
    for at, month in enumerate(view.months):
        for model in view.models:
            yield month, model.provider, model.model, model.costs[at]


ROUTES: tuple[Route, ...] = (
    Route("GET", "/tasks", "see_money", show_tasks, Nav("tasks", "t", 20)),
    Route("GET", "/tasks/{name}", "see_money", show_task),
    Route("POST", "/tasks/{name}", "confirm_tasks", keep_task),
)

"""概況: how are we doing? And the same by fiscal year."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial

from jitsuri.flows.cold.viewing.asking import Wish
from jitsuri.flows.cold.viewing.opening_lives import Notice, after_told, cause_told, people_told
from jitsuri.flows.cold.viewing.overviewing import Overview, TaskRow, overview
from jitsuri.flows.cold.viewing.yearly import Year, fiscal_year
from jitsuri.ledger.shapes.forecasts import MonthEnd
from jitsuri.rightsizing.shapes.opportunities import Opportunity
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Missing, Nav, Page, PageRequest, Route
from jitsuri.web.formatting import count, fiscal_month, yen_whole
from jitsuri.web.formatting import fiscal_year as year_name
from jitsuri.web.pages.addressing import Links
from jitsuri.web.pages.charting import course_line, day_bars, month_bars, month_meter
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.wording import Names, about_seconds, basis_text, names_in, period_of, proof, rate_kind, refused
from jitsuri.web.periods import asked_month
from jitsuri.words import Language, text

PLACES = {
    "unpriced": "/prices#missing",
    "unpriced_model": "/prices#missing",
    "unconverted": "/rates",
    "unassigned": "/proposals",
    "no_rate": "/rates",
    "assumed_rate": "/rates",
    "cost_without_rate": "/rates",
    "book_stale": "/prices",
    "no_book": "/prices",
}
"""Where each thing to do is done; a failed import has a page of its own."""


def show_month(desk: Desk, request: PageRequest) -> Answer:
    """One month of the whole company; a visitor who may not see money is shown where to go instead."""
    if not request.may("see_money"):
        return Page("overview_plain.html", {"name": request.person.name})
    month = asked_month(request.query, company_day(request.now, desk.zone))
    with desk.store.reading() as tx:
        view = overview(tx, request.now, month, rate_kind(desk), proof(desk), desk.sites)
        names = names_in(tx, request.lang, month.last)
    if wants_csv(request):
        return csv_file(f"overview-{month}", _head(request.lang), _lines(view, names))
    lang = request.lang
    link = Links(month)
    end = view.month_end if isinstance(view.month_end, MonthEnd) else None
    best = {row.task: row for row in view.opportunities.rows} if view.opportunities else {}
    shows = {
        "view": view,
        "names": names,
        "link": link,
        "basis": basis_text(view.basis, lang, period=fiscal_month(month, lang, desk.fiscal_start)),
        "end": end,
        "no_end": refused(view.month_end, lang) if isinstance(view.month_end, Refusal) else "",
        "meter": month_meter(end, lang) if end is not None else None,
        "bars": day_bars(view.days, names, lang, end),
        "rows": [(row, course_line(names.task(row.task), view.course_months, row.course, lang)) for row in view.tasks],
        "best": {task: row.candidates[0] for task, row in best.items() if row.candidates},
        "waiting": paying(best.values()),
        "wishes": [wish_row(wish, lang) for wish in view.wishes],
        "year": month.fiscal_year(desk.fiscal_start),
        "has_entries": view.basis.ledger is not None,
        "about_seconds": partial(about_seconds, lang=lang),
    }
    return Page("overview.html", shows, period=period_of(desk, request, month, view.basis))


def show_year(desk: Desk, request: PageRequest) -> Answer:
    """A fiscal year by month, in halves, with both kinds of cost."""
    year = request.part["year"]
    if not isinstance(year, int) or not 2000 <= year <= 2998:
        return Missing()
    with desk.store.reading() as tx:
        view = fiscal_year(tx, request.now, year, desk.fiscal_start, rate_kind(desk))
        names = names_in(tx, request.lang, min(view.months[-1][0].last, company_day(request.now, desk.zone)))
    lang = request.lang
    if wants_csv(request):
        return csv_file(f"year-{year}", _year_head(lang), _year_lines(view, names, lang))
    parts = [(names.task(task), costs) for task, costs in view.tasks]
    other = tuple(figures.other_jpy for _, figures in view.months)
    months = [month for month, _ in view.months]
    shows = {
        "view": view,
        "names": names,
        "link": Links(),
        "basis": basis_text(view.basis, lang, period=year_name(year, lang)),
        "bars": month_bars("cost-by-month", text("chart.months", lang), months, parts, lang),
        "other_bars": month_bars(
            "other-by-month", text("chart.other_months", lang), months, [(text("column.other", lang), other)], lang
        ),
        "before": year - 1,
        "after": year + 1,
        "now": company_day(request.now, desk.zone),
    }
    return Page("year.html", shows)


def paying(rows: Iterable[Opportunity]) -> int:
    """How many tasks have a cheaper candidate."""
    return sum(bool(row.candidates) for row in rows)


def wish_row(wish: Wish, lang: Language) -> tuple[str, str, str]:
    """A thing to do: what, what to press, where it leads."""
    notice = wish.facts.get("notice")
    if isinstance(notice, Notice):
        return (
            text(f"ask.{wish.code}", lang, **_notice_facts(notice, lang)),
            text(f"ask.{wish.code}.do", lang),
            (f"/certificates/{notice.life.number}#life"),
        )
    facts = {name: _told(name, value, lang) for name, value in wish.facts.items()}
    run = wish.facts.get("run_id")
    place = f"/imports/{run}" if run is not None else PLACES[wish.code]
    return text(f"ask.{wish.code}", lang, **facts), text(f"ask.{wish.code}.do", lang), place


def _notice_facts(one: Notice, lang: Language) -> dict[str, str]:
    task = one.certificate.task
    return {
        "number": one.life.number, "title": (task.title_ja if lang == "ja" else task.title_en) or task.name,
        "cause": cause_told(one.event.code, one.event.facts, lang), "people": people_told(one.asked, lang),
        "after": after_told(one.event, one.life.world, lang),
    }  # fmt: skip


def _told(name: str, value: object, lang: Language) -> object:
    if name == "cost_jpy" and isinstance(value, Decimal):
        return yen_whole(value, lang)
    return count(value, lang) if isinstance(value, int) else value


def _head(lang: Language) -> list[str]:
    codes = ("task_name", "task", "department", "models", "calls", "unpriced", "unconverted", "cost_jpy")
    return [text(f"column.{code}", lang) for code in codes]


def _lines(view: Overview, names: Names) -> Iterable[Sequence[Cell]]:
    for row in view.tasks:
        figures = row.figures
        yield (
            row.task, names.task(row.task), names.department_of(row.task), _models(row), figures.calls,
            figures.unpriced, figures.unconverted, figures.calls_jpy,
        )  # fmt: skip


def _models(row: TaskRow) -> str:
    return " ".join(model for _, model in row.models)


def _year_head(lang: Language) -> list[str]:
    codes = ("month", "task", "calls", "unpriced", "unconverted", "cost_jpy", "other_jpy")
    return [text(f"column.{code}", lang) for code in codes]


def _year_lines(view: Year, names: Names, lang: Language) -> Iterable[Sequence[Cell]]:
    every = text("column.all_tasks", lang)
    for at, (month, figures) in enumerate(view.months):
        yield (
            month, every, figures.calls, figures.unpriced, figures.unconverted, figures.calls_jpy, figures.other_jpy,
        )  # fmt: skip
        for task, costs in view.tasks:
            yield month, names.task(task), None, None, None, costs[at], None


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", "signed_in", show_month, Nav("overview", "o", 10)),
    Route("GET", "/year/{year:int}", "see_money", show_year),
)

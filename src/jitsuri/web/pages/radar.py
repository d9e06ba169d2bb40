"""単価の予定: prices and ends that are dated to come, soonest first, with what they do to tasks and certificates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from jitsuri.flows.cold.viewing.basing import basis_of, rates_kept
from jitsuri.flows.cold.viewing.counting import summed
from jitsuri.flows.cold.viewing.foreseeing import Announced, TaskEffect
from jitsuri.flows.cold.viewing.scouting import Coming, Ending, Radar, Stranded, effects_of, radar_kept
from jitsuri.paper.shapes import PriceSteps, StepLine, StepPoint
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Page, PageRequest, Route
from jitsuri.web.formatting import day, yen_scale
from jitsuri.web.pages.addressing import NOBODY, Links
from jitsuri.web.pages.certificates import STATE_BADGES
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.prices import per_million
from jitsuri.web.pages.wording import Names, basis_text, names_in, rate_kind
from jitsuri.words import Language, text

MOST_LINES = 200
"""Lines of the table on one page; the file holds all of them."""

Line = tuple[Coming, str, TaskEffect | Stranded | None]


def show_radar(desk: Desk, request: PageRequest) -> Answer:
    """Everything that is known to come, or what of it touches one task."""
    lang, today = request.lang, company_day(request.now, desk.zone)
    asked = request.query.get("task")
    with desk.store.reading() as tx:
        everything = radar_kept(tx, request.now, rate_kind(desk), desk.sites)
        names = names_in(tx, lang, today)
        basis = basis_of(tx, request.now, today, today, rates_kept(tx, rate_kind(desk)))
    view = everything.of_task("" if asked == NOBODY else asked) if asked else everything
    lines = _lines(view)
    if wants_csv(request):
        return csv_file("radar", _head(lang), _cells(lines, names))
    effects = [one.effect_jpy for one in view.announced if one.effect_jpy is not None]
    stranded = [part for one in view.endings for part in one.stranded]
    shows = {
        "view": view,
        "names": names,
        "link": Links(),
        "basis": basis_text(basis, lang),
        "tasks": _choices(everything, names, asked, lang),
        "asked": asked,
        "rise": summed(effects),
        "stranded_calls": sum(part.calls for part in stranded),
        "stranded_jpy": summed(part.cost_jpy for part in stranded if part.cost_jpy is not None),
        "voids": len({one.number for one in view.certificates if one.is_void}),
        "steps": _steps(view, lang),
        "lines": lines[:MOST_LINES],
        "more": max(0, len(lines) - MOST_LINES),
        "per_million": per_million,
        "badges": STATE_BADGES,
    }
    return Page("radar.html", shows)


def _choices(view: Radar, names: Names, asked: str, lang: Language) -> list[tuple[str, str]]:
    """Tasks that something touches, by title; nothing to choose from where there is none."""
    found = sorted(((task or NOBODY, names.task(task)) for task in view.tasks), key=lambda pair: pair[1])
    if asked and asked not in {code for code, _ in found}:
        found.append((asked, names.task(asked)))
    return [("", text("page.radar.all_tasks", lang)), *found] if found else []


def _lines(view: Radar) -> list[Line]:
    """One line per thing to come and task, in order; a model that no task used has one of its own."""
    touched = effects_of(view)
    unused: list[Line] = [(one, "", None) for one in view.coming if not one.tasks]
    place = {id(one): at for at, one in enumerate(view.coming)}
    return sorted([*touched, *unused], key=lambda line: place[id(line[0])])


def _steps(view: Radar, lang: Language) -> PriceSteps | None:
    """What the month's calls cost as prices change, and what of them has nowhere to go; None where nothing is dated.

    With a filter the lines hold only that task's use of the models that change.
    """
    changes = [one for one in view.announced if one.effect_jpy is not None]
    ends = [one for one in view.endings if one.on is not None]
    if not changes and not ends:
        return None
    days = [*(one.on for one in changes), *(one.on for one in ends if one.on is not None)]
    first = min(view.today, *days) - timedelta(days=14)
    last = max(view.today, *days) + timedelta(days=45)
    costs = StepLine(text("page.radar.chart.cost", lang), _moved(_start(view), first, changes))
    lines = [costs, StepLine(text("page.radar.chart.stranded", lang), _stranded(first, ends))] if ends else [costs]
    return PriceSteps(
        title=text("page.radar.course", lang),
        description=text("page.radar.chart.told", lang),
        lines=tuple(lines),
        first=first,
        today=view.today,
        last=last,
        scale=yen_scale(lang),
        first_text=day(first, lang),
        today_text=text("chart.today", lang),
        last_text=day(last, lang),
        day_head=text("column.day", lang),
    )


def _start(view: Radar) -> Decimal:
    """Today's cost of the use that the lines tell of: each changing or ending model once."""
    held: dict[tuple[str, str], Decimal] = {}
    for one in view.coming:
        cost = one.before_jpy if isinstance(one, Announced) else _cost(one)
        if cost is not None:
            held.setdefault((one.provider, one.model), cost)
    return summed(held.values())


def _cost(one: Ending) -> Decimal:
    return summed(part.cost_jpy for part in one.stranded if part.cost_jpy is not None)


def _moved(start: Decimal, first: date, changes: Sequence[Announced]) -> tuple[StepPoint, ...]:
    """The cost from each day on; changes of one day are one step."""
    found = {first: start}
    value = start
    for one in changes:
        if one.effect_jpy is not None:
            value = summed((value, one.effect_jpy))
            found[one.on] = value
    return tuple(StepPoint(on, found[on]) for on in sorted(found))


def _stranded(first: date, ends: Sequence[Ending]) -> tuple[StepPoint, ...]:
    found = {first: Decimal(0)}
    value = Decimal(0)
    for one in ends:
        if one.on is not None:
            value = summed((value, _cost(one)))
            found[one.on] = value
    return tuple(StepPoint(on, found[on]) for on in sorted(found))


def _head(lang: Language) -> list[str]:
    codes = ("on", "provider", "model", "task_name", "task", "calls")
    own = ("kind", "before", "after", "difference", "way", "certificate")
    return [text(f"column.{code}", lang) for code in codes] + [text(f"page.radar.csv.{code}", lang) for code in own]


def _cells(lines: Sequence[Line], names: Names) -> Iterable[Sequence[Cell]]:
    for one, task, part in lines:
        kind = "end" if isinstance(one, Ending) else "price"
        named = (one.on, one.provider, one.model, task, names.task(task) if part is not None else "")
        if isinstance(part, TaskEffect):
            yield *named, part.calls, kind, part.before_jpy, part.after_jpy, part.effect_jpy, "", ""
        elif isinstance(part, Stranded):
            way = part.alternative
            told = (
                (way.cost_jpy, part.effect_jpy, way.name, way.certificate) if way is not None else (None, None, "", "")
            )
            yield *named, part.calls, kind, part.cost_jpy, *told
        else:
            yield *named, None, kind, None, None, None, "", ""


ROUTES: tuple[Route, ...] = (Route("GET", "/radar", "see_money", show_radar),)

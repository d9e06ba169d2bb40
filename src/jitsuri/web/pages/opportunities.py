"""機会: for which task could a cheaper model be worth proving?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from jitsuri.flows.cold.opportunities import Opportunities, opportunities
from jitsuri.flows.cold.renewing_prices import book_in_use
from jitsuri.flows.cold.viewing.basing import basis_of, rates_kept
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Nav, Page, PageRequest, Route
from jitsuri.web.formatting import month
from jitsuri.web.pages.addressing import Links
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.wording import Names, about_seconds, basis_text, names_in, one_rate, proof, rate_kind
from jitsuri.words import Language, text


def show_opportunities(desk: Desk, request: PageRequest) -> Answer:
    """Tasks by cost with what candidates' prices alone would save (想定)."""
    lang, today = request.lang, company_day(request.now, desk.zone)
    with desk.store.reading() as tx:
        rates = rates_kept(tx, rate_kind(desk))
        kept = book_in_use(tx)
        view = opportunities(tx, request.now, kept[0], rates, proof(desk)) if kept else None
        basis = basis_of(tx, request.now, today, today, rates)
        names = names_in(tx, lang, today)
    if view is None:
        return Page("opportunities.html", {"view": None, "basis": basis_text(basis, lang)})
    if wants_csv(request):
        return csv_file("opportunities", _head(lang), _lines(view, names))
    period = month(view.first, lang)
    if view.first != view.last:
        period = text("basis.span", lang, first=period, last=month(view.last, lang))
    shows = {
        "view": view,
        "names": names,
        "link": Links(),
        "basis": basis_text(basis, lang, period=text("opportunity.basis", lang, period=period)),
        "rate": one_rate(view.rate, lang) if view.rate is not None else text("basis.no_rate", lang),
        "dropped": _by_reason(view),
        "reasons": {row.task: _counted(d.code for d in row.dropped) for row in view.rows},
        "about_seconds": partial(about_seconds, lang=lang),
    }
    return Page("opportunities.html", shows)


def _by_reason(view: Opportunities) -> list[tuple[str, list[str]]]:
    """What is no candidate for any task: reason, models."""
    reasons = _counted(dropped.code for dropped in view.dropped)
    return [(code, sorted(d.what for d in view.dropped if d.code == code)) for code, _ in reasons]


def _counted(codes: Iterable[str]) -> list[tuple[str, int]]:
    return sorted(Counter(codes).items(), key=lambda pair: (-pair[1], pair[0]))


def _head(lang: Language) -> list[str]:
    codes = ("task_name", "task", "calls", "cost_per_month", "provider", "candidate", "cost_assumed", "saving",
             "labels", "proof_cost", "pays_back")  # fmt: skip
    return [text(f"column.{code}", lang) for code in codes]


def _lines(view: Opportunities, names: Names) -> Iterable[Sequence[Cell]]:
    for row in view.rows:
        for candidate in row.candidates:
            yield (
                row.task, names.task(row.task), row.calls, row.cost_jpy, candidate.provider, candidate.model,
                candidate.cost_jpy, candidate.saving_jpy, row.need.labels, row.proof_labour_jpy + row.proof_replay_jpy,
                row.pays_back_months,
            )  # fmt: skip


ROUTES: tuple[Route, ...] = (
    Route("GET", "/opportunities", "see_money", show_opportunities, Nav("opportunities", "y", 30)),
)

"""為替: what a dollar costs on which day, and the assumed rate in reserve; consumption tax by vendor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from jitsuri.flows.cold.keeping_rates import add_rate, rates_in_use, reconvert, tax_rules
from jitsuri.flows.cold.reading_tables import day_of, number_of
from jitsuri.flows.cold.viewing.basing import basis_of
from jitsuri.ledger.records import rates as rate_rows
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.converting import rates_of
from jitsuri.ledger.shapes.rates import Rate, RateKind
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Page, PageRequest, Redirect, Route
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.wording import basis_text, rate_kind, refused
from jitsuri.words import Language, text

UNFIT = 422
SHOWN = 31
"""Days shown; the download has all."""

MOST_RECONVERTED = 20_000
"""Calls that a form's request converts again, about five seconds of work; for more the command line is named."""

DATED: tuple[RateKind, ...] = ("TTM", "TTS", "TTB", "CARD")


def show_rates(desk: Desk, request: PageRequest) -> Answer:
    return _page(desk, request, ())


def keep_rate(desk: Desk, request: PageRequest) -> Answer:
    """Add a rate and convert again what it touches, by new lines."""
    form, now, actor = request.form, request.now, request.person.login
    day, rate = day_of(form.get("day")), number_of(form.get("rate"))
    kind = next((k for k in DATED if k == form.get("kind")), rate_kind(desk))
    if day is None:
        return _page(desk, request, (Refusal("cell_not_day", {"field": "day", "value": form.get("day")}),))
    if rate is None:
        return _page(desk, request, (Refusal("cell_not_number", {"field": "rate", "value": form.get("rate")}),))
    currency = form.get("currency").upper()
    with desk.store.reading() as tx:
        [touched] = totals(tx, "day", day, company_day(now))
    if touched.calls > MOST_RECONVERTED:
        facts = {"calls": touched.calls, "command": f"jitsuri rates add {currency} {day} {rate}"}
        return _page(desk, request, (Refusal("rate_touches_many", facts),))
    source = form.get("source") or text("cli.rates.add.typed", request.lang)
    came = add_rate(desk.store, now, actor, currency=currency, day=day, kind=kind, rate=rate, source=source)
    if isinstance(came, tuple):
        return _page(desk, request, came)
    standing = rates_in_use(desk.store, now, rate_kind(desk), {})
    reconvert(desk.store, now, standing, actor=actor, since=day)
    return Redirect("/rates", "rate_kept")


def _page(desk: Desk, request: PageRequest, refusals: Sequence[Refusal]) -> Answer:
    lang, today = request.lang, company_day(request.now, desk.zone)
    with desk.store.reading() as tx:
        every = rate_rows.everything(tx)
        rates = rates_of(every, rate_kind(desk))
        basis = basis_of(tx, request.now, today, today, rates)
        rules = tax_rules(tx)
    if wants_csv(request):
        return csv_file("rates", _head(lang), _lines(every))
    dated = _by_day(every)
    kinds = [code for code in DATED if any(code in held for _, _, held, _ in dated)]
    form = request.form
    shows = {
        "rows": dated[:SHOWN],
        "shown_kinds": kinds,
        "heads": [(text(f"rate_kind.{code}", lang), "n") for code in kinds],
        "more": max(0, len(dated) - SHOWN),
        "assumed": sorted(rates.assumed.values(), key=lambda rate: rate.currency),
        "dated_since": {currency: rows[0].on for currency, rows in rates.dated.items() if rows},
        "kind": rate_kind(desk),
        "kinds": [(code, text(f"rate_kind.{code}", lang)) for code in DATED],
        "rules": sorted(rules, key=lambda rule: (rule.provider, rule.valid_from)),
        "basis": basis_text(basis, lang),
        "may_edit": request.may("edit_costs"),
        "form": {field: form.get(field) for field in ("currency", "day", "kind", "rate", "source")}
        if form
        else {"currency": "USD", "day": today.isoformat(), "kind": rate_kind(desk), "rate": "", "source": ""},
        "refusals": [refused(one, lang) for one in refusals],
    }
    return Page("rates.html", shows, UNFIT if refusals else 200)


def _by_day(every: Sequence[Rate]) -> list[tuple[date, str, dict[str, Rate], str]]:
    """Dated rates by day and currency, latest first: (day, currency, rate per kind, source)."""
    held: dict[tuple[date, str], dict[str, Rate]] = defaultdict(dict)
    for rate in every:
        if rate.kind != "ASSUMED":
            held[rate.on, rate.currency][rate.kind] = rate  # a later row corrects an earlier one
    return [
        (on, currency, kinds, next(iter(kinds.values())).source)
        for (on, currency), kinds in sorted(held.items(), key=lambda pair: pair[0], reverse=True)
    ]


def _head(lang: Language) -> list[str]:
    return [text(f"column.{code}", lang) for code in ("day", "currency", "rate_kind", "rate", "rate_source")]


def _lines(rates: Iterable[Rate]) -> Iterable[Sequence[Cell]]:
    for rate in rates:
        yield rate.on, rate.currency, rate.kind, rate.rate, rate.source


ROUTES: tuple[Route, ...] = (
    Route("GET", "/rates", "see_money", show_rates),
    Route("POST", "/rates", "edit_costs", keep_rate),
)

"""呼出し: the calls behind any number, and one call down to its lines, prices and texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import cast
from uuid import UUID

from jitsuri.access.records import departments as department_rows
from jitsuri.access.rules.arranging import below
from jitsuri.calls.records import runs as run_rows
from jitsuri.calls.records.reading import WINDOW, CallFilter, Place
from jitsuri.flows.cold.reading_texts import read_texts
from jitsuri.flows.cold.viewing.basing import Basis, basis_of, rates_kept
from jitsuri.flows.cold.viewing.explaining import explain
from jitsuri.flows.cold.viewing.foreseeing import models_in_use
from jitsuri.flows.cold.viewing.opening_calls import (
    OPEN_STATES,
    CallList,
    Wanted,
    call_list,
    thread_view,
)
from jitsuri.guardrails.records import runs as guard_rows
from jitsuri.guardrails.shapes import GuardRun
from jitsuri.ledger.shapes.pricing import Priced
from jitsuri.store.door import Connection, without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import Month, company_day, month_named, month_of
from jitsuri.web.desk import Answer, Desk, Fields, Missing, Nav, Page, PageRequest, Route
from jitsuri.web.formatting import moment_exact
from jitsuri.web.formatting import month as month_text
from jitsuri.web.pages.addressing import NOBODY, Links, named
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.picturing import type_name
from jitsuri.web.pages.pinned import key_folder
from jitsuri.web.pages.wording import Names, basis_text, names_in, one_rate, rate_kind, refused, span_text
from jitsuri.words import Language, text

STATUSES: Mapping[str, tuple[str, ...]] = {
    "ok": ("ok",), "failed": ("error", "cut"), "error": ("error",), "cut": ("cut",)
}  # fmt: skip
CSV_PAGE = 1_000
"""Calls read at once for a download; the file grows page by page."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_SPAN = timedelta(days=366 * 3)


def show_calls(desk: Desk, request: PageRequest) -> Answer:
    """Calls by filter, newest first, with the sum of all that match."""
    lang, today = request.lang, company_day(request.now, desk.zone)
    with desk.store.reading() as tx:
        wanted = asked(tx, request.query, today)
        if wants_csv(request):
            names = names_in(tx, lang, wanted.last)
            return csv_file("calls", _head(lang), _lines(desk, wanted, names))
        view = call_list(tx, wanted, _place(request.query.get("after")))
        basis = basis_of(tx, request.now, wanted.first, wanted.last, rates_kept(tx, rate_kind(desk)))
        names = names_in(tx, lang, wanted.last)
        models = models_in_use(tx, month_of(today))
        run = run_rows.one(tx, wanted.filter.run_id) if wanted.filter.run_id else None
    shows = {
        "view": view,
        "names": names,
        "link": Links(),
        "run": run,
        "basis": basis_text(basis, lang, period=_span(wanted, lang)),
        "asked": _asked(request.query, wanted),
        "choices": _choices(names, models, lang),
        "older": request.query.but(after=_written(view.next)) if view.next else "",
        "newest": request.query.but(after=None) if request.query.get("after") else "",
        "csv": request.query.but(format="csv", after=None),
        "window": WINDOW,
        "may_money": request.may("see_money"),
    }
    return Page("calls.html", shows)


def show_call(desk: Desk, request: PageRequest) -> Answer:
    return _call_page(desk, request, {}, "")


def show_texts(desk: Desk, request: PageRequest) -> Answer:
    """The kept texts of a call; that they were seen is evidence."""
    call_id = request.id_of("call_id")
    came = read_texts(desk.store, call_id, key_folder(desk), request.person.login, request.now)
    if isinstance(came, Refusal):
        return _call_page(desk, request, {}, refused(came, request.lang))
    return _call_page(desk, request, {part: _readable(body) for part, body in came.items()}, "")


def show_thread(desk: Desk, request: PageRequest) -> Answer:
    """The calls of one piece of business, by time."""
    lang = request.lang
    with desk.store.reading() as tx:
        view = thread_view(tx, request.id_of("thread_id"))
        if view is None:
            return Missing()
        first, last = (company_day(view.rows[at][0].at, desk.zone) for at in (0, -1))
        basis = basis_of(tx, request.now, first, last, rates_kept(tx, rate_kind(desk)))
        names = names_in(tx, lang, last)
    shows = {
        "view": view,
        "names": names,
        "link": Links(),
        "basis": basis_text(basis, lang, period=span_text(first, last, lang)),
        "length": view.rows[-1][0].at - view.rows[0][0].at,
        "may_money": request.may("see_money"),
    }
    return Page("thread.html", shows)


def asked(tx: Connection, query: Fields, today: date) -> Wanted:
    """What an address asks for; what cannot be read in it counts as not asked. Without a span: the current month, or
    the span of the import run that is asked for."""
    run_id = _id(query.get("run"))
    run = run_rows.one(tx, run_id) if run_id else None
    first, last = _days(query, today)
    if run is not None and run.first_at and run.last_at and not query.get("month") and not query.get("from"):
        first, last = company_day(run.first_at), company_day(run.last_at)
    department = _maybe(query, "department")
    departments: tuple[str, ...] | None = None
    if department is not None:
        is_only = query.get("only") == "yes" or not department
        departments = (department,) if is_only else below(department_rows.everything(tx), department, last)
    state = query.get("state")
    found = CallFilter(
        task=_maybe(query, "task"),
        departments=departments,
        provider=_maybe(query, "provider"),
        model=_maybe(query, "model"),
        statuses=STATUSES.get(query.get("status")),
        run_id=run_id,
        key_name=without_nul(query.get("key")) or None,
        metadata=without_nul(query.get("meta"))[:200],
    )
    return Wanted(first, last, found, state if state in OPEN_STATES else "", _id(query.get("thread")))


def _days(query: Fields, today: date) -> tuple[date, date]:
    month = month_of(today)
    try:
        month = month_named(query.get("month"))
    except ValueError:
        first, last = _day(query.get("from")), _day(query.get("to"))
        if first is not None or last is not None:
            first = first or month_of(last or today).first
            last = max(first, min(last or today, first + LONGEST_SPAN))
            return first, last
    return month.first, month.last


def _maybe(query: Fields, name: str) -> str | None:
    """A name of the address; ``-`` is 未割当, absent is any."""
    told = query.get(name)
    return named(told) if told else None


def _id(told: str) -> UUID | None:
    try:
        return UUID(told)
    except ValueError:
        return None


def _day(told: str) -> date | None:
    try:
        day = date.fromisoformat(told)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2999 else None


def _place(told: str) -> Place | None:
    """Where the page before ended, as it stands in an address: microseconds since 1970, and an id."""
    at, _, call_id = told.partition("_")
    its_id = _id(call_id)
    if its_id is None or not (at.isascii() and at.isdigit()) or len(at) > 17:
        return None
    return _EPOCH + timedelta(microseconds=int(at)), its_id


def _written(place: Place | None) -> str:
    return "" if place is None else f"{(place[0] - _EPOCH) // timedelta(microseconds=1)}_{place[1]}"


def _span(wanted: Wanted, lang: Language) -> str:
    month = month_of(wanted.first)
    if (wanted.first, wanted.last) == (month.first, month.last):
        return month_text(month, lang)
    return span_text(wanted.first, wanted.last, lang)


def _asked(query: Fields, wanted: Wanted) -> dict[str, str]:
    """The fields of the filter as they stand."""
    names = ("task", "department", "provider", "model", "status", "state", "key", "meta", "thread", "run", "only")
    found = {name: query.get(name) for name in names}
    return {**found, "from": wanted.first.isoformat(), "to": wanted.last.isoformat()}


def _choices(names: Names, models: Sequence[tuple[str, str]], lang: Language) -> dict[str, list[tuple[str, str]]]:
    every = ("", text("filter.any", lang))
    nobody = (NOBODY, text("word.unassigned", lang))
    return {
        "task": [every, nobody, *names.tasks()],
        "department": [every, nobody, *names.departments()],
        "model": [every, *sorted({(model, model) for _, model in models if model})],
        "status": [every, *((code, text(f"status.{code}", lang)) for code in STATUSES)],
        "state": [every, *((code, text(f"state.{code}", lang)) for code in OPEN_STATES)],
    }


def _call_page(desk: Desk, request: PageRequest, opened: Mapping[str, str], refusal: str) -> Answer:
    lang = request.lang
    with desk.store.reading() as tx:
        explained = explain(tx, request.id_of("call_id"), desk.sites)
        if explained is None:
            return Missing()
        view = explained.view
        on = company_day(view.call.at, desk.zone)
        basis: Basis = basis_of(tx, request.now, on, on, rates_kept(tx, rate_kind(desk)))
        names = names_in(tx, lang, on)
        run = run_rows.one(tx, view.call.run_id)
        checked = guard_rows.of_call(tx, view.call.call_id)
    parts = [
        (attempt, attempt.priced if isinstance(attempt.priced, Priced) else None, _why(attempt.priced, lang))
        for attempt in view.attempts
    ]
    shows = {
        "view": view,
        "explained": explained,
        "told": explained.attempts,
        "why": lambda dropped: text(f"dropped.{dropped.code}", lang, **dropped.facts),
        "names": names,
        "link": Links(Month(on.year, on.month)),
        "run": run,
        "basis": basis_text(basis, lang),
        "attempts": parts,
        "rates": {a.rate.rate_id: one_rate(a.rate, lang) for a in view.attempts if a.rate is not None},
        "at": moment_exact(view.call.at, desk.zone),
        "opened": opened,
        "checked": [(one, _types(one, lang)) for one in checked],
        "refusal": refusal,
        "may_money": request.may("see_money"),
        "may_texts": request.may("see_texts"),
        "as_json": _readable,
    }
    return Page("call.html", shows)


def _types(run: GuardRun, lang: Language) -> list[tuple[str, int, str]]:
    """What a run of the checks found: type, how many, what followed."""
    counted: dict[tuple[str, str], int] = {}
    for one in run.findings:
        key = (one.type, "exempt" if one.is_exempt else one.action)
        counted[key] = counted.get(key, 0) + 1
    return [(type_name(kind, lang), count, action) for (kind, action), count in counted.items()]


def _why(priced: Priced | Refusal | None, lang: Language) -> str:
    return refused(priced, lang) if isinstance(priced, Refusal) else ""


def _readable(body: object) -> str:
    """JSON laid out for a reader; anything else as it is."""
    try:
        read = json.loads(body) if isinstance(body, str) else body
    except ValueError:
        return str(body)
    return json.dumps(read, ensure_ascii=False, indent=2, default=str)


def _head(lang: Language) -> list[str]:
    codes = ("call", "time", "task_name", "task", "department", "provider", "model", "status", "state", "attempts",
             "input_tokens", "output_tokens", "latency_ms", "cost_jpy", "thread", "key", "source")  # fmt: skip
    return [text(f"column.{code}", lang) for code in codes]


def _lines(desk: Desk, wanted: Wanted, names: Names) -> Iterator[Sequence[Cell]]:
    """Every call that is wanted, page by page, each page on its own snapshot."""
    after: Place | None = None
    while True:
        with desk.store.reading() as tx:
            page: CallList = call_list(tx, wanted, after, CSV_PAGE)
        for call, amounts in page.rows:
            yield (
                call.call_id, call.at, call.task, names.task(call.task), call.department, call.provider, call.model,
                call.status, *_counts(amounts), call.thread_id, call.key_name, call.source,
            )  # fmt: skip
        after = page.next
        if after is None:
            return


def _counts(amounts: object) -> tuple[Cell, ...]:
    names = ("state", "attempts", "input_tokens", "output_tokens", "latency_ms", "cost_jpy")
    return tuple(cast("str | int | Decimal | None", getattr(amounts, name, None)) for name in names)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/calls", "see_calls", show_calls, Nav("calls", "c", 40)),
    Route("GET", "/calls/{call_id:uuid}", "see_calls", show_call),
    Route("POST", "/calls/{call_id:uuid}/texts", "see_texts", show_texts),
    Route("GET", "/threads/{thread_id:uuid}", "see_calls", show_thread),
)

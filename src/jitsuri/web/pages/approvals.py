"""承認待ち: what waits for the visitor, all matters, and who stands in for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jitsuri.approvals import records as approval_rows
from jitsuri.approvals.rules import LONGEST_REASON, idle_reason, is_ahead, is_standing
from jitsuri.approvals.shapes import Deputy, Idle, Kind, Signer
from jitsuri.flows.cold.admitting import confirm_password
from jitsuri.flows.cold.approving import Acting, appoint_deputy, certificate_fault, end_deputy
from jitsuri.flows.cold.reading_tables import day_of
from jitsuri.flows.cold.viewing.opening_approvals import Opened, open_all, surroundings
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.shapes.certificates import Brief
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Nav, Page, PageRequest, Redirect, Route
from jitsuri.web.pages.signing import STATE_BADGES, nobody_text, waits_text
from jitsuri.web.pages.wording import refused
from jitsuri.words import Language, text

UNFIT = 422
MOST_DONE = 50
"""Matters that have ended, as the list shows them; the certificates' own list holds all."""

MOST_OPEN = 100
"""Matters of each open list, as the page shows them: enough for a day's signing, and quick with any number."""


@dataclass(frozen=True, slots=True)
class Line:
    """A matter in the list."""

    opened: Opened
    href: str
    title: str
    badge: str
    waits_for: str
    waits_for_nobody: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One list of the page: its lines, how many matters it has, and how many of them are not shown."""

    lines: Sequence[Line]
    count: int
    more: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A deputy in the list, with names as they are today."""

    deputy: Deputy
    principal: str
    name: str
    state: str
    """``ahead``, ``now`` or ``over``."""
    idle: Idle
    """Why it signs nothing, though its days are not over; '' where it may sign."""
    may_end: bool


def show_approvals(desk: Desk, request: PageRequest) -> Answer:
    """Waiting for the visitor, then everything open, then what is done."""
    lang, today = request.lang, company_day(request.now, desk.zone)
    with desk.store.reading() as tx:
        papers = {one.number: one for one in certificate_rows.briefs(tx)}
        drafts: list[tuple[Kind, str, str]] = [
            ("certificate", number, paper.code)
            for number, paper in papers.items()
            if certificate_fault(paper, today) is None
        ]
        yours, still, done = open_all(tx, drafts, request.person.login, today)
    # a returned matter is under way: it waits for its drafter, who is told
    under_way = [one for one in still if one.matter.state not in ("draft", "withdrawn")]
    undrafted = [one for one in still if one.matter.state in ("draft", "withdrawn")]
    lists = {
        "yours": (yours, MOST_OPEN), "still": (under_way, MOST_OPEN), "undrafted": (undrafted, MOST_OPEN),
        "done": (done, MOST_DONE),
    }  # fmt: skip
    shows = {
        name: Listed([_line(one, papers, lang) for one in found[:most]], len(found), max(0, len(found) - most))
        for name, (found, most) in lists.items()
    }
    return Page("approvals.html", shows)


def show_deputies(desk: Desk, request: PageRequest) -> Answer:
    return _deputies_page(desk, request, None)


def name_deputy(desk: Desk, request: PageRequest) -> Answer:
    """Name somebody for oneself, with one's password."""
    form = request.form
    first, last = day_of(form.get("first")), day_of(form.get("last"))
    if first is None or last is None:
        return _deputies_page(desk, request, Refusal("deputy_span_invalid"))
    wrong = _unconfirmed(desk, request)
    if wrong is not None:
        return _deputies_page(desk, request, wrong)
    came = appoint_deputy(
        desk.store, request.now, _acting(request), form.get("deputy"), first=first, last=last, reason=form.get("reason")
    )
    if isinstance(came, Refusal):
        return _deputies_page(desk, request, came)
    return Redirect("/approvals/deputies", "deputy_named")


def stop_deputy(desk: Desk, request: PageRequest) -> Answer:
    """End a deputy early, with one's password."""
    deputy_id = request.id_of("deputy_id")
    wrong = _unconfirmed(desk, request)
    if wrong is not None:
        return _deputies_page(desk, request, wrong, str(deputy_id))
    came = end_deputy(desk.store, request.now, _acting(request), deputy_id, request.form.get("reason"))
    if isinstance(came, Refusal):
        return _deputies_page(desk, request, came, str(deputy_id))
    return Redirect("/approvals/deputies", "deputy_ended")


def _line(opened: Opened, papers: Mapping[str, Brief], lang: Language) -> Line:
    matter = opened.matter
    paper = papers.get(matter.subject)
    title = ""
    if paper is not None:
        task = paper.task
        title = (task.title_ja if lang == "ja" else task.title_en) or task.name or text("verdict.pooled", lang)
    return Line(
        opened, f"/certificates/{matter.subject}", title, STATE_BADGES[matter.state], waits_text(opened.waits_for, lang),
        nobody_text(opened, lang),
    )  # fmt: skip


def _deputies_page(desk: Desk, request: PageRequest, refusal: Refusal | None, at: str = "") -> Page:
    """``at``: the id of the deputy that was to be ended; '' is the form that names one."""
    form, today, person = request.form, company_day(request.now, desk.zone), request.person
    with desk.store.reading() as tx:
        around = surroundings(tx, today)
        listed = approval_rows.deputies(tx)
    names = {one.login: one for one in around.signers}
    me = names.get(person.login)
    standing = [_standing(one, names, request, desk) for one in listed]
    fields = ("deputy", "first", "last", "reason")
    blank = {**dict.fromkeys(fields, ""), "first": today.isoformat(), "last": today.isoformat()}
    shows = {
        "may_name": me is not None and bool(me.steps & {"review", "decision"}),
        "people": [
            (one.login, f"{one.name} ({one.login})")
            for one in around.signers
            if one.may_stand_in and one.login != person.login
        ],
        "form": {field: form.get(field) for field in fields} if form and not at else blank,
        "ending_reason": form.get("reason") if at else "",
        "now": [one for one in standing if one.state != "over"],
        "over": [one for one in standing if one.state == "over"][:MOST_DONE],
        "login": person.login,
        "longest": LONGEST_REASON,
        "today": today.isoformat(),
        "refusal": refused(refusal, request.lang) if refusal is not None else "",
        "at": at if any(str(one.deputy.deputy_id) == at and one.may_end for one in standing) else "",
    }
    return Page("approval_deputies.html", shows, UNFIT if refusal is not None else 200)


def _standing(deputy: Deputy, names: Mapping[str, Signer], request: PageRequest, desk: Desk) -> Standing:
    today = company_day(request.now, desk.zone)
    state = "now" if is_standing(deputy, today) else "ahead" if is_ahead(deputy, today) else "over"
    principal, name = (names[one].name if one in names else one for one in (deputy.principal, deputy.login))
    is_theirs = deputy.principal == request.person.login or request.may("edit_people")
    may_end = state != "over" and request.may("stand_in") and is_theirs
    idle: Idle = "" if state == "over" else idle_reason(deputy, names.values())
    return Standing(deputy, principal, name, state, idle, may_end)


def _unconfirmed(desk: Desk, request: PageRequest) -> Refusal | None:
    return confirm_password(desk.store, desk.passwords, request.now, request.person, request.form.exact("password"))


def _acting(request: PageRequest) -> Acting:
    return Acting(request.person.login, "console")


ROUTES: tuple[Route, ...] = (
    Route("GET", "/approvals", "see_approvals", show_approvals, Nav("approvals", "s", 37)),
    Route("GET", "/approvals/deputies", "see_approvals", show_deputies),
    Route("POST", "/approvals/deputies", "stand_in", name_deputy),
    Route("POST", "/approvals/deputies/{deputy_id:uuid}/end", "stand_in", stop_deputy),
)

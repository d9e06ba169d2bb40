"""業務の候補: calls without a task are named by a person, and move in steps that no request waits long for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from jitsuri.flows.cold.moving_calls import BATCH_CALLS, move_some, name_groups
from jitsuri.flows.cold.proposing import new_task, set_aside
from jitsuri.flows.cold.viewing.opening_proposals import ProposalList, proposal_list
from jitsuri.routing.shapes import Proposal
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Missing, Page, PageRequest, Redirect, Route
from jitsuri.web.pages.addressing import Links, named
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.wording import names_in, refused
from jitsuri.words import Language, text

UNFIT = 422
MOST_SHOWN = 25
"""Proposals with their forms on one page: the dearest first; the others come when these are done."""


def show_proposals(desk: Desk, request: PageRequest) -> Answer:
    return _page(desk, request, None, "")


def name_proposal(desk: Desk, request: PageRequest) -> Answer:
    """Give a proposal to a new task or to one that exists."""
    form, wanted = request.form, request.id_of("proposal_id")
    view = _read(desk)
    proposal = _find(view, wanted)
    if proposal is None:
        return _page(desk, request, None, refused(Refusal("proposal_gone"), request.lang))
    standing = view.tasks.get(form.get("task"))
    task = standing or new_task(
        form.get("name"), form.get("title_ja"), form.get("title_en"), form.get("department"), form.get("owner"),
        request.now,
    )  # fmt: skip
    if isinstance(task, Refusal):
        return _page(desk, request, wanted, refused(task, request.lang))
    left = name_groups(desk.store, proposal.groups, task, request.person.login, request.now)
    if isinstance(left, Refusal):
        return _page(desk, request, wanted, refused(left, request.lang))
    return Redirect("/proposals", "calls_left" if left else "proposal_named")


def put_aside(desk: Desk, request: PageRequest) -> Answer:
    """These groups are no task; nobody is asked about them again."""
    proposal = _find(_read(desk), request.id_of("proposal_id"))
    if proposal is None:
        return _page(desk, request, None, refused(Refusal("proposal_gone"), request.lang))
    set_aside(desk.store, proposal.groups, request.person.login, request.now)
    return Redirect("/proposals", "proposal_set_aside")


def move_on(desk: Desk, request: PageRequest) -> Answer:
    """Move the next batch of a task's calls."""
    left = move_some(desk.store, named(request.words_of("name")), request.person.login, request.now)
    if isinstance(left, Refusal):
        return Missing()
    return Redirect("/proposals", "calls_left" if left else "calls_moved")


def _read(desk: Desk) -> ProposalList:
    with desk.store.reading() as tx:
        return proposal_list(tx)


def _find(view: ProposalList, proposal_id: UUID) -> Proposal | None:
    return next((p for p in view.proposals if p.proposal_id == proposal_id), None)


def _page(desk: Desk, request: PageRequest, at: UUID | None, refusal: str) -> Answer:
    lang = request.lang
    with desk.store.reading() as tx:
        view = proposal_list(tx)
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    if wants_csv(request):
        return csv_file("proposals", _head(lang), _lines(view))
    shown = view.proposals[:MOST_SHOWN]
    form = request.form
    shows = {
        "view": view,
        "shown": shown,
        "more": len(view.proposals) - len(shown),
        "names": names,
        "link": Links(),
        "tasks": [("", text("page.proposals.new", lang)), *names.tasks()],
        "departments": [("", text("word.unassigned", lang)), *names.departments()],
        "may_edit": request.may("confirm_tasks"),
        "batch": BATCH_CALLS,
        "at": at,
        "form": {f: form.get(f) for f in ("task", "name", "title_ja", "title_en", "department", "owner")},
        "refusal": refusal,
    }
    return Page("proposals.html", shows, UNFIT if refusal else 200)


def _head(lang: Language) -> list[str]:
    codes = ("proposal", "calls", "cost_about_jpy", "models", "sample")
    return [text(f"column.{code}", lang) for code in codes]


def _lines(view: ProposalList) -> Iterable[Sequence[Cell]]:
    for p in view.proposals:
        yield p.proposal_id, p.calls, p.cost_jpy, " ".join(p.models), p.sample


ROUTES: tuple[Route, ...] = (
    Route("GET", "/proposals", "see_money", show_proposals),
    Route("POST", "/proposals/{proposal_id:uuid}/name", "confirm_tasks", name_proposal),
    Route("POST", "/proposals/{proposal_id:uuid}/aside", "confirm_tasks", put_aside),
    Route("POST", "/tasks/{name}/moves", "confirm_tasks", move_on),
)

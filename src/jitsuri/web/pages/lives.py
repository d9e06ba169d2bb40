"""発効: certificates in force and void, what owners are asked, and the acts of their pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from jitsuri.flows.cold import putting_in_force as flow
from jitsuri.flows.cold.putting_in_force import Owner, Wish
from jitsuri.flows.cold.viewing.opening_lives import Notice, event_told, open_all, people_told
from jitsuri.rightsizing.shapes.lives import IN_FORCE, ROLLBACKS, Life, Rollback
from jitsuri.store.door import without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.web.desk import Answer, Desk, Handler, Page, PageRequest, Redirect, Route
from jitsuri.web.pages.certificates import certificate_page, title_of
from jitsuri.web.pages.living import STATE_BADGES, around_of, percent_told
from jitsuri.words import Language

MOST_OVER = 50
"""Certificates that are no longer in force, as the list shows them."""

Act = Callable[[Desk, PageRequest, str, Wish], Life | Refusal]


@dataclass(frozen=True, slots=True)
class Line:
    """A certificate in the list."""

    life: Life
    title: str
    badge: str
    way: str
    percent: str
    at: datetime
    told: str
    asked: str


def show_lives(desk: Desk, request: PageRequest) -> Answer:
    """What owners are asked, then what is in force, then what is over."""
    with desk.store.reading() as tx:
        found = open_all(tx)
    lines = [_line(one, request.lang) for one in found]
    shows = {
        "asks": [one for one in lines if one.life.asks],
        "standing": [one for one in lines if one.life.state in IN_FORCE],
        "over": [one for one in lines if one.life.state not in IN_FORCE and not one.life.asks][:MOST_OVER],
    }
    return Page("lives.html", shows)


def act_on(act: Act, notice: str) -> Handler:
    """The door of one act, on what the visitor's page showed."""

    def handler(desk: Desk, request: PageRequest) -> Answer:
        form, number = request.form, without_nul(request.words_of("number"))
        seen, variant = form.whole("seen", -1, 0, 10**6), form.whole("seen_variant", -1, 0, 10**6)
        came = act(desk, request, number, Wish(form.get("reason"), seen, variant if variant >= 0 else None))
        if isinstance(came, Refusal):
            return certificate_page(desk, request, came, at="life")
        return Redirect(f"/certificates/{number}", notice)

    return handler


def _force(desk: Desk, request: PageRequest, number: str, wish: Wish) -> Life | Refusal:
    form = request.form
    rollback: Rollback = next((one for one in ROLLBACKS if one == form.get("rollback")), "ask")
    return flow.put_in_force(
        desk.store, request.now, _owner(request), number, form.get("percent"), rollback, wish, around_of(desk)
    )


def _full(desk: Desk, request: PageRequest, number: str, wish: Wish) -> Life | Refusal:
    return flow.make_full(desk.store, request.now, _owner(request), number, wish, around_of(desk))


def _back(desk: Desk, request: PageRequest, number: str, wish: Wish) -> Life | Refusal:
    return flow.go_back(desk.store, request.now, _owner(request), number, wish, around_of(desk))


def _keep(desk: Desk, request: PageRequest, number: str, wish: Wish) -> Life | Refusal:
    return flow.keep_going(desk.store, request.now, _owner(request), number, wish)


def _owner(request: PageRequest) -> Owner:
    return Owner(request.person.login, "console")


def _line(one: Notice, lang: Language) -> Line:
    life, world = one.life, one.life.world
    return Line(
        life, title_of(one.certificate.task, lang), STATE_BADGES[life.state],
        world.proposed if world is not None else one.certificate.proposed.model, percent_told(life),
        life.events[-1].at, _told(one, lang), people_told(one.asked, lang) if life.asks else "",
    )  # fmt: skip


def _told(one: Notice, lang: Language) -> str:
    """Why it is void or was; and for one that was kept, why it was."""
    told = event_told(one.life, one.event, lang)
    return f"{told} {one.life.events[-1].reason}" if one.life.state == "kept" else told


_door = partial(Route, "POST")

ROUTES: tuple[Route, ...] = (
    Route("GET", "/lives", "see_approvals", show_lives),
    _door("/certificates/{number}/force", "put_in_force", act_on(_force, "life_canary")),
    _door("/certificates/{number}/full", "put_in_force", act_on(_full, "life_full")),
    _door("/certificates/{number}/back", "put_in_force", act_on(_back, "life_back")),
    _door("/certificates/{number}/keep", "put_in_force", act_on(_keep, "life_kept")),
)

"""入口: signing in and out, and the one-time links with which a person sets a password."""

from __future__ import annotations

from jitsuri.access.shapes import OpenLink, SignedIn
from jitsuri.flows.cold.admitting import accept_first_admin, accept_link, open_link, sign_in, sign_out
from jitsuri.terms.outcomes import Refusal
from jitsuri.web.desk import Answer, Desk, Page, PageRequest, Redirect, Route, SessionCookie
from jitsuri.web.guard import local_path
from jitsuri.words import text

TOO_MANY = 429
UNFIT = 422
GONE = 410


def sign_in_form(desk: Desk, request: PageRequest) -> Answer:  # noqa: ARG001  # every handler is called alike
    """The form; who is signed in already goes on."""
    onward = local_path(request.query.get("next", "/"))
    if request.session is not None:
        return Redirect(onward)
    return Page("sign_in.html", {"login": "", "next": onward, "refusal": ""})


def begin_session(desk: Desk, request: PageRequest) -> Answer:
    """Sign in, and go on to where the visitor wanted to be."""
    login, password = request.form.get("login"), request.form.exact("password")
    onward = local_path(request.form.get("next", "/"))
    came = sign_in(desk.store, desk.passwords, request.now, login, password, desk.secret)
    if isinstance(came, Refusal):
        status = TOO_MANY if came.code in ("sign_in_wait", "sign_in_blocked") else UNFIT
        told = text(f"refusal.{came.code}", request.lang, **came.facts)
        return Page("sign_in.html", {"login": login, "next": onward, "refusal": told}, status)
    return Redirect(onward, cookie=_cookie(came))


def end_session(desk: Desk, request: PageRequest) -> Redirect:
    """Sign out: the session ends in the database too, not only in this browser."""
    sign_out(desk.store, request.now, request.session_secret)
    return Redirect("/sign-in", "signed_out", SessionCookie(""))


def link_form(desk: Desk, request: PageRequest) -> Answer:
    """The page of a one-time link: the first administrator's, or a person's for a new password."""
    opened = open_link(desk.store, request.now, request.words_of("link"))
    if isinstance(opened, Refusal):
        return _unusable(request, opened)
    return _link_page(request, opened, "", 200)


def use_link(desk: Desk, request: PageRequest) -> Answer:
    """Set the password, use the link up, and begin a session."""
    link, form = request.words_of("link"), request.form
    opened = open_link(desk.store, request.now, link)
    if isinstance(opened, Refusal):
        return _unusable(request, opened)
    password = form.exact("password")
    if password != form.exact("again"):
        return _link_page(request, opened, text("page.link.differs", request.lang), UNFIT)
    came: SignedIn | Refusal
    if opened.person is None:
        came = accept_first_admin(
            desk.store, desk.passwords, request.now, link, login=form.get("login"), name=form.get("name"),
            password=password, language=request.lang, secret=desk.secret,
        )  # fmt: skip
    else:
        came = accept_link(desk.store, desk.passwords, request.now, link, password, desk.secret)
    if isinstance(came, Refusal):
        return _link_page(request, opened, text(f"refusal.{came.code}", request.lang, **came.facts), UNFIT)
    return Redirect("/", cookie=_cookie(came))


def _unusable(request: PageRequest, refusal: Refusal) -> Page:
    """One page for a link that is wrong, used, ended or void: which of them is nobody's business."""
    shows = {
        "head": "page.link.unusable", "told": text(f"refusal.{refusal.code}", request.lang, **refusal.facts),
        "number": "", "again": "/sign-in", "again_text": "page.sign_in.title",
    }  # fmt: skip
    return Page("error.html", shows, GONE)


def _link_page(request: PageRequest, opened: OpenLink, refusal: str, status: int) -> Page:
    person, form = opened.person, request.form
    shows = {
        "title": "page.link.first" if person is None else "page.link.password",
        "is_first": person is None,
        "login": form.get("login") if person is None else person.login,
        "name": form.get("name") if person is None else person.name,
        "expires_at": opened.expires_at,
        "action": request.path,
        "refusal": refusal,
    }
    return Page("link.html", shows, status)


def _cookie(came: SignedIn) -> SessionCookie:
    return SessionCookie(came.secret, came.session.expires_at)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/sign-in", "anyone", sign_in_form),
    Route("POST", "/sign-in", "anyone", begin_session),
    Route("POST", "/sign-out", "signed_in", end_session),
    Route("GET", "/links/{link}", "anyone", link_form),
    Route("POST", "/links/{link}", "anyone", use_link),
)

"""自分の設定: a person's own password and language."""

from __future__ import annotations

from jitsuri.flows.cold.admitting import change_language, change_password
from jitsuri.terms.outcomes import Refusal
from jitsuri.web.desk import Answer, Desk, Page, PageRequest, Redirect, Route, SessionCookie
from jitsuri.web.naming import role_names
from jitsuri.words import LANGUAGES, text

UNFIT = 422


def account(desk: Desk, request: PageRequest) -> Page:  # noqa: ARG001  # every handler is called alike
    return _page(request, "")


def set_language(desk: Desk, request: PageRequest) -> Answer:
    """Keep the language; the address names it once, so that a language chosen before gives way."""
    wished = request.form.get("language")
    if wished not in LANGUAGES:
        return _page(request, "")
    change_language(desk.store, request.person, wished)
    return Redirect(f"/account?lang={wished}", "language_kept")


def set_password(desk: Desk, request: PageRequest) -> Answer:
    form = request.form
    new = form.exact("password")
    if new != form.exact("again"):
        return _page(request, text("page.link.differs", request.lang), UNFIT)
    came = change_password(
        desk.store, desk.passwords, request.now, request.person, old=form.exact("old"), new=new, secret=desk.secret
    )
    if isinstance(came, Refusal):
        return _page(request, text(f"refusal.{came.code}", request.lang, **came.facts), UNFIT)
    return Redirect("/account", "password_changed", SessionCookie(came.secret, came.session.expires_at))


def _page(request: PageRequest, refusal: str, status: int = 200) -> Page:
    person = request.person
    shows = {
        "name": person.name,
        "login": person.login,
        "roles": role_names(person, request.lang),
        "department": person.department,
        "language": person.language,
        "languages": [(lang, text(f"language.{lang}", request.lang)) for lang in LANGUAGES],
        "refusal": refusal,
    }
    return Page("account.html", shows, status)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/account", "signed_in", account),
    Route("POST", "/account/language", "signed_in", set_language),
    Route("POST", "/account/password", "signed_in", set_password),
)

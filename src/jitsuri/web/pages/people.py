"""利用者: who may enter, in which roles. An auditor reads; an administrator invites, changes and stops."""

from __future__ import annotations

from jitsuri.access.records import departments
from jitsuri.access.rules.arranging import tree_at
from jitsuri.access.rules.guarding import LINK_LIFE
from jitsuri.access.shapes import ROLES, Invited, Person
from jitsuri.flows.cold.admitting import change_roles, deactivate, everybody, invite, new_link, reactivate
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Missing, Nav, Page, PageRequest, Redirect, Route
from jitsuri.web.naming import role_names
from jitsuri.web.rendering import badge
from jitsuri.words import LANGUAGES, Language, text

UNFIT = 422


def people(desk: Desk, request: PageRequest) -> Page:
    return _people_page(desk, request, "")


def invite_person(desk: Desk, request: PageRequest) -> Answer:
    """Add a person and show the link once: it stands in this answer and nowhere else."""
    form = request.form
    wished = form.get("language")
    made = invite(
        desk.store, request.now, request.person.login, login=form.get("login"), name=form.get("name"),
        roles=form.all("roles"), department=form.get("department"),
        language=wished if wished in LANGUAGES else request.lang, secret=desk.secret,
    )  # fmt: skip
    if isinstance(made, Refusal):
        return _people_page(desk, request, _told(request, made), UNFIT)
    return _link_page(request, made)


def person(desk: Desk, request: PageRequest) -> Answer:
    return _person_page(desk, request, "")


def give_roles(desk: Desk, request: PageRequest) -> Answer:
    someone = request.id_of("person_id")
    came = change_roles(desk.store, request.now, request.person.login, someone, request.form.all("roles"))
    return _after(desk, request, came, "roles_kept")


def make_link(desk: Desk, request: PageRequest) -> Answer:
    """A link for a new password, shown once."""
    someone = _find(desk, request)
    if someone is None:
        return Missing()
    made = new_link(desk.store, request.now, request.person.login, someone.login, desk.secret)
    if isinstance(made, Refusal):
        return _person_page(desk, request, _told(request, made), UNFIT)
    return _link_page(request, Invited(someone, made))


def stop_access(desk: Desk, request: PageRequest) -> Answer:
    came = deactivate(desk.store, request.now, request.person.login, request.id_of("person_id"))
    return _after(desk, request, came, "person_deactivated")


def give_access(desk: Desk, request: PageRequest) -> Answer:
    came = reactivate(desk.store, request.now, request.person.login, request.id_of("person_id"))
    return _after(desk, request, came, "person_reactivated")


def _after(desk: Desk, request: PageRequest, came: Person | Refusal, notice: str) -> Answer:
    if isinstance(came, Person):
        return Redirect(f"/people/{came.person_id}", notice)
    return _person_page(desk, request, _told(request, came), UNFIT)


def _told(request: PageRequest, refusal: Refusal) -> str:
    return text(f"refusal.{refusal.code}", request.lang, **refusal.facts)


def _find(desk: Desk, request: PageRequest) -> Person | None:
    return next((p for p in everybody(desk.store) if p.person_id == request.id_of("person_id")), None)


def _people_page(desk: Desk, request: PageRequest, refusal: str, status: int = 200) -> Page:
    found, lang = everybody(desk.store), request.lang
    find = request.query.get("find").lower()
    shown = [p for p in found if find in p.login or find in p.name.lower()]
    form = request.form
    shows = {
        "active": sum(p.is_active for p in found),
        "people": found,
        "rows": [_row(p, lang) for p in sorted(shown, key=lambda p: (not p.is_active, p.login))],
        "find": request.query.get("find"),
        "may_edit": request.may("edit_people"),
        "roles": _roles(lang),
        "languages": [(code, text(f"language.{code}", lang)) for code in LANGUAGES],
        "departments": _departments(desk, request),
        "form": {
            "login": form.get("login"), "name": form.get("name"), "roles": form.all("roles"),
            "department": form.get("department"), "language": form.get("language") or lang,
        },
        "refusal": refusal,
    }  # fmt: skip
    return Page("people.html", shows, status)


def _row(someone: Person, lang: Language) -> list[object]:
    state = badge(text("person.active", lang), "good") if someone.is_active else badge(text("person.inactive", lang))
    return [
        {"text": someone.name, "href": f"/people/{someone.person_id}"},
        someone.login,
        role_names(someone, lang),
        someone.department or None,
        state,
    ]


def _roles(lang: Language) -> list[tuple[str, str]]:
    return [(role, text(f"role.{role}", lang)) for role in ROLES]


def _departments(desk: Desk, request: PageRequest) -> list[tuple[str, str]]:
    """Departments of today's tree to choose from, none first."""
    with desk.store.reading() as tx:
        tree = tree_at(departments.everything(tx), company_day(request.now, desk.zone))
    named = [(d.code, d.name_ja if request.lang == "ja" else d.name_en) for d in tree.values()]
    return [("", text("person.no_department", request.lang)), *sorted(named)]


def _person_page(desk: Desk, request: PageRequest, refusal: str, status: int = 200) -> Answer:
    someone = _find(desk, request)
    if someone is None:
        return Missing()
    shows = {
        "someone": someone,
        "since": company_day(someone.created_at, desk.zone),
        "told_roles": role_names(someone, request.lang),
        "roles": _roles(request.lang),
        "chosen": request.form.all("roles") or tuple(someone.roles),
        "may_edit": request.may("edit_people"),
        "refusal": refusal,
    }
    return Page("person.html", shows, status)


def _link_page(request: PageRequest, made: Invited) -> Page:
    shows = {
        "name": made.person.name,
        "login": made.person.login,
        "hours": int(LINK_LIFE.total_seconds() // 3600),
        "link": f"{request.base_url}/links/{made.link}",
    }
    return Page("link_made.html", shows)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/people", "see_evidence", people, Nav("people", "p", 90)),
    Route("POST", "/people/invitations", "edit_people", invite_person),
    Route("GET", "/people/{person_id:uuid}", "see_evidence", person),
    Route("POST", "/people/{person_id:uuid}/roles", "edit_people", give_roles),
    Route("POST", "/people/{person_id:uuid}/links", "edit_people", make_link),
    Route("POST", "/people/{person_id:uuid}/deactivation", "edit_people", stop_access),
    Route("POST", "/people/{person_id:uuid}/activation", "edit_people", give_access),
)

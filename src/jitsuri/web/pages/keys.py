"""鍵: the credentials of programs that call: who may call what until when, asking, deciding, the secret shown once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from jitsuri.access.records import keys as key_rows
from jitsuri.access.records import people as person_rows
from jitsuri.access.rules.keying import (
    LONGEST_NAME,
    LONGEST_TEXT,
    USUAL_LIFE,
    deciding_fault,
    is_ending_soon,
    is_keeper,
    is_living,
    last_day,
    parts_of,
    span_of,
    standing_of,
)
from jitsuri.access.shapes import KEY_STANDINGS, KeptKey, KeyScope, KeyStanding, MadeKey, Person
from jitsuri.flows.cold import keeping_keys
from jitsuri.flows.cold.reading_tables import day_of, number_of
from jitsuri.routing import records as routing_rows
from jitsuri.store.door import Connection
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Fields, Missing, Nav, Page, PageRequest, Redirect, Route
from jitsuri.web.formatting import count
from jitsuri.web.pages.addressing import Links, gateway_address
from jitsuri.web.pages.wording import Names, names_in, refused
from jitsuri.words import Language, text

UNFIT = 422
MOST_SHOWN = 200
OVERLAP_HOURS = (0, 1, 24, 168, 720)
"""Choices of how long an old secret holds beside a new one."""

FIRST_REQUESTS, FIRST_TOKENS = 60, 100_000
"""What the form proposes as limits per minute: one person's program at work. Source: decision 0021."""

BadgeKind = Literal["", "good", "warn", "bad"]
KINDS: dict[KeyStanding, BadgeKind] = {
    "asked": "warn", "approved": "warn", "active": "good", "rotating": "good", "expired": "bad", "revoked": "bad",
}  # fmt: skip

_FIELDS = ("name", "task", "department", "purpose", "models", "regions", "first", "until", "requests", "tokens")


@dataclass(frozen=True, slots=True)
class Line:
    """A key in the list."""

    kept: KeptKey
    standing: KeyStanding
    kind: BadgeKind
    days_left: int | None
    """Where its end is near: full days after today; None where it is not."""
    until: date
    is_holder_gone: bool


@dataclass(frozen=True, slots=True)
class May:
    """What the visitor may do with a key."""

    decide: bool
    change: bool
    take: bool
    rotate: bool
    end: bool
    is_own: bool


def show_keys(desk: Desk, request: PageRequest) -> Answer:
    """What waits for the visitor, and all keys."""
    lang, now = request.lang, request.now
    today = company_day(now, desk.zone)
    with desk.store.reading() as tx:
        keys = key_rows.everything(tx)
        names = names_in(tx, lang, today)
        may_decide = _judge(tx, request.person)
        inactive = _inactive(tx)
    lines = [_line(desk, request, one, inactive) for one in keys]
    which, find = request.query.get("which"), request.query.get("find").lower()
    shown = [one for one in lines if _is_asked_for(one, which, find, names)]
    shown.sort(key=lambda one: (not is_living(one.standing), one.kept.scope.name))
    shows = {
        "living": sum(one.standing in ("not_yet", "active", "rotating") for one in lines),
        "asked": sum(one.standing == "asked" for one in lines),
        "soon": sum(one.days_left is not None for one in lines),
        "yours": [one for one in lines if one.standing == "asked" and may_decide(one.kept)],
        "ready": [one for one in lines if one.standing == "approved" and one.kept.asked_by == request.person.login],
        "is_empty": not lines,
        "lines": shown[:MOST_SHOWN],
        "more": max(0, len(shown) - MOST_SHOWN),
        "which": which,
        "choices": [
            ("", text("page.keys.living", lang)), ("all", text("page.keys.all", lang)),
            *((code, text(f"key.standing.{code}", lang)) for code in KEY_STANDINGS),
        ],
        "find": request.query.get("find"),
        "names": names,
        "may_ask": request.may("ask_keys"),
    }  # fmt: skip
    return Page("key_list.html", shows)


def show_key(desk: Desk, request: PageRequest) -> Answer:
    return _key_page(desk, request, "")


def show_form(desk: Desk, request: PageRequest) -> Answer:
    return _form_page(desk, request, None)


def ask_key(desk: Desk, request: PageRequest) -> Answer:
    scope = _scope(request.form, request.now, desk)
    if isinstance(scope, Refusal):
        return _form_page(desk, request, scope)
    came = keeping_keys.ask(desk.store, request.now, request.person, scope, request.form.get("purpose"))
    if isinstance(came, Refusal):
        return _form_page(desk, request, came)
    return Redirect(f"/keys/{came.key_id}", "key_asked")


def approve_key(desk: Desk, request: PageRequest) -> Answer:
    came = keeping_keys.approve(desk.store, request.now, request.person, _id(request), request.form.get("reason"))
    return _after(desk, request, came, "key_approved", "decide")


def refuse_key(desk: Desk, request: PageRequest) -> Answer:
    came = keeping_keys.refuse(desk.store, request.now, request.person, _id(request), request.form.get("reason"))
    return _after(desk, request, came, "key_refused", "decide")


def take_secret(desk: Desk, request: PageRequest) -> Answer:
    """Make the first secret and show it: it stands in this answer and nowhere else."""
    came = keeping_keys.take(desk.store, request.now, request.person, _id(request), desk.secret)
    return _secret_page(desk, request, came, "take")


def rotate_key(desk: Desk, request: PageRequest) -> Answer:
    """Make the next secret and show it, likewise once."""
    form = request.form
    hours = form.whole("overlap", -1, 0, max(OVERLAP_HOURS))
    came = keeping_keys.rotate(
        desk.store, request.now, request.person, _id(request), timedelta(hours=hours), form.get("reason"), desk.secret
    )
    return _secret_page(desk, request, came, "rotate")


def change_key(desk: Desk, request: PageRequest) -> Answer:
    form = request.form
    limits, last = _limits(form), day_of(form.get("until"))
    if isinstance(limits, Refusal) or last is None:
        wrong = limits if isinstance(limits, Refusal) else Refusal("key_day_unreadable", {"value": form.get("until")})
        return _after(desk, request, wrong, "", "change")
    came = keeping_keys.change(
        desk.store, request.now, request.person, _id(request), expires_at=span_of(None, last, request.now, desk.zone)[1],
        requests_per_minute=limits[0], tokens_per_minute=limits[1], reason=form.get("reason"),
    )  # fmt: skip
    return _after(desk, request, came, "key_changed", "change")


def end_key(desk: Desk, request: PageRequest) -> Answer:
    came = keeping_keys.end(desk.store, request.now, request.person, _id(request), request.form.get("reason"))
    notice = "key_withdrawn" if isinstance(came, KeptKey) and came.state == "withdrawn" else "key_revoked"
    return _after(desk, request, came, notice, "end")


# -- the list


def _line(desk: Desk, request: PageRequest, kept: KeptKey, inactive: frozenset[str]) -> Line:
    standing, until = standing_of(kept, request.now), last_day(kept.scope.expires_at, desk.zone)
    left = (until - company_day(request.now, desk.zone)).days if is_ending_soon(kept, request.now) else None
    return Line(kept, standing, KINDS.get(standing, ""), left, until, kept.asked_by in inactive)


def _is_asked_for(line: Line, which: str, find: str, names: Names) -> bool:
    if which in KEY_STANDINGS and line.standing != which:
        return False
    if which == "" and not is_living(line.standing):
        return False
    scope = line.kept.scope
    told = (scope.name.lower(), scope.task, names.task(scope.task).lower(), line.kept.asked_by)
    return any(find in one for one in told) or any(find[-4:] == s.hint.lower() for s in line.kept.secrets)


def _inactive(tx: Connection) -> frozenset[str]:
    return frozenset(p.login for p in person_rows.everybody(tx) if not p.is_active)


# -- one key


def _key_page(desk: Desk, request: PageRequest, refusal: str, at: str = "") -> Answer:
    """A key's page; a refusal stands in the part ``at`` that was used, or above all where that part is gone by now."""
    lang, now, form = request.lang, request.now, request.form
    with desk.store.reading() as tx:
        kept = key_rows.one(tx, _id(request))
        if kept is None:
            return Missing()
        may = _may(request, kept, _judge(tx, request.person)(kept))
        names = names_in(tx, lang, company_day(now, desk.zone))
        inactive = _inactive(tx)
    line = _line(desk, request, kept, inactive)
    shows = {
        "line": line,
        "kept": kept,
        "may": may,
        "names": names,
        "calls": Links().calls(key=kept.scope.name) if kept.secrets and request.may("see_calls") else "",
        "starts": company_day(kept.scope.starts_at, desk.zone),
        "limits": limits_text(kept.scope, lang),
        "story": list(_story(kept)),
        "secrets": [(secret, secret.ends_at is not None and secret.ends_at <= now) for secret in kept.secrets],
        "overlaps": [(str(hours), text(f"page.key.overlap.{hours}", lang)) for hours in OVERLAP_HOURS],
        "gateway": gateway_address(desk, request),
        "form": {
            "reason": form.get("reason"), "overlap": form.get("overlap") or "24",
            "until": form.get("until") or line.until.isoformat(),
            "requests": form.get("requests") or str(kept.scope.requests_per_minute),
            "tokens": form.get("tokens") or str(kept.scope.tokens_per_minute),
        },
        "longest": LONGEST_TEXT,
        "refusal": refusal,
        "at": at if getattr(may, at, False) else "",
    }  # fmt: skip
    return Page("key.html", shows, UNFIT if refusal else 200)


def _may(request: PageRequest, kept: KeptKey, decides: bool) -> May:
    person, standing = request.person, standing_of(kept, request.now)
    is_own = kept.asked_by == person.login
    can_end = kept.state in ("asked", "approved", "active") and request.may("ask_keys")
    return May(
        decide=decides and standing == "asked",
        change=decides and is_living(standing) and standing != "asked",
        take=is_own and standing == "approved" and request.may("ask_keys"),
        rotate=kept.state == "active" and is_living(standing) and is_keeper(person, kept),
        end=can_end and (is_own or (decides and standing != "asked")),
        is_own=is_own,
    )


def _judge(tx: Connection, person: Person) -> Callable[[KeptKey], bool]:
    """Whether this person may decide about a key."""
    tasks, others = routing_rows.tasks(tx), person_rows.has_active_admin(tx, besides=person.person_id)

    def decides(kept: KeptKey) -> bool:
        task = tasks.get(kept.scope.task)
        return deciding_fault(person, kept, task.owner if task else "", others) is None

    return decides


def _story(kept: KeptKey) -> Iterable[tuple[str, datetime, str, str]]:
    """(what, when, login, reason) of each step."""
    yield "asked" if kept.asked_by else "made", kept.asked_at, kept.asked_by, kept.purpose
    if kept.decided_at is not None and kept.asked_by:
        yield (
            "refused" if kept.state == "refused" else "approved",
            kept.decided_at,
            kept.decided_by,
            kept.decided_reason,
        )
    if kept.ended_at is not None:
        yield kept.state, kept.ended_at, kept.ended_by, kept.ended_reason


def limits_text(scope: KeyScope, lang: Language) -> str:
    """What may be called per minute: 60 件・100,000 トークン."""
    limits = (("requests", scope.requests_per_minute), ("tokens", scope.tokens_per_minute))
    told = [text(f"key.{kind}_limit", lang, count=count(limit, lang)) for kind, limit in limits if limit]
    return text("ui.list_separator", lang).join(told) or text("key.no_limit", lang)


def _after(desk: Desk, request: PageRequest, came: KeptKey | Refusal, notice: str, at: str) -> Answer:
    if isinstance(came, KeptKey):
        return Redirect(f"/keys/{came.key_id}", notice)
    return _key_page(desk, request, refused(came, request.lang), at)


def _secret_page(desk: Desk, request: PageRequest, came: MadeKey | Refusal, at: str) -> Answer:
    if isinstance(came, Refusal):
        return _key_page(desk, request, refused(came, request.lang), at)
    return Page("key_made.html", {"kept": came.kept, "secret": came.secret})


# -- asking


def _form_page(desk: Desk, request: PageRequest, refusal: Refusal | None) -> Page:
    lang, form = request.lang, request.form
    today = company_day(request.now, desk.zone)
    with desk.store.reading() as tx:
        names = names_in(tx, lang, today)
    blank = {
        **dict.fromkeys(_FIELDS, ""), "until": (today + USUAL_LIFE).isoformat(), "requests": str(FIRST_REQUESTS),
        "tokens": str(FIRST_TOKENS), "task": request.query.get("task"), "department": request.person.department,
    }  # fmt: skip
    shows = {
        "form": {field: form.get(field) for field in _FIELDS} if form else blank,
        "tasks": [("", text("key.any_task", lang)), *names.tasks()],
        "departments": [("", text("key.of_call", lang)), *names.departments()],
        "longest_name": LONGEST_NAME,
        "longest": LONGEST_TEXT,
        "refusal": refused(refusal, lang) if refusal is not None else "",
    }
    return Page("key_ask.html", shows, UNFIT if refusal is not None else 200)


def _scope(form: Fields, now: datetime, desk: Desk) -> KeyScope | Refusal:
    """What a form asks for, or the first field that cannot be read."""
    first, last = day_of(form.get("first")), day_of(form.get("until"))
    if last is None or (first is None and form.get("first")):
        return Refusal("key_day_unreadable", {"value": form.get("until" if last is None else "first")})
    limits = _limits(form)
    if isinstance(limits, Refusal):
        return limits
    starts_at, expires_at = span_of(first, last, now, desk.zone)
    return KeyScope(
        form.get("name"), form.get("department"), form.get("task"), parts_of(form.get("models")),
        parts_of(form.get("regions").lower()), starts_at, expires_at, *limits,
    )  # fmt: skip


def _limits(form: Fields) -> tuple[int, int] | Refusal:
    """Requests and tokens per minute; an empty field is without limit."""
    told = [number_of(form.get(field) or "0") for field in ("requests", "tokens")]
    whole = [int(number) for number in told if number is not None and number == int(number)]
    if len(whole) != 2:
        return Refusal("key_limit_unreadable")
    return whole[0], whole[1]


def _id(request: PageRequest) -> UUID:
    return request.id_of("key_id")


ROUTES: tuple[Route, ...] = (
    Route("GET", "/keys", "see_money", show_keys, Nav("credentials", "a", 75)),
    Route("POST", "/keys", "ask_keys", ask_key),
    Route("GET", "/keys/new", "ask_keys", show_form),
    Route("GET", "/keys/{key_id:uuid}", "see_money", show_key),
    Route("POST", "/keys/{key_id:uuid}/approval", "confirm_tasks", approve_key),
    Route("POST", "/keys/{key_id:uuid}/refusal", "confirm_tasks", refuse_key),
    Route("POST", "/keys/{key_id:uuid}/secret", "ask_keys", take_secret),
    Route("POST", "/keys/{key_id:uuid}/rotation", "ask_keys", rotate_key),
    Route("POST", "/keys/{key_id:uuid}/limits", "confirm_tasks", change_key),
    Route("POST", "/keys/{key_id:uuid}/revocation", "ask_keys", end_key),
)

"""従業員への知らせ: what this installation records, checks and keeps, and who sees it, from its real settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jitsuri.access.records import people as people_rows
from jitsuri.access.rules.permitting import may
from jitsuri.access.shapes import ROLES, Person, Right
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.shapes import TextPolicy
from jitsuri.guardrails.records import policies as policy_rows
from jitsuri.guardrails.rules.policing import EVERY_TASK
from jitsuri.guardrails.shapes import ACTIONS, Direction, Policy, StoredPolicy
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Page, PageRequest, Route
from jitsuri.web.formatting import day
from jitsuri.web.pages.picturing import check_name
from jitsuri.web.pages.wording import Names, names_in
from jitsuri.words import Language, text


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list, with what stands below it."""

    told: str
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the notice."""

    head: str
    told: tuple[str, ...]
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """The whole text."""

    head: str
    dated: str
    parts: tuple[Part, ...]


def show_notice(desk: Desk, request: PageRequest) -> Answer:
    """The notice in the page's language."""
    lang, today = request.lang, company_day(request.now, desk.zone)
    with desk.store.reading() as tx:
        kept = text_rows.policies(tx)
        standing = policy_rows.standing(tx)
        people = people_rows.everybody(tx)
        names = names_in(tx, lang, today)
    company = desk.company or text("page.notice.company", lang)
    letter = Letter(
        text("page.notice.head", lang),
        text("page.notice.dated", lang, company=company, day=day(today, lang)),
        (
            Part(text("page.notice.calls", lang), (text("page.notice.calls_told", lang),)),
            _texts(kept, names, lang),
            _checks(standing, names, lang),
            _kept(standing, desk.settings.integer("guard.pseudonym_days"), lang),
            _who(people, lang),
        ),
    )
    return Page("guard_notice.html", {"letter": letter})


def _texts(kept: Mapping[str, TextPolicy], names: Names, lang: Language) -> Part:
    items = [
        Item(
            text(
                "page.notice.texts_item",
                lang,
                task=_task(name, names, lang),
                days=one.retention_days,
                reason=one.reason,
            )
        )
        for name, one in sorted(kept.items())
        if one.keep == "full"
    ]
    return Part(
        text("page.notice.texts", lang), (text(f"page.notice.texts_{'some' if items else 'none'}", lang),), tuple(items)
    )


def _checks(standing: Mapping[str, StoredPolicy], names: Names, lang: Language) -> Part:
    ranked = sorted(standing.items(), key=lambda item: (item[0] == EVERY_TASK, item[0]))
    items = [_checked(name, one, names, lang) for name, one in ranked]
    is_any = any(one.is_active for one in standing.values())
    head = text("page.notice.checks", lang)
    if not is_any:
        return Part(head, (text("page.notice.checks_none", lang),))
    return Part(
        head, (text("page.notice.checks_some", lang), text("page.notice.checks_sober", lang)), tuple(items)
    )  # fmt: skip


def _checked(name: str, one: StoredPolicy, names: Names, lang: Language) -> Item:
    task = _task(name, names, lang)
    if not one.is_active:
        return Item(text("page.notice.checks_off", lang, task=task))
    directions: tuple[Direction, ...] = ("in", "out")
    return Item(task, tuple(line for direction in directions for line in _followed(one.policy, direction, lang)))


def _followed(policy: Policy, direction: Direction, lang: Language) -> list[str]:
    """What follows in one direction, sternest first, a line for each action."""
    where, found = text(f"guard_direction.{direction}", lang), []
    for action in reversed(ACTIONS):
        rules = [one for one in policy.rules if (one.inward if direction == "in" else one.outward) == action]
        if rules:
            types = text("ui.list_separator", lang).join(check_name(rule.check, lang) for rule in rules)
            told = text(f"page.notice.action.{action}", lang)
            found.append(text("page.notice.checks_line", lang, where=where, action=told, types=types))
    return found or [text("page.notice.checks_nothing", lang, where=where)]


def _kept(standing: Mapping[str, StoredPolicy], days: int, lang: Language) -> Part:
    told = [text("page.notice.kept_told", lang)]
    if any(rule.inward == "pseudonymise" for one in standing.values() if one.is_active for rule in one.policy.rules):
        told.append(text("page.notice.kept_pseudonyms", lang, days=days))
    return Part(text("page.notice.kept", lang), (*told, text("page.notice.kept_measuring", lang)))


def _who(people: Sequence[Person], lang: Language) -> Part:
    rights: tuple[tuple[str, Right], ...] = (("calls", "see_calls"), ("texts", "see_texts"), ("guards", "edit_guards"))
    items = [Item(text(f"page.notice.who_{code}", lang, roles=_roles(people, right, lang))) for code, right in rights]
    return Part(text("page.notice.who", lang), (), tuple(items))


def _roles(people: Iterable[Person], right: Right, lang: Language) -> str:
    """Roles that somebody has who may do this, each with how many people; a person counts in each of their roles."""
    able = [one for one in people if may(one, right)]
    found = []
    for role in ROLES:
        many = sum(1 for one in able if role in one.roles)
        if many:
            found.append(text("page.notice.people", lang, role=text(f"role.{role}", lang), count=many))
    return text("ui.list_separator", lang).join(found) or "–"


def _task(name: str, names: Names, lang: Language) -> str:
    if name == EVERY_TASK:
        return text("page.notice.checks_common", lang)
    return names.task(name) if name else text("page.notice.texts_unassigned", lang)


ROUTES: tuple[Route, ...] = (Route("GET", "/guards/notice", "see_calls", show_notice),)

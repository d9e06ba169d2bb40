"""The life of a certificate in words: where it stands, what is watched, what the visitor may do, as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt

from jitsuri.flows.cold.freezing_worlds import Around
from jitsuri.flows.cold.settling_labels import PEOPLE
from jitsuri.flows.cold.viewing.opening_audits import AuditStanding
from jitsuri.flows.cold.viewing.opening_lives import Opened, category_told, cause_told, event_told, people_told
from jitsuri.rightsizing.rules.living import USUAL_PERCENT
from jitsuri.rightsizing.rules.pairing import JUDGE
from jitsuri.rightsizing.shapes.lives import IN_FORCE, ROLLBACKS, Event, Life, State, Watched
from jitsuri.web.desk import Desk, PageRequest
from jitsuri.web.pages.addressing import Links
from jitsuri.web.pages.pinned import key_folder
from jitsuri.web.pages.wording import rate_kind, refused
from jitsuri.words import Language, text

STATE_BADGES: dict[State, str] = {
    "none": "", "canary": "warn", "full": "good", "voided": "bad", "rolled_back": "", "kept": "warn", "ended": "",
}  # fmt: skip
EVENT_BADGES: dict[Event, str] = {
    "canary": "warn", "full": "good", "voided": "bad", "rolled_back": "", "kept": "warn", "ended": "",
}  # fmt: skip
WATCH_BADGES = {"same": "good", "moved": "warn", "void": "bad", "unknown": ""}
MOST_DRAWN = 5
"""Events in the picture: the last ones; the story below has all."""


@dataclass(frozen=True, slots=True)
class Row:
    """One watched thing."""

    name: str
    before: str
    now: str
    badge: str
    state: str
    told: str


@dataclass(frozen=True, slots=True)
class Told:
    """One event in the story."""

    event: Event
    badge: str
    at: datetime
    who: str
    told: str
    others: tuple[str, ...]
    """Further causes of a voiding."""
    is_from_shell: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """One event in the picture: where, how high the share stands from then on, its word."""

    x: int
    y: int
    event: Event
    word: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Events from left to right; the line is as high as the share of threads that the way answers."""

    marks: tuple[Mark, ...]
    path: str
    told: str


@dataclass(frozen=True, slots=True)
class AuditPanel:
    """The audit in sentences, and where its pairs are judged."""

    lines: tuple[str, ...]
    to_judge: str
    """The address of its pairs; '' where the visitor may not judge them, or none waits."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What the certificate's page shows of its life."""

    life: Life
    badge: str
    share: str
    """Which way answers how much, as a sentence; '' where it is not in force."""
    today: str
    proposed: str
    rows: tuple[Row, ...]
    story: tuple[Told, ...]
    """Newest first."""
    picture: Picture | None
    acts: tuple[str, ...]
    """What the visitor may do: ``begin``, ``change``, ``full``, ``back``, ``decide``."""
    fault: str
    """Why it cannot be put in force, as a sentence; '' where it can or was."""
    variant_link: str
    """Where the task's variant is set, where that is what must be mended first; '' where it is not."""
    asked: str
    """Who is to decide; '' where nothing is asked."""
    rollbacks: tuple[tuple[str, str], ...]
    variant_version: int
    form: Mapping[str, str]
    audit: AuditPanel | None


OF_VARIANT = ("variant_missing", "life_baseline_moved", "life_canary_stands")
"""Refusals that are mended on the page of the task's variant."""


def around_of(desk: Desk) -> Around:
    """What freezing and looking need, from the desk."""
    return Around(desk.sites, rate_kind(desk), key_folder(desk))


def life_panel(opened: Opened, request: PageRequest) -> Panel:
    lang, life, paper = request.lang, opened.life, opened.certificate
    world = life.world
    today = world.today if world is not None else paper.today.model
    proposed = world.proposed if world is not None else paper.proposed.model
    fault = refused(opened.fault, lang) if opened.fault is not None and life.state == "none" else ""
    return Panel(
        life=life,
        badge=STATE_BADGES[life.state],
        share=_share(life, proposed, lang),
        today=today,
        proposed=proposed,
        rows=tuple(_row(one, lang) for one in opened.watched),
        story=tuple(_told(life, at, lang) for at in reversed(range(len(life.events)))),
        picture=picture_of(life, lang) if life.events else None,
        acts=_acts(life, opened, is_able=request.may("put_in_force")),
        fault=fault,
        variant_link=Links().variant(paper.task.name)
        if fault and opened.fault and opened.fault.code in OF_VARIANT
        else "",
        asked=people_told(opened.asked, lang) if life.asks else "",
        rollbacks=tuple((one, text(f"life.rollback.{one}", lang)) for one in ROLLBACKS),
        variant_version=opened.variant_version,
        form={
            "percent": request.form.get("percent") or (percent_told(life) if life.per_mille else USUAL_PERCENT),
            "rollback": request.form.get("rollback") or life.rollback,
            "reason": request.form.get("reason"),
        },
        audit=None if opened.audit is None else _audit(opened, opened.audit, request),
    )


def _audit(opened: Opened, audit: AuditStanding, request: PageRequest) -> AuditPanel:
    lang = request.lang
    lines = [text("page.life.audit_pairs", lang, answered=audit.answered, waiting=audit.waiting)]
    lines += [
        text("page.life.audit_people", lang, count=count)
        if who == PEOPLE
        else text("page.life.audit_judge", lang, judge=who.removeprefix(JUDGE), count=count)
        for who, count in audit.judged
    ]
    if audit.passed_over:
        lines.append(text("page.life.audit_passed_over", lang, count=audit.passed_over))
    if audit.held_back:
        lines.append(text("page.life.audit_held_back", lang, count=audit.held_back))
    if audit.beside:
        lines.append(text("page.life.audit_beside", lang, count=audit.beside, other=audit.disagree))
    evidence = next((one for one in opened.watched if one.code == "audit"), None)
    if evidence is not None and evidence.facts.get("labels"):
        facts = {"now": evidence.now, "limit": evidence.facts.get("limit", "")}
        lines.append(text("page.life.audit_capital", lang, **facts))
    is_open = opened.life.state in IN_FORCE and audit.waiting > 0
    may = request.may("label_pairs") and request.may("see_texts")
    return AuditPanel(tuple(lines), f"/pairs?trial={audit.trial_id}" if is_open and may else "")


def picture_of(life: Life, lang: Language) -> Picture:
    """The line of a life: 320 wide, 56 high."""
    events = life.events[-MOST_DRAWN:]
    gap = 320 // len(events)
    marks, share = [], 0.0
    for at, one in enumerate(events):
        told = one.facts.get("per_mille")
        if one.event in ("canary", "full") and isinstance(told, int):
            share = told / 1000
        elif one.event in ("rolled_back", "ended"):
            share = 0.0
        x, y = gap // 2 + at * gap, 38 - round(30 * sqrt(share))
        marks.append(Mark(x, y, one.event, text(f"life.event.{one.event}", lang)))
    path = f"M{marks[0].x} 38"
    for mark in marks:
        path += f"H{mark.x}V{mark.y}"
    path += "H318" if life.state in IN_FORCE or life.state in ("kept", "voided") else ""
    told_all = text("ui.list_separator", lang).join(mark.word for mark in marks)
    return Picture(tuple(marks), path, text("page.life.picture", lang, told=told_all))


def percent_told(life: Life) -> str:
    """The share in percent, as one writes it."""
    whole, rest = divmod(life.per_mille, 10)
    return f"{whole}.{rest}" if rest else str(whole)


def watched_told(one: Watched, lang: str) -> str:
    """The limit of a watched thing, and what it was measured on."""
    kind = one.code.partition(".")[0]
    if kind == "mix":
        if one.state == "unknown":
            return text("life.watch_told.mix_unknown", lang, **one.facts)
        dimension = one.code.partition(".")[2]
        category = category_told(dimension, str(one.facts.get("category", "")), lang)
        facts = {**one.facts, "category": category}
        return text("life.watch_told.mix", lang, **facts)
    if kind in ("price", "prompts", "audit"):
        return text(f"life.watch_told.{kind}", lang, **one.facts)
    return ""


def _share(life: Life, proposed: str, lang: Language) -> str:
    if life.state == "full":
        return text("page.life.whole", lang, proposed=proposed)
    if life.state == "canary":
        return text("page.life.share", lang, proposed=proposed, percent=percent_told(life))
    return ""


def _acts(life: Life, opened: Opened, *, is_able: bool) -> tuple[str, ...]:
    if not is_able:
        return ()
    if life.state == "none":
        return ("begin",) if opened.fault is None else ()
    if life.state == "canary":
        return ("full", "change", "back") if opened.fault is None else ("back",)
    if life.state == "full":
        return ("back",)
    return ("decide",) if life.asks else ()


def _row(one: Watched, lang: Language) -> Row:
    return Row(
        text(f"life.watch.{one.code}", lang), one.before, one.now, WATCH_BADGES[one.state],
        text(f"life.watched.{one.state}", lang), watched_told(one, lang),
    )  # fmt: skip


def _told(life: Life, at: int, lang: Language) -> Told:
    one = life.events[at]
    who = text("page.life.by_watch", lang) if one.door == "watch" else one.author
    told = event_told(life, one, lang)
    return Told(one.event, EVENT_BADGES[one.event], one.at, who, told, _others(life, at, lang), one.door == "shell")


def _others(life: Life, at: int, lang: Language) -> tuple[str, ...]:
    found = life.events[at].facts.get("all")
    rest: Sequence[object] = found[1:] if isinstance(found, list) else ()
    return tuple(cause_told(str(one["code"]), one, lang) for one in rest if isinstance(one, dict))

"""Opening the life of certificates for a page or a command: where each stands, what is watched, what owners are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jitsuri.access.shapes import Person
from jitsuri.flows.cold.freezing_worlds import Around, look
from jitsuri.flows.cold.putting_in_force import asked_people, fitness_fault, standing_fault
from jitsuri.flows.cold.viewing.opening_audits import AuditStanding, audit_standing
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.records.traits import length_told
from jitsuri.rightsizing.rules.drifting import REST
from jitsuri.rightsizing.rules.watching import watched
from jitsuri.rightsizing.shapes.certificates import Certificate
from jitsuri.rightsizing.shapes.lives import IN_FORCE, Force, Life, Watched, World
from jitsuri.routing import records as routing_rows
from jitsuri.store.door import Connection
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import has_text, text

RECENT = timedelta(days=14)
"""How long a voiding that asks nothing is spoken of on the overview."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One certificate's life, as a page shows it."""

    certificate: Certificate
    life: Life
    watched: tuple[Watched, ...]
    """Empty where it is not in force."""
    asked: tuple[Person, ...]
    fault: Refusal | None
    """Why it cannot be put in force now; None where it can, or was."""
    variant_version: int
    audit: AuditStanding | None = None
    """None before both ways have answered a call."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A void certificate that owners are told of."""

    life: Life
    certificate: Certificate
    event: Force
    asked: tuple[Person, ...]


def open_life(tx: Connection, now: datetime, certificate: Certificate, around: Around) -> Opened:
    """The life of a certificate, with its watched values as they are now."""
    task = certificate.task.name
    life = life_rows.life(tx, certificate.number, task)
    seen: tuple[Watched, ...] = ()
    if life.state in IN_FORCE and life.world is not None:
        found = look(tx, now, life, certificate.verdict.margin, around)
        seen = watched(life.world, found, is_full=life.state == "full")
    history = routing_rows.variant_history(tx, task)
    fault = fitness_fault(tx, certificate, now, around) if life.state in ("none", "canary") else None
    if fault is None and life.state == "none":
        fault = standing_fault(tx, certificate, life)
    asked = tuple(asked_people(tx, routing_rows.tasks(tx).get(task)))
    version = history[0][1].version if history else 0
    return Opened(certificate, life, seen, asked, fault, version, audit_standing(tx, certificate.number))


def open_all(tx: Connection) -> list[Notice]:
    """Every certificate that was ever put in force, the one with the latest event first."""
    tasks = routing_rows.tasks(tx)
    found = []
    for life in life_rows.lives(tx):
        kept = certificate_rows.by_number(tx, life.number)
        if kept is not None:
            asked = tuple(asked_people(tx, tasks.get(life.task)))
            found.append(Notice(life, kept.certificate, life.voided or life.events[-1], asked))
    return found


def notices(tx: Connection, now: datetime) -> list[Notice]:
    """Void certificates that ask, and those that were voided of late and ask nothing."""
    return [
        one
        for one in open_all(tx)
        if one.life.voided is not None
        and (one.life.asks or (now - one.event.at < RECENT and one.life.state in ("voided", "rolled_back")))
    ]


def cause_told(code: str, facts: Mapping[str, object], lang: str) -> str:
    """Why a certificate is void, with before and after."""
    told = dict(facts)
    if code == "mix_drifted":
        told["category"] = category_told(str(facts["dimension"]), str(facts["category"]), lang)
        told["dimension"] = text(f"life.dimension.{facts['dimension']}", lang)
    if code in ("data_rule_forbids", "target_gone"):
        told |= {"before": "", "after": reason_told(str(facts["after"]), lang)}
    return text(f"life.cause.{code}", lang, **told).rstrip()


def after_told(event: Force, world: World | None, lang: str) -> str:
    """What followed a voiding; '' where the event is none."""
    followed = event.facts.get("followed")
    if followed is None or event.event != "voided":
        return ""
    why = str(event.facts.get("why", ""))
    return text(
        f"life.after.{followed}", lang, today=world.today if world is not None else "–", reason=reason_told(why, lang)
    )


def reason_told(code: str, lang: str) -> str:
    """A refusal's code in a few words, where its facts are not kept."""
    return text(f"life.why.{code}", lang) if has_text(f"life.why.{code}") else code


def category_told(dimension: str, category: str, lang: str) -> str:
    """A category of the mix as people read it; a prompt group or a key is its own name."""
    if category == REST:
        return text("life.category.rest", lang)
    if dimension == "length" and category.isdigit():
        first, last = length_told(category)
        code = "life.category.tokens" if last is not None else "life.category.tokens_from"
        return text(code, lang, first=f"{first:,}", last=f"{last or 0:,}")
    return category[:8] if dimension == "prompt" else category or text("life.category.none", lang)


def people_told(people: Sequence[Person], lang: str) -> str:
    """Names of those who can decide, at most five."""
    if not people:
        return text("page.life.nobody", lang)
    return text("ui.list_separator", lang).join(one.name for one in people[:5])


def event_told(life: Life, event: Force, lang: str) -> str:
    """An event in a sentence: why it was voided and what followed (what was asked only while it is), or what a person wrote."""
    if event.event == "voided":
        is_told = life.asks or event.facts.get("followed") != "asked"
        after = after_told(event, life.world, lang) if is_told else ""
        return f"{cause_told(event.code, event.facts, lang)} {after}".strip()
    if event.event == "ended":
        return text("life.replaced", lang, by=event.facts.get("by", "–"))
    return event.reason

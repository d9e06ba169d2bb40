"""Signing in words: the boxes of the approval route, its story, and what the visitor may do, as pages and paper show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from jitsuri.approvals.rules import stamps
from jitsuri.approvals.shapes import STEPS, Act, Matter, Signature, State, Step, Way
from jitsuri.flows.cold.viewing.opening_approvals import Opened
from jitsuri.rightsizing.shapes.certificates import Approval, Certificate
from jitsuri.web.desk import PageRequest
from jitsuri.words import Language, text

MOST_NAMED = 5
"""People named as those that a matter waits for; the rest are counted."""

STATE_BADGES: dict[State, str] = {
    "draft": "", "in_review": "warn", "in_decision": "warn", "returned": "warn", "approved": "good", "rejected": "bad",
    "withdrawn": "",
}  # fmt: skip

LEADING: frozenset[Act] = frozenset({"submit", "pass_review", "approve"})
"""Acts that need a document that is still fit for them."""


@dataclass(frozen=True, slots=True)
class Box:
    """One of the three boxes: who stands in it, in which role, when; empty until it is signed."""

    step: Step
    name: str = ""
    role: str = ""
    """Of the one who signed; '' where that is a deputy, whose role is not that of ``name``."""
    at: datetime | None = None
    deputy: str = ""
    """Who signed in the place of ``name`` (代理); '' is nobody."""
    is_rejection: bool = False
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """One act in the story."""

    act: Act
    round: int
    at: datetime
    who: str
    role: str
    reason: str
    is_from_shell: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """What the certificate's page shows of its approval."""

    opened: Opened
    state: State
    badge: str
    boxes: tuple[Box, ...]
    story: tuple[Told, ...]
    """Newest first."""
    waits_for: str
    """Names, with deputies; '' where the route has ended or nobody can."""
    waits_for_nobody: str
    """The sentence of that; '' otherwise."""
    returned_to: str
    is_drafter_gone: bool
    acts: tuple[Act, ...]
    """What the visitor may do."""
    ways: tuple[tuple[str, str], ...]
    """(login of the principal or '', text): in whose name the next step can be signed; one or more where there are acts."""
    fault: str
    """Why the document cannot go on, as a sentence; '' where it can."""


def panel_of(opened: Opened, paper: Certificate, fault: str, lang: Language) -> Panel:
    """``fault``: why the certificate can no longer be put in force, as a sentence."""
    matter = opened.matter
    acts = tuple(act for act in opened.yours if not fault or act not in LEADING)
    signing = next((opened.yours[act] for act in acts if act != "withdraw"), ())
    is_waiting = not (fault and opened.step == "draft")
    is_returned = matter.state == "returned" and opened.drafter is not None
    return Panel(
        opened=opened,
        state=matter.state,
        badge=STATE_BADGES[matter.state],
        boxes=boxes_of(opened, paper, lang),
        story=tuple(_told(one, lang) for one in reversed(matter.acts)),
        waits_for=waits_text(opened.waits_for, lang) if is_waiting else "",
        waits_for_nobody=nobody_text(opened, lang) if is_waiting else "",
        returned_to=opened.drafter.name if is_returned and opened.drafter else "",
        is_drafter_gone=is_returned and opened.drafter is not None and "draft" not in opened.drafter.steps,
        acts=acts,
        ways=tuple(_way(way, lang) for way in signing),
        fault=fault,
    )


def boxes_of(opened: Opened, paper: Certificate, lang: Language) -> tuple[Box, ...]:
    """The boxes as the acts have filled them; those of the paper itself where there are no acts."""
    matter = opened.matter
    if not matter.acts and any(box.at is not None for box in paper.approvals):
        return tuple(Box(box.step, box.name if box.at else "", box.role, box.at) for box in paper.approvals)
    filled = stamps(matter)
    return tuple(
        _box(filled[step], lang) if step in filled else Box(step, is_next=step == opened.step) for step in STEPS
    )


def signed_paper(paper: Certificate, matter: Matter | None, lang: Language) -> Certificate:
    """The certificate as its page is set: with the boxes that were signed for exactly this document. Nothing of it is kept."""
    if matter is None or matter.fingerprint != paper.code:
        return paper
    filled = stamps(matter)
    boxes = tuple(
        Approval(step, _paper_name(filled[step], lang), _paper_role(filled[step], lang), filled[step].at)
        if step in filled
        else Approval(step)
        for step in STEPS
    )
    return replace(paper, approvals=boxes)


def waits_text(ways: Sequence[Way], lang: Language) -> str:
    """Those who could do the next step: 青木 一郎、馬場 二葉（千葉 三郎の代理）."""
    named = [_named(way, lang) for way in ways[:MOST_NAMED]]
    if len(ways) > MOST_NAMED:
        named.append(text("approval.more_people", lang, count=len(ways) - MOST_NAMED))
    return text("ui.list_separator", lang).join(named)


def nobody_text(opened: Opened, lang: Language) -> str:
    """The sentence where nobody active may do the next step; '' where somebody may, or where the route has ended."""
    if not opened.waits_for_nobody or opened.step is None:
        return ""
    facts = {"subject": opened.matter.subject, "step": text(f"approval.step.{opened.step}", lang)}
    return text("refusal.approval_waits_for_nobody", lang, **facts)


def kept_form(request: PageRequest) -> dict[str, str]:
    """What the visitor had typed, without the password."""
    return {"reason": request.form.get("reason"), "on_behalf_of": request.form.get("on_behalf_of")}


def _box(one: Signature, lang: Language) -> Box:
    return Box(
        one.step, one.on_behalf_of_name or one.name, "" if one.on_behalf_of else _roles(one, lang), one.at,
        one.name if one.on_behalf_of else "", one.act == "reject",
    )  # fmt: skip


def _paper_name(one: Signature, lang: Language) -> str:
    name = one.name
    if one.on_behalf_of:
        name = text("approval.paper_deputy", lang, principal=one.on_behalf_of_name, name=one.name)
    return text("approval.paper_rejected", lang, name=name) if one.act == "reject" else name


def _paper_role(one: Signature, lang: Language) -> str:
    return text("approval.deputy", lang) if one.on_behalf_of else _roles(one, lang)


def _told(one: Signature, lang: Language) -> Told:
    who = one.name
    if one.on_behalf_of:
        who = text("approval.for_principal", lang, name=one.name, principal=one.on_behalf_of_name)
    return Told(one.act, one.round, one.at, who, _roles(one, lang), one.reason, one.door == "shell")


def _named(way: Way, lang: Language) -> str:
    if way.principal is None:
        return way.signer.name
    return text("approval.for_principal", lang, name=way.signer.name, principal=way.principal.name)


def _way(way: Way, lang: Language) -> tuple[str, str]:
    if way.principal is None:
        return "", text("approval.own_right", lang)
    return way.principal.login, text("approval.as_deputy", lang, principal=way.principal.name)


def _roles(one: Signature, lang: Language) -> str:
    return text("ui.list_separator", lang).join(text(f"role.{role}", lang) for role in one.roles)

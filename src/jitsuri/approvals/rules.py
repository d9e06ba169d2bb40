"""What may follow what on the approval route, and who may do it. Pure.

A round goes 起案 → 審査 → 決裁. What is returned or withdrawn begins again with a new round, in which nothing of the
former ones counts. Source: decision 0030.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from jitsuri.approvals.shapes import (
    STEPS,
    Act,
    Deputy,
    Hand,
    Idle,
    Kind,
    Matter,
    Signature,
    Signer,
    State,
    Step,
    Way,
    Wish,
)
from jitsuri.terms.outcomes import Refusal

LONGEST_REASON = 500
LONGEST_DEPUTY = timedelta(days=93)
"""A quarter: whoever is away longer should give the role away. Source: decision 0030."""

REASONED: frozenset[Act] = frozenset({"return", "reject", "withdraw", "approve"})
"""Acts that need a reason; the others may have one."""

_NEXT: Mapping[State, Step] = {
    "draft": "draft", "returned": "draft", "withdrawn": "draft", "in_review": "review", "in_decision": "decision",
}  # fmt: skip

_MOVES: Mapping[tuple[State, Act], State] = {
    ("draft", "submit"): "in_review",
    ("returned", "submit"): "in_review",
    ("withdrawn", "submit"): "in_review",
    ("in_review", "pass_review"): "in_decision",
    ("in_review", "return"): "returned",
    ("in_review", "withdraw"): "withdrawn",
    ("in_decision", "approve"): "approved",
    ("in_decision", "reject"): "rejected",
    ("in_decision", "return"): "returned",
    ("in_decision", "withdraw"): "withdrawn",
}
"""The whole machine: what is not here is not possible."""


def fresh(kind: Kind, subject: str, fingerprint: str) -> Matter:
    """A matter that nobody has submitted yet."""
    return Matter(kind, subject, fingerprint, 0, "draft")


def next_step(state: State) -> Step | None:
    """What has to be done next; None where the route has ended."""
    return _NEXT.get(state)


def is_open(state: State) -> bool:
    return next_step(state) is not None


def acts_in(state: State) -> tuple[Act, ...]:
    """What can be done in a state, by whomever."""
    return tuple(act for at, act in _MOVES if at == state)


def signed(matter: Matter, step: Step) -> Signature | None:
    """Who did this step in the present round; None where it is still to be done, or was returned."""
    wanted: dict[Step, tuple[Act, ...]] = {
        "draft": ("submit",), "review": ("pass_review",), "decision": ("approve", "reject"),
    }  # fmt: skip
    found = (one for one in reversed(matter.acts) if one.round == matter.round and one.act in wanted[step])
    return next(found, None)


def stamps(matter: Matter) -> dict[Step, Signature]:
    """The boxes of the route that are filled; none after a return or a withdrawal, whose round counts no more."""
    if matter.state in ("returned", "withdrawn"):
        return {}
    return {step: one for step in STEPS if (one := signed(matter, step)) is not None}


def has_one_hand(matter: Matter) -> bool:
    """Did one person both review and decide the present round? That is allowed, and always shown."""
    review, decision = signed(matter, "review"), signed(matter, "decision")
    return review is not None and decision is not None and bool(review.hands & decision.hands)


def after(matter: Matter, wish: Wish, hand: Hand, document: str, now: datetime) -> Matter | Refusal:
    """The matter as it stands after an act. ``document`` is the fingerprint of the document as it is now.

    Whoever acts must have seen that document. One that changed after its submission goes no further, but can be
    returned, rejected or withdrawn.

    Refuses ``approval_moved_on`` (somebody was faster), ``approval_not_now``, ``approval_document_changed``,
    ``approval_reason_missing``, ``approval_reason_long``, and what ``hand_fault`` does.
    """
    state = _MOVES.get((matter.state, wish.act))
    if wish.sequence != matter.sequence:
        return Refusal("approval_moved_on", _named(matter))
    if state is None:
        return Refusal("approval_not_now", _named(matter))
    is_submitted = wish.act == "submit"
    if wish.fingerprint != document or (wish.act in ("pass_review", "approve") and matter.fingerprint != document):
        return Refusal("approval_document_changed", _named(matter))
    wrong = _reason_fault(wish) or hand_fault(matter, wish.act, hand)
    if wrong is not None:
        return wrong
    step = _NEXT[matter.state] if wish.act != "withdraw" else "draft"
    count = matter.round + 1 if is_submitted else matter.round
    principal = hand.principal
    signature = Signature(
        matter.sequence + 1, count, wish.act, step, hand.signer.login, hand.signer.name, hand.signer.roles,
        principal.login if principal else "", principal.name if principal else "", document, wish.reason, hand.door, now,
    )  # fmt: skip
    about = document if is_submitted else matter.fingerprint
    return replace(matter, fingerprint=about, round=count, state=state, acts=(*matter.acts, signature))


def hand_fault(matter: Matter, act: Act, hand: Hand) -> Refusal | None:
    """Why this hand may not do this: ``approval_not_drafter``, ``approval_not_deputy``, ``approval_not_yours``,
    ``approval_own_draft``, ``approval_no_deputy_here``.

    Drafting and withdrawing are done in one's own right. Whoever drafted a round neither reviews nor decides it, and
    nobody does so for them.
    """
    signer, principal = hand.signer, hand.principal
    step = _NEXT.get(matter.state)
    if act in ("submit", "withdraw"):
        return _drafting_fault(matter, act, hand)
    if principal is None:
        if step not in signer.steps:
            return Refusal("approval_not_yours", {**_named(matter), "name": signer.name})
    elif not hand.is_deputy or not signer.may_stand_in:
        return Refusal("approval_not_deputy", {"name": signer.name, "principal": principal.name})
    elif step not in principal.steps:
        return Refusal("approval_not_yours", {**_named(matter), "name": principal.name})
    drafted = signed(matter, "draft")
    for one in (signer, principal):
        if one is not None and drafted is not None and one.login in drafted.hands:
            return Refusal("approval_own_draft", {**_named(matter), "name": one.name})
    return None


def _drafting_fault(matter: Matter, act: Act, hand: Hand) -> Refusal | None:
    if hand.principal is not None:
        return Refusal("approval_no_deputy_here", _named(matter))
    if "draft" not in hand.signer.steps:
        return Refusal("approval_not_yours", {**_named(matter), "name": hand.signer.name})
    drafted = signed(matter, "draft")
    if act == "withdraw" and (drafted is None or drafted.login != hand.signer.login):
        return Refusal("approval_not_drafter", _named(matter))
    return None


def ways(
    matter: Matter, act: Act, signers: Iterable[Signer], deputies: Sequence[Deputy], today: date
) -> tuple[Way, ...]:
    """Everybody who could do this now, in their own right first; empty where nobody can."""
    known = {one.login: one for one in signers}
    standing = [one for one in deputies if is_standing(one, today)]
    pairs: list[Way] = [Way(one) for one in known.values()]
    pairs += [
        Way(known[one.login], known[one.principal])
        for one in standing
        if one.login in known and one.principal in known and act not in ("submit", "withdraw")
    ]
    fit = (way for way in pairs if hand_fault(matter, act, _hand(way)) is None)
    return tuple(dict.fromkeys(fit))


def waited_for(matter: Matter, signers: Iterable[Signer], deputies: Sequence[Deputy], today: date) -> tuple[Way, ...]:
    """Everybody who could do the next step; empty where the route has ended, or where nobody can."""
    acts: Mapping[Step, Act] = {"draft": "submit", "review": "pass_review", "decision": "approve"}
    step = next_step(matter.state)
    return () if step is None else ways(matter, acts[step], signers, deputies, today)


# -- deputies


def is_standing(deputy: Deputy, today: date) -> bool:
    return not deputy.is_ended and deputy.first <= today <= deputy.last


def is_ahead(deputy: Deputy, today: date) -> bool:
    return not deputy.is_ended and today < deputy.first


def idle_reason(deputy: Deputy, signers: Iterable[Signer]) -> Idle:
    """Why this deputy signs nothing, whatever its days say: ``ways`` never offers one of these. Somebody who is not
    known any more counts as one who has left."""
    known = {one.login: one for one in signers}
    principal, own = known.get(deputy.principal), known.get(deputy.login)
    if own is None or own.has_left:
        return "deputy_left"
    if principal is None or principal.has_left:
        return "principal_left"
    if not own.may_stand_in:
        return "deputy_unfit"
    return "" if principal.steps & {"review", "decision"} else "principal_unfit"


def is_deputy_of(deputies: Iterable[Deputy], login: str, principal: str, today: date) -> bool:
    """Has the principal named this person for today? Only what the principal named: no chain leads further."""
    return any(one.login == login and one.principal == principal and is_standing(one, today) for one in deputies)


def deputy_fault(
    principal: Signer,
    deputy: Signer | None,
    first: date,
    last: date,
    reason: str,
    today: date,
    others: Sequence[Deputy],
) -> Refusal | None:
    """Why there can be no such deputy: ``deputy_principal_unfit``, ``deputy_unfit``, ``deputy_self``,
    ``deputy_span_invalid``, ``deputy_span_long``, ``deputy_reason_missing``, ``deputy_twice``."""
    if not principal.steps & {"review", "decision"}:
        return Refusal("deputy_principal_unfit", {"name": principal.name})
    if deputy is None or not deputy.may_stand_in:
        return Refusal("deputy_unfit")
    if deputy.login == principal.login:
        return Refusal("deputy_self")
    if first < today or last < first:
        return Refusal("deputy_span_invalid")
    if last - first >= LONGEST_DEPUTY:
        return Refusal("deputy_span_long", {"days": LONGEST_DEPUTY.days})
    if not 0 < len(reason) <= LONGEST_REASON:
        return Refusal("deputy_reason_missing", {"longest": LONGEST_REASON})
    for one in others:
        is_same = (one.principal, one.login) == (principal.login, deputy.login)
        if is_same and not one.is_ended and one.first <= last and first <= one.last:
            return Refusal("deputy_twice", {"first": one.first.isoformat(), "last": one.last.isoformat()})
    return None


def _hand(way: Way) -> Hand:
    return Hand(way.signer, "console", way.principal, is_deputy=way.principal is not None)


def _reason_fault(wish: Wish) -> Refusal | None:
    if wish.act in REASONED and not wish.reason:
        return Refusal("approval_reason_missing", {"longest": LONGEST_REASON})
    return Refusal("approval_reason_long", {"longest": LONGEST_REASON}) if len(wish.reason) > LONGEST_REASON else None


def _named(matter: Matter) -> dict[str, object]:
    return {"subject": matter.subject}

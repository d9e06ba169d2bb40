"""Approving: somebody drafts, reviews or decides about a document, or names a deputy for some days.

Each act locks its matter, looks at the document and at the people as they are now, and leaves evidence in its own
transaction. Whether the browser's person has just given the password is asked before (``admitting.confirm_password``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from jitsuri.access.records import people as person_rows
from jitsuri.access.rules.keying import without_secrets
from jitsuri.access.rules.permitting import may
from jitsuri.access.shapes import ROLES, Person, Right
from jitsuri.approvals import records as approval_rows
from jitsuri.approvals.rules import LONGEST_REASON, after, deputy_fault, fresh, has_one_hand, is_deputy_of
from jitsuri.approvals.shapes import KINDS, Act, Deputy, Door, Hand, Kind, Matter, Signer, Step, Wish
from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.shapes.certificates import Brief, Certificate
from jitsuri.store.door import Connection, Store, without_nul
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day

STEP_RIGHTS: Mapping[Step, Right] = {
    "draft": "draft_approvals", "review": "review_approvals", "decision": "decide_approvals",
}  # fmt: skip

NOTED: Mapping[Act, str] = {
    "submit": "approval_submitted", "pass_review": "approval_reviewed", "approve": "approval_approved",
    "reject": "approval_rejected", "return": "approval_returned", "withdraw": "approval_withdrawn",
}  # fmt: skip
"""The act of evidence that each act leaves."""


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts: a login, at which door, and for whom ('' in their own right)."""

    login: str
    door: Door
    on_behalf_of: str = ""


def sign(store: Store, now: datetime, acting: Acting, kind: str, subject: str, wish: Wish) -> Matter | Refusal:
    """Do one act of the route. The matter's first submission also opens it.

    Two who act at once take turns, and the second one is refused: its page has seen another sequence.
    Refuses ``approval_kind_unknown``, ``person_unknown``, what ``document_of`` and ``approvals.rules.after`` do.
    """
    named = next((one for one in KINDS if one == kind), None)
    if named is None:
        return Refusal("approval_kind_unknown", {"value": kind, "kinds": ", ".join(KINDS)})
    subject, wish = without_nul(subject), replace(wish, reason=_form(wish.reason))
    with store.transaction() as tx:
        matter = approval_rows.for_change(tx, named, subject)
        hand = _hand(tx, acting, company_day(now))
        if isinstance(hand, Refusal):
            return hand
        document = document_of(
            tx, named, subject, company_day(now), is_new=wish.act in ("submit", "pass_review", "approve")
        )
        if isinstance(document, Refusal):
            return document
        came = after(matter or fresh(named, subject, document), wish, hand, document, now)
        if isinstance(came, Refusal):
            return came
        if not approval_rows.add(tx, came):
            return Refusal("approval_moved_on", {"subject": subject})
        latest = came.acts[-1]
        facts = {
            "kind": named, "subject": subject, "fingerprint": latest.fingerprint, "step": latest.step,
            "round": latest.round, "sequence": latest.sequence, "on_behalf_of": latest.on_behalf_of,
            "roles": list(latest.roles), "reason": latest.reason, "door": latest.door,
            "one_hand": latest.step == "decision" and has_one_hand(came),
        }  # fmt: skip
        evidence.append(tx, record_of(now, latest.login, NOTED[latest.act], f"{named}:{subject}", facts))
        return came


def appoint_deputy(
    store: Store, now: datetime, acting: Acting, login: str, *, first: date, last: date, reason: str
) -> Deputy | Refusal:
    """Name a deputy for oneself, for whole days of the company. Refuses ``person_unknown`` and what ``deputy_fault`` does."""
    reason, today = _form(reason), company_day(now)
    with store.transaction() as tx:
        approval_rows.lock_deputies(tx)
        held = _held(tx, acting.login, login)
        principal, deputy = held.get(acting.login), held.get(login)
        if principal is None:
            return _unknown(acting.login)
        wrong = deputy_fault(principal, deputy, first, last, reason, today, approval_rows.deputies(tx))
        if wrong is not None or deputy is None:
            return wrong or Refusal("deputy_unfit")
        deputy_id = derived_id("deputy", principal.login, deputy.login, first.isoformat(), now.isoformat())
        made = Deputy(deputy_id, 1, principal.login, deputy.login, first, last, False, reason, principal.login, now)
        approval_rows.add_deputy(tx, made)
        _note_deputy(tx, now, "deputy_named", made, acting)
        return made


def end_deputy(store: Store, now: datetime, acting: Acting, deputy_id: UUID, reason: str) -> Deputy | Refusal:
    """End a deputy from now on: for the one who named it, and for administrators.

    Refuses ``deputy_absent``, ``deputy_not_yours``, ``deputy_over``, ``deputy_reason_missing``.
    """
    reason, today = _form(reason), company_day(now)
    with store.transaction() as tx:
        approval_rows.lock_deputies(tx)
        standing = next((one for one in approval_rows.deputies(tx) if one.deputy_id == deputy_id), None)
        account = person_rows.account_of(tx, acting.login)
        if standing is None:
            return Refusal("deputy_absent")
        if account is None or not account.person.is_active:
            return _unknown(acting.login)
        if standing.principal != acting.login and not may(account.person, "edit_people"):
            return Refusal("deputy_not_yours")
        if standing.is_ended or standing.last < today:
            return Refusal("deputy_over")
        if not 0 < len(reason) <= LONGEST_REASON:
            return Refusal("deputy_reason_missing", {"longest": LONGEST_REASON})
        ended = replace(
            standing, version=standing.version + 1, is_ended=True, reason=reason, author=acting.login, at=now
        )
        approval_rows.add_deputy(tx, ended)
        _note_deputy(tx, now, "deputy_ended", ended, acting)
        return ended


def document_of(tx: Connection, kind: Kind, subject: str, today: date, *, is_new: bool) -> str | Refusal:
    """The fingerprint of a document as it is now. ``is_new``: the act leads on, so the document must be fit for it.

    Refuses ``approval_document_unknown``, ``approval_document_unfit`` (its verdict is no pass), ``approval_document_expired``,
    ``approval_document_signed``.
    """
    assert kind == "certificate"
    kept = certificate_rows.by_number(tx, subject)
    if kept is None:
        return Refusal("approval_document_unknown", {"subject": subject})
    return (certificate_fault(kept.certificate, today) if is_new else None) or kept.certificate.code


def certificate_fault(certificate: Certificate | Brief, today: date) -> Refusal | None:
    """Why a certificate cannot be put in force: ``approval_document_unfit``, ``approval_document_expired``,
    ``approval_document_signed`` (its boxes were filled when it was issued)."""
    named = {"subject": certificate.number}
    decision = certificate.decision if isinstance(certificate, Brief) else certificate.verdict.decision
    if decision != "pass":
        return Refusal("approval_document_unfit", named)
    if certificate.valid_until is not None and certificate.valid_until < today:
        return Refusal("approval_document_expired", named)
    if certificate.approvals and all(box.at is not None for box in certificate.approvals):
        return Refusal("approval_document_signed", named)
    return None


def signer_of(person: Person) -> Signer:
    """A person as the route sees one; who has left may do nothing."""
    steps = frozenset(step for step, right in STEP_RIGHTS.items() if may(person, right))
    roles = tuple(role for role in ROLES if role in person.roles)
    return Signer(person.login, person.name, roles, steps, may(person, "stand_in"), not person.is_active)


def _hand(tx: Connection, acting: Acting, today: date) -> Hand | Refusal:
    """Who acts, as they are now; their rows are held, so that nobody signs who is being deactivated at this moment."""
    held = _held(tx, acting.login, acting.on_behalf_of)
    signer, principal = held.get(acting.login), held.get(acting.on_behalf_of)
    if signer is None:
        return _unknown(acting.login)
    if not acting.on_behalf_of or acting.on_behalf_of == acting.login:
        return Hand(signer, acting.door)
    if principal is None:
        return _unknown(acting.on_behalf_of)
    is_deputy = is_deputy_of(approval_rows.deputies(tx), signer.login, principal.login, today)
    return Hand(signer, acting.door, principal, is_deputy)


def _held(tx: Connection, *logins: str) -> dict[str, Signer]:
    """The people of these logins, in one order for everybody, so that two who wait for each other's rows cannot be."""
    found: dict[str, Signer] = {}
    for login in sorted(set(logins)):
        account = person_rows.account_of(tx, login)
        held = person_rows.account_for_change(tx, account.person.person_id) if account else None
        if held is not None:
            found[login] = signer_of(held.person)
    return found


def _note_deputy(tx: Connection, now: datetime, act: str, deputy: Deputy, acting: Acting) -> None:
    facts = {
        "deputy_id": deputy.deputy_id, "principal": deputy.principal, "deputy": deputy.login, "first": deputy.first,
        "last": deputy.last, "reason": deputy.reason, "door": acting.door,
    }  # fmt: skip
    evidence.append(tx, record_of(now, acting.login, act, f"person:{deputy.principal}", facts))


def _form(told: str) -> str:
    """What people write, as it may be kept: no secret of a key, nothing that the database cannot hold."""
    return without_secrets(without_nul(told)).strip()


def _unknown(login: str) -> Refusal:
    return Refusal("person_unknown", {"value": login})

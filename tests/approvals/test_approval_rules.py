"""The approval route as a machine: no way leads to an approval but a draft, a review and a decision by the right people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.approvals.rules import (
    LONGEST_DEPUTY,
    LONGEST_REASON,
    acts_in,
    after,
    deputy_fault,
    fresh,
    has_one_hand,
    is_ahead,
    is_deputy_of,
    is_open,
    is_standing,
    next_step,
    signed,
    stamps,
    waited_for,
    ways,
)
from jitsuri.approvals.shapes import ACTS, STATES, Act, Deputy, Hand, Matter, Signer, Step, Wish
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, has_text, text

NOW = datetime(2026, 11, 22, 5, tzinfo=UTC)
TODAY = date(2026, 11, 22)
CODE, OTHER = "7F3A-91C2-D04E-8B15", "0000-0000-0000-0000"


def signer(login: str, *steps: Step, stands_in: bool = True) -> Signer:
    return Signer(login, f"{login} 一郎", ("owner",), frozenset(steps), stands_in)


DRAFTER = signer("drafter", "draft")
REVIEWER = signer("reviewer", "review")
DECIDER = signer("decider", "decision")
OWNER = signer("owner", "draft", "review", "decision")
ADMIN = signer("admin", "draft", "review", "decision")
AUDITOR = signer("auditor", stands_in=False)
GONE = signer("gone", stands_in=False)
PEOPLE = (DRAFTER, REVIEWER, DECIDER, OWNER, ADMIN, AUDITOR, GONE)
BLANK = fresh("certificate", "JR-2026-0001", CODE)


def deputy(principal: str, login: str, **changes: object) -> Deputy:
    plain = Deputy(UUID(int=1), 1, principal, login, TODAY, TODAY, False, "出張", principal, NOW)
    return replace(plain, **changes)  # type: ignore[arg-type]


def hand(one: Signer, principal: Signer | None = None, *, is_deputy: bool = True) -> Hand:
    return Hand(one, "console", principal, is_deputy)


def tried(matter: Matter, act: Act, by: Hand, reason: str = "よい", **seen: object) -> Matter | Refusal:
    wish = replace(Wish(act, matter.sequence, CODE, reason), **seen)  # type: ignore[arg-type]
    return after(matter, wish, by, CODE, NOW)


def done(matter: Matter, *acts: tuple[Act, Signer]) -> Matter:
    for act, one in acts:
        came = tried(matter, act, hand(one))
        assert isinstance(came, Matter), came
        matter = came
    return matter


def code(came: object) -> str:
    """The code of a refusal, which has its sentences with the facts that they need."""
    assert isinstance(came, Refusal), came
    assert all(text(f"refusal.{came.code}", lang, **came.facts) for lang in LANGUAGES)
    return came.code


IN_REVIEW = done(BLANK, ("submit", OWNER))
IN_DECISION = done(IN_REVIEW, ("pass_review", REVIEWER))


# -- the whole machine

STEPS_TAKEN = st.tuples(
    st.sampled_from(ACTS), st.sampled_from(PEOPLE), st.none() | st.sampled_from(PEOPLE), st.booleans(),
    st.sampled_from(["", "理由"]), st.sampled_from([0, 0, 0, 0, -1, 1]), st.sampled_from([CODE, CODE, CODE, OTHER]),
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(STEPS_TAKEN, max_size=25))
def test_no_path_leads_to_an_approval_but_the_route(
    taken: list[tuple[Act, Signer, Signer | None, bool, str, int, str]],
) -> None:
    matter = BLANK
    for act, one, principal, is_deputy, reason, drift, seen in taken:
        wish = Wish(act, matter.sequence + drift, seen, reason)
        came = after(matter, wish, Hand(one, "console", principal, is_deputy), CODE, NOW)
        if isinstance(came, Refusal):
            continue
        assert came.acts[:-1] == matter.acts  # acts are only added
        assert (drift, seen) == (0, CODE)
        assert one.may_stand_in  # neither an auditor nor who has left ever signs
        assert matter.state not in ("approved", "rejected")
        assert came.acts[-1].reason or act in ("submit", "pass_review")
        matter = came
    check_approved(matter)


def check_approved(matter: Matter) -> None:
    people = {one.login: one for one in PEOPLE}
    for one in matter.acts:
        entitled = people[one.on_behalf_of or one.login]
        assert one.step in entitled.steps, one
    if matter.state != "approved":
        return
    last = [one for one in matter.acts if one.round == matter.round]
    assert [one.act for one in last] == ["submit", "pass_review", "approve"]
    draft, review, decision = last
    assert not draft.hands & review.hands
    assert not draft.hands & decision.hands
    assert {one.fingerprint for one in last} == {CODE}
    assert has_one_hand(matter) == bool(review.hands & decision.hands)


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(PEOPLE)), max_size=20))
def test_what_is_offered_is_what_is_possible(taken: list[tuple[Act, Signer]]) -> None:
    matter = BLANK
    for act, one in taken:
        offered = any(way.signer == one for way in ways(matter, act, PEOPLE, (), TODAY)) and act in acts_in(
            matter.state
        )
        came = tried(matter, act, hand(one))
        assert isinstance(came, Matter) == offered
        matter = came if isinstance(came, Matter) else matter


def test_every_state_and_act_has_its_words() -> None:
    assert all(has_text(f"approval.state.{state}") for state in STATES)
    assert all(has_text(f"approval.act.{act}") and has_text(f"notice.approval_{act}") for act in ACTS)


def test_the_route_from_the_draft_to_the_approval() -> None:
    approved = done(IN_DECISION, ("approve", DECIDER))

    assert (IN_REVIEW.state, IN_DECISION.state, approved.state) == ("in_review", "in_decision", "approved")
    assert [one.step for one in approved.acts] == ["draft", "review", "decision"]
    assert {step: one.login for step, one in stamps(approved).items()} == {
        "draft": "owner", "review": "reviewer", "decision": "decider",
    }  # fmt: skip
    assert not is_open(approved.state)
    assert next_step("approved") is None
    assert code(tried(approved, "return", hand(ADMIN))) == "approval_not_now"


# -- who


def test_the_drafter_neither_reviews_nor_decides_the_same_round() -> None:
    assert code(tried(IN_REVIEW, "pass_review", hand(OWNER))) == "approval_own_draft"
    assert code(tried(IN_REVIEW, "return", hand(OWNER))) == "approval_own_draft"
    assert code(tried(IN_DECISION, "approve", hand(OWNER))) == "approval_own_draft"
    assert code(tried(IN_DECISION, "reject", hand(OWNER))) == "approval_own_draft"


def test_in_the_next_round_somebody_else_is_the_drafter() -> None:
    again = done(IN_REVIEW, ("return", REVIEWER), ("submit", DRAFTER), ("pass_review", OWNER), ("approve", DECIDER))

    assert (again.state, again.round) == ("approved", 2)
    assert signed(again, "draft").login == "drafter"  # type: ignore[union-attr]


def test_one_person_may_review_and_decide_and_it_is_shown() -> None:
    approved = done(IN_REVIEW, ("pass_review", ADMIN), ("approve", ADMIN))

    assert approved.state == "approved"
    assert has_one_hand(approved)
    assert not has_one_hand(done(IN_DECISION, ("approve", ADMIN)))


def test_who_has_no_right_signs_nothing() -> None:
    for one in (DRAFTER, DECIDER, AUDITOR, GONE):
        assert code(tried(IN_REVIEW, "pass_review", hand(one))) == "approval_not_yours"
    for one in (DRAFTER, REVIEWER, AUDITOR, GONE):
        assert code(tried(IN_DECISION, "approve", hand(one))) == "approval_not_yours"
    for one in (REVIEWER, DECIDER, AUDITOR, GONE):
        assert code(tried(BLANK, "submit", hand(one))) == "approval_not_yours"


def test_only_the_drafter_withdraws_and_only_before_the_decision() -> None:
    assert code(tried(IN_REVIEW, "withdraw", hand(ADMIN))) == "approval_not_drafter"
    withdrawn = done(IN_DECISION, ("withdraw", OWNER))

    assert withdrawn.state == "withdrawn"
    assert stamps(withdrawn) == {}
    assert done(withdrawn, ("submit", ADMIN)).round == 2
    assert code(tried(done(IN_DECISION, ("approve", DECIDER)), "withdraw", hand(OWNER))) == "approval_not_now"


# -- deputies


def test_a_deputy_signs_with_both_names() -> None:
    came = tried(IN_REVIEW, "pass_review", hand(DRAFTER, REVIEWER))

    assert isinstance(came, Matter)
    last = came.acts[-1]
    assert (last.login, last.on_behalf_of, last.on_behalf_of_name) == ("drafter", "reviewer", "reviewer 一郎")
    assert last.hands == {"drafter", "reviewer"}


@pytest.mark.parametrize(
    ("by", "principal", "is_deputy", "refused"),
    [
        (DRAFTER, REVIEWER, False, "approval_not_deputy"),  # was not named, or not for today
        (AUDITOR, REVIEWER, True, "approval_not_deputy"),
        (GONE, REVIEWER, True, "approval_not_deputy"),
        (DRAFTER, DECIDER, True, "approval_not_yours"),  # no right to review
        (DRAFTER, GONE, True, "approval_not_yours"),
        (DRAFTER, OWNER, True, "approval_own_draft"),  # for whom it would be forbidden
        (OWNER, REVIEWER, True, "approval_own_draft"),  # the drafter through the back door
    ],
)
def test_a_deputy_may_not_do_what_the_other_may_not(
    by: Signer, principal: Signer, is_deputy: bool, refused: str
) -> None:
    assert code(tried(IN_REVIEW, "pass_review", hand(by, principal, is_deputy=is_deputy))) == refused


def test_nobody_drafts_or_withdraws_for_another() -> None:
    assert code(tried(BLANK, "submit", hand(DRAFTER, OWNER))) == "approval_no_deputy_here"
    assert code(tried(IN_REVIEW, "withdraw", hand(DRAFTER, OWNER))) == "approval_no_deputy_here"


def test_there_are_no_chains() -> None:
    named = [deputy("decider", "reviewer"), deputy("reviewer", "drafter")]

    assert not is_deputy_of(named, "drafter", "decider", TODAY)
    found = waited_for(IN_DECISION, (DRAFTER, REVIEWER, DECIDER), named, TODAY)
    assert [(way.signer.login, way.principal.login if way.principal else "") for way in found] == [
        ("decider", ""), ("reviewer", "decider"),
    ]  # fmt: skip


def test_a_deputy_begins_and_ends_by_itself() -> None:
    one = deputy("decider", "drafter", first=TODAY, last=TODAY + timedelta(days=2))
    days = [TODAY + timedelta(days=n) for n in (-1, 0, 2, 3)]

    assert [is_standing(one, day) for day in days] == [False, True, True, False]
    assert [is_ahead(one, day) for day in days] == [True, False, False, False]
    assert not is_standing(replace(one, is_ended=True), TODAY)


@pytest.mark.parametrize(
    ("principal", "other", "first", "last", "reason", "refused"),
    [
        (DRAFTER, REVIEWER, 0, 0, "x", "deputy_principal_unfit"),
        (AUDITOR, REVIEWER, 0, 0, "x", "deputy_principal_unfit"),
        (DECIDER, None, 0, 0, "x", "deputy_unfit"),
        (DECIDER, AUDITOR, 0, 0, "x", "deputy_unfit"),
        (DECIDER, DECIDER, 0, 0, "x", "deputy_self"),
        (DECIDER, DRAFTER, -1, 3, "x", "deputy_span_invalid"),
        (DECIDER, DRAFTER, 3, 2, "x", "deputy_span_invalid"),
        (DECIDER, DRAFTER, 0, LONGEST_DEPUTY.days, "x", "deputy_span_long"),
        (DECIDER, DRAFTER, 0, 0, "", "deputy_reason_missing"),
        (DECIDER, DRAFTER, 0, 0, "x" * (LONGEST_REASON + 1), "deputy_reason_missing"),
        (DECIDER, REVIEWER, 4, 9, "x", "deputy_twice"),
    ],
)
def test_deputies_that_cannot_be(
    principal: Signer, other: Signer | None, first: int, last: int, reason: str, refused: str
) -> None:
    standing = [deputy("decider", "reviewer", first=TODAY, last=TODAY + timedelta(days=4))]
    span = (TODAY + timedelta(days=first), TODAY + timedelta(days=last))

    assert code(deputy_fault(principal, other, *span, reason, TODAY, standing)) == refused


def test_deputies_that_can_be() -> None:
    ended = [deputy("decider", "reviewer", is_ended=True), deputy("decider", "reviewer", last=TODAY)]
    tomorrow = TODAY + timedelta(days=1)

    assert deputy_fault(DECIDER, REVIEWER, tomorrow, TODAY + LONGEST_DEPUTY, "出張", TODAY, ended) is None
    assert deputy_fault(DECIDER, DRAFTER, TODAY, TODAY, "出張", TODAY, ended) is None


# -- what is refused besides


def test_who_saw_an_older_state_is_refused() -> None:
    assert code(tried(IN_DECISION, "pass_review", hand(ADMIN), sequence=1)) == "approval_moved_on"
    assert code(tried(IN_DECISION, "approve", hand(ADMIN), sequence=3)) == "approval_moved_on"


def test_another_document_is_refused() -> None:
    assert code(tried(BLANK, "submit", hand(OWNER), fingerprint=OTHER)) == "approval_document_changed"
    assert code(tried(IN_REVIEW, "pass_review", hand(ADMIN), fingerprint=OTHER)) == "approval_document_changed"
    changed = after(IN_REVIEW, Wish("pass_review", 1, OTHER), hand(ADMIN), OTHER, NOW)
    assert code(changed) == "approval_document_changed"


@pytest.mark.parametrize("act", ["reject", "return", "withdraw"])
def test_a_document_that_changed_can_be_stopped_by_who_saw_the_new_one(act: Act) -> None:
    by = hand(OWNER if act == "withdraw" else DECIDER)
    assert code(after(IN_DECISION, Wish(act, 2, CODE, "x"), by, OTHER, NOW)) == "approval_document_changed"
    came = after(IN_DECISION, Wish(act, 2, OTHER, "x"), by, OTHER, NOW)

    assert isinstance(came, Matter)
    assert (came.fingerprint, came.acts[-1].fingerprint) == (CODE, OTHER)


@pytest.mark.parametrize("act", ["approve", "reject", "return"])
def test_a_decision_needs_a_reason(act: Act) -> None:
    assert code(tried(IN_DECISION, act, hand(DECIDER), "")) == "approval_reason_missing"
    assert code(tried(IN_DECISION, act, hand(DECIDER), "x" * (LONGEST_REASON + 1))) == "approval_reason_long"
    assert isinstance(tried(IN_DECISION, act, hand(DECIDER), "x" * LONGEST_REASON), Matter)


def test_it_waits_for_nobody_where_only_the_drafter_could() -> None:
    assert waited_for(IN_REVIEW, (OWNER, DRAFTER, AUDITOR), (), TODAY) == ()
    assert [way.signer.login for way in waited_for(IN_REVIEW, PEOPLE, (), TODAY)] == ["reviewer", "admin"]
    assert [way.signer.login for way in waited_for(BLANK, PEOPLE, (), TODAY)] == ["drafter", "owner", "admin"]
    assert waited_for(done(IN_DECISION, ("reject", DECIDER)), PEOPLE, (), TODAY) == ()

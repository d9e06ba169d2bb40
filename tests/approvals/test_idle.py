"""離任: a deputy whose principal or self has left or lost the role is never a way to sign."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from jitsuri.approvals.rules import after, fresh, idle_reason, waited_for
from jitsuri.approvals.shapes import Deputy, Hand, Matter, Signer, Step, Wish

TODAY, NOW = date(2026, 11, 22), datetime(2026, 11, 22, tzinfo=UTC)
DEPUTY = Deputy(UUID(int=1), 1, "chiba", "baba", TODAY, TODAY, False, "travel", "chiba", NOW)

steps = st.frozensets(st.sampled_from(["draft", "review", "decision"]))


def signer(login: str, its: frozenset[Step], *, stands_in: bool, has_left: bool) -> Signer:
    """As ``signer_of`` makes one: who has left may do nothing."""
    return Signer(login, login, (), frozenset() if has_left else its, stands_in and not has_left, has_left)


@given(steps, steps, st.booleans(), st.booleans(), st.booleans())
def test_an_idle_deputy_is_never_offered_and_another_one_is_for_what_its_principal_may(
    own: frozenset[Step], principals: frozenset[Step], stands_in: bool, left: bool, gone: bool
) -> None:
    doi = Signer("doi", "doi", (), frozenset({"draft"}), True)
    people = [
        doi, signer("baba", own, stands_in=stands_in, has_left=left),
        signer("chiba", principals, stands_in=True, has_left=gone),
    ]  # fmt: skip
    matter = after(fresh("certificate", "x", "code"), Wish("submit", 0, "code"), Hand(doi, "console"), "code", NOW)
    assert isinstance(matter, Matter)

    for state, step in (("in_review", "review"), ("in_decision", "decision")):
        found = waited_for(replace(matter, state=state), people, [DEPUTY], TODAY)
        offered = any(way.principal is not None for way in found)
        assert offered == (not idle_reason(DEPUTY, people) and step in principals)


def test_the_reason_names_who() -> None:
    both: frozenset[Step] = frozenset({"review", "decision"})
    baba = signer("baba", frozenset(), stands_in=True, has_left=False)
    chiba = signer("chiba", both, stands_in=True, has_left=False)

    assert idle_reason(DEPUTY, [baba, chiba]) == ""
    assert idle_reason(DEPUTY, [chiba]) == idle_reason(DEPUTY, [replace(baba, has_left=True), chiba]) == "deputy_left"
    assert idle_reason(DEPUTY, [baba]) == idle_reason(DEPUTY, [baba, replace(chiba, has_left=True)]) == "principal_left"
    assert idle_reason(DEPUTY, [replace(baba, may_stand_in=False), chiba]) == "deputy_unfit"
    assert idle_reason(DEPUTY, [baba, replace(chiba, steps=frozenset({"draft"}))]) == "principal_unfit"

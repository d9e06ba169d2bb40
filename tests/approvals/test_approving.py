"""承認 on a database: acts with their evidence, two at once, people who leave, deputies, and a document that changed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from approval_parts import House, code, standing
from argon2 import Parameters, Type
from verdict_parts import FAIL, PASS

from jitsuri.access.live.passwords import Passwords
from jitsuri.access.records import people as person_rows
from jitsuri.access.rules.guarding import FREE_FAILURES
from jitsuri.approvals import records as approval_rows
from jitsuri.approvals.rules import stamps
from jitsuri.approvals.shapes import ACTS, Act, Deputy, Matter, Wish
from jitsuri.flows.cold.admitting import confirm_password, deactivate
from jitsuri.flows.cold.approving import NOTED, Acting, appoint_deputy, end_deputy, sign
from jitsuri.flows.cold.viewing.opening_approvals import open_all, open_matter
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, has_text

DAY = timedelta(days=1)
TODAY = date(2026, 11, 22)


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def test_from_the_draft_to_the_approval_with_evidence(house: House) -> None:
    house.done("submit", "baba", reason="十月の試行")
    house.done("pass_review", "chiba")
    approved = house.done("approve", "doi", reason="削減が見合う")

    assert approved.state == "approved"
    assert house.read() == approved
    acts = house.acts()
    assert [(actor, act) for actor, act, _ in acts] == [
        ("baba", "approval_submitted"), ("chiba", "approval_reviewed"), ("doi", "approval_approved"),
    ]  # fmt: skip
    assert acts[2][2] == {
        "kind": "certificate", "subject": house.number, "fingerprint": house.code, "step": "decision", "round": 1,
        "sequence": 3, "on_behalf_of": "", "roles": ["owner"], "reason": "削減が見合う", "door": "console", "one_hand": False,
    }  # fmt: skip


def test_every_act_of_the_route_is_noted_under_its_own_name() -> None:
    assert set(NOTED) == set(ACTS)
    assert all(has_text(f"evidence.act.{act}") for act in NOTED.values())


def test_a_return_goes_to_the_drafter_and_the_next_submission_is_a_new_round(house: House) -> None:
    house.done("submit", "baba")
    house.done("return", "chiba", reason="標本の期間を書いてください")
    with house.store.reading() as tx:
        seen = open_matter(tx, "certificate", house.number, house.code, "baba", TODAY)
        others = open_matter(tx, "certificate", house.number, house.code, "aoki", TODAY)
    again = house.done("submit", "baba", reason="書きました")

    assert (seen.is_yours, others.is_yours) == (True, False)
    assert (again.round, again.state, len(again.acts)) == (2, "in_review", 3)
    assert [step for step in stamps(again)] == ["draft"]
    assert house.acts()[1][2]["reason"] == "標本の期間を書いてください"


def test_refusals_write_nothing(house: House) -> None:
    assert code(house.tried("submit", "chiba")) == "approval_not_yours"
    assert code(house.tried("pass_review", "chiba")) == "approval_not_now"
    assert code(house.tried("submit", "nobody")) == "person_unknown"
    assert code(sign(house.store, house.now, Acting("baba", "console"), "gate", "x", Wish("submit", 0, ""))) == (
        "approval_kind_unknown"
    )
    assert code(house.tried("submit", "baba", subject="JR-2026-0099")) == "approval_document_unknown"
    assert code(house.tried("submit", "baba", fingerprint="0000")) == "approval_document_changed"
    assert (house.read(), house.acts()) == (None, [])


def test_only_a_pass_that_is_still_valid_can_be_submitted(house: House) -> None:
    failed, passed = house.filed(FAIL), house.number

    assert code(house.tried("submit", "baba", subject=failed)) == "approval_document_unfit"
    house.now += 120 * DAY
    assert code(house.tried("submit", "baba", subject=passed)) == "approval_document_expired"


def test_what_expires_on_its_way_can_only_be_stopped(house: House) -> None:
    house.done("submit", "baba")
    house.now += 120 * DAY

    assert code(house.tried("pass_review", "chiba")) == "approval_document_expired"
    assert house.done("return", "chiba", reason="期限切れ").state == "returned"


def test_a_document_that_changed_is_not_signed(house: House) -> None:
    house.done("submit", "baba")
    house.replace_document("1111-2222-3333-4444")

    assert code(house.tried("pass_review", "chiba")) == "approval_document_changed"
    assert code(house.tried("pass_review", "chiba", fingerprint="1111-2222-3333-4444")) == "approval_document_changed"


def test_secrets_and_what_a_database_cannot_hold_are_cut_from_a_reason(house: House) -> None:
    secret = "jk_" + "a" * 49
    came = house.done("submit", "baba", reason=f"  \x00 {secret} ")

    assert secret not in came.acts[0].reason
    assert came.acts[0].reason.endswith("aaaa")


# -- two at once


@pytest.mark.parametrize("first", ["submit", "pass_review", "approve"])
def test_of_two_who_sign_at_once_the_second_is_refused(house: House, first: Act) -> None:
    acts: list[Act] = ["submit", "pass_review", "approve"]
    for act in acts[: acts.index(first)]:
        house.done(act, {"submit": "baba", "pass_review": "chiba"}[act])
    seen = house.read()
    wish = Wish(first, seen.sequence if seen else 0, house.code, "同時")
    both, together = threading.Barrier(2), {"submit": ("baba", "doi")}.get(first, ("aoki", "doi"))

    def go(login: str) -> Matter | Refusal:
        both.wait(10)
        return sign(house.store, house.now, Acting(login, "console"), "certificate", house.number, wish)

    with ThreadPoolExecutor(2) as pool:
        came = list(pool.map(go, together))

    assert sorted(code(one) if isinstance(one, Refusal) else "" for one in came) == ["", "approval_moved_on"]
    after = house.read()
    assert after is not None
    assert after.sequence == wish.sequence + 1
    assert len(house.acts()) == after.sequence


def test_a_second_press_of_the_same_button_is_refused(house: House) -> None:
    wish = Wish("submit", 0, house.code, "")
    acting = Acting("baba", "console")

    assert isinstance(sign(house.store, house.now, acting, "certificate", house.number, wish), Matter)
    assert code(sign(house.store, house.now, acting, "certificate", house.number, wish)) == "approval_moved_on"


# -- people


def test_who_has_left_signs_nothing_and_is_not_waited_for(house: House) -> None:
    house.done("submit", "baba")
    deactivate(house.store, house.now, "aoki", house.people["chiba"].person_id)

    assert code(house.tried("pass_review", "chiba")) == "approval_not_yours"
    with house.store.reading() as tx:
        seen = open_matter(tx, "certificate", house.number, house.code, "doi", TODAY)
    assert [way.signer.login for way in seen.waits_for] == ["aoki", "doi"]


def test_it_is_said_where_it_waits_for_nobody(house: House) -> None:
    house.done("submit", "doi")
    for login in ("chiba", "aoki"):
        with house.store.transaction() as tx:
            person_rows.set_active(tx, house.people[login].person_id, False)
    with house.store.reading() as tx:
        seen = open_matter(tx, "certificate", house.number, house.code, "doi", TODAY)

    assert seen.waits_for_nobody
    assert list(seen.yours) == ["withdraw"]


def test_the_lists_put_first_what_waits_for_the_visitor(house: House) -> None:
    second = house.filed(replace(PASS, seed=8))
    house.done("submit", "baba")
    drafts = [("certificate", house.number, house.code), ("certificate", second, house.code)]
    with house.store.reading() as tx:
        seen = {login: open_all(tx, drafts, login, TODAY) for login in ("chiba", "baba", "ema")}  # type: ignore[arg-type]

    assert standing(seen["chiba"]) == ([(house.number, "in_review")], [(second, "draft")], [])
    assert standing(seen["baba"]) == ([], [(house.number, "in_review"), (second, "draft")], [])
    assert all(not one.yours for one in seen["ema"][1])  # an auditor may do nothing


def test_what_was_returned_and_has_expired_waits_for_nobody_any_more(house: House) -> None:
    house.done("submit", "baba")
    house.done("return", "chiba", reason="期間を")
    with house.store.reading() as tx:
        before = open_all(tx, [("certificate", house.number, house.code)], "baba", TODAY)
        expired = open_all(tx, [], "baba", TODAY)

    assert standing(before) == ([(house.number, "returned")], [], [])
    assert standing(expired) == ([], [], [(house.number, "returned")])


# -- deputies


def named(house: House, principal: str, deputy: str, days: int = 3) -> Deputy:
    came = appoint_deputy(
        house.store,
        house.now,
        Acting(principal, "console"),
        deputy,
        first=TODAY,
        last=TODAY + days * DAY,
        reason="出張",
    )
    assert isinstance(came, Deputy), came
    return came


def test_a_deputy_signs_for_the_span_and_no_longer(house: House) -> None:
    named(house, "chiba", "fuji")
    house.done("submit", "baba")
    assert code(house.tried("pass_review", "fuji")) == "approval_not_yours"
    came = house.done("pass_review", "fuji", principal="chiba")

    assert (came.acts[-1].login, came.acts[-1].on_behalf_of_name) == ("fuji", "chiba 一郎")
    assert house.acts()[-1][2]["on_behalf_of"] == "chiba"
    house.done("return", "doi", reason="もう一度")
    house.now += 4 * DAY
    house.done("submit", "baba")
    assert code(house.tried("pass_review", "fuji", principal="chiba")) == "approval_not_deputy"


def test_a_deputy_of_the_drafter_does_not_sign(house: House) -> None:
    named(house, "doi", "fuji")
    house.done("submit", "doi")

    assert code(house.tried("pass_review", "fuji", principal="doi")) == "approval_own_draft"


def test_a_deputy_of_one_who_has_left_does_not_sign(house: House) -> None:
    named(house, "chiba", "fuji")
    house.done("submit", "baba")
    deactivate(house.store, house.now, "aoki", house.people["chiba"].person_id)

    assert code(house.tried("pass_review", "fuji", principal="chiba")) == "approval_not_yours"


def test_a_deputy_is_ended_early_in_a_version_of_its_own(house: House) -> None:
    made = named(house, "chiba", "fuji")
    stranger = end_deputy(house.store, house.now, Acting("fuji", "console"), made.deputy_id, "x")
    assert code(stranger) == "deputy_not_yours"
    assert (
        code(end_deputy(house.store, house.now, Acting("chiba", "console"), made.deputy_id, " "))
        == "deputy_reason_missing"
    )
    assert code(end_deputy(house.store, house.now, Acting("chiba", "console"), UUID(int=3), "x")) == "deputy_absent"
    house.now += timedelta(seconds=1)
    ended = end_deputy(house.store, house.now, Acting("aoki", "console"), made.deputy_id, "戻った")

    assert isinstance(ended, Deputy)
    assert (ended.version, ended.is_ended, ended.author) == (2, True, "aoki")
    assert code(end_deputy(house.store, house.now, Acting("chiba", "console"), made.deputy_id, "x")) == "deputy_over"
    with house.store.reading() as tx:
        assert approval_rows.deputies(tx) == [ended]
    assert [act for _, act, _ in house.acts()] == ["deputy_named", "deputy_ended"]
    house.done("submit", "baba")
    assert code(house.tried("pass_review", "fuji", principal="chiba")) == "approval_not_deputy"


def test_a_deputy_that_cannot_be_is_refused(house: House) -> None:
    span = {"first": TODAY, "last": TODAY, "reason": "出張"}
    for principal, deputy, refused in (
        ("baba", "chiba", "deputy_principal_unfit"), ("chiba", "ema", "deputy_unfit"), ("chiba", "x\x00", "deputy_unfit"),
        ("ema", "chiba", "deputy_principal_unfit"), ("nobody", "chiba", "person_unknown"),
    ):  # fmt: skip
        assert code(appoint_deputy(house.store, house.now, Acting(principal, "console"), deputy, **span)) == refused  # type: ignore[arg-type]
    assert house.acts() == []


# -- the password, once more

CHEAP = Parameters(type=Type.ID, version=19, salt_len=16, hash_len=16, time_cost=1, memory_cost=8, parallelism=1)


def test_confirming_is_counted_like_signing_in(house: House) -> None:
    passwords, person = Passwords(CHEAP), house.people["chiba"]
    with house.store.transaction() as tx:
        person_rows.set_password(tx, person.person_id, passwords.hash("korekara-12-mojide"))
    ask = lambda told: confirm_password(house.store, passwords, house.now, person, told)  # noqa: E731

    assert ask("korekara-12-mojide") is None
    for _ in range(FREE_FAILURES):
        assert code(ask("wrong")) == "password_wrong"
    assert code(ask("korekara-12-mojide")) == "password_wait"
    house.now += timedelta(seconds=31)
    assert ask("ｋｏｒｅｋａｒａ-12-mojide") is None
    assert code(ask("wrong")) == "password_wrong"
    assert all(has_text("refusal.password_blocked") for _ in LANGUAGES)
    assert house.now.tzinfo is UTC
    assert isinstance(house.now, datetime)

"""Sign-in, sessions and links on a real database. 青木 is the administrator, 馬場 a reviewer, 千葉 a stranger."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY

from jitsuri.access.live.passwords import Passwords
from jitsuri.access.shapes import Invited, OpenLink, Person, SignedIn
from jitsuri.flows.cold import admitting
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, has_text, text

NOW = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PASSWORD = "tone brook nine"
PASSWORDS = Passwords(CHEAPEST)


@pytest.fixture
def secret() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"secret-{next(numbers):03d}"


@pytest.fixture
def aoki(store: Store, secret: Callable[[], str]) -> SignedIn:
    link = admitting.first_admin_link(store, NOW, secret)
    assert link is not None
    made = first_admin(store, link, secret)
    assert isinstance(made, SignedIn)
    return made


def first_admin(store: Store, link: str, secret: Callable[[], str], login: str = "aoki@example.jp") -> object:
    return admitting.accept_first_admin(
        store, PASSWORDS, NOW, link, login=login, name="青木　一郎", password=PASSWORD, language="ja", secret=secret
    )


def baba(store: Store, secret: Callable[[], str], *roles: str) -> Invited:
    made = admitting.invite(
        store, NOW, "aoki@example.jp", login="Baba@example.jp", name="馬場", roles=roles or ("reviewer",),
        department="D10", language="ja", secret=secret,
    )  # fmt: skip
    assert isinstance(made, Invited)
    return made


def code(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    assert all(text(f"refusal.{outcome.code}", lang, **outcome.facts) for lang in LANGUAGES)
    return outcome.code


def evidence(store: Store) -> list[tuple[str, str, str]]:
    with store.reading() as tx:
        rows = tx.execute("SELECT actor, act, subject FROM evidence_records ORDER BY at, act").fetchall()
    assert all(has_text(f"evidence.act.{act}") for _, act, _ in rows)
    return [(actor, act, subject) for actor, act, subject in rows]


def test_the_first_administrator_comes_in_by_the_link(store: Store, aoki: SignedIn) -> None:
    person = aoki.session.person
    assert (person.login, person.name, person.roles) == ("aoki@example.jp", "青木 一郎", frozenset({"admin"}))
    admitted = admitting.admit(store, NOW, aoki.secret)
    assert admitted is not None
    assert (admitted.person, admitted.csrf) == (person, aoki.session.csrf)
    assert ("aoki@example.jp", "first_admin_made", "person:aoki@example.jp") in evidence(store)


def test_no_secret_stands_in_the_database(store: Store, aoki: SignedIn, secret: Callable[[], str]) -> None:
    invited = baba(store, secret)
    with store.reading() as tx:
        kept = str(tx.execute("SELECT * FROM access_sessions").fetchall())
        kept += str(tx.execute("SELECT * FROM access_links").fetchall())
        kept += str(tx.execute("SELECT * FROM access_people").fetchall())
        kept += str(tx.execute("SELECT * FROM evidence_records").fetchall())
    assert aoki.secret not in kept
    assert invited.link not in kept
    assert PASSWORD not in kept


def test_there_is_no_first_link_once_an_administrator_can_sign_in(store: Store, secret: Callable[[], str]) -> None:
    old = admitting.first_admin_link(store, NOW, secret)
    new = admitting.first_admin_link(store, NOW, secret)
    assert old is not None
    assert new is not None
    assert code(first_admin(store, old, secret)) == "link_unusable"
    assert isinstance(first_admin(store, new, secret), SignedIn)
    assert admitting.first_admin_link(store, NOW, secret) is None
    assert code(first_admin(store, new, secret, "chiba@example.jp")) == "link_unusable"


def test_a_link_ends_after_a_day(store: Store, secret: Callable[[], str]) -> None:
    link = admitting.first_admin_link(store, NOW - 24 * HOUR, secret)
    assert link is not None
    assert code(admitting.open_link(store, NOW, link)) == "link_unusable"
    assert isinstance(admitting.open_link(store, NOW - timedelta(seconds=1), link), OpenLink)
    assert code(first_admin(store, link, secret)) == "link_unusable"


def test_one_link_used_by_many_at_once_works_once(store: Store, aoki: SignedIn, secret: Callable[[], str]) -> None:
    link = baba(store, secret).link
    outcomes: list[object] = []

    def use() -> None:
        outcomes.append(admitting.accept_link(store, PASSWORDS, NOW, link, PASSWORD, secret))

    together(use, 8)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refusal"] * 7 + ["SignedIn"]


def test_an_invited_person_sets_a_password_and_signs_in(
    store: Store, aoki: SignedIn, secret: Callable[[], str]
) -> None:
    invited = baba(store, secret, "reviewer", "owner")
    opened = admitting.open_link(store, NOW, invited.link)
    assert isinstance(opened, OpenLink)
    assert opened.person == invited.person
    assert code(admitting.sign_in(store, PASSWORDS, NOW, "baba@example.jp", "", secret)) == "sign_in_failed"
    assert (
        code(admitting.accept_link(store, PASSWORDS, NOW, invited.link, "baba-baba-baba", secret)) == "password_simple"
    )
    assert isinstance(admitting.accept_link(store, PASSWORDS, NOW, invited.link, PASSWORD, secret), SignedIn)
    signed = admitting.sign_in(store, PASSWORDS, NOW, "ＢＡＢＡ@example.jp", "tone　brook nine", secret)
    assert isinstance(signed, SignedIn)
    assert signed.session.person == invited.person


def test_an_invitation_is_refused_with_its_reason(store: Store, aoki: SignedIn, secret: Callable[[], str]) -> None:
    baba(store, secret)
    given: dict[str, object] = {
        "login": "chiba",
        "name": "千葉",
        "roles": ["owner"],
        "department": "",
        "language": "ja",
    }
    cases = [
        ({"login": "baba@example.jp"}, "login_taken"),
        ({"login": "chiba chiba"}, "login_invalid"),
        ({"name": "  "}, "name_invalid"),
        ({"roles": []}, "roles_empty"),
        ({"roles": ["auditor", "admin"]}, "auditor_alone"),
        ({"department": "D\x00"}, "department_code_invalid"),
    ]
    for changed, expected in cases:
        made = admitting.invite(store, NOW, "aoki", **{**given, **changed}, secret=secret)  # type: ignore[arg-type]
        assert code(made) == expected
    assert [person.login for person in admitting.everybody(store)] == ["aoki@example.jp", "baba@example.jp"]


@pytest.mark.parametrize("login", ["aoki@example.jp", "chiba@example.jp", "a\x00b", ""])
def test_a_wrong_password_an_unknown_login_and_a_gone_person_read_alike(
    store: Store, aoki: SignedIn, secret: Callable[[], str], login: str
) -> None:
    assert admitting.sign_in(store, PASSWORDS, NOW, login, "wrong wrong 12", secret) == Refusal("sign_in_failed")


def test_an_unknown_login_costs_the_same_hash(store: Store, secret: Callable[[], str]) -> None:
    counted: list[str] = []

    class Counting(Passwords):
        def is_right(self, password_hash: str, password: str) -> bool:
            counted.append(password_hash)
            return super().is_right(password_hash, password)

    admitting.sign_in(store, Counting(CHEAPEST), NOW, "chiba@example.jp", "wrong", secret)
    assert counted == [""]


def test_five_failures_bring_a_wait_and_a_success_takes_it_away(
    store: Store, aoki: SignedIn, secret: Callable[[], str]
) -> None:
    login = "aoki@example.jp"
    for _ in range(5):
        assert code(admitting.sign_in(store, PASSWORDS, NOW, login, "wrong", secret)) == "sign_in_failed"
    held = admitting.sign_in(store, PASSWORDS, NOW, login, PASSWORD, secret)
    assert held == Refusal("sign_in_wait", {"seconds": 30})
    later = NOW + timedelta(seconds=30)
    assert isinstance(admitting.sign_in(store, PASSWORDS, later, login, PASSWORD, secret), SignedIn)
    assert code(admitting.sign_in(store, PASSWORDS, later, login, "wrong", secret)) == "sign_in_failed"
    assert [row for row in evidence(store) if row[1] == "sign_in_failed"] == [
        (login, "sign_in_failed", f"person:{login}")
    ] * 2, "five failures in one instant are one record, told once more later"


def test_tries_at_once_do_not_slip_past_the_wait(store: Store, aoki: SignedIn, secret: Callable[[], str]) -> None:
    outcomes: list[str] = []

    def attempt() -> None:
        outcomes.append(code(admitting.sign_in(store, PASSWORDS, NOW, "aoki@example.jp", "wrong", secret)))

    together(attempt, 16)
    assert sorted(outcomes) == ["sign_in_failed"] * 5 + ["sign_in_wait"] * 11


def test_a_block_ends_with_a_new_link(store: Store, aoki: SignedIn, secret: Callable[[], str]) -> None:
    login, at = "aoki@example.jp", NOW
    for _ in range(100):
        at += timedelta(minutes=16)
        assert code(admitting.sign_in(store, PASSWORDS, at, login, "wrong", secret)) == "sign_in_failed"
    at += timedelta(days=9)
    assert code(admitting.sign_in(store, PASSWORDS, at, login, PASSWORD, secret)) == "sign_in_blocked"
    link = admitting.new_link(store, at, "cli", login, secret)
    assert isinstance(link, str)
    assert isinstance(admitting.accept_link(store, PASSWORDS, at, link, "another tone 9", secret), SignedIn)
    assert isinstance(admitting.sign_in(store, PASSWORDS, at, login, "another tone 9", secret), SignedIn)


def test_a_session_lives_with_its_use_and_a_week_at_most(store: Store, aoki: SignedIn) -> None:
    at = NOW
    for _ in range(14):
        at += 11 * HOUR
        assert admitting.admit(store, at, aoki.secret) is not None
    assert admitting.admit(store, NOW + timedelta(days=7), aoki.secret) is None


def test_an_idle_session_ends_after_twelve_hours(store: Store, aoki: SignedIn) -> None:
    assert admitting.admit(store, NOW + 12 * HOUR - timedelta(seconds=1), aoki.secret) is not None
    idle = NOW + 12 * HOUR - timedelta(seconds=1) + 12 * HOUR
    assert admitting.admit(store, idle, aoki.secret) is None


def test_what_a_page_asks_by_itself_keeps_nobody_signed_in(store: Store, aoki: SignedIn) -> None:
    at = NOW
    while at < NOW + 12 * HOUR - timedelta(minutes=10):
        at += timedelta(minutes=10)
        assert admitting.admit(store, at, aoki.secret, is_use=False) is not None
    assert admitting.admit(store, NOW + 12 * HOUR, aoki.secret, is_use=False) is None


def test_a_made_up_or_signed_out_cookie_admits_nobody(store: Store, aoki: SignedIn) -> None:
    assert admitting.admit(store, NOW, "made-up") is None
    admitting.sign_out(store, NOW, aoki.secret)
    assert admitting.admit(store, NOW, aoki.secret) is None
    admitting.sign_out(store, NOW, aoki.secret)


def test_a_new_password_ends_all_sessions(store: Store, aoki: SignedIn, secret: Callable[[], str]) -> None:
    other = admitting.sign_in(store, PASSWORDS, NOW, "aoki@example.jp", PASSWORD, secret)
    assert isinstance(other, SignedIn)
    person = aoki.session.person
    change = lambda old, new: admitting.change_password(  # noqa: E731
        store, PASSWORDS, NOW, person, old=old, new=new, secret=secret
    )
    assert code(change("wrong wrong 12", "another tone 9")) == "password_wrong"
    assert code(change(PASSWORD, "short")) == "password_short"
    changed = change(PASSWORD, "another tone 9")
    assert isinstance(changed, SignedIn)
    assert [admitting.admit(store, NOW, s.secret) is not None for s in (aoki, other, changed)] == [False, False, True]
    assert code(admitting.sign_in(store, PASSWORDS, NOW, "aoki@example.jp", PASSWORD, secret)) == "sign_in_failed"


def test_a_deactivated_person_is_out_at_once(store: Store, aoki: SignedIn, secret: Callable[[], str]) -> None:
    invited = baba(store, secret)
    signed = admitting.accept_link(store, PASSWORDS, NOW, invited.link, PASSWORD, secret)
    assert isinstance(signed, SignedIn)
    open_still = admitting.new_link(store, NOW, "aoki@example.jp", "baba@example.jp", secret)
    assert isinstance(open_still, str)
    gone = admitting.deactivate(store, NOW, "aoki@example.jp", invited.person.person_id)
    assert gone == replace(invited.person, is_active=False)
    assert admitting.admit(store, NOW, signed.secret) is None
    assert code(admitting.open_link(store, NOW, open_still)) == "link_unusable"
    assert code(admitting.sign_in(store, PASSWORDS, NOW, "baba@example.jp", PASSWORD, secret)) == "sign_in_failed"
    assert code(admitting.new_link(store, NOW, "aoki@example.jp", "baba@example.jp", secret)) == "person_inactive"
    assert admitting.reactivate(store, NOW, "aoki@example.jp", invited.person.person_id) == invited.person
    assert isinstance(admitting.sign_in(store, PASSWORDS, NOW, "baba@example.jp", PASSWORD, secret), SignedIn)


def test_roles_change_from_the_next_request_on(store: Store, aoki: SignedIn, secret: Callable[[], str]) -> None:
    invited = baba(store, secret)
    signed = admitting.accept_link(store, PASSWORDS, NOW, invited.link, PASSWORD, secret)
    assert isinstance(signed, SignedIn)
    changed = admitting.change_roles(store, NOW, "aoki@example.jp", invited.person.person_id, ["auditor"])
    assert isinstance(changed, Person)
    admitted = admitting.admit(store, NOW, signed.secret)
    assert admitted is not None
    assert admitted.person.roles == frozenset({"auditor"})


def test_the_last_administrator_stays(store: Store, aoki: SignedIn, secret: Callable[[], str]) -> None:
    me = aoki.session.person.person_id
    assert code(admitting.deactivate(store, NOW, "aoki", me)) == "last_admin"
    assert code(admitting.change_roles(store, NOW, "aoki", me, ["finance"])) == "last_admin"
    invited = baba(store, secret, "admin")
    assert code(admitting.deactivate(store, NOW, "aoki", me)) == "last_admin", "an invitation is nobody yet"
    assert isinstance(admitting.accept_link(store, PASSWORDS, NOW, invited.link, PASSWORD, secret), SignedIn)
    assert isinstance(admitting.change_roles(store, NOW, "baba", me, ["finance"]), Person)
    assert code(admitting.deactivate(store, NOW, "baba", invited.person.person_id)) == "last_admin"


def test_two_administrators_cannot_remove_each_other(store: Store, aoki: SignedIn, secret: Callable[[], str]) -> None:
    invited = baba(store, secret, "admin")
    assert isinstance(admitting.accept_link(store, PASSWORDS, NOW, invited.link, PASSWORD, secret), SignedIn)
    both = [aoki.session.person.person_id, invited.person.person_id]
    threads = [threading.Thread(target=admitting.deactivate, args=(store, NOW, "x", one)) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [person.is_active for person in admitting.everybody(store)].count(True) == 1


def test_a_hash_of_other_parameters_is_made_anew_at_sign_in(
    store: Store, aoki: SignedIn, secret: Callable[[], str]
) -> None:
    stronger = Passwords(RFC_9106_LOW_MEMORY)
    assert isinstance(admitting.sign_in(store, stronger, NOW, "aoki@example.jp", PASSWORD, secret), SignedIn)
    with store.reading() as tx:
        row = tx.execute("SELECT password_hash FROM access_people").fetchone()
    assert row is not None
    assert row[0].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert isinstance(admitting.sign_in(store, stronger, NOW, "aoki@example.jp", PASSWORD, secret), SignedIn)


def test_old_failures_and_ended_sessions_are_forgotten(store: Store, aoki: SignedIn, secret: Callable[[], str]) -> None:
    for login in ("aoki@example.jp", "nobody@example.jp"):
        admitting.sign_in(store, PASSWORDS, NOW, login, "wrong", secret)
    later = NOW + timedelta(days=29)
    admitting.sign_in(store, PASSWORDS, later, "nobody@example.jp", "wrong", secret)

    def kept() -> tuple[int, int]:
        with store.reading() as tx:
            row = tx.execute(
                "SELECT (SELECT count(*) FROM access_failures), (SELECT count(*) FROM access_sessions)"
            ).fetchone()
        assert row is not None
        return row[0], row[1]

    assert kept() == (3, 1)
    admitting.forget_old(store, NOW + timedelta(hours=1))
    assert kept() == (3, 1)
    admitting.forget_old(store, later + timedelta(days=2))
    assert kept() == (1, 0)


def together(work: Callable[[], None], times: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

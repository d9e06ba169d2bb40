"""The story of a key: asked, decided by somebody else, made once, rotated, changed, ended; with evidence each time."""

from __future__ import annotations

import itertools
import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from jitsuri.access.live.keys import Keys
from jitsuri.access.records import departments as department_rows
from jitsuri.access.records import keys as key_rows
from jitsuri.access.records import people as person_rows
from jitsuri.access.shapes import Arrangement, Department, KeptKey, Key, KeyScope, MadeKey, Person, Role
from jitsuri.evidence import records as evidence
from jitsuri.flows.cold import keeping_keys
from jitsuri.flows.cold.keeping_keys import approve, ask, change, end, make, refuse, rotate, take
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Task
from jitsuri.store.announcing import numbers
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, has_text, text

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WHY = "計画どおり"


class House:
    """People, a task with its owner, a department; a clock that moves, and chance that counts."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW
        self._numbers = itertools.count(1)
        self.admin, self.other_admin = self._person("aoki", "admin"), self._person("abe", "admin")
        self.developer, self.owner = self._person("baba", "developer"), self._person("chiba", "owner")
        task = Task("triage", "分類", "Triage", "", self.owner.name, "production", "internal", Decimal("0.05"), NOW)
        with store.transaction() as tx:
            routing_rows.save_task(tx, task)
            routing_rows.save_task(tx, replace(task, name="other", owner=""))
            support = Department("support", "営業支援課", "Sales support", "", "", date(2026, 4, 1))
            department_rows.apply(tx, Arrangement((support,), (), 0))

    def _person(self, login: str, role: Role) -> Person:
        made = Person(derived_id("person", login), login, f"{login} 一郎", frozenset({role}), "", "ja", True, NOW)
        with self.store.transaction() as tx:
            person_rows.insert(tx, made, "a hash")
        return made

    def chance(self) -> str:
        return f"chance {next(self._numbers)}"

    def scope(self, name: str = "triage-batch", **changes: object) -> KeyScope:
        plain = KeyScope(name, "support", "triage", ("gpt-5*",), ("jp",), self.now, self.now + 90 * DAY, 60, 100_000)
        return replace(plain, **changes)  # type: ignore[arg-type]

    def asked(self, by: Person | None = None, **changes: object) -> KeptKey:
        return kept(ask(self.store, self.now, by or self.developer, self.scope(**changes), "夜間の分類"))  # type: ignore[arg-type]

    def active(self, by: Person | None = None, **changes: object) -> MadeKey:
        holder = by or self.developer
        one = self.asked(holder, **changes)
        kept(approve(self.store, self.now, self.other_admin, one.key_id, WHY))
        return made(take(self.store, self.now, holder, one.key_id, self.chance))

    def read(self, key_id: UUID) -> KeptKey:
        with self.store.reading() as tx:
            found = key_rows.one(tx, key_id)
        assert found is not None
        return found

    def snapshot(self) -> Keys:
        with self.store.reading() as tx:
            return Keys(key_rows.standing(tx))

    def says(self, secret: str, now: datetime | None = None) -> str:
        """'' where a gateway with a fresh snapshot lets this secret in, else the code of its refusal."""
        came = self.snapshot().find(f"Bearer {secret}".encode(), None, now or self.now)
        return "" if isinstance(came, Key) else came.code

    def acts(self) -> list[tuple[str, str, dict[str, object]]]:
        """(actor, act, facts) of everything noted, oldest first."""
        with self.store.reading() as tx:
            listed = evidence.recent(tx, 1000)
        return [(one.record.actor, one.record.act, dict(one.record.facts)) for one in listed][::-1]

    def changes(self) -> int:
        with self.store.reading() as tx:
            return numbers(tx).get("keys", 0)


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def kept(came: object) -> KeptKey:
    assert isinstance(came, KeptKey), came
    return came


def made(came: object) -> MadeKey:
    assert isinstance(came, MadeKey), came
    return came


def code(came: object) -> str:
    """The code of a refusal, which has its sentences."""
    assert isinstance(came, Refusal), came
    assert all(text(f"refusal.{came.code}", lang, **came.facts) for lang in LANGUAGES)
    return came.code


# -- the story


def test_from_the_request_to_the_first_call(house: House) -> None:
    one = house.asked()
    assert (one.state, one.asked_by, one.secrets) == ("asked", "baba", ())
    house.now += DAY
    assert kept(approve(house.store, house.now, house.owner, one.key_id, WHY)).state == "approved"
    house.now += DAY

    came = made(take(house.store, house.now, house.developer, one.key_id, house.chance))

    assert came.kept.state == "active"
    assert came.kept.secrets[0].hint == came.secret[-4:]
    assert house.says(came.secret) == ""
    assert [(actor, act) for actor, act, _ in house.acts()] == [
        ("baba", "key_asked"), ("chiba", "key_approved"), ("baba", "key_secret_made"),
    ]  # fmt: skip
    asked, approved, taken = (facts for _, _, facts in house.acts())
    assert (asked["purpose"], asked["task"], asked["requests_per_minute"]) == ("夜間の分類", "triage", 60)
    assert (approved["reason"], approved["own_request"]) == (WHY, False)
    assert taken["hint"] == came.secret[-4:]
    assert house.changes() == 3


def test_a_secret_is_made_once(house: House) -> None:
    one = house.active()

    again = take(house.store, house.now, house.developer, one.kept.key_id, house.chance)

    assert code(again) == "key_taken"
    assert len(house.read(one.kept.key_id).secrets) == 1


def test_nobody_but_the_asker_makes_the_first_secret(house: House) -> None:
    one = house.asked()
    assert code(take(house.store, house.now, house.developer, one.key_id, house.chance)) == "key_over"
    kept(approve(house.store, house.now, house.admin, one.key_id, WHY))

    for somebody in (house.admin, house.owner, replace(house.developer, roles=frozenset({"reviewer"}))):
        assert code(take(house.store, house.now, somebody, one.key_id, house.chance)) == "key_not_holder"
    assert house.read(one.key_id).secrets == ()


def test_a_refused_request_comes_to_nothing(house: House) -> None:
    one = house.asked()

    assert kept(refuse(house.store, house.now, house.admin, one.key_id, "業務を絞ってください")).state == "refused"

    assert code(take(house.store, house.now, house.developer, one.key_id, house.chance)) == "key_over"
    assert code(approve(house.store, house.now, house.admin, one.key_id, WHY)) == "key_decided"
    assert code(end(house.store, house.now, house.admin, one.key_id, WHY)) == "key_over"
    house.now += DAY
    house.asked()  # the name is free again


def test_a_key_is_made_at_once_on_the_machine(house: House) -> None:
    came = made(make(house.store, house.now, house.scope(), "試験", house.chance))

    assert (came.kept.asked_by, came.kept.state) == ("", "active")
    assert house.says(came.secret) == ""
    assert [(actor, act) for actor, act, _ in house.acts()] == [("cli", "key_made")]


# -- who decides


def test_only_administrators_and_the_tasks_owner_decide(house: House) -> None:
    own, other, any_task = house.asked(), house.asked(name="b", task="other"), house.asked(name="c", task="")

    for one in (other, any_task):
        assert code(approve(house.store, house.now, house.owner, one.key_id, WHY)) == "key_not_yours"
    for one in (own, other, any_task):
        assert code(approve(house.store, house.now, house.developer, one.key_id, WHY)) == "key_not_yours"
        assert house.read(one.key_id).state == "asked"
    kept(approve(house.store, house.now, house.owner, own.key_id, WHY))
    kept(refuse(house.store, house.now, house.admin, other.key_id, WHY))
    kept(approve(house.store, house.now, None, any_task.key_id, WHY))


def test_nobody_decides_about_a_request_of_their_own(house: House) -> None:
    for somebody, name in ((house.admin, "a"), (house.owner, "b")):
        one = house.asked(somebody, name=name)
        assert code(approve(house.store, house.now, somebody, one.key_id, WHY)) == "key_own_request"
        assert code(refuse(house.store, house.now, somebody, one.key_id, WHY)) == "key_own_request"
        kept(approve(house.store, house.now, house.other_admin, one.key_id, WHY))


def test_the_only_administrator_decides_alone_and_the_evidence_says_so(house: House) -> None:
    one = house.asked(house.admin)
    with house.store.transaction() as tx:
        person_rows.set_active(tx, house.other_admin.person_id, False)

    kept(approve(house.store, house.now + DAY, house.admin, one.key_id, WHY))

    assert house.acts()[-1][2]["own_request"] is True


def test_an_administrator_who_never_set_a_password_is_no_second_pair_of_eyes(house: House) -> None:
    one = house.asked(house.admin)
    with house.store.transaction() as tx:
        person_rows.set_password(tx, house.other_admin.person_id, "")

    kept(approve(house.store, house.now, house.admin, one.key_id, WHY))


def test_who_may_not_ask_does_not(house: House) -> None:
    for role in ("finance", "reviewer", "auditor"):
        somebody = replace(house.developer, roles=frozenset({role}))
        assert code(ask(house.store, house.now, somebody, house.scope(), "x")) == "key_asker_unfit"
    gone = replace(house.developer, is_active=False)
    assert code(ask(house.store, house.now, gone, house.scope(), "x")) == "key_asker_unfit"


# -- what cannot be asked for


@pytest.mark.parametrize(
    ("changes", "purpose", "expected"),
    [
        ({"name": ""}, "x", "key_name_invalid"), ({"task": "nothing"}, "x", "task_unknown"), ({}, " ", "key_purpose_missing"),
        ({"department": "nowhere"}, "x", "department_unknown"), ({"models": ("a*b",)}, "x", "key_models_invalid"),
        ({"expires_at": NOW}, "x", "key_span_ended"), ({"expires_at": NOW + 400 * DAY}, "x", "key_span_long"),
        ({}, "x" * 501, "key_purpose_missing"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_not_asked_for(
    house: House, changes: dict[str, object], purpose: str, expected: str
) -> None:
    assert code(ask(house.store, house.now, house.developer, house.scope(**changes), purpose)) == expected
    assert code(make(house.store, house.now, house.scope(**changes), purpose, house.chance)) == expected
    with house.store.reading() as tx:
        assert key_rows.everything(tx) == []
    assert house.acts() == []
    assert house.changes() == 0


def test_a_name_belongs_to_one_living_key(house: House) -> None:
    one = house.active()

    taken = ask(house.store, house.now, house.admin, house.scope(), "x")
    assert code(taken) == "key_name_taken"
    kept(end(house.store, house.now, house.admin, one.kept.key_id, WHY))
    house.now += DAY
    assert house.asked().key_id != one.kept.key_id


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_every_decision_needs_a_reason(house: House, reason: str) -> None:
    one = house.active().kept
    waiting = house.asked(name="b")
    before = house.changes()

    outcomes = [
        approve(house.store, house.now, house.admin, waiting.key_id, reason),
        refuse(house.store, house.now, house.admin, waiting.key_id, reason),
        rotate(house.store, house.now, house.developer, one.key_id, DAY, reason, house.chance),
        end(house.store, house.now, house.developer, one.key_id, reason),
        change(house.store, house.now, house.admin, one.key_id, expires_at=house.now + DAY, requests_per_minute=1,
               tokens_per_minute=1, reason=reason),
    ]  # fmt: skip

    assert {code(outcome) for outcome in outcomes} == {"key_reason_missing"}
    assert house.changes() == before


def test_a_key_that_is_not_there_is_said_to_be_absent(house: House) -> None:
    nobody, store, now = UUID(int=5), house.store, house.now

    outcomes = [
        approve(store, now, None, nobody, WHY), take(store, now, house.developer, nobody, house.chance),
        rotate(store, now, None, nobody, DAY, WHY, house.chance), end(store, now, None, nobody, WHY),
        change(store, now, None, nobody, expires_at=now + DAY, requests_per_minute=0, tokens_per_minute=0, reason=WHY),
    ]  # fmt: skip

    assert {code(outcome) for outcome in outcomes} == {"key_absent"}


# -- rotation


def test_old_and_new_secret_hold_together_until_the_chosen_instant(house: House) -> None:
    old = house.active()
    house.now += DAY

    new = made(
        rotate(house.store, house.now, house.developer, old.kept.key_id, timedelta(hours=24), "定期", house.chance)
    )

    assert house.says(old.secret) == house.says(new.secret) == ""
    last = house.now + timedelta(hours=24) - timedelta(microseconds=1)
    assert house.says(old.secret, last) == ""
    assert house.says(old.secret, house.now + timedelta(hours=24)) == "key_replaced"
    assert house.says(new.secret, house.now + timedelta(hours=24)) == ""
    assert house.acts()[-1][2]["overlap_hours"] == 24


def test_without_overlap_the_old_secret_stops_at_once(house: House) -> None:
    old = house.active()

    new = made(rotate(house.store, house.now, house.admin, old.kept.key_id, timedelta(0), "漏えい", house.chance))

    assert house.says(old.secret) == "key_replaced"
    assert house.says(new.secret) == ""


def test_a_second_rotation_lengthens_no_life(house: House) -> None:
    first = house.active()
    second = made(rotate(house.store, house.now, None, first.kept.key_id, DAY, "失くした", house.chance))
    third = made(rotate(house.store, house.now, None, first.kept.key_id, 7 * DAY, "もう一度", house.chance))

    in_two_days = house.now + 2 * DAY
    assert [house.says(one.secret, in_two_days) for one in (first, second, third)] == ["key_replaced", "", ""]
    assert house.says(second.secret, house.now + 8 * DAY) == "key_replaced"


def test_an_old_secret_never_outlives_its_key(house: House) -> None:
    old = house.active(expires_at=house.now + 10 * DAY)

    made(rotate(house.store, house.now, house.developer, old.kept.key_id, 30 * DAY, WHY, house.chance))

    assert house.says(old.secret, house.now + 10 * DAY) == "key_expired"


def test_what_cannot_be_rotated(house: House) -> None:
    one, waiting = house.active().kept, house.asked(name="b")
    store, now = house.store, house.now

    assert code(rotate(store, now, house.owner, one.key_id, DAY, WHY, house.chance)) == "key_not_holder"
    assert code(rotate(store, now, house.developer, waiting.key_id, DAY, WHY, house.chance)) == "key_over"
    assert code(rotate(store, now + 91 * DAY, house.developer, one.key_id, DAY, WHY, house.chance)) == "key_over"
    assert code(rotate(store, now, house.developer, one.key_id, 31 * DAY, WHY, house.chance)) == "key_overlap_invalid"
    assert code(rotate(store, now, house.developer, one.key_id, -DAY, WHY, house.chance)) == "key_overlap_invalid"
    kept(end(store, now, None, one.key_id, WHY))
    assert code(rotate(store, now, house.developer, one.key_id, DAY, WHY, house.chance)) == "key_over"
    assert len(house.read(one.key_id).secrets) == 1


# -- change and end


def test_end_and_limits_are_changed_by_who_decides(house: House) -> None:
    one = house.active().kept
    later = house.now + 200 * DAY
    house.now += DAY

    came = change(
        house.store, house.now, house.owner, one.key_id, expires_at=later, requests_per_minute=120,
        tokens_per_minute=100_000, reason="夜間の量が倍になった",
    )  # fmt: skip

    after = kept(came).scope
    assert (after.expires_at, after.requests_per_minute, after.tokens_per_minute) == (later, 120, 100_000)
    facts = house.acts()[-1][2]
    assert facts["requests_per_minute"] == [60, 120]
    assert "tokens_per_minute" not in facts


def test_the_holder_does_not_widen_a_key(house: House) -> None:
    one = house.active(house.owner).kept

    for somebody in (house.owner, house.developer):
        came = change(
            house.store, house.now, somebody, one.key_id, expires_at=house.now + DAY, requests_per_minute=0,
            tokens_per_minute=0, reason=WHY,
        )  # fmt: skip
        assert code(came) in ("key_own_request", "key_not_yours")


@pytest.mark.parametrize(
    ("days", "requests", "expected"),
    [(0, 60, "key_span_ended"), (400, 60, "key_span_long"), (10, -1, "key_limit_invalid")],
)
def test_a_change_fits_or_is_refused(house: House, days: int, requests: int, expected: str) -> None:
    one = house.active().kept

    came = change(
        house.store, house.now, None, one.key_id, expires_at=house.now + days * DAY, requests_per_minute=requests,
        tokens_per_minute=0, reason=WHY,
    )  # fmt: skip

    assert code(came) == expected
    assert house.read(one.key_id).scope == one.scope


def test_a_key_that_is_over_does_not_come_back(house: House) -> None:
    one = house.active()
    house.now += 91 * DAY

    came = change(
        house.store, house.now, None, one.kept.key_id, expires_at=house.now + DAY, requests_per_minute=0,
        tokens_per_minute=0, reason=WHY,
    )  # fmt: skip

    assert code(came) == "key_over"
    assert house.says(one.secret) == "key_expired"


def test_a_revoked_key_is_refused_by_the_next_snapshot_whatever_the_clock_says(house: House) -> None:
    one = house.active()
    before = house.changes()
    held = house.snapshot()
    header = f"Bearer {one.secret}".encode()
    assert isinstance(held.find(header, None, house.now), Key)

    kept(end(house.store, house.now, house.developer, one.kept.key_id, "公開の場所に書いた"))

    assert house.changes() == before + 1  # what tells gateways to read anew
    with house.store.reading() as tx:
        held.replace(key_rows.standing(tx))
    for now in (house.now, house.now - 300 * DAY, house.now + 300 * DAY):
        came = held.find(header, None, now)
        assert isinstance(came, Refusal)
        assert came.code == "key_revoked"


def test_revoking_ends_all_secrets_of_a_rotating_key(house: House) -> None:
    old = house.active()
    new = made(rotate(house.store, house.now, None, old.kept.key_id, DAY, WHY, house.chance))

    kept(end(house.store, house.now, house.admin, old.kept.key_id, WHY))

    assert house.says(old.secret) == house.says(new.secret) == "key_revoked"


def test_ending_what_has_no_secret_is_withdrawing(house: House) -> None:
    asked, approved = house.asked(), house.asked(name="b")
    kept(approve(house.store, house.now, house.admin, approved.key_id, WHY))

    for one in (asked, approved):
        assert kept(end(house.store, house.now, house.developer, one.key_id, "不要になった")).state == "withdrawn"
    assert code(take(house.store, house.now, house.developer, approved.key_id, house.chance)) == "key_over"


def test_who_may_end_a_key(house: House) -> None:
    stranger = replace(house.developer, login="date")
    one, two = house.active().kept, house.active(name="b").kept

    assert code(end(house.store, house.now, stranger, one.key_id, WHY)) == "key_not_yours"
    kept(end(house.store, house.now, house.owner, one.key_id, WHY))
    assert code(end(house.store, house.now, house.owner, one.key_id, WHY)) == "key_over"
    kept(end(house.store, house.now, house.admin, two.key_id, WHY))


def test_an_expired_key_can_still_be_revoked(house: House) -> None:
    one = house.active().kept
    house.now += 91 * DAY

    assert kept(end(house.store, house.now, house.developer, one.key_id, "念のため")).state == "revoked"


# -- secrets stay secret


def test_no_secret_stands_in_the_database_the_evidence_the_log_or_a_repr(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        first = house.active()
        second = made(
            rotate(house.store, house.now, None, first.kept.key_id, DAY, f"漏れた {first.secret}", house.chance)
        )
        pasted = house.asked(name="pasted")
        kept(refuse(house.store, house.now, house.admin, pasted.key_id, f"{second.secret} を使ってください"))

    with house.store.transaction() as tx:
        tables = [row[0] for row in tx.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        dump = "".join(str(tx.execute(f"SELECT array_agg(t::text) FROM {table} t").fetchone()) for table in tables)
    told = (dump, json.dumps(house.acts(), default=str), caplog.text, repr(first), repr(second), repr(house.snapshot()))
    for made_key in (first, second):
        assert all(made_key.secret[:-4] not in one for one in told)
        assert all(made_key.secret[3:-4] not in one for one in told)
        assert sha256(made_key.secret.encode()).hexdigest() in dump
    assert f"jk_…{first.secret[-4:]}" in dump


def test_every_act_has_its_words() -> None:
    source = Path(keeping_keys.__file__).read_text("utf-8")
    acts = set(
        re.findall(r"\"(key_(?:asked|made|approved|refused|secret_made|rotated|changed|revoked|withdrawn))\"", source)
    )

    assert len(acts) == 9
    assert [act for act in acts if not has_text(f"evidence.act.{act}")] == []


def test_evidence_and_key_stand_or_fall_together(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> None:
        raise RuntimeError("no evidence")

    one = house.asked()
    monkeypatch.setattr(keeping_keys.evidence, "append", broken)
    steps: list[Callable[[], object]] = [
        lambda: house.asked(name="b"),
        lambda: approve(house.store, house.now, house.admin, one.key_id, WHY),
        lambda: make(house.store, house.now, house.scope("c"), "x", house.chance),
        lambda: end(house.store, house.now, house.admin, one.key_id, WHY),
    ]

    for step in steps:
        with pytest.raises(RuntimeError):
            step()
    with house.store.reading() as tx:
        assert [(k.scope.name, k.state) for k in key_rows.everything(tx)] == [("triage-batch", "asked")]

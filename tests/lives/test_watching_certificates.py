"""Every cause that voids, through the database with booked calls; what follows; and that these checks can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Thread
from uuid import UUID

import pytest
from life_parts import BIG, HASHES, SITES, SMALL, TASK, World, causes_found, code, running

from jitsuri.access.records import people as person_rows
from jitsuri.flows.cold import freezing_worlds, watching_certificates
from jitsuri.flows.cold.auditing import record_audit_difference
from jitsuri.flows.cold.keeping_variants import set_data_rule
from jitsuri.flows.cold.sealing import check_chain, seal
from jitsuri.flows.cold.viewing.opening_lives import after_told, cause_told
from jitsuri.flows.cold.watching_certificates import watch
from jitsuri.rightsizing.records import audits as audit_rows
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.records.audits import AuditAnswer
from jitsuri.rightsizing.rules import watching
from jitsuri.rightsizing.rules.auditing import audit_attempt
from jitsuri.rightsizing.shapes.lives import Audited, Cause, CauseCode, Life, Look
from jitsuri.rightsizing.shapes.lives import World as Frozen
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Canary, DataRule, Target
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.words import LANGUAGES

USUAL_MIX = ((300, 0.5), (800, 0.3), (3000, 0.2))
OTHER_MIX = ((300, 0.3), (800, 0.3), (3000, 0.4))


def model_changes(world: World) -> None:
    running(world)
    assert world.look() == []
    world.book(world.now, 1, answered="gpt-small-2026-12-01")


def model_of_the_baseline_changes(world: World) -> None:
    world.book(world.now - timedelta(days=1), 5, model="gpt-big")
    running(world, is_full=False)
    assert world.look() == []
    world.book(world.now, 2, model="gpt-big", answered="gpt-big-2")


def prompt_changes(world: World) -> None:
    world.book(world.now - timedelta(days=10), 30, model="gpt-big")
    world.book(world.now - timedelta(days=2), 30, model="gpt-big")
    running(world)
    world.book(world.now, 30)
    world.now += timedelta(minutes=1)
    assert world.look() == []
    world.book(world.now, 30, prompt="other")
    world.now += timedelta(minutes=1)


def price_changes(world: World) -> None:
    running(world)
    world.use_prices(("0.17", "0.60"))
    assert world.look() == [], "13 % are within the limit"
    world.use_prices(("0.19", "0.60"))


def announced_price_is_reached(world: World) -> None:
    world.use_prices(later=(date(2026, 12, 10), "0.30", "1.20"))
    running(world)
    assert world.look(days=10) == []
    world.now += timedelta(days=4)


def price_goes(world: World) -> None:
    running(world)
    world.use_prices(is_known=False)


def variant_is_changed_by_hand(world: World) -> None:
    running(world)
    world.set_by_hand(
        Target("openai", "gpt-small"), fallbacks=(Target("openai", "gpt-big"), Target("azure-jp", "gpt-x"))
    )
    assert world.look() == [], "fall-backs are the owner's"
    world.set_by_hand(Target("azure-jp", "gpt-x"))


def cap_is_changed_by_hand(world: World) -> None:
    running(world)
    world.set_by_hand(Target("openai", "gpt-small"), cap=50)


def canary_is_ended_by_hand(world: World) -> None:
    running(world, is_full=False)
    world.set_by_hand(Target("openai", "gpt-big"), canary=Canary(Target("openai", "gpt-small"), 500))
    assert world.look() == [], "the share is the owner's"
    world.set_by_hand(Target("openai", "gpt-big"))


def mix_drifts(world: World) -> None:
    first = date(2026, 10, 27)
    world.book_days(first, 31, 200, USUAL_MIX, model="gpt-big")
    assert isinstance(world.forced(), Life)
    assert isinstance(world.full(), Life)
    world.book_days(date(2026, 11, 28), 5, 200, USUAL_MIX)
    assert world.look(days=6) == []
    world.book_days(date(2026, 12, 3), 3, 200, OTHER_MIX)
    world.now += timedelta(days=3)


def audit_finds_it_worse(world: World) -> None:
    running(world)
    judged(world, [0.0, -1.0] * 3)
    assert world.look() == []
    judged(world, [-1.0, 0.0] * 15, first=6)


def it_expires(world: World) -> None:
    running(world)
    world.now += timedelta(days=120)


def data_rule_forbids(world: World) -> None:
    number = world.filed(proposed="azure-jp/gpt-mini", seed=21)
    world.approve(number)
    world.number = number
    assert isinstance(world.forced(), Life)
    rule = DataRule(TASK, vendors=("openai",))
    set_data_rule(world.store, world.now, "aoki", rule, "社内の決まり", SITES)


def upstream_goes(world: World) -> None:
    number = world.filed(proposed="azure-jp/gpt-mini", seed=22)
    world.approve(number)
    world.number = number
    assert isinstance(world.forced(), Life)
    world.around = replace(world.around, sites={name: site for name, site in SITES.items() if name != "azure-jp"})


CASES: dict[str, tuple[Callable[[World], None], CauseCode]] = {
    "model": (model_changes, "model_changed"),
    "baseline's model": (model_of_the_baseline_changes, "model_changed"),
    "prompt": (prompt_changes, "prompt_changed"),
    "price": (price_changes, "price_changed"),
    "announced price": (announced_price_is_reached, "price_changed"),
    "price gone": (price_goes, "price_gone"),
    "variant": (variant_is_changed_by_hand, "variant_changed"),
    "cap": (cap_is_changed_by_hand, "variant_changed"),
    "canary ended": (canary_is_ended_by_hand, "variant_changed"),
    "mix": (mix_drifts, "mix_drifted"),
    "audit": (audit_finds_it_worse, "audit_worse"),
    "expiry": (it_expires, "expired"),
    "data rule": (data_rule_forbids, "data_rule_forbids"),
    "upstream gone": (upstream_goes, "target_gone"),
}
BY_HAND = {"variant", "cap", "canary ended"}


def judged(world: World, differences: list[float], first: int = 0) -> None:
    """Answered calls of the audit, judged in their order."""
    for n, difference in enumerate(differences, first):
        call = derived_id("call", f"audit {n}")
        with world.store.transaction() as tx:
            at = world.now + timedelta(seconds=n)
            drawn = Audited(
                world.number, call, at, "new_answered", BIG, audit_attempt(world.number, call), "asked", None, ""
            )
            audit_rows.draw(tx, TASK, [drawn], at)
            audit_rows.keep_answer(
                tx, AuditAnswer(drawn.attempt_id, "answered", at, "", None, "", None, "gpt-big", None, 10)
            )
            assert record_audit_difference(tx, at, "doi", world.number, call, difference, "people") is None


def is_voided(world: World, name: str) -> None:
    """The check of one case: the certificate is void for this cause, once, with what followed, and says so in both languages."""
    change, expected = CASES[name]
    change(world)
    came = world.look()
    assert causes_found(came) == [expected]
    event = world.life().voided
    assert event is not None
    assert (event.code, event.author, event.door) == (expected, "system", "watch")
    assert {"before", "after", "followed", "all", "asked"} <= set(event.facts)
    for lang in LANGUAGES:
        told = cause_told(event.code, event.facts, lang)
        assert told
        assert "{" not in told
        if expected not in ("data_rule_forbids", "target_gone"):
            assert str(event.facts["before"]) in told
            assert str(event.facts["after"]) in told
        assert not any(word in told for word in ("asked", "rolled_back", "not_needed", "impossible"))
        assert after_told(event, world.life().world, lang)
    assert world.look() == [], "it is void once"


@pytest.mark.parametrize("name", CASES)
def test_each_cause_voids_and_rolls_back_by_itself(store: Store, name: str) -> None:
    world = World(store)
    is_voided(world, name)
    life = world.life()
    if name in BY_HAND:
        assert life.state == "voided"
        assert life.asks == (name == "cap"), (
            "what somebody set by hand is not taken back; the owner is asked where it still answers"
        )
        return
    assert life.state == "rolled_back"
    assert world.variant()[:2] == (BIG, "")
    assert sorted(world.acts()[-2:]) == ["certificate_rolled_back", "certificate_voided"], "at one instant"
    assert seal(store, world.now) > 0
    assert check_chain(store)


@pytest.mark.parametrize("name", ["model", "price", "expiry", "audit"])
def test_each_cause_voids_and_asks(store: Store, name: str) -> None:
    world = World(store, rollback="ask")
    is_voided(world, name)
    life = world.life()
    assert (life.state, life.asks) == ("voided", True)
    assert life.voided is not None
    assert life.voided.facts["asked"] == ["doi"]
    assert world.variant() == (SMALL, "", (BIG,)), "nobody touched it"
    assert code(world.back("ema")) == "life_not_yours"
    back = world.back("fuji")
    assert isinstance(back, Life)
    assert back.state == "rolled_back"
    assert world.variant() == (BIG, "", ())


def test_the_owner_may_keep_it_with_a_reason(store: Store) -> None:
    world = World(store, rollback="ask")
    running(world)
    assert code(world.kept()) == "life_not_now"
    world.use_prices(("0.30", "0.60"))
    world.look()
    assert code(world.kept(reason="")) == "life_reason_missing"
    kept = world.kept(reason="交渉中")
    assert isinstance(kept, Life)
    assert (kept.state, kept.asks, kept.events[-1].reason) == ("kept", False, "交渉中")
    assert world.variant() == (SMALL, "", (BIG,))
    assert world.look(days=1) == []
    assert code(world.back()) == "life_not_now"


def test_where_the_owner_has_left_others_are_asked(store: Store) -> None:
    world = World(store, rollback="ask")
    running(world)
    with store.transaction() as tx:
        person_rows.set_active(tx, world.people["doi"].person_id, False)
    world.use_prices(("0.30", "0.60"))
    (voided,) = world.look()
    assert voided.life.voided is not None
    assert voided.life.voided.facts["asked"] == ["fuji"]


def test_a_rollback_that_cannot_be_leaves_the_variant_and_says_so(store: Store) -> None:
    world = World(store)
    world.set_by_hand(Target("azure-jp", "gpt-big"))
    world.number = world.filed(today="azure-jp/gpt-big", seed=31)
    world.approve(world.number)
    running(world)
    world.around = replace(world.around, sites={"openai": SITES["openai"]})
    world.use_prices(("0.30", "0.60"))
    (voided,) = world.look()
    assert (voided.after, voided.life.state, voided.life.asks) == ("impossible", "voided", True)
    assert world.variant() == (SMALL, "", ("azure-jp/gpt-big",))
    assert voided.life.voided is not None
    assert all(after_told(voided.life.voided, voided.life.world, lang) for lang in LANGUAGES)
    assert code(world.back()) == "target_upstream_unknown"


def test_two_watchers_at_once_void_once(store: Store) -> None:
    world = World(store)
    price_changes(world)
    came: list[int] = []
    ready = Barrier(2)

    def look() -> None:
        ready.wait()
        came.append(len(watch(store, world.now, world.around)))

    threads = [Thread(target=look) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(came) == [0, 1]
    assert [event.event for event in world.life().events] == ["canary", "full", "voided", "rolled_back"]


def test_a_watch_that_dies_in_the_middle_has_done_nothing_and_the_next_one_does_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store)
    price_changes(world)
    written = life_rows.append
    calls = []

    def dies_at_the_second(tx: object, force: object) -> bool:
        calls.append(force)
        if len(calls) == 2:
            raise RuntimeError("killed between voiding and rolling back")
        return written(tx, force)  # type: ignore[arg-type]

    monkeypatch.setattr(life_rows, "append", dies_at_the_second)
    with pytest.raises(RuntimeError):
        world.look()
    monkeypatch.undo()
    assert world.life().state == "full"
    assert world.variant() == (SMALL, "", (BIG,))
    assert causes_found(world.look()) == ["price_changed"]
    assert world.life().state == "rolled_back"


def test_a_quiet_world_voids_nothing(store: Store) -> None:
    world = World(store)
    world.book_days(date(2026, 10, 28), 30, 120, USUAL_MIX, model="gpt-big")
    assert isinstance(world.forced(), Life)
    assert isinstance(world.full(), Life)
    for week in range(3):
        world.book_days(date(2026, 11, 28) + timedelta(days=7 * week), 7, 120, USUAL_MIX)
        assert world.look(days=7) == []
    with store.reading() as tx:
        days = life_rows.mix_days(tx, world.number)
    assert len(days) >= 28 + 20
    assert sum(day.calls for day in days) == 120 * len(days), "a day is counted once and whole"


def test_a_task_with_too_little_before_is_watched_when_it_has_enough(store: Store) -> None:
    world = running(World(store))
    world.book_days(date(2026, 11, 28), 28, 120, USUAL_MIX)
    assert world.look(days=29) == []
    world.book_days(date(2026, 12, 26), 4, 120, OTHER_MIX)
    assert causes_found(world.look(days=5)) == ["mix_drifted"]


def test_an_alias_that_had_not_answered_before_is_known_by_its_first_answer(store: Store) -> None:
    world = World(store)
    assert isinstance(world.forced(), Life)
    world.book(world.now, 2, answered="gpt-small-2026-07-01")
    world.now += timedelta(minutes=1)
    assert world.look() == []
    world.book(world.now + timedelta(days=9), 1, answered="gpt-small-2026-11-30")
    assert causes_found(world.look(days=9, minutes=1)) == ["model_changed"]


def test_an_alias_that_was_exchanged_since_the_trial_voids_with_its_first_answer(store: Store) -> None:
    world = World(store)
    world.book(world.now - timedelta(days=5), 4, answered="gpt-small-2026-07-01", purpose="evaluation")
    begun = world.forced()
    assert isinstance(begun, Life)
    assert begun.world is not None
    assert begun.world.models[SMALL] == ("gpt-small-2026-07-01",)
    assert world.look() == []
    world.book(world.now, 1, answered="gpt-small-2026-11-26")
    assert causes_found(world.look(minutes=1)) == ["model_changed"]


def test_what_is_wrong_with_one_certificate_does_not_blind_the_look_at_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = running(World(store))
    world.use_prices(("0.30", "0.60"))
    real, standing = watching_certificates.life_rows.in_force, world.life()

    def with_a_broken_one(tx: object, task: str | None = None) -> list[Life]:
        return [replace(standing, number="JR-2026-9999"), *real(tx, task)]  # type: ignore[arg-type]

    monkeypatch.setattr(watching_certificates.life_rows, "in_force", with_a_broken_one)
    with pytest.raises(AssertionError):
        world.look()
    assert world.life().state == "rolled_back"


def frozen(**changes: object) -> tuple[Frozen, Look]:
    """A world and a look that agree."""
    prices = {BIG: None, SMALL: None}
    made = Frozen(
        at=freezing_worlds.midnight(date(2026, 11, 27)), today=f"{BIG}#p1", proposed=f"{SMALL}#p2", variant_version=1,
        before={"most_output_tokens": 0}, models={}, prompts={}, fresh_percent=0, prices=prices, usd_jpy=None,
        price_limit_percent=20, audit_percent=Decimal(1), valid_until=None, mix_days=0,
    )  # fmt: skip
    look = Look(date(2026, 11, 28), (f"{BIG}#p1", f"{SMALL}#p2", 2), 0, {}, {}, dict(prices), {})
    return made, replace(look, **changes)  # type: ignore[arg-type]


def test_another_version_of_the_prompt_voids() -> None:
    assert watching.causes(*frozen(), is_full=False) == ()
    found = watching.causes(*frozen(variant=(f"{BIG}#p1", f"{SMALL}#p3", 3)), is_full=False)
    assert [one.code for one in found] == ["prompt_version_changed"]
    found = watching.causes(*frozen(variant=(f"{SMALL}#p4", "", 3)), is_full=True)
    assert [one.code for one in found] == ["prompt_version_changed"]
    assert watching.causes(*frozen(variant=(f"{SMALL}#p2", "", 3)), is_full=True) == ()


def test_a_way_with_a_prompt_of_the_task_from_its_force_to_its_rollback(store: Store) -> None:
    world = World(store)
    with store.transaction() as tx:
        for words in ("分類してください。", "三つに分類してください。"):
            routing_rows.add_prompt(tx, TASK, words, "aoki", "はじめ", world.now)
    missing = world.filed(proposed=f"{SMALL}#p9", seed=51)
    world.approve(missing)
    assert code(world.forced(number=missing)) == "prompt_unknown"
    world.number = world.filed(proposed=f"{BIG}#p1", seed=52)
    world.approve(world.number)
    begun = world.forced()
    assert isinstance(begun, Life), begun
    assert isinstance(world.full(), Life)
    world.book(world.now + timedelta(seconds=5), 3, model="gpt-big")
    assert world.look(minutes=1) == []
    world.set_by_hand(Target("openai", "gpt-big"), prompt=2)
    assert causes_found(world.look()) == ["prompt_version_changed"]
    assert world.life().asks is False, "somebody has set another way: nothing is asked"

    world.set_by_hand(Target("openai", "gpt-big"))
    world.number = world.filed(proposed=f"{SMALL}#p2", seed=53)
    world.approve(world.number)
    running(world)
    with store.reading() as tx:
        assert routing_rows.variants(tx)[TASK][0].prompt == 2
    assert isinstance(world.back(), Life)
    with store.reading() as tx:
        assert routing_rows.variants(tx)[TASK][0].prompt == 0


def test_prompts_that_differ_by_call_are_not_watched() -> None:
    world, look = frozen(prompts={f"{n:032x}": 1 for n in range(60)})
    busy = Frozen(
        **{
            **{name: getattr(world, name) for name in world.__struct_fields__},
            "prompts": {"aa": 5},
            "fresh_percent": 80,
        }
    )
    assert watching.causes(busy, look, is_full=False) == ()


def test_prompts_of_gateway_calls_are_known_by_their_kept_requests(store: Store, tmp_path: Path) -> None:
    world = World(store)
    (tmp_path / "text.key").write_text("cd" * 32, "ascii")
    world.around = replace(world.around, key_folder=tmp_path)
    world.book(world.now - timedelta(days=9), 15, model="gpt-big", prompt="bare", texts=tmp_path)
    world.book(world.now - timedelta(days=2), 15, model="gpt-big", prompt="bare", texts=tmp_path)
    running(world)
    world.book(world.now, 30, prompt="bare", texts=tmp_path)
    world.now += timedelta(minutes=1)
    assert world.look() == []
    world.book(world.now, 30, prompt="bare", texts=tmp_path, system="Sort differently.")
    assert causes_found(world.look(minutes=1)) == ["prompt_changed"]
    (tmp_path / "text.key").unlink()
    with store.reading() as tx:
        seen = freezing_worlds.look(tx, world.now, world.life(), 0.05, world.around)
    assert dict(seen.prompts) == {HASHES["usual"]: 3}, "a lost key blinds this look to kept requests, and ends none"


# -- mutants: a watch that does nothing, and one that is blind to one cause, must turn these checks red


@pytest.mark.parametrize("name", ["model", "price", "expiry"])
def test_a_watch_that_does_nothing_is_found_out(store: Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching_certificates, "causes", lambda *_, **__: ())
    with pytest.raises(AssertionError):
        is_voided(World(store), name)


@pytest.mark.parametrize("name", CASES)
def test_a_watch_that_is_blind_to_one_cause_is_found_out(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, hidden = watching.causes, CASES[name][1]

    def blind(world: Frozen, look: Look, *, is_full: bool) -> tuple[Cause, ...]:
        return tuple(cause for cause in real(world, look, is_full=is_full) if cause.code != hidden)

    monkeypatch.setattr(watching_certificates, "causes", blind)
    with pytest.raises(AssertionError):
        is_voided(World(store), name)


def test_an_audit_counts_in_drawn_order_and_waits_for_who_was_left_out() -> None:
    made = [
        Audited("JR-2026-0001", UUID(int=n), freezing_worlds.midnight(date(2026, 11, 1)), "new_answered", BIG, UUID(int=n),
                state, difference, source)  # type: ignore[arg-type]
        for n, (state, difference, source) in enumerate(
            [("answered", -1.0, "people"), ("failed", None, ""), ("answered", None, "people"), ("answered", 0.5, "judge:a"),
             ("answered", None, ""), ("answered", -1.0, "people")]
        )
    ]  # fmt: skip
    assert freezing_worlds.differences(made) == [-1.0, 0.5]

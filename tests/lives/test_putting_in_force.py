"""Putting in force: only what is approved, in one transaction with the variant, one certificate per task, nobody overtaken."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier, Thread

import pytest
from life_parts import BIG, SMALL, TASK, World, code, running

from jitsuri.access.records import people as person_rows
from jitsuri.evidence import records as evidence_rows
from jitsuri.flows.cold import putting_in_force as flow
from jitsuri.flows.cold.keeping_variants import set_data_rule
from jitsuri.rightsizing.shapes.lives import Life
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Canary, DataRule, Site, Target, Variant
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def test_a_canary_then_everything_then_back(world: World) -> None:
    begun = world.forced(percent="2.5")
    assert isinstance(begun, Life)
    assert (begun.state, begun.per_mille, begun.rollback) == ("canary", 25, "automatic")
    assert world.variant() == (BIG, SMALL, ())

    full = world.full()
    assert isinstance(full, Life)
    assert (full.state, full.per_mille) == ("full", 1000)
    assert world.variant() == (SMALL, "", (BIG,)), "today's is the first fall-back"

    back = world.back()
    assert isinstance(back, Life)
    assert [event.event for event in back.events] == ["canary", "full", "rolled_back"]
    assert world.variant() == (BIG, "", ())
    assert world.acts() == ["certificate_canary", "certificate_full", "certificate_rolled_back"]
    assert code(world.forced()) == "life_not_now", "nothing comes back to life"


def test_the_share_and_the_choice_can_be_changed_and_the_world_stays_frozen(world: World) -> None:
    first = world.forced()
    world.rollback = "ask"
    second = world.forced(percent="20")
    assert isinstance(first, Life)
    assert isinstance(second, Life)
    assert (second.per_mille, second.rollback, second.world) == (200, "ask", first.world)
    world.rollback = "automatic"
    third = world.forced(percent="20")
    assert isinstance(third, Life)
    assert third.rollback == "automatic", "the choice alone"
    assert code(world.forced(percent="20")) == "variant_unchanged"


def test_the_world_is_frozen(world: World) -> None:
    world.book(world.now - timedelta(days=3), 5, model="gpt-big", answered="gpt-big-2026-08-01")
    world.book(world.now - timedelta(days=40), 5, model="gpt-big", answered="gpt-big-2025-01-01")
    world.book(world.now - timedelta(days=2), 2, model="gpt-big", answered="gpt-big-2026-08-01", prompt="other")
    begun = world.forced()
    assert isinstance(begun, Life)
    frozen = begun.world
    assert frozen is not None
    assert (frozen.today, frozen.proposed) == (BIG, SMALL)
    assert dict(frozen.models) == {BIG: ("gpt-big-2026-08-01",), SMALL: ()}
    assert dict(frozen.prompts) == {"a1" * 16: 5, "b2" * 16: 2}
    assert {way: str(price) for way, price in frozen.prices.items()} == {BIG: "2.5 / 10 USD", SMALL: "0.15 / 0.6 USD"}
    assert frozen.before["targets"] == [BIG]
    assert (frozen.price_limit_percent, str(frozen.audit_percent), frozen.mix_days) == (20, "1", 2)
    assert frozen == world.life().world, "and read back it is the same"


@pytest.mark.parametrize("last", [None, "return", "reject", "withdraw"])
def test_what_is_not_approved_is_refused(world: World, last: str | None) -> None:
    number = world.filed(seed=8)
    if last is not None:
        world.approve(number, last)  # type: ignore[arg-type]
    assert code(world.forced(number=number)) == "life_unapproved"
    assert world.variant() == (BIG, "", ())
    assert world.acts() == []


def test_what_was_approved_must_be_this_document(world: World) -> None:
    with world.store.transaction() as tx:
        tx.execute("UPDATE approvals_matters SET fingerprint = 'another'")
    assert code(world.forced()) == "life_unapproved"


def test_an_expired_certificate_is_refused(world: World) -> None:
    world.now += timedelta(days=120)
    assert code(world.forced()) == "life_expired"


def test_who_may_not_is_refused_and_nothing_is_written(world: World) -> None:
    for login in ("baba", "chiba", "ema"):
        assert code(world.forced(login)) == "life_not_yours"
    assert code(world.forced("nobody")) == "person_unknown"
    with world.store.transaction() as tx:
        person_rows.set_active(tx, world.people["doi"].person_id, False)
    assert code(world.forced("doi")) == "person_unknown"
    assert world.life().state == "none"


@pytest.mark.parametrize(
    ("proposed", "expected"),
    [("gpt-small", "life_way_unreadable"), ("nowhere/gpt-small", "target_upstream_unknown")],
)
def test_a_way_that_is_no_configured_target_is_refused(world: World, proposed: str, expected: str) -> None:
    number = world.filed(proposed=proposed, seed=9)
    world.approve(number)
    assert code(world.forced(number=number)) == expected


def test_a_way_that_the_data_rule_forbids_is_refused(world: World) -> None:
    set_data_rule(world.store, world.now, "aoki", DataRule(TASK, regions=("jp",)), "国内だけ", world.around.sites)  # type: ignore[arg-type]
    assert code(world.forced()) == "target_forbidden"


def test_the_baseline_must_be_what_answers_today(world: World) -> None:
    world.set_by_hand(Target("azure-jp", "gpt-big"))
    assert code(world.forced()) == "life_baseline_moved"
    world.set_by_hand(Target("openai", "gpt-small"))
    assert code(world.forced()) == "life_already_answers"
    world.set_by_hand(Target("openai", "gpt-big"), canary=Canary(Target("azure-jp", "gpt-x"), 50))
    assert code(world.forced()) == "life_canary_stands"
    assert world.life().state == "none"


def test_a_variant_that_moved_since_the_page_was_shown_is_refused(world: World) -> None:
    assert code(world.forced(seen_variant=7)) == "variant_moved"
    assert code(world.forced(seen=1)) == "life_moved_on"
    assert world.variant() == (BIG, "", ())


def test_two_owners_at_once_one_is_refused(world: World) -> None:
    came: dict[str, object] = {}
    ready = Barrier(2)

    def act(login: str) -> None:
        ready.wait()
        came[login] = flow.put_in_force(
            world.store, world.now, flow.Owner(login, "console"), world.number, "5", "ask",
            flow.Wish("切り替える", seen=0, seen_variant=1), world.around,
        )  # fmt: skip

    threads = [Thread(target=act, args=(login,)) for login in ("doi", "fuji")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    refused = [one for one in came.values() if isinstance(one, Refusal)]
    assert [code(one) for one in refused] == ["life_moved_on"]
    assert world.life().sequence == 1
    assert world.acts() == ["certificate_canary"]


def test_a_newer_certificate_takes_the_place_of_the_older(world: World) -> None:
    assert isinstance(world.forced(), Life)
    newer = world.filed(proposed="azure-jp/gpt-mini", seed=11)
    world.approve(newer)
    came = world.forced(number=newer)
    assert isinstance(came, Life), came
    assert came.world is not None
    assert came.world.today == BIG
    older = world.life()
    assert (older.state, older.events[-1].code) == ("ended", "replaced")
    assert world.variant() == (BIG, "azure-jp/gpt-mini", ())


def test_event_evidence_and_variant_stand_or_fall_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the machine stops here")

    monkeypatch.setattr(flow.life_rows, "append", broken)
    with pytest.raises(RuntimeError):
        world.forced()
    monkeypatch.undo()
    assert world.variant() == (BIG, "", ())
    assert world.life().state == "none"
    with world.store.reading() as tx:
        acts = [one.record.act for one in evidence_rows.recent(tx, 100)]
    assert acts.count("variant_set") == 1, "only the one by hand"
    assert "certificate_canary" not in acts


def test_full_is_refused_where_the_next_look_would_void(world: World) -> None:
    assert isinstance(world.forced(), Life)
    world.use_prices(("0.45", "0.60"))
    assert code(world.full()) == "life_void_now"
    assert world.variant() == (BIG, SMALL, ())


def test_back_needs_a_reason_and_returns_the_fallbacks_that_still_exist(world: World) -> None:
    world.set_by_hand(
        Target("openai", "gpt-big"), fallbacks=(Target("azure-jp", "gpt-x"), Target("openai", "gpt-old")), cap=500
    )
    running(world)
    assert world.variant() == (SMALL, "", (BIG, "azure-jp/gpt-x", "openai/gpt-old"))
    assert code(world.back(reason=" ")) == "life_reason_missing"
    world.around = replace(
        world.around, sites={name: site for name, site in world.around.sites.items() if name != "azure-jp"}
    )
    assert isinstance(world.back(), Life)
    assert world.variant() == (BIG, "", ("openai/gpt-old",))


def test_who_is_asked_is_the_owner_then_the_department_then_the_administrators(world: World) -> None:
    def asked() -> list[str]:
        with world.store.reading() as tx:
            return [one.login for one in flow.asked_people(tx, routing_rows.tasks(tx)[TASK])]

    def leaves(login: str) -> None:
        with world.store.transaction() as tx:
            person_rows.set_active(tx, world.people[login].person_id, False)

    assert asked() == ["doi"]
    leaves("doi")
    assert asked() == ["fuji"], "an owner of the same department"
    leaves("fuji")
    assert asked() == ["aoki"]


def test_what_an_owner_put_in_force_stays_when_they_leave(world: World) -> None:
    running(world)
    with world.store.transaction() as tx:
        person_rows.set_active(tx, world.people["doi"].person_id, False)
    assert world.look() == []
    assert world.life().state == "full"
    world.now += timedelta(days=120)
    world.rollback = "ask"
    (voided,) = world.look()
    assert voided.life.voided is not None
    assert isinstance(world.back("fuji") if voided.life.asks else voided.life, Life)


def test_a_date_of_the_certificate_is_its_last_day(world: World) -> None:
    number = world.filed(seed=12, valid_until=date(2026, 11, 27))
    world.approve(number)
    assert isinstance(world.forced(number=number), Life)


def test_sites_are_those_of_the_settings(world: World) -> None:
    site = Site("mine", "mine", "jp", "never", True, ())
    world.around = replace(world.around, sites={**world.around.sites, "mine": site})
    number = world.filed(proposed="mine/swallow", seed=13)
    world.approve(number)
    came = world.forced(number=number)
    assert isinstance(came, Life), came
    assert came.world is not None
    assert came.world.prices["mine/swallow"] is None
    assert isinstance(Variant(TASK, Target("mine", "swallow")), Variant)

"""Canaries: a share of a task's threads goes another way first, each thread always the same one; and the way back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitsuri.calls.rules.identifying import named_thread
from jitsuri.evidence import records as evidence_rows
from jitsuri.flows.cold.keeping_variants import Decided, change_canary, roll_back, set_data_rule, set_variant
from jitsuri.flows.cold.pinning import pin
from jitsuri.routing import records as routing_rows
from jitsuri.routing.live import Table
from jitsuri.routing.rules.choosing import is_in, plan, side_of
from jitsuri.routing.rules.setting import canary_of, in_full, percent_of, without_canary
from jitsuri.routing.shapes import Canary, DataRule, Plan, Site, Target, Task, Variant
from jitsuri.store.door import Store
from jitsuri.terms.ids import ordered_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, sentence

NOW = datetime(2026, 11, 27, 5, tzinfo=UTC)
SITES = {
    "openai": Site("openai", "openai", "us", "allowed", False, ("gpt-*",)),
    "house": Site("house", "house", "jp", "unknown", True, ("swallow",)),
    "local": Site("local", "local", "jp", "never", True, ()),
}
BIG, TINY, HOUSE = Target("openai", "gpt-big"), Target("openai", "gpt-tiny"), Target("house", "swallow")
TASKS = {"triage": Task("triage", "分類", "Triage", "", "", "production", "internal", Decimal("0.05"), NOW)}
VARIANT = Variant("triage", BIG, (HOUSE,), 500, Canary(TINY, 50))
_RANDOM = Random(5)


def planned(variant: Variant = VARIANT, rule: DataRule | None = None, model: str = "task:triage") -> Plan:
    came = plan(model, "triage", TASKS, {"triage": variant}, {"triage": rule} if rule else {}, SITES)
    assert isinstance(came, Plan)
    return came


def lone_thread() -> UUID:
    return ordered_id(1_795_000_000_000 + _RANDOM.randrange(10**9), _RANDOM.randbytes(10))


# -- planning


def test_the_canarys_share_is_asked_first_and_falls_back_to_the_rest() -> None:
    whole = planned()

    assert whole.targets == (BIG, HOUSE)
    assert whole.canary is not None
    assert whole.canary.targets == (TINY, BIG, HOUSE)
    assert (whole.per_mille, whole.canary.per_mille, whole.canary.most_output_tokens) == (50, 0, 500)
    assert whole.canary.canary is None


def test_a_fall_back_may_be_the_canary_and_is_asked_once() -> None:
    came = planned(Variant("triage", BIG, (HOUSE, TINY), canary=Canary(HOUSE, 10))).canary

    assert came is not None
    assert came.targets == (HOUSE, BIG, TINY)


def test_a_model_named_by_the_caller_has_no_canary() -> None:
    assert planned(model="gpt-big").canary is None


def test_a_data_rule_goes_before_the_canary_and_says_why() -> None:
    variant = Variant("triage", HOUSE, canary=Canary(TINY, 500))
    came = planned(variant, DataRule("triage", is_on_premises_only=True))

    assert came.canary is None
    assert [(out.what, out.code) for out in came.dropped] == [("openai/gpt-tiny", "not_on_premises")]


def test_the_other_way_round_the_canary_alone_does_not_answer() -> None:
    variant = Variant("triage", BIG, canary=Canary(HOUSE, 500))
    came = plan(
        "task:triage", "triage", TASKS, {"triage": variant}, {"triage": DataRule("triage", regions=("jp",))}, SITES
    )

    assert isinstance(came, Refusal), "nobody said that it may answer everything"
    assert came.code == "no_target_allowed"


@pytest.mark.parametrize("name", ["lone", "named"])
@pytest.mark.parametrize("per_mille", [1, 50, 500, 999])
def test_so_many_threads_of_a_thousand(name: str, per_mille: int) -> None:
    threads = [lone_thread() if name == "lone" else named_thread(f"case-{n}") for n in range(20_000)]
    found = sum(is_in(thread, per_mille) for thread in threads)
    expected = 20_000 * per_mille / 1000

    assert abs(found - expected) <= 5 * (expected * (1 - per_mille / 1000)) ** 0.5 + 1  # five standard deviations


@given(st.uuids(), st.integers(1, 999), st.integers(0, 998))
def test_a_thread_stays_on_its_side_while_the_share_grows(thread: UUID, one: int, more: int) -> None:
    assert is_in(thread, one) <= is_in(thread, min(999, one + more))
    assert not is_in(thread, 0)
    assert is_in(thread, 1000)


def test_a_threads_calls_go_one_way_through_any_table() -> None:
    thread = named_thread("case-7")
    sides = set()
    for _ in range(3):
        table = Table(SITES)
        table.replace(TASKS, {"triage": VARIANT}, {})
        whole = table.plan("task:triage", "", "")
        assert isinstance(whole, Plan)
        assert side_of(whole, thread) in (whole, whole.canary)
        sides.add(side_of(whole, thread).targets)
        assert table.named_at("openai") == ["gpt-big", "gpt-tiny"]
    assert len(sides) == 1


# -- reading


@pytest.mark.parametrize(
    ("written", "per_mille"), [("5", 50), ("5%", 50), ("０．１", 1), ("2.5 %", 25), (" 99.9 ", 999), ("１０％", 100)]
)
def test_a_share_reads_as_people_write_it(written: str, per_mille: int) -> None:
    came = canary_of(Variant("triage", BIG), "openai/gpt-tiny", written)

    assert came == Variant("triage", BIG, canary=Canary(TINY, per_mille))
    assert isinstance(came, Variant)
    assert came.canary is not None
    assert canary_of(Variant("triage", BIG), "openai/gpt-tiny", percent_of(came.canary)) == came


@pytest.mark.parametrize(
    ("target", "percent", "code"),
    [
        ("gpt-tiny", "5", "target_unreadable"), ("openai/a b", "5", "target_unreadable"), ("", "5", "target_unreadable"),
        ("openai/" + "g" * 300, "5", "target_unreadable"), *[
            ("openai/gpt-tiny", wrong, "canary_share_invalid")
            for wrong in ("", "0", "0.0", "100", "-5", "5.55", "1e1", "五", "5 5", "%", "9" * 50)
        ],
    ],
)  # fmt: skip
def test_what_cannot_be_a_canary_is_refused_with_its_sentence(target: str, percent: str, code: str) -> None:
    came = canary_of(Variant("triage", BIG), target, percent)

    assert isinstance(came, Refusal)
    assert came.code == code
    assert all(sentence("refusal", came.code, lang, came.facts) for lang in LANGUAGES)


# -- keeping


@pytest.fixture
def furnished(store: Store) -> Store:
    with store.transaction() as tx:
        routing_rows.save_task(tx, TASKS["triage"])
    set_variant(store, NOW, "aoki@example.jp", Variant("triage", BIG, (HOUSE,), 500), "初め", SITES)
    return store


def changed(store: Store, change: object, minutes: int = 1, **more: int) -> Decided | Refusal:
    at = NOW + timedelta(minutes=minutes)
    return change_canary(store, at, "aoki@example.jp", "triage", change, "確かめる", SITES, **more)  # type: ignore[arg-type]


def begun(store: Store, target: str = "openai/gpt-tiny", percent: str = "5", minutes: int = 1) -> Decided | Refusal:
    return changed(store, lambda before: canary_of(before, target, percent), minutes)


def back(store: Store, minutes: int = 9, **more: int) -> Decided | Refusal:
    at = NOW + timedelta(minutes=minutes)
    return roll_back(store, at, "aoki@example.jp", "triage", "苦情", SITES, **more)


def code(came: Decided | Refusal) -> str:
    return came.code if isinstance(came, Refusal) else f"v{came.version}"


def standing(store: Store) -> Variant:
    with store.reading() as tx:
        return routing_rows.variants(tx)["triage"][0]


def test_begun_widened_completed_and_taken_back(furnished: Store) -> None:
    assert code(begun(furnished)) == "v2"
    assert standing(furnished) == Variant("triage", BIG, (HOUSE,), 500, Canary(TINY, 50))
    assert code(begun(furnished, percent="20", minutes=2)) == "v3"
    assert code(changed(furnished, in_full, 3)) == "v4"
    assert standing(furnished) == Variant("triage", TINY, (BIG, HOUSE), 500)
    with furnished.reading() as tx:
        facts = evidence_rows.recent(tx, 1, None)[0].record.facts
        assert facts["before"] == {
            "targets": ["openai/gpt-big", "house/swallow"], "most_output_tokens": 500, "canary": "openai/gpt-tiny",
            "per_mille": 200,
        }  # fmt: skip

    assert code(back(furnished)) == "v5"
    assert standing(furnished) == Variant("triage", BIG, (HOUSE,), 500), "the canary does not begin again by itself"
    with furnished.reading() as tx:
        assert evidence_rows.recent(tx, 1, None)[0].record.facts["returns_to"] == 3


def test_one_step_back_of_a_canary_is_the_variant_without_it(furnished: Store) -> None:
    begun(furnished)

    assert code(back(furnished)) == "v3"
    assert standing(furnished).canary is None
    assert code(back(furnished, 10)) == "nothing_to_return_to"


def test_a_canary_ends(furnished: Store) -> None:
    begun(furnished)

    assert code(changed(furnished, without_canary)) == "v3"
    assert standing(furnished) == Variant("triage", BIG, (HOUSE,), 500)
    assert code(changed(furnished, without_canary)) == "canary_none"
    assert code(changed(furnished, in_full)) == "canary_none"


def test_who_did_not_see_the_newest_changes_nothing(furnished: Store) -> None:
    begun(furnished)

    assert code(changed(furnished, in_full, seen=1)) == "variant_moved"
    assert code(back(furnished, seen=1)) == "variant_moved"
    assert standing(furnished).canary == Canary(TINY, 50)


def test_what_a_rule_keeps_out_or_nobody_knows_cannot_be_a_canary(furnished: Store) -> None:
    assert code(begun(furnished, "nowhere/x")) == "target_upstream_unknown"
    assert code(begun(furnished, "openai/gpt-big")) == "canary_is_first"
    set_data_rule(furnished, NOW, "aoki@example.jp", DataRule("triage", vendors=("house",)), "x", SITES)
    assert code(begun(furnished)) == "target_forbidden"
    assert code(changed(furnished, in_full)) == "canary_none"


def test_a_rule_that_comes_later_warns_of_the_canary(furnished: Store) -> None:
    begun(furnished)
    came = set_data_rule(furnished, NOW, "aoki@example.jp", DataRule("triage", is_on_premises_only=True), "x", SITES)

    assert isinstance(came, Decided)
    assert [one.what for one in came.warnings] == ["openai/gpt-big", "openai/gpt-tiny"]


def test_a_task_without_a_variant_or_with_a_pinned_one_has_no_canary(store: Store) -> None:
    with store.transaction() as tx:
        routing_rows.save_task(tx, TASKS["triage"])
    assert code(begun(store)) == "variant_missing"
    assert code(back(store)) == "nothing_to_return_to"

    row = {"title_ja": "分類", "title_en": "Triage", "department": "", "owner": "", "stage": "production",
           "data_class": "internal", "margin": Decimal("0.05"), "variant": "openai/gpt-big", "fallbacks": ""}  # fmt: skip
    pin(store, {"triage": row}, {}, {}, NOW)
    assert code(begun(store)) == "variant_pinned"

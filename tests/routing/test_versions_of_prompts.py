"""Versions of a task's prompt: what can be one, how it is named with a target, and what a change of it is."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitsuri import words
from jitsuri.flows.cold.keeping_prompts import Added, add_prompt, promote
from jitsuri.flows.cold.keeping_variants import (
    Decided,
    change_canary,
    return_variant,
    roll_back,
    set_variant,
)
from jitsuri.flows.cold.pinning import pin
from jitsuri.routing import records as routing_rows
from jitsuri.routing.live import Table
from jitsuri.routing.rules.choosing import plan
from jitsuri.routing.rules.differing import LONGEST_LINE, differences
from jitsuri.routing.rules.naming import way_name, way_named
from jitsuri.routing.rules.prompting import LONGEST_PROMPT, prompt_fault, prompt_form
from jitsuri.routing.rules.setting import canary_of, in_full, variant_fault, variant_of, ways_in, without_canary
from jitsuri.routing.shapes import Canary, Instruction, Plan, Site, Target, Task, Variant
from jitsuri.store.door import Store
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.outcomes import Refusal

NOW = datetime(2026, 11, 27, 5, tzinfo=UTC)
SITES = {
    "openai": Site("openai", "openai", "us", "allowed", False, ("gpt-*",)),
    "house": Site("house", "house", "jp", "unknown", True, ("swallow",)),
}
BIG, HOUSE = Target("openai", "gpt-big"), Target("house", "swallow")
TASK = Task("triage", "分類", "Triage", "", "", "production", "internal", Decimal("0.05"), NOW)
TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


@given(upstream=st.from_regex("[a-z-]{1,8}", fullmatch=True), model=TEXT.filter(bool), prompt=st.integers(0, 10**9 - 1))
def test_a_way_is_read_as_it_is_written(upstream: str, model: str, prompt: int) -> None:
    model = model.strip()
    if not model or way_named(f"{upstream}/{model}") != (Target(upstream, model), 0):
        return  # a name that itself ends like a prompt is read as one
    assert way_named(way_name(Target(upstream, model), prompt)) == (Target(upstream, model), prompt)


# -- what can be a prompt


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "prompt_empty"), (" \n\t", "prompt_empty"), ("あ" * LONGEST_PROMPT, ""), ("あ" * (LONGEST_PROMPT + 1), "prompt_too_long"),
        ("a\x00", "prompt_sign"), ("a\ud800b", "prompt_sign"), ("a\x7f", "prompt_sign"), ("a\x85b", "prompt_sign"), ("a\tb\nc", ""),
        ("{{caller}}", ""), ("{{caller}} {{caller}}", "prompt_marker_twice"), ("{{ caller }}{x}{{y}}", ""), ("家族👨‍👩‍👧と異体字葛󠄀", ""),
    ],
)  # fmt: skip
def test_what_can_be_a_prompt(text: str, code: str) -> None:
    fault = prompt_fault(prompt_form(text))

    assert (fault.code if fault is not None else "") == code
    if fault is not None:
        for lang in words.LANGUAGES:
            assert "{" not in words.text(f"refusal.{fault.code}", lang, **fault.facts).replace("{{caller}}", "")


@given(text=TEXT)
def test_a_prompt_in_its_form_stays_so(text: str) -> None:
    form = prompt_form(text)

    assert prompt_form(form) == form
    assert "\r" not in form


# -- naming it in a variant


def test_a_variant_and_a_canary_are_written_with_their_prompts() -> None:
    made = variant_of("triage", "openai/gpt-big#p3", "house/swallow", "")
    assert made == Variant("triage", BIG, (HOUSE,), prompt=3)
    assert isinstance(made, Variant)

    ahead = canary_of(made, "openai/gpt-big#p4", "5")

    assert ahead == replace(made, canary=Canary(BIG, 50, 4))
    assert isinstance(ahead, Variant)
    assert variant_fault(ahead, SITES, None) is None
    assert ways_in(ahead) == ((BIG, 3), (HOUSE, 3), (BIG, 4))
    assert in_full(ahead) == Variant("triage", BIG, (HOUSE,), prompt=4)
    assert without_canary(ahead) == made
    same = canary_of(made, "openai/gpt-big#p3", "5")
    assert isinstance(same, Variant)
    assert variant_fault(same, SITES, None) == Refusal("canary_is_first", {"target": "openai/gpt-big#p3"})
    refused = variant_of("triage", "openai/gpt-big", "house/swallow#p1", "")
    assert refused == Refusal("fallback_with_prompt", {"field": "fallbacks", "value": "house/swallow#p1"})


def planned(variant: Variant, prompts: dict[tuple[str, int], str], model: str = "task:triage") -> Plan | Refusal:
    return plan(model, "triage", {"triage": TASK}, {"triage": variant}, {}, SITES, "", prompts)


def test_each_target_of_a_plan_has_its_prompt() -> None:
    one, two = Instruction(1, "一"), Instruction(2, "二")
    prompts = {("triage", 1): "一", ("triage", 2): "二"}
    variant = Variant("triage", BIG, (HOUSE,), canary=Canary(BIG, 50, 2), prompt=1)

    whole = planned(variant, prompts)
    assert isinstance(whole, Plan)
    assert whole.canary is not None
    assert (whole.instructions, whole.canary.targets, whole.canary.instructions) == (
        (one, one),
        (BIG, HOUSE),
        (two, one),
    )
    own = planned(replace(variant, prompt=0), prompts)
    assert isinstance(own, Plan)
    assert own.canary is not None
    assert (own.instructions, own.canary.instructions) == ((), (two, None))
    back = planned(replace(variant, canary=Canary(BIG, 50, 0)), prompts)
    assert isinstance(back, Plan)
    assert back.canary is not None
    assert back.canary.instructions == (None, one)
    named = planned(variant, prompts, "openai/gpt-big")
    assert isinstance(named, Plan)
    assert (named.instructions, named.canary) == ((), None)


@pytest.mark.parametrize("missing", [1, 2])
def test_a_plan_without_its_prompt_is_none(missing: int) -> None:
    prompts = {("triage", 3 - missing): "x", ("other", missing): "y"}
    variant = Variant("triage", BIG, canary=Canary(HOUSE, 50, 2), prompt=1)

    assert planned(variant, prompts) == Refusal("prompt_missing", {"task": "triage", "version": missing})


# -- a change of the prompt is a change of the variant


@pytest.fixture
def desk(store: Store) -> Store:
    with store.transaction() as tx:
        routing_rows.add_tasks(tx, [TASK])
    for text in ("一", "二"):
        assert isinstance(add_prompt(store, NOW, "owner", "triage", text, "x"), Added)
    assert isinstance(set_variant(store, NOW, "owner", Variant("triage", BIG), "x", SITES), Decided)
    return store


def standing(store: Store) -> Variant:
    with store.reading() as tx:
        found = routing_rows.variant_history(tx, "triage")[0][0]
    assert found is not None
    return found


def test_one_step_back_takes_a_prompt_back(desk: Store) -> None:
    for at, version in enumerate((1, 2)):
        assert isinstance(promote(desk, NOW + timedelta(hours=at), "owner", "triage", version, "", "x", SITES), Decided)
    back = [roll_back(desk, NOW + timedelta(days=1 + n), "owner", "triage", "x", SITES) for n in range(1)]

    assert all(isinstance(one, Decided) for one in back)
    assert standing(desk).prompt == 1
    returned = return_variant(desk, NOW + timedelta(days=3), "owner", "triage", 3, "x", SITES)
    assert isinstance(returned, Decided)
    assert standing(desk).prompt == 2


def test_a_canary_of_a_prompt_begins_widens_and_ends(desk: Store) -> None:
    assert isinstance(promote(desk, NOW, "owner", "triage", 1, "5", "x", SITES), Decided)
    assert standing(desk) == Variant("triage", BIG, canary=Canary(BIG, 50, 1))
    assert isinstance(promote(desk, NOW, "owner", "triage", 1, "20", "x", SITES), Decided)
    assert standing(desk).canary == Canary(BIG, 200, 1)
    assert isinstance(promote(desk, NOW, "owner", "triage", 1, "", "x", SITES), Decided)
    assert standing(desk) == Variant("triage", BIG, prompt=1)
    assert promote(desk, NOW, "owner", "triage", 1, "", "x", SITES) == Refusal("variant_unchanged", {"name": "triage"})
    with desk.reading() as tx:
        facts = [
            f
            for (f,) in tx.execute(
                "SELECT facts FROM evidence_records WHERE act = 'variant_set' ORDER BY at, record_id"
            )
        ]
    assert any(one["after"].get("canary_prompt") == 1 for one in facts)
    assert any(one["after"].get("prompt") == 1 for one in facts)


def test_a_promotion_leaves_another_models_canary_alone(desk: Store) -> None:
    came = change_canary(desk, NOW, "owner", "triage", lambda v: canary_of(v, "house/swallow", "5"), "x", SITES)
    assert isinstance(came, Decided)

    assert isinstance(promote(desk, NOW, "owner", "triage", 2, "", "x", SITES), Decided)

    assert standing(desk) == Variant("triage", BIG, canary=Canary(HOUSE, 50), prompt=2)


def test_a_version_that_is_not_there_is_never_set(desk: Store) -> None:
    wanted = Refusal("prompt_unknown", {"name": "triage", "version": 7})

    assert promote(desk, NOW, "owner", "triage", 7, "", "x", SITES) == wanted
    assert promote(desk, NOW, "owner", "triage", 7, "5", "x", SITES) == wanted
    assert set_variant(desk, NOW, "owner", Variant("triage", HOUSE, prompt=7), "x", SITES) == wanted
    assert standing(desk) == Variant("triage", BIG)


def test_the_same_text_is_no_second_version_and_versions_count_up(desk: Store) -> None:
    assert add_prompt(desk, NOW, "owner", "triage", "\r\n一\r\n", "x") == Refusal(
        "prompt_known", {"name": "triage", "version": 1}
    )
    assert add_prompt(desk, NOW, "owner", "triage", "三", "x") == Added(3)
    assert add_prompt(desk, NOW, "owner", "nothing", "三", "x") == Refusal("task_unknown", {"name": "nothing"})


def test_what_a_variant_names_is_in_the_table_and_nothing_else(desk: Store) -> None:
    assert isinstance(promote(desk, NOW, "owner", "triage", 1, "5", "x", SITES), Decided)
    with desk.reading() as tx:
        variants = {task: found for task, (found, _) in routing_rows.variants(tx).items()}
        texts = routing_rows.prompt_texts(tx, [("triage", 1), ("triage", 9), ("other", 1)])
    assert texts == {("triage", 1): "一"}
    table = Table(SITES)
    table.replace({"triage": TASK}, variants, {}, texts)

    found = table.plan("task:triage", "", "")
    assert isinstance(found, Plan)
    assert found.canary is not None
    assert found.canary.instructions == (Instruction(1, "一"),)


def test_the_settings_file_names_no_prompt(desk: Store) -> None:
    row = {"title_ja": "分類", "title_en": "", "department": "", "owner": "", "stage": "production", "data_class": "internal",
           "margin": Decimal("0.05"), "variant": "openai/gpt-big#p1"}  # fmt: skip

    with pytest.raises(OperatorError, match="target_with_prompt"):
        pin(desk, {"triage": row}, {}, {}, NOW)


# -- the difference


@given(old=TEXT, new=TEXT)
def test_both_texts_can_be_read_back_from_their_difference(old: str, new: str) -> None:
    lines = differences(old, new)

    assert "\n".join(line.text for line in lines if line.old_number) == old
    assert "\n".join(line.text for line in lines if line.new_number) == new
    assert [line.old_number for line in lines if line.old_number] == list(range(1, old.count("\n") + 2))
    assert all(line.kind == "same" for line in lines) == (old == new)


@given(
    old=st.lists(st.sampled_from(["a", "b", "分類する", "分類だけする"]), max_size=8),
    new=st.lists(st.sampled_from(["a", "分類する"]), max_size=8),
)
def test_pieces_make_the_line_and_none_is_marked_the_other_way(old: list[str], new: list[str]) -> None:
    for line in differences("\n".join(old), "\n".join(new)):
        kinds = {kind for kind, _ in line.pieces}
        assert kinds <= {"same", line.kind}


def test_what_changed_inside_a_line_is_marked_alone() -> None:
    gone, came = differences("次の四つから選ぶ。", "次の五つから選ぶ。")

    assert gone.pieces == (("same", "次の"), ("gone", "四"), ("same", "つから選ぶ。"))
    assert came.pieces == (("same", "次の"), ("new", "五"), ("same", "つから選ぶ。"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n".join("x" * (n % 7) for n in range(50_000)), "\n".join("x" * (n % 5) for n in range(50_000))),
        ("ab" * 50_000, "ba" * 50_000), ("\n" * 99_999, "x\n" * 50_000), ("あ" * (LONGEST_LINE * 50), "い" * 100_000),
        ("\n".join(f"{n} 行目の決まり" for n in range(3_900)), "\n".join(f"{n * 2} 行目の決まり" for n in range(3_900))),
    ],
)  # fmt: skip
def test_the_longest_prompts_are_compared_while_somebody_waits(old: str, new: str) -> None:
    began = time.process_time()

    lines = differences(old, new)

    assert "\n".join(line.text for line in lines if line.new_number) == new
    assert time.process_time() - began < 8  # 2 s of computing at its worst; others use the machine too

"""The rules of a trial: who is drawn, what is the same, who is asked next, what may be spent."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.evaluation.rules.counting import share_lower
from jitsuri.rightsizing.rules.replying import canonical_arguments, is_same, told
from jitsuri.rightsizing.rules.sampling import (
    Sampled,
    allocation,
    chosen_of,
    folded,
    hours_of,
    length_classes,
    strata_of,
)
from jitsuri.rightsizing.rules.trying import (
    BATCH,
    affordable,
    attempt_id_of,
    is_clearly_failing,
    open_batches,
    progress_of,
    standing_of,
)
from jitsuri.rightsizing.shapes.trials import Answer, Drawn, TrialPlan, Way

AT = datetime(2026, 11, 20, 3, tzinfo=UTC)
TRIAL = UUID(int=7)
WORDS = [
    "納期",
    "在庫",
    "返品",
    "請求",
    "見積",
    "配送",
    "部品",
    "図面",
    "検査",
    "契約",
    "修理",
    "工場",
    "倉庫",
    "支払",
    "担当",
]

counts = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(1, 400), min_size=1, max_size=12)


@given(counts, st.integers(1, 900))
def test_an_allocation_adds_up_and_leaves_nobody_out(held: dict[str, int], size: int) -> None:
    if size < len(held) and size < sum(held.values()):
        with pytest.raises(ValueError, match="strata"):
            allocation(held, size)
        return

    found = allocation(held, size)

    assert sum(found.values()) == min(size, sum(held.values()))
    assert found.keys() == held.keys()
    assert all(1 <= found[name] <= held[name] for name in held)
    if size < sum(held.values()):  # nobody is further from their share than by what "at least one" and rounding cost
        over = {name: found[name] - size * held[name] / sum(held.values()) for name in held}
        assert max(over.values()) <= 1 + 1e-9


def made(count: int, seed: int = 3) -> list[Sampled]:
    chance = Random(seed)
    return [
        Sampled(
            f"call-{at}", AT + timedelta(hours=chance.randrange(400)), chance.randrange(50, 4000),
            chance.choice(["web", "web", "web", "電話", "fax"]), chance.choice(["法人", "個人"]),
            " ".join(chance.choices(WORDS, k=12)) + f" {at}",
        )
        for at in range(count)
    ]  # fmt: skip


@given(st.integers(1, 120), st.integers(0, 9), st.integers(0, 9), st.integers(5, 90))
@settings(max_examples=15)
def test_the_order_of_rows_does_not_matter(count: int, seed: int, shuffle: int, size: int) -> None:
    pool = made(count)
    mixed = list(pool)
    Random(shuffle).shuffle(mixed)

    one = [(pool[c.place].name, c.stratum, c.stands_for, c.slices) for c in chosen_of(pool, size, seed)]
    other = [(mixed[c.place].name, c.stratum, c.stands_for, c.slices) for c in chosen_of(mixed, size, seed)]

    assert one == other
    assert len(one) == min(size, len(folded(pool, seed)))


def test_every_stratum_is_represented_and_shares_are_kept() -> None:
    pool = made(3000)
    rows = chosen_of(pool, 200, 0)
    everything = chosen_of(pool, len(pool), 0)
    share = Counter(one.stratum for one in everything)
    drawn = Counter(one.stratum for one in rows)
    in_pool = Counter(pool[one.place].channel for one in everything)

    assert len(rows) == 200
    assert sum(one.stands_for for one in everything) == 3000
    assert drawn.keys() <= share.keys() or len(drawn) <= 100
    for channel, count in in_pool.items():
        drawn_share = sum(pool[one.place].channel == channel for one in rows) / 200
        assert abs(drawn_share - count / sum(in_pool.values())) < 0.05


def test_another_seed_is_another_sample() -> None:
    pool = made(500)

    assert {c.place for c in chosen_of(pool, 50, 1)} != {c.place for c in chosen_of(pool, 50, 2)}


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("123")), max_size=80),
       st.integers(1, 12), st.integers(1, 30))  # fmt: skip
def test_strata_are_few_and_none_is_sparse_where_it_could_be_pooled(
    keys: list[tuple[str, ...]], most: int, fewest: int
) -> None:
    found = strata_of(keys, most, fewest)

    assert len(found) == len(keys)
    sizes = Counter(found)
    assert len(sizes) <= most
    assert len(sizes) <= 1 or min(sizes.values()) >= fewest


def test_a_sparse_stratum_gives_up_the_time_before_the_channel() -> None:
    keys = [("short", "web", "", "office")] * 30 + [("short", "web", "", "weekend")] * 3
    keys += [("short", "web", "", "evening")] * 30 + [("short", "fax", "", "office")] * 25

    found = Counter(strata_of(keys, 50))

    assert found["short|web|-|office"] >= 30
    assert sum(found.values()) == 88
    assert "short|fax|-|office" in found


def test_near_duplicates_are_folded_and_counted() -> None:
    base = "先日注文した主軸シャフトの納期をお知らせくださいますようお願いいたします。請求書も同封してください"
    pool = [
        Sampled("a", AT, 10, text=base), Sampled("b", AT, 10, text=base + "。"), Sampled("c", AT, 10, text=base),
        Sampled("d", AT, 10, text="まったく別の問い合わせです。在庫の数を教えてください"), Sampled("e", AT, 10, text=""),
        Sampled("f", AT, 10, text=""),
    ]  # fmt: skip
    found = folded(pool, 0)

    assert sorted(found.values()) == [1, 1, 1, 3]
    assert {3, 4, 5} <= found.keys()  # texts of no characters are not the same as one another


def test_folding_finds_what_comparing_every_pair_finds() -> None:
    chance = Random(5)
    bases = ["".join(chance.choices("".join(WORDS) + "がのをにはと", k=80)) for _ in range(30)]
    texts = []
    for at in range(300):
        text = list(bases[at % 30])
        for _ in range(chance.randrange(0, 6)):
            text[chance.randrange(len(text))] = chance.choice("日月火水木金土")
        texts.append("".join(text))
    pool = [Sampled(str(at), AT, 10, text=text) for at, text in enumerate(texts)]

    def grams(text: str) -> set[str]:
        return {text[at : at + 5] for at in range(len(text) - 4)}

    kept = folded(pool, 1)
    for one in kept:
        for other in kept:
            if one < other:
                a, b = grams(texts[one]), grams(texts[other])
                assert len(a & b) < 0.8 * len(a | b)


def test_folding_takes_about_linear_time() -> None:
    def taken(count: int) -> float:
        pool = made(count)
        begun = time.process_time()
        folded(pool, 0)
        return time.process_time() - begun

    taken(200)
    one = min(taken(500) for _ in range(2))
    assert taken(2000) < 4 * one * 2.5


def test_lengths_and_hours() -> None:
    assert length_classes([1, 2, 3, 4, 5, 6]) == ["short", "short", "medium", "medium", "long", "long"]
    assert length_classes([7, 7, 7]) == ["short"] * 3
    assert length_classes([]) == []
    assert hours_of(datetime(2026, 11, 20, 1, tzinfo=UTC)) == "office"  # Friday 10:00 in Tokyo
    assert hours_of(datetime(2026, 11, 20, 9, tzinfo=UTC)) == "evening"
    assert hours_of(datetime(2026, 11, 20, 16, tzinfo=UTC)) == "weekend"


def test_same_answers() -> None:
    assert is_same("ＡＢＣ です。", [], "abc です", [])
    assert not is_same("100円", [], "200円", [])
    call = ("find", '{"b": 1, "a": [1, 2]}')
    assert is_same("", [call, ("x", "")], "", [("x", "{}"), ("find", '{"a":[1,2],"b":1}')])
    assert not is_same("", [call], "", [("find", '{"a":[2,1],"b":1}')])
    assert not is_same("", [call], "", [])
    assert canonical_arguments("not json ") == "not json"
    assert told("", [call]) == 'find({"a":[1,2],"b":1})'
    assert told("はい", []) == "はい"


def answer(way: int, position: int, state: str = "answered", cost: str | None = "1", lost: str = "0") -> Answer:
    return Answer(
        way, position, state, attempt_id_of(TRIAL, way, position, 0), 0, AT, AT, "http_500" if state == "failed" else "",  # type: ignore[arg-type]
        None, "", None, "m", 1, 1, None if cost is None else Decimal(cost), Decimal(5), Decimal(lost), 9, None,
    )  # fmt: skip


PLAN = TrialPlan(
    Way(0, "a/big"), (Way(1, "a/small"), Way(2, "b/small", 3)), False, 0, Drawn(9, 9, 0), 500, Decimal("0.05")
)


def test_ways_are_named_by_target_and_prompt() -> None:
    assert [way.name for way in PLAN.ways] == ["a/big", "a/small", "b/small#p3"]


def test_ways_take_turns_and_nothing_is_asked_twice() -> None:
    held = standing_of([answer(1, at, "lost" if at == 3 else "answered") for at in range(12)])
    batches = open_batches(PLAN, 25, held)

    assert [(way.number, part) for way, part in batches] == [
        (2, tuple(range(10))), (1, tuple(range(12, 22))), (2, tuple(range(10, 20))), (1, (22, 23, 24)),
        (2, tuple(range(20, 25))),
    ]  # fmt: skip
    assert {(way.number, at) for way, part in batches for at in part} == {
        (way, at) for way in (1, 2) for at in range(25)
    } - {(1, at) for at in range(12)}
    assert max(len(part) for _, part in batches) == BATCH


def test_a_candidate_that_clearly_fails_is_given_up_and_the_other_goes_on() -> None:
    rows = [answer(1, at, "failed" if at % 3 else "answered") for at in range(30)]
    batches = open_batches(PLAN, 40, standing_of(rows))
    one, other = progress_of(PLAN, 40, standing_of(rows))[1:]

    assert {way.number for way, _ in batches} == {2}
    assert (one.is_given_up, one.is_over, one.failed, one.open) == (True, True, 20, 10)
    assert one.errors == {"http_500": 20}
    assert (other.is_given_up, other.open) == (False, 40)


def test_clearly_failing_means_beyond_the_share_that_no_verdict_survives() -> None:
    assert not is_clearly_failing(9, 9)  # too few to say
    assert is_clearly_failing(10, 10)
    assert not is_clearly_failing(12, 20)
    assert is_clearly_failing(14, 20)
    assert not is_clearly_failing(50, 150)
    assert share_lower(14, 20, 0.01) > 1 / 3 > share_lower(12, 20, 0.01)


def test_what_nobody_knows_counts_as_the_most_it_can_cost() -> None:
    rows = [answer(1, 0), answer(1, 1, "lost", None), answer(1, 2, "asked", None), answer(1, 3, "failed", None, "2")]

    assert progress_of(PLAN, 4, standing_of(rows))[1].spent_jpy == 1 + 5 + 5 + 7


@given(st.lists(st.decimals("0", "9", places=3), max_size=12), st.decimals("-5", "60", places=3))
def test_no_more_is_asked_than_fits(most: list[Decimal], left: Decimal) -> None:
    count = affordable(most, left)

    assert sum(most[:count], Decimal(0)) <= max(left, Decimal(0))
    assert count == len(most) or sum(most[: count + 1], Decimal(0)) > left


def test_attempts_have_ids_of_their_own() -> None:
    ids = {attempt_id_of(TRIAL, way, at, again) for way in range(3) for at in range(20) for again in range(2)}

    assert len(ids) == 120

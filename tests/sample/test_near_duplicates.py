"""The near-duplicate filter is exact: it finds what comparing every pair finds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from near_duplicates import grams, is_near, surviving_by_task, survivors


def test_grams_do_not_see_white_space_or_width() -> None:
    assert grams("品番 ＡＢＣ-12") == grams("品番ABC-12") == {"品番ABC", "番ABC-", "ABC-1", "BC-12"}


def test_a_text_shorter_than_a_gram_is_one_gram() -> None:
    assert grams("納期は") == {"納期は"}
    assert survivors(["納期は", "納期は", "納期?"]) == [0, 2]


def test_similarity_has_to_be_above_four_fifths() -> None:
    one = frozenset("abcde")

    assert not is_near(one, frozenset("abcd"))  # 4 ÷ 5
    assert is_near(frozenset("abcdef"), one)  # 5 ÷ 6
    assert not is_near(one, frozenset("vwxyz"))


def test_only_survivors_count_as_earlier_texts() -> None:
    base = "先日注文した主軸シャフトの納期をお知らせくださいますようお願いいたします"
    near = base + "。"  # near the first: falls
    far = base + "。第二倉庫の分です"  # near the fallen one only: stays

    assert is_near(grams(near), grams(base))
    assert is_near(grams(far), grams(near)) != is_near(grams(far), grams(base))
    assert survivors([base, near, far]) == [0, 2]


def test_tasks_are_filtered_apart() -> None:
    same = "注文番号を取り消してください"

    assert surviving_by_task([("a", same), ("b", same), ("a", same)]) == {"a": (1, 2), "b": (1, 1)}


@given(st.lists(st.text("ab", max_size=14), max_size=14))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_it_finds_what_comparing_every_pair_finds(texts: list[str]) -> None:
    kept: list[int] = []
    for place, text in enumerate(texts):
        if not any(is_near(grams(text), grams(texts[other])) for other in kept):
            kept.append(place)

    assert survivors(texts) == kept

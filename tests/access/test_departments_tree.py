"""The department tree as pure rules: what stands when, sums up the tree, what a file changes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.access.rules.arranging import arrange, below, path_of, roll_up, tree_at
from jitsuri.access.shapes import Arrangement, Department
from jitsuri.words import LANGUAGES, text

APRIL_24, APRIL_25, OCTOBER_25 = date(2024, 4, 1), date(2025, 4, 1), date(2025, 10, 1)


def dep(code: str, parent: str = "", since: date = APRIL_24, until: date | None = None, name: str = "") -> Department:
    return Department(code, name or f"{code}部", "", parent, f"CC-{code}", since, until)


HONSHA, SALES, WORKS = dep("D1"), dep("D10", "D1"), dep("D20", "D1")
"""D1 本社 over D10 営業 and D20 製造."""
TEAM_BEFORE = dep("D11", "D10", APRIL_24, date(2025, 9, 30))
TEAM_AFTER = dep("D11", "D20", OCTOBER_25)
"""D11 moves from 営業 to 製造 on 2025-10-01."""
TREE = [HONSHA, SALES, WORKS, TEAM_BEFORE, TEAM_AFTER]


def test_the_same_call_rolls_up_the_tree_of_its_own_month() -> None:
    amounts = {"D11": Decimal("100.5"), "D10": Decimal(7)}
    september = roll_up(TREE, amounts, date(2025, 9, 30))
    october = roll_up(TREE, amounts, date(2025, 10, 31))
    assert september == {"D1": Decimal("107.5"), "D10": Decimal("107.5"), "D20": Decimal(0), "D11": Decimal("100.5")}
    assert october == {"D1": Decimal("107.5"), "D10": Decimal(7), "D20": Decimal("100.5"), "D11": Decimal("100.5")}


def test_paths_follow_the_day() -> None:
    assert path_of(TREE, "D11", date(2025, 9, 30)) == ("D1", "D10", "D11")
    assert path_of(TREE, "D11", OCTOBER_25) == ("D1", "D20", "D11")
    assert path_of(TREE, "D99", OCTOBER_25) == ("D99",)
    assert path_of(TREE, "", OCTOBER_25) == ()
    assert below(TREE, "D10", date(2025, 9, 30)) == ("D10", "D11")
    assert below(TREE, "D10", OCTOBER_25) == ("D10",)


def test_what_is_not_in_the_tree_keeps_its_own_line() -> None:
    sums = roll_up([HONSHA], {"": Decimal(3), "OLD": Decimal(4), "D1": Decimal(5)}, APRIL_24)
    assert sums == {"D1": Decimal(5), "": Decimal(3), "OLD": Decimal(4)}
    assert tree_at(TREE, date(2024, 3, 31)) == {}


def arranged(existing: list[Department], *asked: Department) -> Arrangement:
    outcome = arrange(existing, list(enumerate(asked, 2)))
    assert isinstance(outcome, Arrangement), outcome
    return outcome


def refused(existing: list[Department], *asked: Department) -> list[tuple[str, object]]:
    outcome = arrange(existing, list(enumerate(asked, 2)))
    assert isinstance(outcome, tuple), outcome
    assert all(text(f"refusal.{fault.code}", lang, **fault.facts) for fault in outcome for lang in LANGUAGES)
    return [(fault.code, fault.facts["line"]) for fault in outcome]


def applied(existing: list[Department], change: Arrangement) -> list[Department]:
    ended = {(d.code, d.valid_from): d for d in change.ended}
    return [ended.get((d.code, d.valid_from), d) for d in existing] + list(change.added)


def test_a_move_ends_the_old_span_the_day_before() -> None:
    standing = [HONSHA, SALES, WORKS, dep("D11", "D10")]
    change = arranged(standing, TEAM_AFTER)
    assert change == Arrangement((TEAM_AFTER,), (TEAM_BEFORE,), 0)
    assert sorted(applied(standing, change), key=str) == sorted(TREE, key=str)


def test_a_history_in_one_file_ends_open_spans_by_their_successors() -> None:
    asked = (HONSHA, SALES, WORKS, dep("D11", "D10"), TEAM_AFTER)
    change = arranged([], *asked)
    assert set(change.added) == set(TREE)
    assert arranged(applied([], change), *asked) == Arrangement((), (), 5)


def test_a_repeated_and_an_older_file_change_nothing() -> None:
    assert arranged(TREE, *TREE) == Arrangement((), (), 5)
    assert arranged(TREE, dep("D11", "D10")) == Arrangement((), (), 1)


def test_a_last_day_ends_an_open_span() -> None:
    ended = dep("D20", "D1", APRIL_24, date(2026, 3, 31))
    assert arranged([HONSHA, WORKS], ended) == Arrangement((), (ended,), 0)


def test_each_mistake_is_named_by_its_line() -> None:
    assert refused([HONSHA], dep("D10", "D9")) == [("department_parent_unknown", 2)]
    assert refused([], HONSHA, HONSHA) == [("department_double", 3)]
    assert refused([], dep("D1", "", APRIL_25, APRIL_24)) == [("department_ends_early", 2)]
    assert refused([], dep("D 1"), dep("D2\x07")) == [("department_code_invalid", 2), ("department_code_invalid", 3)]
    assert refused([HONSHA], dep("D1", name="本部")) == [("department_differs", 2)]


def test_overlapping_spans_are_named() -> None:
    one, two = dep("D1", "", APRIL_24, OCTOBER_25), dep("D1", "", APRIL_25)
    assert refused([], one, two) == [("department_overlap", 3)]
    assert refused([two], dep("D1", "", APRIL_24)) == [("department_overlap", 2)], "an earlier open span needs an end"
    assert refused([dep("D1", "", APRIL_24, OCTOBER_25)], two) == [("department_overlap", 2)]


def test_a_parent_must_stand_on_every_day_of_its_child() -> None:
    late = dep("D1", "", APRIL_25)
    assert refused([], late, dep("D10", "D1")) == [("department_parent_absent", 3)]
    assert refused([], dep("D1", "", APRIL_24, APRIL_25), dep("D10", "D1")) == [("department_parent_absent", 3)]
    gap = [dep("D1", "", APRIL_24, date(2025, 3, 30)), dep("D1", "", APRIL_25)]
    outcome = arrange(gap, [(2, dep("D10", "D1"))])
    assert isinstance(outcome, tuple)
    assert outcome[0].facts["day"] == date(2025, 3, 31)
    joined = [dep("D1", "", APRIL_24, date(2025, 3, 31)), dep("D1", "", APRIL_25, name="本部")]
    assert arranged(joined, dep("D10", "D1")).known == 0


def test_ending_a_parent_under_its_children_is_refused_at_the_parents_line() -> None:
    assert refused([HONSHA, SALES], dep("D1", "", APRIL_24, APRIL_25)) == [("department_parent_absent", 2)]


def test_circles_are_found_on_whatever_day_they_close() -> None:
    assert refused([], dep("D1", "D1")) == [("department_circle", 2)]
    assert refused([], dep("D1", "D2"), dep("D2", "D3"), dep("D3", "D1")) == [("department_circle", 4)]
    later = [HONSHA, SALES, dep("D30", "D10")]
    outcome = arrange(later, [(2, dep("D10", "D30", OCTOBER_25))])
    assert isinstance(outcome, tuple)
    assert [(fault.code, fault.facts["line"]) for fault in outcome] == [("department_circle", 2)]
    assert outcome[0].facts["path"] in ("D10 → D30 → D10", "D30 → D10 → D30")


def test_several_tops_are_one_company() -> None:
    assert len(arranged([], dep("A"), dep("B"), dep("C", "B")).added) == 3


@st.composite
def trees(draw: st.DrawFn) -> list[Department]:
    """Trees without faults: each department stands under an earlier one or on top."""
    parents = draw(st.lists(st.integers(0, 30), max_size=30))
    return [dep(f"D{n}", f"D{p % n}" if n and p % (n + 1) else "") for n, p in enumerate(parents)]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(trees(), st.dictionaries(st.integers(0, 35), st.decimals("-1000", "1000", places=6), max_size=20))
def test_nothing_is_lost_on_the_way_up(tree: list[Department], own: dict[int, Decimal]) -> None:
    amounts = {f"D{n}": amount for n, amount in own.items()}
    sums = roll_up(tree, amounts, APRIL_24)
    tops = {d.code for d in tree if d.parent == ""}
    outside = set(amounts) - {d.code for d in tree}
    assert sum((sums[code] for code in tops | outside), Decimal(0)) == sum(amounts.values(), Decimal(0))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(trees(), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter_and_a_second_time_adds_nothing(
    tree: list[Department], chance: object
) -> None:
    shuffled = list(enumerate(tree, 2))
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    change = arrange([], shuffled)
    assert isinstance(change, Arrangement)
    assert sorted(d.code for d in change.added) == sorted(d.code for d in tree)
    assert arrange(tree, shuffled) == Arrangement((), (), len(tree))

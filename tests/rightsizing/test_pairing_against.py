"""Rows of the baseline that were scored against one candidate count for that one alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from jitsuri.rightsizing.rules.pairing import AGAINST, indexed, pairs_of, scorers_in
from jitsuri.rightsizing.shapes.outcomes import Pairs, Table

scores = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=3, max_size=30)


def table(rows: list[tuple[str, str, float | None, str]]) -> Table:
    """(prompt id, model, score, against) of one judge."""
    nobody, count = ("",) * len(rows), len(rows)
    return Table(
        tuple(range(1, count + 1)), ("t",) * count, tuple(r[0] for r in rows), nobody, tuple(r[1] for r in rows), nobody,
        tuple(r[2] for r in rows), ("judge:a",) * count, (None,) * count, (None,) * count, (None,) * count, (None,) * count,
        {AGAINST: tuple(r[3] for r in rows)}, {},
    )  # fmt: skip


def paired(one: Table, candidate: str) -> Pairs:
    scorers = scorers_in(one, "", "judge:a")
    return pairs_of(
        one, indexed(one, scorers), scorers, baseline="today", candidate=candidate, task="t", slice_fields=()
    )


@given(scores, scores)
def test_each_candidate_is_paired_with_the_baseline_that_stood_beside_it(one: list[float], other: list[float]) -> None:
    size = min(len(one), len(other))
    rows: list[tuple[str, str, float | None, str]] = []
    for at in range(size):
        rows += [
            (f"r{at}", "today", one[at], "a"), (f"r{at}", "a", 1.0, ""), (f"r{at}", "today", other[at], "b"),
            (f"r{at}", "b", 0.5, ""),
        ]  # fmt: skip
    both = table(rows)
    assert paired(both, "a").judge_baseline == tuple(one[int(name[1:])] for name in paired(both, "a").prompt_ids)
    assert paired(both, "b").judge_baseline == tuple(other[int(name[1:])] for name in paired(both, "b").prompt_ids)
    assert paired(both, "a").missing.paired == size


@given(scores)
def test_without_the_column_everything_is_as_it_was(one: list[float]) -> None:
    rows: list[tuple[str, str, float | None, str]] = []
    for at, score in enumerate(one):
        rows += [(f"r{at}", "today", score, ""), (f"r{at}", "a", 1.0, "")]
    with_column = table(rows)
    assert paired(with_column, "a") == paired(replace(with_column, fields={}), "a")


def test_a_row_of_its_own_goes_before_one_for_all_and_missing_is_counted() -> None:
    made = table([
        ("r1", "today", 0.0, ""), ("r1", "today", 1.0, "a"), ("r1", "a", 1.0, ""), ("r1", "b", 1.0, ""),
        ("r2", "today", None, "a"), ("r2", "a", 1.0, ""), ("r2", "today", 1.0, "b"), ("r2", "b", 1.0, ""),
    ])  # fmt: skip

    assert paired(made, "a").judge_baseline == (1.0,)
    assert paired(made, "b").judge_baseline == (0.0, 1.0)
    assert paired(made, "a").missing.baseline_missing == 1
    assert Decimal(paired(made, "b").missing.paired) == 2

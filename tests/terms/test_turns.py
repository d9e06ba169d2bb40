"""Turns: a few begin in each turn of the loop, nobody is passed over, and who finds no line waits for nothing."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from jitsuri.terms.turns import Turns


class Loop:
    """Turns by hand."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def turn(self) -> None:
        due, self.due = self.due, []
        for one in due:
            one()


arrivals = st.lists(st.lists(st.integers(1, 9), max_size=12), max_size=12)


@given(arrivals=arrivals, most=st.integers(1, 6))
def test_in_order_and_only_so_many_in_a_turn(arrivals: list[list[int]], most: int) -> None:
    """What comes within a turn, by weight: the last piece that begins in one may be heavier than what was left of it."""
    loop, begun, per_turn = Loop(), list[int](), list[list[int]]()
    turns = Turns(lambda begin: loop.due.append(begin), most)
    weights = [weight for came in arrivals for weight in came]
    numbers = iter(range(len(weights)))
    for came in [*arrivals, *[[]] * (len(weights) + 2)]:
        before = len(begun)
        loop.turn()
        for weight in came:
            turns.enter(begun.append, next(numbers), weight)
        per_turn.append(weights[before : len(begun)])

    assert begun == list(range(len(weights)))
    assert len(turns) == len(loop.due) == 0
    assert all(sum(began[:-1]) < most for began in per_turn)


def test_who_finds_no_line_begins_at_once_and_an_idle_loop_is_left_alone() -> None:
    loop, begun = Loop(), list[str]()
    turns = Turns(lambda begin: loop.due.append(begin), 2)

    turns.enter(begun.append, "a")
    turns.enter(begun.append, "b")
    turns.enter(begun.append, "c")
    assert begun == ["a", "b"]
    assert len(turns) == 1
    assert len(loop.due) == 1
    loop.turn()
    assert begun == ["a", "b", "c"]
    loop.turn()
    assert loop.due == []
    turns.enter(begun.append, "d")
    assert begun[-1] == "d"


def test_one_that_fails_holds_up_nobody() -> None:
    loop, begun = Loop(), list[str]()
    turns = Turns(lambda begin: loop.due.append(begin), 1)

    def fail(what: str) -> None:
        raise ValueError(what)

    turns.enter(begun.append, "a")
    turns.enter(fail, "b")
    turns.enter(begun.append, "c")
    try:
        loop.turn()
    except ValueError:
        begun.append("failed")
    loop.turn()
    assert begun == ["a", "failed", "c"]

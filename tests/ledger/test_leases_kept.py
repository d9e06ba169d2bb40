"""Leases in the database: draws that fit or give nothing, steps that count once, settlements, burials."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from uuid import UUID

import psycopg
import pytest
from budget_parts import MONTH, NOW, TODAY, YEN, Books, books, budget, limited, made, month_place

from jitsuri.ledger.records import budgets as kept
from jitsuri.ledger.records import leases
from jitsuri.ledger.shapes.budgets import Budget, Drawn, Marks, Place, Settled, Settlement, Want
from jitsuri.store.batching import Batch, NeedsCareError, Statements
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.terms.ids import derived_id

ONE, TWO = derived_id("worker", "1"), derived_id("worker", "2")
MARKS = Marks(("HQ", "D10"), "triage", "app")
_numbers = count()


def registered(store: Store, *workers: UUID) -> None:
    with store.transaction() as tx:
        for worker in workers:
            leases.register(tx, worker)


def drew(store: Store, worker: UUID, step: int, *wants: tuple[Budget, float, float]) -> list[Drawn] | None:
    asked = [Want(month_place(one), int(need * YEN), int(chunk * YEN)) for one, need, chunk in wants]
    with store.transaction() as tx:
        return leases.draw(tx, worker, step, asked)


def settlement(
    worker: UUID, lines: Sequence[tuple[Budget, float]], actual: float, known: int = 99, marks: Marks = MARKS
) -> Settlement:  # fmt: skip
    hard_first = sorted(lines, key=lambda line: line[0].kind != "hard")
    placed = tuple((month_place(one), int(taken * YEN)) for one, taken in hard_first)
    return Settlement(
        worker, int(actual * YEN), placed, marks, TODAY, known, derived_id("attempt", str(next(_numbers))),
        sum(one.kind == "hard" for one, _ in lines),
    )  # fmt: skip


@contextmanager
def batch_of(store: Store) -> Iterator[Batch]:
    """A transaction of the group commit, on a connection of its own."""
    with closing(store.lasting()) as connection, connection.transaction():
        batch = Batch(Statements(connection))
        yield batch
        batch.settle()


def settled(store: Store, *settlements: Settlement) -> Settled:
    """As the group commit does it: in the batch, and the careful way where that finds something to tell."""
    try:
        with batch_of(store) as batch:
            leases.settle_in_batch(batch, settlements)
    except NeedsCareError:
        with store.transaction() as tx:
            return leases.settle_many(tx, settlements)
    return Settled()


def test_a_draw_gives_a_chunk_where_there_is_room_and_exactly_the_need_near_the_limit(store: Store) -> None:
    one = budget(limit_yen=100)
    made(store, one)
    registered(store, ONE, TWO)

    first = drew(store, ONE, 1, (one, 1, 10))
    second = drew(store, TWO, 1, (one, 60, 10))
    third = drew(store, ONE, 2, (one, 29, 10))
    fourth = drew(store, TWO, 2, (one, 2, 10))

    place = month_place(one)
    assert first == [Drawn(place, 10 * YEN, 0, 10 * YEN, 100 * YEN, 10 * YEN)]
    assert second == [Drawn(place, 60 * YEN, 0, 70 * YEN, 100 * YEN, 60 * YEN)]
    assert third == [Drawn(place, 29 * YEN, 0, 99 * YEN, 100 * YEN, 39 * YEN)]
    assert fourth == [Drawn(place, 0, 0, 99 * YEN, 100 * YEN, 60 * YEN)]
    assert books(store, one.budget_id) == Books(100 * YEN, 0, 99 * YEN, {ONE: 39 * YEN, TWO: 60 * YEN})


def test_drawing_ahead_takes_an_eighth_of_the_room_at_most(store: Store) -> None:
    one = budget(limit_yen=80)
    made(store, one)
    registered(store, ONE)

    grants = []
    for step in range(1, 4):
        (drawn,) = drew(store, ONE, step, (one, 0, 1000)) or []
        grants.append(drawn.granted_micro_jpy)

    assert grants == [10_000_000, 8_750_000, 7_656_250]


def test_a_budget_that_refuses_does_not_keep_others_from_giving(store: Store) -> None:
    wide, narrow = budget("wide", 100), budget("narrow", 5)
    made(store, wide, narrow)
    registered(store, ONE)

    drawn = {one.place: one.granted_micro_jpy for one in drew(store, ONE, 1, (wide, 10, 0), (narrow, 10, 0)) or []}

    assert drawn == {month_place(wide): 10 * YEN, month_place(narrow): 0}


def test_a_step_counts_once_and_a_lost_answer_is_found_again(store: Store) -> None:
    one = budget()
    made(store, one)
    registered(store, ONE)
    drew(store, ONE, 1, (one, 10, 0))

    assert drew(store, ONE, 1, (one, 10, 0)) is None
    with store.transaction() as tx:
        assert leases.recover(tx, ONE, 1) == {month_place(one): 10 * YEN}
        assert leases.recover(tx, ONE, 1) == {month_place(one): 10 * YEN}
    assert drew(store, ONE, 2, (one, 10, 0)) is None  # the step that was given up never counts
    with store.transaction() as tx:
        assert leases.give_back(tx, ONE, 3, {month_place(one): 4 * YEN})
        assert not leases.give_back(tx, ONE, 3, {month_place(one): 4 * YEN})
        assert leases.recover(tx, ONE, 3) == {month_place(one): -4 * YEN}
        assert leases.recover(tx, ONE, 8) == {}
    assert books(store, one.budget_id).leases == {ONE: 6 * YEN}


def test_more_than_was_leased_cannot_be_given_back(store: Store) -> None:
    one = budget()
    made(store, one)
    registered(store, ONE)
    drew(store, ONE, 1, (one, 10, 0))

    with pytest.raises(psycopg.errors.CheckViolation), store.transaction() as tx:
        leases.give_back(tx, ONE, 2, {month_place(one): 11 * YEN})


def test_a_settlement_turns_leases_into_use(store: Store) -> None:
    first, second = budget("first"), budget("second")
    made(store, first, second)
    registered(store, ONE, TWO)
    drew(store, ONE, 1, (first, 20, 0), (second, 20, 0))
    drew(store, TWO, 1, (first, 5, 0))

    settled(
        store,
        settlement(ONE, [(first, 3), (second, 3)], 3),
        settlement(ONE, [(first, 4)], 4),
        settlement(TWO, [(first, 5)], 5),
    )

    assert books(store, first.budget_id) == Books(100 * YEN, 12 * YEN, 13 * YEN, {ONE: 13 * YEN, TWO: 0})
    assert books(store, second.budget_id) == Books(100 * YEN, 3 * YEN, 17 * YEN, {ONE: 17 * YEN})


@pytest.mark.parametrize(("leased", "taken", "left"), [(9, 4, 5), (9, 9, 0), (3, 9, 0), (0, 9, 0)])
def test_no_more_comes_off_a_lease_than_is_on_it(store: Store, leased: float, taken: float, left: float) -> None:
    """In the batch (for few places and for many) and the careful way alike, whatever a worker believes to hold."""
    few, careful = budget("few"), budget("careful")
    many = [budget(f"many {number}") for number in range(leases.FEW_PAIRS + 1)]
    made(store, few, careful, *many)
    registered(store, ONE, TWO)
    drew(store, ONE, 1, *[(one, leased, 0) for one in (few, careful, *many) if leased])
    drew(store, TWO, 1, *[(one, 20, 0) for one in (few, careful, *many)])

    settled(store, settlement(ONE, [(few, taken)], 7))
    with batch_of(store) as batch:
        leases.settle_in_batch(batch, [settlement(ONE, [(one, taken) for one in many], 7)])
    with store.transaction() as tx:
        leases.settle_many(tx, [settlement(ONE, [(careful, taken)], 7)])

    mine = {ONE: left * YEN} if leased else {}
    for one in (few, careful, *many):
        assert books(store, one.budget_id) == Books(100 * YEN, 7 * YEN, (left + 20) * YEN, {**mine, TWO: 20 * YEN})


@pytest.mark.parametrize("places", [1, 2, leases.FEW_PAIRS // 2, leases.FEW_PAIRS // 2 + 1, leases.FEW_PAIRS + 1])
def test_few_pairs_and_many_are_settled_alike(store: Store, places: int) -> None:
    """Two workers on every place; the last budget is a soft one, which holds no lease."""
    hard = [budget(f"{number}") for number in range(places)]
    soft = budget("soft", kind="soft")
    made(store, *hard, soft)
    registered(store, ONE, TWO)
    drew(store, ONE, 1, *[(one, 20, 0) for one in hard])
    drew(store, TWO, 1, *[(one, 10, 0) for one in hard])

    with batch_of(store) as batch:
        leases.settle_in_batch(
            batch,
            [
                settlement(ONE, [*[(one, 3) for one in reversed(hard)], (soft, 0)], 2),
                settlement(TWO, [(one, 10) for one in hard], 11),
                settlement(ONE, [*[(one, 4) for one in hard], (soft, 0)], 5),
            ],
        )

    for one in hard:
        assert books(store, one.budget_id) == Books(100 * YEN, 18 * YEN, 13 * YEN, {ONE: 13 * YEN, TWO: 0})
    assert books(store, soft.budget_id) == Books(100 * YEN, 7 * YEN, 0, {})


@pytest.mark.parametrize("places", [1, leases.FEW_PAIRS + 1])
@pytest.mark.parametrize(("taken", "actual", "is_told"), [(8, 7, False), (8, 8, True), (2, 7, False), (2, 9, True)])
def test_the_batch_asks_for_a_look_where_a_share_is_reached_or_a_limit_passed(
    store: Store, places: int, taken: float, actual: float, is_told: bool
) -> None:
    hard = [budget(f"{number}", limit_yen=10) for number in range(places)]
    made(store, *hard)
    registered(store, ONE)
    drew(store, ONE, 1, *[(one, 9, 0) for one in hard])
    settlements = [settlement(ONE, [(one, taken) for one in hard], actual)]
    asked = False

    try:
        with batch_of(store) as batch:
            leases.settle_in_batch(batch, settlements)
    except NeedsCareError:
        asked = True

    is_passed = 9 - taken + actual > 10 and actual > taken
    assert asked == (is_told or is_passed)
    untouched = Books(10 * YEN, 0, 9 * YEN, {ONE: 9 * YEN})
    counted = Books(10 * YEN, int(actual * YEN), int((9 - taken) * YEN), {ONE: int((9 - taken) * YEN)})
    for one in hard:
        assert books(store, one.budget_id) == (untouched if asked else counted)


def test_a_soft_budget_only_counts(store: Store) -> None:
    soft = budget("soft", 10, kind="soft")
    made(store, soft)
    registered(store, ONE)

    outcome = settled(store, settlement(ONE, [(soft, 0)], 12))

    assert books(store, soft.budget_id) == Books(10 * YEN, 12 * YEN, 0, {})
    assert outcome.overruns == ()
    assert [notice.share for notice in outcome.notices] == [Decimal("0.8"), Decimal(1)]


def test_notices_come_once_per_period_and_share(store: Store) -> None:
    soft = budget("soft", 10, kind="soft")
    made(store, soft)
    registered(store, ONE)

    told = [settled(store, settlement(ONE, [(soft, 0)], 1.5)).notices for _ in range(9)]
    limited(store, soft, 15)
    after = settled(store, settlement(ONE, [(soft, 0)], 5)).notices

    assert [[(n.share, n.used_micro_jpy / YEN) for n in notices] for notices in told] == [
        [], [], [], [], [], [(Decimal("0.8"), 9)], [(Decimal(1), 10.5)], [], [],
    ]  # fmt: skip
    assert after == ()
    with store.reading() as tx:
        assert [notice.share for notice in kept.notices(tx, 10)] == [Decimal(1), Decimal("0.8")]


def test_a_cost_above_its_hold_is_booked_and_told(store: Store) -> None:
    one = budget(limit_yen=10)
    made(store, one)
    registered(store, ONE)
    drew(store, ONE, 1, (one, 9, 0))
    within = settlement(ONE, [(one, 2)], 3)
    beyond = settlement(ONE, [(one, 7)], 12)

    assert settled(store, within).overruns == ()
    (overrun,) = settled(store, beyond).overruns

    assert books(store, one.budget_id) == Books(10 * YEN, 15 * YEN, 0, {ONE: 0})
    assert (overrun.used_micro_jpy, overrun.beyond_micro_jpy) == (15 * YEN, 5 * YEN)
    assert overrun.attempts == (beyond.attempt_id,)


def test_a_budget_made_while_a_call_ran_counts_it(store: Store) -> None:
    old, new = budget("old"), budget("new", scope="department", subject="HQ")
    other = budget("other", scope="task", subject="rules")
    made(store, old)
    with store.reading() as tx:
        known = kept.snapshot(tx).sequence
    made(store, new, other)
    registered(store, ONE)

    settled(store, settlement(ONE, [(old, 0)], 3, known))

    assert [books(store, one.budget_id).used / YEN for one in (old, new, other)] == [3, 3, 0]


def test_a_period_begins_with_its_first_call_and_with_todays_limit(store: Store) -> None:
    daily = budget("daily", 10, period="day", begins_on=TODAY - timedelta(days=3), kind="soft")
    made(store, daily)
    registered(store, ONE)
    limited(store, daily, 7)
    tomorrow = TODAY + timedelta(days=1)
    line = (Place(daily.budget_id, tomorrow), 0)

    settled(store, Settlement(ONE, 2 * YEN, (line,), MARKS, tomorrow, 99))

    assert books(store, daily.budget_id, tomorrow) == Books(7 * YEN, 2 * YEN, 0, {})


def test_a_call_from_before_a_budget_does_not_open_an_older_period(store: Store) -> None:
    daily = budget("daily", 10, period="day")
    made(store, daily)
    registered(store, ONE)
    yesterday = TODAY - timedelta(days=1)

    settled(store, Settlement(ONE, 2 * YEN, (), MARKS, yesterday, 0), Settlement(ONE, YEN, (), MARKS, TODAY, 0))

    with store.reading() as tx:
        rows = tx.execute("SELECT period_start, used_micro_jpy FROM ledger_budget_uses").fetchall()
    assert rows == [(TODAY, YEN)]


def test_a_lowered_limit_lets_nothing_new_be_leased(store: Store) -> None:
    one = budget(limit_yen=100)
    made(store, one)
    registered(store, ONE)
    drew(store, ONE, 1, (one, 50, 0))
    limited(store, one, 40)

    (drawn,) = drew(store, ONE, 2, (one, 0, 10)) or []

    assert drawn.granted_micro_jpy == 0
    assert books(store, one.budget_id).limit == 40 * YEN


def old(store: Store, worker: UUID, seconds: int) -> None:
    with store.transaction() as tx:
        tx.execute(
            "UPDATE ledger_workers SET seen_at = clock_timestamp() - make_interval(secs => %s) WHERE worker_id = %s",
            (seconds, worker),
        )


def test_a_dead_workers_leases_go_back_after_what_it_left_is_settled(store: Store) -> None:
    one = budget()
    made(store, one)
    registered(store, ONE, TWO)
    drew(store, ONE, 1, (one, 30, 0))
    drew(store, TWO, 1, (one, 20, 0))
    old(store, ONE, 61)
    old(store, TWO, 59)

    with store.transaction() as tx:
        assert leases.dead_workers(tx) == [ONE]
        leases.settle_many(tx, [settlement(ONE, [(one, 12)], 12)])
        assert leases.bury(tx, ONE) == {month_place(one): 18 * YEN}

    assert books(store, one.budget_id) == Books(100 * YEN, 12 * YEN, 20 * YEN, {TWO: 20 * YEN})
    with store.transaction() as tx:
        assert not leases.beat(tx, ONE)
        assert leases.draw(tx, ONE, 2, [Want(month_place(one), 1, 0)]) is None
        assert leases.recover(tx, ONE, 1) is None


def test_no_attempt_begins_on_a_buried_workers_leases(store: Store) -> None:
    registered(store, ONE, TWO)
    with batch_of(store) as batch:
        leases.fence(batch, {ONE, TWO})
        leases.bury(batch.connection, ONE)

    with batch_of(store) as batch:
        leases.fence(batch, {TWO})
    with pytest.raises(CallerError) as refused, batch_of(store) as batch:
        leases.fence(batch, {ONE, TWO})
    assert refused.value.code == "worker_replaced"


def test_a_worker_whose_attempts_are_just_beginning_is_not_taken_for_dead(store: Store) -> None:
    registered(store, ONE)
    old(store, ONE, 100)

    with batch_of(store) as beginning:
        leases.fence(beginning, {ONE})
        beginning.settle()
        with store.transaction() as sweeping:
            assert leases.dead_workers(sweeping) == []
    with store.transaction() as sweeping:
        assert leases.dead_workers(sweeping) == [ONE]


def test_a_worker_leaves_only_with_empty_hands(store: Store) -> None:
    one = budget()
    made(store, one)
    registered(store, ONE)
    drew(store, ONE, 1, (one, 3, 0))

    with store.transaction() as tx:
        assert not leases.leave(tx, ONE)
        leases.give_back(tx, ONE, 2, {month_place(one): 3 * YEN})
        leases.tidy(tx, ONE, 2)
        assert leases.recover(tx, ONE, 2) == {month_place(one): -3 * YEN}
        leases.tidy(tx, ONE, 4)
        assert leases.leave(tx, ONE)
    assert books(store, one.budget_id) == Books(100 * YEN, 0, 0, {})


def test_draws_returns_and_settlements_of_many_never_wait_in_a_circle(store: Store) -> None:
    """Eight threads with their own workers, three budgets each in another order: sums stay right, nothing deadlocks."""
    some = [budget(f"b{n}", 1000) for n in range(3)]
    made(store, *some)
    workers = [derived_id("worker", "circle", str(n)) for n in range(8)]
    registered(store, *workers)
    spent = [0] * len(workers)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        worker, step = workers[number], 0
        order = [some[(number + n) % 3] for n in range(3)]
        try:
            for _ in range(40):
                step += 1
                drawn = drew(store, worker, step, *((one, 2, 3) for one in order)) or []
                granted = {one.place: one.granted_micro_jpy for one in drawn}
                if min(granted.values()):
                    settled(store, settlement(worker, [(one, 1) for one in reversed(order)], 1))
                    spent[number] += YEN
                    granted = {place: amount - YEN for place, amount in granted.items()}
                step += 1
                with store.transaction() as tx:
                    back = {place: amount for place, amount in granted.items() if amount}
                    assert leases.give_back(tx, worker, step, back)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(workers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    for one in some:
        stood = books(store, one.budget_id)
        assert stood.used == sum(spent)
        assert stood.leased == 0


def test_a_budget_that_has_ended_gives_nothing_in_a_new_period(store: Store) -> None:
    one = budget(period="day")
    made(store, one)
    registered(store, ONE)
    with store.transaction() as tx:
        kept.lock(tx)
        kept.insert(tx, budget(period="day", version=2, is_ended=True), "aoki", "over", NOW)
    tomorrow = Place(one.budget_id, TODAY + timedelta(days=1))

    with store.transaction() as tx:
        assert leases.draw(tx, ONE, 1, [Want(tomorrow, YEN, 0)]) == []
        kept.open_periods(tx, [tomorrow])
        assert leases.draw(tx, ONE, 2, [Want(tomorrow, YEN, 0)]) == []


def test_standings_tell_every_budget_also_before_its_first_call(store: Store) -> None:
    made(store, budget("a", 100), used_yen=5)
    made(store, budget("b", 50, period="fiscal_year"))

    with store.reading() as tx:
        stands = kept.standings(tx, date(2026, 12, 2))
        now = kept.standings(tx, TODAY)

    assert [(s.budget.name, s.period_start, s.resets_on, s.used_micro_jpy) for s in stands] == [
        ("a", date(2026, 12, 1), date(2027, 1, 1), 0),
        ("b", date(2026, 4, 1), date(2027, 4, 1), 0),
    ]
    assert now[0].used_micro_jpy == 5 * YEN
    assert now[0].period_start == MONTH

"""Rules of budgets and leases: periods, amounts, draws, first come first, notices, and a model of many workers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from budget_parts import TODAY, budget, made, month_place
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jitsuri.ledger.live.budgets import Budgets, CallBudgets, Hold, NeedsLease
from jitsuri.ledger.records import leases
from jitsuri.ledger.rules.budgeting import (
    NEVER,
    draft_faults,
    exceeded,
    limit_faults,
    micro_at_least,
    micro_at_most,
    next_start,
    notices_due,
    of_call,
    period_start,
    to_jpy,
    to_micro,
    told_jpy,
)
from jitsuri.ledger.rules.lending import allot, chunk_of, demand, granted, kept_ahead, low_mark, spare
from jitsuri.ledger.shapes.budgets import (
    BUDGET_PERIODS,
    Budget,
    BudgetDraft,
    BudgetSnapshot,
    Drawn,
    Marks,
    Place,
    Settlement,
    Want,
)
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, text

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
AMOUNTS = st.integers(0, 10**9)


@given(st.sampled_from(BUDGET_PERIODS), DAYS, st.integers(1, 12))
def test_every_day_is_in_exactly_one_period(period: Any, day: date, starts_in: int) -> None:
    start = period_start(period, day, starts_in)
    after = next_start(period, start)

    assert start <= day < after
    assert period_start(period, start, starts_in) == start
    assert period_start(period, after, starts_in) == after
    assert period_start(period, after - timedelta(days=1), starts_in) == start


def test_a_fiscal_year_begins_where_the_company_says() -> None:
    assert period_start("fiscal_year", date(2026, 3, 31)) == date(2025, 4, 1)
    assert period_start("fiscal_year", date(2026, 4, 1)) == date(2026, 4, 1)
    assert period_start("fiscal_year", date(2026, 12, 31), 1) == date(2026, 1, 1)
    assert next_start("fiscal_year", date(2026, 10, 1)) == date(2027, 10, 1)


@given(st.decimals(0, 10**12, allow_nan=False, places=9))
def test_amounts_are_rounded_to_the_safe_side(amount: Decimal) -> None:
    assert to_jpy(micro_at_most(amount)) <= amount <= to_jpy(micro_at_least(amount))
    assert micro_at_least(amount) - micro_at_most(amount) <= 1
    assert micro_at_most(amount) <= to_micro(amount) <= micro_at_least(amount)


@pytest.mark.parametrize(
    ("micro", "told"),
    [
        (0, "0"), (1, "0.000001"), (999_999, "0.999999"), (1_000_000, "1"), (1_005_000, "1.01"), (1_500_000, "1.5"),
        (1_234_567_890_123, "1,234,567.89"), (10**12, "1,000,000"), (100_000_000, "100"),
    ],
)  # fmt: skip
def test_amounts_are_told_as_people_read_them(micro: int, told: str) -> None:
    assert told_jpy(micro) == told


def test_a_refusal_names_all_four() -> None:
    refusal = exceeded(
        "営業部の月次", 81_234_000_000, 1_200_500_000, 100_000_000_000, 20_000_000_000, date(2026, 12, 1)
    )

    for lang in LANGUAGES:
        told = text(f"refusal.{refusal.code}", lang, **refusal.facts)
        for fact in ("営業部の月次", "81,234", "1,200.5", "100,000", "20,000", "2026-12-01"):
            assert fact in told


def test_what_cannot_be_a_budget_is_told_by_field() -> None:
    good = BudgetDraft("全社", "company", "", "month", Decimal(100), "hard")
    bad = BudgetDraft(" ", "task", "", cast(Any, "week"), Decimal("NaN"), cast(Any, "firm"), Decimal(0))

    assert draft_faults(good) == []
    faults = draft_faults(bad)
    assert [(fault.code, fault.facts["field"]) for fault in faults] == [
        ("budget_name_invalid", "name"), ("budget_choice_invalid", "period"), ("budget_choice_invalid", "kind"),
        ("budget_subject_missing", "subject"), ("budget_limit_invalid", "limit_jpy"),
        ("budget_share_invalid", "notice_share"),
    ]  # fmt: skip
    assert all(text(f"refusal.{fault.code}", lang, **fault.facts) for fault in faults for lang in LANGUAGES)


@pytest.mark.parametrize(
    ("limit", "is_good"),
    [("0", True), ("0.000001", True), ("0.0000001", False), ("-1", False), ("1e12", True), ("1000000000000.1", False)],
)
def test_limits_have_bounds(limit: str, is_good: bool) -> None:
    assert (limit_faults(Decimal(limit)) == []) is is_good


def test_budgets_of_a_call_are_those_above_it() -> None:
    some = [
        budget("a"), budget("b", scope="department", subject="HQ"), budget("c", scope="department", subject="D1"),
        budget("d", scope="task", subject="x"), budget("e", scope="key", subject="k"), budget("f", is_ended=True),
    ]  # fmt: skip

    def names(marks: Marks) -> str:
        return "".join(sorted(one.name for one in of_call(some, marks)))

    assert names(Marks(("HQ", "D10"), "x", "k")) == "abde"
    assert names(Marks(("D1",), "y", "")) == "ac"
    assert names(Marks((), "", "")) == "a"


@given(AMOUNTS, AMOUNTS, st.sampled_from([Decimal("0.5"), Decimal("0.8"), Decimal(1)]))
def test_a_notice_is_due_when_its_share_is_reached_and_the_next_one_is_named(
    used: int, limit: int, share: Decimal
) -> None:
    reached, ahead = notices_due(used, limit, share)

    assert reached == tuple(s for s in sorted({share, Decimal(1)}) if limit and used >= s * limit)
    assert ahead > used
    if ahead != NEVER:
        assert len(notices_due(ahead, limit, share)[0]) > len(reached)
        assert notices_due(ahead - 1, limit, share)[0] == reached


# -- lending


@given(st.integers(-(10**9), 10**9), AMOUNTS, AMOUNTS)
def test_a_draw_never_takes_more_than_there_is(room: int, need: int, chunk: int) -> None:
    given_out = granted(room, need, chunk)

    assert 0 <= given_out <= max(room, 0)
    assert given_out >= need if room >= need else given_out == 0
    assert given_out <= max(need, chunk)
    assert given_out == need or given_out <= kept_ahead(room, chunk)


@given(AMOUNTS, AMOUNTS, st.floats(0, 1e6))
def test_a_chunk_holds_the_calls_that_are_coming(limit: int, need: int, pace: float) -> None:
    assert chunk_of(limit, need, pace) >= max(limit // 256, 16 * need, int(pace * 0.1) * need)
    assert low_mark(0, chunk_of(limit, need), max(need, 1)) == 0


@given(AMOUNTS, AMOUNTS, AMOUNTS, st.booleans())
def test_only_what_lay_idle_goes_back(free: int, tide: int, chunk: int, is_used: bool) -> None:
    assert 0 <= spare(free, tide, chunk, is_used) <= free
    assert is_used or spare(free, tide, chunk, is_used) == free


POTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 50), min_size=4, max_size=4)
ASKS = st.lists(st.tuples(st.lists(st.sampled_from("abcd"), min_size=1, unique=True), st.integers(0, 30)), max_size=12)


@given(POTS, ASKS)
def test_first_come_first_all_or_nothing(pots: dict[str, int], asks: list[tuple[list[str], int]]) -> None:
    fits = allot(pots, asks)
    left = dict(pots)
    for (keys, amount), is_fitting in zip(asks, fits, strict=True):
        assert is_fitting == all(left[key] >= amount for key in keys)
        if is_fitting:
            left = {key: have - amount if key in keys else have for key, have in left.items()}
    assert min(left.values()) >= 0


@given(POTS, ASKS)
def test_with_what_is_lacking_all_fit(pots: dict[str, int], asks: list[tuple[list[str], int]]) -> None:
    lacking = demand(pots, asks)
    filled = {key: have + lacking.get(key, 0) for key, have in pots.items()}

    assert all(allot(filled, asks))
    assert all(need > 0 for need in lacking.values())


def test_the_database_grants_what_the_rule_says(store: Store) -> None:
    chance = random.Random(7)
    worker = derived_id("worker", "rule")
    some = [budget(f"b{n}", 1) for n in range(300)]
    made(store, *some)
    wants, expected = [], {}
    with store.transaction() as tx:
        leases.register(tx, worker)
        for one in some:
            limit, used = chance.randrange(1000), chance.randrange(1200)
            leased = max(0, chance.randrange(400) - used // 3)
            tx.execute(
                "UPDATE ledger_budget_uses SET limit_micro_jpy = %s, used_micro_jpy = %s, leased_micro_jpy = %s "
                "WHERE budget_id = %s",
                (limit, used, leased, one.budget_id),
            )
            need, chunk = chance.choice((0, chance.randrange(300))), chance.choice((0, chance.randrange(300)))
            wants.append(Want(month_place(one), need, chunk))
            gift = granted(limit - used - leased, need, chunk)
            expected[month_place(one)] = Drawn(month_place(one), gift, used, leased + gift, limit, gift)
    with store.transaction() as tx:
        drawn = leases.draw(tx, worker, 1, wants)

    assert drawn is not None
    assert {one.place: one for one in drawn} == expected
    assert len({one.granted_micro_jpy > 0 for one in drawn}) == 2


# -- many workers, in memory: the real holds and settlements, and books that follow the rules


class Books:
    """What the database would hold."""

    def __init__(self, limits: dict[Place, int]) -> None:
        self.limits = limits
        self.used = dict.fromkeys(limits, 0)
        self.leased = dict.fromkeys(limits, 0)
        self.leases: dict[tuple[int, Place], int] = {}

    def draw(self, worker: int, place: Place, need: int, chunk: int) -> int:
        gift = granted(self.limits[place] - self.used[place] - self.leased[place], need, chunk)
        self._move(worker, place, gift)
        return gift

    def give_back(self, worker: int, place: Place, amount: int) -> None:
        self._move(worker, place, -amount)

    def settle(self, worker: int, settlement: Settlement) -> None:
        for place, taken in settlement.lines:
            self.used[place] += settlement.actual_micro_jpy
            self._move(worker, place, -min(taken, self.leases.get((worker, place), 0)))

    def bury(self, worker: int) -> None:
        for (whose, place), amount in list(self.leases.items()):
            if whose == worker:
                self.leased[place] -= amount
                del self.leases[whose, place]

    def _move(self, worker: int, place: Place, amount: int) -> None:
        self.leases[worker, place] = self.leases.get((worker, place), 0) + amount
        self.leased[place] += amount


class ManyWorkers(RuleBasedStateMachine):
    """Three workers, two budgets on most calls. Committing is a step of its own, and a worker may die between all."""

    kind: type[Budgets] = Budgets

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count(1)
        self.standing: tuple[Budget, ...] = ()

    @initialize(wide=st.integers(1, 200), narrow=st.integers(1, 100))
    def begin(self, wide: int, narrow: int) -> None:
        one, two = budget("wide", 1), budget("narrow", 1, scope="task", subject="t")
        self.standing = (one, two)
        self.books = Books({month_place(one): wide, month_place(two): narrow})
        self.largest = dict(self.books.limits)
        self.workers: dict[int, Budgets] = {}
        self.under_way: dict[int, list[Hold]] = {}
        self.settled: dict[int, list[tuple[Hold, Settlement]]] = {}
        self.spent = dict.fromkeys(self.books.limits, 0)
        self.before = dict.fromkeys(self.books.limits, 0)
        for _ in range(3):
            self._hire()

    def _hire(self) -> None:
        number = next(self.numbers)
        worker = self.kind(cast(Any, None), derived_id("worker", str(number)), clock=lambda: 0.0)
        worker._purse.guarded_until = 1.0
        worker.replace(BudgetSnapshot(2, self.standing))
        self.workers[number], self.under_way[number], self.settled[number] = worker, [], []

    def _one(self, which: int) -> int:
        return sorted(self.workers)[which % len(self.workers)]

    @rule(which=st.integers(0, 2), amount=st.integers(1, 60), task=st.sampled_from(["t", ""]), chunk=st.integers(0, 40))
    def ask(self, which: int, amount: int, task: str, chunk: int) -> None:
        """A call asks; where the lease is too small its worker draws, for all budgets, and tries again."""
        number = self._one(which)
        worker = self.workers[number]
        found = worker.of((), task, "")
        held = worker.hold(found, amount, TODAY)
        if isinstance(held, NeedsLease):
            for account in found.days[TODAY].accounts:
                lacking = max(0, amount - account.free)
                account.free += self.books.draw(number, account.place, lacking, chunk)
            held = worker.hold(found, amount, TODAY)
        assert not isinstance(held, Refusal)
        if isinstance(held, Hold):
            self.under_way[number].append(held)

    @rule(which=st.integers(0, 2), nth=st.integers(0, 9), share=st.floats(0, 1))
    def answer(self, which: int, nth: int, share: float) -> None:
        """A call is over; its settlement waits to be committed."""
        number = self._one(which)
        if not self.under_way[number]:
            return
        hold = self.under_way[number].pop(nth % len(self.under_way[number]))
        (settlement,) = self.workers[number].settle(hold, round(hold.micro_jpy * share))
        self.settled[number].append((hold, settlement))

    @rule(which=st.integers(0, 2), nth=st.integers(0, 9))
    def drop(self, which: int, nth: int) -> None:
        number = self._one(which)
        if not self.under_way[number]:
            return
        self.workers[number].release(self.under_way[number].pop(nth % len(self.under_way[number])))

    @rule(which=st.integers(0, 2))
    def commit(self, which: int) -> None:
        number = self._one(which)
        if not self.settled[number]:
            return
        _, settlement = self.settled[number].pop(0)
        self.books.settle(number, settlement)
        for place, _ in settlement.lines:
            self.spent[place] += settlement.actual_micro_jpy

    @rule(which=st.integers(0, 2), is_recalled=st.booleans())
    def give_back(self, which: int, is_recalled: bool) -> None:
        number = self._one(which)
        purse = self.workers[number]._purse
        idle = purse.take_free(list(purse.accounts)) if is_recalled else purse.take_spare()
        for place, amount in idle.items():
            self.books.give_back(number, place, amount)

    @rule(which=st.integers(0, 2))
    def die(self, which: int) -> None:
        """Killed at any moment: what is not committed counts at its worst, then the leases go back."""
        number = self._one(which)
        orphans = [*self.under_way.pop(number), *(hold for hold, _ in self.settled.pop(number))]
        for hold in orphans:
            lines = tuple((account.place, hold.micro_jpy) for account in hold._places.accounts)
            self.books.settle(number, Settlement(hold.worker_id, hold.micro_jpy, lines, Marks((), "", ""), TODAY, 2))
            for place, _ in lines:
                self.spent[place] += hold.micro_jpy
        self.books.bury(number)
        del self.workers[number]
        self._hire()

    @rule(is_wide=st.booleans(), limit=st.integers(0, 200))
    def change_limit(self, is_wide: bool, limit: int) -> None:
        place = month_place(self.standing[0 if is_wide else 1])
        self.books.limits[place] = limit
        self.largest[place] = max(self.largest[place], limit)

    @precondition(lambda self: self.standing)
    @invariant()
    def nothing_is_exceeded(self) -> None:
        for place, limit in self.books.limits.items():
            total = self.books.used[place] + self.books.leased[place]
            assert total <= max(limit, self.before[place])
            self.before[place] = total
            worst = sum(hold.micro_jpy for hold in self._open() if place in self._places(hold))
            assert self.spent[place] + worst <= self.largest[place]
            assert self.spent[place] == self.books.used[place]

    @precondition(lambda self: self.standing)
    @invariant()
    def leases_add_up(self) -> None:
        for place in self.books.limits:
            whose = {number: amount for (number, at), amount in self.books.leases.items() if at == place}
            assert sum(whose.values()) == self.books.leased[place]
            for number, worker in self.workers.items():
                account = worker._purse.accounts.get(place)
                waiting = sum(taken for _, row in self.settled[number] for at, taken in row.lines if at == place)
                known = 0 if account is None else account.free + account.held
                assert known + waiting == whose.get(number, 0)
                assert account is None or min(account.free, account.held) >= 0
                open_holds = [*self.under_way[number], *(hold for hold, _ in self.settled[number])]
                worst = sum(hold.micro_jpy for hold in open_holds if place in self._places(hold))
                assert worst <= whose.get(number, 0), "were it to die now, more would be counted than it has leased"

    def _open(self) -> Iterator[Hold]:
        for number in self.workers:
            yield from self.under_way[number]
            yield from (hold for hold, _ in self.settled[number])

    def _places(self, hold: Hold) -> set[Place]:
        return {account.place for account in hold._places.accounts}


ManyWorkers.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestManyWorkers = ManyWorkers.TestCase
TestManyWorkers.__test__ = True


class SaysYes(Budgets):
    def hold(self, budgets: CallBudgets, micro_jpy: int, day: date) -> Hold | NeedsLease | Refusal:
        super().hold(budgets, 0, day)
        return Hold(self.worker_id, budgets, budgets.days[day], micro_jpy, day)


class SettlesNothing(Budgets):
    def settle(self, hold: Hold, actual_micro_jpy: int, attempt_id: UUID | None = None) -> tuple[Settlement, ...]:
        (settlement,) = super().settle(hold, actual_micro_jpy, attempt_id)
        return (msgspec.structs.replace(settlement, lines=tuple((place, 0) for place, _ in settlement.lines)),)


class SpendsAgainAtOnce(Budgets):
    """What a call did not spend is free before its settlement is durable."""

    def settle(self, hold: Hold, actual_micro_jpy: int, attempt_id: UUID | None = None) -> tuple[Settlement, ...]:
        (settlement,) = super().settle(hold, actual_micro_jpy, attempt_id)
        for account in hold._places.accounts:
            account.free += hold.micro_jpy - actual_micro_jpy
        return (
            msgspec.structs.replace(
                settlement, lines=tuple((place, actual_micro_jpy) for place, _ in settlement.lines)
            ),
        )


@pytest.mark.slow
@pytest.mark.parametrize("fault", [SaysYes, SettlesNothing, SpendsAgainAtOnce])
def test_the_model_sees_a_fault(fault: type[Budgets]) -> None:
    machine = type(fault.__name__, (ManyWorkers,), {"kind": fault})

    with pytest.raises(AssertionError):
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            machine, settings=settings(max_examples=300, deadline=None, database=None, phases=[Phase.generate])
        )

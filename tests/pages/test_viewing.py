"""What the pages read: every sum against a hand, on a real database (see ``page_scene`` for the figures)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from page_scene import BIG, GROUP, LAST, NOW, RUN, Scene, at, make, of_day, rate_on

from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.records.reading import CallFilter, search
from jitsuri.flows.cold.opportunities import Proof
from jitsuri.flows.cold.viewing.counting import Change
from jitsuri.flows.cold.viewing.opening_calls import Wanted, call_list, call_view, thread_view
from jitsuri.flows.cold.viewing.opening_departments import department_tree, department_view
from jitsuri.flows.cold.viewing.opening_prices import price_history, price_list
from jitsuri.flows.cold.viewing.opening_proposals import proposal_list
from jitsuri.flows.cold.viewing.opening_tasks import task_list, task_view
from jitsuri.flows.cold.viewing.overviewing import Overview, overview
from jitsuri.flows.cold.viewing.yearly import fiscal_year
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import moves
from jitsuri.ledger.rules.repricing import repricing_lines
from jitsuri.ledger.shapes.forecasts import MonthEnd
from jitsuri.ledger.shapes.pricing import Priced
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import Month

PROOF = Proof(Decimal("0.10"), Decimal(50), Decimal(3957), Decimal("0.05"))
NOVEMBER = Month(2026, 11)
D = Decimal


def november(kept: Scene) -> Overview:
    with kept.store.reading() as tx:
        return overview(tx, NOW, NOVEMBER, "TTM", PROOF)


# -- 概況


def test_the_month_sums_both_kinds_of_cost_and_says_what_is_missing(kept: Scene) -> None:
    figures = november(kept).figures

    # 14 days × 1,113 + 1,144.164; three Mondays without a price
    assert figures.calls_jpy == D("16726.164")
    assert (figures.other_jpy, figures.unused_jpy) == (D(10_000), D(2_000))
    assert figures.whole_jpy == D("26726.164")
    assert (figures.calls, figures.unpriced, figures.unconverted, figures.gaps) == (48, 3, 0, 3)


def test_the_change_is_told_over_the_same_days(kept: Scene) -> None:
    change = november(kept).change

    # 1 to 20 October has 14 working days
    assert change == Change(D("16726.164"), 14 * D(1113), 20)
    assert change.share is not None
    assert round(change.share, 4) == D("0.0734")


def test_a_month_that_is_over_is_compared_whole(kept: Scene) -> None:
    with kept.store.reading() as tx:
        view = overview(tx, NOW, Month(2026, 10), "TTM", PROOF)

    assert view.change == Change(22 * D(1113), 22 * D(1113), None)
    assert view.month_end is None
    assert view.days.estimated_from is None


def test_the_months_end_is_the_days_so_far_and_the_weekdays_to_come(kept: Scene) -> None:
    end = november(kept).month_end

    assert isinstance(end, MonthEnd)
    assert end.known_to == LAST
    assert end.spent_jpy == D("16726.164")
    # 23 to 30 November: five weekdays and a Monday; Friday's mean of eight is 1,113 + 31.164 / 8
    assert end.point_jpy == D("16726.164") + 5 * D(1113) + D(1113) + D("31.164") / 8
    assert end.spent_jpy <= end.low_jpy <= end.point_jpy <= end.high_jpy


def test_without_enough_history_there_is_no_estimate(store: Store) -> None:
    made = [make(f"c{n}", date(2026, 11, 3) + timedelta(days=n), 0, "", "", "gpt-big", BIG, "3.50") for n in range(15)]
    with store.transaction() as tx:
        entry_rows.insert_many(tx, [entry for _, entry in made])

    with store.reading() as tx:
        view = overview(tx, NOW, NOVEMBER, "TTM", PROOF)

    assert view.month_end == Refusal("forecast_history", {"days": 15, "needed": 21})


def test_a_log_that_ends_long_ago_is_not_continued(kept: Scene) -> None:
    later = NOW + timedelta(days=60)
    with kept.store.reading() as tx:
        view = overview(tx, later, Month(2027, 1), "TTM", PROOF)

    assert view.month_end == Refusal("forecast_stale", {"day": LAST})
    assert view.figures.calls == 0


def test_days_are_stacked_by_task_and_add_up_to_the_month(kept: Scene) -> None:
    view = november(kept)
    days = view.days

    assert days.tasks == ("inquiry-triage", "quotation-extraction", "")
    assert days.rest is None
    assert days.estimated_from == 20
    known = [sum(series[at_] for series in days.series) for at_ in range(20)]
    assert sum(known) == view.figures.calls_jpy
    assert known[1] == D(1113)
    assert isinstance(view.month_end, MonthEnd)
    estimated = sum(series[22] for series in days.series)
    assert estimated == dict(view.month_end.days)[date(2026, 11, 23)]


def test_tasks_stand_by_cost_with_their_course(kept: Scene) -> None:
    triage, quotation, unassigned = november(kept).tasks

    assert (triage.task, quotation.task, unassigned.task) == ("inquiry-triage", "quotation-extraction", "")
    assert triage.figures.calls_jpy == D("15779.4")
    assert triage.course == (None, None, None, D(22 * 1050), D(22 * 1050), D("15779.4"))
    assert triage.figures.cost_per_call_jpy == D("525.98")
    assert quotation.figures.calls_jpy == D("946.764")
    assert unassigned.figures.unpriced == 3
    assert unassigned.figures.cost_per_call_jpy is None


def test_an_announced_price_is_told_in_yen_of_the_last_complete_month(kept: Scene) -> None:
    (one,) = november(kept).announced

    # 44 calls in October at 3.50 USD, then at 7.00, at today's 154.20
    assert (one.model, one.on, one.month) == ("gpt-big", date(2027, 1, 1), Month(2026, 10))
    assert one.before_jpy == 44 * D("3.50") * D("154.20")
    assert one.effect_jpy == 44 * D("3.50") * D("154.20")
    assert one.times == 2
    assert one.tasks == ("inquiry-triage",)


def test_what_a_person_must_do_is_listed(kept: Scene) -> None:
    codes = {wish.code: wish.facts for wish in november(kept).wishes}

    assert codes["unpriced_model"] == {"calls": 11, "models": 1, "first": "mystery-1"}
    assert codes["unassigned"]["calls"] == 11
    assert set(codes) == {"unpriced_model", "unassigned"}


def test_an_empty_ledger_has_an_overview_too(store: Store) -> None:
    with store.reading() as tx:
        view = overview(tx, NOW, NOVEMBER, "TTM", PROOF)
        tasks = task_list(tx, NOW, NOVEMBER, "TTM")
        year = fiscal_year(tx, NOW, 2026, 4, "TTM")
        prices = price_list(tx, NOW, "TTM")
        tree = department_tree(tx, NOW, NOVEMBER, "TTM")

    assert (view.figures.whole_jpy, view.basis.ledger, view.opportunities, view.change) == (0, None, None, None)
    assert {wish.code for wish in view.wishes} == {"no_rate", "no_book"}
    assert (tasks.rows, year.tasks, prices.models, tree.rows) == ((), (), (), ())


# -- 年度


def test_a_fiscal_year_sums_its_months_and_halves(kept: Scene) -> None:
    with kept.store.reading() as tx:
        view = fiscal_year(tx, NOW, 2026, 4, "TTM")

    by_month = dict(view.months)
    assert by_month[Month(2026, 9)].calls_jpy == 22 * D(1113)
    assert by_month[Month(2026, 9)].other_jpy == D(10_000)
    first, second = (sum(f.whole_jpy for _, f in half) for half in view.halves)
    assert first == 22 * D(1113) + 10_000
    assert second == 22 * D(1113) + D("16726.164") + 20_000
    assert by_month[Month(2026, 12)].whole_jpy == 0  # known beforehand, but not yet a cost


# -- 業務


def test_a_task_is_told_by_model_thread_and_department(kept: Scene) -> None:
    with kept.store.reading() as tx:
        view = task_view(tx, NOW, "inquiry-triage", NOVEMBER, "TTM", PROOF)

    assert view is not None
    (model,) = view.models
    assert (model.model, model.costs[-3:]) == ("gpt-big", (D(23_100), D(23_100), D("15779.4")))
    assert (view.threads.calls, view.threads.threads, view.threads.is_all) == (30, 15, True)
    assert view.threads.cost_per_thread_jpy == D("1051.96")
    assert view.threads.dearest[0][1:] == (2, D("1079.4"))
    assert [(code, f.calls_jpy) for code, f in view.departments] == [("support", D("15779.4"))]
    assert [rule.value for rule in view.rules] == ["app=triage"]
    # seats: 8,000 of 10,000 are used; 30 of 48 calls are the task's
    assert view.figures.other_jpy == D(5_000)


def test_a_name_that_nobody_knows_is_no_task(kept: Scene) -> None:
    with kept.store.reading() as tx:
        assert task_view(tx, NOW, "nothing", NOVEMBER, "TTM", PROOF) is None
        assert task_view(tx, NOW, "", NOVEMBER, "TTM", PROOF) is not None


# -- 部門


def test_past_months_keep_the_tree_they_had(kept: Scene) -> None:
    with kept.store.reading() as tx:
        october = department_view(tx, NOW, "sales", Month(2026, 10), "TTM")
        november_ = department_view(tx, NOW, "sales", NOVEMBER, "TTM")

    assert october is not None
    assert november_ is not None
    assert october.figures.calls_jpy == D(23_100)  # 営業支援課 belonged to 営業部
    assert november_.figures.calls_jpy == 0
    assert [m.figures.calls_jpy for m in november_.months][-2:] == [D(23_100), D(0)]


def test_departments_roll_up_and_nothing_is_lost(kept: Scene) -> None:
    with kept.store.reading() as tx:
        tree = department_tree(tx, NOW, NOVEMBER, "TTM")

    rows = {row.code: row for row in tree.rows}
    assert rows["hq"].calls_jpy == D("16726.164")
    assert rows["hq"].own_jpy == 0
    assert rows["support"].calls_jpy == D("15779.4")
    assert (rows["support"].depth, rows["hq"].depth) == (1, 0)
    top = sum((row.whole_jpy for row in tree.rows if row.depth == 0), D(0))
    assert top == tree.figures.whole_jpy == D("26726.164")


# -- 呼出し


def test_calls_come_newest_first_and_page_by_page(kept: Scene) -> None:
    wanted = Wanted(date(2026, 11, 1), date(2026, 11, 30))
    seen = []
    after = None
    with kept.store.reading() as tx:
        while True:
            page = call_list(tx, wanted, after, 7)
            seen += [call.call_id for call, _ in page.rows]
            after = page.next
            if after is None:
                break

    times = {c.call_id: c.at for c in kept.calls}
    assert len(seen) == len(set(seen)) == 48
    assert [times[i] for i in seen] == sorted((times[i] for i in seen), reverse=True)
    assert page.sum is not None
    assert (page.sum.attempts, page.sum.cost_jpy, page.sum.unpriced) == (48, D("16726.164"), 3)


@pytest.mark.parametrize(
    ("asked", "calls", "jpy"),
    [
        ({"task": "inquiry-triage"}, 30, "15779.4"),
        ({"task": ""}, 3, "0"),
        ({"model": "gpt-small"}, 15, "946.764"),
        ({"departments": ("support", "sales")}, 30, "15779.4"),
        ({"provider": "nobody"}, 0, "0"),
        ({"statuses": ("error", "cut")}, 0, "0"),
        ({"statuses": ("ok",), "task": "quotation-extraction"}, 15, "946.764"),
        ({"key_name": "key-1", "model": "gpt-small"}, 15, "946.764"),
        ({"metadata": "truth_id=quotation-2026-11-20"}, 1, "64.764"),
        ({"metadata": "quotation-2026-11"}, 15, "946.764"),
        ({"run_id": RUN}, 48, "16726.164"),
    ],
)
def test_the_sum_of_a_filter_is_the_sum_of_its_calls(
    kept: Scene, asked: dict[str, object], calls: int, jpy: str
) -> None:
    wanted = Wanted(date(2026, 11, 1), date(2026, 11, 30), CallFilter(**asked))  # type: ignore[arg-type]
    with kept.store.reading() as tx:
        page = call_list(tx, wanted, None, 100)

    assert len(page.rows) == calls
    assert page.sum is not None
    assert (page.sum.attempts, page.sum.cost_jpy) == (calls, D(jpy))
    assert sum((a.cost_jpy or D(0) for _, a in page.rows if a), D(0)) == D(jpy)


def test_a_search_ends_after_its_window_and_goes_on_from_there(kept: Scene) -> None:
    wanted = CallFilter(since=at(date(2026, 9, 1)), key_name=None, metadata="truth_id=quotation-2026-09-01")
    looked, after = 0, None
    with kept.store.reading() as tx:
        while True:
            found = search(tx, wanted, after, 10, window=20)
            looked += 1
            if found.calls or found.next is None:
                break
            assert found.is_cut
            after = found.next

    assert [call.metadata["truth_id"] for call in found.calls] == ["quotation-2026-09-01"]
    assert looked == -(-len(kept.calls) // 20)


def test_calls_without_a_price_are_found_by_the_ledger_and_leave_it_when_priced(scene: Scene) -> None:
    wanted = Wanted(date(2026, 9, 1), date(2026, 11, 30), state="unpriced")
    with scene.store.reading() as tx:
        first = call_list(tx, wanted, None, 4)
        second = call_list(tx, wanted, first.next, 100)
    assert [len(first.rows), len(second.rows)] == [4, 7]
    assert first.sum is not None
    assert first.sum.unpriced == 11
    assert {a.state for _, a in (*first.rows, *second.rows) if a} == {"unpriced"}

    with scene.store.transaction() as tx:
        call = first.rows[0][0]
        lines = entry_rows.of_calls(tx, [call.call_id])
        priced = Priced(D("1"), "USD", "openai", "mystery-1", "standard", ())
        made = repricing_lines(lines, priced, lambda _, day: rate_on(day), now=NOW, book_id="b" * 16)
        entry_rows.insert_many(tx, made)
    with scene.store.reading() as tx:
        assert len(call_list(tx, wanted, None, 100).rows) == 10


def test_a_call_shows_how_its_price_came_about(kept: Scene) -> None:
    call = kept.call("inquiry-triage", LAST)
    with kept.store.reading() as tx:
        view = call_view(tx, call.call_id)

    assert view is not None
    (attempt,) = view.attempts
    assert isinstance(attempt.priced, Priced)
    assert attempt.priced.lines == (
        ("input_tokens", 1_000_000, D("2.50"), 1_000_000, D("2.50")),
        ("output_tokens", 100_000, D("10.00"), 1_000_000, D("1.00")),
    )
    assert attempt.rate is not None
    assert (attempt.rate.rate, attempt.cost_jpy) == (D("154.20"), D("539.7"))
    assert len(view.thread) == 2


def test_a_price_that_cannot_be_made_again_is_not_invented(scene: Scene) -> None:
    call, entry = make("odd", LAST, 9, "inquiry-triage", "support", "gpt-big", BIG, "3.51")
    other, lost = make("lost", LAST, 10, "inquiry-triage", "support", "gpt-big", BIG, "3.50")
    with scene.store.transaction() as tx:
        call_rows.insert_many(tx, [call, other])
        entry_rows.insert_many(tx, [entry, replace(lost, price_book="f" * 16)])
    with scene.store.reading() as tx:
        odd, gone = call_view(tx, call.call_id), call_view(tx, other.call_id)

    assert odd is not None
    assert gone is not None
    assert isinstance(odd.attempts[0].priced, Refusal)
    assert odd.attempts[0].priced.code == "price_not_repeatable"
    assert isinstance(gone.attempts[0].priced, Refusal)
    assert gone.attempts[0].priced.code == "price_book_gone"


def test_a_moved_call_keeps_its_sum_and_shows_all_its_lines(scene: Scene) -> None:
    call = scene.call("quotation-extraction", LAST)
    with scene.store.transaction() as tx:
        moves.move(tx, [call.call_id], "inquiry-triage", "", NOW)
    with scene.store.reading() as tx:
        view = call_view(tx, call.call_id)

    assert view is not None
    assert [line.kind for line in view.attempts[0].lines] == ["attempt", "moved_in", "moved_out"]
    assert view.attempts[0].cost_jpy == D("64.764")
    assert view.attempts[0].standing is not None
    assert view.attempts[0].standing.line.task == "inquiry-triage"


def test_a_thread_holds_its_calls_in_order(kept: Scene) -> None:
    call = kept.call("inquiry-triage", LAST)
    with kept.store.reading() as tx:
        view = thread_view(tx, call.thread_id)
        assert thread_view(tx, call.call_id) is None

    assert view is not None
    assert [c.at for c, _ in view.rows] == [at(LAST, 0), at(LAST, 1)]
    assert (view.sum.cost_jpy, view.is_all) == (D("1079.4"), True)


# -- 単価, 業務の候補


def test_prices_name_what_is_missing_and_what_changes(kept: Scene) -> None:
    with kept.store.reading() as tx:
        view = price_list(tx, NOW, "TTM")
        history = price_history(tx, NOW, "TTM", "openai", "gpt-big")
        assert price_history(tx, NOW, "TTM", "openai", "mystery-1") is None

    assert [m.model for m in view.models] == ["gpt-big", "gpt-small"]
    assert view.models[0].cost_jpy == D("15779.4")
    assert [(m.model, m.unpriced, m.code) for m in view.missing] == [("mystery-1", 11, "price_missing_model")]
    assert view.age_days == 21
    assert history is not None
    assert [(c.kind, c.before, c.after) for c in history.changes] == [
        ("input_tokens", D("2.50"), D("5.00")), ("output_tokens", D("10.00"), D("20.00"))
    ]  # fmt: skip
    assert [m for m, _, _ in history.months] == [Month(2026, 9), Month(2026, 10), Month(2026, 11)]


def test_unassigned_calls_are_proposed(kept: Scene) -> None:
    with kept.store.reading() as tx:
        view = proposal_list(tx)

    (one,) = view.proposals
    assert (one.groups, one.calls, one.cost_jpy, one.models) == ((GROUP,), 11, D(0), ("mystery-1",))
    assert (view.moving, view.more_groups, view.inexact) == ((), 0, frozenset())


def test_furnishing_adds_up() -> None:
    """The scene itself: what its docstring says."""
    assert sum(e.cost_jpy or D(0) for _, e in of_day(date(2026, 9, 1))) == D(1113)
    assert sum(e.cost_jpy or D(0) for _, e in of_day(LAST)) == D("1144.164")

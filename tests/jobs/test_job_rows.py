"""Jobs as rows: asked for with what needs them, one living per key, steps recorded once, runs that no longer count."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from job_parts import NOW, ask, job

from jitsuri.app.jobs import Chore, Registry
from jitsuri.app.working import Runner, run_here
from jitsuri.flows.cold.stepping import straight
from jitsuri.settings import check_text
from jitsuri.store.door import Store
from jitsuri.store.jobs import queueing
from jitsuri.store.jobs.adopting import Script, adopt
from jitsuri.store.jobs.shapes import Taken
from jitsuri.store.jobs.stepping import Cancelled, LaidDown, Steps, TakenOver
from jitsuri.terms.errors import CallerError, OperatorError


def _taken(store: Store, job_id: UUID, number: int | None = None) -> Taken:
    with store.transaction() as tx:
        if number is not None:
            queueing.hand_over(tx, lambda _: number)
        taken = queueing.take(tx, NOW, job_id, "here", number)
    assert taken is not None
    return taken


def _runner(store: Store, registry: Registry, **more: Any) -> Runner:
    settings, _ = check_text("", Path("/nowhere"), None, {})
    return Runner(store, settings, {}, registry, lambda: NOW, "here", **more)


# -- asking


def test_what_is_rolled_back_leaves_no_job(store: Store) -> None:
    def start() -> None:
        with store.transaction() as tx:
            queueing.enqueue(tx, NOW, "aoki", "trial", {"trial": 1}, "trial:1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        start()
    with store.reading() as tx:
        assert queueing.newest(tx, ("waiting",), 10) == []


def test_one_living_job_per_key_also_when_many_ask_at_once(store: Store) -> None:
    begun, found = threading.Barrier(6), []

    def work(place: int) -> None:
        begun.wait(20)
        with store.transaction() as tx:
            found.append(queueing.enqueue(tx, NOW + timedelta(seconds=place), "aoki", "trial", {}, "trial:1"))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    taken = _taken(store, found[0])
    assert ask(store, "trial", "trial:1") == found[0]
    with store.transaction() as tx:
        queueing.end(tx, NOW, taken, "done")
        later = queueing.enqueue(tx, NOW + timedelta(hours=1), "aoki", "trial", {}, "trial:1")
    assert later != found[0]


def test_a_job_is_handed_over_once_and_not_where_that_is_rolled_back(store: Store) -> None:
    job_id = ask(store, "trial")

    def give_in_vain() -> None:
        with store.transaction() as tx:
            assert queueing.hand_over(tx, lambda _: 7) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_in_vain()
    with store.transaction() as tx:
        assert queueing.hand_over(tx, lambda _: 8) == 1
        assert queueing.hand_over(tx, lambda _: 9) == 0
        assert queueing.handed_over(tx) == {job_id: 8}
        assert queueing.take(tx, NOW, job_id, "w", 7) is None
        assert queueing.hand_back(tx, job_id, 7) is False
        assert queueing.hand_back(tx, job_id, 8) is True


# -- steps


def test_a_step_that_is_done_is_not_done_again(store: Store) -> None:
    steps, done = Steps(store, _taken(store, ask(store, "trial"), 1), lambda: NOW), []
    for _ in range(2):
        assert steps("sum", lambda a, b: done.append(a) or {"sum": a + b, "pair": (a, b)}, 1, 2) == {
            "sum": 3, "pair": [1, 2]
        }  # fmt: skip
    assert done == [1]
    assert steps("none", lambda: None) is None
    assert steps("none", lambda: 1) is None
    assert steps("text", lambda: "a\0b\\u0000") == "a\u2400b\\u0000" == steps("text", lambda: "")


def test_a_name_with_other_arguments_is_a_fault_that_is_told(store: Store) -> None:
    steps = Steps(store, _taken(store, ask(store, "trial"), 1), lambda: NOW)
    steps("sum", lambda *n: sum(n), 1, 2)
    with pytest.raises(OperatorError) as caught:
        steps("sum", lambda *n: sum(n), 1, 3)
    assert (caught.value.code, caught.value.facts["step"]) == ("step_changed", "sum")
    with pytest.raises(TypeError):
        steps("odd", lambda one: one, object())


def test_a_step_that_fails_is_not_recorded_and_is_done_at_the_next_try(store: Store) -> None:
    steps = Steps(store, _taken(store, ask(store, "trial"), 1), lambda: NOW)
    with pytest.raises(ZeroDivisionError):
        steps("one", lambda: 1 // 0)
    assert steps("one", lambda: 1) == 1


def test_what_a_run_does_after_another_took_the_job_is_not_kept(store: Store) -> None:
    job_id = ask(store, "trial")
    first = _taken(store, job_id, 5)
    steps = Steps(store, first, lambda: NOW)
    with store.transaction() as tx:
        second = queueing.take(tx, NOW, job_id, "other", 5)
    assert second is not None
    assert second.run == 2
    with pytest.raises(TakenOver):
        steps("one", lambda: 1)

    def overtaken() -> int:
        with store.transaction() as tx:
            queueing.take(tx, NOW, job_id, "third", 5)
        return 1

    with pytest.raises(TakenOver):
        Steps(store, second, lambda: NOW)("two", overtaken)
    with store.transaction() as tx:
        assert not queueing.end(tx, NOW, first, "done")
        assert queueing.steps_of(tx, job_id) == []


def test_a_run_is_told_to_stop_and_of_a_cancellation_before_its_next_step(store: Store) -> None:
    taken = _taken(store, ask(store, "trial"), 1)
    with pytest.raises(LaidDown):
        Steps(store, taken, lambda: NOW, lambda: True)("one", lambda: 1)
    steps = Steps(store, taken, lambda: NOW)
    with store.transaction() as tx:
        queueing.ask_cancel(tx, NOW, taken.job_id)
    with pytest.raises(Cancelled):
        steps("one", lambda: 1)


def test_work_takes_its_steps_straight_where_nothing_is_kept() -> None:
    assert straight("sum", lambda a, b: a + b, 1, 2) == 3


# -- running


def test_a_job_here_is_left_to_the_workers_when_the_command_is_interrupted(store: Store) -> None:
    job_id, registry, calls = ask(store, "trial"), Registry(), []

    def trial(tools: Any, asked: dict[str, Any]) -> None:
        tools.step("one", lambda: calls.append("one"))
        if len(calls) == 1:
            calls.append("interrupt")
            raise KeyboardInterrupt
        tools.step("two", lambda: calls.append("two"))

    registry.add("trial", trial)
    with pytest.raises(KeyboardInterrupt):
        run_here(store, _runner(store, registry), job_id)
    assert job(store, job_id).state == "waiting"
    assert run_here(store, _runner(store, registry), job_id).state == "done"
    assert calls == ["one", "interrupt", "two"]


def test_a_job_of_a_command_that_died_waits_for_a_worker(store: Store) -> None:
    job_id = ask(store, "trial")
    session = store.lasting()
    assert queueing.hold_here(session, job_id)
    _taken(store, job_id)
    with store.transaction() as tx:
        assert queueing.hand_back_left(tx) == 0
    session.close()
    threading.Event().wait(0.2)
    with store.transaction() as tx:
        assert queueing.hand_back_left(tx) == 1
        assert queueing.hand_over(tx, lambda _: 3) == 1


def test_passing_faults_are_tried_again_and_others_end_the_job(store: Store) -> None:
    registry, tries = Registry(), []

    def away(tools: Any, asked: dict[str, Any]) -> None:
        tries.append(1)
        if len(tries) < asked["until"]:
            raise OperatorError("database_unreachable", where="x", reason="y")

    def wrong(tools: Any, asked: dict[str, Any]) -> None:
        raise CallerError("budget_limit_missing", name="x")

    registry.add("away", away)
    registry.add("wrong", wrong)
    runner = _runner(store, registry, pauses_s=(0.01, 0.01))
    job_id = ask(store, "away", until=3)
    assert run_here(store, runner, job_id).state == "done"
    assert len(tries) == 3
    gave_up = run_here(store, runner, ask(store, "away", "away:2", until=99))
    assert (gave_up.state, gave_up.error_code) == ("failed", "database_unreachable")
    assert len(tries) == 6
    assert run_here(store, runner, ask(store, "wrong")).error_code == "budget_limit_missing"


def test_what_ended_well_is_forgotten_later_and_failures_stay(store: Store) -> None:
    for name, state in (("one", "done"), ("two", "failed"), ("three", "done")):
        taken = _taken(store, ask(store, name))
        at = NOW if name == "three" else NOW - timedelta(days=40)
        with store.transaction() as tx:
            queueing.end(tx, at, taken, state)
    with store.transaction() as tx:
        assert queueing.forget_ended(tx, NOW - timedelta(days=30)) == 1
        assert {one.name for one in queueing.newest(tx, ("done", "failed"), 9)} == {"two", "three"}


# -- chores and registries


def test_chores_fall_due_by_the_companys_day_or_every_so_many_seconds() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    daily = Chore("watch", at=time(2, 30))
    assert daily.due(datetime(2026, 11, 26, 18, 0, tzinfo=UTC), tokyo) == datetime(2026, 11, 26, 17, 30, tzinfo=UTC)
    assert daily.due(datetime(2026, 11, 26, 17, 29, tzinfo=UTC), tokyo) == datetime(2026, 11, 25, 17, 30, tzinfo=UTC)
    often = Chore("watch", every_s=600)
    assert often.due(datetime(2026, 11, 26, 18, 9, 59, tzinfo=UTC), tokyo) == datetime(2026, 11, 26, 18, 0, tzinfo=UTC)
    registry = Registry()
    registry.add_chore("a", daily)
    for wrong in (Chore("watch"), Chore("watch", every_s=5, at=time(1)), daily):
        with pytest.raises(ValueError):
            registry.add_chore("a" if wrong is daily else "b", wrong)


# -- a library's own tables


def test_a_librarys_scripts_are_applied_once_and_only_what_is_missing(store: Store) -> None:
    one, two = Script("01_one", "CREATE TABLE lib_one (n int)"), Script("02_two", "CREATE TABLE lib_two (n int)")
    assert adopt(store, "lib", "CREATE TABLE lib_one (n int)", [one]) == ["01_one"]
    assert adopt(store, "lib", "SELECT 1/0", [one]) == []
    assert adopt(store, "lib", "SELECT 1/0", [two, one]) == ["02_two"]
    with store.reading() as tx:
        assert tx.execute("SELECT count(*) FROM lib_one, lib_two").fetchone() == (0,)
    with pytest.raises(OperatorError) as caught:
        adopt(store, "lib", "", [one])
    assert (caught.value.code, caught.value.facts["script"]) == ("job_library_older", "02_two")

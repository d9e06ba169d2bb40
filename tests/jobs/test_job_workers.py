"""Workers of jobs as processes: killed, frozen, two at once, the database away."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from job_parts import NOW, ask, installed, job, notes, until, worker

from jitsuri.flows.cold import keeping_jobs
from jitsuri.store.door import Store
from jitsuri.store.jobs import queueing
from jitsuri.store.jobs.shapes import Job
from jitsuri.terms.errors import OperatorError

pytestmark = pytest.mark.slow


def _count(folder: Path) -> Counter[str]:
    return Counter(word for word, _ in notes(folder))


def test_a_job_is_done_step_by_step_and_its_progress_is_told(store: Store, tmp_path: Path) -> None:
    job_id = ask(store, "test_steps", folder=str(tmp_path), steps=3, seconds=0)
    with worker(store, tmp_path):
        until(lambda: job(store, job_id).state == "done")
    found = job(store, job_id)
    assert (found.steps, found.done, found.total, found.run) == (3, 3, 3, 1)
    assert [word for word, _ in notes(tmp_path)] == [f"{w}-{n}" for n in range(3) for w in ("begin", "end")]


def test_a_killed_workers_job_goes_on_after_its_last_finished_step(store: Store, tmp_path: Path) -> None:
    job_id = ask(store, "test_steps", folder=str(tmp_path), steps=6, seconds=0.6)
    with worker(store, tmp_path) as first, worker(store, tmp_path) as second:
        until(lambda: _count(tmp_path)["begin-2"])
        holder = int(next(pid for word, pid in notes(tmp_path) if word == "begin-2"))
        killed = first if first.pid == holder else second
        killed.send_signal(signal.SIGKILL)
        until(lambda: job(store, job_id).state == "done")
    counted = _count(tmp_path)
    assert [counted[f"end-{place}"] for place in range(6)] == [1] * 6
    assert counted["begin-2"] == 2, "the step under way is done again"
    assert [counted[f"begin-{place}"] for place in (0, 1, 3, 4, 5)] == [1] * 5
    assert job(store, job_id).run == 2


def test_a_frozen_worker_that_wakes_up_changes_nothing_any_more(store: Store, tmp_path: Path) -> None:
    job_id = ask(store, "test_steps", folder=str(tmp_path), steps=5, seconds=0.6)
    with worker(store, tmp_path) as first:
        until(lambda: _count(tmp_path)["begin-1"])
        with worker(store, tmp_path) as second:
            first.send_signal(signal.SIGSTOP)
            until(lambda: job(store, job_id).run == 2)
            first.send_signal(signal.SIGCONT)
            until(lambda: job(store, job_id).state == "done")
            after = [pid for word, pid in notes(tmp_path) if word in ("end-2", "end-3", "end-4")]
            assert after == [str(second.pid)] * 3
            again = ask(store, "test_steps", key="next", folder=str(tmp_path), steps=2, seconds=0)
            until(lambda: job(store, again).state == "done")
    assert job(store, job_id).run == 2


def test_two_workers_share_many_jobs_and_do_each_once(store: Store, tmp_path: Path) -> None:
    asked = [ask(store, "test_steps", key=f"many:{n}", folder=str(tmp_path), steps=1, seconds=0.05) for n in range(40)]
    with worker(store, tmp_path, at_once=2), worker(store, tmp_path, at_once=2):
        until(lambda: all(job(store, one).state == "done" for one in asked))
    assert _count(tmp_path) == {"begin-0": 40, "end-0": 40}
    assert len({pid for _, pid in notes(tmp_path)}) == 2


def test_connections_that_are_cut_in_the_middle_do_not_end_a_job(store: Store, pg_dsn: str, tmp_path: Path) -> None:
    job_id = ask(store, "test_steps", folder=str(tmp_path), steps=5, seconds=0.5)
    with worker(store, tmp_path):
        for place in (1, 3):
            until(lambda: _count(tmp_path)[f"begin-{place}"])  # noqa: B023
            with psycopg.connect(pg_dsn, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jitsuri-jobs'"
                )
        until(lambda: job(store, job_id).state == "done")
        again = ask(store, "test_steps", key="after", folder=str(tmp_path), steps=1, seconds=0)
        until(lambda: job(store, again).state == "done")
    assert [_count(tmp_path)[f"end-{place}"] for place in range(1, 5)] == [1] * 4


def test_a_database_that_is_away_for_longer_costs_no_finished_step(store: Store, pg_dsn: str, tmp_path: Path) -> None:
    job_id = ask(store, "test_steps", folder=str(tmp_path), steps=4, seconds=0.5)
    name = psycopg.conninfo.conninfo_to_dict(store.dsn)["dbname"]
    with worker(store, tmp_path), psycopg.connect(pg_dsn, autocommit=True) as admin:
        until(lambda: _count(tmp_path)["begin-1"])
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        time.sleep(5)
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        until(lambda: "begins anew" in (tmp_path / "stderr.txt").read_text())
        until(lambda: _state(store, job_id) == "done", 60)
        again = ask(store, "test_steps", key="after", folder=str(tmp_path), steps=1, seconds=0)
        until(lambda: job(store, again).state == "done")
    assert [_count(tmp_path)[f"end-{place}"] for place in range(1, 4)] == [1] * 3


def _state(store: Store, job_id: UUID) -> str:
    try:
        return job(store, job_id).state
    except OperatorError:
        return ""


def test_a_step_that_outlasts_the_grace_is_done_again_by_the_next_worker(store: Store, tmp_path: Path) -> None:
    job_id = ask(store, "test_steps", folder=str(tmp_path), steps=1, seconds=8)
    with worker(store, tmp_path) as first:
        until(lambda: _count(tmp_path)["begin-0"])
        began = time.monotonic()
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
        assert time.monotonic() - began < 7
    assert (job(store, job_id).state, _count(tmp_path)["end-0"]) == ("running", 0)
    with worker(store, tmp_path):
        until(lambda: job(store, job_id).state == "done")
    assert _count(tmp_path) == {"begin-0": 2, "end-0": 1}


def test_a_failed_job_keeps_its_code_and_goes_on_when_it_is_let(store: Store, tmp_path: Path) -> None:
    failed = ask(store, "test_refused", folder=str(tmp_path))
    broke = ask(store, "test_broken")
    unknown = ask(store, "test_nobody_knows")
    with worker(store, tmp_path):
        until(lambda: not any(job(store, one).is_living for one in (failed, broke, unknown)))
        codes = [(job(store, one).state, job(store, one).error_code) for one in (failed, broke, unknown)]
        assert codes == [("failed", "budget_limit_missing"), ("failed", "job_broke"), ("failed", "job_unknown")]
        assert job(store, broke).error_facts["kind"] == "LookupError"
        assert "text" not in str(job(store, broke).error_facts)
        (tmp_path / "mended").touch()
        assert isinstance(keeping_jobs.retry_job(store, NOW, "aoki", failed), Job)
        until(lambda: job(store, failed).state == "done")
    assert _count(tmp_path) == {"first": 1, "second": 1}
    assert job(store, failed).error_code == ""


def test_a_running_job_is_cancelled_before_its_next_step(store: Store, tmp_path: Path) -> None:
    job_id = ask(store, "test_steps", folder=str(tmp_path), steps=50, seconds=0.3)
    with worker(store, tmp_path):
        until(lambda: _count(tmp_path)["begin-1"])
        assert isinstance(keeping_jobs.cancel_job(store, NOW, "aoki", job_id), Job)
        until(lambda: job(store, job_id).state == "cancelled")
    assert job(store, job_id).steps < 5


def test_a_worker_that_is_stopped_lays_its_job_down_and_the_next_one_goes_on(store: Store, tmp_path: Path) -> None:
    job_id = ask(store, "test_steps", folder=str(tmp_path), steps=4, seconds=0.5)
    with worker(store, tmp_path) as first:
        until(lambda: _count(tmp_path)["begin-1"])
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
    assert job(store, job_id).state == "waiting"
    with worker(store, tmp_path):
        until(lambda: job(store, job_id).state == "done")
    assert set(_count(tmp_path).values()) == {1}


def test_a_chore_is_asked_for_by_one_worker_at_each_moment(store: Store, tmp_path: Path) -> None:
    with worker(store, tmp_path, TEST_CHORE=str(tmp_path)), worker(store, tmp_path, TEST_CHORE=str(tmp_path)):
        until(lambda: _count(tmp_path)["end-0"] >= 3)
    with store.reading() as tx:
        done = [one for one in queueing.newest(tx, ("done",), 100) if one.key == "chore:test_chore"]
    assert len(done) == _count(tmp_path)["end-0"]
    assert {one.asked_by for one in done} == {"system"}


def test_the_library_is_loaded_by_the_worker_of_jobs_alone(tmp_path: Path) -> None:
    for module in ("jitsuri.cli.up", "jitsuri.app.worker", "jitsuri.cli.jobs", "jitsuri.cli.worker"):
        script = f"import sys, {module}; print([m for m in sys.modules if m.partition('.')[0] in ('procrastinate', 'psycopg_pool')])"
        came = subprocess.run(
            [sys.executable, "-c", script], env=installed(tmp_path), capture_output=True, text=True, check=True
        )
        assert came.stdout == "[]\n", module

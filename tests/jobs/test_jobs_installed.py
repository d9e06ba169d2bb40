"""Jobs as they are installed: beside ``jitsuri up``, by commands, on the embedded server that restarts, on PostgreSQL 15."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from job_parts import NOW, ask, installed, job, notes, told, until, worker

from jitsuri.app.job_worker import prepare
from jitsuri.store.backup import dumping, restoring
from jitsuri.store.door import Store
from jitsuri.store.jobs import queueing
from jitsuri.store.opening import open_store
from jitsuri.store.supervisor.recognising import server_processes

pytestmark = pytest.mark.slow

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
COMMAND = [sys.executable, "-c", "from jitsuri.cli.main import main; main()"]


def _command(folder: Path, database_url: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**installed(folder), "DATABASE_URL": database_url, "JITSURI_HOME": str(folder / "home")}
    return subprocess.run([*COMMAND, *words], env=environment, capture_output=True, text=True, check=False, timeout=60)


def _children(process: psutil.Process) -> list[psutil.Process]:
    found = []
    for one in process.children():
        with suppress(psutil.Error):  # just gone
            if "jitsuri.app.job_worker" in one.cmdline():
                found.append(one)
    return found


def test_up_runs_a_job_brings_its_worker_back_and_ends_it(store: Store, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "jitsuri.toml").write_text("[console]\nport = 0\n[gateway]\nworkers = 0\n")
    environment = {**installed(tmp_path), "DATABASE_URL": store.dsn, "JITSURI_HOME": str(home)}
    with (tmp_path / "stderr.txt").open("w") as errors:
        up = psutil.Popen([*COMMAND, "up"], env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        job_id = ask(store, "test_steps", folder=str(tmp_path), steps=2, seconds=0)
        until(lambda: job(store, job_id).state == "done")
        [first] = _children(up)
        first.kill()
        until(lambda: [one for one in _children(up) if one.pid != first.pid])
        again = ask(store, "test_steps", key="again", folder=str(tmp_path), steps=1, seconds=0)
        until(lambda: job(store, again).state == "done")
        workers = _children(up)
        up.send_signal(signal.SIGTERM)
        up.wait(60)
        assert not [one for one in workers if one.is_running()]
    finally:
        if up.is_running():
            up.kill()
        up.stdout.close()
    assert "ended by itself (status -9)" in (tmp_path / "stderr.txt").read_text()


def test_none_runs_beside_up_where_none_is_asked_for(store: Store, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "jitsuri.toml").write_text("[console]\nport = 0\n[gateway]\nworkers = 0\n[jobs]\nat_once = 0\n")
    environment = {**installed(tmp_path), "DATABASE_URL": store.dsn, "JITSURI_HOME": str(home)}
    up = psutil.Popen([*COMMAND, "up"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert "http://" in up.stdout.readline()
        time.sleep(1)
        assert _children(up) == []
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)
        up.stdout.close()


def test_the_commands_tell_retry_and_cancel(store: Store, tmp_path: Path) -> None:
    failed = ask(store, "test_refused", folder=str(tmp_path))
    with worker(store, tmp_path):
        until(lambda: job(store, failed).state == "failed")
    listed = told(_command(tmp_path, store.dsn, "jobs", "list", "--json"))
    assert [(one["job_id"], one["state"], one["error_code"]) for one in listed] == [
        (str(failed), "failed", "budget_limit_missing")
    ]
    shown = _command(tmp_path, store.dsn, "jobs", "show", str(failed))
    assert "test_refused" in shown.stdout
    assert "first" in shown.stdout
    assert told(_command(tmp_path, store.dsn, "jobs", "retry", str(failed), "--json"))["state"] == "waiting"
    assert told(_command(tmp_path, store.dsn, "jobs", "cancel", str(failed), "--json"))["state"] == "cancelled"
    refused = _command(tmp_path, store.dsn, "jobs", "cancel", str(failed))
    assert (refused.returncode, "has ended already" in refused.stderr) == (2, True)
    assert _command(tmp_path, store.dsn, "jobs", "list").returncode == 0


def test_the_worker_command_works_until_it_is_stopped(store: Store, tmp_path: Path) -> None:
    job_id = ask(store, "test_steps", folder=str(tmp_path), steps=2, seconds=0)
    environment = {**installed(tmp_path), "DATABASE_URL": store.dsn, "JITSURI_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(
        [*COMMAND, "worker", "--jobs", "2"], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until(lambda: job(store, job_id).state == "done")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "2 at once" in out
    assert "has stopped" in out


def test_the_embedded_server_that_is_killed_in_the_middle_costs_no_finished_step(
    open_folder: Path, tmp_path: Path
) -> None:
    home = open_folder / "home"
    with closing(open_store(home, None)) as store:
        (tmp_path / "home").symlink_to(home)
        job_id = ask(store, "test_steps", folder=str(tmp_path), steps=6, seconds=0.5)
        with worker(store, tmp_path, DATABASE_URL=""):
            until(lambda: Counter(word for word, _ in notes(tmp_path))["begin-2"])
            data = next((home / "postgres").glob("data-*"))
            for one in server_processes(data):
                one.kill()
            time.sleep(2)
            until(lambda: _state(store, job_id) == "done", 60)
            again = ask(store, "test_steps", key="after", folder=str(tmp_path), steps=1, seconds=0)
            until(lambda: _state(store, again) == "done", 60)
        counted = Counter(word for word, _ in notes(tmp_path))
        assert [counted[f"end-{place}"] for place in range(1, 6)] == [1] * 5


def _state(store: Store, job_id: Any) -> str:
    try:
        return job(store, job_id).state
    except Exception:
        return ""


def test_the_librarys_tables_are_made_once_and_come_back_with_a_backup(store: Store, tmp_path: Path) -> None:
    prepare(store)
    prepare(store)
    ask(store, "test_steps", folder=str(tmp_path), steps=1, seconds=0)
    with store.reading() as tx:
        [(scripts,)] = tx.execute("SELECT count(*) FROM store_adopted WHERE library = 'procrastinate'").fetchall()
    assert scripts >= 38
    made = dumping.back_up(store, tmp_path, NOW)
    assert "public.procrastinate_jobs" in made.manifest.tables
    assert restoring.rehearse(store, made.path).is_whole


@pytest.mark.skipif(not (DEBIAN_15 / "postgres").exists(), reason="PostgreSQL 15 is not installed")
def test_jobs_run_on_postgresql_15(scratch: Path, tmp_path: Path) -> None:
    import shutil
    import tempfile

    top = Path(tempfile.mkdtemp(prefix="jsj15-", dir=scratch))
    who = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
    if who:
        shutil.chown(top, "nobody")

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, cwd="/", **who)

    data = str(top / "data")
    run(str(DEBIAN_15 / "initdb"), "-D", data, "-U", "aoki", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
    options = f"-c listen_addresses='' -c unix_socket_directories='{top}' -c fsync=off"
    run(str(DEBIAN_15 / "pg_ctl"), "-D", data, "-w", "-l", str(top / "log"), "-o", options, "start")
    try:
        with closing(open_store(tmp_path, f"host={top} user=aoki dbname=postgres")) as store:
            job_id = ask(store, "test_steps", folder=str(tmp_path), steps=3, seconds=0.4)
            with worker(store, tmp_path) as first, worker(store, tmp_path) as second:
                until(lambda: notes(tmp_path))
                holder = int(notes(tmp_path)[0][1])
                (first if first.pid == holder else second).kill()
                until(lambda: job(store, job_id).state == "done")
            with store.reading() as tx:
                assert queueing.handed_over(tx) == {}
    finally:
        run(str(DEBIAN_15 / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(top, ignore_errors=True)

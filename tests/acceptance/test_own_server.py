"""A company's own PostgreSQL (Debian's 15, without pgvector, another collation) by DATABASE_URL: the same yen."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from test_command import true_yen, write_log

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
JITSURI = str(Path(sys.executable).parent / "jitsuri")
pytestmark = pytest.mark.slow


@pytest.fixture
def server(open_folder: Path) -> Iterator[str]:
    if not (PROGRAMS / "postgres").exists():
        reason = "PostgreSQL 15 is not here: apt-get install postgresql-15"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    data = open_folder / "data"
    data.mkdir()
    as_user: dict[str, object] = {}
    if os.getuid() == 0:
        shutil.chown(data, "nobody")
        as_user = {"user": "nobody", "extra_groups": []}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, cwd="/", **as_user)  # type: ignore[call-overload]

    run(
        str(PROGRAMS / "initdb"),
        "-D",
        str(data),
        "-U",
        "owner",
        "-A",
        "trust",
        "--locale=C.UTF-8",
        "-E",
        "UTF8",
        "--no-sync",
    )
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
    run(str(PROGRAMS / "pg_ctl"), "-D", str(data), "-w", "-l", str(data / "log"), "-o", options, "start")
    yield f"postgresql://owner@127.0.0.1:{port}/postgres"
    run(str(PROGRAMS / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")


def test_the_same_log_costs_the_same_yen_on_postgresql_15(server: str, open_folder: Path) -> None:
    environment = {
        **os.environ,
        "JITSURI_HOME": str(open_folder / "home"),
        "DATABASE_URL": server,
        "JITSURI_LANG": "en",
    }

    def run(*words: str | Path) -> str:
        done = subprocess.run([JITSURI, *map(str, words)], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("init")
    said = run("check")
    assert "PostgreSQL 15" in said
    assert "pgvector" in said
    log = write_log(open_folder / "calls.jsonl", 2_000)
    run("import", log)
    run("import", log)
    proposals = json.loads(run("tasks", "propose", "--json"))
    run("tasks", "confirm", proposals[0]["proposal_id"][:8], "named-task", "--title-en", "Named")

    shown = json.loads(run("ledger", "show", "--from", "2026-10", "--to", "2026-10", "--by", "task", "--json"))
    assert (shown["calls"], Decimal(shown["calls_jpy"])) == (2_000, true_yen(2_000))
    assert {row["task"]: row["calls"] for row in shown["rows"]}["named-task"] > 0
    assert not (open_folder / "home" / "postgres").exists(), "no embedded server is made beside it"

"""Servers that are not ours: PostgreSQL 15 as Debian has it, without pgvector and with another locale."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from embedded_home import DEBIAN_15, IS_ROOT

from jitsuri.flows.cold import keeping
from jitsuri.store.backup import databases, dumping, restoring
from jitsuri.store.backup.databases import dsn_for
from jitsuri.store.door import Store
from jitsuri.store.examining import examine
from jitsuri.store.migrating import migrate, newest
from jitsuri.store.opening import open_store

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 22, 18, 15, 30, tzinfo=UTC)


def demand_debian_15() -> None:
    """Skip where Debian's PostgreSQL 15 is not installed; in CI that is a failure."""
    if not (DEBIAN_15 / "postgres").exists():
        reason = f"PostgreSQL 15 is not in {DEBIAN_15} (apt-get install postgresql-15)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def server_15(scratch: Path) -> Iterator[str]:
    """Debian's server, started by hand as another account, as a customer's would be."""
    demand_debian_15()
    top = Path(tempfile.mkdtemp(prefix="jst15-", dir=scratch))
    who = {"user": "nobody", "extra_groups": []} if IS_ROOT else {}
    if who:
        shutil.chown(top, "nobody")

    def run(*words: str, check: bool = True) -> None:
        subprocess.run(words, check=check, capture_output=True, cwd="/", **who)

    data = str(top / "data")
    run(str(DEBIAN_15 / "initdb"), "-D", data, "-U", "aoki", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
    options = f"-c listen_addresses='' -c unix_socket_directories='{top}' -c fsync=off -c timezone=Asia/Tokyo"
    run(str(DEBIAN_15 / "pg_ctl"), "-D", data, "-w", "-l", str(top / "log"), "-o", options, "start")
    try:
        yield f"host={top} user=aoki dbname=postgres"
    finally:
        run(str(DEBIAN_15 / "pg_ctl"), "-D", data, "-m", "immediate", "stop", check=False)
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def house_15(server_15: str, tmp_path: Path) -> Iterator[Store]:
    """The house on PostgreSQL 15, opened as a command would open it."""
    with psycopg.connect(server_15, autocommit=True) as admin:
        admin.execute("CREATE DATABASE jitsuri")
    store = open_store(tmp_path, dsn_for(server_15, "jitsuri"))
    with store.transaction() as tx:
        tx.execute(
            "INSERT INTO routing_groups (group_id, kind, system_prompt_hash, sample, calls, first_at, last_at) "
            "SELECT gen_random_uuid(), 'prompt', '', '議事録 ' || n, n, now(), now() FROM generate_series(1, 50) n"
        )
    yield store
    store.close()
    with psycopg.connect(server_15, autocommit=True) as admin:
        for name in ("jitsuri", *databases.kept_beside(store.dsn)):
            databases.drop(admin, name)


def _groups(store: Store) -> int:
    with store.reading() as tx:
        [(count,)] = tx.execute("SELECT count(*) FROM routing_groups").fetchall()
    return int(count)


def test_the_house_stands_on_15_without_pgvector(house_15: Store) -> None:
    facts = examine(house_15)
    assert facts.server.startswith("15.")
    assert facts.migration == newest()
    assert (facts.vector, house_15.has_vector) == ("absent", False)
    assert migrate(house_15) == []
    with house_15.reading() as tx:
        assert tx.execute("SHOW timezone").fetchone() == ("UTC",)


def test_keys_are_compared_alike_whatever_the_server_collates_by(house_15: Store) -> None:
    with house_15.reading() as tx:
        found = tx.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "JOIN information_schema.key_column_usage USING (table_schema, table_name, column_name) "
            "WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS NULL "
            "AND column_name IN ('task', 'department', 'model', 'provider')"
        ).fetchall()
    assert found == []


def test_our_newer_tools_back_up_15_and_read_it_back(house_15: Store, tmp_path: Path) -> None:
    made = dumping.back_up(house_15, tmp_path, NOW, is_embedded=True)  # the wheel's tools, whatever is on the PATH
    assert restoring.rehearse(house_15, made.path, is_embedded=True).is_whole


def test_the_machines_own_tools_back_up_15_and_put_it_back(
    house_15: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{DEBIAN_15}:{os.environ['PATH']}")
    made = keeping.back_up(house_15, tmp_path, NOW, is_embedded=False)
    with house_15.transaction() as tx:
        tx.execute("DELETE FROM routing_groups")
    done = keeping.restore(house_15, made.path, NOW, "cli", is_embedded=False)
    assert (_groups(house_15), done.kept_as) == (50, "jitsuri_before_20261122T181530")


def test_a_backup_of_the_embedded_server_moves_to_15(house_15: Store, store: Store, tmp_path: Path) -> None:
    with store.transaction() as tx:
        tx.execute("INSERT INTO routing_groups (group_id, kind, system_prompt_hash, sample, calls, first_at, last_at) "
                   "VALUES (gen_random_uuid(), 'prompt', '', '見積の抽出', 1, now(), now())")  # fmt: skip
    made = dumping.back_up(store, tmp_path, NOW)
    keeping.restore(house_15, made.path, NOW, "cli", is_embedded=False)
    assert _groups(house_15) == 1


def test_without_the_right_to_make_databases_the_reason_is_told(house_15: Store, tmp_path: Path) -> None:
    made = dumping.back_up(house_15, tmp_path, NOW)
    with house_15.transaction() as tx:
        tx.execute("CREATE ROLE clerk LOGIN")
    clerk = Store(psycopg.conninfo.make_conninfo(house_15.dsn, user="clerk"))
    try:
        with pytest.raises(Exception, match="may_not_create_database"):
            restoring.rehearse(clerk, made.path)
    finally:
        clerk.close()
        with house_15.transaction() as tx:
            tx.execute("DROP ROLE clerk")


def test_another_locale_of_the_customers_is_kept_by_a_restore(server_15: str, tmp_path: Path) -> None:
    with psycopg.connect(server_15, autocommit=True) as admin:
        admin.execute("CREATE DATABASE icu_house TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'ja-JP'")
    store = open_store(tmp_path, dsn_for(server_15, "icu_house"))
    try:
        made = dumping.back_up(store, tmp_path, NOW)
        done = keeping.restore(store, made.path, NOW, "cli", is_embedded=True)
        with store.reading() as tx:
            rows = tx.execute(
                "SELECT datname, datlocprovider::text, daticulocale FROM pg_database WHERE datname ~ '^icu_house'"
            ).fetchall()
    finally:
        store.close()
        with psycopg.connect(server_15, autocommit=True) as admin:
            for name in ("icu_house", *databases.kept_beside(store.dsn)):
                databases.drop(admin, name)
    assert sorted(rows) == [("icu_house", "i", "ja-JP"), (done.kept_as, "i", "ja-JP")]

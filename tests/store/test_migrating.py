"""Migrations: each once, in order, by however many processes at once; never a guess about what is there."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import psycopg
import pytest

from jitsuri.store.backup.databases import dsn_for
from jitsuri.store.door import Store
from jitsuri.store.migrating import Migration, applied_number, in_order, migrate, migrations, newest
from jitsuri.terms.errors import OperatorError

ONE = Migration(1, "one", "CREATE TABLE one (n int); INSERT INTO one VALUES (1);")
TWO = Migration(2, "two", "ALTER TABLE one ADD COLUMN two int;")
BROKEN = Migration(3, "broken", "CREATE TABLE three (n int); SELECT 1/0;")


@pytest.fixture
def empty(pg_dsn: str) -> Iterator[Store]:
    """A database without any table."""
    with psycopg.connect(pg_dsn, autocommit=True) as admin:
        admin.execute("CREATE DATABASE migrating_empty")
    store = Store(dsn_for(pg_dsn, "migrating_empty"))
    yield store
    store.close()
    with psycopg.connect(pg_dsn, autocommit=True) as admin:
        admin.execute("DROP DATABASE migrating_empty WITH (FORCE)")


def _number(store: Store) -> int:
    with store.reading() as tx:
        return applied_number(tx)


def test_an_empty_database_gets_all_and_then_nothing(empty: Store) -> None:
    assert _number(empty) == 0
    assert migrate(empty, [ONE, TWO]) == [1, 2]
    assert migrate(empty, [ONE, TWO]) == []
    assert _number(empty) == 2


def test_only_what_is_missing_is_applied(empty: Store) -> None:
    assert migrate(empty, [ONE]) == [1]
    assert migrate(empty, [TWO, ONE]) == [2]
    with empty.reading() as tx:
        assert tx.execute("SELECT n, two FROM one").fetchall() == [(1, None)]


def test_a_failing_migration_leaves_everything_as_it_was(empty: Store) -> None:
    migrate(empty, [ONE])
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty, [ONE, TWO, BROKEN])
    assert _number(empty) == 1
    with empty.reading() as tx:
        assert tx.execute("SELECT to_regclass('three')").fetchone() == (None,)


def test_a_gap_and_a_number_given_twice_are_seen() -> None:
    with pytest.raises(ValueError, match="0003_broken: expected number 0002"):
        in_order([ONE, BROKEN])
    with pytest.raises(ValueError, match="0001_other: expected number 0002"):
        in_order([ONE, Migration(1, "other", ""), TWO])


def test_a_database_of_a_newer_program_is_left_alone(empty: Store) -> None:
    migrate(empty, [ONE, TWO])
    with pytest.raises(OperatorError) as caught:
        migrate(empty, [ONE])
    assert (caught.value.code, caught.value.facts["found"], caught.value.facts["known"]) == ("database_newer", 2, 1)


def test_a_migration_that_changed_after_it_was_applied_is_seen_but_not_its_line_ends(empty: Store) -> None:
    migrate(empty, [ONE, TWO])
    assert migrate(empty, [ONE, Migration(2, "two", TWO.sql.replace("\n", "\r\n"))]) == []
    with pytest.raises(OperatorError) as caught:
        migrate(empty, [ONE, Migration(2, "two", TWO.sql + " -- better")])
    assert (caught.value.code, caught.value.facts["number"]) == ("migration_changed", 2)


def test_threads_that_migrate_at_once_apply_each_once(empty: Store) -> None:
    begun = threading.Barrier(5)
    applied: list[list[int]] = []

    def work() -> None:
        store = Store(empty.dsn)
        begun.wait(20)
        applied.append(migrate(store, [ONE, TWO]))
        store.close()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [[], [], [], [], [1, 2]]


@pytest.mark.slow
def test_processes_that_migrate_at_once_apply_each_once(empty: Store) -> None:
    script = (
        "import sys; from jitsuri.store.door import Store; from jitsuri.store.migrating import migrate; "
        "s = Store(sys.argv[1]); print(len(migrate(s))); s.close()"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, empty.dsn], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = sorted(int(process.communicate(timeout=60)[0]) for process in running)
    assert said == [0, 0, newest()]


def test_the_programs_own_migrations_are_in_order() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, newest() + 1))

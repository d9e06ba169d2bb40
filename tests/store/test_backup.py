"""Backups: one moment of the database, proven by reading it back; and putting one back loses nothing."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from jitsuri.cli.main import jitsuri
from jitsuri.flows.cold import keeping
from jitsuri.store.backup import databases, dumping, restoring, tools
from jitsuri.store.backup.manifest import (
    Backup,
    Manifest,
    TableSum,
    backups_in,
    differences,
    due_backup,
    expired,
    manifest_path,
    read_manifest,
)
from jitsuri.store.backup.weighing import weigh
from jitsuri.store.door import Store
from jitsuri.store.examining import examine
from jitsuri.store.migrating import newest
from jitsuri.terms.errors import CallerError, JitsuriError, OperatorError

NOW = datetime(2026, 11, 22, 18, 15, 30, tzinfo=UTC)  # 03:15 of the 23rd in Japan
GROUP = (
    "INSERT INTO routing_groups (group_id, kind, system_prompt_hash, sample, calls, first_at, last_at) "
    "SELECT gen_random_uuid(), 'prompt', '', '見積の抽出 ' || n, n, now(), now() FROM generate_series(1, %s) n"
)


@pytest.fixture
def filled(store: Store) -> Iterator[Store]:
    """The house with a few rows; whatever a restore sets aside is dropped at the end."""
    with store.transaction() as tx:
        tx.execute(GROUP, (300,))
    yield store
    with databases.maintenance(store.dsn) as admin:
        for name in databases.kept_beside(store.dsn):
            databases.drop(admin, name)


def _groups(store: Store) -> int:
    with store.reading() as tx:
        [(count,)] = tx.execute("SELECT count(*) FROM routing_groups").fetchall()
    return int(count)


def _databases(store: Store) -> set[str]:
    with store.reading() as tx:
        return {row[0] for row in tx.execute("SELECT datname FROM pg_database")}


def _code(error: pytest.ExceptionInfo[JitsuriError]) -> str:
    return error.value.code


# -- weighing


def _weighed(store: Store) -> TableSum:
    with store.reading() as tx:
        return weigh(tx)["public.weighed"]


def test_a_tables_sum_is_blind_to_order_and_sees_every_change(store: Store) -> None:
    with store.transaction() as tx:
        # A column may have any name, also the one that the question itself uses.
        tx.execute("CREATE TABLE weighed (weighed numeric, at timestamptz, raw bytea, how float8, facts jsonb)")
    assert _weighed(store) == TableSum(0, "0")

    rows = [f"({n}, timestamptz '2026-11-22 09:00+09' + interval '{n} min', '\\x0{n}', 0.1 * {n}, '{{\"n\": {n}}}')"
            for n in range(3)]  # fmt: skip
    sums = []
    for order in (rows, rows[::-1]):
        with store.transaction() as tx:
            tx.execute("TRUNCATE weighed")
            tx.execute(f"INSERT INTO weighed VALUES {', '.join(order)}".encode())
        sums.append(_weighed(store))
    assert sums[0] == sums[1]
    assert sums[0].rows == 3

    seen = {sums[0].checksum}
    for change in ("weighed = 9 WHERE weighed = 1", "at = at + interval '1 microsecond' WHERE weighed = 2",
                   "raw = '\\x' WHERE weighed = 0", "facts = NULL WHERE weighed = 0"):  # fmt: skip
        with store.transaction() as tx:
            tx.execute(f"UPDATE weighed SET {change}".encode())
        seen.add(_weighed(store).checksum)
    assert len(seen) == 5


def test_a_tables_sum_does_not_depend_on_the_sessions_settings(store: Store) -> None:
    with store.transaction() as tx:
        tx.execute("CREATE TABLE weighed AS SELECT now() AS at, '\\x00ff'::bytea AS raw, 0.1::float8 AS how")
    plain = _weighed(store)
    options = "-c datestyle=German -c bytea_output=escape -c extra_float_digits=-5"
    other = Store(psycopg.conninfo.make_conninfo(store.dsn, options=options))
    assert _weighed(other) == plain
    other.close()


def test_differences_name_missing_and_added_tables() -> None:
    one, two = TableSum(1, "1"), TableSum(2, "2")
    found = differences({"a": one, "b": one, "c": one}, {"a": one, "b": two, "d": one})
    assert [(d.table, d.expected, d.found) for d in found] == [("b", one, two), ("c", one, None), ("d", None, one)]


# -- backing up


def test_a_backup_reads_back_as_it_was(filled: Store, tmp_path: Path) -> None:
    made = dumping.back_up(filled, tmp_path / "kept", NOW)

    assert made.path == tmp_path / "kept" / "jitsuri-20261122T181530Z-asked.dump"
    assert sorted(path.name for path in made.path.parent.iterdir()) == [made.path.name, made.path.name + ".json"]
    assert {oct(p.stat().st_mode & 0o777) for p in made.path.parent.iterdir()} == {"0o600"}
    assert oct(made.path.parent.stat().st_mode & 0o777) == "0o700"
    assert read_manifest(made.path) == made.manifest
    assert made.manifest.tables["public.routing_groups"].rows == 300
    assert (made.manifest.made_at, made.manifest.migration) == (NOW, newest())

    before = _databases(filled)
    rehearsed = restoring.rehearse(filled, made.path)
    assert rehearsed.is_whole
    assert _databases(filled) == before


def test_a_backup_is_one_moment_while_others_write(filled: Store, tmp_path: Path) -> None:
    ends = threading.Event()

    def write() -> None:
        while not ends.is_set():
            with filled.transaction() as tx:
                tx.execute(GROUP, (5,))

    writing = threading.Thread(target=write)
    writing.start()
    try:
        made = dumping.back_up(filled, tmp_path, NOW)
    finally:
        ends.set()
        writing.join()
    assert restoring.rehearse(filled, made.path).is_whole


def test_a_failed_backup_leaves_nothing(filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise OperatorError("disk_full", path="", reason="", log="")

    monkeypatch.setattr(dumping, "weigh", fails)
    with pytest.raises(OperatorError):
        dumping.back_up(filled, tmp_path, NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_never_written_over(filled: Store, tmp_path: Path) -> None:
    made = dumping.back_up(filled, tmp_path, NOW)
    content = made.path.read_bytes()
    with pytest.raises(CallerError) as caught:
        dumping.back_up(filled, tmp_path, NOW)
    assert _code(caught) == "backup_exists"
    assert made.path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_told(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError) as caught:
        dumping.back_up(filled, tmp_path / "file" / "below", NOW)
    assert _code(caught) == "backup_folder_unwritable"


def test_a_server_newer_than_every_tool_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OperatorError) as caught:
        tools.choose_tools(99, prefers_system=True)
    assert _code(caught) == "tools_too_old"
    assert caught.value.facts["needed"] == 99


def test_a_tool_never_gets_a_password_on_its_command_line(filled: Store, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    tool = tmp_path / "pg_dump"
    tool.write_text(f'#!/bin/sh\necho "$@" > "{seen}"; echo "$PGPASSWORD" >> "{seen}"\n')
    tool.chmod(0o755)
    dsn = psycopg.conninfo.make_conninfo(filled.dsn, password="secret word")
    tools.run_tool(tools.Programs(18, "18.0", tmp_path), "pg_dump", dsn, ["--schema-only"], writes=tmp_path)
    arguments, password, *_ = seen.read_text().splitlines()
    assert "--schema-only" in arguments
    assert "secret" not in arguments
    assert password == "secret word"


def test_a_machine_with_only_the_client_programs_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 98.1 (Debian 98.1-1)'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert tools.choose_tools(98, prefers_system=False).bin == tmp_path
    assert tools.choose_tools(18, prefers_system=True).bin == tmp_path
    assert tools.choose_tools(18, prefers_system=False).bin != tmp_path


# -- what is wrong with a backup


def test_a_backup_that_changed_on_its_disk_is_seen_before_anything_happens(filled: Store, tmp_path: Path) -> None:
    made = dumping.back_up(filled, tmp_path, NOW)
    content = bytearray(made.path.read_bytes())
    content[len(content) // 2] ^= 1
    made.path.write_bytes(content)
    before = _databases(filled)
    for act in (
        lambda: restoring.rehearse(filled, made.path),
        lambda: keeping.restore(filled, made.path, NOW, "cli", is_embedded=True),
    ):
        with pytest.raises(OperatorError) as caught:
            act()
        assert _code(caught) == "backup_damaged"
    assert (_databases(filled), _groups(filled)) == (before, 300)


def test_a_backup_that_does_not_hold_what_it_says_is_seen(filled: Store, tmp_path: Path) -> None:
    made = dumping.back_up(filled, tmp_path, NOW)
    manifest = json.loads(manifest_path(made.path).read_text())
    manifest["tables"]["public.routing_groups"]["rows"] = 301
    manifest_path(made.path).write_text(json.dumps(manifest))

    rehearsed = restoring.rehearse(filled, made.path)
    assert [difference.table for difference in rehearsed.differences] == ["public.routing_groups"]
    before = _databases(filled)
    with pytest.raises(OperatorError) as caught:
        keeping.restore(filled, made.path, NOW, "cli", is_embedded=True)
    assert (_code(caught), caught.value.facts["reason"]) == ("backup_damaged", "public.routing_groups")
    assert (_databases(filled), _groups(filled)) == (before, 300)


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "backup_without_manifest"), ("{", "backup_manifest_broken"), ("[]", "backup_manifest_broken"),
     ('{"format": 2}', "backup_manifest_broken"), ('{"format": 1}', "backup_manifest_broken")],
)  # fmt: skip
def test_a_dump_without_its_record_is_not_a_backup(tmp_path: Path, content: str | None, code: str) -> None:
    dump = tmp_path / "jitsuri-20261122T181530Z-asked.dump"
    with pytest.raises(CallerError) as caught:
        read_manifest(dump)
    assert _code(caught) == "backup_not_found"
    dump.write_bytes(b"PGDMP")
    if content is not None:
        manifest_path(dump).write_text(content)
    with pytest.raises(CallerError) as caught:
        read_manifest(dump)
    assert _code(caught) == code
    assert backups_in(tmp_path) == []


# -- putting back


def test_putting_back_brings_the_old_content_and_keeps_the_newer_one(filled: Store, tmp_path: Path) -> None:
    made = dumping.back_up(filled, tmp_path, NOW)
    with filled.transaction() as tx:
        tx.execute(GROUP, (7,))
    name = databases.name_of(filled.dsn)

    done = keeping.restore(filled, made.path, NOW, "cli", is_embedded=True)

    assert done.kept_as == f"{name}_before_20261122T181530"
    assert _groups(filled) == 300
    before = Store(databases.dsn_for(filled.dsn, done.kept_as))
    assert _groups(before) == 307
    before.close()
    with filled.reading() as tx:
        told = tx.execute("SELECT actor, act, facts->>'kept_as' FROM evidence_records").fetchall()
    assert told == [("cli", "database_restored", done.kept_as)]
    assert f"{name}_restored" not in _databases(filled)


def test_putting_back_is_refused_while_somebody_is_connected(filled: Store, tmp_path: Path) -> None:
    made = dumping.back_up(filled, tmp_path, NOW)
    somebody = Store(filled.dsn)
    with somebody.transaction(), pytest.raises(OperatorError) as caught:
        keeping.restore(filled, made.path, NOW, "cli", is_embedded=True)
    somebody.close()
    assert (_code(caught), caught.value.facts["sessions"]) == ("database_in_use", 1)


def test_putting_back_works_where_the_database_is_gone(filled: Store, tmp_path: Path) -> None:
    made = dumping.back_up(filled, tmp_path, NOW)
    filled.drop_idle()
    with databases.maintenance(filled.dsn) as admin:
        databases.drop(admin, databases.name_of(filled.dsn))
    done = keeping.restore(filled, made.path, NOW, "cli", is_embedded=True)
    assert (done.kept_as, _groups(filled)) == ("", 300)


def test_a_backup_of_a_newer_program_is_refused(filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = dumping.back_up(filled, tmp_path, NOW)
    monkeypatch.setattr(restoring, "newest", lambda: made.manifest.migration - 1)
    with pytest.raises(CallerError) as caught:
        keeping.restore(filled, made.path, NOW, "cli", is_embedded=True)
    assert _code(caught) == "backup_newer"


@pytest.mark.parametrize("step", ["load", "prepare", "swap"])
def test_a_restore_that_fails_anywhere_changes_nothing(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    made = dumping.back_up(filled, tmp_path, NOW)
    with filled.transaction() as tx:
        tx.execute(GROUP, (7,))
    before = _databases(filled)

    def fails(*args: object, **more: object) -> None:
        raise RuntimeError(step)

    prepare = fails if step == "prepare" else lambda store, done: None
    if step == "load":
        monkeypatch.setattr(restoring, "load", fails)
    if step == "swap":
        renames = iter([databases.rename, fails])
        monkeypatch.setattr(databases, "rename", lambda *args: next(renames)(*args))
    with pytest.raises(RuntimeError, match=step):
        restoring.restore(filled, made.path, NOW, prepare=prepare)
    assert (_databases(filled), _groups(filled)) == (before, 307)


def test_what_an_interrupted_restore_left_does_not_stand_in_the_way(filled: Store, tmp_path: Path) -> None:
    made = dumping.back_up(filled, tmp_path, NOW)
    with databases.maintenance(filled.dsn) as admin:
        for what in ("restored", "rehearsal"):
            name = databases.beside(databases.name_of(filled.dsn), what)
            databases.create_like(admin, name, databases.name_of(filled.dsn))
    assert restoring.rehearse(filled, made.path).is_whole
    keeping.restore(filled, made.path, NOW, "cli", is_embedded=True)
    assert _groups(filled) == 300


def test_one_restore_at_a_time(filled: Store, tmp_path: Path) -> None:
    made = dumping.back_up(filled, tmp_path, NOW)
    with databases.maintenance(filled.dsn) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (restoring.RESTORE_LOCK,))
        with pytest.raises(OperatorError) as caught:
            restoring.rehearse(filled, made.path)
    assert _code(caught) == "restore_running"


def test_names_beside_a_long_name_fit() -> None:
    cut = databases.beside("実" * 40, "before_20261122T181530")
    assert cut == "実" * 13 + "_before_20261122T181530"  # 39 of 40 bytes: never half a letter
    assert len(databases.beside("x" * 63, "before_20261122T181530")) == 63
    assert databases.beside("jitsuri", "rehearsal") == "jitsuri_rehearsal"


# -- every day


def _backup(made_at: datetime, kind: str = "daily") -> Backup:
    manifest = Manifest(made_at, "daily" if kind == "daily" else "asked", "1", "18.4", "18.4", 1, 0, "", {})
    return Backup(Path(f"{made_at:%Y%m%d}-{kind}"), manifest)


@pytest.mark.parametrize(
    ("last", "is_due"),
    [
        (None, True),
        (NOW - timedelta(hours=3), False),  # 00:15 of the same Japanese day
        (NOW - timedelta(hours=4), True),  # 23:15 of the day before
        (NOW - timedelta(days=40), True),
        (NOW + timedelta(days=2), True),  # the clock was set back
    ],
)
def test_a_backup_is_due_once_in_each_day_of_the_company(last: datetime | None, is_due: bool) -> None:
    assert due_backup(last, NOW) is is_due


def test_the_newest_daily_backups_stay_and_asked_ones_always() -> None:
    daily = [_backup(NOW + timedelta(days=day)) for day in range(5)]
    asked = [_backup(NOW - timedelta(days=500), "asked")]
    assert expired([*daily[::-1], *asked], keep=3) == daily[:2]
    assert expired(daily, keep=5) == []
    assert expired(daily, keep=0) == daily[:4]  # never the last one


def test_the_days_backup_is_made_once_and_old_ones_go(filled: Store, tmp_path: Path) -> None:
    for day in range(3):
        now = NOW + timedelta(days=day)
        made = keeping.back_up_if_due(filled, tmp_path, now, keep_days=2)
        assert made is not None
        assert keeping.back_up_if_due(filled, tmp_path, now + timedelta(hours=2), keep_days=2) is None
    names = [backup.path.name for backup in backups_in(keeping.backup_folder(tmp_path))]
    assert names == ["jitsuri-20261123T181530Z-daily.dump", "jitsuri-20261124T181530Z-daily.dump"]
    assert keeping.newest_backup(tmp_path).name == names[-1]
    assert len(list(keeping.backup_folder(tmp_path).iterdir())) == 4


def test_two_processes_make_one_backup_of_a_day(filled: Store, tmp_path: Path) -> None:
    with filled.transaction() as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (keeping.BACKUP_LOCK,))
        assert keeping.back_up_if_due(filled, tmp_path, NOW) is None
    assert keeping.back_up_if_due(filled, tmp_path, NOW) is not None


def test_leftovers_of_interrupted_backups_go_after_a_day(filled: Store, tmp_path: Path) -> None:
    folder = keeping.backup_folder(tmp_path)
    folder.mkdir()
    for name, age in (("old.dump.part", 2), ("new.dump.part", 0), ("old.dump.json", 2), ("new.dump.json", 0)):
        path = folder / f"jitsuri-{name}"
        path.write_text("{}")
        then = (NOW - timedelta(days=age)).timestamp()
        os.utime(path, (then, then))
    keeping.back_up_if_due(filled, tmp_path, NOW)
    assert sorted(path.name for path in folder.iterdir()) == [
        "jitsuri-20261122T181530Z-daily.dump",
        "jitsuri-20261122T181530Z-daily.dump.json",
        "jitsuri-new.dump.json",
        "jitsuri-new.dump.part",
    ]


def test_without_any_backup_there_is_no_newest(tmp_path: Path) -> None:
    with pytest.raises(CallerError) as caught:
        keeping.newest_backup(tmp_path)
    assert _code(caught) == "backup_none"


def test_what_the_database_is_can_be_asked(filled: Store) -> None:
    facts = examine(filled)
    assert facts.server.split(".")[0].isdigit()
    assert facts.migration == facts.known_migration == newest()
    assert facts.vector == "available"
    assert (facts.collation, facts.notes) == ("C.UTF-8", ())
    assert facts.size_bytes > 1_000_000
    with filled.transaction() as tx:
        tx.execute("CREATE EXTENSION vector")
    assert examine(filled).vector == "installed"
    assert filled.has_vector


# -- the command


class _Said:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def say(filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Runs ``jitsuri --home … db …`` on the test's database."""
    monkeypatch.setenv("DATABASE_URL", filled.dsn)
    filled.drop_idle()

    def run(*words: str, answer: str | None = None, lang: str = "ja") -> _Said:
        done = CliRunner().invoke(
            jitsuri, ["--home", str(tmp_path), "--lang", lang, "db", *words], input=answer, catch_exceptions=True
        )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return _Said(done.exit_code, done.stdout, done.stderr)

    return run


def test_the_command_backs_up_verifies_and_puts_back(say: object, filled: Store, tmp_path: Path) -> None:
    assert callable(say)
    made = json.loads(say("backup", "--json").out)
    assert (made["rows"], Path(made["path"]).parent) == (300 + newest(), tmp_path / "backups")
    assert json.loads(say("verify", "--json").out)["ok"] is True
    assert f"{300 + newest()} 行がすべて一致" in say("verify", made["path"]).out
    with filled.transaction() as tx:
        tx.execute("DELETE FROM routing_groups")
    filled.drop_idle()

    refused = say("restore", made["path"], answer="n\n")
    assert refused.code == 1
    assert _groups(filled) == 0
    filled.drop_idle()

    done = json.loads(say("restore", made["path"], "--yes", "--json").out)
    assert _groups(filled) == 300
    status = json.loads(say("status", "--json").out)
    assert status["set_aside"] == [done["kept_as"]]
    assert [one["path"] for one in status["backups"]] == [made["path"]]
    assert done["kept_as"] in say("status", lang="en").out


def test_the_command_tells_a_bad_backup_and_ends_with_a_code(say: object, tmp_path: Path) -> None:
    assert callable(say)
    made = Path(json.loads(say("backup", "--to", str(tmp_path / "nas"), "--json").out)["path"])
    manifest = json.loads(manifest_path(made).read_text())
    manifest["tables"]["public.not_there"] = {"rows": 2, "checksum": "1"}
    manifest_path(made).write_text(json.dumps(manifest))
    done = say("verify", str(made))
    assert done.code == 3
    assert "public.not_there" in done.out
    shutil.rmtree(tmp_path / "nas")
    with pytest.raises(CallerError, match="backup_not_found"):
        say("verify", str(made))

"""A disk that is full: told in words, and once there is space again the server works with all that was committed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from embedded_home import IS_ROOT, ended

from jitsuri.store.backup import dumping
from jitsuri.store.door import Store
from jitsuri.store.opening import open_database
from jitsuri.terms.errors import OperatorError

pytestmark = pytest.mark.slow

CopyHome = Callable[[Path], Path]


@pytest.fixture
def small_disk(store_top: Path) -> Iterator[Path]:
    """A disk of 160 MB."""
    if not IS_ROOT:
        pytest.skip("only root can mount a small disk")
    place = store_top / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        place.rmdir()
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
    place.rmdir()


def _fill(path: Path) -> None:
    """Write until nothing goes in any more."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\1" * 65536)
        except OSError:
            return


def _committed_until_full(store: Store) -> tuple[int, OperatorError]:
    committed = 0
    while committed < 2000:
        try:
            with store.transaction() as tx:
                tx.execute("INSERT INTO filling SELECT %s, repeat('実利', 100000)", (committed,))
        except OperatorError as error:
            return committed, error
        committed += 1
    raise AssertionError("the disk never got full")


def test_a_full_disk_is_told_and_nothing_committed_is_lost(copy_home: CopyHome, small_disk: Path) -> None:
    home = copy_home(small_disk / "home")
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\1" * 40_000_000)
    store = open_database(home, None)
    try:
        with store.transaction() as tx:
            tx.execute("CREATE TABLE filling (n int, word text)")
            tx.execute("ALTER TABLE filling ALTER COLUMN word SET STORAGE EXTERNAL")
        committed, error = _committed_until_full(store)
        assert error.code == "disk_full"
        assert committed > 0
        _fill(small_disk / "rest")
        more, error = _committed_until_full(store)
        assert error.code == "disk_full"

        ballast.unlink()
        (small_disk / "rest").unlink()
        found = store.retrying(lambda tx: tx.execute("SELECT n FROM filling ORDER BY n").fetchall(), seconds=60)
        assert sorted(row[0] for row in found) == sorted([*range(committed), *range(more)])
        with store.transaction() as tx:
            tx.execute("INSERT INTO filling VALUES (-1, '続き')")
    finally:
        store.close()
    assert ended(home)


def test_a_server_that_cannot_start_for_lack_of_space_says_so(copy_home: CopyHome, small_disk: Path) -> None:
    home = copy_home(small_disk / "home")
    _fill(small_disk / "rest")
    with pytest.raises(OperatorError) as caught:
        open_database(home, None)
    assert caught.value.code == "disk_full"
    (small_disk / "rest").unlink()
    store = open_database(home, None)
    assert store.is_reachable()
    store.close()


def test_a_backup_that_does_not_fit_leaves_nothing_behind(store: Store, small_disk: Path) -> None:
    with store.transaction() as tx:
        tx.execute("CREATE TABLE noise AS SELECT sha512(n::text::bytea) || sha512((-n)::text::bytea) AS raw "
                   "FROM generate_series(1, 20000) n")  # fmt: skip
    target = small_disk / "backups"
    target.mkdir()
    _fill(small_disk / "rest")
    with pytest.raises(OperatorError) as caught:
        dumping.back_up(store, target, datetime(2026, 11, 22, tzinfo=UTC))
    assert caught.value.code == "disk_full"
    assert list(target.iterdir()) == []
    assert shutil.disk_usage(small_disk).total == 160 * 2**20

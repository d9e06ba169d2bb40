"""Compiles the two C programs: the upstream and the load."""

from __future__ import annotations

import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


def build(into: Path) -> tuple[Path, Path]:
    """The programs ``mock`` and ``load``, compiled with gcc into the folder."""
    made = []
    for name in ("mock", "load"):
        program = into / name
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(HERE / f"{name}.c")], check=True)
        made.append(program)
    return made[0], made[1]

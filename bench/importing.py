"""How fast a log goes in: lines per second of the installed command, on a fresh embedded database.

    python bench/importing.py [--lines 1000000]

Writes a synthetic log (sample/write_many.py), runs ``jitsuri import`` on it as a user would, then again (nothing new).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JITSURI = str(Path(sys.executable).parent / "jitsuri")


def timed(environment: dict[str, str], *words: str) -> tuple[float, float, dict[str, object]]:
    """Wall seconds, processor seconds of the command (not of the database), and its report."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run([JITSURI, *words, "--json"], env=environment, capture_output=True, text=True, check=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, json.loads(done.stdout)["runs"][0]


def main() -> None:
    """Write, import, import again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    lines = parser.parse_args().lines
    top = Path(tempfile.mkdtemp(prefix="jitsuri-bench-"))
    top.chmod(0o711)
    environment = {**os.environ, "JITSURI_HOME": str(top / "home")}
    environment.pop("DATABASE_URL", None)
    try:
        log = top / "many.jsonl"
        subprocess.run([sys.executable, str(ROOT / "sample" / "write_many.py"), "--lines", str(lines), "--out", str(log)],
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        subprocess.run([JITSURI, "init"], env=environment, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([JITSURI, "check"], env=environment, check=True, stdout=subprocess.DEVNULL)
        size = log.stat().st_size
        for label in ("first", "again"):
            wall, cpu, run = timed(environment, "import", str(log))
            print(f"{label:6} {lines:,} lines, {size / 1e6:.0f} MB: {wall:.1f} s wall, {cpu:.1f} s processor, "
                  f"{lines / wall:,.0f} lines/s; added {run['added']:,}, known {run['known']:,}")  # fmt: skip
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()

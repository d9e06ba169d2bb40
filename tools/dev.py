"""`make dev`: a console with sample data that stays in .demo/."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JITSURI = str(Path(sys.executable).parent / "jitsuri")


def main() -> int:
    """Fill .demo/ once, then serve it."""
    home = ROOT / ".demo"
    environment = {**os.environ, "JITSURI_HOME": str(home)}
    if not (home / "jitsuri.toml").exists():
        home.mkdir(exist_ok=True)
        logs = home / "logs"
        subprocess.run([sys.executable, str(ROOT / "sample" / "write_log.py"), "--out", str(logs)], check=True)
        subprocess.run([JITSURI, "init"], env=environment, check=True)
        with (home / "jitsuri.toml").open("a", encoding="utf-8") as file:
            file.write((ROOT / "sample" / "tasks.toml").read_text("utf-8"))
        for words in (
            ("departments", "import", "departments.csv"),
            ("rates", "import", "rates.csv"),
            ("costs", "import", "costs.csv"),
        ):
            subprocess.run([JITSURI, *words[:2], str(logs / words[2])], env=environment, check=True)
        files = [str(f) for f in sorted((logs / "calls").iterdir())]
        subprocess.run([JITSURI, "import", *files], env=environment, check=True)
    return subprocess.run([JITSURI, "up"], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

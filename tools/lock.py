"""Write requirements.lock: every package with version and hashes, no address. Needs ``uv`` (only here)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = "hatchling>=1.27\neditables>=0.5\n"


def main() -> int:
    result = subprocess.run(
        [
            "uv", "pip", "compile", "--quiet", "--generate-hashes", "--universal", "--python-version", "3.11",
            "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header", "--emit-build-options",
            "--group", "dev", "pyproject.toml", "-",
        ],
        input=BUILD, text=True, capture_output=True, cwd=ROOT, check=False,
    )  # fmt: skip
    if result.returncode != 0:
        print(result.stderr, file=sys.stderr)
        return 1
    lines = [line for line in result.stdout.splitlines() if not line.startswith("--only") and "://" not in line]
    head = "# Made by `make lock`: names, versions and hashes only.\n"
    (ROOT / "requirements.lock").write_text(head + "\n".join(lines) + "\n", "utf-8")
    print(f"requirements.lock: {sum('==' in line for line in lines)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())

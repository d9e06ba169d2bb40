"""Set up the virtual environment: ``setup.py FOLDER LOCK [MORE]``, and one line that mends what is missing.

Packages are left uncompiled: Python compiles what is used when it is first used, about a quarter of them (decision 0041). What the
product's own commands import is compiled here, so that the first start is as quick as any other and so is every start of a user who
may not write into the folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SPARING = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
"""Without bytecode of the tools that only install."""

PIP = """#!/bin/sh
# pip left when everything was installed (17 MB); it comes back when it is asked for
here="$(dirname "$0")"
"$here/python" -m ensurepip >/dev/null && exec "$here/python" -m pip "$@"
"""

COMPILES = """
import importlib, pkgutil, jitsuri
for found in pkgutil.walk_packages(jitsuri.__path__, "jitsuri."):
    if not found.name.endswith("__main__"):
        try:
            importlib.import_module(found.name)
        except Exception:
            pass
"""
"""Imports all of the product, which compiles what it stands on; whatever does not import here says so where it is used."""


WITH_TESTS = ("joblib", "numpy", "scipy", "sklearn")
"""Packages that carry their own tests, 32 MB together, which nothing imports."""


def main() -> int:
    folder, lock = Path(sys.argv[1]), ROOT / sys.argv[2]
    if sys.version_info < (3, 11):
        print(f"Python 3.11 以上が必要です（いまは {sys.version.split()[0]}）。/ Python 3.11 or newer is needed: "
              "make PYTHON=python3.12 …", file=sys.stderr)  # fmt: skip
        return 1
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"仮想環境を用意します / setting up {folder} …", flush=True)
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(folder)], env=SPARING, capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            print(f"venv がありません。次で直ります / the venv module is missing, this mends it:\n"
                  f"  apt-get install python{version}-venv", file=sys.stderr)  # fmt: skip
            print(made.stderr or made.stdout, file=sys.stderr)
            return 1
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile"]
    given = subprocess.run([str(python), "-c", "import pip"], capture_output=True, check=False).returncode == 0
    steps = (
        *(() if given else ([str(python), "-m", "ensurepip"],)),
        *([*pip, "--require-hashes", "-r", str(name)] for name in (lock, *(ROOT / name for name in sys.argv[3:]))),
        [*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
    )
    for step in steps:
        if subprocess.run(step, env=SPARING, check=False).returncode != 0:
            print("部品を入れられませんでした。網への道（プロキシなど）を確かめてください。 / "
                  "installing failed: check that the package index can be reached.", file=sys.stderr)  # fmt: skip
            return 1
    subprocess.run(
        [*pip[:3], "uninstall", "-q", "-y", "setuptools", "pip"], env=SPARING, capture_output=True, check=False
    )
    if os.name != "nt":
        for again in folder.glob("bin/pip*"):
            again.unlink()
        (folder / "bin" / "pip").write_text(PIP, "utf-8")
        (folder / "bin" / "pip").chmod(0o755)
    for package in WITH_TESTS:
        for tests in list(folder.glob(f"lib/python3*/site-packages/{package}/**/tests")):
            shutil.rmtree(tests, ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([str(python), "-c", COMPILES], env=environment, capture_output=True, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())

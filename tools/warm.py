"""Runs the installed command again and again without loading it again: each run is a fork of one process that holds it.

A demo of fifty commands would spend a minute on imports. What runs is the command's own entry point with its own words,
environment and exit code; what it prints goes to files of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from typing import Any

BESIDE = (
    "jitsuri.app.desk_keeping", "jitsuri.flows.hot.replaying", "jitsuri.flows.cold.judging", "jitsuri.web.pages.papering",
    "scipy.stats",
)  # fmt: skip
"""What commands load when they need it; here they find it loaded."""


class Warm:
    """``run`` has a command run and returns what came, as ``subprocess.run`` does. For one thread."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},  # threads do not live through a fork
        )  # fmt: skip

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the process that runs the commands has ended")
        told = json.loads(line)
        return subprocess.CompletedProcess(["jitsuri", *words], told["code"], told["out"], told["err"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


def serve() -> None:
    """One line of JSON words in, one line of JSON out, until the input ends."""
    from jitsuri.cli.main import COMMANDS, main

    for name in (*(place.partition(":")[0] for place in COMMANDS.values()), *BESIDE):
        import_module(name)
    for line in sys.stdin:
        print(json.dumps(_forked(json.loads(line), main)), flush=True)


def _forked(words: list[str], main: Any) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            _be(words, main, out.fileno(), err.fileno())
        _, status = os.waitpid(child, 0)
        told: dict[str, Any] = {"code": os.waitstatus_to_exitcode(status)}
        for name, file in (("out", out), ("err", err)):
            file.seek(0)
            told[name] = file.read().decode("utf-8", "replace")
    return told


def _be(words: list[str], main: Any, out: int, err: int) -> None:
    """The command, in the child; does not return."""
    code: object = 0
    try:
        for place, target in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
            os.dup2(place, target)
        sys.argv = ["jitsuri", *words]
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001  # as the interpreter would at a program's end
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    serve()

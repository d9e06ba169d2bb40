"""What the tests of the embedded server share: who holds it, who lives, and acting as somebody else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from jitsuri.store.supervisor.holding import Supervisor
from jitsuri.store.supervisor.recognising import server_processes
from jitsuri.terms.errors import OperatorError

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
IS_ROOT = os.geteuid() == 0

_HOLD = """
import sys
from pathlib import Path
from jitsuri.store.opening import open_database
store = open_database(Path(sys.argv[1]), None)
try:
    print("held", flush=True)
    sys.stdin.read()
finally:
    store.close()
"""


class Holder:
    """Another process that holds the server of a home folder until it is told to leave."""

    def __init__(self, home: Path, *prefix: str) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", _HOLD, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_held(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"

    def leave(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(60)
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.leave()


def data_of(home: Path) -> Path:
    """The one data folder of a home."""
    return next((home / "postgres").glob("data-*"))


def lives(home: Path) -> bool:
    """Does any process of the home's server live?"""
    return bool(server_processes(data_of(home)))


def ended(home: Path) -> bool:
    """Has every process of the home's server ended? One that is just leaving gets a moment."""
    ends = time.monotonic() + 3
    while lives(home) and time.monotonic() < ends:
        time.sleep(0.02)
    return not lives(home)


def hold_once(home: Path) -> str:
    """``held``, or the code of what stood against it."""
    try:
        with Supervisor(home).held():
            return "held"
    except OperatorError as error:
        return error.code


def as_user(uid: int, work: Callable[[], str]) -> str:
    """What ``work`` says when somebody else does it: in a child process that gives up being root.

    A fork, since another account may not be allowed to start the interpreter where it lies.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads; the child only does ``work``
        pid = os.fork()
    if pid == 0:
        said = "nothing"
        try:
            os.chdir("/")
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            said = work()
        except BaseException as error:
            said = repr(error)
        finally:
            os.write(writing, said.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said

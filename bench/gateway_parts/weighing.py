"""What a gateway costs the machine: processor time and memory of its process tree, PostgreSQL apart; and the disk."""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
GATEWAY_CORE, OTHER_CORE = 0, 1
"""Where the gateway runs; where everything else of the bench does."""


@contextlib.contextmanager
def pinned(core: int | None, *, is_realtime: bool = False) -> Iterator[None]:
    """What is started inside runs on one core (None: on any), in real time where asked, above all that shares the machine."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    if is_realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        if is_realtime:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(0, before)


def may_come_first() -> bool:
    """Whether programs of ours may run in real time: root's, or who was given the right."""
    try:
        with pinned(None, is_realtime=True):
            return True
    except PermissionError:
        return False


def _stat(pid: int) -> tuple[str, int, float]:
    """Name, parent and processor seconds so far of one process."""
    text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    return name, int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS


def _all() -> dict[int, tuple[str, int, float]]:
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError):
                found[int(entry)] = _stat(int(entry))
    return found


def tree_of(pid: int) -> list[int]:
    """The process and everything below it, PostgreSQL included."""
    everyone = _all()
    tree = [pid] if pid in everyone else []
    for above in tree:  # grows while it is walked
        tree += [child for child, (_, parent, _) in everyone.items() if parent == above]
    return tree


def postgres_of(home: Path | None) -> list[int]:
    """The server whose data lie under the home, and its processes; they may stand outside the gateway's tree."""
    if home is None:
        return []
    for file in home.rglob("postmaster.pid"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            return tree_of(int(file.read_text("utf-8").split()[0]))
    return []


@dataclass(frozen=True, slots=True)
class Weight:
    """Processor seconds and memory (PSS, MB) up to now: of the gateway, and of its PostgreSQL."""

    cpu_s: float
    pss_mb: float
    postgres_cpu_s: float
    postgres_pss_mb: float
    each: tuple[tuple[str, float], ...]
    """Memory of each of the gateway's processes, by command line."""


def weigh(pid: int | None, home: Path | None = None) -> Weight | None:
    """None where no process is known."""
    if pid is None:
        return None
    everyone = _all()
    database = set(postgres_of(home))
    own = []
    for one in tree_of(pid):
        if one in database or everyone.get(one, ("", 0, 0.0))[0].startswith("postgres"):
            database.add(one)
        else:
            own.append(one)
    each = tuple((_command(one), pss_mb(one)) for one in own)
    return Weight(
        sum(everyone[one][2] for one in own if one in everyone),
        round(sum(mb for _, mb in each), 1),
        sum(everyone[one][2] for one in database if one in everyone),
        round(sum(pss_mb(one) for one in database), 1),
        each,
    )


def pss_mb(pid: int) -> float:
    """Memory of one process, shared pages counted by share; 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines():
            if line.startswith("Pss:"):
                return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").split("\0")
        return " ".join(Path(word).name if word.startswith("/") else word for word in words if word)[:80]
    return ""


def move(pids: list[int], core: int, *, is_realtime: bool = False) -> None:
    """Put running processes, all their threads and whatever they start from now on, on one core."""
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(thread), {core})
                if is_realtime:
                    os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(1))


def fdatasync_ms(folder: Path, times: int = 300) -> tuple[float, float]:
    """Median and 99th percentile of writing 8 KB over and making it durable, as a write-ahead log does; milliseconds."""
    file = folder / "fdatasync.bench"
    handle = os.open(file, os.O_CREAT | os.O_WRONLY)
    try:
        os.write(handle, bytes(4 << 20))
        os.fsync(handle)
        took = []
        for at in range(times):
            os.pwrite(handle, os.urandom(8192), at % 500 * 8192)
            started = time.perf_counter()
            os.fdatasync(handle)
            took.append((time.perf_counter() - started) * 1000)
    finally:
        os.close(handle)
        file.unlink()
    return round(statistics.median(took), 3), round(sorted(took)[int(times * 0.99)], 3)


def yardstick_ms() -> float:
    """Processor time of the same small piece of work on the gateway's core; its unsteadiness is the machine's own."""
    with pinned(GATEWAY_CORE):
        started = time.process_time()
        sum(at * at for at in range(300_000))
        return (time.process_time() - started) * 1000


def machine() -> dict[str, object]:
    """What the figures were made on."""
    model = ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    built = (
        "optimised" if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "") else "not optimised"
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": f"{platform.python_version()}, {built}",  # without profile-guided optimisation everything takes half more
    }

"""How fast the gateway is beside LiteLLM: one run, one core each, the same minute, the same load, the same upstream.

    python bench/gateway.py --litellm /path/to/venv/bin/litellm [--cells c1,c16,c64,r30,s16,t1] [--rounds 3] [--seconds 5]
    python bench/gateway.py --url http://127.0.0.1:9999/v1/chat/completions --key KEY --model NAME --pid PID   (any gateway)

Needs Linux, two cores and gcc. The gateway under test has core 0, upstream, load and PostgreSQL have core 1. Without ``--url``
Jitsuri is started by itself in a fresh home, with a task, a key and a hard budget, one worker. Rounds go direct, LiteLLM,
Jitsuri and then in reverse; every ratio is of one round. After every measurement the books are compared with the answers that
came: a single call more or less, and the run is void. As root, load and upstream come first on their core: they would stand on
machines of their own. ``--realtime`` (root) gives the same to all, and keeps other programs' turns out of the latencies.

Ends with the bars of the promise: 0 all met (or not judged), 1 one is not, 2 void. Lines of JSON go to ``--out``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from gateway_parts.asking import CELLS, DEFAULT_CELLS, Target
from gateway_parts.building import build
from gateway_parts.reporting import added_ms, bars, spread, table
from gateway_parts.rounds import Bench, Row
from gateway_parts.starting import Own, Place, Running, free_port, start_litellm, start_upstream
from gateway_parts.weighing import OTHER_CORE, fdatasync_ms, machine, may_come_first, pinned, weigh


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litellm", help="the command of a LiteLLM in an environment of its own")
    parser.add_argument("--cells", default=",".join(DEFAULT_CELLS), help=f"of {', '.join(CELLS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--starts", type=int, default=3, help="how often the cold start is measured")
    parser.add_argument("--out", type=Path, help="lines of JSON, appended")
    parser.add_argument("--in", dest="folder", type=Path, help="folder (on the disk to be measured) for the home")
    parser.add_argument("--realtime", action="store_true")
    parser.add_argument("--no-own", action="store_true", help="only the upstream itself and LiteLLM")
    parser.add_argument("--url", help="a running gateway on loopback, its upstream set to --upstream-port")
    parser.add_argument("--upstream-port", type=int)
    parser.add_argument("--key", default="unused")
    parser.add_argument("--model", default="gpt-4o-mini")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--entries", help="with --url: a command that prints how many calls its books hold")
    return parser.parse_args()


def given(asked: argparse.Namespace) -> Target:
    """The gateway that ``--url`` names."""
    url = urlsplit(asked.url)
    if url.hostname not in ("127.0.0.1", "localhost") or url.port is None:
        sys.exit("--url must be http://127.0.0.1:PORT/…")
    path = url.path if url.path.endswith("/chat/completions") else "/v1/chat/completions"
    return Target("given", url.port, path, asked.key, {"chat": asked.model}, pid=asked.pid)


def counted_by(command: str) -> Callable[[], int]:
    return lambda: int(subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout)


def books_of(home: Path, held: ExitStack) -> Callable[[], int]:
    """Counts entries in the ledger of a running Jitsuri, by SQL."""
    from jitsuri.store.opening import open_database

    store = open_database(home, None, application_name="bench")
    held.callback(store.close)

    def count() -> int:
        with store.reading() as tx:
            row = tx.execute("SELECT count(*) FROM ledger_entries").fetchone()
        assert row is not None
        return int(row[0])

    return count


def litellm_version(binary: str) -> str:
    asking = "from importlib.metadata import version; print(version('litellm'))"
    words = [str(Path(binary).parent / "python"), "-c", asking]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def start_own(place: Place, folder: Path, starts: int, held: ExitStack) -> tuple[Running, list[float]]:
    """Jitsuri, started as often as asked; the last one stays. Cold starts are from a home that was used before."""
    own = Own.make(place, folder)
    own.start().stop()  # the first start of all makes the database, which happens once in a home's life
    took = []
    for left in range(starts, 0, -1):
        running = own.start()
        took.append(running.cold_start_s)
        if left > 1:
            running.stop()
    held.callback(running.stop)
    return running, took


def main() -> int:
    asked = arguments()
    cells = asked.cells.split(",")
    if unknown := [name for name in cells if name not in CELLS]:
        sys.exit(f"no such cell: {', '.join(unknown)}; there are {', '.join(CELLS)}")
    rows: list[Row] = []
    facts: Row = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **machine()}
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="jitsuri-bench-", dir=asked.folder)))
        folder.chmod(0o711)  # as root the database runs under another account, which must be able to pass
        held.enter_context(pinned(OTHER_CORE))
        mock, load = build(folder)
        place = Place(folder, asked.upstream_port or free_port(), asked.realtime, may_come_first())
        facts["instruments_first"] = place.are_instruments_first
        facts["fdatasync_ms"], facts["fdatasync_ms_p99"] = fdatasync_ms(folder)
        upstream = start_upstream(mock, place)
        held.callback(upstream.wait)
        held.callback(upstream.kill)

        targets = [
            Target("direct", place.upstream_port, models={"chat": "gpt-4o-mini", "messages": "claude-haiku-4-5"})
        ]
        bench = Bench(load, place, targets, asked.seconds, lambda row: write(asked.out, row))
        cold_starts: list[float] = []
        if asked.litellm:
            running = start_litellm(asked.litellm, place)
            held.callback(running.stop)
            targets.append(running.target)
            facts["litellm_cold_start_s"] = round(running.cold_start_s, 2)
            facts["litellm"] = litellm_version(asked.litellm)
        if asked.url:
            targets.append(given(asked))
            if asked.entries:
                bench.books = {"given": counted_by(asked.entries)}
        elif not asked.no_own:
            running, cold_starts = start_own(place, folder, asked.starts, held)
            targets.append(running.target)
            bench.homes = {"jitsuri": folder / "home"}
            bench.books = {"jitsuri": books_of(folder / "home", held)}
        time.sleep(3)  # what has just started comes to rest before it is weighed idle
        for target in targets[1:]:
            idle = weigh(target.pid, bench.homes.get(target.name))
            if idle:
                facts[f"{target.name}_idle_mb"], facts[f"{target.name}_idle_each_mb"] = idle.pss_mb, idle.each
                facts[f"{target.name}_idle_postgres_mb"] = idle.postgres_pss_mb
        facts["cold_starts_s"] = [round(took, 2) for took in cold_starts]
        write(asked.out, facts)
        rows = bench.run(cells, asked.rounds)

    names = [target.name for target in targets]
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    steady = sorted(row["yardstick_ms"] for row in rows)
    print(
        f"the same small work took {steady[0]}–{steady[-1]} ms of processor time while measuring: so unsteady is the machine"
    )
    print("\n".join(table(rows, names, cells)))
    for name in names[1:]:
        print(f"\n{name} adds at c1 p50 {spread(added_ms(rows, name, 'c1', 'p50_us'), '.3f')} ms, "
              f"p99 {spread(added_ms(rows, name, 'c1', 'p99_us'), '.3f')} ms; to the first token "
              f"{spread(added_ms(rows, name, 't1', 'first_p50_us'), '.3f')} ms")  # fmt: skip
    return judge(bench, rows, names[-1], cold_starts, float(str(facts["fdatasync_ms"])), asked.out)


def judge(bench: Bench, rows: list[Row], name: str, cold_starts: list[float], disk_ms: float, out: Path | None) -> int:
    """The bars, said one by one, and the exit code."""
    if bench.faults:
        print("\nVOID:\n" + "\n".join(f"- {fault}" for fault in bench.faults))
        return 2
    if name in ("direct", "litellm"):
        return 0
    promised = bars(rows, name, cold_starts, disk_ms)
    print(f"\n| bar ({name}) | promised | measured | |\n|---|--:|--:|---|")
    print("\n".join(bar.line() for bar in promised))
    write(out, {"bars": {bar.says: [bar.bound, bar.figures, bar.is_met] for bar in promised}})
    return 1 if any(bar.is_met is False for bar in promised) else 0


def write(out: Path | None, row: Row) -> None:
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())

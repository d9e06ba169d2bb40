"""How long the gateway's event loop is ever kept from what is due, while it works: seen from inside and from outside.

    python bench/loop.py                                        starts Jitsuri as bench/gateway.py does
    python bench/loop.py --url http://127.0.0.1:9999/v1/chat/completions --key KEY --model NAME --upstream-port PORT
    python bench/loop.py --guard                                the same with every call checked by the recommended policy
    python bench/loop.py --self                                 what the watch says of blocks of known length

From outside: every 5 ms a request that needs neither upstream nor database (``--probe``); how long its answer takes is what
anybody else waits behind a long piece of work. From inside: the worker's own histogram in ``/metrics`` (``--figure``), before
and after each load. Loads go one after the other: 1 KB, 30 KB and 1 MB prompts, streams, and all of them together.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from gateway_parts.asking import CELLS, Cell, Target, request_of
from gateway_parts.building import build
from gateway_parts.starting import Own, Place, free_port, start_upstream, tell_upstream
from gateway_parts.weighing import OTHER_CORE, pinned

LOADS = (
    CELLS["c16"],
    CELLS["c64"],
    CELLS["r30"],
    Cell("r1000", 4, "1 MB prompt, 4 at a time", size=1_000_000),
    CELLS["s16"],
)
MIXED = "mixed"
"""All of these at the same time."""
PAGE_S = 6.0
"""The worker writes its page every five seconds."""
LATE = "jitsuri_gateway_loop_late_seconds"


class LoopWatch:
    """How long the running loop was kept from what was due: ``worst_ms`` ever, and how many beats came ``late_ms`` late.

    A block is seen shorter than it was by less than ``every_ms``, and an idle loop shows up to 1 ms (its timers' grain).
    """

    def __init__(self, every_ms: float = 20.0, late_ms: float = 20.0) -> None:
        self._every_s, self._late_ms = every_ms / 1000, late_ms
        self.worst_ms, self.late, self.beats = 0.0, 0, 0

    def start(self) -> None:
        """Begin on the loop that runs."""
        self._due = time.perf_counter() + self._every_s
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._beat)

    def stop(self) -> None:
        self._timer.cancel()

    def _beat(self) -> None:
        behind_ms = (time.perf_counter() - self._due) * 1000
        self.beats += 1
        self.late += behind_ms >= self._late_ms
        self.worst_ms = max(self.worst_ms, behind_ms)
        self.start()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self", dest="is_self", action="store_true")
    parser.add_argument("--url")
    parser.add_argument("--key", default="unused")
    parser.add_argument("--model", default="gpt-4o-mini")
    parser.add_argument("--upstream-port", type=int)
    parser.add_argument("--probe", default="/health", help="a path that is answered from memory")
    parser.add_argument("--figure", default="/metrics", help="the page with the workers' own histogram; '' for none")
    parser.add_argument("--realtime", action="store_true", help="above all that shares the machine; needs root")
    parser.add_argument("--loads", default="", help="names of loads, by commas; all without")
    parser.add_argument("--guard", action="store_true", help="every call is checked by the recommended policy")
    parser.add_argument("--seconds", type=float, default=8.0)
    asked = parser.parse_args()
    if asked.is_self:
        return asyncio.run(try_watch())
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="jitsuri-bench-")))
        folder.chmod(0o711)
        held.enter_context(pinned(OTHER_CORE))
        mock, load = build(folder)
        place = Place(folder, asked.upstream_port or free_port(), is_realtime=asked.realtime)
        upstream = start_upstream(mock, place)
        held.callback(upstream.wait)
        held.callback(upstream.kill)
        if asked.url:
            port = int(asked.url.split("/")[2].rpartition(":")[2])
            target = Target("given", port, key=asked.key, models={"chat": asked.model})
        else:
            own = Own.make(place, folder)
            if asked.guard:
                own.run("guard", "policy", "set", "*", "--preset", "recommended", "--reason", "bench")
            running = own.start()
            held.callback(running.stop)
            target = running.target
        print(
            "| load | answers/s | probe p50 ms | p99 ms | worst ms | the worker's own: share ≤ 5 ms | p99 ms | p99.9 ms | all ms |"
        )
        print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
        watched = Watched(target, asked.figure)
        print(f"| none | – | {probed(target, asked.probe, 5.0)} | {watched.seen()} |", flush=True)
        for name, cells in [*((cell.name, [cell]) for cell in LOADS), (MIXED, list(LOADS))]:
            if asked.loads and name not in asked.loads.split(","):
                continue
            rate, seen = loaded(load, place, target, cells, asked)
            print(f"| {name} | {rate} | {seen} | {watched.seen()} |", flush=True)
    return 0


def loaded(load: Path, place: Place, target: Target, cells: list[Cell], asked: argparse.Namespace) -> tuple[str, str]:
    """Put these loads on at the same time; returns answers per second, and what the probe saw."""
    piecewise = max(cells, key=lambda cell: cell.pieces)
    tell_upstream(place.upstream_port, f"/set?chunks={piecewise.pieces}&gap_us={piecewise.gap_us}&think_us=0")
    with ExitStack() as held:
        working = []
        for cell in cells:
            request = place.folder / f"request-{cell.name}"
            request.write_bytes(request_of(target, cell))
            words = [str(load), str(target.port), str(request), str(cell.connections), str(asked.seconds)]
            words += [cell.first, cell.last]
            with pinned(OTHER_CORE, is_realtime=place.is_realtime):
                working.append(held.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE, text=True)))
        seen = probed(target, asked.probe, asked.seconds - 0.5)
        answers = [json.loads(one.communicate()[0]) for one in working]
    refused = next((f" ({one['last_refusal'][:80]})" for one in answers if not one["ok"]), "")
    return f"{sum(one['ok'] / one['seconds'] for one in answers):,.0f}{refused}", seen


class Watched:
    """The workers' own histogram of how late their loops were, from one look to the next."""

    def __init__(self, target: Target, path: str) -> None:
        self._target, self._path = target, path
        self._before = self._read()

    def seen(self) -> str:
        """What was added since the last look, as four columns: bounds of buckets."""
        if self._path:
            time.sleep(PAGE_S)
        before, self._before = self._before, self._read()
        counts = {bound: count - before.get(bound, 0) for bound, count in self._before.items()}
        total = counts.get(float("inf"), 0)
        if not total:
            return "– | – | – | –"
        shares = [
            next(b for b, count in sorted(counts.items()) if count >= total * share) for share in (0.99, 0.999, 1)
        ]
        return f"{counts[0.005] / total:.2%} | " + " | ".join(f"≤ {1000 * bound:g}" for bound in shares)

    def _read(self) -> dict[float, int]:
        if not self._path:
            return {}
        line = http.client.HTTPConnection("127.0.0.1", self._target.port, timeout=30)
        try:
            line.request("GET", self._path)
            text = line.getresponse().read().decode("utf-8", "replace")
        finally:
            line.close()
        found: dict[float, int] = {}
        for bound, count in re.findall(rf'^{LATE}_bucket{{.*le="([^"]+)"}} (\d+)$', text, re.MULTILINE):
            found[float(bound)] = found.get(float(bound), 0) + int(count)
        return found


def probed(target: Target, path: str, seconds: float) -> str:
    """Answer times of small requests, sent every 5 ms whether or not the last was slow; three columns."""
    took: list[float] = []
    turns = threading.Lock()
    ending = time.perf_counter() + seconds

    def ask(number: int, step: float, others: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
        due = time.perf_counter() + number * step
        while due < ending:
            time.sleep(max(0.0, due - time.perf_counter()))
            with contextlib.suppress(OSError, http.client.HTTPException):
                line.request("GET", path)
                line.getresponse().read()
                with turns:
                    took.append((time.perf_counter() - due) * 1000)
            due += step * others

    askers = [threading.Thread(target=ask, args=(number, 0.005, 4)) for number in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    took.sort()
    return " | ".join(f"{took[int((len(took) - 1) * share)]:.2f}" for share in (0.5, 0.99, 1)) if took else "– | – | –"


async def try_watch() -> int:
    """Blocks of known length, and what the watch itself costs."""
    for block_ms in (0, 5, 20, 100, 500):
        watch = LoopWatch(5.0)
        watch.start()
        for _ in range(10):
            await asyncio.sleep(0.0137)
            time.sleep(block_ms / 1000)
        await asyncio.sleep(0.02)
        watch.stop()
        print(
            f"blocked {block_ms:3d} ms ten times: worst {watch.worst_ms:6.1f} ms, {watch.late} late of {watch.beats} beats"
        )
    watch = LoopWatch()
    cpu = time.process_time()
    watch.start()
    await asyncio.sleep(3)
    watch.stop()
    print(f"the watch itself: {(time.process_time() - cpu) / 3:.2%} of a core")
    return 0


if __name__ == "__main__":
    sys.exit(main())

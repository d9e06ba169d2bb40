"""How long the gateway's event loop is ever kept from what is due, while it works: seen from inside and from outside.

    python bench/loop.py                                        starts Jitsuri as bench/gateway.py does
    python bench/loop.py --url http://127.0.0.1:9999/v1/chat/completions --key KEY --model NAME --upstream-port PORT
    python bench/loop.py --self                                 what the watch says of blocks of known length

From outside: every 5 ms a request that needs neither upstream nor database (``--probe``); how long its answer takes is what
anybody else waits behind a long piece of work. From inside: the worker's own figure (``--figure``, JSON), where it has one.
Loads go one after the other: 1 KB, 30 KB and 1 MB prompts, streams.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
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
    parser.add_argument("--figure", default="", help="a path that gives the worker's own figure as JSON")
    parser.add_argument("--seconds", type=float, default=8.0)
    asked = parser.parse_args()
    if asked.is_self:
        return asyncio.run(try_watch())
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="jitsuri-bench-")))
        folder.chmod(0o711)
        held.enter_context(pinned(OTHER_CORE))
        mock, load = build(folder)
        place = Place(folder, asked.upstream_port or free_port())
        upstream = start_upstream(mock, place)
        held.callback(upstream.wait)
        held.callback(upstream.kill)
        if asked.url:
            port = int(asked.url.split("/")[2].rpartition(":")[2])
            target = Target("given", port, key=asked.key, models={"chat": asked.model})
        else:
            running = Own.make(place, folder).start()
            held.callback(running.stop)
            target = running.target
        print(
            "| load | answers/s | probe p50 ms | p99 ms | worst ms | the worker's own figure |\n|---|--:|--:|--:|--:|---|"
        )
        print(f"| none | – | {probed(target, asked.probe, 3.0)} | {figure(target, asked.figure)} |")
        for cell in LOADS:
            tell_upstream(place.upstream_port, f"/set?chunks={cell.pieces}&gap_us={cell.gap_us}&think_us=0")
            (folder / "request").write_bytes(request_of(target, cell))
            words = [str(load), str(target.port), str(folder / "request"), str(cell.connections), str(asked.seconds)]
            with subprocess.Popen([*words, cell.first, cell.last], stdout=subprocess.PIPE, text=True) as working:
                seen = probed(target, asked.probe, asked.seconds - 0.5)
                answer = json.loads(working.communicate()[0])
            rate = f"{answer['ok'] / answer['seconds']:,.0f}" + (
                "" if answer["ok"] else f" ({answer['last_refusal'][:80]})"
            )
            print(f"| {cell.name} | {rate} | {seen} | {figure(target, asked.figure)} |", flush=True)
    return 0


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


def figure(target: Target, path: str) -> str:
    if not path:
        return "–"
    line = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
    try:
        line.request("GET", path)
        return line.getresponse().read().decode("utf-8", "replace").strip()
    finally:
        line.close()


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

"""How fast students and rules answer, what a loaded student takes of memory, and how long the loop waits for them.

    python sample/write_log.py --out LOGS
    python sample/answer_inquiries.py --logs LOGS --out outcomes.jsonl --export variants
    python bench/local_variants.py --variants variants --outcomes outcomes.jsonl

Times are of one process: the smallest and the middle of all, since the machine may be shared.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from jitsuri.providers.rules.answering_locally import Local, answer_chat
from jitsuri.providers.wire.local_files import LocalFolder

NAME = "inquiry-triage"
LENGTHS = (150, 500, 2_000, 20_000)
ROUNDS = 200
TICK_S = 0.001


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--variants", type=Path, required=True)
    parser.add_argument("--outcomes", type=Path, required=True)
    given = parser.parse_args()
    sys.setswitchinterval(0.001)  # as in a worker of the gateway
    rows = [json.loads(line) for line in given.outcomes.read_text("utf-8").splitlines()]
    long = "\n".join(row["prompt"] for row in rows if row["model"] == f"student:{NAME}")

    process = psutil.Process()
    before = process.memory_info().rss
    began = time.perf_counter()
    folder = LocalFolder(given.variants)
    student = folder.find(f"student:{NAME}")
    took = time.perf_counter() - began
    gc.collect()
    after = process.memory_info().rss
    print(
        f"student loaded in {took * 1000:.0f} ms, {(after - before) / 2**20:.0f} MiB more, {after / 2**20:.0f} MiB in all"
    )
    rules = folder.find(f"rules:{NAME}")
    print(f"state of a file looked at in {_least(lambda: folder.find(f'student:{NAME}'), ROUNDS) * 1e6:.0f} µs")
    for length in LENGTHS:
        texts = [long[at : at + length] for at in range(0, length * ROUNDS, length)]
        texts = [text for text in texts if len(text) == length]
        print(f"{length:>6} characters  student {_spread(student, texts)}  rules {_spread(rules, texts)}")
    cut = [long[at : at + 20_000] for at in range(0, 100_000, 20_000)]
    for told, works in (
        ("nothing", [lambda: time.sleep(0.5)] * 2),
        ("texts of 20,000 characters", [lambda one=one: _answer(student, one) for one in cut * 6]),
        ("the student being read", [lambda: LocalFolder(given.variants).find(f"student:{NAME}")] * 4),
    ):
        waits = asyncio.run(_waits(works))
        middle, late = (waits[int(len(waits) * part)] * 1000 for part in (0.5, 0.99))
        print(f"the loop waits beside {told}: median {middle:.1f}, 99 % {late:.1f}, longest {waits[-1] * 1000:.1f} ms")


def _answer(local: Local, text: str) -> object:
    return answer_chat(local, [{"role": "user", "content": text}], created=0, response_id="", model="")


def _spread(local: Local, texts: list[str]) -> str:
    took = []
    for text in texts:
        began = time.perf_counter()
        _answer(local, text)
        took.append((time.perf_counter() - began) * 1000)
    return f"{min(took):.2f} / {statistics.median(took):.2f} ms"


def _least(work: Callable[[], object], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


async def _waits(works: list[Callable[[], object]]) -> list[float]:
    """How late a tick of each millisecond came while one thread did the works, in seconds, sorted."""
    loop, waits = asyncio.get_running_loop(), []
    with ThreadPoolExecutor(1) as pool:
        under_way = asyncio.gather(*(loop.run_in_executor(pool, work) for work in works))
        while not under_way.done():
            began = time.perf_counter()
            await asyncio.sleep(TICK_S)
            waits.append(max(0.0, time.perf_counter() - began - TICK_S))
        await under_way
    return sorted(waits)


if __name__ == "__main__":
    main()

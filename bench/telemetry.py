"""What telemetry costs a call on the gateway's loop, off and on; and how many attempts a second its thread tells.

    python bench/telemetry.py

Off and on: processor time of ``Telemetry.watch`` alone, median of rounds, the thread held. Telling: processor time per
attempt with a receiver on this machine, and resident memory before and after OpenTelemetry's library is loaded.
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "gateway"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "providers"))

from test_telemetry import BASE, UPSTREAM, booked, entry

from jitsuri.app.telemetry import MOST_WAITING, Telemetry
from jitsuri.providers.shapes import Told

ROUNDS, CALLS = 200, 1_000


def attempt() -> Any:
    """An attempt as ``watch`` sees it: attributes only, as quick to read as the real one's."""
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    call = SimpleNamespace(
        asked=SimpleNamespace(operation="chat", is_stream=False), inquiry=SimpleNamespace(headers=headers)
    )
    return SimpleNamespace(entry=entry(), upstream=UPSTREAM, told=Told(), call=call)


def per_call_us(telemetry: Telemetry) -> float:
    one, found = attempt(), []
    watch = telemetry.watch
    for _ in range(ROUNDS):
        telemetry._waiting.clear()
        began = time.thread_time_ns()
        for _ in range(CALLS):
            watch(one)
        found.append((time.thread_time_ns() - began) / CALLS / 1000)
    assert telemetry.untold == 0
    return statistics.median(found)


class Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def telling() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    before = psutil.Process().memory_info().rss
    from jitsuri.app.telling_otel import Teller

    old, new = frozenset({"old"}), frozenset({"new"})
    for names, sampler in ((old, "always_on"), (new, "always_on"), (old | new, "always_on"), (new, "always_off")):
        os.environ["OTEL_TRACES_SAMPLER"] = sampler
        teller = Teller(names, "bench", "0", spans=True, metrics=True)
        one = booked()
        began = time.thread_time()
        for _ in range(5_000):
            teller.tell(one)
            teller.send_due()
        used = time.thread_time() - began
        teller.close()
        print(f"telling, {'+'.join(sorted(names))} names, {sampler}: {used / 5_000 * 1e6:.0f} us an attempt")
    print(f"memory: {(psutil.Process().memory_info().rss - before) / 1e6:.0f} MB more")
    server.shutdown()


def main() -> None:
    assert CALLS < MOST_WAITING
    off = Telemetry({}, "bench")
    off.start()
    on = Telemetry(BASE, "bench")
    on._work = lambda _signals: None  # type: ignore[method-assign]
    on.start()
    print(f"off: {per_call_us(off):.2f} us a call; on: {per_call_us(on):.2f} us a call")
    telling()


if __name__ == "__main__":
    main()

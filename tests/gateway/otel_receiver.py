"""A local OTLP/HTTP receiver: takes what OpenTelemetry's exporters send and decodes it."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from jitsuri.app.telling_otel import OLDEST_S

SEND_S = 10.0
"""How long an exporter tries to send (``OTEL_EXPORTER_OTLP_TIMEOUT``); then it lets go of what it had."""
LATEST_S = OLDEST_S + 2 * SEND_S
"""When what was booked has been told: a batch waits for its age, behind one that was hard to send."""
FIRST_S = 90.0
"""The same for a process that has told nothing yet: it reads OpenTelemetry's library in, from a disk that may be busy."""


@dataclass
class Span:
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    is_error: bool
    resource: dict[str, Any]


@dataclass
class Point:
    metric: str
    unit: str
    attributes: dict[str, Any]
    value: float
    """A counter's sum, or a histogram's."""
    count: int
    bounds: tuple[float, ...]
    instance: str


class Receiver:
    """``with Receiver() as receiver: receiver.environment`` switches an exporter on."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.points: list[Point] = []
        """Of the newest export of each instance and metric."""
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.delay_s = 0.0
        receiver = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                time.sleep(receiver.delay_s)
                if receiver.status == 200:
                    receiver.take(self.path, body, {k.lower(): v for k, v in self.headers.items()})
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
        }

    def take(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        self.raw.append(body)
        self.headers.append(headers)
        if path == "/v1/traces":
            self.spans += _spans(ExportTraceServiceRequest.FromString(body))
        elif path == "/v1/metrics":
            found = _points(ExportMetricsServiceRequest.FromString(body))
            fresh = {(p.instance, p.metric) for p in found}
            self.points = [p for p in self.points if (p.instance, p.metric) not in fresh] + found

    def wait(self, is_so: Callable[[], Any], seconds: float = LATEST_S) -> None:
        ends = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < ends, f"not in time; spans: {[s.name for s in self.spans]}"
            time.sleep(0.02)

    def sum(self, metric: str, **attributes: str) -> float:
        wanted = {name.replace("__", "."): value for name, value in attributes.items()}
        return sum(p.value for p in self.points if p.metric == metric and wanted.items() <= p.attributes.items())

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


def _spans(request: Any) -> list[Span]:
    return [
        Span(
            s.name, s.kind, s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex(), s.start_time_unix_nano,
            s.end_time_unix_nano, _attributes(s.attributes), s.status.code == 2, _attributes(r.resource.attributes),
        )
        for r in request.resource_spans
        for scope in r.scope_spans
        for s in scope.spans
    ]  # fmt: skip


def _points(request: Any) -> list[Point]:
    found = []
    for r in request.resource_metrics:
        instance = _attributes(r.resource.attributes)["service.instance.id"]
        for metric in (m for scope in r.scope_metrics for m in scope.metrics):
            kind = metric.WhichOneof("data")
            for point in getattr(metric, kind).data_points:
                is_sum = kind == "sum"
                value = (point.as_double or point.as_int) if is_sum else point.sum
                bounds = () if is_sum else tuple(point.explicit_bounds)
                count = 0 if is_sum else point.count
                found.append(
                    Point(metric.name, metric.unit, _attributes(point.attributes), value, count, bounds, instance)
                )
    return found


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)

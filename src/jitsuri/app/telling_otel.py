"""Booked attempts told to OpenTelemetry's library: the only module that imports it. For one thread.

Sampling, resource attributes, headers, certificates, compression and timeouts are read from the standard variables by the
library itself.
"""

from __future__ import annotations

import time
from typing import Final, cast

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from jitsuri.app.genai_names import (
    Booked,
    Value,
    error_type,
    metric_attributes,
    span_attributes,
    span_name,
    times_ns,
)

BATCH: Final = 512
"""Spans in one request; OpenTelemetry's default (``OTEL_BSP_MAX_EXPORT_BATCH_SIZE``)."""
OLDEST_S: Final = 5.0
"""After so long a batch is sent that is not full; OpenTelemetry's default (``OTEL_BSP_SCHEDULE_DELAY``)."""

SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Boundaries that the conventions ask for with durations."""
TOKENS: Final = (
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864
)  # fmt: skip
"""Boundaries that the conventions ask for with counts of tokens."""

_PARTS: Final = (
    ("cache_read.input_tokens", "cache_read_tokens"),
    ("cache_write.input_tokens", "cache_write_tokens"),
    ("reasoning.output_tokens", "reasoning_tokens"),
)


class Teller:
    """Makes spans and measurements of what was booked, and sends spans when there are enough or they are old."""

    def __init__(self, names: frozenset[str], instance: str, version: str, *, spans: bool, metrics: bool) -> None:
        """``names``: ``old``, ``new`` or both. ``instance`` is this process's alone, ever."""
        resource = Resource.create({"service.instance.id": instance, "service.version": version})
        if str(resource.attributes.get("service.name", "unknown_service")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "jitsuri"}))
        self._names = names
        self._ended = _Ended()
        self._since_s = 0.0
        self._exporter = OTLPSpanExporter() if spans else None
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(self._ended)
        self._tracer = self._tracers.get_tracer("jitsuri", version)
        self._traces = TraceContextTextMapPropagator()
        readers = [PeriodicExportingMetricReader(OTLPMetricExporter())] if metrics else []
        self._meters = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
        self._has_metrics = metrics
        self._measures = _Measures(self._meters, names, version)

    def tell(self, booked: Booked) -> None:
        """Make a span, and measure."""
        if self._has_metrics:
            self._measures.take(booked, metric_attributes(booked, self._names))
        if self._exporter is not None:
            self._span(booked)
            if len(self._ended.spans) == 1:
                self._since_s = time.monotonic()

    def send_due(self) -> None:
        """Send spans that are many or old. Waits for the receiver, for some seconds at most; it may lose them."""
        held = len(self._ended.spans)
        if held >= BATCH or (held and time.monotonic() - self._since_s >= OLDEST_S):
            self._send()

    def close(self) -> None:
        """Send everything, spans and metrics, for the last time."""
        self._send()
        if self._exporter is not None:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]
        self._tracers.shutdown()
        self._meters.shutdown(timeout_millis=2_000)

    def _send(self) -> None:
        spans, self._ended.spans = self._ended.spans, []
        if spans and self._exporter is not None:
            self._exporter.export(spans)

    def _span(self, booked: Booked) -> None:
        parent = Context()
        if booked.traceparent:
            carrier = {"traceparent": booked.traceparent, "tracestate": booked.tracestate}
            parent = self._traces.extract(carrier, parent)
        begin, end = times_ns(booked.entry)
        span = self._tracer.start_span(
            span_name(booked), context=parent, kind=SpanKind.CLIENT,
            attributes=span_attributes(booked, self._names), start_time=begin,
        )  # fmt: skip
        if error_type(booked.entry):
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)


class _Ended(SpanProcessor):
    """Keeps ended spans until they are sent."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self.spans.append(span)


class _Measures:
    """The instruments, old and new."""

    def __init__(self, meters: MeterProvider, names: frozenset[str], version: str) -> None:
        meter = meters.get_meter("jitsuri", version)

        def seconds(name: str, what: str) -> Histogram:
            return meter.create_histogram(name, "s", what, explicit_bucket_boundaries_advisory=SECONDS)

        def tokens(name: str, what: str) -> Histogram:
            return meter.create_histogram(name, "{token}", what, explicit_bucket_boundaries_advisory=TOKENS)

        self._cost = meter.create_counter(
            "jitsuri.cost.jpy", "JPY", "Cost without tax; what has no price is not in it."
        )
        self._is_old, self._is_new = "old" in names, "new" in names
        if self._is_old:
            self._usage = tokens("gen_ai.client.token.usage", "Tokens used.")
            self._duration = seconds("gen_ai.client.operation.duration", "Duration of an attempt.")
        if self._is_new:
            self._counters = {
                kind: meter.create_counter(f"gen_ai.client.inference.usage.{kind}", "{token}", "Tokens used.")
                for kind in ("input_tokens", "output_tokens", *(kind for kind, _ in _PARTS))
            }
            self._input = tokens("gen_ai.client.inference.operation.input_tokens", "Input tokens of an attempt.")
            self._output = tokens("gen_ai.client.inference.operation.output_tokens", "Output tokens of an attempt.")
            self._inference = seconds("gen_ai.client.inference.duration", "Duration of an attempt.")
            self._first = seconds("gen_ai.client.inference.time_to_first_chunk", "Time to the first piece of a stream.")

    def take(self, booked: Booked, attributes: dict[str, Value]) -> None:
        entry = booked.entry
        why = error_type(entry)
        timed = {**attributes, "error.type": why} if why else attributes
        if entry.cost_jpy:
            self._cost.add(float(entry.cost_jpy), attributes)
        if self._is_old:
            self._duration.record((entry.latency_ms or 0) / 1000, timed)
            for kind, count in (("input", entry.usage.input_tokens), ("output", entry.usage.output_tokens)):
                if count:
                    self._usage.record(count, {**attributes, "gen_ai.token.type": kind})
        if self._is_new:
            self._take_new(booked, attributes, timed)

    def _take_new(self, booked: Booked, attributes: dict[str, Value], timed: dict[str, Value]) -> None:
        entry, usage = booked.entry, booked.entry.usage
        self._inference.record((entry.latency_ms or 0) / 1000, timed)
        if booked.is_stream and entry.first_token_ms is not None:
            self._first.record(entry.first_token_ms / 1000, timed)
        if usage.input_tokens:
            self._input.record(usage.input_tokens, attributes)
        if usage.output_tokens:
            self._output.record(usage.output_tokens, attributes)
        for kind, modality, count in (
            ("input_tokens", "audio", usage.input_audio_tokens),
            ("input_tokens", "image", usage.input_image_tokens),
            ("input_tokens", "text", usage.input_tokens - usage.input_audio_tokens - usage.input_image_tokens),
            ("output_tokens", "audio", usage.output_audio_tokens),
            ("output_tokens", "image", usage.output_image_tokens),
            ("output_tokens", "text", usage.output_tokens - usage.output_audio_tokens - usage.output_image_tokens),
        ):
            if count > 0:
                self._counters[kind].add(count, {**attributes, "gen_ai.token.modality": modality})
        for kind, field in _PARTS:
            count = cast(int, getattr(usage, field))
            if count:
                self._counters[kind].add(count, attributes)

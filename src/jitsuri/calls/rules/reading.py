"""One record of a log becomes a call, a fault, or nothing. The door to all formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from jitsuri.calls.rules import (
    reading_anthropic,
    reading_csv,
    reading_langfuse,
    reading_litellm,
    reading_openai,
    reading_otel,
)
from jitsuri.calls.rules.decoding import decoded
from jitsuri.calls.rules.detecting import detect_format, is_anthropic, table_header
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.mapping import checked_mapping
from jitsuri.calls.rules.reading_csv import record_of
from jitsuri.calls.shapes import BatchRequest, CsvMapping, Fault, Layout, LogFormat, Logged, Reading
from jitsuri.terms.errors import CallerError
from jitsuri.terms.period import COMPANY_ZONE


def plan_reading(
    layout: Layout,
    head: Sequence[bytes],
    header: bytes,
    *,
    now: datetime,
    asked_format: LogFormat | None = None,
    mapping: CsvMapping | None = None,
    zone: tzinfo = COMPANY_ZONE,
    fallback_at: datetime | None = None,
    requests: Mapping[str, BatchRequest] | None = None,
    keep_bodies: bool = False,
) -> Reading:
    """How to read a file that begins so (``wire.opening.Log`` has layout, head and header).

    Raises CallerError ``format_unknown``, ``log_is_batch_input``, ``format_needs_table``, ``mapping_…``.
    """
    if asked_format == "csv" and layout != "table":
        raise CallerError("format_needs_table")
    has_mapping = mapping is not None and layout == "table"
    form = asked_format or ("csv" if has_mapping else detect_format(layout, head, header))
    names, delimiter = table_header(header) if layout == "table" else ((), ",")
    return Reading(
        format=form,
        now=now,
        zone=zone,
        fallback_at=fallback_at,
        header=names,
        delimiter=delimiter,
        mapping=checked_mapping(mapping, names) if form == "csv" else None,
        requests=requests or {},
        keep_bodies=keep_bodies,
    )


def read_record(number: int, raw: bytes, reading: Reading) -> Logged | Fault | None:
    """One record: a call, what is wrong with it, or None for a record that is no call (a span, a tool).

    Fault codes (``words``: ``fault.<code>``): ``encoding_unknown``, ``not_json``, ``not_an_object``,
    ``csv_unreadable``, ``csv_fields``, ``time_missing``, ``time_unreadable``, ``time_in_future``, ``time_too_old``,
    ``tokens_negative``, ``tokens_not_a_number``, ``number_too_big``, ``part_exceeds_whole``, ``usage_missing``,
    ``model_missing``, ``name_too_long``.
    """
    try:
        if reading.header:
            record = record_of(raw, reading.header, reading.delimiter)
        else:
            record = decoded(raw)
            if not isinstance(record, dict):
                raise LineError("not_an_object")
        return _READERS[reading.format](number, record, reading)
    except LineError as error:
        return Fault(number, error.code, error.facts)


def _read_pair(number: int, record: dict[str, Any], reading: Reading) -> Logged:
    """A line with request and answer: logs of gateways mix dialects, so each line tells its own."""
    read = reading_anthropic.read if is_anthropic(record) else reading_openai.read
    return read(number, record, reading)


_READERS: dict[LogFormat, Callable[[int, dict[str, Any], Reading], Logged | None]] = {
    "openai": _read_pair,
    "anthropic": _read_pair,
    "openai_batch": reading_openai.read_batch,
    "anthropic_batch": reading_anthropic.read_batch,
    "litellm": reading_litellm.read,
    "langfuse": reading_langfuse.read,
    "otel": reading_otel.read,
    "csv": reading_csv.read,
}

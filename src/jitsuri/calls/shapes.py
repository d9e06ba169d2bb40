"""What a call is as a log tells it, and what can be wrong with a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from jitsuri.terms.period import COMPANY_ZONE
from jitsuri.terms.usage import Usage

Status = Literal["ok", "error", "cut"]
LogFormat = Literal["openai", "openai_batch", "anthropic", "anthropic_batch", "litellm", "langfuse", "otel", "csv"]
Layout = Literal["lines", "document", "table"]
"""``lines``: one JSON object per line. ``document``: JSON values over lines, or one that holds a list of records.
``table``: CSV or TSV with a header."""


class Logged(msgspec.Struct, frozen=True):
    """One call as one line of a log tells it, in our words. '' and None mean: the log does not say.

    A msgspec struct and no dataclass, because one is made per line: 1 µs instead of 6 (``bench/reading.py``).
    """

    line: int
    """1-based line (or record) in the file."""
    source: LogFormat
    external_id: str
    """The id the upstream or the logging system gave; '' where there is none."""
    content_hash: bytes
    """16 bytes over the line's meaning: same id and another hash is a conflict."""
    at: datetime
    """When the call was made, aware."""
    provider: str
    """``openai``, ``anthropic``, ``google``, ``azure``, ``aws`` … (genai-prices ids); '' where the log does not say."""
    model_asked: str
    model_answered: str
    usage: Usage
    usage_raw: Mapping[str, object] | None
    tier: str = ""
    """``batch``, ``flex``, ``priority``; '' is standard. The response's word counts, not the request's."""
    region: str = ""
    status: Status = "ok"
    http_status: int | None = None
    error_code: str = ""
    latency_ms: int | None = None
    first_token_ms: int | None = None
    reported_cost: Decimal | None = None
    reported_currency: str = ""
    system_prompt: str = ""
    prompt: str = ""
    """The first user message, as text."""
    request_body: bytes = b""
    """The request as JSON (UTF-8), for keeping where a task's policy allows it."""
    response_body: bytes = b""
    trace: str = ""
    """``X-Jitsuri-Thread``, conversation, session or trace that several calls of one piece of business share."""
    response_id: str = ""
    previous_response_id: str = ""
    key_name: str = ""
    """An alias of the API credential, never the credential."""
    department: str = ""
    task: str = ""
    """A task the log itself names (header ``X-Jitsuri-Task``, metadata ``task``, ``model="task:…"``)."""
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Short texts by which rules may tell tasks apart; names of people are not among them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that did not go in: where, why (``words``: ``fault.<code>``) and the facts of the sentence."""

    line: int
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallGroup:
    """Which calls' prompts are alike: a system prompt, a template, a name or a key."""

    group_id: UUID
    kind: Literal["system_prompt", "template", "name", "key"]
    system_prompt_hash: str
    """Hexadecimal; '' for the other kinds."""
    sample: str
    """At most 160 characters. Of a ``template`` it still holds one call's words: intersect it over the calls."""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What a batch's input file says about one request, for the answer that comes in another file."""

    model: str
    system_prompt: str
    prompt: str
    """The beginning of the first user message."""
    previous_response_id: str
    metadata: Mapping[str, str]
    task: str
    department: str
    packed_body: bytes
    """The request as JSON, zlib-compressed; b'' unless bodies were asked for."""


@dataclass(frozen=True, slots=True)
class CsvMapping:
    """Which column of a table is what. A column name that begins with ``=`` is a constant: ``=gpt-4o``."""

    columns: Mapping[str, str]
    """Our field → the table's column."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Name of a metadata entry → the table's column."""
    zone: tzinfo = COMPANY_ZONE
    """Zone of times that name none."""
    time_format: str = ""
    """``strptime`` format; '' reads ISO 8601, ``2026/11/22 9:05`` and numbers since 1970."""
    latency_unit: Literal["ms", "s"] = "ms"


@dataclass(frozen=True, slots=True)
class Reading:
    """How the records of one file are to be read."""

    format: LogFormat
    now: datetime
    """Against which a time is in the future."""
    zone: tzinfo = COMPANY_ZONE
    """Zone of times that name none, in OpenAI- and Anthropic-shaped logs; databases write UTC."""
    fallback_at: datetime | None = None
    """Time of calls whose log has none (answers of an Anthropic batch); None makes them faults."""
    header: tuple[str, ...] = ()
    """Column names of a table."""
    delimiter: str = ","
    mapping: CsvMapping | None = None
    """Of ``csv`` only."""
    requests: Mapping[str, BatchRequest] = field(default_factory=dict)
    """Requests of a batch by ``custom_id``."""
    keep_bodies: bool = False
    """Whether ``Logged`` carries the bodies; only a task's text policy needs them."""


class Call(msgspec.Struct, frozen=True):
    """A call as it is kept: one request of a caller. Amounts live in the ledger, under the same ``call_id``.

    A msgspec struct and no dataclass, because one is made per call.
    """

    call_id: UUID
    content_hash: bytes
    at: datetime
    thread_id: UUID
    task: str
    department: str
    group_id: UUID
    """Which prompt group it belongs to: calls that share a system prompt or a template."""
    provider: str
    model: str
    status: Status
    key_name: str
    source: str
    run_id: UUID
    line: int
    metadata: Mapping[str, str]
    answer_id: UUID | None = None
    """The id under which an imported log of the same upstream would bring this call; None where that is ``call_id``."""


@dataclass(frozen=True, slots=True)
class Run:
    """One import of one file: its report."""

    run_id: UUID
    file_name: str
    format: str
    started_at: datetime
    ended_at: datetime | None
    state: Literal["running", "done", "failed"]
    lines: int
    added: int
    known: int
    broken: int
    conflicting: int
    first_at: datetime | None
    last_at: datetime | None
    failure: str = ""
    """Error code when it failed; a repeated import goes on where this one stopped."""


@dataclass(frozen=True, slots=True)
class TextPolicy:
    """Whether and how long a task's texts are kept. ``full`` needs a key name, days and a reason."""

    task: str
    keep: Literal["none", "full"]
    retention_days: int
    key_name: str
    reason: str


BUCKETS_MS: tuple[int, ...] = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 40_000, 80_000)
"""Upper bounds of the latency buckets, in milliseconds; beyond the last is one more. They double as the boundaries that
OpenTelemetry advises for ``gen_ai.client.operation.duration`` do, from 50 ms on (semantic-conventions-genai, read
2026-11-22)."""


AttemptOutcome = Literal["ok", "error", "cut", "caller_error", "caller_gone", "gateway_error"]
"""How meters tell the end of an attempt, by whom it was brought about. ``error``: no answer, by the upstream or for want of
what the keeper of the installation must mend (key, rights, money, address, a variant's model). ``cut``: an upstream broke
off or took too long. ``caller_error``: an upstream refused the request as its caller wrote it. ``caller_gone``: the caller
hung up. ``gateway_error``: the gateway itself failed, or could not write its ledger. The ledger knows the first three."""


class Minute(msgspec.Struct, frozen=True):
    """What the gateway saw in one minute of one task, upstream, model and outcome."""

    minute: datetime
    task: str
    upstream: str
    """'' for calls that were refused before one was asked."""
    model: str
    outcome: str
    """An ``AttemptOutcome``, or ``refused:CODE``."""
    count: int
    empty: int
    fell_back: int
    input_tokens: int
    output_tokens: int
    cost_micro_jpy: int
    latency_ms_sum: int
    latency_buckets: tuple[int, ...]
    first_token_ms_sum: int
    first_token_count: int
    first_token_buckets: tuple[int, ...]


class Seen(msgspec.Struct, frozen=True):
    """One minute of one task and upstream as alarms look at it: attempts by how they ended (``AttemptOutcome``), and
    refusals."""

    minute: datetime
    task: str
    upstream: str
    """'' for calls that were refused before one was asked."""
    attempts: int
    errors: int
    cut: int
    empty: int
    fell_back: int
    refused: int
    answered_buckets: tuple[int, ...]
    """Answered attempts by latency, in ``BUCKETS_MS``."""
    caller_errors: int = 0
    caller_gone: int = 0
    gateway_errors: int = 0
    gone_buckets: tuple[int, ...] = (0,) * (len(BUCKETS_MS) + 1)
    """Attempts whose caller hung up, by how long it had waited."""


AlarmKind = Literal["errors", "slow", "empty", "fallbacks", "refusals"]
ALARM_KINDS: tuple[AlarmKind, ...] = ("errors", "slow", "empty", "fallbacks", "refusals")
"""``errors``: attempts that failed. ``slow``: answers that took twice the usual 95th percentile, and callers who left after
as long. ``empty``: answers with nothing in them, or broken off by the upstream. ``fallbacks``: attempts that were not their
call's first. ``refusals``: calls of a task that were refused, by the gateway or as they are written by an upstream. What
callers do opens none of an upstream."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that is wrong with a task or an upstream (警報), from when it was seen until it was seen to be over."""

    alarm_id: UUID
    kind: AlarmKind
    subject: str
    """``task:NAME`` or ``upstream:NAME``."""
    opened_at: datetime
    closed_at: datetime | None
    facts: Mapping[str, object]
    """``calls``, ``bad``, ``percent`` and ``usual_percent`` as the sentence tells them, ``since`` when, ``expected`` (the
    share that counts as usual until it is over), ``over`` (how many times that its end is tested against), and ``limit_ms`` of
    slow answers; what closed it begins with ``end_``."""


LATE_BUCKETS_US: tuple[int, ...] = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
"""Upper bounds of the buckets of a loop's lateness, in microseconds; beyond the last is one more. Up to the first lie idle
loops: their timers go by whole milliseconds."""


@dataclass(frozen=True, slots=True)
class LoopLate:
    """How late an event loop did what was due, looked at many times a second."""

    us_sum: int = 0
    """Microseconds, since the process began."""
    us_worst: int = 0
    """The worst of the last minute."""
    buckets: tuple[int, ...] = ()
    """Looks since the process began, in ``LATE_BUCKETS_US``; () where none was told."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """How one worker of the gateway stands at present."""

    worker: str
    """Machine and number: the same after a restart."""
    seen_at: datetime
    commit_queue: int
    """Hand-ins that are not durable yet."""
    outage: str
    """Why nothing can be made durable; '' while all is well."""
    breakers: Mapping[str, str]
    """``closed``, ``half_open`` or ``open`` by upstream."""
    untold: int
    """Attempts that telemetry dropped since the process began, because it could not keep pace."""
    late: LoopLate = LoopLate()
    """How late its event loop is."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """What it cannot do though it answers: code by place, ``variant:FILE`` or ``budgets``."""

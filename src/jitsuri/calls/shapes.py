"""What a call is as a log tells it, and what can be wrong with a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from jitsuri.terms.usage import Usage

Status = Literal["ok", "error", "cut"]
LogFormat = Literal["openai", "openai_batch", "anthropic", "anthropic_batch", "litellm", "langfuse", "otel", "csv"]


@dataclass(frozen=True, slots=True)
class Logged:
    """One call as one line of a log tells it, in our words. '' and None mean: the log does not say."""

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
    """A trace, session or ``X-Jitsuri-Thread`` that several calls of one piece of business share."""
    response_id: str = ""
    previous_response_id: str = ""
    key_name: str = ""
    """An alias of the API credential, never the credential."""
    department: str = ""
    task: str = ""
    """A task the log itself names (header ``X-Jitsuri-Task``, metadata ``task``, ``model="task:…"``)."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Short texts by which rules may tell tasks apart; names of people are not among them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that did not go in: where, why (``words``: ``fault.<code>``) and the facts of the sentence."""

    line: int
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is kept: one request of a caller. Amounts live in the ledger, under the same ``call_id``."""

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

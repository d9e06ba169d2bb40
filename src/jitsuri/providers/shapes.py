"""What an upstream (提供元) is, what a request to it asks for, and what came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol
from uuid import UUID

import msgspec

Dialect = Literal["openai", "anthropic"]
"""The two protocols of callers and upstreams: Chat Completions and Messages."""

Operation = Literal["chat", "embeddings", "models", "other"]
"""``other`` is metered pass-through: forwarded untouched."""

Kind = Literal[
    "openai", "azure", "anthropic", "gemini", "bedrock", "openrouter", "compatible", "llama_cpp", "student", "rules"
]
"""``gemini`` and ``bedrock`` mean their OpenAI-compatible endpoints; ``compatible`` is any OpenAI-compatible server by
URL. ``llama_cpp``, ``student`` and ``rules`` answer on this machine, without an address."""

Training = Literal["never", "allowed", "unknown"]
"""Whether the vendor's terms let it train on what is sent; as the company's contract says, not detected."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long we wait, in seconds. ``whole`` bounds an attempt from its start to its last byte."""

    connect_s: float = 5.0
    first_byte_s: float = 120.0
    between_s: float = 60.0
    whole_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """One place that answers, as ``jitsuri.toml`` names it."""

    name: str
    kind: Kind
    dialect: Dialect
    base_url: str
    """With its version path (``https://api.example.jp/v1``), without a slash at its end; '' for local kinds."""
    vendor: str
    """Whom the price book knows it as: ``openai``, ``anthropic``, ``azure``, ``aws``, ``google``, …"""
    region: str = ""
    """Where it computes, lower case: ``jp``, ``us``, ``eu``; '' is not known."""
    training: Training = "unknown"
    is_on_premises: bool = False
    """The company's own machines: said by the keeper of the installation, never detected."""
    key_env: str = ""
    """Name of the environment variable that holds the upstream's key."""
    key_file: str = ""
    """File that holds the upstream's key; at most one of both."""
    models: tuple[str, ...] = ()
    """Model names that a plain name may reach here; ``*`` at the end matches a beginning."""
    passes: tuple[str, ...] = ()
    """Other paths that are opened as metered pass-through: ``/audio/speech``; ``*`` at the end matches a beginning."""
    api_version: str = ""
    """Azure's ``api-version`` or Anthropic's ``anthropic-version``."""
    headers: tuple[tuple[str, str], ...] = ()
    ca_file: str = ""
    proxy: str = ""
    """'' takes ``HTTPS_PROXY``/``NO_PROXY`` of the environment."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    most_connections: int = 256
    retries: int = 2
    """How often the same upstream is asked again where that is safe."""


class Asked(msgspec.Struct, frozen=True):
    """What a caller's request asks for, read without touching what is forwarded.

    A msgspec struct and no dataclass, because one is made per call.
    """

    dialect: Dialect
    operation: Operation
    model: str
    is_stream: bool
    fields: dict[str, msgspec.Raw]
    """The body's top-level fields in the caller's order, each as the bytes that came."""
    most_output_tokens: int | None
    """The caller's own maximum per answer; None where there is none."""
    answers: int
    """How many answers are asked for (OpenAI ``n``; embeddings: 1)."""
    wants_usage: bool
    """Streams: whether the caller asked for the usage event itself (Anthropic always has it)."""
    tier: str
    """The service tier asked for; '' where none is named."""
    writes_cache: bool
    """Whether the request marks prompt parts to be cached at a higher price (``cache_control``)."""
    unbounded: tuple[str, ...]
    """What makes its cost unbounded before the answer: tools that the upstream runs by itself (``web_search``), images
    or files that are fetched by address (``image_url``); '' entries never."""
    input_bytes: int
    """Length of the body: no tokenizer makes more text tokens than bytes."""
    inline_media: int = 0
    """Images, documents and sounds inside the body: their tokens are not bounded by their bytes."""
    has_unsigned_thoughts: bool = False
    """Whether thoughts of another vendor's model, which Anthropic refuses, stand in the messages."""


class Told(msgspec.Struct, frozen=True):
    """What an answer told about itself, whole or at the end of a stream."""

    response_id: str = ""
    model: str = ""
    tier: str = ""
    usage: Mapping[str, object] | None = None
    """The usage as the upstream reported it; None where it did not."""
    finish: str = ""
    """Finish reason in the OpenAI words: ``stop``, ``length``, ``tool_calls``, ``content_filter``; '' is cut."""
    is_empty: bool = False
    """No text, no tool call and no embedding in it."""
    output_events: int = 0
    """Streams: pieces of content seen."""
    output_bytes: int = 0
    """Streams: bytes of content seen."""
    error_code: str = ""
    """An error that came with status 200, or in the midst of a stream; '' where there was none."""
    error_message: str = ""
    """What it said, at most 2,000 characters."""


@dataclass(frozen=True, slots=True)
class Said:
    """An upstream's refusal or failure, read from its status and body whatever its shape."""

    status: int
    code: str
    """The upstream's own word for it (``rate_limit_exceeded``, ``overloaded_error``, ``insufficient_quota``); '' none."""
    message: str
    """At most 2,000 characters of what it said."""
    param: str = ""
    retry_after_s: float | None = None
    should_retry: bool | None = None
    """What its ``x-should-retry`` header says; None where it has none."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What the model that a request is translated for takes; ``rules.translating_manners`` knows it by name."""

    most_output_tokens: int = 8_192
    """Written where the caller named no maximum and the dialect needs one (Anthropic)."""
    takes_sampling: bool = True
    """``temperature``, ``top_p`` and ``top_k`` other than their defaults."""
    thinks: Literal["effort", "budget", "no"] = "effort"
    """How it is told to think: by a word, by a number of tokens, or not at all."""
    maximum_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    """The OpenAI field for the maximum that the server knows."""


Purpose = Literal["evaluation", "judge"]
"""What Jitsuri itself asks models for: answers to compare, judgements of answers. Booked as such in the ledger."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request that nobody calls with: a past one that is asked again, or one that we make."""

    dialect: Dialect
    body: bytes
    """As a caller would write it; ``model`` is replaced and a wish for a stream taken out."""
    target: str
    """``upstream/model``."""
    task: str
    purpose: Purpose
    attempt_id: UUID
    """Derived from what is asked and for what: the ledger takes the same one only once."""
    thread_id: UUID
    operation: Operation = "chat"
    department: str = ""
    """'' is the task's own."""


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a question, once it is in the ledger."""

    status: int
    body: bytes
    """The whole answer in the question's dialect, or what an error said."""
    error_code: str
    """'' where there is an answer."""
    model_answered: str
    """The model's name as the upstream told it; '' where it did not."""
    input_tokens: int
    output_tokens: int
    cost_jpy: Decimal | None
    """Of all attempts; None where one has no price in yen, and where nothing was asked zero."""
    latency_ms: int


class Ask(Protocol):
    """Asks models outside the path of a call: along the same way, held against the same budgets, booked in the same ledger."""

    def __call__(self, questions: Sequence[Question], at_once: int) -> Iterator[tuple[int, Came]]:
        """Ask all, ``at_once`` side by side; yields each question's place and what came, as they come."""

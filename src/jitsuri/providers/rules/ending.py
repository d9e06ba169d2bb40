"""Well-formed ends for streams that we cut or that broke.

The vendors' libraries take a stream without an end for a lost connection, or worse for a whole answer. What is written
here ends it wherever it stood: before its first event, inside a block, inside a tool's arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from jitsuri.providers.rules.eventing import DONE, anthropic_event, openai_event
from jitsuri.providers.shapes import Dialect

_write = msgspec.json.Encoder().encode

STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
"""OpenAI's finish reasons in Anthropic's words."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a stream stands, as its receiver has seen it."""

    response_id: str = ""
    model: str = ""
    created: int = 0
    has_started: bool = False
    is_done: bool = False
    open_answers: tuple[int, ...] = (0,)
    """OpenAI: answers without a finish reason, by index."""
    open_blocks: tuple[int, ...] = ()
    """Anthropic: content blocks that were started and not stopped, by index."""
    output_tokens: int = 0
    """As far as they are known; Anthropic's end needs the number."""


@dataclass(frozen=True, slots=True)
class Cut:
    """We ended the answer: a limit was reached, or what came must not go on."""

    finish: Literal["length", "content_filter"] = "length"


@dataclass(frozen=True, slots=True)
class Broken:
    """The upstream broke off; the caller's library raises it as an error."""

    code: str
    message: str
    type: str = ""
    """The dialect's own word (``refusing.STATUS``); '' is its word for a failure of the upstream."""
    request_id: str = ""


def end_of_stream(dialect: Dialect, standing: Standing, reason: Cut | Broken) -> bytes:
    """The events that end the stream so that the vendors' libraries accept them; b'' where it is over already."""
    if standing.is_done:
        return b""
    if isinstance(reason, Broken):
        return broken_event(dialect, reason)
    if dialect == "openai":
        return _openai_end(standing, reason)
    return _anthropic_end(standing, reason)


def broken_event(dialect: Dialect, reason: Broken) -> bytes:
    """The error event that the dialect's library raises."""
    if dialect == "openai":
        kind = reason.type or "server_error"
        error = {"message": reason.message, "type": kind, "param": None, "code": reason.code}
        return openai_event(_write({"error": error}))
    kind = reason.type or "api_error"
    told = {"type": kind, "message": reason.message, "details": {"error_code": reason.code}}
    event: dict[str, Any] = {"type": "error", "error": told}
    if reason.request_id:
        event["request_id"] = reason.request_id
    return anthropic_event("error", _write(event))


def anthropic_start(response_id: str, model: str, usage: dict[str, Any]) -> bytes:
    """The event that begins a message without content."""
    message: dict[str, Any] = {
        "id": response_id, "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    return anthropic_event("message_start", _write({"type": "message_start", "message": message}))


def anthropic_stop(index: int) -> bytes:
    """The event that ends a content block."""
    return anthropic_event("content_block_stop", _write({"type": "content_block_stop", "index": index}))


def anthropic_finish(stop_reason: str, usage: dict[str, Any]) -> list[bytes]:
    """The two events that end a message."""
    delta = {"stop_reason": stop_reason, "stop_sequence": None}
    told = _write({"type": "message_delta", "delta": delta, "usage": usage})
    return [anthropic_event("message_delta", told), anthropic_event("message_stop", b'{"type":"message_stop"}')]


def openai_chunk(standing: Standing, choices: list[dict[str, Any]], **more: Any) -> bytes:
    """One chunk of a chat completion."""
    chunk = {
        "id": standing.response_id, "object": "chat.completion.chunk", "created": standing.created,
        "model": standing.model, "choices": choices, **more,
    }  # fmt: skip
    return openai_event(_write(chunk))


def _openai_end(standing: Standing, reason: Cut) -> bytes:
    delta: dict[str, Any] = {} if standing.has_started else {"role": "assistant", "content": ""}
    choices = (
        {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason.finish}
        for index in standing.open_answers
    )
    return b"".join(openai_chunk(standing, [choice]) for choice in choices) + DONE


def _anthropic_end(standing: Standing, reason: Cut) -> bytes:
    started = b""
    if not standing.has_started:
        usage = {"input_tokens": 0, "output_tokens": 0}
        started = anthropic_start(standing.response_id, standing.model, usage)
    stops = b"".join(map(anthropic_stop, standing.open_blocks))
    usage = {"output_tokens": standing.output_tokens}
    return started + stops + b"".join(anthropic_finish(STOP_REASONS[reason.finish], usage))

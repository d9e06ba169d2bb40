"""What an answer tells about itself, whole or as a stream: id, model, usage, finish, errors. Texts are not decoded.

Never wrong about a text that only looks like a usage or an error: an event is decoded, or it has the very structure of
one that was (``recognising``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from jitsuri.providers.rules.ending import Standing
from jitsuri.providers.rules.eventing import Events, data_of
from jitsuri.providers.rules.glancing import NULL, UNREADABLE, any_of, glance, size_of
from jitsuri.providers.rules.recognising import Repeats
from jitsuri.providers.shapes import Dialect, Operation, Told

UNREADABLE_ANSWER = "answer_unreadable"
"""``error_code`` of an answer that is not the JSON of its dialect."""
_NONE_KNOWN = "error"
MOST_MESSAGE = 2_000
"""Characters kept of what an error says (``shapes.Said``)."""

FINISHES: Mapping[str, str] = {
    "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "model_context_window_exceeded": "length",
    "pause_turn": "length", "tool_use": "tool_calls", "refusal": "content_filter", "function_call": "tool_calls",
}  # fmt: skip
"""Anthropic's stop reasons (and OpenAI's old one) in OpenAI's words; ``pause_turn`` is an answer that is not whole."""


class _Said(msgspec.Struct, gc=False):
    """What a message or a delta says, in any of its forms."""

    content: msgspec.Raw = NULL
    tool_calls: msgspec.Raw = NULL
    reasoning_content: msgspec.Raw = NULL
    reasoning: msgspec.Raw = NULL
    refusal: msgspec.Raw = NULL
    function_call: msgspec.Raw = NULL
    audio: msgspec.Raw = NULL


class _Choice(msgspec.Struct, gc=False):
    index: int | None = 0
    finish_reason: str | None = None
    delta: _Said | None = None
    message: _Said | None = None
    text: msgspec.Raw = NULL


class _OpenAI(msgspec.Struct, gc=False):
    id: str | None = ""
    model: str | None = ""
    created: int | float | None = 0
    choices: list[_Choice] | None = None
    usage: dict[str, Any] | None = None
    service_tier: str | None = ""
    error: msgspec.Raw = NULL
    data: msgspec.Raw = NULL
    """Embeddings."""


class _Delta(msgspec.Struct, gc=False):
    text: msgspec.Raw = NULL
    thinking: msgspec.Raw = NULL
    partial_json: msgspec.Raw = NULL
    stop_reason: str | None = None


class _Anthropic(msgspec.Struct, gc=False):
    """A message, or one event of a stream."""

    type: str | None = ""
    id: str | None = ""
    model: str | None = ""
    index: int | None = 0
    delta: _Delta | None = None
    message: msgspec.Raw = NULL
    content: msgspec.Raw = NULL
    content_block: msgspec.Raw = NULL
    stop_reason: str | None = None
    usage: dict[str, Any] | None = None
    error: msgspec.Raw = NULL


_CHUNK = msgspec.json.Decoder(_OpenAI)
_read_chunk = _CHUNK.decode
_EVENT = msgspec.json.Decoder(_Anthropic)


def read_answer(dialect: Dialect, operation: Operation, body: bytes) -> Told:
    """What a whole answer told; an error that came with status 200 is in ``error_code``."""
    if operation == "chat":
        return _read_message(body) if dialect == "anthropic" else _read_completion(operation, body)
    if operation == "embeddings":
        return _read_completion(operation, body)
    return Told(is_empty=not body)


def _read_completion(operation: Operation, body: bytes) -> Told:
    try:
        answer: _OpenAI | None = _read_chunk(body)
    except UNREADABLE:
        answer = glance(body, _CHUNK)
    if answer is None:
        return Told(is_empty=True, error_code=UNREADABLE_ANSWER)
    choices = answer.choices or ()
    if operation == "chat" and len(choices) == 1 and answer.error is NULL:
        choice = choices[0]
        said = choice.message
        if said is not None and len(said.content) > _SURELY_TEXT:
            reason = choice.finish_reason or ("stop" if answer.data is not NULL else "")
            return Told(
                answer.id or "",
                answer.model or "",
                answer.service_tier or "",
                answer.usage,
                FINISHES.get(reason, reason),
            )
    sizes = [_size_said(choice.message) + size_of(choice.text) for choice in choices]
    size = size_of(answer.data) if operation == "embeddings" else sum(sizes)
    error, message = read_error_field(answer.error)
    if not error and not choices and operation == "chat" and answer.usage is None:
        error = UNREADABLE_ANSWER
    return Told(
        response_id=answer.id or "", model=answer.model or "", tier=answer.service_tier or "", usage=answer.usage,
        finish=_finish([choice.finish_reason or "" for choice in choices]) or ("stop" if answer.data is not NULL else ""),
        is_empty=size == 0, error_code=error, error_message=message,
    )  # fmt: skip


_SURELY_TEXT = len(NULL)
"""A content longer than null is one that says something, whatever else the message holds."""


def _read_message(body: bytes) -> Told:
    answer = glance(body, _EVENT)
    if answer is None:
        return Told(is_empty=True, error_code=UNREADABLE_ANSWER)
    error, message = read_error_field(answer.error)
    if not error and answer.content is NULL and answer.usage is None:
        error = UNREADABLE_ANSWER
    blocks = any_of(answer.content) if size_of(answer.content) < _SMALL else True
    return Told(
        response_id=answer.id or "", model=answer.model or "", tier=_tier(answer.usage), usage=answer.usage,
        finish=_finish([answer.stop_reason or ""]), is_empty=not blocks or _is_blank(blocks), error_code=error,
        error_message=message,
    )  # fmt: skip


_SMALL = 256
"""Bytes of a content list that may hold nothing but empty blocks; a longer one is not looked into."""


def _is_blank(blocks: Any) -> bool:
    """Whether the blocks are texts and thoughts without text."""
    return isinstance(blocks, list) and all(
        isinstance(block, dict) and block.get("type") in ("text", "thinking") and not block.get(block["type"])
        for block in blocks
    )


def _size_said(said: _Said | None) -> int:
    """Bytes of content in any form; the default object means that the field did not come."""
    if said is None:
        return 0
    size = 0 if said.content is NULL else size_of(said.content)
    if said.tool_calls is not NULL:
        size += size_of(said.tool_calls)
    if said.reasoning_content is not NULL:
        size += size_of(said.reasoning_content)
    if said.reasoning is not NULL:
        size += size_of(said.reasoning)
    if said.refusal is not NULL:
        size += size_of(said.refusal)
    if said.audio is not NULL:
        size += size_of(said.audio)
    if said.function_call is not NULL:
        size += size_of(said.function_call)
    return size


def read_error_field(raw: bytes) -> tuple[str, str]:
    """An error's own word for itself (its code, else its type) and what it says; '' and '' where there is none."""
    error = None if raw is NULL else any_of(raw)
    if not error:
        return "", ""
    if not isinstance(error, dict):
        return _NONE_KNOWN, str(error)[:MOST_MESSAGE]
    message = error.get("message")
    said = message[:MOST_MESSAGE] if isinstance(message, str) else ""
    for name in ("code", "type", "status"):
        word = error.get(name)
        if isinstance(word, str) and word and not word.isdigit():
            return word[:100], said
    code = error.get("code")
    return str(code)[:100] if isinstance(code, int | str) and code else _NONE_KNOWN, said


def _finish(reasons: list[str]) -> str:
    """One finish for all answers: '' where one has none, ``length`` where one was cut by its maximum."""
    words = [FINISHES.get(reason, reason) for reason in reasons]
    if not words or "" in words:
        return ""
    return "length" if "length" in words else words[0]


def _tier(usage: Mapping[str, Any] | None) -> str:
    """Anthropic tells tier and speed in the usage."""
    if usage is None:
        return ""
    if usage.get("speed") == "fast":
        return "fast"
    tier = usage.get("service_tier")
    return tier if isinstance(tier, str) else ""


class StreamReader:
    """Reads a stream while it passes."""

    __slots__ = (
        "_answers", "_created", "_error", "_error_message", "_events", "_finishes", "_has_started", "_id", "_is_anthropic", "_model",
        "_open", "_output_bytes", "_output_events", "_repeats", "_tier", "_usage", "_wants_usage", "_whole", "is_done",
    )  # fmt: skip

    def __init__(self, dialect: Dialect, *, wants_usage: bool = True, answers: int = 1) -> None:
        self._events = Events()
        self._is_anthropic = dialect == "anthropic"
        self._wants_usage = wants_usage
        self._answers = answers
        self._repeats = Repeats()
        self._id = self._model = self._tier = self._error = self._error_message = ""
        self._created = 0
        self._usage: dict[str, Any] | None = None
        self._finishes: dict[int, str] = {}
        self._open: dict[int, None] = {}
        self._output_bytes = self._output_events = 0
        self._has_started = False
        self._whole: Told | None = None
        self.is_done = False
        """Whether the upstream said that the stream is over, well or not."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events to pass on, each whole; the usage event only where the caller asked for it.

        Raises UpstreamError ``stream_event_too_big``.
        """
        take = self._take_anthropic if self._is_anthropic else self._take_openai
        return [event for event in self._events.feed(chunk) if take(event)]

    def close(self) -> list[bytes]:
        """The upstream closed: an event without its empty line still counts, half an event does not.

        A body that is no stream at all but one JSON text is passed on and read as a whole answer.
        """
        rest = self._events.rest()
        if rest.lstrip()[:1] == b"{":
            self._whole = read_answer("anthropic" if self._is_anthropic else "openai", "chat", rest)
            return [rest]
        data = data_of(rest)
        if data != b"[DONE]" and any_of(data) is None:
            return []
        take = self._take_anthropic if self._is_anthropic else self._take_openai
        event = rest.rstrip(b"\r\n") + b"\n\n"
        return [event] if take(event) else []

    def told(self) -> Told:
        """What has been told until now."""
        if self._whole is not None:
            return self._whole
        finish = ""
        if len(self._finishes) >= self._answers:
            finish = _finish([self._finishes[index] for index in sorted(self._finishes)])
        return Told(
            response_id=self._id, model=self._model, tier=self._tier, usage=self._usage, finish=finish,
            is_empty=not self._output_bytes, output_events=self._output_events, output_bytes=self._output_bytes,
            error_code=self._error, error_message=self._error_message,
        )  # fmt: skip

    @property
    def output_events(self) -> int:
        """Pieces of content seen until now: a look that costs nothing."""
        return self._output_events

    def standing(self) -> Standing:
        """Where the stream stands, for ``end_of_stream``."""
        count = (self._usage or {}).get("output_tokens")
        return Standing(
            response_id=self._id, model=self._model, created=self._created, has_started=self._has_started,
            is_done=self.is_done, open_blocks=tuple(self._open),
            open_answers=tuple(index for index in range(self._answers) if index not in self._finishes),
            output_tokens=count if isinstance(count, int) else 0,
        )  # fmt: skip

    def _take_openai(self, event: bytes) -> bool:
        """Read one event; False where it is only for us."""
        size = self._repeats.size(event)
        if size > 0:
            self._output_bytes += size
            self._output_events += 1
            return True
        data = event[6:] if event[:7] == b"data: {" else b""
        chunk = glance(data, _CHUNK) if data else None
        if chunk is None:
            data = data_of(event)
            chunk = glance(data, _CHUNK)
        if chunk is None:
            self.is_done = self.is_done or data == b"[DONE]"
            return True
        self._take_frame(chunk)
        if not chunk.choices:
            return chunk.usage is None or self._wants_usage or chunk.error is not NULL
        self._has_started = True
        size = 0
        for choice in chunk.choices:
            size = _size_said(choice.delta)
            if size:
                self._output_bytes += size
                self._output_events += 1
            if choice.finish_reason:
                self._finishes[choice.index or 0] = choice.finish_reason
        if size and len(chunk.choices) == 1 and chunk.usage is None and not self.is_done and not self._finishes:
            self._learn(event, chunk.choices[0].delta, size)
        return True

    def _take_frame(self, chunk: _OpenAI) -> None:
        """What stands around the pieces of content."""
        if not self._id and chunk.id:
            self._id = chunk.id
        if not self._model and chunk.model:
            self._model = chunk.model
            self._created = int(chunk.created or 0)
        if chunk.service_tier and chunk.service_tier != self._tier:
            self._tier = chunk.service_tier
            self._repeats.forget()
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.error is not NULL:
            self._break(chunk.error)

    def _learn(self, event: bytes, said: _Said | None, size: int) -> None:
        if said is None:
            return
        for key, text in (("content", said.content), ("reasoning_content", said.reasoning_content)):
            if text is not NULL and size_of(text) == size:
                self._repeats.learn(event, key.encode(), bytes(text))

    def _take_anthropic(self, event: bytes) -> bool:
        size = self._repeats.size(event)
        if size > 0:
            self._output_bytes += size
            self._output_events += 1
            return True
        at = event.find(b"\ndata: {")
        told = glance(event[at + 7 :], _EVENT) if at > 0 else None
        if told is None:
            told = glance(data_of(event), _EVENT)
        if told is None:
            return True
        if told.delta is not None and told.type == "content_block_delta":
            delta = told.delta
            size = size_of(delta.text) + size_of(delta.partial_json) + size_of(delta.thinking)
            if size:
                self._output_bytes += size
                self._output_events += 1
            for key, text in ((b"text", delta.text), (b"thinking", delta.thinking)):
                if text is not NULL and size_of(text) == size > 0:
                    self._repeats.learn(event, key, bytes(text))
        else:
            self._take_rare(told)
        return True

    def _break(self, raw: bytes) -> None:
        """An error came in the midst."""
        word, message = read_error_field(raw)
        if word:
            self._error, self._error_message = word, message
            self.is_done = True

    def _take_rare(self, told: _Anthropic) -> None:
        """Events that come once, or once per block."""
        kind = told.type
        if kind == "message_start":
            self._has_started = True
            message = glance(told.message, _EVENT) or _Anthropic()
            self._id, self._model = message.id or "", message.model or ""
            self._usage = message.usage
        elif kind == "content_block_start":
            self._open[told.index or 0] = None
            block = any_of(told.content_block)
            if not _is_blank([block]):
                self._output_bytes += size_of(told.content_block)
        elif kind == "content_block_stop":
            self._open.pop(told.index or 0, None)
        elif kind == "message_delta":
            if told.delta is not None and told.delta.stop_reason:
                self._finishes[0] = told.delta.stop_reason
        elif kind == "message_stop":
            self.is_done = True
        elif kind == "error":
            self._break(told.error)
        if told.usage:
            self._usage = {**(self._usage or {}), **{k: v for k, v in told.usage.items() if v is not None}}
        if self._usage:
            self._tier = _tier(self._usage)

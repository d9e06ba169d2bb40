"""Streams of one dialect in the other, event by event.

Feed raw events, one at a time; what comes back goes to the caller as it is. The states are the two protocols' own:
which block or call is open, what has been said of usage and finish. Errors in the midst become errors in the midst.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from jitsuri.providers.rules.counting_tokens import usage_to_anthropic, usage_to_openai
from jitsuri.providers.rules.ending import (
    Broken,
    Standing,
    anthropic_finish,
    anthropic_start,
    anthropic_stop,
    broken_event,
    openai_chunk,
)
from jitsuri.providers.rules.eventing import DONE, PING, anthropic_event, data_of
from jitsuri.providers.rules.glancing import any_of
from jitsuri.providers.rules.reading import read_error_field
from jitsuri.providers.rules.translating_answers import finish_to_openai, stop_to_anthropic, text_of, thought_of

_write = msgspec.json.Encoder().encode
_PING = anthropic_event("ping", b'{"type":"ping"}')


class StreamToOpenAI:
    """Anthropic events in, chunks of a chat completion out."""

    __slots__ = ("_blocks", "_calls", "_finish", "_standing", "_thoughts", "_usage", "_wants_usage")

    def __init__(self, *, created: int, wants_usage: bool) -> None:
        self._standing = Standing(created=created)
        self._wants_usage = wants_usage
        self._usage: dict[str, Any] = {}
        self._finish = ""
        self._calls = 0
        self._thoughts = 0
        self._blocks: dict[int, dict[str, Any]] = {}
        """Open blocks by index: a call's number, or a thought that waits for its signature."""

    def feed(self, event: bytes) -> list[bytes]:
        """The events that one raw event becomes; may be none."""
        data = data_of(event)
        if not data:
            return [PING] if event.startswith(b":") and not self._standing.is_done else []
        told = any_of(data)
        if self._standing.is_done or not isinstance(told, dict):
            return []
        kind = told.get("type")
        if kind == "content_block_delta":
            return self._delta(_index(told), _record(told, "delta"))
        if kind == "content_block_start":
            return self._start(_index(told), _record(told, "content_block"))
        if kind == "content_block_stop":
            return self._stop(_index(told))
        return self._frame(kind, told)

    def close(self) -> list[bytes]:
        """The upstream closed: what is still to be said, where its end had come."""
        if self._standing.is_done or not self._finish:
            return []
        return self._end()

    def standing(self) -> Standing:
        """Where the translated stream stands, for ``end_of_stream``."""
        return self._standing

    def _frame(self, kind: Any, told: dict[str, Any]) -> list[bytes]:
        """Events around the content."""
        if kind == "message_start":
            message = _record(told, "message")
            self._take_usage(message)
            self._standing = replace(
                self._standing, response_id=_text(message, "id"), model=_text(message, "model"), has_started=True
            )
            return [self._chunk({"role": "assistant", "content": ""})]
        if kind == "message_delta":
            return self._finished(told)
        if kind == "message_stop":
            return self._end()
        if kind == "ping":
            return [PING]
        if kind == "error":
            self._standing = replace(self._standing, is_done=True)
            code, said = read_error_field(_write(told.get("error")))
            return [broken_event("openai", Broken(code or "error", said))]
        return []

    def _start(self, index: int, block: dict[str, Any]) -> list[bytes]:
        kind = block.get("type")
        if kind == "tool_use":
            number = self._calls
            self._calls += 1
            self._blocks[index] = {"call": number}
            given = block.get("input")
            arguments = _write(given).decode() if given else ""
            function = {"name": _text(block, "name"), "arguments": arguments}
            call = {"index": number, "id": _text(block, "id"), "type": "function", "function": function}
            return [self._chunk({"tool_calls": [call]})]
        if kind in ("thinking", "redacted_thinking"):
            self._blocks[index] = {"thought": dict(block)}
            thought = _text(block, "thinking")
            return [self._chunk({"reasoning_content": thought})] if thought else []
        text = _text(block, "text")
        return [self._chunk({"content": text})] if text else []

    def _delta(self, index: int, delta: dict[str, Any]) -> list[bytes]:
        kind = delta.get("type")
        if kind == "text_delta":
            return [self._chunk({"content": _text(delta, "text")})]
        block = self._blocks.get(index, {})
        if kind == "input_json_delta" and "call" in block:
            function = {"arguments": _text(delta, "partial_json")}
            return [self._chunk({"tool_calls": [{"index": block["call"], "function": function}]})]
        thought = block.get("thought")
        if thought is None:
            return []
        if kind == "thinking_delta":
            piece = _text(delta, "thinking")
            thought["thinking"] = _text(thought, "thinking") + piece
            return [self._chunk({"reasoning_content": piece})]
        if kind == "signature_delta":
            thought["signature"] = _text(thought, "signature") + _text(delta, "signature")
        return []

    def _stop(self, index: int) -> list[bytes]:
        """A thought is told whole when its signature is there; the number makes the vendor's library merge it."""
        thought = self._blocks.pop(index, {}).get("thought")
        if thought is None:
            return []
        number = self._thoughts
        self._thoughts += 1
        return [self._chunk({"thinking_blocks": [{"index": number, **thought}]})]

    def _finished(self, told: dict[str, Any]) -> list[bytes]:
        self._take_usage(told)
        delta = _record(told, "delta")
        reason = delta.get("stop_reason")
        if not reason or self._finish:
            return []
        self._finish = finish_to_openai(reason)
        details = _record(delta, "stop_details")
        said = {"refusal": details["explanation"]} if isinstance(details.get("explanation"), str) else {}
        chunk = self._chunk(said, self._finish)
        self._standing = replace(self._standing, open_answers=())
        return [chunk]

    def _end(self) -> list[bytes]:
        made = []
        if not self._finish and self._standing.has_started:
            made.append(self._chunk({}, "stop"))
        if self._wants_usage:
            made.append(openai_chunk(self._standing, [], usage=usage_to_openai(self._usage)))
        self._standing = replace(self._standing, is_done=True, open_answers=())
        return [*made, DONE]

    def _take_usage(self, told: dict[str, Any]) -> None:
        """Counts of a later event are totals: they replace, except where they are null."""
        usage = _record(told, "usage")
        self._usage.update({name: value for name, value in usage.items() if value is not None})

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return openai_chunk(self._standing, [choice])


class StreamToAnthropic:
    """Chunks of a chat completion in, Anthropic events out.

    Blocks are told one after another, as Anthropic does. Calls that the upstream tells interleaved stay open beside
    each other, each under its own index, until all are told: a block that was stopped cannot go on.
    """

    __slots__ = (
        "_calls",
        "_finish",
        "_has_refused",
        "_ids",
        "_next",
        "_open",
        "_output",
        "_standing",
        "_usage",
        "_waiting",
    )

    def __init__(self) -> None:
        self._standing = Standing()
        self._usage: dict[str, Any] | None = None
        self._finish = ""
        self._has_refused = False
        self._next = 0
        self._open: dict[int, str] = {}
        """Open blocks: index to kind (``text``, ``thinking``, ``tool_use``)."""
        self._calls: dict[int, int] = {}
        """The upstream's number of a call to the index of its block."""
        self._ids: dict[int, str] = {}
        self._waiting: dict[int, dict[str, str]] = {}
        """Calls whose name has not come yet."""
        self._output: dict[int, str] = {}
        """Arguments of open calls: complete ones are stopped when the next begins."""

    def feed(self, event: bytes) -> list[bytes]:
        """The events that one raw event becomes; may be none."""
        data = data_of(event)
        if self._standing.is_done:
            return []
        if not data:
            return [_PING] if event.startswith(b":") and self._standing.has_started else []
        if data.strip() == b"[DONE]":
            return self._end()
        told = any_of(data)
        if not isinstance(told, dict):
            return []
        if told.get("error"):
            self._standing = replace(self._standing, is_done=True)
            code, message = read_error_field(_write(told["error"]))
            return [broken_event("anthropic", Broken(code, message))]
        return self._chunk(told)

    def close(self) -> list[bytes]:
        """The upstream closed: what is still to be said, where its end had come."""
        if self._standing.is_done or not self._finish:
            return []
        return self._end()

    def standing(self) -> Standing:
        """Where the translated stream stands, for ``end_of_stream``."""
        output = usage_to_anthropic(self._usage)["output_tokens"]
        return replace(self._standing, open_blocks=tuple(self._open), output_tokens=output)

    def _chunk(self, told: dict[str, Any]) -> list[bytes]:
        if isinstance(told.get("usage"), dict):
            self._usage = told["usage"]
        choices = told.get("choices")
        choice = next(
            (one for one in choices if isinstance(one, dict) and not one.get("index")), None
        ) if isinstance(choices, list) else None  # fmt: skip
        if choice is None:
            return []
        made = self._begun(told)
        delta = _record(choice, "delta")
        self._has_refused = self._has_refused or bool(_text(delta, "refusal"))
        thought, text = thought_of(delta), text_of(delta.get("content")) + _text(delta, "refusal")
        if thought:
            made += self._said("thinking", thought)
        if text:
            made += self._said("text", text)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                made += self._called(_index(call), call)
        if isinstance(choice.get("finish_reason"), str) and choice["finish_reason"]:
            self._finish = choice["finish_reason"]
        return made

    def _begun(self, told: dict[str, Any]) -> list[bytes]:
        if self._standing.has_started:
            return []
        response_id, model = _text(told, "id"), _text(told, "model")
        self._standing = replace(self._standing, response_id=response_id, model=model, has_started=True)
        usage = {**usage_to_anthropic(self._usage), "output_tokens": 0}
        return [anthropic_start(response_id, model, usage)]

    def _said(self, kind: str, piece: str) -> list[bytes]:
        """A piece of text or thought; it goes on in its own block, or begins one."""
        last = self._next - 1
        made = []
        if self._open.get(last) != kind:
            made = self._stopped(kinds=("text", "thinking"))
            content = {"type": "text", "text": ""} if kind == "text" else _EMPTY_THOUGHT
            made.append(self._start(kind, content))
            last = self._next - 1
        delta = {"type": f"{kind}_delta", kind: piece}
        return [*made, _delta(last, delta)]

    def _called(self, number: int, call: dict[str, Any]) -> list[bytes]:
        """A piece of a call: its head (id and name), its arguments, or both."""
        function = _record(call, "function")
        given = function.get("arguments")
        piece = _write(given).decode() if isinstance(given, dict) else _text(function, "arguments")
        made: list[bytes] = []
        told_id = _text(call, "id")
        if told_id and _text(function, "name") and self._ids.setdefault(number, told_id) != told_id:
            self._ids[number] = told_id  # some servers number every call 0: another id is another call
            self._calls.pop(number, None)
        if number not in self._calls:
            head = self._waiting.setdefault(number, {"id": "", "name": "", "arguments": ""})
            head["id"] = head["id"] or told_id
            head["name"] += _text(function, "name")
            head["arguments"] += piece
            if not head["name"]:
                return []
            piece = head["arguments"]
            del self._waiting[number]
            made += self._stopped(kinds=("text", "thinking"))
            made += self._stopped_complete()
            self._calls[number] = self._next
            block = {"type": "tool_use", "id": head["id"] or f"call_{number}", "name": head["name"], "input": {}}
            made.append(self._start("tool_use", block))
        index = self._calls[number]
        if not piece or index not in self._open:
            return made
        self._output[index] = self._output.get(index, "") + piece
        return [*made, _delta(index, {"type": "input_json_delta", "partial_json": piece})]

    def _start(self, kind: str, block: dict[str, Any]) -> bytes:
        index = self._next
        self._next += 1
        self._open[index] = kind
        told = {"type": "content_block_start", "index": index, "content_block": block}
        return anthropic_event("content_block_start", _write(told))

    def _stopped(self, kinds: tuple[str, ...]) -> list[bytes]:
        """End the open blocks of these kinds."""
        ending = [index for index, kind in self._open.items() if kind in kinds]
        for index in ending:
            del self._open[index]
            self._output.pop(index, None)
        return [anthropic_stop(index) for index in ending]

    def _stopped_complete(self) -> list[bytes]:
        """End calls whose arguments are whole: nothing can follow a JSON object."""
        ending = [index for index, text in self._output.items() if any_of(text.encode("utf-8", "replace")) is not None]
        for index in ending:
            del self._open[index], self._output[index]
        return [anthropic_stop(index) for index in ending]

    def _end(self) -> list[bytes]:
        made = [] if self._standing.has_started else self._begun({})
        made += self._stopped(kinds=("text", "thinking", "tool_use"))
        self._standing = replace(self._standing, is_done=True)
        finish = "content_filter" if self._has_refused else self._finish
        reason = stop_to_anthropic(finish, has_calls=bool(self._calls))
        return [*made, *anthropic_finish(reason, usage_to_anthropic(self._usage))]


_EMPTY_THOUGHT = {"type": "thinking", "thinking": "", "signature": ""}


def _delta(index: int, delta: dict[str, Any]) -> bytes:
    told = {"type": "content_block_delta", "index": index, "delta": delta}
    return anthropic_event("content_block_delta", _write(told))


def _index(told: dict[str, Any]) -> int:
    value = told.get("index")
    return value if isinstance(value, int) else 0


def _record(told: dict[str, Any], key: str) -> dict[str, Any]:
    value = told.get(key)
    return value if isinstance(value, dict) else {}


def _text(thing: dict[str, Any], key: str) -> str:
    value = thing.get(key)
    return value if isinstance(value, str) else ""

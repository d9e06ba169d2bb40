"""Streamed answers, kept in a log as chunks or as the text of the event stream, become one answer again.

Only what counts is put together (id, model, tier, usage, how it ended); the words stay in the body.
"""

from __future__ import annotations

from typing import Any

from jitsuri.calls.rules.decoding import decoded
from jitsuri.calls.rules.faulting import LineError

_ENDED = frozenset({"response.completed", "response.incomplete", "response.failed"})


def events_of(value: Any) -> list[dict[str, Any]] | None:
    """The chunks of a streamed answer; None when the value is no stream."""
    if isinstance(value, str):
        if not value.lstrip().startswith(("data:", "event:")):
            return None
        value = [line for line in value.splitlines() if line.startswith("data:")]
    if not isinstance(value, list):
        return None
    events = []
    for one in value:
        if isinstance(one, str):
            one = _event_of_text(one)
        if isinstance(one, dict):
            data = one.get("data")
            events.append(data if isinstance(data, dict) and "event" in one else one)
    return events


def merged(events: list[dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    """``(one answer, whether it broke off)`` of chunks in the chat, responses or Anthropic dialect."""
    kinds = [event.get("type") for event in events]
    if "message_start" in kinds:
        return _merged_anthropic(events)
    if any(isinstance(kind, str) and kind.startswith("response.") for kind in kinds):
        return _merged_responses(events)
    return _merged_chat(events)


def _merged_chat(events: list[dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    answer: dict[str, Any] = {}
    has_end = False
    for event in events:
        for name in ("id", "model", "created", "service_tier", "usage", "error", "provider"):
            value = event.get(name)
            if value:
                answer[name] = value
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            has_end = has_end or (isinstance(choice, dict) and bool(choice.get("finish_reason")))
    return answer, not has_end


def _merged_responses(events: list[dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    answer: dict[str, Any] = {}
    has_end = False
    for event in events:
        inner = event.get("response")
        if isinstance(inner, dict):
            answer = inner
            has_end = event.get("type") in _ENDED
    return answer, not has_end


def _merged_anthropic(events: list[dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    answer: dict[str, Any] = {}
    has_end = False
    for event in events:
        kind = event.get("type")
        if kind == "message_start" and isinstance(event.get("message"), dict):
            answer = dict(event["message"])
        elif kind == "message_delta" and isinstance(event.get("usage"), dict):
            before = answer.get("usage")
            told = {name: value for name, value in event["usage"].items() if value is not None}
            answer["usage"] = {**(before if isinstance(before, dict) else {}), **told}
        elif kind == "error":
            answer["error"] = event.get("error") or "error"
        has_end = has_end or kind == "message_stop"
    return answer, not has_end


def _event_of_text(text: str) -> Any:
    payload = text.removeprefix("data:").strip()
    if not payload or payload == "[DONE]":
        return None
    try:
        return decoded(payload.encode())
    except LineError:
        return None

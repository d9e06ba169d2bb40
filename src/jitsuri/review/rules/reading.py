"""Requests and answers as a person reads them: turns of text, tool calls by name and arguments, the rest by what it is. Pure.

Both dialects and both APIs of the first (chat and responses) are read; what cannot be read is shown as it stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "call", "result", "image", "file", "raw"]

_TEXTS = frozenset({"text", "input_text", "output_text", "refusal", ""})
_SYSTEM = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a turn: its text; for a tool call its name and its arguments."""

    kind: Kind
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    role: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: the company's own words, the turns before, and the last one, which the answers are to."""

    system: str
    earlier: tuple[Turn, ...]
    last: Turn


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: its text and the tools that it calls."""

    text: str
    calls: tuple[Piece, ...]
    finish: str = ""


def asked_of(body: bytes) -> Asked:
    """A request as it was sent."""
    request = _object(body)
    if request is None:
        return Asked("", (), Turn("user", (Piece("raw", body.decode("utf-8", "replace")),)))
    system = [_text(request.get("system")), _text(request.get("instructions"))]
    turns: list[Turn] = []
    given = request.get("messages", request.get("input", request.get("prompt")))
    for message in given if isinstance(given, list) else [given]:
        role, pieces = _message(message)
        if role in _SYSTEM:
            system.append("\n".join(piece.text for piece in pieces))
        elif pieces:
            turns.append(Turn(role, pieces))
    if not turns:
        turns = [Turn("user", (Piece("raw", json.dumps(request, ensure_ascii=False, indent=2)),))]
    return Asked("\n".join(part for part in system if part), tuple(turns[:-1]), turns[-1])


def answered_of(body: bytes) -> Answered:
    """A trial's answer as it is kept: ``text``, ``tool_calls`` (name, arguments), ``finish``."""
    answer = _object(body)
    if answer is None:
        return Answered(body.decode("utf-8", "replace"), ())
    calls = tuple(_call(one) for one in _list(answer.get("tool_calls")))
    return Answered(_text(answer.get("text")), calls, str(answer.get("finish") or ""))


def answered(text: str, calls: Iterable[tuple[str, str]], finish: str) -> Answered:
    """An answer from its parts; arguments are JSON texts."""
    return Answered(text, tuple(_call({"name": name, "arguments": told}) for name, told in calls), finish)


def _message(message: Any) -> tuple[str, tuple[Piece, ...]]:
    if not isinstance(message, Mapping):
        return "user", tuple(_pieces(message))
    role = str(message.get("role") or ("assistant" if message.get("type") in ("function_call",) else "user"))
    pieces = list(_pieces(message.get("content", message)))
    if role == "tool":
        pieces = [Piece("result", piece.text) for piece in pieces]
    pieces += [_call(one) for one in _list(message.get("tool_calls"))]
    return role, tuple(pieces)


def _pieces(content: Any) -> Iterable[Piece]:
    if isinstance(content, str):
        return [Piece("text", content)] if content else []
    if isinstance(content, list):
        return [piece for part in content for piece in _pieces(part)]
    if not isinstance(content, Mapping):
        return []
    kind = str(content.get("type") or "")
    if kind in _TEXTS and isinstance(content.get("text", content.get("content")), str):
        return _pieces(content.get("text", content.get("content")))
    if kind in ("tool_use", "function_call"):
        return [_call(content)]
    if kind in ("tool_result", "function_call_output"):
        return [Piece("result", _text(content.get("content", content.get("output"))))]
    if "image" in kind:
        return [Piece("image", "")]
    if kind in ("document", "file", "input_file", "input_audio"):
        return [Piece("file", str(content.get("title") or content.get("filename") or ""))]
    return [] if kind in ("thinking", "redacted_thinking", "reasoning") else [Piece("raw", _plain(content))]


def _call(call: Any) -> Piece:
    if not isinstance(call, Mapping):
        return Piece("raw", _plain(call))
    inner = call.get("function")
    told = inner if isinstance(inner, Mapping) else call
    given = told.get("arguments", told.get("input"))
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return Piece("call", given, str(told.get("name") or ""))
    return Piece("call", "" if given is None else _plain(given), str(told.get("name") or ""))


def _text(content: Any) -> str:
    return "\n".join(piece.text for piece in _pieces(content))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

"""Where texts stand in what a model answers, whole or in pieces, in both dialects: what a guard has to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from jitsuri.providers.shapes import Dialect

Path = tuple[str | int, ...]
Kind = Literal["text", "json", "whole"]
"""A text that goes on in later pieces; JSON text that does; a text that is there at once."""


class Text(NamedTuple):
    """A text, where it stands, and which texts it goes on with."""

    path: Path
    """Keys and indices from the outermost value."""
    said: str
    kind: Kind
    answer: int
    """Index of the answer (OpenAI) or of the block (Anthropic)."""
    channel: str
    """Pieces of one answer with the same channel are one text."""


_NAMES = frozenset(
    {
        "id", "type", "role", "name", "index", "object", "model", "signature", "data", "encrypted_content", "tool_call_id",
        "call_id", "format", "status", "finish_reason", "logprobs", "annotations", "citations", "file_id", "expires_at",
    }
)  # fmt: skip
"""Fields of a message that name things, or are not made by the model as text."""
_WHOLE = frozenset({"thinking_blocks"})
"""Fields that repeat at once what was told in pieces."""
_BLOCK_TEXTS = {
    "text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json", "text": "text",
    "thinking": "thinking",
}  # fmt: skip


def texts_of_choice(choice: dict[str, Any], path: Path, said: str) -> Iterator[Text]:
    """Texts of one answer of a chat completion: of its message or delta (``said``), or of a text completion."""
    index = choice.get("index")
    answer = index if isinstance(index, int) else 0
    if isinstance(choice.get("text"), str):
        yield Text((*path, "text"), choice["text"], "text", answer, "text")
    message = choice.get(said)
    if isinstance(message, dict):
        for key, value in message.items():
            yield from _texts(value, (*path, said, key), answer, key, "whole" if key in _WHOLE else "text")


def _texts(value: Any, path: Path, answer: int, channel: str, kind: Kind) -> Iterator[Text]:
    """Strings below a field. Fields that no rule knows are texts too: better held than let through unseen."""
    if isinstance(value, str):
        if path[-1] not in _NAMES:
            yield Text(path, value, "json" if path[-1] == "arguments" else kind, answer, channel)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in _NAMES:
                last = channel if key == "text" else f"{channel}.{key}"
                yield from _texts(inner, (*path, key), answer, last, kind)
    elif isinstance(value, list):
        is_parts = channel == "content"
        for place, inner in enumerate(value):
            number = inner.get("index", place) if isinstance(inner, dict) else place
            yield from _texts(inner, (*path, place), answer, channel if is_parts else f"{channel}[{number}]", kind)


def texts_of_delta(told: dict[str, Any]) -> Iterator[Text]:
    """The text of one Anthropic event of a block."""
    index = told.get("index")
    answer = index if isinstance(index, int) else 0
    name = "delta" if told.get("type") == "content_block_delta" else "content_block"
    block = told.get(name)
    if not isinstance(block, dict):
        return
    key = _BLOCK_TEXTS.get(str(block.get("type")))
    if key is not None and isinstance(block.get(key), str):
        yield Text((name, key), block[key], "json" if key == "partial_json" else "text", answer, key)
    elif name == "content_block":
        yield from texts_of_block(block, (name,), answer)


def texts_of_block(block: dict[str, Any], path: Path, answer: int) -> Iterator[Text]:
    """Texts of an Anthropic block that is there at once; a call's input is one JSON text."""
    for key, value in block.items():
        if key == "input" and isinstance(value, dict | list):
            if value:
                yield Text((*path, key), written(value), "json", answer, "partial_json")
        else:
            yield from _texts(value, (*path, key), answer, key, "whole")


def put(told: Any, path: Path, said: str) -> None:
    """Put a text where one stood; JSON text where a value stood."""
    for step in path[:-1]:
        told = told[step]
    told[path[-1]] = said if isinstance(told[path[-1]], str) else json.loads(said)


def read(data: bytes) -> Any:
    """JSON as Python has it, halves of characters included. Raises ValueError."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        try:
            return json.loads(data)
        except RecursionError as error:
            raise ValueError("nested too deep") from error


def written(value: Any) -> str:
    """A value as JSON text, halves of characters as escapes."""
    try:
        return msgspec.json.encode(value).decode()
    except (UnicodeEncodeError, TypeError, ValueError):
        return json.dumps(value, separators=(",", ":"))


def place_of(dialect: Dialect, text: Text) -> str:
    """Where a text stands, for evidence: the same for a whole answer and for a stream of it."""
    return f"{'content' if dialect == 'anthropic' else 'choices'}[{text.answer}].{text.channel}"


def bare(value: Any, path: Path) -> tuple[Any, Path]:
    """As much of an event as one text needs to stand in it, and where it stands there."""
    if not path:
        return value, ()
    step, rest = path[0], path[1:]
    inner, place = bare(value[step], rest)
    if isinstance(value, list):
        return [inner], (0, *place)
    kept = {key: value[key] for key in ("index", "type") if key in value}
    return {**kept, step: inner}, (step, *place)


def says(value: Any) -> bool:
    """Whether a delta tells anything at all, its own kind and number aside."""
    if isinstance(value, dict):
        return any(says(inner) for key, inner in value.items() if key not in ("index", "type"))
    if isinstance(value, list):
        return any(map(says, value))
    return bool(value)

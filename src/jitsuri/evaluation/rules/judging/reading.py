"""A judge's reply read: JSON alone, JSON among other words, or one word. What is not plain is never guessed."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from jitsuri.evaluation.shapes import JUDGE_REASONS, How, Ruling, Winner

WINNERS: Mapping[str, Winner] = {"A": "a", "B": "b", "TIE": "tie", "ABSTAIN": "abstain"}

MOST_OBJECTS = 50
"""Braces that are tried in one reply: what holds more is no verdict."""

_THOUGHT = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
DRESS = "\"'*()[] ."
"""What a reply of one word may wear: ``[[A]]``, ``**tie**``."""


def read_reply(text: str, finish: str = "stop", *, is_refused: bool = False, material: Sequence[str] = ()) -> Ruling:
    """The ruling of a reply. ``finish`` in the words of the OpenAI dialect; ``is_refused``: it said so in a field of its own;
    ``material``: the texts that were judged, whose own JSON is no verdict where a reply repeats it.

    A reply with two different verdicts is unreadable; so is one that names a winner only in a sentence.
    """
    if is_refused or finish == "content_filter":
        return Ruling(None, "refused")
    said = _THOUGHT.sub("", text, count=1).strip()
    if not said:
        return Ruling(None, "cut" if finish == "length" else "silent")
    for told in dict.fromkeys(
        (said, unicodedata.normalize("NFKC", said))
    ):  # full-width braces, but only where they are needed
        if (found := _verdict(_loaded(told))) is not None:
            return _ruling(found, "strict")
        if (inside := _fenced(told)) is not None and (found := _verdict(_loaded(inside))) is not None:
            return _ruling(found, "fenced")
        held = _verdicts_in(told, material)
        if held:
            return _ruling(held[0], "prose") if len(held) == 1 else Ruling(None, "unreadable")
        if (word := told.strip(DRESS).upper()) in WINNERS:
            return Ruling(WINNERS[word], "word")
    return Ruling(None, "cut" if finish == "length" else "unreadable")


def _verdicts_in(text: str, material: Sequence[str]) -> list[dict[str, object]]:
    """The different verdicts in a text, without those that are quoted from the material."""
    held: dict[str, dict[str, object]] = {}
    for value, source in _objects(text):
        found = _verdict(value)
        if found is not None and not any(source in one for one in material):
            held.setdefault(json.dumps([found["winner"], found["critical"]]), found)
    return list(held.values())


def _ruling(found: Mapping[str, object], how: How) -> Ruling:
    first, second = cast("tuple[bool | None, bool | None]", found["critical"])
    return Ruling(cast("Winner", found["winner"]), how, first, second, cast("str", found["why"]))


def _verdict(value: object) -> dict[str, object] | None:
    """The fields of a verdict; None where the value is none. A missing or strange mark of a critical error is not known."""
    if not isinstance(value, dict):
        return None
    said = value.get("winner")
    winner = WINNERS.get(said.strip().upper()) if isinstance(said, str) else None
    if winner is None:
        return None
    critical = [value.get(name) for name in ("critical_a", "critical_b")]
    why = value.get("reason")
    return {
        "winner": winner,
        "critical": [mark if isinstance(mark, bool) else None for mark in critical],
        "why": why if isinstance(why, str) and why in JUDGE_REASONS else "",
    }


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _fenced(text: str) -> str | None:
    """What stands in the only fence, where nothing stands around it."""
    parts = text.split("```")
    if len(parts) != 3 or parts[0].strip() or parts[2].strip():
        return None
    label, newline, body = parts[1].partition("\n")
    return body if newline and label.strip().lower() in ("json", "") else None


def _objects(text: str) -> Iterator[tuple[object, str]]:
    """The JSON objects in a text, outermost first, with what stands there."""
    decoder = json.JSONDecoder()
    at, tried = text.find("{"), 0
    while at >= 0 and tried < MOST_OBJECTS:
        tried += 1
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value, text[at:end]
        at = text.find("{", end)

"""A judge's question: two answers to one request, side by side, in a fence that no answer can close.

What stands in an answer is material, also where it speaks to the judge. Both are written as JSON strings, so that no line of
theirs begins a line of ours, and between marks that are made from the texts themselves: an answer cannot know its own mark.
"""

from __future__ import annotations

import json
from hashlib import sha256

from jitsuri.evaluation.shapes import Instruction

MARK_DIGITS = 12
"""Hexadecimal digits of a mark: 48 bits that whoever writes an answer would have to guess."""

MOST_TOKENS = 1_024
"""The most that a judge may write: its JSON is under a hundred tokens, a model that thinks before needs more (decision 0033)."""

PARAMETERS: dict[str, int] = {"max_tokens": MOST_TOKENS}
"""What every question is asked with. No temperature: models that think refuse one, and the questions that are asked twice show
how much chance is in the replies (decision 0033)."""

HASH_DIGITS = 16


def version_of(instruction: Instruction, rubric: str) -> str:
    """Number, language and hash of what a judge is told: ``1.ja.9f86d081884c7d65``. The task's rubric is part of it."""
    whole = json.dumps([instruction.system, instruction.user, rubric], ensure_ascii=False).encode("utf-8", "replace")
    return f"{instruction.number}.{instruction.lang}.{sha256(whole).hexdigest()[:HASH_DIGITS]}"


def question_body(instruction: Instruction, rubric: str, question: str, first: str, second: str) -> bytes:
    """A chat completion's body (OpenAI dialect; whoever asks puts the model in), the first answer named A, the second B."""
    mark = mark_of(rubric, question, first, second)
    shown = {"question": _as_material(question), "first": _as_material(first), "second": _as_material(second)}
    messages = [
        {"role": "system", "content": instruction.system.format_map({"rubric": rubric.strip(), "mark": mark})},
        {"role": "user", "content": instruction.user.format_map({**shown, "mark": mark})},
    ]
    return json.dumps({"model": "judge", "messages": messages, **PARAMETERS}, ensure_ascii=False).encode(
        "utf-8", "replace"
    )


def mark_of(*texts: str) -> str:
    """The mark of one question: a hash of all its texts, and none that occurs in one of them."""
    told = "\u001f".join(texts)
    number = 0
    while True:
        mark = sha256(f"{number}\u001f{told}".encode("utf-8", "replace")).hexdigest()[:MARK_DIGITS].upper()
        if mark not in told:
            return mark
        number += 1


def _as_material(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

"""How many tokens a text would be: a stated rule, no tokenizer.

    tokens = (78 × wide characters + 28 × narrow ones) ÷ 100, rounded up, times the model family's percentage

Wide are all characters outside ASCII, narrow those of ASCII. Every message adds four, every request three. Hidden
reasoning is drawn from the model's span and is three times as long for hard pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from company.pieces import Difficulty

_FAMILY_PERCENT = (("claude-", 115), ("gemini-", 92), ("sample-", 108))
_REASONING = {
    "gpt-6.1-sol": (420, 1600),
    "gpt-5.6-luna": (140, 620),
    "gpt-6-luna": (120, 560),
    "gpt-5-mini": (260, 1100),
    "claude-sonnet-5": (240, 1100),
    "claude-sonnet-5-5": (240, 1100),
    "gemini-3.8-flash": (220, 1200),
}
"""Least and most hidden tokens of an easy or medium piece; made up. Models that are not here do not reason."""

LEAST_CACHED_TOKENS = 1024
CACHE_STEP_TOKENS = 128
_WRITES_ARE_BILLED = ("gpt-5.6", "gpt-6")


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens of one attempt; ``cached`` and ``written`` are part of ``input``, ``reasoning`` of ``output``."""

    input: int
    output: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0


def tokens(text: str, model: str) -> int:
    """The rule above for one text."""
    narrow = len(text.encode("ascii", "ignore"))
    percent = next((p for beginning, p in _FAMILY_PERCENT if model.startswith(beginning)), 100)
    return -(-(78 * (len(text) - narrow) + 28 * narrow) * percent // 10_000)


def prompt_tokens(messages: Iterable[str], model: str) -> int:
    """Tokens of a request with these messages."""
    return 3 + sum(4 + tokens(text, model) for text in messages if text)


def reasoning_tokens(model: str, difficulty: Difficulty, chance: Random) -> int:
    """Hidden tokens of one answer."""
    span = _REASONING.get(model)
    return chance.randint(*span) * (3 if difficulty == "hard" else 1) if span else 0


def cache_use(model: str, prefix: int, *, is_warm: bool, least: int = LEAST_CACHED_TOKENS) -> tuple[int, int]:
    """``(read, written)`` of a prompt that begins with ``prefix`` tokens which an earlier call may have left behind."""
    if prefix < least:
        return 0, 0
    whole = prefix // CACHE_STEP_TOKENS * CACHE_STEP_TOKENS
    if is_warm:
        return whole, 0
    writes = model.startswith("claude-") or model.startswith(_WRITES_ARE_BILLED)
    return 0, whole if writes else 0

"""Estimates of token counts, where an upstream reported none: marked as such wherever they stand."""

from __future__ import annotations

ASCII_PER_TOKEN = 4
"""Characters of English text per token, about. Source: OpenAI help centre, "What are tokens and how to count them"
(read 2026-11-27). A Japanese character counts as one token: between the 0.7 and 1.1 of current tokenizers, an
assumption that no invoice confirms."""


def estimated_tokens(n_bytes: int, n_characters: int) -> int:
    """Tokens of a text with this many UTF-8 bytes and characters.

    >>> estimated_tokens(8, 8), estimated_tokens(12, 4)
    (2, 4)
    """
    others = min(max(n_bytes - n_characters, 0) // 2, n_characters)
    return others + -(-(n_characters - others) // ASCII_PER_TOKEN)

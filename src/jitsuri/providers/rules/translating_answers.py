"""Whole answers of one dialect in the other."""

from __future__ import annotations

from jitsuri.terms.outcomes import Refusal


def answer_to_openai(body: bytes, *, created: int) -> bytes | Refusal:
    """An Anthropic answer as a chat completion; ``created`` is unix time in seconds."""
    raise NotImplementedError


def answer_to_anthropic(body: bytes) -> bytes | Refusal:
    """A chat completion as an Anthropic message."""
    raise NotImplementedError

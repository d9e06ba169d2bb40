"""Requests of one dialect in the other; what cannot be said is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitsuri.providers.shapes import Manner
from jitsuri.terms.outcomes import Refusal


def openai_to_anthropic(fields: Mapping[str, Any], manner: Manner) -> dict[str, Any] | Refusal:
    """A Chat Completions request as a Messages request."""
    raise NotImplementedError


def anthropic_to_openai(fields: Mapping[str, Any], manner: Manner) -> dict[str, Any] | Refusal:
    """A Messages request as a Chat Completions request."""
    raise NotImplementedError

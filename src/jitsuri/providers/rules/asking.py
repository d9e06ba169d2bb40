"""What a caller's request asks for, read without decoding what is only forwarded."""

from __future__ import annotations

from typing import Any, Literal

from jitsuri.providers.shapes import Asked, Dialect, Operation
from jitsuri.terms.outcomes import Refusal

MaximumField = Literal["max_completion_tokens", "max_tokens"]


def read_ask(dialect: Dialect, operation: Operation, body: bytes) -> Asked | Refusal:
    """What the body asks for; it is checked only as far as routing, prices and budgets need."""
    raise NotImplementedError


def body_for(
    asked: Asked,
    *,
    model: str,
    most_output_tokens: int | None,
    with_usage: bool,
    maximum_field: MaximumField = "max_completion_tokens",
) -> bytes:
    """The body for an upstream of the same dialect."""
    raise NotImplementedError


def fields_of(asked: Asked) -> dict[str, Any] | Refusal:
    """All fields decoded, for a translation."""
    raise NotImplementedError

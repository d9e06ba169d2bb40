"""Every text in the body of a request, in both dialects, with its place; and the body with some of them changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Change = Callable[[str, str], str]
"""``(place, text) -> text``: the same text where nothing changes."""


def walk(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of a request's body with its place (``messages[2].content``), in order."""
    raise NotImplementedError


def rewritten(fields: Mapping[str, Any], change: Change) -> Mapping[str, Any]:
    """The body with every text as ``change`` gives it back; the same object where none changed."""
    raise NotImplementedError

"""Refusals in the shapes that the vendors' libraries know, and upstreams' refusals read whatever their shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from jitsuri.providers.shapes import Dialect, Said

Reason = Literal[
    "bad_request", "key", "budget", "forbidden", "unknown", "too_large", "rate",
    "upstream_failed", "no_capacity", "upstream_slow",
]  # fmt: skip

STATUS: Mapping[Reason, tuple[int, Mapping[Dialect, str]]] = {}
"""HTTP status and the dialect's ``type`` word of our own refusals, by reason."""


def refusal_body(
    dialect: Dialect, status: int, type: str, code: str, message: str, param: str | None = None, request_id: str = ""
) -> bytes:
    """An error body that the vendor's library parses into its exception."""
    raise NotImplementedError


def read_error(status: int, headers: Mapping[str, str], body: bytes, now: datetime | None = None) -> Said:
    """What an upstream said when it refused or failed."""
    raise NotImplementedError

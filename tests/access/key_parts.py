"""Keys for tests: one that may do everything, and secrets that count."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from jitsuri.access.rules.keying import hint_of, secret_text
from jitsuri.access.shapes import KeptKey, Key, KeyScope

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)


def scope(name: str = "triage-batch", **changes: object) -> KeyScope:
    """Anything, for 90 days, without limits."""
    plain = KeyScope(name, "", "", (), (), NOW, NOW + timedelta(days=90), 0, 0)
    return replace(plain, **changes)  # type: ignore[arg-type]


def key(number: int = 1, **changes: object) -> Key:
    """The key as the gateway sees it."""
    plain = Key(
        f"key-{number}", "", "", (), (), NOW - timedelta(days=1), NOW + timedelta(days=90), 0, 0, UUID(int=number),
        "abcd", NOW + timedelta(days=90), False,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def kept(**changes: object) -> KeptKey:
    """The key as people see it: asked for by 馬場."""
    plain = KeptKey(UUID(int=1), scope(), "nightly triage", "asked", "baba@example.jp", NOW)
    return replace(plain, **changes)  # type: ignore[arg-type]


def secrets(number: int) -> str:
    return secret_text(f"chance {number}")


def behind(secret: str, **changes: object) -> tuple[bytes, Key]:
    """An entry of the snapshot."""
    return sha256(secret.encode()).digest(), key(hint=hint_of(secret), **changes)


def counting() -> Callable[[], str]:
    """Chance that counts."""
    numbers = itertools.count(1)
    return lambda: f"chance {next(numbers)}"

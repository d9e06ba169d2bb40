"""Ids: derived from what they name, so that the same thing imported twice is the same row."""

from __future__ import annotations

from hashlib import blake2b
from typing import NewType
from uuid import UUID

TaskName = NewType("TaskName", str)
"""A task's short name, as in ``model="task:inquiry-triage"``; '' is 未割当 (no task yet)."""
DepartmentCode = NewType("DepartmentCode", str)
"""A department's code; '' is 未割当."""

UNASSIGNED = ""


def digest_16(*parts: bytes) -> bytes:
    """Sixteen bytes that stand for the parts in order; parts are length-prefixed, so borders count."""
    state = blake2b(digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


def derived_id(kind: str, *parts: str | bytes) -> UUID:
    """The id of a thing of this kind that these parts identify: a UUID of version 8 (RFC 9562 §5.8)."""
    raw = bytearray(digest_16(kind.encode(), *(p.encode() if isinstance(p, str) else p for p in parts)))
    raw[6] = (raw[6] & 0x0F) | 0x80
    raw[8] = (raw[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(raw))

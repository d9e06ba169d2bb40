"""Ids: derived from what they name, so that the same thing imported twice is the same row."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import NewType
from uuid import UUID, SafeUUID

TaskName = NewType("TaskName", str)
"""A task's short name, as in ``model="task:inquiry-triage"``; '' is 未割当 (no task yet)."""
DepartmentCode = NewType("DepartmentCode", str)
"""A department's code; '' is 未割当."""

UNASSIGNED = ""

OWN_KEY = "jitsuri:"
"""How the name of a key begins that stands for Jitsuri itself; its purpose follows. No program's key may be named so."""


def digest_16(*parts: bytes) -> bytes:
    """Sixteen bytes that stand for the parts in order; parts are length-prefixed, so borders count."""
    return blake2b(
        b"".join([b for part in parts for b in (len(part).to_bytes(8, "big"), part)]), digest_size=16
    ).digest()


def derived_id(kind: str, *parts: str | bytes) -> UUID:
    """The id of a thing of this kind that these parts identify: a UUID of version 8 (RFC 9562 §5.8)."""
    digest = digest_16(kind.encode(), *[p.encode() if isinstance(p, str) else p for p in parts])
    return _uuid(_whole(digest, "big") & _FREE_BITS | _VERSION_8)


def deriving(kind: str, *first: str) -> Callable[[str], UUID]:
    """``derived_id`` for things that differ only in their last part: what is the same for all is made once."""
    fixed = b"".join(len(part).to_bytes(8, "big") + part for part in (kind.encode(), *(one.encode() for one in first)))
    begun = blake2b(fixed, digest_size=16)

    def derive(last: str) -> UUID:
        part = last.encode()
        hashing = begun.copy()
        hashing.update(len(part).to_bytes(8, "big") + part)
        made = _new(UUID)  # ``_uuid``, without its call
        _set_bits(made, _whole(hashing.digest(), "big") & _FREE_BITS | _VERSION_8)
        _set_safety(made, _UNKNOWN)
        return made

    return derive


def sibling_id(kind: str, other: UUID) -> UUID:
    """The id of the one thing of this kind that belongs to another thing: as short as the way back, and as unique."""
    mask = _MASKS.get(kind)
    if mask is None:
        mask = _MASKS[kind] = _whole(digest_16(kind.encode()), "big") & _FREE_BITS
    made = _new(UUID)  # ``_uuid``, without its call
    _set_bits(made, other.int ^ mask)
    _set_safety(made, _UNKNOWN)
    return made


_MASKS: dict[str, int] = {}


def ordered_id(milliseconds: int, chance: bytes) -> UUID:
    """An id that sorts by its time: a UUID of version 7 (RFC 9562 §5.7) of unix milliseconds and ten random bytes."""
    bits = _whole(chance[:10], "big") & _FREE_RANDOM
    made = _new(UUID)  # ``_uuid``, without its call
    _set_bits(made, (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | bits | _VERSION_7)
    _set_safety(made, _UNKNOWN)
    return made


def _uuid(bits: int) -> UUID:
    """``UUID(int=bits)`` for bits that fit, in a third of its time: its initialiser looks at six ways of saying an id."""
    made = _new(UUID)
    _set_bits(made, bits)
    _set_safety(made, _UNKNOWN)
    return made


_new, _whole = object.__new__, int.from_bytes
_UNKNOWN = SafeUUID.unknown
_set_bits, _set_safety = UUID.__dict__["int"].__set__, UUID.__dict__["is_safe"].__set__
"""The two slots of a UUID (``uuid`` of CPython 3.8 and later), which its own ``__setattr__`` keeps closed."""


_FREE_RANDOM = ~((0xF << 76) | (0x3 << 62)) & ((1 << 80) - 1)
_VERSION_7 = (0x7 << 76) | (0x2 << 62)
_FREE_BITS = ~((0xF << 76) | (0x3 << 62)) & ((1 << 128) - 1)
_VERSION_8 = (0x8 << 76) | (0x2 << 62)
"""Version and variant at their places (RFC 9562 §4)."""

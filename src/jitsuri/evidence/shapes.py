"""What was done, by whom, when; and what the chain over it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Record:
    """証跡: one act. Made by ``rules.record_of``, which gives it its id and makes its facts plain JSON."""

    record_id: UUID
    at: datetime
    actor: str
    """Login of the person, or the part of the product that acted (``cli``, ``system``)."""
    act: str
    """What was done, as a code: ``words`` holds ``evidence.act.<act>``."""
    subject: str
    """What it was done to: ``person:aoki@example.jp``, ``rate:USD:TTM:2026-11-20``, …"""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listed:
    """A record as an auditor reads it; ``number`` and ``hash`` are None until it is sealed."""

    record: Record
    number: int | None
    hash: bytes | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """A point of the chain that was noted outside (printed, mailed): the chain must still run through it."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Root:
    """The Merkle root over the seals of one finished company day, first to last number."""

    day: date
    first_number: int
    last_number: int
    root: bytes
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Verified:
    """The chain holds. ``head`` is its last link, to be noted outside; ``pending`` records wait for the sealer."""

    records: int
    pending: int
    days: int
    head: Anchor | None


BrokenCode = Literal[
    "record_changed", "record_missing", "seal_missing", "root_changed", "root_missing", "anchor_missed"
]


@dataclass(frozen=True, slots=True)
class Broken:
    """The chain does not hold from ``number`` on; ``words`` holds ``evidence.broken.<code>``."""

    number: int
    code: BrokenCode
    facts: Mapping[str, object] = field(default_factory=dict)

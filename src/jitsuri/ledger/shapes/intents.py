"""What an intent is: the trace of an attempt that was begun, until its entry takes its place."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from jitsuri.terms.ids import OWN_KEY


def purpose_of(key_name: str) -> str:
    """``evaluation`` or ``judge`` where Jitsuri asked on its own behalf; '' for a call."""
    return key_name.removeprefix(OWN_KEY) if key_name.startswith(OWN_KEY) else ""


class Intent(msgspec.Struct, frozen=True):
    """An attempt as it is begun. Durable before the caller gets a byte.

    A msgspec struct and no dataclass, because one is made per attempt on the path of a call.
    """

    attempt_id: UUID
    call_id: UUID
    thread_id: UUID
    worker_id: UUID
    """The worker process that holds it."""
    at: datetime
    day: date
    """The company's day of ``at``: the day whose budgets and rates count, also where the answer ends after midnight."""
    task: str
    department: str
    key_name: str
    provider: str
    model: str
    region: str
    tier: str
    input_tokens: int
    """Upper bound of the input."""
    output_tokens: int
    """Upper bound of the output; 0 where nothing bounds it."""
    hold_micro_jpy: int
    """The worst case that was held, in millionths of a yen."""
    budgets: tuple[tuple[str, str], ...]
    """``(budget id, first day of its period)`` of the budgets that it counts against."""

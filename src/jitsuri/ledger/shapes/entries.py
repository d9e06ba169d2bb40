"""What an entry (明細) is: the ledger's line for one attempt (試み). Lines are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from jitsuri.ledger.shapes.pricing import PriceState
from jitsuri.terms.usage import Usage

EntryKind = Literal["attempt", "repriced", "moved_out", "moved_in"]
"""``attempt``: the first line; a second one (with ``corrects``) is the true entry that came after an estimate.
``repriced``: the difference to a later or corrected price (no calls, no tokens), or what takes a standing back.
``moved_out``/``moved_in``: the same amounts taken from one task and given to another. Every total is a plain sum."""

AttemptStatus = Literal["ok", "error", "cut"]
"""``cut``: the answer broke off."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. The sum of an attempt's lines is what it cost and where it stands now."""

    entry_id: UUID
    attempt_id: UUID
    call_id: UUID
    thread_id: UUID
    kind: EntryKind
    corrects: UUID | None
    """The line this one corrects or moves; None for an attempt."""
    at: datetime
    """When the upstream was asked."""
    day: date
    """The company's day of ``at``."""
    booked_at: datetime
    task: str
    department: str
    provider: str
    model: str
    """The price book's name of the model, or what was asked where the book has none."""
    model_asked: str
    model_answered: str
    region: str
    tier: str
    """The response's service tier; '' is standard."""
    purpose: str
    """'' for business; ``evaluation`` and ``judge`` are spent by Jitsuri itself."""
    status: AttemptStatus
    http_status: int | None
    error_code: str
    calls: int
    """+1, −1 or 0: what this line adds to the number of attempts."""
    usage: Usage
    usage_raw: Mapping[str, object] | None
    """The usage as the upstream reported it, to price again from."""
    latency_ms: int | None
    first_token_ms: int | None
    state: PriceState
    reason: str
    """Why there is no price or no yen; '' when there is."""
    currency: str
    cost: Decimal | None
    """In ``currency``, exact."""
    price_block: str
    price_book: str
    rate_id: UUID | None
    rate: Decimal | None
    """Yen per unit of ``currency``; None with ``currency`` JPY."""
    cost_jpy: Decimal | None
    """Rounded once, half up, to millionths of a yen; without tax."""
    reported_cost: Decimal | None
    """What the log itself said it cost, kept as a second opinion; never summed."""
    reported_currency: str
    source: str
    """``import:openai``, … or ``gateway``."""
    run_id: UUID | None


class GatewayEntry(msgspec.Struct, frozen=True):
    """An entry as the gateway books it: the same fields as ``Entry`` (a test says so), in a struct.

    One is made per attempt on the path of a call: 1 µs instead of 6.
    """

    entry_id: UUID
    attempt_id: UUID
    call_id: UUID
    thread_id: UUID
    kind: EntryKind
    corrects: UUID | None
    at: datetime
    day: date
    booked_at: datetime
    task: str
    department: str
    provider: str
    model: str
    model_asked: str
    model_answered: str
    region: str
    tier: str
    purpose: str
    status: AttemptStatus
    http_status: int | None
    error_code: str
    calls: int
    usage: Usage
    usage_raw: Mapping[str, object] | None
    latency_ms: int | None
    first_token_ms: int | None
    state: PriceState
    reason: str
    currency: str
    cost: Decimal | None
    price_block: str
    price_book: str
    rate_id: UUID | None
    rate: Decimal | None
    cost_jpy: Decimal | None
    reported_cost: Decimal | None
    reported_currency: str
    source: str
    run_id: UUID | None

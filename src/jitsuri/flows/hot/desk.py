"""What a call's story needs: the live parts of the rooms, and clock, chance and ids, handed in once per process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from jitsuri.access.live.departments import Departments
from jitsuri.access.live.keys import Keys
from jitsuri.access.live.pacing import Pace
from jitsuri.calls.live.metering import Meters
from jitsuri.guardrails.live.guards import Guards
from jitsuri.ledger.live.budgets import Budgets
from jitsuri.ledger.live.prices import Prices
from jitsuri.providers.live import Breakers
from jitsuri.providers.shapes import Dialect, Operation, Upstream
from jitsuri.routing.live import Table
from jitsuri.terms.errors import OperatorError
from jitsuri.words import Language

Rows = Sequence[tuple[str, Any]]
Headers = list[tuple[bytes, bytes]]


class Ledger(Protocol):
    """Where rows become durable: ``store.committing.Committer``."""

    @property
    def outage(self) -> OperatorError | None: ...

    def submit(self, rows: Rows) -> asyncio.Future[None]: ...

    def keep(self, key: object, making: Callable[[], Rows]) -> None:
        """Hand in, a little later, what ``making`` makes then, unless it is withdrawn before."""

    def withdraw(self, key: object) -> bool:
        """Take back what is kept; False where it has gone to the database already."""


class Reply(Protocol):
    """An upstream's answer as it arrives: ``providers.wire.asking.Reply``, or a local one."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def whole(self, most_bytes: int) -> bytes: ...

    def pieces(self) -> Any: ...

    def close(self) -> None: ...

    def release(self) -> None: ...


class Asking(Protocol):
    """How an upstream is asked. Raises UpstreamError, and OperatorError where its key is missing."""

    def __call__(
        self, upstream: Upstream, path: str, body: bytes, headers: Mapping[str, str], *, method: str
    ) -> Awaitable[Reply]: ...


class Out(Protocol):
    """The way back to the caller. ``begin`` once, ``piece`` any number of times, ``end`` once; or ``whole`` or ``ready`` alone."""

    async def whole(self, status: int, headers: Headers, body: bytes) -> None: ...

    def ready(self, status: int, lines: bytes, body: bytes) -> None:
        """Like ``whole``, for the usual answer: headers are lines that are known to be sound, the length not among them."""

    async def begin(self, status: int, headers: Headers) -> None: ...

    async def piece(self, data: bytes) -> None: ...

    async def end(self, data: bytes) -> None: ...

    def cut(self) -> None:
        """Break the connection: what was sent so far must not look like a whole answer."""


class Sealing(Protocol):
    """Which texts of calls are kept, by the policies of their tasks."""

    def keeps(self, task: str) -> bool: ...

    def texts(self, task: str, call_id: UUID, day: date, request: bytes, response: bytes) -> Sequence[Any]:
        """What is kept of one call, encrypted and ready to be written."""


class Inquiry(msgspec.Struct):
    """What a caller sent. A msgspec struct and no dataclass, because one is made per call."""

    dialect: Dialect
    operation: Operation
    path: str
    """Below ``/v1``, with its slash: ``/chat/completions``."""
    body: bytes
    authorization: bytes | None
    x_api_key: bytes | None
    task: str
    """``X-Jitsuri-Task``; '' none."""
    thread: str
    """``X-Jitsuri-Thread``; '' none."""
    headers: Mapping[str, str]
    """The caller's other headers, lower case: the upstream client lets only known ones through."""
    language: Language
    query: str = ""
    method: str = "POST"


@dataclass(slots=True)
class Desk:
    """Everything that lives as long as a worker process."""

    keys: Keys
    pace: Pace
    departments: Departments
    table: Table
    prices: Prices
    budgets: Budgets
    breakers: Breakers
    meters: Meters
    upstreams: Mapping[str, Upstream]
    asking: Callable[[Upstream], Asking]
    ledger: Ledger
    sealing: Sealing
    guards: Guards
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    new_id: Callable[[], UUID]
    chance: Callable[[], float]
    """Uniform in [0, 1)."""
    most_output_tokens: int
    """Set on calls under a hard budget that name no maximum."""
    ways: dict[tuple[int, int, str], Any] = field(default_factory=dict)
    """What calls that are alike have in common: ``flows.hot.ways``."""
    touched: dict[UUID, date] = field(default_factory=dict)
    """On which day keys were used since this was last written."""
    pseudonym_days: int = 30
    """How long the map is kept that restores a thread's marks."""
    most_answer_bytes: int = 64 * 1024 * 1024
    """Largest answer that is taken whole (decision 0017)."""
    watch: Callable[[Any], None] = lambda _attempt: None
    """Told every booked ``booking.Attempt``, after its entry is handed in: for telemetry."""

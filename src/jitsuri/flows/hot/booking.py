"""Booking an attempt: what it used, what it cost, and the rows that say so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

from jitsuri.calls.rules.counting import checked_usage, checked_usage_of_openai, usage_of_anthropic
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.identifying import answered_call
from jitsuri.calls.shapes import AttemptOutcome, Call
from jitsuri.flows.hot.desk import Desk, Inquiry, Rows
from jitsuri.flows.hot.metering import CALLER_GONE, GATEWAY_FAILED, NOT_ASKED, metered
from jitsuri.flows.hot.ways import Leg, Way
from jitsuri.ledger.live.budgets import Hold
from jitsuri.ledger.live.prices import to_micro_jpy
from jitsuri.ledger.rules.costing import Costed
from jitsuri.ledger.rules.estimating import estimated_tokens
from jitsuri.ledger.shapes.entries import GatewayEntry
from jitsuri.ledger.shapes.intents import Intent
from jitsuri.providers.rules.prompting import with_prompt
from jitsuri.providers.shapes import Asked, Dialect, Told
from jitsuri.terms.ids import sibling_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.terms.usage import Usage

SOURCE = "gateway"
ESTIMATED = "usage_estimated"
"""The reason of an entry whose usage nobody reported."""

NOT_REPORTED = "usage_not_reported"
"""The reason of an entry of a pass-through whose answer says nothing about its use."""
LOCAL_BLOCK = "local"
"""The price of what this machine answers without a model: nothing per call (decision 0022)."""

UNUSED_BLOCK = "unused"
"""The price of an attempt that was refused or never begun: nothing was used."""

_UNUSED = Usage()
_ZERO = Decimal(0)
_NIL = UUID(int=0)
_NO_TOLD = Told()
_NO_LABELS: dict[str, str] = {}


class CallUnderWay:
    """One request of a caller, from its admission to its last row."""

    __slots__ = (
        "asked", "at", "attempts", "booked", "call_id", "day", "entries", "failed", "guarded", "inquiry", "kept_body",
        "started_s", "thread_id", "way",
    )  # fmt: skip

    def __init__(
        self, desk: Desk, inquiry: Inquiry, way: Way, asked: Asked, at: datetime, call_id: UUID, thread_id: UUID
    ) -> None:
        self.inquiry = inquiry
        self.way = way
        self.asked = asked
        self.at = at
        self.day = company_day(at)
        self.started_s = desk.monotonic()
        self.call_id = call_id
        self.thread_id = thread_id
        self.attempts = 0
        self.booked: list[asyncio.Future[None]] = []
        """Rows handed in so far; the last byte waits for all of them."""
        self.entries: tuple[GatewayEntry, ...] = ()
        """What was booked, for one who asks on Jitsuri's own behalf; empty for calls."""
        self.failed: Attempt | None = None
        """The last attempt that gave no answer, while the call itself is not kept yet."""
        self.guarded: Any = None
        """What the task's policy has made of it (``flows.hot.guarding.Guarded``); None where nothing is checked."""
        self.kept_body: bytes | None = None
        """What is kept of the request instead of itself: without what the policy masks for good."""

    async def durable(self) -> None:
        """Wait until everything handed in is durable. Raises OperatorError ``ledger_away`` when it takes too long."""
        for future in self.booked:
            await future

    def keep_failed(self, desk: Desk) -> None:
        """Keep a call that no attempt could answer."""
        attempt = self.failed
        if attempt is not None and attempt.entry is not None:
            self.booked.append(desk.ledger.submit((("calls", attempt.call_row(attempt.entry)),)))
            self.failed = None


class Attempt:
    """One request to an upstream: its intent, its hold, and exactly one booking.

    ``with Attempt(...)``: whatever happens inside, it is booked once. What nobody booked when the block ends (the
    caller went away, the process is stopping, the gateway failed) is booked as cut, with an estimate.
    """

    __slots__ = (
        "_intent", "attempt_id", "bound", "call", "desk", "entry", "first_token_ms", "hold", "is_asked", "kept_response", "leg",
        "micro_jpy", "response", "started_s", "told",
    )  # fmt: skip

    def __init__(self, desk: Desk, call: CallUnderWay, leg: Leg, bound: Usage, micro_jpy: int, hold: Hold) -> None:
        self.desk = desk
        self.call = call
        self.leg = leg
        self.bound = bound
        self.hold = hold
        call.attempts += 1
        is_first = call.attempts == 1
        self.attempt_id = call.call_id if is_first else desk.new_id()
        self.started_s = call.started_s if is_first else desk.monotonic()
        self.first_token_ms: int | None = None
        self.micro_jpy = micro_jpy
        self.entry: GatewayEntry | None = None
        """What was booked; None until then."""
        self.is_asked = False
        self.told = _NO_TOLD
        self.response = b""
        self.kept_response: bytes | None = None
        """What is kept of the answer instead of itself: as the caller got it."""
        self._intent: asyncio.Future[None] | None = None
        if call.asked.is_stream or call.asked.operation == "other":
            self._intent = desk.ledger.submit(self.intent_rows())
        else:
            desk.ledger.keep(self, self.intent_rows)

    async def begun(self) -> None:
        """Wait until the intent is durable, where the caller is to get bytes before the entry is."""
        if self._intent is not None:
            await self._intent

    def intent_rows(self) -> Rows:
        """That an upstream is being asked, for whoever finds this process gone."""
        call, leg, hold, bound = self.call, self.leg, self.hold, self.bound
        way = call.way
        return (
            (
                "intents",
                Intent(
                    self.attempt_id, call.call_id, call.thread_id, hold.worker_id, call.at, call.day, way.plan.task,
                    way.department, way.key.name, leg.upstream.vendor, leg.target.model, leg.upstream.region,
                    call.asked.tier, bound.input_tokens, bound.output_tokens, self.micro_jpy, hold.counted,
                ),
            ),
        )  # fmt: skip

    def __enter__(self) -> Attempt:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> Literal[False]:
        if self.entry is None:
            gone = CALLER_GONE if self.is_asked else NOT_ASKED
            has_failed = kind is not None and issubclass(kind, Exception)
            self.book("cut", None, GATEWAY_FAILED if has_failed else gone, ends_call=True)
        return False

    def book(
        self, status: Literal["ok", "error", "cut"], http_status: int | None, error_code: str = "", *, ends_call: bool
    ) -> GatewayEntry:
        """Hand the entry in, with everything that must stand or fall with it.

        ``ends_call``: the caller gets this attempt's answer, or nothing more after it; else another attempt may follow.
        """
        assert self.entry is None, "an attempt is booked once"
        desk, call = self.desk, self.call
        latency_ms = int(1000 * (desk.monotonic() - self.started_s))
        usage, raw, reason = self._usage(status)
        paid = self._paid(usage, reason)
        self.entry = entry = self._entry(status, http_status, error_code, usage, raw, paid, latency_ms, reason)
        yen = paid.cost_jpy
        micro_jpy = 0 if yen is None else to_micro_jpy(yen)
        rows: list[tuple[str, Any]] = [("entries", entry)]
        if not desk.ledger.withdraw(self):
            rows.append(("ended", self.attempt_id))
        for settlement in desk.budgets.settle(self.hold, micro_jpy, self.attempt_id):
            rows.append(("settlements", settlement))  # noqa: PERF401  # a comprehension is a call
        if call.way.purpose:
            call.entries = (*call.entries, entry)
        elif not ends_call:
            call.failed = self
        else:
            call.failed = None
            rows.append(("calls", self.call_row(entry)))
            task = call.way.plan.task
            if desk.sealing.keeps(task):
                body = call.inquiry.body if call.kept_body is None else call.kept_body
                said = self.response if self.kept_response is None else self.kept_response
                texts = desk.sealing.texts(task, call.call_id, call.day, body, said)
                rows += (("texts", one) for one in texts)
        call.booked.append(desk.ledger.submit(rows))
        self._count(status, http_status, error_code, usage, micro_jpy, latency_ms)
        return entry

    def _count(
        self, status: Literal["ok", "error", "cut"], http_status: int | None, error_code: str, usage: Usage,
        micro_jpy: int, latency_ms: int,
    ) -> None:  # fmt: skip
        """What stands beside the ledger: meters, paces, when the key was used, telemetry."""
        desk, call, leg = self.desk, self.call, self.leg
        way = call.way
        if way.purpose:
            return
        if way.touched_on != call.day:
            way.touched_on = desk.touched[way.key.key_id] = call.day
        outcome: AttemptOutcome = "ok"
        if status != "ok":
            named = call.asked.operation == "other" or not way.plan.is_variant
            outcome = metered(status, http_status, error_code, is_named_by_caller=named)
        desk.meters.count(
            int(call.at.timestamp()) // 60, way.plan.task, leg.upstream.name, leg.model_counted, outcome,
            latency_ms=latency_ms, first_token_ms=self.first_token_ms, input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens, cost_micro_jpy=micro_jpy,
            is_empty=status == "ok" and self.told.is_empty, fell_back=call.attempts > 1,
        )  # fmt: skip
        if way.key.tokens_per_minute:
            taken = call.asked.input_bytes // 4
            desk.pace.correct(way.key, taken, usage.input_tokens + usage.output_tokens, desk.monotonic())
        desk.watch(self)

    def _paid(self, usage: Usage, reason: str) -> Costed:
        """The cost. Students and rules use no language tokens and cost nothing; what nobody reported has no price."""
        upstream, model, told = self.leg.upstream, self.leg.target.model, self.told
        if self.leg.is_free:
            return Costed("priced", "", upstream.vendor, model, "JPY", _ZERO, LOCAL_BLOCK, None, None, _ZERO)
        if reason == NOT_REPORTED:
            return Costed("unpriced", reason, upstream.vendor, model, "", None, "", None, None, None)
        if not (usage.input_tokens or usage.output_tokens) and usage == _UNUSED:
            return Costed("priced", "", upstream.vendor, model, "JPY", _ZERO, UNUSED_BLOCK, None, None, _ZERO)
        call = self.call
        return self.desk.prices.cost(
            upstream.vendor, (told.model, model), usage, call.at, call.day, told.tier, upstream.region
        )

    def _usage(self, status: str) -> tuple[Usage, Mapping[str, object] | None, str]:
        """What the upstream reported; else an estimate, where it was asked, and why it is one."""
        raw = self.told.usage
        if raw is not None:
            upstream = self.leg.upstream
            usage = usage_of(upstream.dialect, upstream.vendor, raw)
            if usage is not None:
                return usage, raw, ""
        if not self.is_asked or status == "error":
            return Usage(), raw, ""
        if self.call.asked.operation == "other":
            return Usage(), raw, NOT_REPORTED
        told = self.told
        output = max(told.output_events, estimated_tokens(told.output_bytes, told.output_bytes))
        if self.response and not told.output_bytes:
            output = estimated_tokens(len(self.response), len(self.response.decode("utf-8", "ignore")))
        body = self.call.inquiry.body
        if self.leg.prompt:
            sent = with_prompt(self.call.asked.dialect, body, self.leg.prompt)
            body = body if isinstance(sent, Refusal) else sent
        given = estimated_tokens(len(body), len(body.decode("utf-8", "ignore")))
        if self.call.asked.operation == "embeddings":
            output = 0
        return Usage(input_tokens=given, output_tokens=output), raw, ESTIMATED

    def _entry(
        self, status: Literal["ok", "error", "cut"], http_status: int | None, error_code: str, usage: Usage,
        raw: Mapping[str, object] | None, paid: Costed, latency_ms: int, reason: str,
    ) -> GatewayEntry:  # fmt: skip
        """The entry, its fields in their order: by name they would take three times as long."""
        call, told, leg, desk = self.call, self.told, self.leg, self.desk
        way = call.way
        if paid.state != "priced" or not reason:
            reason = paid.reason
        return GatewayEntry(
            sibling_id("entry", self.attempt_id), self.attempt_id, call.call_id, call.thread_id,
            "attempt", None,  # kind, corrects
            call.at, call.day, desk.now(),
            way.plan.task, way.department,
            paid.provider, paid.model, leg.target.model, told.model,
            leg.upstream.region, told.tier, way.purpose,
            status, http_status, error_code,
            1,  # calls
            usage, raw, latency_ms, self.first_token_ms,
            paid.state, reason, paid.currency, paid.cost, paid.price_block, desk.prices.book_id, paid.rate_id, paid.rate,
            paid.cost_jpy,
            None, "",  # reported cost and currency
            SOURCE, None,  # run
        )  # fmt: skip

    def call_row(self, entry: GatewayEntry) -> Call:
        """The call itself, as it is kept."""
        call = self.call
        way = call.way
        return Call(
            call.call_id, sha256(call.inquiry.body).digest()[:16], call.at, call.thread_id, way.plan.task, way.department,
            way.group_id, entry.provider, entry.model, entry.status, way.key.name, SOURCE, _NIL, 0, _NO_LABELS,
            answered_call(self.told.response_id),
        )  # fmt: skip


def usage_of(dialect: Dialect, vendor: str, raw: Mapping[str, object]) -> Usage | None:
    """Counts of a usage as reported; None where it cannot be read (negative, text, a part above its whole)."""
    try:
        if dialect == "openai":
            return checked_usage_of_openai(raw, vendor)
        return checked_usage(usage_of_anthropic(raw))
    except LineError:
        return None

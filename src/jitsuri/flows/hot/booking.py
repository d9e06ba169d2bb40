"""Booking an attempt: what it used, what it cost, and the rows that say so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

from jitsuri.access.shapes import Key
from jitsuri.calls.rules.counting import checked_usage, usage_of_anthropic, usage_of_openai
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.identifying import answered_call, gateway_group, named_thread
from jitsuri.calls.shapes import Call
from jitsuri.flows.hot.desk import Desk, Inquiry
from jitsuri.flows.hot.metering import CALLER_GONE, GATEWAY_FAILED, NOT_ASKED, metered
from jitsuri.ledger.live.budgets import Hold
from jitsuri.ledger.live.prices import to_micro_jpy
from jitsuri.ledger.rules.costing import Costed
from jitsuri.ledger.rules.estimating import estimated_tokens
from jitsuri.ledger.shapes.entries import GatewayEntry
from jitsuri.ledger.shapes.intents import Intent
from jitsuri.providers.shapes import Asked, Dialect, Told, Upstream
from jitsuri.routing.shapes import Plan, Target
from jitsuri.terms.ids import sibling_id
from jitsuri.terms.period import company_day
from jitsuri.terms.usage import Usage

SOURCE = "gateway"
ESTIMATED = "usage_estimated"
"""The reason of an entry whose usage nobody reported."""

NOT_REPORTED = "usage_not_reported"
"""The reason of an entry of a pass-through whose answer says nothing about its use."""
LOCAL_BLOCK = "local"
"""The price of what this machine answers without a model: nothing per call (decision 0022)."""

FREE_KINDS = frozenset({"student", "rules"})
UNUSED_BLOCK = "unused"
"""The price of an attempt that was refused or never begun: nothing was used."""

_UNUSED = Usage()
_ZERO = Decimal(0)
_NIL = UUID(int=0)
_NO_TOLD = Told()


class CallUnderWay:
    """One request of a caller, from its admission to its last row."""

    __slots__ = (
        "asked", "at", "attempts", "booked", "call_id", "day", "department", "failed", "inquiry", "key", "plan",
        "started_s", "thread_id",
    )  # fmt: skip

    def __init__(self, desk: Desk, inquiry: Inquiry, key: Key, asked: Asked, plan: Plan, at: datetime) -> None:
        self.inquiry = inquiry
        self.key = key
        self.asked = asked
        self.plan = plan
        self.at = at
        self.day = company_day(at)
        self.started_s = desk.monotonic()
        self.call_id = desk.new_id()
        self.thread_id = named_thread(inquiry.thread) if inquiry.thread else self.call_id
        self.department = key.department or plan.department
        self.attempts = 0
        self.booked: list[asyncio.Future[None]] = []
        """Rows handed in so far; the last byte waits for all of them."""
        self.failed: Attempt | None = None
        """The last attempt that gave no answer, while the call itself is not kept yet."""

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
        "attempt_id", "bound", "call", "desk", "entry", "first_token_ms", "hold", "intent", "is_asked", "micro_jpy",
        "response", "started_s", "target", "told", "upstream",
    )  # fmt: skip

    def __init__(
        self, desk: Desk, call: CallUnderWay, upstream: Upstream, target: Target, bound: Usage, micro_jpy: int,
        hold: Hold,
    ) -> None:  # fmt: skip
        self.desk = desk
        self.call = call
        self.upstream = upstream
        self.target = target
        self.bound = bound
        self.hold = hold
        call.attempts += 1
        self.attempt_id = call.call_id if call.attempts == 1 else desk.new_id()
        self.started_s = desk.monotonic()
        self.first_token_ms: int | None = None
        self.micro_jpy = micro_jpy
        self.entry: GatewayEntry | None = None
        """What was booked; None until then."""
        self.is_asked = False
        self.told = _NO_TOLD
        self.response = b""
        intent = Intent(
            self.attempt_id, call.call_id, call.thread_id, hold.worker_id, call.at, call.day, call.plan.task,
            call.department, call.key.name, upstream.vendor, target.model, upstream.region, call.asked.tier,
            bound.input_tokens, bound.output_tokens, micro_jpy, hold.counted,
        )  # fmt: skip
        asked = call.asked
        self.intent = desk.ledger.submit(
            (("intents", intent),), may_wait=asked.operation != "other" and not asked.is_stream
        )
        """Done when the intent is durable: the first byte of a stream waits for it, a whole answer for its entry."""

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
        told = self.told
        tier = told.tier
        paid = self._paid(usage, tier, reason)
        self.entry = entry = self._entry(status, http_status, error_code, usage, raw, paid, tier, latency_ms, reason)
        cost_micro_jpy = to_micro_jpy(paid.cost_jpy)
        rows: list[tuple[str, Any]] = [
            ("entries", entry),
            ("ended", self.attempt_id),
            *(("settlements", one) for one in desk.budgets.settle(self.hold, cost_micro_jpy, self.attempt_id)),
        ]
        if not ends_call:
            call.failed = self
        else:
            call.failed = None
            rows.append(("calls", self.call_row(entry)))
            if desk.sealing.keeps(call.plan.task):
                texts = desk.sealing.texts(call.plan.task, call.call_id, call.day, call.inquiry.body, self.response)
                rows += (("texts", one) for one in texts)
        call.booked.append(desk.ledger.submit(rows))
        desk.touched[call.key.key_id] = call.day
        named = call.asked.operation == "other" or not call.plan.is_variant
        outcome = metered(status, http_status, error_code, is_named_by_caller=named)
        desk.meters.count(
            int(call.at.timestamp()) // 60, call.plan.task, self.upstream.name, self.target.model, outcome,
            latency_ms=latency_ms, first_token_ms=self.first_token_ms, input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens, cost_micro_jpy=cost_micro_jpy,
            is_empty=status == "ok" and told.is_empty, fell_back=call.attempts > 1,
        )  # fmt: skip
        if call.key.tokens_per_minute:
            taken = call.asked.input_bytes // 4
            desk.pace.correct(call.key, taken, usage.input_tokens + usage.output_tokens, desk.monotonic())
        desk.watch(self)
        return entry

    def _paid(self, usage: Usage, tier: str, reason: str) -> Costed:
        """The cost. Students and rules use no language tokens and cost nothing; what nobody reported has no price."""
        if self.upstream.kind in FREE_KINDS:
            return Costed(
                "priced", "", self.upstream.vendor, self.target.model, "JPY", _ZERO, LOCAL_BLOCK, None, None, _ZERO
            )
        if usage == _UNUSED and reason != NOT_REPORTED:
            return Costed(
                "priced", "", self.upstream.vendor, self.target.model, "JPY", _ZERO, UNUSED_BLOCK, None, None, _ZERO
            )
        if reason == NOT_REPORTED:
            return Costed("unpriced", reason, self.upstream.vendor, self.target.model, "", None, "", None, None, None)
        call, told = self.call, self.told
        names = (told.model, self.target.model)
        return self.desk.prices.cost(self.upstream.vendor, names, usage, call.at, call.day, tier, self.upstream.region)

    def _usage(self, status: str) -> tuple[Usage, Mapping[str, object] | None, str]:
        """What the upstream reported; else an estimate, where it was asked, and why it is one."""
        raw = self.told.usage
        if raw is not None:
            usage = usage_of(self.upstream.dialect, self.upstream.vendor, raw)
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
        given = estimated_tokens(len(body), len(body.decode("utf-8", "ignore")))
        if self.call.asked.operation == "embeddings":
            output = 0
        return Usage(input_tokens=given, output_tokens=output), raw, ESTIMATED

    def _entry(
        self, status: Literal["ok", "error", "cut"], http_status: int | None, error_code: str, usage: Usage,
        raw: Mapping[str, object] | None, paid: Costed, tier: str, latency_ms: int, reason: str,
    ) -> GatewayEntry:  # fmt: skip
        call, told = self.call, self.told
        if paid.state != "priced" or not reason:
            reason = paid.reason
        return GatewayEntry(
            entry_id=sibling_id("entry", self.attempt_id), attempt_id=self.attempt_id,
            call_id=call.call_id, thread_id=call.thread_id, kind="attempt", corrects=None, at=call.at, day=call.day,
            booked_at=self.desk.now(), task=call.plan.task, department=call.department, provider=paid.provider,
            model=paid.model, model_asked=self.target.model, model_answered=told.model,
            region=self.upstream.region, tier=tier, purpose="", status=status, http_status=http_status,
            error_code=error_code, calls=1, usage=usage, usage_raw=raw, latency_ms=latency_ms,
            first_token_ms=self.first_token_ms, state=paid.state, reason=reason, currency=paid.currency,
            cost=paid.cost, price_block=paid.price_block, price_book=self.desk.prices.book_id, rate_id=paid.rate_id,
            rate=paid.rate, cost_jpy=paid.cost_jpy, reported_cost=None, reported_currency="", source=SOURCE,
            run_id=None,
        )  # fmt: skip

    def call_row(self, entry: GatewayEntry) -> Call:
        """The call itself, as it is kept."""
        call = self.call
        task = call.plan.task
        group = gateway_group(task, call.key.name)
        return Call(
            call.call_id, sha256(call.inquiry.body).digest()[:16], call.at, call.thread_id, task, call.department, group,
            entry.provider, entry.model, entry.status, call.key.name, SOURCE, _NIL, 0, {},
            answered_call(self.told.response_id),
        )  # fmt: skip


def usage_of(dialect: Dialect, vendor: str, raw: Mapping[str, object]) -> Usage | None:
    """Counts of a usage as reported; None where it cannot be read (negative, text, a part above its whole)."""
    try:
        return checked_usage(usage_of_anthropic(raw) if dialect == "anthropic" else usage_of_openai(raw, vendor))
    except LineError:
        return None


def header_yen(entry: GatewayEntry) -> bytes:
    """The cost for the caller's header: yen to the ledger's step, '' where there is none."""
    return b"" if entry.cost_jpy is None else str(entry.cost_jpy or Decimal(0)).encode()

"""Replaying: what Jitsuri asks on its own behalf goes the way of a call – budgets, breakers, translation, intent and entry –
but it is no call: nobody's key, no row among the calls, no text kept, and its cost is booked with its purpose."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from jitsuri.access.shapes import Key
from jitsuri.flows.hot.answering import tried
from jitsuri.flows.hot.attempting import refuse
from jitsuri.flows.hot.booking import CallUnderWay
from jitsuri.flows.hot.desk import Desk, Headers, Inquiry
from jitsuri.flows.hot.guarding import guard, keeps_out
from jitsuri.flows.hot.metering import LEDGER_AWAY
from jitsuri.flows.hot.passing import Failure
from jitsuri.flows.hot.ways import PATHS, Way
from jitsuri.ledger.shapes.entries import GatewayEntry
from jitsuri.providers.rules.asking import read_ask
from jitsuri.providers.shapes import Asked, Came, Question
from jitsuri.terms.errors import JitsuriError
from jitsuri.terms.ids import OWN_KEY
from jitsuri.terms.outcomes import Refusal

_STREAM = frozenset({"stream", "stream_options"})
_LONG_AGO, _FAR = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


async def replay(desk: Desk, question: Question) -> Came:
    """Ask one question and say what came, once it is durable.

    What is never asked comes back with a refusal's code: a target that the task's data rule forbids, a budget that is used up,
    a body that is no request. Raises OperatorError ``ledger_away`` where nobody knows whether the entry stands.
    """
    out = _Kept()
    inquiry = Inquiry(
        question.dialect, question.operation, PATHS["openai"].get(question.operation, ""), question.body, None, None,
        question.task, "", {}, "en",
    )  # fmt: skip
    call = _begun(desk, inquiry, question)
    if isinstance(call, Refusal):
        await refuse(desk, inquiry, None, call, out)
        return _came(out, (), call.code)
    policy = desk.guards.of(call.way.plan.task)
    if policy is not None:
        await guard(desk, call, policy)
    leg = call.way.legs[0]
    came: Failure | Refusal | JitsuriError | None = leg.kept_out or keeps_out(call, leg)
    if came is None:
        came = await tried(desk, call, leg, out, has_next=False)
    if came is not None:
        await refuse(desk, inquiry, call, came, out)
        if isinstance(came, JitsuriError) and came.code == LEDGER_AWAY:
            raise came
    await call.durable()
    if came is None and call.guarded is not None:
        came = call.guarded.stopped
    code = "" if came is None else came.fault_code if isinstance(came, Failure) else came.code
    return _came(out, call.entries, code)


def own_key(purpose: str, department: str) -> Key:
    """Stands where a call's key would: bound to nothing, known to nobody."""
    return Key(
        f"{OWN_KEY}{purpose}", department, "", (), (), _LONG_AGO, _FAR, 0, 0, UUID(int=0), "", _FAR, False
    )  # fmt: skip


def _begun(desk: Desk, inquiry: Inquiry, question: Question) -> CallUnderWay | Refusal:
    outage = desk.ledger.outage
    if outage is not None:
        return Refusal(LEDGER_AWAY, {"why": outage.code})
    if not desk.prices.is_ready:
        return Refusal("not_ready")
    asked = _whole(read_ask(question.dialect, question.operation, question.body), inquiry)
    if isinstance(asked, Refusal):
        return asked
    plan = desk.table.plan(question.target, question.task, "")
    if isinstance(plan, Refusal):
        return plan
    key = own_key(question.purpose, question.department)
    way = Way(desk, key, plan, asked.model, asked.operation, question.purpose)
    return CallUnderWay(desk, inquiry, way, asked, desk.now(), question.attempt_id, question.thread_id)


def _whole(asked: Asked | Refusal, inquiry: Inquiry) -> Asked | Refusal:
    """The same request with its answer wanted in one piece."""
    if isinstance(asked, Refusal) or not _STREAM.intersection(asked.fields):
        return asked
    fields = {name: value for name, value in asked.fields.items() if name not in _STREAM}
    inquiry.body = msgspec.json.encode(fields)
    return read_ask(asked.dialect, asked.operation, inquiry.body)


def _came(out: _Kept, entries: Sequence[GatewayEntry], code: str) -> Came:
    if not entries:
        return Came(out.status, out.body, code, "", 0, 0, Decimal(0), 0)
    costs = [one.cost_jpy for one in entries]
    known = [cost for cost in costs if cost is not None]
    last = entries[-1]
    return Came(
        out.status, out.body, code, last.model_answered, last.usage.input_tokens, last.usage.output_tokens,
        sum(known, Decimal(0)) if len(known) == len(costs) else None, sum(one.latency_ms or 0 for one in entries),
    )  # fmt: skip


class _Kept:
    """The way back, where the answer is kept instead of sent."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self.status, self.body = status, body

    def ready(self, status: int, lines: bytes, body: bytes) -> None:
        self.status, self.body = status, body

    async def begin(self, status: int, headers: Headers) -> None:
        self.status = status

    async def piece(self, data: bytes) -> None:
        self.body += data

    async def end(self, data: bytes) -> None:
        self.body += data

    def cut(self) -> None:
        """Only streams are cut, and no stream is wished for here."""
        raise AssertionError("an answer that is wanted whole was cut")

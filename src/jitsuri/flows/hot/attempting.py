"""What every story on the path of a call shares: who comes in, one attempt with all its ends, and a refusal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from jitsuri.access.shapes import Key
from jitsuri.flows.hot.booking import Attempt, CallUnderWay
from jitsuri.flows.hot.desk import Desk, Inquiry, Out, Reply
from jitsuri.flows.hot.metering import LEDGER_AWAY
from jitsuri.flows.hot.passing import Failure
from jitsuri.flows.hot.telling import refused
from jitsuri.providers.rules.retrying import Outcome, outcome_of
from jitsuri.terms.errors import JitsuriError, OperatorError, UpstreamError
from jitsuri.terms.outcomes import Refusal

Passing = Callable[[Desk, Attempt, Reply, Out], Awaitable[Failure | None]]
"""Hands an answer on."""


def entered(desk: Desk, inquiry: Inquiry, now: datetime) -> Key | Refusal:
    """Whose call this is, while calls can be booked and priced at all."""
    outage = desk.ledger.outage
    if outage is not None:
        return Refusal(LEDGER_AWAY, {"why": outage.code})
    if not desk.prices.is_ready:
        return Refusal("not_ready")
    return desk.keys.find(inquiry.authorization, inquiry.x_api_key, now)


async def attempted(
    desk: Desk,
    attempt: Attempt,
    path: str,
    body: bytes,
    method: str,
    passing: Passing,
    out: Out,
) -> Failure | OperatorError | None:
    """Ask once and let ``passing`` hand the answer on; None when the caller has one, whole or broken off.

    Whatever ends it is booked, and told to the upstream's breaker.
    """
    upstream = attempt.leg.upstream
    failure: Failure | None = None
    outcome: Outcome = "neutral"
    try:
        attempt.is_asked = True  # from here on it may have been, also where the caller goes away meanwhile
        reply = await attempt.leg.ask(upstream, path, body, attempt.call.inquiry.headers, method=method)
        failure = await passing(desk, attempt, reply, out)
        outcome = "answered" if failure is None else outcome_of(failure.fault)
    except UpstreamError as error:
        failure = Failure.of_error(error)
        outcome = outcome_of(error)
        attempt.is_asked = not error.is_retryable
        if attempt.entry is None:
            attempt.book("cut" if attempt.is_asked else "error", None, error.code, ends_call=False)
    except OperatorError as error:
        attempt.is_asked = error.code == LEDGER_AWAY  # all others come before anything is sent
        if attempt.entry is None:
            attempt.book("cut" if attempt.is_asked else "error", None, error.code, ends_call=False)
        return error
    finally:
        desk.breakers.report(upstream.name, outcome, desk.monotonic())
    return failure


async def refuse(
    desk: Desk, inquiry: Inquiry, call: CallUnderWay | None, why: Failure | Refusal | JitsuriError, out: Out
) -> None:
    """Tell the caller why there is no answer, once what was tried is durable."""
    call_id = str(call.call_id) if call is not None else str(desk.new_id())
    if call is not None and call.attempts:
        call.keep_failed(desk)
        if not isinstance(why, OperatorError):
            try:
                await call.durable()
            except OperatorError as error:
                why = error
    else:
        if call is not None and call.booked:  # what was checked is evidence, also of a call that nobody answers
            try:
                await call.durable()
            except OperatorError as error:
                why = error
        code = why.fault_code if isinstance(why, Failure) else why.code
        count_refusal(desk, code, call.way.plan.task if call is not None else "")
    if isinstance(why, Failure):
        status, headers, body = why.told(inquiry.dialect, inquiry.language, call_id)
    else:
        status, headers, body = refused(inquiry.dialect, why, inquiry.language, call_id)
    await out.whole(status, headers, body)


def count_refusal(desk: Desk, code: str, task: str = "") -> None:
    """Count a refusal beside the calls; where nobody knows for whom, without what the request claims to be."""
    desk.meters.count(int(desk.now().timestamp()) // 60, task, "", "", f"refused:{code}")

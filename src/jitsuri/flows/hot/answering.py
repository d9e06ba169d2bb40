"""A call, from its first byte to its last: who asks, for which task, may it cost that, who answers, what did it cost."""

from __future__ import annotations

import asyncio

import msgspec

from jitsuri.access.rules.keying import may
from jitsuri.flows.hot.booking import Attempt, CallUnderWay
from jitsuri.flows.hot.desk import Desk, Inquiry, Out
from jitsuri.flows.hot.holding import Held, held
from jitsuri.flows.hot.passing import Failure, pass_stream, pass_whole
from jitsuri.flows.hot.telling import refused
from jitsuri.providers.rules.addressing import path_for
from jitsuri.providers.rules.asking import body_for, fields_of, read_ask
from jitsuri.providers.rules.retrying import Again, GiveUp, Outcome, next_step, outcome_of
from jitsuri.providers.rules.translating_manners import manner_of
from jitsuri.providers.rules.translating_requests import anthropic_to_openai, openai_to_anthropic
from jitsuri.providers.shapes import Upstream
from jitsuri.routing.shapes import Target
from jitsuri.terms.errors import JitsuriError, OperatorError, UpstreamError
from jitsuri.terms.outcomes import Refusal

LEDGER_AWAY = "ledger_away"
"""The error of a wait for the ledger that took too long."""

PATHS = {"openai": {"chat": "/chat/completions", "embeddings": "/embeddings"}, "anthropic": {"chat": "/messages"}}
"""Where an upstream of each dialect is asked, below its base address."""


async def answer(desk: Desk, inquiry: Inquiry, out: Out) -> None:
    """Answer one request of a caller, or refuse it in the caller's dialect."""
    call = admitted(desk, inquiry)
    if isinstance(call, Refusal):
        await _refuse(desk, inquiry, None, call, out)
        return
    failure = await _tried(desk, call, out)
    if failure is not None:
        await _refuse(desk, inquiry, call, failure, out)


def admitted(desk: Desk, inquiry: Inquiry) -> CallUnderWay | Refusal:
    """The call that a request is, or why it is none."""
    if desk.ledger.outage is not None:
        return Refusal("ledger_away", {"why": desk.ledger.outage.code})
    if not desk.prices.is_ready:
        return Refusal("not_ready")
    now = desk.now()
    key = desk.keys.find(inquiry.authorization, inquiry.x_api_key, now)
    if isinstance(key, Refusal):
        return key
    asked = read_ask(inquiry.dialect, inquiry.operation, inquiry.body)
    if isinstance(asked, Refusal):
        return asked
    plan = desk.table.plan(asked.model, inquiry.task, key.task)
    if isinstance(plan, Refusal):
        return plan
    limited = desk.pace.take(key, asked.input_bytes // 4, desk.monotonic())
    if limited is not None:
        return limited
    return CallUnderWay(desk, inquiry, key, asked, plan, now)


async def _tried(desk: Desk, call: CallUnderWay, out: Out) -> Failure | Refusal | JitsuriError | None:
    """Ask the targets in order; None when the caller has an answer, else what the caller must be told."""
    last: Failure | Refusal | JitsuriError = Refusal("not_ready")
    left = len(call.plan.targets)
    for target in call.plan.targets:
        left -= 1
        upstream = desk.upstreams[target.upstream]
        model = call.asked.model if call.plan.is_variant else target.model
        kept_out = may(call.key, call.plan.task, model, upstream.region)
        if kept_out is not None:
            last = kept_out
            continue
        came = await _tried_target(desk, call, upstream, target, out, has_next=left > 0)
        if came is None or isinstance(came, Refusal):
            return came
        last = came
        if isinstance(came, Failure) and came.is_final:
            break
    return last


async def _tried_target(
    desk: Desk, call: CallUnderWay, upstream: Upstream, target: Target, out: Out, *, has_next: bool
) -> Failure | Refusal | JitsuriError | None:
    """Ask one target, again where that is safe."""
    tries = 0
    while True:
        if not desk.breakers.may_ask(upstream.name, desk.monotonic()):
            return Failure.of_error(UpstreamError("upstream_resting", is_retryable=True, upstream=upstream.name))
        holding = await held(desk, call, upstream, target)
        if isinstance(holding, Refusal):
            desk.breakers.report(upstream.name, "neutral", desk.monotonic())
            return holding
        body = _body(call, upstream, target, holding)
        if isinstance(body, Refusal):
            desk.budgets.release(holding.hold)
            desk.breakers.report(upstream.name, "neutral", desk.monotonic())
            return body
        tries += 1
        with Attempt(desk, call, upstream, target, holding.bound, holding.micro_jpy, holding.hold) as attempt:
            came = await _asked(desk, attempt, body, out)
        if came is None:
            return None
        if isinstance(came, OperatorError):
            return came
        step = next_step(came.fault, tries, upstream, desk.chance(), has_next=has_next)
        if isinstance(step, GiveUp):
            came.is_final = True
            return came
        if not isinstance(step, Again):
            return came
        await asyncio.sleep(step.after_s)


async def _asked(desk: Desk, attempt: Attempt, body: bytes, out: Out) -> Failure | OperatorError | None:
    """One attempt; None when the caller has an answer, whole or broken off."""
    call, upstream = attempt.call, attempt.upstream
    path = path_for(upstream, PATHS[upstream.dialect].get(call.asked.operation, ""), attempt.target.model)
    failure: Failure | None = None
    outcome: Outcome = "neutral"
    try:
        attempt.is_asked = True  # from here on it may have been, also where the caller goes away meanwhile
        reply = await desk.ask(upstream, path, body, call.inquiry.headers, "POST")
        if call.asked.is_stream and reply.status < 300:
            failure = await pass_stream(desk, attempt, reply, out)
        else:
            failure = await pass_whole(desk, attempt, reply, out)
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


def _body(call: CallUnderWay, upstream: Upstream, target: Target, holding: Held) -> bytes | Refusal:
    """The request as the upstream understands it."""
    asked = call.asked
    manner = manner_of(upstream.kind, target.model, upstream.api_version)
    if upstream.dialect == asked.dialect:
        return body_for(
            asked, model=target.model, most_output_tokens=holding.cap, with_usage=asked.is_stream,
            maximum_field=manner.maximum_field,
        )  # fmt: skip
    if asked.operation != "chat":
        return Refusal("operation_untranslatable", {"operation": asked.operation, "upstream": upstream.name})
    fields = fields_of(asked)
    if isinstance(fields, Refusal):
        return fields
    if holding.cap is not None:
        fields = {name: value for name, value in fields.items() if name != "max_completion_tokens"}
        fields["max_tokens"] = holding.cap
    made = openai_to_anthropic(fields, manner) if asked.dialect == "openai" else anthropic_to_openai(fields, manner)
    if isinstance(made, Refusal):
        return made
    made["model"] = target.model
    if asked.is_stream and upstream.dialect == "openai":
        made["stream_options"] = {"include_usage": True}
    return msgspec.json.encode(made)


async def _refuse(
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
        _count(desk, call, why)
    if isinstance(why, Failure):
        status, headers, body = why.told(inquiry.dialect, inquiry.language, call_id)
    else:
        status, headers, body = refused(inquiry.dialect, why, inquiry.language, call_id)
    await out.whole(status, headers, body)


def _count(desk: Desk, call: CallUnderWay | None, why: Failure | Refusal | JitsuriError) -> None:
    """Refusals of calls are counted like calls; a stranger's are counted without what they claim to be."""
    task = call.plan.task if call is not None else ""
    code = why.code if not isinstance(why, Failure) else why.fault_code
    desk.meters.count(int(desk.now().timestamp()) // 60, task, "", "", f"refused:{code}")

"""A call, from its first byte to its last: who asks, for which task, may it cost that, who answers, what did it cost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import msgspec

from jitsuri.access.rules.keying import may
from jitsuri.flows.hot.attempting import attempted, entered, refuse
from jitsuri.flows.hot.booking import Attempt, CallUnderWay
from jitsuri.flows.hot.desk import Desk, Inquiry, Out, Reply
from jitsuri.flows.hot.holding import Held, held
from jitsuri.flows.hot.passing import Failure, pass_stream, pass_whole
from jitsuri.providers.rules.addressing import path_for
from jitsuri.providers.rules.asking import body_for, fields_of, read_ask
from jitsuri.providers.rules.retrying import Again, GiveUp, next_step
from jitsuri.providers.rules.translating_manners import manner_of
from jitsuri.providers.rules.translating_requests import anthropic_to_openai, openai_to_anthropic
from jitsuri.providers.shapes import Upstream
from jitsuri.routing.shapes import Target
from jitsuri.terms.errors import JitsuriError, OperatorError, UpstreamError
from jitsuri.terms.outcomes import Refusal

PATHS = {"openai": {"chat": "/chat/completions", "embeddings": "/embeddings"}, "anthropic": {"chat": "/messages"}}
"""Where an upstream of each dialect is asked, below its base address."""


async def answer(desk: Desk, inquiry: Inquiry, out: Out) -> None:
    """Answer one request of a caller, or refuse it in the caller's dialect."""
    call = admitted(desk, inquiry)
    if isinstance(call, Refusal):
        await refuse(desk, inquiry, None, call, out)
        return
    failure = await _tried(desk, call, out)
    if failure is not None:
        await refuse(desk, inquiry, call, failure, out)


def admitted(desk: Desk, inquiry: Inquiry) -> CallUnderWay | Refusal:
    """The call that a request is, or why it is none."""
    now = desk.now()
    key = entered(desk, inquiry, now)
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
    path = path_for(upstream, PATHS[upstream.dialect].get(call.asked.operation, ""), target.model)
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
            came = await attempted(desk, attempt, path, body, "POST", lambda reply: _passed(desk, attempt, reply, out))
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


def _passed(desk: Desk, attempt: Attempt, reply: Reply, out: Out) -> Coroutine[None, None, Failure | None]:
    """Pass an answer on in the form that was asked for; errors come whole."""
    is_stream = attempt.call.asked.is_stream and reply.status < 300
    return pass_stream(desk, attempt, reply, out) if is_stream else pass_whole(desk, attempt, reply, out)


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

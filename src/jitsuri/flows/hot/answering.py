"""A call, from its first byte to its last: who asks, for which task, may it cost that, who answers, what did it cost."""

from __future__ import annotations

import asyncio

import msgspec

from jitsuri.calls.rules.identifying import named_thread
from jitsuri.flows.hot.attempting import attempted, entered, refuse
from jitsuri.flows.hot.booking import Attempt, CallUnderWay
from jitsuri.flows.hot.desk import Desk, Inquiry, Out
from jitsuri.flows.hot.guarding import asked_of, guard, keeps_out
from jitsuri.flows.hot.holding import Held, held
from jitsuri.flows.hot.passing import Failure, pass_stream, pass_whole
from jitsuri.flows.hot.ways import Leg, way_of
from jitsuri.providers.rules.asking import body_for, fields_of, read_ask
from jitsuri.providers.rules.prompting import prompted
from jitsuri.providers.rules.retrying import Again, GiveUp, next_step
from jitsuri.providers.rules.translating_requests import anthropic_to_openai, openai_to_anthropic
from jitsuri.routing.rules.choosing import side_of
from jitsuri.terms.errors import JitsuriError, OperatorError, UpstreamError
from jitsuri.terms.outcomes import Refusal


async def answer(desk: Desk, inquiry: Inquiry, out: Out) -> None:
    """Answer one request of a caller, or refuse it in the caller's dialect."""
    call = admitted(desk, inquiry)
    if isinstance(call, Refusal):
        await refuse(desk, inquiry, None, call, out)
        return
    policy = desk.guards.of(call.way.plan.task)
    if policy is not None:
        await guard(desk, call, policy)
    came: Failure | Refusal | JitsuriError | None = Refusal("not_ready")
    left = len(call.way.legs)
    for leg in call.way.legs:
        left -= 1
        kept_out = leg.kept_out or (None if call.guarded is None else keeps_out(call, leg))
        if kept_out is not None:
            came = kept_out
            continue
        came = await tried(desk, call, leg, out, has_next=left > 0)
        if came is None:
            return
        if isinstance(came, Refusal) or (isinstance(came, Failure) and came.is_final):
            break
    assert came is not None
    await refuse(desk, inquiry, call, came, out)


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
    if key.requests_per_minute or key.tokens_per_minute:
        limited = desk.pace.take(key, asked.input_bytes // 4, desk.monotonic())
        if limited is not None:
            return limited
    call_id = desk.new_id()
    thread_id = named_thread(inquiry.thread) if inquiry.thread else call_id
    if plan.canary is not None:
        plan = side_of(plan, thread_id)
    way = way_of(desk, key, plan, asked.model, asked.operation)
    return CallUnderWay(desk, inquiry, way, asked, now, call_id, thread_id)


async def tried(
    desk: Desk, call: CallUnderWay, leg: Leg, out: Out, *, has_next: bool
) -> Failure | Refusal | JitsuriError | None:
    """Ask one target, again where that is safe; None when the caller has an answer, else what the caller must be told."""
    upstream = leg.upstream
    passing = pass_stream if call.asked.is_stream else pass_whole
    tries = 0
    while True:
        if not desk.breakers.may_ask(upstream.name, desk.monotonic()):
            return Failure.of_error(UpstreamError("upstream_resting", is_retryable=True, upstream=upstream.name))
        holding = held(desk, call, leg)
        if not isinstance(holding, Held | Refusal):
            holding = await holding
        if isinstance(holding, Refusal):
            desk.breakers.report(upstream.name, "neutral", desk.monotonic())
            return holding
        body = _body(call, leg, holding)
        if isinstance(body, Refusal):
            desk.budgets.release(holding.hold)
            desk.breakers.report(upstream.name, "neutral", desk.monotonic())
            return body
        tries += 1
        with Attempt(desk, call, leg, holding.bound, holding.micro_jpy, holding.hold) as attempt:
            came = await attempted(desk, attempt, leg.path, body, "POST", passing, out)
        if came is None or isinstance(came, OperatorError):
            return came
        step = next_step(came.fault, tries, upstream, desk.chance(), has_next=has_next)
        if isinstance(step, GiveUp):
            came.is_final = True
            return came
        if not isinstance(step, Again):
            return came
        await asyncio.sleep(step.after_s)


def _body(call: CallUnderWay, leg: Leg, holding: Held) -> bytes | Refusal:
    """The request as the upstream understands it."""
    asked = call.asked if call.guarded is None else asked_of(call, leg)
    upstream, manner = leg.upstream, leg.manner
    if leg.prompt:
        made_anew = prompted(asked, leg.prompt)
        if isinstance(made_anew, Refusal):
            return made_anew
        asked = made_anew
    if upstream.dialect == asked.dialect:
        return body_for(
            asked, model=leg.target.model, most_output_tokens=holding.cap, with_usage=asked.is_stream,
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
    made["model"] = leg.target.model
    if asked.is_stream and upstream.dialect == "openai":
        made["stream_options"] = {"include_usage": True}
    return msgspec.json.encode(made)
